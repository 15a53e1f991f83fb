/* floor_apply NETNS BRIDGES PORTS: makes br0, br1, … in that namespace and puts PORTS of the links v0, v1, … into each, by
 * the messages that trestle sends for it (strace -f -e trace=sendto shows them), one at a time, each with its ack. */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bench.h"

enum { GROUP = 77 };

static struct mnl_socket *kernel;
static char buffer[1024];

static struct nlmsghdr *begin(uint16_t flags, int index, bool up)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *link;

    header->nlmsg_type = RTM_NEWLINK;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    link = mnl_nlmsg_put_extra_header(header, sizeof(*link));
    link->ifi_index = index;
    link->ifi_flags = link->ifi_change = up ? IFF_UP : 0;
    return header;
}

static void exchange(const struct nlmsghdr *header, const char *what)
{
    char answer[4096];
    ssize_t size;

    if (mnl_socket_sendto(kernel, header, header->nlmsg_len) < 0)
        die("%s: %s", what, strerror(errno));
    size = mnl_socket_recvfrom(kernel, answer, sizeof(answer));
    if (size < 0 || mnl_cb_run(answer, (size_t)size, 0, mnl_socket_get_portid(kernel), NULL, NULL) < 0)
        die("%s: %s", what, strerror(errno));
}

static int index_of(const char *name)
{
    struct ifreq request = {0};

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (ioctl(mnl_socket_get_fd(kernel), SIOCGIFINDEX, &request) < 0)
        die("%s: %s", name, strerror(errno));
    return request.ifr_ifindex;
}

static void make_bridge(const char *name, unsigned bridge)
{
    const uint8_t mac[6] = {2, 0, 0, 0, (uint8_t)(bridge >> 8), (uint8_t)bridge};
    struct nlmsghdr *header = begin(NLM_F_CREATE | NLM_F_EXCL, 0, false);
    struct nlattr *info, *data;

    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    mnl_attr_put_u32(header, IFLA_GROUP, GROUP);
    mnl_attr_put(header, IFLA_ADDRESS, sizeof(mac), mac);
    info = mnl_attr_nest_start(header, IFLA_LINKINFO);
    mnl_attr_put_strz(header, IFLA_INFO_KIND, "bridge");
    data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
    mnl_attr_put_u32(header, IFLA_BR_FORWARD_DELAY, 0);
    mnl_attr_put_u32(header, IFLA_BR_STP_STATE, 0);
    mnl_attr_nest_end(header, data);
    mnl_attr_nest_end(header, info);
    exchange(header, name);
}

static void set_alias(const char *name)
{
    struct nlmsghdr *header = begin(0, index_of(name), false);

    mnl_attr_put(header, IFLA_IFALIAS, strlen("made by trestle"), "made by trestle");
    exchange(header, name);
}

static void add_port(const char *name, const char *bridge)
{
    struct nlmsghdr *header = begin(0, index_of(name), true);

    mnl_attr_put_u32(header, IFLA_MASTER, (uint32_t)index_of(bridge));
    exchange(header, name);
}

static void set_up(const char *name)
{
    exchange(begin(0, index_of(name), true), name);
}

static void enter(const char *name)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "/run/netns/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        die("%s: %s", path, strerror(errno));
}

int main(int count, char **arguments)
{
    unsigned bridges, ports;
    char bridge[IFNAMSIZ], port[IFNAMSIZ];

    if (count != 4)
        die("floor_apply: wants NETNS BRIDGES PORTS");
    bridges = (unsigned)number(arguments[2]);
    ports = (unsigned)number(arguments[3]);
    enter(arguments[1]);
    kernel = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!kernel || mnl_socket_bind(kernel, 0, MNL_SOCKET_AUTOPID) < 0)
        die("netlink: %s", strerror(errno));
    for (unsigned i = 0; i < bridges; i++) {
        snprintf(bridge, sizeof(bridge), "br%u", i);
        make_bridge(bridge, i);
        set_alias(bridge);
        for (unsigned j = 0; j < ports; j++) {
            snprintf(port, sizeof(port), "v%u", ports * i + j);
            add_port(port, bridge);
        }
        set_up(bridge);
    }
    return 0;
}
