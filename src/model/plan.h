/* A plan: ordered steps, each with what a provider needs to take it, and its inverse. Made by diff.h, run by the reconciler. */
#pragma once

#include "base/document.h"
#include "model/network.h"
#include "model/vm.h"

struct error;

enum step_op {
    /* the host's network; done by src/netdev */
    STEP_LINK_CREATE,    /* to: the link with all of `fields`; it is marked as ours */
    STEP_LINK_DELETE,    /* from: the link as it was */
    STEP_LINK_SET,       /* from, to, fields: only those fields change; without any, whose link it is (owner) */
    STEP_ADDRESS_ADD,    /* interface, address */
    STEP_ADDRESS_DELETE,
    STEP_ADDRESS_RENEW,  /* interface, address: it is there; its lifetimes are set anew */
    STEP_ROUTE_ADD,      /* interface, route; one with a group names its interfaces itself */
    STEP_ROUTE_DELETE,
    STEP_RULE_ADD,       /* rule; interface: whose file states it */
    STEP_RULE_DELETE,    /* rule, with its priority */
    STEP_REPLAY,         /* message: one of the kernel's own, said anew */
    STEP_SYSCTL_SET,     /* interface, sysctl: from value_before to its value */
    STEP_LINK_WAIT,      /* interface: until its operstate is up, if it has carrier, or 0.2 s; and until packets reach its IPv6 addresses,
                          * or 5 s; it is no failure when it does not come up */
    STEP_NETWORK_LAST = STEP_LINK_WAIT,
    /* TAPs; done by src/tap */
    STEP_TAP_OPEN,       /* interface, nic: queues */
    STEP_TAP_CLOSE,
    STEP_TAP_REMAKE,     /* interface, nic: a TAP that somebody deleted comes back on the descriptors that are open still */
    /* VMs; done by src/vmm */
    STEP_VM_SPAWN,       /* vm, nic-TAPs open: directory, sockets, QEMU held before its first instruction; QMP answers */
    STEP_VM_KILL,
    STEP_VM_CONTINUE,    /* also: resume */
    STEP_VM_STOP,        /* suspend */
    STEP_VM_RESET,
    STEP_VM_POWERDOWN,   /* the ACPI button; the guest's answer is an event, not the step's end */
    STEP_NIC_RECORD,     /* intent to attach is written to RUN_DIR */
    STEP_NIC_FORGET,
    STEP_NIC_PASS_FDS,   /* getfd of TAP queues and vhost descriptors */
    STEP_NIC_CLOSE_FDS,
    STEP_NETDEV_ADD,
    STEP_NETDEV_DELETE,
    STEP_DEVICE_ADD,     /* done means that QEMU said it has the device; its list is read back behind */
    STEP_DEVICE_DELETE,  /* intent is written, QEMU asked; done means asked: the end is an event */
    STEP_NIC_LINK,       /* nic->link: the carrier that the guest sees */
    STEP_NIC_RECONNECT,  /* vhost looks at its TAP anew; done means asked */
    STEP_NIC_ANNOUNCE,   /* QEMU tells the new switch where the guest's MAC is */
    STEP_NIC_UPDATE,     /* nic: what is stated of a plugged NIC is written down anew; before: what it was */
    STEP_OPS
};

/* Requests to the kernel, kept as their bytes, said one after the other: addresses, routes, rules and neighbours that are moved or
 * taken back lose nothing that struct address and its kin don't know. The indices in it are resolved anew from names when it is sent. */
enum { REPLAY_INDICES = ROUTE_HOPS };
struct replay {
    struct replay *next;
    uint8_t *message; /* owned; struct nlmsghdr and what follows; its sequence number and indices are put in */
    size_t size;
    struct {
        size_t offset; /* of a u32 index in the message */
        char name[INTERFACE_NAME_SIZE];
    } indices[REPLAY_INDICES];
    size_t index_count;
    int fine;          /* an errno that means: it is so already; 0 = none */
    bool gone_is_fine; /* no such link: what was to be deleted went with it */
    bool when_busy;    /* only when the message before it was refused with EBUSY, and then in its place */
};
void replay_free(struct replay *replay); /* with all behind it; NULL is fine */
struct replay *replay_copy(const struct replay *replay);

