/* What the files of src/reconcile share. */
#pragma once

#include <ev.h>

#include "base/backoff.h"
#include "base/boot.h"
#include "base/error.h"
#include "base/text.h"
#include "reconcile/reconcile.h"

/* -- run.c: takes the steps of one plan, one after the other ------------------------------------------------------------------------ */

/* plan is what was run; done() may take it. */
typedef void (*run_done)(void *context, int result, const struct error *err, struct plan *plan);

/* Takes the plan over. done() comes from the loop, also for an empty plan. all_or_nothing: the first failure takes back what was done
 * and is the result. Else steps that depend on a failed one are left out, and the first failure is the result. */
void run_plan(struct reconciler *reconciler, struct plan *plan, run_done done, void *context);

/* -- hand.c: what people did with ifup and ifdown -------------------------------------------------------------------------------------- */

struct hand_list {
    struct hand {
        char name[INTERFACE_NAME_SIZE];    /* as it is called now */
        char lasting[INTERFACE_NAME_SIZE]; /* hwaddr_name() of one that its file names by its MAC address alone; else "" */
        bool up; /* else down */
    } *items;
    size_t count;
};

const struct hand *hand_find(const struct hand_list *list, const char *name);
void hand_set(struct hand_list *list, const char *name, bool up);
void hand_drop(struct hand_list *list, const char *name);
void hand_copy(const struct hand_list *list, struct hand_list *ret_copy);
void hand_clear(struct hand_list *list);
/* The names become those of a network that is bound (hwaddr.h): whoever was taken down stays so when it comes under another name. */
void hand_bind(struct hand_list *list, const struct network *network);
/* Binds, then WANTED of the files becomes WANTED: what was taken down is left alone, what was brought up is kept, both whatever its
 * ONBOOT. */
void hand_overlay(struct hand_list *list, struct network *network);
void hand_load(struct reconciler *reconciler); /* from RUN_DIR */
char *hand_text(const struct hand_list *list); /* as it is kept; the caller's */
void hand_restore(struct reconciler *reconciler, const char *text);
/* Takes the list: it counts from now on, also for the next daemon. */
void hand_accept(struct reconciler *reconciler, struct hand_list *list);
/* Warns of what apply would do to it. */
void hand_warn(const struct reconciler *reconciler, const struct network *files, struct problems *problems);
/* -- journal.c: what takes back a change of the host's network, on disk -------------------------------------------------------------- */

struct journal_part {
    struct plan undo;         /* in the order in which it is to be run; STEP_REPLAY, STEP_SYSCTL_SET and STEP_LINK_WAIT only */
    struct file_edits before; /* the files as they were */
    char *hands;              /* hand_text() of before */
    struct lease_move {
        char from[INTERFACE_NAME_SIZE], to[INTERFACE_NAME_SIZE];
    } *leases; /* DHCP leases that went over to another interface, in that order */
    size_t lease_count;
};

/* Of the change that is under way or waits for a confirm. */
struct journal {
    char *name; /* NULL = there is none */
    char boot_id[BOOT_ID_SIZE];
    bool pending;     /* `kept` is done and waits: for `confirm` until the deadline, or, a transaction, for iface-commit */
    bool transaction; /* iface-begin: its kept.before holds all files */
    bool goes_back;   /* `kept` is being taken back: a daemon that finds that goes on with it */
    double deadline;  /* boot_time(); 0 = none */
    struct journal_part kept, running;
};

void journal_part_clear(struct journal_part *part);
void journal_clear(struct journal *journal);
int journal_write(const struct reconciler *reconciler, bool durable, struct error *err);
/* From now on there is nothing to take back. */
int journal_commit(const struct reconciler *reconciler, struct error *err);
bool journal_is_committed(const struct reconciler *reconciler);
void journal_remove(const struct reconciler *reconciler);
/* Into reconciler->journal: 1; 0 when there is none; -errno when it can't be read. */
int journal_read(struct reconciler *reconciler, struct error *err);
void journal_set_aside(const struct reconciler *reconciler);
/* The change on record was not confirmed; that is said until the next change. An apply: until then its files differ from what is wanted.
 * One that changed the files itself (with_files) has taken them back. */
void journal_mark_unconfirmed(const struct reconciler *reconciler);
void journal_clear_unconfirmed(const struct reconciler *reconciler);
char *journal_unconfirmed(const struct reconciler *reconciler, bool with_files); /* NULL = none; the caller's */

