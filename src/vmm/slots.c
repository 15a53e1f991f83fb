#include "vmm/slots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    SLOTS_OF_A_BUS = 32,
    SLOTS_OF_THE_BRIDGE = 31, /* slot 0 is its hot-plug controller's */
    BUILT_IN = 2,             /* pc: host bridge, PIIX3 */
    AGENT = 1,                /* the guest agent's port */
};

bool slots_is_q35(const struct vm *vm)
{
    return vm->machine && (strcmp(vm->machine, "q35") == 0 || text_starts(vm->machine, "pc-q35-"));
}

static bool is_conventional(enum nic_model model)
{
    return model != NIC_VIRTIO && model != NIC_E1000E && model != NIC_VMXNET3;
}

static unsigned count_fixed(const struct vm *vm)
{
    unsigned fixed = BUILT_IN + AGENT + (vm->vga && strcmp(vm->vga, "none") != 0);
    bool scsi = false;
    for (size_t i = 0; i < vm->disk_count; i++) {
        fixed += vm->disks[i].bus == DISK_VIRTIO || vm->disks[i].bus == DISK_SD;
        scsi |= vm->disks[i].bus == DISK_SCSI;
    }
    return fixed + scsi;
}

int slots_plan(const struct vm *vm, struct slots *ret_slots, struct error *err)
{
    struct slots slots = {.q35 = slots_is_q35(vm), .fixed = count_fixed(vm)};
    for (size_t i = 0; i < vm->nic_count; i++)
        slots.ports += !is_conventional(vm->nics[i].model);
    slots.ports += SLOTS_SPARE;
    if (slots.ports >= SLOTS_PORTS_MAX) /* and port 0 */
        slots.ports = SLOTS_PORTS_MAX - 1;
    for (size_t i = 0; i < vm->nic_count; i++) {
        int result = slots_take(&slots, &vm->nics[i], err);
        if (result < 0) {
            slots_clear(&slots);
            return result;
        }
    }
    *ret_slots = slots;
    return 0;
}

void slots_clear(struct slots *slots)
{
    free(slots->taken);
    *slots = (struct slots){0};
}

static struct slot *find(const struct slots *slots, const char *nic)
{
    for (size_t i = 0; i < slots->count; i++)
        if (strcmp(slots->taken[i].nic, nic) == 0)
            return &slots->taken[i];
    return NULL;
}

static unsigned count_on(const struct slots *slots, const char *bus)
{
    unsigned count = 0;
    for (size_t i = 0; i < slots->count; i++)
        count += strcmp(slots->taken[i].bus, bus) == 0;
    return count;
}

void slots_count_free(const struct slots *slots, uint32_t *ret_express, uint32_t *ret_conventional)
{
    if (slots->q35) {
        unsigned conventional = count_on(slots, SLOTS_BRIDGE);
        unsigned express = (unsigned)slots->count - conventional;
        *ret_conventional = conventional < SLOTS_OF_THE_BRIDGE ? SLOTS_OF_THE_BRIDGE - conventional : 0;
        *ret_express = express < slots->ports ? slots->ports - express : 0;
    } else {
        size_t taken = slots->fixed + slots->count;
        *ret_express = *ret_conventional = taken < SLOTS_OF_A_BUS ? (uint32_t)(SLOTS_OF_A_BUS - taken) : 0;
    }
}

static int refuse_port(const struct slots *slots, struct error *err)
{
    uint32_t express, conventional;
    slots_count_free(slots, &express, &conventional);
    if (conventional > 0)
        return error_set(err, ENOSPC,
                         "the VM's %u root ports are all taken: detach a NIC first, use a conventional model such as e1000 "
                         "(%u slots are free), or shut the VM down and start it again, which gives it %d spare ports",
                         slots->ports, conventional, (int)SLOTS_SPARE);
    return error_set(err, ENOSPC,
                     "the VM's %u root ports are all taken: detach a NIC first, or shut the VM down and start it again, which "
                     "gives it %d spare ports",
                     slots->ports, (int)SLOTS_SPARE);
}

