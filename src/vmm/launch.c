#include "vmm/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/memory.h"
#include "tap/tap.h"
#include "vmm/device.h"
#include "vmm/ids.h"

enum { BOOT_FILE_MAX = 1 << 30 };

void launch_init(struct launch *launch, const struct vm *vm)
{
    *launch = (struct launch){
        .vm = vm ? vm_copy(vm) : NULL,
        .kernel = -1, .initrd = -1,
        .qmp = -1, .console = -1, .agent = -1, .console_log = -1, .output = -1,
    };
}

static void close_set(int fd)
{
    if (fd >= 0)
        close(fd);
}

void launch_clear(struct launch *launch)
{
    for (size_t i = 0; i < launch->image_count; i++)
        image_close(&launch->images[i]);
    for (size_t i = 0; i < launch->vhost_count; i++)
        vhost_close(&launch->vhosts[i]);
    free(launch->images);
    free(launch->vhosts);
    free(launch->nics);
    close_set(launch->kernel);
    close_set(launch->initrd);
    close_set(launch->qmp);
    close_set(launch->console);
    close_set(launch->agent);
    close_set(launch->console_log);
    close_set(launch->output);
    vm_free(launch->vm);
    slots_clear(&launch->slots);
    arguments_clear(&launch->arguments);
    launch_init(launch, NULL);
}

/* A copy that nobody can change any more and everybody may read. */
static int copy_sealed(int file, off_t size, int *ret_fd, struct error *err)
{
    CLEANUP(close_fdp) int fd = memfd_create("trestle-boot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return error_errno(err, errno, "cannot make a copy");
    for (off_t at = 0; at < size;) {
        ssize_t copied = sendfile(fd, file, &at, (size_t)(size - at));
        if (copied < 0)
            return error_errno(err, errno, "cannot make a copy");
        if (copied == 0)
            return error_set(err, EIO, "was cut while it was being copied");
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return error_errno(err, errno, "cannot seal a copy");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* QEMU opens /dev/fd/N, for which the file itself must let its user in; the directories above need not. */
static int open_boot_file(const char *key, const char *path, const struct account *account, int *ret_fd, struct error *err)
{
    if (!path || !*path)
        return 0;
    CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(err, errno, "%s=%s", key, path);
    if (!S_ISREG(status.st_mode) || status.st_size > BOOT_FILE_MAX)
        return error_set(err, EINVAL, "%s=%s: is no file of a kernel's size", key, path);
    if (account_may(account, &status, 04)) {
        *ret_fd = TAKE_FD(fd);
        return 0;
    }
    int result = copy_sealed(fd, status.st_size, ret_fd, err);
    return result < 0 ? error_prefix(err, "%s=%s", key, path) : 0;
}

static int open_disks(struct launch *launch, struct error *err)
{
    launch->images = memory_new(launch->vm->disk_count * sizeof(*launch->images) + 1);
    for (; launch->image_count < launch->vm->disk_count; launch->image_count++) {
        const struct disk *disk = &launch->vm->disks[launch->image_count];
        int result = disk->file ? image_open(disk, &launch->images[launch->image_count], err)
                                : error_set(err, EINVAL, "File= is missing");
        if (result < 0)
            return error_prefix(err, "disk %s", disk->name);
    }
    return 0;
}

static int take_tap(struct launch *launch, const struct tap_table *taps, size_t index, struct error *err)
{
    struct nic *nic = &launch->vm->nics[index];
    struct arguments_nic *given = &launch->nics[index];
    struct vhost *vhost = &launch->vhosts[index];
    int result = device_check(nic, err);
    if (result < 0)
        return result;
    if (nic->type != NIC_USER)
        given->fds = tap_descriptors(taps, nic->target, &given->fd_count);
    result = device_choose_queues(nic, given->fd_count, err);
    if (result == 0)
        result = vhost_open(nic, vhost, err);
    given->vhost_fds = vhost->fds;
    given->vhost_count = vhost->count;
    return result;
}

static int open_nics(struct launch *launch, const struct tap_table *taps, struct error *err)
{
    launch->nics = memory_new(launch->vm->nic_count * sizeof(*launch->nics) + 1);
    launch->vhosts = memory_new(launch->vm->nic_count * sizeof(*launch->vhosts) + 1);
    for (; launch->vhost_count < launch->vm->nic_count; launch->vhost_count++) {
        int result = take_tap(launch, taps, launch->vhost_count, err);
        if (result < 0)
            return error_prefix(err, "nic %s", launch->vm->nics[launch->vhost_count].name);
    }
    return 0;
}

int launch_open(struct launch *launch, const struct tap_table *taps, const struct account *account, struct error *err)
{
    const struct vm *vm = launch->vm;
    int result = ids_check_vm(vm, err);
    if (result == 0)
        result = slots_plan(vm, &launch->slots, err);
    if (result == 0)
        result = open_disks(launch, err);
    if (result == 0)
        result = open_boot_file("Kernel", vm->kernel, account, &launch->kernel, err);
    if (result == 0)
        result = open_boot_file("Initrd", vm->initrd, account, &launch->initrd, err);
    if (result == 0)
        result = open_nics(launch, taps, err);
    return result;
}

int launch_make_arguments(struct launch *launch, const char *binary, enum vm_accel accel, struct error *err)
{
    struct arguments_input input = {
        .vm = launch->vm,
        .binary = binary,
        .accel = accel,
        .qmp = launch->qmp,
        .console = launch->console,
        .agent = launch->agent,
        .console_log = launch->console_log,
        .kernel = launch->kernel,
        .initrd = launch->initrd,
        .images = launch->images,
        .nics = launch->nics,
        .slots = &launch->slots,
    };
    return arguments_make(&input, &launch->arguments, err);
}

size_t launch_descriptors(const struct launch *launch, int **ret_fds)
{
    const int single[] = {launch->qmp, launch->console, launch->agent, launch->console_log, launch->kernel, launch->initrd};
    int *fds = NULL;
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(single); i++)
        if (single[i] >= 0)
            *APPEND(fds, count) = single[i];
    for (size_t i = 0; i < launch->image_count; i++)
        for (size_t layer = 0; layer < launch->images[i].count; layer++)
            *APPEND(fds, count) = launch->images[i].layers[layer].fd;
    for (size_t i = 0; i < launch->vm->nic_count; i++) {
        for (size_t queue = 0; queue < launch->nics[i].fd_count; queue++)
            *APPEND(fds, count) = launch->nics[i].fds[queue];
        for (size_t queue = 0; queue < launch->nics[i].vhost_count; queue++)
            *APPEND(fds, count) = launch->nics[i].vhost_fds[queue];
    }
    *ret_fds = fds;
    return count;
}
