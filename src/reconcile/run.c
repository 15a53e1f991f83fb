/* Runs a plan. A step goes to the provider that its kind names. Steps that go to the kernel's network are handed over several at a
 * time where the plan is all or nothing, or takes back what another did: their provider takes them in order (of the former none
 * behind one that failed: step->chain), so that only the hand-over is saved. So are deletions of links in any plan, which the provider
 * puts together. All others begin when the one before is done. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

#define WINDOW 128 /* steps handed over at a time */

struct run;

struct taken {
    struct run *run;
    size_t index;
    bool done; /* and succeeded */
};

struct run {
    struct reconciler *reconciler;
    struct plan plan;
    struct taken *taken; /* one per step */
    size_t next;         /* step to begin */
    size_t in_flight;
    int chain;           /* step->chain of all */
    struct error first; /* failure; code 0 = none */
    char (*failed)[INTERFACE_NAME_SIZE]; /* interfaces that something could not be done to */
    size_t failed_count;
    run_done done;
    void *context;
    ev_timer start; /* so that done() never comes from within run_plan() */
};

static void run_end(struct run *run)
{
    struct error first = run->first;

    run->done(run->context, -first.code, first.code ? &first : NULL, &run->plan);
    plan_clear(&run->plan);
    free(run->taken);
    free(run->failed);
    free(run);
}

/* -- the way forward -------------------------------------------------------------------------------------------------------------- */

static bool depends_on_failed(const struct run *run, const struct step *step)
{
    if (run->plan.takes_back)
        return false;
    for (size_t i = 0; i < run->failed_count; i++)
        if (text_equal(run->failed[i], step->interface) || text_equal(run->failed[i], step->needs))
            return true;
    return false;
}

static void remember_failed(struct run *run, const char *name)
{
    run->failed = memory_resize(run->failed, run->failed_count + 1, sizeof(*run->failed));
    text_copy(run->failed[run->failed_count++], sizeof(*run->failed), name);
}

static bool is_network(const struct step *step)
{
    return step->op <= STEP_NETWORK_LAST;
}

static void begin_step(struct run *run, const struct step *step, step_done done, void *context)
{
    const struct reconcile_providers *providers = &run->reconciler->providers;

    log_debug("%s: %s: %s", run->plan.name, step->object, step->text);
    if (is_network(step))
        providers->network_apply(providers->netdev, step, done, context);
    else if (step->op <= STEP_TAP_REMAKE)
        providers->tap_apply(providers->tap, step, done, context);
    else
        providers->vm_apply(providers->vmm, step, done, context);
}

static void go_on(struct run *run);

/* Those who work on a link begin with its name, and say themselves what they tried. */
static bool says_all(const struct step *step, const struct error *err)
{
    return step->interface[0] && text_starts(err->text, step->interface) && text_starts(err->text + strlen(step->interface), ": ");
}

/* What is wrong with what was asked for shows in these first, and is no matter of the step; all else that they say stands by itself. */
static bool looks_at_request(const struct step *step)
{
    return step->op == STEP_NIC_RECORD || step->op == STEP_VM_SPAWN;
}

static void describe_failure(const struct step *step, const struct error *err, struct error *ret_failure)
{
    if (looks_at_request(step))
        error_set(ret_failure, err->code, "%s: %s", step->object, err->text);
    else if (!says_all(step, err))
        error_set(ret_failure, err->code, "%s: %s: %s", step->object, step->text, err->text);
    else if (text_equal(step->object, step->interface))
        *ret_failure = *err;
    else
        error_set(ret_failure, err->code, "%s: %s", step->object, err->text);
}

static void note_failure(struct run *run, const struct step *step, const struct error *err)
{
    struct error failure = {0};

    describe_failure(step, err, &failure);
    if (!run->first.code)
        run->first = failure;
    if (run->plan.takes_back)
        log_error("%s: could not %s", run->plan.name, failure.text);
    else if (!run->plan.all_or_nothing)
        log_warning("%s: %s", run->plan.name, failure.text);
    if (step->interface[0])
        remember_failed(run, step->interface);
}

