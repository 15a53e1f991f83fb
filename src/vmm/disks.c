#include "vmm/disks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "vmm/ids.h"

enum { IDE_MAX_PC = 4, IDE_MAX_Q35 = 6, FLOPPY_MAX = 2 };

static json_t *file_node(const struct image_layer *layer, int set)
{
    char path[32];
    snprintf(path, sizeof(path), "/dev/fdset/%d", set);
    return json_pack("{s:s, s:s}", "driver", layer->block_device ? "host_device" : "file", "filename", path);
}

/* The nodes below are told in full, or QEMU would open by itself what the image's header names. */
static json_t *node(const struct image *image, size_t index, int set)
{
    const struct image_layer *layer = &image->layers[index];
    json_t *json = json_pack("{s:s, s:o}", "driver", layer->driver, "file", file_node(layer, set));
    if (strcmp(layer->driver, "qcow2") == 0)
        json_object_set_new(json, "backing", index + 1 < image->count ? node(image, index + 1, set + 1) : json_null());
    return json;
}

static bool is_direct(const struct disk *disk)
{
    return disk->cache == CACHE_NONE || disk->cache == CACHE_DIRECTSYNC;
}

static bool writes_back(const struct disk *disk)
{
    return disk->cache != CACHE_WRITETHROUGH && disk->cache != CACHE_DIRECTSYNC;
}

json_t *disks_node(const struct disk *disk, const struct image *image, int first_set)
{
    char name[ID_SIZE];
    json_t *json = node(image, 0, first_set);
    json_object_set_new(json, "node-name", json_string(ids_node(disk->name, name)));
    json_object_set_new(json, "read-only", json_boolean(!image->writable));
    json_object_set_new(json, "cache",
                        json_pack("{s:b, s:b}", "direct", is_direct(disk), "no-flush", disk->cache == CACHE_UNSAFE));
    return json;
}

static json_t *device(const struct disk *disk, const char *driver)
{
    char id[ID_SIZE], name[ID_SIZE];
    return json_pack("{s:s, s:s, s:s}", "driver", driver, "id", ids_device(disk->name, id), "drive", ids_node(disk->name, name));
}

/* pc: two channels of two units; q35: six channels of one. */
static int ide_device(const struct disk *disk, struct disks_counter *counter, json_t **ret_device, struct error *err)
{
    unsigned limit = counter->q35 ? IDE_MAX_Q35 : IDE_MAX_PC;
    if (counter->ide == limit)
        return error_set(err, ENOSPC, "is one more than the %u that Bus=ide has on this machine: use virtio or scsi", limit);
    unsigned number = counter->ide++;
    char bus[16];
    snprintf(bus, sizeof(bus), "ide.%u", counter->q35 ? number : number / 2);
    json_t *json = device(disk, disk->media == MEDIA_CDROM ? "ide-cd" : "ide-hd");
    json_object_set_new(json, "bus", json_string(bus));
    json_object_set_new(json, "unit", json_integer(counter->q35 ? 0 : number % 2));
    *ret_device = json;
    return 0;
}

static int scsi_device(const struct disk *disk, struct disks_counter *counter, const char **ret_controller, json_t **ret_device)
{
    if (counter->scsi == 0)
        *ret_controller = "virtio-scsi-pci,id=trestle.scsi";
    json_t *json = device(disk, disk->media == MEDIA_CDROM ? "scsi-cd" : "scsi-hd");
    json_object_set_new(json, "bus", json_string("trestle.scsi.0"));
    json_object_set_new(json, "scsi-id", json_integer(counter->scsi++));
    *ret_device = json;
    return 0;
}

static int sd_device(const struct disk *disk, struct disks_counter *counter, const char **ret_controller, json_t **ret_device,
                     struct error *err)
{
    if (counter->sd++)
        return error_set(err, ENOSPC, "is the second with Bus=sd: one is possible");
    *ret_controller = "sdhci-pci,id=trestle.sd";
    *ret_device = device(disk, "sd-card");
    return 0;
}

/* pc has the controller on board. */
static int floppy_device(const struct disk *disk, struct disks_counter *counter, const char **ret_controller, json_t **ret_device,
                         struct error *err)
{
    if (counter->floppy == FLOPPY_MAX)
        return error_set(err, ENOSPC, "is one more than the %d floppy drives that a VM can have", (int)FLOPPY_MAX);
    if (counter->q35 && counter->floppy == 0)
        *ret_controller = "isa-fdc,id=trestle.fdc";
    json_t *json = device(disk, "floppy");
    json_object_set_new(json, "unit", json_integer(counter->floppy++));
    *ret_device = json;
    return 0;
}

static int plain_device(const struct disk *disk, struct disks_counter *counter, const char **ret_controller, json_t **ret_device,
                        struct error *err)
{
    switch (disk->bus) {
    case DISK_VIRTIO:
        *ret_device = device(disk, "virtio-blk-pci");
        return 0;
    case DISK_IDE:
        return ide_device(disk, counter, ret_device, err);
    case DISK_SCSI:
        return scsi_device(disk, counter, ret_controller, ret_device);
    case DISK_SD:
        return sd_device(disk, counter, ret_controller, ret_device, err);
    case DISK_FLOPPY:
        return floppy_device(disk, counter, ret_controller, ret_device, err);
    }
    return error_set(err, EINVAL, "its bus is unknown");
}

int disks_device(const struct disk *disk, struct disks_counter *counter, int boot_index, const char **ret_controller,
                 json_t **ret_device, struct error *err)
{
    if (disk->media == MEDIA_CDROM && (disk->bus == DISK_SD || disk->bus == DISK_FLOPPY))
        return error_set(err, EINVAL, "Media=cdrom: Bus=ide, scsi or virtio is possible");
    *ret_controller = NULL;
    int result = plain_device(disk, counter, ret_controller, ret_device, err);
    if (result < 0)
        return result;
    /* No firmware boots from an SD card, and a floppy's index is its controller's. */
    if (boot_index && disk->bus != DISK_SD && disk->bus != DISK_FLOPPY)
        json_object_set_new(*ret_device, "bootindex", json_integer(boot_index));
    if (disk->bus != DISK_SD && disk->media == MEDIA_DISK)
        json_object_set_new(*ret_device, "write-cache", json_string(writes_back(disk) ? "on" : "off"));
    return 0;
}
