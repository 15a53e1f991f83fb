/* What is not as it should be, so that nothing can be done about an interface, nor about what depends on it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/diff_internal.h"
#include "model/hwaddr.h"
#include "model/kind.h"
#include "model/option.h"

#define PEER_IS_TAKEN "%s: its other end is to be %s, but there is another interface of that name: rename one of them"

void diff_skip(struct diff *diff, size_t index, bool warning, const char *format, ...)
{
    char line[400];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    problems_add(diff->problems, warning, diff->wanted->items[index]->file, 0, 0, "%s", line);
    diff->skipped[index] = true;
}

/* The bonding module makes a bond0 when it is loaded: that is nobody's work. */
static bool is_nobodys(const struct diff *diff, const struct interface *observed)
{
    if (observed->kind != INTERFACE_BOND || observed->up || observed->master[0] || observed->address_count)
        return false;
    for (size_t i = 0; i < diff->observed->count; i++)
        if (text_equal(diff->observed->items[i]->master, observed->name) || text_equal(diff->observed->items[i]->parent, observed->name))
            return false;
    return true;
}

/* Marks are no fields: what a file states and the kernel has is in order, whoever made it. */
static bool is_in_order(const struct interface *wanted, const struct interface *observed)
{
    bool in_order = !interface_changed_fields(wanted, observed);

    for (size_t i = 0; i < wanted->address_count && in_order; i++) {
        in_order = false;
        for (size_t j = 0; j < observed->address_count && !in_order; j++)
            in_order = address_same(&wanted->addresses[i], &observed->addresses[j]);
    }
    for (size_t i = 0; i < wanted->route_count && in_order; i++) {
        in_order = false;
        for (size_t j = 0; j < observed->route_count && !in_order; j++)
            in_order = route_same(&wanted->routes[i], &observed->routes[j]);
    }
    return in_order;
}

bool diff_must_be_adopted(const struct interface *wanted, const struct interface *observed)
{
    return diff_is_made(wanted) && !diff_is_ours(observed) && !is_in_order(wanted, observed);
}

static void check_existing(struct diff *diff, size_t index, const struct interface *observed)
{
    const struct interface *wanted = diff->wanted->items[index];

    if (diff_is_made(wanted) && observed->kind != wanted->kind)
        diff_skip(diff, index, false, "%s: exists and is no %s but a link of kind %s: rename one of them", wanted->name,
             interface_kind_names[wanted->kind], observed->kind_name[0] ? observed->kind_name : "ethernet");
    else if (!hwaddr_allows(wanted, observed))
        diff_skip(diff, index, false, "%s: has different MAC address than HWADDR expects, ignoring", wanted->name);
    else if (diff_pair_is_taken(diff, wanted))
        diff_skip(diff, index, false, PEER_IS_TAKEN, wanted->name, wanted->peer);
    else if (!diff->adopt && diff_must_be_adopted(wanted, observed) && !is_nobodys(diff, observed))
        diff_skip(diff, index, true, "%s: was made by somebody else and differs from its file: 'trestle apply' takes it over", wanted->name);
}

static void skip_unbound(struct diff *diff, size_t index)
{
    const struct interface *wanted = diff->wanted->items[index];
    CLEANUP(freep) char *fault = hwaddr_fault(wanted, diff->wanted, diff->observed);

    diff_skip(diff, index, false, "%s: %s", wanted->name, fault);
}

/* What else the file states is done all the same. */
static void check_lacking(const struct diff *diff, const struct interface *wanted, const struct interface *observed)
{
    for (field_set unseen = wanted->set & ~observed->set; unseen; unseen &= unseen - 1) {
        int field = field_lowest(unseen);
        const struct option *option;

        if (!diff_is_lacking(observed, field))
            continue;
        option = option_of_field(OPTION_INTERFACE, field); /* looks through the table: only for the few */
        if (option && !option_same(option, wanted, observed))
            problems_add(diff->problems, false, wanted->file, 0, 0, "%s: %s: this kernel does not have it%s%s", wanted->name,
                         option->name, option->needs ? ": " : "", option->needs ? option->needs : "");
    }
}

static const char *observed_master(const struct diff *diff, const char *name)
{
    const struct interface *observed = network_find(diff->observed, name);

    return observed ? observed->master : NULL;
}

