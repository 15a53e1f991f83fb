/* Boot= as QEMU's boot indexes. */
#pragma once

#include "model/vm.h"

struct error;

/* Words are cdrom, disk, network and floppy (QEMU's letters d, c, n and a too) or names of disks and NICs; what the first one
 * names gets 1 and so on. ret_disks and ret_nics have one number for each disk and NIC; 0 = none. */
int boot_order(const struct vm *vm, int *ret_disks, int *ret_nics, struct error *err);
