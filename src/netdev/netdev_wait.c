/* Waits until a link can carry packets, and is known by its IPv6 addresses: the kernel makes the local route of one that nobody has to
 * be asked about in a work queue of its own, on a busy host up to a second after it has said that the address is there. Until then what
 * comes for it is dropped, unless another link has it too. The events of carrier come from such a queue as well, later than what
 * follows from them; asking again and again is done within microseconds. */
#include <net/if.h>

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/crash.h"
#include "base/memory.h"
#include "netdev/netdev_internal.h"

enum { LONGEST = 200 * 1000, LONGEST_FOR_ADDRESSES = 5000 * 1000, PAUSE = 20 }; /* µs */

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

struct state {
    uint8_t operstate; /* IF_OPER_* */
    bool carrier;
};

static int take_state(const struct nlattr *attribute, void *context)
{
    struct state *state = context;

    if (mnl_attr_get_type(attribute) == IFLA_OPERSTATE)
        state->operstate = mnl_attr_get_u8(attribute);
    else if (mnl_attr_get_type(attribute) == IFLA_CARRIER)
        state->carrier = mnl_attr_get_u8(attribute);
    return MNL_CB_OK;
}

/* Of a link that can't be asked about: one that is not waited for. */
static struct state ask(struct netdev *netdev, const char *name)
{
    char buffer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *fixed = mnl_nlmsg_put_extra_header(header, sizeof(*fixed));
    struct state state = {0};
    ssize_t length;

    header->nlmsg_type = RTM_GETLINK;
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = ++netdev->sequence;
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    mnl_attr_put_u32(header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    if (mnl_socket_sendto(netdev->writer, header, header->nlmsg_len) < 0)
        return state;
    length = mnl_socket_recvfrom(netdev->writer, buffer, sizeof(buffer));
    header = (struct nlmsghdr *)buffer;
    if (length >= (ssize_t)sizeof(*header) && header->nlmsg_type == RTM_NEWLINK)
        mnl_attr_parse(header, sizeof(struct ifinfomsg), take_state, &state);
    return state;
}

/* A bridge has its carrier as soon as a port of it forwards. Without one there is nothing to wait for. */
static bool comes_up(struct state state)
{
    return state.carrier && state.operstate != IF_OPER_UP;
}

/* -- IPv6 addresses --------------------------------------------------------------------------------------------------------- */

struct addresses {
    uint8_t (*bytes)[16];
    size_t count;
};

static int take_address(const struct nlmsghdr *header, void *context)
{
    const struct ifaddrmsg *fixed = mnl_nlmsg_get_payload(header);
    struct addresses *addresses = context;
    const struct nlattr *attribute;

    if (header->nlmsg_type != RTM_NEWADDR || fixed->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
        return MNL_CB_OK;
    mnl_attr_for_each(attribute, header, sizeof(*fixed))
        if (mnl_attr_get_type(attribute) == IFA_ADDRESS && mnl_attr_get_payload_len(attribute) == 16)
            memcpy(APPEND(addresses->bytes, addresses->count), mnl_attr_get_payload(attribute), 16);
    return MNL_CB_OK;
}

static int take_local_route(const struct nlmsghdr *header, void *context)
{
    const struct rtmsg *fixed = mnl_nlmsg_get_payload(header);
    struct addresses *addresses = context;
    const struct nlattr *attribute;

    if (header->nlmsg_type != RTM_NEWROUTE || fixed->rtm_type != RTN_LOCAL)
        return MNL_CB_OK;
    mnl_attr_for_each(attribute, header, sizeof(*fixed))
        if (mnl_attr_get_type(attribute) == RTA_DST && mnl_attr_get_payload_len(attribute) == 16)
            memcpy(APPEND(addresses->bytes, addresses->count), mnl_attr_get_payload(attribute), 16);
    return MNL_CB_OK;
}

static bool dump(struct mnl_socket *socket, struct nlmsghdr *question, mnl_cb_t take, struct addresses *ret_addresses)
{
    char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
    int result = MNL_CB_OK;

    question->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    if (mnl_socket_sendto(socket, question, question->nlmsg_len) < 0)
        return false;
    while (result == MNL_CB_OK) {
        ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

        result = length < 0 ? MNL_CB_ERROR : mnl_cb_run(buffer, (size_t)length, 0, 0, take, ret_addresses);
    }
    return result == MNL_CB_STOP;
}

static bool read_addresses(struct mnl_socket *socket, unsigned index, struct addresses *ret_addresses)
{
    char buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct ifaddrmsg *fixed = mnl_nlmsg_put_extra_header(header, sizeof(*fixed));

    header->nlmsg_type = RTM_GETADDR;
    fixed->ifa_family = AF_INET6;
    fixed->ifa_index = index;
    return dump(socket, header, take_address, ret_addresses);
}

static bool read_local_routes(struct mnl_socket *socket, unsigned index, struct addresses *ret_addresses)
{
    char buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct rtmsg *fixed = mnl_nlmsg_put_extra_header(header, sizeof(*fixed));

    header->nlmsg_type = RTM_GETROUTE;
    fixed->rtm_family = AF_INET6;
    fixed->rtm_table = RT_TABLE_LOCAL;
    mnl_attr_put_u32(header, RTA_OIF, index);
    return dump(socket, header, take_local_route, ret_addresses);
}

static bool contains(const struct addresses *addresses, const uint8_t bytes[16])
{
    for (size_t i = 0; i < addresses->count; i++)
        if (memcmp(addresses->bytes[i], bytes, 16) == 0)
            return true;
    return false;
}

/* Also where the kernel does not tell. */
static bool knows_its_addresses(struct mnl_socket *socket, unsigned index)
{
    struct addresses addresses = {0}, routes = {0};
    bool all = true;

    if (read_addresses(socket, index, &addresses) && addresses.count && read_local_routes(socket, index, &routes))
        for (size_t i = 0; i < addresses.count; i++)
            all = all && contains(&routes, addresses.bytes[i]);
    free(addresses.bytes);
    free(routes.bytes);
    return all;
}

static void wait_for_addresses(const char *name)
{
    const struct timespec pause = {.tv_nsec = PAUSE * 1000};
    double end = now() + LONGEST_FOR_ADDRESSES;
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    unsigned index = if_nametoindex(name);
    int yes = 1;

    /* only with strict checks does the kernel look at whose addresses and routes are asked for */
    if (socket && index && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0
        && mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &yes, sizeof(yes)) == 0)
        while (!knows_its_addresses(socket, index) && now() < end)
            nanosleep(&pause, NULL);
    if (socket)
        mnl_socket_close(socket);
}

void netdev_wait(struct netdev *netdev, const struct step *step)
{
    const struct timespec pause = {.tv_nsec = PAUSE * 1000};
    double end = now() + LONGEST;

    crash_point("wait for operstate");
    while (comes_up(ask(netdev, step->interface)) && now() < end)
        nanosleep(&pause, NULL);
    wait_for_addresses(step->interface);
}
