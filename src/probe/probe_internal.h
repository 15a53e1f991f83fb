/* What the files of this folder share; no other folder includes it. */
#pragma once

#include <ev.h>
#include <net/ethernet.h>

#include "base/error.h"
#include "probe/probe.h"

/* -- probe_packet.c: packets, built and read. Pure --------------------------------------------------------------------------- */

enum {
    PROBE_PACKET_ARP = 28,    /* bytes */
    PROBE_PACKET_IPV6 = 72,   /* a solicitation or advertisement with its IPv6 header; the longest */
    PROBE_PACKET_ECHO = 24,
};

struct probe_arp {
    bool reply;
    uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
};

struct probe_advertisement {
    bool solicited;
    uint8_t target[16];
    bool has_mac;
    uint8_t mac[6];
};

struct probe_echo {
    uint16_t id, sequence;
    uint64_t nonce; /* tells our own from those of others with the same id */
    uint64_t sent;  /* nanoseconds */
};

void probe_packet_put_arp(uint8_t packet[PROBE_PACKET_ARP], const struct probe_arp *arp);
/* Ethernet and IPv4 only; what is behind it (padding) is no matter. */
bool probe_packet_get_arp(const uint8_t *packet, size_t size, struct probe_arp *ret);

/* With a source of zeros no link-layer option is sent, as RFC 4861 wants it. Both give the packet's size. */
size_t probe_packet_put_solicitation(uint8_t packet[PROBE_PACKET_IPV6], const uint8_t mac[6], const uint8_t source[16],
                                     const uint8_t target[16]);
size_t probe_packet_put_advertisement(uint8_t packet[PROBE_PACKET_IPV6], const uint8_t mac[6], const uint8_t address[16],
                                      bool router);
/* An IPv6 packet that holds a neighbour advertisement which is valid by RFC 4861, 7.1.2. */
bool probe_packet_get_advertisement(const uint8_t *packet, size_t size, struct probe_advertisement *ret);

void probe_packet_put_echo(uint8_t packet[PROBE_PACKET_ECHO], int family, const struct probe_echo *echo);
/* An echo reply with our payload: for AF_INET with the IP header before it, for AF_INET6 without, as raw sockets give them. */
bool probe_packet_get_echo(const uint8_t *packet, size_t size, int family, struct probe_echo *ret);

/* Where the link layer sends what goes to a multicast group of IPv6 (RFC 2464, 7); the group is bytes 24 … 39 of the packet. */
void probe_packet_group_mac(const uint8_t packet[PROBE_PACKET_IPV6], uint8_t ret_mac[6]);

/* -- probe_link.c: what the kernel says of an interface now ------------------------------------------------------------------ */

int probe_link_ready(int fd, int index, const char *name, struct error *err); /* there, up, speaks ARP; -errno as in probe.h */
int probe_link_carrier(int fd, int index, const char *name, struct error *err); /* the same, and has a carrier */
bool probe_link_forwards(int fd, int index); /* is a router for IPv6 */

/* -- probe_channel.c: sockets that listen, while somebody listens ------------------------------------------------------------ */

enum probe_channel_kind { PROBE_CHANNEL_ARP, PROBE_CHANNEL_ND, PROBE_CHANNEL_ICMP, PROBE_CHANNEL_ICMPV6 };

struct probe_channel { /* one per kind and interface; ICMP has one for all */
    struct probe *probe;
    enum probe_channel_kind kind;
    int index;
    int fd;
    size_t users;
    ev_io readable;
    struct probe_channel *next;
};

struct probe_packet { /* received */
    const uint8_t *data;
    size_t size;
    double when;       /* CLOCK_REALTIME */
    bool to_us;        /* not to a group or to all */
    uint8_t mac[6];    /* of the sender; ARP and ND */
    uint8_t source[16]; /* ICMP */
};

int probe_channel_open_sender(struct error *err); /* a packet socket that hears nothing */
int probe_channel_get(struct probe *probe, enum probe_channel_kind kind, int index, struct probe_channel **ret,
                      struct error *err);
void probe_channel_put(struct probe_channel *channel); /* one user less; the last one closes it; NULL is fine */
/* Takes what has come, a bounded number: probe_heard for each packet, probe_channel_failed when the interface fails. Calls
 * nobody's done(). */
void probe_channel_read(struct probe_channel *channel);
/* On the sender to a link-layer address; on a channel as the kernel routes. 0 or -errno. */
int probe_channel_send_link(int sender, int index, uint16_t protocol, const uint8_t mac[6], const void *packet, size_t size);
int probe_channel_send_routed(struct probe_channel *channel, int index, const struct address *source,
                              const struct address *address, const void *packet, size_t size);
double probe_channel_now(void); /* CLOCK_REALTIME, as the packets' times */

/* -- probe_announce.c -------------------------------------------------------------------------------------------------------- */

struct probe_announcement;
void probe_announce_cancel(struct probe *probe, const void *owner, bool all);

/* -- probe.c: requests ------------------------------------------------------------------------------------------------------- */

struct probe_list { /* oldest first */
    struct probe_request *first, **tail;
};

struct probe_request {
    struct probe *probe;
    struct probe_list *list; /* that it is in */
    struct probe_request *next, **link; /* link: what points here */
    const struct probe_kind *kind;
    struct probe_channel *channel;
    char name[INTERFACE_NAME_SIZE]; /* "" = no interface */
    int index;
    uint8_t mac[6];
    struct address source;
    double interval, end; /* end: CLOCK_MONOTONIC */
    double sent;          /* the last one: CLOCK_REALTIME */
    struct probe_echo echo;
    ev_timer timer;
    const void *owner;
    probe_done done;
    void *context;
    bool ended;
    struct probe_result result;
    struct error error;
};

struct probe {
    struct ev_loop *loop;
    int sender;
    struct probe_channel *channels;
    struct probe_list running, finished; /* finished: done() is still to be called */
    struct probe_announcement *announcements;
    uint16_t next_id;
};

void probe_heard(struct probe_channel *channel, const struct probe_packet *packet);
void probe_channel_failed(struct probe_channel *channel, int code); /* ends all of its requests */
void probe_finish_all(struct probe *probe); /* calls done() of what has ended; the last thing a callback does */
