/* Routes, wanted and observed. One with a single next hop belongs to its interface (interface.routes); one with several next
 * hops, or with none (unreachable, blackhole, prohibit, throw), belongs to no interface and stands in network.routes, with a
 * group. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/field.h"

enum { ROUTE_HOPS = 8 }; /* of one route at most, as files may state them */

enum route_metric { ROUTE_MTU, ROUTE_WINDOW, ROUTE_ADVMSS, ROUTE_HOPLIMIT, ROUTE_INITCWND, ROUTE_INITRWND, ROUTE_METRICS };

struct hop {
    char interface[INTERFACE_NAME_SIZE];
    bool has_gateway, onlink;
    uint8_t gateway[16];
    uint16_t weight; /* 1 … 256 */
};

struct route_group {
    char stated_by[INTERFACE_NAME_SIZE]; /* WANTED: whose file states the route */
    size_t hop_count;
    struct hop hops[];
};

struct route {
    int family;
    uint8_t destination[16];
    uint8_t prefix; /* 0 with zero destination: the default route */
    bool has_gateway;
    uint8_t gateway[16];
    uint32_t metric;
    uint32_t table;       /* RT_TABLE_MAIN as a rule; 0 is taken for it */
    uint8_t protocol;     /* RTPROT_*; a hint, not compared */
    uint8_t type;         /* RTN_*; 0 is taken for RTN_UNICAST */
    bool has_scope;       /* IPv4: another one than follows from the route (link without a gateway, else universe) */
    uint8_t scope;        /* RT_SCOPE_* */
    bool has_source;      /* source address of what the host itself sends this way */
    bool onlink;          /* the gateway is on the link, whatever the interface's networks are */
    bool metric_by_index; /* WANTED: the interface's index is added to `metric`; only known when it is there */
    uint8_t locked;       /* a bit per route_metric */
    uint8_t source[16];
    uint32_t metrics[ROUTE_METRICS]; /* 0 = none */
    struct route_group *group;       /* owned, in network.routes and in steps; NULL in interface.routes */
};

/* As ip route calls them, and RTAX_* */
struct route_metric_row {
    const char *name;
    uint16_t attribute;
};
extern const struct route_metric_row route_metric_rows[ROUTE_METRICS];
/* RTN_* of "unreachable", …; 0 when it is none of those that need no next hop. */
uint8_t route_type_without_hop(const char *name);

struct route_group *route_group_new(size_t hop_count);
void route_copy(const struct route *route, struct route *ret_copy); /* with its group; route_clear frees it */
void route_clear(struct route *route);

/* By its protocol: set by somebody for good, or until the next boot; not by the kernel, DHCP or a routing daemon. */
bool route_is_by_hand(const struct route *route);

/* Equal in everything but the protocol: what a file states of a route is the whole route. */
bool route_same(const struct route *a, const struct route *b);
/* The same destination, metric and table: the kernel keeps only one of them. */
bool route_same_key(const struct route *a, const struct route *b);

/* "default via 10.0.0.254 metric 100", in ip route's words; without the interface, which only the hops of a group name. */
#define ROUTE_TEXT_SIZE 320
const char *route_text(const struct route *route, char buffer[ROUTE_TEXT_SIZE]);
