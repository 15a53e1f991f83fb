/* What the reconciler knows of each VM, and what follows from what guest and QEMU do by themselves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "model/diff.h"
#include "reconcile/reconcile_internal.h"

struct machine *machine_find(const struct reconciler *reconciler, const char *name)
{
    for (size_t i = 0; i < reconciler->machine_count; i++)
        if (text_equal(reconciler->machines[i]->name, name))
            return reconciler->machines[i];
    return NULL;
}

struct machine *machine_add(struct reconciler *reconciler, const char *name)
{
    struct machine *machine = machine_find(reconciler, name);
    size_t place = reconciler->machine_count;

    if (machine)
        return machine;
    machine = NEW(struct machine);
    text_copy(machine->name, sizeof(machine->name), name);
    queue_init(&machine->queue, reconciler);
    reconciler->machines = memory_resize(reconciler->machines, place + 1, sizeof(*reconciler->machines));
    for (; place > 0 && strcmp(reconciler->machines[place - 1]->name, name) > 0; place--)
        reconciler->machines[place] = reconciler->machines[place - 1];
    reconciler->machines[place] = machine;
    reconciler->machine_count++;
    return machine;
}

static void waiter_remove(struct detach_waiter **waiter)
{
    struct detach_waiter *gone = *waiter;

    *waiter = gone->next;
    ev_timer_stop(gone->reconciler->loop, &gone->timer);
    free(gone);
}

static void waiter_finish(struct detach_waiter **waiter, int result, const struct error *err)
{
    reconcile_done done = (*waiter)->done;
    void *context = (*waiter)->context;

    waiter_remove(waiter);
    if (done)
        done(context, result, err, NULL, NULL);
}

void machine_free(struct reconciler *reconciler, struct machine *machine)
{
    struct error err = {0};

    error_set(&err, ECANCELED, "vm %s: trestled ends; what was asked of the guest goes on", machine->name);
    while (machine->waiters)
        waiter_finish(&machine->waiters, -err.code, &err);
    queue_clear(&machine->queue, reconciler);
    vm_free(machine->defined);
    vm_free(machine->transient);
    vm_free(machine->wanted);
    free(machine->last_reason);
    free(machine);
}

const struct vm *machine_observed(const struct reconciler *reconciler, const struct machine *machine)
{
    const struct vm *vm = reconciler->providers.vm_observed(reconciler->providers.vmm, machine->name);

    return vm && vm->state != VM_SHUT_OFF && vm->state != VM_CRASHED ? vm : NULL;
}

void machine_drop_if_unused(struct reconciler *reconciler, struct machine *machine)
{
    if (machine->defined || machine->wanted || machine->queue.running || machine->queue.first || machine->tidy_queued || machine->waiters
        || machine_observed(reconciler, machine))
        return;
    for (size_t i = 0; i < reconciler->machine_count; i++)
        if (reconciler->machines[i] == machine) {
            reconciler->machine_count--;
            memmove(&reconciler->machines[i], &reconciler->machines[i + 1],
                    (reconciler->machine_count - i) * sizeof(*reconciler->machines));
            break;
        }
    machine_free(reconciler, machine);
}

/* -- who waits for a NIC to be gone ------------------------------------------------------------------------------------------------ */

/* Gone means: from guest, QEMU, bridge and kernel. */
static bool is_gone(struct reconciler *reconciler, const struct machine *machine, const struct detach_waiter *waiter)
{
    const struct vm *vm = machine_observed(reconciler, machine);

    return !(vm && vm_find_nic(vm, waiter->nic)) && !(waiter->tap[0] && network_find(host_observed(reconciler), waiter->tap));
}

void machine_check_waiters(struct reconciler *reconciler, struct machine *machine)
{
    struct detach_waiter **waiter = &machine->waiters;

    while (*waiter)
        if (is_gone(reconciler, machine, *waiter)) {
            event_emit(reconciler, "nic", machine->name, "%s is detached", (*waiter)->nic);
            waiter_finish(waiter, 0, NULL);
        } else {
            waiter = &(*waiter)->next;
        }
}

/* -- what guest and QEMU did ------------------------------------------------------------------------------------------------------- */

/* WANTED of a running VM follows what is there: what the guest ejected is wanted no more, and a plan that was cut short by the
 * daemon's end is not taken up again. */
