/* links: vmm
 * QEMU's command line, word for word. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "vmm/arguments.h"
#include "vmm/boot.h"
#include "vmm/ids.h"

static void set(char **place, const char *text)
{
    free(*place);
    *place = memory_string(text);
}

static struct vm *make_vm(const char *name, const char *machine)
{
    struct vm *vm = vm_new(name);
    set(&vm->machine, machine);
    set(&vm->vga, "std");
    return vm;
}

static struct nic *add_nic(struct vm *vm, const char *name, enum nic_model model, const char *mac)
{
    struct nic *nic = vm_add_nic(vm, name);
    nic->model = model;
    assert_int_equal(text_mac(mac, nic->mac), 0);
    return nic;
}

static struct disk *add_disk(struct vm *vm, const char *name, enum disk_bus bus, enum disk_media media)
{
    struct disk *disk = vm_add_disk(vm, name);
    disk->bus = bus;
    disk->media = media;
    disk->cache = CACHE_WRITEBACK;
    return disk;
}

static struct image file_image(const char *driver, int fd, bool writable)
{
    return (struct image){.layers = {{.fd = fd, .driver = driver}}, .count = 1, .writable = writable};
}

/* The part of the command line behind the serial console, which is the same for all; one argument a line, but options with their
 * value on one. */
static char *tail(const struct arguments *arguments)
{
    struct text text = {0};
    bool on = false;
    for (size_t i = 0; i < arguments->count; i++) {
        const char *item = arguments->items[i];
        if (strcmp(item, "-machine") == 0 || strcmp(item, "-display") == 0)
            on = true;
        if (strcmp(item, "-chardev") == 0)
            on = false;
        if (on)
            text_format(&text, "%s%s", item[0] == '-' ? (text.data ? "\n" : "") : " ", item);
    }
    text_add(&text, "\n");
    return text_take(&text);
}

/* Every VM ends with the guest agent's port. */
#define AGENT                                                                                                                  \
    "-device virtio-serial-pci,id=trestle.serial,max_ports=2%s-device virtserialport,id=trestle.agent,bus=trestle.serial.0,"  \
    "chardev=agent,name=org.qemu.guest_agent.0%s"

static void expect(const struct vm *vm, const struct image *images, const struct arguments_nic *nics, enum vm_accel accel,
                   const char *wanted)
{
    struct error err = {0};
    struct slots slots;
    struct arguments arguments;
    assert_int_equal(slots_plan(vm, &slots, &err), 0);
    struct arguments_input input = {.vm = vm,
                                    .binary = "/usr/bin/qemu-system-x86_64",
                                    .accel = accel,
                                    .qmp = 10,
                                    .console = 11,
                                    .agent = 15,
                                    .console_log = 12,
                                    .kernel = vm->kernel ? 13 : -1,
                                    .initrd = vm->initrd ? 14 : -1,
                                    .images = images,
                                    .nics = nics,
                                    .slots = &slots};
    if (arguments_make(&input, &arguments, &err) < 0)
        fail_msg("%s", err.text);
    assert_null(arguments.items[arguments.count]);
    CLEANUP(freep) char *got = tail(&arguments);
    CLEANUP(freep) char *whole = memory_format("%s" AGENT, wanted, "\n", "\n");
    assert_string_equal(got, whole);
    arguments_clear(&arguments);
    slots_clear(&slots);
}

/* qemu-kvm -name c2 -smp 2,maxcpus=4,sockets=2,cores=2 -m 128 -drive file=/images/kvm/cos-i386.qcow2,if=virtio -vnc :1 -daemonize
 * -net nic,model=e1000,macaddr=52:54:00:00:00:11 -net tap,script=/etc/qemu-ifup */
