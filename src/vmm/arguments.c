#include "vmm/arguments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "vmm/boot.h"
#include "vmm/device.h"
#include "vmm/disks.h"
#include "vmm/ids.h"

enum {
    LOG_SET = 0, /* fd sets: the console's log, then the disks' files */
    PORTS_SLOT = 0x10, /* root ports lie from here on, above what QEMU places by itself */
    PORTS_SINGLE = 13, /* that many get a slot each */
};

static void add(struct arguments *arguments, const char *text)
{
    *APPEND(arguments->items, arguments->count) = memory_string(text);
}

__attribute__((format(printf, 2, 3))) static void add_format(struct arguments *arguments, const char *format, ...)
{
    char *text;
    va_list values;
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0)
        abort();
    va_end(values);
    *APPEND(arguments->items, arguments->count) = text;
}

static void add_option(struct arguments *arguments, const char *option, json_t *value)
{
    add(arguments, option);
    *APPEND(arguments->items, arguments->count) = device_option(value);
    document_free(value);
}

static bool is_off(const char *text)
{
    return !text || !*text || strcmp(text, "none") == 0;
}

static int add_machine(struct arguments *arguments, const struct arguments_input *input, struct error *err)
{
    const struct vm *vm = input->vm;
    const char *machine = vm->machine ? vm->machine : "pc";
    if (strcmp(machine, "pc") != 0 && !text_starts(machine, "pc-i440fx-") && !slots_is_q35(vm))
        return error_set(err, EINVAL, "Machine=%s: pc, q35, or a version of either (pc-i440fx-…, pc-q35-…) is possible", machine);
    if (strspn(machine, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(machine))
        return error_set(err, EINVAL, "Machine=%s: is no machine's name", machine);
    add(arguments, "-machine");
    add_format(arguments, "%s,accel=%s", machine, input->accel == ACCEL_KVM ? "kvm" : "tcg");
    add(arguments, "-cpu");
    add(arguments, vm->cpu ? vm->cpu : input->accel == ACCEL_KVM ? "host" : "max");
    return 0;
}

static int add_memory(struct arguments *arguments, const struct vm *vm, struct error *err)
{
    if (vm->memory < 1 << 20)
        return error_set(err, EINVAL, "Memory= states less than 1 MiB");
    add(arguments, "-m");
    if (vm->memory % (1 << 20) == 0)
        add_format(arguments, "%" PRIu64 "M", vm->memory >> 20);
    else
        add_format(arguments, "%" PRIu64 "k", vm->memory >> 10);
    return 0;
}

static void add_count(struct text *text, const char *key, uint32_t count)
{
    if (count)
        text_format(text, ",%s=%u", key, count);
}

static int add_processors(struct arguments *arguments, const struct vm *vm, struct error *err)
{
    uint32_t count = vm->vcpus ? vm->vcpus : 1;
    if (vm->max_vcpus && vm->max_vcpus < count)
        return error_set(err, EINVAL, "MaxVCPUs=%u is less than VCPUs=%u", vm->max_vcpus, count);
    uint64_t threads = vm->threads ? vm->threads : 1;
    uint64_t product = (uint64_t)vm->sockets * vm->cores * threads;
    if (product && vm->max_vcpus && product != vm->max_vcpus)
        return error_set(err, EINVAL, "Sockets=%u × Cores=%u × Threads=%" PRIu64 " is %" PRIu64 ", but MaxVCPUs=%u", vm->sockets,
                         vm->cores, threads, product, vm->max_vcpus);
    if (product && product < count)
        return error_set(err, EINVAL, "Sockets=%u × Cores=%u × Threads=%" PRIu64 " is %" PRIu64 ", but VCPUs=%u", vm->sockets,
                         vm->cores, threads, product, count);
    struct text text = {0};
    text_format(&text, "%u", count);
    add_count(&text, "maxcpus", vm->max_vcpus);
    add_count(&text, "sockets", vm->sockets);
    add_count(&text, "cores", vm->cores);
    add_count(&text, "threads", vm->threads);
    add(arguments, "-smp");
    *APPEND(arguments->items, arguments->count) = text_take(&text);
    return 0;
}

static void add_base(struct arguments *arguments, const struct arguments_input *input)
{
    add(arguments, input->binary);
    add(arguments, "-name");
    add_format(arguments, "guest=%s", input->vm->name);
    add(arguments, "-nodefaults");
    add(arguments, "-no-user-config");
    add(arguments, "-S"); /* held until its NICs are read back */
    add(arguments, "-sandbox");
    add(arguments, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    if (input->vm->uuid[0]) {
        add(arguments, "-uuid");
        add(arguments, input->vm->uuid);
    }
}

static void add_sockets(struct arguments *arguments, const struct arguments_input *input)
{
    add(arguments, "-chardev");
    add_format(arguments, "socket,id=qmp,fd=%d,server=on,wait=off", input->qmp);
    add(arguments, "-mon");
    add(arguments, "chardev=qmp,mode=control");
    add(arguments, "-add-fd");
    add_format(arguments, "set=%d,fd=%d", LOG_SET, input->console_log);
    add(arguments, "-chardev");
    add_format(arguments, "socket,id=console,fd=%d,server=on,wait=off,logfile=/dev/fdset/%d,logappend=on", input->console,
               LOG_SET);
    add(arguments, "-serial");
    add(arguments, "chardev:console");
    add(arguments, "-chardev");
    add_format(arguments, "socket,id=agent,fd=%d,server=on,wait=off", input->agent);
}

/* Comes last, so that it moves no other device to another slot. Two ports are the fewest (the first is a console's): each has
 * queues that are made at every start. */
static void add_agent(struct arguments *arguments)
{
    add(arguments, "-device");
    add(arguments, "virtio-serial-pci,id=trestle.serial,max_ports=2");
    add(arguments, "-device");
    add(arguments, "virtserialport,id=trestle.agent,bus=trestle.serial.0,chardev=agent,name=org.qemu.guest_agent.0");
}

static void add_display(struct arguments *arguments, const struct vm *vm)
{
    add(arguments, "-display");
    add(arguments, "none");
    if (!is_off(vm->vnc)) {
        add(arguments, "-vnc");
        add(arguments, vm->vnc);
    }
    add(arguments, "-vga");
    add(arguments, is_off(vm->vga) ? "none" : vm->vga);
}

static void add_kernel(struct arguments *arguments, const struct arguments_input *input)
{
    if (input->kernel < 0)
        return;
    add(arguments, "-kernel");
    add_format(arguments, "/dev/fd/%d", input->kernel);
    if (input->initrd >= 0) {
        add(arguments, "-initrd");
        add_format(arguments, "/dev/fd/%d", input->initrd);
    }
    if (input->vm->append) {
        add(arguments, "-append");
        add(arguments, input->vm->append);
    }
}

/* A slot each while there are enough; else eight to a slot. */
static void add_port(struct arguments *arguments, const struct slots *slots, unsigned port)
{
    bool single = slots->ports < PORTS_SINGLE;
    unsigned slot = PORTS_SLOT + (single ? port : port / 8), function = single ? 0 : port % 8;
    add(arguments, "-device");
    add_format(arguments, "pcie-root-port,id=trestle.port%u,bus=pcie.0,chassis=%u,slot=%u,addr=0x%x.%u%s", port, port + 1,
               port + 1, slot, function, single || function ? "" : ",multifunction=on");
}

static void add_ports(struct arguments *arguments, const struct slots *slots)
{
    if (!slots->q35)
        return;
    for (unsigned port = 0; port <= slots->ports; port++)
        add_port(arguments, slots, port);
    add(arguments, "-device");
    add(arguments, "pcie-pci-bridge,id=" SLOTS_BRIDGE ",bus=" SLOTS_BRIDGE_PORT);
}

/* "23:24" */
static char *join(const int *numbers, size_t count)
{
    struct text text = {0};
    for (size_t i = 0; i < count; i++)
        text_format(&text, "%s%d", i ? ":" : "", numbers[i]);
    return text_take(&text);
}

static void add_nics(struct arguments *arguments, const struct arguments_input *input, const int *boot)
{
    for (size_t i = 0; i < input->vm->nic_count; i++) {
        const struct nic *nic = &input->vm->nics[i];
        const struct arguments_nic *given = &input->nics[i];
        CLEANUP(freep) char *fds = join(given->fds, given->fd_count);
        CLEANUP(freep) char *vhost_fds = given->vhost_count ? join(given->vhost_fds, given->vhost_count) : NULL;
        add_option(arguments, "-netdev", device_netdev(nic, fds, vhost_fds));
        add_option(arguments, "-device", device_nic(nic, slots_bus(input->slots, nic->name), boot[i]));
    }
}

static void add_blocks(struct arguments *arguments, const struct arguments_input *input)
{
    int set = LOG_SET + 1;
    for (size_t i = 0; i < input->vm->disk_count; i++) {
        const struct image *image = &input->images[i];
        for (size_t layer = 0; layer < image->count; layer++) {
            add(arguments, "-add-fd");
            add_format(arguments, "set=%d,fd=%d", set + (int)layer, image->layers[layer].fd);
        }
        json_t *node = disks_node(&input->vm->disks[i], image, set);
        add(arguments, "-blockdev");
        *APPEND(arguments->items, arguments->count) = document_text(node);
        document_free(node);
        set += (int)image->count;
    }
}

static int add_disks(struct arguments *arguments, const struct arguments_input *input, const int *boot, struct error *err)
{
    add_blocks(arguments, input);
    struct disks_counter counter = {.q35 = input->slots->q35};
    for (size_t i = 0; i < input->vm->disk_count; i++) {
        const struct disk *disk = &input->vm->disks[i];
        const char *controller;
        json_t *device;
        int result = disks_device(disk, &counter, boot[i], &controller, &device, err);
        if (result < 0)
            return error_prefix(err, "disk %s", disk->name);
        if (controller) {
            add(arguments, "-device");
            add(arguments, controller);
        }
        add_option(arguments, "-device", device);
        if (disk->bus == DISK_FLOPPY && boot[i]) {
            add(arguments, "-global");
            add_format(arguments, "isa-fdc.bootindex%c=%d", (char)('A' + counter.floppy - 1), boot[i]);
        }
    }
    return 0;
}

static int add_all(struct arguments *arguments, const struct arguments_input *input, const int *disk_boot, const int *nic_boot,
                   struct error *err)
{
    add_base(arguments, input);
    int result = add_machine(arguments, input, err);
    if (result == 0)
        result = add_memory(arguments, input->vm, err);
    if (result == 0)
        result = add_processors(arguments, input->vm, err);
    if (result < 0)
        return result;
    add_sockets(arguments, input);
    add_display(arguments, input->vm);
    add_kernel(arguments, input);
    add_ports(arguments, input->slots);
    result = add_disks(arguments, input, disk_boot, err);
    if (result < 0)
        return result;
    add_nics(arguments, input, nic_boot);
    add_agent(arguments);
    *APPEND(arguments->items, arguments->count) = NULL;
    arguments->count--;
    return 0;
}

int arguments_make(const struct arguments_input *input, struct arguments *ret_arguments, struct error *err)
{
    struct arguments arguments = {0};
    int disk_boot[VM_DISKS_MAX], nic_boot[VM_NICS_MAX];
    if (input->vm->disk_count > VM_DISKS_MAX || input->vm->nic_count > VM_NICS_MAX)
        return error_set(err, E2BIG, "at most %d disks and %d NICs are possible", VM_DISKS_MAX, VM_NICS_MAX);
    int result = boot_order(input->vm, disk_boot, nic_boot, err);
    if (result == 0)
        result = add_all(&arguments, input, disk_boot, nic_boot, err);
    if (result < 0) {
        arguments_clear(&arguments);
        return result;
    }
    *ret_arguments = arguments;
    return 0;
}

void arguments_clear(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->items[i]);
    free(arguments->items);
    *arguments = (struct arguments){0};
}
