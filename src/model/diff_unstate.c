/* A key that the files stated before and state no more: what it set goes back to what a new link has, so that the host is the same by
 * whichever way its files came to be what they are. Such a value is put beside what is wanted and takes the same road. The option table
 * tells most of them; an MTU and a MAC follow from other links and from the hardware. What nobody knows any more stays: the MAC that a
 * link of no hardware was made with. */
#include <string.h>

#include "base/text.h"
#include "model/diff_internal.h"
#include "model/kind.h"
#include "model/option.h"

enum { LONGEST_CHAIN = 8, ETHERNET_MTU = 1500 };

/* How the kernel reckons a new VXLAN's MTU on a link (VXLAN_HEADROOM, VXLAN6_HEADROOM). */
enum { VXLAN_HEADERS = 50, VXLAN6_HEADERS = 70 };

static bool is_dropped(const struct diff *diff, const struct interface *wanted, enum interface_field field)
{
    const struct interface *previous = network_find(diff->previous, wanted->name);

    return previous && interface_has(previous, field) && !interface_has(wanted, field);
}

static uint32_t new_mtu(const struct diff *diff, const struct interface *link, int guard);

/* That the link will have. */
static uint32_t future_mtu(const struct diff *diff, const char *name, int guard)
{
    const struct interface *wanted = network_find(diff->wanted, name), *observed = network_find(diff->observed, name);

    if (wanted && interface_has(wanted, FIELD_MTU))
        return wanted->mtu;
    if (observed && !(wanted && is_dropped(diff, wanted, FIELD_MTU)))
        return observed->mtu;
    return wanted && guard ? new_mtu(diff, wanted, guard - 1) : ETHERNET_MTU;
}

/* A bridge has the least of its ports'. */
static uint32_t least_mtu(const struct diff *diff, const char *bridge, int guard)
{
    uint32_t least = 0;

    for (size_t i = 0; i < diff->wanted->count + diff->observed->count; i++) {
        bool of_files = i < diff->wanted->count;
        const struct interface *port = of_files ? diff->wanted->items[i] : diff->observed->items[i - diff->wanted->count];
        uint32_t mtu;

        if (!text_equal(port->master, bridge) || (!of_files && network_find(diff->wanted, port->name)))
            continue;
        mtu = future_mtu(diff, port->name, guard);
        least = least && least < mtu ? least : mtu;
    }
    return least ? least : ETHERNET_MTU;
}

static uint32_t new_mtu(const struct diff *diff, const struct interface *link, int guard)
{
    uint32_t headers = link->kind != INTERFACE_VXLAN ? 0 : strchr(link->vxlan.remote, ':') ? VXLAN6_HEADERS : VXLAN_HEADERS;

    if (link->parent[0] && kind_find(link->kind)->has_parent)
        return future_mtu(diff, link->parent, guard) - headers;
    return link->kind == INTERFACE_BRIDGE ? least_mtu(diff, link->name, guard) : ETHERNET_MTU;
}

static const uint8_t *new_mac(const struct diff *diff, const struct interface *link, int guard);

/* NULL: it can't be told. */
static const uint8_t *future_mac(const struct diff *diff, const char *name, int guard)
{
    const struct interface *wanted = network_find(diff->wanted, name), *observed = network_find(diff->observed, name);

    if (wanted && interface_has(wanted, FIELD_MAC))
        return wanted->mac;
    if (wanted && guard && (!observed || is_dropped(diff, wanted, FIELD_MAC) || wanted->is_slave))
        return new_mac(diff, wanted, guard - 1);
    return observed ? observed->mac : NULL;
}

/* Of the first port, by name. */
static const uint8_t *first_mac(const struct diff *diff, const char *master, int guard)
{
    const uint8_t *mac = NULL;

    for (size_t i = 0; i < diff->wanted->count && !mac; i++)
        if (text_equal(diff->wanted->items[i]->master, master) && diff->wanted->items[i]->kind != INTERFACE_TAP)
            mac = future_mac(diff, diff->wanted->items[i]->name, guard);
    return mac;
}

