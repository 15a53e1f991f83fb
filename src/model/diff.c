/* WANTED against OBSERVED for the host's network. The steps come in this order, and the reasons are the kernel's:
 *   1. rules, routes, addresses and memberships that nobody wants any more, then links that are no longer named: deletions come first, so
 *      that a name, an address or a port's place is free when something else wants it;
 *   2. links are made and set, what others lie on or belong to first, and ports enslaved;
 *   3. bonds hear which slave is their primary one, and ports which other one stands in for them (that one does no more: before one of
 *      both leaves their bridge), and new bridges come up;
 *   4. sysctls, addresses, then routes (a gateway must be reachable by then), then the rules that lead to them;
 *   5. the addresses of a NIC that became a port: last, when the bridge has them already, so that the host is never without. */
#include "model/diff_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/kind.h"
#include "model/option.h"

struct port {
    const char *master;
    size_t index; /* in wanted */
};

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

struct step *diff_add_step(struct diff *diff, enum step_op op, const char *name, const char *text)
{
    struct step *step = plan_add(diff->plan, op, name, "%s", text);

    text_copy(step->interface, sizeof(step->interface), name);
    return step;
}

/* A VM's TAP states no kind: its own plan makes it. */
bool diff_is_made(const struct interface *wanted)
{
    return interface_has(wanted, FIELD_KIND) && kind_find(wanted->kind)->made;
}

/* Is that a row of one of these fields whose value is compared as it stands? */
static bool is_compared(const struct option *option, field_set fields)
{
    return option->field >= 0 && fields & FIELD_BIT(option->field) && option->scope == OPTION_INTERFACE
           && option->type != OPTION_SPECIAL && option->type != OPTION_IGNORED && option->type != OPTION_LATER;
}

static const struct option *compared_row(int field)
{
    static const struct option *rows[INTERFACE_FIELDS];
    static bool listed;

    for (size_t i = 0; i < option_count && !listed; i++)
        if (is_compared(&option_table[i], ~(field_set)0) && !rows[option_table[i].field])
            rows[option_table[i].field] = &option_table[i];
    listed = true;
    return rows[field];
}

/* -- attributes ----------------------------------------------------------------------------------------------------------------- */

#define LACP_FIELDS                                                                                                                \
    (FIELD_BIT(FIELD_BOND_AD_ACTOR_SYS_PRIO) | FIELD_BIT(FIELD_BOND_AD_ACTOR_SYSTEM) | FIELD_BIT(FIELD_BOND_AD_USER_PORT_KEY))

/* Whether the link shows its options, but not this one: this kernel does not have it. */
bool diff_is_lacking(const struct interface *observed, int field)
{
    field_set bit = FIELD_BIT(field);

    if (observed->set & bit)
        return false;
    if (bit & LACP_FIELDS) /* shown in this mode alone */
        return interface_has(observed, FIELD_BOND_MODE) && observed->bond.mode == BOND_LACP;
    return (bit & FIELD_BRIDGE_ALL && interface_has(observed, FIELD_BRIDGE_PRIORITY))
           || (bit & FIELD_BOND_ALL & ~FIELD_BIT(FIELD_BOND_PRIMARY) && interface_has(observed, FIELD_BOND_MODE))
           || (bit & FIELD_PORT_ALL & ~FIELD_BIT(FIELD_PORT_VLANS) && interface_has(observed, FIELD_PORT_COST));
}

/* Another link, which is there and of which no event has told the name yet. */
static bool is_unknown(const struct interface *observed, int field)
{
    return (field == FIELD_PARENT || field == FIELD_BOND_PRIMARY || field == FIELD_VETH_PEER || field == FIELD_PORT_BACKUP)
           && !interface_has(observed, field);
}

/* What a bridge has of its own shows when it is the root again. While its tree changes, addresses are forgotten sooner, so that
 * frames find their new way: to set the ageing time then would end that. */
static bool is_the_trees(const struct interface *observed, int field)
{
    if (field == FIELD_BRIDGE_AGEING_TIME)
        return observed->topology_changes;
    return observed->follows_root
           && (field == FIELD_BRIDGE_FORWARD_DELAY || field == FIELD_BRIDGE_HELLO_TIME || field == FIELD_BRIDGE_MAX_AGE);
}

/* Options that a port gets with its bridge: they are set also when what was seen before, of a port or of none, is as they are wanted. */
#define BROUGHT_ALONG (FIELD_PORT_ALL & ~FIELD_BIT(FIELD_PORT_VLANS))

