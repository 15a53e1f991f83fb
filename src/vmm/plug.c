#include "vmm/plug.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "vmm/device.h"
#include "vmm/ids.h"
#include "vmm/instance.h"
#include "vmm/pass.h"
#include "vmm/seen.h"
#include "vmm/vmm_internal.h"

enum { DELETE_ATTEMPTS = 6 };
static const double DELETE_PAUSE = 1.;

/* ---- The record ---- */

static int record(struct instance *instance, const struct nic *nic, struct error *err)
{
    if (!instance->recorded)
        return instance_record(instance, err);
    const struct nic *there = instance_nic(instance, nic->name);
    if (there)
        return error_set(err, EEXIST, "the VM has a NIC of that name (%s)", nic_state_names[there->state]);
    int result = device_check(nic, err);
    if (result == 0)
        result = ids_check_nic(instance->vm, nic->name, err);
    if (result == 0 && instance->vm->nic_count >= VM_NICS_MAX)
        result = error_set(err, ENOSPC, "the VM has %d NICs, which is the most that is possible", VM_NICS_MAX);
    if (result == 0)
        result = instance_take_slot(instance, nic, err);
    if (result < 0)
        return result;
    seen_drop(instance, nic->name);
    struct nic *ours = APPEND(instance->vm->nics, instance->vm->nic_count);
    nic_copy(nic, ours);
    ours->state = NIC_ATTACHING;
    ours->live = false;
    ours->vhost_used = false;
    result = instance_record(instance, err);
    if (result < 0) {
        vm_remove_nic(instance->vm, nic->name);
        instance_drop_slot(instance, nic->name);
    }
    return result;
}

static int forget(struct instance *instance, const struct nic *nic, struct error *err)
{
    const struct nic *there = instance_nic(instance, nic->name);
    if (!there || seen_of(instance, nic->name)->given_up)
        return 0;
    if (there->state == NIC_PLUGGED || there->state == NIC_UNPLUGGING)
        return error_set(err, EBUSY, "the guest still has it");
    vm_remove_nic(instance->vm, nic->name);
    instance_drop_slot(instance, nic->name);
    seen_drop(instance, nic->name);
    return instance_record(instance, err);
}

static void finish_at_once(struct task *task, int (*act)(struct instance *, const struct nic *, struct error *))
{
    struct error err = {0};
    act(task->instance, task->step->nic, &err);
    task_finish_soon(task, &err);
}

/* ---- A QEMU that falls silent within an attach ---- */

/* It may do yet what it was asked, so what was begun can't be taken back now: to wait for each command of that would take as long
 * again. It is written down that the NIC shall go, as it is for one that a guest does not let go of. */
static void give_up(struct task *task, const struct error *err)
{
    struct instance *instance = task->instance;
    struct nic *nic = instance_nic(instance, task->step->nic->name);
    struct error end;
    if (nic) {
        seen_of(instance, nic->name)->given_up = true;
        nic->state = NIC_UNPLUGGING;
        instance_record(instance, NULL); /* the intent to attach is there: a new daemon reads back what came of it */
        instance_tell(instance, VMM_NIC_CHANGED, nic->name);
    }
    bool may_answer = err->code == ETIMEDOUT;
    error_set(&end, err->code, "%s%s", err->text, may_answer ? ": what was begun is taken back when it answers" : "");
    task_finish(task, &end);
}

/* No answer came, or none can come any more: QEMU has ended, or will be connected to once more. */
bool plug_is_unanswered(const struct error *err)
{
    return err->code == ETIMEDOUT || err->code == ECONNRESET || err->code == EPROTO;
}

void plug_failed(struct task *task, const struct error *err)
{
    if (plug_is_unanswered(err))
        give_up(task, err);
    else
        task_finish(task, err);
}

/* Is the way back left to plug_go_on, and to the plan that follows from it? */
static bool is_left(const struct task *task)
{
    const struct nic *nic = instance_nic(task->instance, task->step->nic->name);
    return nic && nic->state != NIC_REMOVED && seen_of(task->instance, nic->name)->given_up;
}

