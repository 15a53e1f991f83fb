#include <string.h>

#include "base/error.h"
#include "config/config_internal.h"

void section_unknown_key(const struct lexer_entry *entry, enum option_scope scope, const char *table_section,
                         struct complaints *complaints)
{
    const char *nearest = option_nearest(scope, table_section, entry->key);
    complain(complaints, true, entry->line, entry->column, "unknown key %.64s%s%s%s", entry->key,
             nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

bool section_parse(const struct lexer_entry *entry, const struct option *row, void *object, struct complaints *complaints)
{
    struct error err;
    if (option_parse(row, object, entry->value, &err) == 0)
        return true;
    complain(complaints, false, entry->value_line, entry->value_column, "%s %s", entry->key, err.text);
    return false;
}

/* The entry of the same key before this one, or NULL. */
static const struct lexer_entry *earlier(const struct lexer_section *section, const struct lexer_entry *entry)
{
    for (const struct lexer_entry *other = section->entries; other < entry; other++)
        if (strcmp(other->key, entry->key) == 0)
            return other;
    return NULL;
}

void section_read(const struct lexer_section *section, enum option_scope scope, const char *table_section, void *object,
                  struct complaints *complaints)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct lexer_entry *entry = &section->entries[i];
        const struct option *row = option_find(scope, table_section, entry->key, NULL);
        if (!row) {
            section_unknown_key(entry, scope, table_section, complaints);
            continue;
        }
        if (row->type == OPTION_SPECIAL)
            continue;
        const struct lexer_entry *other = earlier(section, entry);
        if (other)
            complain(complaints, true, entry->line, entry->column, "%s stands in line %u already; this one counts", entry->key,
                     other->line);
        if (lexer_counts(section, entry))
            section_parse(entry, row, object, complaints);
    }
}
