/* The kernel's state asked for: dumps of links, addresses and routes, and one link alone. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "netdev/netdev_internal.h"

enum {
    BUFFER = 32768, /* the kernel fills as much of it as it can, so a dump of 4,000 links takes some 150 reads */
    TRIES = 10,     /* of a dump that is torn by changes */
};

static int receive(struct nl_msg *msg, void *context)
{
    struct netdev_cache *cache = context;

    switch (nlmsg_hdr(msg)->nlmsg_type) {
    case RTM_NEWLINK:
        netdev_link_read(cache, msg);
        break;
    case RTM_NEWADDR:
        netdev_address_read(cache, msg);
        break;
    case RTM_NEWROUTE:
        netdev_route_read(cache, msg);
        break;
    }
    return NL_OK;
}

int netdev_dump_open(struct nl_sock **ret_socket, struct error *err)
{
    struct nl_sock *socket = nl_socket_alloc();
    int code = socket ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;

    if (code < 0) {
        nl_socket_free(socket);
        return error_set(err, EIO, "cannot open a netlink socket: %s", nl_geterror(code));
    }
    nl_socket_set_msg_buf_size(socket, BUFFER);
    nl_socket_disable_auto_ack(socket); /* the answer is enough: an ack behind it would be taken for the next question's */
    *ret_socket = socket;
    return 0;
}

/* 0, -EAGAIN when the dump is torn, another -errno. */
static int ask(struct nl_sock *socket, struct netdev_cache *cache, int type, int flags, struct ifinfomsg *fixed,
               struct error *err)
{
    struct nl_msg *request = nlmsg_alloc_simple(type, flags);
    int code;

    if (!request)
        return error_errno(err, ENOMEM, "cannot ask the kernel");
    /* For addresses and routes too: the family is first in all three headers, and they are no longer. */
    nlmsg_append(request, fixed, sizeof(*fixed), NLMSG_ALIGNTO);
    if (type == RTM_GETLINK)
        nla_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, receive, cache);
    code = nl_send_auto(socket, request);
    nlmsg_free(request);
    if (code >= 0)
        code = nl_recvmsgs_default(socket);
    if (code == -NLE_DUMP_INTR)
        return -EAGAIN;
    if (code < 0)
        return error_set(err, EIO, "cannot read links, addresses and routes from the kernel: %s", nl_geterror(code));
    return 0;
}

static int dump(struct nl_sock *socket, struct netdev_cache *cache, struct error *err)
{
    static const int types[] = {RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE};
    bool torn = false;

    netdev_cache_clear(cache);
    cache->filling = true;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        int code = ask(socket, cache, types[i], NLM_F_DUMP, &(struct ifinfomsg){.ifi_family = AF_UNSPEC}, err);

        if (code < 0 && code != -EAGAIN)
            return code;
        torn |= code == -EAGAIN;
    }
    netdev_cache_filled(cache);
    return torn ? -EAGAIN : 0;
}

int netdev_dump_read(struct nl_sock *socket, struct netdev_cache *cache, bool *ret_torn, struct error *err)
{
    int code = -EAGAIN;

    for (int i = 0; i < TRIES && code == -EAGAIN; i++)
        code = dump(socket, cache, err);
    *ret_torn = code == -EAGAIN;
    return *ret_torn ? 0 : code;
}

void netdev_dump_link(struct nl_sock *socket, struct netdev_cache *cache, int index)
{
    /* Gone meanwhile, or refused: the event that says so is on its way. */
    (void)ask(socket, cache, RTM_GETLINK, 0, &(struct ifinfomsg){.ifi_family = AF_UNSPEC, .ifi_index = index}, NULL);
}
