/* Aliases and ranges of them, as ifup-aliases reads them: more IPv4 addresses for the interface that the file's name begins with,
 * told apart by their labels. The words of its errors are kept. */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

struct reader {
    struct ifcfg *alias, *parent;
    const struct lexer_section *section, *parent_section;
    struct complaints complaints;
};

/* "ifcfg-eth0-range3" */
static const char *range_part(const char *name)
{
    const char *range = NULL;
    for (const char *at = name; (at = strstr(at, "-range")); at++)
        range = at;
    return range && range > name ? range : NULL;
}

bool alias_is_one(const struct config_file *file, const struct lexer_section *section)
{
    const struct lexer_entry *device = lexer_find(section, "DEVICE");
    const char *name = file->name + strlen("ifcfg-");
    if (range_part(name) && (lexer_find(section, "IPADDR_START") || lexer_find(section, "IPADDR_END")))
        return true;
    return strchr(device ? device->value : name, ':');
}

static bool is_range(const struct reader *reader)
{
    return lexer_find(reader->section, "IPADDR_START") || lexer_find(reader->section, "IPADDR_END");
}

/* The interface that gets the addresses: by DEVICE, else by the file's name. */
static void parent_name(const struct config_file *file, const struct lexer_section *section, char name[64])
{
    const struct lexer_entry *device = lexer_find(section, "DEVICE");
    const char *whole = device ? device->value : file->name + strlen("ifcfg-"), *end = strchr(whole, ':');
    if (!end)
        end = range_part(whole);
    snprintf(name, 64, "%.*s", end ? (int)(end - whole) : 63, whole);
}

/* What the alias does not say, its interface's file says. */
static const struct lexer_entry *find(const struct reader *reader, const char *key)
{
    const struct lexer_entry *own = lexer_find(reader->section, key);
    return own ? own : lexer_find(reader->parent_section, key);
}

static bool read_ipv4(struct reader *reader, const struct lexer_entry *entry, uint8_t bytes[4])
{
    char shown[QUOTE_SIZE];
    if (inet_pton(AF_INET, entry->value, bytes) == 1 && bytes[0] != 0 && bytes[0] < 224)
        return true;
    complain(&reader->complaints, false, entry->value_line, entry->value_column, "%s wants an IPv4 address, not %s", entry->key,
             quote_text(entry->value, shown));
    return false;
}

static const struct ifcfg *holder_of(const struct ifcfg *files, size_t count, const uint8_t bytes[4])
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; files[i].interface && j < files[i].interface->address_count; j++)
            if (files[i].interface->addresses[j].family == AF_INET
                && memcmp(files[i].interface->addresses[j].bytes, bytes, 4) == 0)
                return &files[i];
    return NULL;
}

static bool label_is_taken(const struct interface *interface, const char *label)
{
    for (size_t i = 0; i < interface->address_count; i++)
        if (strcmp(interface->addresses[i].label, label) == 0)
            return true;
    return false;
}

static bool check_label(struct reader *reader, const char *label, const struct lexer_entry *entry)
{
    const char *fault = strlen(label) >= INTERFACE_NAME_SIZE               ? "the alias's name is longer than 15 characters"
                        : label_is_taken(reader->parent->interface, label) ? "already seen device"
                                                                           : NULL;
    char shown[QUOTE_SIZE];
    if (fault)
        complain(&reader->complaints, false, entry ? entry->value_line : 1, entry ? entry->value_column : 1, "%s %s", fault,
                 quote_text(label, shown));
    return !fault;
}

/* ARPCHECK and ARPUPDATE */
static bool is_denied(struct reader *reader, const char *key)
{
    const struct lexer_entry *entry = find(reader, key);
    bool value = true;
    if (entry && option_parse_bool(entry->value, &value) < 0)
        complain(&reader->complaints, false, entry->value_line, entry->value_column, "%s wants yes or no", key);
    return !value;
}

