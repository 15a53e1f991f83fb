/* The reconciler's object, and what it tells about the host's network. */
#include "reconcile/reconcile.h"

#include <stdlib.h>

#include "base/memory.h"
#include "model/diff.h"
#include "reconcile/reconcile_internal.h"

struct reconciler *reconcile_new(struct ev_loop *loop, const struct reconcile_providers *providers, const struct reconcile_files *files,
                                 bool repair, reconcile_listener listener, void *context)
{
    struct reconciler *reconciler = NEW(struct reconciler);

    reconciler->loop = loop;
    reconciler->providers = *providers;
    reconciler->files = *files;
    reconciler->repair = repair;
    reconciler->listener = listener;
    reconciler->listener_context = context;
    reconciler->deadline_fd = -1;
    queue_init(&reconciler->queue, reconciler);
    answered_init(&reconciler->answered);
    ev_timer_init(&reconciler->pass_timer, host_pass, 0., 0.);
    reconciler->pass_timer.data = reconciler;
    return reconciler;
}

void reconcile_free(struct reconciler *reconciler)
{
    if (!reconciler)
        return;
    ev_timer_stop(reconciler->loop, &reconciler->pass_timer);
    for (size_t i = 0; i < reconciler->machine_count; i++)
        machine_free(reconciler, reconciler->machines[i]);
    free(reconciler->machines);
    queue_clear(&reconciler->queue, reconciler);
    answered_free(&reconciler->answered, reconciler->loop);
    change_stop(reconciler);
    network_clear(&reconciler->wanted);
    network_clear(&reconciler->leased);
    duplicate_clear(reconciler);
    text_clear(&reconciler->troubles);
    problems_clear(&reconciler->file_errors);
    hand_clear(&reconciler->hands);
    free(reconciler->repairs);
    free(reconciler);
}

static void tell_interface(struct reconciler *reconciler, const char *name)
{
    const struct interface *interface = network_find(host_observed(reconciler), name);

    if (!interface)
        event_emit(reconciler, "interface", name, "gone");
    else if (interface->master[0])
        event_emit(reconciler, "interface", name, "%s, port of %s", reason_link_state(interface), interface->master);
    else
        event_emit(reconciler, "interface", name, "%s", reason_link_state(interface));
}

void reconcile_network_changed(struct reconciler *reconciler, const char *name, bool tell)
{
    if (tell && name[0])
        tell_interface(reconciler, name);
    for (size_t i = 0; i < reconciler->machine_count; i++)
        machine_check_waiters(reconciler, reconciler->machines[i]);
    host_schedule(reconciler, 0.);
}

const struct network *reconcile_network_observed(const struct reconciler *reconciler)
{
    return host_observed(reconciler);
}

const struct network *reconcile_network_wanted(const struct reconciler *reconciler)
{
    return &reconciler->wanted;
}

/* What each VM would still have done to it. */
static void plan_machines(struct reconciler *reconciler, struct plan *plan)
{
    for (size_t i = 0; i < reconciler->machine_count; i++) {
        const struct machine *machine = reconciler->machines[i];
        const struct vm *observed = machine_observed(reconciler, machine);

        if (machine->wanted && observed)
            vm_diff(machine->wanted, observed, host_observed(reconciler), plan);
    }
}

/* apply reads them too, and stops at their errors. */
static void check_definitions(const struct reconciler *reconciler, struct problems *problems)
{
    struct vm **vms = NULL;
    size_t count = reconciler->files.read_vms(reconciler->files.context, &vms, problems);

    for (size_t i = 0; i < count; i++)
        vm_free(vms[i]);
    free(vms);
}

bool reconcile_plan(struct reconciler *reconciler, struct plan *ret_plan, struct problems *problems)
{
    struct network files = {0}, with_taps = {0};
    bool is_taken;

    reconciler->files.read_network(reconciler->files.context, &files, problems);
    host_bind(reconciler, &files);
    reason_remember_files(reconciler, problems);
    check_definitions(reconciler, problems);
    is_taken = !problems->errors;
    host_plan_lost_taps(reconciler, ret_plan);
    host_wanted(reconciler, false, &with_taps);
    for (size_t i = 0; i < with_taps.count; i++)
        if (!with_taps.items[i]->file && !network_find(&files, with_taps.items[i]->name))
            network_insert(&files, interface_copy(with_taps.items[i]));
    duplicate_problems(reconciler, &files, problems);
    lease_diff(reconciler, &files, ret_plan, problems);
    hand_warn(reconciler, &files, problems);
    claim_warn(reconciler, &files, problems);
    plan_machines(reconciler, ret_plan);
    network_clear(&files);
    network_clear(&with_taps);
    return is_taken;
}

bool reconcile_repairs(const struct reconciler *reconciler)
{
    return reconciler->repair;
}

bool reconcile_interface_claim(const struct reconciler *reconciler, const struct interface *observed, struct manager_claim *ret_claim)
{
    return claim_of(reconciler, observed, ret_claim);
}

const char *reconcile_busy(const struct reconciler *reconciler)
{
    return reconciler->queue.running ? reconciler->queue.running->name : NULL;
}

const char *reconcile_warnings(const struct reconciler *reconciler)
{
    return reconciler->providers.host_warning ? reconciler->providers.host_warning(reconciler->providers.filter) : NULL;
}

const char *reconcile_troubles(const struct reconciler *reconciler)
{
    return reconciler->troubles.length ? reconciler->troubles.data : NULL;
}
