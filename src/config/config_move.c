/* The network files when a NIC goes into a bridge, or out of it. */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/config_internal.h"
#include "model/hwaddr.h"

/* -- which keys go along ---------------------------------------------------------------------------------------------------------- */

/* Those of IP and of what depends on it; a digit or more may follow where `numbered` says so. What is the wire's own (HWADDR, MACADDR,
 * ETHTOOL_OPTS, bonding, VLAN) stays, and so does what nobody knows. */
static const struct {
    const char *start;
    enum { WHOLE, NUMBERED, ANY } rest;
} moving_keys[] = {
    {"BOOTPROTO", WHOLE}, {"IPADDR", NUMBERED}, {"PREFIX", NUMBERED}, {"NETMASK", NUMBERED}, {"BROADCAST", NUMBERED},
    {"NETWORK", NUMBERED}, {"GATEWAY", NUMBERED}, {"GATEWAYDEV", WHOLE}, {"DEFROUTE", WHOLE}, {"METRIC", WHOLE}, {"SRCADDR", WHOLE},
    {"SCOPE", WHOLE}, {"WINDOW", WHOLE}, {"ARP", WHOLE}, {"ARPCHECK", NUMBERED}, {"ARPUPDATE", WHOLE}, {"ARPING_WAIT", WHOLE}, {"NOZEROCONF", WHOLE},
    {"EXTRA_ROUTE_OPTS", WHOLE}, {"DNS", NUMBERED}, {"DOMAIN", WHOLE}, {"RES_OPTIONS", WHOLE}, {"PEERDNS", WHOLE}, {"PEERNTP", WHOLE},
    {"PEERROUTES", WHOLE}, {"DHCP", ANY}, {"DHCLIENT", ANY}, {"PERSISTENT_DHCLIENT", ANY}, {"IPV4_", ANY}, {"IPV6", ANY},
    {"ZONE", WHOLE},
};

static bool moves(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(moving_keys); i++) {
        const char *rest = key + strlen(moving_keys[i].start);

        if (!text_starts(key, moving_keys[i].start))
            continue;
        if (moving_keys[i].rest == ANY || !*rest
            || (moving_keys[i].rest == NUMBERED && rest[strspn(rest, "0123456789")] == '\0'))
            return true;
    }
    return false;
}

/* -- files ------------------------------------------------------------------------------------------------------------------------ */

struct moving {
    const struct config_files *files;
    const struct move_files *move;
    const char *from, *to;           /* links */
    const char *from_nick, *to_nick; /* by which the files of their routes and aliases are called */
    struct config_files *changed;
};

static bool is_by_mac(const struct ifcfg *ifcfg, const struct interface *link)
{
    return link && ifcfg->interface && ifcfg->interface->by_mac && hwaddr_means(ifcfg->interface, link);
}

/* link: as the kernel has it, for a file that names it by its MAC address alone; NULL = it is none. */
static const struct config_file *find_device(const struct config_files *files, const char *device, const struct interface *link)
{
    const struct config_file *found = NULL;
    for (size_t i = 0; i < files->count && !found; i++) {
        struct problems ignored = {0};
        struct ifcfg ifcfg;
        if (!text_starts(files->items[i].name, "ifcfg-") || !files->items[i].text)
            continue;
        ifcfg_read(&files->items[i], NULL, &ifcfg, &ignored);
        if (!ifcfg.alias && (text_equal(ifcfg.device, device) || is_by_mac(&ifcfg, link)))
            found = &files->items[i];
        ifcfg_clear(&ifcfg);
        problems_clear(&ignored);
    }
    return found;
}

static const struct config_file *find_name(const struct config_files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (text_equal(files->items[i].name, name) && files->items[i].text)
            return &files->items[i];
    return NULL;
}

/* Beside the file of the same link. */
static char *path_beside(const struct moving *moving, const struct config_file *file, const char *name)
{
    const char *slash = file ? strrchr(file->path, '/') : NULL;
    if (slash)
        return memory_format("%.*s/%s", (int)(slash - file->path), file->path, name);
    return memory_format("%s/%s", moving->move->directory, name);
}