static void add(struct reader *reader, const uint8_t bytes[4], const char *label, const struct lexer_entry *entry)
{
    struct interface *interface = reader->parent->interface;
    const struct lexer_entry *broadcast = find(reader, "BROADCAST");
    struct address address = {.family = AF_INET, .valid = UINT32_MAX, .preferred = UINT32_MAX};
    size_t places = interface->address_count;
    int prefix;
    char text[16];
    if (!address_prefix_of(find(reader, "PREFIX"), find(reader, "NETMASK"), bytes, &prefix, &reader->complaints))
        return;
    memcpy(address.bytes, bytes, 4);
    address.prefix = (uint8_t)prefix;
    address.scope = bytes[0] == 127 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
    address.unchecked = is_denied(reader, "ARPCHECK");
    address.unannounced = is_denied(reader, "ARPUPDATE");
    text_copy(address.label, sizeof(address.label), label);
    address_read_broadcast(broadcast, &address, &reader->complaints);
    for (size_t i = 0; i < interface->address_count; i++)
        if (address_same(&interface->addresses[i], &address)) {
            complain(&reader->complaints, false, entry->value_line, entry->value_column, "already seen ipaddr %s in %s",
                     inet_ntop(AF_INET, bytes, text, sizeof(text)), reader->parent->file->path);
            return;
        }
    *APPEND(interface->addresses, interface->address_count) = address;
    *APPEND(reader->parent->address_places, places) = (struct ifcfg_place){entry->value_line, entry->value_column};
    interface->set |= FIELD_BIT(FIELD_ADDRESSES);
}

static bool check_seen(struct reader *reader, const struct ifcfg *files, size_t count, const uint8_t bytes[4],
                       const struct lexer_entry *entry)
{
    const struct ifcfg *holder = holder_of(files, count, bytes);
    char text[16];
    if (holder)
        complain(&reader->complaints, false, entry->value_line, entry->value_column, "already seen ipaddr %s in %s",
                 inet_ntop(AF_INET, bytes, text, sizeof(text)), holder->file->path);
    return !holder;
}

/* The NIC that HWADDR means puts its own in front (hwaddr_bind). */
static const char *name_in_label(const struct reader *reader)
{
    return reader->parent->interface->by_mac ? "" : reader->parent->device;
}

static void read_range(struct reader *reader, const struct ifcfg *files, size_t count)
{
    const struct lexer_entry *start = lexer_find(reader->section, "IPADDR_START"),
                             *end = lexer_find(reader->section, "IPADDR_END");
    const struct lexer_entry *number = lexer_find(reader->section, "CLONENUM_START"), *known = start ? start : end;
    uint8_t first[4], last[4];
    int64_t clone = 0;
    if (!start || !end) {
        complain(&reader->complaints, false, known->line, known->column,
                 "IPADDR_START and IPADDR_END don't agree: one of them is missing");
        return;
    }
    if (!read_ipv4(reader, start, first) || !read_ipv4(reader, end, last))
        return;
    if (memcmp(first, last, 3) != 0) {
        complain(&reader->complaints, false, end->value_line, end->value_column,
                 "IPADDR_START and IPADDR_END don't agree: all but the last number must be the same");
        return;
    }
    if (first[3] > last[3]) {
        complain(&reader->complaints, false, end->value_line, end->value_column, "IPADDR_START greater than IPADDR_END");
        return;
    }
    if (number && text_number(number->value, 0, 99999, &clone) < 0) {
        complain(&reader->complaints, false, number->value_line, number->value_column,
                 "CLONENUM_START wants a number from 0 to 99999");
        return;
    }
    for (unsigned last_part = first[3]; last_part <= last[3] && !complaints_full(&reader->complaints); last_part++, clone++) {
        char label[64];
        first[3] = (uint8_t)last_part;
        snprintf(label, sizeof(label), "%s:%lld", name_in_label(reader), (long long)clone);
        if (check_label(reader, label, number) && check_seen(reader, files, count, first, start))
            add(reader, first, label, start);
    }
}

