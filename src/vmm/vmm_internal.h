/* What the files of this folder share: the manager of the VMs, and a step that is being taken. */
#pragma once

#include <ev.h>
#include <stdbool.h>

#include "base/error.h"
#include "vmm/vmm.h"

struct instance;
struct qmp;

struct vmm {
    struct ev_loop *loop;
    struct tap_table *taps;
    char *run_directory, *binary, *user;
    enum vm_accel accel; /* overrides the VMs' */
    bool accel_overridden;
    double start_limit, command_limit; /* seconds */
    vmm_listener listener;
    void *context;
    struct instance *instances; /* those that run, in the order of their start */
    struct vm **ended;          /* the last state of those that ended, until they start again */
    size_t ended_count;
    struct qmp *nowhere;   /* takes the commands for VMs that are off */
    struct task *soon;     /* to be told from the loop */
    struct instance *dead; /* to be freed from the loop */
    ev_timer soon_timer;
    struct {
        void (*done)(void *context); /* NULL: not under way */
        void *context;
        ev_timer limit;
    } adoption;
    bool closing; /* nobody is told anything any more */
};

/* One step under way. */
struct task {
    struct task *next;
    struct vmm *vmm;
    struct instance *instance; /* NULL for one that fails at once */
    const struct step *step;
    step_done done;
    void *context;
    size_t index;    /* which descriptor it is at, or which attempt */
    ev_timer pause;  /* before the next attempt */
    struct error error; /* what it will end with, once what it did is taken back */
};

struct task *task_new(struct vmm *vmm, struct instance *instance, const struct step *step, step_done done, void *context);

/* Tells the end and frees the task: err NULL or without a code is success. Only from the loop. */
void task_finish(struct task *task, const struct error *err);

/* The same from within vmm_apply. */
void task_finish_soon(struct task *task, const struct error *err);

/* Ends all tasks of an instance that is no more: err for each but STEP_VM_KILL. */
void task_finish_all(struct task *tasks, const struct error *err);

/* Keeps a copy for vmm_observed. */
void vmm_remember_end(struct vmm *vmm, const struct vm *vm);
