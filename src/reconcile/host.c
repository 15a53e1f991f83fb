/* The host's network: start-up, apply, repair. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "model/diff.h"
#include "model/hwaddr.h"
#include "model/kind.h"
#include "reconcile/reconcile_internal.h"

#define REPAIR_FIRST 0.05 /* seconds; doubled while the same object is lost again and again */
#define REPAIR_LONGEST 60.
#define AFTER_ANSWER 0.02 /* whoever asked for a change reads a long answer meanwhile, undisturbed */

const struct network *host_observed(const struct reconciler *reconciler)
{
    return reconciler->providers.network_observed(reconciler->providers.netdev);
}

/* -- what is wanted --------------------------------------------------------------------------------------------------------------- */

static bool has_come(const struct interface *wanted, const struct interface *observed)
{
    return observed->index != wanted->seen;
}

bool host_waits_for_person(const struct interface *wanted, const struct interface *observed)
{
    return !wanted->hotplug && !kind_find(wanted->kind)->made && has_come(wanted, observed);
}

/* A person who sets an interface down by hand means it (ip link set down): repair leaves that alone; start-up and apply don't. One that
 * has come to the host since (a NIC that was plugged in) nobody has set down. */
static void leave_to_person(struct network *wanted, const struct network *observed)
{
    for (size_t i = 0; i < wanted->count; i++) {
        struct interface *item = wanted->items[i];
        const struct interface *link = network_find(observed, item->name);

        if (link && host_waits_for_person(item, link))
            item->onboot = false;
        else if (link && !has_come(item, link))
            item->set &= ~FIELD_BIT(FIELD_UP);
    }
}

void host_note_seen(const struct network *observed, const char *name, struct network *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        const struct interface *link = network_find(observed, wanted->items[i]->name);

        if (!name || text_equal(wanted->items[i]->name, name))
            wanted->items[i]->seen = link ? link->index : 0;
    }
}

/* Repair has nothing to do, so what is there is up, or as a person left it. */
static void note_repaired(struct reconciler *reconciler)
{
    const struct network *observed = host_observed(reconciler);

    for (size_t i = 0; i < reconciler->wanted.count; i++) {
        struct interface *item = reconciler->wanted.items[i];
        const struct interface *link = network_find(observed, item->name);

        item->seen = link && !host_waits_for_person(item, link) ? link->index : 0;
    }
}

/* A NIC that came since the plan was made is repair's, or a person's. */
static void leave_to_repair(struct network *wanted, const struct network *observed)
{
    for (size_t i = 0; i < wanted->count; i++) {
        struct interface *item = wanted->items[i];
        const struct interface *link = network_find(observed, item->name);

        if (link && !kind_find(item->kind)->made && has_come(item, link))
            item->onboot = false;
    }
}

void host_bind(const struct reconciler *reconciler, struct network *wanted)
{
    hwaddr_bind(wanted, host_observed(reconciler));
}

static void add_taps(struct reconciler *reconciler, const struct machine *machine, struct network *wanted)
{
    const struct vm *vm = machine_observed(reconciler, machine);

    /* While a plan of the VM runs, its TAPs are that plan's. */
    if (!vm || machine->queue.running)
        return;
    for (size_t i = 0; i < vm->nic_count; i++) {
        const struct nic *nic = &vm->nics[i];

        if (nic->type == NIC_BRIDGE && (nic->state == NIC_PLUGGED || nic->state == NIC_UNPLUGGING)
            && !network_find(wanted, nic->target))
            network_insert(wanted, nic_wanted_link(nic, host_observed(reconciler)));
    }
}

void host_wanted(struct reconciler *reconciler, bool repairing, struct network *ret_wanted)
{
    network_copy(&reconciler->wanted, ret_wanted);
    hand_overlay(&reconciler->hands, ret_wanted);
    if (repairing)
        leave_to_person(ret_wanted, host_observed(reconciler));
    for (size_t i = 0; i < reconciler->machine_count; i++)
        add_taps(reconciler, reconciler->machines[i], ret_wanted);
    lease_add(reconciler, ret_wanted);
    duplicate_withhold(reconciler, ret_wanted);
}

/* A module that somebody loaded meanwhile counts when a person asks (apply, plan): then foreign links may be adopted, too. */
void host_diff(const struct reconciler *reconciler, const struct network *wanted, const struct network *previous, bool adopt,
               struct plan *plan, struct problems *problems)
{
    const struct reconcile_providers *providers = &reconciler->providers;

    if (providers->network_ask)
        providers->network_ask(providers->netdev, wanted, adopt);
    network_diff(wanted, previous, host_observed(reconciler), adopt, plan, problems);
}

