#include "model/vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/option.h"

const char *const vm_state_names[] = {"shut off", "starting", "running", "paused", "in shutdown", "crashed", NULL};
const char *const vm_accel_names[] = {"auto", "kvm", "tcg", NULL};
const char *const nic_type_names[] = {"bridge", "user", "ethernet", NULL};
const char *const nic_model_names[] = {"virtio", "e1000",  "e1000e",   "rtl8139",  "ne2k_pci", "pcnet",
                                       "i82551", "i82557b", "i82559er", "vmxnet3", NULL};
const char *const nic_vhost_names[] = {"auto", "on", "off", NULL};
const char *const nic_state_names[] = {"absent", "attaching", "plugged", "unplugging", "removed", NULL};
const char *const disk_bus_names[] = {"virtio", "ide", "scsi", "sd", "floppy", NULL};
const char *const disk_media_names[] = {"disk", "cdrom", NULL};
const char *const disk_cache_names[] = {"writeback", "writethrough", "none", "directsync", "unsafe", NULL};

struct vm *vm_new(const char *name)
{
    struct vm *vm = NEW(struct vm);

    text_copy(vm->name, sizeof(vm->name), name);
    option_set_defaults(OPTION_VM, vm);
    option_set_defaults(OPTION_DISPLAY, vm);
    return vm;
}

static void disk_copy(const struct disk *disk, struct disk *ret_copy)
{
    *ret_copy = *disk;
    ret_copy->file = memory_string(disk->file);
    ret_copy->format = memory_string(disk->format);
}

static void disk_clear(struct disk *disk)
{
    free(disk->file);
    free(disk->format);
}

struct vm *vm_copy(const struct vm *vm)
{
    struct vm *copy = memory_copy(vm, sizeof(*vm));

    copy->file = memory_string(vm->file);
    copy->machine = memory_string(vm->machine);
    copy->cpu = memory_string(vm->cpu);
    copy->boot = memory_string(vm->boot);
    copy->kernel = memory_string(vm->kernel);
    copy->initrd = memory_string(vm->initrd);
    copy->append = memory_string(vm->append);
    copy->vnc = memory_string(vm->vnc);
    copy->vga = memory_string(vm->vga);
    copy->reason = memory_string(vm->reason);
    copy->nics = memory_copy(vm->nics, vm->nic_count * sizeof(*vm->nics));
    for (size_t i = 0; i < vm->nic_count; i++)
        nic_copy(&vm->nics[i], &copy->nics[i]);
    copy->disks = memory_copy(vm->disks, vm->disk_count * sizeof(*vm->disks));
    for (size_t i = 0; i < vm->disk_count; i++)
        disk_copy(&vm->disks[i], &copy->disks[i]);
    return copy;
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    free(vm->file);
    free(vm->machine);
    free(vm->cpu);
    free(vm->boot);
    free(vm->kernel);
    free(vm->initrd);
    free(vm->append);
    free(vm->vnc);
    free(vm->vga);
    free(vm->reason);
    for (size_t i = 0; i < vm->nic_count; i++)
        nic_clear(&vm->nics[i]);
    free(vm->nics);
    for (size_t i = 0; i < vm->disk_count; i++)
        disk_clear(&vm->disks[i]);
    free(vm->disks);
    free(vm);
}

struct nic *vm_add_nic(struct vm *vm, const char *name)
{
    struct nic *nic = APPEND(vm->nics, vm->nic_count);

    text_copy(nic->name, sizeof(nic->name), name);
    option_set_defaults(OPTION_NIC, nic);
    return nic;
}

struct disk *vm_add_disk(struct vm *vm, const char *name)
{
    struct disk *disk = APPEND(vm->disks, vm->disk_count);

    text_copy(disk->name, sizeof(disk->name), name);
    option_set_defaults(OPTION_DISK, disk);
    return disk;
}

void vm_remove_nic(struct vm *vm, const char *name)
{
    struct nic *nic = vm_find_nic(vm, name);
    size_t after;

    if (!nic)
        return;
    nic_clear(nic);
    after = (size_t)(&vm->nics[vm->nic_count] - nic) - 1;
    memmove(nic, nic + 1, after * sizeof(*nic));
    vm->nic_count--;
}

struct nic *vm_find_nic(const struct vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->nic_count; i++)
        if (text_equal(vm->nics[i].name, name))
            return &vm->nics[i];
    return NULL;
}

struct nic *vm_find_nic_by_mac(const struct vm *vm, const uint8_t mac[6])
{
    for (size_t i = 0; i < vm->nic_count; i++)
        if (memcmp(vm->nics[i].mac, mac, 6) == 0)
            return &vm->nics[i];
    return NULL;
}

struct disk *vm_find_disk(const struct vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->disk_count; i++)
        if (text_equal(vm->disks[i].name, name))
            return &vm->disks[i];
    return NULL;
}
