#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

static const char *const sections[] = {"network", "vm", "qemu", "ovs", "api"};

static bool is_section(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
        if (strcmp(name, sections[i]) == 0)
            return true;
    return false;
}

static void unknown_section(const struct lexer_section *section, struct complaints *complaints)
{
    const char *nearest = text_nearest(section->name, sections, ARRAY_SIZE(sections));
    char shown[QUOTE_SIZE];
    complain(complaints, true, section->line, section->column, "unknown section %s%s%s%s", quote_text(section->name, shown),
             nearest ? "; did you mean [" : "", nearest ? nearest : "", nearest ? "]?" : "");
}

/* A daemon has no working directory to speak of. */
static bool wants_prefix(const struct lexer_entry *entry, const char *prefix, const char *what, struct complaints *complaints)
{
    char shown[QUOTE_SIZE];
    if (text_starts(entry->value, prefix))
        return true;
    complain(complaints, false, entry->value_line, entry->value_column, "%s wants %s, not %s", entry->key, what,
             quote_text(entry->value, shown));
    return false;
}

static void check_paths(const struct lexer_section *section, struct settings *settings, struct complaints *complaints)
{
    static const char path[] = "an absolute path";
    for (size_t i = 0; i < section->count; i++) {
        const struct lexer_entry *entry = &section->entries[i];
        bool directory = strcmp(entry->key, "Directory") == 0;
        if (!*entry->value)
            continue;
        if (directory && strcmp(section->name, "network") == 0) {
            if (wants_prefix(entry, "/", path, complaints)) {
                *APPEND(settings->network_directories, settings->network_directory_count) = memory_string(entry->value);
                settings->set |= FIELD_BIT(option_find(OPTION_SETTINGS, "network", "Directory", NULL)->field);
            }
        } else if (!lexer_counts(section, entry)) {
            continue;
        } else if ((directory && strcmp(section->name, "vm") == 0)
                   || (strcmp(entry->key, "Binary") == 0 && strchr(entry->value, '/'))) {
            wants_prefix(entry, "/", path, complaints);
        } else if (strcmp(entry->key, "Database") == 0) {
            wants_prefix(entry, "unix:/", "unix: and the path of a socket", complaints);
        }
    }
}

void settings_parse(const char *path, const char *text, size_t size, struct settings *settings, struct problems *problems)
{
    struct complaints complaints = complaints_begin(problems, path);
    struct lexer_file file;
    lexer_read_ini(text, size, &file, &complaints);
    for (size_t i = 0; i < file.count; i++) {
        if (!is_section(file.sections[i].name)) {
            unknown_section(&file.sections[i], &complaints);
            continue;
        }
        section_read(&file.sections[i], OPTION_SETTINGS, file.sections[i].name, settings, &complaints);
        check_paths(&file.sections[i], settings, &complaints);
    }
    lexer_file_clear(&file);
}

static void fill_in(const char *config_dir, struct settings *settings)
{
    if (!settings->network_directory_count)
        *APPEND(settings->network_directories, settings->network_directory_count) = memory_format("%s/network", config_dir);
    if (!settings->vm_directory)
        settings->vm_directory = memory_format("%s/vms", config_dir);
}

void settings_read(const char *config_dir, struct settings *ret_settings, struct problems *problems)
{
    CLEANUP(freep) char *path = memory_format("%s/trestle.conf", config_dir), *text = NULL;
    struct error err;
    size_t size;
    *ret_settings = (struct settings){0};
    option_set_defaults(OPTION_SETTINGS, ret_settings);
    int result = file_read(AT_FDCWD, path, CONFIG_FILE_SIZE, &text, &size, &err);
    if (result == 0)
        settings_parse(path, text, size, ret_settings, problems);
    else if (result != -ENOENT)
        problems_add(problems, false, path, 0, 0, "%s", err.text);
    fill_in(config_dir, ret_settings);
}

void settings_clear(struct settings *settings)
{
    for (size_t i = 0; i < settings->network_directory_count; i++)
        free(settings->network_directories[i]);
    free(settings->network_directories);
    free(settings->vm_directory);
    free(settings->qemu_binary);
    free(settings->qemu_user);
    free(settings->ovs_database);
    free(settings->api_group);
    free(settings->api_read_only_group);
    *settings = (struct settings){0};
}