static int refuse_conventional(const struct slots *slots, struct error *err)
{
    uint32_t express, conventional;
    slots_count_free(slots, &express, &conventional);
    return error_set(err, ENOSPC, "the %d slots for conventional PCI NICs are all taken: detach one first%s",
                     (int)SLOTS_OF_THE_BRIDGE, express > 0 ? ", or use virtio, e1000e or vmxnet3, which take a root port" : "");
}

static int choose_bus(const struct slots *slots, const struct nic *nic, char bus[32], struct error *err)
{
    bus[0] = '\0';
    if (!slots->q35) {
        if (slots->fixed + slots->count >= SLOTS_OF_A_BUS)
            return error_set(err, ENOSPC,
                             "the VM's %d PCI slots are all taken (%zu by NICs): detach a NIC first, or give the VM Machine=q35, "
                             "which has room for more",
                             (int)SLOTS_OF_A_BUS, slots->count);
        return 0;
    }
    if (is_conventional(nic->model)) {
        if (count_on(slots, SLOTS_BRIDGE) >= SLOTS_OF_THE_BRIDGE)
            return refuse_conventional(slots, err);
        text_copy(bus, 32, SLOTS_BRIDGE);
        return 0;
    }
    for (unsigned port = 1; port <= slots->ports; port++) {
        snprintf(bus, 32, "trestle.port%u", port);
        if (count_on(slots, bus) == 0)
            return 0;
    }
    return refuse_port(slots, err);
}

int slots_take(struct slots *slots, const struct nic *nic, struct error *err)
{
    if (find(slots, nic->name))
        return 0;
    char bus[32];
    int result = choose_bus(slots, nic, bus, err);
    if (result < 0)
        return result;
    struct slot *slot = APPEND(slots->taken, slots->count);
    text_copy(slot->nic, sizeof(slot->nic), nic->name);
    text_copy(slot->bus, sizeof(slot->bus), bus);
    return 0;
}

void slots_drop(struct slots *slots, const char *nic)
{
    struct slot *slot = find(slots, nic);
    if (slot)
        *slot = slots->taken[--slots->count];
}

const char *slots_bus(const struct slots *slots, const char *nic)
{
    const struct slot *slot = find(slots, nic);
    return slot && slot->bus[0] ? slot->bus : NULL;
}

bool slots_is_port(const char *bus)
{
    return bus && text_starts(bus, "trestle.port");
}

json_t *slots_to_json(const struct slots *slots)
{
    json_t *taken = json_object();
    for (size_t i = 0; i < slots->count; i++)
        json_object_set_new(taken, slots->taken[i].nic, json_string(slots->taken[i].bus));
    return json_pack("{s:b, s:i, s:i, s:o}", "q35", slots->q35, "fixed", (int)slots->fixed, "ports", (int)slots->ports, "taken",
                     taken);
}

int slots_from_json(const json_t *json, struct slots *ret_slots, struct error *err)
{
    struct slots slots = {.q35 = document_boolean(json, "q35", false)};
    int64_t fixed = document_number(json, "fixed", -1), ports = document_number(json, "ports", -1);
    const json_t *taken = json_object_get(json, "taken");
    if (fixed < 0 || fixed > SLOTS_OF_A_BUS + VM_DISKS_MAX || ports < 0 || ports > SLOTS_PORTS_MAX || !json_is_object(taken) ||
        json_object_size(taken) > VM_NICS_MAX)
        return error_set(err, EBADMSG, "the slots can't be read");
    slots.fixed = (unsigned)fixed;
    slots.ports = (unsigned)ports;
    const char *nic;
    json_t *bus;
    json_object_foreach((json_t *)taken, nic, bus) {
        struct slot *slot = APPEND(slots.taken, slots.count);
        text_copy(slot->nic, sizeof(slot->nic), nic);
        text_copy(slot->bus, sizeof(slot->bus), json_is_string(bus) ? json_string_value(bus) : "");
    }
    *ret_slots = slots;
    return 0;
}
