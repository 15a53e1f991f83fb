/* Traffic control read: whether a link has the qdiscs, the class and the filter that netdev_rate.c makes. Anybody's others count
 * only as being there. Deleting a qdisc takes its classes and filters with it, and no events tell of these. */
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "netdev/netdev_internal.h"

struct netdev_traffic *netdev_tc_find(const struct netdev_cache *cache, int index)
{
    for (size_t i = 0; i < cache->traffic_count; i++)
        if (cache->traffic[i].index == index)
            return &cache->traffic[i];
    return NULL;
}

void netdev_tc_remove(struct netdev_cache *cache, int index)
{
    struct netdev_traffic *traffic = netdev_tc_find(cache, index);

    if (traffic)
        *traffic = cache->traffic[--cache->traffic_count];
}

void netdev_tc_show(const struct netdev_cache *cache, struct interface *interface)
{
    const struct netdev_traffic *traffic = netdev_tc_find(cache, interface->index);

    interface->inbound = traffic && traffic->shaped ? traffic->inbound : (struct rate){0};
    interface->outbound = traffic && traffic->ingress ? traffic->outbound : (struct rate){0};
}

static void show(struct netdev_cache *cache, int index)
{
    struct interface *interface = netdev_cache_find(cache, index);
    struct rate inbound, outbound;

    if (!interface)
        return;
    inbound = interface->inbound;
    outbound = interface->outbound;
    netdev_tc_show(cache, interface);
    if (!rate_same(&inbound, &interface->inbound) || !rate_same(&outbound, &interface->outbound))
        netdev_cache_tell(cache, NETDEV_CHANGED, interface->name);
}

struct reading {
    const struct tcmsg *fixed;
    struct nlattr *attributes[TCA_MAX + 1];
    bool new;
};

static bool has_kind(const struct reading *reading, const char *kind)
{
    return reading->attributes[TCA_KIND] && nla_strcmp(reading->attributes[TCA_KIND], kind) == 0;
}

static bool is_ours(const struct reading *reading)
{
    struct nlattr *options[TCA_HTB_MAX + 1], *parameters;
    struct tc_htb_glob global;

    if (!has_kind(reading, "htb") || reading->fixed->tcm_handle != NETDEV_HTB || !reading->attributes[TCA_OPTIONS]
        || nla_parse_nested(options, TCA_HTB_MAX, reading->attributes[TCA_OPTIONS], NULL) < 0)
        return false;
    parameters = options[TCA_HTB_INIT];
    if (!parameters || nla_len(parameters) < (int)sizeof(global))
        return false;
    memcpy(&global, nla_data(parameters), sizeof(global));
    return global.defcls == TC_H_MIN(NETDEV_HTB_CLASS);
}

/* A handle of zero: the kernel's default for the link, which nobody asked for. */
static void read_qdisc(const struct reading *reading, struct netdev_traffic *traffic)
{
    if (reading->fixed->tcm_parent == TC_H_INGRESS) {
        traffic->ingress = reading->new;
        traffic->shared = reading->new && (traffic->shared || has_kind(reading, "clsact"));
        if (!reading->new)
            traffic->outbound = (struct rate){0};
        return;
    }
    traffic->root = reading->new && reading->fixed->tcm_handle;
    traffic->shaped = traffic->root && is_ours(reading);
    if (!traffic->shaped)
        traffic->inbound = (struct rate){0};
}

static void read_class(const struct reading *reading, struct netdev_traffic *traffic)
{
    bool known = reading->new && has_kind(reading, "htb") && reading->attributes[TCA_OPTIONS];

    if (reading->fixed->tcm_handle == NETDEV_HTB_CLASS)
        traffic->inbound = known ? netdev_rate_of_class(reading->attributes[TCA_OPTIONS]) : (struct rate){0};
}

/* A filter of u32 comes with its hash table, which is told as one more filter, without an action. */
static void read_filter(const struct reading *reading, struct netdev_traffic *traffic)
{
    if (TC_H_MAJ(reading->fixed->tcm_info) >> 16 != NETDEV_FILTER_PRIORITY || (reading->new && !has_kind(reading, "u32"))) {
        traffic->shared |= reading->new;
        return;
    }
    if (!reading->new)
        traffic->outbound = (struct rate){0};
    else if (reading->attributes[TCA_OPTIONS] && TC_H_MIN(reading->fixed->tcm_handle) & 0xfff)
        traffic->outbound = netdev_rate_of_filter(reading->attributes[TCA_OPTIONS]);
}

static bool is_of_interest(uint16_t type, const struct tcmsg *fixed)
{
    switch (type) {
    case RTM_NEWQDISC:
    case RTM_DELQDISC:
        return fixed->tcm_parent == TC_H_ROOT || fixed->tcm_parent == TC_H_INGRESS;
    case RTM_NEWTCLASS:
    case RTM_DELTCLASS:
        return TC_H_MAJ(fixed->tcm_handle) == NETDEV_HTB;
    default:
        return fixed->tcm_parent == NETDEV_INGRESS || fixed->tcm_parent == TC_H_MAJ(NETDEV_INGRESS);
    }
}

static void read_message(const struct reading *reading, uint16_t type, struct netdev_traffic *traffic)
{
    switch (type) {
    case RTM_NEWQDISC:
    case RTM_DELQDISC:
        read_qdisc(reading, traffic);
        break;
    case RTM_NEWTCLASS:
    case RTM_DELTCLASS:
        read_class(reading, traffic);
        break;
    default:
        read_filter(reading, traffic);
    }
}

void netdev_tc_read(struct netdev_cache *cache, struct nl_msg *msg)
{
    struct nlmsghdr *header = nlmsg_hdr(msg);
    uint16_t type = header->nlmsg_type;
    struct reading reading = {
        .fixed = nlmsg_data(header),
        .new = type == RTM_NEWQDISC || type == RTM_NEWTCLASS || type == RTM_NEWTFILTER,
    };
    struct netdev_traffic *traffic;
    int index;

    if (!nlmsg_valid_hdr(header, sizeof(struct tcmsg)) || !is_of_interest(type, reading.fixed))
        return;
    index = reading.fixed->tcm_ifindex;
    traffic = netdev_tc_find(cache, index);
    /* What a dump of a host with thousands of links without limits consists of ends here. */
    if (!traffic && (!reading.new || !reading.fixed->tcm_handle))
        return;
    if (nlmsg_parse(header, sizeof(struct tcmsg), reading.attributes, TCA_MAX, NULL) < 0)
        return;
    if (!traffic) {
        traffic = APPEND(cache->traffic, cache->traffic_count);
        traffic->index = index;
    }
    read_message(&reading, type, traffic);
    if (!traffic->root && !traffic->ingress)
        netdev_tc_remove(cache, index);
    show(cache, index);
}
