/* All that a VM's QEMU is given when it starts: files, sockets and descriptors, opened by the agent. Nothing runs yet: what is
 * wrong with the VM is found here. */
#pragma once

#include "model/vm.h"
#include "vmm/account.h"
#include "vmm/arguments.h"
#include "vmm/image.h"
#include "vmm/slots.h"
#include "vmm/vhost.h"

struct error;
struct tap_table;

struct launch {
    struct vm *vm;        /* a copy, in which Queues=auto becomes a number */
    struct image *images; /* one for each disk */
    size_t image_count;
    struct vhost *vhosts; /* one for each NIC */
    size_t vhost_count;
    struct arguments_nic *nics;
    int kernel, initrd;
    int qmp, console, agent, console_log; /* by process_make_files */
    int output;
    struct slots slots;
    struct arguments arguments;
};

void launch_init(struct launch *launch, const struct vm *vm);
void launch_clear(struct launch *launch);

/* Disks, kernel, TAPs (which must be open), vhost. */
int launch_open(struct launch *launch, const struct tap_table *taps, const struct account *account, struct error *err);

int launch_make_arguments(struct launch *launch, const char *binary, enum vm_accel accel, struct error *err);

/* The descriptors that QEMU inherits; the caller frees the array. */
size_t launch_descriptors(const struct launch *launch, int **ret_fds);
