/* Descriptors of /dev/net/tun and the TAP whose queues they are. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "tap/tap_internal.h"

#define DEVICE "/dev/net/tun"
#define MAKE_IT "; make it: ip tuntap add %s mode tap vnet_hdr" /* and the words that an error ends in */

void tap_queue_close(struct tap *tap)
{
    for (size_t i = 0; i < tap->count; i++)
        close(tap->fds[i]);
    free(tap->fds);
    tap->fds = NULL;
    tap->count = 0;
}

int tap_queue_device(const char *name, struct error *err)
{
    int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    error_errno(err, errno, "%s: open a TAP: %s", name, DEVICE);
    if (err->code == ENOENT || err->code == ENODEV || err->code == ENXIO)
        error_set(err, err->code, "%s; load the tun module: modprobe tun", err->text);
    else if (err->code == EACCES || err->code == EPERM)
        error_set(err, err->code, "%s; trestled may not open it: run it as root, or give it the device", err->text);
    return -err->code;
}

/* Makes the descriptor a queue of that name: 0 or the errno. */
static int attach(int fd, const char *name, int flags, int header)
{
    struct ifreq request = {0};

    text_copy(request.ifr_name, sizeof(request.ifr_name), name);
    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags);
    return ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 ? errno : 0;
}

static int refuse(const char *action, const char *name, size_t queue, int code, struct error *err)
{
    return error_errno(err, code, "%s: %s queue %zu of a TAP%s", name, action, queue,
                       code == EPERM ? " (trestled needs CAP_NET_ADMIN)" : "");
}

static int refuse_name(const char *action, const char *name, struct error *err)
{
    char command[32] = "";
    int pid = tap_owner_find(name, command, sizeof(command));

    if (pid)
        return error_set(err, EEXIST, "%s: %s: an interface of that name exists, held by process %d (%s)", name, action, pid,
                         command);
    return error_set(err, EEXIST, "%s: %s: an interface of that name exists; delete it, or choose another Target=", name, action);
}

static int refuse_used(const char *name, struct error *err)
{
    char command[32] = "";
    int pid = tap_owner_find(name, command, sizeof(command));

    if (pid)
        return error_set(err, EBUSY, "%s: open a TAP: process %d (%s) has it open", name, pid, command);
    return error_set(err, EBUSY, "%s: open a TAP: another process has it open", name);
}

/* -- a new one ------------------------------------------------------------------------------------------------------------ */

/* One more queue; the first makes the TAP. With IFF_TUN_EXCL the kernel says EBUSY when anything has the name; without it, a
 * persistent TAP would be taken over, and any other link be "Invalid argument". */
static int make_one(struct tap *tap, size_t queues, struct error *err)
{
    CLEANUP(close_fdp) int fd = tap_queue_device(tap->name, err);
    bool first = tap->count == 0;
    int code;

    if (fd < 0)
        return fd;
    code = attach(fd, tap->name, (queues > 1 ? IFF_MULTI_QUEUE : 0) | (first ? IFF_TUN_EXCL : 0), TAP_HEADER);
    if (code == EBUSY && first)
        return refuse_name("open a TAP", tap->name, err);
    if (code)
        return refuse("open", tap->name, tap->count, code, err);
    *APPEND(tap->fds, tap->count) = TAKE_FD(fd);
    return 0;
}

int tap_queue_make(struct tap *tap, size_t queues, struct error *err)
{
    while (tap->count < queues)
        if (make_one(tap, queues, err) < 0) {
            tap_queue_close(tap);
            return -err->code;
        }
    return 0;
}

/* -- somebody else's ------------------------------------------------------------------------------------------------------ */

/* TUNSETIFF of a name that nobody has makes a new link, so it is looked for before; and whoever deletes it in between is found
 * out by what was made then not being persistent. Whether the TAP was made for several queues can't be asked without a netlink
 * socket; the kernel says EINVAL to the wrong guess, as to what is no TAP at all. */