struct step {
    enum step_op op;
    char *object;  /* "br0", "vm c2 nic net1" */
    char *text;    /* as a person would say it: "set br0 mtu 1500 → 9000" */
    char interface[INTERFACE_NAME_SIZE]; /* that it acts on; "" = none */
    char needs[INTERFACE_NAME_SIZE];     /* another interface that must be there: the master; "" = none */
    char meanwhile[INTERFACE_NAME_SIZE]; /* STEP_LINK_SET, or the STEP_REPLAY made of it: the link that gets what comes in until it is
                                          * done, if the kernel can; "" = none */
    struct interface *from, *to;         /* owned; NULL where the op has none */
    field_set fields;
    int *chain; /* borrowed; shared by the network steps of a plan that is all or nothing: the provider sets it to 1 when one fails, and
                 * ends those behind it with -ECANCELED, untried; NULL = stands alone */
    double *taken; /* borrowed: when it was taken, on CLOCK_MONOTONIC, by the provider; NULL = nobody asks */
    bool inverse; /* it takes another step back, of which nobody may know whether it was taken */
    bool wait; /* STEP_TAP_CLOSE: done means that the kernel is through with it, not that it was asked */
    uint32_t offloads; /* STEP_TAP_REMAKE: TUN_F_* that the guest has agreed to; 0 = none, which is always right, and slower */
    struct address address;
    struct route route; /* owned is its group */
    struct rule rule;   /* STEP_RULE_* */
    struct replay *replay; /* owned; STEP_REPLAY: what is said */
    struct replay *undo;   /* owned; what takes the step back: NULL = for a STEP_REPLAY nothing, for others their op's inverse */
    struct sysctl sysctl;         /* STEP_SYSCTL_SET */
    int32_t value_before;
    char vm_name[VM_NAME_SIZE];
    struct vm *vm;   /* owned; STEP_VM_SPAWN */
    struct nic *nic; /* owned; TAP, NIC, NETDEV and DEVICE steps */
    struct nic *before; /* owned; STEP_NIC_LINK and STEP_NIC_UPDATE: the NIC as it was */
};

struct plan {
    char *name;          /* "apply", "attach-interface c2 net1": what a second request is told */
    bool all_or_nothing; /* a step that fails takes back those before it; else it stops only what depends on it */
    bool takes_back;     /* each step is tried, whatever became of those before it */
    struct step *steps;
    size_t count, room;
};

/* How a provider tells the end of a step: from the event loop, never from within the call that began it. err is NULL on success
 * (result 0); result is -errno. */
typedef void (*step_done)(void *context, int result, const struct error *err);

struct step *plan_add(struct plan *plan, enum step_op op, const char *object, const char *text_format, ...)
    __attribute__((format(printf, 4, 5)));
struct step *plan_append(struct plan *plan); /* an empty step at its end */
void plan_clear(struct plan *plan);
const char *step_op_name(enum step_op op); /* "link-create": the "op" of plan --json */

/* The step that takes this one back; false when there is nothing to take back (a new TAP's attributes, a power button).
 * The caller clears ret_inverse with step_clear. */
bool step_invert(const struct step *step, struct step *ret_inverse);
void step_clear(struct step *step);
/* The plan that takes back what was done of another: the inverses of the steps for which `done` says true (NULL: of all), last one
 * first. */
void plan_invert(const struct plan *plan, bool (*done)(const void *context, size_t index), const void *context, struct plan *ret_inverse);
/* Shows OBSERVED what the step was to bring about? True where OBSERVED does not tell (VMs, replayed messages). */
bool step_shows(const struct step *step, const struct network *observed);

/* A STEP_REPLAY, STEP_SYSCTL_SET or STEP_LINK_WAIT as a document, and back (-EINVAL). The others are turned into such by who takes them. */
void step_write(const struct step *step, struct text *text);
int step_from_json(const json_t *json, struct step *ret_step, struct error *err);

/* [{"op", "object", "text"}], a JSON list, by hand: whoever asked for a long plan waits for it. */
void plan_write_steps(const struct plan *plan, struct text *text);
