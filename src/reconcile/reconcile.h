/* The one road of every change: change WANTED, diff, plan, run, observe. Holds what is wanted of the host's network and of the VMs,
 * asks the providers what is, and runs plans: one for the host's network at a time, one per VM beside it. Knows neither netlink nor
 * QEMU: providers are handed in. */
#pragma once

#include "base/problem.h"
#include "base/text.h"
#include "model/manager_claim.h"
#include "model/move.h"
#include "model/plan.h"

struct ev_loop;
struct error;
struct lease;
struct reconciler;

/* What the daemon wires up. Each apply() calls done later, from the loop. */
struct reconcile_providers {
    void *netdev;
    const struct network *(*network_observed)(void *netdev);
    /* Asks whether what is wanted can be made (network.lacking); again: also for what could not. NULL: nobody need be asked. */
    void (*network_ask)(void *netdev, const struct network *wanted, bool again);
    void (*network_apply)(void *netdev, const struct step *step, step_done done, void *context);
    /* What a step would say to the kernel, to be kept and said later; the caller's. */
    int (*network_encode)(void *netdev, const struct step *step, struct replay **ret_replay, struct error *err);
    /* Gives steps that delete something their `undo`: the thing as the kernel tells of it now. */
    void (*network_keep)(void *netdev, struct plan *plan);
    /* Adds lines, each a thing that is attached to a link besides addresses and routes: "the qdisc fq 8001:". NULL: nobody knows. */
    int (*network_attached)(void *netdev, const char *name, struct text *ret_words, struct error *err);
    void *tap;
    void (*tap_apply)(void *tap, const struct step *step, step_done done, void *context);
    void *vmm;
    const struct vm *(*vm_observed)(void *vmm, const char *name);
    size_t (*vm_list)(void *vmm, const struct vm ***ret_vms);
    void (*vm_apply)(void *vmm, const struct step *step, step_done done, void *context);
    void *dhcp;
    void (*dhcp_follow)(void *dhcp, const struct network *wanted, const struct network *observed); /* may be NULL, as those below */
    const struct lease *(*dhcp_lease)(void *dhcp, const char *interface);
    int (*dhcp_move)(void *dhcp, const char *from, const char *to, struct error *err);
    void *probe;
    /* Asks for `seconds` whether another host has the address; the answer comes from the loop, by reconcile_address_checked. */
    int (*probe_duplicate)(void *probe, const struct interface *interface, const struct address *address, double seconds, void *check,
                           struct error *err);
    void (*probe_cancel)(void *probe, const void *check);
    void (*probe_announce)(void *probe, const struct interface *interface, const struct address *address);
    /* Does a host answer: to a ping, through the kernel's routes and filters (interface NULL: out of any), or else, beneath them, to ARP or
     * neighbour discovery on `interface`? The answer comes by reconcile_probed, from the loop, after `seconds` at most. NULL: nobody is
     * asked. */
    int (*probe_ask)(void *probe, const struct interface *interface, const struct address *address, bool ping, double seconds,
                     void *question, struct error *err);
    /* src/bridge: adds the steps that move a NIC into a bridge, or out of it. */
    int (*bridge_move)(void *netdev, const struct move *move, struct plan *plan, struct moved *ret_moved, struct error *err);
    void *filter;
    const char *(*host_warning)(void *filter); /* asked when it is to be shown; NULL, and gives NULL when there is none */
    /* Adds lines: which rules name the interface that the move leaves, and what that will mean. NULL: nobody knows. */
    int (*filter_names)(void *filter, const struct move *move, struct text *lines, struct error *err);
    void *managers;
    /* Does another program hold an interface of the host? NULL: nobody ever does. */
    bool (*manager_of)(void *managers, const struct interface *observed, struct manager_claim *ret_claim);
};

/* Network files as a change of the host's network leaves them. */
struct file_edit {
    char *path;
    char *text; /* NULL: the file goes */
};
struct file_edits {
    struct file_edit *items;
    size_t count;
};
void file_edits_add(struct file_edits *edits, const char *path, const char *text);
void file_edits_clear(struct file_edits *edits);