void host_remember_troubles(struct reconciler *reconciler, const struct problems *problems)
{
    text_clear(&reconciler->troubles);
    for (size_t i = 0; i < problems->count; i++) {
        char *line = problem_text(&problems->items[i]);

        text_format(&reconciler->troubles, "%s%s", i ? "\n" : "", line);
        free(line);
    }
}

/* -- repair ----------------------------------------------------------------------------------------------------------------------- */

static struct backoff *repair_backoff(struct reconciler *reconciler, const char *name)
{
    struct repair_memory *memory;

    for (size_t i = 0; i < reconciler->repair_count; i++)
        if (text_equal(reconciler->repairs[i].name, name))
            return &reconciler->repairs[i].backoff;
    memory = APPEND(reconciler->repairs, reconciler->repair_count);
    text_copy(memory->name, sizeof(memory->name), name);
    backoff_init(&memory->backoff, REPAIR_FIRST, REPAIR_LONGEST);
    return &memory->backoff;
}

/* A step waits also for the other interface that it has to do with: a slave is not taken out of a bond that is not made anew yet. */
static const struct backoff *backoff_of_step(struct reconciler *reconciler, const struct step *step, double now)
{
    if (step->needs[0] && !backoff_may_try(repair_backoff(reconciler, step->needs), now))
        return repair_backoff(reconciler, step->needs);
    return repair_backoff(reconciler, step->interface);
}

/* Leaves in the plan only what may be tried now; gives the time of the next try, or 0. Whoever fights with somebody else over an
 * object does so ever more slowly. */
static double drop_steps_in_backoff(struct reconciler *reconciler, struct plan *plan)
{
    double now = ev_now(reconciler->loop), next = 0;
    size_t kept = 0;

    for (size_t i = 0; i < plan->count; i++) {
        const struct backoff *backoff = backoff_of_step(reconciler, &plan->steps[i], now);

        if (backoff_may_try(backoff, now)) {
            plan->steps[kept++] = plan->steps[i];
        } else {
            if (!next || backoff->next < next)
                next = backoff->next;
            step_clear(&plan->steps[i]);
        }
    }
    plan->count = kept;
    return next;
}

/* A repair that worked counts too: a fight is many of those. One that comes long after the last is no fight. */
static void count_repair(struct backoff *backoff, double now)
{
    if (now > backoff->next + REPAIR_LONGEST)
        backoff_succeeded(backoff);
    backoff_failed(backoff, now);
}

static void repair_ended(void *context, int result, const struct error *err, struct plan *plan)
{
    struct reconciler *reconciler = context;
    double now = ev_now(reconciler->loop);

    for (size_t i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];

        if (i == 0 || !text_equal(step->interface, plan->steps[i - 1].interface))
            count_repair(repair_backoff(reconciler, step->interface), now);
        event_emit(reconciler, "repair", step->object, "%s", step->text);
    }
    if (result < 0)
        log_warning("repair: %s", err->text);
    queue_finish(reconciler, &reconciler->queue, result, err, plan);
    host_schedule(reconciler, REPAIR_FIRST);
}

/* A VM's NIC must not stay mute because somebody ran "ip link delete" on its TAP. */
void host_plan_lost_taps(struct reconciler *reconciler, struct plan *plan)
{
    for (size_t i = 0; i < reconciler->machine_count; i++) {
        const struct machine *machine = reconciler->machines[i];
        const struct vm *vm = machine->queue.running ? NULL : machine_observed(reconciler, machine);

        for (size_t j = 0; vm && j < vm->nic_count; j++)
            if (vm->nics[j].type == NIC_BRIDGE && vm->nics[j].state == NIC_PLUGGED
                && !network_find(host_observed(reconciler), vm->nics[j].target))
                nic_plan_remake(vm, &vm->nics[j], host_observed(reconciler), plan);
    }
}

static void repair_begin(struct reconciler *reconciler, struct request *request)
{
    struct network wanted, previous;
    struct plan plan = {.name = memory_string("repair")};
    double next;

    host_plan_lost_taps(reconciler, &plan);
    host_wanted(reconciler, true, &wanted);
    lease_previous(reconciler, &previous);
    host_diff(reconciler, &wanted, &previous, false, &plan, &request->problems);
    host_remember_troubles(reconciler, &request->problems);
    next = drop_steps_in_backoff(reconciler, &plan);
    network_clear(&wanted);
    network_clear(&previous);
    if (next)
        host_schedule(reconciler, next - ev_now(reconciler->loop));
    if (plan.count) {
        run_plan(reconciler, &plan, repair_ended, reconciler);
        return;
    }
    if (!next)
        note_repaired(reconciler);
    plan_clear(&plan);
    queue_finish(reconciler, &reconciler->queue, 0, NULL, NULL);
}

