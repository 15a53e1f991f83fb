/* WANTED against OBSERVED for the host's network. The steps come in this order, and the reasons are the kernel's:
 *   1. routes, addresses and memberships that nobody wants any more, then links that are no longer named: deletions come first, so
 *      that a name, an address or a port's place is free when something else wants it;
 *   2. links are made, masters before their ports;
 *   3. attributes are set and ports enslaved; then new bridges come up;
 *   4. addresses, then routes (a gateway must be reachable by then);
 *   5. the addresses of a NIC that became a port: last, when the bridge has them already, so that the host is never without. */
#include "model/diff.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/option.h"

struct diff {
    const struct network *wanted, *previous, *observed;
    bool adopt;
    struct plan *plan;
    struct problems *problems;
    bool *skipped; /* by index in wanted: can't be brought about, and so can't what depends on it */
    struct port *ports; /* all that are wanted, by their masters' names */
    size_t port_count;
};

struct port {
    const char *master;
    size_t index; /* in wanted */
};

static size_t wanted_index(const struct diff *diff, const char *name)
{
    for (size_t low = 0, high = diff->wanted->count; low < high;) {
        size_t middle = (low + high) / 2;
        int order = strcmp(diff->wanted->items[middle]->name, name);

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

static int compare_ports(const void *a, const void *b)
{
    const struct port *one = a, *other = b;
    int order = strcmp(one->master, other->master);

    return order ? order : (one->index > other->index) - (one->index < other->index);
}

static void list_ports(struct diff *diff)
{
    diff->ports = memory_new((diff->wanted->count + 1) * sizeof(*diff->ports));
    for (size_t i = 0; i < diff->wanted->count; i++)
        if (diff->wanted->items[i]->master[0])
            diff->ports[diff->port_count++] = (struct port){diff->wanted->items[i]->master, i};
    qsort(diff->ports, diff->port_count, sizeof(*diff->ports), compare_ports);
}

/* Those of one master, in the order of their names. */
static const struct port *ports_of(const struct diff *diff, const char *master, size_t *ret_count)
{
    size_t low = 0, high = diff->port_count, end;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(diff->ports[middle].master, master) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < diff->port_count && text_equal(diff->ports[end].master, master); end++)
        ;
    *ret_count = end - low;
    return &diff->ports[low];
}

static struct step *add_interface_step(struct diff *diff, enum step_op op, const char *name, const char *text)
{
    struct step *step = plan_add(diff->plan, op, name, "%s", text);

    text_copy(step->interface, sizeof(step->interface), name);
    return step;
}

static bool is_made_by_trestle(enum interface_kind kind)
{
    return kind == INTERFACE_BRIDGE || kind == INTERFACE_VLAN || kind == INTERFACE_BOND || kind == INTERFACE_VETH;
}

/* The rows of interface options whose values are compared as they stand. */
static bool is_compared(const struct option *option)
{
    return option->scope == OPTION_INTERFACE && option->field >= 0 && option->type != OPTION_SPECIAL
           && option->type != OPTION_IGNORED && option->type != OPTION_LATER;
}

/* -- attributes ----------------------------------------------------------------------------------------------------------------- */

/* Whether the link shows its options, but not this one: this kernel does not have it. */
static bool is_lacking(const struct interface *observed, int field)
{
    field_set bit = FIELD_BIT(field);

    if (observed->set & bit)
        return false;
    return (bit & FIELD_BRIDGE_ALL && interface_has(observed, FIELD_BRIDGE_PRIORITY))
           || (bit & FIELD_PORT_ALL & ~FIELD_BIT(FIELD_PORT_VLANS) && interface_has(observed, FIELD_PORT_COST));
}

field_set interface_changed_fields(const struct interface *wanted, const struct interface *observed)
{
    field_set fields = 0;

    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &option_table[i];

        if (is_compared(option) && interface_has(wanted, option->field) && !option_same(option, wanted, observed)
            && !is_lacking(observed, option->field))
            fields |= FIELD_BIT(option->field);
    }
    if (interface_has(wanted, FIELD_UP) && wanted->up != observed->up)
        fields |= FIELD_BIT(FIELD_UP);
    if (interface_has(wanted, FIELD_MASTER) && !text_equal(wanted->master, observed->master))
        fields |= FIELD_BIT(FIELD_MASTER);
    if (interface_has(wanted, FIELD_PORT_VLANS) && !port_vlans_same(wanted->vlans, observed->vlans))
        fields |= FIELD_BIT(FIELD_PORT_VLANS);
    if (interface_has(wanted, FIELD_INBOUND) && !rate_same(&wanted->inbound, &observed->inbound))
        fields |= FIELD_BIT(FIELD_INBOUND);
    if (interface_has(wanted, FIELD_OUTBOUND) && !rate_same(&wanted->outbound, &observed->outbound))
        fields |= FIELD_BIT(FIELD_OUTBOUND);
    return fields;
}