/* -- change.c: a change of the host's network, from its plan to its end -------------------------------------------------------------- */

struct request;

struct change {
    struct network wanted;    /* WANTED of the files, once it is through */
    struct file_edits edits;  /* network files that change with it */
    double confirm;           /* seconds until it is taken back unless somebody confirms; 0 = it is final at once */
    bool joins;               /* becomes part of a pending iface-begin */
    struct lease_move lease;  /* goes over before the first step: its client would give it up with the address or the carrier; "" = none */
    bool tells_claims;        /* who else holds interfaces that it states is among its problems */
    /* Is the host in order? Asked when all steps were taken and the files are written; ends in change_checked(). NULL = not asked. */
    void (*check)(struct reconciler *reconciler, struct request *request);
    struct plan told;         /* what was run, for the requester */
};

void change_clear(struct change *change);
/* Names what has to be confirmed or taken back first: -EBUSY. */
int change_may_begin(const struct reconciler *reconciler, const struct request *request, struct error *err);
/* Of the host queue's running request, whose files were read last: puts on record what takes the plan back, runs it, writes the files,
 * checks, and makes all of it final, or pending. What fails on the way takes all of it back. Ends in queue_finish. Takes the plan. */
void change_run(struct reconciler *reconciler, struct request *request, struct plan *plan);
void change_checked(struct reconciler *reconciler, int result, const struct error *err);
/* Of a plan that follows from a change that is pending (its addresses, when nobody else has them), before it is run: it goes with it. */
void change_note(struct reconciler *reconciler, struct plan *plan);
/* For change_pending.c and change_recover.c. */
void change_want(struct reconciler *reconciler, struct network *wanted); /* takes it */
/* What could not be put back is added to the failure. */
void change_put_files_back(struct reconciler *reconciler, const struct file_edits *before, bool others_go, struct error *failure);
void change_forget_running(struct reconciler *reconciler);
int change_make_final(struct reconciler *reconciler, struct error *err);
void change_deadline_start(struct reconciler *reconciler);
/* Takes back the network, and its leases, of what waits; then change_end_pending puts back all else, and forgets it. */
void change_take_pending_back(struct reconciler *reconciler, run_done done);
void change_end_pending(struct reconciler *reconciler, struct error *failure);
void change_deadline_stop(struct reconciler *reconciler);
/* What is pending stays on disk, for the next daemon. */
void change_stop(struct reconciler *reconciler);
/* At start-up, before anything is wanted: ends or takes back what another daemon left behind, then calls go_on (from the loop or from
 * within the call). If something is still pending then, WANTED is read; else not. */
void change_recover(struct reconciler *reconciler, void (*go_on)(struct reconciler *reconciler));

/* -- requests: what waits for its turn --------------------------------------------------------------------------------------------- */

struct iface_move;

struct request {
    struct request *next;
    /* Plans and runs; must end in request_done of its queue. */
    void (*begin)(struct reconciler *reconciler, struct request *request);
    char *name; /* "apply", "attach-interface c2": for those who are told to wait */
    reconcile_done done;
    void *context;
    /* of VM requests */
    struct machine *machine;
    enum reconcile_power power;
    struct nic nic;
    char *ret_name;
    struct reconcile_scope scope;
    struct nic *config_before; /* as the VM's file had it; NULL = not */
    bool config_changed;
    double timeout;
    struct vm *provisional; /* WANTED until the plan succeeded */
    /* of network requests */
    bool sets_repair, repair; /* apply: go on repairing afterwards? */
    bool commits;             /* confirm, rollback: of a transaction */
    struct error failure;     /* while what was done is taken back */
    bool autostart; /* start */
    bool asked;     /* its new addresses have been looked for on the wire */
    struct change change;
    struct problems problems;
    struct iface_move *iface; /* iface-bridge, iface-unbridge; owned */
    bool moves_leases;        /* a DHCP lease has gone over, and WANTED says so at the end only */
    char *word; /* ifup, ifdown: which interface */
    bool up;
    struct hand_list acts; /* ifup, ifdown: what it does, to which interfaces; empty: it is about all */
    bool sets_hands; /* once it is through, `hands` counts */
    struct hand_list hands;
};

/* Requests that were answered, to be freed when there is nothing else to do: large ones take milliseconds, and their answers go out
 * first. */
