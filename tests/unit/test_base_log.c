#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"

static int captured = -1, stderr_before = -1;

static int capture(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    log_set_level("info");
    captured = memfd_create("log", MFD_CLOEXEC);
    stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    return dup2(captured, STDERR_FILENO) < 0 ? -1 : 0;
}

static int restore(void **state)
{
    (void)state;
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    close(captured);
    return 0;
}

static void assert_logged(const char *expected)
{
    char text[10000] = "";
    assert_true(pread(captured, text, sizeof(text) - 1, 0) >= 0);
    assert_string_equal(text, expected);
}

static void set_journal(ino_t offset)
{
    struct stat status;
    assert_int_equal(fstat(captured, &status), 0);
    CLEANUP(freep) char *stream = memory_format("%llu:%llu", (unsigned long long)status.st_dev,
                                                (unsigned long long)(status.st_ino + offset));
    setenv("JOURNAL_STREAM", stream, 1);
}

static void lines_with_their_level(void **state)
{
    (void)state;
    log_error("port %s", "eth0");
    log_warning("w");
    log_notice("n");
    log_info("i");
    log_debug("hidden");
    assert_logged("trestled: error: port eth0\ntrestled: warning: w\ntrestled: notice: n\ntrestled: info: i\n");
}

static void the_level_can_be_set(void **state)
{
    (void)state;
    assert_int_equal(log_set_level("error"), 0);
    log_warning("hidden");
    log_error("seen");
    assert_int_equal(log_set_level("debug"), 0);
    log_debug("details");
    assert_int_equal(log_set_level("loud"), -EINVAL);
    assert_int_equal(log_set_level(""), -EINVAL);
    log_debug("more");
    assert_logged("trestled: error: seen\ntrestled: debug: details\ntrestled: debug: more\n");
}

static void nobody_forges_a_line(void **state)
{
    (void)state;
    log_error("key %s", "x\ntrestled: info: all is well\r\x1b[2J");
    assert_logged("trestled: error: key x trestled: info: all is well  [2J\n");
}

static void the_journal_gets_prefixes(void **state)
{
    (void)state;
    log_set_level("debug");
    set_journal(0);
    log_error("e");
    log_warning("w");
    log_notice("n");
    log_info("i");
    log_debug("d\n<0>x");
    assert_logged("<3>e\n<4>w\n<5>n\n<6>i\n<7>d <0>x\n");
}

static void an_inherited_variable_does_not_count(void **state)
{
    (void)state;
    set_journal(1);
    log_error("e");
    setenv("JOURNAL_STREAM", "nonsense", 1);
    log_error("f");
    assert_logged("trestled: error: e\ntrestled: error: f\n");
}

static void long_lines_stay_whole(void **state)
{
    (void)state;
    char text[9001] = "";
    memset(text, 'x', sizeof(text) - 1);
    log_error("%s", text);
    CLEANUP(freep) char *expected = memory_format("trestled: error: %s\n", text);
    assert_logged(expected);
}

#define CAPTURED(function) cmocka_unit_test_setup_teardown(function, capture, restore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURED(lines_with_their_level),    CAPTURED(the_level_can_be_set),
        CAPTURED(nobody_forges_a_line),      CAPTURED(the_journal_gets_prefixes),
        CAPTURED(an_inherited_variable_does_not_count), CAPTURED(long_lines_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