static void step_ended(void *context, int result, const struct error *err)
{
    struct taken *taken = context;
    struct run *run = taken->run;

    taken->done = result == 0;
    if (result == 0)
        duplicate_announce(run->reconciler, &run->plan.steps[taken->index]);
    if (result < 0 && result != -ECANCELED) /* that one was behind a failed one in the chain */
        note_failure(run, &run->plan.steps[taken->index], err);
    run->in_flight--;
    go_on(run);
}

static bool may_have_company(const struct run *run, size_t index)
{
    const struct step *step = &run->plan.steps[index];

    return run->plan.all_or_nothing || run->plan.takes_back ? is_network(step) : step->op == STEP_LINK_DELETE;
}

static bool may_begin(const struct run *run)
{
    if (run->plan.all_or_nothing && run->first.code)
        return false;
    if (run->in_flight == 0)
        return true;
    /* Whatever is in flight was begun behind a step that may have company, or it is one. */
    return run->in_flight < WINDOW && may_have_company(run, run->next) && may_have_company(run, run->next - 1);
}

static void take_back(struct run *run);

static void go_on(struct run *run)
{
    while (run->next < run->plan.count && may_begin(run)) {
        struct taken *taken = &run->taken[run->next];
        struct step *step = &run->plan.steps[run->next++];

        if (depends_on_failed(run, step))
            continue;
        step->chain = run->plan.all_or_nothing ? &run->chain : NULL;
        run->in_flight++;
        begin_step(run, step, step_ended, taken);
    }
    if (run->in_flight)
        return;
    if (run->first.code && run->plan.all_or_nothing)
        take_back(run);
    else
        run_end(run);
}

/* -- the way back ----------------------------------------------------------------------------------------------------------------- */

static bool was_taken(const void *context, size_t index)
{
    return ((const struct run *)context)->taken[index].done;
}

/* Does a later step speak of the same? What it says of a link that comes back as a whole, or of its fields, counts. */
static bool is_overtaken(const struct plan *back, size_t index)
{
    const struct step *step = &back->steps[index];

    for (size_t i = index + 1; i < back->count; i++) {
        const struct step *later = &back->steps[i];

        if (text_equal(later->interface, step->interface)
            && (later->op == STEP_LINK_CREATE || later->op == STEP_LINK_DELETE || later->op == STEP_REPLAY
                || (later->op == STEP_LINK_SET && step->op == STEP_LINK_SET && later->fields & step->fields)))
            return true;
    }
    return false;
}

/* Says of each step that was taken back whether it really was: by what is observed, not by what was asked. */
static void note_remains(struct run *run, const struct plan *back)
{
    const struct network *observed = host_observed(run->reconciler);

    for (size_t i = 0; i < back->count; i++)
        if (!step_shows(&back->steps[i], observed) && !is_overtaken(back, i)) {
            error_set(&run->first, run->first.code, "%s; and could not %s", run->first.text, back->steps[i].text);
            return;
        }
}

static void back_ended(void *context, int result, const struct error *err, struct plan *back)
{
    struct run *run = context;

    if (result < 0)
        error_set(&run->first, run->first.code, "%s; and could not %s", run->first.text, err->text);
    else
        note_remains(run, back);
    run_end(run);
}

static void take_back(struct run *run)
{
    struct plan back;

    plan_invert(&run->plan, was_taken, run, &back);
    run_plan(run->reconciler, &back, back_ended, run);
}

/* --------------------------------------------------------------------------------------------------------------------------------- */

static void run_begin(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct run *run = timer->data;

    (void)loop, (void)events;
    go_on(run);
}

void run_plan(struct reconciler *reconciler, struct plan *plan, run_done done, void *context)
{
    struct run *run = NEW(struct run);

    run->reconciler = reconciler;
    run->plan = *plan;
    *plan = (struct plan){0};
    run->taken = memory_new((run->plan.count + 1) * sizeof(*run->taken));
    for (size_t i = 0; i < run->plan.count; i++)
        run->taken[i] = (struct taken){.run = run, .index = i};
    run->done = done;
    run->context = context;
    ev_timer_init(&run->start, run_begin, 0., 0.);
    run->start.data = run;
    if (run->plan.count && is_network(run->plan.steps))
        go_on(run); /* the writer ends these on the loop, and is at work while the caller does the rest */
    else
        ev_timer_start(reconciler->loop, &run->start);
}
