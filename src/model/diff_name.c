/* Links that name others which must belong to them or stand beside them first: a bond's primary slave, a port's backup port. */
#include "base/text.h"
#include "model/diff_internal.h"

/* As it will be. */
static const struct interface *future(const struct diff *diff, const char *name)
{
    size_t index = diff_index(diff->wanted, name);

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

/* The kernel forgets it when one of both leaves the bridge. */
static bool has_backup(const struct diff *diff, const struct interface *port)
{
    const struct interface *observed = network_find(diff->observed, port->name);
    const struct interface *backup = network_find(diff->observed, port->port.backup);

    return observed && text_equal(observed->master, port->master) && text_equal(observed->port.backup, port->port.backup)
           && (!*port->port.backup || (backup && text_equal(backup->master, port->master)));
}

static void plan_backup(struct diff *diff, const struct interface *port)
{
    const struct interface *backup = future(diff, port->port.backup);

    if (has_backup(diff, port))
        return;
    if (!*port->port.backup || (backup && text_equal(backup->master, port->master) && !text_equal(backup->name, port->name)))
        diff_set_link(diff, network_find(diff->observed, port->name), port, FIELD_BIT(FIELD_PORT_BACKUP));
    else
        problems_add(diff->problems, true, port->file, 0, 0, "%s: its backup_port is to be %s, which is no other port of %s", port->name,
                     port->port.backup, port->master);
}

void diff_name_plan(struct diff *diff)
{
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];

        if (!diff->skipped[i] && interface_has(wanted, FIELD_BOND_PRIMARY))
            plan_primary(diff, wanted);
        if (!diff->skipped[i] && interface_has(wanted, FIELD_PORT_BACKUP))
            plan_backup(diff, wanted);
    }
}
