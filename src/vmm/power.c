#include "vmm/power.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "vmm/accel.h"
#include "vmm/account.h"
#include "vmm/instance.h"
#include "vmm/launch.h"
#include "vmm/record.h"
#include "vmm/vmm_internal.h"

static const double KILL_PATIENCE = 5.;

/* ---- Start ---- */

static struct vm *observed_copy(const struct launch *launch)
{
    struct vm *vm = vm_copy(launch->vm);
    vm->state = VM_STARTING;
    free(vm->reason);
    vm->reason = NULL;
    for (size_t i = 0; i < vm->nic_count; i++) {
        struct nic *nic = &vm->nics[i];
        nic->state = NIC_ATTACHING;
        nic->live = false;
        nic->vhost_used = launch->vhosts[i].count > 0;
        free(nic->vhost_reason);
        nic->vhost_reason = memory_string(launch->vhosts[i].reason);
    }
    return vm;
}

static int choose_accel(const struct vmm *vmm, const struct vm *vm, const struct account *account, enum vm_accel *ret_accel,
                        struct error *err)
{
    const char *reason;
    *ret_accel = accel_choose(vmm->accel_overridden ? vmm->accel : vm->accel, account, &reason);
    if (*ret_accel == ACCEL_KVM && reason)
        return error_set(err, ENODEV, "Accel=kvm, but %s", reason);
    return 0;
}

/* Files, record, process. What it made is removed when it fails. */
static int start_process(struct vmm *vmm, struct launch *launch, const char *binary, const struct account *account,
                         struct process *ret_process, struct error *err)
{
    const char *name = launch->vm->name;
    enum vm_accel accel;
    int result = choose_accel(vmm, launch->vm, account, &accel, err);
    if (result < 0)
        return result;
    CLEANUP(freep) char *directory = process_directory(vmm->run_directory, name);
    result = process_make_files(directory, launch, err);
    if (result == -EBUSY)
        return result;
    if (result == 0)
        result = launch_make_arguments(launch, binary, accel, err);
    if (result == 0) {
        struct vm *vm = observed_copy(launch);
        result = record_write(directory, vm, &launch->slots, err);
        vm_free(vm);
    }
    if (result == 0)
        result = process_start(directory, name, account, launch, ret_process, err);
    if (result < 0)
        file_remove(directory, NULL);
    return result;
}

static int start(struct vmm *vmm, struct launch *launch, struct process *ret_process, struct error *err)
{
    struct account account;
    CLEANUP(freep) char *binary = NULL;
    const char *fault = text_vm_name_fault(launch->vm->name);
    if (fault)
        return error_set(err, EINVAL, "the VM's name %s", fault);
    int result = process_find_binary(vmm->binary, &binary, err);
    if (result == 0)
        result = account_find(vmm->user, &account, err);
    if (result == 0)
        result = launch_open(launch, vmm->taps, &account, err);
    if (result == 0)
        result = start_process(vmm, launch, binary, &account, ret_process, err);
    return result;
}

static void adopt_task(struct task *task, struct instance *instance)
{
    task->instance = instance;
    task->next = instance->tasks;
    instance->tasks = task;
}

/* Done when QMP has answered and the devices are read back: instance.c. */
static void spawn(struct task *task)
{
    struct vmm *vmm = task->vmm;
    struct error err = {0};
    struct process process;
    struct launch launch;
    if (task->instance) {
        error_set(&err, EEXIST, "it runs already (pid %d)", task->instance->process.pid);
        task_finish_soon(task, &err);
        return;
    }
    launch_init(&launch, task->step->vm);
    if (start(vmm, &launch, &process, &err) == 0) {
        struct instance *instance = instance_new(vmm, observed_copy(&launch), &launch.slots, &process);
        instance->recorded = true;
        adopt_task(task, instance);
        instance_connect(instance, vmm->start_limit);
        instance_record(instance, NULL); /* now with the pid */
    } else {
        task_finish_soon(task, &err);
    }
    launch_clear(&launch);
}

/* ---- A running one ---- */

static void on_status(void *context, const json_t *value, const struct error *err)
{
    struct task *task = context;
    struct error refused = {0};
    if (!err) {
        instance_read_status(task->instance, value);
        if (task->step->op == STEP_VM_CONTINUE && task->instance->vm->state != VM_RUNNING)
            error_set(&refused, EIO, "QEMU does not let it run: its state is \"%s\"",
                      document_string(value, "status", "unknown"));
    }
    task_finish(task, err ? err : &refused);
}

static void on_told(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct task *task = context;
    enum vm_state wanted = task->step->op == STEP_VM_CONTINUE ? VM_RUNNING : VM_PAUSED;
    bool changes = task->step->op == STEP_VM_CONTINUE || task->step->op == STEP_VM_STOP;
    bool is_so = task->instance->vm->state == wanted; /* QEMU says it by an event before it answers */
    if (err || !changes || is_so)
        task_finish(task, err);
    else
        instance_send(task->instance, "query-status", NULL, -1, on_status, task);
}

static void tell(struct task *task, const char *command)
{
    instance_send(task->instance, command, NULL, -1, on_told, task);
}

/* Done when its process has ended: instance.c. */
static void end(struct task *task)
{
    if (task->instance)
        instance_kill(task->instance, KILL_PATIENCE);
    else
        task_finish_soon(task, NULL);
}

void power_apply(struct task *task)
{
    struct error err;
    if (!task->instance && task->step->op != STEP_VM_SPAWN && task->step->op != STEP_VM_KILL) {
        error_set(&err, ESRCH, "the VM is not running");
        task_finish_soon(task, &err);
        return;
    }
    switch (task->step->op) {
    case STEP_VM_SPAWN:
        spawn(task);
        break;
    case STEP_VM_KILL:
        end(task);
        break;
    case STEP_VM_CONTINUE:
        tell(task, "cont");
        break;
    case STEP_VM_STOP:
        tell(task, "stop");
        break;
    case STEP_VM_RESET:
        tell(task, "system_reset");
        break;
    default:
        tell(task, "system_powerdown");
    }
}
