/* Routes, wanted against observed. */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"
#include "model/diff_internal.h"

static bool has(const struct interface *interface, const struct route *route, int index)
{
    for (size_t i = 0; interface && i < interface->route_count; i++) {
        struct route one = route_resolved(&interface->routes[i], index);

        if (route_same(&one, route))
            return true;
    }
    return false;
}

/* -- routes that the kernel drops without a word ----------------------------------------------------------------------------- */

static bool all_ipv4_addresses_go(const struct diff_link *link)
{
    bool any = false;

    for (size_t i = 0; i < link->observed->address_count; i++) {
        if (link->observed->addresses[i].family != AF_INET)
            continue;
        if (!address_diff_goes(link, &link->observed->addresses[i]))
            return false;
        any = true;
    }
    return any;
}

static bool source_goes(const struct diff_link *link, const struct route *route)
{
    for (size_t i = 0; route->has_source && i < link->observed->address_count; i++) {
        const struct address *address = &link->observed->addresses[i];

        if (address->family == AF_INET && memcmp(address->bytes, route->source, 4) == 0 && address_diff_goes(link, address))
            return true;
    }
    return false;
}

/* With its last IPv4 address an interface loses its IPv4 routes, and with their source address those that state one. */
static bool is_dropped(const struct diff_link *link, const struct route *route)
{
    return route->family == AF_INET && route->protocol != RTPROT_KERNEL
           && (source_goes(link, route) || all_ipv4_addresses_go(link));
}

static bool has_ipv4(const struct interface *interface)
{
    for (size_t i = 0; interface && i < interface->address_count; i++)
        if (interface->addresses[i].family == AF_INET)
            return true;
    return false;
}

/* -- deletions --------------------------------------------------------------------------------------------------------------- */

static bool is_unwanted(const struct diff_link *link, const struct route *route)
{
    int index = link->observed->index;

    return has(link->previous, route, index) && !has(link->wanted, route, index);
}

/* Also those that will be dropped and are wanted: only what a plan names can it take back. */
static bool goes(const struct diff_link *link, const struct route *route)
{
    return is_unwanted(link, route) || (has_ipv4(link->wanted) && is_dropped(link, route));
}

void route_diff_delete(struct diff *diff, const struct diff_link *link)
{
    for (size_t i = 0; i < link->observed->route_count; i++)
        if (goes(link, &link->observed->routes[i]))
            diff_set_route(diff, STEP_ROUTE_DELETE, link->observed->name, &link->observed->routes[i]);
}

/* -- additions --------------------------------------------------------------------------------------------------------------- */

/* Another way to the same destination with the same metric, which the kernel would not keep beside the new one. */
static const struct interface *find_rival(const struct diff *diff, const char *name, const struct route *route,
                                          const struct route **ret_rival)
{
    for (size_t i = 0; i < diff->observed->count; i++) {
        const struct interface *other = diff->observed->items[i];

        for (size_t j = 0; j < other->route_count; j++) {
            const struct route *rival = &other->routes[j];

            if (route_same_key(rival, route) && !(text_equal(other->name, name) && route_same(rival, route))) {
                *ret_rival = rival;
                return other;
            }
        }
    }
    return NULL;
}

static const struct route *find_rival_group(const struct diff *diff, const struct route *route)
{
    for (size_t i = 0; i < diff->observed->route_count; i++)
        if (route_same_key(&diff->observed->routes[i], route))
            return &diff->observed->routes[i];
    return NULL;
}

static bool was_wanted_group(const struct diff *diff, const struct route *route)
{
    for (size_t i = 0; i < diff->previous->route_count; i++)
        if (route_same(&diff->previous->routes[i], route))
            return true;
    return false;
}

/* A route by interfaces that files name is theirs to replace. */
static bool is_by_named_links(const struct diff *diff, const struct route *route)
{
    for (size_t i = 0; i < route->group->hop_count; i++)
        if (!network_find(diff->wanted, route->group->hops[i].interface))
            return false;
    return route->group->hop_count > 0;
}

static void tell_rival(struct diff *diff, const struct interface *wanted, const char *name, const struct route *route,
                       const struct route *rival, const char *by)
{
    char value[ROUTE_TEXT_SIZE], other[ROUTE_TEXT_SIZE];

    problems_add(diff->problems, false, wanted ? wanted->file : NULL, 0, 0,
                 "%s: route %s: the host has %s%s%s, which no file names: give this one a METRIC or remove the other", name,
                 route_text(route, value), route_text(rival, other), by ? " by " : "", by ? by : "");
}

