/* Start, end, pause and press the buttons of a VM. */
#include <errno.h>
#include <stdio.h>

#include "base/memory.h"
#include "model/diff.h"
#include "reconcile/reconcile_internal.h"

static int prepare_start(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct machine *machine = request->machine;

    if (machine_observed(reconciler, machine))
        return error_set(err, EEXIST, "vm %s: is already running", machine->name);
    if (!machine->defined && !machine->transient)
        return machine_no_such(machine->name, err);
    request->provisional = vm_copy(machine->transient ? machine->transient : machine->defined);
    vm_free(machine->transient);
    machine->transient = NULL;
    request->provisional->state = VM_RUNNING;
    for (size_t i = 0; i < request->provisional->nic_count; i++) {
        struct nic *nic = &request->provisional->nics[i];
        int result;

        nic_complete(nic, machine->name, 0); /* its MAC is stated or derived */
        result = machine_request_check_nic(reconciler, machine->name, nic, err);
        if (result < 0)
            return result;
    }
    return 0;
}

static void plan_single(struct plan *plan, enum step_op op, const struct machine *machine, const char *text)
{
    char object[VM_NAME_SIZE + 8];
    struct step *step;

    snprintf(object, sizeof(object), "vm %s", machine->name);
    step = plan_add(plan, op, object, "%s", text);
    text_copy(step->vm_name, sizeof(step->vm_name), machine->name);
}

static int prepare_power(struct reconciler *reconciler, struct request *request, struct error *err)
{
    int result = request->power == POWER_START ? prepare_start(reconciler, request, err) : machine_request_needs_running(reconciler, request, err);

    if (result < 0)
        return result;
    if (request->power == POWER_DESTROY)
        request->provisional->state = VM_SHUT_OFF;
    else if (request->power == POWER_SUSPEND)
        request->provisional->state = VM_PAUSED;
    else if (request->power == POWER_RESUME)
        request->provisional->state = VM_RUNNING;
    return 0;
}

static void power_begin(struct reconciler *reconciler, struct request *request)
{
    struct machine *machine = request->machine;
    struct plan plan = {.name = memory_string(request->name), .all_or_nothing = true};
    struct error err = {0};

    if (prepare_power(reconciler, request, &err) < 0) {
        plan_clear(&plan);
        machine_request_refuse(reconciler, request, &err);
        return;
    }
    if (request->power == POWER_RESET)
        plan_single(&plan, STEP_VM_RESET, machine, "reset it");
    else if (request->power == POWER_SHUTDOWN)
        plan_single(&plan, STEP_VM_POWERDOWN, machine, "press its power button");
    else
        vm_diff(request->provisional, machine_observed(reconciler, machine), host_observed(reconciler), &plan);
    run_plan(reconciler, &plan, machine_request_plan_ended, request);
}

void reconcile_vm_power(struct reconciler *reconciler, const char *name, enum reconcile_power power, reconcile_done done, void *context)
{
    static const char *const names[] = {"start", "destroy", "shutdown", "suspend", "resume", "reset"};
    struct request *request = machine_request_new(reconciler, name, names[power], done, context);

    if (!request)
        return;
    request->begin = power_begin;
    request->power = power;
    queue_add(reconciler, &request->machine->queue, request);
}

/* A name that is defined, or runs, is somebody's: it is refused in the host's queue, as a VM that does not exist is. */
static void refuse_create(struct reconciler *reconciler, struct request *request)
{
    struct error err = {0};

    error_set(&err, EEXIST, "vm %s: there is one of that name already", request->name);
    queue_finish(reconciler, &reconciler->queue, -err.code, &err, NULL);
}

void reconcile_vm_create(struct reconciler *reconciler, struct vm *vm, reconcile_done done, void *context)
{
    struct machine *machine = machine_find(reconciler, vm->name);

    if (machine) {
        struct request *request = request_new(vm->name, done, context);

        request->begin = refuse_create;
        vm_free(vm);
        queue_add(reconciler, &reconciler->queue, request);
        return;
    }
    machine = machine_add(reconciler, vm->name);
    derive(vm);
    machine->transient = vm;
    reconcile_vm_power(reconciler, machine->name, POWER_START, done, context);
}
