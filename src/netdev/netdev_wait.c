/* Waits until a link can carry packets. The events of carrier come from a work queue of the kernel's, later than what follows from
 * them; asking again and again is done within microseconds. */
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <time.h>

#include "base/crash.h"
#include "netdev/netdev_internal.h"

enum { LONGEST = 200 * 1000, PAUSE = 20 }; /* µs */

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

void netdev_wait(struct netdev *netdev, const struct step *step)
{
    const struct timespec pause = {.tv_nsec = PAUSE * 1000};
    double end = now() + LONGEST;

    crash_point("wait for operstate");
    while (comes_up(ask(netdev, step->interface)) && now() < end)
        nanosleep(&pause, NULL);
}
