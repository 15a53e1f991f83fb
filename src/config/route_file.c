/* route-NAME and route6-NAME: ADDRESSn, NETMASKn and GATEWAYn, or lines of ip route add. */
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
    const struct word_list *words;
    size_t at;
    struct route_line *line;
    struct hop hops[ROUTE_HOPS];
    size_t hop_count;
    bool destination; /* was read */
    bool unsupported; /* the line holds something that is not supported yet */
    struct complaints *complaints;
};

static const struct word *current(const struct reader *reader)
{
    return &reader->words->items[reader->at];
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

/* The word behind the current one, which becomes the current one. */
static const struct word *argument(struct reader *reader)
{
    const struct word *word = current(reader);
    if (reader->at + 1 < reader->words->count)
        return &reader->words->items[++reader->at];
    complain(reader->complaints, false, word->line, word->column, "%s wants a value behind it", word->text);
    return NULL;
}

static void not_supported(struct reader *reader, const struct word *word)
{
    char shown[QUOTE_SIZE];
    complain(reader->complaints, true, word->line, word->column, "%s is not supported yet: the route is skipped",
             quote_text(word->text, shown));
    reader->unsupported = true;
}

static bool read_destination(struct reader *reader, const struct word *word)
{
    struct route *route = &reader->line->route;
    reader->destination = true;
    return prefix_read(word, route->family, route->destination, &route->prefix, reader->complaints);
}

/* via ADDRESS, or via inet ADDRESS */
static bool read_gateway(struct reader *reader, bool *ret_has, uint8_t gateway[16])
{
    int family = reader->line->route.family;
    const struct word *word = argument(reader);
    if (word && (strcmp(word->text, "inet") == 0 || strcmp(word->text, "inet6") == 0)) {
        if ((family == AF_INET) != (strcmp(word->text, "inet") == 0)) {
            not_supported(reader, word);
            return false;
        }
        word = argument(reader);
    }
    *ret_has = word && prefix_read_address(word, family, gateway, reader->complaints);
    return *ret_has;
}

static bool read_scope(struct reader *reader, const struct word *word)
{
    static const struct {
        const char *name;
        uint8_t scope;
    } names[] = {{"global", RT_SCOPE_UNIVERSE}, {"universe", RT_SCOPE_UNIVERSE}, {"site", RT_SCOPE_SITE},
                 {"link", RT_SCOPE_LINK},       {"host", RT_SCOPE_HOST},         {"nowhere", RT_SCOPE_NOWHERE}};
    struct route *route = &reader->line->route;
    int64_t number = -1;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(word->text, names[i].name) == 0)
            number = names[i].scope;
    if (number < 0 && !words_number(word, 0, 255, &number, reader->complaints))
        return false;
    route->has_scope = route->family == AF_INET; /* IPv6 has none */
    route->scope = route->has_scope ? (uint8_t)number : 0;
    return true;
}

/* mtu 1400, mtu lock 1400 */
static bool read_metric(struct reader *reader, size_t index)
{
    struct route *route = &reader->line->route;
    const struct word *word = argument(reader);
    int64_t number;
    if (word && strcmp(word->text, "lock") == 0) {
        route->locked |= (uint8_t)(1u << index);
        word = argument(reader);
    }
    if (!word || !words_number(word, 1, index == ROUTE_HOPLIMIT ? 255 : UINT32_MAX, &number, reader->complaints))
        return false;
    route->metrics[index] = (uint32_t)number;
    return true;
}

/* nexthop via ADDRESS dev NAME weight NUMBER onlink */
static bool read_hop(struct reader *reader)
{
    struct hop *hop = &reader->hops[reader->hop_count];
    const struct word *start = current(reader);
    int64_t weight;
    if (reader->hop_count == ROUTE_HOPS) {
        complain(reader->complaints, false, start->line, start->column, "more than %d next hops", ROUTE_HOPS);
        return false;
    }
    *hop = (struct hop){.weight = 1};
    for (reader->at++; reader->at < reader->words->count && strcmp(current(reader)->text, "nexthop") != 0; reader->at++) {
        const struct word *word = current(reader), *value = NULL;
        if (strcmp(word->text, "onlink") == 0) {
            hop->onlink = true;
        } else if (strcmp(word->text, "via") == 0) {
            if (!read_gateway(reader, &hop->has_gateway, hop->gateway))
                return false;
        } else if (strcmp(word->text, "dev") == 0) {
            value = argument(reader);
            if (!value || !words_interface(value, hop->interface, reader->complaints))
                return false;
        } else if (strcmp(word->text, "weight") == 0) {
            value = argument(reader);
            if (!value || !words_number(value, 1, 256, &weight, reader->complaints))
                return false;
            hop->weight = (uint16_t)weight;
        } else {
            complain(reader->complaints, false, word->line, word->column, "nexthop wants via, dev, weight or onlink, not %s",
                     word->text);
            return false;
        }
    }
    reader->at--;
    reader->hop_count++;
    return true;
}