/* "mtu 1500 → 9000, forward_delay 1500 → 0" of the scalar fields. */
static void describe_scalars(struct text *line, const struct interface *from, const struct interface *to, field_set fields)
{
    field_set told = FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP);

    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &option_table[i];

        if (!is_compared(option) || !(fields & ~told & FIELD_BIT(option->field)))
            continue;
        told |= FIELD_BIT(option->field);
        char *before = from ? option_format(option, from) : NULL;
        char *after = option_format(option, to);

        text_format(line, "%s%s %s%s%s", line->length ? ", " : "", option->name ? option->name : option->key, before ? before : "",
                    before ? " → " : "", after ? after : "none");
        free(before);
        free(after);
    }
}

static void describe_rate(struct text *line, const char *name, const struct rate *rate)
{
    if (rate->average)
        text_format(line, "%s%s at most %u KiB/s", line->length ? ", " : "", name, rate->average);
    else
        text_format(line, "%s%s without limit", line->length ? ", " : "", name);
}

static void describe_port(struct text *line, const struct interface *to, field_set fields)
{
    if (fields & FIELD_BIT(FIELD_PORT_VLANS)) {
        char *vlans = to->vlans ? port_vlans_text(to->vlans) : memory_string("as a new port has them");

        text_format(line, "%sVLANs %s", line->length ? ", " : "", vlans);
        free(vlans);
    }
    if (fields & FIELD_BIT(FIELD_INBOUND))
        describe_rate(line, "inbound", &to->inbound);
    if (fields & FIELD_BIT(FIELD_OUTBOUND))
        describe_rate(line, "outbound", &to->outbound);
}

static char *describe_set(const struct interface *from, const struct interface *to, field_set fields)
{
    struct text line = {0};
    struct text scalars = {0};
    bool up = fields & FIELD_BIT(FIELD_UP);

    describe_scalars(&scalars, from, to, fields);
    describe_port(&scalars, to, fields);
    if (fields & FIELD_BIT(FIELD_MASTER)) {
        if (to->master[0])
            text_format(&line, "add %s to %s%s%s", to->name, to->master, from && from->master[0] ? ", out of " : "",
                        from ? from->master : "");
        else
            text_format(&line, "take %s out of %s", to->name, from->master);
    }
    if (scalars.length)
        text_format(&line, "%s%s %s", line.length ? ", set " : "set ", line.length ? "its" : to->name, scalars.data);
    if (up)
        text_format(&line, "%s%s %s", line.length ? ", bring " : "bring ", line.length ? "it" : to->name, to->up ? "up" : "down");
    text_clear(&scalars);
    return text_take(&line);
}

static void plan_link_set(struct diff *diff, const struct interface *observed, const struct interface *values, field_set fields)
{
    struct interface *to = interface_copy(values);
    char *line = describe_set(observed, to, fields);
    struct step *step = add_interface_step(diff, STEP_LINK_SET, to->name, line);

    step->from = interface_copy(observed);
    step->to = to;
    step->to->set |= fields;
    step->fields = fields;
    if (fields & FIELD_BIT(FIELD_MASTER))
        text_copy(step->needs, sizeof(step->needs), to->master);
    free(line);
}

static void plan_mark(struct diff *diff, const struct interface *observed, const char *text)
{
    struct step *step = add_interface_step(diff, STEP_LINK_SET, observed->name, text);

    step->from = interface_copy(observed);
    step->to = interface_copy(observed);
    step->to->owner = OWNER_TRESTLE;
    step->to->half_made = false;
}