/* The files, as WANTED. The applied copy lies in STATE_DIR. */
struct reconcile_files {
    void *context;
    const char *state_directory;
    /* The network files as they are now. Problems with errors: ret_network holds the rest. */
    void (*read_network)(void *context, struct network *ret_network, struct problems *problems);
    /* What start-up wants: the applied copy within one boot; on a new boot or a first start the files, and for a wrong one its copy. */
    void (*read_start)(void *context, struct network *ret_network, struct problems *problems);
    /* The applied copy alone. */
    void (*read_applied)(void *context, struct network *ret_network, struct problems *problems);
    /* The applied copy with these edits: what is wanted after a change of these files alone. In a transaction this,
     * read_interface and check_edits take the copy of its changes so far for the applied one. */
    void (*read_edited)(void *context, const struct file_edits *edits, struct network *ret_network, struct problems *problems);
    /* What one of these gave last is about to be applied: its copy is written meanwhile, beside the loop. Each is followed by one of
     * the next two; or, when a daemon ends in between, by resume_applied of the next. */
    void (*begin_applied)(void *context);
    int (*commit_applied)(void *context, struct error *err); /* it is the applied copy from now on; waits for what isn't written yet */
    void (*drop_applied)(void *context);                     /* it was not applied */
    /* In a transaction: the change is one of it from now on; or it failed, and the copy of those before it stands. */
    void (*keep_applied)(void *context);
    void (*back_applied)(void *context);
    /* The applied copy, with the files of the interface that `word` means (config_find) as they are now. *ret_file: the name of its
     * ifcfg file, the caller's; NULL = no file states it. ret_network and problems may be NULL: then only the name is looked for. */
    void (*read_interface)(void *context, const char *word, const uint8_t mac[6], char **ret_file, struct network *ret_network,
                           struct problems *problems);
    /* What ifup and ifdown did, in RUN_DIR; NULL = they can't be kept. The text is the caller's; NULL when there is none. */
    char *(*read_hands)(void *context);
    int (*write_hands)(void *context, const char *text, struct error *err);
    int (*wait_applied)(void *context, struct error *err);   /* until it is written, or can't be */
    /* The copy that another daemon began, and what it wants. */
    void (*resume_applied)(void *context, struct network *ret_network, struct problems *problems);
    /* How the network files change when a NIC goes into a bridge; move->directory is put in. */
    void (*move_edits)(void *context, struct move_files *move, struct file_edits *ret_edits);
    /* -EBUSY, naming it, for a file that differs from its applied copy: somebody has begun to change it. */
    int (*check_edits)(void *context, const struct file_edits *edits, struct error *err);
    /* The edits that take these back, as long as none is made. */
    int (*save_edits)(void *context, const struct file_edits *edits, struct file_edits *ret_before, struct error *err);
    /* All network files, as edits that bring them back. */
    void (*save_all)(void *context, struct file_edits *ret_before);
    /* Makes the edits, each file at once and for good (fsync). others_go: network files that no edit names are removed. */
    int (*write_edits)(void *context, const struct file_edits *edits, bool others_go, struct error *err);
    /* The VM files; the caller frees each and the array. */
    size_t (*read_vms)(void *context, struct vm ***ret_vms, struct problems *problems);
    int (*write_vm)(void *context, const char *name, const char *text, struct error *err);
    int (*remove_vm)(void *context, const char *name, struct error *err);
    /* Changes one NIC's section of a VM's file, and nothing else in it: writes all that `nic` states, or (nic NULL) removes the section.
     * Gives the VM as the file has it now; the caller's. */
    int (*write_nic)(void *context, const char *vm, const char *name, const struct nic *nic, struct vm **ret_vm, struct error *err);
};

struct reconcile_event { /* what `trestle events` shows */
    unsigned long long id;
    const char *type;   /* "interface", "vm", "nic", "plan", "repair": static text */
    const char *object; /* "br0", "c2", "c2 net1" */
    const char *text;   /* one line */
};
typedef void (*reconcile_listener)(void *context, const struct reconcile_event *event);

/* End of a request: comes from the loop, never from within the call that made the request. err is NULL when result is 0. plan is what
 * was run, problems what was found on the way (both may be NULL, both borrowed). */
typedef void (*reconcile_done)(void *context, int result, const struct error *err, const struct plan *plan,
                               const struct problems *problems);

