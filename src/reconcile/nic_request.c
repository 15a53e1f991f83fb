/* NICs come, change and go: in the running VM, in its file, or in both or neither of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/memory.h"
#include "model/diff.h"
#include "reconcile/reconcile_internal.h"

/* -- the VM's file ---------------------------------------------------------------------------------------------------------------- */

static int write_nic(struct reconciler *reconciler, struct machine *machine, const char *name, const struct nic *nic, struct error *err)
{
    struct vm *vm = NULL;
    int result = reconciler->files.write_nic(reconciler->files.context, machine->name, name, nic, &vm, err);

    if (result < 0)
        return error_prefix(err, "vm %s: nic %s", machine->name, name);
    vm_free(machine->defined);
    machine->defined = vm;
    derive(vm);
    return 0;
}

/* The file is changed before the VM: a disk that is full shows then, and a file is easier taken back than a NIC from a guest. */
static int change_config(struct reconciler *reconciler, struct request *request, const struct nic *nic, struct error *err)
{
    struct machine *machine = request->machine;
    int result;

    request->config_before = nic_new_copy(vm_find_nic(machine->defined, request->nic.name));
    result = write_nic(reconciler, machine, request->nic.name, nic, err);
    request->config_changed = result == 0;
    return result;
}

static void restore_config(struct reconciler *reconciler, struct request *request)
{
    struct error err = {0};

    if (request->config_changed
        && write_nic(reconciler, request->machine, request->nic.name, request->config_before, &err) < 0)
        log_error("%s: the file could not be taken back: %s", request->name, err.text);
}

static int needs_file(const struct machine *machine, struct error *err)
{
    if (machine->defined)
        return 0;
    return error_set(err, EINVAL, "vm %s: Requested operation is not valid: transient domains do not have any persistent config",
                     machine->name);
}

/* -- the end of all of them -------------------------------------------------------------------------------------------------------- */

static void plan_ended(void *context, int result, const struct error *err, struct plan *plan)
{
    struct request *request = context;
    struct reconciler *reconciler = request->machine->queue.kick.data;

    if (result < 0)
        restore_config(reconciler, request);
    else
        event_emit(reconciler, "nic", request->machine->name, "%s: done: %s", request->nic.name, request->name);
    machine_request_plan_ended(context, result, err, plan);
}

/* Begins the plan, or ends the request: what could not be prepared is refused, and without a running VM the file was all. */
static void go_on(struct reconciler *reconciler, struct request *request, int prepared, const struct error *err, run_done done)
{
    struct plan plan = {.name = memory_string(request->name), .all_or_nothing = true};

    if (prepared < 0) {
        plan_clear(&plan);
        restore_config(reconciler, request);
        machine_request_refuse(reconciler, request, err);
        return;
    }
    if (request->provisional)
        vm_diff(request->provisional, machine_observed(reconciler, request->machine), host_observed(reconciler), &plan);
    run_plan(reconciler, &plan, done, request);
}

static int begin_scope(struct reconciler *reconciler, struct request *request, struct error *err)
{
    int result = request->scope.live ? machine_request_needs_running(reconciler, request, err) : 0;

    return result == 0 && request->scope.config ? needs_file(request->machine, err) : result;
}

/* -- attach ------------------------------------------------------------------------------------------------------------------------ */

static const struct nic *find_live(struct reconciler *reconciler, const struct machine *machine, const char *name)
{
    const struct vm *observed = machine_observed(reconciler, machine);

    return observed ? vm_find_nic(observed, name) : NULL;
}

static bool name_is_taken(struct reconciler *reconciler, const struct machine *machine, const char *name)
{
    return find_live(reconciler, machine, name) || (machine->defined && vm_find_nic(machine->defined, name));
}

