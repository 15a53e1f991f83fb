#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/priority.h"
#include "base/text.h"

static struct child_spec shell(const char *script, int output)
{
    static const char *arguments[4] = {"/bin/sh", "-c"};
    arguments[2] = script;
    return (struct child_spec){.arguments = arguments, .output = output, .cgroup = -1};
}

static char *read_to_end(int fd)
{
    struct text text = {0};
    char data[4096];
    ssize_t got;
    while ((got = read(fd, data, sizeof(data))) > 0)
        text_add_data(&text, data, (size_t)got);
    return text_take(&text);
}

static char *end_of(int pidfd)
{
    struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};
    poll(&pollfd, 1, -1);
    return child_result(pidfd);
}

/* Runs it to its end and gives what it wrote. */
static char *run(struct child_spec *spec, char **ret_end)
{
    int ends[2];
    struct child child;
    struct error err = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    spec->output = ends[1];
    if (child_start(spec, &child, &err) < 0 || child_release(&child, &err) < 0)
        fail_msg("%s", err.text);
    close(ends[1]);
    char *text = read_to_end(ends[0]);
    close(ends[0]);
    char *end = end_of(child.pidfd);
    close(child.pidfd);
    if (ret_end)
        *ret_end = end;
    else
        free(end);
    return text;
}

static void assert_says(struct child_spec *spec, const char *expected)
{
    CLEANUP(freep) char *text = run(spec, NULL);
    assert_string_equal(text, expected);
}

static void assert_ends(const char *script, const char *expected)
{
    struct child_spec spec = shell(script, -1);
    char *end;
    CLEANUP(freep) char *text = run(&spec, &end);
    assert_string_equal(end, expected);
    free(end);
}

static void output_and_result(void **state)
{
    (void)state;
    struct child_spec spec = shell("echo out; echo err >&2; cat", -1);
    assert_says(&spec, "out\nerr\n"); /* and cat ends: stdin is /dev/null */
    assert_ends("exit 0", "exit status 0");
    assert_ends("exit 42", "exit status 42");
    assert_ends("kill -9 $$", "killed by signal 9 (Killed)");
}

static void a_result_is_had_once(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int kept = fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
    CLEANUP(freep) char *script = memory_format("read line < /proc/self/fd/%d", kept);
    struct child_spec spec = shell(script, -1);
    spec.keep = &kept;
    spec.keep_count = 1;
    struct child child;
    assert_int_equal(child_start(&spec, &child, NULL), 0);
    assert_int_equal(child_release(&child, NULL), 0);
    CLEANUP(freep) char *running = child_result(child.pidfd);
    assert_string_equal(running, "still running");
    assert_int_equal(write(ends[1], "\n", 1), 1);
    CLEANUP(freep) char *first = end_of(child.pidfd);
    assert_string_equal(first, "exit status 0");
    CLEANUP(freep) char *second = child_result(child.pidfd);
    assert_string_equal(second, "exit status unknown");
    close(kept);
    close(ends[0]);
    close(ends[1]);
    close(child.pidfd);
}

static void only_kept_descriptors_pass(void **state)
{
    (void)state;
    int kept = open("/dev/null", O_RDONLY | O_CLOEXEC), other = open("/dev/null", O_RDONLY);
    CLEANUP(freep) char *script = memory_format("cd /proc/$$/fd; [ -e %d ] && echo kept; [ -e %d ] && echo other", kept, other);
    struct child_spec spec = shell(script, -1);
    spec.keep = &kept;
    spec.keep_count = 1;
    CLEANUP(freep) char *text = run(&spec, NULL);
    assert_string_equal(text, "kept\n");
    close(kept);
    close(other);
    struct child child;
    assert_int_equal(child_start(&spec, &child, NULL), -EBADF); /* kept is closed by now */
    kept = 1;
    assert_int_equal(child_start(&spec, &child, NULL), -EBADF);
}

static void signals_session_and_umask(void **state)
{
    (void)state;
    sigset_t some, before;
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigaddset(&some, SIGCHLD);
    sigprocmask(SIG_BLOCK, &some, &before);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    umask(077);
    struct child_spec spec = shell("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t\\n'; umask; "
                                   "read p c s pp g sid rest < /proc/$$/stat; [ $sid = $$ ] && echo leader", -1);
    assert_says(&spec, "SigBlk:0000000000000000SigIgn:00000000000000000022\nleader\n");
    umask(022);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    sigset_t after;
    sigprocmask(SIG_SETMASK, &before, &after);
    assert_true(sigismember(&after, SIGTERM) && !sigismember(&after, SIGINT));
}