static int attach_to_existing(int fd, const char *name, bool *several, bool guess, int header, struct error *err)
{
    struct ifreq request = {0};
    int code;

    if (!if_nametoindex(name))
        return error_set(err, ENODEV, "%s: open a TAP: there is none of that name" MAKE_IT, name, name);
    code = attach(fd, name, *several ? IFF_MULTI_QUEUE : 0, header);
    if (code == EINVAL && guess) {
        *several = !*several;
        code = attach(fd, name, *several ? IFF_MULTI_QUEUE : 0, header);
    }
    if (code == EINVAL)
        return error_set(err, EINVAL, "%s: open a TAP: the interface of that name is no TAP", name);
    if (code == EBUSY)
        return refuse_used(name, err);
    if (code)
        return refuse("open", name, 0, code, err);
    if (ioctl(fd, TUNGETIFF, &request) < 0)
        return refuse("open", name, 0, errno, err);
    if (!(request.ifr_flags & IFF_PERSIST))
        return error_set(err, ENODEV, "%s: open a TAP: the one of that name is not persistent" MAKE_IT, name, name);
    return 0;
}

static int join_one(struct tap *tap, bool *several, struct error *err)
{
    CLEANUP(close_fdp) int fd = tap_queue_device(tap->name, err);
    int code = fd < 0 ? fd : attach_to_existing(fd, tap->name, several, tap->count == 0, TAP_HEADER, err);

    if (code < 0)
        return code;
    *APPEND(tap->fds, tap->count) = TAKE_FD(fd);
    return 0;
}

int tap_queue_join(struct tap *tap, size_t queues, struct error *err)
{
    bool several = queues > 1;
    int code = 0;

    while (code == 0 && tap->count < queues) {
        code = join_one(tap, &several, err);
        if (code == 0 && queues > 1 && !several)
            code = error_set(err, EINVAL, "%s: open a TAP: it was made for one queue, not %zu" MAKE_IT " multi_queue", tap->name,
                             queues, tap->name);
    }
    if (code < 0)
        tap_queue_close(tap);
    return code;
}

/* -- one that was deleted ------------------------------------------------------------------------------------------------- */

/* The kernel takes the queues off a link that is deleted; on such a descriptor every ioctl but TUNSETIFF is EBADFD. */
static bool is_attached(int fd)
{
    struct ifreq request = {0};

    return ioctl(fd, TUNGETIFF, &request) == 0;
}

/* The first queue makes the link, unless some are queues of it already: a try before this one got so far. */
static int remake_one(const struct tap *tap, size_t at, bool *made, const struct tap_manner *manner, struct error *err)
{
    bool several = tap->count > 1;
    int code;

    if (manner->somebody_elses)
        return attach_to_existing(tap->fds[at], tap->name, &several, tap->count == 1, manner->header, err);
    code = attach(tap->fds[at], tap->name, (several ? IFF_MULTI_QUEUE : 0) | (*made ? 0 : IFF_TUN_EXCL), manner->header);
    if (code == EBUSY && !*made)
        return refuse_name("make a TAP again", tap->name, err);
    if (code)
        return refuse("make again", tap->name, at, code, err);
    *made = true;
    return 0;
}

int tap_queue_remake(const struct tap *tap, const struct tap_manner *manner, struct error *err)
{
    bool made = false, changed = false;
    int code = 0;

    if (!tap->count)
        return error_set(err, EBADF, "%s: make a TAP again: no descriptors of it are open; detach the NIC and attach it again",
                         tap->name);
    for (size_t i = 0; i < tap->count; i++)
        made |= is_attached(tap->fds[i]);
    for (size_t i = 0; code == 0 && i < tap->count; i++) {
        if (is_attached(tap->fds[i]))
            continue;
        code = remake_one(tap, i, &made, manner, err);
        changed = true;
    }
    if (code == 0 && changed && ioctl(tap->fds[0], TUNSETOFFLOAD, (unsigned long)manner->offloads) < 0)
        code = refuse("set the offloads of", tap->name, 0, errno, err);
    return code;
}
