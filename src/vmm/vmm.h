/* Virtual machines as QEMU processes. Each runs as an unprivileged user, outlives the daemon, and is found again by the next one
 * from RUN_DIR/vms/NAME/ (state.json, pid, qmp.sock, console.sock, agent.sock, console.log, qemu.log). */
#pragma once

#include <stdbool.h>

#include "base/document.h"
#include "model/plan.h"

struct ev_loop;
struct error;
struct tap_table;
struct vmm;

struct vmm_settings {
    const char *run_directory; /* RUN_DIR: the VMs' files lie in vms/NAME below it */
    const char *binary;        /* QEMU; NULL = qemu-system-x86_64, else qemu-kvm, along PATH and /usr/libexec */
    const char *user;          /* NULL = trestle-qemu if it exists, else nobody */
    const char *accel;         /* overrides Accel= (TRESTLE_ACCEL); NULL = as the VM says */
    double start_limit;        /* seconds that QEMU may take until its monitor answers; 0 = 120 */
    double command_limit;      /* and for a command; 0 = 30 */
};

enum vmm_event {
    VMM_STATE_CHANGED, /* the VM's power state; text says why */
    VMM_NIC_REMOVED,   /* the guest let go of the device: nic is now NIC_REMOVED; text is the NIC's name */
    VMM_NIC_CHANGED,   /* text is the NIC's name */
    VMM_GUEST_EVENT,   /* text is the QMP event's name: for `events` */
};
typedef void (*vmm_listener)(void *context, enum vmm_event event, const char *vm, const char *text);

int vmm_new(struct ev_loop *loop, struct tap_table *taps, const struct vmm_settings *settings, vmm_listener listener,
            void *context, struct vmm **ret_vmm, struct error *err);
/* Leaves every VM running. Nobody is told anything any more, nor is any done() called. */
void vmm_free(struct vmm *vmm);

/* Finds the VMs that run, or ran when the last daemon ended: connects to each, takes its TAPs back, and reads back its state and
 * its devices. done() is called (from the loop) when all have answered or their time (5 s) is over. A VM that doesn't answer
 * stays listed, with the reason. Left-overs of dead ones (sockets, state) are removed. */
void vmm_adopt(struct vmm *vmm, void (*done)(void *context), void *context);

/* OBSERVED. A VM that has ended stays as it was last, VM_SHUT_OFF or VM_CRASHED with the reason, until it starts again; NULL when
 * this daemon has not seen it. Borrowed until the loop turns. */
const struct vm *vmm_observed(const struct vmm *vmm, const char *name);
/* Those that have a QEMU; the caller frees the array. */
size_t vmm_list(const struct vmm *vmm, const struct vm ***ret_vms);

/* Takes one STEP_VM_*, STEP_NIC_*, STEP_NETDEV_* or STEP_DEVICE_*. The step must stay until done() is called. */
void vmm_apply(struct vmm *vmm, const struct step *step, step_done done, void *context);

/* Which accelerator a VM would get, and why not KVM (*ret_reason, static text or NULL). */
enum vm_accel vmm_choose_accel(const struct vmm *vmm, const struct vm *vm, const char **ret_reason);

/* Sends any QMP command (and takes `arguments`); the answer comes from the loop, its "return" is borrowed during the call. */
typedef void (*vmm_answer)(void *context, const json_t *value, const struct error *err);
void vmm_command(struct vmm *vmm, const char *vm, const char *command, json_t *arguments, vmm_answer answer, void *context);

/* The same to the guest agent (qemu-guest-agent, by the virtio-serial port org.qemu.guest_agent.0): -ENXIO when none listens in the
 * guest, -ETIMEDOUT when it doesn't answer within 3 s. */
void vmm_agent(struct vmm *vmm, const char *vm, const char *command, json_t *arguments, vmm_answer answer, void *context);

/* A connection to the serial console (non-blocking, the caller's); one client at a time: -EBUSY. */
int vmm_console(struct vmm *vmm, const char *vm, int *ret_fd, struct error *err);

/* What the daemon's timer calls now and then: keeps console.log (2 MiB) and qemu.log (256 KiB) bounded. */
void vmm_trim_logs(struct vmm *vmm);
