#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

int tap_open(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), header = 12;

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0)
        die("TAP %s: %s", name, strerror(errno));
    return fd;
}

struct request {
    struct nlmsghdr header;
    struct ifinfomsg link;
    char attributes[128];
};

static void add(struct request *request, unsigned short type, const void *data, size_t size)
{
    struct rtattr *attribute = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), data, size);
    request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + (uint32_t)RTA_ALIGN(attribute->rta_len);
}

static void exchange(const struct request *request, const char *name)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[1024];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0 || send(fd, request, request->header.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
        die("netlink: %s", strerror(errno));
    if (answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error != 0)
        die("link %s: %s", name, strerror(-answer.error.error));
    close(fd);
}

void link_into_bridge(const char *name, const char *bridge, const uint8_t mac[6])
{
    struct request request = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_NEWLINK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .link = {.ifi_index = (int)if_nametoindex(name), .ifi_flags = IFF_UP, .ifi_change = IFF_UP},
    };
    uint32_t master = if_nametoindex(bridge), mtu = 1500;

    if (request.link.ifi_index == 0 || master == 0)
        die("%s: no such interface", master ? name : bridge);
    add(&request, IFLA_ADDRESS, mac, 6);
    add(&request, IFLA_MTU, &mtu, sizeof(mtu));
    add(&request, IFLA_MASTER, &master, sizeof(master));
    exchange(&request, name);
}

void parse_mac(const char *text, uint8_t ret_mac[6])
{
    if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &ret_mac[0], &ret_mac[1], &ret_mac[2], &ret_mac[3], &ret_mac[4],
               &ret_mac[5]) != 6)
        die("%s: is no MAC", text);
}
