#include "vmm/change.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "vmm/device.h"
#include "vmm/ids.h"
#include "vmm/instance.h"
#include "vmm/vmm_internal.h"

/* QEMU's own numbers for after a migration: five rounds within 1.5 s (milliseconds). */
enum { ANNOUNCE_FIRST = 50, ANNOUNCE_LONGEST = 550, ANNOUNCE_ROUNDS = 5, ANNOUNCE_STEP = 100 };

static struct nic *find_nic(const struct task *task, struct error *err)
{
    struct nic *nic = instance_nic(task->instance, task->step->nic->name);
    if (!nic)
        error_set(err, ENOENT, "the VM has no such NIC");
    else if (nic->state == NIC_REMOVED)
        error_set(err, ENODEV, "the guest has let go of the NIC");
    else
        return nic;
    return NULL;
}

static int record(const struct task *task, struct nic *nic, const struct nic *old, struct error *err)
{
    int result = instance_record(task->instance, err);
    if (result < 0) {
        nic_clear(nic);
        nic_copy(old, nic);
    }
    return result;
}

/* ---- Link ---- */

static void on_link_set(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct task *task = context;
    struct nic *nic = instance_nic(task->instance, task->step->nic->name);
    if (err && qmp_refused(err) && nic && task->index) {
        nic->link = !task->step->nic->link;
        instance_record(task->instance, NULL); /* else the next daemon tries once more */
    }
    if (!err && nic)
        instance_tell(task->instance, VMM_NIC_CHANGED, nic->name);
    task_finish(task, err);
}

/* Written down first: QEMU can't be asked what a link is, so a new daemon sets each one to what was recorded. */
static void set_link(struct task *task)
{
    struct error err = {0};
    struct nic *nic = find_nic(task, &err);
    bool up = task->step->nic->link, before = nic && nic->link;
    if (nic) {
        nic->link = up;
        if (instance_record(task->instance, &err) < 0)
            nic->link = before;
    }
    if (err.code) {
        task_finish_soon(task, &err);
        return;
    }
    task->index = before != up;
    instance_send(task->instance, "set_link", device_link(nic->name, up), -1, on_link_set, task);
}

/* vhost stops listening to a TAP that goes, and does not begin again by itself when there is one on its descriptor again: QEMU must
 * hand it over once more, as it does for a link that comes up. What is recorded stays, so a new daemon sets it up if this one can't. */
static void reconnect(struct task *task)
{
    struct error err = {0};
    const struct nic *nic = find_nic(task, &err);
    if (nic && nic->link) {
        instance_send(task->instance, "set_link", device_link(nic->name, false), -1, NULL, NULL);
        instance_send(task->instance, "set_link", device_link(nic->name, true), -1, NULL, NULL);
    }
    task_finish_soon(task, &err);
}

/* ---- Announcement ---- */

static void on_announced(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    task_finish(context, err);
}

/* Each NIC has a timer of its own in QEMU (`id`): two that move at once would else stop each other's announcements. */
static void announce(struct task *task)
{
    struct error err = {0};
    const struct nic *nic = find_nic(task, &err);
    char id[ID_SIZE];
    if (!nic) {
        task_finish_soon(task, &err);
        return;
    }
    ids_device(nic->name, id);
    json_t *arguments = json_pack("{s:i, s:i, s:i, s:i, s:[s], s:s}", "initial", ANNOUNCE_FIRST, "max", ANNOUNCE_LONGEST,
                                  "rounds", ANNOUNCE_ROUNDS, "step", ANNOUNCE_STEP, "interfaces", id, "id", id);
    instance_send(task->instance, "announce-self", arguments, -1, on_announced, task);
}

/* ---- The record ---- */

/* All that is stated, but what is fixed while the NIC is plugged. */
static void take_over(struct nic *nic, const struct nic *stated)
{
    struct nic kept = *nic;
    nic_copy(stated, nic);
    free(nic->vhost_reason);
    free(kept.trunk);
    nic->type = kept.type;
    nic->model = kept.model;
    nic->queues = kept.queues;
    nic->vhost = kept.vhost;
    __builtin_memcpy(nic->mac, kept.mac, sizeof(nic->mac));
    __builtin_memcpy(nic->target, kept.target, sizeof(nic->target));
    nic->state = kept.state;
    nic->vhost_used = kept.vhost_used;
    nic->vhost_reason = kept.vhost_reason;
    nic->live = kept.live;
    nic->config = kept.config;
}

static void update(struct task *task)
{
    struct error err = {0};
    struct nic *nic = find_nic(task, &err), old;
    if (nic) {
        nic_copy(nic, &old);
        take_over(nic, task->step->nic);
        if (record(task, nic, &old, &err) == 0)
            instance_tell(task->instance, VMM_NIC_CHANGED, task->step->nic->name);
        nic_clear(&old);
    }
    task_finish_soon(task, &err);
}

void change_apply(struct task *task)
{
    switch (task->step->op) {
    case STEP_NIC_LINK:
        set_link(task);
        break;
    case STEP_NIC_RECONNECT:
        reconnect(task);
        break;
    case STEP_NIC_ANNOUNCE:
        announce(task);
        break;
    default:
        update(task);
    }
}
