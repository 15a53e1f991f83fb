/* A change of the host's network: apply and the verbs that change interfaces.
 *
 *     record ──> steps ──> files ──> check ──> final
 *                  │         │         │  └──> pending ──> confirm ──> final
 *                  └─────────┴─────────┴──────────└──> taken back
 *
 * What takes it back is on disk before the first step (journal.c), as messages to the kernel that do no harm where there is nothing to
 * take back: so the daemon may be killed anywhere. The next one takes back what was under way, goes on waiting for what is pending, and
 * finishes what was final. After a reboot the kernel has forgotten the change by itself; then only the files go back. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

void change_clear(struct change *change)
{
    network_clear(&change->wanted);
    file_edits_clear(&change->edits);
    plan_clear(&change->told);
}

static void *files_of(const struct reconciler *reconciler)
{
    return reconciler->files.context;
}

static struct request *running(const struct reconciler *reconciler)
{
    return reconciler->queue.running;
}

/* -- the record ------------------------------------------------------------------------------------------------------------------- */

static bool is_no_message(const struct step *step)
{
    return step->op == STEP_SYSCTL_SET || step->op == STEP_LINK_WAIT;
}

/* Turns a step into one that can be written down. */
static int encode(const struct reconciler *reconciler, struct step *step, struct error *err)
{
    int result;

    if (step->op == STEP_REPLAY || is_no_message(step))
        return 0;
    result = reconciler->providers.network_encode(reconciler->providers.netdev, step, &step->replay, err);
    step->op = STEP_REPLAY;
    interface_free(TAKE_POINTER(step->from)); /* the messages say it all */
    interface_free(TAKE_POINTER(step->to));
    return result;
}

static int record_steps(struct reconciler *reconciler, const struct plan *plan, struct error *err)
{
    struct plan *undo = &reconciler->journal.running.undo;
    int result = 0;

    *undo = (struct plan){.name = memory_format("take back %s", plan->name), .takes_back = true};
    for (size_t i = plan->count; i-- > 0 && result == 0;) {
        struct step step;

        if (!step_invert(&plan->steps[i], &step))
            continue;
        if (step.op <= STEP_NETWORK_LAST)
            result = encode(reconciler, &step, err);
        if (result == 0 && (is_no_message(&step) || step.replay))
            *plan_append(undo) = step;
        else
            step_clear(&step);
    }
    return result;
}

/* Only what a reboot does not take back by itself must be on the disk at once. */
static bool is_durable(const struct reconciler *reconciler, const struct change *change)
{
    return change->confirm > 0 || change->edits.count || reconciler->journal.pending;
}

static int record(struct reconciler *reconciler, const struct request *request, const struct plan *plan, struct error *err)
{
    struct journal *journal = &reconciler->journal;
    int result = 0;

    if (!journal->name) {
        journal->name = memory_string(request->name);
        result = boot_id(journal->boot_id, err);
    }
    free(journal->running.hands);
    journal->running.hands = hand_text(&reconciler->hands);
    if (result == 0)
        result = record_steps(reconciler, plan, err);
    if (result == 0)
        result = reconciler->files.save_edits(files_of(reconciler), &request->change.edits, &journal->running.before, err);
    if (result == 0)
        result = journal_write(reconciler, is_durable(reconciler, &request->change), err);
    return result;
}

/* The change is through, or taken back: its part of the record goes, and the whole record if nothing is pending besides. */
void change_forget_running(struct reconciler *reconciler)
{
    struct error err;

    journal_part_clear(&reconciler->journal.running);
    if (!reconciler->journal.pending) {
        journal_remove(reconciler);
        journal_clear(&reconciler->journal);
    } else if (journal_write(reconciler, true, &err) < 0) {
        log_error("%s: %s", reconciler->journal.name, err.text);
    }
}

/* -- ends ------------------------------------------------------------------------------------------------------------------------- */

static void finish(struct reconciler *reconciler, int result, const struct error *err)
{
    struct request *request = running(reconciler);

    event_emit(reconciler, "plan", request->name, "%s", result ? err->text : "applied");
    request->change.told.all_or_nothing = true;
    duplicate_finish(reconciler, result, err, &request->change.told);
    host_rest(reconciler, result == 0);
    host_schedule(reconciler, 0.);
}

static void finish_failed(struct reconciler *reconciler, const struct error *err)
{
    struct error failure = *err;

    if (reconciler->journal.pending)
        reconciler->files.back_applied(files_of(reconciler));
    else
        reconciler->files.drop_applied(files_of(reconciler));
    change_forget_running(reconciler);
    finish(reconciler, -failure.code, &failure);
}

/* -- the way back ----------------------------------------------------------------------------------------------------------------- */