static void check_master(struct diff *diff, size_t index)
{
    const struct interface *wanted = diff->wanted->items[index];
    const struct interface *master;
    size_t master_index;

    if (!interface_has(wanted, FIELD_MASTER) || !wanted->master[0])
        return;
    master_index = network_index(diff->wanted, wanted->master);
    master = network_find(diff->observed, wanted->master);
    if (master && text_equal(master->name, observed_master(diff, wanted->name)))
        return; /* it is there: what is left undone on the master changes nothing for it */
    if ((master_index != SIZE_MAX && diff->skipped[master_index]) || (master_index == SIZE_MAX && !master && wanted->kind == INTERFACE_TAP))
        diff_skip(diff, index, true, "%s: waits for %s", wanted->name, wanted->master);
    else if (master_index == SIZE_MAX && !master)
        diff_skip(diff, index, false, "%s: %s %s does not exist, and no file states it: write ifcfg-%s with TYPE=%s", wanted->name,
                  wanted->is_slave ? "bond" : "bridge", wanted->master, wanted->master, wanted->is_slave ? "Bond" : "Bridge");
}

static void check_parent(struct diff *diff, size_t index)
{
    const struct interface *wanted = diff->wanted->items[index];
    size_t parent_index;

    if (!interface_has(wanted, FIELD_PARENT) || !*wanted->parent || network_find(diff->observed, wanted->parent))
        return;
    parent_index = network_index(diff->wanted, wanted->parent);
    if (parent_index == SIZE_MAX)
        diff_skip(diff, index, false, "%s: there is no interface %s for it to lie on, and no file makes one", wanted->name,
                  wanted->parent);
    else if (diff->skipped[parent_index])
        diff_skip(diff, index, true, "%s: waits for %s", wanted->name, wanted->parent);
}

/* The kernel has a place for one VLAN of an id on each link. */
static void check_vlan(struct diff *diff, size_t index)
{
    const struct interface *wanted = diff->wanted->items[index];

    for (size_t i = 0; interface_has(wanted, FIELD_VLAN_ID) && i < diff->observed->count; i++) {
        const struct interface *other = diff->observed->items[i];

        if (interface_has(other, FIELD_VLAN_ID) && other->vlan.id == wanted->vlan.id && text_equal(other->parent, wanted->parent)
            && !diff_is_ours(other) && !network_find(diff->wanted, other->name) && !network_find(diff->previous, other->name)) {
            diff_skip(diff, index, false, "%s: VLAN %u of %s is %s already, which no file names: remove that one (ip link delete %s)",
                      wanted->name, wanted->vlan.id, wanted->parent, other->name, other->name);
            return;
        }
    }
}

/* One end alone can't be made. */
static void check_maker(struct diff *diff, size_t index)
{
    const struct interface *wanted = diff->wanted->items[index], *maker = diff_pair_maker(diff, wanted);

    if (maker && maker != wanted && diff->skipped[network_index(diff->wanted, maker->name)])
        diff_skip(diff, index, true, "%s: waits for %s", wanted->name, maker->name);
}

static bool kernel_lacks(const struct diff *diff, enum interface_kind kind)
{
    return diff->observed->lacking >> kind & 1;
}

static void check_one(struct diff *diff, size_t index)
{
    const struct interface *observed = network_find(diff->observed, diff->wanted->items[index]->name);

    check_parent(diff, index);
    if (!diff->skipped[index] && !observed)
        check_vlan(diff, index);
    if (!diff->skipped[index] && !observed)
        check_maker(diff, index);
    if (!diff->skipped[index])
        check_master(diff, index);
    if (!diff->skipped[index] && observed)
        check_lacking(diff, diff->wanted->items[index], observed);
}

void diff_check(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];
        const struct interface *observed = network_find(diff->observed, wanted->name);

        if (!wanted->onboot)
            diff->skipped[i] = true;
        else if (observed)
            check_existing(diff, i, observed);
        else if (wanted->by_mac)
            skip_unbound(diff, i);
        else if (wanted->kind == INTERFACE_TAP && !wanted->file)
            diff->skipped[i] = true; /* a VM's: its own plan makes it */
        else if (diff_pair_is_taken(diff, wanted))
            diff_skip(diff, i, false, PEER_IS_TAKEN, wanted->name, wanted->peer);
        else if (!diff_is_made(wanted) && !diff_pair_maker(diff, wanted))
            diff_skip(diff, i, false, "%s: no such interface: is its driver loaded, is it called otherwise (ip link)?%s", wanted->name,
                      strchr(wanted->name, '.') ? " For a VLAN its file must say VLAN=yes" : "");
        else if (kernel_lacks(diff, wanted->kind))
            diff_skip(diff, i, false, "%s: this kernel can't make links of kind %s: it lacks %s", wanted->name,
                      interface_kind_names[wanted->kind], kind_find(wanted->kind)->needs);
    }
    for (int depth = 0; depth <= diff->deepest; depth++)
        for (size_t i = 0; i < diff->wanted->count; i++)
            if (diff->depths[i] == depth && !diff->skipped[i])
                check_one(diff, i);
}
