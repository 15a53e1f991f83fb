/* The option table and its values. links: config model base */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config.h"
#include "model/option.h"

union object { /* room for whichever struct a row is of */
    struct interface interface;
    struct vm vm;
    struct disk disk;
    struct nic nic;
    struct settings settings;
};

#define FOR_EACH_ROW(row) for (const struct option *row = option_table; row < option_table + option_count; row++)

static bool has_value(const struct option *row)
{
    return row->type != OPTION_SPECIAL && row->type != OPTION_IGNORED && row->type != OPTION_LATER;
}

static void clear_string(const struct option *row, union object *object)
{
    if (row->type == OPTION_STRING || row->type == OPTION_VLANS)
        free(*(char **)(void *)((char *)object + row->offset));
}

static const struct option *row_of(enum option_scope scope, const char *section, const char *key)
{
    const struct option *row = option_find(scope, section, key, NULL);
    if (!row)
        fail_msg("no row %s", key);
    return row;
}

static void test_rows_are_found_by_their_own_key(void **state)
{
    (void)state;
    FOR_EACH_ROW(row)
        if (option_find(row->scope, row->section, row->key, NULL) != row)
            fail_msg("%s stands twice", row->key);
}

static void test_rows_have_help(void **state)
{
    (void)state;
    FOR_EACH_ROW(row) {
        if (!row->help || !*row->help || strchr(row->help, '\n'))
            fail_msg("%s has no line of help", row->key);
        if ((row->type == OPTION_CHOICE) && !row->choices)
            fail_msg("%s has no choices", row->key);
        if (row->type == OPTION_NUMBER && row->maximum <= row->minimum)
            fail_msg("%s has no range", row->key);
    }
}

/* Bits of one object are not shared by two options; rows of one field are spellings of one option, and one has the JSON name. */
static void test_bits_are_unique(void **state)
{
    (void)state;
    FOR_EACH_ROW (a)
        FOR_EACH_ROW (b) {
            bool vms =
                (a->scope == OPTION_VM || a->scope == OPTION_DISPLAY) && (b->scope == OPTION_VM || b->scope == OPTION_DISPLAY);
            if (a >= b || (a->scope != b->scope && !vms) || a->field < 0 || a->field != b->field)
                continue;
            if (a->offset != b->offset || a->scope != OPTION_INTERFACE)
                fail_msg("%s and %s share a bit", a->key, b->key);
            if (a->name && b->name)
                fail_msg("%s and %s are one option with two names", a->key, b->key);
        }
    FOR_EACH_ROW(row)
        assert_true(row->field < (int)(8 * sizeof(field_set)));
}

static void test_json_names_are_unique(void **state)
{
    (void)state;
    FOR_EACH_ROW(a)
        FOR_EACH_ROW(b)
            if (a < b && a->scope == b->scope && a->name && text_equal(a->name, b->name))
                fail_msg("%s and %s have one name in JSON", a->key, b->key);
}

static void test_words_for_numbers(void **state)
{
    const struct option *row = row_of(OPTION_NIC, NULL, "Queues");
    struct nic nic = {0};
    struct error err = {0};
    CLEANUP(document_freep) json_t *json = NULL, *zero = json_pack("{s:i}", "queues", 0);
    (void)state;
    assert_int_equal(option_parse(row, &nic, "AUTO", &err), 0);
    assert_int_equal(nic.queues, 0);
    CLEANUP(freep) char *text = option_format(row, &nic);
    assert_string_equal(text, "auto");
    json = option_to_json(OPTION_NIC, &nic, true);
    assert_string_equal(document_string(json, "queues", ""), "auto");
    nic.queues = 7;
    assert_int_equal(option_from_json(OPTION_NIC, &nic, json, &err), 0);
    assert_int_equal(nic.queues, 0);
    assert_int_equal(option_from_json(OPTION_NIC, &nic, zero, &err), -ERANGE);
    assert_string_equal(err.text, "queues: wants auto or a number from 1 to 256, not \"0\"");
}

