/* By ioctls, which take no RTNL: OBSERVED may be behind what the packets meet. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/probe_internal.h"

static int flags_of(int fd, int index, const char *name, unsigned *ret_flags, struct error *err)
{
    struct ifreq request = {.ifr_ifindex = index};

    if (ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return error_set(err, ENODEV, "%s: the interface is gone", name);
    *ret_flags = (unsigned short)request.ifr_flags;
    return 0;
}

int probe_link_ready(int fd, int index, const char *name, struct error *err)
{
    unsigned flags;
    int result = flags_of(fd, index, name, &flags, err);

    if (result < 0)
        return result;
    if (!(flags & IFF_UP))
        return error_set(err, ENETDOWN, "%s: the interface is down: set it up first", name);
    if (flags & (IFF_LOOPBACK | IFF_NOARP))
        return error_set(err, EOPNOTSUPP, "%s: there are no neighbours to ask on this kind of interface", name);
    return 0;
}

/* IFF_RUNNING, not the carrier itself: before the kernel has set it, packets are not sent. */
int probe_link_carrier(int fd, int index, const char *name, struct error *err)
{
    unsigned flags;
    int result = probe_link_ready(fd, index, name, err);

    if (result == 0)
        result = flags_of(fd, index, name, &flags, err);
    if (result < 0)
        return result;
    if (!(flags & IFF_RUNNING))
        return error_set(err, ENOLINK, "%s: no carrier: is the cable in, and the other end up?", name);
    return 0;
}

bool probe_link_forwards(int fd, int index)
{
    struct ifreq request = {.ifr_ifindex = index};
    char path[64 + IFNAMSIZ], value = '0';

    if (ioctl(fd, SIOCGIFNAME, &request) < 0)
        return false;
    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%.*s/forwarding", IFNAMSIZ, request.ifr_name);
    CLEANUP(close_fdp) int file = open(path, O_RDONLY | O_CLOEXEC);
    return file >= 0 && read(file, &value, 1) == 1 && value != '0';
}
