/* Routes of all tables but "local": RTM_NEWROUTE and RTM_DELROUTE, read and written. Of interest are unicast ones and those that
 * need no next hop (unreachable, …). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "netdev/netdev_internal.h"

/* What an IPv6 route gets that is added without a metric (IP6_RT_PRIO_USER); IPv4 has 0 then. */
#define IPV6_METRIC 1024

/* -- reading ----------------------------------------------------------------------------------------------------------------- */

struct reading {
    struct netdev_cache *cache;
    const struct nlmsghdr *header;
};

static void drop_at(struct interface *interface, size_t at)
{
    interface->route_count--;
    memmove(&interface->routes[at], &interface->routes[at + 1], (interface->route_count - at) * sizeof(*interface->routes));
}

static void drop_group_at(struct network *network, size_t at)
{
    route_clear(&network->routes[at]);
    network->route_count--;
    memmove(&network->routes[at], &network->routes[at + 1], (network->route_count - at) * sizeof(*network->routes));
}

/* A route that replaces another one: no event tells that the old one has gone, from whatever link it was on. */
static void drop_replaced(struct netdev_cache *cache, const struct route *route)
{
    for (size_t at = cache->network.route_count; at-- > 0;)
        if (route_same_key(&cache->network.routes[at], route))
            drop_group_at(&cache->network, at);
    for (size_t i = 0; i < cache->count; i++) {
        struct interface *interface = cache->by_index[i];

        for (size_t at = interface->route_count; at-- > 0;) {
            if (!route_same_key(&interface->routes[at], route))
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

static void note_silent_ones(struct netdev_cache *cache, const struct route *route)
{
    if (route->has_source && route->family == AF_INET && route->protocol != RTPROT_KERNEL)
        cache->preferred = true;
    if (route->group)
        cache->several = true;
}

/* -- those of one interface */

static void read_hop(const struct reading *reading, struct rtnl_nexthop *hop, struct route *route)
{
    struct nl_addr *gateway = rtnl_route_nh_get_gateway(hop);
    struct interface *interface = netdev_cache_find(reading->cache, rtnl_route_nh_get_ifindex(hop));

    route->has_gateway = gateway;
    route->onlink = rtnl_route_nh_get_flags(hop) & RTNH_F_ONLINK;
    if (!interface || rtnl_route_nh_get_via(hop) || (gateway && !read_bytes(gateway, route->family, route->gateway)))
        return;
    route->has_scope = route->family == AF_INET && route->scope != (gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
    if (!route->has_scope)
        route->scope = 0;
    if (reading->header->nlmsg_type == RTM_DELROUTE)
        drop(reading->cache, interface, route);
    else
        put(reading->cache, interface, route);
}

/* -- those of several, or of none */

static bool read_group(const struct netdev_cache *cache, struct rtnl_route *typed, int hops, struct route *route)
{
    route->group = route_group_new((size_t)hops);
    for (int i = 0; i < hops; i++) {
        struct rtnl_nexthop *typed_hop = rtnl_route_nexthop_n(typed, i);
        struct nl_addr *gateway = rtnl_route_nh_get_gateway(typed_hop);
        const struct interface *interface = netdev_cache_find(cache, rtnl_route_nh_get_ifindex(typed_hop));
        struct hop *hop = &route->group->hops[i];

        hop->has_gateway = gateway;
        hop->onlink = rtnl_route_nh_get_flags(typed_hop) & RTNH_F_ONLINK;
        hop->weight = (uint16_t)(rtnl_route_nh_get_weight(typed_hop) + 1);
        if (!interface || rtnl_route_nh_get_via(typed_hop) || (gateway && !read_bytes(gateway, route->family, hop->gateway)))
            return false;
        text_copy(hop->interface, sizeof(hop->interface), interface->name);
    }
    route->has_scope = route->family == AF_INET && route->scope != RT_SCOPE_UNIVERSE;
    if (!route->has_scope)
        route->scope = 0;
    return true;
}

static void put_group(struct netdev_cache *cache, const struct route *route)
{
    struct network *network = &cache->network;

    for (size_t i = 0; !cache->filling && i < network->route_count; i++)
        if (route_same(&network->routes[i], route)) {
            network->routes[i].protocol = route->protocol;
            return;
        }
    route_copy(route, APPEND(network->routes, network->route_count));
    netdev_cache_tell(cache, NETDEV_CHANGED, "");
}

static void drop_group(struct netdev_cache *cache, const struct route *route)
{
    struct network *network = &cache->network;

    for (size_t at = network->route_count; at-- > 0;) {
        if (!route_same(&network->routes[at], route))
            continue;
        drop_group_at(network, at);
        netdev_cache_tell(cache, NETDEV_CHANGED, "");
        return;
    }
    cache->doubtful = true; /* of some hops of one */
}

static bool has_group_of_key(const struct network *network, const struct route *route)
{
    for (size_t i = 0; i < network->route_count; i++)
        if (route_same_key(&network->routes[i], route))
            return true;
    return false;
}

static void read_metrics(struct rtnl_route *typed, struct route *route)
{
    uint32_t locked = 0, value;

    rtnl_route_get_metric(typed, RTAX_LOCK, &locked);
    for (size_t i = 0; i < ROUTE_METRICS; i++) {
        unsigned attribute = route_metric_rows[i].attribute;

        if (rtnl_route_get_metric(typed, (int)attribute, &value) == 0)
            route->metrics[i] = value;
        if (route->metrics[i] && locked >> attribute & 1)
            route->locked |= (uint8_t)(1u << i);
    }
}

static bool read_route(struct rtnl_route *typed, struct route *route)
{
    struct nl_addr *destination = rtnl_route_get_dst(typed), *source = rtnl_route_get_pref_src(typed);

    *route = (struct route){
        .family = rtnl_route_get_family(typed),
        .metric = rtnl_route_get_priority(typed),
        .table = rtnl_route_get_table(typed),
        .protocol = rtnl_route_get_protocol(typed),
        .type = rtnl_route_get_type(typed),
        .scope = rtnl_route_get_scope(typed),
        .has_source = source,
    };
    if (route->table == RT_TABLE_LOCAL || !destination || !read_bytes(destination, route->family, route->destination)
        || (source && !read_bytes(source, route->family, route->source)))
        return false;
    if (route->family == AF_INET6 && route->destination[0] == 0xff)
        return false;
    route->prefix = (uint8_t)nl_addr_get_prefixlen(destination);
    read_metrics(typed, route);
    return true;
}

/* Called by libnl with the typed object. */
static void read_object(struct nl_object *object, void *context)
{
    struct rtnl_route *typed = (struct rtnl_route *)object;
    const struct reading *reading = context;
    struct netdev_cache *cache = reading->cache;
    bool added = reading->header->nlmsg_type == RTM_NEWROUTE, good = true;
    int hops = rtnl_route_get_nnexthops(typed);
    struct route route;

    if (!read_route(typed, &route))
        return;
    if (route.type != RTN_UNICAST) /* IPv6 hangs them on the loopback interface */
        hops = 0;
    if (hops != 1)
        good = read_group(cache, typed, hops, &route);
    note_silent_ones(cache, &route);
    /* IPv6 tells all hops of a route with several whenever one is added. */
    if (added && !cache->filling && (reading->header->nlmsg_flags & NLM_F_REPLACE || (route.family == AF_INET6 && hops > 1)))
        drop_replaced(cache, &route);
    if (good && route.group && added)
        put_group(cache, &route);
    else if (good && route.group)
        drop_group(cache, &route);
    else if (!route.group)
        read_hop(reading, rtnl_route_nexthop_n(typed, 0), &route);
    if (!added && hops == 1 && has_group_of_key(&cache->network, &route))
        cache->doubtful = true;
    route_clear(&route);
}

static bool is_of_interest(const struct rtmsg *fixed)
{
    switch (fixed->rtm_type) {
    case RTN_UNICAST:
        return true;
    case RTN_UNREACHABLE:
    case RTN_BLACKHOLE:
    case RTN_PROHIBIT:
    case RTN_THROW:
        return fixed->rtm_protocol != RTPROT_KERNEL;
    default:
        return false;
    }
}

void netdev_route_read(struct netdev_cache *cache, struct nl_msg *msg)
{
    const struct nlmsghdr *header = nlmsg_hdr(msg);
    const struct rtmsg *fixed = nlmsg_data(header);

    if ((fixed->rtm_family != AF_INET && fixed->rtm_family != AF_INET6) || !is_of_interest(fixed)
        || fixed->rtm_flags & RTM_F_CLONED)
        return;
    if (fixed->rtm_table == RT_TABLE_LOCAL)
        return;
    if (fixed->rtm_tos || fixed->rtm_src_len) /* struct route can't tell them from those that hold for all packets */
        return;
    nl_msg_parse(msg, read_object, &(struct reading){.cache = cache, .header = header});
}

/* -- writing ----------------------------------------------------------------------------------------------------------------- */

static void put_metrics(struct nlmsghdr *message, const struct route *route)
{
    struct nlattr *nest = mnl_attr_nest_start(message, RTA_METRICS);
    uint32_t empty = message->nlmsg_len, locked = 0;

    for (size_t i = 0; i < ROUTE_METRICS; i++) {
        if (route->metrics[i])
            mnl_attr_put_u32(message, route_metric_rows[i].attribute, route->metrics[i]);
        if (route->locked >> i & 1)
            locked |= 1u << route_metric_rows[i].attribute;
    }
    if (locked)
        mnl_attr_put_u32(message, RTAX_LOCK, locked);
    if (message->nlmsg_len == empty)
        mnl_attr_nest_cancel(message, nest);
    else
        mnl_attr_nest_end(message, nest);
}

/* The u32 that takes the index of a link, plus `add`. */
static void put_index(struct netdev_draft *draft, uint16_t attribute, const char *name, uint32_t add)
{
    const struct nlattr *place = mnl_nlmsg_get_payload_tail(&draft->header);

    mnl_attr_put_u32(&draft->header, attribute, 0);
    netdev_write_index(draft, mnl_attr_get_payload(place), name);
    draft->message.indices[draft->message.index_count - 1].add = add;
}

static void put_places(struct netdev_draft *draft, const struct route *route, const char *interface)
{
    size_t size = route->family == AF_INET ? 4 : 16;
    struct nlmsghdr *message = &draft->header;

    if (route->prefix)
        mnl_attr_put(message, RTA_DST, size, route->destination);
    if (route->has_gateway)
        mnl_attr_put(message, RTA_GATEWAY, size, route->gateway);
    if (route->metric_by_index)
        put_index(draft, RTA_PRIORITY, interface, route->metric);
    else if (route->metric)
        mnl_attr_put_u32(message, RTA_PRIORITY, route->metric);
    if (route->has_source)
        mnl_attr_put(message, RTA_PREFSRC, size, route->source);
    mnl_attr_put_u32(message, RTA_TABLE, route->table ? route->table : RT_TABLE_MAIN);
    put_metrics(message, route);
}

static void put_hops(struct netdev_draft *draft, const struct route *route)
{
    size_t size = route->family == AF_INET ? 4 : 16;
    struct nlmsghdr *message = &draft->header;
    struct nlattr *nest = mnl_attr_nest_start(message, RTA_MULTIPATH);

    for (size_t i = 0; i < route->group->hop_count; i++) {
        const struct hop *hop = &route->group->hops[i];
        struct rtnexthop *place = mnl_nlmsg_get_payload_tail(message);

        memset(place, 0, sizeof(*place));
        message->nlmsg_len += (uint32_t)RTNH_ALIGN(sizeof(*place));
        place->rtnh_hops = (unsigned char)(hop->weight ? hop->weight - 1 : 0);
        place->rtnh_flags = hop->onlink ? RTNH_F_ONLINK : 0;
        netdev_write_index(draft, &place->rtnh_ifindex, hop->interface);
        if (hop->has_gateway)
            mnl_attr_put(message, RTA_GATEWAY, size, hop->gateway);
        place->rtnh_len = (unsigned short)((char *)mnl_nlmsg_get_payload_tail(message) - (char *)place);
    }
    mnl_attr_nest_end(message, nest);
}

static uint8_t scope_of(const struct route *route)
{
    if (route->has_scope)
        return route->scope;
    return route->family == AF_INET && !route->has_gateway && !route->group ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

static void fill(struct rtmsg *fixed, const struct route *route, bool add)
{
    uint32_t table = route->table ? route->table : RT_TABLE_MAIN;

    fixed->rtm_family = (uint8_t)route->family;
    fixed->rtm_dst_len = route->prefix;
    fixed->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_COMPAT;
    fixed->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
    fixed->rtm_type = route->type;
    if (!add) {
        fixed->rtm_scope = RT_SCOPE_NOWHERE; /* any; and protocol 0: any */
        return;
    }
    fixed->rtm_scope = scope_of(route);
    fixed->rtm_type = route->type ? route->type : RTN_UNICAST;
    fixed->rtm_protocol = route->protocol ? route->protocol : RTPROT_STATIC;
}

int netdev_route_write(struct netdev_request *request, const struct step *step, struct error *err)
{
    bool add = step->op == STEP_ROUTE_ADD;
    const struct route *route = &step->route;
    struct netdev_draft draft;
    char text[ROUTE_TEXT_SIZE];

    if (route->family != AF_INET && route->family != AF_INET6)
        return error_set(err, EINVAL, "%s: neither an IPv4 nor an IPv6 route", step->interface);
    if (route->group && route->group->hop_count > ROUTE_HOPS)
        return error_set(err, EINVAL, "route %s: more than %d next hops", route_text(route, text), ROUTE_HOPS);
    netdev_write_begin(&draft, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    fill(mnl_nlmsg_put_extra_header(&draft.header, sizeof(struct rtmsg)), route, add);
    put_places(&draft, route, step->interface);
    if (!route->group)
        put_index(&draft, RTA_OIF, step->interface, 0);
    else if (route->group->hop_count)
        put_hops(&draft, route);
    draft.message.fine = add ? 0 : ESRCH;
    draft.message.gone_is_fine = !add;
    snprintf(draft.message.what, sizeof(draft.message.what), "%s route %s", add ? "add" : "delete", route_text(route, text));
    netdev_write_add(request, &draft);
    return 0;
}

static void tell_other(const struct route *other, const char *by, struct error *err)
{
    char text[ROUTE_TEXT_SIZE];

    error_set(err, EEXIST, "%s; it is %s%s%s: delete that, or give this one another metric", err->text, route_text(other, text),
              by ? " dev " : "", by ? by : "");
}

/* The kernel's EEXIST means a route with the same destination, metric and table, whatever its gateway and link. */
bool netdev_route_is_there(const struct network *observed, const struct step *step, struct error *err)
{
    struct route wanted = step->route;

    if (wanted.family == AF_INET6 && !wanted.metric)
        wanted.metric = IPV6_METRIC;
    if (network_has_route(observed, step->interface, &wanted))
        return true;
    for (size_t i = 0; i < observed->route_count; i++)
        if (route_same_key(&observed->routes[i], &wanted))
            tell_other(&observed->routes[i], NULL, err);
    for (size_t i = 0; i < observed->count; i++) {
        const struct interface *interface = observed->items[i];

        for (size_t at = 0; at < interface->route_count; at++)
            if (route_same_key(&interface->routes[at], &wanted))
                tell_other(&interface->routes[at], interface->name, err);
    }
    return false;
}
