/* ARP, neighbour discovery and ICMP: is an address in use (RFC 5227), here it is now (gratuitous ARP, unsolicited neighbour
 * advertisement), does it answer? Asynchronous, in the loop that is given, on packet and raw sockets of the network namespace
 * in which probe_new was called (CAP_NET_RAW). Nothing blocks; any number of requests run in parallel. */
#pragma once

#include "model/network.h"

struct error;
struct ev_loop;
struct probe;

struct probe_result {
    struct address address; /* that was asked for */
    bool answered;          /* of probe_duplicate: somebody else has the address, or wants it */
    bool wanted;            /* of probe_duplicate: that host has it not yet; it is probing for it, like us */
    uint8_t mac[6];         /* of who answered; zero for probe_echo */
    double round_trip;      /* seconds, by the kernel's time stamps. An echo says which request it answers; ARP and neighbour
                               discovery don't: there it is counted from the last one */
    unsigned requests;      /* that were sent */
    int send_error;         /* of probe_echo: errno of the last one that could not be sent (ENETUNREACH: no route); 0 = none */
};

/* Called once for each request that began, from the loop, never from within the call that began it; not when it was cancelled.
 * err is NULL, or says why nothing can be known: -ENODEV (the interface is gone), -ENETDOWN (it is down), -ENOLINK (it has no
 * carrier); nothing but the address is set in the result then. Both are borrowed for the call. May begin and cancel requests,
 * but not free the probe. */
typedef void (*probe_done)(void *context, const struct probe_result *result, const struct error *err);

/* Everything is read during the call only, but owner and context. */
struct probe_question {
    const struct interface *interface; /* index, name and mac: where to ask now. One that is a port of a bridge hears nothing:
                                          ask on the bridge. NULL (probe_echo only): as the kernel routes it */
    struct address address;            /* family and bytes */
    struct address source;             /* family and bytes; family 0 = none stated */
    double interval, limit;            /* seconds; 0 = the default: asked at once, then each interval, given up at the limit */
    const void *owner;                 /* for probe_cancel */
    probe_done done;
    void *context;
};

int probe_new(struct ev_loop *loop, struct probe **ret_probe, struct error *err);
void probe_free(struct probe *probe); /* cancels everything; NULL is fine */

/* Ends all requests of an owner, and what it still has to announce, without done(). */
void probe_cancel(struct probe *probe, const void *owner);

/* The functions below begin a request: 0, or -errno when it can't begin, and done() will not be called: as of done(), or
 * -EOPNOTSUPP (no ARP or neighbour discovery there: loopback, tun), -EAFNOSUPPORT, -EPERM. */

/* Has another host this IPv4 address? By ARP probes (RFC 5227, 2.1.1: the sender's address is 0.0.0.0; `source` is not used).
 * By default after 0, 1 and 2 s, "free" after 3 s (arping -D -w 3). Any ARP of another MAC that says to have the address counts,
 * and any probe for it. Without carrier at any of these moments the answer is an error, not "free" (the kernel may take a
 * second to say that a carrier was lost); so begin when the interface's operstate is up or unknown. IPv6 addresses are probed
 * by the kernel itself: -EAFNOSUPPORT. */
int probe_duplicate(struct probe *probe, const struct probe_question *question, struct error *err);

/* Does a host on this link answer? IPv4: ARP request; without a source as a probe. IPv6: neighbour solicitation to the
 * solicited-node group (RFC 4861, 7.2.2). Default: each 0.1 s, up to 1 s. Without carrier the asking goes on up to the limit. */
int probe_neighbour(struct probe *probe, const struct probe_question *question, struct error *err);

/* Does a host anywhere answer to an ICMP echo request (RFC 792, RFC 4443)? Routed by the kernel; out of `interface` when it
 * is given (a must for link-local addresses), from `source` when that is stated. Default as above; what can't be sent now is
 * tried again up to the limit. */
int probe_echo(struct probe *probe, const struct probe_question *question, struct error *err);

/* Tells the neighbours that the address is here, at once, within the call. IPv4: gratuitous ARP, as a request (arping -U) and
 * as a reply (arping -A), because each is ignored by some; IPv6: an unsolicited neighbour advertisement with the override flag
 * (RFC 4861, 7.2.6). With `again` > 0 once more after that many seconds (the classic scripts: 2) unless the owner is
 * cancelled; should that fail, nobody is told. -errno: the first could not be sent. */
int probe_announce(struct probe *probe, const struct interface *interface, const struct address *address, double again,
                   const void *owner, struct error *err);
