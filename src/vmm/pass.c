#include "vmm/pass.h"

#include <errno.h>

#include "base/memory.h"
#include "tap/tap.h"
#include "vmm/device.h"
#include "vmm/ids.h"
#include "vmm/instance.h"
#include "vmm/plug.h"
#include "vmm/vhost.h"
#include "vmm/vmm_internal.h"

struct passing {
    struct task *task;
    struct vhost vhost;
    size_t queues; /* of the TAP */
    size_t next; /* the TAP's queues come first, then vhost's */
};

static const char *fd_name(const char *nic, size_t queues, size_t number, char id[ID_SIZE])
{
    return number < queues ? ids_fd(nic, number, id) : ids_vhost_fd(nic, number - queues, id);
}

/* As recorded: the step may say auto. */
static size_t count_queues(const struct task *task)
{
    const struct nic *nic = instance_nic(task->instance, task->step->nic->name);
    return nic ? nic->queues : task->step->nic->queues;
}

/* ---- Taking back ---- */

static void close_next(struct task *task);

static void on_closed(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct task *task = context;
    if (err && !qmp_refused(err)) {
        task_finish(task, task->error.code ? &task->error : err);
        return;
    }
    close_next(task); /* refused: there is none of that name */
}

/* Counts task->index down. */
static void close_next(struct task *task)
{
    char id[ID_SIZE];
    if (task->index == 0) {
        struct error end = task->error;
        task_finish(task, &end);
        return;
    }
    const char *name = fd_name(task->step->nic->name, count_queues(task), --task->index, id);
    instance_send(task->instance, "closefd", json_pack("{s:s}", "fdname", name), -1, on_closed, task);
}

void pass_close(struct task *task)
{
    const struct nic *nic = task->step->nic;
    size_t queues = nic->type == NIC_USER ? 0 : count_queues(task);
    task->index = nic->vhost == VHOST_OFF ? queues : 2 * queues;
    if (task->index == 0)
        task_finish_soon(task, NULL);
    else
        close_next(task);
}

/* ---- Passing ---- */

static void passing_free(struct passing *passing)
{
    vhost_close(&passing->vhost);
    free(passing);
}

static void pass_next(struct passing *passing);

static void on_passed(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct passing *passing = context;
    struct task *task = passing->task;
    if (!err) {
        passing->next++;
        pass_next(passing);
        return;
    }
    size_t passed = passing->next;
    passing_free(passing);
    if (!plug_is_unanswered(err)) {
        task->error = *err;
        task->index = passed;
        close_next(task);
    } else {
        plug_failed(task, err);
    }
}

static void pass_next(struct passing *passing)
{
    struct task *task = passing->task;
    const struct nic *nic = task->step->nic;
    size_t number = passing->next, count = 0;
    if (number == passing->queues + passing->vhost.count) {
        passing_free(passing);
        task_finish(task, NULL);
        return;
    }
    const int *taps = tap_descriptors(task->vmm->taps, nic->target, &count);
    /* A TAP that was closed meanwhile: QEMU refuses a getfd without a descriptor, in its own words. */
    int fd = number >= passing->queues ? passing->vhost.fds[number - passing->queues] : number < count ? taps[number] : -1;
    char id[ID_SIZE];
    fd_name(nic->name, passing->queues, number, id);
    instance_send(task->instance, "getfd", json_pack("{s:s}", "fdname", id), fd, on_passed, passing);
}

static int prepare(struct task *task, struct vhost *vhost, struct error *err)
{
    const struct nic *stated = task->step->nic;
    struct nic *nic = instance_nic(task->instance, stated->name);
    if (!nic)
        return error_set(err, ENOENT, "the attach was not recorded");
    size_t count = 0;
    tap_descriptors(task->vmm->taps, nic->target, &count);
    int result = device_choose_queues(nic, count, err);
    if (result == 0)
        result = vhost_open(nic, vhost, err);
    if (result < 0)
        return result;
    nic->vhost_used = vhost->count > 0;
    free(nic->vhost_reason);
    nic->vhost_reason = memory_string(vhost->reason);
    bool is_new = nic->vhost_used || nic->vhost_reason || nic->queues != stated->queues;
    result = is_new ? instance_record(task->instance, err) : 0;
    if (result < 0)
        vhost_close(vhost);
    return result;
}

void pass_open(struct task *task)
{
    struct error err = {0};
    struct vhost vhost = {0};
    if (prepare(task, &vhost, &err) < 0 || task->step->nic->type == NIC_USER) {
        task_finish_soon(task, &err);
        return;
    }
    struct passing *passing = NEW(struct passing);
    passing->task = task;
    passing->vhost = vhost;
    passing->queues = count_queues(task);
    pass_next(passing);
}
