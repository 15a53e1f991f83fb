#include "vmm/event.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "vmm/ids.h"
#include "vmm/instance.h"
#include "vmm/plug.h"
#include "vmm/vmm_internal.h"

/* QEMU's ShutdownCause. */
static const struct {
    const char *cause, *text;
    enum vm_state state;
} causes[] = {
    {"guest-shutdown", "guest powered off", VM_SHUT_OFF},
    {"guest-reset", "guest reset", VM_SHUT_OFF},
    {"guest-panic", "guest panicked", VM_CRASHED},
    {"host-qmp-quit", "ended through its monitor", VM_SHUT_OFF},
    {"host-signal", "ended by a signal from the host", VM_SHUT_OFF},
    {"host-ui", "ended through its display", VM_SHUT_OFF},
    {"host-error", "QEMU met an error of the host", VM_CRASHED},
};

static void on_shutdown(struct instance *instance, const json_t *data)
{
    const char *cause = document_string(data, "reason", "");
    char quoted[QUOTE_SIZE];
    free(instance->end_reason);
    instance->end_reason = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
        if (strcmp(cause, causes[i].cause) == 0) {
            instance->end = causes[i].state;
            instance->end_reason = memory_string(causes[i].text);
        }
    if (!instance->end_reason) {
        instance->end = VM_SHUT_OFF;
        instance->end_reason = memory_format("QEMU shut down: %s", quote_text(cause, quoted));
    }
    instance_enter_state(instance, VM_IN_SHUTDOWN, instance->killing ? "destroyed" : instance->end_reason);
}

static void on_stop(struct instance *instance, const json_t *data)
{
    (void)data;
    if (instance->vm->state == VM_RUNNING)
        instance_enter_state(instance, VM_PAUSED, NULL);
}

static void on_resume(struct instance *instance, const json_t *data)
{
    (void)data;
    instance_enter_state(instance, VM_RUNNING, NULL);
}

/* Comes before STOP when QEMU pauses the VM for it. */
static void on_disk_error(struct instance *instance, const json_t *data)
{
    if (strcmp(document_string(data, "action", ""), "stop") != 0)
        return;
    char node[QUOTE_SIZE], reason[QUOTE_SIZE];
    const char *disk = quote_text(document_string(data, "node-name", ""), node);
    CLEANUP(freep) char *text =
        memory_format("I/O error of disk %s: %s", disk, quote_text(document_string(data, "reason", ""), reason));
    instance_enter_state(instance, VM_PAUSED, text);
}

static void on_panic(struct instance *instance, const json_t *data)
{
    if (strcmp(document_string(data, "action", ""), "pause") == 0)
        instance_enter_state(instance, VM_PAUSED, "guest panicked");
}

static void on_status(void *context, const json_t *value, const struct error *err)
{
    if (!err)
        instance_read_status(context, value);
}

static void on_reset(struct instance *instance, const json_t *data)
{
    (void)data;
    if (instance->ready)
        instance_send(instance, "query-status", NULL, -1, on_status, instance);
}

static struct nic *find_nic(const struct instance *instance, const json_t *data)
{
    const char *device = document_string(data, "device", NULL);
    char id[ID_SIZE];
    for (size_t i = 0; device && i < instance->vm->nic_count; i++)
        if (strcmp(device, ids_device(instance->vm->nics[i].name, id)) == 0)
            return &instance->vm->nics[i];
    return NULL;
}

/* virtio-net sends a second one, for its inner part, without the id. */
static void on_deleted(struct instance *instance, const json_t *data)
{
    struct nic *nic = find_nic(instance, data);
    if (nic)
        plug_removed(instance, nic);
}

static void on_unplug_refused(struct instance *instance, const json_t *data)
{
    struct nic *nic = find_nic(instance, data);
    if (!nic || nic->state != NIC_UNPLUGGING)
        return;
    nic->state = NIC_PLUGGED;
    instance_record(instance, NULL); /* no intent */
    instance_tell(instance, VMM_NIC_CHANGED, nic->name);
}

void event_take(struct instance *instance, const char *name, const json_t *data)
{
    static const struct {
        const char *name;
        void (*take)(struct instance *instance, const json_t *data);
    } events[] = {
        {"SHUTDOWN", on_shutdown},          {"STOP", on_stop},
        {"RESUME", on_resume},              {"RESET", on_reset},
        {"BLOCK_IO_ERROR", on_disk_error},  {"GUEST_PANICKED", on_panic},
        {"DEVICE_DELETED", on_deleted},     {"DEVICE_UNPLUG_GUEST_ERROR", on_unplug_refused},
    };
    char quoted[QUOTE_SIZE];
    const char *text = quote_text(name, quoted);
    for (size_t i = 0; i < ARRAY_SIZE(events); i++)
        if (strcmp(name, events[i].name) == 0) {
            events[i].take(instance, data);
            text = name;
        }
    instance_tell(instance, VMM_GUEST_EVENT, text);
}
