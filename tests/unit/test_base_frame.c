#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/frame.h"

static void feed(struct frame *frame, const char *data, size_t size)
{
    memcpy(frame_room(frame, size), data, size);
    frame_added(frame, size);
}

static void expect_line(struct frame *frame, const char *expected)
{
    char *line = NULL;
    size_t length = 0;
    assert_int_equal(frame_line(frame, &line, &length), 1);
    assert_string_equal(line, expected);
    assert_int_equal(length, strlen(expected));
}

static void expect_none(struct frame *frame)
{
    char *line = NULL;
    assert_int_equal(frame_line(frame, &line, NULL), 0);
    assert_null(line);
}

static void lines_of_both_endings(void **state)
{
    (void)state;
    struct frame frame;
    frame_init(&frame, 100);
    expect_none(&frame);
    feed(&frame, "one\r\ntwo\n\n\r\nlast", 16);
    expect_line(&frame, "one");
    expect_line(&frame, "two");
    expect_line(&frame, "");
    expect_line(&frame, "");
    expect_none(&frame);
    feed(&frame, " one\n", 5);
    expect_line(&frame, "last one");
    expect_none(&frame);
    frame_clear(&frame);
    expect_none(&frame);
    feed(&frame, "again\n", 6);
    expect_line(&frame, "again");
    frame_clear(&frame);
}

static void any_cut_gives_the_same(void **state)
{
    (void)state;
    static const char stream[] = "{\"a\": 1}\r\n{}\nx\r\ny\r\n";
    static const char *const lines[] = {"{\"a\": 1}", "{}", "x", "y"};
    for (size_t step = 1; step < sizeof(stream); step++) {
        struct frame frame;
        frame_init(&frame, 8);
        size_t found = 0;
        for (size_t at = 0; at < sizeof(stream) - 1; at += step) {
            size_t rest = sizeof(stream) - 1 - at;
            feed(&frame, stream + at, rest < step ? rest : step);
            char *line;
            while (frame_line(&frame, &line, NULL) == 1) {
                assert_true(found < 4);
                assert_string_equal(line, lines[found++]);
            }
        }
        assert_int_equal(found, 4);
        frame_clear(&frame);
    }
}

static void limit(void **state)
{
    (void)state;
    struct frame frame;
    char *line;
    frame_init(&frame, 4);
    feed(&frame, "1234", 4);
    expect_none(&frame);
    feed(&frame, "\r", 1);
    expect_none(&frame);
    feed(&frame, "\n12345", 6);
    expect_line(&frame, "1234");
    assert_int_equal(frame_line(&frame, &line, NULL), -EMSGSIZE);
    assert_int_equal(frame_line(&frame, &line, NULL), -EMSGSIZE);
    frame_clear(&frame);

    feed(&frame, "12345\n", 6);
    assert_int_equal(frame_line(&frame, &line, NULL), -EMSGSIZE);
    frame_clear(&frame);
    assert_int_equal(frame.limit, 4);
}

static void nul_within_a_line(void **state)
{
    (void)state;
    struct frame frame;
    char *line;
    size_t length;
    frame_init(&frame, 10);
    feed(&frame, "a\0b\n", 4);
    assert_int_equal(frame_line(&frame, &line, &length), 1);
    assert_int_equal(length, 3);
    assert_memory_equal(line, "a\0b", 4);
    frame_clear(&frame);
}

/* A stream that always has an unfinished line at its end, so that the buffer never gets empty. */
static void memory_stays_bounded(void **state)
{
    (void)state;
    struct frame frame;
    frame_init(&frame, 1000);
    char *line;
    size_t lines = 0;
    feed(&frame, "x", 1);
    for (int i = 0; i < 10000; i++) {
        feed(&frame, "abc\nabc\nab", 10);
        while (frame_line(&frame, &line, NULL) == 1)
            lines++;
        assert_true(frame.allocated < 200);
    }
    assert_int_equal(lines, 20000);
    frame_clear(&frame);
}

static void a_long_line_gives_its_memory_back(void **state)
{
    (void)state;
    struct frame frame;
    char *line;
    frame_init(&frame, 1 << 20);
    for (int i = 0; i < 1000; i++)
        feed(&frame, "0123456789012345678901234567890123456789012345678901234567890123", 64);
    feed(&frame, "\n", 1);
    assert_int_equal(frame_line(&frame, &line, NULL), 1);
    assert_int_equal(strlen(line), 64000);
    frame_room(&frame, 4096);
    assert_true(frame.allocated < 10000);
    frame_clear(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_both_endings), cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(limit),                 cmocka_unit_test(nul_within_a_line),
        cmocka_unit_test(memory_stays_bounded),  cmocka_unit_test(a_long_line_gives_its_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