static void notes_first_example(void **state)
{
    (void)state;
    struct vm *vm = make_vm("c2", "pc");
    vm->vcpus = 2;
    vm->max_vcpus = 4;
    vm->sockets = vm->cores = 2;
    vm->memory = UINT64_C(128) << 20;
    set(&vm->vnc, ":1");
    add_disk(vm, "vda", DISK_VIRTIO, MEDIA_DISK);
    struct image images[] = {file_image("qcow2", 20, true)};
    add_nic(vm, "net0", NIC_E1000, "52:54:00:00:00:11");
    int fds[] = {30};
    struct arguments_nic nics[] = {{.fds = fds, .fd_count = 1}};
    expect(vm, images, nics, ACCEL_KVM,
           "-machine pc,accel=kvm\n-cpu host\n-m 128M\n-smp 2,maxcpus=4,sockets=2,cores=2"
           "\n-display none\n-vnc :1\n-vga std"
           "\n-add-fd set=1,fd=20"
           "\n-blockdev {\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/1\"},\"backing\":null,"
           "\"node-name\":\"vda\",\"read-only\":false,\"cache\":{\"direct\":false,\"no-flush\":false}}"
           "\n-device virtio-blk-pci,id=vda,drive=vda,write-cache=on"
           "\n-netdev tap,id=host-net0,fd=30"
           "\n-device e1000,id=net0,netdev=host-net0,mac=52:54:00:00:00:11\n");
    vm_free(vm);
}

/* qemu-kvm -name winxp -smp 1,maxcpus=2,sockets=1,cores=2 -m 1024 -drive file=/data/vms/winxp.qcow2,media=disk,cache=writeback,
 * format=qcow2 [-drive] file=/tmp/winxp.iso,media=cdrom -boot order=dc,once=d -vnc :1 -net nic,model=rtl8139,… -net tap,… */
static void notes_second_example(void **state)
{
    (void)state;
    struct vm *vm = make_vm("winxp", "pc");
    vm->vcpus = 1;
    vm->max_vcpus = 2;
    vm->sockets = 1;
    vm->cores = 2;
    vm->memory = UINT64_C(1) << 30;
    set(&vm->boot, "cdrom,disk");
    set(&vm->vnc, ":1");
    set(&vm->cpu, "qemu64");
    add_disk(vm, "hda", DISK_IDE, MEDIA_DISK);
    add_disk(vm, "hdb", DISK_IDE, MEDIA_CDROM);
    add_disk(vm, "hdc", DISK_IDE, MEDIA_DISK)->cache = CACHE_DIRECTSYNC;
    struct image images[] = {file_image("qcow2", 20, true), file_image("raw", 22, false), file_image("raw", 23, true)};
    images[0].layers[1] = (struct image_layer){.fd = 21, .driver = "raw", .block_device = true};
    images[0].count = 2;
    add_nic(vm, "net0", NIC_RTL8139, "52:54:00:00:aa:11");
    int fds[] = {30};
    struct arguments_nic nics[] = {{.fds = fds, .fd_count = 1}};
    expect(vm, images, nics, ACCEL_TCG,
           "-machine pc,accel=tcg\n-cpu qemu64\n-m 1024M\n-smp 1,maxcpus=2,sockets=1,cores=2"
           "\n-display none\n-vnc :1\n-vga std"
           "\n-add-fd set=1,fd=20\n-add-fd set=2,fd=21"
           "\n-blockdev {\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/1\"},"
           "\"backing\":{\"driver\":\"raw\",\"file\":{\"driver\":\"host_device\",\"filename\":\"/dev/fdset/2\"}},"
           "\"node-name\":\"hda\",\"read-only\":false,\"cache\":{\"direct\":false,\"no-flush\":false}}"
           "\n-add-fd set=3,fd=22"
           "\n-blockdev {\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/3\"},"
           "\"node-name\":\"hdb\",\"read-only\":true,\"cache\":{\"direct\":false,\"no-flush\":false}}"
           "\n-add-fd set=4,fd=23"
           "\n-blockdev {\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/4\"},"
           "\"node-name\":\"hdc\",\"read-only\":false,\"cache\":{\"direct\":true,\"no-flush\":false}}"
           "\n-device ide-hd,id=hda,drive=hda,bus=ide.0,unit=0,bootindex=2,write-cache=on"
           "\n-device ide-cd,id=hdb,drive=hdb,bus=ide.0,unit=1,bootindex=1"
           "\n-device ide-hd,id=hdc,drive=hdc,bus=ide.1,unit=0,bootindex=3,write-cache=off"
           "\n-netdev tap,id=host-net0,fd=30"
           "\n-device rtl8139,id=net0,netdev=host-net0,mac=52:54:00:00:aa:11\n");
    vm_free(vm);
}

