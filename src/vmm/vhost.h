/* vhost-net: the kernel's fast path between a TAP and a virtio NIC. The agent opens /dev/vhost-net itself, once per queue: a
 * QEMU that has to, and can't, aborts together with its guest. */
#pragma once

#include "model/vm.h"

struct error;

struct vhost {
    int *fds; /* one per queue; none = without vhost */
    size_t count;
    char *reason; /* why Vhost=auto goes without; NULL = nothing to say */
};

/* Vhost=on without /dev/vhost-net is an error; only virtio gets it by `auto`. */
int vhost_open(const struct nic *nic, struct vhost *ret_vhost, struct error *err);
void vhost_close(struct vhost *vhost);
