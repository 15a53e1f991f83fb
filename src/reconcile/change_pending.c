/* A change that waits to be confirmed, and transactions. The deadline runs by CLOCK_BOOTTIME: a suspended machine's time passes too. */
#include <errno.h>
#include <math.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

static void *files_of(const struct reconciler *reconciler)
{
    return reconciler->files.context;
}

/* -- the deadline ----------------------------------------------------------------------------------------------------------------- */

void change_deadline_stop(struct reconciler *reconciler)
{
    if (reconciler->deadline_fd < 0)
        return;
    ev_io_stop(reconciler->loop, &reconciler->deadline);
    close(reconciler->deadline_fd);
    reconciler->deadline_fd = -1;
}

void change_stop(struct reconciler *reconciler)
{
    change_deadline_stop(reconciler);
    journal_clear(&reconciler->journal);
}

static void deadline_passed(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct reconciler *reconciler = watcher->data;

    (void)loop, (void)events;
    change_deadline_stop(reconciler);
    log_warning("%s: nobody confirmed in time: it is taken back", reconciler->journal.name);
    reconcile_rollback(reconciler, false, NULL, NULL);
}

void change_deadline_start(struct reconciler *reconciler)
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
    change_deadline_stop(reconciler);
    event_emit(reconciler, "plan", reconciler->journal.name, "confirmed");
    result = change_make_final(reconciler, &err);
    queue_finish(reconciler, &reconciler->queue, result, result ? &err : NULL, NULL);
}

void reconcile_confirm(struct reconciler *reconciler, bool commits, reconcile_done done, void *context)
{
    struct request *request = request_new(commits ? "iface-commit" : "confirm", done, context);

    request->begin = confirm_begin;
    request->commits = commits;
    queue_add(reconciler, &reconciler->queue, request);
}

void change_end_pending(struct reconciler *reconciler, struct error *failure)
{
    struct journal *journal = &reconciler->journal;
    struct network applied = {0};
    struct problems problems = {0};

    change_put_files_back(reconciler, &journal->kept.before, journal->transaction, failure);
    reconciler->files.drop_applied(files_of(reconciler));
    reconciler->files.read_applied(files_of(reconciler), &applied, &problems);
    problems_clear(&problems);
    host_bind(reconciler, &applied);
    change_want(reconciler, &applied);
    hand_restore(reconciler, journal->kept.hands);
    journal_mark_unconfirmed(reconciler);
    event_emit(reconciler, "plan", journal->name, "rolled back");
    journal_remove(reconciler);
    journal_clear(journal);
}

static void settled(void *context, int result, const struct error *err, struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct request *request = reconciler->queue.running;
    struct error failure = request->failure;

    (void)result, (void)err, (void)plan; /* what is left undone shows below */
    if (!failure.code)
        host_verify(reconciler, request, NULL, &failure);
    queue_finish(reconciler, &reconciler->queue, -failure.code, failure.code ? &failure : NULL, NULL);
    host_schedule(reconciler, 0.);
}

/* What is wanted of a link that had to be made again may hang on its new index. */
static void pending_taken_back(void *context, int result, const struct error *err, struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct request *request = reconciler->queue.running;
    struct plan rest = {.name = memory_string("rollback")};
    struct network wanted = {0}, previous = {0};

    if (result < 0)
        request->failure = *err;
    change_end_pending(reconciler, &request->failure);
    duplicate_announce_back(reconciler, plan);
    host_wanted(reconciler, false, &wanted);
    host_diff(reconciler, &wanted, &previous, false, &rest, &request->problems);
    network_clear(&wanted);
    run_plan(reconciler, &rest, settled, reconciler);
}

void change_take_pending_back(struct reconciler *reconciler, run_done done)
{
    struct journal *journal = &reconciler->journal;
    struct plan undo;
    struct error err;

    journal->goes_back = true;
    if (journal_write(reconciler, true, &err) < 0) /* the disk is full, as a rule: what waits can be taken back all the same */
        log_error("%s: %s", journal->name, err.text);
    undo = journal->kept.undo;
    journal->kept.undo = (struct plan){0};
    lease_move_back(reconciler, &journal->kept);
    run_plan(reconciler, &undo, done, reconciler);
}

static void rollback_begin(struct reconciler *reconciler, struct request *request)
{
    if (!reconciler->journal.pending) {
        refuse(reconciler, EINVAL, request->commits ? "no transaction running, nothing to rollback."
                                                    : "nothing waits to be confirmed, so there is nothing to take back");
        return;
    }
    change_deadline_stop(reconciler);
    change_take_pending_back(reconciler, pending_taken_back);
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
                                .kept.hands = hand_text(&reconciler->hands)};
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

char *reconcile_unconfirmed(const struct reconciler *reconciler, bool with_files)
{
    return journal_unconfirmed(reconciler, with_files);
}
