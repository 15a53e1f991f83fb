/* rule-NAME and rule6-NAME: lines of ip rule add. */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

struct reader {
    struct rule *rule;
    const struct word *word;  /* the one that names what is read */
    const struct word *value; /* behind it */
    bool table, action;       /* were stated */
    struct complaints *complaints;
};

static bool read_number(struct reader *reader, int64_t minimum, int64_t maximum, uint32_t *ret)
{
    int64_t number;
    if (!words_number(reader->value, minimum, maximum, &number, reader->complaints))
        return false;
    *ret = (uint32_t)number;
    return true;
}

static bool refuse_value(struct reader *reader, const char *wants)
{
    char shown[QUOTE_SIZE];
    complain(reader->complaints, false, reader->value->line, reader->value->column, "%s wants %s, not %s", reader->word->text,
             wants, quote_text(reader->value->text, shown));
    return false;
}

static bool read_from(struct reader *reader)
{
    return prefix_read(reader->value, reader->rule->family, reader->rule->from, &reader->rule->from_prefix, reader->complaints);
}

static bool read_to(struct reader *reader)
{
    return prefix_read(reader->value, reader->rule->family, reader->rule->to, &reader->rule->to_prefix, reader->complaints);
}

static bool read_iif(struct reader *reader)
{
    return words_interface(reader->value, reader->rule->iif, reader->complaints);
}

static bool read_oif(struct reader *reader)
{
    return words_interface(reader->value, reader->rule->oif, reader->complaints);
}

/* 0x10, 0x10/0xf0 */
static bool read_mark(struct reader *reader)
{
    const struct word *value = reader->value;
    CLEANUP(freep) char *mark = memory_string(value->text);
    char *mask = strchr(mark, '/');
    int64_t number, bits = UINT32_MAX;
    if (mask)
        *mask++ = '\0';
    struct word first = {mark, value->line, value->column}, second = {mask, value->line, value->column};
    if (!words_number(&first, 0, UINT32_MAX, &number, reader->complaints)
        || (mask && !words_number(&second, 0, UINT32_MAX, &bits, reader->complaints)))
        return false;
    reader->rule->mark = (uint32_t)number;
    reader->rule->mark_mask = (uint32_t)bits;
    return true;
}

static bool read_table(struct reader *reader)
{
    reader->table = true;
    return prefix_read_table(reader->value, &reader->rule->table, reader->complaints);
}

static bool read_priority(struct reader *reader)
{
    reader->rule->has_priority = true;
    return read_number(reader, 0, UINT32_MAX, &reader->rule->priority);
}

/* The kernel knows the field under its old name: type of service, without the two bits that congestion notification uses today.
 */
static bool read_tos(struct reader *reader)
{
    uint32_t tos;
    if (!read_number(reader, 0, 255, &tos))
        return false;
    if (tos & 0x03)
        return refuse_value(reader, "a value without the lowest two bits");
    reader->rule->tos = (uint8_t)tos;
    return true;
}

static bool read_suppress_prefix(struct reader *reader)
{
    uint32_t length;
    if (!read_number(reader, 0, reader->rule->family == AF_INET ? 32 : 128, &length))
        return false;
    reader->rule->suppress_prefix = (int32_t)length;
    return true;
}

static bool read_suppress_group(struct reader *reader)
{
    uint32_t group;
    if (!read_number(reader, 0, INT32_MAX, &group))
        return false;
    reader->rule->suppress_group = (int32_t)group;
    return true;
}

/* 1000-1999, or one number alone where that is allowed */
static bool read_range(struct reader *reader, int64_t minimum, int64_t maximum, bool alone, struct rule_range *range)
{
    CLEANUP(freep) char *text = memory_string(reader->value->text);
    char *dash = strchr(text, '-');
    int64_t first, last;
    if (dash)
        *dash++ = '\0';
    if ((!dash && !alone) || text_number(text, minimum, maximum, &first) < 0
        || text_number(dash ? dash : text, first, maximum, &last) < 0)
        return refuse_value(reader, alone ? "a port, or two with a dash between them" : "two numbers with a dash between them");
    *range = (struct rule_range){(uint32_t)first, (uint32_t)last};
    return true;
}

static bool read_uids(struct reader *reader)
{
    reader->rule->has_uids = true;
    return read_range(reader, 0, UINT32_MAX, false, &reader->rule->uids);
}

static bool read_source_port(struct reader *reader)
{
    return read_range(reader, 1, 65534, true, &reader->rule->source_ports);
}

static bool read_destination_port(struct reader *reader)
{
    return read_range(reader, 1, 65534, true, &reader->rule->destination_ports);
}

static bool read_ip_protocol(struct reader *reader)
{
    static const struct {
        const char *name;
        uint8_t protocol;
    } names[] = {{"icmp", IPPROTO_ICMP}, {"tcp", IPPROTO_TCP},   {"udp", IPPROTO_UDP},   {"ipv6-icmp", IPPROTO_ICMPV6},
                 {"gre", IPPROTO_GRE},   {"esp", IPPROTO_ESP},   {"ah", IPPROTO_AH},     {"sctp", IPPROTO_SCTP},
                 {"dccp", IPPROTO_DCCP}, {"igmp", IPPROTO_IGMP}, {"udplite", IPPROTO_UDPLITE}};
    uint32_t number;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(reader->value->text, names[i].name) == 0) {
            reader->rule->ip_protocol = names[i].protocol;
            return true;
        }
    if (!read_number(reader, 1, 255, &number))
        return false;
    reader->rule->ip_protocol = (uint8_t)number;
    return true;
}

static bool read_goto(struct reader *reader)
{
    reader->action = true;
    reader->rule->action = FR_ACT_GOTO;
    return read_number(reader, 1, UINT32_MAX, &reader->rule->target);
}