static void test_reset(void **state)
{
    struct nic nic = {.vlan = 7, .queues = 4, .inbound = {.average = 5}};
    (void)state;
    nic.trunk = memory_string("10");
    FOR_EACH_ROW(row)
        if (row->scope == OPTION_NIC)
            option_reset(row, &nic);
    assert_int_equal(nic.vlan, 0);
    assert_int_equal(nic.queues, 1);
    assert_int_equal(nic.inbound.average, 0);
    assert_null(nic.trunk);
    assert_true(nic.link);
    FOR_EACH_ROW(row)
        if (row->scope == OPTION_NIC)
            assert_true(option_is_set(row, &nic));
}

static void test_every_interface_field_has_a_row(void **state)
{
    (void)state;
    /* these are no scalars, or of VMs' TAPs alone: convert.c has them */
    field_set fields = FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_ADDRESSES) | FIELD_BIT(FIELD_ROUTES)
                      | FIELD_BIT(FIELD_SYSCTLS) | FIELD_BIT(FIELD_PORT_VLANS) | FIELD_BIT(FIELD_INBOUND) | FIELD_BIT(FIELD_OUTBOUND);
    FOR_EACH_ROW(row)
        if (row->scope == OPTION_INTERFACE && row->name)
            fields |= FIELD_BIT(row->field);
    assert_true(fields == FIELD_BIT(INTERFACE_FIELDS) - 1);
}

static void test_fallbacks_parse(void **state)
{
    (void)state;
    FOR_EACH_ROW(row) {
        union object object = {0};
        struct error err = {0};
        if (!has_value(row) || !row->fallback || !*row->fallback)
            continue;
        if (option_parse(row, &object, row->fallback, &err) < 0)
            fail_msg("%s: %s", row->key, err.text);
        CLEANUP(freep) char *text = option_format(row, &object);
        assert_string_equal(text, row->fallback);
        clear_string(row, &object);
    }
}

static const char *example_of(const struct option *row, char buffer[32])
{
    switch (row->type) {
    case OPTION_NUMBER:
        snprintf(buffer, 32, "%lld", (long long)row->maximum);
        return buffer;
    case OPTION_STRING:
        return row->choices ? row->choices[1] : "some text";
    case OPTION_CHOICE:
        return row->choices[1];
    case OPTION_BOOL:
        return row->choices ? row->choices[1] : "yes";
    case OPTION_SIZE:
        return "3G";
    case OPTION_NAME:
        return "br0";
    case OPTION_ADDRESS:
        return "2001:db8::1";
    case OPTION_MAC:
        return "52:54:00:12:34:56";
    case OPTION_GROUP_MAC:
        return "01:80:c2:00:00:0e";
    case OPTION_UUID:
        return "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    case OPTION_RATE:
        return "1000,2000,512";
    case OPTION_VLANS:
        return "10,20-29";
    case OPTION_MAP:
        return "0:1,7:6";
    case OPTION_TARGETS:
        return "10.0.0.1,10.0.0.2";
    default:
        return NULL;
    }
}

/* Text in, text out, through the struct and through JSON; exactly one bit is set; nothing beside the member is touched. */
static void test_values_round_trip(void **state)
{
    (void)state;
    FOR_EACH_ROW(row) {
        union object object = {0}, again = {0};
        char buffer[32];
        struct error err = {0};
        if (!has_value(row))
            continue;
        const char *example = example_of(row, buffer);
        if (option_parse(row, &object, example, &err) < 0)
            fail_msg("%s: %s", row->key, err.text);
        CLEANUP(freep) char *text = option_format(row, &object);
        assert_string_equal(text, example);
        assert_int_equal(option_is_set(row, &object), row->field >= 0);
        if (row->name) {
            json_t *json = option_to_json(row->scope, &object, true);
            assert_int_equal(json_object_size(json), 1);
            if (option_from_json(row->scope, &again, json, &err) < 0)
                fail_msg("%s: %s", row->key, err.text);
            assert_true(option_same(row, &object, &again));
            assert_true(option_is_set(row, &again));
            json_decref(json);
            clear_string(row, &again);
        }
        clear_string(row, &object);
    }
}

