/* A QEMU process and its directory RUN_DIR/vms/NAME: sockets, logs, and the file `pid` by which the next daemon finds it. */
#pragma once

#include <stdbool.h>

struct error;
struct launch;
struct account;

struct process {
    int pid;
    unsigned long long start_ticks;
    int pidfd;
};

/* RUN_DIR/vms or RUN_DIR/vms/NAME. The caller frees it. */
char *process_directory(const char *run_directory, const char *vm);

/* Makes the directory anew, with listening sockets and logs, into launch. What a dead VM left there goes. */
int process_make_files(const char *directory, struct launch *launch, struct error *err);

/* Starts launch->arguments. A daemon that dies in here leaves either no QEMU or one that is named in the file pid. */
int process_start(const char *directory, const char *vm, const struct account *account, const struct launch *launch,
                  struct process *ret_process, struct error *err);

/* The process that the file pid names: -ESRCH when there is no such file or it runs no more. */
int process_find(const char *directory, struct process *ret_process, struct error *err);

/* A non-blocking connection to the socket `name` in the directory. */
int process_connect(const char *directory, const char *name, int *ret_fd, struct error *err);

/* Has somebody a connection to the socket? (In /proc/net/unix both ends show while they are open.) */
bool process_is_connected(const char *directory, const char *name);

/* What qemu.log ends with, as one line; NULL when it says nothing. The caller frees it. */
char *process_last_words(const char *directory);

/* The program: `stated`, else qemu-system-x86_64 or qemu-kvm along PATH or in /usr/libexec. The caller frees it. */
int process_find_binary(const char *stated, char **ret_path, struct error *err);
