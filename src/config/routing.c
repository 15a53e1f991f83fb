/* Routes and rules of files find their interfaces. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

/* That a line of a file names. */
struct gateway {
    const struct config_file *file;
    struct ifcfg_place place;
    char interface[INTERFACE_NAME_SIZE];
    uint8_t bytes[16];
};

struct linker {
    const struct ifcfg *ifcfgs;
    size_t count;
    bool lone;
    struct network *network;
    struct problems *problems;
    const struct config_file *file; /* of routes or rules, that is looked at */
    struct interface *owner;        /* the interface that it belongs to */
    struct gateway *gateways;       /* IPv4 */
    size_t gateway_count;
};

static const char *name_behind_dash(const struct config_file *file)
{
    return strchr(file->name, '-') + 1;
}

/* route-DEVICE, or by the name of its ifcfg file: route-NAME for ifcfg-NAME. */
static const struct ifcfg *find_ifcfg(const struct linker *linker, const char *name)
{
    for (size_t i = 0; i < linker->count; i++)
        if (!linker->ifcfgs[i].alias && strcmp(linker->ifcfgs[i].device, name) == 0)
            return &linker->ifcfgs[i];
    for (size_t i = 0; i < linker->count; i++)
        if (!linker->ifcfgs[i].alias && strcmp(ifcfg_nick(linker->ifcfgs[i].file), name) == 0)
            return &linker->ifcfgs[i];
    return NULL;
}

static void tell(const struct linker *linker, bool warning, struct ifcfg_place place, const char *text, const char *more)
{
    problems_add(linker->problems, warning, linker->file->path, place.line, place.column, "%s%s", text, more);
}

/* The interface, or NULL when the file is not used. */
static struct interface *find_owner(const struct linker *linker)
{
    const struct ifcfg *ifcfg = find_ifcfg(linker, name_behind_dash(linker->file));
    struct interface *owner = network_find(linker->network, ifcfg ? ifcfg->device : name_behind_dash(linker->file));
    if (owner && owner->master[0]) {
        tell(linker, true, (struct ifcfg_place){0}, "is not used: the interface has no addresses of its own, it belongs to ",
             owner->master);
        return NULL;
    }
    if (!owner && !ifcfg && !linker->lone)
        tell(linker, true, (struct ifcfg_place){0}, "is not used: there is no ifcfg-", name_behind_dash(linker->file));
    return owner;
}

/* -- routes */

