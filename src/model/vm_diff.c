/* WANTED against OBSERVED for one VM: its power state and its NICs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/diff.h"

#define AUTO_QUEUES_MAX 8

/* The VLANs of a NIC; NULL when the NIC doesn't speak of them: then the bridge's default stands. */
static struct port_vlans *wanted_vlans(const struct nic *nic)
{
    struct port_vlans *vlans;

    if (!nic->vlan && !nic->trunk)
        return NULL;
    vlans = NEW(struct port_vlans);
    vlans->pvid = (uint16_t)nic->vlan;
    if (nic->trunk)
        port_vlans_parse(nic->trunk, vlans); /* checked when it was read */
    return vlans;
}

struct interface *nic_wanted_link(const struct nic *nic, const struct network *observed)
{
    struct interface *link = interface_new(nic->target);
    const struct interface *bridge = network_find(observed, nic->bridge);

    link->kind = INTERFACE_TAP;
    link->up = true;
    link->inbound = nic->inbound;
    link->outbound = nic->outbound;
    link->set = FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_INBOUND) | FIELD_BIT(FIELD_OUTBOUND);
    link->mtu = nic->mtu ? nic->mtu : bridge ? bridge->mtu : 0;
    if (link->mtu)
        link->set |= FIELD_BIT(FIELD_MTU);
    if (nic->type != NIC_BRIDGE)
        return link;
    text_copy(link->master, sizeof(link->master), nic->bridge);
    link->port.isolated = nic->isolated;
    link->vlans = wanted_vlans(nic);
    link->set |= FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_PORT_ISOLATED);
    if (link->vlans)
        link->set |= FIELD_BIT(FIELD_PORT_VLANS);
    return link;
}

