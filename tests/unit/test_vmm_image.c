/* links: vmm
 * Disks: what stands in qcow2 headers, true and forged, and a QEMU that starts with such files without a right to any of them. */
#include <endian.h>

#include "test_vmm_fixture.h"
#include "vmm/image.h"

struct header { /* QEMU's docs/interop/qcow2.txt, version 3; big endian */
    char magic[4];
    uint32_t version;
    uint64_t backing_offset;
    uint32_t backing_size;
    uint32_t cluster_bits;
    uint64_t size;
    uint32_t crypt, l1_size;
    uint64_t l1_offset, refcount_offset;
    uint32_t refcount_clusters, snapshots;
    uint64_t snapshots_offset, incompatible, compatible, autoclear;
    uint32_t refcount_order, length;
    uint32_t format_type, format_size;
    char format[8];
    uint64_t end;
    char name[2048];
} __attribute__((packed));

static struct header make_header(const char *backing, const char *format)
{
    struct header header = {.magic = {'Q', 'F', 'I', (char)0xfb}, .version = htobe32(3), .length = htobe32(104)};
    if (!backing)
        return header;
    header.backing_offset = htobe64(offsetof(struct header, name));
    header.backing_size = htobe32((uint32_t)strlen(backing));
    memcpy(header.name, backing, strlen(backing));
    if (!format)
        return header;
    header.format_type = htobe32(0xe2792aca);
    header.format_size = htobe32((uint32_t)strlen(format));
    memcpy(header.format, format, strlen(format));
    return header;
}

static char *path_in(const struct fixture *fixture, const char *name)
{
    return memory_format("%s/%s", fixture->directory, name);
}

static void write_file(const struct fixture *fixture, const char *name, const void *data, size_t size)
{
    CLEANUP(freep) char *path = path_in(fixture, name);
    assert_int_equal(file_write(path, data, size, 0600, false, NULL), 0);
}

static int open_image(const struct fixture *fixture, const char *name, const char *format, struct image *image, struct error *err)
{
    CLEANUP(freep) char *path = path_in(fixture, name);
    struct disk disk = {.file = path, .format = (char *)(uintptr_t)format};
    return image_open(&disk, image, err);
}