static bool read_unknown(struct reader *reader)
{
    static const char *const later[] = {"tos", "dsfield", "realms", "realm", "nhid", "encap", "rtt", "rttvar", "ssthresh", "cwnd",
                                        "reordering", "quickack", "features", "congctl", "rto_min", "pref", "expires",
                                        "fastopen_no_cookie", "ttl-propagate", "as", "equalize", "eql", "pervasive", "local",
                                        "broadcast", "multicast", "anycast", "nat", "xresolve", NULL};
    static const char *const known[] = {"via", "dev", "src", "metric", "table", "proto", "scope", "mtu", "onlink", "nexthop",
                                        "unreachable", "blackhole", "prohibit", "throw", "default"};
    const struct word *word = current(reader);
    const char *nearest = text_nearest(word->text, known, ARRAY_SIZE(known));
    char shown[QUOTE_SIZE];
    if (is_one_of(word->text, later)) {
        not_supported(reader, word);
        return false;
    }
    if (!reader->destination)
        return read_destination(reader, word);
    complain(reader->complaints, false, word->line, word->column, "%s is no word of ip route add%s%s%s",
             quote_text(word->text, shown), nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    return false;
}

static bool read_value(struct reader *reader, const char *name)
{
    struct route *route = &reader->line->route;
    const struct word *word = argument(reader);
    int64_t number;
    if (!word)
        return false;
    if (strcmp(name, "to") == 0)
        return read_destination(reader, word);
    if (strcmp(name, "dev") == 0 || strcmp(name, "oif") == 0)
        return words_interface(word, reader->line->interface, reader->complaints);
    if (strcmp(name, "src") == 0)
        return route->has_source = prefix_read_address(word, route->family, route->source, reader->complaints);
    if (strcmp(name, "table") == 0)
        return prefix_read_table(word, &route->table, reader->complaints);
    if (text_starts("protocol", name))
        return prefix_read_protocol(word, &route->protocol, reader->complaints);
    if (strcmp(name, "scope") == 0)
        return read_scope(reader, word);
    if (!words_number(word, 0, UINT32_MAX, &number, reader->complaints))
        return false;
    route->metric = (uint32_t)number;
    return true;
}

static bool read_one(struct reader *reader)
{
    static const char *const with_value[] = {"to", "dev", "oif", "src", "table", "proto", "protocol", "scope", "metric",
                                             "priority", "preference", NULL};
    struct route *route = &reader->line->route;
    const char *word = current(reader)->text;
    if (strcmp(word, "unicast") == 0)
        return true;
    if (route_type_without_hop(word) && !route->type) {
        route->type = route_type_without_hop(word);
        return true;
    }
    if (strcmp(word, "via") == 0)
        return read_gateway(reader, &route->has_gateway, route->gateway);
    if (strcmp(word, "onlink") == 0)
        return route->onlink = true;
    if (strcmp(word, "nexthop") == 0)
        return read_hop(reader);
    for (size_t i = 0; i < ROUTE_METRICS; i++)
        if (strcmp(word, route_metric_rows[i].name) == 0)
            return read_metric(reader, i);
    return is_one_of(word, with_value) ? read_value(reader, word) : read_unknown(reader);
}

/* What the words say must hang together. */
static bool check(struct reader *reader)
{
    struct route *route = &reader->line->route;
    const struct word *first = &reader->words->items[0];
    const char *fault = NULL;
    if (!reader->destination)
        fault = "the destination is missing";
    else if (route->type && (route->has_gateway || *reader->line->interface || reader->hop_count))
        fault = "a route of this type has no next hop";
    else if (reader->hop_count && (route->has_gateway || *reader->line->interface))
        fault = "via and dev stand behind each nexthop, or there is no nexthop";
    else if (route->table == RT_TABLE_LOCAL)
        fault = "the table local is the kernel's own";
    else if (route->onlink && !route->has_gateway)
        fault = "onlink is said of a gateway, and there is none";
    if (fault)
        complain(reader->complaints, false, first->line, first->column, "%s", fault);
    return !fault;
}

/* One nexthop is as good as none. */
static void finish(struct reader *reader)
{
    struct route_line *line = reader->line;
    struct route *route = &line->route;
    if (reader->hop_count == 1) {
        const struct hop *hop = &reader->hops[0];
        text_copy(line->interface, sizeof(line->interface), hop->interface);
        route->has_gateway = hop->has_gateway;
        route->onlink = hop->onlink;
        memcpy(route->gateway, hop->gateway, sizeof(route->gateway));
    } else if (reader->hop_count || route->type) {
        route->group = route_group_new(reader->hop_count);
        memcpy(route->group->hops, reader->hops, reader->hop_count * sizeof(*reader->hops));
    }
    if (route->family == AF_INET6 && !route->metric)
        route->metric = IPV6_METRIC;
    /* What follows from the route is as good as not stated. */
    uint8_t usual = route->has_gateway || route->group ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    if (route->has_scope && route->scope == usual) {
        route->has_scope = false;
        route->scope = 0;
    }
}

bool route_file_words(const struct word_list *words, int family, struct route_line *ret_line, struct complaints *complaints)
{
    struct reader reader = {.words = words, .line = ret_line, .complaints = complaints};
    *ret_line = (struct route_line){.place = {words->items[0].line, words->items[0].column}};
    ret_line->route.family = family;
    ret_line->route.table = RT_TABLE_MAIN;
    for (; reader.at < words->count; reader.at++)
        if (!read_one(&reader))
            return false;
    if (reader.unsupported || !check(&reader))
        return false;
    finish(&reader);
    return true;
}

bool route_file_more(const struct lexer_entry *entry, struct route *route, struct complaints *complaints)
{
    struct word_list words = words_split(entry);
    struct route_line line = {.route = *route};
    struct reader reader = {.words = &words, .line = &line, .destination = true, .complaints = complaints};
    bool good = true;
    for (; good && reader.at < words.count; reader.at++) {
        const struct word *word = current(&reader);
        char shown[QUOTE_SIZE];
        /* What the file's own keys say. */
        if (is_one_of(word->text, (const char *const[]){"via", "dev", "oif", "nexthop", "to", NULL})) {
            complain(complaints, false, word->line, word->column, "%s has no room for %s", entry->key,
                     quote_text(word->text, shown));
            good = false;
        } else {
            good = read_one(&reader);
        }
    }
    if (good && line.route.type) {
        complain(complaints, false, entry->value_line, entry->value_column, "%s has no room for a type", entry->key);
        good = false;
    }
    if (good)
        *route = line.route;
    words_clear(&words);
    return good;
}

/* -- ADDRESSn, NETMASKn, GATEWAYn */

static const struct lexer_entry *find_numbered(const struct lexer_section *section, const char *key, int number)
{
    char name[32];
    snprintf(name, sizeof(name), "%s%d", key, number);
    return lexer_find(section, name);
}

static bool read_numbered(const struct lexer_section *section, int number, struct route_line *line, struct complaints *complaints)
{
    const struct lexer_entry *address = find_numbered(section, "ADDRESS", number),
                             *mask = find_numbered(section, "NETMASK", number);
    const struct lexer_entry *gateway = find_numbered(section, "GATEWAY", number),
                             *metric = find_numbered(section, "METRIC", number);
    const struct lexer_entry *options = find_numbered(section, "OPTIONS", number);
    struct route *route = &line->route;
    char shown[QUOTE_SIZE];
    int prefix = 0;
    int64_t value;
    *line = (struct route_line){.place = {address->line, address->column}};
    *route = (struct route){.family = AF_INET, .table = RT_TABLE_MAIN};
    if (inet_pton(AF_INET, address->value, route->destination) != 1) {
        complain(complaints, false, address->value_line, address->value_column, "%s wants an IPv4 address, not %s", address->key,
                 quote_text(address->value, shown));
        return false;
    }
    if (!address_prefix(mask, route->destination, &prefix, complaints))
        return false;
    route->prefix = (uint8_t)prefix;
    if (prefix_has_rest(AF_INET, route->destination, prefix)) {
        complain(complaints, false, address->value_line, address->value_column,
                 "%s: %s is no network: it has bits behind its mask /%d", address->key, address->value, prefix);
        return false;
    }
    if (gateway) {
        struct word word = {gateway->value, gateway->value_line, gateway->value_column};
        route->has_gateway = prefix_read_address(&word, AF_INET, route->gateway, complaints);
        if (!route->has_gateway)
            return false;
    }
    if (metric) {
        struct word word = {metric->value, metric->value_line, metric->value_column};
        if (!words_number(&word, 0, UINT32_MAX, &value, complaints))
            return false;
        route->metric = (uint32_t)value;
    }
    return !options || route_file_more(options, route, complaints);
}

static void warn_of_unused(const struct lexer_section *section, int gap, struct complaints *complaints)
{
    static const char *const keys[] = {"ADDRESS", "NETMASK", "GATEWAY", "METRIC", "OPTIONS"};
    for (size_t i = 0; i < section->count; i++) {
        const struct lexer_entry *entry = &section->entries[i];
        int64_t number = -1;
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
            if (text_starts(entry->key, keys[k]))
                text_number(entry->key + strlen(keys[k]), 0, CONFIG_ENTRIES, &number);
        if (number < 0)
            complain(complaints, true, entry->line, entry->column,
                     "unknown key %s: a file of routes has ADDRESSn, NETMASKn and GATEWAYn", entry->key);
        else if (number >= gap && *entry->value)
            complain(complaints, true, entry->line, entry->column, "%s is not used: ADDRESS%d is missing", entry->key, gap);
    }
}

static void read_keys(const struct config_file *file, struct route_lines *lines, struct complaints *complaints)
{
    struct lexer_file lexed;
    int number = 0;
    lexer_read_shell(file->text, file->size, &lexed, complaints);
    for (; find_numbered(&lexed.sections[0], "ADDRESS", number); number++) {
        struct route_line line;
        if (read_numbered(&lexed.sections[0], number, &line, complaints))
            *APPEND(lines->items, lines->count) = line;
    }
    if (!complaints->errors)
        warn_of_unused(&lexed.sections[0], number, complaints);
    lexer_file_clear(&lexed);
}

/* As the scripts tell the two formats apart: is there a line that begins with ADDRESSn=? */
static bool has_keys(const struct config_file *file)
{
    const char *at = file->text, *end = file->text + file->size;
    while (at < end) {
        const char *line = at, *next = memchr(at, '\n', (size_t)(end - at));
        while (line < end && (*line == ' ' || *line == '\t'))
            line++;
        if (end - line > 8 && memcmp(line, "ADDRESS", 7) == 0) {
            const char *digits = line + 7, *behind = digits;
            while (behind < end && *behind >= '0' && *behind <= '9')
                behind++;
            if (behind > digits && behind < end && *behind == '=')
                return true;
        }
        at = next ? next + 1 : end;
    }
    return false;
}

void route_file_read(const struct config_file *file, struct route_lines *ret_lines, struct problems *problems)
{
    struct complaints complaints = complaints_begin(problems, file->path);
    int family = text_starts(file->name, "route6-") ? AF_INET6 : AF_INET;
    *ret_lines = (struct route_lines){0};
    if (!file->text) {
        complain(&complaints, false, 0, 0, "%s", file->fault ? file->fault : "can't be read");
        return;
    }
    if (has_keys(file)) {
        read_keys(file, ret_lines, &complaints);
        return;
    }
    struct words_reader reader = words_begin(file);
    struct word_list words;
    while (words_next(&reader, &words, &complaints)) {
        struct route_line line;
        if (ret_lines->count == CONFIG_ENTRIES)
            complain(&complaints, false, words.items[0].line, 1, "more than %d routes", CONFIG_ENTRIES);
        else if (route_file_words(&words, family, &line, &complaints))
            *APPEND(ret_lines->items, ret_lines->count) = line;
        words_clear(&words);
    }
}

void route_file_clear(struct route_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        route_clear(&lines->items[i].route);
    free(lines->items);
    *lines = (struct route_lines){0};
}