/* What a link that was just made has by itself need not be set: each saves a message. */
static field_set fields_of_new_link(const struct interface *link)
{
    static const struct rate none;
    field_set fields = link->set;

    if (!link->port.isolated)
        fields &= ~FIELD_BIT(FIELD_PORT_ISOLATED);
    if (rate_same(&link->inbound, &none))
        fields &= ~FIELD_BIT(FIELD_INBOUND);
    if (rate_same(&link->outbound, &none))
        fields &= ~FIELD_BIT(FIELD_OUTBOUND);
    return fields;
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
    if (op == STEP_LINK_SET || op == STEP_NIC_RECONNECT || (op >= STEP_TAP_OPEN && op <= STEP_TAP_REMAKE))
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

static bool has_tap(const struct nic *nic)
{
    return nic->type != NIC_USER;
}

/* The TAP's own MAC is the guest's with fe: in front: it must differ from the guest's, and be high, so that no bridge takes it for
 * its lowest port's. */
static void set_tap_mac(struct interface *link, const struct nic *nic)
{
    memcpy(link->mac, nic->mac, sizeof(link->mac));
    link->mac[0] = 0xfe;
    link->set |= FIELD_BIT(FIELD_MAC);
}

/* Queues=auto: one for each processor that could serve it, where the model has several at all. */
static uint32_t queues_of(const struct vm *vm, const struct nic *nic)
{
    uint32_t processors = vm->vcpus ? vm->vcpus : 1;

    if (nic->queues)
        return nic->queues;
    if (nic->model != NIC_VIRTIO)
        return 1;
    return processors < AUTO_QUEUES_MAX ? processors : AUTO_QUEUES_MAX;
}

/* One message sets MAC, MTU, master and up. */
static void plan_tap(struct plan *plan, const struct vm *vm, const struct nic *nic, const struct network *network)
{
    char line[128];
    struct step *step;

    if (!has_tap(nic))
        return;
    snprintf(line, sizeof(line), "open TAP %s", nic->target);
    add_nic_step(plan, STEP_TAP_OPEN, vm, nic, line)->nic->queues = queues_of(vm, nic);
    if (nic->type == NIC_ETHERNET)
        return; /* somebody else made it, and looks after it */
    snprintf(line, sizeof(line), "add %s to %s, bring it up", nic->target, nic->bridge);
    step = add_nic_step(plan, STEP_LINK_SET, vm, nic, line);
    text_copy(step->needs, sizeof(step->needs), nic->bridge);
    step->to = nic_wanted_link(nic, network);
    set_tap_mac(step->to, nic);
    step->fields = fields_of_new_link(step->to);
}

void nic_plan_remake(const struct vm *vm, const struct nic *nic, const struct network *network, struct plan *plan)
{
    char line[160];
    struct step *step;

    snprintf(line, sizeof(line), "make TAP %s again: somebody deleted it", nic->target);
    add_nic_step(plan, STEP_TAP_REMAKE, vm, nic, line);
    snprintf(line, sizeof(line), "add %s to %s, bring it up", nic->target, nic->bridge);
    step = add_nic_step(plan, STEP_LINK_SET, vm, nic, line);
    step->to = nic_wanted_link(nic, network);
    if (!network_find(network, nic->bridge))
        step->to->set &= ~(FIELD_BIT(FIELD_MASTER) | FIELD_PORT_ALL); /* that follows when the bridge is back */
    set_tap_mac(step->to, nic);
    step->fields = fields_of_new_link(step->to);
    if (nic->vhost_used && nic->link)
        add_nic_step(plan, STEP_NIC_RECONNECT, vm, nic, "let vhost take up the new TAP");
}

static void plan_attach(struct plan *plan, const struct vm *vm, const struct nic *nic, const struct network *network)
{
    char line[160];

    add_nic_step(plan, STEP_NIC_RECORD, vm, nic, "reserve its place");
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

/* -- changes of a plugged NIC -------------------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return text_equal(a && *a ? a : NULL, b && *b ? b : NULL);
}

static bool same_port(const struct nic *a, const struct nic *b)
{
    return text_equal(a->bridge, b->bridge) && a->vlan == b->vlan && same_text(a->trunk, b->trunk) && a->isolated == b->isolated
           && a->mtu == b->mtu && rate_same(&a->inbound, &b->inbound) && rate_same(&a->outbound, &b->outbound);
}

/* A NIC that spoke of VLANs and doesn't any more gets the kernel's default back. */
static void default_vlans(struct interface *link, const struct interface *now, const struct interface *bridge)
{
    if (interface_has(link, FIELD_PORT_VLANS) || !now->vlans)
        return;
    link->vlans = NEW(struct port_vlans);
    link->vlans->pvid = bridge && interface_has(bridge, FIELD_BRIDGE_DEFAULT_PVID) ? (uint16_t)bridge->bridge.default_pvid : 1;
    link->set |= FIELD_BIT(FIELD_PORT_VLANS);
}

/* From one bridge to another in one message: the guest sees no change of its link. Port options and VLANs belong to the membership, so
 * they are set anew with it. */
static void plan_port_change(struct plan *plan, const struct vm *vm, const struct nic *wanted, const struct nic *observed,
                             const struct network *network)
{
    const struct interface *now = network_find(network, observed->target);
    bool moves = !text_equal(wanted->bridge, observed->bridge);
    struct interface *link;
    char line[160];
    struct step *step;

    if (!now || wanted->type != NIC_BRIDGE)
        return;
    link = nic_wanted_link(wanted, network);
    if (!same_text(wanted->trunk, observed->trunk) || wanted->vlan != observed->vlan)
        default_vlans(link, now, network_find(network, wanted->bridge));
    if (moves)
        snprintf(line, sizeof(line), "move %s from %s to %s", wanted->target, observed->bridge, wanted->bridge);
    else
        snprintf(line, sizeof(line), "change the port %s", wanted->target);
    step = add_nic_step(plan, STEP_LINK_SET, vm, wanted, line);
    step->from = interface_copy(now);
    step->to = link;
    step->fields = interface_changed_fields(link, now);
    if (moves)
        step->fields |= fields_of_new_link(link) & (FIELD_PORT_ALL | FIELD_BIT(FIELD_MASTER));
    text_copy(step->needs, sizeof(step->needs), wanted->bridge);
    if (moves)
        add_nic_step(plan, STEP_NIC_ANNOUNCE, vm, wanted, "announce it to the new switch");
}

static struct step *add_change_step(struct plan *plan, enum step_op op, const struct vm *vm, const struct nic *wanted,
                                    const struct nic *observed, const char *text)
{
    struct step *step = add_nic_step(plan, op, vm, wanted, text);

    step->before = nic_new_copy(observed);
    return step;
}

static void plan_change(struct plan *plan, const struct vm *vm, const struct nic *wanted, const struct nic *observed,
                        const struct network *network)
{
    if (observed->state != NIC_PLUGGED || (same_port(wanted, observed) && wanted->link == observed->link))
        return;
    if (!same_port(wanted, observed))
        plan_port_change(plan, vm, wanted, observed, network);
    if (wanted->link != observed->link)
        add_change_step(plan, STEP_NIC_LINK, vm, wanted, observed, wanted->link ? "set its link up" : "set its link down");
    add_change_step(plan, STEP_NIC_UPDATE, vm, wanted, observed, "write down the change");
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
    for (size_t i = 0; i < wanted->nic_count; i++) {
        const struct nic *nic = vm_find_nic(observed, wanted->nics[i].name);

        if (nic)
            plan_change(plan, wanted, &wanted->nics[i], nic, network);
        else
            plan_attach(plan, wanted, &wanted->nics[i], network);
    }
    if (wanted->state == VM_RUNNING && (observed->state == VM_PAUSED || observed->state == VM_STARTING))
        add_vm_step(plan, STEP_VM_CONTINUE, wanted, "let it run");
    if (wanted->state == VM_PAUSED && observed->state == VM_RUNNING)
        add_vm_step(plan, STEP_VM_STOP, wanted, "pause it");
}
