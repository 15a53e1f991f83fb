/* Changes of one section of an INI text, made where the lexer says that things lie: not a byte of the rest moves. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/config_internal.h"

static size_t line_start(const char *text, size_t at)
{
    while (at > 0 && text[at - 1] != '\n')
        at--;
    return at;
}

static size_t next_line(const char *text, size_t at)
{
    at += strcspn(text + at, "\n");
    return at + (text[at] == '\n');
}

static bool line_is_blank(const char *text, size_t at)
{
    return strchr("\n", text[at + strspn(text + at, " \t\r")]) != NULL;
}

static bool line_is_comment(const char *text, size_t at)
{
    char first = text[at + strspn(text + at, " \t")];
    return first == '#' || first == ';';
}

/* The file's own line end. */
static const char *line_end(const char *text)
{
    const char *newline = strchr(text, '\n');
    return newline && newline > text && newline[-1] == '\r' ? "\r\n" : "\n";
}

static size_t section_end(const struct lexer_section *section)
{
    return section->count ? section->entries[section->count - 1].end : section->end;
}

static const struct edit_key *find_key(const struct edit_key *keys, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].key, name) == 0)
            return &keys[i];
    return NULL;
}

static const struct lexer_entry *last_entry(const struct lexer_section *section, const char *key)
{
    for (size_t i = section ? section->count : 0; i-- > 0;)
        if (strcmp(section->entries[i].key, key) == 0)
            return &section->entries[i];
    return NULL;
}

struct copy {
    const char *text;
    size_t at; /* copied up to here */
    struct text *out;
};

static void copy_to(struct copy *copy, size_t end)
{
    if (end > copy->at)
        text_add_data(copy->out, copy->text + copy->at, end - copy->at);
    copy->at = end > copy->at ? end : copy->at;
}

/* The new value, in the old one's place; a comment behind it stays, unless the value goes on in further lines. */
static void replace_value(struct copy *copy, const struct lexer_entry *entry, const char *value)
{
    CLEANUP(freep) char *quoted = lexer_quote_ini(value);
    size_t rest = entry->end - entry->value_end;
    bool joined = memchr(copy->text + entry->value_end, '\n', rest) != NULL;
    copy_to(copy, entry->value_start);
    text_add(copy->out, quoted);
    copy->at = joined ? entry->end : entry->value_end;
    if (copy->text[copy->at] == '#')
        text_add(copy->out, " ");
}

static void copy_entries(struct copy *copy, const struct lexer_section *section, const struct edit_key *keys, size_t count)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct lexer_entry *entry = &section->entries[i];
        const struct edit_key *key = find_key(keys, count, entry->key);
        if (!key)
            continue;
        if (!key->value) {
            copy_to(copy, line_start(copy->text, entry->start));
            copy->at = next_line(copy->text, entry->end);
        } else if (!key->keep && entry == last_entry(section, key->key)) {
            replace_value(copy, entry, key->value);
        }
    }
}

static void start_line(struct text *out, const char *newline)
{
    if (out->length && out->data[out->length - 1] != '\n')
        text_add(out, newline);
}

static void add_new_keys(struct text *out, const struct lexer_section *section, const struct edit_key *keys, size_t count,
                         const char *newline)
{
    for (size_t i = 0; i < count; i++) {
        if (!keys[i].value || last_entry(section, keys[i].key))
            continue;
        CLEANUP(freep) char *quoted = lexer_quote_ini(keys[i].value);
        start_line(out, newline);
        text_format(out, "%s=%s%s", keys[i].key, quoted, newline);
    }
}

static void start_section(struct text *out, const char *name, const char *newline)
{
    start_line(out, newline);
    if (out->length && !line_is_blank(out->data, line_start(out->data, out->length - 1)))
        text_add(out, newline);
    text_format(out, "[%s]%s", name, newline);
}

char *edit_section(const char *text, const struct lexer_section *section, const char *name, const struct edit_key *keys,
                   size_t count)
{
    struct text out = {0};
    struct copy copy = {.text = text, .out = &out};
    const char *newline = line_end(text);
    if (section) {
        copy_entries(&copy, section, keys, count);
        copy_to(&copy, next_line(text, section_end(section)));
    } else {
        copy_to(&copy, strlen(text));
        start_section(&out, name, newline);
    }
    add_new_keys(&out, section, keys, count, newline);
    copy_to(&copy, strlen(text));
    return text_take(&out);
}

/* Comments right below the last key go with it; one right above the next section is that section's. */
static size_t skip_comments(const char *text, size_t at, size_t next)
{
    size_t behind = at;
    while (behind < next && line_is_comment(text, behind))
        behind = next_line(text, behind);
    return !text[behind] || line_is_blank(text, behind) ? behind : at;
}

/* One blank line between what was before and what comes behind. */
char *edit_remove_section(const char *text, const struct lexer_section *section, size_t next)
{
    size_t start = line_start(text, section->start), before = start;
    size_t end = skip_comments(text, next_line(text, section_end(section)), next), behind = end;
    struct text out = {0};
    while (text[behind] && behind < next && line_is_blank(text, behind))
        behind = next_line(text, behind);
    while (before > 0 && line_is_blank(text, line_start(text, before - 1)))
        before = line_start(text, before - 1);
    if (!text[behind])
        start = before;
    if (!text[behind] || before < start || !start)
        end = behind;
    text_add_data(&out, text, start);
    text_add(&out, text + end);
    return text_take(&out);
}