static void direct_kernel(void **state)
{
    (void)state;
    struct vm *vm = make_vm("k", "pc");
    vm->memory = 200 << 10 << 10 | 1 << 12;
    set(&vm->kernel, "/boot/vmlinuz");
    set(&vm->initrd, "/boot/initrd");
    set(&vm->append, "console=ttyS0 root=/dev/vda,ro");
    set(&vm->vga, "none");
    vm->vcpus = 1;
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO, "52:54:00:00:00:01");
    nic->type = NIC_USER;
    struct arguments_nic nics[] = {{0}};
    expect(vm, NULL, nics, ACCEL_TCG,
           "-machine pc,accel=tcg\n-cpu max\n-m 204804k\n-smp 1\n-display none\n-vga none"
           "\n-kernel /dev/fd/13\n-initrd /dev/fd/14\n-append console=ttyS0 root=/dev/vda,ro"
           "\n-netdev user,id=host-net0\n-device virtio-net-pci,id=net0,netdev=host-net0,mac=52:54:00:00:00:01\n");
    vm_free(vm);
}

#define PORT(n, slot, addr) "\n-device pcie-root-port,id=trestle.port" n ",bus=pcie.0,chassis=" slot ",slot=" slot ",addr=" addr

/* Two NICs on root ports, one on the bridge, eight ports to spare. */
static void q35_with_queues_and_vhost(void **state)
{
    (void)state;
    struct vm *vm = make_vm("m", "q35");
    vm->memory = UINT64_C(1) << 30;
    vm->vcpus = 2;
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO, "52:54:00:00:00:01");
    nic->queues = 2;
    nic->mtu = 9000;
    add_nic(vm, "net1", NIC_E1000, "52:54:00:00:00:02");
    add_nic(vm, "net2", NIC_VMXNET3, "52:54:00:00:00:03");
    add_disk(vm, "sda", DISK_SCSI, MEDIA_DISK)->cache = CACHE_UNSAFE;
    add_disk(vm, "fda", DISK_FLOPPY, MEDIA_DISK)->cache = CACHE_WRITETHROUGH;
    add_disk(vm, "sdb", DISK_SCSI, MEDIA_CDROM);
    set(&vm->boot, "network,sda");
    struct image images[] = {file_image("raw", 20, true), file_image("raw", 21, true), file_image("raw", 22, false)};
    int fds[] = {30, 31, 32, 33}, vhosts[] = {40, 41};
    struct arguments_nic nics[] = {{.fds = fds, .fd_count = 2, .vhost_fds = vhosts, .vhost_count = 2},
                                   {.fds = fds + 2, .fd_count = 1},
                                   {.fds = fds + 3, .fd_count = 1}};
    expect(vm, images, nics, ACCEL_TCG,
           "-machine q35,accel=tcg\n-cpu max\n-m 1024M\n-smp 2\n-display none\n-vga std"
           PORT("0", "1", "0x10.0") PORT("1", "2", "0x11.0") PORT("2", "3", "0x12.0") PORT("3", "4", "0x13.0")
           PORT("4", "5", "0x14.0") PORT("5", "6", "0x15.0") PORT("6", "7", "0x16.0") PORT("7", "8", "0x17.0")
           PORT("8", "9", "0x18.0") PORT("9", "10", "0x19.0") PORT("10", "11", "0x1a.0")
           "\n-device pcie-pci-bridge,id=trestle.pci,bus=trestle.port0"
           "\n-add-fd set=1,fd=20"
           "\n-blockdev {\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/1\"},"
           "\"node-name\":\"sda\",\"read-only\":false,\"cache\":{\"direct\":false,\"no-flush\":true}}"
           "\n-add-fd set=2,fd=21"
           "\n-blockdev {\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/2\"},"
           "\"node-name\":\"fda\",\"read-only\":false,\"cache\":{\"direct\":false,\"no-flush\":false}}"
           "\n-add-fd set=3,fd=22"
           "\n-blockdev {\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/3\"},"
           "\"node-name\":\"sdb\",\"read-only\":true,\"cache\":{\"direct\":false,\"no-flush\":false}}"
           "\n-device virtio-scsi-pci,id=trestle.scsi"
           "\n-device scsi-hd,id=sda,drive=sda,bus=trestle.scsi.0,scsi-id=0,bootindex=4,write-cache=on"
           "\n-device isa-fdc,id=trestle.fdc"
           "\n-device floppy,id=fda,drive=fda,unit=0,write-cache=off"
           "\n-device scsi-cd,id=sdb,drive=sdb,bus=trestle.scsi.0,scsi-id=1"
           "\n-netdev tap,id=host-net0,fds=30:31,vhost=on,vhostfds=40:41,vhostforce=on"
           "\n-device virtio-net-pci,id=net0,netdev=host-net0,mac=52:54:00:00:00:01,bus=trestle.port1,addr=0x0,bootindex=1,"
           "host_mtu=9000,mq=on,vectors=6"
           "\n-netdev tap,id=host-net1,fd=32"
           "\n-device e1000,id=net1,netdev=host-net1,mac=52:54:00:00:00:02,bus=trestle.pci,bootindex=2"
           "\n-netdev tap,id=host-net2,fd=33"
           "\n-device vmxnet3,id=net2,netdev=host-net2,mac=52:54:00:00:00:03,bus=trestle.port2,addr=0x0,bootindex=3\n");
    vm_free(vm);
}