static void a_program_that_is_none(void **state)
{
    (void)state;
    static const char *const arguments[] = {"/no/such/program", NULL};
    struct child_spec spec = {.arguments = arguments, .output = -1, .cgroup = -1};
    struct child child;
    struct error err = {0};
    assert_int_equal(child_start(&spec, &child, NULL), 0);
    assert_int_equal(child_release(&child, &err), -ENOENT);
    assert_string_equal(err.text, "cannot be executed: No such file or directory");
    assert_int_equal(child.gate, -1);
    assert_int_equal(waitpid(child.pid, NULL, 0), -1); /* reaped */
    assert_int_equal(close(child.pidfd), 0);
}

static void held_until_released(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct child_spec spec = shell("echo ran", ends[1]);
    struct child child;
    assert_int_equal(child_start(&spec, &child, NULL), 0);
    unsigned long long ticks;
    assert_int_equal(child_start_time(child.pid, &ticks, NULL), 0); /* it has a pid and lives */
    child_abandon(&child);
    assert_int_equal(child.gate, -1);
    assert_int_equal(child.pidfd, -1);
    close(ends[1]);
    CLEANUP(freep) char *text = read_to_end(ends[0]);
    assert_string_equal(text, "");
    close(ends[0]);
    assert_int_equal(child_start_time(child.pid, &ticks, NULL), -ESRCH);
}

static void ends_with_a_parent_that_dies(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        struct child_spec spec = shell("echo ran", ends[1]);
        struct child first, second; /* the second holds copies of the first's descriptors */
        if (child_start(&spec, &first, NULL) == 0 && child_start(&spec, &second, NULL) == 0)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    close(ends[1]);
    CLEANUP(freep) char *text = read_to_end(ends[0]); /* ends when nobody holds the other end */
    assert_string_equal(text, "");
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFSIGNALED(status));
}

static void killed_before_its_release(void **state)
{
    (void)state;
    struct child_spec spec = shell("true", -1);
    struct child child;
    struct error err = {0};
    assert_int_equal(child_start(&spec, &child, NULL), 0);
    kill(child.pid, SIGKILL);
    struct pollfd pollfd = {.fd = child.pidfd, .events = POLLIN};
    poll(&pollfd, 1, -1);
    assert_true(child_release(&child, &err) < 0);
    assert_int_not_equal(err.text[0], '\0');
    close(child.pidfd);
}

static void found_by_its_start_time(void **state)
{
    (void)state;
    struct child_spec spec = shell("true", -1);
    struct child child;
    unsigned long long ticks = 0, own = 0;
    int pidfd = -1;
    assert_int_equal(child_start(&spec, &child, NULL), 0);
    assert_int_equal(child_start_time(child.pid, &ticks, NULL), 0);
    assert_int_equal(child_start_time(getpid(), &own, NULL), 0);
    assert_true(ticks > 0 && own > 0 && own <= ticks);
    assert_int_equal(child_find(child.pid, ticks, &pidfd, NULL), 0);
    assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
    close(pidfd);
    struct error err = {0};
    pidfd = -1;
    assert_int_equal(child_find(child.pid, ticks + 1, &pidfd, &err), -ESRCH);
    assert_int_equal(pidfd, -1);
    assert_non_null(strstr(err.text, "another"));
    pid_t pid = child.pid;
    child_abandon(&child);
    assert_int_equal(child_find(pid, ticks, &pidfd, &err), -ESRCH);
    assert_int_equal(child_find(0, ticks, &pidfd, NULL), -ESRCH);
    assert_int_equal(child_find(-1, ticks, &pidfd, NULL), -ESRCH);
}

/* A name made to look like the fields that follow it. */
static void a_name_cannot_forge_the_start_time(void **state)
{
    (void)state;
    unsigned long long before, after;
    char name[16];
    prctl(PR_GET_NAME, name);
    assert_int_equal(child_start_time(getpid(), &before, NULL), 0);
    prctl(PR_SET_NAME, "x) R 1 1 (");
    assert_int_equal(child_start_time(getpid(), &after, NULL), 0);
    prctl(PR_SET_NAME, name);
    assert_true(before == after);
}

static void not_our_child(void **state)
{
    (void)state;
    unsigned long long ticks;
    int pidfd;
    assert_int_equal(child_start_time(getpid(), &ticks, NULL), 0);
    assert_int_equal(child_find(getpid(), ticks, &pidfd, NULL), 0);
    CLEANUP(freep) char *end = child_result(pidfd);
    assert_string_equal(end, "exit status unknown");
    close(pidfd);
}

static const char show_identity[] = "grep -E '^(Uid|Gid|Groups|NoNewPrivs|Cap)' /proc/self/status | tr -s '\\t ' ' '";