/* ---- Backends ---- */

static void on_backend(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct task *task = context;
    if (err) {
        plug_failed(task, err);
        return;
    }
    seen_of(task->instance, task->step->nic->name)->backend = true;
    task_finish(task, NULL);
}

static char *join_names(const struct nic *nic, const char *(*name)(const char *, size_t, char[ID_SIZE]))
{
    struct text text = {0};
    char id[ID_SIZE];
    for (uint32_t i = 0; i < nic->queues; i++)
        text_format(&text, "%s%s", i ? ":" : "", name(nic->name, i, id));
    return text_take(&text);
}

static void netdev_add(struct task *task)
{
    const struct nic *nic = instance_nic(task->instance, task->step->nic->name);
    struct error err;
    if (!nic) {
        error_set(&err, ENOENT, "the attach was not recorded");
        task_finish_soon(task, &err);
        return;
    }
    CLEANUP(freep) char *fds = join_names(nic, ids_fd);
    CLEANUP(freep) char *vhost_fds = nic->vhost_used ? join_names(nic, ids_vhost_fd) : NULL;
    instance_send(task->instance, "netdev_add", device_netdev(nic, fds, vhost_fds), -1, on_backend, task);
}

/* Blind, unless it was seen to be there: a daemon before this one may have got as far as this or not. */
static void on_netdev_deleted(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct task *task = context;
    struct seen *seen = seen_of(task->instance, task->step->nic->name);
    if (err && err->code != ENODEV) {
        task_finish(task, err);
        return;
    }
    seen->given_up = false;
    if (seen->backend)
        task_finish(task, NULL);
    else
        pass_close(task);
}

