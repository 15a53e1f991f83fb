/* The kernel's links, addresses and routes: the only rtnetlink sockets of the program. OBSERVED is kept up to date by events
 * and, after an overrun (which is normal operation), by a fresh dump. Writes go to the worker thread, because a request runs
 * inside sendmsg() under RTNL; their acks come back to the loop with the kernel's own words. */
#pragma once

#include <linux/netlink.h>

#include "model/plan.h"

struct ev_loop;
struct error;
struct worker;
struct netdev;
struct nlattr;
struct text;

/* An attribute that is a value by itself: reading and writing come from the row. */
enum netdev_value {
    NETDEV_U8,    /* from and to a uint32_t */
    NETDEV_U16,
    NETDEV_U32,
    NETDEV_U64,   /* a time, of which 32 bits are enough */
    NETDEV_BOOL8, /* from and to a bool */
    NETDEV_BOOL32,
    NETDEV_MAC,
    NETDEV_LINK,  /* the index of another link in the message, its name in struct interface */
};
struct netdev_row {
    enum interface_field field;
    uint16_t attribute;
    enum netdev_value value;
    size_t offset;       /* in struct interface */
    size_t index_offset; /* NETDEV_LINK: of the index, as observed */
};

/* What one kind of link adds to the generic attributes: src/bridge gives one for "bridge". */
struct netdev_kind {
    const char *name; /* IFLA_INFO_KIND */
    enum interface_kind kind;
    const struct netdev_row *link_rows, *port_rows; /* of IFLA_INFO_DATA, and of a port's IFLA_INFO_SLAVE_DATA */
    size_t link_row_count, port_row_count;
    /* And for what rows don't say; each of these may be NULL. IFLA_INFO_DATA of a link of this kind -> fields of the interface */
    void (*parse_link)(const struct nlattr *data, struct interface *interface);
    /* the other way: puts the attributes of `fields` into an open IFLA_INFO_DATA */
    void (*put_link)(struct nlmsghdr *message, const struct interface *interface, field_set fields);
    field_set link_fields; /* of rows and put_link together */
    /* IFLA_INFO_SLAVE_DATA of a port of such a link */
    void (*parse_port)(const struct nlattr *data, struct interface *interface);
    field_set port_fields;
    /* The VLANs of a port, or of such a link itself: IFLA_AF_SPEC of its AF_BRIDGE message (NULL: it had none); may be NULL */
    void (*parse_vlans)(const struct nlattr *spec, struct port_vlans *ret_vlans);
    /* Puts into an open IFLA_AF_SPEC as many as one message takes of the VLANs from `first` on: those that are wanted, or all
     * others, to be taken away. Gives the VLAN that the next message begins with; 0 = none is left. */
    unsigned (*put_vlans)(struct nlmsghdr *message, const struct port_vlans *wanted, bool others, unsigned first);
    /* Without a stated MAC such a link takes one of its ports' and changes it as they come and go: make it with one of its
     * own. */
    bool needs_mac;
};

enum netdev_event {
    NETDEV_ADDED,
    NETDEV_STATE,   /* up, carrier or master changed */
    NETDEV_CHANGED, /* anything else */
    NETDEV_REMOVED,
    NETDEV_RESYNCED, /* name is "": anything may have changed */
};
typedef void (*netdev_listener)(void *context, enum netdev_event event, const char *name);

/* kinds: NULL at the end; borrowed for good. Dumps once, so OBSERVED is complete when it returns. The listener is called from
 * the loop, for links, their addresses and their routes. Works in the network namespace in which it is called. The worker is
 * borrowed; its requests use this object: free the worker (which finishes them) first, then the netdev. */
int netdev_new(struct ev_loop *loop, struct worker *worker, const struct netdev_kind *const *kinds, netdev_listener listener,
               void *context, struct netdev **ret_netdev, struct error *err);
void netdev_free(struct netdev *netdev);

/* TAPs and TUNs are made by /dev/net/tun, not by netlink. lacking: there is no such thing. open: gives a descriptor, with which the link goes again unless it is
 * kept; keep: the link stays when the descriptor is closed, which keep does, whatever comes of it. These two run on the worker. Without
 * them no TAP can be made. */
struct netdev_taps {
    bool (*lacking)(void);
    int (*open)(const struct interface *to, struct error *err);
    int (*keep)(int fd, const char *name, struct error *err);
};
void netdev_make_taps(struct netdev *netdev, struct netdev_taps taps);

/* OBSERVED; borrowed, and kept in place: what is found in it is good until the loop turns. An IPv6 address that the kernel
 * makes itself is seen when duplicate address detection is through with it. */
const struct network *netdev_observed(const struct netdev *netdev);

/* Asks the kernel once for each kind of what is wanted and not there, whether it can make such links (this may load a module);
 * `again`: also for those that it could not make before. What it can't is then in OBSERVED's `lacking`. */
