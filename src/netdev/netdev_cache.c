#include <errno.h>
#include <linux/if_addr.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/kind.h"
#include "netdev/netdev_internal.h"

void netdev_cache_init(struct netdev_cache *cache, const struct netdev_kind *const *kinds)
{
    *cache = (struct netdev_cache){.kinds = kinds};
}

static bool is_listed(const struct netdev_cache *cache, const struct interface *interface)
{
    return network_find(&cache->network, interface->name) == interface;
}

void netdev_cache_clear(struct netdev_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        if (!is_listed(cache, cache->by_index[i]))
            interface_free(cache->by_index[i]);
    network_clear(&cache->network);
    free(cache->by_index);
    free(cache->traffic);
    netdev_cache_init(cache, cache->kinds);
}

void netdev_cache_tell(const struct netdev_cache *cache, enum netdev_event event, const char *name)
{
    if (cache->listener)
        cache->listener(cache->context, event, name);
}

/* The place of the index, or where it would have to be put. */
static size_t position(const struct netdev_cache *cache, int index)
{
    size_t low = 0, high = cache->count;

    if (high && cache->by_index[high - 1]->index < index)
        return high;
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (cache->by_index[middle]->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct interface *netdev_cache_find(const struct netdev_cache *cache, int index)
{
    size_t at = position(cache, index);

    return at < cache->count && cache->by_index[at]->index == index ? cache->by_index[at] : NULL;
}

static void insert(struct netdev_cache *cache, struct interface *interface)
{
    size_t at = position(cache, interface->index);

    if (cache->count == cache->allocated) {
        cache->allocated = cache->allocated ? cache->allocated * 2 : 16;
        cache->by_index = memory_resize(cache->by_index, cache->allocated, sizeof(*cache->by_index));
    }
    memmove(&cache->by_index[at + 1], &cache->by_index[at], (cache->count - at) * sizeof(*cache->by_index));
    cache->by_index[at] = interface;
    cache->count++;
}

/* Puts it into the list of names. Another link there under this name has got a new one by now, of which the event is still under
 * way (it was caught up by a dump): it stays known by its index, and comes back with that event. */
static void list(struct netdev_cache *cache, struct interface *interface)
{
    network_remove(&cache->network, interface->name);
    network_insert(&cache->network, interface);
}

/* The name of a link of that index into a zeroed place; false when it has one, and nobody knows it yet. */
static bool name_link(struct netdev_cache *cache, int index, char name[INTERFACE_NAME_SIZE])
{
    const struct interface *other = index ? netdev_cache_find(cache, index) : NULL;

    memset(name, 0, INTERFACE_NAME_SIZE);
    if (other)
        text_copy(name, INTERFACE_NAME_SIZE, other->name);
    cache->unnamed |= index && !other;
    return !index || other;
}

static const struct netdev_kind *kind_of(const struct netdev_cache *cache, const struct interface *interface)
{
    for (const struct netdev_kind *const *kind = cache->kinds; *kind; kind++)
        if ((*kind)->kind == interface->kind)
            return *kind;
    return NULL;
}

static int index_at(const struct netdev_row *row, const struct interface *interface)
{
    return *(const int *)(const void *)((const char *)interface + row->index_offset);
}

static void name_rows(struct netdev_cache *cache, struct interface *interface, const struct netdev_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct netdev_row *row = &rows[i];

        if (row->value == NETDEV_LINK && !name_link(cache, index_at(row, interface), (char *)interface + row->offset))
            interface->set &= ~FIELD_BIT(row->field);
    }
}

/* When the kernel tells of the first end of a new pair, there is no other end yet; and of one that is down it tells no more. */
static void pair_with(struct netdev_cache *cache, const struct interface *end, struct interface *other)
{
    if (other->kind != INTERFACE_VETH || other->peer_index)
        return;
    other->peer_index = end->index;
    text_copy(other->peer, sizeof(other->peer), end->name);
    other->set |= FIELD_BIT(FIELD_VETH_PEER);
    netdev_cache_tell(cache, NETDEV_CHANGED, other->name);
}

/* The names of the links that it has to do with, which messages tell by index. */
static void name_others(struct netdev_cache *cache, struct interface *interface)
{
    const struct interface *master = interface->master_index ? netdev_cache_find(cache, interface->master_index) : NULL;
    const struct netdev_kind *kind = kind_of(cache, interface), *kind_of_port = master ? kind_of(cache, master) : NULL;

    interface->is_slave = master && master->kind == INTERFACE_BOND;
    interface->set |= FIELD_BIT(FIELD_MASTER);
    if (!name_link(cache, interface->master_index, interface->master))
        interface->set &= ~FIELD_BIT(FIELD_MASTER);
    if (!name_link(cache, interface->parent_index, interface->parent))
        interface->set &= ~FIELD_BIT(FIELD_PARENT);
    else if (kind_find(interface->kind)->has_parent)
        interface->set |= FIELD_BIT(FIELD_PARENT);
    if (interface->peer_index && name_link(cache, interface->peer_index, interface->peer)) {
        interface->set |= FIELD_BIT(FIELD_VETH_PEER);
        pair_with(cache, interface, netdev_cache_find(cache, interface->peer_index));
    }
    if (kind)
        name_rows(cache, interface, kind->link_rows, kind->link_row_count);
    if (kind_of_port)
        name_rows(cache, interface, kind_of_port->port_rows, kind_of_port->port_row_count);
    cache->backups |= interface->port.backup_index != 0;
}

static bool names(const struct netdev_cache *cache, const struct interface *interface, int index)
{
    const struct netdev_kind *kind = kind_of(cache, interface);

    if (interface->master_index == index || interface->parent_index == index || interface->peer_index == index
        || interface->port.backup_index == index)
        return true;
    for (size_t i = 0; kind && i < kind->link_row_count; i++)
        if (kind->link_rows[i].value == NETDEV_LINK && index_at(&kind->link_rows[i], interface) == index)
            return true;
    return false;
}

/* After a link came or changed its name: those that have to do with it. */
static void name_in_others(struct netdev_cache *cache, const struct interface *link)
{
    for (size_t i = 0; i < cache->count; i++) {
        struct interface *other = cache->by_index[i];

        if (!names(cache, other, link->index))
            continue;
        name_others(cache, other);
        netdev_cache_tell(cache, NETDEV_CHANGED, other->name);
    }
}

static bool same_link(const struct interface *a, const struct interface *b)
{
    return a->set == b->set && a->kind == b->kind && a->up == b->up && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0
           && a->mtu == b->mtu && a->arp == b->arp && a->master_index == b->master_index && text_equal(a->master, b->master)
           && text_equal(a->kind_name, b->kind_name) && a->carrier == b->carrier && a->operstate == b->operstate
           && a->group == b->group && a->has_alias == b->has_alias && a->is_slave == b->is_slave
           && memcmp(a->permanent_mac, b->permanent_mac, sizeof(a->permanent_mac)) == 0
           && a->parent_index == b->parent_index && text_equal(a->parent, b->parent) && a->peer_index == b->peer_index
           && text_equal(a->peer, b->peer) && memcmp(&a->tap, &b->tap, sizeof(a->tap)) == 0
           && a->macvlan_mode == b->macvlan_mode && memcmp(&a->vxlan, &b->vxlan, sizeof(a->vxlan)) == 0
           && memcmp(&a->bridge, &b->bridge, sizeof(a->bridge)) == 0 && memcmp(&a->port, &b->port, sizeof(a->port)) == 0
           && memcmp(&a->vlan, &b->vlan, sizeof(a->vlan)) == 0
           && memcmp(&a->bond, &b->bond, sizeof(a->bond)) == 0; /* their padding is zero: both were read into zeroed memory */
}

/* What a link's own messages do not tell stays. */
static void keep(struct interface *new, const struct interface *old)
{
    new->addresses = old->addresses;
    new->address_count = old->address_count;
    new->routes = old->routes;
    new->route_count = old->route_count;
    new->sysctls = old->sysctls;
    new->sysctl_count = old->sysctl_count;
    new->vlans = old->vlans;
    new->set = (new->set & ~FIELD_BIT(FIELD_PORT_VLANS)) | (old->set & FIELD_BIT(FIELD_PORT_VLANS));
    new->inbound = old->inbound;
    new->outbound = old->outbound;
}

/* Whose backup port leaves their bridge, have none any more, and no event tells it. */
static void forget_backup(struct netdev_cache *cache, int index)
{
    for (size_t i = 0; cache->backups && i < cache->count; i++) {
        struct interface *port = cache->by_index[i];

        if (port->port.backup_index != index)
            continue;
        port->port.backup_index = 0;
        memset(port->port.backup, 0, sizeof(port->port.backup));
        netdev_cache_tell(cache, NETDEV_CHANGED, port->name);
    }
}

bool netdev_cache_filters(const struct netdev_cache *cache, const struct interface *interface)
{
    const struct interface *bridge = interface->master_index ? netdev_cache_find(cache, interface->master_index) : interface;

    return bridge && bridge->kind == INTERFACE_BRIDGE && bridge->bridge.vlan_filtering;
}

void netdev_cache_put_vlans(struct netdev_cache *cache, struct interface *interface, struct port_vlans *vlans)
{
    bool same = !vlans == !interface->vlans && port_vlans_same(vlans, interface->vlans);

    free(interface->vlans);
    interface->vlans = vlans;
    interface->set &= ~FIELD_BIT(FIELD_PORT_VLANS);
    if (vlans)
        interface->set |= FIELD_BIT(FIELD_PORT_VLANS);
    if (!same)
        netdev_cache_tell(cache, NETDEV_CHANGED, interface->name);
}

/* The kernel changes the VLANs of a bridge and its ports along with its default one, and sends no event for them. */
static bool forgets_vlans(const struct interface *now, const struct interface *before)
{
    return before->kind == INTERFACE_BRIDGE && before->bridge.vlan_filtering
           && (!now->bridge.vlan_filtering || now->bridge.default_pvid != before->bridge.default_pvid);
}

/* A link that left its bridge, and a bridge that filters no more, have no VLANs (for now); others may have got some. */
static void doubt_vlans(struct netdev_cache *cache, struct interface *interface, const struct interface *before)
{
    if (before && forgets_vlans(interface, before)) {
        for (size_t i = 0; i < cache->count; i++)
            if (cache->by_index[i]->master_index == interface->index)
                netdev_cache_put_vlans(cache, cache->by_index[i], NULL);
        netdev_cache_put_vlans(cache, interface, NULL);
    }
    if (interface->vlans
        && ((before && before->master_index != interface->master_index) || !netdev_cache_filters(cache, interface)))
        netdev_cache_put_vlans(cache, interface, NULL);
    if (!interface->vlans && netdev_cache_filters(cache, interface))
        cache->unread_vlans = true;
}

static void add(struct netdev_cache *cache, const struct interface *link)
{
    struct interface *interface = interface_new(link->name);

    *interface = *link;
    interface->vlans = NULL;
    insert(cache, interface);
    list(cache, interface);
    if (cache->filling)
        return;
    netdev_tc_show(cache, interface);
    name_others(cache, interface);
    doubt_vlans(cache, interface, NULL);
    netdev_cache_tell(cache, NETDEV_ADDED, interface->name);
    if (cache->unnamed)
        name_in_others(cache, interface);
}

static void rename_to(struct netdev_cache *cache, struct interface *interface, const struct interface *link)
{
    struct interface old = *interface;

    if (is_listed(cache, interface))
        network_remove(&cache->network, old.name);
    *interface = *link;
    keep(interface, &old);
    list(cache, interface);
    name_others(cache, interface);
    doubt_vlans(cache, interface, &old);
    if (cache->several) /* their hops name it */
        cache->doubtful = true;
    netdev_cache_tell(cache, NETDEV_REMOVED, old.name);
    netdev_cache_tell(cache, NETDEV_ADDED, interface->name);
    name_in_others(cache, interface);
}

static void change(struct netdev_cache *cache, struct interface *interface, const struct interface *link)
{
    struct interface new = *link, old = *interface;
    bool state;

    name_others(cache, &new);
    keep(&new, interface);
    if (same_link(interface, &new))
        return;
    if (interface->up && !new.up)
        netdev_route_forget(cache, interface, AF_UNSPEC);
    if (interface->up != new.up && cache->several)
        cache->doubtful = true;
    state = interface->up != new.up || interface->carrier != new.carrier || !text_equal(interface->master, new.master);
    keep(&new, interface); /* its routes may just have been forgotten */
    *interface = new;
    doubt_vlans(cache, interface, &old);
    if (old.master_index && old.master_index != interface->master_index)
        forget_backup(cache, interface->index);
    netdev_cache_tell(cache, state ? NETDEV_STATE : NETDEV_CHANGED, interface->name);
}

void netdev_cache_put(struct netdev_cache *cache, const struct interface *link)
{
    struct interface *interface = netdev_cache_find(cache, link->index);

    if (!interface)
        add(cache, link);
    else if (!text_equal(interface->name, link->name) || !is_listed(cache, interface))
        rename_to(cache, interface, link);
    else
        change(cache, interface, link);
}

void netdev_cache_remove(struct netdev_cache *cache, int index)
{
    size_t at = position(cache, index);
    struct interface *interface = netdev_cache_find(cache, index);

    netdev_tc_remove(cache, index);
    if (!interface)
        return;
    forget_backup(cache, index);
    if (cache->several)
        cache->doubtful = true;
    cache->count--;
    memmove(&cache->by_index[at], &cache->by_index[at + 1], (cache->count - at) * sizeof(*cache->by_index));
    if (is_listed(cache, interface)) {
        network_remove(&cache->network, interface->name);
        netdev_cache_tell(cache, NETDEV_REMOVED, interface->name);
    }
    interface_free(interface);
}

void netdev_cache_filled(struct netdev_cache *cache)
{
    cache->filling = false;
    cache->unnamed = false;
    for (size_t i = 0; i < cache->count; i++)
        name_others(cache, cache->by_index[i]);
}

/* -- comparing ------------------------------------------------------------------------------------------------------------ */

/* While duplicate address detection runs, the kernel's own addresses are in a dump and no event has told of them; and one that
 * is there already goes through it again, unannounced, when the carrier comes back. */
#define UNTOLD_FLAGS (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)

static bool has_address(const struct interface *interface, const struct address *address)
{
    for (size_t i = 0; i < interface->address_count; i++) {
        const struct address *other = &interface->addresses[i];

        if (address_same(address, other) && ((address->flags ^ other->flags) & ~(uint32_t)UNTOLD_FLAGS) == 0
            && address->scope == other->scope && text_equal(address->label, other->label)
            && (address->valid == UINT32_MAX) == (other->valid == UINT32_MAX)) /* the seconds that are left run on */
            return true;
    }
    return false;
}

static bool has_route(const struct interface *interface, const struct route *route)
{
    for (size_t i = 0; i < interface->route_count; i++)
        if (route_same(route, &interface->routes[i]) && route->protocol == interface->routes[i].protocol)
            return true;
    return false;
}

static int difference(struct error *err, const char *name, const char *what)
{
    if (!err->code)
        error_set(err, ENODATA, "%s: %s", name, what);
    return 1;
}

static int compare_addresses(const struct interface *ours, const struct interface *theirs, struct error *err)
{
    char text[ADDRESS_TEXT_SIZE];
    int count = 0;

    for (size_t i = 0; i < ours->address_count; i++)
        if (!has_address(theirs, &ours->addresses[i]))
            count += difference(err, ours->name, address_text(&ours->addresses[i], text));
    for (size_t i = 0; i < theirs->address_count; i++)
        if (!(theirs->addresses[i].flags & UNTOLD_FLAGS) && !has_address(ours, &theirs->addresses[i]))
            count += difference(err, ours->name, address_text(&theirs->addresses[i], text));
    return count;
}

static int compare_routes(const struct interface *ours, const struct interface *theirs, struct error *err)
{
    char text[ROUTE_TEXT_SIZE];
    int count = 0;

    for (size_t i = 0; i < ours->route_count; i++)
        if (!has_route(theirs, &ours->routes[i]))
            count += difference(err, ours->name, route_text(&ours->routes[i], text));
    for (size_t i = 0; i < theirs->route_count; i++)
        if (!has_route(ours, &theirs->routes[i]))
            count += difference(err, ours->name, route_text(&theirs->routes[i], text));
    return count;
}

static int compare_groups(const struct network *ours, const struct network *theirs, struct error *err)
{
    char text[ROUTE_TEXT_SIZE];
    int count = 0;

    for (size_t i = 0; i < ours->route_count; i++)
        if (!network_has_route(theirs, "", &ours->routes[i]))
            count += difference(err, "host", route_text(&ours->routes[i], text));
    for (size_t i = 0; i < theirs->route_count; i++)
        if (!network_has_route(ours, "", &theirs->routes[i]))
            count += difference(err, "host", route_text(&theirs->routes[i], text));
    return count;
}

static int compare_rules(const struct network *ours, const struct network *theirs, struct error *err)
{
    char text[RULE_TEXT_SIZE];

    for (size_t i = 0; i < ours->rule_count && i < theirs->rule_count; i++)
        if (!rule_same(&ours->rules[i], &theirs->rules[i]))
            return difference(err, "host", rule_text(&theirs->rules[i], text));
    return ours->rule_count == theirs->rule_count ? 0 : difference(err, "host", "another number of rules");
}

int netdev_cache_compare(const struct netdev_cache *a, const struct netdev_cache *b, struct error *err)
{
    int count = 0;

    *err = (struct error){0};
    count += compare_groups(&a->network, &b->network, err) + compare_rules(&a->network, &b->network, err);
    for (size_t i = 0; i < a->network.count; i++) {
        const struct interface *ours = a->network.items[i], *theirs = network_find(&b->network, ours->name);

        if (!theirs || theirs->index != ours->index) {
            count += difference(err, ours->name, "is not there");
            continue;
        }
        if (!same_link(ours, theirs))
            count += difference(err, ours->name, "differs in its attributes");
        if (!ours->vlans != !theirs->vlans || !port_vlans_same(ours->vlans, theirs->vlans))
            count += difference(err, ours->name, "differs in its VLANs");
        if (!rate_same(&ours->inbound, &theirs->inbound) || !rate_same(&ours->outbound, &theirs->outbound))
            count += difference(err, ours->name, "differs in its rates");
        count += compare_addresses(ours, theirs, err) + compare_routes(ours, theirs, err);
    }
    for (size_t i = 0; i < b->network.count; i++)
        if (!network_find(&a->network, b->network.items[i]->name))
            count += difference(err, b->network.items[i]->name, "is missing");
    return count;
}
