/* One running QEMU: what is known of it, its monitor connection, and its state, which has a single writer. */
#pragma once

#include <ev.h>
#include <stdbool.h>

#include "base/document.h"
#include "model/vm.h"
#include "vmm/process.h"
#include "vmm/qmp.h"
#include "vmm/slots.h"
#include "vmm/vmm.h"

struct error;
struct task;
struct vmm;

struct instance {
    struct instance *next;
    struct vmm *vmm;
    struct vm *vm; /* OBSERVED */
    char *directory;
    struct slots slots;
    struct seen *seen;    /* of its NICs */
    struct process process;
    ev_io ended;
    struct qmp *qmp;      /* NULL: not connected */
    struct agent *agent;  /* the guest's */
    ev_timer reconnect;   /* also frees a connection that broke */
    double pause;         /* before it is tried again */
    bool ready;           /* QMP answers and devices were read back */
    bool adopting;        /* vmm_adopt waits for it */
    bool recorded;        /* state.json could be read, and is kept up to date */
    char *note;           /* what stays wrong with it: the reason of a state that has no other */
    struct task *tasks;
    ev_timer kill;        /* SIGTERM was sent; SIGKILL comes */
    bool killing;
    enum vm_state end;    /* told by QMP's SHUTDOWN */
    char *end_reason;     /* NULL: QEMU said nothing */
};

/* Takes vm and slots; process->pidfd too. */
struct instance *instance_new(struct vmm *vmm, struct vm *vm, struct slots *slots, const struct process *process);
struct instance *instance_find(const struct vmm *vmm, const char *name);
void instance_free(struct instance *instance); /* the process is left alone */

/* Connects; then reads back state and devices. The tasks that wait for it (STEP_VM_SPAWN) end when that is done. */
void instance_connect(struct instance *instance, double limit);

/* The only writer of vm->state and vm->reason: records, tells the listener. reason may be NULL. */
void instance_enter_state(struct instance *instance, enum vm_state state, const char *reason);

struct nic *instance_nic(const struct instance *instance, const char *name);

/* A slot for the NIC, and out of it again; vm->free_slots follows. */
int instance_take_slot(struct instance *instance, const struct nic *nic, struct error *err);
void instance_drop_slot(struct instance *instance, const char *nic);

/* Sets the state of a NIC and records it; when that fails, it stays as it was. */
int instance_set_nic_state(struct instance *instance, struct nic *nic, enum nic_state state, struct error *err);

/* state.json: intent is there before QEMU is told. */
int instance_record(const struct instance *instance, struct error *err);

/* QMP to this VM; the same as qmp_send, and a plain error while there is no connection. */
void instance_send(struct instance *instance, const char *command, json_t *arguments, int fd, qmp_answer answer, void *context);

/* An answer of query-status -> state. */
void instance_read_status(struct instance *instance, const json_t *status);

/* Is the device in an answer of qom-list /machine/peripheral? */
bool instance_lists_device(const json_t *list, const char *nic);

void instance_tell(struct instance *instance, enum vmm_event event, const char *text);

/* SIGTERM now, SIGKILL when it takes longer than `patience` seconds. */
void instance_kill(struct instance *instance, double patience);
