#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

enum { KEYS_MAX = 64 };

/* A file with an error is not touched: nobody knows what its author meant. */
static int fault_of(const struct problems *problems, struct error *err)
{
    for (size_t i = 0; i < problems->count; i++)
        if (!problems->items[i].warning)
            return error_set(err, EINVAL, "line %u: %s", problems->items[i].line, problems->items[i].text);
    return error_set(err, EINVAL, "it can't be read");
}

static int read_vm(const char *text, struct vm **ret_vm, struct error *err)
{
    struct problems problems = {0};
    int result = 0;
    *ret_vm = vmfile_read("vm", text, strlen(text), &problems);
    if (!*ret_vm)
        result = fault_of(&problems, err);
    problems_clear(&problems);
    return result;
}

/* The places of a text that read_vm found good. */
static void read_places(const char *text, struct lexer_file *ret_file)
{
    struct problems problems = {0};
    struct complaints complaints = complaints_begin(&problems, "vm");
    lexer_read_ini(text, strlen(text), ret_file, &complaints);
    problems_clear(&problems);
}

static const struct lexer_section *find_nic(const struct lexer_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (text_equal(vmfile_nic_name(&file->sections[i]), name))
            return &file->sections[i];
    return NULL;
}

/* What the file is to say of it: what is stated, and of a NIC that is new to it the MAC also when it was made up, for it is to stay. */
static char *nic_value(const struct option *row, const struct nic *nic, bool is_new)
{
    return is_new && row->type == OPTION_MAC ? option_format(row, nic) : vmfile_value(row, nic);
}

static size_t nic_keys(const struct nic *nic, const struct nic *before, struct edit_key keys[KEYS_MAX])
{
    size_t count = 0;
    for (const struct option *row = option_table; row < option_table + option_count && count < KEYS_MAX; row++)
        if (row->scope == OPTION_NIC)
            keys[count++] = (struct edit_key){
                .key = row->key,
                .value = nic_value(row, nic, !before),
                .keep = before && option_is_set(row, before) && option_same(row, before, nic),
            };
    return count;
}

static char *write_nic(const char *text, const struct lexer_section *section, const char *name, const struct nic *nic,
                       const struct nic *before)
{
    struct edit_key keys[KEYS_MAX];
    size_t count = nic_keys(nic, before, keys);
    CLEANUP(freep) char *header = memory_format("nic %s", name);
    char *changed = edit_section(text, section, header, keys, count);
    for (size_t i = 0; i < count; i++)
        free(keys[i].value);
    return changed;
}

static char *remove_nic(const char *text, const struct lexer_file *file, const struct lexer_section *section)
{
    const struct lexer_section *next = section + 1;
    return edit_remove_section(text, section, next < file->sections + file->count ? next->start : strlen(text));
}

/* What can't be said in a file, or not together (queues of an e1000), shows when it is read. */
static int check_nic(const char *text, const char *name, const struct nic *nic, bool is_new, struct error *err)
{
    struct vm *vm = NULL;
    int result = read_vm(text, &vm, err);
    const struct nic *read = result == 0 ? vm_find_nic(vm, name) : NULL;
    if (result == 0 && !read != !nic)
        result = error_set(err, EINVAL, "its file would not say what was asked for");
    for (const struct option *row = option_table; row < option_table + option_count && result == 0 && nic; row++) {
        CLEANUP(freep) char *wanted = row->scope == OPTION_NIC ? nic_value(row, nic, is_new) : NULL;
        CLEANUP(freep) char *got = row->scope == OPTION_NIC ? nic_value(row, read, is_new) : NULL;
        if (!text_equal(wanted, got))
            result = error_set(err, EINVAL, "%s can't be written into its file", row->key);
    }
    vm_free(vm);
    return result;
}

static int edit_nic(const char *text, const struct vm *vm, const char *name, const struct nic *nic, char **ret_text,
                    struct error *err)
{
    struct lexer_file file;
    read_places(text, &file);
    const struct lexer_section *section = find_nic(&file, name);
    CLEANUP(freep) char *changed = NULL;
    int result = 0;
    if (!section && !nic)
        result = error_set(err, ENOENT, "the VM's file has no such NIC");
    else
        changed = nic ? write_nic(text, section, name, nic, vm_find_nic(vm, name)) : remove_nic(text, &file, section);
    lexer_file_clear(&file);
    if (result == 0)
        result = check_nic(changed, name, nic, !section, err);
    if (result == 0)
        *ret_text = TAKE_POINTER(changed);
    return result;
}

int vmedit_nic(const char *text, const char *name, const struct nic *nic, char **ret_text, struct error *err)
{
    const char *fault = text_vm_name_fault(name);
    char shown[QUOTE_SIZE];
    if (fault)
        return error_set(err, EINVAL, "nic: the name %s %s", quote_text(name, shown), fault);
    struct vm *vm = NULL;
    int result = read_vm(text, &vm, err);
    if (result == 0)
        result = edit_nic(text, vm, name, nic, ret_text, err);
    vm_free(vm);
    return result < 0 ? error_prefix(err, "nic %s", name) : 0;
}

static const struct lexer_section *find_section(const struct lexer_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->sections[i].name, name) == 0)
            return &file->sections[i];
    return NULL;
}

static char *write_autostart(const char *text, bool autostart)
{
    char yes[] = "yes";
    const struct edit_key key = {.key = "Autostart", .value = autostart ? yes : NULL};
    struct lexer_file file;
    read_places(text, &file);
    const struct lexer_section *section = find_section(&file, "vm");
    char *changed = section || autostart ? edit_section(text, section, "vm", &key, 1) : memory_string(text);
    lexer_file_clear(&file);
    return changed;
}

int vmedit_autostart(const char *text, bool autostart, char **ret_text, struct error *err)
{
    struct vm *before = NULL, *after = NULL;
    CLEANUP(freep) char *changed = NULL;
    int result = read_vm(text, &before, err);
    if (result == 0) {
        changed = write_autostart(text, autostart);
        result = read_vm(changed, &after, err);
    }
    if (result == 0 && after->autostart != autostart)
        result = error_set(err, EINVAL, "Autostart can't be written into its file");
    if (result == 0)
        *ret_text = TAKE_POINTER(changed);
    vm_free(before);
    vm_free(after);
    return result;
}