static bool is_in(const uint8_t network[16], int prefix, const uint8_t bytes[16])
{
    uint8_t rest[16];
    for (size_t at = 0; at < sizeof(rest); at++)
        rest[at] = network[at] ^ bytes[at];
    for (int bit = prefix; bit < 128; bit++)
        rest[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
    return !prefix_has_rest(AF_INET6, rest, 0);
}

static bool holds(const struct interface *interface, int family, const uint8_t bytes[16])
{
    for (size_t i = 0; i < interface->address_count; i++)
        if (interface->addresses[i].family == family && is_in(interface->addresses[i].bytes, interface->addresses[i].prefix, bytes))
            return true;
    return false;
}

/* Without dev, the kernel looks up by which interface the gateway is reached: by that of the file, or by another one of its
 * network. */
static const char *interface_of(const struct linker *linker, int family, const char *stated, const uint8_t *gateway)
{
    if (*stated)
        return stated;
    for (size_t i = 0; gateway && !holds(linker->owner, family, gateway) && i < linker->network->count; i++)
        if (holds(linker->network->items[i], family, gateway))
            return linker->network->items[i]->name;
    return linker->owner->name;
}

static void tell_rival(const struct linker *linker, const struct route_line *line, bool same, const struct interface *other)
{
    if (same)
        tell(linker, true, line->place, "the route is stated already", "");
    else
        tell(linker, true, line->place, "this route takes the place of another one to the same destination, which is stated by ",
             other->file ? other->file : other->name);
}

/* The kernel keeps one route of a destination, metric and table, and the scripts replace it: the last one counts. */
static void drop_rivals(const struct linker *linker, const struct route_line *line, const char *name)
{
    struct network *network = linker->network;
    for (size_t i = 0; i < network->count; i++)
        for (size_t at = network->items[i]->route_count; at-- > 0;) {
            struct interface *other = network->items[i];
            bool same = strcmp(other->name, name) == 0 && route_same(&other->routes[at], &line->route);
            if (!route_same_key(&other->routes[at], &line->route))
                continue;
            tell_rival(linker, line, same, other);
            other->routes[at] = other->routes[--other->route_count];
        }
    for (size_t at = network->route_count; at-- > 0;) {
        if (!route_same_key(&network->routes[at], &line->route))
            continue;
        tell(linker, true, line->place, "this route takes the place of another one to the same destination", "");
        route_clear(&network->routes[at]);
        network->routes[at] = network->routes[--network->route_count];
    }
}

/* An interface that only routes name is taken as it is found. */
static struct interface *find_or_add(const struct linker *linker, const char *name)
{
    struct interface *interface = network_find(linker->network, name);
    if (interface)
        return interface;
    interface = interface_new(name);
    interface->file = memory_string(linker->file->path);
    network_insert(linker->network, interface);
    return interface;
}

/* Whether it can be reached shows when all routes are read. */
static void note_gateway(struct linker *linker, const struct route_line *line, const char *interface, bool onlink, const uint8_t *bytes)
{
    struct gateway *gateway;
    if (!bytes || onlink || line->route.family != AF_INET)
        return;
    gateway = APPEND(linker->gateways, linker->gateway_count);
    gateway->file = linker->file;
    gateway->place = line->place;
    text_copy(gateway->interface, sizeof(gateway->interface), interface);
    memcpy(gateway->bytes, bytes, sizeof(gateway->bytes));
}

static bool has_link_route(const struct network *network, const uint8_t bytes[16])
{
    for (size_t i = 0; i < network->count; i++)
        for (size_t at = 0; at < network->items[i]->route_count; at++) {
            const struct route *route = &network->items[i]->routes[at];
            if (route->family == AF_INET && !route->has_gateway && is_in(route->destination, route->prefix, bytes))
                return true;
        }
    return false;
}

/* Is it sure that the kernel refuses it? Of an interface whose addresses no file states, somebody else may know better. */
static bool is_out_of_reach(const struct network *network, const struct gateway *gateway)
{
    const struct interface *interface = network_find(network, gateway->interface);
    bool stated = false;
    for (size_t i = 0; interface && i < interface->address_count; i++)
        stated |= interface->addresses[i].family == AF_INET;
    return stated && !interface->dhcp.client && !holds(interface, AF_INET, gateway->bytes) && !has_link_route(network, gateway->bytes);
}

static void check_gateways(struct linker *linker)
{
    for (size_t i = 0; i < linker->gateway_count; i++) {
        const struct gateway *gateway = &linker->gateways[i];
        char text[INET6_ADDRSTRLEN];
        if (!linker->lone && is_out_of_reach(linker->network, gateway))
            problems_add(linker->problems, true, gateway->file->path, gateway->place.line, gateway->place.column,
                         "gateway %s is in no network of an address that the files give %s: the kernel refuses the route, unless "
                         "somebody else has given it one, or the line says onlink",
                         inet_ntop(AF_INET, gateway->bytes, text, sizeof(text)), gateway->interface);
    }
    free(linker->gateways);
}

static void add_group(struct linker *linker, const struct route_line *line)
{
    struct route *route = APPEND(linker->network->routes, linker->network->route_count);
    route_copy(&line->route, route);
    text_copy(route->group->stated_by, INTERFACE_NAME_SIZE, linker->owner->name);
    for (size_t i = 0; i < route->group->hop_count; i++) {
        struct hop *hop = &route->group->hops[i];
        const char *name = interface_of(linker, route->family, hop->interface, hop->has_gateway ? hop->gateway : NULL);
        char copy[INTERFACE_NAME_SIZE];
        text_copy(copy, sizeof(copy), name);
        text_copy(hop->interface, sizeof(hop->interface), copy);
        note_gateway(linker, line, copy, hop->onlink, hop->has_gateway ? hop->gateway : NULL);
    }
}

static void add_route(struct linker *linker, const struct route_line *line)
{
    const struct route *route = &line->route;
    const char *name =
        route->group ? "" : interface_of(linker, route->family, line->interface, route->has_gateway ? route->gateway : NULL);
    drop_rivals(linker, line, name);
    if (route->group) {
        add_group(linker, line);
        return;
    }
    struct interface *interface = find_or_add(linker, name);
    *APPEND(interface->routes, interface->route_count) = *route;
    note_gateway(linker, line, interface->name, route->onlink, route->has_gateway ? route->gateway : NULL);
}

/* -- rules */

static void add_rule(const struct linker *linker, const struct rule_line *line)
{
    struct network *network = linker->network;
    for (size_t i = 0; i < network->rule_count; i++)
        if (rule_same(&network->rules[i], &line->rule)) {
            tell(linker, true, line->place, "the rule is stated already", "");
            return;
        }
    struct rule *rule = APPEND(network->rules, network->rule_count);
    *rule = line->rule;
    text_copy(rule->stated_by, sizeof(rule->stated_by), linker->owner->name);
}

static void read_routes(struct linker *linker)
{
    struct route_lines lines;
    route_file_read(linker->file, &lines, linker->problems);
    linker->owner = find_owner(linker);
    for (size_t i = 0; linker->owner && i < lines.count; i++)
        add_route(linker, &lines.items[i]);
    route_file_clear(&lines);
}

static void read_rules(struct linker *linker)
{
    struct rule_lines lines;
    rule_file_read(linker->file, &lines, linker->problems);
    linker->owner = find_owner(linker);
    for (size_t i = 0; linker->owner && i < lines.count; i++)
        add_rule(linker, &lines.items[i]);
    rule_file_clear(&lines);
}

void routing_read(const struct config_files *files, const struct ifcfg *ifcfgs, size_t count, bool lone, struct network *network,
                  struct problems *problems)
{
    struct linker linker = {.ifcfgs = ifcfgs, .count = count, .lone = lone, .network = network, .problems = problems};
    bool any = false;
    for (size_t i = 0; i < files->count; i++) {
        linker.file = &files->items[i];
        if (text_starts(linker.file->name, "route"))
            read_routes(&linker);
        else if (text_starts(linker.file->name, "rule"))
            read_rules(&linker);
        else
            continue;
        any = true;
    }
    check_gateways(&linker);
    for (size_t i = 0; any && i < network->count; i++) {
        struct interface *interface = network->items[i];
        interface->set &= ~FIELD_BIT(FIELD_ROUTES);
        interface->set |= interface->route_count ? FIELD_BIT(FIELD_ROUTES) : 0;
    }
}
