#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "filter/filter_internal.h"

enum { NAME = 64, CHAINS = 64 };

struct chain {
    uint8_t family;
    char table[NAME], name[NAME];
};

struct chains { /* base chains that forwarded packets pass, with the policy drop */
    const struct filter_scope *scope;
    struct chain items[CHAINS];
    size_t count;
};

struct rules {
    const struct filter_scope *scope;
    bool bridge_family;
    bool let_pass;
};

/* -- chains ------------------------------------------------------------------------------------------------------------------ */

static bool concerns(const struct filter_scope *scope, uint8_t family)
{
    switch (family) {
    case NFPROTO_IPV4:
        return scope->ipv4;
    case NFPROTO_IPV6:
        return scope->ipv6;
    case NFPROTO_INET:
        return scope->ipv4 || scope->ipv6;
    case NFPROTO_BRIDGE:
        return true;
    }
    return false;
}

/* Forwarded packets pass these three, which have the same numbers in the families of IP and of bridges. */
static bool is_passed(uint32_t hook)
{
    return hook == NF_INET_PRE_ROUTING || hook == NF_INET_FORWARD || hook == NF_INET_POST_ROUTING;
}

static int hear_chain(const struct nlmsghdr *message, void *context)
{
    const struct nfgenmsg *fixed = mnl_nlmsg_get_payload(message);
    const struct nlattr *hook = filter_message_attribute(message, NFTA_CHAIN_HOOK);
    struct chains *chains = context;
    struct chain *chain;

    if (!hook || !is_passed(filter_message_number(filter_message_find(hook, NFTA_HOOK_HOOKNUM), UINT32_MAX)) || chains->count == CHAINS ||
        filter_message_number(filter_message_attribute(message, NFTA_CHAIN_POLICY), NF_ACCEPT) != NF_DROP
        || !concerns(chains->scope, fixed->nfgen_family))
        return MNL_CB_OK;
    chain = &chains->items[chains->count++];
    chain->family = fixed->nfgen_family;
    filter_message_string(filter_message_attribute(message, NFTA_CHAIN_TABLE), chain->table, sizeof(chain->table));
    filter_message_string(filter_message_attribute(message, NFTA_CHAIN_NAME), chain->name, sizeof(chain->name));
    return MNL_CB_OK;
}

static int hear_table(const struct nlmsghdr *message, void *context)
{
    *(bool *)context = filter_message_number(filter_message_attribute(message, NFTA_TABLE_FLAGS), 0) & NFT_TABLE_F_DORMANT;
    return MNL_CB_OK;
}

/* -- rules ------------------------------------------------------------------------------------------------------------------- */

static void read_meta(const struct nlattr *data, struct filter_rule *rule, char **ret_name)
{
    switch (filter_message_number(filter_message_find(data, NFTA_META_KEY), UINT32_MAX)) {
    case NFT_META_IIFNAME:
    case NFT_META_BRI_IIFNAME:
        *ret_name = rule->in;
        break;
    case NFT_META_OIFNAME:
    case NFT_META_BRI_OIFNAME:
        *ret_name = rule->out;
        break;
    default:
        rule->other = true;
    }
}

