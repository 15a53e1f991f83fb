#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/crash.h"
#include "base/file.h"

static int enter_directory(void **state)
{
    static char path[] = "/tmp/trestle-crash-XXXXXX";
    strcpy(path + strlen(path) - 6, "XXXXXX");
    *state = mkdtemp(path);
    return *state ? chdir(path) : -1;
}

static int leave_directory(void **state)
{
    return chdir("/") < 0 ? -1 : file_remove(*state, NULL);
}

/* The environment is read once in a process, so each case has its own. */
static int run(void (*body)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("TRESTLE_CRASH_LOG", "log", 1);
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void assert_killed(int status)
{
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void assert_survived(int status)
{
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_log(const char *expected)
{
    CLEANUP(freep) char *text = NULL;
    assert_int_equal(file_read(AT_FDCWD, "log", 100000, &text, NULL, NULL), 0);
    assert_string_equal(text, expected);
}

static void pass_three(void)
{
    crash_point("link add br0");
    crash_point("device_add");
    crash_point("three");
}

static void unset(void)
{
    unsetenv("TRESTLE_CRASH_LOG");
    pass_three();
}

static void at_two(void)
{
    setenv("TRESTLE_CRASH_AT", "2", 1);
    pass_three();
}

static void at_four(void)
{
    setenv("TRESTLE_CRASH_AT", "4", 1);
    pass_three();
}

static void at_nonsense(void)
{
    setenv("TRESTLE_CRASH_AT", "two", 1);
    pass_three();
}

static void arm(const char *text)
{
    file_write("trigger", text, strlen(text), 0600, false, NULL);
}

static void by_file(void)
{
    setenv("TRESTLE_CRASH_FILE", "trigger", 1);
    pass_three();
    arm("");
    pass_three(); /* not written yet */
    arm("2\n");
    crash_point("armed");
    file_remove("trigger", NULL);
    crash_point("fatal");
    crash_point("never");
}

static void by_file_counting_only(void)
{
    setenv("TRESTLE_CRASH_FILE", "trigger", 1);
    arm("0");
    pass_three();
}

static void *pass_many(void *argument)
{
    for (int i = 0; i < 100; i++)
        crash_point("m");
    return argument;
}

static void from_two_threads(void)
{
    setenv("TRESTLE_CRASH_AT", "201", 1);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, pass_many, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    crash_point("last");
}

static void nothing_without_environment(void **state)
{
    (void)state;
    assert_survived(run(unset));
    assert_int_equal(access("log", F_OK), -1);
}

static void the_nth_call_kills(void **state)
{
    (void)state;
    assert_killed(run(at_two));
    assert_log("1 link add br0\n2 device_add\n");
}

static void beyond_the_last_call_or_nonsense(void **state)
{
    (void)state;
    assert_survived(run(at_four));
    assert_log("1 link add br0\n2 device_add\n3 three\n");
    file_remove("log", NULL);
    assert_survived(run(at_nonsense));
    assert_log("1 link add br0\n2 device_add\n3 three\n");
}

static void a_file_starts_the_count(void **state)
{
    (void)state;
    assert_killed(run(by_file));
    assert_log("1 armed\n2 fatal\n");
}

static void zero_only_counts(void **state)
{
    (void)state;
    assert_survived(run(by_file_counting_only));
    assert_log("1 link add br0\n2 device_add\n3 three\n");
}

static void every_thread_counts(void **state)
{
    (void)state;
    assert_killed(run(from_two_threads));
    CLEANUP(freep) char *text = NULL;
    assert_int_equal(file_read(AT_FDCWD, "log", 100000, &text, NULL, NULL), 0);
    assert_non_null(strstr(text, "\n200 m\n201 last\n"));
}

#define IN_DIRECTORY(function) cmocka_unit_test_setup_teardown(function, enter_directory, leave_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(nothing_without_environment),
        IN_DIRECTORY(the_nth_call_kills),
        IN_DIRECTORY(beyond_the_last_call_or_nonsense),
        IN_DIRECTORY(a_file_starts_the_count),
        IN_DIRECTORY(zero_only_counts),
        IN_DIRECTORY(every_thread_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
