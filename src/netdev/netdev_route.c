/* Unicast routes of all tables but "local": RTM_NEWROUTE and RTM_DELROUTE, read and written. A route with several next hops
 * stands at each of their links. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "netdev/netdev_internal.h"

/* What an IPv6 route gets that is added without a metric (IP6_RT_PRIO_USER); IPv4 has 0 then. */
#define IPV6_METRIC 1024

/* -- reading ----------------------------------------------------------------------------------------------------------------- */

struct reading {
    struct netdev_cache *cache;
    const struct nlmsghdr *header;
};

static bool same_key(const struct route *a, const struct route *b)
{
    return a->family == b->family && a->prefix == b->prefix && a->metric == b->metric && a->table == b->table
           && memcmp(a->destination, b->destination, sizeof(a->destination)) == 0;
}

static void drop_at(struct interface *interface, size_t at)
{
    interface->route_count--;
    memmove(&interface->routes[at], &interface->routes[at + 1], (interface->route_count - at) * sizeof(*interface->routes));
}

/* A route that replaces another one: no event tells that the old one has gone, from whatever link it was on. */
static void drop_replaced(struct netdev_cache *cache, const struct route *route)
{
    for (size_t i = 0; i < cache->count; i++) {
        struct interface *interface = cache->by_index[i];

        for (size_t at = interface->route_count; at-- > 0;) {
            if (!same_key(&interface->routes[at], route))
                continue;
            drop_at(interface, at);
            netdev_cache_tell(cache, NETDEV_CHANGED, interface->name);
        }
    }
}

static struct route *find(const struct interface *interface, const struct route *route)
{
    for (size_t i = 0; i < interface->route_count; i++)
        if (route_same(&interface->routes[i], route))
            return &interface->routes[i];
    return NULL;
}

static void put(struct netdev_cache *cache, struct interface *interface, const struct route *route)
{
    struct route *place = cache->filling ? NULL : find(interface, route);

    if (place && place->protocol == route->protocol)
        return;
    if (!place)
        place = APPEND(interface->routes, interface->route_count);
    *place = *route;
    netdev_cache_tell(cache, NETDEV_CHANGED, interface->name);
}

static void drop(struct netdev_cache *cache, struct interface *interface, const struct route *route)
{
    struct route *place = find(interface, route);

    if (!place)
        return;
    drop_at(interface, (size_t)(place - interface->routes));
    netdev_cache_tell(cache, NETDEV_CHANGED, interface->name);
}

void netdev_route_forget(struct netdev_cache *cache, struct interface *interface, int family)
{
    size_t kept = 0;

    for (size_t i = 0; i < interface->route_count; i++)
        if (family != AF_UNSPEC && interface->routes[i].family != family)
            interface->routes[kept++] = interface->routes[i];
    if (kept == interface->route_count)
        return;
    interface->route_count = kept;
    netdev_cache_tell(cache, NETDEV_CHANGED, interface->name);
}

static bool read_bytes(const struct nl_addr *address, int family, uint8_t bytes[16])
{
    unsigned length = nl_addr_get_len(address);

    if (length == 0) /* the default route's destination */
        return true;
    if (length != (family == AF_INET ? 4 : 16))
        return false;
    memcpy(bytes, nl_addr_get_binary_addr(address), length);
    return true;
}

static void note_silent_ones(struct netdev_cache *cache, struct rtnl_route *typed, const struct route *route, int hops)
{
    if (route->family != AF_INET)
        return;
    if (rtnl_route_get_pref_src(typed) && route->protocol != RTPROT_KERNEL)
        cache->preferred = true;
    if (hops > 1)
        cache->several = true;
}

static void read_hop(const struct reading *reading, struct rtnl_nexthop *hop, struct route *route)
{
    struct nl_addr *gateway = rtnl_route_nh_get_gateway(hop);
    struct interface *interface = netdev_cache_find(reading->cache, rtnl_route_nh_get_ifindex(hop));

    route->has_gateway = gateway;
    memset(route->gateway, 0, sizeof(route->gateway));
    if (!interface || rtnl_route_nh_get_via(hop) || (gateway && !read_bytes(gateway, route->family, route->gateway)))
        return;
    if (reading->header->nlmsg_type == RTM_DELROUTE)
        drop(reading->cache, interface, route);
    else
        put(reading->cache, interface, route);
}

/* Called by libnl with the typed object. */
static void read_object(struct nl_object *object, void *context)
{
    struct rtnl_route *typed = (struct rtnl_route *)object;
    const struct reading *reading = context;
    int hops = rtnl_route_get_nnexthops(typed);
    struct nl_addr *destination = rtnl_route_get_dst(typed);
    struct route route = {
        .family = rtnl_route_get_family(typed),
        .metric = rtnl_route_get_priority(typed),
        .table = rtnl_route_get_table(typed),
        .protocol = rtnl_route_get_protocol(typed),
    };
    uint16_t flags = reading->header->nlmsg_flags;

    if (route.table == RT_TABLE_LOCAL || !destination || !read_bytes(destination, route.family, route.destination))
        return;
    if (route.family == AF_INET6 && route.destination[0] == 0xff)
        return;
    route.prefix = (uint8_t)nl_addr_get_prefixlen(destination);
    note_silent_ones(reading->cache, typed, &route, hops);
    /* IPv6 tells all hops of a route with several whenever one is added. */
    if (reading->header->nlmsg_type == RTM_NEWROUTE && !reading->cache->filling
        && (flags & NLM_F_REPLACE || (route.family == AF_INET6 && hops > 1)))
        drop_replaced(reading->cache, &route);
    for (int i = 0; i < hops; i++)
        read_hop(reading, rtnl_route_nexthop_n(typed, i), &route);
}

