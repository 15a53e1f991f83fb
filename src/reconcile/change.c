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
#include <sys/timerfd.h>
#include <unistd.h>

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

/* -- the deadline ----------------------------------------------------------------------------------------------------------------- */

static void deadline_stop(struct reconciler *reconciler)
{
    if (reconciler->deadline_fd < 0)
        return;
    ev_io_stop(reconciler->loop, &reconciler->deadline);
    close(reconciler->deadline_fd);
    reconciler->deadline_fd = -1;
}

/* What is pending stays on disk, for the next daemon. */
void change_stop(struct reconciler *reconciler)
{
    deadline_stop(reconciler);
    journal_clear(&reconciler->journal);
}

static void deadline_passed(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct reconciler *reconciler = watcher->data;

    (void)loop, (void)events;
    deadline_stop(reconciler);
    log_warning("%s: nobody confirmed in time: it is taken back", reconciler->journal.name);
    reconcile_rollback(reconciler, false, NULL, NULL);
}

/* By CLOCK_BOOTTIME: a suspended machine's time passes too. */
static void deadline_start(struct reconciler *reconciler)
{
    double seconds = fmax(reconciler->journal.deadline, 1e-3); /* 0 would stop the timer; the past is fine */
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)seconds, .tv_nsec = (long)(fmod(seconds, 1) * 1e9)}};

    reconciler->deadline_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (reconciler->deadline_fd < 0 || timerfd_settime(reconciler->deadline_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0) {
        log_error("%s: no timer for its confirm: it is taken back", reconciler->journal.name);
        reconcile_rollback(reconciler, false, NULL, NULL);
        return;
    }
    ev_io_init(&reconciler->deadline, deadline_passed, reconciler->deadline_fd, EV_READ);
    reconciler->deadline.data = reconciler;
    ev_io_start(reconciler->loop, &reconciler->deadline);
}

/* -- the record ------------------------------------------------------------------------------------------------------------------- */

/* Turns a step into one that can be written down. */
static int encode(const struct reconciler *reconciler, struct step *step, struct error *err)
{
    int result;

    if (step->op == STEP_REPLAY || step->op == STEP_SYSCTL_SET)
        return 0;
    result = reconciler->providers.network_encode(reconciler->providers.netdev, step, &step->replay, err);
    step->op = STEP_REPLAY;
    return result;
}

static int record_steps(struct reconciler *reconciler, const struct plan *plan, struct error *err)
{
    struct plan inverse, *undo = &reconciler->journal.running.undo;

    plan_invert(plan, NULL, NULL, &inverse);
    *undo = (struct plan){.name = memory_format("take back %s", plan->name), .takes_back = true};
    for (size_t i = 0; i < inverse.count; i++) {
        struct step *step = &inverse.steps[i];
        int result = step->op <= STEP_NETWORK_LAST ? encode(reconciler, step, err) : 0;

        if (result < 0) {
            plan_clear(&inverse);
            return result;
        }
        if (step->op == STEP_SYSCTL_SET || step->replay) {
            *APPEND(undo->steps, undo->count) = *step;
            *step = (struct step){0};
        }
    }
    plan_clear(&inverse);
    return 0;
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
        journal->hands = hand_text(&reconciler->hands);
        result = boot_id(journal->boot_id, err);
    }
    if (result == 0)
        result = record_steps(reconciler, plan, err);
    if (result == 0)
        result = reconciler->files.save_edits(files_of(reconciler), &request->change.edits, &journal->running.before, err);
    if (result == 0)
        result = journal_write(reconciler, is_durable(reconciler, &request->change), err);
    return result;
}

/* The change is through, or taken back: its part of the record goes, and the whole record if nothing is pending besides. */
static void forget_running(struct reconciler *reconciler)
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
    queue_finish(reconciler, &reconciler->queue, result, err, &request->change.told);
    host_schedule(reconciler, 0.);
}

static void finish_failed(struct reconciler *reconciler, const struct error *err)
{
    struct error failure = *err;

    if (!reconciler->journal.pending)
        reconciler->files.drop_applied(files_of(reconciler));
    forget_running(reconciler);
    finish(reconciler, -failure.code, &failure);
}

/* -- the way back ----------------------------------------------------------------------------------------------------------------- */

