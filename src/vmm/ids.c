#include "vmm/ids.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define OWN "trestle."

enum { NODE_NAME_MAX = 31 };

const char *ids_device(const char *name, char buffer[ID_SIZE])
{
    bool letter = (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z');
    snprintf(buffer, ID_SIZE, "%s%.*s", letter ? "" : OWN "name.", VM_NAME_SIZE - 1, name);
    return buffer;
}

const char *ids_netdev(const char *nic, char buffer[ID_SIZE])
{
    snprintf(buffer, ID_SIZE, "host-%.*s", VM_NAME_SIZE - 1, nic);
    return buffer;
}

const char *ids_fd(const char *nic, size_t queue, char buffer[ID_SIZE])
{
    snprintf(buffer, ID_SIZE, "fd-%.*s-%zu", VM_NAME_SIZE - 1, nic, queue);
    return buffer;
}

const char *ids_vhost_fd(const char *nic, size_t queue, char buffer[ID_SIZE])
{
    snprintf(buffer, ID_SIZE, "vhost-%.*s-%zu", VM_NAME_SIZE - 1, nic, queue);
    return buffer;
}

const char *ids_node(const char *disk, char buffer[ID_SIZE])
{
    if (strlen(ids_device(disk, buffer)) > NODE_NAME_MAX)
        snprintf(buffer, ID_SIZE, OWN "%016" PRIx64, text_hash(disk));
    return buffer;
}

static int check_name(const char *kind, const char *name, struct error *err)
{
    if (text_starts(name, OWN))
        return error_set(err, EINVAL, "%s %s: names that begin with \"" OWN "\" are the agent's own: choose another", kind, name);
    return 0;
}

int ids_check_nic(const struct vm *vm, const char *nic, struct error *err)
{
    if (vm_find_disk(vm, nic))
        return error_set(err, EEXIST, "nic %s: a disk of the VM has that name: choose another", nic);
    return check_name("nic", nic, err);
}

int ids_check_vm(const struct vm *vm, struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < vm->nic_count && result == 0; i++) {
        result = ids_check_nic(vm, vm->nics[i].name, err);
        if (result == 0 && vm_find_nic(vm, vm->nics[i].name) != &vm->nics[i])
            result = error_set(err, EEXIST, "nic %s: stands twice", vm->nics[i].name);
    }
    for (size_t i = 0; i < vm->disk_count && result == 0; i++) {
        result = check_name("disk", vm->disks[i].name, err);
        if (result == 0 && vm_find_disk(vm, vm->disks[i].name) != &vm->disks[i])
            result = error_set(err, EEXIST, "disk %s: stands twice", vm->disks[i].name);
    }
    return result;
}