static void change(struct moving *moving, const char *path, char *text)
{
    struct config_file *file;
    config_files_add(moving->changed, path, text ? text : "");
    file = &moving->changed->items[moving->changed->count - 1];
    if (!text) {
        free(file->text);
        file->text = NULL;
        file->size = 0;
    }
    free(text);
}

/* -- settings that a file states -------------------------------------------------------------------------------------------------- */

static bool has_key(const struct lexer_section *section, const char *key)
{
    return lexer_find(section, key);
}

/* The first number from 1 on that no address of the file has: with a gap below 2 the reading goes on, with one above it ends. */
static unsigned free_number(const struct lexer_section *section)
{
    for (unsigned number = 1;; number++) {
        char key[24];
        snprintf(key, sizeof(key), "IPADDR%u", number);
        if (!has_key(section, key))
            return number;
    }
}

static const struct lexer_entry *numbered(const struct lexer_section *section, const char *name, const char *number)
{
    char key[64];
    snprintf(key, sizeof(key), "%s%s", name, number);
    return lexer_find(section, key);
}

/* An address of the one file becomes a further one of the other. */
static void add_address(const char *text, const struct lexer_section *section, const char *number, unsigned as, struct ifcfg_keys *keys)
{
    static const char *const parts[] = {"IPADDR", "PREFIX", "NETMASK", "BROADCAST", "ARPCHECK"};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        const struct lexer_entry *entry = numbered(section, parts[i], number);
        char key[64];
        snprintf(key, sizeof(key), "%s%u", parts[i], as);
        if (entry)
            ifcfg_keys_set_raw(keys, key, text + entry->value_start, entry->value_end - entry->value_start);
    }
}

static void join_ipv6(const struct lexer_section *from, const struct lexer_section *to, struct ifcfg_keys *keys)
{
    static const char *const parts[] = {"IPV6ADDR", "IPV6ADDR_SECONDARIES"};
    const struct lexer_entry *there = lexer_find(to, parts[1]);
    struct text text = {0};
    text_add(&text, there ? there->value : "");
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        const struct lexer_entry *entry = lexer_find(from, parts[i]);
        if (entry)
            text_format(&text, "%s%s", text.length ? " " : "", entry->value);
    }
    ifcfg_keys_set(keys, has_key(to, parts[0]) ? parts[1] : parts[0], text.data);
    text_clear(&text);
}

/* What the other file says already stays as it is there; addresses come on top. */
static void join(const char *text, const struct lexer_section *from, const struct lexer_section *to, struct ifcfg_keys *keys)
{
    unsigned number = free_number(to);
    for (size_t i = 0; i < from->count; i++) {
        const struct lexer_entry *entry = &from->entries[i];
        const char *rest = entry->key + strlen("IPADDR");
        if (!moves(entry->key) || !lexer_counts(from, entry))
            continue;
        if (text_starts(entry->key, "IPADDR") && has_key(to, entry->key))
            add_address(text, from, rest, number++, keys);
        else if (text_starts(entry->key, "IPV6ADDR") && has_key(to, "IPV6ADDR"))
            join_ipv6(from, to, keys);
        else if (!has_key(to, entry->key))
            ifcfg_keys_set_raw(keys, entry->key, text + entry->value_start, entry->value_end - entry->value_start);
    }
}

static void read_section(const char *text, struct lexer_file *ret_lexed)
{
    struct problems ignored = {0};
    struct complaints complaints = complaints_begin(&ignored, "ifcfg");
    lexer_read_shell(text, strlen(text), ret_lexed, &complaints);
    problems_clear(&ignored);
}