static void test_numbered_keys(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *row;
        int number;
    } cases[] = {
        {"IPADDR", "IPADDR", -1}, {"IPADDR0", "IPADDR", 0},           {"IPADDR255", "IPADDR", 255},        {"IPADDR256", NULL, 0},
        {"IPADDR00", NULL, 0},    {"IPADDR-1", NULL, 0},              {"IPADDRX", NULL, 0},                {"MTU1", NULL, 0},
        {"DNS3", "DNS", 3},       {"IPADDR_START", "IPADDR_START", -1}, {"ipaddr", NULL, 0},               {"", NULL, 0},
        {"forward_delay", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int number = 99;
        const struct option *row = option_find(OPTION_INTERFACE, NULL, cases[i].key, &number);
        if (!text_equal(row ? row->key : NULL, cases[i].row) || (row && number != cases[i].number))
            fail_msg("%s: %s %d", cases[i].key, row ? row->key : "none", number);
    }
    assert_string_equal(row_of(OPTION_SETTINGS, "vm", "Directory")->help, "directory of VM files; CONFIG_DIR/vms when absent");
    assert_null(option_find(OPTION_SETTINGS, "qemu", "Directory", NULL));
    assert_string_equal(option_nearest(OPTION_INTERFACE, NULL, "DELEY"), "DELAY");
    assert_null(option_nearest(OPTION_INTERFACE, NULL, "XQJZVWPL"));
}