void host_pass(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct reconciler *reconciler = timer->data;
    double rest = reconciler->rests_until - ev_now(loop);
    struct request *request;

    (void)events;
    if (reconciler->adopted && !reconciler->queue.running)
        host_bind(reconciler, &reconciler->wanted);
    if (reconciler->adopted) {
        hand_bind(&reconciler->hands, &reconciler->wanted);
        lease_follow(reconciler);
        duplicate_follow(reconciler);
    }
    if (!reconciler->adopted || !reconciler->repair || reconciler->queue.first || reconciler->queue.running)
        return; /* what runs schedules another pass at its end */
    if (rest > 0) {
        host_schedule(reconciler, rest);
        return;
    }
    request = request_new("repair", NULL, NULL);
    request->begin = repair_begin;
    queue_add(reconciler, &reconciler->queue, request);
}

void host_rest(struct reconciler *reconciler, bool rests)
{
    ev_now_update(reconciler->loop);
    reconciler->rests_until = rests ? ev_now(reconciler->loop) + AFTER_ANSWER : 0;
}

/* The earliest of all wishes counts. */
void host_schedule(struct reconciler *reconciler, double after)
{
    if (ev_is_active(&reconciler->pass_timer) && ev_timer_remaining(reconciler->loop, &reconciler->pass_timer) <= after)
        return;
    ev_timer_stop(reconciler->loop, &reconciler->pass_timer);
    ev_timer_set(&reconciler->pass_timer, after > 0 ? after : 0., 0.);
    ev_timer_start(reconciler->loop, &reconciler->pass_timer);
}

/* -- apply ------------------------------------------------------------------------------------------------------------------------ */

static void replace_definitions(struct reconciler *reconciler, struct problems *problems)
{
    struct vm **vms = NULL;
    size_t count = reconciler->files.read_vms(reconciler->files.context, &vms, problems);

    for (size_t i = 0; i < count; i++) {
        struct machine *machine = machine_add(reconciler, vms[i]->name);

        vm_free(machine->defined);
        machine->defined = vms[i];
        derive(vms[i]);
    }
    free(vms);
}

static bool has_problem(const struct problems *problems, const char *text)
{
    for (size_t i = 0; i < problems->count; i++)
        if (text_equal(problems->items[i].text, text))
            return true;
    return false;
}

/* Addresses of which nobody has said anything are about to be added, and the routes with them. */
static bool is_on_its_way(const struct reconciler *reconciler, const struct step *step)
{
    return (step->op == STEP_ADDRESS_ADD || step->op == STEP_ROUTE_ADD) && duplicate_adds(reconciler, step->interface);
}

static const struct step *find_undone(const struct reconciler *reconciler, const struct request *request, const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (request_acts_on(request, plan->steps[i].interface) && !is_on_its_way(reconciler, &plan->steps[i]))
            return &plan->steps[i];
    return NULL;
}

/* The text of a problem of an interface begins with its name. */
static bool is_of_request(const struct request *request, const struct problem *problem)
{
    char name[INTERFACE_NAME_SIZE];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(problem->text, " "), problem->text);
    if (*name)
        name[strlen(name) - 1] = '\0'; /* the colon */
    return request_acts_on(request, name);
}

/* request: only what is its business; NULL = all. */
static void add_new(struct problems *known, const struct problems *found, const struct request *request)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct problem *problem = &found->items[i];

        if (!has_problem(known, problem->text) && (!request || is_of_request(request, problem)))
            problems_add(known, problem->warning, problem->file, problem->line, problem->column, "%s", problem->text);
    }
}

int host_verify(struct reconciler *reconciler, struct request *request, struct problems *troubles, struct error *err)
{
    struct plan plan = {0};
    struct problems problems = {0};
    struct network wanted = {0}, none = {0};
    const struct step *undone;
    int result = 0;

    network_copy(&reconciler->wanted, &wanted);
    hand_overlay(&reconciler->hands, &wanted);
    leave_to_repair(&wanted, host_observed(reconciler));
    duplicate_withhold(reconciler, &wanted);
    host_diff(reconciler, &wanted, &none, true, &plan, &problems);
    undone = find_undone(reconciler, request, &plan);
    if (undone)
        result = error_set(err, EIO, "every step was taken, but the kernel does not show it: still to do: %s: %s%s", undone->object,
                           undone->text, plan.count > 1 ? ", and more: see 'trestle plan'" : "");
    if (troubles) {
        add_new(troubles, &request->problems, NULL);
        add_new(troubles, &problems, NULL);
    }
    add_new(&request->problems, &problems, request);
    plan_clear(&plan);
    problems_clear(&problems);
    network_clear(&wanted);
    return result;
}