/* -- deletions ------------------------------------------------------------------------------------------------------------------ */

static const struct address *find_address(const struct interface *interface, const struct address *address)
{
    for (size_t i = 0; interface && i < interface->address_count; i++)
        if (address_same(&interface->addresses[i], address))
            return &interface->addresses[i];
    return NULL;
}

static bool has_address(const struct interface *interface, const struct address *address)
{
    return find_address(interface, address);
}

static bool has_route(const struct interface *interface, const struct route *route)
{
    for (size_t i = 0; interface && i < interface->route_count; i++)
        if (route_same(&interface->routes[i], route))
            return true;
    return false;
}

static void plan_address(struct diff *diff, enum step_op op, const char *name, const struct address *address)
{
    char value[ADDRESS_TEXT_SIZE], line[128];

    snprintf(line, sizeof(line), op == STEP_ADDRESS_ADD ? "add address %s to %s" : "remove address %s from %s",
             address_text(address, value), name);
    add_interface_step(diff, op, name, line)->address = *address;
}

static void plan_route(struct diff *diff, enum step_op op, const char *name, const struct route *route)
{
    char value[ROUTE_TEXT_SIZE], line[256];

    snprintf(line, sizeof(line), op == STEP_ROUTE_ADD ? "add route %s by %s" : "remove route %s by %s", route_text(route, value),
             name);
    add_interface_step(diff, op, name, line)->route = *route;
}

/* What was wanted before and is wanted no more, of one interface that still exists. */
static void plan_unwanted_parts(struct diff *diff, const struct interface *previous, const struct interface *wanted,
                                const struct interface *observed)
{
    for (size_t i = 0; i < previous->route_count; i++)
        if (!has_route(wanted, &previous->routes[i]) && has_route(observed, &previous->routes[i]))
            plan_route(diff, STEP_ROUTE_DELETE, previous->name, &previous->routes[i]);
    for (size_t i = 0; i < previous->address_count; i++)
        if (!has_address(wanted, &previous->addresses[i]) && has_address(observed, &previous->addresses[i]))
            plan_address(diff, STEP_ADDRESS_DELETE, previous->name, &previous->addresses[i]);
    if (interface_has(previous, FIELD_MASTER) && previous->master[0] && text_equal(previous->master, observed->master)
        && !(wanted && interface_has(wanted, FIELD_MASTER))) {
        struct interface *alone = interface_copy(observed);

        alone->master[0] = 0;
        plan_link_set(diff, observed, alone, FIELD_BIT(FIELD_MASTER));
        interface_free(alone);
    }
}

static bool is_ours(const struct interface *observed)
{
    return observed->owner == OWNER_TRESTLE || observed->half_made;
}

static void plan_deletions(struct diff *diff)
{
    for (size_t i = 0; i < diff->previous->count; i++) {
        const struct interface *previous = diff->previous->items[i];
        const struct interface *observed = network_find(diff->observed, previous->name);
        const struct interface *wanted = network_find(diff->wanted, previous->name);

        if (observed && (wanted || !is_ours(observed)))
            plan_unwanted_parts(diff, previous, wanted, observed);
    }
    for (size_t i = 0; i < diff->observed->count; i++) {
        const struct interface *observed = diff->observed->items[i];
        char line[64];

        if (!is_ours(observed) || observed->kind == INTERFACE_TAP || network_find(diff->wanted, observed->name))
            continue;
        snprintf(line, sizeof(line), "delete %s %s", interface_kind_names[observed->kind], observed->name);
        add_interface_step(diff, STEP_LINK_DELETE, observed->name, line)->from = interface_copy(observed);
    }
}

/* -- what is not as it should be, so that nothing can be done ------------------------------------------------------------------------ */

static void skip(struct diff *diff, size_t index, bool warning, const char *format, ...) __attribute__((format(printf, 4, 5)));

static void skip(struct diff *diff, size_t index, bool warning, const char *format, ...)
{
    char line[400];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    problems_add(diff->problems, warning, diff->wanted->items[index]->file, 0, 0, "%s", line);
    diff->skipped[index] = true;
}

