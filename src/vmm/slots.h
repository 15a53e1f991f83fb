/* Where a NIC goes. pc: QEMU picks a slot of the root bus, which has 32. q35: the root bus does not hot-plug, so every NIC, also
 * one that is there from the start, gets a root port, or for conventional PCI models a slot of the bridge behind one: so that it
 * can go again. QEMU would put a second device on a root port without a word, where no guest ever sees it; so the ports are
 * counted here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/document.h"
#include "model/vm.h"

struct error;

enum {
    SLOTS_SPARE = 8,       /* root ports of a q35 VM beyond those of its first NICs */
    SLOTS_PORTS_MAX = 120, /* 15 slots of the root bus, 8 functions each */
};
#define SLOTS_BRIDGE "trestle.pci"        /* the bridge for conventional models */
#define SLOTS_BRIDGE_PORT "trestle.port0" /* the root port that it is on */

struct slot {
    char nic[VM_NAME_SIZE];
    char bus[32];
};

struct slots {
    bool q35;
    unsigned fixed; /* pc: slots that are no NIC's */
    unsigned ports; /* q35: trestle.port1 … */
    struct slot *taken;
    size_t count;
};

bool slots_is_q35(const struct vm *vm);

/* How many more NICs would find a place: PCI Express ones, and conventional ones. On pc both take from the same slots. */
void slots_count_free(const struct slots *slots, uint32_t *ret_express, uint32_t *ret_conventional);

/* For a VM that is to start: with a slot for each of its NICs. */
int slots_plan(const struct vm *vm, struct slots *ret_slots, struct error *err);
void slots_clear(struct slots *slots);

/* A slot for one NIC more; the one it has already, if any. -ENOSPC when the table is full. */
int slots_take(struct slots *slots, const struct nic *nic, struct error *err);
void slots_drop(struct slots *slots, const char *nic);

/* The bus of the NIC's device; NULL = QEMU picks. Borrowed. */
const char *slots_bus(const struct slots *slots, const char *nic);

bool slots_is_port(const char *bus); /* has it room for one device alone? false for NULL */

json_t *slots_to_json(const struct slots *slots);
int slots_from_json(const json_t *json, struct slots *ret_slots, struct error *err);
