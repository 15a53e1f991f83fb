#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/problem.h"

static void set_and_prefix(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set(&err, EBUSY, "port %s", "eth0"), -EBUSY);
    assert_int_equal(err.code, EBUSY);
    assert_string_equal(err.text, "port eth0");
    assert_int_equal(error_errno(&err, ENODEV, "bridge %s", "br7"), -ENODEV);
    assert_string_equal(err.text, "bridge br7: No such device");
    assert_int_equal(error_prefix(&err, "nic %s", "net1"), -ENODEV);
    assert_int_equal(error_prefix(&err, "vm c2"), -ENODEV);
    assert_string_equal(err.text, "vm c2: nic net1: bridge br7: No such device");
    assert_int_equal(error_set(&err, EIO, "again %s", err.text), -EIO);
    assert_string_equal(err.text, "again vm c2: nic net1: bridge br7: No such device");
}

static void never_a_success(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set(&err, 0, "x"), -EIO);
    assert_int_equal(error_set(&err, -ENOENT, "x"), -ENOENT);
    assert_int_equal(err.code, ENOENT);
    assert_int_equal(error_set(NULL, EINVAL, "x"), -EINVAL);
    assert_int_equal(error_errno(NULL, EINVAL, "x"), -EINVAL);
    assert_true(error_prefix(NULL, "x") < 0);
}

static void one_line(void **state)
{
    (void)state;
    struct error err = {0};
    error_set(&err, EINVAL, "first\nsecond\x1b[1m\r\n");
    assert_string_equal(err.text, "first second [1m");
}

static void bounded(void **state)
{
    (void)state;
    struct {
        struct error err;
        char guard[16];
    } box;
    memset(&box, 'G', sizeof(box));
    char big[3000];
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';

    error_set(&box.err, EINVAL, "%.499s", big);
    assert_int_equal(strlen(box.err.text), 499);
    assert_null(strstr(box.err.text, "…"));
    error_set(&box.err, EINVAL, "%.500s", big);
    assert_int_equal(strlen(box.err.text), 499);
    assert_string_equal(box.err.text + 496, "…");
    error_errno(&box.err, EINVAL, "%s", big);
    assert_int_equal(strlen(box.err.text), 499);

    error_set(&box.err, EINVAL, "%.490s", big);
    error_prefix(&box.err, "vm c2");
    error_prefix(&box.err, "%s", "nic net1");
    assert_int_equal(strncmp(box.err.text, "nic net1: vm c2: aaa", 20), 0);
    assert_string_equal(box.err.text + 496, "…");
    error_prefix(&box.err, "%s", big);
    assert_int_equal(strlen(box.err.text), 499);
    for (size_t i = 0; i < sizeof(box.guard); i++)
        assert_int_equal(box.guard[i], 'G');
}

static void cut_between_characters(void **state)
{
    (void)state;
    struct error err = {0};
    char big[700] = "";
    memset(big, 'a', 495);
    strcat(big, "ééé and more");
    error_set(&err, EINVAL, "%s", big);
    assert_int_equal(strlen(err.text), 498);
    assert_string_equal(err.text + 494, "a…");
}

static void problems_are_collected(void **state)
{
    (void)state;
    struct problems problems = {0};
    problems_add(&problems, false, "/etc/ifcfg-eth0", 3, 7, "value '%s' is wrong", "x");
    problems_add(&problems, true, "/etc/ifcfg-eth0", 4, 0, "unknown key");
    problems_add(&problems, true, "/etc/ifcfg-eth0", 0, 0, "empty");
    problems_add(&problems, false, NULL, 0, 0, "two bridges");
    problems_add(&problems, false, "ifcfg-br0", 1, 1, "no");
    assert_int_equal(problems.count, 5);
    assert_int_equal(problems.errors, 3);
    static const char *const texts[] = {
        "/etc/ifcfg-eth0:3:7: value 'x' is wrong",
        "/etc/ifcfg-eth0:4: warning: unknown key",
        "/etc/ifcfg-eth0: warning: empty",
        "two bridges",
        "ifcfg-br0:1:1: no",
    };
    for (size_t i = 0; i < problems.count; i++) {
        char *text = problem_text(&problems.items[i]);
        assert_string_equal(text, texts[i]);
        free(text);
    }
    problems_clear(&problems);
    assert_int_equal(problems.count, 0);
    assert_int_equal(problems.errors, 0);
    assert_null(problems.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_prefix), cmocka_unit_test(never_a_success),        cmocka_unit_test(one_line),
        cmocka_unit_test(bounded),        cmocka_unit_test(cut_between_characters), cmocka_unit_test(problems_are_collected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
