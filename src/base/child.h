/* Child processes by pidfd: clone3, never a SIGCHLD handler. The only place of the program that forks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

struct child_mount {
    const char *directory, *at; /* both exist */
};

struct child_spec {
    const char *const *arguments; /* [0] is the program's path; NULL at the end */
    const int *keep;              /* descriptors (from 3) that the program inherits under their own numbers; it gets no others */
    size_t keep_count;
    int output;                   /* stdout and stderr; -1 = /dev/null. stdin is always /dev/null */
    const struct child_mount *mounts; /* in a mount namespace of the program's own */
    size_t mount_count;
    bool unprivileged;            /* drops to uid, gid and groups, no capabilities, no_new_privs */
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
    int cgroup;                   /* descriptor of a cgroup v2 directory to be born in; -1 = the parent's */
};

struct child {
    pid_t pid;
    int pidfd;
    int gate; /* held shut until child_release */
};

/* Starts a process that waits, before exec, for child_release: so its pid can be written down first. When the parent dies
 * before that, the child ends without having run anything. A uid that can't be had in this user namespace (EINVAL) is an
 * error; see child_can_become. */
int child_start(const struct child_spec *spec, struct child *ret_child, struct error *err);

/* Lets it run; -errno of its exec (waits for that: a millisecond). Its own pidfd stays open and is the caller's, also after a
 * failure; the process is then reaped already. */
int child_release(struct child *child, struct error *err);

/* Ends a child that is not to be released after all: reaps it and closes its descriptors. */
void child_abandon(struct child *child);

/* False in a user namespace that doesn't map the uid. */
bool child_can_become(uid_t uid);

/* The start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); with the pid that names it for good. */
int child_start_time(pid_t pid, unsigned long long *ret_ticks, struct error *err);

/* A pidfd of a process that must still have that start time; -ESRCH when it is another, has ended, or is none. */
int child_find(pid_t pid, unsigned long long start_ticks, int *ret_pidfd, struct error *err);

/* Reaps a process that ended: "exit status 1", "killed by signal 9 (Killed)", or "exit status unknown" for one that isn't our
 * child (any more). Never blocks: call it when the pidfd is readable, else it says "still running". The caller frees the text. */
char *child_result(int pidfd);