static const uint8_t *new_mac(const struct diff *diff, const struct interface *link, int guard)
{
    static const uint8_t none[6];
    const struct interface *observed = network_find(diff->observed, link->name);

    if (link->kind == INTERFACE_VLAN)
        return future_mac(diff, link->parent, guard);
    if (kind_find(link->kind)->takes_ports)
        return first_mac(diff, link->name, guard);
    return observed && memcmp(observed->permanent_mac, none, sizeof(none)) != 0 ? observed->permanent_mac : NULL;
}

/* Dummies and TUNs are made without ARP, and a VLAN is made as its parent is. */
static bool new_arp(const struct diff *diff, const struct interface *observed)
{
    const struct interface *parent = observed->kind == INTERFACE_VLAN ? network_find(diff->observed, observed->parent) : NULL;

    return parent ? parent->arp : observed->kind != INTERFACE_DUMMY && observed->kind != INTERFACE_TUN;
}

/* Is told by a row of the table, or below. */
static field_set known_fields(void)
{
    field_set fields =
        FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_ARP) | FIELD_BIT(FIELD_TAP_OWNER) | FIELD_BIT(FIELD_TAP_GROUP);

    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].scope == OPTION_INTERFACE && option_table[i].field >= 0 && option_table[i].fallback)
            fields |= FIELD_BIT(option_table[i].field);
    return fields;
}

static unsigned future_mode(const struct diff *diff, const struct interface *wanted, const struct interface *observed)
{
    if (interface_has(wanted, FIELD_BOND_MODE))
        return wanted->bond.mode;
    return is_dropped(diff, wanted, FIELD_BOND_MODE) ? BOND_ROUND_ROBIN : observed->bond.mode;
}

/* Modes that can't do without looking at links. */
static bool looks_anyway(unsigned mode)
{
    return mode == BOND_LACP || mode == BOND_TLB || mode == BOND_ALB;
}

/* What the kernel takes in the mode; delays only while it looks at links. */
static field_set bond_fields(unsigned mode, const struct interface *wanted)
{
    field_set fields = kind_bond_fields(mode);

    if (!looks_anyway(mode) && !(interface_has(wanted, FIELD_BOND_MIIMON) && wanted->bond.miimon))
        fields &= ~(FIELD_BIT(FIELD_BOND_UPDELAY) | FIELD_BIT(FIELD_BOND_DOWNDELAY));
    return fields;
}

/* What lies on a link is made with its MTU, and follows by itself only to a lower one. */
static bool follows_parent(const struct diff *diff, const struct interface *wanted, const struct interface *observed)
{
    const struct interface *parent = wanted->parent[0] ? network_find(diff->observed, wanted->parent) : NULL;

    return parent && diff_is_ours(observed) && !interface_has(wanted, FIELD_MTU)
           && future_mtu(diff, parent->name, LONGEST_CHAIN) != parent->mtu;
}

static field_set dropped_fields(const struct diff *diff, const struct interface *wanted, const struct interface *observed,
                                field_set known)
{
    const struct interface *previous = network_find(diff->previous, wanted->name);
    field_set fields = previous ? previous->set & ~wanted->set & observed->set & known : 0;

    if (diff_is_made(wanted) && wanted->kind != observed->kind)
        return 0;
    if (!wanted->master[0] || !text_equal(wanted->master, observed->master)) /* a new port has them anyway */
        fields &= ~(FIELD_PORT_ALL | FIELD_BIT(FIELD_PORT_BACKUP));
    if (follows_parent(diff, wanted, observed))
        fields |= FIELD_BIT(FIELD_MTU);
    if (wanted->is_slave && observed->is_slave) /* a bond gives it its own, and what it had before when it leaves */
        fields &= ~(FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_MAC));
    if (observed->kind == INTERFACE_BOND)
        fields &= ~FIELD_BOND_ALL | bond_fields(future_mode(diff, wanted, observed), wanted);
    if (fields & FIELD_BIT(FIELD_MAC) && !new_mac(diff, wanted, LONGEST_CHAIN))
        fields &= ~FIELD_BIT(FIELD_MAC);
    return fields;
}

