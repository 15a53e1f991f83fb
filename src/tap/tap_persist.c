/* TAPs and TUNs that stay: those of ifcfg files, for anybody to open, as "ip tuntap add" makes them. */
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tap/tap_internal.h"

bool tap_persist_lacking(void)
{
    struct error err = {0};
    CLEANUP(close_fdp) int fd = tap_queue_device("", &err);

    return fd < 0 && (err.code == ENOENT || err.code == ENODEV || err.code == ENXIO);
}

static int set_up(int fd, const struct interface *to)
{
    struct ifreq request = {0};
    bool tun = to->kind == INTERFACE_TUN;

    text_copy(request.ifr_name, sizeof(request.ifr_name), to->name);
    request.ifr_flags = (short)((tun ? IFF_TUN : IFF_TAP) | IFF_NO_PI | IFF_TUN_EXCL);
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return errno == EBUSY ? EEXIST : errno;
    if (interface_has(to, FIELD_TAP_OWNER) && to->tap.owner != UINT32_MAX && ioctl(fd, TUNSETOWNER, (unsigned long)to->tap.owner) < 0)
        return errno;
    if (interface_has(to, FIELD_TAP_GROUP) && to->tap.group != UINT32_MAX && ioctl(fd, TUNSETGROUP, (unsigned long)to->tap.group) < 0)
        return errno;
    return 0;
}

int tap_persist_open(const struct interface *to, struct error *err)
{
    CLEANUP(close_fdp) int fd = tap_queue_device(to->name, err);
    int code;

    if (fd < 0)
        return fd;
    code = set_up(fd, to);
    if (code)
        return error_errno(err, code, "%s: make a %s%s", to->name, interface_kind_names[to->kind],
                           code == EPERM ? " (trestled needs CAP_NET_ADMIN)" : "");
    return TAKE_FD(fd);
}

int tap_persist_keep(int fd, const char *name, struct error *err)
{
    CLEANUP(close_fdp) int own = fd;

    return ioctl(own, TUNSETPERSIST, 1) < 0 ? error_errno(err, errno, "%s: keep it without a program that has it open", name) : 0;
}
