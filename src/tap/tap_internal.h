/* What the files of this folder share; no other folder includes it. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "tap/tap.h"

struct tap {
    char name[INTERFACE_NAME_SIZE];
    int *fds;
    size_t count;
};

/* A job for that name is not done yet; what follows for it goes to the same thread, so that it is done in order. */
struct tap_busy {
    char name[INTERFACE_NAME_SIZE];
    struct worker *worker;
    size_t jobs;
};

struct tap_table {
    struct worker *worker, *closer;
    struct tap *taps;
    size_t count;
    struct tap_busy *busy;
    size_t busy_count;
};

struct tap *tap_find(const struct tap_table *table, const char *name);

/* -- tap_queue.c: descriptors of /dev/net/tun become queues; called on a worker ------------------------------------------- */

int tap_queue_device(const char *name, struct error *err); /* a new descriptor, which is no queue yet; name: for the error */

/* `queues` new descriptors, appended to those of the TAP. On failure those that were opened are closed. */
int tap_queue_make(struct tap *tap, size_t queues, struct error *err);
/* The same of a persistent TAP that exists. */
int tap_queue_join(struct tap *tap, size_t queues, struct error *err);
/* The descriptors that the TAP has, once more. None is closed. */
struct tap_manner {
    bool somebody_elses; /* attach to one that exists */
    int header;          /* size of the vnet header */
    uint32_t offloads;
};
enum { TAP_HEADER_LEGACY = 10, TAP_HEADER = 12 }; /* struct virtio_net_hdr, and the same with num_buffers */
int tap_queue_remake(const struct tap *tap, const struct tap_manner *manner, struct error *err);
void tap_queue_close(struct tap *tap);

/* -- tap_owner.c: who has a TAP open, by /proc ---------------------------------------------------------------------------- */

/* Calls `found` for each descriptor of the process that is a TAP or a TUN, in the order of their numbers, until it gives other
 * than 0, which is given back. *budget counts the descriptors that may still be looked at; -E2BIG when it is used up. -ESRCH,
 * -EACCES, … */
typedef int (*tap_owner_found)(void *context, int fd, const char *name);
int tap_owner_walk(int pid, size_t *budget, tap_owner_found found, void *context);

/* The process that holds the TAP of that name; 0 when none was found. The lowest pid, if several hold it. */
int tap_owner_find(const char *name, char *ret_command, size_t size);
