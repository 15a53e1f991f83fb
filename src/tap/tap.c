#include "tap/tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/worker.h"
#include "tap/tap_internal.h"

enum { QUEUES_MAX = 256 }; /* the kernel's MAX_TAP_QUEUES */

struct tap_job {
    struct job job;
    struct tap_table *table;
    struct tap tap;
    size_t queues; /* wanted */
    struct tap_manner manner;
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

struct tap_table *tap_table_new(struct worker *worker, struct worker *closer)
{
    struct tap_table *table = NEW(struct tap_table);

    table->worker = worker;
    table->closer = closer;
    return table;
}

void tap_table_end_closer(struct tap_table *table)
{
    if (table)
        table->closer = table->worker;
}

void tap_table_free(struct tap_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        tap_queue_close(&table->taps[i]);
    free(table->taps);
    free(table->busy);
    free(table);
}

const int *tap_descriptors(const struct tap_table *table, const char *name, size_t *ret_count)
{
    const struct tap *tap = tap_find(table, name);

    *ret_count = tap ? tap->count : 0;
    return tap ? tap->fds : NULL;
}

/* -- jobs -------------------------------------------------------------------------------------------------------------------- */

static struct tap_busy *find_busy(const struct tap_table *table, const char *name)
{
    for (size_t i = 0; i < table->busy_count; i++)
        if (text_equal(table->busy[i].name, name))
            return &table->busy[i];
    return NULL;
}

static struct tap_job *new_job(struct tap_table *table, const struct step *step, void (*run)(struct job *),
                               void (*finish)(struct job *))
{
    struct tap_job *job = NEW(struct tap_job);

    job->job.run = run;
    job->job.done = finish;
    job->table = table;
    job->manner.somebody_elses = step->nic && step->nic->type == NIC_ETHERNET;
    text_copy(job->tap.name, sizeof(job->tap.name), step->interface);
    return job;
}

/* To the thread that has a job for this name still, else to `worker`. */
static void submit(struct tap_job *job, struct worker *worker)
{
    struct tap_table *table = job->table;
    struct tap_busy *busy = find_busy(table, job->tap.name);

    if (!busy) {
        busy = APPEND(table->busy, table->busy_count);
        text_copy(busy->name, sizeof(busy->name), job->tap.name);
        busy->worker = worker;
    }
    busy->jobs++;
    worker_submit(busy->worker, &job->job);
}

static void no_longer_busy(struct tap_job *job)
{
    struct tap_table *table = job->table;
    struct tap_busy *busy = find_busy(table, job->tap.name);

    if (--busy->jobs == 0)
        *busy = table->busy[--table->busy_count];
}

static void tell(struct tap_job *job)
{
    if (job->done)
        job->done(job->context, -job->error.code, job->error.code ? &job->error : NULL);
    free(job);
}

/* -- opening ----------------------------------------------------------------------------------------------------------------- */

static void run_open(struct job *base)
{
    struct tap_job *job = (struct tap_job *)base;

    if (job->error.code)
        return;
    crash_point("tap open %s", job->tap.name);
    if (job->manner.somebody_elses)
        tap_queue_join(&job->tap, job->queues, &job->error);
    else
        tap_queue_make(&job->tap, job->queues, &job->error);
}

static void finish_open(struct job *base)
{
    struct tap_job *job = (struct tap_job *)base;

    no_longer_busy(job);
    if (job->error.code == 0)
        *APPEND(job->table->taps, job->table->count) = job->tap;
    tell(job);
}

static void apply_open(struct tap_table *table, const struct step *step, step_done done, void *context)
{
    struct tap_job *job = new_job(table, step, run_open, finish_open);
    uint32_t queues = step->nic && step->nic->queues ? step->nic->queues : 1;
    const char *fault = text_interface_name_fault(step->interface);

    job->queues = queues;
    job->done = done;
    job->context = context;
    if (fault)
        error_set(&job->error, EINVAL, "%s: open a TAP: the name %s", step->interface, fault);
    else if (queues > QUEUES_MAX)
        error_set(&job->error, EINVAL, "%s: open a TAP: it takes at most %d queues, not %u", step->interface, QUEUES_MAX, queues);
    submit(job, table->worker);
}

/* -- making again ------------------------------------------------------------------------------------------------------------ */

static void run_remake(struct job *base)
{
    struct tap_job *job = (struct tap_job *)base;

    crash_point("tap remake %s", job->tap.name);
    tap_queue_remake(&job->tap, &job->manner, &job->error);
}

static void finish_remake(struct job *base)
{
    struct tap_job *job = (struct tap_job *)base;

    no_longer_busy(job);
    free(job->tap.fds); /* numbers only: the descriptors are the table's */
    tell(job);
}

static void apply_remake(struct tap_table *table, const struct step *step, step_done done, void *context)
{
    struct tap_job *job = new_job(table, step, run_remake, finish_remake);
    const struct tap *tap = tap_find(table, step->interface);

    if (tap) {
        job->tap.fds = memory_copy(tap->fds, tap->count * sizeof(*tap->fds));
        job->tap.count = tap->count;
    }
    /* QEMU says 10 to the kernel when it gets a descriptor, and 12 when the driver of a virtio NIC wants it; the other models stay at
     * 10. A virtio guest that has not got to its driver yet brings QEMU to say it again then. */
    job->manner.header = step->nic && step->nic->model != NIC_VIRTIO ? TAP_HEADER_LEGACY : TAP_HEADER;
    job->manner.offloads = step->offloads;
    job->done = done;
    job->context = context;
    submit(job, table->worker);
}

/* -- closing ----------------------------------------------------------------------------------------------------------------- */

static void run_close(struct job *base)
{
    tap_queue_close(&((struct tap_job *)base)->tap);
}

static void finish_close(struct job *base)
{
    struct tap_job *job = (struct tap_job *)base;

    no_longer_busy(job);
    tell(job);
}

static void run_nothing(struct job *base)
{
    (void)base;
}

static void finish_nothing(struct job *base)
{
    tell((struct tap_job *)base);
}

static void take_out(struct tap_table *table, const char *name, struct tap *ret_tap)
{
    struct tap *tap = tap_find(table, name);

    if (!tap)
        return;
    *ret_tap = *tap;
    *tap = table->taps[--table->count];
}

/* The close itself waits 16 ms in the kernel. Who doesn't want to wait for it is told by a job of nothing. */
static void apply_close(struct tap_table *table, const struct step *step, step_done done, void *context)
{
    struct tap_job *closing = new_job(table, step, run_close, finish_close);
    struct tap_job *told = step->wait ? closing : new_job(table, step, run_nothing, finish_nothing);

    told->done = done;
    told->context = context;
    take_out(table, step->interface, &closing->tap);
    if (told != closing)
        worker_submit(table->worker, &told->job); /* first: the close may come to be done by the same thread */
    submit(closing, table->closer);
}

/* -- steps ------------------------------------------------------------------------------------------------------------------- */

void tap_apply(struct tap_table *table, const struct step *step, step_done done, void *context)
{
    if (step->op == STEP_TAP_CLOSE)
        apply_close(table, step, done, context);
    else if (step->op == STEP_TAP_REMAKE)
        apply_remake(table, step, done, context);
    else
        apply_open(table, step, done, context);
}
