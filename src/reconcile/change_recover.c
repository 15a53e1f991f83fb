/* What another daemon left behind of a change of the host's network. */
#include "base/log.h"
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

static void *files_of(const struct reconciler *reconciler)
{
    return reconciler->files.context;
}

/* A transaction, or a change that waits, goes on as it was. */
static void resume_pending(struct reconciler *reconciler)
{
    struct problems problems = {0};

    network_clear(&reconciler->wanted);
    reconciler->files.resume_applied(files_of(reconciler), &reconciler->wanted, &problems);
    problems_clear(&problems);
    log_notice("%s: goes on waiting to be confirmed", reconciler->journal.name);
    if (!reconciler->journal.transaction)
        change_deadline_start(reconciler);
}

static void pending_taken_back(void *context, int result, const struct error *err, struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct error failure = {0};

    (void)result, (void)err; /* each step that failed is in the log */
    change_end_pending(reconciler, &failure);
    duplicate_announce_back(reconciler, plan);
    reconciler->recovered(reconciler);
}

/* Which addresses are not to be announced the applied copy says, as WANTED is not read yet. */
static void announce_back(struct reconciler *reconciler, const struct plan *plan)
{
    struct problems problems = {0};

    if (!reconciler->journal.pending)
        reconciler->files.read_applied(files_of(reconciler), &reconciler->wanted, &problems);
    problems_clear(&problems);
    host_bind(reconciler, &reconciler->wanted);
    duplicate_announce_back(reconciler, plan);
    if (!reconciler->journal.pending)
        network_clear(&reconciler->wanted);
}

static void recovery_ended(void *context, int result, const struct error *err, struct plan *plan)
{
    struct reconciler *reconciler = context;
    struct error failure = {0};

    (void)result, (void)err; /* each step that failed is in the log */
    change_put_files_back(reconciler, &reconciler->journal.running.before, false, &failure);
    if (reconciler->journal.running.hands)
        hand_restore(reconciler, reconciler->journal.running.hands);
    change_forget_running(reconciler);
    if (reconciler->journal.goes_back) {
        log_warning("%s: was being taken back when the daemon ended: that goes on", reconciler->journal.name);
        change_take_pending_back(reconciler, pending_taken_back);
        return;
    }
    if (reconciler->journal.pending)
        resume_pending(reconciler);
    if (plan)
        announce_back(reconciler, plan);
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
    if (reconciler->journal.pending)
        reconciler->files.back_applied(files_of(reconciler));
    lease_move_back(reconciler, &reconciler->journal.running);
    run_plan(reconciler, &undo, recovery_ended, reconciler);
}

/* The kernel knows nothing of it any more. */
static void recover_after_reboot(struct reconciler *reconciler)
{
    struct journal *journal = &reconciler->journal;
    struct error failure = {0};

    log_warning("%s: was not confirmed before the reboot: it is taken back", journal->name);
    change_put_files_back(reconciler, &journal->running.before, false, &failure);
    change_put_files_back(reconciler, &journal->kept.before, journal->transaction, &failure);
    if (journal->pending)
        journal_mark_unconfirmed(reconciler);
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
