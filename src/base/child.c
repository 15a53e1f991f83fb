#define _GNU_SOURCE 1
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "error.h"
#include "file.h"
#include "memory.h"
#include "priority.h"

enum { PIDFD = 3 }; /* idtype_t's P_PIDFD; older C libraries have no name for it */

enum stage { STAGE_CGROUP, STAGE_MOUNTS, STAGE_DESCRIPTORS, STAGE_PRIVILEGES, STAGE_EXEC };

/* What the child says when it fails. When it succeeds, its end of the socket pair closes on exec. */
struct report {
    enum stage stage;
    int code;
};

/* ---- In the child: threads of the parent may have held any lock, so only async-signal-safe calls until exec. ---- */

_Noreturn static void give_up(int gate, enum stage stage)
{
    struct report report = {stage, errno};
    send(gate, &report, sizeof(report), MSG_NOSIGNAL);
    _exit(127);
}

/* Ignored signals stay ignored across exec, and CLONE_CLEAR_SIGHAND leaves them so. */
static void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Only where clone3 could not give birth to it there. */
static int join_cgroup(int cgroup)
{
    CLEANUP(close_fdp) int fd = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, "0", 1) < 0 ? -1 : 0;
}

/* What is mounted elsewhere later is seen here; what is mounted here is seen nowhere else. */
static int mount_directories(const struct child_spec *spec)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return -1;
    for (size_t i = 0; i < spec->mount_count; i++)
        if (mount(spec->mounts[i].directory, spec->mounts[i].at, NULL, MS_BIND, NULL) < 0)
            return -1;
    return 0;
}

static int place_descriptors(const struct child_spec *spec, int *gate)
{
    int null = open("/dev/null", O_RDWR);
    /* Out of the way of 0, 1 and 2, which may have been closed in the parent. */
    int output = fcntl(spec->output >= 0 ? spec->output : null, F_DUPFD_CLOEXEC, 3);
    int moved = fcntl(*gate, F_DUPFD_CLOEXEC, 3);
    if (null < 0 || output < 0 || moved < 0)
        return -1;
    *gate = moved;
    if (dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
        return -1;
    if (close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
        return -1;
    for (size_t i = 0; i < spec->keep_count; i++)
        if (fcntl(spec->keep[i], F_SETFD, 0) < 0)
            return -1;
    return 0;
}

/* The C library's set*id() functions also change every other thread, by its list of the parent's threads, which don't exist
 * here; so these are the bare system calls. */
static int change_identity(const struct child_spec *spec)
{
    bool same_user = spec->uid == getuid();
    if (syscall(SYS_setgroups, spec->group_count, spec->groups) < 0 && !(errno == EPERM && same_user))
        return -1;
    if (syscall(SYS_setresgid, spec->gid, spec->gid, spec->gid) < 0)
        return -1;
    return (int)syscall(SYS_setresuid, spec->uid, spec->uid, spec->uid);
}

/* The bounding set goes first, while there is still the right to shrink it. Without that right there is nothing in it that
 * exec could give: no_new_privs lets a program gain nothing beyond the permitted set, which is empty, even where uid 0 stays. */
static int drop_privileges(const struct child_spec *spec)
{
    for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++)
        ;
    if (errno != EINVAL && errno != EPERM)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || change_identity(spec) < 0)
        return -1;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -1;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    return (int)syscall(SYS_capset, &header, none);
}

