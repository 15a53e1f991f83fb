/* A NIC as QEMU is told of it, the same on its command line and in QMP. */
#pragma once

#include "base/document.h"
#include "model/vm.h"

struct error;

/* What can be told from the NIC alone: queues with a model that has one, … */
int device_check(const struct nic *nic, struct error *err);

/* device_add's arguments. bus: NULL = QEMU picks; boot_index: 0 = none. */
json_t *device_nic(const struct nic *nic, const char *bus, int boot_index);

/* netdev_add's. fds and vhost_fds are names or numbers with ':' between them; vhost_fds may be NULL: without vhost. */
json_t *device_netdev(const struct nic *nic, const char *fds, const char *vhost_fds);

/* The same as the value of an option: the first member's value, then KEY=VALUE, with commas doubled. The caller frees it. */
char *device_option(const json_t *arguments);
