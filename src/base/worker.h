/* One thread that runs jobs in the order of their submission, for work that the kernel does inside a system call (a netlink
 * request under RTNL, the last close of a TAP), so that the event loop never waits. */
#pragma once

#include <stdbool.h>

struct error;
struct worker;

/* Embedded in the job's own struct. run() is called on the worker thread and may touch the job alone; done() on the
 * caller's thread, by worker_collect; it owns the job from then on. */
struct job {
    void (*run)(struct job *job);
    void (*done)(struct job *job);
    bool quick;       /* run() takes microseconds: the loop may hear of its end with that of the quick ones behind it */
    struct job *next; /* the worker's */
};

int worker_new(struct worker **ret_worker, struct error *err);

/* Runs what is still queued, ends the thread, calls done() of everything. NULL is fine. */
void worker_free(struct worker *worker);

int worker_fd(const struct worker *worker); /* readable when worker_collect has something to do */
void worker_submit(struct worker *worker, struct job *job);
void worker_collect(struct worker *worker);
