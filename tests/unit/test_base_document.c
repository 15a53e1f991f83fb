#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/document.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

static json_t *parse(const char *text)
{
    json_t *document = NULL;
    struct error err = {0};
    if (document_parse(text, strlen(text), &document, &err) < 0)
        fail_msg("%s", err.text);
    return document;
}

static void members_of_every_type(void **state)
{
    (void)state;
    CLEANUP(document_freep) json_t *document = parse("{\"s\": \"text\", \"n\": -3, "
                                                   "\"b\": true, \"f\": false, \"r\": 1.5, \"z\": null}");
    assert_string_equal(document_string(document, "s", "else"), "text");
    assert_string_equal(document_string(document, "n", "else"), "else");
    assert_null(document_string(document, "none", NULL));
    assert_int_equal(document_number(document, "n", 9), -3);
    assert_int_equal(document_number(document, "s", 9), 9);
    assert_int_equal(document_number(document, "r", 9), 9);
    assert_true(document_boolean(document, "b", false));
    assert_false(document_boolean(document, "f", true));
    assert_true(document_boolean(document, "z", true));
    assert_int_equal(document_number(NULL, "n", 9), 9);
    CLEANUP(document_freep) json_t *array = parse("[1]");
    assert_string_equal(document_string(array, "s", "else"), "else");
    document_free(NULL);
}

static void text_is_one_compact_line(void **state)
{
    (void)state;
    CLEANUP(document_freep) json_t *document = parse("{\n \"b\" : [ 1, 0.1, null ],\n \"a\" : \"x\\ny\" }\n");
    CLEANUP(freep) char *text = document_text(document);
    assert_string_equal(text, "{\"b\":[1,0.1,null],\"a\":\"x\\ny\"}");
    CLEANUP(freep) char *none = document_text(NULL);
    assert_string_equal(none, "null");
    CLEANUP(freep) char *word = document_text(json_object_get(document, "a"));
    assert_string_equal(word, "\"x\\ny\"");
}

static void strings(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", "\"\""}, {"br0 ~", "\"br0 ~\""}, {"a\"b\\c", "\"a\\\"b\\\\c\""}, {"1500 → 1400\n", "\"1500 → 1400\\n\""}, {"\x7f", "\"\x7f\""},
        {"\xff", "null"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        struct text text = {0};
        document_add_string(&text, pairs[i][0]);
        assert_string_equal(text.data, pairs[i][1]);
        text_clear(&text);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "1", "\"x\"", "{", "{} {}", "{\"a\": 1, \"a\": 2}", "[1,]", "[NaN]", "[\"\\u0000\"]", "[\"\xff\"]",
        "[99999999999999999999]", "]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        json_t *document = NULL;
        struct error err = {0};
        assert_int_equal(document_parse(wrong[i], strlen(wrong[i]), &document, &err), -EINVAL);
        assert_null(document);
        assert_non_null(strstr(err.text, "line "));
    }
    json_t *document = NULL;
    struct error err = {0};
    document_parse("{\n  \"a\": x\n}", 12, &document, &err);
    assert_non_null(strstr(err.text, "line 2 "));
}

static int parse_nested(size_t levels, const char *inner)
{
    struct text text = {0};
    for (size_t i = 0; i < levels; i++)
        text_add(&text, i % 2 ? "{\"a\":" : "[");
    text_add(&text, inner);
    for (size_t i = levels; i > 0; i--)
        text_add(&text, (i - 1) % 2 ? "}" : "]");
    json_t *document = NULL;
    int result = document_parse(text.data, text.length, &document, NULL);
    document_free(document);
    text_clear(&text);
    return result;
}

static void depth(void **state)
{
    (void)state;
    assert_int_equal(parse_nested(64, "1"), 0);
    assert_int_equal(parse_nested(65, "1"), -EINVAL);
    assert_int_equal(parse_nested(64, "\"[{[ \\\" [ \\\\\""), 0);
    assert_int_equal(parse_nested(63, "[],[],{\"b\":[]}"), -EINVAL);
    assert_int_equal(parse_nested(1, "[],[],{\"b\":[]}"), 0);
}

static void size(void **state)
{
    (void)state;
    json_t *document = NULL;
    size_t length = DOCUMENT_SIZE + 1;
    char *blank = memory_new(length);
    memset(blank, ' ', length);
    memcpy(blank, "[]", 2);
    assert_int_equal(document_parse(blank, length, &document, NULL), -EMSGSIZE);
    assert_int_equal(document_parse(blank, length - 1, &document, NULL), 0);
    document_free(document);
    free(blank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_every_type), cmocka_unit_test(text_is_one_compact_line),
        cmocka_unit_test(refused),               cmocka_unit_test(depth),
        cmocka_unit_test(size),                  cmocka_unit_test(strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
