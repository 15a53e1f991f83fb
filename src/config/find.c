/* Which ifcfg file a word means, as ifup has it (need_config of the network scripts). */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/config_internal.h"

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const struct config_file *by_file_name(const struct config_files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->items[i].name, name) == 0 && text_starts(name, "ifcfg-"))
            return &files->items[i];
    return NULL;
}

/* The value of the last line of that key; NULL when there is none, or no shell could read the file. The caller frees it. */
static char *value_of(const struct config_file *file, const char *key)
{
    struct lexer_file lexed = {0};
    struct problems ignored = {0};
    struct complaints complaints = complaints_begin(&ignored, file->path);
    if (!file->text)
        return NULL;
    lexer_read_shell(file->text, file->size, &lexed, &complaints);
    const struct lexer_entry *entry = lexer_find(&lexed.sections[0], key);
    char *value = entry ? memory_string(entry->value) : NULL;
    lexer_file_clear(&lexed);
    problems_clear(&ignored);
    return value;
}

static const struct config_file *by_key(const struct config_files *files, const char *key, const char *wanted,
                                        int (*compare)(const char *, const char *))
{
    for (size_t i = 0; i < files->count; i++) {
        if (!text_starts(files->items[i].name, "ifcfg-"))
            continue;
        CLEANUP(freep) char *value = value_of(&files->items[i], key);
        if (value && compare(value, wanted) == 0)
            return &files->items[i];
    }
    return NULL;
}

/* NetworkManager called connections of its own making "Auto eth0" and "System eth0". */
static int compare_nicks(const char *value, const char *wanted)
{
    size_t skip = text_starts(value, "Auto ") ? strlen("Auto ") : text_starts(value, "System ") ? strlen("System ") : 0;
    return strcmp(value, wanted) == 0 ? 0 : strcmp(value + skip, wanted);
}

const struct config_file *config_find(const struct config_files *files, const char *word, const uint8_t mac[6])
{
    CLEANUP(freep) char *name = memory_format("ifcfg-%s", word);
    const struct config_file *file = by_file_name(files, name);
    char text[18];
    if (!file)
        file = by_file_name(files, last_part(word));
    if (!file)
        file = by_key(files, "NAME", word, compare_nicks);
    if (!file && mac) {
        text_from_mac(mac, text);
        file = by_key(files, "HWADDR", text, strcasecmp);
    }
    return file ? file : by_key(files, "DEVICE", word, strcmp);
}
