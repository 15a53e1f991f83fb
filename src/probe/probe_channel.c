#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/if_packet.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "probe/probe_internal.h"

enum {
    TURN = 64,               /* packets taken before the loop turns again: a flood must not hold it up */
    KERNEL_BUFFER = 1 << 20, /* so that a flood does not push the answer out */
    PACKET = 512,            /* nothing longer is of interest; the rest of it is cut */
};

double probe_channel_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int probe_channel_open_sender(struct error *err)
{
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 ? fd : error_errno(err, errno, "cannot open a packet socket (it takes CAP_NET_RAW)");
}

/* -- opening ----------------------------------------------------------------------------------------------------------------- */

/* Of all IPv6 packets, those that are neighbour advertisements; offsets are from the IPv6 header on. */
static int only_advertisements(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6), /* next header */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40), /* type */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, PACKET),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = {.len = ARRAY_SIZE(code), .filter = code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

/* Hears nothing before it is bound, so nothing slips past the filter. */
static int open_packet(enum probe_channel_kind kind, int index)
{
    uint16_t protocol = htons(kind == PROBE_CHANNEL_ARP ? ETHERTYPE_ARP : ETHERTYPE_IPV6);
    struct sockaddr_ll here = {.sll_family = AF_PACKET, .sll_protocol = protocol, .sll_ifindex = index};
    CLEANUP(close_fdp) int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || (kind == PROBE_CHANNEL_ND && only_advertisements(fd) < 0) ||
        bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int open_icmp(enum probe_channel_kind kind)
{
    struct icmp_filter replies = {.data = ~(1u << ICMP_ECHOREPLY)};
    struct icmp6_filter replies6;
    bool ipv6 = kind == PROBE_CHANNEL_ICMPV6;
    CLEANUP(close_fdp)
    int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

    ICMP6_FILTER_SETBLOCKALL(&replies6);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &replies6);
    if (fd < 0 || (ipv6 ? setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &replies6, sizeof(replies6))
                        : setsockopt(fd, SOL_RAW, ICMP_FILTER, &replies, sizeof(replies))) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static void readable(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct probe_channel *channel = watcher->data;
    struct probe *probe = channel->probe;

    (void)loop;
    (void)revents;
    probe_channel_read(channel);
    probe_finish_all(probe); /* may close the channel */
}

int probe_channel_get(struct probe *probe, enum probe_channel_kind kind, int index, struct probe_channel **ret,
                      struct error *err)
{
    bool packet = kind == PROBE_CHANNEL_ARP || kind == PROBE_CHANNEL_ND;
    struct probe_channel *channel;
    int size = KERNEL_BUFFER, on = 1, fd;

    for (channel = probe->channels; channel; channel = channel->next)
        if (channel->kind == kind && (!packet || channel->index == index)) {
            channel->users++;
            *ret = channel;
            return 0;
        }
    fd = packet ? open_packet(kind, index) : open_icmp(kind);
    if (fd < 0)
        return error_errno(err, fd, "cannot open a %s socket (it takes CAP_NET_RAW)", packet ? "packet" : "raw");
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)); /* without it: the time of reading */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    channel = NEW(struct probe_channel);
    *channel = (struct probe_channel){.probe = probe, .kind = kind, .index = index, .fd = fd, .users = 1,
                                      .next = probe->channels};
    ev_io_init(&channel->readable, readable, fd, EV_READ);
    channel->readable.data = channel;
    ev_io_start(probe->loop, &channel->readable);
    probe->channels = channel;
    *ret = channel;
    return 0;
}

void probe_channel_put(struct probe_channel *channel)
{
    struct probe_channel **link;

    if (!channel || --channel->users)
        return;
    for (link = &channel->probe->channels; *link != channel; link = &(*link)->next)
        ;
    *link = channel->next;
    ev_io_stop(channel->probe->loop, &channel->readable);
    close(channel->fd);
    free(channel);
}

/* -- reading ----------------------------------------------------------------------------------------------------------------- */

static double time_of(struct msghdr *message)
{
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control))
        if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec when;

            memcpy(&when, CMSG_DATA(control), sizeof(when));
            return (double)when.tv_sec + (double)when.tv_nsec / 1e9;
        }
    return probe_channel_now();
}

