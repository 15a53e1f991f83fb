/* Links that name others which must belong to them or stand beside them first: a bond's primary slave, a port's backup port. */
#include <string.h>

#include "base/text.h"
#include "model/diff_internal.h"

/* As it will be. */
static const struct interface *future(const struct diff *diff, const char *name)
{
    size_t index = network_index(diff->wanted, name);

    return index == SIZE_MAX || diff->skipped[index] ? network_find(diff->observed, name) : diff->wanted->items[index];
}

static void plan_primary(struct diff *diff, const struct interface *bond)
{
    const struct interface *observed = network_find(diff->observed, bond->name);
    const struct interface *slave = future(diff, bond->bond.primary);

    if (observed && text_equal(observed->bond.primary, bond->bond.primary))
        return;
    if (!*bond->bond.primary || (slave && text_equal(slave->master, bond->name)))
        diff_set_link(diff, observed, bond, FIELD_BIT(FIELD_BOND_PRIMARY));
    else
        problems_add(diff->problems, true, bond->file, 0, 0, "%s: its primary slave is to be %s, which is none of its slaves", bond->name,
                     bond->bond.primary);
}

/* -- backup ports ----------------------------------------------------------------------------------------------------------------- */

static bool takes_out(const struct step *step, const char *port)
{
    return text_equal(step->interface, port)
           && (step->op == STEP_LINK_DELETE
               || (step->op == STEP_LINK_SET && step->fields & FIELD_BIT(FIELD_MASTER) && step->from && *step->from->master));
}

/* The first step by which one of both leaves their bridge: then the kernel forgets that one stands in for the other. SIZE_MAX: none. */
static size_t parted_at(const struct diff *diff, const struct interface *observed)
{
    for (size_t i = 0; *observed->port.backup && i < diff->plan->count; i++) {
        const struct step *step = &diff->plan->steps[i];

        if (takes_out(step, observed->name) || takes_out(step, observed->port.backup)
            || (step->op == STEP_LINK_DELETE && text_equal(step->interface, observed->master)))
            return i;
    }
    return SIZE_MAX;
}

static struct interface *without_backup(const struct interface *observed)
{
    struct interface *alone = interface_copy(observed);

    alone->port.backup[0] = 0;
    return alone;
}

/* Said before both part, so that it is taken back when both are together again. */
static void plan_parting(struct diff *diff, const struct interface *observed)
{
    size_t at = parted_at(diff, observed), last = diff->plan->count;
    struct step *steps, step;
    struct interface *alone;

    if (at == SIZE_MAX)
        return;
    alone = without_backup(observed);
    diff_set_link(diff, observed, alone, FIELD_BIT(FIELD_PORT_BACKUP));
    interface_free(alone);
    steps = diff->plan->steps;
    step = steps[last];
    memmove(&steps[at + 1], &steps[at], (last - at) * sizeof(step));
    steps[at] = step;
}

/* The kernel forgets it when one of both leaves the bridge. */
static bool has_backup(const struct diff *diff, const struct interface *observed, const struct interface *port)
{
    const struct interface *backup = network_find(diff->observed, port->port.backup);

    return observed && text_equal(observed->master, port->master) && text_equal(observed->port.backup, port->port.backup)
           && (!*port->port.backup || (backup && text_equal(backup->master, port->master)));
}

static void plan_backup(struct diff *diff, const struct interface *port)
{
    const struct interface *backup = future(diff, port->port.backup), *observed = network_find(diff->observed, port->name);
    struct interface *parted = observed && parted_at(diff, observed) != SIZE_MAX ? without_backup(observed) : NULL;
    bool may = !*port->port.backup || (backup && text_equal(backup->master, port->master) && !text_equal(backup->name, port->name));

    if (parted)
        observed = parted;
    if (has_backup(diff, observed, port))
        ; /* nothing to do */
    else if (may)
        diff_set_link(diff, observed, port, FIELD_BIT(FIELD_PORT_BACKUP));
    else
        problems_add(diff->problems, true, port->file, 0, 0, "%s: its backup_port is to be %s, which is no other port of %s", port->name,
                     port->port.backup, port->master);
    interface_free(parted);
}

void diff_name_plan(struct diff *diff)
{
    for (size_t i = 0; i < diff->before->count; i++)
        plan_parting(diff, diff->before->items[i]);
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];

        if (!diff->skipped[i] && interface_has(wanted, FIELD_BOND_PRIMARY))
            plan_primary(diff, wanted);
        if (!diff->skipped[i] && interface_has(wanted, FIELD_PORT_BACKUP))
            plan_backup(diff, wanted);
    }
}
