#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"
#include "model/hwaddr.h"
#include "model/kind.h"

struct reader {
    const struct lexer_section *section;
    struct ifcfg *ifcfg;
    struct interface *interface;
    struct complaints complaints;
    enum interface_kind kind;
    bool port, slave;
    bool mutilated; /* the lexer refused something, so what is missing says nothing */
};

static struct ifcfg_place place_of(const struct lexer_entry *entry)
{
    return (struct ifcfg_place){.line = entry->value_line, .column = entry->value_column};
}

/* What the file is about */

const char *ifcfg_nick(const struct config_file *file)
{
    return text_starts(file->name, "ifcfg-") ? file->name + strlen("ifcfg-") : file->name;
}

static void skip_file(struct reader *reader, const struct lexer_entry *entry, const char *what)
{
    reader->ifcfg->skipped = true;
    complain(&reader->complaints, true, entry->line, entry->column, "%s is not supported yet: the file is skipped", what);
}

/* Kinds of interface that are known but not supported: the file is skipped with one warning, so that the rest of a host works. */
static bool is_skipped(struct reader *reader, const struct ifcfg_kind *kind)
{
    if (kind->kind == INTERFACE_OTHER) {
        bool type = strcmp(kind->entry->key, "TYPE") == 0;
        CLEANUP(freep) char *what = type ? memory_format("TYPE=%s", kind->entry->value) : memory_string(kind->entry->key);
        skip_file(reader, kind->entry, what);
        return true;
    }
    return false;
}

/* Of a file without DEVICE: the NIC that has HWADDR. */
static void read_device_by_mac(struct reader *reader, bool made)
{
    const struct lexer_entry *hwaddr = lexer_find(reader->section, "HWADDR");
    uint8_t mac[6];
    if (!hwaddr || made) {
        if (!reader->mutilated)
            complain(&reader->complaints, false, 1, 1, "DEVICE is missing: which interface is this?");
    } else if (text_mac(hwaddr->value, mac) == 0) { /* else its own row complains */
        hwaddr_name(mac, reader->ifcfg->device);
        reader->ifcfg->device_place = place_of(hwaddr);
    }
}

static void read_device_name(struct reader *reader, bool made)
{
    const struct lexer_entry *entry = lexer_find(reader->section, "DEVICE");
    const char *name = entry ? entry->value : ifcfg_nick(reader->ifcfg->file);
    if (!entry && !reader->ifcfg->skipped) {
        read_device_by_mac(reader, made);
        return;
    }
    const char *fault = text_interface_name_fault(name);
    char shown[QUOTE_SIZE];
    if (!fault)
        text_copy(reader->ifcfg->device, INTERFACE_NAME_SIZE, name);
    if (entry)
        reader->ifcfg->device_place = place_of(entry);
    if (reader->ifcfg->skipped)
        return;
    if (fault)
        complain(&reader->complaints, false, entry->value_line, entry->value_column, "DEVICE %s %s", quote_text(name, shown), fault);
}

/* Keys */

/* Has the option a meaning in this file? */
static bool has_effect(struct reader *reader, const struct lexer_entry *entry, const struct option *row)
{
    const char *without = kind_missing_for(reader->kind, row->field);
    if (row->field >= 0 && FIELD_BIT(row->field) & FIELD_PORT_ALL && !reader->port)
        without = "BRIDGE=";
    if (without && !reader->mutilated)
        complain(&reader->complaints, true, entry->line, entry->column, "%s has no effect without %s", entry->key, without);
    else if (kind_find(reader->kind)->made && strcmp(row->key, "HWADDR") == 0)
        complain(&reader->complaints, true, entry->line, entry->column,
                 "HWADDR has no effect: no hardware is behind a %s; MACADDR gives it a MAC address",
                 interface_kind_names[reader->kind]);
    else if (reader->slave && row->field == FIELD_MAC)
        complain(&reader->complaints, true, entry->line, entry->column,
                 "MACADDR has no effect: the bond gives its slaves their MAC address");
    else
        return true;
    return false;
}