union sender {
    struct sockaddr any;
    struct sockaddr_ll link;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

/* False for what is not for us: what goes to other hosts comes by on a promiscuous interface, and so do frames of VLANs that
 * the host does not have, without their tag: whose address that is can't be told. */
static bool describe_sender(struct probe_packet *packet, const union sender *from)
{
    switch (from->any.sa_family) {
    case AF_PACKET:
        packet->to_us = from->link.sll_pkttype == PACKET_HOST;
        memcpy(packet->mac, from->link.sll_addr, 6);
        return from->link.sll_pkttype <= PACKET_MULTICAST;
    case AF_INET:
        memcpy(packet->source, &from->ipv4.sin_addr, 4);
        return true;
    case AF_INET6:
        memcpy(packet->source, &from->ipv6.sin6_addr, 16);
        return true;
    }
    return false;
}

void probe_channel_read(struct probe_channel *channel)
{
    for (int i = 0; i < TURN; i++) {
        uint8_t data[PACKET];
        union sender from;
        char control[CMSG_SPACE(sizeof(struct timespec))];
        struct iovec vector = {.iov_base = data, .iov_len = sizeof(data)};
        struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &vector, .msg_iovlen = 1,
                                 .msg_control = control, .msg_controllen = sizeof(control)};
        struct probe_packet packet = {.data = data};
        ssize_t size = recvmsg(channel->fd, &message, 0);

        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (size < 0) { /* reading it has cleared it; for ICMP it is somebody's "unreachable" */
            if (channel->kind == PROBE_CHANNEL_ARP || channel->kind == PROBE_CHANNEL_ND)
                probe_channel_failed(channel, errno);
            continue;
        }
        packet.size = (size_t)size;
        packet.when = time_of(&message);
        if (describe_sender(&packet, &from))
            probe_heard(channel, &packet);
    }
}

/* -- sending ----------------------------------------------------------------------------------------------------------------- */

/* A full queue is like a lost packet: the next one may get through. */
static int sent(ssize_t result)
{
    if (result >= 0 || errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
        return 0;
    return -errno;
}

int probe_channel_send_link(int sender, int index, uint16_t protocol, const uint8_t mac[6], const void *packet, size_t size)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = index, .sll_halen = 6};

    memcpy(to.sll_addr, mac, 6);
    return sent(sendto(sender, packet, size, 0, (struct sockaddr *)&to, sizeof(to)));
}

static int send_ipv4(struct probe_channel *channel, struct msghdr *message, int index, const struct address *source,
                     const struct address *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct in_pktinfo info = {.ipi_ifindex = index};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(info))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(info)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO}};

    memcpy(&to.sin_addr, address->bytes, 4);
    if (source->family)
        memcpy(&info.ipi_spec_dst, source->bytes, 4);
    memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
    message->msg_name = &to;
    message->msg_namelen = sizeof(to);
    message->msg_control = &control;
    message->msg_controllen = sizeof(control);
    return sent(sendmsg(channel->fd, message, 0));
}

static int send_ipv6(struct probe_channel *channel, struct msghdr *message, int index, const struct address *source,
                     const struct address *address)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};
    struct in6_pktinfo info = {.ipi6_ifindex = (unsigned)index};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(info))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(info)), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO}};

    memcpy(&to.sin6_addr, address->bytes, 16);
    if (IN6_IS_ADDR_LINKLOCAL(&to.sin6_addr))
        to.sin6_scope_id = (uint32_t)index;
    if (source->family)
        memcpy(&info.ipi6_addr, source->bytes, 16);
    memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
    message->msg_name = &to;
    message->msg_namelen = sizeof(to);
    message->msg_control = &control;
    message->msg_controllen = sizeof(control);
    return sent(sendmsg(channel->fd, message, 0));
}

int probe_channel_send_routed(struct probe_channel *channel, int index, const struct address *source,
                              const struct address *address, const void *packet, size_t size)
{
    struct iovec vector = {.iov_base = (void *)(uintptr_t)packet, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    return address->family == AF_INET ? send_ipv4(channel, &message, index, source, address)
                                      : send_ipv6(channel, &message, index, source, address);
}
