#include "model/hwaddr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"

static const uint8_t none[6];

static bool same(const uint8_t a[6], const uint8_t b[6])
{
    return memcmp(a, b, sizeof(none)) == 0;
}

void hwaddr_name(const uint8_t mac[6], char ret_name[INTERFACE_NAME_SIZE])
{
    snprintf(ret_name, INTERFACE_NAME_SIZE, "%02x%02x%02x:%02x%02x%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

bool hwaddr_is_name(const char *name)
{
    return strchr(name, ':');
}

const uint8_t *hwaddr_of(const struct interface *observed)
{
    return same(observed->permanent_mac, none) ? observed->mac : observed->permanent_mac;
}

/* A veth is what a container has for a NIC. It came with no address, so that one which has got MACADDR is known by that. */
bool hwaddr_means(const struct interface *wanted, const struct interface *observed)
{
    if (observed->kind != INTERFACE_ETHERNET && observed->kind != INTERFACE_VETH)
        return false;
    return same(wanted->hwaddr, hwaddr_of(observed))
           || (same(observed->permanent_mac, none) && interface_has(wanted, FIELD_MAC) && same(wanted->mac, observed->mac));
}

bool hwaddr_allows(const struct interface *wanted, const struct interface *observed)
{
    return same(wanted->hwaddr, none) || same(wanted->hwaddr, observed->mac) || same(wanted->hwaddr, observed->permanent_mac)
           || (interface_has(wanted, FIELD_MAC) && same(wanted->mac, observed->mac));
}

/* NULL: there is none. ret_other: there is another one. */
static const struct interface *find(const struct interface *wanted, const struct network *observed, const struct interface **ret_other)
{
    const struct interface *found = NULL;

    *ret_other = NULL;
    for (size_t i = 0; i < observed->count; i++)
        if (hwaddr_means(wanted, observed->items[i]))
            *(found ? ret_other : &found) = observed->items[i];
    return found;
}

/* A route names the link, and no file states it: it is there to bear the route. */
static bool bears_routes_alone(const struct interface *wanted)
{
    return !wanted->by_mac && !(wanted->set & ~FIELD_BIT(FIELD_ROUTES));
}

static void take_routes(struct network *wanted, struct interface *interface, const char *name)
{
    struct interface *other = network_remove(wanted, name);

    for (size_t i = 0; other && i < other->route_count; i++)
        *APPEND(interface->routes, interface->route_count) = other->routes[i];
    if (other)
        interface->set |= other->set;
    interface_free(other);
}

static void rename_name(char name[INTERFACE_NAME_SIZE], const char *from, const char *to)
{
    if (text_equal(name, from))
        text_copy(name, INTERFACE_NAME_SIZE, to);
}

/* What else bears the interface's name. A label's is what stands before its colon; one that gets too long is none. */
static void rename_rest(struct network *wanted, struct interface *interface, const char *name)
{
    for (size_t i = 0; i < interface->address_count; i++) {
        char *label = interface->addresses[i].label, renamed[2 * INTERFACE_NAME_SIZE];
        const char *id = strrchr(label, ':');

        if (!id)
            continue;
        snprintf(renamed, sizeof(renamed), "%s%s", hwaddr_is_name(name) ? "" : name, id);
        text_copy(label, INTERFACE_NAME_SIZE, strlen(renamed) < INTERFACE_NAME_SIZE ? renamed : "");
    }
    for (size_t i = 0; i < wanted->rule_count; i++)
        rename_name(wanted->rules[i].stated_by, interface->name, name);
    for (size_t i = 0; i < wanted->route_count; i++) {
        struct route_group *group = wanted->routes[i].group;

        rename_name(group->stated_by, interface->name, name);
        for (size_t at = 0; at < group->hop_count; at++)
            rename_name(group->hops[at].interface, interface->name, name);
    }
    text_copy(interface->name, sizeof(interface->name), name);
}

static void bind_one(struct network *wanted, const struct network *observed, struct interface *interface)
{
    const struct interface *other, *nic = find(interface, observed, &other);
    const struct interface *rival = nic ? network_find(wanted, nic->name) : NULL;

    if (nic && !other && (!rival || bears_routes_alone(rival))) {
        take_routes(wanted, interface, nic->name);
        rename_rest(wanted, interface, nic->name);
    }
    network_insert(wanted, interface);
}

void hwaddr_bind(struct network *wanted, const struct network *observed)
{
    struct interface **unbound = NULL;
    size_t count = 0;

    for (size_t i = 0; i < wanted->count; i++)
        if (wanted->items[i]->by_mac)
            *APPEND(unbound, count) = wanted->items[i];
    for (size_t i = 0; i < count; i++) {
        char name[INTERFACE_NAME_SIZE];

        network_remove(wanted, unbound[i]->name);
        hwaddr_name(unbound[i]->hwaddr, name);
        rename_rest(wanted, unbound[i], name);
    }
    for (size_t i = 0; i < count; i++)
        bind_one(wanted, observed, unbound[i]);
    free(unbound);
}

const struct interface *hwaddr_find_unbound(const struct network *wanted, const char *nick)
{
    CLEANUP(freep) char *end = memory_format("/ifcfg-%s", nick);

    for (size_t i = 0; i < wanted->count; i++) {
        const struct interface *interface = wanted->items[i];
        const char *name = interface->by_mac && hwaddr_is_name(interface->name) ? strrchr(interface->file, '/') : NULL;

        if (text_equal(name, end))
            return interface;
    }
    return NULL;
}

char *hwaddr_fault(const struct interface *unbound, const struct network *wanted, const struct network *observed)
{
    const struct interface *other, *nic = find(unbound, observed, &other);
    const struct interface *rival = nic ? network_find(wanted, nic->name) : NULL;
    char mac[18];

    text_from_mac(unbound->hwaddr, mac);
    if (!nic)
        return memory_format("waits for a NIC with MAC address %s", mac);
    if (other)
        return memory_format("%s and %s have the MAC address %s: state DEVICE, too", nic->name, other->name, mac);
    return memory_format("the NIC with MAC address %s is %s, which %s states already: remove one of the files", mac, nic->name,
                         rival && rival->file ? rival->file : "another file");
}
