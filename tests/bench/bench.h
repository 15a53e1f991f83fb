/* What the bench's programs share: `bench`, which times whole commands from posix_spawn() to their end, and `floor`, which
 * does by hand what a command of trestle's makes happen: no daemon, no plan, no checks, no way back. Needs nothing but libc,
 * because loading libraries would be part of the floor. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum {
    QMP_FD = 3, /* where `bench` leaves the floor VM's monitor open, so that no connecting is part of the floor */
};

/* -- common.c: times are milliseconds of the monotonic clock ----------------------------------------------------------------- */

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
double now_ms(void);
void sleep_ms(double time);
long number(const char *text);
double median(const double *values, size_t count); /* the array stays as it is */
/* The process's end, also of one that is not our child and that nobody reaps. */
void wait_for_end(int pidfd);
int pidfd_of(pid_t pid);

/* -- qmp.c ------------------------------------------------------------------------------------------------------------------- */

int qmp_connect(const char *path); /* greeting and qmp_capabilities included */
/* Sends one command, with a descriptor when fd >= 0, and reads until its answer. An error is the program's end. */
void qmp_command(int socket, int fd, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Reads until the event with "device": "ID" in it. */
void qmp_wait_deleted(int socket, const char *device);

/* -- link.c ------------------------------------------------------------------------------------------------------------------ */

int tap_open(const char *name); /* non-blocking, with vnet header */
/* One message: MAC, MTU 1500, master, up; and its ack. */
void link_into_bridge(const char *name, const char *bridge, const uint8_t mac[6]);
void parse_mac(const char *text, uint8_t ret_mac[6]);

/* -- vm.c: the floor's QEMU -------------------------------------------------------------------------------------------------- */

/* DIRECTORY COMMAND_LINE KERNEL INITRD TAP BRIDGE [cont]: starts a QEMU with the arguments of another (a copy of its
 * /proc/PID/cmdline), and with descriptors of its own in the place of the other's. Prints "inner: MS", spawn to capabilities. */
int vm_start(int count, char **arguments);
int vm_stop(int count, char **arguments); /* DIRECTORY */

/* -- watch.c ----------------------------------------------------------------------------------------------------------------- */

/* Reads lines from a FIFO, in a thread of its own. */
void watch_begin(const char *path, const char *from, const char *to);
/* The time from the line with `from` to the one with `to`, since it was asked last; 0 when they did not come. */
double watch_take(void);

/* -- turns.c: commands in turn ----------------------------------------------------------------------------------------------- */

struct command {
    char **arguments;
    int monitor; /* becomes QMP_FD; -1: none */
};

struct timing {
    double whole;
    double inner; /* what the command itself says by "inner: MS"; 0 when it says nothing */
};

/* Runs it to its end; one that fails ends the bench. */
struct timing time_command(const struct command *command);
int turns(int count, char **arguments);

/* -- answers.c --------------------------------------------------------------------------------------------------------------- */

int answers(int count, char **arguments);
