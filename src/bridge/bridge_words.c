/* What hangs on a link, in a few words. */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bridge/bridge_internal.h"

enum { MOST_ATTRIBUTES = 32 };

struct attributes {
    const struct nlattr *of[MOST_ATTRIBUTES];
};

static struct attributes parse(const struct nlmsghdr *message, size_t fixed)
{
    struct attributes attributes = {0};
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, message, fixed)
        if (mnl_attr_get_type(attribute) < MOST_ATTRIBUTES)
            attributes.of[mnl_attr_get_type(attribute)] = attribute;
    return attributes;
}

static const char *words_of(int family, const struct nlattr *attribute, char buffer[INET6_ADDRSTRLEN])
{
    if (!attribute || mnl_attr_get_payload_len(attribute) != (family == AF_INET ? 4 : 16)
        || !inet_ntop(family, mnl_attr_get_payload(attribute), buffer, INET6_ADDRSTRLEN))
        return "?";
    return buffer;
}

static void name_address(const struct nlmsghdr *message, struct bridge_words *words)
{
    const struct ifaddrmsg *fixed = mnl_nlmsg_get_payload(message);
    struct attributes attributes = parse(message, sizeof(*fixed));
    char address[INET6_ADDRSTRLEN];

    snprintf(words->text, sizeof(words->text), "%s/%u",
             words_of(fixed->ifa_family, attributes.of[IFA_LOCAL] ? attributes.of[IFA_LOCAL] : attributes.of[IFA_ADDRESS], address),
             fixed->ifa_prefixlen);
}

static void name_route(const struct nlmsghdr *message, struct bridge_words *words)
{
    const struct rtmsg *fixed = mnl_nlmsg_get_payload(message);
    struct attributes attributes = parse(message, sizeof(*fixed));
    uint32_t table = attributes.of[RTA_TABLE] ? mnl_attr_get_u32(attributes.of[RTA_TABLE]) : fixed->rtm_table;
    char address[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN];
    int length;

    if (fixed->rtm_dst_len)
        length = snprintf(words->text, sizeof(words->text), "route %s/%u",
                          words_of(fixed->rtm_family, attributes.of[RTA_DST], address), fixed->rtm_dst_len);
    else
        length = snprintf(words->text, sizeof(words->text), fixed->rtm_family == AF_INET6 ? "IPv6 route default" : "route default");
    if (attributes.of[RTA_GATEWAY])
        length += snprintf(words->text + length, sizeof(words->text) - (size_t)length, " via %s",
                           words_of(fixed->rtm_family, attributes.of[RTA_GATEWAY], gateway));
    if (table != RT_TABLE_MAIN)
        snprintf(words->text + length, sizeof(words->text) - (size_t)length, " of table %u", table);
}

static void name_rule(const struct nlmsghdr *message, struct bridge_words *words)
{
    const struct fib_rule_hdr *fixed = mnl_nlmsg_get_payload(message);
    struct attributes attributes = parse(message, sizeof(*fixed));

    snprintf(words->text, sizeof(words->text), "%srule %u", fixed->family == AF_INET6 ? "IPv6 " : "",
             attributes.of[FRA_PRIORITY] ? mnl_attr_get_u32(attributes.of[FRA_PRIORITY]) : 0);
}

static void name_neighbour(const struct nlmsghdr *message, struct bridge_words *words)
{
    const struct ndmsg *fixed = mnl_nlmsg_get_payload(message);
    struct attributes attributes = parse(message, sizeof(*fixed));
    char address[INET6_ADDRSTRLEN];

    snprintf(words->text, sizeof(words->text), "neighbour %s", words_of(fixed->ndm_family, attributes.of[NDA_DST], address));
}

static void name_nexthop(const struct nlmsghdr *message, struct bridge_words *words)
{
    struct attributes attributes = parse(message, sizeof(struct nhmsg));

    snprintf(words->text, sizeof(words->text), "nexthop %u", attributes.of[NHA_ID] ? mnl_attr_get_u32(attributes.of[NHA_ID]) : 0);
}

struct bridge_words bridge_words(const struct netdev_hanging_item *item)
{
    struct bridge_words words = {""};

    switch (item->thing) {
    case NETDEV_ADDRESS:
        name_address(item->message, &words);
        break;
    case NETDEV_ROUTE:
    case NETDEV_KERNELS_ROUTE:
        name_route(item->message, &words);
        break;
    case NETDEV_NEXTHOP:
        name_nexthop(item->message, &words);
        break;
    case NETDEV_RULE:
        name_rule(item->message, &words);
        break;
    case NETDEV_NEIGHBOUR:
    case NETDEV_LEARNED:
        name_neighbour(item->message, &words);
        break;
    }
    return words;
}
