/* What the files of this folder share; no other folder includes it. */
#pragma once

#include <ev.h>
#include <libmnl/libmnl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "base/error.h"
#include "base/worker.h"
#include "netdev/netdev.h"

/* -- netdev_cache.c: OBSERVED, found by name and by index -------------------------------------------------------------------- */

struct netdev_cache {
    struct network network;
    struct interface **by_index; /* sorted: a new link's index is nearly always the highest, so insertion is an append */
    size_t count, allocated;
    const struct netdev_kind *const *kinds;
    netdev_listener listener; /* NULL = nobody to tell (a dump is being read) */
    void *context;
    bool filling;       /* from a dump: nothing can be there twice, and masters are named at its end */
    bool unnamed;       /* some port's master was not known when the port was seen */
    bool preferred;     /* there are IPv4 routes with a stated source address: they go with that address, and no event says so */
    bool several;       /* there are IPv4 routes with several next hops: one whose link is down stays, unless it is the last */
    bool doubtful;      /* something changed of which the kernel sends no events: only a dump tells */
};

void netdev_cache_init(struct netdev_cache *cache, const struct netdev_kind *const *kinds);
void netdev_cache_clear(struct netdev_cache *cache);
struct interface *netdev_cache_find(const struct netdev_cache *cache, int index);
/* Takes over what `link` says of the link itself (index, name, attributes); addresses and routes stay as they are. */
void netdev_cache_put(struct netdev_cache *cache, const struct interface *link);
void netdev_cache_remove(struct netdev_cache *cache, int index);
void netdev_cache_filled(struct netdev_cache *cache); /* after a dump */
void netdev_cache_tell(const struct netdev_cache *cache, enum netdev_event event, const char *name);
int netdev_cache_compare(const struct netdev_cache *a, const struct netdev_cache *b, struct error *err);

/* -- netdev_link.c, netdev_address.c, netdev_route.c: the kernel's messages, read into the cache ----------------------------- */

void netdev_link_read(struct netdev_cache *cache, struct nl_msg *msg);
void netdev_address_read(struct netdev_cache *cache, struct nl_msg *msg);
void netdev_route_read(struct netdev_cache *cache, struct nl_msg *msg);
/* The kernel drops the IPv4 routes of a link that goes down, or that loses its last IPv4 address, without a word. */
void netdev_route_forget(struct netdev_cache *cache, struct interface *interface, int family);

/* -- netdev_dump.c ----------------------------------------------------------------------------------------------------------- */

int netdev_dump_open(struct nl_sock **ret_socket, struct error *err);
/* Fills an empty cache. *ret_torn: things changed during each of several tries, and what was read may have gaps. */
int netdev_dump_read(struct nl_sock *socket, struct netdev_cache *cache, bool *ret_torn, struct error *err);
/* Asks for one link again. */
void netdev_dump_link(struct nl_sock *socket, struct netdev_cache *cache, int index);

/* -- netdev_events.c --------------------------------------------------------------------------------------------------------- */

int netdev_events_open(struct netdev *netdev, struct error *err);
void netdev_events_close(struct netdev *netdev);
void netdev_events_drain(struct netdev *netdev); /* everything that is queued now; dumps afresh when something was lost */

/* -- netdev_write.c: requests ------------------------------------------------------------------------------------------------ */

enum {
    NETDEV_MESSAGE_SIZE = 1024, /* of the largest message that is built here, twice over */
    NETDEV_MESSAGES = 6,        /* in one request */
};

enum netdev_when {
    NETDEV_ALWAYS,
    NETDEV_WHEN_BUSY, /* only when the message before these was refused with EBUSY, and then in its place */
    NETDEV_TO_UNDO,   /* only when a later message failed after the first was done; its own failure is of no interest */
};

struct netdev_message {
    struct nlmsghdr *header; /* owned */
    enum netdev_when when;
    int fine;                /* an errno that means: it is so already; 0 = none */
    bool gone_is_fine;       /* no such link: what was to be deleted went with it */
    /* Places that take the index of a link; it is looked up on the worker, right before sending. */
    struct {
        size_t offset;
        char name[INTERFACE_NAME_SIZE];
    } indices[2];
    size_t index_count;
    char what[160];          /* "add as port of br9" */
};

struct netdev_request {
    struct job job;
    struct netdev *netdev;
    const struct step *step;
    step_done done;
    void *context;
    struct netdev_message messages[NETDEV_MESSAGES];
    size_t count;
    struct error error; /* code 0: done */
};

/* Room to build the next message of a request in; netdev_write_add copies it. */
struct netdev_draft {
    union {
        char bytes[NETDEV_MESSAGE_SIZE];
        struct nlmsghdr header;
    };
    struct netdev_message message; /* without its header */
};

void netdev_write_begin(struct netdev_draft *draft, uint16_t type, uint16_t flags);
/* The u32 at `place` inside the draft becomes the index of the link of that name. */
void netdev_write_index(struct netdev_draft *draft, const void *place, const char *name);
void netdev_write_add(struct netdev_request *request, const struct netdev_draft *draft);

int netdev_write_open(struct netdev *netdev, struct error *err);
void netdev_write_close(struct netdev *netdev);
void netdev_write_submit(struct netdev_request *request);

/* -- netdev_change.c, netdev_address.c, netdev_route.c: steps as messages; -errno when a step can't be said to the kernel ---- */

int netdev_change_create(struct netdev_request *request, const struct step *step, struct error *err);
int netdev_change_delete(struct netdev_request *request, const struct step *step, struct error *err);
int netdev_change_set(struct netdev_request *request, const struct step *step, struct error *err);
int netdev_address_write(struct netdev_request *request, const struct step *step, struct error *err);
int netdev_route_write(struct netdev_request *request, const struct step *step, struct error *err);
/* Is the route that could not be added because there is one already the one that was wanted? */
bool netdev_route_is_there(const struct network *observed, const struct step *step, struct error *err);

/* -- netdev_cure.c: what to do about an error; NULL when nothing helpful is known -------------------------------------------- */

const char *netdev_cure(const struct step *step, int code);

struct netdev {
    struct ev_loop *loop;
    struct worker *worker;
    struct netdev_cache cache;
    struct nl_sock *dump;
    struct nl_sock *events;
    ev_io readable;
    ev_timer again; /* a dump that could not be had, or was torn, is tried again */
    bool lost;      /* events were lost */
    size_t pending; /* requests on their way */

    /* Touched by the worker thread alone, between open and close. */
    struct mnl_socket *writer;
    uint32_t sequence;
};