static void privileges_are_dropped(void **state)
{
    (void)state;
    if (getuid() != 0 || !child_can_become(65534))
        skip();
    static const gid_t groups[] = {12, 34};
    struct child_spec spec = shell(show_identity, -1);
    spec.unprivileged = true;
    spec.uid = 65534;
    spec.gid = 4321;
    spec.groups = groups;
    spec.group_count = 2;
    assert_says(&spec, "Uid: 65534 65534 65534 65534\nGid: 4321 4321 4321 4321\nGroups: 12 34 \n"
                       "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\n"
                       "CapBnd: 0000000000000000\nCapAmb: 0000000000000000\nNoNewPrivs: 1\n");
}

static void the_same_user_keeps_no_capability(void **state)
{
    (void)state;
    struct child_spec spec = shell("grep -E '^(NoNewPrivs|CapPrm|CapEff)' /proc/self/status | tr -s '\\t ' ' '", -1);
    spec.unprivileged = true;
    spec.uid = getuid();
    spec.gid = getgid();
    assert_says(&spec, "CapPrm: 0000000000000000\nCapEff: 0000000000000000\nNoNewPrivs: 1\n");
}

static void no_user_at_all(void **state)
{
    (void)state;
    struct child_spec spec = shell("true", -1);
    struct child child;
    spec.unprivileged = true;
    spec.uid = (uid_t)-1;
    spec.gid = getgid();
    assert_false(child_can_become((uid_t)-1));
    assert_int_equal(child_start(&spec, &child, NULL), -EINVAL);
    spec.uid = getuid();
    spec.gid = (gid_t)-1;
    assert_int_equal(child_start(&spec, &child, NULL), -EINVAL);
}

/* ---- Cases that change the process that they run in; each in one of its own, which tells by its exit status. ---- */

enum { GOOD = 0, BAD = 1, NOT_HERE = 77 };

static void in_a_process(int (*body)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_HERE)
        skip();
    assert_int_equal(WEXITSTATUS(status), GOOD);
}

static int result_of(struct child_spec *spec, const char *expected)
{
    struct child child;
    struct error err = {0};
    if (child_start(spec, &child, &err) < 0 || child_release(&child, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return BAD;
    }
    char *end = end_of(child.pidfd);
    return strcmp(end, expected) == 0 ? GOOD : BAD;
}

static bool write_to(const char *path, const char *text)
{
    CLEANUP(close_fdp) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool enter_user_namespace(void)
{
    CLEANUP(freep) char *users = memory_format("0 %u 1", geteuid());
    CLEANUP(freep) char *groups = memory_format("0 %u 1", getegid());
    return unshare(CLONE_NEWUSER) == 0 && write_to("/proc/self/setgroups", "deny") && write_to("/proc/self/uid_map", users) &&
           write_to("/proc/self/gid_map", groups);
}

static int user_namespace(void)
{
    if (!enter_user_namespace())
        return NOT_HERE;
    struct child_spec spec = shell("[ $(grep -cE '^(CapPrm|CapEff|CapBnd):.0000000000000000' /proc/self/status) = 3 ]", -1);
    struct child child;
    struct error err = {0};
    spec.unprivileged = true;
    if (result_of(&spec, "exit status 0") != GOOD || !child_can_become(0) || child_can_become(1) || child_can_become(65534))
        return BAD;
    spec.uid = 65534;
    return child_start(&spec, &child, &err) == -EINVAL && strstr(err.text, "65534") ? GOOD : BAD;
}

static void in_a_user_namespace(void **state)
{
    (void)state;
    in_a_process(user_namespace);
}

static int raised_priority(void)
{
    priority_raise();
    if (getpriority(PRIO_PROCESS, 0) >= 0)
        return NOT_HERE;
    struct child_spec spec = shell("[ $(nice) = 0 ]", -1);
    return result_of(&spec, "exit status 0");
}

static void of_ordinary_priority(void **state)
{
    (void)state;
    in_a_process(raised_priority);
}

/* As a service is started: a session of its own, which a kernel that shares processors out by sessions raises as a whole. */
static int raised_session(void)
{
    if (access("/proc/self/autogroup", W_OK) < 0 || setsid() < 0)
        return NOT_HERE;
    priority_raise();
    if (getpriority(PRIO_PROCESS, 0) >= 0)
        return NOT_HERE;
    struct child_spec spec = shell("grep -q 'nice 0$' /proc/self/autogroup && grep -q 'nice -10$' /proc/$PPID/autogroup", -1);
    return result_of(&spec, "exit status 0");
}

static void of_a_raised_session(void **state)
{
    (void)state;
    in_a_process(raised_session);
}

static bool refuse(long call, int code)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int hidden_clone3(void)
{
    if (!refuse(SYS_clone3, ENOSYS))
        return NOT_HERE;
    struct child_spec spec = shell("exit 5", -1);
    return result_of(&spec, "exit status 5");
}

static void where_clone3_is_hidden(void **state)
{
    (void)state;
    in_a_process(hidden_clone3);
}

static int refused_clone3(void)
{
    if (!refuse(SYS_clone3, EPERM))
        return NOT_HERE;
    struct child_spec spec = shell("true", -1);
    struct child child;
    return child_start(&spec, &child, NULL) == -EPERM ? GOOD : BAD;
}

static void where_clone3_is_refused(void **state)
{
    (void)state;
    in_a_process(refused_clone3);
}

static int refused_setgroups(void)
{
    if (getuid() != 0 || !child_can_become(65534) || !refuse(SYS_setgroups, EPERM))
        return NOT_HERE;
    struct child_spec spec = shell("true", -1);
    spec.unprivileged = true;
    if (result_of(&spec, "exit status 0") != GOOD) /* our own uid: nothing is gained by the groups */
        return BAD;
    spec.uid = 65534;
    struct child child;
    struct error err = {0};
    if (child_start(&spec, &child, NULL) < 0 || child_release(&child, &err) != -EPERM)
        return BAD;
    return strstr(err.text, "privileges") ? GOOD : BAD;
}

static void where_groups_cannot_be_dropped(void **state)
{
    (void)state;
    in_a_process(refused_setgroups);
}

static int bounding_set_that_stays(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (getuid() != 0 || syscall(SYS_capget, &header, data) < 0)
        return NOT_HERE;
    data[0].permitted &= ~(1U << CAP_SETPCAP);
    data[0].effective &= ~(1U << CAP_SETPCAP);
    if (syscall(SYS_capset, &header, data) < 0)
        return NOT_HERE;
    struct child_spec spec = shell("[ $(grep -cE '^(CapPrm|CapEff):.0000000000000000' /proc/self/status) = 2 ]", -1);
    spec.unprivileged = true;
    return result_of(&spec, "exit status 0");
}

static void where_the_bounding_set_stays(void **state)
{
    (void)state;
    in_a_process(bounding_set_that_stays);
}

static int closed_standard_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    struct child_spec spec = shell("[ -e /proc/$$/fd/0 -a -e /proc/$$/fd/1 -a -e /proc/$$/fd/2 ]", -1);
    return result_of(&spec, "exit status 0");
}

static void with_standard_descriptors_closed(void **state)
{
    (void)state;
    in_a_process(closed_standard_descriptors);
}

static char *unified_hierarchy(void)
{
    static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        CLEANUP(freep) char *file = memory_format("%s/cgroup.controllers", roots[i]);
        if (access(file, F_OK) == 0)
            return memory_format("%s/trestle-test-%d", roots[i], (int)getpid());
    }
    return NULL;
}