/* What stands for a value, and what is said of a wrong one. */
static void test_values(void **state)
{
    (void)state;
    static const struct {
        enum option_scope scope;
        const char *section, *key, *text, *result;
    } cases[] = {
        {OPTION_INTERFACE, NULL, "DELAY", "15", "15"},
        {OPTION_INTERFACE, NULL, "DELAY", "0", "0"},
        {OPTION_INTERFACE, NULL, "DELAY", "1.5", "1.5"},
        {OPTION_INTERFACE, NULL, "DELAY", "1.05", "1.05"},
        {OPTION_INTERFACE, NULL, "DELAY", "1.500", "wants a number from 0 to 1000000, not \"1.500\""},
        {OPTION_INTERFACE, NULL, "DELAY", ".5", "wants a number from 0 to 1000000, not \".5\""},
        {OPTION_INTERFACE, NULL, "DELAY", "-0.5", "wants a number from 0 to 1000000, not \"-0.5\""},
        {OPTION_INTERFACE, NULL, "DELAY", "1000000.01", "wants a number from 0 to 1000000, not \"1000000.01\""},
        {OPTION_INTERFACE, NULL, "DELAY", "100000000000", "wants a number from 0 to 1000000, not \"100000000000\""},
        {OPTION_INTERFACE, NULL, "DELAY", "xyz", "wants a number from 0 to 1000000, not \"xyz\""},
        {OPTION_INTERFACE, NULL, "MTU", "1500.0", "wants a number from 68 to 65535, not \"1500.0\""},
        {OPTION_INTERFACE, NULL, "MTU", "67", "wants a number from 68 to 65535, not \"67\""},
        {OPTION_INTERFACE, NULL, "MTU", "x\ny", "wants a number from 68 to 65535, not \"x?y\""},
        {OPTION_INTERFACE, NULL, "STP", "TRUE", "yes"},
        {OPTION_INTERFACE, NULL, "STP", "0", "no"},
        {OPTION_INTERFACE, NULL, "STP", "maybe", "wants yes or no, not \"maybe\""},
        {OPTION_INTERFACE, NULL, "MACADDR", "52:54:00:AB:CD:EF", "52:54:00:ab:cd:ef"},
        {OPTION_INTERFACE, NULL, "MACADDR", "53:54:00:AB:CD:EF",
         "wants the MAC address of one interface (an even first byte: 52, not 53), not \"53:54:00:AB:CD:EF\""},
        {OPTION_INTERFACE, NULL, "MACADDR", "00:00:00:00:00:00",
         "wants a MAC address other than zero, not \"00:00:00:00:00:00\""},
        {OPTION_INTERFACE, NULL, "MACADDR", "52-54-00-ab-cd-ef",
         "wants a MAC address like 52:54:00:00:00:11, not \"52-54-00-ab-cd-ef\""},
        {OPTION_INTERFACE, NULL, "BRIDGE", "a/b", "wants an interface's name; \"a/b\" contains '/'"},
        {OPTION_INTERFACE, "port", "priority", "64", "wants a number from 0 to 63, not \"64\""},
        {OPTION_VM, NULL, "Memory", "512", "512M"},
        {OPTION_VM, NULL, "Memory", "2048m", "2G"},
        {OPTION_VM, NULL, "Memory", "1025K", "1025K"},
        {OPTION_VM, NULL, "Memory", "1048577B", "1048577B"},
        {OPTION_VM, NULL, "Memory", "0", "wants a size from 1M to 64T, e.g. 512M or 2G, not \"0\""},
        {OPTION_VM, NULL, "Memory", "65T", "wants a size from 1M to 64T, e.g. 512M or 2G, not \"65T\""},
        {OPTION_VM, NULL, "Memory", "9999999999999T", "wants a size from 1M to 64T, e.g. 512M or 2G, not \"9999999999999T\""},
        {OPTION_VM, NULL, "Memory", "-1G", "wants a size from 1M to 64T, e.g. 512M or 2G, not \"-1G\""},
        {OPTION_VM, NULL, "Memory", "G", "wants a size from 1M to 64T, e.g. 512M or 2G, not \"G\""},
        {OPTION_VM, NULL, "Accel", "KVM", "kvm"},
        {OPTION_VM, NULL, "Accel", "xen", "wants auto, kvm or tcg, not \"xen\""},
        {OPTION_VM, NULL, "UUID", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
        {OPTION_VM, NULL, "UUID", "f81d4fae", "wants a UUID like f81d4fae-7dec-11d0-a765-00a0c91e6bf6, not \"f81d4fae\""},
        {OPTION_VM, NULL, "Append", "a\nb", "wants text in UTF-8 without control characters, not \"a?b\""},
        {OPTION_VM, NULL, "Append", "\xff", "wants text in UTF-8 without control characters, not \"?\""},
        {OPTION_DISPLAY, NULL, "VGA", "STD", "std"},
        {OPTION_NIC, NULL, "Link", "down", "down"},
        {OPTION_NIC, NULL, "Link", "yes", "up"},
        {OPTION_NIC, NULL, "Link", "left", "wants down or up, not \"left\""},
        {OPTION_NIC, NULL, "Inbound", "1000", "1000"},
        {OPTION_NIC, NULL, "Inbound", "1000,2000", "1000,2000"},
        {OPTION_NIC, NULL, "Inbound", "1000,,512", "1000,,512"},
        {OPTION_NIC, NULL, "Inbound", "0", NULL},
        {OPTION_NIC, NULL, "Inbound", ",2000", "wants average[,peak[,burst]] in KiB/s, KiB/s and KiB, not \",2000\""},
        {OPTION_NIC, NULL, "Inbound", "1,2,3,4", "wants average[,peak[,burst]] in KiB/s, KiB/s and KiB, not \"1,2,3,4\""},
        {OPTION_NIC, NULL, "Inbound", "4294967296", "wants average[,peak[,burst]] in KiB/s, KiB/s and KiB, not \"4294967296\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        union object object = {0};
        struct error err = {0};
        const struct option *row = row_of(cases[i].scope, cases[i].section, cases[i].key);
        int result = option_parse(row, &object, cases[i].text, &err);
        CLEANUP(freep) char *text = result == 0 ? option_format(row, &object) : memory_string(err.text);
        if (!text_equal(text, cases[i].result))
            fail_msg("%s=%s: %s", cases[i].key, cases[i].text, text ? text : "unset");
        assert_int_equal(option_is_set(row, &object), result == 0);
        clear_string(row, &object);
    }
}

static void test_json_in(void **state)
{
    (void)state;
    static const struct {
        enum option_scope scope;
        const char *json, *result;
    } cases[] = {
        {OPTION_INTERFACE, "{\"forward_delay\": 1.5, \"mtu\": 1500, \"hello_time\": 2}", NULL},
        {OPTION_INTERFACE, "{\"mtu\": null}", NULL},
        {OPTION_INTERFACE, "{\"mtu\": 1500.0}", NULL},
        {OPTION_INTERFACE, "{\"mtu\": \"1500\"}", "mtu: wants a number"},
        {OPTION_INTERFACE, "{\"mtu\": 1}", "mtu: wants a number from 68 to 65535, not \"1\""},
        {OPTION_INTERFACE, "{\"mtu\": 1e300}", "mtu: wants a number"},
        {OPTION_INTERFACE, "{\"stp\": 1}", "stp: wants true or false"},
        {OPTION_INTERFACE, "{\"forward_delay\": -1.5}", "forward_delay: wants a number from 0 to 1000000, not \"-1.50\""},
        {OPTION_INTERFACE, "{\"mut\": 1}", "no member \"mut\" is known here"},
        {OPTION_INTERFACE, "[]", "wants a JSON object"},
        {OPTION_VM, "{\"memory\": 1073741824}", NULL},
        {OPTION_VM, "{\"memory\": \"1G\"}", "memory: wants a number of bytes"},
        {OPTION_NIC, "{\"link\": true}", NULL},
        {OPTION_NIC, "{\"link\": \"up\"}", NULL},
        {OPTION_NIC, "{\"model\": 1}", "model: wants a string"},
        {OPTION_NIC, "{\"source\": \"\"}", "source: wants an interface's name; \"\" is empty"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        union object object = {0};
        struct error err = {0};
        json_t *json = json_loads(cases[i].json, 0, NULL);
        int result = option_from_json(cases[i].scope, &object, json, &err);
        if (!text_equal(result < 0 ? err.text : NULL, cases[i].result))
            fail_msg("%s: %s", cases[i].json, err.text);
        json_decref(json);
    }
}

static void test_json_units(void **state)
{
    (void)state;
    struct interface interface = {.set = FIELD_BRIDGE_ALL | FIELD_BIT(FIELD_MASTER),
                                  .bridge = {.forward_delay = 1550, .hello_time = 200}};
    json_t *json = option_to_json(OPTION_INTERFACE, &interface, true);
    assert_true(json_real_value(json_object_get(json, "forward_delay")) == 15.5);
    assert_int_equal(json_integer_value(json_object_get(json, "hello_time")), 2);
    assert_null(json_object_get(json, "mtu"));
    assert_null(json_object_get(json, "master"));
    json_decref(json);
}

static void test_quotes(void **state)
{
    (void)state;
    char shown[QUOTE_SIZE], longest[200];
    assert_string_equal(quote_text("a\tb\x7f", shown), "\"a?b?\"");
    assert_string_equal(quote_text("br\xc3\xbc""cke", shown), "\"br\xc3\xbc""cke\"");
    assert_string_equal(quote_text("\xc3(\xed\xa0\x80\xc0\xaf\xc2\x9b", shown), "\"?(???????\"");
    assert_string_equal(quote_text(NULL, shown), "\"\"");
    for (size_t length = 50; length < 100; length++) {
        memset(longest, 'x', length);
        memcpy(longest + length, "\xe2\x86\x92\xe2\x86\x92\xe2\x86\x92", 10);
        quote_text(longest, shown);
        assert_true(strlen(shown) < QUOTE_SIZE);
        assert_true(quote_is_plain(shown));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_found_by_their_own_key),
        cmocka_unit_test(test_rows_have_help),
        cmocka_unit_test(test_bits_are_unique),
        cmocka_unit_test(test_json_names_are_unique),
        cmocka_unit_test(test_words_for_numbers),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_every_interface_field_has_a_row),
        cmocka_unit_test(test_fallbacks_parse),
        cmocka_unit_test(test_values_round_trip),
        cmocka_unit_test(test_numbered_keys),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_json_in),
        cmocka_unit_test(test_json_units),
        cmocka_unit_test(test_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