struct answered {
    struct request *first;
    ev_idle idle;
};

void answered_init(struct answered *answered);
void answered_free(struct answered *answered, struct ev_loop *loop);

struct queue {
    struct request *first, *running;
    ev_timer kick; /* so that done() never comes from within the call that made the request */
};

void queue_init(struct queue *queue, struct reconciler *reconciler);
/* Ends what runs and what waits with -ECANCELED. */
void queue_clear(struct queue *queue, struct reconciler *reconciler);
struct request *request_new(const char *name, reconcile_done done, void *context);
bool request_acts_on(const struct request *request, const char *interface); /* Is it the requester's business? */
void queue_add(struct reconciler *reconciler, struct queue *queue, struct request *request);
/* Of one that is in no queue: tells the requester, and frees the request, if later. */
void queue_answer(struct reconciler *reconciler, struct request *request, int result, const struct error *err, const struct plan *plan);
void queue_cancel(struct request *request); /* of one that is in no queue: ends it with -ECANCELED */
/* The running request is the caller's again; the next of the queue begins. */
void queue_postpone(struct reconciler *reconciler, struct queue *queue);
/* Of the running request: tells the requester, frees the request, and begins the next of the queue. */
void queue_finish(struct reconciler *reconciler, struct queue *queue, int result, const struct error *err, const struct plan *plan);

/* -- machines: what the reconciler knows of a VM ------------------------------------------------------------------------------------ */

/* Somebody waits for a NIC to be gone. */
struct detach_waiter {
    struct detach_waiter *next;
    struct reconciler *reconciler;
    struct machine *machine;
    char nic[VM_NAME_SIZE], tap[INTERFACE_NAME_SIZE];
    ev_timer timer;
    double timeout;
    reconcile_done done;
    void *context;
};

struct machine {
    char name[VM_NAME_SIZE];
    struct vm *defined; /* by its file; NULL */
    struct vm *wanted;  /* of the running VM; NULL when it is off */
    char *last_reason;
    struct queue queue;
    bool tidy_queued;
    struct vm *transient; /* created without a file: forgotten when it ends; NULL */
    struct detach_waiter *waiters;
};

struct reconciler {
    struct ev_loop *loop;
    struct reconcile_providers providers;
    struct reconcile_files files;
    reconcile_listener listener;
    void *listener_context;
    unsigned long long last_event;

    struct network wanted; /* the host's network, by files */
    struct hand_list hands; /* and what people did to it */
    struct check *checks;            /* addresses that are looked for on the wire (duplicate.c) */
    struct check_waiter *check_waiters;
    struct request *waits_for_checks; /* in the order in which they came */
    struct network leased; /* what DHCP leases gave, as long as the kernel may have it: addresses and routes by interface */
    bool repair;
    bool adopted;          /* start-up is through: repair may act */
    struct answered answered;
    struct queue queue;
    struct journal journal;
    int deadline_fd;       /* a timer by boot_time(); -1 = none */
    ev_io deadline;
    void (*recovered)(struct reconciler *reconciler);
    struct text troubles;
    struct problems file_errors; /* found when the files were last read */
    ev_timer pass_timer;   /* a repair pass is due */
    double rests_until;    /* the loop's time: before it none repairs */
    struct repair_memory {
        char name[INTERFACE_NAME_SIZE];
        struct backoff backoff;
    } *repairs;
    size_t repair_count;

    struct machine **machines; /* sorted by name */
    size_t machine_count;
};