static void read_key(struct reader *reader, const struct lexer_entry *entry)
{
    const struct option *row = option_find(OPTION_INTERFACE, NULL, entry->key, NULL);
    if (!row) {
        section_unknown_key(entry, OPTION_INTERFACE, NULL, &reader->complaints);
        return;
    }
    if (row->type == OPTION_SPECIAL || row->type == OPTION_IGNORED || row->type == OPTION_LATER)
        return;
    if (has_effect(reader, entry, row) && !ifcfg_links_read_key(entry, row, reader->interface, &reader->complaints))
        section_parse(entry, row, reader->interface, &reader->complaints);
}

/* BRIDGING_OPTS="path_cost=10 hairpin_mode=1", BONDING_OPTS="mode=1 miimon=100" */

/* sysfs takes numbers in hexadecimal too, and the kind of a VLAN's tag as its number alone. */
static const char *plain_value(const struct option *row, const char *value, char buffer[24])
{
    char *end;
    if (row->type != OPTION_NUMBER && row->type != OPTION_CHOICE)
        return value;
    if (strncasecmp(value, "0x", 2) == 0 && isxdigit((unsigned char)value[2])) {
        unsigned long long number = strtoull(value, &end, 16);
        if (!*end) {
            snprintf(buffer, 24, "%llu", number);
            value = buffer;
        }
    }
    if (strcmp(row->key, "vlan_protocol") == 0)
        return strcmp(value, "33024") == 0 ? "802.1Q" : strcmp(value, "34984") == 0 ? "802.1ad" : value;
    return value;
}

/* Frames of these groups are never forwarded (BR_GROUPFWD_RESTRICTED, BR_GROUPFWD_MACPAUSE). */
static void check_group_forward_mask(struct reader *reader, const struct lexer_entry *entry)
{
    uint32_t mask = reader->kind == INTERFACE_BRIDGE ? reader->interface->bridge.group_forward_mask : reader->interface->port.group_forward_mask;
    uint32_t never = reader->kind == INTERFACE_BRIDGE ? 7 : 2;
    if (mask & never)
        complain(&reader->complaints, false, entry->value_line, entry->value_column,
                 "BRIDGING_OPTS: group_fwd_mask wants none of the bits of %u: those frames are never forwarded by a %s", never,
                 reader->kind == INTERFACE_BRIDGE ? "bridge" : "port");
}

struct words {
    const struct lexer_entry *entry;
    const char *section; /* of the option table: "bridge" */
};

