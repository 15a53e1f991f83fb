/* links: config model base
 * The keys in the manual pages are the option table's. When the table changes: TRESTLE_PRINT_OPTIONS=trestle-vm.5 (or another
 * page's name) in the environment prints what that page has to say. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/option.h"

static void add_escaped(struct text *text, const char *words)
{
    for (; *words; words++) {
        if (strchr("_*\\[]", *words))
            text_add(text, "\\");
        text_add_data(text, words, 1);
    }
}

static void add_choices(struct text *text, const char *const *choices)
{
    for (size_t i = 0; choices[i]; i++) {
        text_add(text, i ? "|" : "");
        add_escaped(text, choices[i]);
    }
}

static void add_number(struct text *text, const struct option *row)
{
    if (row->choices) {
        add_choices(text, row->choices);
        text_add(text, "|");
    }
    text_format(text, "%lld-%lld", (long long)row->minimum, (long long)row->maximum);
}

static void add_value(struct text *text, const struct option *row)
{
    static const char *const words[] = {
        [OPTION_SIZE] = "SIZE", [OPTION_STRING] = "TEXT", [OPTION_NAME] = "NAME",   [OPTION_MAC] = "MAC",
        [OPTION_GROUP_MAC] = "MAC", [OPTION_ADDRESS] = "ADDRESS",
        [OPTION_UUID] = "UUID", [OPTION_BOOL] = "yes|no",   [OPTION_VLANS] = "VLANS",
        [OPTION_MAP] = "FROM:TO,…", [OPTION_TARGETS] = "ADDRESS,…",
        [OPTION_RATE] = "AVERAGE\\[,PEAK\\[,BURST\\]\\]",
        [OPTION_LATER] = NULL,
    };

    if (row->type == OPTION_NUMBER)
        add_number(text, row);
    else if (row->choices)
        add_choices(text, row->choices);
    else if (words[row->type])
        text_add(text, words[row->type]);
}

static void add_row(struct text *text, const struct option *row)
{
    text_add(text, "*");
    add_escaped(text, row->key);
    text_format(text, "%s=*", row->numbered ? "n" : "");
    add_value(text, row);
    text_add(text, "\n\t");
    add_escaped(text, row->help);
    text_add(text, ".");
    if (row->fallback && *row->fallback) {
        text_add(text, " Default: ");
        add_escaped(text, row->fallback);
        text_add(text, ".");
    }
    if (row->needs) {
        text_add(text, " Needs ");
        add_escaped(text, row->needs);
        text_add(text, ".");
    }
    if (row->scope == OPTION_NIC && row->change == CHANGE_LIVE)
        text_add(text, " Can change while the NIC is plugged.");
    text_add(text, "\n\n");
}

enum rows { ROWS_USED, ROWS_LATER, ROWS_IGNORED };

static enum rows kind_of(const struct option *row)
{
    return row->type == OPTION_LATER ? ROWS_LATER : row->type == OPTION_IGNORED ? ROWS_IGNORED : ROWS_USED;
}

static void add_rows(struct text *text, const char *title, enum option_scope scope, const char *section, enum rows rows)
{
    bool any = false;

    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].scope != scope || !text_equal(option_table[i].section, section) || kind_of(&option_table[i]) != rows)
            continue;
        if (!any)
            text_format(text, "## %s\n\n", title);
        any = true;
        add_row(text, &option_table[i]);
    }
}

static void vm_rows(struct text *text)
{
    add_rows(text, "[vm]", OPTION_VM, NULL, ROWS_USED);
    add_rows(text, "[disk NAME]", OPTION_DISK, NULL, ROWS_USED);
    add_rows(text, "[nic NAME]", OPTION_NIC, NULL, ROWS_USED);
    add_rows(text, "[display]", OPTION_DISPLAY, NULL, ROWS_USED);
}

static void network_rows(struct text *text)
{
    add_rows(text, "Keys", OPTION_INTERFACE, NULL, ROWS_USED);
    add_rows(text, "Words of BRIDGING_OPTS for a bridge", OPTION_INTERFACE, "bridge", ROWS_USED);
    add_rows(text, "Words of BRIDGING_OPTS for a port", OPTION_INTERFACE, "port", ROWS_USED);
    add_rows(text, "Words of BONDING_OPTS", OPTION_INTERFACE, "bond", ROWS_USED);
    add_rows(text, "Known, and not there yet: a warning says so", OPTION_INTERFACE, NULL, ROWS_LATER);
    add_rows(text, "Words of BRIDGING_OPTS for a port that are not there yet", OPTION_INTERFACE, "port", ROWS_LATER);
    add_rows(text, "Words of BONDING_OPTS that are not there yet", OPTION_INTERFACE, "bond", ROWS_LATER);
    add_rows(text, "Known, and without effect here", OPTION_INTERFACE, NULL, ROWS_IGNORED);
    add_rows(text, "Words of BRIDGING_OPTS without effect here", OPTION_INTERFACE, "bridge", ROWS_IGNORED);
}

static void settings_rows(struct text *text)
{
    static const char *const sections[] = {"network", "vm", "qemu", "ovs", "api"};

    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        CLEANUP(freep) char *title = memory_format("[%s]", sections[i]);

        add_rows(text, title, OPTION_SETTINGS, sections[i], ROWS_USED);
    }
}

static char *read_page(const char *name)
{
    CLEANUP(freep) char *path = memory_format(TRESTLE_SOURCE_DIR "/docs/%s.scd", name);
    struct error err = {0};
    char *page = NULL;

    if (file_read(AT_FDCWD, path, 1 << 20, &page, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return page;
}

static void check_page(const char *name, void (*rows)(struct text *text))
{
    struct text text = {0};
    CLEANUP(freep) char *page = NULL;

    rows(&text);
    if (text_equal(getenv("TRESTLE_PRINT_OPTIONS"), name))
        fputs(text.data, stdout);
    page = read_page(name);
    if (!strstr(page, text.data))
        fail_msg("the keys in docs/%s.scd are not what the table says; TRESTLE_PRINT_OPTIONS=%s prints that", name, name);
    text_clear(&text);
}

static void test_vm_files(void **state)
{
    (void)state;
    check_page("trestle-vm.5", vm_rows);
}

static void test_network_files(void **state)
{
    (void)state;
    check_page("trestle-network.5", network_rows);
}

static void test_settings(void **state)
{
    (void)state;
    check_page("trestled.8", settings_rows);
}

/* Every option row stands in one of the pages. */
static void test_no_row_is_left_out(void **state)
{
    struct text text = {0};
    size_t count = 0;

    (void)state;
    vm_rows(&text);
    network_rows(&text);
    settings_rows(&text);
    for (const char *at = text.data; (at = strstr(at, "=*")); at += 2)
        count++;
    assert_int_equal(count, option_count);
    text_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vm_files),
        cmocka_unit_test(test_network_files),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_no_row_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