/* Files go back after the network: they are read at the next boot only. */
static void put_files_back(struct reconciler *reconciler, const struct file_edits *before, bool others_go, struct error *failure)
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

static void running_taken_back(void *context, int result, const struct error *err, const struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct error failure = running(reconciler)->failure;

    (void)plan;
    put_files_back(reconciler, &reconciler->journal.running.before, false, &failure);
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
    run_plan(reconciler, &undo, running_taken_back, reconciler);
}

/* -- the way forward -------------------------------------------------------------------------------------------------------------- */

/* What is pending is taken back in the order: the latest first. */
static void keep_running(struct journal *journal)
{
    struct plan *kept = &journal->kept.undo, *latest = &journal->running.undo;

    for (size_t i = 0; i < kept->count; i++)
        *APPEND(latest->steps, latest->count) = kept->steps[i];
    free(kept->steps);
    free(kept->name);
    *kept = *latest;
    *latest = (struct plan){0};
    if (!journal->transaction) { /* else all files are kept already */
        journal->kept.before = journal->running.before;
        journal->running.before = (struct file_edits){0};
    }
}

/* The inverse of keep_running, of which `latest` steps came from the running part. */
static void release_running(struct journal *journal, size_t latest)
{
    struct plan *kept = &journal->kept.undo, *released = &journal->running.undo;

    *released = (struct plan){.name = memory_string(kept->name), .takes_back = true};
    for (size_t i = 0; i < latest; i++)
        *APPEND(released->steps, released->count) = kept->steps[i];
    kept->count -= latest;
    memmove(kept->steps, kept->steps + latest, kept->count * sizeof(*kept->steps));
    if (!journal->transaction) {
        journal->running.before = journal->kept.before;
        journal->kept.before = (struct file_edits){0};
    }
}

static int make_pending(struct reconciler *reconciler, double confirm, struct error *err)
{
    struct journal *journal = &reconciler->journal;
    size_t latest = journal->running.undo.count;
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
        release_running(journal, latest);
        journal->pending = journal->transaction;
        if (journal->transaction)
            journal->running.before = before;
        return result;
    }
    file_edits_clear(&before);
    if (confirm > 0)
        deadline_start(reconciler);
    return 0;
}

static int make_final(struct reconciler *reconciler, struct error *err)
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

static void want(struct reconciler *reconciler, struct network *wanted)
{
    network_clear(&reconciler->wanted);
    reconciler->wanted = *wanted;
    *wanted = (struct network){0};
}

