/* QEMU's command line. Pure: what it opens has been opened before, and comes as descriptor numbers. */
#pragma once

#include "model/vm.h"
#include "vmm/image.h"
#include "vmm/slots.h"

struct error;

struct arguments_nic { /* numbers of its descriptors; none for type user */
    const int *fds;
    size_t fd_count;
    const int *vhost_fds;
    size_t vhost_count;
};

struct arguments_input {
    const struct vm *vm;
    const char *binary;
    enum vm_accel accel; /* chosen: KVM or TCG */
    int qmp, console, agent; /* listening sockets */
    int console_log;
    int kernel, initrd;              /* -1 = none */
    const struct image *images;      /* one for each disk */
    const struct arguments_nic *nics; /* one for each NIC */
    const struct slots *slots;
};

struct arguments {
    char **items; /* NULL at the end */
    size_t count;
};

int arguments_make(const struct arguments_input *input, struct arguments *ret_arguments, struct error *err);
void arguments_clear(struct arguments *arguments);