/* Makes room for the route; false when something foreign is in its place. */
static bool replace_rivals(struct diff *diff, const char *name, const struct route *route)
{
    const struct interface *wanted = network_find(diff->wanted, name);
    const struct route *rival = NULL, *group = find_rival_group(diff, route);
    const struct interface *holder = find_rival(diff, name, route, &rival);

    if (group && !was_wanted_group(diff, group)) {
        if (!is_by_named_links(diff, group)) {
            tell_rival(diff, wanted, name, route, group, NULL);
            return false;
        }
        diff_set_route(diff, STEP_ROUTE_DELETE, name, group);
    }
    if (!holder)
        return true;
    if (!network_find(diff->wanted, holder->name)) {
        tell_rival(diff, wanted, name, route, rival, holder->name);
        return false;
    }
    if (!has(network_find(diff->previous, holder->name), rival, holder->index))
        diff_set_route(diff, STEP_ROUTE_DELETE, holder->name, rival);
    return true;
}

/* The kernel takes no route by an interface that is down; when it comes up, an event says so. */
static bool stays_down(const struct interface *wanted, const struct interface *observed)
{
    return observed && !observed->up && !(interface_has(wanted, FIELD_UP) && wanted->up);
}

static void add_wanted(struct diff *diff, const struct diff_link *link)
{
    int index = link->observed ? link->observed->index : 0;

    for (size_t i = 0; i < link->wanted->route_count; i++) {
        struct route route = route_resolved(&link->wanted->routes[i], index);
        bool there = has(link->observed, &route, index);

        if (there ? goes(link, &route) : replace_rivals(diff, link->wanted->name, &route))
            diff_set_route(diff, STEP_ROUTE_ADD, link->wanted->name, &route);
    }
}

/* Those of others, which went with the interface's addresses. */
static void restore_others(struct diff *diff, const struct diff_link *link)
{
    for (size_t i = 0; i < link->observed->route_count; i++) {
        const struct route *route = &link->observed->routes[i];

        if (goes(link, route) && !is_unwanted(link, route) && !has(link->wanted, route, link->observed->index))
            diff_set_route(diff, STEP_ROUTE_ADD, link->observed->name, route);
    }
}

void route_diff_add(struct diff *diff, const struct interface *wanted)
{
    struct diff_link link = {.observed = network_find(diff->observed, wanted->name),
                             .previous = network_find(diff->previous, wanted->name),
                             .wanted = wanted};

    if (stays_down(wanted, link.observed))
        return;
    add_wanted(diff, &link);
    if (link.observed)
        restore_others(diff, &link);
}

/* -- routes of no single interface ------------------------------------------------------------------------------------------- */

static bool is_wanted_group(const struct diff *diff, const struct route *route)
{
    for (size_t i = 0; i < diff->wanted->route_count; i++)
        if (route_same(&diff->wanted->routes[i], route))
            return true;
    return false;
}

void route_diff_delete_groups(struct diff *diff)
{
    for (size_t i = 0; i < diff->previous->route_count; i++) {
        const struct route *route = &diff->previous->routes[i];

        if (!is_wanted_group(diff, route) && network_has_route(diff->observed, "", route))
            diff_set_route(diff, STEP_ROUTE_DELETE, route->group->stated_by, route);
    }
}

/* Can it be made: are all its interfaces there, or will be, and not down? */
static bool is_possible(const struct diff *diff, const struct route *route)
{
    size_t stated_by = network_index(diff->wanted, route->group->stated_by);

    if (stated_by != SIZE_MAX && diff->skipped[stated_by])
        return false;
    for (size_t i = 0; i < route->group->hop_count; i++) {
        const char *name = route->group->hops[i].interface;
        const struct interface *observed = network_find(diff->observed, name);
        size_t index = network_index(diff->wanted, name);

        if (index == SIZE_MAX ? !observed || !observed->up
                              : diff->skipped[index] || stays_down(diff->wanted->items[index], observed))
            return false;
    }
    return true;
}

void route_diff_add_groups(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->route_count; i++) {
        const struct route *route = &diff->wanted->routes[i];

        if (network_has_route(diff->observed, "", route) || !is_possible(diff, route))
            continue;
        if (replace_rivals(diff, route->group->stated_by, route))
            diff_set_route(diff, STEP_ROUTE_ADD, route->group->stated_by, route);
    }
}