static void wait_at_gate(int gate)
{
    char byte;
    ssize_t got;
    do
        got = read(gate, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        _exit(127); /* the parent died or changed its mind */
}

_Noreturn static void run_child(const struct child_spec *spec, int gate, bool born_in_cgroup)
{
    reset_signals();
    priority_reset();
    setsid();
    umask(022);
    if (spec->cgroup >= 0 && !born_in_cgroup && join_cgroup(spec->cgroup) < 0)
        give_up(gate, STAGE_CGROUP);
    if (spec->mount_count && mount_directories(spec) < 0)
        give_up(gate, STAGE_MOUNTS);
    if (place_descriptors(spec, &gate) < 0)
        give_up(gate, STAGE_DESCRIPTORS);
    if (spec->unprivileged && drop_privileges(spec) < 0)
        give_up(gate, STAGE_PRIVILEGES);
    wait_at_gate(gate);
    execve(spec->arguments[0], (char *const *)spec->arguments, environ);
    give_up(gate, STAGE_EXEC);
}

/* ---- In the parent ---- */

/* Like fork(): 0 in the child. *ret_pidfd is -1, with errno, when only that could not be had. */
static pid_t clone_self(int cgroup, int *ret_pidfd, bool *ret_born_in_cgroup)
{
    struct clone_args arguments = {
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uintptr_t)ret_pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };
    *ret_born_in_cgroup = true;
    long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (pid >= 0 || errno != ENOSYS)
        return (pid_t)pid;
    *ret_born_in_cgroup = false; /* an old container runtime's filter hides clone3 */
    pid = _Fork();
    if (pid > 0)
        *ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return (pid_t)pid;
}

static int check(const struct child_spec *spec, struct error *err)
{
    const char *program = spec->arguments[0];
    for (size_t i = 0; i < spec->keep_count; i++)
        if (spec->keep[i] < 3 || fcntl(spec->keep[i], F_GETFD) < 0)
            return error_set(err, EBADF, "cannot start %s: descriptor %d can't be passed on", program, spec->keep[i]);
    if (!spec->unprivileged)
        return 0;
    if (spec->gid == (gid_t)-1) /* the kernel would take it for "leave it as it is" */
        return error_set(err, EINVAL, "cannot start %s: no group is given to run it in", program);
    if (!child_can_become(spec->uid))
        return error_set(err, EINVAL, "cannot start %s as user %u: this user namespace has no such user", program, spec->uid);
    return 0;
}

static int wait_for(int pidfd, int options, siginfo_t *ret_info)
{
    int result;
    do
        result = waitid((idtype_t)PIDFD, (id_t)pidfd, ret_info, WEXITED | options);
    while (result < 0 && errno == EINTR);
    return result;
}

/* The signals are blocked meanwhile, so that no handler of the parent runs in the child. */
static pid_t start(const struct child_spec *spec, int gate, int other_end, int *ret_pidfd)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool born_in_cgroup;
    pid_t pid = clone_self(spec->cgroup, ret_pidfd, &born_in_cgroup);
    if (pid == 0) {
        close(other_end); /* else it would never see the parent's death */
        run_child(spec, gate, born_in_cgroup);
    }
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return pid;
}

int child_start(const struct child_spec *spec, struct child *ret_child, struct error *err)
{
    int result = check(spec, err);
    if (result < 0)
        return result;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(err, errno, "cannot start %s", spec->arguments[0]);
    CLEANUP(close_fdp) int ours = ends[0];
    CLEANUP(close_fdp) int theirs = ends[1];
    int pidfd = -1;
    pid_t pid = start(spec, theirs, ours, &pidfd);
    if (pid < 0)
        return error_errno(err, errno, "cannot start %s", spec->arguments[0]);
    if (pidfd < 0) {
        int code = errno;
        close(TAKE_FD(ours));
        waitpid(pid, NULL, 0);
        return error_errno(err, code, "cannot start %s", spec->arguments[0]);
    }
    *ret_child = (struct child){.pid = pid, .pidfd = pidfd, .gate = TAKE_FD(ours)};
    return 0;
}

static int tell(const struct report *report, struct error *err)
{
    static const char *const failures[] = {
        [STAGE_CGROUP] = "cannot enter its cgroup",
        [STAGE_MOUNTS] = "cannot mount its directories",
        [STAGE_DESCRIPTORS] = "cannot take over its descriptors",
        [STAGE_PRIVILEGES] = "cannot drop its privileges",
        [STAGE_EXEC] = "cannot be executed",
    };
    return error_errno(err, report->code, "%s", failures[report->stage]);
}