/* Takes the settings out of `from` and adds them to `keys`, for a file that has the text `there`. */
static char *take_settings(const struct moving *moving, const char *from, const char *there, struct ifcfg_keys *keys)
{
    struct lexer_file source, target;
    struct ifcfg_keys gone = {0};
    char *text;
    read_section(from, &source);
    read_section(there, &target);
    join(from, &source.sections[0], &target.sections[0], keys);
    const struct lexer_entry *device = lexer_find(&source.sections[0], "GATEWAYDEV");
    if (device && (text_equal(device->value, moving->from) || text_equal(device->value, moving->from_nick)))
        ifcfg_keys_set(keys, "GATEWAYDEV", moving->to_nick);
    for (size_t i = 0; i < source.sections[0].count; i++)
        if (moves(source.sections[0].entries[i].key))
            ifcfg_keys_set(&gone, source.sections[0].entries[i].key, NULL);
    text = ifcfg_edit(from, &gone);
    ifcfg_keys_clear(&gone);
    lexer_file_clear(&source);
    lexer_file_clear(&target);
    return text;
}

/* -- settings that the kernel shows ----------------------------------------------------------------------------------------------- */

static void show_address(const struct address *address, unsigned *count, struct text *ipv6, struct ifcfg_keys *keys)
{
    char bytes[INET6_ADDRSTRLEN], key[24], number[12] = "", prefix[8];
    inet_ntop(address->family, address->bytes, bytes, sizeof(bytes));
    if (address->family == AF_INET6) {
        text_format(ipv6, "%s%s/%u", ipv6->length ? " " : "", bytes, address->prefix);
        return;
    }
    if (*count)
        snprintf(number, sizeof(number), "%u", *count);
    (*count)++;
    snprintf(key, sizeof(key), "IPADDR%s", number);
    ifcfg_keys_set(keys, key, bytes);
    snprintf(key, sizeof(key), "PREFIX%s", number);
    snprintf(prefix, sizeof(prefix), "%u", address->prefix);
    ifcfg_keys_set(keys, key, prefix);
}

/* What GATEWAY and METRIC, or IPV6_DEFAULTGW, can say. */
static bool is_plain_default(const struct route *route)
{
    static const uint32_t none[ROUTE_METRICS];
    return !route->prefix && route->has_gateway && route->table == RT_TABLE_MAIN && route_is_by_hand(route) && !route->has_source
           && !route->has_scope && !route->onlink && memcmp(route->metrics, none, sizeof(none)) == 0
           && (route->family == AF_INET || !route->metric || route->metric == IPV6_METRIC);
}

static const struct route *find_gateway(const struct interface *shown, int family)
{
    for (size_t i = 0; i < shown->route_count; i++)
        if (shown->routes[i].family == family && is_plain_default(&shown->routes[i]))
            return &shown->routes[i];
    return NULL;
}

static void show_gateway(const struct interface *shown, int family, const char *key, struct ifcfg_keys *keys)
{
    const struct route *route = find_gateway(shown, family);
    char bytes[INET6_ADDRSTRLEN], metric[16];
    if (!route)
        return;
    inet_ntop(family, route->gateway, bytes, sizeof(bytes));
    ifcfg_keys_set(keys, key, bytes);
    snprintf(metric, sizeof(metric), "%u", route->metric);
    if (family == AF_INET && route->metric)
        ifcfg_keys_set(keys, "METRIC", metric);
}

static bool has_zeroconf(const struct interface *shown)
{
    for (size_t i = 0; i < shown->route_count; i++)
        if (move_is_zeroconf(&shown->routes[i], shown->index))
            return true;
    return false;
}

