/* What users ask of VMs: definitions, power, NICs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"
#include "model/diff.h"
#include "reconcile/reconcile_internal.h"

/* -- definitions -------------------------------------------------------------------------------------------------------------------- */

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
    event_emit(reconciler, "vm", vm->name, "defined");
    return 0;
}

static int no_such_vm(const char *name, struct error *err)
{
    return error_set(err, ENOENT, "vm %s: no such VM: 'trestle list --all' shows those that are defined", name);
}

int reconcile_vm_undefine(struct reconciler *reconciler, const char *name, struct error *err)
{
    struct machine *machine = machine_find(reconciler, name);
    int result;

    if (!machine)
        return no_such_vm(name, err);
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

static void describe(const struct reconciler *reconciler, const struct machine *machine, struct reconcile_vm *ret_vm)
{
    *ret_vm = (struct reconcile_vm){
        .name = machine->name,
        .defined = machine->defined,
        .observed = machine_observed(reconciler, machine),
        .last_reason = machine->last_reason,
    };
}

bool reconcile_vm_find(const struct reconciler *reconciler, const char *name, struct reconcile_vm *ret_vm)
{
    const struct machine *machine = machine_find(reconciler, name);

    if (machine)
        describe(reconciler, machine, ret_vm);
    return machine;
}

size_t reconcile_vm_list(const struct reconciler *reconciler, struct reconcile_vm **ret_vms)
{
    *ret_vms = memory_new(reconciler->machine_count * sizeof(**ret_vms) + 1);
    for (size_t i = 0; i < reconciler->machine_count; i++)
        describe(reconciler, reconciler->machines[i], &(*ret_vms)[i]);
    return reconciler->machine_count;
}

/* -- requests about a VM -------------------------------------------------------------------------------------------------------------- */

/* A request for a VM that does not exist is answered from the loop as well, by way of the host's queue. */
static void refuse_begin(struct reconciler *reconciler, struct request *request)
{
    struct error err = {0};

    no_such_vm(request->name, &err);
    queue_finish(reconciler, &reconciler->queue, -err.code, &err, NULL);
}

static struct request *vm_request(struct reconciler *reconciler, const char *vm, const char *what, reconcile_done done, void *context)
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

static void vm_request_end(struct reconciler *reconciler, struct machine *machine, int result, const struct error *err,
                           const struct plan *plan)
{
    queue_finish(reconciler, &machine->queue, result, err, plan);
    host_schedule(reconciler, 0.);
    machine_check_waiters(reconciler, machine);
    machine_drop_if_unused(reconciler, machine);
}

static void vm_plan_ended(void *context, int result, const struct error *err, const struct plan *plan)
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
    vm_request_end(reconciler, machine, result, err, plan);
}

static void vm_refuse(struct reconciler *reconciler, struct request *request, const struct error *err)
{
    vm_request_end(reconciler, request->machine, -err->code, err, NULL);
}

/* -- checks before a NIC is plugged ---------------------------------------------------------------------------------------------------- */

static int check_bridge(struct reconciler *reconciler, const struct nic *nic, struct error *err)
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
    return 0;
}

/* Two NICs with one MAC on the host's bridges cut each other off. */
static int check_mac(struct reconciler *reconciler, const char *vm, const struct nic *nic, struct error *err)
{
    char text[18];

    for (size_t i = 0; i < reconciler->machine_count; i++) {
        const struct machine *machine = reconciler->machines[i];
        const struct nic *other = machine->wanted ? vm_find_nic_by_mac(machine->wanted, nic->mac) : NULL;

        if (!other || (text_equal(machine->name, vm) && text_equal(other->name, nic->name)))
            continue;
        text_from_mac(nic->mac, text);
        return error_set(err, EEXIST, "MAC %s is that of vm %s nic %s: give another, or none", text, machine->name, other->name);
    }
    return 0;
}

static int check_target(struct reconciler *reconciler, const struct nic *nic, struct error *err)
{
    const struct interface *other = nic->type == NIC_BRIDGE ? network_find(host_observed(reconciler), nic->target) : NULL;

    if (!other)
        return 0;
    return error_set(err, EEXIST, "target %s: an interface of that name exists already: choose another with --target", nic->target);
}