static void check_existing(struct diff *diff, size_t index, const struct interface *observed)
{
    const struct interface *wanted = diff->wanted->items[index];
    static const uint8_t any[6];

    if (interface_has(wanted, FIELD_KIND) && is_made_by_trestle(wanted->kind) && observed->kind != wanted->kind)
        skip(diff, index, false, "%s: exists and is no %s but a link of kind %s: rename one of them", wanted->name,
             interface_kind_names[wanted->kind], observed->kind_name[0] ? observed->kind_name : "ethernet");
    else if (memcmp(wanted->hwaddr, any, 6) != 0 && memcmp(wanted->hwaddr, observed->mac, 6) != 0
             && !(interface_has(wanted, FIELD_MAC) && memcmp(wanted->mac, observed->mac, 6) == 0))
        skip(diff, index, false, "%s: has different MAC address than HWADDR expects, ignoring", wanted->name);
    else if (is_made_by_trestle(wanted->kind) && !is_ours(observed) && !diff->adopt && interface_changed_fields(wanted, observed))
        skip(diff, index, true, "%s: was made by somebody else and differs from its file: 'trestle apply' takes it over", wanted->name);
}

/* What else the file states is done all the same. */
static void check_lacking(const struct diff *diff, const struct interface *wanted, const struct interface *observed)
{
    for (int field = 0; field < INTERFACE_FIELDS; field++) {
        const struct option *option = option_of_field(OPTION_INTERFACE, field);

        if (option && interface_has(wanted, field) && is_lacking(observed, field) && !option_same(option, wanted, observed))
            problems_add(diff->problems, false, wanted->file, 0, 0, "%s: %s: this kernel does not have it%s%s", wanted->name,
                         option->name, option->needs ? ": " : "", option->needs ? option->needs : "");
    }
}

static void check_master(struct diff *diff, size_t index)
{
    const struct interface *wanted = diff->wanted->items[index];
    const struct interface *master;
    size_t master_index;

    if (!interface_has(wanted, FIELD_MASTER) || !wanted->master[0])
        return;
    master_index = wanted_index(diff, wanted->master);
    master = network_find(diff->observed, wanted->master);
    if ((master_index != SIZE_MAX && diff->skipped[master_index]) || (master_index == SIZE_MAX && !master && wanted->kind == INTERFACE_TAP))
        skip(diff, index, true, "%s: waits for %s", wanted->name, wanted->master);
    else if (master_index == SIZE_MAX && !master)
        skip(diff, index, false, "%s: bridge %s does not exist, and no file states it: write ifcfg-%s with TYPE=Bridge", wanted->name,
             wanted->master, wanted->master);
}

static void check_all(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];
        const struct interface *observed = network_find(diff->observed, wanted->name);

        if (!wanted->onboot)
            diff->skipped[i] = true;
        else if (observed)
            check_existing(diff, i, observed);
        else if (wanted->kind == INTERFACE_TAP && !wanted->file)
            diff->skipped[i] = true; /* a VM's: its own plan makes it */
        else if (!is_made_by_trestle(wanted->kind))
            skip(diff, i, false, "%s: no such interface: is its driver loaded, is it called otherwise (ip link)?", wanted->name);
    }
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *observed = network_find(diff->observed, diff->wanted->items[i]->name);

        if (!diff->skipped[i])
            check_master(diff, i);
        if (!diff->skipped[i] && observed)
            check_lacking(diff, diff->wanted->items[i], observed);
    }
}

/* -- additions and changes -------------------------------------------------------------------------------------------------------- */

/* A bridge without an address of its own takes its lowest port's, so its MAC would change as VMs come and go. The classic
 * scripts' users expect the NIC's (their DHCP server knows it), so a bridge is made with its first NIC's. */
static void choose_bridge_mac(const struct diff *diff, struct interface *bridge)
{
    size_t count;
    const struct port *ports = ports_of(diff, bridge->name, &count);

    for (size_t i = 0; !interface_has(bridge, FIELD_MAC) && i < count; i++) {
        const struct interface *port = diff->wanted->items[ports[i].index];
        const struct interface *nic = network_find(diff->observed, port->name);

        if (!nic || port->kind == INTERFACE_TAP)
            continue;
        memcpy(bridge->mac, interface_has(port, FIELD_MAC) ? port->mac : nic->mac, sizeof(bridge->mac));
        bridge->set |= FIELD_BIT(FIELD_MAC);
    }
}

