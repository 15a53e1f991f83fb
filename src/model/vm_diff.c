/* WANTED against OBSERVED for one VM: its power state and its NICs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/diff.h"

struct interface *nic_wanted_link(const struct nic *nic, const struct network *observed)
{
    struct interface *link = interface_new(nic->target);
    const struct interface *bridge = network_find(observed, nic->bridge);

    link->kind = INTERFACE_TAP;
    link->up = true;
    text_copy(link->master, sizeof(link->master), nic->bridge);
    link->set = FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_MASTER);
    link->mtu = nic->mtu ? nic->mtu : bridge ? bridge->mtu : 0;
    if (link->mtu)
        link->set |= FIELD_BIT(FIELD_MTU);
    return link;
}

static struct step *add_nic_step(struct plan *plan, enum step_op op, const struct vm *vm, const struct nic *nic, const char *text)
{
    char object[2 * VM_NAME_SIZE + 16];
    struct step *step;

    snprintf(object, sizeof(object), "vm %s nic %s", vm->name, nic->name);
    step = plan_add(plan, op, object, "%s", text);
    text_copy(step->vm_name, sizeof(step->vm_name), vm->name);
    step->nic = NEW(struct nic);
    nic_copy(nic, step->nic);
    if (op == STEP_TAP_OPEN || op == STEP_TAP_CLOSE || op == STEP_LINK_SET)
        text_copy(step->interface, sizeof(step->interface), nic->target);
    return step;
}

static struct step *add_vm_step(struct plan *plan, enum step_op op, const struct vm *vm, const char *text)
{
    char object[VM_NAME_SIZE + 8];
    struct step *step;

    snprintf(object, sizeof(object), "vm %s", vm->name);
    step = plan_add(plan, op, object, "%s", text);
    text_copy(step->vm_name, sizeof(step->vm_name), vm->name);
    return step;
}

/* A TAP of the agent's own, except where somebody else made it (ethernet) or none is needed (user). */
static bool has_tap(const struct nic *nic)
{
    return nic->type == NIC_BRIDGE;
}

/* One message sets MAC, MTU, master and up. The TAP's own MAC is the guest's with fe: in front: it must differ from the guest's,
 * and be high, so that no bridge takes it for its lowest port's. */
static void plan_tap(struct plan *plan, const struct vm *vm, const struct nic *nic, const struct network *network)
{
    char line[128];
    struct step *step;

    if (!has_tap(nic))
        return;
    snprintf(line, sizeof(line), "open TAP %s", nic->target);
    add_nic_step(plan, STEP_TAP_OPEN, vm, nic, line);
    snprintf(line, sizeof(line), "add %s to %s, bring it up", nic->target, nic->bridge);
    step = add_nic_step(plan, STEP_LINK_SET, vm, nic, line);
    text_copy(step->needs, sizeof(step->needs), nic->bridge);
    step->to = nic_wanted_link(nic, network);
    memcpy(step->to->mac, nic->mac, sizeof(step->to->mac));
    step->to->mac[0] = 0xfe;
    step->to->set |= FIELD_BIT(FIELD_MAC);
    step->fields = step->to->set;
}

static void plan_attach(struct plan *plan, const struct vm *vm, const struct nic *nic, const struct network *network)
{
    char line[160];

    add_nic_step(plan, STEP_NIC_RECORD, vm, nic, "write down the intent");
    plan_tap(plan, vm, nic, network);
    if (has_tap(nic))
        add_nic_step(plan, STEP_NIC_PASS_FDS, vm, nic, "pass its descriptors to QEMU");
    add_nic_step(plan, STEP_NETDEV_ADD, vm, nic, "make its network backend in QEMU");
    snprintf(line, sizeof(line), "plug the %s NIC", nic_model_names[nic->model]);
    add_nic_step(plan, STEP_DEVICE_ADD, vm, nic, line);
}

static void plan_detach(struct plan *plan, const struct vm *vm, const struct nic *nic)
{
    if (nic->state == NIC_PLUGGED) {
        add_nic_step(plan, STEP_DEVICE_DELETE, vm, nic, "ask the guest to let go of it");
    } else if (nic->state == NIC_REMOVED) {
        add_nic_step(plan, STEP_NETDEV_DELETE, vm, nic, "remove its network backend from QEMU");
        if (has_tap(nic))
            add_nic_step(plan, STEP_TAP_CLOSE, vm, nic, "close its TAP");
        add_nic_step(plan, STEP_NIC_FORGET, vm, nic, "forget it");
    }
}

static void plan_start(struct plan *plan, const struct vm *wanted, const struct network *network)
{
    for (size_t i = 0; i < wanted->nic_count; i++)
        plan_tap(plan, wanted, &wanted->nics[i], network);
    add_vm_step(plan, STEP_VM_SPAWN, wanted, "start QEMU, held before its first instruction")->vm = vm_copy(wanted);
    if (wanted->state == VM_RUNNING)
        add_vm_step(plan, STEP_VM_CONTINUE, wanted, "let it run");
}

static void plan_end(struct plan *plan, const struct vm *observed)
{
    add_vm_step(plan, STEP_VM_KILL, observed, "end QEMU");
    for (size_t i = 0; i < observed->nic_count; i++)
        if (has_tap(&observed->nics[i]))
            add_nic_step(plan, STEP_TAP_CLOSE, observed, &observed->nics[i], "close its TAP")->wait = true;
}

void vm_diff(const struct vm *wanted, const struct vm *observed, const struct network *network, struct plan *plan)
{
    bool runs = wanted->state == VM_RUNNING || wanted->state == VM_PAUSED;

    if (!observed) {
        if (runs)
            plan_start(plan, wanted, network);
        return;
    }
    if (!runs) {
        plan_end(plan, observed);
        return;
    }
    for (size_t i = 0; i < observed->nic_count; i++)
        if (!vm_find_nic(wanted, observed->nics[i].name) || observed->nics[i].state == NIC_REMOVED)
            plan_detach(plan, observed, &observed->nics[i]);
    for (size_t i = 0; i < wanted->nic_count; i++)
        if (!vm_find_nic(observed, wanted->nics[i].name))
            plan_attach(plan, wanted, &wanted->nics[i], network);
    if (wanted->state == VM_RUNNING && (observed->state == VM_PAUSED || observed->state == VM_STARTING))
        add_vm_step(plan, STEP_VM_CONTINUE, wanted, "let it run");
    if (wanted->state == VM_PAUSED && observed->state == VM_RUNNING)
        add_vm_step(plan, STEP_VM_STOP, wanted, "pause it");
}
