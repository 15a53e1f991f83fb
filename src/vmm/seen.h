/* What this daemon has itself seen of a NIC. It is not written down: a new daemon knows nothing of it, and asks. */
#pragma once

#include <stdbool.h>

#include "model/vm.h"

struct instance;

struct seen {
    struct seen *next;
    char nic[VM_NAME_SIZE];
    bool backend;  /* QEMU said that it has the backend: no descriptor is left there under a name */
    bool removed;  /* QEMU said that the device is gone */
    bool given_up; /* its attach failed because QEMU fell silent: what was begun is taken back when QEMU answers */
};

struct seen *seen_of(struct instance *instance, const char *nic); /* nothing, at first */
void seen_drop(struct instance *instance, const char *nic);
void seen_clear(struct instance *instance);