static int check_nic(struct reconciler *reconciler, const char *vm, const struct nic *nic, struct error *err)
{
    int result = check_bridge(reconciler, nic, err);

    if (result == 0)
        result = check_mac(reconciler, vm, nic, err);
    if (result == 0)
        result = check_target(reconciler, nic, err);
    return result < 0 ? error_prefix(err, "vm %s: nic %s", vm, nic->name) : 0;
}

/* -- power ------------------------------------------------------------------------------------------------------------------------------ */

/* A MAC that nobody stated is derived from the names and the host's id, so that it is the same at every start without being kept. */
static uint32_t derived_random(const char *vm, const char *nic)
{
    char id[256];

    snprintf(id, sizeof(id), "%ld/%s/%s", gethostid(), vm, nic);
    return (uint32_t)text_hash(id);
}

static int prepare_start(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct machine *machine = request->machine;

    if (machine_observed(reconciler, machine))
        return error_set(err, EEXIST, "vm %s: is already running", machine->name);
    if (!machine->defined)
        return no_such_vm(machine->name, err);
    request->provisional = vm_copy(machine->defined);
    request->provisional->state = VM_RUNNING;
    for (size_t i = 0; i < request->provisional->nic_count; i++) {
        struct nic *nic = &request->provisional->nics[i];
        int result;

        nic_complete(nic, machine->name, derived_random(machine->name, nic->name));
        result = check_nic(reconciler, machine->name, nic, err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int prepare_running(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct machine *machine = request->machine;

    if (!machine_observed(reconciler, machine) || !machine->wanted)
        return error_set(err, ESHUTDOWN, "vm %s: is not running: 'trestle start %s' starts it", machine->name, machine->name);
    request->provisional = vm_copy(machine->wanted);
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
    int result = request->power == POWER_START ? prepare_start(reconciler, request, err) : prepare_running(reconciler, request, err);

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
        vm_refuse(reconciler, request, &err);
        return;
    }
    if (request->power == POWER_RESET)
        plan_single(&plan, STEP_VM_RESET, machine, "reset it");
    else if (request->power == POWER_SHUTDOWN)
        plan_single(&plan, STEP_VM_POWERDOWN, machine, "press its power button");
    else
        vm_diff(request->provisional, machine_observed(reconciler, machine), host_observed(reconciler), &plan);
    run_plan(reconciler, &plan, vm_plan_ended, request);
}

void reconcile_vm_power(struct reconciler *reconciler, const char *name, enum reconcile_power power, reconcile_done done, void *context)
{
    static const char *const names[] = {"start", "destroy", "shutdown", "suspend", "resume", "reset"};
    struct request *request = vm_request(reconciler, name, names[power], done, context);

    if (!request)
        return;
    request->begin = power_begin;
    request->power = power;
    queue_add(reconciler, &request->machine->queue, request);
}

/* -- attach ------------------------------------------------------------------------------------------------------------------------------ */

static int prepare_attach(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct nic *nic = &request->nic;
    const char *vm = request->machine->name;
    uint32_t random = 0;
    struct nic *added;
    int result = prepare_running(reconciler, request, err);

    if (result < 0)
        return result;
    if (!nic->name[0])
        vm_free_nic_name(machine_observed(reconciler, request->machine), nic->name);
    if (vm_find_nic(machine_observed(reconciler, request->machine), nic->name))
        return error_set(err, EEXIST, "vm %s: nic %s: there is one of that name: choose another with --alias", vm, nic->name);
    if (getrandom(&random, sizeof(random), 0) < 0)
        return error_errno(err, errno, "vm %s: nic %s: make a MAC", vm, nic->name);
    nic_complete(nic, vm, random);
    result = check_nic(reconciler, vm, nic, err);
    if (result < 0)
        return result;
    added = vm_add_nic(request->provisional, nic->name);
    nic_clear(added);
    nic_copy(nic, added);
    if (request->ret_name)
        text_copy(request->ret_name, VM_NAME_SIZE, nic->name);
    return 0;
}

static void attach_begin(struct reconciler *reconciler, struct request *request)
{
    struct plan plan = {.name = memory_string(request->name), .all_or_nothing = true};
    struct error err = {0};

    if (prepare_attach(reconciler, request, &err) < 0) {
        plan_clear(&plan);
        vm_refuse(reconciler, request, &err);
        return;
    }
    vm_diff(request->provisional, machine_observed(reconciler, request->machine), host_observed(reconciler), &plan);
    run_plan(reconciler, &plan, vm_plan_ended, request);
}

void reconcile_nic_attach(struct reconciler *reconciler, const char *vm, const struct nic *nic, char *ret_name, reconcile_done done,
                          void *context)
{
    struct request *request = vm_request(reconciler, vm, "attach-interface", done, context);

    if (!request)
        return;
    request->begin = attach_begin;
    nic_copy(nic, &request->nic);
    request->ret_name = ret_name;
    queue_add(reconciler, &request->machine->queue, request);
}

/* -- detach ------------------------------------------------------------------------------------------------------------------------------ */

static void detach_timed_out(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct detach_waiter *waiter = timer->data, **link = &waiter->machine->waiters;
    reconcile_done done = waiter->done;
    void *context = waiter->context;
    struct error err = {0};

    (void)loop, (void)events;
    error_set(&err, ETIMEDOUT,
              "vm %s: nic %s: the guest did not let go of it within %g s: it stays plugged (state unplugging) and goes by itself when "
              "the guest answers; 'trestle reset %s' forces that",
              waiter->machine->name, waiter->nic, waiter->timeout, waiter->machine->name);
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    free(waiter);
    if (done)
        done(context, -err.code, &err, NULL, NULL);
}

static void detach_plan_ended(void *context, int result, const struct error *err, const struct plan *plan)
{
    struct request *request = context;
    struct machine *machine = request->machine;
    struct reconciler *reconciler = machine->queue.kick.data;
    struct detach_waiter *waiter;

    if (result < 0) {
        vm_plan_ended(context, result, err, plan);
        return;
    }
    /* Asked is not done: the requester waits on for the guest, but no longer holds up the VM's queue. */
    waiter = NEW(struct detach_waiter);
    waiter->reconciler = reconciler;
    waiter->machine = machine;
    waiter->timeout = request->timeout;
    waiter->done = request->done;
    waiter->context = request->context;
    request->done = NULL;
    text_copy(waiter->nic, sizeof(waiter->nic), request->nic.name);
    if (request->nic.type == NIC_BRIDGE)
        text_copy(waiter->tap, sizeof(waiter->tap), request->nic.target);
    ev_timer_init(&waiter->timer, detach_timed_out, request->timeout, 0.);
    waiter->timer.data = waiter;
    ev_timer_start(reconciler->loop, &waiter->timer);
    waiter->next = machine->waiters;
    machine->waiters = waiter;
    vm_plan_ended(context, result, err, plan);
}

static int prepare_detach(struct reconciler *reconciler, struct request *request, struct error *err)
{
    const struct vm *observed = machine_observed(reconciler, request->machine);
    int result = prepare_running(reconciler, request, err);
    const struct nic *nic;

    if (result < 0)
        return result;
    nic = vm_find_nic(observed, request->nic.name);
    if (!nic)
        return error_set(err, ENOENT, "vm %s: nic %s: no such NIC: 'trestle domiflist %s' shows those that are plugged",
                         request->machine->name, request->nic.name, request->machine->name);
    nic_clear(&request->nic);
    nic_copy(nic, &request->nic);
    vm_remove_nic(request->provisional, nic->name);
    return 0;
}

static void detach_begin(struct reconciler *reconciler, struct request *request)
{
    struct plan plan = {.name = memory_string(request->name), .all_or_nothing = true};
    struct error err = {0};

    if (prepare_detach(reconciler, request, &err) < 0) {
        plan_clear(&plan);
        vm_refuse(reconciler, request, &err);
        return;
    }
    vm_diff(request->provisional, machine_observed(reconciler, request->machine), host_observed(reconciler), &plan);
    run_plan(reconciler, &plan, detach_plan_ended, request);
}

void reconcile_nic_detach(struct reconciler *reconciler, const char *vm, const char *nic, double timeout, reconcile_done done,
                          void *context)
{
    struct request *request = vm_request(reconciler, vm, "detach-interface", done, context);

    if (!request)
        return;
    request->begin = detach_begin;
    text_copy(request->nic.name, sizeof(request->nic.name), nic);
    request->timeout = timeout;
    queue_add(reconciler, &request->machine->queue, request);
}
