/* A disk as QEMU is told of it: the block node that reads its files, and the device that the guest sees. */
#pragma once

#include "base/document.h"
#include "model/vm.h"
#include "vmm/image.h"

struct error;

/* -blockdev's argument. The files are in the fd sets first_set, first_set + 1, …; only the uppermost node has a name, so no name
 * of a disk can clash with a node below another. */
json_t *disks_node(const struct disk *disk, const struct image *image, int first_set);

struct disks_counter { /* how many there were so far */
    bool q35;
    unsigned ide, scsi, sd, floppy;
};

/* -device's argument, and that of the controller that must come first (static text; NULL = none). */
int disks_device(const struct disk *disk, struct disks_counter *counter, int boot_index, const char **ret_controller,
                 json_t **ret_device, struct error *err);