/* A NIC of the file that was taken out of the running VM, and comes back by its MAC, is the same one. */
static void choose_name(struct reconciler *reconciler, const struct machine *machine, struct nic *nic)
{
    const struct nic *same = machine->defined && !nic_mac_is_unset(nic) ? vm_find_nic_by_mac(machine->defined, nic->mac) : NULL;

    if (same && !find_live(reconciler, machine, same->name)) {
        text_copy(nic->name, sizeof(nic->name), same->name);
        return;
    }
    for (unsigned number = 0; !nic->name[0] || name_is_taken(reconciler, machine, nic->name); number++) {
        char name[VM_NAME_SIZE];

        snprintf(name, sizeof(name), "net%u", number);
        text_copy(nic->name, sizeof(nic->name), name);
    }
}

static int check_file_has_room(const struct machine *machine, const struct nic *nic, struct error *err)
{
    const struct nic *same = vm_find_nic_by_mac(machine->defined, nic->mac);

    if (vm_find_nic(machine->defined, nic->name))
        return error_set(err, EEXIST, "vm %s: nic %s: its file has one of that name: choose another with --alias", machine->name,
                         nic->name);
    if (same)
        return error_set(err, EEXIST, "vm %s: nic %s: its file has that MAC already, for nic %s", machine->name, nic->name, same->name);
    return 0;
}

static int complete(struct reconciler *reconciler, struct request *request, struct error *err)
{
    const struct machine *machine = request->machine;
    struct nic *nic = &request->nic;
    uint32_t random = 0;

    if (!nic->name[0])
        choose_name(reconciler, machine, nic);
    else if (request->scope.live && find_live(reconciler, machine, nic->name))
        return error_set(err, EEXIST, "vm %s: nic %s: there is one of that name: choose another with --alias", machine->name, nic->name);
    if (getrandom(&random, sizeof(random), 0) < 0)
        return error_errno(err, errno, "vm %s: nic %s: make a MAC", machine->name, nic->name);
    nic_complete(nic, machine->name, random);
    if (request->ret_name)
        text_copy(request->ret_name, VM_NAME_SIZE, nic->name);
    return request->scope.config ? check_file_has_room(machine, nic, err) : 0;
}

static int check_port(const struct machine *machine, const struct nic *nic, struct error *err)
{
    return nic_check_port(nic, NULL, err) < 0 ? error_prefix(err, "vm %s: nic %s", machine->name, nic->name) : 0;
}

static int prepare_attach(struct reconciler *reconciler, struct request *request, struct error *err)
{
    int result = begin_scope(reconciler, request, err);

    if (result == 0)
        result = complete(reconciler, request, err);
    if (result == 0)
        result = check_port(request->machine, &request->nic, err);
    if (result == 0 && request->scope.live)
        result = machine_request_check_nic(reconciler, request->machine->name, &request->nic, err);
    if (result == 0 && request->scope.config)
        result = change_config(reconciler, request, &request->nic, err);
    if (result == 0 && request->scope.live) {
        struct nic *added = vm_add_nic(request->provisional, request->nic.name);

        nic_clear(added);
        nic_copy(&request->nic, added);
    }
    return result;
}

static void attach_begin(struct reconciler *reconciler, struct request *request)
{
    struct error err = {0};

    go_on(reconciler, request, prepare_attach(reconciler, request, &err), &err, plan_ended);
}

void reconcile_nic_attach(struct reconciler *reconciler, const char *vm, const struct nic *nic, struct reconcile_scope scope,
                          char *ret_name, reconcile_done done, void *context)
{
    struct request *request = machine_request_new(reconciler, vm, "attach-interface", done, context);

    if (!request)
        return;
    request->begin = attach_begin;
    nic_copy(nic, &request->nic);
    request->scope = scope;
    request->ret_name = ret_name;
    queue_add(reconciler, &request->machine->queue, request);
}

/* -- update ------------------------------------------------------------------------------------------------------------------------ */

static int no_such_nic(const struct machine *machine, const char *name, const char *where, struct error *err)
{
    return error_set(err, ENOENT, "vm %s: nic %s: no such NIC in %s: 'trestle domiflist %s --all' shows them", machine->name, name, where,
                     machine->name);
}