static void reset_fields(const struct diff *diff, struct interface *link, const struct interface *observed, field_set fields)
{
    const struct interface *wanted = network_find(diff->wanted, link->name); /* NULL: no file names it any more */
    unsigned mode = wanted ? future_mode(diff, wanted, observed) : 0;

    for (int field = 0; field < INTERFACE_FIELDS; field++)
        if (fields & FIELD_BIT(field))
            option_reset(option_of_field(OPTION_INTERFACE, field), link);
    if (fields & FIELD_BIT(FIELD_MTU))
        link->mtu = new_mtu(diff, link, LONGEST_CHAIN);
    if (fields & FIELD_BIT(FIELD_MAC))
        memcpy(link->mac, new_mac(diff, link, LONGEST_CHAIN), sizeof(link->mac));
    if (fields & FIELD_BIT(FIELD_ARP))
        link->arp = new_arp(diff, observed);
    if (fields & FIELD_BIT(FIELD_TAP_OWNER))
        link->tap.owner = UINT32_MAX;
    if (fields & FIELD_BIT(FIELD_TAP_GROUP))
        link->tap.group = UINT32_MAX;
    if (fields & FIELD_BIT(FIELD_BOND_MIIMON) && looks_anyway(mode))
        link->bond.miimon = 100; /* BOND_DEFAULT_MIIMON */
}

/* A cost once set is no longer the kernel's to choose, but for a new port. */
static void tell_of_cost(struct diff *diff, const struct interface *wanted, const struct interface *observed)
{
    if (wanted->master[0] && text_equal(wanted->master, observed->master) && is_dropped(diff, wanted, FIELD_PORT_COST))
        problems_add(diff->problems, true, wanted->file, 0, 0,
                     "%s: its path_cost stays %u until it leaves %s: only for a new port the kernel chooses one by its speed", wanted->name,
                     observed->port.cost, wanted->master);
}

static struct interface *statement(const struct diff *diff, struct network *stated, const char *name)
{
    struct interface *link;

    if (!stated->items) /* a copy only when there is something to put into it */
        network_copy(diff->wanted, stated);
    link = network_find(stated, name);
    if (link)
        return link;
    link = interface_new(name);
    link->onboot = true;
    network_insert(stated, link);
    return link;
}

static void unstate(const struct diff *diff, const struct interface *values, const struct interface *observed, field_set fields,
                    struct network *stated)
{
    struct interface *link = interface_copy(values);

    link->set = 0;
    reset_fields(diff, link, observed, fields);
    fields = interface_changed_fields(link, observed);
    interface_free(link);
    if (fields)
        reset_fields(diff, statement(diff, stated, values->name), observed, fields);
}

/* A NIC that no file names any more; a slave gets its own back from its bond. */
static void unstate_nic(struct diff *diff, const struct interface *previous, struct network *stated)
{
    const struct interface *observed = network_find(diff->observed, previous->name);
    field_set fields = previous->set & (FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_ARP));
    struct interface *link;

    if (!fields || !observed || network_find(diff->wanted, previous->name) || !previous->onboot || previous->is_slave
        || diff_is_made(previous) || diff_is_ours(observed))
        return;
    link = interface_new(previous->name);
    if (!new_mac(diff, link, 0))
        fields &= ~FIELD_BIT(FIELD_MAC);
    unstate(diff, link, observed, fields, stated);
    interface_free(link);
}

bool diff_unstate(struct diff *diff, struct network *ret_stated)
{
    field_set known = known_fields();

    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i], *observed = network_find(diff->observed, wanted->name);
        field_set fields = observed && wanted->onboot ? dropped_fields(diff, wanted, observed, known) : 0;

        if (fields)
            unstate(diff, wanted, observed, fields, ret_stated);
        if (observed && wanted->onboot)
            tell_of_cost(diff, wanted, observed);
    }
    for (size_t i = 0; i < diff->previous->count; i++)
        unstate_nic(diff, diff->previous->items[i], ret_stated);
    return ret_stated->items;
}