/* event.c */
void event_emit(struct reconciler *reconciler, const char *type, const char *object, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* reason.c */
const char *reason_link_state(const struct interface *observed); /* "up", "down", "no carrier" */
void reason_remember_files(struct reconciler *reconciler, const struct problems *problems); /* what reading the files found */

/* claim.c */
/* Does another program hold this interface of the host, which trestle has not made? */
bool claim_of(const struct reconciler *reconciler, const struct interface *observed, struct manager_claim *ret_claim);
/* Warns of all such that a file names. */
void claim_warn(const struct reconciler *reconciler, const struct network *wanted, struct problems *problems);

/* iface.c */
void iface_move_free(struct iface_move *move);

/* iface_ask.c: who answers before a change and after it. A time limit is in seconds; done comes from the loop, or from
 * within the call when there is nobody to ask. */
struct iface_ask;
typedef void (*iface_ask_done)(struct reconciler *reconciler, struct request *request);
struct iface_ask *iface_ask_new(struct reconciler *reconciler);
void iface_ask_free(struct iface_ask *ask); /* NULL is fine; not while an answer is waited for */
void iface_ask_add(struct iface_ask *ask, int family, const uint8_t bytes[16], bool gateway); /* once each */
void iface_ask_begin(struct iface_ask *ask, const char *link, double limit, iface_ask_done done);
void iface_ask_again(struct iface_ask *ask, const char *link, double limit, iface_ask_done done); /* what answered before */
/* -EHOSTUNREACH, and says who and how: one that answered before does not now, over the link. */
int iface_ask_compare(const struct iface_ask *ask, const char *link, struct error *err);
void iface_ask_tell(const struct iface_ask *ask, struct text *text);

/* iface_warn.c */
/* Adds lines. */
void iface_warn(const struct reconciler *reconciler, const struct move *move, struct text *warnings);
/* What the link `to` has after a move, set by hand, and no file states: wanted is what they do. */
void iface_warn_unstated(const struct network *after, const char *to, const struct network *wanted, struct text *warnings);

/* host.c */
/* Says what the kernel shows otherwise than what is wanted, after everything was done. What it can't do at all may have shown only
 * now, and is no failure: it becomes a problem of the request. Interfaces that the request is not about are `troubles` alone, with all
 * else (NULL: nobody asks). */
int host_verify(struct reconciler *reconciler, struct request *request, struct problems *troubles, struct error *err);
void host_remember_troubles(struct reconciler *reconciler, const struct problems *problems);
const struct network *host_observed(const struct reconciler *reconciler);
/* Of a network that was just read: NICs that files name by their MAC address alone get their names. WANTED is bound anew before every
 * repair, because NICs come and are renamed. */
void host_bind(const struct reconciler *reconciler, struct network *wanted);
/* When a plan is made: what is there now (of `name`, or of NULL all) is about to be brought up, and whoever sets it down after that means
 * it. change_want() takes the rest over from what was wanted before. */
void host_note_seen(const struct network *observed, const char *name, struct network *wanted);
/* It came to the host since, and its file says HOTPLUG=no. */
bool host_waits_for_person(const struct interface *wanted, const struct interface *observed);
/* WANTED of the host with the TAPs of all plugged NICs; the caller clears it. repairing leaves out what a person set down by hand. */
/* network_diff against what is observed, after the kernel was asked whether it can make what is wanted. */
void host_diff(const struct reconciler *reconciler, const struct network *wanted, const struct network *previous, bool adopt,
               struct plan *plan, struct problems *problems);
void host_wanted(struct reconciler *reconciler, bool repairing, struct network *ret_wanted);
void host_plan_lost_taps(struct reconciler *reconciler, struct plan *plan);
void host_schedule(struct reconciler *reconciler, double after);
/* What was just changed is not looked at for a moment; what failed is at once, whatever was changed before it. */
void host_rest(struct reconciler *reconciler, bool rests);
void host_pass(struct ev_loop *loop, ev_timer *timer, int events);

/* lease.c */
/* Adds what leases give to the interfaces that ask for one. */
void lease_add(struct reconciler *reconciler, struct network *wanted);
/* What leases gave and is to go unless WANTED says otherwise; the caller clears it. */
void lease_previous(const struct reconciler *reconciler, struct network *ret_previous);
/* From what is wanted now, with its leases, to `wanted` with them: what apply would do. */
void lease_diff(struct reconciler *reconciler, const struct network *wanted, struct plan *plan, struct problems *problems);
/* Lets the clients run that WANTED and OBSERVED call for. */
void lease_follow(struct reconciler *reconciler);
/* See dhcp_move. Without a lease there is nothing to do. */
int lease_move(struct reconciler *reconciler, const char *from, const char *to, struct error *err);
/* The other way round, for all that went over with this part of a change: before its network is taken back, as a client whose bridge
 * loses its carrier gives its lease up. */
void lease_move_back(struct reconciler *reconciler, struct journal_part *part);
/* "; waits for a DHCP lease (asked for 12 s)" */
void lease_reason(const struct reconciler *reconciler, const struct interface *wanted, const struct interface *observed, struct text *line);

/* Queues a plan that adds what leases and ended checks gave, and takes away what leases gave before. */
void host_add_addresses(struct reconciler *reconciler);

/* duplicate.c */
/* Addresses of WANTED that are new to the host are withheld from now on, until it is known that no other host has them. */
void duplicate_expect(struct reconciler *reconciler, const struct network *wanted);
/* The same for a request that is about to plan. True: those that can be asked for now are, and the request begins once more when that
 * is over; what it read is cleared. */
bool duplicate_ask(struct reconciler *reconciler, struct request *request, const struct network *wanted);
void duplicate_follow(struct reconciler *reconciler); /* begins checks whose interfaces have become ready */
/* Takes out of it the addresses that are withheld, and the routes that need them. */
void duplicate_withhold(const struct reconciler *reconciler, struct network *wanted);
bool duplicate_adds(const struct reconciler *reconciler, const char *interface); /* Has it an address that came to be free? */
/* queue_finish for a request that brought new addresses: the requester is told when it is known of each whether it may come, and those
 * that may have come. A plan that is all or nothing and failed has brought none. */
void duplicate_finish(struct reconciler *reconciler, int result, const struct error *err, const struct plan *plan);
void duplicate_plan(struct reconciler *reconciler);        /* a plan is made now, and adds what has come to be free */
void duplicate_forget_free(struct reconciler *reconciler); /* what came to be free has been added */
/* Tells those who waited, when there is nothing left to wait for. */
void duplicate_added(struct reconciler *reconciler);
/* Those who wait are told which steps were taken for what came to be free, and which were not: err, which is NULL when all were. */
void duplicate_tell(const struct reconciler *reconciler, const struct plan *plan, const struct error *err);
/* Those that are taken, as errors. */
void duplicate_problems(const struct reconciler *reconciler, const struct network *wanted, struct problems *problems);
void duplicate_reason(const struct reconciler *reconciler, const char *interface, struct text *line);
/* Tells the neighbours of an address that a step has added. */
void duplicate_announce(const struct reconciler *reconciler, const struct step *step);
/* Of all addresses of a link that came from another: neighbours that knew them by another MAC, and switches that knew the MAC elsewhere. */
void duplicate_announce_all(const struct reconciler *reconciler, const char *name);
/* The same of all links of a plan that was taken back. */
void duplicate_announce_back(const struct reconciler *reconciler, const struct plan *plan);
void duplicate_clear(struct reconciler *reconciler);

/* machine.c */
struct machine *machine_find(const struct reconciler *reconciler, const char *name);
struct machine *machine_add(struct reconciler *reconciler, const char *name);
void machine_drop_if_unused(struct reconciler *reconciler, struct machine *machine);
void machine_free(struct reconciler *reconciler, struct machine *machine);
const struct vm *machine_observed(const struct reconciler *reconciler, const struct machine *machine);
/* Queues a plan that finishes what the guest or QEMU began: a NIC that was let go, a VM that ended or was found held. */
void machine_tidy(struct reconciler *reconciler, struct machine *machine);
void machine_adopt_all(struct reconciler *reconciler);
/* Tells those who wait for NICs that are gone by now. */
void machine_check_waiters(struct reconciler *reconciler, struct machine *machine);

/* definition.c */
int machine_no_such(const char *name, struct error *err);

/* derive.c */
void derive(struct vm *vm); /* UUID and MACs that nobody stated */

/* machine_request.c */
/* A request for the VM's queue; NULL for a VM that does not exist: then the requester will be told. */
struct request *machine_request_new(struct reconciler *reconciler, const char *vm, const char *what, reconcile_done done, void *context);
/* The ends of a request that runs: refused before it began; or its plan (context: the request) has ended, and if it succeeded, what was
 * provisional is WANTED from now on. */
void machine_request_refuse(struct reconciler *reconciler, struct request *request, const struct error *err);
void machine_request_plan_ended(void *context, int result, const struct error *err, struct plan *plan);
void machine_request_end(struct reconciler *reconciler, struct machine *machine, int result, const struct error *err,
                         const struct plan *plan);
/* Checks that the VM runs, and begins the provisional WANTED. */
int machine_request_needs_running(struct reconciler *reconciler, struct request *request, struct error *err);
int machine_request_check_bridge(struct reconciler *reconciler, const struct nic *nic, struct error *err);
/* Can this NIC be plugged: is its bridge there, are MAC and target free? */
int machine_request_check_nic(struct reconciler *reconciler, const char *vm, const struct nic *nic, struct error *err);
