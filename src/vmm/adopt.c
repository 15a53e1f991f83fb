#include "vmm/adopt.h"

#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "tap/tap.h"
#include "vmm/cgroup.h"
#include "vmm/instance.h"
#include "vmm/record.h"
#include "vmm/vmm_internal.h"

static const double GREETING_LIMIT = 5.;

/* QEMU holds the TAPs open; the agent's own descriptors keep a later netdev_del from waiting for the kernel. */
static void take_taps_back(struct instance *instance)
{
    const struct vm *vm = instance->vm;
    const char *names[VM_NICS_MAX];
    size_t count = 0, found = 0;
    struct error err = {0};
    for (size_t i = 0; i < vm->nic_count && count < VM_NICS_MAX; i++)
        if (vm->nics[i].type != NIC_USER)
            names[count++] = vm->nics[i].target;
    if (count == 0)
        return;
    const struct process *process = &instance->process;
    int result = tap_take_back(instance->vmm->taps, process->pidfd, process->pid, names, count, &found, &err);
    if (result < 0 && !instance->note)
        instance->note = memory_format("its TAPs can't be taken back: %s", err.text);
}

/* Without its record a VM is shown and can be ended, but what it has is not known; it is never ended for that. */
static struct vm *read_record(const char *directory, const char *name, struct slots *slots, char **ret_fault)
{
    struct error err = {0};
    struct vm *vm;
    *ret_fault = NULL;
    if (record_read(directory, name, &vm, slots, &err) == 0)
        return vm;
    *ret_fault = memory_format("its record is lost: %s", err.text);
    vm = vm_new(name);
    vm->state = VM_RUNNING;
    return vm;
}

static void adopt(struct vmm *vmm, const char *name, const char *directory, const struct process *process)
{
    struct slots slots = {0};
    char *fault;
    struct vm *vm = read_record(directory, name, &slots, &fault);
    struct instance *instance = instance_new(vmm, vm, &slots, process);
    instance->recorded = !fault;
    instance->note = fault;
    if (fault) /* whatever is plugged, it is not known where */
        vm->free_slots = vm->free_conventional_slots = 0;
    instance->adopting = true;
    take_taps_back(instance);
    instance_connect(instance, GREETING_LIMIT);
}

void adopt_all(struct vmm *vmm)
{
    CLEANUP(freep) char *above = process_directory(vmm->run_directory, NULL);
    char **names = NULL;
    size_t count = 0;
    if (file_list(above, &names, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct process process;
        if (text_vm_name_fault(names[i]) || instance_find(vmm, names[i]))
            continue;
        CLEANUP(freep) char *directory = process_directory(vmm->run_directory, names[i]);
        int result = process_find(directory, &process, NULL);
        if (result == 0) {
            adopt(vmm, names[i], directory, &process);
        } else if (result == -ESRCH) {
            file_remove(directory, NULL);
            cgroup_remove(names[i]);
        }
    }
    file_list_free(names, count);
}