/* Files go back after the network: they are read at the next boot only. */
void change_put_files_back(struct reconciler *reconciler, const struct file_edits *before, bool others_go, struct error *failure)
{
    struct error err;

    if (reconciler->files.write_edits(files_of(reconciler), before, others_go, &err) == 0)
        return;
    log_error("%s: files as they were: %s", reconciler->journal.name, err.text);
    if (failure->code)
        error_set(failure, failure->code, "%s; and could not put the files back: %s", failure->text, err.text);
    else
        *failure = err;
}

static void running_taken_back(void *context, int result, const struct error *err, struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct error failure = running(reconciler)->failure;

    duplicate_announce_back(reconciler, plan);
    change_put_files_back(reconciler, &reconciler->journal.running.before, false, &failure);
    if (result < 0)
        error_set(&failure, failure.code, "%s; and could not take all of it back: %s", failure.text, err->text);
    else
        error_set(&failure, failure.code, "%s; the old state stands", failure.text);
    finish_failed(reconciler, &failure);
}

static void take_running_back(struct reconciler *reconciler, const struct error *err)
{
    struct plan undo = reconciler->journal.running.undo;

    running(reconciler)->failure = *err;
    reconciler->journal.running.undo = (struct plan){0};
    lease_move_back(reconciler, &reconciler->journal.running);
    run_plan(reconciler, &undo, running_taken_back, reconciler);
}

/* -- the way forward -------------------------------------------------------------------------------------------------------------- */

/* What is pending is taken back in the order: the latest first. */
static void keep_steps(struct journal *journal)
{
    struct plan *kept = &journal->kept.undo, *latest = &journal->running.undo;

    for (size_t i = 0; i < kept->count; i++)
        *plan_append(latest) = kept->steps[i];
    free(kept->steps);
    free(kept->name);
    *kept = *latest;
    *latest = (struct plan){0};
}

static void keep_running(struct journal *journal)
{
    keep_steps(journal);
    for (size_t i = 0; i < journal->running.lease_count; i++)
        *APPEND(journal->kept.leases, journal->kept.lease_count) = journal->running.leases[i];
    journal->running.lease_count = 0;
    if (journal->transaction) { /* its files and hands are kept already */
        free(TAKE_POINTER(journal->running.hands));
    } else {
        journal->kept.hands = TAKE_POINTER(journal->running.hands);
        journal->kept.before = journal->running.before;
        journal->running.before = (struct file_edits){0};
    }
}

/* The inverse of keep_running, of which `latest` steps and that many leases came from the running part. */
static void release_running(struct journal *journal, size_t latest, size_t leases)
{
    struct plan *kept = &journal->kept.undo, *released = &journal->running.undo;

    *released = (struct plan){.name = memory_string(kept->name), .takes_back = true};
    for (size_t i = 0; i < latest; i++)
        *plan_append(released) = kept->steps[i];
    kept->count -= latest;
    memmove(kept->steps, kept->steps + latest, kept->count * sizeof(*kept->steps));
    journal->kept.lease_count -= leases;
    for (size_t i = 0; i < leases; i++)
        *APPEND(journal->running.leases, journal->running.lease_count) = journal->kept.leases[journal->kept.lease_count + i];
    if (!journal->transaction) {
        journal->running.hands = TAKE_POINTER(journal->kept.hands);
        journal->running.before = journal->kept.before;
        journal->kept.before = (struct file_edits){0};
    }
}

static int make_pending(struct reconciler *reconciler, double confirm, struct error *err)
{
    struct journal *journal = &reconciler->journal;
    size_t latest = journal->running.undo.count, leases = journal->running.lease_count;
    struct file_edits before = {0};
    int result = reconciler->files.wait_applied(files_of(reconciler), err);

    if (result < 0)
        return result;
    if (journal->transaction) { /* they go with the record of all files, unless this fails */
        before = journal->running.before;
        journal->running.before = (struct file_edits){0};
    }
    journal->pending = true;
    journal->deadline = confirm > 0 ? boot_time() + confirm : 0;
    keep_running(journal);
    result = journal_write(reconciler, true, err);
    if (result < 0) {
        release_running(journal, latest, leases);
        journal->pending = journal->transaction;
        if (journal->transaction)
            journal->running.before = before;
        return result;
    }
    reconciler->files.keep_applied(files_of(reconciler));
    file_edits_clear(&before);
    if (confirm > 0)
        change_deadline_start(reconciler);
    return 0;
}

int change_make_final(struct reconciler *reconciler, struct error *err)
{
    int result = reconciler->files.wait_applied(files_of(reconciler), err);

    if (result == 0)
        result = journal_commit(reconciler, err);
    if (result == 0)
        result = reconciler->files.commit_applied(files_of(reconciler), err);
    if (result < 0)
        return result;
    journal_clear_unconfirmed(reconciler);
    journal_remove(reconciler);
    journal_clear(&reconciler->journal);
    return 0;
}

void change_want(struct reconciler *reconciler, struct network *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        struct interface *item = wanted->items[i];
        const struct interface *before = item->seen ? NULL : network_find(&reconciler->wanted, item->name);

        if (before)
            item->seen = before->seen;
    }
    network_clear(&reconciler->wanted);
    reconciler->wanted = *wanted;
    *wanted = (struct network){0};
}