static void must_open(const struct fixture *fixture, const char *name, const char *format, const char *drivers)
{
    struct image image;
    struct error err = {0};
    struct text text = {0};
    if (open_image(fixture, name, format, &image, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < image.count; i++) {
        int mode = fcntl(image.layers[i].fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK);
        text_format(&text, "%s%s:%s", i ? " " : "", image.layers[i].driver,
                    mode == O_RDWR ? "rw" : mode == O_RDONLY ? "ro" : "?");
    }
    assert_string_equal(text.data, drivers);
    text_clear(&text);
    image_close(&image);
}

static void must_refuse(const struct fixture *fixture, const char *name, const char *format, const char *words)
{
    struct image image;
    struct error err = {0};
    if (open_image(fixture, name, format, &image, &err) == 0)
        fail_msg("%s was opened", name);
    if (!strstr(err.text, words))
        fail_msg("%s", err.text);
}

static void chains(void **state)
{
    const struct fixture *fixture = *state;
    struct header top = make_header("middle", "qcow2"), middle = make_header("base", "raw"), lone = make_header(NULL, NULL);
    CLEANUP(freep) char *absolute_path = path_in(fixture, "base");
    struct header absolute = make_header(absolute_path, "raw"), open = make_header("base", NULL);
    struct header over_lone = make_header("lone", NULL);
    struct header prefixed = make_header("file:base", "raw"), over_top = make_header("top", NULL);
    write_file(fixture, "top", &top, sizeof(top));
    write_file(fixture, "middle", &middle, sizeof(middle));
    write_file(fixture, "base", "x", 1);
    write_file(fixture, "lone", &lone, sizeof(lone));
    write_file(fixture, "absolute", &absolute, sizeof(absolute));
    write_file(fixture, "open", &open, sizeof(open));
    write_file(fixture, "over-lone", &over_lone, sizeof(over_lone));
    write_file(fixture, "over-top", &over_top, sizeof(over_top));
    write_file(fixture, "prefixed", &prefixed, sizeof(prefixed));
    must_open(fixture, "top", "qcow2", "qcow2:rw qcow2:ro raw:ro");
    must_open(fixture, "absolute", "qcow2", "qcow2:rw raw:ro");
    must_open(fixture, "prefixed", "qcow2", "qcow2:rw raw:ro");
    must_open(fixture, "top", "raw", "raw:rw");
    must_open(fixture, "lone", NULL, "qcow2:rw");
    must_open(fixture, "base", NULL, "raw:rw");
    must_open(fixture, "open", "qcow2", "qcow2:rw raw:ro");
    must_open(fixture, "over-lone", "qcow2", "qcow2:rw qcow2:ro");
    /* A guest could have written such a header into its raw disk. */
    must_refuse(fixture, "top", NULL, "say Format=qcow2");
    must_refuse(fixture, "over-top", "qcow2", "which a guest could have written there");
    must_refuse(fixture, "base", "qcow2", "is no qcow2 image");
    must_refuse(fixture, "base", "vmdk", "format \"vmdk\" is not supported");
    must_refuse(fixture, "nothing", "raw", "No such file");
}

static void forged(void **state)
{
    const struct fixture *fixture = *state;
    struct header header = make_header("loop", "qcow2");
    write_file(fixture, "loop", &header, sizeof(header));
    must_refuse(fixture, "loop", "qcow2", "at most 16 lie on each other");
    header = make_header("json:{\"driver\":\"nbd\"}", "raw");
    write_file(fixture, "a", &header, sizeof(header));
    must_refuse(fixture, "a", "qcow2", "is no plain file");
    header = make_header("base", "raw");
    header.backing_size = htobe32(0xffffffff);
    write_file(fixture, "a", &header, sizeof(header));
    must_refuse(fixture, "a", "qcow2", "names a backing file in a way that can't be read");
    header = make_header("base", "raw");
    header.backing_offset = htobe64(UINT64_MAX - 2);
    write_file(fixture, "a", &header, sizeof(header));
    must_refuse(fixture, "a", "qcow2", "names a backing file in a way that can't be read");
    header = make_header("ba\0se", "raw");
    header.backing_size = htobe32(5);
    write_file(fixture, "a", &header, sizeof(header));
    must_refuse(fixture, "a", "qcow2", "in a way that can't be read");
    header = make_header("base", "raw");
    header.format_size = htobe32(0xfffffff0);
    write_file(fixture, "a", &header, sizeof(header));
    must_refuse(fixture, "a", "qcow2", "states the backing file's format in a way that can't be read");
    header = make_header("base", "raw");
    header.format_type = htobe32(1);
    header.format_size = htobe32(0);
    memset(header.format, 0x01, sizeof(header.format) + sizeof(header.end));
    write_file(fixture, "a", &header, sizeof(header));
    must_refuse(fixture, "a", "qcow2", "header");
    header = make_header(NULL, NULL);
    header.version = htobe32(7);
    write_file(fixture, "a", &header, sizeof(header));
    must_refuse(fixture, "a", "qcow2", "version 7");
    header = make_header(NULL, NULL);
    header.length = htobe32(0xffffffff);
    write_file(fixture, "a", &header, sizeof(header));
    must_refuse(fixture, "a", "qcow2", "impossible length");
    header = make_header(NULL, NULL);
    header.incompatible = htobe64(4);
    write_file(fixture, "a", &header, sizeof(header));
    must_refuse(fixture, "a", "qcow2", "external file");
    write_file(fixture, "a", &header, 80);
    must_refuse(fixture, "a", "qcow2", "can't be read");
    write_file(fixture, "a", "QFI\xfb", 4);
    must_open(fixture, "a", NULL, "raw:rw");
    CLEANUP(freep) char *fifo = path_in(fixture, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    must_refuse(fixture, "fifo", "raw", "neither a file nor a block device");
}

static void make_image(const struct fixture *fixture, const char *arguments)
{
    CLEANUP(freep) char *line = memory_format("cd %s && qemu-img create -q -f %s >/dev/null", fixture->directory, arguments);
    if (system(line) != 0)
        skip_all("qemu-img");
}

static struct disk *add_disk(const struct fixture *fixture, struct vm *vm, const char *name, enum disk_bus bus,
                             const char *format)
{
    struct disk *disk = vm_add_disk(vm, name);
    disk->file = path_in(fixture, name);
    disk->bus = bus;
    free(disk->format);
    disk->format = memory_string(format);
    chmod(disk->file, 0600);
    return disk;
}

/* All buses at once, the files and their directory closed to QEMU's user, on both machines. */
static void qemu_takes_them(void **state)
{
    struct fixture *fixture = *state;
    static const char *const machines[] = {"pc", "q35"};
    make_image(fixture, "raw base 1M");
    make_image(fixture, "qcow2 -b base -F raw middle 1M");
    make_image(fixture, "qcow2 -b middle -F qcow2 vda 1M");
    make_image(fixture, "qcow2 sda 1M");
    make_image(fixture, "raw hda 1M");
    make_image(fixture, "raw cd 1M");
    make_image(fixture, "raw fd 1440k");
    make_image(fixture, "raw card 1M");
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
        struct vm *vm = make_vm(machines[i], machines[i]);
        add_disk(fixture, vm, "vda", DISK_VIRTIO, "qcow2")->cache = CACHE_WRITETHROUGH;
        add_disk(fixture, vm, "sda", DISK_SCSI, NULL);
        add_disk(fixture, vm, "hda", DISK_IDE, "raw")->cache = CACHE_UNSAFE;
        struct disk *cd = add_disk(fixture, vm, "cd", DISK_IDE, NULL);
        cd->media = MEDIA_CDROM;
        add_disk(fixture, vm, "fd", DISK_FLOPPY, "raw");
        add_disk(fixture, vm, "card", DISK_SD, "raw");
        vm->boot = memory_string("cdrom,disk,floppy");
        must(fixture, spawn(fixture, vm));
        const json_t *nodes = command(fixture, vm->name, "query-named-block-nodes", NULL);
        assert_int_equal(json_array_size(nodes), 16); /* 6 disks and two files below vda; each with its format and its file */
        must(fixture, vm_step(fixture, STEP_VM_CONTINUE, vm));
        struct vm *second = make_vm("second", "pc");
        add_disk(fixture, second, "vda", DISK_VIRTIO, "qcow2");
        /* Two VMs on one disk: QEMU sees it. */
        must_fail(fixture, spawn(fixture, second), EPIPE, "disk vda: Failed to get \"write\" lock Is another process");
        vm_free(second);
        must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
        vm_free(vm);
    }
}

/* A kernel that QEMU's user may not read comes as a sealed copy. */
static void kernel_that_is_closed(void **state)
{
    struct fixture *fixture = *state;
    static char kernel[64 << 10];
    memcpy(kernel + 0x202, "HdrS", 4); /* as much as QEMU looks at: protocol 2.10, four setup sectors */
    kernel[0x206] = 0x0a;
    kernel[0x207] = 0x02;
    kernel[0x1f1] = 4;
    kernel[0x22f] = 0x7f; /* how high the initrd may lie */
    write_file(fixture, "kernel", kernel, sizeof(kernel));
    write_file(fixture, "initrd", "initrd", 6);
    CLEANUP(freep) char *initrd = path_in(fixture, "initrd");
    chmod(initrd, 0644);
    struct vm *vm = make_vm("c2", "pc");
    vm->kernel = path_in(fixture, "kernel");
    vm->initrd = TAKE_POINTER(initrd);
    vm->append = memory_string("console=ttyS0 a,b");
    must(fixture, spawn(fixture, vm));
    free(vm->kernel);
    vm->kernel = memory_string("/dev/null");
    must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
    must_fail(fixture, vm_step(fixture, STEP_VM_SPAWN, vm), EINVAL, "Kernel=/dev/null: is no file");
    vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_VMM(chains),
        WITH_VMM(forged),
        WITH_VMM(qemu_takes_them),
        WITH_VMM(kernel_that_is_closed),
    };
    check_machine();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