/* What every VM begins with: held, without QEMU's own devices and files, sandboxed, its sockets and its log by descriptor. */
static void common_part(void **state)
{
    (void)state;
    struct vm *vm = make_vm("c2", "pc");
    struct error err = {0};
    struct slots slots = {0};
    struct arguments arguments;
    struct text text = {0};
    vm->memory = 1 << 30;
    strcpy(vm->uuid, "6b1a5a0e-4c1f-4b53-8f5e-2f2f5b0d7a10");
    struct arguments_input input = {.vm = vm, .binary = "/q", .accel = ACCEL_TCG, .qmp = 10, .console = 11, .agent = 15,
                                    .console_log = 12, .kernel = -1, .initrd = -1, .slots = &slots};
    assert_int_equal(arguments_make(&input, &arguments, &err), 0);
    for (size_t i = 0; i < arguments.count; i++)
        text_format(&text, "%s ", arguments.items[i]);
    CLEANUP(freep) char *wanted =
        memory_format("%s" AGENT,
                        "/q -name guest=c2 -nodefaults -no-user-config -S "
                        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
                        "-uuid 6b1a5a0e-4c1f-4b53-8f5e-2f2f5b0d7a10 -machine pc,accel=tcg -cpu max -m 1024M -smp 1 "
                        "-chardev socket,id=qmp,fd=10,server=on,wait=off -mon chardev=qmp,mode=control -add-fd set=0,fd=12 "
                        "-chardev socket,id=console,fd=11,server=on,wait=off,logfile=/dev/fdset/0,logappend=on "
                        "-serial chardev:console -chardev socket,id=agent,fd=15,server=on,wait=off "
                        "-display none -vga std ", " ", " ");
    assert_string_equal(text.data, wanted);
    text_clear(&text);
    arguments_clear(&arguments);
    vm_free(vm);
}

static void refuse(const struct vm *vm, const struct image *images, int code, const char *wanted)
{
    struct error err = {0};
    struct slots slots = {.q35 = slots_is_q35(vm)};
    struct arguments arguments;
    struct arguments_input input = {.vm = vm, .binary = "/q", .kernel = -1, .initrd = -1, .images = images, .slots = &slots};
    assert_int_equal(arguments_make(&input, &arguments, &err), -code);
    assert_string_equal(err.text, wanted);
}