field_set interface_changed_fields(const struct interface *wanted, const struct interface *observed)
{
    field_set fields = 0;

    for (field_set rest = wanted->set; rest; rest &= rest - 1) {
        int field = field_lowest(rest);
        const struct option *option = compared_row(field);

        if (option && !option_same(option, wanted, observed) && !diff_is_lacking(observed, field) && !is_unknown(observed, field)
            && !is_the_trees(observed, field))
            fields |= FIELD_BIT(field);
    }
    if (interface_has(wanted, FIELD_UP) && wanted->up != observed->up)
        fields |= FIELD_BIT(FIELD_UP);
    if (interface_has(wanted, FIELD_MASTER) && !text_equal(wanted->master, observed->master))
        fields |= FIELD_BIT(FIELD_MASTER) | (wanted->set & BROUGHT_ALONG);
    if (interface_has(wanted, FIELD_PORT_VLANS) && !port_vlans_same(wanted->vlans, observed->vlans))
        fields |= FIELD_BIT(FIELD_PORT_VLANS);
    if (interface_has(wanted, FIELD_INBOUND) && !rate_same(&wanted->inbound, &observed->inbound))
        fields |= FIELD_BIT(FIELD_INBOUND);
    if (interface_has(wanted, FIELD_OUTBOUND) && !rate_same(&wanted->outbound, &observed->outbound))
        fields |= FIELD_BIT(FIELD_OUTBOUND);
    return fields;
}

