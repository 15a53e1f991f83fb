#include "model/rule.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static const struct {
    const char *name;
    uint8_t action;
} actions[] = {
    {"blackhole", FR_ACT_BLACKHOLE}, {"unreachable", FR_ACT_UNREACHABLE}, {"prohibit", FR_ACT_PROHIBIT}, {"nop", FR_ACT_NOP},
};

uint8_t rule_action(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return actions[i].action;
    return 0;
}

struct rule rule_new(int family)
{
    struct rule rule = {.family = family, .action = FR_ACT_TO_TBL, .table = RT_TABLE_MAIN};

    rule.suppress_prefix = rule.suppress_group = -1;
    return rule;
}

static bool same_range(const struct rule_range *a, const struct rule_range *b)
{
    return a->first == b->first && a->last == b->last;
}

/* Which packets it is for. */
static bool same_selector(const struct rule *a, const struct rule *b)
{
    return a->family == b->family && a->inverted == b->inverted && a->from_prefix == b->from_prefix
           && memcmp(a->from, b->from, sizeof(a->from)) == 0 && a->to_prefix == b->to_prefix
           && memcmp(a->to, b->to, sizeof(a->to)) == 0 && text_equal(a->iif, b->iif) && text_equal(a->oif, b->oif)
           && a->tos == b->tos && a->mark == b->mark && a->mark_mask == b->mark_mask && a->has_uids == b->has_uids
           && same_range(&a->uids, &b->uids) && a->ip_protocol == b->ip_protocol && same_range(&a->source_ports, &b->source_ports)
           && same_range(&a->destination_ports, &b->destination_ports) && a->l3mdev == b->l3mdev && a->tunnel == b->tunnel;
}

/* What is done with them. */
static bool same_action(const struct rule *a, const struct rule *b)
{
    return a->action == b->action && a->table == b->table && a->target == b->target && a->suppress_prefix == b->suppress_prefix
           && a->suppress_group == b->suppress_group;
}

bool rule_same(const struct rule *a, const struct rule *b)
{
    return a->has_priority == b->has_priority && a->priority == b->priority && same_selector(a, b) && same_action(a, b);
}

bool rule_matches(const struct rule *wanted, const struct rule *observed)
{
    return (!wanted->has_priority || wanted->priority == observed->priority) && same_selector(wanted, observed)
           && same_action(wanted, observed);
}

static bool is_any_or(uint32_t stated, uint32_t other)
{
    return !stated || stated == other;
}

static bool is_any_range_or(const struct rule_range *stated, const struct rule_range *other)
{
    return !stated->first || same_range(stated, other);
}

static bool fits_addresses(const struct rule *deleted, const struct rule *other)
{
    return (!deleted->from_prefix
            || (deleted->from_prefix == other->from_prefix && memcmp(deleted->from, other->from, sizeof(other->from)) == 0))
           && (!deleted->to_prefix
               || (deleted->to_prefix == other->to_prefix && memcmp(deleted->to, other->to, sizeof(other->to)) == 0));
}

static bool fits_action(const struct rule *deleted, const struct rule *other)
{
    return is_any_or(deleted->action, other->action) && is_any_or(deleted->table, other->table)
           && (deleted->suppress_prefix < 0 || deleted->suppress_prefix == other->suppress_prefix)
           && (deleted->suppress_group < 0 || deleted->suppress_group == other->suppress_group);
}

bool rule_is_taken_for(const struct rule *deleted, const struct rule *other)
{
    return deleted->family == other->family && (!deleted->has_priority || deleted->priority == other->priority)
           && fits_action(deleted, other) && fits_addresses(deleted, other)
           && (!*deleted->iif || text_equal(deleted->iif, other->iif)) && (!*deleted->oif || text_equal(deleted->oif, other->oif))
           && is_any_or(deleted->tos, other->tos) && is_any_or(deleted->mark, other->mark)
           && is_any_or(deleted->mark_mask, other->mark_mask)
           && (!deleted->has_uids || (other->has_uids && same_range(&deleted->uids, &other->uids)))
           && is_any_or(deleted->ip_protocol, other->ip_protocol) && is_any_range_or(&deleted->source_ports, &other->source_ports)
           && is_any_range_or(&deleted->destination_ports, &other->destination_ports) && (!deleted->l3mdev || other->l3mdev)
           && (!deleted->tunnel || deleted->tunnel == other->tunnel);
}

/* -- words ----------------------------------------------------------------------------------------------------------------------
 */

static void add_prefix(struct text *text, const char *word, int family, const uint8_t *bytes, uint8_t prefix)
{
    char host[INET6_ADDRSTRLEN] = "?";

    inet_ntop(family, bytes, host, sizeof(host));
    text_format(text, " %s %s/%u", word, host, prefix);
}

static void add_range(struct text *text, const char *word, const struct rule_range *range)
{
    text_format(text, " %s %u", word, range->first);
    if (range->last != range->first)
        text_format(text, "-%u", range->last);
}

static void add_selector(struct text *text, const struct rule *rule)
{
    if (rule->inverted)
        text_add(text, " not");
    if (rule->from_prefix)
        add_prefix(text, "from", rule->family, rule->from, rule->from_prefix);
    else
        text_add(text, " from all");
    if (rule->to_prefix)
        add_prefix(text, "to", rule->family, rule->to, rule->to_prefix);
    if (rule->tos)
        text_format(text, " tos 0x%02x", rule->tos);
    if (rule->mark || rule->mark_mask)
        text_format(text, rule->mark_mask == UINT32_MAX ? " fwmark 0x%x" : " fwmark 0x%x/0x%x", rule->mark, rule->mark_mask);
    if (*rule->iif)
        text_format(text, " iif %s", rule->iif);
    if (*rule->oif)
        text_format(text, " oif %s", rule->oif);
    if (rule->l3mdev)
        text_add(text, " l3mdev");
    if (rule->has_uids)
        text_format(text, " uidrange %u-%u", rule->uids.first, rule->uids.last);
    if (rule->ip_protocol)
        text_format(text, " ipproto %u", rule->ip_protocol);
    if (rule->source_ports.first)
        add_range(text, "sport", &rule->source_ports);
    if (rule->destination_ports.first)
        add_range(text, "dport", &rule->destination_ports);
    if (rule->tunnel)
        text_format(text, " tun_id %llu", (unsigned long long)rule->tunnel);
}

static void add_action(struct text *text, const struct rule *rule)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (actions[i].action == rule->action)
            text_format(text, " %s", actions[i].name);
    if (rule->action == FR_ACT_GOTO)
        text_format(text, " goto %u", rule->target);
    if (rule->table)
        text_format(text, rule->table == RT_TABLE_MAIN ? " lookup main" : " lookup %u", rule->table);
    if (rule->suppress_prefix >= 0)
        text_format(text, " suppress_prefixlength %d", rule->suppress_prefix);
    if (rule->suppress_group >= 0)
        text_format(text, " suppress_ifgroup %d", rule->suppress_group);
}

const char *rule_text(const struct rule *rule, char buffer[RULE_TEXT_SIZE])
{
    struct text text = {0};

    if (rule->has_priority)
        text_format(&text, " priority %u", rule->priority);
    add_selector(&text, rule);
    add_action(&text, rule);
    text_copy(buffer, RULE_TEXT_SIZE, text.data + 1);
    text_clear(&text);
    return buffer;
}
