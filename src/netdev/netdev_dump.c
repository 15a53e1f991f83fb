/* The kernel's state asked for: dumps of links, addresses, routes, rules, VLANs and qdiscs, and one link alone. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "base/memory.h"
#include "netdev/netdev_internal.h"

enum {
    BUFFER = 32768, /* the kernel fills as much of it as it can, so a dump of 4,000 links takes some 150 reads */
    TRIES = 10,     /* of a dump that is torn by changes */
};

static int receive(struct nl_msg *msg, void *context)
{
    struct netdev_cache *cache = context;

    switch (nlmsg_hdr(msg)->nlmsg_type) {
    case RTM_NEWLINK:
        netdev_link_read(cache, msg);
        break;
    case RTM_NEWADDR:
        netdev_address_read(cache, msg);
        break;
    case RTM_NEWROUTE:
        netdev_route_read(cache, msg);
        break;
    case RTM_NEWRULE:
        netdev_rule_read(cache, msg);
        break;
    case RTM_NEWQDISC:
    case RTM_NEWTCLASS:
    case RTM_NEWTFILTER:
        netdev_tc_read(cache, msg);
        break;
    }
    return NL_OK;
}

int netdev_dump_open(struct nl_sock **ret_socket, struct error *err)
{
    struct nl_sock *socket = nl_socket_alloc();
    int code = socket ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;

    if (code < 0) {
        nl_socket_free(socket);
        return error_set(err, EIO, "cannot open a netlink socket: %s", nl_geterror(code));
    }
    nl_socket_set_msg_buf_size(socket, BUFFER);
    nl_socket_disable_auto_ack(socket); /* the answer is enough: an ack behind it would be taken for the next question's */
    *ret_socket = socket;
    return 0;
}

int netdev_dump_ask(struct nl_sock *socket, const struct netdev_question *question, struct error *err)
{
    struct nl_msg *request = nlmsg_alloc_simple(question->type, question->flags);
    const struct nlattr *attribute = question->attribute;
    int code;

    if (!request)
        return error_errno(err, ENOMEM, "cannot ask the kernel");
    nlmsg_append(request, (void *)(uintptr_t)question->fixed, question->size, NLMSG_ALIGNTO);
    if (attribute)
        nla_put(request, nla_type(attribute), nla_len(attribute), nla_data(attribute));
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, question->receive, question->context);
    code = nl_send_auto(socket, request);
    nlmsg_free(request);
    if (code >= 0)
        code = nl_recvmsgs_default(socket);
    if (code == -NLE_DUMP_INTR)
        return -EAGAIN;
    if (code == -NLE_OPNOTSUPP)
        return error_errno(err, EOPNOTSUPP, "cannot ask the kernel");
    if (code < 0)
        return error_set(err, EIO, "cannot read the network's state from the kernel: %s", nl_geterror(code));
    return 0;
}

static int ask(struct nl_sock *socket, struct netdev_cache *cache, int type, const void *fixed, size_t size, struct error *err)
{
    struct netdev_question question = {
        .type = type, .flags = NLM_F_DUMP, .fixed = fixed, .size = size, .receive = receive, .context = cache,
    };

    return netdev_dump_ask(socket, &question, err);
}

/* Links, of any family or a bridge's own; all or one. The mask says what the answer shall hold, or not. */
static int ask_links(struct nl_sock *socket, struct netdev_cache *cache, struct ifinfomsg fixed, uint32_t mask, struct error *err)
{
    struct {
        struct nlattr header;
        uint32_t mask;
    } attribute = {{NLA_HDRLEN + sizeof(mask), IFLA_EXT_MASK}, mask};
    struct netdev_question question = {
        .type = RTM_GETLINK,
        .flags = fixed.ifi_index ? 0 : NLM_F_DUMP,
        .fixed = &fixed,
        .size = sizeof(fixed),
        .attribute = &attribute.header,
        .receive = receive,
        .context = cache,
    };

    return netdev_dump_ask(socket, &question, err);
}