void diff_describe(struct text *line, const struct interface *from, const struct interface *to, field_set fields)
{
    field_set told = FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP);

    for (size_t i = 0; i < option_count && fields & ~told; i++) {
        const struct option *option = &option_table[i];

        if (!is_compared(option, fields & ~told))
            continue;
        told |= FIELD_BIT(option->field);
        char *before = from && !option_same(option, from, to) ? option_format(option, from) : NULL;
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

    diff_describe(&scalars, from, to, fields);
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

/* A slave leaves its bond down, and comes back up only when told. */
static bool goes_down_by_leaving(const struct interface *observed, const struct interface *to)
{
    return (observed && observed->is_slave && observed->master[0]) || (to->is_slave && to->master[0]);
}

struct step *diff_set_link(struct diff *diff, const struct interface *observed, const struct interface *values, field_set fields)
{
    struct interface *to = interface_copy(values);
    char *line = describe_set(observed, to, fields);
    struct step *step = diff_add_step(diff, STEP_LINK_SET, to->name, line);

    if (fields & FIELD_BIT(FIELD_MASTER) && goes_down_by_leaving(observed, to)) {
        if (!interface_has(values, FIELD_UP))
            to->up = !observed || observed->up;
        fields |= FIELD_BIT(FIELD_UP);
    }
    step->from = observed ? interface_copy(observed) : NULL;
    step->to = to;
    step->to->set |= fields;
    step->fields = fields;
    if (fields & FIELD_BIT(FIELD_MASTER))
        text_copy(step->needs, sizeof(step->needs), to->master);
    if (fields & FIELD_BIT(FIELD_BOND_PRIMARY))
        text_copy(step->needs, sizeof(step->needs), to->bond.primary);
    if (fields & FIELD_BIT(FIELD_PORT_BACKUP))
        text_copy(step->needs, sizeof(step->needs), to->port.backup);
    free(line);
    return step;
}

#define HALF_MADE "mark it as made by trestle (its making was cut short)"

static void plan_mark(struct diff *diff, const struct interface *observed, const char *text)
{
    struct step *step = diff_add_step(diff, STEP_LINK_SET, observed->name, text);

    step->from = interface_copy(observed);
    step->to = interface_copy(observed);
    step->to->owner = OWNER_TRESTLE;
    step->to->half_made = false;
}

/* -- deletions ------------------------------------------------------------------------------------------------------------------ */

void diff_set_address(struct diff *diff, enum step_op op, const char *name, const struct address *address)
{
    char value[ADDRESS_TEXT_SIZE], line[160];
    bool labelled = op == STEP_ADDRESS_ADD && *address->label;

    snprintf(line, sizeof(line), op == STEP_ADDRESS_ADD ? "add address %s to %s%s%s" : "remove address %s from %s%s%s",
             address_text(address, value), name, labelled ? " as " : "", labelled ? address->label : "");
    diff_add_step(diff, op, name, line)->address = *address;
}

void diff_set_route(struct diff *diff, enum step_op op, const char *name, const struct route *route)
{
    char value[ROUTE_TEXT_SIZE], line[ROUTE_TEXT_SIZE + 64];

    snprintf(line, sizeof(line), "%s route %s%s%s", op == STEP_ROUTE_ADD ? "add" : "remove", route_text(route, value),
             route->group ? "" : " by ", route->group ? "" : name);
    route_copy(route, &diff_add_step(diff, op, name, line)->route);
}

/* The membership that was wanted before and is wanted no more. */
static void plan_unwanted_master(struct diff *diff, const struct interface *previous, const struct interface *wanted,
                                 const struct interface *observed)
{
    if (interface_has(previous, FIELD_MASTER) && previous->master[0] && text_equal(previous->master, observed->master)
        && !(wanted && interface_has(wanted, FIELD_MASTER))) {
        struct interface *alone = interface_copy(observed);

        alone->master[0] = 0;
        diff_set_link(diff, observed, alone, FIELD_BIT(FIELD_MASTER));
        interface_free(alone);
    }
}

bool diff_is_ours(const struct interface *observed)
{
    return observed->owner == OWNER_TRESTLE || observed->half_made;
}

/* A link that somebody else made, and that was in order as the files called it their own: it had nothing to be adopted for. */
static bool was_applied(const struct diff *diff, const struct interface *observed)
{
    const struct interface *previous = network_find(diff->previous, observed->name);

    return previous && previous->onboot && diff_is_made(previous) && previous->kind == observed->kind;
}

/* What a mark, or the applied copy, says is ours, and no file names any more. */
static bool goes(const struct diff *diff, const struct interface *observed)
{
    return !network_find(diff->wanted, observed->name) && !diff_is_end(diff, observed)
           && (diff_is_ours(observed) || was_applied(diff, observed));
}

static void plan_link_deletion(struct diff *diff, const struct interface *observed)
{
    char line[64];

    if (!goes(diff, observed))
        return;
    snprintf(line, sizeof(line), "delete %s %s", interface_kind_names[observed->kind], observed->name);
    diff_add_step(diff, STEP_LINK_DELETE, observed->name, line)->from = interface_copy(observed);
}

static void plan_parts_away(struct diff *diff, const struct interface *previous, const struct interface *wanted)
{
    struct diff_link link = {.previous = previous, .wanted = wanted};

    link.observed = network_find(diff->observed, previous ? previous->name : wanted->name);
    if (!link.observed || goes(diff, link.observed))
        return;
    if (!wanted || !diff->skipped[network_index(diff->wanted, wanted->name)]) {
        route_diff_delete(diff, &link);
        address_diff_delete(diff, &link);
    }
    if (previous)
        plan_unwanted_master(diff, previous, wanted, link.observed);
}

static void plan_deletions(struct diff *diff)
{
    int deepest, *depths;

    rule_diff_delete(diff);
    route_diff_delete_groups(diff);
    for (size_t i = 0; i < diff->previous->count; i++)
        plan_parts_away(diff, diff->previous->items[i], network_find(diff->wanted, diff->previous->items[i]->name));
    for (size_t i = 0; i < diff->wanted->count; i++)
        if (!diff->skipped[i] && !network_find(diff->previous, diff->wanted->items[i]->name))
            plan_parts_away(diff, NULL, diff->wanted->items[i]);
    /* What lies on others first: it would go with them, and could not be taken back. */
    depths = diff_depths(diff->observed, &deepest);
    for (int depth = deepest; depth >= 0; depth--)
        for (size_t i = 0; i < diff->observed->count; i++)
            if (depths[i] == depth)
                plan_link_deletion(diff, diff->observed->items[i]);
    free(depths);
}

/* -- additions and changes -------------------------------------------------------------------------------------------------------- */

/* The MAC that a link has, or will have: a VLAN its parent's, a bond its first slave's. NULL: it can't be told. */
static const uint8_t *future_mac(const struct diff *diff, const char *name, int guard)
{
    const struct interface *wanted = network_find(diff->wanted, name), *observed = network_find(diff->observed, name);
    const uint8_t *mac = NULL;
    size_t count = 0;
    const struct port *ports;

    if (wanted && interface_has(wanted, FIELD_MAC))
        return wanted->mac;
    if (observed || !wanted || guard == 0)
        return observed ? observed->mac : NULL;
    if (wanted->kind == INTERFACE_VLAN && wanted->parent[0])
        return future_mac(diff, wanted->parent, guard - 1);
    ports = ports_of(diff, name, &count);
    for (size_t i = 0; i < count && !mac; i++)
        mac = future_mac(diff, diff->wanted->items[ports[i].index]->name, guard - 1);
    return mac;
}

/* A bridge without an address of its own takes its lowest port's, so its MAC would change as VMs come and go. The classic
 * scripts' users expect the NIC's (their DHCP server knows it), so a bridge is made with its first NIC's. */
static void choose_bridge_mac(const struct diff *diff, struct interface *bridge)
{
    size_t count;
    const struct port *ports = ports_of(diff, bridge->name, &count);

    for (size_t i = 0; !interface_has(bridge, FIELD_MAC) && i < count; i++) {
        const struct interface *port = diff->wanted->items[ports[i].index];
        const uint8_t *mac = port->kind == INTERFACE_TAP ? NULL : future_mac(diff, port->name, 8);

        if (!mac)
            continue;
        memcpy(bridge->mac, mac, sizeof(bridge->mac));
        bridge->set |= FIELD_BIT(FIELD_MAC);
    }
}

/* Repair states neither up nor down for what there is, which is the person's at the host; but what is made anew is as it was. */
bool diff_should_be_up(const struct diff *diff, const struct interface *wanted)
{
    const struct interface *before = network_find(diff->before, wanted->name);

    return interface_has(wanted, FIELD_UP) ? wanted->up : before && before->up;
}

/* A bridge that is up and empty loses its carrier, and the kernel gives it back only up to a second after the first port came: so a
 * new one comes up when its ports are in, and so does what lies on it, which the kernel sets up only on what is up. */
static bool comes_up_late(const struct diff *diff, const struct interface *link)
{
    const struct interface *parent = link->parent[0] ? network_find(diff->wanted, link->parent) : NULL;
    size_t count = 0;
    const struct port *ports;

    if (network_find(diff->observed, link->name))
        return false;
    ports = link->kind == INTERFACE_BRIDGE ? ports_of(diff, link->name, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        const struct interface *port = diff->wanted->items[ports[i].index];

        if (!diff->skipped[ports[i].index] && (diff_is_made(port) || network_find(diff->observed, port->name)))
            return true;
    }
    return parent && comes_up_late(diff, parent);
}

/* What lies on a link that is down can't come up: the scripts raise the one below. */
static void plan_parent_up(struct diff *diff, const struct interface *wanted)
{
    const struct interface *parent = wanted->parent[0] ? network_find(diff->observed, wanted->parent) : NULL;
    size_t index = parent ? network_index(diff->wanted, wanted->parent) : SIZE_MAX;
    struct interface *raised;

    if (!parent || parent->up || !interface_has(wanted, FIELD_UP) || !wanted->up
        || (index != SIZE_MAX && !diff->skipped[index] && interface_has(diff->wanted->items[index], FIELD_UP)))
        return;
    for (size_t i = 0; i < diff->plan->count; i++)
        if (diff->plan->steps[i].op == STEP_LINK_SET && text_equal(diff->plan->steps[i].interface, parent->name)
            && diff->plan->steps[i].fields & FIELD_BIT(FIELD_UP))
            return;
    raised = interface_copy(parent);
    raised->up = true;
    diff_set_link(diff, parent, raised, FIELD_BIT(FIELD_UP));
    interface_free(raised);
}

/* They name others, which must be slaves and ports first. */
#define NAMING_FIELDS (FIELD_BIT(FIELD_BOND_PRIMARY) | FIELD_BIT(FIELD_PORT_BACKUP))

static void plan_create(struct diff *diff, const struct interface *wanted)
{
    struct text scalars = {0};
    struct interface *link = interface_copy(wanted);
    char line[400];
    struct step *step;

    plan_parent_up(diff, wanted);
    link->set &= ~NAMING_FIELDS;
    diff_describe(&scalars, NULL, wanted, link->set);
    snprintf(line, sizeof(line), "create %s %s%s%s%s", interface_kind_names[wanted->kind], wanted->name, scalars.length ? " (" : "",
             scalars.length ? scalars.data : "", scalars.length ? ")" : "");
    text_clear(&scalars);
    if (link->kind == INTERFACE_BRIDGE)
        choose_bridge_mac(diff, link);
    link->up = diff_should_be_up(diff, wanted);
    if (link->up)
        link->set |= FIELD_BIT(FIELD_UP);
    if (comes_up_late(diff, wanted))
        link->set &= ~FIELD_BIT(FIELD_UP);
    step = diff_add_step(diff, STEP_LINK_CREATE, wanted->name, line);
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

static void plan_link(struct diff *diff, const struct interface *wanted)
{
    const struct interface *observed = network_find(diff->observed, wanted->name);
    const struct interface *maker = observed ? NULL : diff_pair_maker(diff, wanted);
    field_set fields;

    if (maker) {
        diff_make_end(diff, wanted, maker);
        return;
    }
    if (!observed) {
        plan_create(diff, wanted);
        return;
    }
    fields = (interface_changed_fields(wanted, observed) & ~NAMING_FIELDS) | dropped_vlans(diff, wanted, observed);
    if (observed->half_made)
        plan_mark(diff, observed, "mark it as made by trestle (it was made, or deleted, by halves)");
    else if (diff_must_be_adopted(wanted, observed))
        plan_mark(diff, observed, "adopt it: it was made by somebody else and is trestle's from now on");
    if (fields & FIELD_BIT(FIELD_UP))
        plan_parent_up(diff, wanted);
    if (fields)
        diff_set_link(diff, observed, wanted, fields);
}

/* What others lie on or belong to comes first: a message names what must be there. */
static void plan_links(struct diff *diff)
{
    for (int depth = 0; depth <= diff->deepest; depth++)
        for (int masters = 1; masters >= 0; masters--)
            for (size_t i = 0; i < diff->wanted->count; i++) {
                const struct interface *wanted = diff->wanted->items[i];

                if (diff->depths[i] == depth && !diff->skipped[i] && kind_find(wanted->kind)->takes_ports == masters)
                    plan_link(diff, wanted);
            }
}

/* Other ends of which no file speaks. */
static void mark_ends(struct diff *diff)
{
    for (size_t i = 0; i < diff->observed->count; i++) {
        const struct interface *observed = diff->observed->items[i];

        if (observed->half_made && !network_find(diff->wanted, observed->name) && diff_is_end(diff, observed))
            plan_mark(diff, observed, HALF_MADE);
    }
}

/* After the link below and after its ports, each once. */
static void plan_late_up(struct diff *diff, size_t index, bool *done)
{
    const struct interface *wanted = diff->wanted->items[index];
    size_t below = wanted->parent[0] ? network_index(diff->wanted, wanted->parent) : SIZE_MAX, count = 0;
    const struct port *ports;
    struct step *step;
    char line[64];

    if (done[index] || diff->skipped[index])
        return;
    done[index] = true;
    if (below != SIZE_MAX)
        plan_late_up(diff, below, done);
    ports = kind_find(wanted->kind)->takes_ports ? ports_of(diff, wanted->name, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        plan_late_up(diff, ports[i].index, done);
    if (!comes_up_late(diff, wanted) || !diff_should_be_up(diff, wanted))
        return;
    snprintf(line, sizeof(line), "bring %s up", wanted->name);
    step = diff_add_step(diff, STEP_LINK_SET, wanted->name, line);
    step->to = interface_copy(wanted);
    step->to->up = true;
    step->fields = FIELD_BIT(FIELD_UP);
}

static void plan_late_ups(struct diff *diff)
{
    bool *done = memory_new(diff->wanted->count + 1);

    for (size_t i = 0; i < diff->wanted->count; i++)
        plan_late_up(diff, i, done);
    free(done);
}

static void for_each_wanted(struct diff *diff, void (*plan_parts)(struct diff *diff, const struct interface *wanted))
{
    for (size_t i = 0; i < diff->wanted->count; i++)
        if (!diff->skipped[i])
            plan_parts(diff, diff->wanted->items[i]);
}

void network_diff(const struct network *wanted, const struct network *previous, const struct network *observed, bool adopt,
                  struct plan *plan, struct problems *problems)
{
    struct diff diff = {.wanted = wanted, .previous = previous, .before = observed, .observed = observed, .adopt = adopt, .plan = plan,
                        .problems = problems};
    struct network left = {0}, lowered = {0}, stated = {0};

    if (diff_unstate(&diff, &stated))
        wanted = diff.wanted = &stated;
    diff.skipped = memory_new(wanted->count + 1);
    diff.depths = diff_depths(wanted, &diff.deepest);
    list_ports(&diff);
    diff_check(&diff);
    plan_deletions(&diff);
    if (diff_remake(&diff, &left))
        diff.observed = &left;
    if (diff_mtu(&diff, &lowered))
        diff.observed = &lowered;
    plan_links(&diff);
    mark_ends(&diff);
    diff_name_plan(&diff);
    plan_late_ups(&diff);
    for_each_wanted(&diff, sysctl_diff_set);
    for_each_wanted(&diff, address_diff_add);
    for_each_wanted(&diff, route_diff_add);
    route_diff_add_groups(&diff);
    rule_diff_add(&diff);
    for_each_wanted(&diff, address_diff_flush);
    network_clear(&left);
    network_clear(&lowered);
    network_clear(&stated);
    free(diff.ports);
    free(diff.depths);
    free(diff.skipped);
}
