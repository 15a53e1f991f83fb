/* Which kinds of links this kernel can make. It is asked to make one with a multicast address: whoever knows the kind refuses the
 * address, and who does not refuses the kind. Asking loads the kind's module where there is one. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/memory.h"
#include "model/kind.h"
#include "netdev/netdev_internal.h"

#define PROBE_NAME "trestle-probe"

static int send_probe(struct mnl_socket *socket, struct nlmsghdr *message)
{
    char buffer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
    ssize_t length = mnl_socket_sendto(socket, message, message->nlmsg_len);

    if (length >= 0)
        length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
    if (length < 0)
        return -errno;
    return mnl_cb_run(buffer, (size_t)length, message->nlmsg_seq, mnl_socket_get_portid(socket), NULL, NULL) < 0 ? -errno : 0;
}

static int ask_for(struct mnl_socket *socket, const struct netdev_kind *kind)
{
    static const uint8_t multicast[6] = {1};
    char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO))) = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nlattr *info;

    message->nlmsg_type = RTM_NEWLINK;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, PROBE_NAME);
    mnl_attr_put(message, IFLA_ADDRESS, sizeof(multicast), multicast);
    info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, kind->name);
    mnl_attr_nest_end(message, info);
    return send_probe(socket, message);
}

/* No kind of today takes such an address. */
static void delete_probe(struct mnl_socket *socket)
{
    char buffer[256] __attribute__((aligned(NLMSG_ALIGNTO))) = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

    message->nlmsg_type = RTM_DELLINK;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, PROBE_NAME);
    send_probe(socket, message);
}

static bool is_lacking(const struct netdev *netdev, const struct netdev_kind *kind)
{
    struct mnl_socket *socket;
    int code = -EIO;

    if (kind->kind == INTERFACE_TAP || kind->kind == INTERFACE_TUN)
        return !netdev->taps.lacking || netdev->taps.lacking();
    socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0)
        code = ask_for(socket, kind);
    if (code == 0)
        delete_probe(socket);
    if (socket)
        mnl_socket_close(socket);
    return code == -EOPNOTSUPP;
}

static const struct netdev_kind *kind_to_ask_for(const struct netdev *netdev, const struct interface *wanted, bool again)
{
    uint32_t bit = UINT32_C(1) << wanted->kind;

    if (!kind_find(wanted->kind)->made || network_find(&netdev->cache.network, wanted->name)
        || (netdev->asked_kinds & bit && !(again && netdev->lacking_kinds & bit)))
        return NULL;
    for (const struct netdev_kind *const *at = netdev->cache.kinds; *at; at++)
        if ((*at)->kind == wanted->kind)
            return *at;
    return NULL;
}

void netdev_ask_kinds(struct netdev *netdev, const struct network *wanted, bool again)
{
    uint32_t asked = 0;

    for (size_t i = 0; i < wanted->count; i++) {
        const struct netdev_kind *kind = kind_to_ask_for(netdev, wanted->items[i], again);
        uint32_t bit = UINT32_C(1) << wanted->items[i]->kind;

        if (!kind || asked & bit)
            continue;
        asked |= bit;
        netdev->lacking_kinds = (netdev->lacking_kinds & ~bit) | (is_lacking(netdev, kind) ? bit : 0);
    }
    netdev->asked_kinds |= asked;
    if (asked)
        netdev_events_drain(netdev); /* a module may have made a link of its own when it was loaded */
    netdev->cache.network.lacking = netdev->lacking_kinds;
}