static int with_cgroup(const char *path)
{
    CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(freep) char *script = memory_format("grep -q '^0::.*/%s$' /proc/self/cgroup", strrchr(path, '/') + 1);
    struct child_spec spec = shell(script, -1);
    spec.cgroup = fd;
    int born = result_of(&spec, "exit status 0");
    return born == GOOD && refuse(SYS_clone3, ENOSYS) ? result_of(&spec, "exit status 0") : born;
}

static int cgroup(void)
{
    CLEANUP(freep) char *path = unified_hierarchy();
    if (!path || mkdir(path, 0755) < 0)
        return NOT_HERE;
    int result = with_cgroup(path);
    return rmdir(path) == 0 ? result : BAD;
}

static void born_in_its_cgroup(void **state)
{
    (void)state;
    in_a_process(cgroup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_result),
        cmocka_unit_test(a_result_is_had_once),
        cmocka_unit_test(only_kept_descriptors_pass),
        cmocka_unit_test(signals_session_and_umask),
        cmocka_unit_test(a_program_that_is_none),
        cmocka_unit_test(held_until_released),
        cmocka_unit_test(ends_with_a_parent_that_dies),
        cmocka_unit_test(killed_before_its_release),
        cmocka_unit_test(found_by_its_start_time),
        cmocka_unit_test(a_name_cannot_forge_the_start_time),
        cmocka_unit_test(not_our_child),
        cmocka_unit_test(privileges_are_dropped),
        cmocka_unit_test(the_same_user_keeps_no_capability),
        cmocka_unit_test(no_user_at_all),
        cmocka_unit_test(in_a_user_namespace),
        cmocka_unit_test(of_ordinary_priority),
        cmocka_unit_test(of_a_raised_session),
        cmocka_unit_test(where_clone3_is_hidden),
        cmocka_unit_test(where_clone3_is_refused),
        cmocka_unit_test(where_groups_cannot_be_dropped),
        cmocka_unit_test(where_the_bounding_set_stays),
        cmocka_unit_test(with_standard_descriptors_closed),
        cmocka_unit_test(born_in_its_cgroup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