static void apply_begin(struct reconciler *reconciler, struct request *request)
{
    struct plan plan = {.name = memory_string("apply"), .all_or_nothing = true};
    struct error err = {0};
    int result = change_may_begin(reconciler, request, &err);

    if (result == 0) {
        reconciler->files.read_network(reconciler->files.context, &request->change.wanted, &request->problems);
        host_bind(reconciler, &request->change.wanted);
        host_note_seen(host_observed(reconciler), NULL, &request->change.wanted);
        reason_remember_files(reconciler, &request->problems);
        replace_definitions(reconciler, &request->problems);
        if (request->problems.errors)
            result = error_set(&err, EINVAL, "%zu %s in the files: nothing was applied", request->problems.errors,
                               request->problems.errors == 1 ? "error" : "errors");
    }
    if (result < 0) {
        plan_clear(&plan);
        queue_finish(reconciler, &reconciler->queue, result, &err, NULL);
        return;
    }
    if (duplicate_ask(reconciler, request, &request->change.wanted)) {
        plan_clear(&plan);
        return;
    }
    lease_diff(reconciler, &request->change.wanted, &plan, &request->problems);
    change_run(reconciler, request, &plan);
}

void reconcile_apply(struct reconciler *reconciler, bool repair, double confirm, reconcile_done done, void *context)
{
    struct request *request = request_new("apply", done, context);

    request->begin = apply_begin;
    request->sets_repair = true;
    request->sets_hands = true; /* to none */
    request->repair = repair;
    request->change.confirm = confirm;
    request->change.tells_claims = true;
    queue_add(reconciler, &reconciler->queue, request);
}

/* -- start-up --------------------------------------------------------------------------------------------------------------------- */

static void autostart(struct reconciler *reconciler)
{
    for (size_t i = 0; i < reconciler->machine_count; i++) {
        const struct machine *machine = reconciler->machines[i];

        if (machine->defined && machine->defined->autostart && !machine_observed(reconciler, machine))
            reconcile_vm_power(reconciler, machine->name, POWER_START, NULL, NULL);
    }
}

static void start_ended(void *context, int result, const struct error *err, struct plan *plan)
{
    struct reconciler *reconciler = context;
    bool starts_vms = reconciler->queue.running->autostart;
    struct error failure = {0};

    if (!reconciler->journal.pending && reconciler->files.commit_applied(reconciler->files.context, &failure) < 0)
        log_warning("start: %s", failure.text);
    reconciler->adopted = true;
    if (starts_vms)
        autostart(reconciler);
    duplicate_finish(reconciler, result, err, plan);
    host_schedule(reconciler, 0.);
}

static void start_go_on(struct reconciler *reconciler)
{
    struct request *request = reconciler->queue.running;
    struct plan plan = {.name = memory_string("start")};
    struct network wanted, previous;

    hand_load(reconciler);
    if (!reconciler->journal.pending) {
        network_clear(&reconciler->wanted); /* what a change that was taken back wanted */
        reconciler->files.read_start(reconciler->files.context, &reconciler->wanted, &request->problems);
        reason_remember_files(reconciler, &request->problems);
        reconciler->files.begin_applied(reconciler->files.context);
    }
    host_bind(reconciler, &reconciler->wanted);
    host_note_seen(host_observed(reconciler), NULL, &reconciler->wanted);
    claim_warn(reconciler, &reconciler->wanted, &request->problems);
    replace_definitions(reconciler, &request->problems);
    machine_adopt_all(reconciler);
    host_plan_lost_taps(reconciler, &plan);
    duplicate_expect(reconciler, &reconciler->wanted);
    host_wanted(reconciler, false, &wanted);
    lease_previous(reconciler, &previous);
    host_diff(reconciler, &wanted, &previous, false, &plan, &request->problems);
    host_remember_troubles(reconciler, &request->problems);
    network_clear(&wanted);
    network_clear(&previous);
    run_plan(reconciler, &plan, start_ended, reconciler);
}

static void start_begin(struct reconciler *reconciler, struct request *request)
{
    (void)request;
    change_recover(reconciler, start_go_on);
}

void reconcile_start(struct reconciler *reconciler, bool autostart_vms, reconcile_done done, void *context)
{
    struct request *request = request_new("start", done, context);

    request->begin = start_begin;
    request->autostart = autostart_vms;
    queue_add(reconciler, &reconciler->queue, request);
}