/* A bridge that is up and empty loses its carrier, and the kernel gives it back only up to a second after the first port came: so a
 * new one comes up when its ports are in. */
static bool comes_up_with_ports(const struct diff *diff, const struct interface *bridge)
{
    size_t count;
    const struct port *ports = ports_of(diff, bridge->name, &count);

    for (size_t i = 0; bridge->kind == INTERFACE_BRIDGE && i < count; i++)
        if (!diff->skipped[ports[i].index] && network_find(diff->observed, diff->wanted->items[ports[i].index]->name))
            return true;
    return false;
}

static void plan_create(struct diff *diff, const struct interface *wanted)
{
    struct text scalars = {0};
    struct interface *link = interface_copy(wanted);
    char line[400];
    struct step *step;

    describe_scalars(&scalars, NULL, wanted, wanted->set);
    snprintf(line, sizeof(line), "create %s %s%s%s%s", interface_kind_names[wanted->kind], wanted->name, scalars.length ? " (" : "",
             scalars.length ? scalars.data : "", scalars.length ? ")" : "");
    text_clear(&scalars);
    if (link->kind == INTERFACE_BRIDGE)
        choose_bridge_mac(diff, link);
    if (comes_up_with_ports(diff, wanted))
        link->set &= ~FIELD_BIT(FIELD_UP);
    step = add_interface_step(diff, STEP_LINK_CREATE, wanted->name, line);
    step->to = link;
    step->fields = link->set;
    text_copy(step->needs, sizeof(step->needs), wanted->master);
}

/* A port of which the files spoke of VLANs and don't any more gets a new port's. */
static field_set dropped_vlans(const struct diff *diff, const struct interface *wanted, const struct interface *observed)
{
    const struct interface *previous = network_find(diff->previous, wanted->name);
    bool dropped = previous && interface_has(previous, FIELD_PORT_VLANS) && !interface_has(wanted, FIELD_PORT_VLANS);

    return dropped && observed->vlans ? FIELD_BIT(FIELD_PORT_VLANS) : 0;
}

/* Masters first: a port is created or enslaved in one message that names its master. */
static void plan_links(struct diff *diff, bool masters)
{
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];
        const struct interface *observed = network_find(diff->observed, wanted->name);
        field_set fields;

        if (diff->skipped[i] || (wanted->kind == INTERFACE_BRIDGE) != masters)
            continue;
        if (!observed) {
            plan_create(diff, wanted);
            continue;
        }
        fields = interface_changed_fields(wanted, observed) | dropped_vlans(diff, wanted, observed);
        if (observed->half_made)
            plan_mark(diff, observed, "mark it as made by trestle (its making was cut short)");
        else if (fields && is_made_by_trestle(wanted->kind) && !is_ours(observed))
            plan_mark(diff, observed, "adopt it: it was made by somebody else and is trestle's from now on");
        if (fields)
            plan_link_set(diff, observed, wanted, fields);
    }
}

static void plan_bridges_up(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];
        struct step *step;
        char line[64];

        if (diff->skipped[i] || network_find(diff->observed, wanted->name) || !comes_up_with_ports(diff, wanted)
            || !interface_has(wanted, FIELD_UP))
            continue;
        snprintf(line, sizeof(line), "bring %s up", wanted->name);
        step = add_interface_step(diff, STEP_LINK_SET, wanted->name, line);
        step->to = interface_copy(wanted);
        step->fields = FIELD_BIT(FIELD_UP);
    }
}

#define RENEWAL 2 /* seconds: what ends within them of each other ends at once */

/* Is the observed life of an address another than the wanted one? */
static bool lives_otherwise(const struct address *wanted, const struct address *observed)
{
    if (!wanted->expires || !observed->expires)
        return wanted->expires || (observed->expires && wanted->valid == UINT32_MAX);
    return wanted->expires > observed->expires + RENEWAL || observed->expires > wanted->expires + RENEWAL;
}

static void plan_renewal(struct diff *diff, const char *name, const struct address *wanted)
{
    char value[ADDRESS_TEXT_SIZE], line[128];

    if (wanted->expires)
        snprintf(line, sizeof(line), "let address %s of %s last %u s from now", address_text(wanted, value), name, wanted->valid);
    else
        snprintf(line, sizeof(line), "let address %s of %s last for ever", address_text(wanted, value), name);
    add_interface_step(diff, STEP_ADDRESS_RENEW, name, line)->address = *wanted;
}

