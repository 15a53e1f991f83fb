/* One QMP connection: greeting, commands one after the other, events. What QEMU sends is bounded and distrusted. QEMU serves one
 * client; a second one gets no greeting, so that is waited for with a limit.
 *
 * Commands are not pipelined: QEMU closes a descriptor that arrived by SCM_RIGHTS when the next one arrives before getfd took
 * it. */
#pragma once

#include "base/document.h"

struct ev_loop;
struct error;
struct qmp;

/* value is the answer's "return", borrowed; err is NULL on success, else QEMU's own words. Called once, from the loop, never from
 * within qmp_send. -ETIMEDOUT: QEMU may still carry it out. */
typedef void (*qmp_answer)(void *context, const json_t *value, const struct error *err);

/* None of them may call qmp_free. */
struct qmp_handlers {
    void (*ready)(void *context);                                        /* QEMU answers */
    void (*event)(void *context, const char *name, const json_t *data);  /* data may be NULL */
    void (*closed)(void *context, const struct error *err);              /* once; what was pending has failed before */
    void (*silent)(void *context); /* a command has timed out, and QEMU has still to answer it; NULL: nobody cares */
    void (*awake)(void *context);  /* and has answered it now */
};

struct qmp_limits { /* seconds */
    double greeting; /* from qmp_new until QEMU is ready */
    double command;  /* from qmp_send until the answer */
};

/* Takes the connected, non-blocking socket. */
struct qmp *qmp_new(struct ev_loop *loop, int fd, const struct qmp_limits *limits, const struct qmp_handlers *handlers,
                    void *context);

/* One that is closed already: every command fails with err. */
struct qmp *qmp_new_closed(struct ev_loop *loop, const struct error *err);

/* Reads what a QEMU that has ended still said; its handlers are called. */
void qmp_drain(struct qmp *qmp);

/* What is pending fails with ECANCELED; `closed` is not called. NULL is fine. */
void qmp_free(struct qmp *qmp);

/* Takes `arguments` (may be NULL). fd, if it is not -1, goes along with the command; it stays the caller's. Commands sent before
 * QEMU is ready wait. */
void qmp_send(struct qmp *qmp, const char *command, json_t *arguments, int fd, qmp_answer answer, void *context);

/* Is err QEMU's answer to a command (rather than a broken connection or a time-out)? */
bool qmp_refused(const struct error *err);
