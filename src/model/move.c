#include "model/move.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

bool move_is_zeroconf(const struct route *route, int index)
{
    static const uint8_t link_local[2] = {169, 254};

    return route->family == AF_INET && route->prefix == 16 && memcmp(route->destination, link_local, sizeof(link_local)) == 0
           && !route->has_gateway && route->metric == 1000u + (uint32_t)index;
}

/* "eth0:1" -> "br0:1" */
static void rename_label(char label[INTERFACE_NAME_SIZE], const char *from, const char *to)
{
    size_t length = strlen(from);
    char renamed[2 * INTERFACE_NAME_SIZE];

    if (strncmp(label, from, length) != 0 || (label[length] && label[length] != ':'))
        return;
    snprintf(renamed, sizeof(renamed), "%s%s", to, label + length);
    if (strlen(renamed) < INTERFACE_NAME_SIZE)
        text_copy(label, INTERFACE_NAME_SIZE, renamed);
}

static void move_addresses(struct interface *from, struct interface *to)
{
    for (size_t i = 0; i < from->address_count; i++) {
        struct address address = from->addresses[i];

        rename_label(address.label, from->name, to->name);
        if (!interface_has_address(to, &address))
            *APPEND(to->addresses, to->address_count) = address;
    }
    from->address_count = 0;
}

static void move_routes(struct interface *from, struct interface *to)
{
    for (size_t i = 0; i < from->route_count; i++)
        if (!move_is_zeroconf(&from->routes[i], from->index))
            *APPEND(to->routes, to->route_count) = from->routes[i];
    from->route_count = 0;
}

static void rename_name(char name[INTERFACE_NAME_SIZE], const char *from, const char *to)
{
    if (text_equal(name, from))
        text_copy(name, INTERFACE_NAME_SIZE, to);
}

static void rename_rest(struct network *network, const char *from, const char *to)
{
    for (size_t i = 0; i < network->rule_count; i++) {
        rename_name(network->rules[i].iif, from, to);
        rename_name(network->rules[i].oif, from, to);
    }
    for (size_t i = 0; i < network->route_count; i++)
        for (size_t at = 0; network->routes[i].group && at < network->routes[i].group->hop_count; at++)
            rename_name(network->routes[i].group->hops[at].interface, from, to);
}

static void take_sysctls(struct interface *to, const struct interface *from)
{
    free(to->sysctls);
    to->sysctls = memory_copy(from->sysctls, from->sysctl_count * sizeof(*from->sysctls));
    to->sysctl_count = from->sysctl_count;
    to->set |= from->set & FIELD_BIT(FIELD_SYSCTLS);
}

/* As the kernel will show it: with the options that are stated, and no addresses yet. */
static struct interface *new_bridge(const struct interface *made)
{
    struct interface *bridge = interface_copy(made);

    bridge->address_count = bridge->route_count = bridge->sysctl_count = 0;
    bridge->up = true;
    bridge->owner = OWNER_TRESTLE;
    bridge->set |= FIELD_BIT(FIELD_UP);
    return bridge;
}

static void join(struct interface *nic, const struct interface *bridge, const struct interface *port)
{
    field_set options = port ? port->set & FIELD_PORT_ALL : 0;

    text_copy(nic->master, sizeof(nic->master), bridge->name);
    nic->master_index = bridge->index;
    if (options & ~FIELD_BIT(FIELD_PORT_VLANS))
        nic->port = port->port;
    nic->set |= options & ~FIELD_BIT(FIELD_PORT_VLANS);
}

void move_foresee(const struct network *observed, const struct move *move, struct network *ret_after)
{
    struct interface *nic, *bridge, *from, *to;

    network_copy(observed, ret_after);
    if (move->made)
        network_insert(ret_after, new_bridge(move->made));
    nic = network_find(ret_after, move->nic);
    bridge = network_find(ret_after, move->bridge);
    from = move->out ? bridge : nic;
    to = move->out ? nic : bridge;
    move_addresses(from, to);
    move_routes(from, to);
    rename_rest(ret_after, from->name, to->name);
    if (move->made || move->out)
        take_sysctls(to, from);
    if (!move->out) {
        join(nic, bridge, move->port);
        return;
    }
    nic->master[0] = '\0';
    nic->master_index = 0;
    nic->set &= ~FIELD_PORT_ALL;
    interface_free(network_remove(ret_after, move->bridge));
}
