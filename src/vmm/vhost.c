#include "vmm/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/memory.h"

static bool is_wanted(const struct nic *nic)
{
    if (nic->type == NIC_USER)
        return nic->vhost == VHOST_ON; /* to be refused */
    return nic->vhost == VHOST_ON || (nic->vhost == VHOST_AUTO && nic->model == NIC_VIRTIO);
}

int vhost_open(const struct nic *nic, struct vhost *ret_vhost, struct error *err)
{
    struct vhost vhost = {0};
    if (is_wanted(nic) && nic->type == NIC_USER)
        return error_set(err, EINVAL, "a NIC of type user has no TAP that vhost could serve: use Vhost=off");
    for (uint32_t i = 0; is_wanted(nic) && i < nic->queues; i++) {
        int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
        int code = errno;
        if (fd >= 0) {
            *APPEND(vhost.fds, vhost.count) = fd;
            continue;
        }
        vhost_close(&vhost);
        if (nic->vhost == VHOST_ON)
            return error_errno(err, code, "Vhost=on, but /dev/vhost-net can't be opened (is the module vhost_net loaded?)");
        vhost.reason = memory_format("/dev/vhost-net: %s", strerror(code));
        break;
    }
    *ret_vhost = vhost;
    return 0;
}

void vhost_close(struct vhost *vhost)
{
    for (size_t i = 0; i < vhost->count; i++)
        close(vhost->fds[i]);
    free(vhost->fds);
    free(vhost->reason);
    *vhost = (struct vhost){0};
}
