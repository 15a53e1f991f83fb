/* What the files of this folder share; no other folder includes it. */
#pragma once

#include <ev.h>
#include <libmnl/libmnl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <pthread.h>

#include "base/error.h"
#include "base/worker.h"
#include "netdev/netdev.h"

/* -- netdev_cache.c: OBSERVED, found by name and by index ----------------------------------------------------------------- */

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
    bool backups;       /* some port has had a backup port: it may lose it, and no event says so */
    bool unread_vlans;  /* some link may have VLANs that were not read yet */
    struct netdev_traffic *traffic; /* of the few links that somebody gave a qdisc */
    size_t traffic_count;
    bool several;       /* there are routes of no single link: what becomes of them when one comes, goes or is down no event says */
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
/* Takes the VLANs; NULL = it has none that count. */
void netdev_cache_put_vlans(struct netdev_cache *cache, struct interface *interface, struct port_vlans *vlans);
/* Whether the link is a port of a bridge that filters VLANs, or such a bridge. */
bool netdev_cache_filters(const struct netdev_cache *cache, const struct interface *interface);
int netdev_cache_compare(const struct netdev_cache *a, const struct netdev_cache *b, struct error *err);

/* -- netdev_link.c, netdev_address.c, netdev_route.c, netdev_rule.c: the kernel's messages, read into the cache -------------------------- */

void netdev_link_read(struct netdev_cache *cache, struct nl_msg *msg);
void netdev_address_read(struct netdev_cache *cache, struct nl_msg *msg);
void netdev_route_read(struct netdev_cache *cache, struct nl_msg *msg);
/* IFLA_AF_SPEC of a bridge's own messages, which a dump of them gives too. */
void netdev_vlan_read(struct netdev_cache *cache, struct interface *interface, const struct nlattr *spec);
void netdev_rule_read(struct netdev_cache *cache, struct nl_msg *msg);
/* The kernel drops the IPv4 routes of a link that goes down, or that loses its last IPv4 address, without a word. */
void netdev_route_forget(struct netdev_cache *cache, struct interface *interface, int family);

/* -- netdev_tc.c: qdiscs, classes and filters read; of interest are those that netdev_rate.c makes ------------------------ */

struct netdev_traffic {
    int index;            /* of the link */
    bool root;            /* it has a root qdisc that somebody asked for */
    bool shaped;          /* and that is one of ours */
    struct rate inbound;  /* of its class; zero when that is none of ours */
    bool ingress;         /* it has an ingress qdisc */
    bool shared;          /* with filters that are not ours */
    struct rate outbound; /* of our filter; zero when there is none */
};

void netdev_tc_read(struct netdev_cache *cache, struct nl_msg *msg);
struct netdev_traffic *netdev_tc_find(const struct netdev_cache *cache, int index);
void netdev_tc_remove(struct netdev_cache *cache, int index);
void netdev_tc_show(const struct netdev_cache *cache, struct interface *interface); /* its rates become the interface's */

/* -- netdev_rate.c: rates as the kernel's traffic control has them, both ways --------------------------------------------- */

#define NETDEV_HTB 0x00010000u            /* 1: */
#define NETDEV_HTB_CLASS 0x00010001u      /* 1:1 */
#define NETDEV_INGRESS 0xfffffff2u        /* parent of filters of an ingress qdisc, and of the ingress side of a clsact one */
#define NETDEV_FILTER_PRIORITY 0x7472u    /* "tr": by this our filter is told from anybody else's */

/* Options of a class or of a filter -> the rate that trestle would have said it for; zero when it would not have. */
struct rate netdev_rate_of_class(const struct nlattr *options);
struct rate netdev_rate_of_filter(const struct nlattr *options);

/* -- netdev_dump.c -------------------------------------------------------------------------------------------------------- */

