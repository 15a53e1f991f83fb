/* Rules of policy routing: RTM_NEWRULE and RTM_DELRULE, read and written. libnl's typed rule lacks half of the attributes. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "netdev/netdev_internal.h"

/* -- reading ----------------------------------------------------------------------------------------------------------------- */

static uint32_t read_number(struct nlattr *attribute, uint32_t fallback)
{
    return attribute && nla_len(attribute) >= (int)sizeof(uint32_t) ? nla_get_u32(attribute) : fallback;
}

static void read_bytes(struct nlattr *attribute, int family, uint8_t bytes[16])
{
    int size = family == AF_INET ? 4 : 16;

    if (attribute && nla_len(attribute) >= size)
        memcpy(bytes, nla_data(attribute), (size_t)size);
}

static void read_name(struct nlattr *attribute, char name[INTERFACE_NAME_SIZE])
{
    if (attribute)
        nla_strlcpy(name, attribute, INTERFACE_NAME_SIZE);
}

static void read_ports(struct nlattr *attribute, struct rule_range *range)
{
    struct fib_rule_port_range ports;

    if (!attribute || nla_len(attribute) < (int)sizeof(ports))
        return;
    memcpy(&ports, nla_data(attribute), sizeof(ports));
    *range = (struct rule_range){ports.start, ports.end};
}

static void read_uids(struct nlattr *attribute, struct rule *rule)
{
    struct fib_rule_uid_range uids;

    if (!attribute || nla_len(attribute) < (int)sizeof(uids))
        return;
    memcpy(&uids, nla_data(attribute), sizeof(uids));
    rule->has_uids = true;
    rule->uids = (struct rule_range){uids.start, uids.end};
}

static uint64_t read_tunnel(struct nlattr *attribute)
{
    uint64_t id;

    if (!attribute || nla_len(attribute) < (int)sizeof(id))
        return 0;
    memcpy(&id, nla_data(attribute), sizeof(id));
    return __builtin_bswap64(id); /* big endian on the wire */
}

