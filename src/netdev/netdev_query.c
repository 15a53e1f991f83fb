/* What is not kept in OBSERVED because it changes all the time: asked for when somebody wants to know. The kernel answers within
 * the question's own system call, so the loop waits for nothing but RTNL. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "netdev/netdev_internal.h"

/* -- statistics ----------------------------------------------------------------------------------------------------------- */

struct counters {
    struct rtnl_link_stats64 stats;
    bool found;
};

static int receive_statistics(struct nl_msg *msg, void *context)
{
    struct counters *counters = context;
    struct nlattr *attributes[IFLA_STATS_MAX + 1], *stats;

    if (nlmsg_parse(nlmsg_hdr(msg), sizeof(struct if_stats_msg), attributes, IFLA_STATS_MAX, NULL) < 0)
        return NL_OK;
    stats = attributes[IFLA_STATS_LINK_64];
    if (!stats)
        return NL_OK;
    nla_memcpy(&counters->stats, stats, sizeof(counters->stats)); /* an older kernel's is shorter */
    counters->found = true;
    return NL_OK;
}

int netdev_statistics(struct netdev *netdev, const char *name, struct link_statistics *ret_statistics, struct error *err)
{
    const struct interface *link = network_find(&netdev->cache.network, name);
    struct if_stats_msg fixed = {.family = AF_UNSPEC, .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)};
    struct counters counters = {0};
    const struct rtnl_link_stats64 *stats = &counters.stats;
    struct netdev_question question = {
        .type = RTM_GETSTATS, .fixed = &fixed, .size = sizeof(fixed), .receive = receive_statistics, .context = &counters,
    };

    if (!link)
        return error_errno(err, ENODEV, "%s: read statistics", name);
    fixed.ifindex = (uint32_t)link->index;
    if (netdev_dump_ask(netdev->dump, &question, err) < 0)
        return error_prefix(err, "%s: read statistics", name);
    if (!counters.found)
        return error_errno(err, ENODATA, "%s: read statistics", name);
    *ret_statistics = (struct link_statistics){
        .rx_bytes = stats->rx_bytes,
        .rx_packets = stats->rx_packets,
        .rx_errors = stats->rx_errors,
        .rx_dropped = stats->rx_dropped,
        .tx_bytes = stats->tx_bytes,
        .tx_packets = stats->tx_packets,
        .tx_errors = stats->tx_errors,
        .tx_dropped = stats->tx_dropped,
    };
    return 0;
}

/* -- neighbours ----------------------------------------------------------------------------------------------------------- */

enum { KNOWN_STATES = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT };

struct neighbours {
    const uint8_t *mac;
    struct address *addresses;
    size_t count;
};

static bool is_link_local(const struct address *address)
{
    if (address->family == AF_INET)
        return address->bytes[0] == 169 && address->bytes[1] == 254;
    return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

static void add_neighbour(struct neighbours *neighbours, const struct address *address)
{
    for (size_t i = 0; i < neighbours->count; i++)
        if (address_same(&neighbours->addresses[i], address)) /* a neighbour on several links */
            return;
    *APPEND(neighbours->addresses, neighbours->count) = *address;
}

static int receive_neighbour(struct nl_msg *msg, void *context)
{
    struct neighbours *neighbours = context;
    const struct ndmsg *fixed = nlmsg_data(nlmsg_hdr(msg));
    struct nlattr *attributes[NDA_MAX + 1], *mac, *destination;
    struct address address = {.family = fixed->ndm_family, .valid = UINT32_MAX, .preferred = UINT32_MAX};
    int size = fixed->ndm_family == AF_INET ? 4 : 16;

    if ((fixed->ndm_family != AF_INET && fixed->ndm_family != AF_INET6) || !(fixed->ndm_state & KNOWN_STATES)
        || nlmsg_parse(nlmsg_hdr(msg), sizeof(*fixed), attributes, NDA_MAX, NULL) < 0)
        return NL_OK;
    mac = attributes[NDA_LLADDR];
    destination = attributes[NDA_DST];
    if (!mac || nla_len(mac) != 6 || memcmp(nla_data(mac), neighbours->mac, 6) != 0 || !destination
        || nla_len(destination) != size)
        return NL_OK;
    memcpy(address.bytes, nla_data(destination), (size_t)size);
    address.prefix = (uint8_t)(size * 8);
    address.scope = is_link_local(&address) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    add_neighbour(neighbours, &address);
    return NL_OK;
}

static int by_scope(const void *a, const void *b)
{
    const struct address *first = a, *second = b;

    if (first->scope != second->scope)
        return first->scope < second->scope ? -1 : 1;
    if (first->family != second->family)
        return first->family == AF_INET ? -1 : 1;
    return memcmp(first->bytes, second->bytes, sizeof(first->bytes));
}

/* The kernel filters by link, not by MAC; its tables are bounded (gc_thresh3). What is torn is asked for once more. */
int netdev_neighbours(struct netdev *netdev, const uint8_t mac[6], struct address **ret_addresses, size_t *ret_count,
                      struct error *err)
{
    struct ndmsg fixed = {.ndm_family = AF_UNSPEC};
    struct neighbours neighbours = {.mac = mac};
    struct netdev_question question = {
        .type = RTM_GETNEIGH, .flags = NLM_F_DUMP, .fixed = &fixed, .size = sizeof(fixed), .receive = receive_neighbour,
        .context = &neighbours,
    };
    int code = -EAGAIN;

    for (int i = 0; i < 2 && code == -EAGAIN; i++)
        code = netdev_dump_ask(netdev->dump, &question, err);
    if (code < 0 && code != -EAGAIN) {
        free(neighbours.addresses);
        return code;
    }
    if (neighbours.count)
        qsort(neighbours.addresses, neighbours.count, sizeof(*neighbours.addresses), by_scope);
    *ret_addresses = neighbours.addresses;
    *ret_count = neighbours.count;
    return 0;
}