static bool lacks_vlans(const struct netdev_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        if (!cache->by_index[i]->vlans && netdev_cache_filters(cache, cache->by_index[i]))
            return true;
    return false;
}

/* Compressed: ranges, as the events have them. */
static int read_vlans(struct nl_sock *socket, struct netdev_cache *cache, struct error *err)
{
    cache->unread_vlans = false;
    if (!lacks_vlans(cache))
        return 0;
    return ask_links(socket, cache, (struct ifinfomsg){.ifi_family = AF_BRIDGE}, RTEXT_FILTER_BRVLAN_COMPRESSED, err);
}

void netdev_dump_vlans(struct nl_sock *socket, struct netdev_cache *cache)
{
    /* Torn: something changed, and its event is on its way. */
    (void)read_vlans(socket, cache, NULL);
}

/* Classes and filters can be had only link by link: it is done for the few that have a qdisc like ours. */
static int read_traffic(struct nl_sock *socket, struct netdev_cache *cache, struct error *err)
{
    int code = ask(socket, cache, RTM_GETQDISC, &(struct tcmsg){.tcm_family = AF_UNSPEC}, sizeof(struct tcmsg), err);

    if (code == -EOPNOTSUPP) { /* a kernel without CONFIG_NET_SCHED */
        if (err)
            *err = (struct error){0};
        return 0;
    }
    for (size_t i = 0; code == 0 && i < cache->traffic_count; i++) {
        struct netdev_traffic traffic = cache->traffic[i];
        struct tcmsg fixed = {.tcm_family = AF_UNSPEC, .tcm_ifindex = traffic.index};

        if (traffic.shaped)
            code = ask(socket, cache, RTM_GETTCLASS, &fixed, sizeof(fixed), err);
        fixed.tcm_parent = NETDEV_INGRESS;
        if (code == 0 && traffic.ingress)
            code = ask(socket, cache, RTM_GETTFILTER, &fixed, sizeof(fixed), err);
    }
    return code;
}

static int read_rules(struct nl_sock *socket, struct netdev_cache *cache, struct error *err)
{
    struct fib_rule_hdr any = {.family = AF_UNSPEC};
    int code = ask(socket, cache, RTM_GETRULE, &any, sizeof(any), err);

    if (code != -EOPNOTSUPP) /* a kernel without CONFIG_IP_MULTIPLE_TABLES */
        return code;
    if (err)
        *err = (struct error){0};
    return 0;
}

static int dump(struct nl_sock *socket, struct netdev_cache *cache, struct error *err)
{
    struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    int codes[6];
    bool torn = false;

    netdev_cache_clear(cache);
    cache->filling = true;
    codes[0] = ask_links(socket, cache, any, RTEXT_FILTER_SKIP_STATS, err);
    /* The family is first in these headers too, and they are no longer. */
    codes[1] = ask(socket, cache, RTM_GETADDR, &any, sizeof(any), err);
    codes[2] = ask(socket, cache, RTM_GETROUTE, &any, sizeof(any), err);
    codes[3] = read_vlans(socket, cache, err);
    codes[4] = read_traffic(socket, cache, err);
    codes[5] = read_rules(socket, cache, err);
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (codes[i] < 0 && codes[i] != -EAGAIN)
            return codes[i];
        torn |= codes[i] == -EAGAIN;
    }
    netdev_cache_filled(cache);
    return torn ? -EAGAIN : 0;
}

int netdev_dump_read(struct nl_sock *socket, struct netdev_cache *cache, bool *ret_torn, struct error *err)
{
    int code = -EAGAIN;

    for (int i = 0; i < TRIES && code == -EAGAIN; i++)
        code = dump(socket, cache, err);
    *ret_torn = code == -EAGAIN;
    return *ret_torn ? 0 : code;
}

void netdev_dump_link(struct nl_sock *socket, struct netdev_cache *cache, int index)
{
    struct ifinfomsg one = {.ifi_family = AF_UNSPEC, .ifi_index = index};

    /* Gone meanwhile, or refused: the event that says so is on its way. */
    (void)ask_links(socket, cache, one, RTEXT_FILTER_SKIP_STATS, NULL);
}