void netdev_route_read(struct netdev_cache *cache, struct nl_msg *msg)
{
    const struct nlmsghdr *header = nlmsg_hdr(msg);
    const struct rtmsg *fixed = nlmsg_data(header);

    if ((fixed->rtm_family != AF_INET && fixed->rtm_family != AF_INET6) || fixed->rtm_type != RTN_UNICAST
        || fixed->rtm_flags & RTM_F_CLONED)
        return;
    if (fixed->rtm_table == RT_TABLE_LOCAL)
        return;
    if (fixed->rtm_tos || fixed->rtm_src_len) /* struct route can't tell them from those that hold for all packets */
        return;
    nl_msg_parse(msg, read_object, &(struct reading){.cache = cache, .header = header});
}

/* -- writing ----------------------------------------------------------------------------------------------------------------- */

static void put_places(struct nlmsghdr *message, const struct route *route)
{
    size_t size = route->family == AF_INET ? 4 : 16;

    if (route->prefix)
        mnl_attr_put(message, RTA_DST, size, route->destination);
    if (route->has_gateway)
        mnl_attr_put(message, RTA_GATEWAY, size, route->gateway);
    if (route->metric)
        mnl_attr_put_u32(message, RTA_PRIORITY, route->metric);
    mnl_attr_put_u32(message, RTA_TABLE, route->table ? route->table : RT_TABLE_MAIN);
}

static void fill(struct rtmsg *fixed, const struct route *route, bool add)
{
    uint32_t table = route->table ? route->table : RT_TABLE_MAIN;

    fixed->rtm_family = (uint8_t)route->family;
    fixed->rtm_dst_len = route->prefix;
    fixed->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_COMPAT;
    if (!add) {
        fixed->rtm_scope = RT_SCOPE_NOWHERE; /* any; and type and protocol 0: any */
        return;
    }
    fixed->rtm_scope = route->family == AF_INET && !route->has_gateway ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    fixed->rtm_type = RTN_UNICAST;
    fixed->rtm_protocol = route->protocol ? route->protocol : RTPROT_STATIC;
}

int netdev_route_write(struct netdev_request *request, const struct step *step, struct error *err)
{
    bool add = step->op == STEP_ROUTE_ADD;
    const struct route *route = &step->route;
    struct netdev_draft draft;
    struct rtmsg *fixed;
    struct nlattr *link;
    char text[ROUTE_TEXT_SIZE];

    if (route->family != AF_INET && route->family != AF_INET6)
        return error_set(err, EINVAL, "%s: neither an IPv4 nor an IPv6 route", step->interface);
    netdev_write_begin(&draft, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    fixed = mnl_nlmsg_put_extra_header(&draft.header, sizeof(*fixed));
    fill(fixed, route, add);
    put_places(&draft.header, route);
    link = mnl_nlmsg_get_payload_tail(&draft.header);
    mnl_attr_put_u32(&draft.header, RTA_OIF, 0);
    netdev_write_index(&draft, mnl_attr_get_payload((const struct nlattr *)link), step->interface);
    draft.message.fine = add ? 0 : ESRCH;
    draft.message.gone_is_fine = !add;
    snprintf(draft.message.what, sizeof(draft.message.what), "%s route %s", add ? "add" : "delete", route_text(route, text));
    netdev_write_add(request, &draft);
    return 0;
}

/* The kernel's EEXIST means a route with the same destination, metric and table, whatever its gateway and link. */
bool netdev_route_is_there(const struct network *observed, const struct step *step, struct error *err)
{
    struct route wanted = step->route;
    char text[ROUTE_TEXT_SIZE];

    if (!wanted.table)
        wanted.table = RT_TABLE_MAIN;
    if (wanted.family == AF_INET6 && !wanted.metric)
        wanted.metric = IPV6_METRIC;
    for (size_t i = 0; i < observed->count; i++) {
        const struct interface *interface = observed->items[i];

        for (size_t at = 0; at < interface->route_count; at++) {
            if (!same_key(&interface->routes[at], &wanted))
                continue;
            if (route_same(&interface->routes[at], &wanted) && strcmp(interface->name, step->interface) == 0)
                return true;
            error_set(err, EEXIST, "%s; it is %s dev %s: delete that, or give this one another metric", err->text,
                      route_text(&interface->routes[at], text), interface->name);
        }
    }
    return false;
}