int netdev_dump_open(struct nl_sock **ret_socket, struct error *err);
/* Fills an empty cache. *ret_torn: things changed during each of several tries, and what was read may have gaps. */
int netdev_dump_read(struct nl_sock *socket, struct netdev_cache *cache, bool *ret_torn, struct error *err);
/* Asks for all VLANs when there is a link of which they should be known and are not. */
void netdev_dump_vlans(struct nl_sock *socket, struct netdev_cache *cache);
/* One exchange: `fixed` is the header of the request's type, `attribute` what follows it (NULL = nothing). 0, -EAGAIN when the
 * dump is torn, another -errno. */
struct netdev_question {
    int type, flags;
    const void *fixed;
    size_t size;
    const struct nlattr *attribute;
    int (*receive)(struct nl_msg *msg, void *context);
    void *context;
};
int netdev_dump_ask(struct nl_sock *socket, const struct netdev_question *question, struct error *err);
/* Asks for one link again. */
void netdev_dump_link(struct nl_sock *socket, struct netdev_cache *cache, int index);

/* -- netdev_events.c ------------------------------------------------------------------------------------------------------ */

int netdev_events_open(struct netdev *netdev, struct error *err);
void netdev_events_close(struct netdev *netdev);
void netdev_events_drain(struct netdev *netdev); /* everything that is queued now; dumps afresh when something was lost */
/* Whether the loop wakes up for events. */
void netdev_events_watch(struct netdev *netdev, bool on);

/* -- netdev_write.c: requests --------------------------------------------------------------------------------------------- */

enum {
    NETDEV_MESSAGE_SIZE = 4096, /* of the largest message that is built here (a policer with its table, many VLANs), twice over */
};

enum netdev_when {
    NETDEV_ALWAYS,
    NETDEV_WHEN_BUSY, /* only when the message before these was refused with EBUSY, and then in its place */
    NETDEV_TO_UNDO,   /* only when a later message failed after the first was done; its own failure is of no interest */
};

/* Messages of our own among those to the kernel, told by their type, which is none of rtnetlink's: TAPs are made by /dev/net/tun. They
 * are kept and said anew as all others. */
enum { NETDEV_TAP_OPEN = 0xfe02, NETDEV_TAP_KEEP = 0xfe03 };
struct netdev_tap { /* what follows their header */
    char name[INTERFACE_NAME_SIZE];
    uint32_t kind, owner, group; /* enum interface_kind, struct tap_options */
};

struct netdev_message {
    struct nlmsghdr *header; /* owned */
    enum netdev_when when;
    int fine;                /* an errno that means: it is so already; 0 = none */
    bool gone_is_fine;       /* no such link, or no such thing on it: what was to be deleted has gone */
    /* Places that take the index of a link. It is looked up on the worker, right before sending, unless it is known; and again when the
     * kernel refuses the one that was known. */
    struct {
        size_t offset;
        uint32_t known; /* as observed when the message was written; 0 = not */
        uint32_t add; /* to the index: a metric that hangs on it */
        char name[INTERFACE_NAME_SIZE];
    } indices[REPLAY_INDICES];
    size_t index_count;
    char what[160];          /* "add as port of br9" */
};

