#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "filter/filter_internal.h"

enum { TRIES = 5 /* a dump during which things changed is begun again */, NAME = 64, CHAINS = 64, PATIENCE = 5 /* seconds */ };

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

DEFINE_CLEANUP(struct mnl_socket *, mnl_socket_close)

/* -- attributes -------------------------------------------------------------------------------------------------------------- */

static const struct nlattr *find(const struct nlattr *nest, uint16_t type)
{
    const struct nlattr *attribute;

    if (nest)
        mnl_attr_for_each_nested(attribute, nest)
            if (mnl_attr_get_type(attribute) == type)
                return attribute;
    return NULL;
}

static const struct nlattr *find_in(const struct nlmsghdr *message, uint16_t type)
{
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
        if (mnl_attr_get_type(attribute) == type)
            return attribute;
    return NULL;
}

static uint32_t number(const struct nlattr *attribute, uint32_t fallback)
{
    return attribute && mnl_attr_get_payload_len(attribute) >= 4 ? ntohl(mnl_attr_get_u32(attribute)) : fallback;
}

static void copy_string(const struct nlattr *attribute, char *target, size_t size)
{
    if (attribute)
        snprintf(target, size, "%.*s", (int)mnl_attr_get_payload_len(attribute), mnl_attr_get_str(attribute));
    else
        target[0] = '\0';
}

/* -- asking ------------------------------------------------------------------------------------------------------------------ */

static int ask_once(struct mnl_socket *socket, uint16_t type, const struct chain *of, mnl_cb_t hear, void *context)
{
    char buffer[16384];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));
    static unsigned sequence;
    ssize_t size;
    int more;

    message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
    message->nlmsg_flags = type == NFT_MSG_GETTABLE ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST | NLM_F_DUMP;
    message->nlmsg_seq = __atomic_add_fetch(&sequence, 1, __ATOMIC_RELAXED);
    *fixed = (struct nfgenmsg){.nfgen_family = of ? of->family : NFPROTO_UNSPEC, .version = NFNETLINK_V0};
    if (of && type == NFT_MSG_GETTABLE)
        mnl_attr_put_strz(message, NFTA_TABLE_NAME, of->table);
    if (of && type == NFT_MSG_GETRULE) {
        mnl_attr_put_strz(message, NFTA_RULE_TABLE, of->table);
        mnl_attr_put_strz(message, NFTA_RULE_CHAIN, of->name);
    }
    unsigned expected = message->nlmsg_seq;
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
        return -errno;
    do {
        size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
        if (size < 0)
            return -errno;
        more = mnl_cb_run(buffer, (size_t)size, expected, mnl_socket_get_portid(socket), hear, context);
    } while (more > 0);
    return more < 0 ? -errno : 0;
}

static int open_socket(struct mnl_socket **ret)
{
    struct timeval patience = {.tv_sec = PATIENCE};
    CLEANUP(mnl_socket_closep) struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    *ret = TAKE_POINTER(socket);
    return 0;
}

/* Each on a socket of its own: what is left of a dump that was given up is of no interest to the next. */
static int ask(uint16_t type, const struct chain *of, mnl_cb_t hear, void *context)
{
    int result = -EINTR;

    for (int i = 0; i < TRIES && result == -EINTR; i++) {
        CLEANUP(mnl_socket_closep) struct mnl_socket *socket = NULL;

        result = open_socket(&socket);
        if (result == 0)
            result = ask_once(socket, type, of, hear, context);
    }
    return result;
}

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
    const struct nlattr *hook = find_in(message, NFTA_CHAIN_HOOK);
    struct chains *chains = context;
    struct chain *chain;

    if (!hook || !is_passed(number(find(hook, NFTA_HOOK_HOOKNUM), UINT32_MAX)) || chains->count == CHAINS ||
        number(find_in(message, NFTA_CHAIN_POLICY), NF_ACCEPT) != NF_DROP || !concerns(chains->scope, fixed->nfgen_family))
        return MNL_CB_OK;
    chain = &chains->items[chains->count++];
    chain->family = fixed->nfgen_family;
    copy_string(find_in(message, NFTA_CHAIN_TABLE), chain->table, sizeof(chain->table));
    copy_string(find_in(message, NFTA_CHAIN_NAME), chain->name, sizeof(chain->name));
    return MNL_CB_OK;
}

static int hear_table(const struct nlmsghdr *message, void *context)
{
    *(bool *)context = number(find_in(message, NFTA_TABLE_FLAGS), 0) & NFT_TABLE_F_DORMANT;
    return MNL_CB_OK;
}

/* -- rules ------------------------------------------------------------------------------------------------------------------- */

static void read_meta(const struct nlattr *data, struct filter_rule *rule, char **ret_name)
{
    switch (number(find(data, NFTA_META_KEY), UINT32_MAX)) {
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
    const struct nlattr *value = find(find(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);

    if (!name || !value || number(find(data, NFTA_CMP_OP), UINT32_MAX) != NFT_CMP_EQ || mnl_attr_get_payload_len(value) != 16)
        rule->other = true; /* a shorter one is the beginning of a name */
    else
        copy_string(value, name, 16);
}

static void read_expression(const struct nlattr *expression, struct filter_rule *rule, char **name)
{
    const struct nlattr *data = find(expression, NFTA_EXPR_DATA);
    char kind[NAME], match[NAME];

    copy_string(find(expression, NFTA_EXPR_NAME), kind, sizeof(kind));
    if (text_equal(kind, "meta")) {
        read_meta(data, rule, name);
    } else if (text_equal(kind, "cmp")) {
        read_compare(data, rule, *name);
        *name = NULL;
    } else if (text_equal(kind, "match")) {
        const struct nlattr *info = find(data, NFTA_MATCH_INFO);

        copy_string(find(data, NFTA_MATCH_NAME), match, sizeof(match));
        filter_rule_match(rule, match, info ? mnl_attr_get_payload(info) : NULL, info ? mnl_attr_get_payload_len(info) : 0);
    } else if (text_equal(kind, "immediate")) {
        const struct nlattr *verdict = find(find(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);

        rule->accept = verdict && number(find(verdict, NFTA_VERDICT_CODE), NF_DROP) == NF_ACCEPT;
    } else if (!text_equal(kind, "counter")) {
        rule->other = true;
    }
}

static int hear_rule(const struct nlmsghdr *message, void *context)
{
    const struct nlattr *expressions = find_in(message, NFTA_RULE_EXPRESSIONS), *expression;
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
    int result = ask(NFT_MSG_GETTABLE, chain, hear_table, &dormant);

    if (result == 0 && !dormant)
        result = ask(NFT_MSG_GETRULE, chain, hear_rule, &rules);
    if (result == -ENOENT) /* removed meanwhile */
        return 0;
    return result < 0 ? result : !dormant && !rules.let_pass;
}

int filter_nft_find(const struct filter_scope *scope, struct filter_culprit *ret, struct error *err)
{
    CLEANUP(freep) struct chains *chains = NEW(struct chains);
    int result;

    chains->scope = scope;
    result = ask(NFT_MSG_GETCHAIN, NULL, hear_chain, chains);
    if (result == -EINVAL || result == -EOPNOTSUPP || result == -EPROTONOSUPPORT)
        return 0; /* the kernel has no nftables */
    for (size_t i = 0; i < chains->count && result == 0; i++) {
        result = judge(&chains->items[i], scope);
        if (result > 0)
            describe(&chains->items[i], scope, ret);
    }
    return result < 0 ? error_errno(err, result, "cannot read the chains of nftables") : result;
}
