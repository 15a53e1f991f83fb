/* An ifcfg file that can be read, with one key set and others taken away: the rest must read back as it was, and doing it again must
 * change nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "config/config_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool read_text(const char *text, struct lexer_file *ret_file)
{
    struct problems problems = {0};
    struct complaints complaints = complaints_begin(&problems, "ifcfg-eth0");
    lexer_read_shell(text, strlen(text), ret_file, &complaints);
    bool good = !problems.errors;
    problems_clear(&problems);
    return good;
}

static bool is_changed(const char *key)
{
    return strcmp(key, "BRIDGE") == 0 || strcmp(key, "IPADDR") == 0;
}

/* The entries that nobody changed, one after the other. */
static const struct lexer_entry *next_other(const struct lexer_section *section, size_t *at)
{
    while (*at < section->count && is_changed(section->entries[*at].key))
        (*at)++;
    return *at < section->count ? &section->entries[(*at)++] : NULL;
}

static void check(const struct lexer_file *before, const char *text)
{
    struct lexer_file after;
    size_t one = 0, two = 0;
    require(read_text(text, &after));
    const struct lexer_entry *bridge = lexer_find(&after.sections[0], "BRIDGE");
    require(bridge && strcmp(bridge->value, "br 0'\"$") == 0 && !lexer_find(&after.sections[0], "IPADDR"));
    for (;;) {
        const struct lexer_entry *a = next_other(&before->sections[0], &one), *b = next_other(&after.sections[0], &two);
        require(!a == !b);
        if (!a)
            break;
        require(strcmp(a->key, b->key) == 0 && strcmp(a->value, b->value) == 0);
    }
    lexer_file_clear(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(freep) char *text = memory_format("%.*s", (int)size, size ? (const char *)data : "");
    struct ifcfg_keys keys = {0};
    struct lexer_file before;
    bool good = read_text(text, &before);
    ifcfg_keys_set(&keys, "BRIDGE", "br 0'\"$");
    ifcfg_keys_set(&keys, "IPADDR", NULL);
    CLEANUP(freep) char *once = ifcfg_edit(text, &keys);
    CLEANUP(freep) char *twice = ifcfg_edit(once, &keys);
    if (good) {
        check(&before, once);
        require(strcmp(once, twice) == 0);
    }
    lexer_file_clear(&before);
    ifcfg_keys_clear(&keys);
    return 0;
}