struct netdev_request {
    struct job job;
    struct netdev *netdev;
    const struct step *step;
    step_done done;
    void *context;
    struct netdev_message *messages;
    size_t count;
    int tap_fd; /* 0 = none */
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

/* -- netdev_row.c: netdev_kind's rows ------------------------------------------------------------------------------------- */

void netdev_row_parse(const struct netdev_row *rows, size_t count, const struct nlattr *nest, struct interface *interface);
void netdev_row_put(struct netdev_draft *draft, const struct netdev_row *rows, size_t count, const struct interface *interface,
                    field_set fields);
/* netdev.c: a step as messages. */
int netdev_prepare(struct netdev_request *request, const struct step *step, struct error *err);

int netdev_write_open(struct netdev *netdev, struct error *err);
void netdev_write_close(struct netdev *netdev);
void netdev_write_submit(struct netdev_request *request);

/* The parts of it, for requests that go together. On the worker thread: */
bool netdev_write_may_take(struct netdev_request *request); /* false: it failed already, or something before it in its chain */
/* Gives the errno of one message, 0 when what it asks for is so. err may be NULL. */
int netdev_write_send(struct netdev_request *request, struct netdev_message *message, struct error *err);
void netdev_write_taken(struct netdev_request *request); /* ends the chain when it failed */
void netdev_write_run(struct job *job);                  /* all of this */
/* On the loop: counts one that is on its way. */
void netdev_write_expect(struct netdev_request *request);
/* On the loop: tells the requester, and frees the request. */
void netdev_write_finish(struct job *job);

/* -- netdev_delete.c: deletions, put together in chunks ------------------------------------------------------------------- */

void netdev_delete_submit(struct netdev_request *request);
void netdev_delete_close(struct netdev *netdev); /* what is deleted from now on goes into a chunk of its own */

/* -- netdev_change.c, netdev_address.c, netdev_route.c, netdev_rate.c: steps as messages; -errno when one can't be said --- */

/* FIELD_INBOUND and FIELD_OUTBOUND of a LINK_SET. */
int netdev_rate_write(struct netdev_request *request, const struct interface *to, field_set fields, struct error *err);
int netdev_change_create(struct netdev_request *request, const struct step *step, struct error *err);
void netdev_change_group(struct netdev_request *request, uint32_t group); /* adds the message that moves the link into a group */
int netdev_change_delete(struct netdev_request *request, const struct step *step, struct error *err);
int netdev_change_set(struct netdev_request *request, const struct step *step, struct error *err);
int netdev_address_write(struct netdev_request *request, const struct step *step, struct error *err);
int netdev_route_write(struct netdev_request *request, const struct step *step, struct error *err);
int netdev_rule_write(struct netdev_request *request, const struct step *step, struct error *err);
/* Is the route that could not be added because there is one already the one that was wanted? */
bool netdev_route_is_there(const struct network *observed, const struct step *step, struct error *err);

/* -- netdev_replay.c, netdev_sysctl.c, netdev_wait.c: steps that are no link, address or route as struct interface has them ----- */

/* STEP_REPLAY: the message as it is, with its indices to be looked up. */
int netdev_replay_write(struct netdev_request *request, const struct step *step, struct error *err);
/* IFLA_AF_SPEC of a link's message */
void netdev_sysctl_read(struct netdev_cache *cache, struct interface *interface, const struct nlattr *spec);
/* STEP_SYSCTL_SET, on the worker; gives an errno, 0 = done. */
int netdev_sysctl_set(const struct step *step, struct error *err);
/* STEP_LINK_WAIT, on the worker. */
void netdev_wait(struct netdev *netdev, const struct step *step);

/* -- netdev_divert.c: what comes in by the step's link comes in by its `meanwhile` instead, until the end of that, and at most for a
 * second. On the worker. ------------------------------------------------------------------------------------------------- */

enum netdev_diverter { NETDEV_BY_TCX, NETDEV_BY_FILTER };

struct netdev_diversion {
    int link;           /* -1 = none: of tcx, ends with the process, too */
    bool filter, qdisc; /* made for it */
};

/* -errno: it can't be (Linux before 6.6 has no tcx; no CAP_BPF). */
int netdev_divert(struct netdev_request *request, enum netdev_diverter by, struct netdev_diversion *ret_diversion);
void netdev_divert_end(struct netdev_request *request, struct netdev_diversion *diversion);

/* -- netdev_cure.c: what to do about an error; NULL when nothing helpful is known ----------------------------------------- */

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
    size_t pending, waits; /* requests on their way; those among them that wait */
    struct netdev_deletion *deletion; /* the last one; NULL = a new one must be begun */
    pthread_mutex_t deletion_lock;    /* guards how many it has, and whether it has begun */
    unsigned next_group;
    uint32_t asked_kinds, lacking_kinds; /* bits by interface_kind: netdev_kinds.c */
    struct netdev_taps taps;
    int *doubted;   /* links that were changed while they were down: no event tells */
    size_t doubted_count;

    /* Touched by the worker thread alone, between open and close. */
    struct mnl_socket *writer;
    uint32_t sequence;
};
