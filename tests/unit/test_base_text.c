#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"

static void text_grows(void **state)
{
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 100; i++)
        text_format(&text, "%d,", i);
    text_add(&text, "end");
    text_add_data(&text, "!?", 1);
    assert_int_equal(strlen(text.data), text.length);
    char *taken = text_take(&text);
    assert_non_null(strstr(taken, ",98,99,end!"));
    assert_null(strchr(taken, '?'));
    free(taken);
    assert_null(text.data);
    taken = text_take(&text);
    assert_string_equal(taken, "");
    free(taken);
    text_add(&text, "x");
    text_clear(&text);
    assert_int_equal(text.length, 0);
}

static void equality_and_prefix(void **state)
{
    (void)state;
    assert_true(text_equal(NULL, NULL));
    assert_false(text_equal(NULL, ""));
    assert_false(text_equal("a", NULL));
    assert_true(text_equal("a", "a"));
    assert_false(text_equal("a", "A"));
    assert_true(text_starts("ifcfg-eth0", "ifcfg-"));
    assert_false(text_starts("ifcf", "ifcfg-"));
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t minimum, maximum;
        int result;
        int64_t value;
    } rows[] = {
        {"0", 0, 10, 0, 0},
        {"10", 0, 10, 0, 10},
        {"010", 0, 10, 0, 10},
        {"-5", -10, 10, 0, -5},
        {"11", 0, 10, -ERANGE, 0},
        {"-1", 0, 10, -ERANGE, 0},
        {"9223372036854775807", 0, INT64_MAX, 0, INT64_MAX},
        {"-9223372036854775808", INT64_MIN, 0, 0, INT64_MIN},
        {"9223372036854775808", 0, INT64_MAX, -ERANGE, 0},
        {"99999999999999999999999", 0, INT64_MAX, -ERANGE, 0},
        {"", 0, 10, -EINVAL, 0},
        {"-", -10, 10, -EINVAL, 0},
        {"+1", 0, 10, -EINVAL, 0},
        {" 1", 0, 10, -EINVAL, 0},
        {"1 ", 0, 10, -EINVAL, 0},
        {"--1", -10, 10, -EINVAL, 0},
        {"0x1", 0, 10, -EINVAL, 0},
        {"1k", 0, 10, -EINVAL, 0},
        {NULL, 0, 10, -EINVAL, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t value = 77;
        assert_int_equal(text_number(rows[i].text, rows[i].minimum, rows[i].maximum, &value), rows[i].result);
        assert_true(value == (rows[i].result ? 77 : rows[i].value));
    }
}

static void suggestions(void **state)
{
    (void)state;
    static const char *const keys[] = {"BRIDGE", "BOOTPROTO", "DELAY", "IPADDR", "IPADDR6", "STP", "MTU"};
    static const struct {
        const char *word, *nearest;
    } rows[] = {
        {"BRIGDE", "BRIDGE"},         /* two neighbours swapped */
        {"bridge", "BRIDGE"},         /* case alone */
        {"BOTPROTO", "BOOTPROTO"},    /* one missing */
        {"BOOTPROTOO", "BOOTPROTO"},  /* one too many */
        {"IPADRR", "IPADDR"},         /* the nearer of two */
        {"SPT", "STP"},
        {"DLY", NULL},                /* two off in three letters */
        {"GATEWAY", NULL},
        {"X", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *nearest = text_nearest(rows[i].word, keys, ARRAY_SIZE(keys));
        if (rows[i].nearest)
            assert_string_equal(nearest, rows[i].nearest);
        else
            assert_null(nearest);
    }
    char longest[300];
    memset(longest, 'A', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(text_nearest(longest, keys, ARRAY_SIZE(keys)));
    const char *const candidates[] = {longest};
    assert_null(text_nearest("AAAA", candidates, 1));
    assert_null(text_nearest("STP", keys, 0));
    static const char *const letters[] = {"Y", "XY"};
    assert_null(text_nearest("X", letters, 1));
    assert_string_equal(text_nearest("X", letters, 2), "XY");
}

static void macs(void **state)
{
    (void)state;
    uint8_t mac[6];
    char text[18];
    assert_int_equal(text_mac("52:54:00:Ab:cD:eF", mac), 0);
    text_from_mac(mac, text);
    assert_string_equal(text, "52:54:00:ab:cd:ef");
    static const char *const wrong[] = {
        "",
        "52:54:00:ab:cd",
        "52:54:00:ab:cd:ef:",
        "52-54-00-ab-cd-ef",
        "52:54:00:ab:cd-ef",
        "52:54:00:ab:cd:eg",
        "5 :54:00:ab:cd:ef",
        "52:54:00:ab:cd:e",
        "2:54:00:ab:cd:eff",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(text_mac(wrong[i], mac), -EINVAL);
    assert_int_equal(text_mac(NULL, mac), -EINVAL);
    text_from_mac(mac, text);
    assert_string_equal(text, "52:54:00:ab:cd:ef");
}

static void hash_is_fnv1a(void **state)
{
    (void)state;
    assert_true(text_hash("") == UINT64_C(0xcbf29ce484222325));
    assert_true(text_hash("a") == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(text_hash("foobar") == UINT64_C(0x85944171f73967e8));
}

static void copies_are_bounded(void **state)
{
    (void)state;
    char target[5] = "....";
    assert_true(text_copy(target, sizeof(target), "abcd"));
    assert_string_equal(target, "abcd");
    assert_false(text_copy(target, sizeof(target), "vwxyz"));
    assert_string_equal(target, "vwxy");
    assert_false(text_copy(target, 0, ""));
    assert_string_equal(target, "vwxy");
}

static void interface_names(void **state)
{
    (void)state;
    static const char *const good[] = {"eth0", "br-lan.10", "a", "123456789012345", "...", "ALL", "caf\xc3\xa9"};
    static const char *const bad[] = {
        "", "1234567890123456", ".", "..", "all", "default", "a/b", "a:b", "a%d", "a b", "a\tb", "a\nb", "a\x7f",
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_null(text_interface_name_fault(good[i]));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_non_null(text_interface_name_fault(bad[i]));
    assert_string_equal(text_interface_name_fault("1234567890123456"), "is longer than 15 characters");
}

static void vm_names(void **state)
{
    (void)state;
    char name[66];
    memset(name, 'x', 65);
    name[65] = '\0';
    assert_non_null(text_vm_name_fault(name));
    name[64] = '\0';
    assert_null(text_vm_name_fault(name));
    static const char *const good[] = {"c2", "0", "A_b.c-d", "_"};
    static const char *const bad[] = {"", ".c2", "-c2", "..", "a/b", "a b", "caf\xc3\xa9", "a%"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_null(text_vm_name_fault(good[i]));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_non_null(text_vm_name_fault(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),      cmocka_unit_test(equality_and_prefix), cmocka_unit_test(numbers),
        cmocka_unit_test(suggestions),     cmocka_unit_test(macs),                cmocka_unit_test(hash_is_fnv1a),
        cmocka_unit_test(copies_are_bounded), cmocka_unit_test(interface_names),  cmocka_unit_test(vm_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