static void accept(struct reconciler *reconciler, struct request *request)
{
    struct change *change = &request->change;
    struct error err = {0};
    int result;

    if (reconciler->journal.pending) /* a transaction: its copy is that of all changes so far */
        reconciler->files.begin_applied(files_of(reconciler));
    if (change->confirm > 0 || reconciler->journal.pending)
        result = make_pending(reconciler, change->confirm, &err);
    else
        result = make_final(reconciler, &err);
    if (result < 0) { /* the disk is full, as a rule */
        take_running_back(reconciler, &err);
        return;
    }
    want(reconciler, &change->wanted);
    if (request->sets_repair)
        reconciler->repair = request->repair;
    if (request->sets_hands)
        hand_accept(reconciler, &request->hands);
    result = host_verify(reconciler, &request->problems, &err);
    host_remember_troubles(reconciler, &request->problems);
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

static void steps_ended(void *context, int result, const struct error *err, const struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct request *request = running(reconciler);
    struct error failure = {0};

    (void)plan;
    if (result < 0) { /* run.c took back what was done */
        error_set(&failure, -result, "%s; what was done before it was taken back", err->text);
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

static void tell(struct plan *told, const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        plan_add(told, plan->steps[i].op, plan->steps[i].object, "%s", plan->steps[i].text);
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
    if (!reconciler->journal.pending)
        reconciler->files.begin_applied(files_of(reconciler));
    reconciler->providers.network_keep(reconciler->providers.netdev, plan);
    tell(&request->change.told, plan);
    if (record(reconciler, request, plan, &err) < 0) {
        plan_clear(plan);
        error_set(&err, err.code, "%s; nothing was changed", err.text);
        finish_failed(reconciler, &err);
        return;
    }
    run_plan(reconciler, plan, steps_ended, reconciler);
}

char *reconcile_unconfirmed(const struct reconciler *reconciler)
{
    return journal_unconfirmed(reconciler);
}

/* -- confirm, rollback, and transactions ------------------------------------------------------------------------------------------ */

static void refuse(struct reconciler *reconciler, int code, const char *text)
{
    struct error err = {0};

    error_set(&err, code, "%s", text);
    queue_finish(reconciler, &reconciler->queue, -code, &err, NULL);
}

static void confirm_begin(struct reconciler *reconciler, struct request *request)
{
    struct error err = {0};
    int result;

    if (!reconciler->journal.pending) {
        refuse(reconciler, EINVAL, request->commits ? "no transaction running, nothing to be committed."
                                                    : "nothing waits to be confirmed");
        return;
    }
    deadline_stop(reconciler);
    event_emit(reconciler, "plan", reconciler->journal.name, "confirmed");
    result = make_final(reconciler, &err);
    queue_finish(reconciler, &reconciler->queue, result, result ? &err : NULL, NULL);
}

void reconcile_confirm(struct reconciler *reconciler, bool commits, reconcile_done done, void *context)
{
    struct request *request = request_new(commits ? "iface-commit" : "confirm", done, context);

    request->begin = confirm_begin;
    request->commits = commits;
    queue_add(reconciler, &reconciler->queue, request);
}

static void end_pending(struct reconciler *reconciler, struct error *failure)
{
    struct journal *journal = &reconciler->journal;
    struct network applied = {0};
    struct problems problems = {0};

    put_files_back(reconciler, &journal->kept.before, journal->transaction, failure);
    reconciler->files.drop_applied(files_of(reconciler));
    reconciler->files.read_applied(files_of(reconciler), &applied, &problems);
    problems_clear(&problems);
    want(reconciler, &applied);
    hand_restore(reconciler, journal->hands);
    if (!journal->kept.before.count)
        journal_mark_unconfirmed(reconciler, journal->name);
    event_emit(reconciler, "plan", journal->name, "rolled back");
    journal_remove(reconciler);
    journal_clear(journal);
}

static void pending_taken_back(void *context, int result, const struct error *err, const struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct error failure = {0};

    (void)plan;
    if (result < 0)
        failure = *err;
    end_pending(reconciler, &failure);
    if (!failure.code)
        host_verify(reconciler, &running(reconciler)->problems, &failure);
    queue_finish(reconciler, &reconciler->queue, -failure.code, failure.code ? &failure : NULL, NULL);
    host_schedule(reconciler, 0.);
}

static void rollback_begin(struct reconciler *reconciler, struct request *request)
{
    struct plan undo = reconciler->journal.kept.undo;

    if (!reconciler->journal.pending) {
        refuse(reconciler, EINVAL, request->commits ? "no transaction running, nothing to rollback."
                                                    : "nothing waits to be confirmed, so there is nothing to take back");
        return;
    }
    deadline_stop(reconciler);
    reconciler->journal.kept.undo = (struct plan){0};
    run_plan(reconciler, &undo, pending_taken_back, reconciler);
}

void reconcile_rollback(struct reconciler *reconciler, bool transaction, reconcile_done done, void *context)
{
    struct request *request = request_new(transaction ? "iface-rollback" : "rollback", done, context);

    request->begin = rollback_begin;
    request->commits = transaction;
    queue_add(reconciler, &reconciler->queue, request);
}

static void transaction_begin(struct reconciler *reconciler, struct request *request)
{
    struct journal *journal = &reconciler->journal;
    struct network same = {0};
    struct problems problems = {0};
    struct error err = {0};
    int result = change_may_begin(reconciler, request, &err);

    if (result < 0) {
        queue_finish(reconciler, &reconciler->queue, result, &err, NULL);
        return;
    }
    reconciler->files.read_applied(files_of(reconciler), &same, &problems);
    network_clear(&same);
    problems_clear(&problems);
    reconciler->files.begin_applied(files_of(reconciler));
    *journal = (struct journal){.name = memory_string(request->name), .pending = true, .transaction = true,
                                .hands = hand_text(&reconciler->hands)};
    reconciler->files.save_all(files_of(reconciler), &journal->kept.before);
    result = boot_id(journal->boot_id, &err);
    if (result == 0)
        result = journal_write(reconciler, true, &err);
    if (result < 0) {
        reconciler->files.drop_applied(files_of(reconciler));
        journal_clear(journal);
    }
    queue_finish(reconciler, &reconciler->queue, result, result ? &err : NULL, NULL);
}

void reconcile_begin(struct reconciler *reconciler, reconcile_done done, void *context)
{
    struct request *request = request_new("iface-begin", done, context);

    request->begin = transaction_begin;
    queue_add(reconciler, &reconciler->queue, request);
}

bool reconcile_pending(const struct reconciler *reconciler, struct reconcile_pending *ret_pending)
{
    const struct journal *journal = &reconciler->journal;

    if (!journal->pending)
        return false;
    *ret_pending = (struct reconcile_pending){
        .name = journal->name,
        .transaction = journal->transaction,
        .seconds = journal->transaction ? 0 : fmax(0, journal->deadline - boot_time()),
    };
    return true;
}

/* -- what another daemon left behind ---------------------------------------------------------------------------------------------- */

/* A transaction, or a change that waits, goes on as it was. */
static void resume_pending(struct reconciler *reconciler)
{
    struct problems problems = {0};

    network_clear(&reconciler->wanted);
    reconciler->files.resume_applied(files_of(reconciler), &reconciler->wanted, &problems);
    problems_clear(&problems);
    log_notice("%s: goes on waiting to be confirmed", reconciler->journal.name);
    if (!reconciler->journal.transaction)
        deadline_start(reconciler);
}

static void recovery_ended(void *context, int result, const struct error *err, const struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct error failure = {0};

    (void)result, (void)err, (void)plan; /* each step that failed is in the log */
    put_files_back(reconciler, &reconciler->journal.running.before, false, &failure);
    forget_running(reconciler);
    if (reconciler->journal.pending)
        resume_pending(reconciler);
    reconciler->recovered(reconciler);
}

static void recover_in_this_boot(struct reconciler *reconciler)
{
    struct plan undo = reconciler->journal.running.undo;

    if (!undo.count && !reconciler->journal.running.before.count) {
        recovery_ended(reconciler, 0, NULL, NULL);
        return;
    }
    log_warning("%s: was cut short: it is taken back", reconciler->journal.name);
    reconciler->journal.running.undo = (struct plan){0};
    run_plan(reconciler, &undo, recovery_ended, reconciler);
}

/* The kernel knows nothing of it any more. */
static void recover_after_reboot(struct reconciler *reconciler)
{
    struct journal *journal = &reconciler->journal;
    struct error failure = {0};

    log_warning("%s: was not confirmed before the reboot: it is taken back", journal->name);
    put_files_back(reconciler, &journal->running.before, false, &failure);
    put_files_back(reconciler, &journal->kept.before, journal->transaction, &failure);
    if (journal->pending && !journal->kept.before.count)
        journal_mark_unconfirmed(reconciler, journal->name);
    journal_remove(reconciler);
    journal_clear(journal);
    reconciler->recovered(reconciler);
}

static void finish_committed(struct reconciler *reconciler)
{
    struct network wanted = {0};
    struct problems problems = {0};
    struct error err;

    reconciler->files.resume_applied(files_of(reconciler), &wanted, &problems);
    network_clear(&wanted);
    problems_clear(&problems);
    if (reconciler->files.commit_applied(files_of(reconciler), &err) < 0)
        log_error("%s", err.text);
    journal_clear_unconfirmed(reconciler);
    journal_remove(reconciler);
}

void change_recover(struct reconciler *reconciler, void (*go_on)(struct reconciler *reconciler))
{
    char now[BOOT_ID_SIZE] = "";
    struct error err = {0};
    int result;

    reconciler->recovered = go_on;
    if (journal_is_committed(reconciler))
        finish_committed(reconciler);
    result = journal_read(reconciler, &err);
    if (result < 0) {
        log_error("%s: it is put aside, and what it was to take back stands", err.text);
        journal_set_aside(reconciler);
    }
    if (result <= 0) {
        go_on(reconciler);
        return;
    }
    boot_id(now, NULL);
    if (text_equal(now, reconciler->journal.boot_id))
        recover_in_this_boot(reconciler);
    else
        recover_after_reboot(reconciler);
}
