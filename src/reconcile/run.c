/* Runs a plan. A step goes to the provider that its kind names; the next begins when the provider says that it is done. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

struct run {
    struct reconciler *reconciler;
    struct plan plan;
    size_t position; /* of the step that is being taken; when undoing: that is being taken back */
    bool undoing;
    struct step inverse;
    struct error first; /* failure; code 0 = none */
    char (*failed)[INTERFACE_NAME_SIZE]; /* interfaces that something could not be done to */
    size_t failed_count;
    run_done done;
    void *context;
    ev_timer start; /* so that done() never comes from within run_plan() */
};

static void run_next(struct run *run);

static void run_end(struct run *run)
{
    struct error first = run->first;

    run->done(run->context, -first.code, first.code ? &first : NULL, &run->plan);
    plan_clear(&run->plan);
    free(run->failed);
    free(run);
}

/* -- the way forward -------------------------------------------------------------------------------------------------------------- */

static bool depends_on_failed(const struct run *run, const struct step *step)
{
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

static void begin_step(struct run *run, const struct step *step, step_done done)
{
    const struct reconcile_providers *providers = &run->reconciler->providers;

    log_debug("%s: %s: %s", run->plan.name, step->object, step->text);
    if (step->op <= STEP_ROUTE_DELETE)
        providers->network_apply(providers->netdev, step, done, run);
    else if (step->op <= STEP_TAP_REMAKE)
        providers->tap_apply(providers->tap, step, done, run);
    else
        providers->vm_apply(providers->vmm, step, done, run);
}

static void undo_next(struct run *run);

static void step_ended(void *context, int result, const struct error *err)
{
    struct run *run = context;
    const struct step *step = &run->plan.steps[run->position];

    if (result < 0) {
        struct error failure = {0};

        error_set(&failure, -result, "%s: %s: %s", step->object, step->text, err ? err->text : "failed");
        if (!run->first.code)
            run->first = failure;
        if (run->plan.all_or_nothing) {
            run->undoing = true;
            undo_next(run);
            return;
        }
        log_warning("%s: %s", run->plan.name, failure.text);
        if (step->interface[0])
            remember_failed(run, step->interface);
    }
    run->position++;
    run_next(run);
}

static void run_next(struct run *run)
{
    while (run->position < run->plan.count && depends_on_failed(run, &run->plan.steps[run->position]))
        run->position++;
    if (run->position == run->plan.count)
        run_end(run);
    else
        begin_step(run, &run->plan.steps[run->position], step_ended);
}

/* -- the way back ----------------------------------------------------------------------------------------------------------------- */

static void undo_ended(void *context, int result, const struct error *err)
{
    struct run *run = context;

    if (result < 0) {
        log_error("%s: %s: %s: %s", run->plan.name, run->inverse.object, run->inverse.text, err ? err->text : "failed");
        error_set(&run->first, run->first.code, "%s; and could not %s: %s", run->first.text, run->inverse.text,
                  err ? err->text : "failed");
    }
    step_clear(&run->inverse);
    undo_next(run);
}

static void undo_next(struct run *run)
{
    while (run->position > 0) {
        run->position--;
        if (step_invert(&run->plan.steps[run->position], &run->inverse)) {
            begin_step(run, &run->inverse, undo_ended);
            return;
        }
    }
    run_end(run);
}

/* --------------------------------------------------------------------------------------------------------------------------------- */

static void run_begin(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct run *run = timer->data;

    (void)loop, (void)events;
    run_next(run);
}

void run_plan(struct reconciler *reconciler, struct plan *plan, run_done done, void *context)
{
    struct run *run = NEW(struct run);

    run->reconciler = reconciler;
    run->plan = *plan;
    *plan = (struct plan){0};
    run->done = done;
    run->context = context;
    ev_timer_init(&run->start, run_begin, 0., 0.);
    run->start.data = run;
    ev_timer_start(reconciler->loop, &run->start);
}
