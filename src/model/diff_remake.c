/* A VLAN's id, the link that it lies on, a bond's mode with slaves in it: the kernel can't change these, so the link goes and comes
 * again. What is on it goes with it: the kernel deletes the VLANs of a link that it deletes, and sets its slaves free and down. That is
 * said in steps of its own before, so that it can be taken back. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/diff_internal.h"
#include "model/kind.h"
#include "model/option.h"

struct remake {
    struct diff *diff;
    bool *changed; /* by index in observed: needs it for itself */
    bool *goes;    /* and those that lie on such a one */
    int *depths;
    int deepest;
};

static field_set fields_to_remake_for(void)
{
    field_set fields = 0;

    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].scope == OPTION_INTERFACE && option_table[i].field >= 0 && option_table[i].change == CHANGE_REMAKE)
            fields |= FIELD_BIT(option_table[i].field);
    return fields;
}

static const struct interface *wanted_of(const struct remake *remake, size_t index)
{
    const struct diff *diff = remake->diff;
    size_t at = network_index(diff->wanted, diff->observed->items[index]->name);

    return at == SIZE_MAX || diff->skipped[at] ? NULL : diff->wanted->items[at];
}

static bool find_changed(struct remake *remake, field_set fields)
{
    const struct network *observed = remake->diff->observed;
    bool any = false;

    for (size_t i = 0; i < observed->count; i++) {
        const struct interface *wanted = kind_find(observed->items[i]->kind)->made ? wanted_of(remake, i) : NULL;

        if (wanted && wanted->kind == observed->items[i]->kind && wanted->set & fields
            && interface_changed_fields(wanted, observed->items[i]) & fields)
            any = remake->changed[i] = true;
    }
    return any;
}

static bool goes(const struct remake *remake, const char *name)
{
    size_t index = *name ? network_index(remake->diff->observed, name) : SIZE_MAX;

    return index != SIZE_MAX && remake->goes[index];
}

/* It would go with the one below it: can it come back? */
static bool comes_back(const struct remake *remake, size_t index)
{
    const struct interface *wanted = wanted_of(remake, index);

    return wanted && kind_find(wanted->kind)->made;
}

/* The link stays as it is, and so does the one that it would go with. */
static void refuse(struct remake *remake, const char *name, const char *other, const char *how)
{
    size_t index = network_index(remake->diff->observed, name), wanted = network_index(remake->diff->wanted, name);

    if (wanted != SIZE_MAX && !remake->diff->skipped[wanted])
        diff_skip(remake->diff, wanted, false,
                  "%s: would have to be made anew, but %s, which no file makes, %s it: remove that first, or write a file for it", name,
                  other, how);
    remake->changed[index] = false;
    if (goes(remake, remake->diff->observed->items[index]->parent))
        refuse(remake, remake->diff->observed->items[index]->parent, name, "lies on");
}

/* Marks what goes, from below to above; false when something can't, and all is to be looked at again. */
static bool spread(struct remake *remake)
{
    const struct network *observed = remake->diff->observed;
    bool again = true;

    memcpy(remake->goes, remake->changed, observed->count);
    while (again) {
        again = false;
        for (size_t i = 0; i < observed->count; i++) {
            const struct interface *link = observed->items[i];

            if (remake->goes[i] || !(goes(remake, link->parent) || goes(remake, link->peer)))
                continue;
            if (goes(remake, link->peer)) { /* and comes again when somebody wants it to */
                again = remake->goes[i] = true;
                continue;
            }
            if (!comes_back(remake, i)) {
                refuse(remake, link->parent, link->name, "lies on");
                return false;
            }
            again = remake->goes[i] = true;
        }
    }
    return true;
}

/* Somebody's slave, of which no file says a word or said one before, would be left outside. */
static bool ports_come_back(struct remake *remake)
{
    const struct network *observed = remake->diff->observed;

    for (size_t i = 0; i < observed->count; i++) {
        const struct interface *port = observed->items[i];

        if (!goes(remake, port->master) || remake->goes[i] || network_find(remake->diff->wanted, port->name)
            || network_find(remake->diff->previous, port->name))
            continue;
        refuse(remake, port->master, port->name, "is a port of");
        return false;
    }
    return true;
}

