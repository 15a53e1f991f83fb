/* The event socket. It is armed before the first dump, so whatever changes during a dump comes once more as an event; events
 * that are older than the dump set OBSERVED back for a moment, and those behind them bring it up to date again, all before the
 * loop turns. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "netdev/netdev_internal.h"

enum {
    KERNEL_BUFFER = 8 << 20, /* 1,000 veths made and deleted give 12 MB of events; what does not fit is dumped afresh */
    BUFFER = 32768,          /* one message */
    TURN = 1000,             /* messages taken before the loop turns again */
};
static const double again_after = 0.1; /* seconds */

static int receive(struct nl_msg *msg, void *context)
{
    struct netdev *netdev = context;

    switch (nlmsg_hdr(msg)->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        netdev_link_read(&netdev->cache, msg);
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        netdev_address_read(&netdev->cache, msg);
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        netdev_route_read(&netdev->cache, msg);
        break;
    case RTM_NEWRULE:
    case RTM_DELRULE:
        netdev_rule_read(&netdev->cache, msg);
        break;
    case RTM_NEWQDISC:
    case RTM_DELQDISC:
    case RTM_NEWTCLASS:
    case RTM_DELTCLASS:
    case RTM_NEWTFILTER:
    case RTM_DELTFILTER:
        netdev_tc_read(&netdev->cache, msg);
        break;
    }
    return NL_OK;
}

/* Takes one message; false when there is none. ENOBUFS (libnl calls it NLE_NOMEM) says that events were dropped. */
static bool take(struct netdev *netdev)
{
    int code = nl_recvmsgs_default(netdev->events);

    if (code == -NLE_AGAIN)
        return false;
    if (code < 0)
        netdev->lost = true;
    return true;
}

static void try_again_later(struct netdev *netdev)
{
    netdev->lost = true;
    ev_timer_stop(netdev->loop, &netdev->again);
    ev_timer_set(&netdev->again, again_after, 0);
    ev_timer_start(netdev->loop, &netdev->again);
}

/* Swaps a fresh dump in. The old state stays when there is none to be had. */
static void resync(struct netdev *netdev)
{
    struct netdev_cache fresh;
    bool torn;

    netdev_cache_init(&fresh, netdev->cache.kinds);
    netdev->lost = false;
    if (netdev_dump_read(netdev->dump, &fresh, &torn, NULL) < 0) {
        netdev_cache_clear(&fresh);
        try_again_later(netdev);
        return;
    }
    fresh.listener = netdev->cache.listener;
    fresh.context = netdev->cache.context;
    netdev_cache_clear(&netdev->cache);
    netdev->cache = fresh;
    if (torn)
        try_again_later(netdev);
    netdev_cache_tell(&netdev->cache, NETDEV_RESYNCED, "");
}

static void resync_if_needed(struct netdev *netdev)
{
    if (netdev->lost) /* what is still queued is older than the dump to come: once emptied, the kernel queues again */
        while (take(netdev))
            ;
    if (netdev->lost || netdev->cache.doubtful)
        resync(netdev);
    if (netdev->cache.unread_vlans)
        netdev_dump_vlans(netdev->dump, &netdev->cache);
}

void netdev_events_drain(struct netdev *netdev)
{
    while (!netdev->lost && take(netdev))
        ;
    resync_if_needed(netdev);
}

static void readable(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct netdev *netdev = watcher->data;

    (void)loop;
    (void)revents;
    for (int i = 0; i < TURN && !netdev->lost && take(netdev); i++)
        ;
    resync_if_needed(netdev);
}

static void again(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop;
    (void)revents;
    resync_if_needed(watcher->data);
}

static void set_buffer(int fd)
{
    int size = KERNEL_BUFFER;

    /* Without CAP_NET_ADMIN over the first user namespace only the sysctl's maximum can be had: more overruns, nothing worse. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

void netdev_events_watch(struct netdev *netdev, bool on)
{
    if (on)
        ev_io_start(netdev->loop, &netdev->readable);
    else
        ev_io_stop(netdev->loop, &netdev->readable);
}

int netdev_events_open(struct netdev *netdev, struct error *err)
{
    static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                                 RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_TC};
    int code;

    netdev->events = nl_socket_alloc();
    code = netdev->events ? nl_connect(netdev->events, NETLINK_ROUTE) : -NLE_NOMEM;
    for (size_t i = 0; code >= 0 && i < sizeof(groups) / sizeof(*groups); i++)
        code = nl_socket_add_membership(netdev->events, groups[i]);
    if (code >= 0)
        code = nl_socket_set_nonblocking(netdev->events);
    if (code < 0)
        return error_set(err, EIO, "cannot listen to the kernel's network events: %s", nl_geterror(code));
    set_buffer(nl_socket_get_fd(netdev->events));
    nl_socket_set_msg_buf_size(netdev->events, BUFFER);
    nl_socket_disable_msg_peek(netdev->events);
    nl_socket_disable_seq_check(netdev->events);
    nl_socket_modify_cb(netdev->events, NL_CB_VALID, NL_CB_CUSTOM, receive, netdev);
    ev_io_init(&netdev->readable, readable, nl_socket_get_fd(netdev->events), EV_READ);
    ev_timer_init(&netdev->again, again, again_after, 0);
    netdev->readable.data = netdev->again.data = netdev;
    ev_io_start(netdev->loop, &netdev->readable);
    return 0;
}

void netdev_events_close(struct netdev *netdev)
{
    if (!netdev->events)
        return;
    ev_io_stop(netdev->loop, &netdev->readable);
    ev_timer_stop(netdev->loop, &netdev->again);
    nl_socket_free(netdev->events);
}