static void read_word(struct reader *reader, const struct words *words, char *word)
{
    const char *key = words->entry->key;
    unsigned line = words->entry->value_line, column = words->entry->value_column;
    char shown[QUOTE_SIZE];
    char *value = strchr(word, '=');
    if (!value) {
        complain(&reader->complaints, false, line, column, "%s wants KEY=VALUE, not %s", key, quote_text(word, shown));
        return;
    }
    *value++ = '\0';
    char number[24];
    const struct option *row = option_find(OPTION_INTERFACE, words->section, word, NULL);
    const char *nearest = row ? NULL : option_nearest(OPTION_INTERFACE, words->section, word);
    struct error err;
    if (!row)
        complain(&reader->complaints, true, line, column, "%s: unknown option %s of a %s%s%s%s", key, quote_text(word, shown),
                 words->section, nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    else if (row->type == OPTION_LATER)
        complain(&reader->complaints, true, line, column, "%s: %s is not supported yet, without effect", key, word);
    else if (row->type != OPTION_IGNORED && option_parse(row, reader->interface, plain_value(row, value, number), &err) < 0)
        complain(&reader->complaints, false, line, column, "%s: %s %s", key, word, err.text);
}

static void read_words(struct reader *reader, const char *key, const char *section)
{
    struct words words = {lexer_find(reader->section, key), section};
    if (!words.entry)
        return;
    CLEANUP(freep) char *text = memory_string(words.entry->value);
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
        read_word(reader, &words, word);
}

/* After all other keys, as the scripts do it: BRIDGING_OPTS wins over DELAY. */
static void read_bridging_options(struct reader *reader)
{
    const struct lexer_entry *entry = lexer_find(reader->section, "BRIDGING_OPTS");
    if (!entry)
        return;
    if (reader->kind != INTERFACE_BRIDGE && !reader->port) {
        complain(&reader->complaints, true, entry->line, entry->column,
                 "BRIDGING_OPTS has no effect without TYPE=Bridge or BRIDGE=");
        return;
    }
    read_words(reader, "BRIDGING_OPTS", reader->kind == INTERFACE_BRIDGE ? "bridge" : "port");
    check_group_forward_mask(reader, entry);
}

/* With STP on, the kernel puts a forward delay outside of 2 to 30 s silently into these bounds (br_stp_start), so what is wanted
 * would never be what is. virsh iface-bridge wrote STP=on with DELAY=0, so it is no error. */
static void bound_forward_delay(struct reader *reader)
{
    struct interface *interface = reader->interface;
    uint32_t delay = interface->bridge.forward_delay, bounded = delay < 200 ? 200 : delay > 3000 ? 3000 : delay;
    if (!interface_has(interface, FIELD_BRIDGE_STP) || !interface->bridge.stp
        || !interface_has(interface, FIELD_BRIDGE_FORWARD_DELAY) || bounded == delay)
        return;
    const struct lexer_entry *entry = lexer_find(reader->section, "DELAY");
    if (!entry)
        entry = lexer_find(reader->section, "BRIDGING_OPTS");
    complain(&reader->complaints, true, entry->line, entry->column,
             "with STP the kernel allows a forward delay of 2 to 30 seconds only: it is %u s", bounded / 100);
    interface->bridge.forward_delay = bounded;
}

/* What the kind needs besides its keys' own values. */
static void read_kind(struct reader *reader)
{
    if (reader->kind == INTERFACE_VLAN)
        ifcfg_vlan_read(reader->section, reader->ifcfg, &reader->complaints);
    ifcfg_links_read(reader->section, reader->ifcfg, &reader->complaints);
    if (reader->kind == INTERFACE_BOND) {
        read_words(reader, "BONDING_OPTS", "bond");
        ifcfg_bond_read(reader->section, reader->ifcfg, &reader->complaints);
    }
}

static void read_addresses(struct reader *reader)
{
    ifcfg_sysctl_read(reader->section, reader->ifcfg, &reader->complaints);
    address_read(reader->section, reader->ifcfg, &reader->complaints);
}

/* A bridge's port and a bond's slave have no addresses of their own: the scripts read none of their IP keys. Said of those that would
 * have brought some; what installers write into every file is not worth a word. */
static void warn_of_addresses(struct reader *reader)
{
    static const char *const keys[] = {"IPADDR", "GATEWAY", "IPV6ADDR", "IPV6ADDR_SECONDARIES", "IPV6_DEFAULTGW"};
    for (size_t i = 0; i < reader->section->count; i++) {
        const struct lexer_entry *entry = &reader->section->entries[i];
        int number;
        const struct option *row = option_find(OPTION_INTERFACE, NULL, entry->key, &number);
        bool unused = row && strcmp(row->key, "BOOTPROTO") == 0
                      && (strcasecmp(entry->value, "dhcp") == 0 || strcasecmp(entry->value, "bootp") == 0);
        for (size_t at = 0; row && at < ARRAY_SIZE(keys); at++)
            unused |= strcmp(row->key, keys[at]) == 0;
        if (unused && lexer_counts(reader->section, entry))
            complain(&reader->complaints, true, entry->line, entry->column,
                     "%s is not used: the interface has no addresses of its own, it belongs to %s", entry->key, reader->interface->master);
    }
}

static void read_interface(struct reader *reader)
{
    struct interface *interface = reader->interface;
    const struct lexer_section *section = reader->section;
    interface->kind = reader->kind == INTERFACE_ETHERNET && strcmp(interface->name, "lo") == 0 ? INTERFACE_LOOPBACK : reader->kind;
    /* A file that states no kind takes the interface as it finds it, whatever its kind. */
    interface->set |= FIELD_BIT(FIELD_UP) | (kind_find(reader->kind)->made ? FIELD_BIT(FIELD_KIND) : 0);
    interface->up = true;
    reader->slave = ifcfg_bond_read_slave(section, reader->ifcfg, &reader->complaints);
    for (size_t i = 0; i < section->count; i++)
        if (lexer_counts(section, &section->entries[i]) || !option_find(OPTION_INTERFACE, NULL, section->entries[i].key, NULL))
            read_key(reader, &section->entries[i]);
    read_bridging_options(reader);
    bound_forward_delay(reader);
    ifcfg_vlans_read(section, reader->kind == INTERFACE_BRIDGE || reader->port, reader->ifcfg, &reader->complaints);
    read_kind(reader);
    ifcfg_later_read(section, &reader->complaints);
    if (!reader->port && !reader->slave) {
        read_addresses(reader);
        return;
    }
    interface->set |= FIELD_BIT(FIELD_ADDRESSES);
    if (*interface->master)
        warn_of_addresses(reader);
}

static void read_section(struct reader *reader)
{
    const struct lexer_entry *bridge = lexer_find(reader->section, "BRIDGE");
    struct ifcfg *ifcfg = reader->ifcfg;
    if (!reader->section->count) {
        if (!reader->mutilated)
            complain(&reader->complaints, true, 1, 1, "the file is empty");
        return;
    }
    struct ifcfg_kind kind = ifcfg_kind_read(reader->section, &reader->complaints);
    bool skipped = is_skipped(reader, &kind);
    read_device_name(reader, kind_find(kind.kind)->made);
    if (skipped)
        return;
    /* As "ip tuntap" of the scripts: a TUN is a TAP of layer 3, told by its name. */
    reader->kind = kind.kind == INTERFACE_TAP && text_starts(ifcfg->device, "tun") ? INTERFACE_TUN : kind.kind;
    reader->port = bridge;
    if (bridge)
        ifcfg->master_place = place_of(bridge);
    reader->interface = ifcfg->interface = interface_new(ifcfg->device);
    ifcfg->interface->file = memory_string(ifcfg->file->path);
    ifcfg->interface->by_mac = hwaddr_is_name(ifcfg->device);
    read_interface(reader);
}

void ifcfg_read(const struct config_file *file, const struct lexer_section *global, struct ifcfg *ret_ifcfg, struct problems *problems)
{
    struct lexer_file lexed;
    struct reader reader = {.ifcfg = ret_ifcfg, .complaints = complaints_begin(problems, file->path)};
    *ret_ifcfg = (struct ifcfg){.file = file, .global = global};
    if (!file->text) {
        complain(&reader.complaints, false, 0, 0, "%s", file->fault ? file->fault : "can't be read");
        return;
    }
    lexer_read_shell(file->text, file->size, &lexed, &reader.complaints);
    reader.section = &lexed.sections[0];
    reader.mutilated = reader.complaints.errors;
    ret_ifcfg->alias = alias_is_one(file, reader.section);
    if (!ret_ifcfg->alias)
        read_section(&reader);
    if (reader.complaints.errors && ret_ifcfg->interface) {
        interface_free(ret_ifcfg->interface);
        ret_ifcfg->interface = NULL;
    }
    lexer_file_clear(&lexed);
}

void ifcfg_clear(struct ifcfg *ifcfg)
{
    interface_free(ifcfg->interface);
    free(ifcfg->address_places);
    *ifcfg = (struct ifcfg){0};
}