void netdev_ask_kinds(struct netdev *netdev, const struct network *wanted, bool again);

/* Takes one of the steps of the host's network (up to STEP_NETWORK_LAST).
 *
 * Said twice, a step does no harm: what is to be added may be there, what is to be deleted may have gone. A step that takes another
 * one back (step->inverse) finds it no failure either when its link has gone, or, to be made anew, never went: after a crash nobody
 * knows how far a plan came.
 *
 * A LINK_SET that brings a link up does so last, when it has joined its bridge and its port options, VLANs and rates are set: it
 * hears and says nothing in a VLAN that is not its own. FIELD_PORT_VLANS with vlans NULL (what is observed where the bridge does not filter) gives the port what a new one has: the bridge's default VLAN, untagged.
 *
 * Rates: inbound is htb (1: with the one class 1:1), burst by default 10 ms of the average, at least 64 KiB. outbound is a
 * policer that drops what is too much; burst by default one second's (as libvirt has it), always at least 64 KiB, because that
 * is the largest packet of a guest that leaves segmentation to the host; it has no peak, which is only remembered.
 *
 * The step must stay until done() is called; steps are taken in the order of the calls, and a later one may name what an earlier one
 * makes: nobody has to wait for done() in between (names that are not known become indices on the worker, just before sending). When
 * done() is called, the events of the step's own writes are in OBSERVED. */
void netdev_apply(struct netdev *netdev, const struct step *step, step_done done, void *context);

/* What a step would say to the kernel, as a STEP_REPLAY says it: to be kept, and said later, by another daemon of this boot perhaps. The
 * caller frees it with replay_free. A STEP_SYSCTL_SET and a STEP_LINK_WAIT say nothing. */
int netdev_encode(struct netdev *netdev, const struct step *step, struct replay **ret_replay, struct error *err);

/* Adds a line for each thing that somebody else has attached to a link: "the qdisc fq 8001:", "the tc filter flower pref 10 at its
 * ingress", "the XDP program 12 (generic)", "the BPF program 13 at its egress". */
int netdev_attached(struct netdev *netdev, const char *name, struct text *ret_words, struct error *err);

/* Read afresh by one bounded exchange. */
int netdev_statistics(struct netdev *netdev, const char *name, struct link_statistics *ret_statistics, struct error *err);
/* The addresses that the host's neighbour tables know for a MAC, link-local ones last. The caller frees the array. */
int netdev_neighbours(struct netdev *netdev, const uint8_t mac[6], struct address **ret_addresses, size_t *ret_count,
                      struct error *err);

/* What hangs on a link, in the kernel's own messages, which lose nothing; in the order of a dump. */
enum netdev_thing {
    NETDEV_ADDRESS,
    NETDEV_NEXTHOP,       /* an object that routes name by its id: they go with it, and are not listed */
    NETDEV_ROUTE,         /* of any table, also one of whose several hops this link is one */
    NETDEV_KERNELS_ROUTE, /* that comes and goes with an address */
    NETDEV_RULE,          /* that names the link */
    NETDEV_NEIGHBOUR,     /* permanent, or a proxy's */
    NETDEV_LEARNED,       /* a neighbour that answered */
};
struct netdev_hanging {
    struct netdev_hanging_item {
        enum netdev_thing thing;
        struct nlmsghdr *message; /* owned */
        bool first; /* of routes with the same destination, table and metric: the one that NLM_F_REPLACE would replace */
    } *items;
    size_t count;
};
/* Asks the kernel afresh. The caller clears it. */
int netdev_hanging_read(struct netdev *netdev, const char *name, struct netdev_hanging *ret_hanging, struct error *err);
void netdev_hanging_clear(struct netdev_hanging *hanging);

/* How one of these messages is said anew. */
struct netdev_twist {
    const char *from, *to;  /* the link it hangs on, and the one it shall hang on; to NULL: the same */
    bool delete;            /* its end instead of its beginning */
    uint16_t flags;         /* NLM_F_CREATE and its kin */
    uint32_t address_flags; /* IFA_F_* that an address gets besides its own */
    uint16_t state;         /* NUD_* that a neighbour gets; 0 = its own */
};
/* The caller's. Left out is what the kernel tells but does not take; a life that ends is what was left of it when it was read. */
struct replay *netdev_replay_new(const struct netdev *netdev, const struct nlmsghdr *message, const struct netdev_twist *twist);
/* Gives those steps of a plan that delete links, addresses and routes the kernel's messages of what they delete, and of what goes with
 * it, as `undo`, so that taking them back loses nothing. What can't be found is left as it is: its inverse says what struct address and struct route know. */
void netdev_keep(struct netdev *netdev, struct plan *plan);

/* Asks the kernel afresh whether OBSERVED is what a dump says: for tests. Gives the number of differences, the first of them
 * in err; -errno when it can't be asked. */
int netdev_compare_with_dump(struct netdev *netdev, struct error *err);