static void show_settings(const struct interface *shown, struct ifcfg_keys *keys)
{
    struct text ipv6 = {0};
    unsigned count = 0;
    char *space;
    ifcfg_keys_set(keys, "BOOTPROTO", "none");
    if (!has_zeroconf(shown))
        ifcfg_keys_set(keys, "NOZEROCONF", "yes");
    for (size_t i = 0; i < shown->address_count; i++)
        if (address_is_static(&shown->addresses[i]))
            show_address(&shown->addresses[i], &count, &ipv6, keys);
    show_gateway(shown, AF_INET, "GATEWAY", keys);
    space = ipv6.length ? strchr(ipv6.data, ' ') : NULL;
    if (space)
        *space++ = '\0';
    if (ipv6.length)
        ifcfg_keys_set(keys, "IPV6ADDR", ipv6.data);
    if (space)
        ifcfg_keys_set(keys, "IPV6ADDR_SECONDARIES", space);
    show_gateway(shown, AF_INET6, "IPV6_DEFAULTGW", keys);
    text_clear(&ipv6);
}

/* Is the line read as what the kernel shows? What is not is left to a warning. */
static bool route_is_read(const char *name, const char *line, const struct route *route)
{
    struct config_files files = {0};
    struct route_lines lines;
    struct problems problems = {0};
    config_files_add(&files, name, line);
    route_file_read(&files.items[0], &lines, &problems);
    bool same = lines.count == 1 && !problems.count && route_same(&lines.items[0].route, route);
    route_file_clear(&lines);
    config_files_clear(&files);
    problems_clear(&problems);
    return same;
}

static bool rule_is_read(const char *name, const char *line, const struct rule *rule)
{
    struct config_files files = {0};
    struct rule_lines lines;
    struct problems problems = {0};
    config_files_add(&files, name, line);
    rule_file_read(&files.items[0], &lines, &problems);
    bool same = lines.count == 1 && !problems.count && rule_matches(&lines.items[0].rule, rule);
    rule_file_clear(&lines);
    config_files_clear(&files);
    problems_clear(&problems);
    return same;
}

static size_t show_routes(const struct moving *moving, int family, const char *name, struct text *text)
{
    const struct interface *shown = moving->move->shown;
    size_t count = 0;
    for (size_t i = 0; i < shown->route_count && count < CONFIG_ENTRIES; i++) {
        const struct route *route = &shown->routes[i];
        char words[ROUTE_TEXT_SIZE];
        if (route->family != family || !route_is_by_hand(route) || route == find_gateway(shown, family)
            || move_is_zeroconf(route, shown->index))
            continue;
        CLEANUP(freep) char *line = memory_format("%s dev %s\n", route_text(route, words), moving->to);
        if (!route_is_read(name, line, route))
            continue;
        text_add(text, line);
        count++;
    }
    return count;
}

static size_t show_rules(const struct moving *moving, int family, const char *name, struct text *text)
{
    size_t count = 0;
    for (size_t i = 0; i < moving->move->rule_count && count < CONFIG_ENTRIES; i++) {
        struct rule rule = moving->move->rules[i];
        char words[RULE_TEXT_SIZE];
        bool in = text_equal(rule.iif, moving->from), out = text_equal(rule.oif, moving->from);
        if (rule.family != family || (!in && !out))
            continue;
        if (in)
            text_copy(rule.iif, sizeof(rule.iif), moving->to);
        if (out)
            text_copy(rule.oif, sizeof(rule.oif), moving->to);
        CLEANUP(freep) char *line = memory_format("%s\n", rule_text(&rule, words));
        if (!rule_is_read(name, line, &rule))
            continue;
        text_add(text, line);
        count++;
    }
    return count;
}

/* Where no file of routes or rules is there yet; `beside` is the file of a link. */
static void show_routing(struct moving *moving, const struct config_file *beside)
{
    static const struct {
        const char *start;
        int family;
        size_t (*show)(const struct moving *moving, int family, const char *name, struct text *text);
    } kinds[] = {
        {"route", AF_INET, show_routes}, {"route6", AF_INET6, show_routes}, {"rule", AF_INET, show_rules}, {"rule6", AF_INET6, show_rules},
    };
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        CLEANUP(freep) char *was = memory_format("%s-%s", kinds[i].start, moving->from_nick);
        CLEANUP(freep) char *name = memory_format("%s-%s", kinds[i].start, moving->to_nick);
        CLEANUP(freep) char *path = path_beside(moving, beside, name);
        struct text text = {0};
        if (!find_name(moving->files, was) && !find_name(moving->files, name) && kinds[i].show(moving, kinds[i].family, name, &text))
            change(moving, path, text_take(&text));
        text_clear(&text);
    }
}

