/* A NIC as QEMU is told of it, the same on its command line and in QMP. */
#pragma once

#include <stdbool.h>

#include "base/document.h"
#include "model/vm.h"

struct error;

/* What can be told from the NIC alone: queues with a model that has one, … */
int device_check(const struct nic *nic, struct error *err);

/* Queues=auto (0) becomes as many as the TAP was opened with; any other number must be just that. */
int device_choose_queues(struct nic *nic, size_t open, struct error *err);

/* device_add's arguments. bus: NULL = QEMU picks; boot_index: 0 = none. */
json_t *device_nic(const struct nic *nic, const char *bus, int boot_index);

/* netdev_add's. fds and vhost_fds are names or numbers with ':' between them; vhost_fds may be NULL: without vhost. */
json_t *device_netdev(const struct nic *nic, const char *fds, const char *vhost_fds);

/* set_link's. By the name of the netdev, not the device: QEMU then stops both ends, and vhost with them; by the device's it would
 * only tell the guest. */
json_t *device_link(const char *nic, bool up);

/* The same as the value of an option: the first member's value, then KEY=VALUE, with commas doubled. The caller frees it. */
char *device_option(const json_t *arguments);
