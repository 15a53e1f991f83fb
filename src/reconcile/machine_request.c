/* What requests about a VM have in common. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "model/diff.h"
#include "reconcile/reconcile_internal.h"

/* A request for a VM that does not exist is answered from the loop as well, by way of the host's queue. */
static void refuse_begin(struct reconciler *reconciler, struct request *request)
{
    struct error err = {0};

    machine_no_such(request->name, &err);
    queue_finish(reconciler, &reconciler->queue, -err.code, &err, NULL);
}

struct request *machine_request_new(struct reconciler *reconciler, const char *vm, const char *what, reconcile_done done, void *context)
{
    struct machine *machine = machine_find(reconciler, vm);
    struct request *request;
    char *name;

    if (!machine) {
        request = request_new(vm, done, context);
        request->begin = refuse_begin;
        queue_add(reconciler, &reconciler->queue, request);
        return NULL;
    }
    name = memory_format("%s %s", what, vm);
    request = request_new(name, done, context);
    request->machine = machine;
    free(name);
    return request;
}

void machine_request_end(struct reconciler *reconciler, struct machine *machine, int result, const struct error *err,
                           const struct plan *plan)
{
    queue_finish(reconciler, &machine->queue, result, err, plan);
    host_schedule(reconciler, 0.);
    machine_check_waiters(reconciler, machine);
    machine_drop_if_unused(reconciler, machine);
}

void machine_request_plan_ended(void *context, int result, const struct error *err, struct plan *plan)
{
    struct request *request = context;
    struct machine *machine = request->machine;
    struct reconciler *reconciler = machine->queue.kick.data;

    if (result == 0 && request->provisional) {
        vm_free(machine->wanted);
        machine->wanted = TAKE_POINTER(request->provisional);
        if (machine->wanted->state == VM_SHUT_OFF) {
            vm_free(machine->wanted);
            machine->wanted = NULL;
            free(machine->last_reason);
            machine->last_reason = memory_string("destroyed");
        }
    }
    machine_request_end(reconciler, machine, result, err, plan);
}

void machine_request_refuse(struct reconciler *reconciler, struct request *request, const struct error *err)
{
    machine_request_end(reconciler, request->machine, -err->code, err, NULL);
}

int machine_request_needs_running(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct machine *machine = request->machine;

    if (!machine_observed(reconciler, machine) || !machine->wanted)
        return error_set(err, ESHUTDOWN, "vm %s: is not running: 'trestle start %s' starts it", machine->name, machine->name);
    request->provisional = vm_copy(machine->wanted);
    return 0;
}

/* -- checks before a NIC is plugged ------------------------------------------------------------------------------------------ */

int machine_request_check_bridge(struct reconciler *reconciler, const struct nic *nic, struct error *err)
{
    const struct interface *bridge;

    if (nic->type != NIC_BRIDGE)
        return 0;
    bridge = network_find(host_observed(reconciler), nic->bridge);
    if (!bridge)
        return error_set(err, ENOENT, "bridge %s: no such interface: 'trestle iface-list' shows those that exist", nic->bridge);
    if (bridge->kind != INTERFACE_BRIDGE)
        return error_set(err, EINVAL, "bridge %s: is no bridge but a link of kind %s", nic->bridge,
                         bridge->kind_name[0] ? bridge->kind_name : "ethernet");
    if ((nic->vlan || nic->trunk) && !bridge->bridge.vlan_filtering)
        return error_set(err, EOPNOTSUPP, "bridge %s: does not filter VLANs: set VLAN_FILTERING=yes in ifcfg-%s and apply it",
                         nic->bridge, nic->bridge);
    return 0;
}

/* One that is wanted no more, but that its guest has not let go of yet. */
static const struct nic *find_unplugging(const struct reconciler *reconciler, const struct machine *machine, const uint8_t mac[6])
{
    const struct vm *vm = machine_observed(reconciler, machine);

    for (size_t i = 0; vm && i < vm->nic_count; i++)
        if (vm->nics[i].state == NIC_UNPLUGGING && memcmp(vm->nics[i].mac, mac, sizeof(vm->nics[i].mac)) == 0)
            return &vm->nics[i];
    return NULL;
}

/* Two NICs with one MAC on the host's bridges cut each other off. */
static int check_mac(struct reconciler *reconciler, const char *vm, const struct nic *nic, struct error *err)
{
    char text[18];

    text_from_mac(nic->mac, text);
    for (size_t i = 0; i < reconciler->machine_count; i++) {
        const struct machine *machine = reconciler->machines[i];
        const struct nic *leaving = find_unplugging(reconciler, machine, nic->mac);
        const struct nic *other = machine->wanted ? vm_find_nic_by_mac(machine->wanted, nic->mac) : NULL;

        if (leaving)
            return error_set(err, EEXIST,
                             "MAC %s is that of vm %s nic %s, which is still unplugging: give another, or wait until its guest lets "
                             "go of it; 'trestle reset %s' forces that",
                             text, machine->name, leaving->name, machine->name);
        if (!other || (text_equal(machine->name, vm) && text_equal(other->name, nic->name)))
            continue;
        return error_set(err, EEXIST, "MAC %s is that of vm %s nic %s: give another, or none", text, machine->name, other->name);
    }
    return 0;
}

/* Each TAP is one NIC's. */
static int check_target(struct reconciler *reconciler, const char *vm, const struct nic *nic, struct error *err)
{
    for (size_t i = 0; nic->type != NIC_USER && i < reconciler->machine_count; i++) {
        const struct machine *machine = reconciler->machines[i];

        for (size_t j = 0; machine->wanted && j < machine->wanted->nic_count; j++) {
            const struct nic *other = &machine->wanted->nics[j];

            if (other->type == NIC_USER || !text_equal(other->target, nic->target)
                || (text_equal(machine->name, vm) && text_equal(other->name, nic->name)))
                continue;
            return error_set(err, EEXIST, "TAP %s is that of vm %s nic %s: give another", nic->target, machine->name, other->name);
        }
    }
    return 0;
}

int machine_request_check_nic(struct reconciler *reconciler, const char *vm, const struct nic *nic, struct error *err)
{
    int result = machine_request_check_bridge(reconciler, nic, err);

    if (result == 0)
        result = check_mac(reconciler, vm, nic, err);
    if (result == 0)
        result = check_target(reconciler, vm, nic, err);
    return result < 0 ? error_prefix(err, "vm %s: nic %s", vm, nic->name) : 0;
}
