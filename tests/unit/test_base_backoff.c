#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"

static void doubles_up_to_the_longest(void **state)
{
    (void)state;
    static const double delays[] = {1, 2, 4, 5, 5};
    struct backoff backoff;
    backoff_init(&backoff, 1, 5);
    double now = 100;
    assert_true(backoff_may_try(&backoff, now));
    for (unsigned i = 0; i < 5; i++) {
        backoff_failed(&backoff, now);
        assert_true(backoff.delay == delays[i]);
        assert_int_equal(backoff.failures, i + 1);
        assert_false(backoff_may_try(&backoff, now + delays[i] - 0.01));
        now += delays[i];
        assert_true(backoff_may_try(&backoff, now));
    }
}

static void success_starts_anew(void **state)
{
    (void)state;
    struct backoff backoff;
    backoff_init(&backoff, 1, 60);
    backoff_failed(&backoff, 10);
    backoff_failed(&backoff, 11);
    backoff_succeeded(&backoff);
    assert_int_equal(backoff.failures, 0);
    assert_true(backoff.delay == 0);
    assert_true(backoff_may_try(&backoff, 0));
    backoff_failed(&backoff, 20);
    assert_true(backoff.next == 21);
}

static void first_over_longest(void **state)
{
    (void)state;
    struct backoff backoff;
    backoff_init(&backoff, 9, 5);
    backoff_failed(&backoff, 0);
    assert_true(backoff.next == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_longest),
        cmocka_unit_test(success_starts_anew),
        cmocka_unit_test(first_over_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
