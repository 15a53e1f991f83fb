/* The names under which QEMU knows things. They derive from the section's name alone, so that a new daemon can name what an old
 * one left half done. A device's id is the section's name; what sections can't be called begins with "trestle.". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/vm.h"

enum { ID_SIZE = VM_NAME_SIZE + 32 };

/* QEMU wants a letter first, which a section's name need not have. */
const char *ids_device(const char *name, char buffer[ID_SIZE]);
const char *ids_netdev(const char *nic, char buffer[ID_SIZE]);
const char *ids_fd(const char *nic, size_t queue, char buffer[ID_SIZE]);
const char *ids_vhost_fd(const char *nic, size_t queue, char buffer[ID_SIZE]);
/* Block nodes have names of at most 31 characters. */
const char *ids_node(const char *disk, char buffer[ID_SIZE]);

/* Fds, netdevs and block nodes live in spaces of their own, but NICs and disks share the one of devices, with what the agent adds
 * itself. -EEXIST when the VM has a disk or another NIC of the name, -EINVAL for one that begins with "trestle.". */
struct error;
int ids_check_nic(const struct vm *vm, const char *nic, struct error *err);
int ids_check_vm(const struct vm *vm, struct error *err);