static void read_compare(const struct nlattr *data, struct filter_rule *rule, char *name)
{
    const struct nlattr *value = filter_message_find(filter_message_find(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);

    if (!name || !value || filter_message_number(filter_message_find(data, NFTA_CMP_OP), UINT32_MAX) != NFT_CMP_EQ
        || mnl_attr_get_payload_len(value) != 16)
        rule->other = true; /* a shorter one is the beginning of a name */
    else
        filter_message_string(value, name, 16);
}

static void read_expression(const struct nlattr *expression, struct filter_rule *rule, char **name)
{
    const struct nlattr *data = filter_message_find(expression, NFTA_EXPR_DATA);
    char kind[NAME], match[NAME];

    filter_message_string(filter_message_find(expression, NFTA_EXPR_NAME), kind, sizeof(kind));
    if (text_equal(kind, "meta")) {
        read_meta(data, rule, name);
    } else if (text_equal(kind, "cmp")) {
        read_compare(data, rule, *name);
        *name = NULL;
    } else if (text_equal(kind, "match")) {
        const struct nlattr *info = filter_message_find(data, NFTA_MATCH_INFO);

        filter_message_string(filter_message_find(data, NFTA_MATCH_NAME), match, sizeof(match));
        filter_rule_match(rule, match, info ? mnl_attr_get_payload(info) : NULL, info ? mnl_attr_get_payload_len(info) : 0);
    } else if (text_equal(kind, "immediate")) {
        const struct nlattr *verdict = filter_message_find(filter_message_find(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);

        rule->accept = verdict && filter_message_number(filter_message_find(verdict, NFTA_VERDICT_CODE), NF_DROP) == NF_ACCEPT;
    } else if (!text_equal(kind, "counter")) {
        rule->other = true;
    }
}

static int hear_rule(const struct nlmsghdr *message, void *context)
{
    const struct nlattr *expressions = filter_message_attribute(message, NFTA_RULE_EXPRESSIONS), *expression;
    struct filter_rule rule = {0};
    struct rules *rules = context;
    char *name = NULL;

    if (expressions)
        mnl_attr_for_each_nested(expression, expressions)
            read_expression(expression, &rule, &name);
    rules->let_pass |= filter_rule_lets_pass(&rule, rules->scope, rules->bridge_family);
    return MNL_CB_OK;
}

/* -- together ---------------------------------------------------------------------------------------------------------------- */

static void describe(const struct chain *chain, const struct filter_scope *scope, struct filter_culprit *ret)
{
    const char *family = chain->family == NFPROTO_IPV4   ? "ip"
                         : chain->family == NFPROTO_IPV6 ? "ip6"
                         : chain->family == NFPROTO_INET ? "inet"
                                                         : "bridge";
    const char *bridge = scope->bridge ? scope->bridge : "BRIDGE";
    bool iptables = text_equal(chain->table, "filter") && text_equal(chain->name, "FORWARD");

    *ret = (struct filter_culprit){.bridge = chain->family == NFPROTO_BRIDGE,
                                   .ipv6 = chain->family == NFPROTO_IPV6 || (chain->family == NFPROTO_INET && !scope->ipv4)};
    snprintf(ret->what, sizeof(ret->what), "the chain %s of the table %s %s", chain->name, family, chain->table);
    if (ret->bridge)
        snprintf(ret->cure, sizeof(ret->cure),
                 "nft chain bridge %s %s '{ policy accept; }'; or what one bridge forwards by: nft insert rule bridge %s %s meta "
                 "ibrname %s accept",
                 chain->table, chain->name, chain->table, chain->name, bridge);
    else if (iptables && chain->family != NFPROTO_INET)
        snprintf(ret->cure, sizeof(ret->cure), "%s -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT",
                 ret->ipv6 ? "ip6tables" : "iptables");
    else
        snprintf(ret->cure, sizeof(ret->cure), "nft insert rule %s %s %s iifname %s oifname %s accept", family, chain->table,
                 chain->name, bridge, bridge);
}

/* 1 = nothing gets through, 0 = bridged packets do, or it is switched off; -errno. */
static int judge(const struct chain *chain, const struct filter_scope *scope)
{
    struct rules rules = {.scope = scope, .bridge_family = chain->family == NFPROTO_BRIDGE};
    bool dormant = false;
    struct filter_question table = {.type = NFT_MSG_GETTABLE, .family = chain->family, .table = chain->table};
    struct filter_question all = {.type = NFT_MSG_GETRULE, .family = chain->family, .table = chain->table, .object = chain->name};
    int result = filter_message_ask(&table, hear_table, &dormant);

    if (result == 0 && !dormant)
        result = filter_message_ask(&all, hear_rule, &rules);
    if (result == -ENOENT) /* removed meanwhile */
        return 0;
    return result < 0 ? result : !dormant && !rules.let_pass;
}

int filter_nft_find(const struct filter_scope *scope, struct filter_culprit *ret, struct error *err)
{
    CLEANUP(freep) struct chains *chains = NEW(struct chains);
    int result;

    chains->scope = scope;
    result = filter_message_ask(&(struct filter_question){.type = NFT_MSG_GETCHAIN}, hear_chain, chains);
    if (filter_message_is_unknown(result))
        return 0;
    for (size_t i = 0; i < chains->count && result == 0; i++) {
        result = judge(&chains->items[i], scope);
        if (result > 0)
            describe(&chains->items[i], scope, ret);
    }
    return result < 0 ? error_errno(err, result, "cannot read the chains of nftables") : result;
}
