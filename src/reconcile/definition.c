/* Which VMs there are: defined by a file, running, or both. */
#include <errno.h>

#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

int reconcile_vm_define(struct reconciler *reconciler, struct vm *vm, const char *text, struct error *err)
{
    struct machine *machine;
    int result = reconciler->files.write_vm(reconciler->files.context, vm->name, text, err);

    if (result < 0) {
        vm_free(vm);
        return result;
    }
    machine = machine_add(reconciler, vm->name);
    vm_free(machine->defined);
    machine->defined = vm;
    derive(vm);
    event_emit(reconciler, "vm", vm->name, "defined");
    return 0;
}

int machine_no_such(const char *name, struct error *err)
{
    return error_set(err, ENOENT, "vm %s: no such VM: 'trestle list --all' shows those that are defined", name);
}

int reconcile_vm_undefine(struct reconciler *reconciler, const char *name, struct error *err)
{
    struct machine *machine = machine_find(reconciler, name);
    int result;

    if (!machine)
        return machine_no_such(name, err);
    if (!machine->defined)
        return error_set(err, ENOENT, "vm %s: is not defined: it only runs, and will be forgotten when it ends", name);
    result = reconciler->files.remove_vm(reconciler->files.context, name, err);
    if (result < 0)
        return result;
    vm_free(machine->defined);
    machine->defined = NULL;
    event_emit(reconciler, "vm", name, "undefined");
    machine_drop_if_unused(reconciler, machine);
    return 0;
}

/* False for one that is neither defined nor running: it is about to be forgotten, or has not begun. */
static bool describe(const struct reconciler *reconciler, const struct machine *machine, struct reconcile_vm *ret_vm)
{
    *ret_vm = (struct reconcile_vm){
        .name = machine->name,
        .defined = machine->defined,
        .observed = machine_observed(reconciler, machine),
        .last_reason = machine->last_reason,
    };
    return ret_vm->defined || ret_vm->observed;
}

bool reconcile_vm_find(const struct reconciler *reconciler, const char *name, struct reconcile_vm *ret_vm)
{
    const struct machine *machine = machine_find(reconciler, name);

    return machine && describe(reconciler, machine, ret_vm);
}

size_t reconcile_vm_list(const struct reconciler *reconciler, struct reconcile_vm **ret_vms)
{
    size_t count = 0;

    *ret_vms = memory_new((reconciler->machine_count + 1) * sizeof(**ret_vms));
    for (size_t i = 0; i < reconciler->machine_count; i++)
        count += describe(reconciler, reconciler->machines[i], &(*ret_vms)[count]);
    return count;
}
