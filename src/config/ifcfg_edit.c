/* Changes of keys in a shell-style text, made where the lexer says that things lie. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/config_internal.h"

/* -- keys ------------------------------------------------------------------------------------------------------------------------- */

static struct ifcfg_key *find(const struct ifcfg_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->items[i].key, name) == 0)
            return &keys->items[i];
    return NULL;
}

static void put(struct ifcfg_keys *keys, const char *name, char *raw)
{
    struct ifcfg_key *key = find(keys, name);
    if (!key) {
        key = APPEND(keys->items, keys->count);
        text_copy(key->key, sizeof(key->key), name);
    }
    free(key->raw);
    key->raw = raw;
}

/* In single quotes nothing means anything to a shell but the quote itself. */
static char *quote(const char *value)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
    struct text text = {0};
    if (value[strspn(value, plain)] == '\0')
        return memory_string(value);
    text_add(&text, "'");
    for (const char *c = value; *c; c++)
        if (*c == '\'')
            text_add(&text, "'\\''");
        else
            text_add_data(&text, c, 1);
    text_add(&text, "'");
    return text_take(&text);
}

void ifcfg_keys_set(struct ifcfg_keys *keys, const char *key, const char *value)
{
    put(keys, key, value ? quote(value) : NULL);
}

void ifcfg_keys_set_raw(struct ifcfg_keys *keys, const char *key, const char *raw, size_t size)
{
    put(keys, key, memory_string_of(raw, size));
}

void ifcfg_keys_clear(struct ifcfg_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        free(keys->items[i].raw);
    free(keys->items);
    *keys = (struct ifcfg_keys){0};
}

/* -- the text --------------------------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Where the assignment's place begins: at its line's start, when nothing but "export" stands before it. */
static size_t place_start(const char *text, size_t start, size_t done, bool *ret_first)
{
    size_t at = start;
    while (at > done && is_blank(text[at - 1]))
        at--;
    if (at >= done + 6 && memcmp(text + at - 6, "export", 6) == 0)
        at -= 6;
    while (at > done && is_blank(text[at - 1]))
        at--;
    *ret_first = at == 0 || text[at - 1] == '\n';
    return *ret_first ? at : start;
}

/* And ends: behind its line, with the comment there, when nothing else follows; else before what follows. */
static size_t place_end(const char *text, size_t end, bool first)
{
    size_t at = end;
    while (is_blank(text[at]))
        at++;
    if (first && (text[at] == '#' || text[at] == '\n' || text[at] == '\0')) {
        at += strcspn(text + at, "\n");
        return at + (text[at] == '\n');
    }
    if (text[at] == ';')
        at++;
    while (is_blank(text[at]))
        at++;
    return first ? at : end;
}

static const struct lexer_entry *last_of(const struct lexer_section *section, const char *key)
{
    for (size_t i = section->count; i-- > 0;)
        if (strcmp(section->entries[i].key, key) == 0)
            return &section->entries[i];
    return NULL;
}

static void copy_changed(struct text *out, const char *text, const struct lexer_section *section, const struct ifcfg_keys *keys)
{
    size_t at = 0;
    for (size_t i = 0; i < section->count; i++) {
        const struct lexer_entry *entry = &section->entries[i];
        const struct ifcfg_key *key = find(keys, entry->key);
        bool first;
        if (!key)
            continue;
        if (key->raw && entry == last_of(section, key->key)) {
            text_add_data(out, text + at, entry->value_start - at);
            text_add(out, key->raw);
            at = entry->value_end;
        } else if (!key->raw) {
            size_t start = place_start(text, entry->start, at, &first);
            text_add_data(out, text + at, start - at);
            at = place_end(text, entry->end, first);
        }
    }
    text_add(out, text + at);
}

static bool ends_in_backslash(const struct text *out, size_t length)
{
    size_t backslashes = 0;
    while (backslashes < length && out->data[length - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2;
}

/* A backslash at the text's very end is one; at its last line's end it would join that line to the new one. */
static void end_line(struct text *out, const char *newline)
{
    bool feed = out->length && out->data[out->length - 1] == '\n';
    size_t length = out->length - feed;
    bool back = length && out->data[length - 1] == '\r'; /* alone at the end it ends the line too */
    bool joins = ends_in_backslash(out, length - back);
    if (!feed && !back && joins)
        text_add(out, "\\");
    if (!feed && out->length)
        text_add(out, back ? "\n" : newline);
    if ((feed || back) && joins)
        text_add(out, newline);
}

char *ifcfg_edit(const char *text, const struct ifcfg_keys *keys)
{
    struct problems problems = {0};
    struct complaints complaints = complaints_begin(&problems, "ifcfg");
    struct lexer_file lexed;
    struct text out = {0};
    const char *newline = strstr(text, "\r\n") ? "\r\n" : "\n";
    size_t length = strlen(text);
    bool open = length > 0 && text[length - 1] != '\n'; /* the last line has no end, and goes on without one */
    lexer_read_shell(text, length, &lexed, &complaints);
    copy_changed(&out, text, &lexed.sections[0], keys);
    for (size_t i = 0; i < keys->count; i++) {
        if (!keys->items[i].raw || last_of(&lexed.sections[0], keys->items[i].key))
            continue;
        end_line(&out, newline);
        text_format(&out, "%s=%s%s", keys->items[i].key, keys->items[i].raw, open ? "" : newline);
    }
    lexer_file_clear(&lexed);
    problems_clear(&problems);
    return out.data ? text_take(&out) : memory_string("");
}