/* -- routes, rules, aliases ------------------------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return c && !strchr(" \t\r\n\"'=;", c);
}

/* The link's name, where it stands as a word: "dev eth0", DEVICE=eth0:1. */
static char *rename_words(const char *text, const char *from, const char *to)
{
    size_t length = strlen(from);
    struct text out = {0};
    for (const char *c = text; *c;) {
        bool begins = c == text || !is_word(c[-1]);
        if (begins && strncmp(c, from, length) == 0 && (!is_word(c[length]) || c[length] == ':')) {
            text_add(&out, to);
            c += length;
        } else {
            text_add_data(&out, c++, 1);
        }
    }
    return text_take(&out);
}

/* "route-eth0" -> "route-br0", "ifcfg-eth0:1" -> "ifcfg-br0:1"; NULL: it is none of the link's, which is called `from`. */
static char *renamed(const char *name, const char *from, const char *to)
{
    static const char *const starts[] = {"route-", "route6-", "rule-", "rule6-", "ifcfg-"};
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        const char *rest = text_starts(name, starts[i]) ? name + strlen(starts[i]) : "";
        bool ifcfg = i + 1 == ARRAY_SIZE(starts);
        if (!text_starts(rest, from))
            continue;
        rest += strlen(from);
        if (ifcfg ? *rest == ':' || text_starts(rest, "-range") : !*rest)
            return memory_format("%s%s%s", starts[i], to, rest);
    }
    return NULL;
}

static void rename_files(struct moving *moving)
{
    for (size_t i = 0; i < moving->files->count; i++) {
        const struct config_file *file = &moving->files->items[i], *there;
        const char *to = text_starts(file->name, "ifcfg-") ? moving->to_nick : moving->to;
        CLEANUP(freep) char *by_link = renamed(file->name, moving->from, moving->to_nick);
        CLEANUP(freep) char *by_file = renamed(file->name, moving->from_nick, moving->to_nick);
        const char *name = by_link ? by_link : by_file;
        if (!name || !file->text)
            continue;
        CLEANUP(freep) char *path = path_beside(moving, file, name);
        CLEANUP(freep) char *half = rename_words(file->text, moving->from, to);
        CLEANUP(freep) char *text = rename_words(half, moving->from_nick, to);
        there = find_name(moving->files, name);
        change(moving, there ? there->path : path,
               there ? memory_format("%s%s%s", there->text, there->size && there->text[there->size - 1] != '\n' ? "\n" : "", text)
                     : memory_string(text));
        change(moving, file->path, NULL);
    }
}

/* -- the two files ---------------------------------------------------------------------------------------------------------------- */

static void begin_bridge(const struct move_files *move, const struct config_file *nic, struct ifcfg_keys *keys)
{
    static const char *const both[] = {"ONBOOT", "MTU", "NM_CONTROLLED"};
    struct lexer_file lexed;
    char delay[16];
    ifcfg_keys_set(keys, "DEVICE", move->bridge);
    ifcfg_keys_set(keys, "TYPE", "Bridge");
    if (move->mac) {
        ifcfg_keys_set(keys, "MACADDR", move->mac);
        ifcfg_keys_set(keys, "STP", move->stp ? "yes" : "no");
        snprintf(delay, sizeof(delay), "%u", move->delay);
        if (move->stp)
            ifcfg_keys_set(keys, "DELAY", delay);
    }
    read_section(nic ? nic->text : "", &lexed);
    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        const struct lexer_entry *entry = lexer_find(&lexed.sections[0], both[i]);
        if (entry)
            ifcfg_keys_set_raw(keys, both[i], nic->text + entry->value_start, entry->value_end - entry->value_start);
        else if (i == 0)
            ifcfg_keys_set(keys, both[i], "yes");
    }
    lexer_file_clear(&lexed);
}