/* NAME:ID, and ID is of letters, digits and _. */
static bool read_id(struct reader *reader, char label[64])
{
    const struct lexer_entry *device = lexer_find(reader->section, "DEVICE");
    const char *whole = device ? device->value : reader->alias->file->name + strlen("ifcfg-"), *id = strchr(whole, ':');
    char shown[QUOTE_SIZE];
    size_t good = id ? strspn(id + 1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz") : 0;
    if (!id || id[1 + good]) {
        complain(&reader->complaints, false, device ? device->value_line : 1, device ? device->value_column : 1,
                 "invalid alias number: %s wants letters, digits and _ behind the colon", quote_text(whole, shown));
        return false;
    }
    snprintf(label, 64, "%.62s", *name_in_label(reader) ? whole : id);
    return check_label(reader, label, device);
}

static void read_one(struct reader *reader, const struct ifcfg *files, size_t count)
{
    const struct lexer_entry *entry = lexer_find(reader->section, "IPADDR");
    uint8_t bytes[4];
    char label[64];
    if (!entry)
        entry = lexer_find(reader->section, "IPADDR0");
    if (!entry) {
        complain(&reader->complaints, false, 1, 1, "didn't specify device or ipaddr: IPADDR is missing");
        return;
    }
    if (read_id(reader, label) && read_ipv4(reader, entry, bytes) && check_seen(reader, files, count, bytes, entry))
        add(reader, bytes, label, entry);
}

static void warn_of_keys(struct reader *reader)
{
    const struct lexer_entry *onboot = lexer_find(reader->section, "ONBOOT");
    bool value;
    for (size_t i = 0; i < reader->section->count; i++)
        if (!option_find(OPTION_INTERFACE, NULL, reader->section->entries[i].key, NULL))
            section_unknown_key(&reader->section->entries[i], OPTION_INTERFACE, NULL, &reader->complaints);
    if (onboot && option_parse_bool(onboot->value, &value) == 0 && !value && !lexer_find(reader->section, "ONPARENT"))
        complain(&reader->complaints, true, onboot->line, onboot->column,
                 "ONBOOT has no effect in an alias, which comes with its interface; ONPARENT=no keeps it away");
}

/* ONPARENT=no: only ifup of the alias itself brings it. */
static bool is_left_out(struct reader *reader)
{
    const struct lexer_entry *entry = find(reader, "ONPARENT");
    bool value = true;
    if (entry && option_parse_bool(entry->value, &value) < 0)
        complain(&reader->complaints, false, entry->value_line, entry->value_column, "ONPARENT wants yes or no");
    return !value;
}

static struct ifcfg *find_parent(struct ifcfg *files, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!files[i].alias && strcmp(files[i].device, name) == 0)
            return &files[i];
    for (size_t i = 0; i < count; i++)
        if (!files[i].alias && strcmp(ifcfg_nick(files[i].file), name) == 0)
            return &files[i];
    return NULL;
}

static void read_with_parent(struct reader *reader, const struct ifcfg *files, size_t count)
{
    struct lexer_file lexed;
    struct problems muted = {0}; /* its own reader has told them */
    struct complaints complaints = complaints_begin(&muted, reader->parent->file->path);
    lexer_read_shell(reader->parent->file->text, reader->parent->file->size, &lexed, &complaints);
    reader->parent_section = &lexed.sections[0];
    warn_of_keys(reader);
    if (!is_left_out(reader) && is_range(reader))
        read_range(reader, files, count);
    else if (!is_left_out(reader))
        read_one(reader, files, count);
    lexer_file_clear(&lexed);
    problems_clear(&muted);
}

static void read_alias(struct ifcfg *alias, struct ifcfg *files, size_t count, bool lone, struct problems *problems)
{
    struct lexer_file lexed;
    struct problems muted = {0};
    struct complaints first = complaints_begin(&muted, alias->file->path);
    struct reader reader = {.alias = alias, .complaints = complaints_begin(problems, alias->file->path)};
    char name[64], shown[QUOTE_SIZE];
    lexer_read_shell(alias->file->text, alias->file->size, &lexed, &first); /* again: ifcfg_read has told what is wrong */
    reader.section = &lexed.sections[0];
    parent_name(alias->file, reader.section, name);
    reader.parent = find_parent(files, count, name);
    if (!reader.parent)
        complain(&reader.complaints, lone, 1, 1, "no file states %s, which this is an alias of", quote_text(name, shown));
    else if (reader.parent->interface && reader.parent->interface->master[0])
        complain(&reader.complaints, true, 1, 1, "is not used: %s belongs to %s and has no addresses of its own", name,
                 reader.parent->interface->master);
    else if (reader.parent->interface)
        read_with_parent(&reader, files, count);
    lexer_file_clear(&lexed);
    problems_clear(&muted);
}

void alias_read_all(struct ifcfg *files, size_t count, bool lone, struct problems *problems)
{
    for (size_t i = 0; i < count; i++)
        if (files[i].alias)
            read_alias(&files[i], files, count, lone, problems);
}