static int update_live(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct nic *nic = vm_find_nic(request->provisional, request->nic.name);
    int result;

    if (!nic)
        return no_such_nic(request->machine, request->nic.name, "the running VM", err);
    result = nic_change(nic, &request->nic, true, err);
    if (result == 0)
        result = nic_check_port(nic, NULL, err);
    if (result == 0)
        result = machine_request_check_bridge(reconciler, nic, err);
    return result < 0 ? error_prefix(err, "vm %s: nic %s", request->machine->name, nic->name) : 0;
}

static int update_config(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct nic *nic = nic_new_copy(vm_find_nic(request->machine->defined, request->nic.name));
    int result;

    if (!nic)
        return no_such_nic(request->machine, request->nic.name, "its file", err);
    result = nic_change(nic, &request->nic, false, err);
    if (result == 0)
        result = check_port(request->machine, nic, err);
    if (result == 0)
        result = change_config(reconciler, request, nic, err);
    nic_free(nic);
    return result;
}

static void update_begin(struct reconciler *reconciler, struct request *request)
{
    struct error err = {0};
    int result = begin_scope(reconciler, request, &err);

    if (result == 0 && request->scope.live)
        result = update_live(reconciler, request, &err);
    if (result == 0 && request->scope.config)
        result = update_config(reconciler, request, &err);
    go_on(reconciler, request, result, &err, plan_ended);
}

void reconcile_nic_update(struct reconciler *reconciler, const char *vm, const struct nic *changes, struct reconcile_scope scope,
                          reconcile_done done, void *context)
{
    struct request *request = machine_request_new(reconciler, vm, "update-interface", done, context);

    if (!request)
        return;
    request->begin = update_begin;
    nic_copy(changes, &request->nic);
    request->scope = scope;
    queue_add(reconciler, &request->machine->queue, request);
}

/* -- detach ------------------------------------------------------------------------------------------------------------------------ */

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

/* Asked is not done: the requester waits on for the guest, but no longer holds up the VM's queue. */
static void wait_for_guest(struct reconciler *reconciler, struct request *request)
{
    struct detach_waiter *waiter = NEW(struct detach_waiter);

    waiter->reconciler = reconciler;
    waiter->machine = request->machine;
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
    waiter->next = request->machine->waiters;
    request->machine->waiters = waiter;
}

static void detach_plan_ended(void *context, int result, const struct error *err, struct plan *plan)
{
    struct request *request = context;

    if (result == 0 && request->scope.live)
        wait_for_guest(request->machine->queue.kick.data, request);
    plan_ended(context, result, err, plan);
}

static int prepare_detach(struct reconciler *reconciler, struct request *request, struct error *err)
{
    const struct machine *machine = request->machine;
    char name[VM_NAME_SIZE];
    const struct nic *live = NULL, *config = NULL;
    int result = begin_scope(reconciler, request, err);

    if (result < 0)
        return result;
    text_copy(name, sizeof(name), request->nic.name);
    live = request->scope.live ? vm_find_nic(machine_observed(reconciler, machine), name) : NULL;
    config = request->scope.config ? vm_find_nic(machine->defined, name) : NULL;
    if (request->scope.live && !live)
        return no_such_nic(machine, name, "the running VM", err);
    if (request->scope.config && !config)
        return no_such_nic(machine, name, "its file", err);
    nic_clear(&request->nic);
    nic_copy(live ? live : config, &request->nic);
    if (request->scope.live)
        vm_remove_nic(request->provisional, name);
    return request->scope.config ? change_config(reconciler, request, NULL, err) : 0;
}

static void detach_begin(struct reconciler *reconciler, struct request *request)
{
    struct error err = {0};

    go_on(reconciler, request, prepare_detach(reconciler, request, &err), &err, detach_plan_ended);
}

void reconcile_nic_detach(struct reconciler *reconciler, const char *vm, const char *nic, struct reconcile_scope scope, double timeout,
                          reconcile_done done, void *context)
{
    struct request *request = machine_request_new(reconciler, vm, "detach-interface", done, context);

    if (!request)
        return;
    request->begin = detach_begin;
    text_copy(request->nic.name, sizeof(request->nic.name), nic);
    request->scope = scope;
    request->timeout = timeout;
    queue_add(reconciler, &request->machine->queue, request);
}