struct reconciler *reconcile_new(struct ev_loop *loop, const struct reconcile_providers *providers, const struct reconcile_files *files,
                                 bool repair, reconcile_listener listener, void *context);
void reconcile_free(struct reconciler *reconciler);

/* Start-up, after OBSERVED is complete: decides what is wanted (applied copy, or files on a new boot or first start), brings the
 * network there step by step, then starts the VMs with Autostart (once per boot: `autostart`). done when that was tried once. */
void reconcile_start(struct reconciler *reconciler, bool autostart, reconcile_done done, void *context);

/* Providers' events come in here. */
/* tell: it is worth an event of its own. */
void reconcile_probed(void *question, bool answered, double round_trip);
void reconcile_network_changed(struct reconciler *reconciler, const char *name, bool tell);
void reconcile_address_checked(void *check, bool taken, const uint8_t mac[6], const struct error *err); /* err: it can't be known */
void reconcile_lease_changed(struct reconciler *reconciler, const char *interface);
void reconcile_vm_changed(struct reconciler *reconciler, const char *vm, const char *text);
void reconcile_nic_changed(struct reconciler *reconciler, const char *vm, const char *nic);

/* The host's network. */
const struct network *reconcile_network_observed(const struct reconciler *reconciler);
const struct network *reconcile_network_wanted(const struct reconciler *reconciler);
/* What apply would do now. False: there are errors in the files, and apply does nothing of it until they are mended. */
bool reconcile_plan(struct reconciler *reconciler, struct plan *ret_plan, struct problems *problems);
/* confirm: seconds until it is taken back unless somebody confirms; 0 = it is final at once. */
void reconcile_apply(struct reconciler *reconciler, bool repair, double confirm, reconcile_done done, void *context);
/* What waits to be confirmed: an apply or an iface verb with a deadline, or a transaction that iface-begin opened. At most one. */
struct reconcile_pending {
    const char *name; /* "apply", "iface-bridge eth0 br0", "iface-begin" */
    bool transaction;
    double seconds;   /* that are left; 0 for a transaction, which has no deadline */
};
bool reconcile_pending(const struct reconciler *reconciler, struct reconcile_pending *ret_pending);
/* transaction: as iface-commit and iface-rollback say it. Either ends whatever is pending. */
void reconcile_confirm(struct reconciler *reconciler, bool transaction, reconcile_done done, void *context);
void reconcile_rollback(struct reconciler *reconciler, bool transaction, reconcile_done done, void *context);
void reconcile_begin(struct reconciler *reconciler, reconcile_done done, void *context);
/* The name of the last change, when nobody confirmed it; NULL = none. The caller's. with_files: of one that changed the files itself, and
 * took them back; else of an apply, whose files wait for the next one. */
char *reconcile_unconfirmed(const struct reconciler *reconciler, bool with_files);
/* iface-bridge and iface-unbridge. */
struct reconcile_bridging {
    bool out; /* of the bridge, whose only port the NIC is */
    char nic[INTERFACE_NAME_SIZE]; /* into it */
    char bridge[INTERFACE_NAME_SIZE];
    bool stp;       /* of a bridge that is made */
    unsigned delay; /* its forward delay with STP, seconds */
    bool preview;   /* nothing is changed: the plan and the warnings are all that is asked for */
    bool no_start;  /* only the files change */
    bool force;     /* also when another program holds the interface */
    double confirm; /* as of reconcile_apply */
    struct address *checks; /* who must answer afterwards if they do before, besides the default gateways; family and bytes */
    size_t check_count;
};
struct reconcile_bridged {
    char nic[INTERFACE_NAME_SIZE];
    bool made;             /* the bridge was made, or is to be */
    struct text warnings;  /* lines */
    struct text report;    /* "moved 2 addresses and 5 routes in 0.9 ms; gateway 10.0.0.1 answers (0.3 ms)"; empty when nothing was done */
    double seconds;        /* that the two links were neither one nor the other */
};
/* What is asked is copied; the report is filled before done is called. */
void reconcile_bridging(struct reconciler *reconciler, const struct reconcile_bridging *asked, struct reconcile_bridged *ret_report,
                        reconcile_done done, void *context);