static void read_rule(const struct fib_rule_hdr *fixed, struct nlattr **attributes, struct rule *rule)
{
    *rule = rule_new(fixed->family);
    rule->has_priority = true;
    rule->priority = read_number(attributes[FRA_PRIORITY], 0);
    rule->inverted = fixed->flags & FIB_RULE_INVERT;
    rule->from_prefix = fixed->src_len;
    rule->to_prefix = fixed->dst_len;
    read_bytes(attributes[FRA_SRC], fixed->family, rule->from);
    read_bytes(attributes[FRA_DST], fixed->family, rule->to);
    read_name(attributes[FRA_IIFNAME], rule->iif);
    read_name(attributes[FRA_OIFNAME], rule->oif);
    rule->tos = fixed->tos;
    rule->mark = read_number(attributes[FRA_FWMARK], 0);
    rule->mark_mask = read_number(attributes[FRA_FWMASK], rule->mark ? UINT32_MAX : 0);
    rule->action = fixed->action;
    rule->table = read_number(attributes[FRA_TABLE], fixed->table);
    rule->target = read_number(attributes[FRA_GOTO], 0);
    rule->suppress_prefix = (int32_t)read_number(attributes[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX);
    rule->suppress_group = (int32_t)read_number(attributes[FRA_SUPPRESS_IFGROUP], UINT32_MAX);
    read_uids(attributes[FRA_UID_RANGE], rule);
    rule->ip_protocol = attributes[FRA_IP_PROTO] ? nla_get_u8(attributes[FRA_IP_PROTO]) : 0;
    read_ports(attributes[FRA_SPORT_RANGE], &rule->source_ports);
    read_ports(attributes[FRA_DPORT_RANGE], &rule->destination_ports);
    rule->l3mdev = attributes[FRA_L3MDEV] && nla_get_u8(attributes[FRA_L3MDEV]);
    rule->tunnel = read_tunnel(attributes[FRA_TUN_ID]);
    rule->protocol = attributes[FRA_PROTOCOL] ? nla_get_u8(attributes[FRA_PROTOCOL]) : 0;
}

/* In the kernel's order: by family, then by priority, then as they came. */
static void put(struct network *network, const struct rule *rule)
{
    size_t at = network->rule_count;

    while (at && (network->rules[at - 1].family > rule->family
                  || (network->rules[at - 1].family == rule->family && network->rules[at - 1].priority > rule->priority)))
        at--;
    APPEND(network->rules, network->rule_count);
    memmove(&network->rules[at + 1], &network->rules[at], (network->rule_count - 1 - at) * sizeof(*network->rules));
    network->rules[at] = *rule;
}

static void drop(struct network *network, const struct rule *rule)
{
    for (size_t at = 0; at < network->rule_count; at++) {
        if (!rule_same(&network->rules[at], rule))
            continue;
        network->rule_count--;
        memmove(&network->rules[at], &network->rules[at + 1], (network->rule_count - at) * sizeof(*network->rules));
        return;
    }
}

static bool is_there(const struct network *network, const struct rule *rule)
{
    for (size_t i = 0; i < network->rule_count; i++)
        if (rule_same(&network->rules[i], rule))
            return true;
    return false;
}

void netdev_rule_read(struct netdev_cache *cache, struct nl_msg *msg)
{
    struct nlmsghdr *header = nlmsg_hdr(msg);
    const struct fib_rule_hdr *fixed = nlmsg_data(header);
    struct nlattr *attributes[FRA_MAX + 1];
    struct rule rule;

    if ((fixed->family != AF_INET && fixed->family != AF_INET6)
        || nlmsg_parse(header, sizeof(*fixed), attributes, FRA_MAX, NULL) < 0)
        return;
    read_rule(fixed, attributes, &rule);
    if (header->nlmsg_type == RTM_DELRULE)
        drop(&cache->network, &rule);
    else if (cache->filling || !is_there(&cache->network, &rule)) /* the dump that came before may have had it */
        put(&cache->network, &rule);
    netdev_cache_tell(cache, NETDEV_CHANGED, "");
}

/* -- writing ----------------------------------------------------------------------------------------------------------------- */

static void put_selector(struct nlmsghdr *message, const struct rule *rule)
{
    size_t size = rule->family == AF_INET ? 4 : 16;

    if (rule->from_prefix)
        mnl_attr_put(message, FRA_SRC, size, rule->from);
    if (rule->to_prefix)
        mnl_attr_put(message, FRA_DST, size, rule->to);
    if (*rule->iif)
        mnl_attr_put_strz(message, FRA_IIFNAME, rule->iif);
    if (*rule->oif)
        mnl_attr_put_strz(message, FRA_OIFNAME, rule->oif);
    if (rule->mark || rule->mark_mask) {
        mnl_attr_put_u32(message, FRA_FWMARK, rule->mark);
        mnl_attr_put_u32(message, FRA_FWMASK, rule->mark_mask);
    }
    if (rule->has_uids)
        mnl_attr_put(message, FRA_UID_RANGE, sizeof(struct fib_rule_uid_range),
                     &(struct fib_rule_uid_range){rule->uids.first, rule->uids.last});
    if (rule->ip_protocol)
        mnl_attr_put_u8(message, FRA_IP_PROTO, rule->ip_protocol);
    if (rule->l3mdev)
        mnl_attr_put_u8(message, FRA_L3MDEV, 1);
    if (rule->tunnel)
        mnl_attr_put_u64(message, FRA_TUN_ID, __builtin_bswap64(rule->tunnel));
}

static void put_ports(struct nlmsghdr *message, uint16_t attribute, const struct rule_range *range)
{
    struct fib_rule_port_range ports = {(uint16_t)range->first, (uint16_t)range->last};

    if (range->first)
        mnl_attr_put(message, attribute, sizeof(ports), &ports);
}

static void put_action(struct nlmsghdr *message, const struct rule *rule, bool add)
{
    if (rule->has_priority)
        mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
    if (rule->table)
        mnl_attr_put_u32(message, FRA_TABLE, rule->table);
    if (rule->target)
        mnl_attr_put_u32(message, FRA_GOTO, rule->target);
    if (rule->suppress_prefix >= 0)
        mnl_attr_put_u32(message, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress_prefix);
    if (rule->suppress_group >= 0)
        mnl_attr_put_u32(message, FRA_SUPPRESS_IFGROUP, (uint32_t)rule->suppress_group);
    if (add)
        mnl_attr_put_u8(message, FRA_PROTOCOL, rule->protocol ? rule->protocol : RTPROT_STATIC);
}

int netdev_rule_write(struct netdev_request *request, const struct step *step, struct error *err)
{
    bool add = step->op == STEP_RULE_ADD;
    const struct rule *rule = &step->rule;
    struct netdev_draft draft;
    struct fib_rule_hdr *fixed;
    char text[RULE_TEXT_SIZE];

    if (rule->family != AF_INET && rule->family != AF_INET6)
        return error_set(err, EINVAL, "neither an IPv4 nor an IPv6 rule");
    netdev_write_begin(&draft, add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    fixed = mnl_nlmsg_put_extra_header(&draft.header, sizeof(*fixed));
    fixed->family = (uint8_t)rule->family;
    fixed->src_len = rule->from_prefix;
    fixed->dst_len = rule->to_prefix;
    fixed->tos = rule->tos;
    fixed->action = rule->action;
    fixed->table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC;
    fixed->flags = rule->inverted ? FIB_RULE_INVERT : 0;
    put_selector(&draft.header, rule);
    put_ports(&draft.header, FRA_SPORT_RANGE, &rule->source_ports);
    put_ports(&draft.header, FRA_DPORT_RANGE, &rule->destination_ports);
    put_action(&draft.header, rule, add);
    draft.message.fine = add ? EEXIST : ENOENT;
    draft.message.gone_is_fine = !add;
    snprintf(draft.message.what, sizeof(draft.message.what), "%s rule %s", add ? "add" : "delete", rule_text(rule, text));
    netdev_write_add(request, &draft);
    return 0;
}