static void accept(struct reconciler *reconciler, struct request *request)
{
    struct change *change = &request->change;
    struct hand_list before;
    struct problems troubles = {0};
    struct error err = {0};
    int result;

    hand_copy(&reconciler->hands, &before);
    hand_bind(&request->hands, &change->wanted);
    if (request->sets_hands) /* on record before it is final; a daemon that is killed in between takes it back */
        hand_accept(reconciler, &request->hands);
    if (reconciler->journal.pending) /* a transaction: its copy is that of all changes so far */
        reconciler->files.begin_applied(files_of(reconciler));
    if (change->confirm > 0 || reconciler->journal.pending)
        result = make_pending(reconciler, change->confirm, &err);
    else
        result = change_make_final(reconciler, &err);
    if (result < 0) { /* the disk is full, as a rule */
        hand_accept(reconciler, &before);
        take_running_back(reconciler, &err);
        return;
    }
    hand_clear(&before);
    change_want(reconciler, &change->wanted);
    if (request->sets_repair)
        reconciler->repair = request->repair;
    result = host_verify(reconciler, request, &troubles, &err);
    host_remember_troubles(reconciler, &troubles);
    problems_clear(&troubles);
    finish(reconciler, result, result ? &err : NULL);
}

void change_checked(struct reconciler *reconciler, int result, const struct error *err)
{
    struct error failure = {0};

    if (result == 0) {
        accept(reconciler, running(reconciler));
        return;
    }
    error_set(&failure, -result, "%s", err->text);
    take_running_back(reconciler, &failure);
}

static void steps_ended(void *context, int result, const struct error *err, struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct request *request = running(reconciler);
    struct error failure = {0};

    request->change.told = *plan;
    *plan = (struct plan){0};
    if (result < 0) { /* run.c took back what was done */
        duplicate_announce_back(reconciler, &request->change.told);
        error_set(&failure, -result, "%s; what was done before it was taken back", err->text);
        lease_move_back(reconciler, &reconciler->journal.running);
        finish_failed(reconciler, &failure);
        return;
    }
    result = reconciler->files.write_edits(files_of(reconciler), &request->change.edits, false, &failure);
    if (result < 0)
        take_running_back(reconciler, &failure);
    else if (request->change.check)
        request->change.check(reconciler, request);
    else
        accept(reconciler, request);
}

void change_note(struct reconciler *reconciler, struct plan *plan)
{
    struct error err = {0};

    if (!reconciler->journal.pending || !plan->count)
        return;
    reconciler->providers.network_keep(reconciler->providers.netdev, plan);
    if (record_steps(reconciler, plan, &err) < 0)
        log_error("%s: %s", reconciler->journal.name, err.text);
    keep_steps(&reconciler->journal);
    if (journal_write(reconciler, true, &err) < 0)
        log_error("%s: %s", reconciler->journal.name, err.text);
}

int change_may_begin(const struct reconciler *reconciler, const struct request *request, struct error *err)
{
    const struct journal *journal = &reconciler->journal;

    if (!journal->pending)
        return 0;
    if (journal->transaction && request->change.joins && request->change.confirm == 0)
        return 0;
    if (journal->transaction)
        return error_set(err, EBUSY, "a transaction of interface changes is open: 'trestle iface-commit' or 'trestle iface-rollback' ends it");
    return error_set(err, EBUSY, "'%s' waits to be confirmed (%.0f s are left): 'trestle confirm' or 'trestle rollback' ends that",
                     journal->name, fmax(0, journal->deadline - boot_time()));
}

/* What the first step need not wait for; the copy last, since it is a thread that writes it. */
static void beside_steps(struct reconciler *reconciler, struct request *request)
{
    if (request->change.tells_claims)
        claim_warn(reconciler, &request->change.wanted, &request->problems);
    if (!reconciler->journal.pending)
        reconciler->files.begin_applied(files_of(reconciler));
}

void change_run(struct reconciler *reconciler, struct request *request, struct plan *plan)
{
    struct error err = {0};
    int result = change_may_begin(reconciler, request, &err);

    if (result < 0) {
        plan_clear(plan);
        queue_finish(reconciler, &reconciler->queue, result, &err, NULL);
        return;
    }
    if (!plan->count && !request->change.edits.count)
        request->change.confirm = 0; /* there is nothing to take back */
    reconciler->providers.network_keep(reconciler->providers.netdev, plan);
    result = record(reconciler, request, plan, &err);
    if (result == 0 && *request->change.lease.from)
        result = lease_move(reconciler, request->change.lease.from, request->change.lease.to, &err);
    if (result < 0) {
        plan_clear(plan);
        error_set(&err, err.code, "%s; nothing was changed", err.text);
        finish_failed(reconciler, &err);
        return;
    }
    run_plan(reconciler, plan, steps_ended, reconciler);
    beside_steps(reconciler, request);
}