static void plan_addresses(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];
        const struct interface *observed = network_find(diff->observed, wanted->name);

        for (size_t j = 0; !diff->skipped[i] && j < wanted->address_count; j++) {
            const struct address *there = find_address(observed, &wanted->addresses[j]);

            if (!there)
                plan_address(diff, STEP_ADDRESS_ADD, wanted->name, &wanted->addresses[j]);
            else if (lives_otherwise(&wanted->addresses[j], there))
                plan_renewal(diff, wanted->name, &wanted->addresses[j]);
        }
    }
}

/* Another way to the same destination with the same metric, which the kernel would not keep beside the new one. */
static const struct interface *find_rival(const struct diff *diff, const char *name, const struct route *route,
                                          const struct route **ret_rival)
{
    for (size_t i = 0; i < diff->observed->count; i++) {
        const struct interface *other = diff->observed->items[i];

        for (size_t j = 0; j < other->route_count; j++) {
            const struct route *rival = &other->routes[j];

            if (rival->family == route->family && rival->prefix == route->prefix && rival->metric == route->metric
                && rival->table == route->table && memcmp(rival->destination, route->destination, 16) == 0
                && !(text_equal(other->name, name) && route_same(rival, route))) {
                *ret_rival = rival;
                return other;
            }
        }
    }
    return NULL;
}

static void plan_one_route(struct diff *diff, const struct interface *wanted, const struct route *route)
{
    const struct route *rival = NULL;
    const struct interface *holder = find_rival(diff, wanted->name, route, &rival);
    char value[ROUTE_TEXT_SIZE], other[ROUTE_TEXT_SIZE];

    if (holder && !network_find(diff->wanted, holder->name)) {
        problems_add(diff->problems, false, wanted->file, 0, 0,
                     "%s: route %s: the host has %s by %s, which no file names: give this one a METRIC or remove the other",
                     wanted->name, route_text(route, value), route_text(rival, other), holder->name);
        return;
    }
    if (holder && !has_route(network_find(diff->previous, holder->name), rival))
        plan_route(diff, STEP_ROUTE_DELETE, holder->name, rival);
    plan_route(diff, STEP_ROUTE_ADD, wanted->name, route);
}

static void plan_routes(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];
        const struct interface *observed = network_find(diff->observed, wanted->name);

        for (size_t j = 0; !diff->skipped[i] && j < wanted->route_count; j++)
            if (!has_route(observed, &wanted->routes[j]))
                plan_one_route(diff, wanted, &wanted->routes[j]);
    }
}

/* The classic scripts flush a port: "ip addr flush dev PORT". Its link-local address is the kernel's own business. */
static void plan_port_flushes(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];
        const struct interface *observed = network_find(diff->observed, wanted->name);

        if (diff->skipped[i] || !observed || !wanted->master[0] || !interface_has(wanted, FIELD_ADDRESSES))
            continue;
        for (size_t j = 0; j < observed->address_count; j++) {
            const struct address *address = &observed->addresses[j];
            bool link_local = address->family == AF_INET6 && address->scope == RT_SCOPE_LINK;
            const struct interface *before = network_find(diff->previous, wanted->name);

            if (!link_local && !has_address(wanted, address) && !has_address(before, address))
                plan_address(diff, STEP_ADDRESS_DELETE, wanted->name, address);
        }
    }
}

void network_diff(const struct network *wanted, const struct network *previous, const struct network *observed, bool adopt,
                  struct plan *plan, struct problems *problems)
{
    struct diff diff = {wanted, previous, observed, adopt, plan, problems, NULL, NULL, 0};

    diff.skipped = memory_new(wanted->count + 1);
    list_ports(&diff);
    check_all(&diff);
    plan_deletions(&diff);
    plan_links(&diff, true);
    plan_links(&diff, false);
    plan_bridges_up(&diff);
    plan_addresses(&diff);
    plan_routes(&diff);
    plan_port_flushes(&diff);
    free(diff.ports);
    free(diff.skipped);
}
