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

static int take_operstate(const struct nlattr *attribute, void *context)
{
    if (mnl_attr_get_type(attribute) == IFLA_OPERSTATE)
        *(uint8_t *)context = mnl_attr_get_u8(attribute);
    return MNL_CB_OK;
}

/* Gives IF_OPER_*; UNKNOWN is that of links that have no notion of it. A link that can't be asked about is not waited for. */
static uint8_t operstate(struct netdev *netdev, const char *name)
{
    char buffer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *fixed = mnl_nlmsg_put_extra_header(header, sizeof(*fixed));
    uint8_t state = IF_OPER_UP;
    ssize_t length;

    header->nlmsg_type = RTM_GETLINK;
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = ++netdev->sequence;
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    mnl_attr_put_u32(header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    if (mnl_socket_sendto(netdev->writer, header, header->nlmsg_len) < 0)
        return IF_OPER_UP;
    length = mnl_socket_recvfrom(netdev->writer, buffer, sizeof(buffer));
    header = (struct nlmsghdr *)buffer;
    if (length >= (ssize_t)sizeof(*header) && header->nlmsg_type == RTM_NEWLINK)
        mnl_attr_parse(header, sizeof(struct ifinfomsg), take_operstate, &state);
    return state;
}

void netdev_wait(struct netdev *netdev, const struct step *step)
{
    const struct timespec pause = {.tv_nsec = PAUSE * 1000};
    double end = now() + LONGEST;

    crash_point("wait for operstate");
    while (operstate(netdev, step->interface) != IF_OPER_UP && now() < end)
        nanosleep(&pause, NULL);
}