int child_release(struct child *child, struct error *err)
{
    CLEANUP(close_fdp) int gate = TAKE_FD(child->gate);
    bool sent = send(gate, "", 1, MSG_NOSIGNAL) == 1;
    struct report report;
    ssize_t got;
    do
        got = recv(gate, &report, sizeof(report), 0);
    while (got < 0 && errno == EINTR);
    if (got == 0 && sent)
        return 0;
    siginfo_t info;
    wait_for(child->pidfd, 0, &info);
    if (got == sizeof(report))
        return tell(&report, err);
    return error_set(err, ECHILD, "was ended by somebody before it ran");
}

void child_abandon(struct child *child)
{
    siginfo_t info;
    close(TAKE_FD(child->gate));
    wait_for(child->pidfd, 0, &info);
    close(TAKE_FD(child->pidfd));
}

bool child_can_become(uid_t uid)
{
    if (uid == (uid_t)-1)
        return false;
    CLEANUP(freep) char *map = NULL;
    if (file_read(AT_FDCWD, "/proc/self/uid_map", 1 << 20, &map, NULL, NULL) < 0)
        return true; /* a kernel without user namespaces */
    unsigned long long first, count;
    int length;
    for (const char *line = map; sscanf(line, "%llu %*u %llu%n", &first, &count, &length) == 2; line += length)
        if (uid >= first && uid - first < count)
            return true;
    return false;
}

int child_start_time(pid_t pid, unsigned long long *ret_ticks, struct error *err)
{
    char path[40];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    CLEANUP(freep) char *text = NULL;
    int result = file_read(AT_FDCWD, path, 4096, &text, NULL, err);
    if (result == -ENOENT || result == -ESRCH)
        return error_set(err, ESRCH, "there is no process %d", (int)pid);
    if (result < 0)
        return result;
    const char *rest = strrchr(text, ')'); /* the end of field 2, the name, which may hold anything */
    for (int field = 2; rest && field < 22; field++)
        rest = strchr(rest + 1, ' ');
    if (!rest || sscanf(rest, "%llu", ret_ticks) != 1)
        return error_set(err, EBADMSG, "%s has no start time", path);
    return 0;
}

/* A pidfd is readable from its process's end on, also while that is a zombie. */
static bool child_has_ended(int pidfd)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    return poll(&end, 1, 0) > 0;
}

int child_find(pid_t pid, unsigned long long start_ticks, int *ret_pidfd, struct error *err)
{
    CLEANUP(close_fdp) int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    /* ENOENT, EINVAL: the number is that of a thread by now. */
    if (pid <= 0 || (pidfd < 0 && (errno == ESRCH || errno == EINVAL || errno == ENOENT)))
        return error_set(err, ESRCH, "there is no process %d", (int)pid);
    if (pidfd < 0)
        return error_errno(err, errno, "cannot open process %d", (int)pid);
    /* Read after the pidfd was opened: a process that still has that start time had the number then, too. */
    unsigned long long ticks;
    int result = child_start_time(pid, &ticks, err);
    if (result < 0)
        return result;
    if (ticks != start_ticks)
        return error_set(err, ESRCH, "process %d is another one by now", (int)pid);
    if (child_has_ended(pidfd))
        return error_set(err, ESRCH, "process %d has ended; only its parent has not heard of it yet", (int)pid);
    *ret_pidfd = TAKE_FD(pidfd);
    return 0;
}

char *child_result(int pidfd)
{
    siginfo_t info = {0};
    if (wait_for(pidfd, WNOHANG, &info) < 0)
        return memory_string("exit status unknown");
    if (info.si_pid == 0)
        return memory_string("still running");
    if (info.si_code == CLD_EXITED)
        return memory_format("exit status %d", info.si_status);
    return memory_format("killed by signal %d (%s)", info.si_status, strsignal(info.si_status));
}