static void begin_nic(const struct move_files *move, struct ifcfg_keys *keys)
{
    ifcfg_keys_set(keys, "DEVICE", move->nic);
    ifcfg_keys_set(keys, "ONBOOT", "yes");
}

static char *file_name(const char *device)
{
    return memory_format("ifcfg-%s", device);
}

static void move_in(struct moving *moving, const struct config_file *nic, const struct config_file *bridge)
{
    const struct move_files *move = moving->move;
    CLEANUP(freep) char *nic_name = file_name(move->nic);
    CLEANUP(freep) char *nic_path = path_beside(moving, bridge, nic_name);
    CLEANUP(freep) char *bridge_name = file_name(move->bridge);
    CLEANUP(freep) char *bridge_path = path_beside(moving, nic, bridge_name);
    CLEANUP(freep) char *rest = NULL;
    struct ifcfg_keys nic_keys = {0}, bridge_keys = {0};
    if (!bridge)
        begin_bridge(move, nic, &bridge_keys);
    if (nic) {
        rest = take_settings(moving, nic->text, bridge ? bridge->text : "", &bridge_keys);
    } else {
        begin_nic(move, &nic_keys);
        show_settings(move->shown, &bridge_keys);
        show_routing(moving, bridge);
    }
    ifcfg_keys_set(&nic_keys, "BRIDGE", move->bridge);
    change(moving, bridge ? bridge->path : bridge_path, ifcfg_edit(bridge ? bridge->text : "", &bridge_keys));
    change(moving, nic ? nic->path : nic_path, ifcfg_edit(rest ? rest : "", &nic_keys));
    ifcfg_keys_clear(&nic_keys);
    ifcfg_keys_clear(&bridge_keys);
}

static void move_out(struct moving *moving, const struct config_file *nic, const struct config_file *bridge)
{
    const struct move_files *move = moving->move;
    CLEANUP(freep) char *nic_name = file_name(move->nic);
    CLEANUP(freep) char *nic_path = path_beside(moving, bridge, nic_name);
    struct ifcfg_keys keys = {0};
    ifcfg_keys_set(&keys, "BRIDGE", NULL);
    if (!nic)
        begin_nic(move, &keys);
    if (bridge) {
        free(take_settings(moving, bridge->text, nic ? nic->text : "", &keys));
    } else {
        show_settings(move->shown, &keys);
        show_routing(moving, nic);
    }
    change(moving, nic ? nic->path : nic_path, ifcfg_edit(nic ? nic->text : "", &keys));
    if (bridge)
        change(moving, bridge->path, NULL);
    ifcfg_keys_clear(&keys);
}

/* The link's own name, but of a NIC that its file names by its MAC address alone. */
static const char *nick_of(const struct config_file *file, const char *device)
{
    struct lexer_file lexed;
    bool by_mac;
    if (!file)
        return device;
    read_section(file->text, &lexed);
    by_mac = !has_key(&lexed.sections[0], "DEVICE");
    lexer_file_clear(&lexed);
    return by_mac ? ifcfg_nick(file) : device;
}

void config_move_files(const struct config_files *files, const struct move_files *move, struct config_files *ret_changed)
{
    struct moving moving = {
        .files = files,
        .move = move,
        .from = move->out ? move->bridge : move->nic,
        .to = move->out ? move->nic : move->bridge,
        .changed = ret_changed,
    };
    const struct config_file *nic = find_device(files, move->nic, move->link), *bridge = find_device(files, move->bridge, NULL);
    moving.from_nick = nick_of(move->out ? bridge : nic, moving.from);
    moving.to_nick = nick_of(move->out ? nic : bridge, moving.to);
    *ret_changed = (struct config_files){0};
    if (move->out)
        move_out(&moving, nic, bridge);
    else
        move_in(&moving, nic, bridge);
    rename_files(&moving);
}
