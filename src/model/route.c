#include "model/route.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

const struct route_metric_row route_metric_rows[ROUTE_METRICS] = {
    [ROUTE_MTU] = {"mtu", RTAX_MTU},
    [ROUTE_WINDOW] = {"window", RTAX_WINDOW},
    [ROUTE_ADVMSS] = {"advmss", RTAX_ADVMSS},
    [ROUTE_HOPLIMIT] = {"hoplimit", RTAX_HOPLIMIT},
    [ROUTE_INITCWND] = {"initcwnd", RTAX_INITCWND},
    [ROUTE_INITRWND] = {"initrwnd", RTAX_INITRWND},
};

static const struct {
    const char *name;
    uint8_t type;
} types[] = {{"unreachable", RTN_UNREACHABLE}, {"blackhole", RTN_BLACKHOLE}, {"prohibit", RTN_PROHIBIT}, {"throw", RTN_THROW}};

uint8_t route_type_without_hop(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    return 0;
}

static size_t group_size(size_t hop_count)
{
    return sizeof(struct route_group) + hop_count * sizeof(struct hop);
}

struct route_group *route_group_new(size_t hop_count)
{
    struct route_group *group = memory_new(group_size(hop_count));

    group->hop_count = hop_count;
    return group;
}

void route_copy(const struct route *route, struct route *ret_copy)
{
    *ret_copy = *route;
    if (route->group)
        ret_copy->group = memory_copy(route->group, group_size(route->group->hop_count));
}

void route_clear(struct route *route)
{
    free(route->group);
    route->group = NULL;
}

static size_t family_size(int family)
{
    return family == AF_INET ? 4 : 16;
}

static uint32_t table_of(const struct route *route)
{
    return route->table ? route->table : RT_TABLE_MAIN;
}

static uint8_t type_of(const struct route *route)
{
    return route->type ? route->type : RTN_UNICAST;
}

bool route_is_by_hand(const struct route *route)
{
    return route->protocol == RTPROT_STATIC || route->protocol == RTPROT_BOOT;
}

bool route_same_key(const struct route *a, const struct route *b)
{
    return a->family == b->family && a->prefix == b->prefix && a->metric == b->metric && a->metric_by_index == b->metric_by_index
           && table_of(a) == table_of(b) && memcmp(a->destination, b->destination, family_size(a->family)) == 0;
}

static bool same_hop(const struct hop *a, const struct hop *b, size_t size)
{
    return text_equal(a->interface, b->interface) && a->weight == b->weight && a->onlink == b->onlink
           && a->has_gateway == b->has_gateway && (!a->has_gateway || memcmp(a->gateway, b->gateway, size) == 0);
}

/* In whatever order: IPv6 keeps none. */
static bool same_group(const struct route_group *a, const struct route_group *b, size_t size)
{
    size_t hops_a = a ? a->hop_count : 0, hops_b = b ? b->hop_count : 0;

    if (hops_a != hops_b)
        return false;
    for (size_t i = 0; i < hops_a; i++) {
        size_t at = 0;

        while (at < hops_b && !same_hop(&a->hops[i], &b->hops[at], size))
            at++;
        if (at == hops_b)
            return false;
    }
    return true;
}

bool route_same(const struct route *a, const struct route *b)
{
    size_t size = family_size(a->family);

    return route_same_key(a, b) && type_of(a) == type_of(b) && a->has_gateway == b->has_gateway
           && (!a->has_gateway || memcmp(a->gateway, b->gateway, size) == 0) && a->has_source == b->has_source
           && (!a->has_source || memcmp(a->source, b->source, size) == 0) && a->onlink == b->onlink
           && a->has_scope == b->has_scope && (!a->has_scope || a->scope == b->scope) && a->locked == b->locked
           && memcmp(a->metrics, b->metrics, sizeof(a->metrics)) == 0 && same_group(a->group, b->group, size);
}

/* -- words ----------------------------------------------------------------------------------------------------------------------
 */

static void add_host(struct text *text, const char *word, int family, const uint8_t *bytes)
{
    char host[INET6_ADDRSTRLEN] = "?";

    inet_ntop(family, bytes, host, sizeof(host));
    text_format(text, "%s%s", word, host);
}

static void add_destination(struct text *text, const struct route *route)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (types[i].type == route->type)
            text_format(text, "%s ", types[i].name);
    if (!route->prefix) {
        text_add(text, "default");
        return;
    }
    add_host(text, "", route->family, route->destination);
    text_format(text, "/%u", route->prefix);
}

static void add_metrics(struct text *text, const struct route *route)
{
    for (size_t i = 0; i < ROUTE_METRICS; i++)
        if (route->metrics[i])
            text_format(text, " %s %s%u", route_metric_rows[i].name, route->locked >> i & 1 ? "lock " : "", route->metrics[i]);
}

static void add_hops(struct text *text, const struct route *route)
{
    for (size_t i = 0; route->group && i < route->group->hop_count; i++) {
        const struct hop *hop = &route->group->hops[i];

        text_add(text, " nexthop");
        if (hop->has_gateway)
            add_host(text, " via ", route->family, hop->gateway);
        text_format(text, " dev %s", hop->interface);
        if (hop->weight > 1)
            text_format(text, " weight %u", hop->weight);
        if (hop->onlink)
            text_add(text, " onlink");
    }
}

const char *route_text(const struct route *route, char buffer[ROUTE_TEXT_SIZE])
{
    struct text text = {0};

    add_destination(&text, route);
    if (route->has_gateway)
        add_host(&text, " via ", route->family, route->gateway);
    if (route->metric_by_index)
        text_format(&text, " metric %u+INDEX", route->metric);
    else if (route->metric)
        text_format(&text, " metric %u", route->metric);
    if (table_of(route) != RT_TABLE_MAIN)
        text_format(&text, " table %u", route->table);
    if (route->has_scope)
        text_format(&text, " scope %u", route->scope);
    if (route->has_source)
        add_host(&text, " src ", route->family, route->source);
    add_metrics(&text, route);
    if (route->onlink)
        text_add(&text, " onlink");
    add_hops(&text, route);
    text_copy(buffer, ROUTE_TEXT_SIZE, text.data);
    text_clear(&text);
    return buffer;
}