static void what_can_not_be(void **state)
{
    (void)state;
    struct vm *vm = make_vm("c2", "pc");
    struct image images[VM_DISKS_MAX];
    for (size_t i = 0; i < VM_DISKS_MAX; i++)
        images[i] = file_image("raw", 20, true);
    vm->memory = 1 << 10;
    refuse(vm, images, EINVAL, "Memory= states less than 1 MiB");
    vm->memory = 1 << 30;
    vm->sockets = 2;
    vm->cores = 2;
    vm->max_vcpus = 3;
    vm->vcpus = 1;
    refuse(vm, images, EINVAL, "Sockets=2 × Cores=2 × Threads=1 is 4, but MaxVCPUs=3");
    vm->max_vcpus = 0;
    vm->vcpus = 5;
    refuse(vm, images, EINVAL, "Sockets=2 × Cores=2 × Threads=1 is 4, but VCPUs=5");
    vm->vcpus = 1;
    set(&vm->machine, "pc-q35-6.2,kernel=/x");
    refuse(vm, images, EINVAL, "Machine=pc-q35-6.2,kernel=/x: is no machine's name");
    set(&vm->machine, "pc");
    add_disk(vm, "a", DISK_FLOPPY, MEDIA_CDROM);
    refuse(vm, images, EINVAL, "disk a: Media=cdrom: Bus=ide, scsi or virtio is possible");
    vm->disks[0].bus = DISK_IDE;
    for (int i = 0; i < 4; i++)
        add_disk(vm, (char[]){(char)('b' + i), '\0'}, DISK_IDE, MEDIA_DISK);
    refuse(vm, images, ENOSPC, "disk e: is one more than the 4 that Bus=ide has on this machine: use virtio or scsi");
    vm_free(vm);
}

static void boot_by_letters_and_names(void **state)
{
    (void)state;
    struct vm *vm = make_vm("c2", "pc");
    int disks[3], nics[2];
    struct error err;
    add_disk(vm, "a1", DISK_VIRTIO, MEDIA_DISK);
    add_disk(vm, "a2", DISK_VIRTIO, MEDIA_DISK);
    add_disk(vm, "cd", DISK_IDE, MEDIA_CDROM);
    add_nic(vm, "net0", NIC_E1000, "52:54:00:00:00:01");
    add_nic(vm, "net1", NIC_E1000, "52:54:00:00:00:02");
    set(&vm->boot, "net1, d, a2,c,n");
    assert_int_equal(boot_order(vm, disks, nics, &err), 0);
    assert_int_equal(nics[1], 1);
    assert_int_equal(disks[2], 2);
    assert_int_equal(disks[1], 3);
    assert_int_equal(disks[0], 4);
    assert_int_equal(nics[0], 5);
    set(&vm->boot, "");
    assert_int_equal(boot_order(vm, disks, nics, &err), 0);
    assert_int_equal(disks[0] + nics[1], 0);
    vm_free(vm);
}

static void node_names_fit(void **state)
{
    (void)state;
    char a[ID_SIZE], b[ID_SIZE];
    const char *one = "a-name-of-a-disk-that-is-longer-than-31-1", *two = "a-name-of-a-disk-that-is-longer-than-31-2";
    assert_string_equal(ids_node("vda", a), "vda");
    assert_string_equal(ids_device("0", a), "trestle.name.0");
    assert_true(strlen(ids_node(one, a)) <= 31 && strlen(ids_node(two, b)) <= 31);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_first_example),
        cmocka_unit_test(notes_second_example),
        cmocka_unit_test(direct_kernel),
        cmocka_unit_test(q35_with_queues_and_vhost),
        cmocka_unit_test(common_part),
        cmocka_unit_test(what_can_not_be),
        cmocka_unit_test(boot_by_letters_and_names),
        cmocka_unit_test(node_names_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