static void follow_observed(struct machine *machine, const struct vm *observed)
{
    if (!machine->wanted) {
        machine->wanted = vm_copy(observed);
        machine->wanted->state = observed->state == VM_PAUSED ? VM_PAUSED : VM_RUNNING;
    }
    for (size_t i = 0; i < observed->nic_count; i++)
        if (observed->nics[i].state == NIC_REMOVED || observed->nics[i].state == NIC_UNPLUGGING)
            vm_remove_nic(machine->wanted, observed->nics[i].name);
}

/* The TAPs of a VM that has ended: the agent's descriptors are the last that keep them. */
static void plan_tap_closes(const struct machine *machine, struct plan *plan)
{
    for (size_t i = 0; i < machine->wanted->nic_count; i++) {
        const struct nic *nic = &machine->wanted->nics[i];
        struct step *step;

        if (nic->type != NIC_BRIDGE)
            continue;
        step = plan_add(plan, STEP_TAP_CLOSE, machine->name, "close TAP %s", nic->target);
        text_copy(step->interface, sizeof(step->interface), nic->target);
        step->wait = true; /* so that a start right behind finds the name free */
    }
}

static void note_end(struct machine *machine, const struct vm *ended)
{
    free(machine->last_reason);
    machine->last_reason = memory_string(ended && ended->reason ? ended->reason : NULL);
}

static void tidy_ended(void *context, int result, const struct error *err, struct plan *plan)
{
    struct machine *machine = context;
    struct reconciler *reconciler = machine->queue.kick.data;

    if (result < 0)
        log_warning("vm %s: %s", machine->name, err->text);
    queue_finish(reconciler, &machine->queue, result, err, plan);
    host_schedule(reconciler, 0.);
    machine_check_waiters(reconciler, machine);
    machine_drop_if_unused(reconciler, machine);
}

static void tidy_begin(struct reconciler *reconciler, struct request *request)
{
    struct machine *machine = request->machine;
    const struct vm *observed = machine_observed(reconciler, machine);
    struct plan plan = {.name = memory_string(request->name)};

    machine->tidy_queued = false;
    if (observed) {
        follow_observed(machine, observed);
        vm_diff(machine->wanted, observed, host_observed(reconciler), &plan);
    } else if (machine->wanted) {
        note_end(machine, reconciler->providers.vm_observed(reconciler->providers.vmm, machine->name));
        plan_tap_closes(machine, &plan);
        vm_free(machine->wanted);
        machine->wanted = NULL;
    }
    run_plan(reconciler, &plan, tidy_ended, machine);
}

void machine_tidy(struct reconciler *reconciler, struct machine *machine)
{
    struct request *request;

    if (machine->tidy_queued)
        return;
    request = request_new(machine->name, NULL, NULL);
    request->machine = machine;
    request->begin = tidy_begin;
    machine->tidy_queued = true;
    queue_add(reconciler, &machine->queue, request);
}

void machine_adopt_all(struct reconciler *reconciler)
{
    const struct vm **vms = NULL;
    size_t count = reconciler->providers.vm_list(reconciler->providers.vmm, &vms);

    for (size_t i = 0; i < count; i++)
        machine_tidy(reconciler, machine_add(reconciler, vms[i]->name));
    free(vms);
}

/* -- events from the providers ------------------------------------------------------------------------------------------------------ */

void reconcile_vm_changed(struct reconciler *reconciler, const char *vm, const char *text)
{
    struct machine *machine = machine_find(reconciler, vm);
    const struct vm *observed = reconciler->providers.vm_observed(reconciler->providers.vmm, vm);

    event_emit(reconciler, "vm", vm, "%s%s%s", vm_state_names[observed ? observed->state : VM_SHUT_OFF], text && *text ? ": " : "",
               text ? text : "");
    if (!machine)
        return;
    if (machine->wanted && observed && observed->state == VM_RUNNING && machine->wanted->state == VM_PAUSED)
        machine->wanted->state = VM_RUNNING; /* somebody else's monitor resumed it: power state is never repaired */
    if (machine->wanted && observed && observed->state == VM_PAUSED)
        machine->wanted->state = VM_PAUSED;
    machine_tidy(reconciler, machine);
}

void reconcile_nic_changed(struct reconciler *reconciler, const char *vm, const char *nic)
{
    struct machine *machine = machine_find(reconciler, vm);
    const struct vm *observed = reconciler->providers.vm_observed(reconciler->providers.vmm, vm);
    const struct nic *state = observed ? vm_find_nic(observed, nic) : NULL;

    event_emit(reconciler, "nic", vm, "%s %s", nic, state ? nic_state_names[state->state] : "gone");
    if (machine)
        machine_tidy(reconciler, machine);
}
