#include "tap/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/worker.h"
#include "tap/tap_internal.h"

#define DEVICE "/dev/net/tun"

enum {
    VNET_HEADER = 12, /* struct virtio_net_hdr_mrg_rxbuf: what QEMU's virtio-net wants, and other models don't mind */
    QUEUES_MAX = 256, /* the kernel's MAX_TAP_QUEUES */
};

/* Opening, or closing: a job on the worker. */
struct tap_job {
    struct job job;
    struct tap_table *table;
    struct tap tap;
    size_t queues; /* wanted */
    step_done done;
    void *context;
    struct error error;
};

struct tap *tap_find(const struct tap_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (text_equal(table->taps[i].name, name))
            return &table->taps[i];
    return NULL;
}

static void close_all(struct tap *tap)
{
    for (size_t i = 0; i < tap->count; i++)
        close(tap->fds[i]);
    free(tap->fds);
    tap->fds = NULL;
    tap->count = 0;
}

struct tap_table *tap_table_new(struct worker *worker)
{
    struct tap_table *table = NEW(struct tap_table);

    table->worker = worker;
    return table;
}

void tap_table_free(struct tap_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        close_all(&table->taps[i]);
    free(table->taps);
    free(table);
}

const int *tap_descriptors(const struct tap_table *table, const char *name, size_t *ret_count)
{
    const struct tap *tap = tap_find(table, name);

    *ret_count = tap ? tap->count : 0;
    return tap ? tap->fds : NULL;
}

/* -- opening, on the worker -------------------------------------------------------------------------------------------------- */

static int refuse_name(const char *name, struct error *err)
{
    char command[32] = "";
    int pid = tap_owner_find(name, command, sizeof(command));

    if (pid)
        return error_set(err, EEXIST, "%s: open a TAP: an interface of that name exists, held by process %d (%s)", name, pid,
                         command);
    return error_set(err, EEXIST, "%s: open a TAP: an interface of that name exists; delete it, or choose another Target=", name);
}

static int open_device(const char *name, struct error *err)
{
    int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    error_errno(err, errno, "%s: open a TAP: %s", name, DEVICE);
    if (err->code == ENOENT || err->code == ENODEV || err->code == ENXIO)
        error_set(err, err->code, "%s; load the tun module: modprobe tun", err->text);
    else if (err->code == EACCES || err->code == EPERM)
        error_set(err, err->code, "%s; trestled may not open it: run it as root, or give it the device", err->text);
    return -err->code;
}

/* One more queue; the first makes the TAP. With IFF_TUN_EXCL the kernel says EBUSY when anything has the name; without it, a
 * persistent TAP would be taken over, and any other link be "Invalid argument". */
static int open_queue(struct tap_job *job)
{
    const char *name = job->tap.name;
    CLEANUP(close_fdp) int fd = open_device(name, &job->error);
    struct ifreq request = {0};
    int header = VNET_HEADER;
    bool first = job->tap.count == 0;

    if (fd < 0)
        return fd;
    text_copy(request.ifr_name, sizeof(request.ifr_name), name);
    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (job->queues > 1 ? IFF_MULTI_QUEUE : 0)
                                | (first ? IFF_TUN_EXCL : 0));
    if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) {
        if (first && errno == EBUSY)
            return refuse_name(name, &job->error);
        return error_errno(&job->error, errno, "%s: open queue %zu of a TAP%s", name, job->tap.count,
                           errno == EPERM ? " (trestled needs CAP_NET_ADMIN)" : "");
    }
    *APPEND(job->tap.fds, job->tap.count) = TAKE_FD(fd);
    return 0;
}

static void run_open(struct job *base)
{
    struct tap_job *job = (struct tap_job *)base;
    char point[40];

    if (job->error.code)
        return;
    snprintf(point, sizeof(point), "tap open %s", job->tap.name);
    crash_point(point);
    while (job->tap.count < job->queues)
        if (open_queue(job) < 0) {
            close_all(&job->tap);
            return;
        }
}

static void finish_open(struct job *base)
{
    struct tap_job *job = (struct tap_job *)base;

    if (job->error.code == 0)
        *APPEND(job->table->taps, job->table->count) = job->tap;
    job->done(job->context, -job->error.code, job->error.code ? &job->error : NULL);
    free(job);
}

/* -- closing ----------------------------------------------------------------------------------------------------------------- */

static void run_close(struct job *base)
{
    close_all(&((struct tap_job *)base)->tap);
}

static void finish_close(struct job *base)
{
    struct tap_job *job = (struct tap_job *)base;

    if (job->done)
        job->done(job->context, 0, NULL);
    free(job);
}

static void run_nothing(struct job *base)
{
    (void)base;
}

static void finish_nothing(struct job *base)
{
    struct tap_job *job = (struct tap_job *)base;

    job->done(job->context, 0, NULL);
    free(job);
}

static void take_out(struct tap_table *table, const char *name, struct tap *ret_tap)
{
    struct tap *tap = tap_find(table, name);

    *ret_tap = (struct tap){0};
    if (!tap)
        return;
    *ret_tap = *tap;
    *tap = table->taps[--table->count];
}

/* -- steps ------------------------------------------------------------------------------------------------------------------- */

static struct tap_job *new_job(struct tap_table *table, void (*run)(struct job *), void (*finish)(struct job *))
{
    struct tap_job *job = NEW(struct tap_job);

    job->job.run = run;
    job->job.done = finish;
    job->table = table;
    return job;
}

static void apply_open(struct tap_table *table, const struct step *step, step_done done, void *context)
{
    struct tap_job *job = new_job(table, run_open, finish_open);
    uint32_t queues = step->nic && step->nic->queues ? step->nic->queues : 1;
    const char *fault = text_interface_name_fault(step->interface);

    text_copy(job->tap.name, sizeof(job->tap.name), step->interface);
    job->queues = queues;
    job->done = done;
    job->context = context;
    if (fault)
        error_set(&job->error, EINVAL, "%s: open a TAP: the name %s", step->interface, fault);
    else if (queues > QUEUES_MAX)
        error_set(&job->error, EINVAL, "%s: open a TAP: it takes at most %d queues, not %u", step->interface, QUEUES_MAX, queues);
    worker_submit(table->worker, &job->job);
}

/* The close itself waits 16 ms in the kernel. Who doesn't want to wait for it is told by a job of nothing before it. */
static void apply_close(struct tap_table *table, const struct step *step, step_done done, void *context)
{
    struct tap_job *closing = new_job(table, run_close, finish_close);
    struct tap_job *told = step->wait ? closing : new_job(table, run_nothing, finish_nothing);

    told->done = done;
    told->context = context;
    take_out(table, step->interface, &closing->tap);
    if (told != closing)
        worker_submit(table->worker, &told->job);
    worker_submit(table->worker, &closing->job);
}

void tap_apply(struct tap_table *table, const struct step *step, step_done done, void *context)
{
    if (step->op == STEP_TAP_CLOSE)
        apply_close(table, step, done, context);
    else
        apply_open(table, step, done, context);
}