/* By a step that is planned already, because no file wants it there any more. */
static bool is_taken_out(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (text_equal(plan->steps[i].interface, name) && plan->steps[i].fields & FIELD_BIT(FIELD_MASTER))
            return true;
    return false;
}

/* It is of use only together with what is done to the other one. */
static void add_needs(struct step *step, const char *other)
{
    text_copy(step->needs, sizeof(step->needs), other);
}

static void take_out_ports(struct remake *remake)
{
    const struct network *observed = remake->diff->observed;

    for (size_t i = 0; i < observed->count; i++) {
        const struct interface *port = observed->items[i];
        struct interface *alone;

        if (remake->goes[i] || !goes(remake, port->master) || is_taken_out(remake->diff->plan, port->name))
            continue;
        alone = interface_copy(port);
        alone->master[0] = 0;
        add_needs(diff_set_link(remake->diff, port, alone, FIELD_BIT(FIELD_MASTER)), port->master);
        interface_free(alone);
    }
}

static void delete_link(struct remake *remake, const struct interface *observed)
{
    const struct interface *wanted = network_find(remake->diff->wanted, observed->name);
    field_set changed = interface_changed_fields(wanted, observed) & fields_to_remake_for();
    struct text why = {0};
    struct step *step;
    CLEANUP(freep) char *line = NULL;

    if (changed)
        diff_describe(&why, observed, wanted, changed);
    else
        text_format(&why, "with %s", observed->parent[0] ? observed->parent : observed->peer);
    line = memory_format("delete %s %s, to make it anew: %s", interface_kind_names[observed->kind], observed->name, why.data);
    step = diff_add_step(remake->diff, STEP_LINK_DELETE, observed->name, line);
    step->from = interface_copy(observed);
    if (goes(remake, observed->parent))
        add_needs(step, observed->parent);
    text_clear(&why);
}

static void delete_links(struct remake *remake)
{
    for (int depth = remake->deepest; depth >= 0; depth--)
        for (size_t i = 0; i < remake->diff->observed->count; i++)
            if (remake->goes[i] && remake->depths[i] == depth && wanted_of(remake, i)) /* else it goes with its other end */
                delete_link(remake, remake->diff->observed->items[i]);
}

static bool hangs_on_going(const struct remake *remake, const struct route *route)
{
    for (size_t i = 0; i < route->group->hop_count; i++)
        if (goes(remake, route->group->hops[i].interface))
            return true;
    return false;
}

/* The kernel drops the whole of a route with several next hops when one of their links goes. */
static void delete_groups(struct remake *remake)
{
    const struct network *observed = remake->diff->observed;

    for (size_t i = 0; i < observed->route_count; i++)
        if (hangs_on_going(remake, &observed->routes[i]))
            diff_set_route(remake->diff, STEP_ROUTE_DELETE, "", &observed->routes[i]);
}

static void leave_groups(const struct remake *remake, struct network *left)
{
    size_t kept = 0;

    network_copy_rest(remake->diff->observed, left);
    for (size_t i = 0; i < left->route_count; i++)
        if (hangs_on_going(remake, &left->routes[i]))
            route_clear(&left->routes[i]);
        else
            left->routes[kept++] = left->routes[i];
    left->route_count = kept;
}

static void leave_rest(const struct remake *remake, struct network *ret_left)
{
    const struct network *observed = remake->diff->observed;

    *ret_left = (struct network){.lacking = observed->lacking};
    for (size_t i = 0; i < observed->count; i++) {
        struct interface *link;

        if (remake->goes[i])
            continue;
        link = interface_copy(observed->items[i]);
        if (goes(remake, link->master))
            link->master[0] = 0;
        network_insert(ret_left, link);
    }
    leave_groups(remake, ret_left);
}

bool diff_remake(struct diff *diff, struct network *ret_left)
{
    struct remake remake = {.diff = diff, .changed = memory_new(diff->observed->count + 1)};
    bool any = find_changed(&remake, fields_to_remake_for());

    if (any) {
        remake.goes = memory_new(diff->observed->count + 1);
        while (!spread(&remake) || !ports_come_back(&remake))
            continue;
        remake.depths = diff_depths(diff->observed, &remake.deepest);
        take_out_ports(&remake);
        delete_groups(&remake);
        delete_links(&remake);
        leave_rest(&remake, ret_left);
    }
    free(remake.changed);
    free(remake.goes);
    free(remake.depths);
    return any;
}