void reconcile_bridged_clear(struct reconcile_bridged *report);
/* Why an interface is as it is: "up", "waits for br0", "foreign", … into text. */
void reconcile_interface_reason(struct reconciler *reconciler, const struct interface *interface, char *text, size_t size);
/* Does another program hold this interface? */
bool reconcile_interface_claim(const struct reconciler *reconciler, const struct interface *observed, struct manager_claim *ret_claim);
/* What ifup or ifdown made of it, which holds until the next apply or boot: "up", "down"; NULL = nothing. */
const char *reconcile_interface_hand(const struct reconciler *reconciler, const char *name);
/* ifup (up) and ifdown. word: a file's name, NAME=, DEVICE=, … as the classic scripts take it. *ret_name (INTERFACE_NAME_SIZE) gets the
 * interface's name before done is called, where one was found. -ENOENT: no file states such a thing. */
void reconcile_interface_change(struct reconciler *reconciler, const char *word, bool up, char *ret_name, reconcile_done done,
                                void *context);
bool reconcile_repairs(const struct reconciler *reconciler);
/* The name of the running host-network plan, or NULL. */
const char *reconcile_busy(const struct reconciler *reconciler);
/* What went wrong last at start-up or in repair and stands still; NULL when nothing. One line each, separated by newlines. */
const char *reconcile_troubles(const struct reconciler *reconciler);
/* What of the host's own setting-up will eat the packets of bridged VMs, and what to do; NULL when nothing. One line each. */
const char *reconcile_warnings(const struct reconciler *reconciler);

/* VMs. A VM is defined (by its file), running, or both. */
struct reconcile_vm {
    const char *name;
    const struct vm *defined;  /* NULL: only running (its file was undefined) */
    const struct vm *observed; /* NULL: shut off */
    const char *last_reason;   /* why it is off, e.g. "guest powered off"; NULL */
};
bool reconcile_vm_find(const struct reconciler *reconciler, const char *name, struct reconcile_vm *ret_vm);
size_t reconcile_vm_list(const struct reconciler *reconciler, struct reconcile_vm **ret_vms); /* sorted; the caller frees the array */

/* Takes vm. text is what its file will hold; NULL when the file is there already (start-up). */
int reconcile_vm_define(struct reconciler *reconciler, struct vm *vm, const char *text, struct error *err);
int reconcile_vm_undefine(struct reconciler *reconciler, const char *name, struct error *err);

/* A transient VM: starts it at once; it is forgotten when it ends. Takes vm. */
void reconcile_vm_create(struct reconciler *reconciler, struct vm *vm, reconcile_done done, void *context);

enum reconcile_power { POWER_START, POWER_DESTROY, POWER_SHUTDOWN, POWER_SUSPEND, POWER_RESUME, POWER_RESET };
void reconcile_vm_power(struct reconciler *reconciler, const char *name, enum reconcile_power power, reconcile_done done, void *context);

/* Where a change of a NIC is made. virsh's rules: live needs a running VM, config a defined one; both are done or none. */
struct reconcile_scope {
    bool live, config;
};

/* Plugs a NIC into a running VM, and (or) writes it into the VM's file. What is not stated (name, MAC, target) is made up here;
 * *ret_name (VM_NAME_SIZE) gets the name before done is called. */
void reconcile_nic_attach(struct reconciler *reconciler, const char *vm, const struct nic *nic, struct reconcile_scope scope,
                          char *ret_name, reconcile_done done, void *context);
/* Changes what `changes` states (its bits in `set`; name names the NIC). What can't change live is refused with virsh's words. */
void reconcile_nic_update(struct reconciler *reconciler, const char *vm, const struct nic *changes, struct reconcile_scope scope,
                          reconcile_done done, void *context);
/* Adds a line for each thing that will keep a plugged NIC's packets from passing. */
void reconcile_nic_warnings(const struct reconciler *reconciler, const struct nic *nic, struct text *warnings);
/* Takes it out: done when the guest has let go and TAP and port are gone, or with -ETIMEDOUT after `timeout` seconds; then the removal
 * completes by itself when the guest answers. */
void reconcile_nic_detach(struct reconciler *reconciler, const char *vm, const char *nic, struct reconcile_scope scope, double timeout,
                          reconcile_done done, void *context);