static bool read_tunnel(struct reader *reader)
{
    uint32_t number;
    if (!read_number(reader, 1, UINT32_MAX, &number))
        return false;
    reader->rule->tunnel = number;
    return true;
}

static bool read_protocol(struct reader *reader)
{
    return prefix_read_protocol(reader->value, &reader->rule->protocol, reader->complaints);
}

static const struct {
    const char *name;
    bool (*read)(struct reader *reader);
} words[] = {
    {"from", read_from},
    {"to", read_to},
    {"iif", read_iif},
    {"dev", read_iif},
    {"oif", read_oif},
    {"fwmark", read_mark},
    {"table", read_table},
    {"lookup", read_table},
    {"priority", read_priority},
    {"pref", read_priority},
    {"preference", read_priority},
    {"prio", read_priority},
    {"order", read_priority},
    {"tos", read_tos},
    {"dsfield", read_tos},
    {"suppress_prefixlength", read_suppress_prefix},
    {"sup_pl", read_suppress_prefix},
    {"suppress_ifgroup", read_suppress_group},
    {"sup_group", read_suppress_group},
    {"uidrange", read_uids},
    {"ipproto", read_ip_protocol},
    {"sport", read_source_port},
    {"dport", read_destination_port},
    {"goto", read_goto},
    {"tun_id", read_tunnel},
    {"protocol", read_protocol},
    {"proto", read_protocol},
};

/* A word that stands alone; false when it is none of these. */
static bool read_alone(struct reader *reader)
{
    const char *word = reader->word->text;
    if (strcmp(word, "not") == 0) {
        reader->rule->inverted = true;
    } else if (strcmp(word, "l3mdev") == 0) {
        reader->rule->l3mdev = true;
    } else if (rule_action(word)) {
        reader->action = true;
        reader->rule->action = rule_action(word);
    } else {
        return false;
    }
    return true;
}

static bool refuse_word(struct reader *reader, bool *ret_skipped)
{
    static const char *const later[] = {"realms", "realm", "nat", "map-to", "type", "unicast", "flowlabel", "dscp"};
    const char *known[ARRAY_SIZE(words)], *nearest;
    const struct word *word = reader->word;
    char shown[QUOTE_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(later); i++)
        if (strcmp(word->text, later[i]) == 0) {
            complain(reader->complaints, true, word->line, word->column, "%s is not supported yet: the rule is skipped",
                     word->text);
            return !(*ret_skipped = true);
        }
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        known[i] = words[i].name;
    nearest = text_nearest(word->text, known, ARRAY_SIZE(known));
    complain(reader->complaints, false, word->line, word->column, "%s is no word of ip rule add%s%s%s",
             quote_text(word->text, shown), nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    return false;
}

static bool read_one(struct reader *reader, const struct word_list *line, size_t *at, bool *ret_skipped)
{
    reader->word = &line->items[*at];
    if (read_alone(reader))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(reader->word->text, words[i].name) != 0)
            continue;
        if (*at + 1 == line->count) {
            complain(reader->complaints, false, reader->word->line, reader->word->column, "%s wants a value behind it",
                     reader->word->text);
            return false;
        }
        reader->value = &line->items[++*at];
        return words[i].read(reader);
    }
    return refuse_word(reader, ret_skipped);
}

static bool finish(struct reader *reader, const struct word *first)
{
    struct rule *rule = reader->rule;
    if (reader->action && reader->table) {
        complain(reader->complaints, false, first->line, first->column,
                 "a rule leads to a table, or does something else, not both");
        return false;
    }
    if (reader->action || (rule->l3mdev && !reader->table))
        rule->table = 0;
    if (rule->has_priority && rule->action == FR_ACT_GOTO && rule->target <= rule->priority) {
        complain(reader->complaints, false, first->line, first->column, "goto leads forward only: to a priority above %u",
                 rule->priority);
        return false;
    }
    if ((rule->source_ports.first || rule->destination_ports.first) && !rule->ip_protocol)
        complain(reader->complaints, true, first->line, first->column,
                 "sport and dport fit ports of any protocol without ipproto");
    return true;
}

bool rule_file_words(const struct word_list *line, int family, struct rule *ret_rule, struct complaints *complaints)
{
    struct reader reader = {.rule = ret_rule, .complaints = complaints};
    bool skipped = false;
    *ret_rule = rule_new(family);
    for (size_t at = 0; at < line->count; at++)
        if (!read_one(&reader, line, &at, &skipped))
            return false;
    return !skipped && finish(&reader, &line->items[0]);
}

void rule_file_read(const struct config_file *file, struct rule_lines *ret_lines, struct problems *problems)
{
    struct complaints complaints = complaints_begin(problems, file->path);
    int family = text_starts(file->name, "rule6-") ? AF_INET6 : AF_INET;
    *ret_lines = (struct rule_lines){0};
    if (!file->text) {
        complain(&complaints, false, 0, 0, "%s", file->fault ? file->fault : "can't be read");
        return;
    }
    struct words_reader reader = words_begin(file);
    struct word_list line;
    while (words_next(&reader, &line, &complaints)) {
        struct rule rule;
        if (ret_lines->count == CONFIG_ENTRIES)
            complain(&complaints, false, line.items[0].line, 1, "more than %d rules", CONFIG_ENTRIES);
        else if (rule_file_words(&line, family, &rule, &complaints))
            *APPEND(ret_lines->items, ret_lines->count) =
                (struct rule_line){.rule = rule, .place = {line.items[0].line, line.items[0].column}};
        words_clear(&line);
    }
}

void rule_file_clear(struct rule_lines *lines)
{
    free(lines->items);
    *lines = (struct rule_lines){0};
}