static void list_devices(struct instance *instance, qmp_answer answer, void *context)
{
    instance_send(instance, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"), -1, answer, context);
}

static void send_netdev_delete(struct task *task)
{
    char id[ID_SIZE];
    instance_send(task->instance, "netdev_del", json_pack("{s:s}", "id", ids_netdev(task->step->nic->name, id)), -1,
                  on_netdev_deleted, task);
}

/* A netdev can be removed under a NIC that is plugged, and its TAP then vanishes under the guest: so QEMU is asked first. */
static void on_guard(void *context, const json_t *value, const struct error *err)
{
    struct task *task = context;
    char id[ID_SIZE];
    struct error busy;
    if (err) {
        task_finish(task, err);
    } else if (instance_lists_device(value, ids_device(task->step->nic->name, id))) {
        error_set(&busy, EBUSY, "the guest has not let go of the NIC: its backend must stay");
        task_finish(task, &busy);
    } else {
        send_netdev_delete(task);
    }
}

static void netdev_delete(struct task *task)
{
    if (is_left(task))
        task_finish_soon(task, NULL);
    else if (seen_of(task->instance, task->step->nic->name)->removed)
        send_netdev_delete(task);
    else
        list_devices(task->instance, on_guard, task);
}

static void close_descriptors(struct task *task)
{
    if (is_left(task))
        task_finish_soon(task, NULL);
    else
        pass_close(task);
}

/* ---- The device goes in ---- */

/* What is believed to be plugged is read back. QEMU answers in order, so nothing that is attached after this was asked for is in
 * question. */
static void on_confirmed(void *context, const json_t *value, const struct error *err)
{
    struct instance *instance = context;
    char id[ID_SIZE];
    for (size_t i = 0; !err && i < instance->vm->nic_count; i++) {
        struct nic *nic = &instance->vm->nics[i];
        if (nic->state == NIC_PLUGGED && !instance_lists_device(value, ids_device(nic->name, id)))
            plug_removed(instance, nic);
    }
}

/* Nobody waits for the reading back: right after device_add the guest, which is busy with the new device, keeps QEMU from
 * answering for milliseconds, and device_add's own answer says that the device is there. */
static void finish_added(struct task *task)
{
    struct instance *instance = task->instance;
    struct nic *nic = instance_nic(instance, task->step->nic->name);
    struct error end = task->error; /* of set_link */
    if (nic) {
        nic->live = true;
        nic->state = NIC_PLUGGED;
        instance_record(instance, NULL); /* no intent: it would be read back */
        instance_tell(instance, VMM_NIC_CHANGED, nic->name);
    }
    list_devices(instance, on_confirmed, instance);
    task_finish(task, &end);
}

static void on_set_down(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct task *task = context;
    if (err && plug_is_unanswered(err)) {
        plug_failed(task, err);
        return;
    }
    if (err)
        task->error = *err;
    finish_added(task);
}

static void on_added(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct task *task = context;
    if (err)
        plug_failed(task, err);
    else if (!task->step->nic->link)
        instance_send(task->instance, "set_link", device_link(task->step->nic->name, false), -1, on_set_down, task);
    else
        finish_added(task);
}

static void send_add(struct task *task, const struct nic *nic)
{
    json_t *arguments = device_nic(nic, slots_bus(&task->instance->slots, nic->name), 0);
    instance_send(task->instance, "device_add", arguments, -1, on_added, task);
}

static void on_backend_down(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct task *task = context;
    const struct nic *nic = instance_nic(task->instance, task->step->nic->name);
    struct error gone;
    if (!nic)
        error_set(&gone, ENOENT, "the attach was taken back meanwhile");
    if (err || !nic)
        plug_failed(task, err ? err : &gone);
    else
        send_add(task, nic);
}

/* Link=down: QEMU makes every device with its link up (a backend that is down does not change that), so the device is set down
 * by the message right behind device_add, long before the guest has found it: QEMU needs about 0.3 ms for it, a guest many to
 * look at the slot and load a driver. The backend is down already when the device comes, so that no frame passes in any case. */
static void device_add(struct task *task)
{
    const struct nic *nic = instance_nic(task->instance, task->step->nic->name);
    struct error err;
    if (!nic) {
        error_set(&err, ENOENT, "the attach was not recorded");
        task_finish_soon(task, &err);
        return;
    }
    if (nic->link)
        send_add(task, nic);
    else
        instance_send(task->instance, "set_link", device_link(nic->name, false), -1, on_backend_down, task);
}

/* ---- and out ---- */

static void send_delete(struct task *task);

static void on_delete_pause(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    send_delete(timer->data);
}

/* PCIe hot-plug by the guest: the button's lamp still blinks from plugging it in. */
static bool is_busy(const struct error *err)
{
    return strstr(err->text, "power indicator blinking") || strstr(err->text, "guest is busy");
}

static void on_delete(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct task *task = context;
    struct instance *instance = task->instance;
    struct nic *nic = instance_nic(instance, task->step->nic->name);
    if (!err || strstr(err->text, "already in the process of unplug")) {
        task_finish(task, NULL);
    } else if (err->code == ENODEV) {
        if (nic)
            plug_removed(instance, nic);
        task_finish(task, NULL);
    } else if (is_busy(err) && ++task->index < DELETE_ATTEMPTS) {
        ev_timer_init(&task->pause, on_delete_pause, DELETE_PAUSE, 0.);
        task->pause.data = task;
        ev_now_update(instance->vmm->loop);
        ev_timer_start(instance->vmm->loop, &task->pause);
    } else {
        if (nic && nic->state == NIC_UNPLUGGING && qmp_refused(err)) {
            nic->state = NIC_PLUGGED;
            instance_record(instance, NULL);
            instance_tell(instance, VMM_NIC_CHANGED, nic->name);
        }
        task_finish(task, err);
    }
}

static json_t *delete_arguments(const char *nic)
{
    char id[ID_SIZE];
    return json_pack("{s:s}", "id", ids_device(nic, id));
}

static void send_delete(struct task *task)
{
    instance_send(task->instance, "device_del", delete_arguments(task->step->nic->name), -1, on_delete, task);
}

static void device_delete(struct task *task)
{
    struct nic *nic = instance_nic(task->instance, task->step->nic->name);
    struct error err = {0};
    if (!nic || nic->state == NIC_REMOVED) {
        task_finish_soon(task, NULL);
        return;
    }
    if (instance_set_nic_state(task->instance, nic, NIC_UNPLUGGING, &err) < 0) {
        task_finish_soon(task, &err);
        return;
    }
    instance_tell(task->instance, VMM_NIC_CHANGED, nic->name);
    send_delete(task);
}

void plug_removed(struct instance *instance, struct nic *nic)
{
    seen_of(instance, nic->name)->removed = true;
    if (nic->state == NIC_REMOVED)
        return;
    nic->live = false;
    nic->state = NIC_REMOVED;
    instance_drop_slot(instance, nic->name);
    instance_record(instance, NULL); /* no intent: it would be read back */
    instance_tell(instance, VMM_NIC_REMOVED, nic->name);
}

/* ---- Reading back ---- */

/* A VM that starts is held still, so the guest never sees the link of a NIC up that shall be down. In one that runs, a daemon
 * before this one may have failed to set what it wrote down. */
static void read_back_link(struct instance *instance, const struct nic *nic, bool starting)
{
    if (!starting || !nic->link)
        instance_send(instance, "set_link", device_link(nic->name, nic->link), -1, NULL, NULL);
}

static void read_back(struct instance *instance, struct nic *nic, bool present, bool starting)
{
    if (present)
        read_back_link(instance, nic, starting);
    if (!present) {
        plug_removed(instance, nic);
    } else if (nic->state == NIC_UNPLUGGING && !starting) {
        instance_send(instance, "device_del", delete_arguments(nic->name), -1, NULL, NULL);
    } else if (nic->state != NIC_PLUGGED || !nic->live) {
        nic->state = NIC_PLUGGED;
        nic->live = true;
        if (!starting)
            instance_tell(instance, VMM_NIC_CHANGED, nic->name);
    }
}

void plug_read_back(struct instance *instance, const json_t *list, bool starting)
{
    for (size_t i = 0; i < instance->vm->nic_count; i++) {
        struct nic *nic = &instance->vm->nics[i];
        char id[ID_SIZE];
        read_back(instance, nic, instance_lists_device(list, ids_device(nic->name, id)), starting);
    }
    instance_record(instance, NULL);
}

/* Of a QEMU that was silent. What is being attached now is not in question, and what is thought to be plugged is. */
void plug_go_on(struct instance *instance, const json_t *list)
{
    for (size_t i = 0; i < instance->vm->nic_count; i++) {
        struct nic *nic = &instance->vm->nics[i];
        char id[ID_SIZE];
        bool present = instance_lists_device(list, ids_device(nic->name, id));
        if (nic->state != NIC_PLUGGED && nic->state != NIC_UNPLUGGING)
            continue;
        if (!present)
            plug_removed(instance, nic);
        else if (nic->state == NIC_UNPLUGGING)
            instance_send(instance, "device_del", delete_arguments(nic->name), -1, NULL, NULL);
    }
}

/* ---- */

void plug_apply(struct task *task)
{
    switch (task->step->op) {
    case STEP_NIC_RECORD:
        finish_at_once(task, record);
        break;
    case STEP_NIC_FORGET:
        finish_at_once(task, forget);
        break;
    case STEP_NIC_PASS_FDS:
        pass_open(task);
        break;
    case STEP_NIC_CLOSE_FDS:
        close_descriptors(task);
        break;
    case STEP_NETDEV_ADD:
        netdev_add(task);
        break;
    case STEP_NETDEV_DELETE:
        netdev_delete(task);
        break;
    case STEP_DEVICE_ADD:
        device_add(task);
        break;
    default:
        device_delete(task);
    }
}
