#include "daemon/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_FILE "boot_id" /* inside applied/, so that both change in one rename */
#define FILE_LIMIT (1 << 20)

struct files {
    const char *state_directory;
    const struct settings *settings;
    struct config_files read; /* what was read last: what commit_applied makes the applied copy */
};

struct files *files_new(const char *state_directory, const struct settings *settings)
{
    struct files *files = NEW(struct files);

    files->state_directory = state_directory;
    files->settings = settings;
    return files;
}

void files_free(struct files *files)
{
    if (!files)
        return;
    config_files_clear(&files->read);
    free(files);
}

/* -- reading ---------------------------------------------------------------------------------------------------------------------- */

static void read_directories(struct files *files, struct problems *problems)
{
    config_files_clear(&files->read);
    for (size_t i = 0; i < files->settings->network_directory_count; i++)
        config_files_read(files->settings->network_directories[i], &files->read, problems);
}

static void files_read_network(void *context, struct network *ret_network, struct problems *problems)
{
    struct files *files = context;

    read_directories(files, problems);
    config_network(&files->read, false, ret_network, problems);
}

static char *applied_path(const struct files *files, const char *name)
{
    return memory_format("%s/%s", files->state_directory, name);
}

/* Was the applied copy made in this boot? */
static bool applied_is_current(const struct files *files)
{
    CLEANUP(freep) char *path = applied_path(files, "applied/" BOOT_ID_FILE);
    CLEANUP(freep) char *then = NULL;
    CLEANUP(freep) char *now = NULL;

    return file_read(AT_FDCWD, path, 256, &then, NULL, NULL) == 0 && file_read(AT_FDCWD, BOOT_ID_PATH, 256, &now, NULL, NULL) == 0
           && text_equal(then, now);
}

static void read_applied(const struct files *files, struct config_files *ret_files)
{
    CLEANUP(freep) char *path = applied_path(files, "applied");
    struct problems ignored = {0}; /* a missing directory: nothing was applied yet */

    config_files_read(path, ret_files, &ignored);
    problems_clear(&ignored);
}

static const struct config_file *find_file(const struct config_files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (text_equal(files->items[i].name, name))
            return &files->items[i];
    return NULL;
}

static bool is_wrong(const struct config_file *file, const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        if (!problems->items[i].warning && text_equal(problems->items[i].file, file->path))
            return true;
    return false;
}

/* Puts the applied copy in the place of each file that is wrong, so that one bad file never leaves a host without network. */
static void replace_wrong_files(struct files *files, const struct problems *problems)
{
    struct config_files applied = {0}, mended = {0};

    read_applied(files, &applied);
    for (size_t i = 0; i < files->read.count; i++) {
        const struct config_file *file = &files->read.items[i];
        const struct config_file *copy = is_wrong(file, problems) ? find_file(&applied, file->name) : NULL;
        const char *text = copy ? copy->text : file->text;

        if (text)
            config_files_add(&mended, file->path, text);
    }
    config_files_clear(&files->read);
    config_files_clear(&applied);
    files->read = mended;
}

static void files_read_start(void *context, struct network *ret_network, struct problems *problems)
{
    struct files *files = context;

    if (applied_is_current(files)) {
        config_files_clear(&files->read);
        read_applied(files, &files->read);
        config_network(&files->read, false, ret_network, problems);
        return;
    }
    files_read_network(files, ret_network, problems);
    if (problems->errors) {
        struct problems ignored = {0}; /* the same ones, told already */

        replace_wrong_files(files, problems);
        network_clear(ret_network);
        config_network(&files->read, false, ret_network, &ignored);
        problems_clear(&ignored);
    }
}

/* -- the applied copy --------------------------------------------------------------------------------------------------------------- */

static int write_into(const char *directory, const char *name, const char *text, size_t size, struct error *err)
{
    CLEANUP(freep) char *path = memory_format("%s/%s", directory, name);

    return file_write(path, text, size, 0600, false, err);
}

/* All files of the copy at once: a thousand fsync() take half a second. */
static int sync_directory(const char *directory, struct error *err)
{
    CLEANUP(close_fdp) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || syncfs(fd) < 0)
        return error_errno(err, errno, "%s: write it to the disk", directory);
    return 0;
}

static int write_copy(const struct files *files, const char *directory, struct error *err)
{
    CLEANUP(freep) char *boot_id = NULL;
    int result = file_remove(directory, err);

    if (result == 0)
        result = file_make_directory(directory, 0700, err);
    for (size_t i = 0; result == 0 && i < files->read.count; i++)
        if (files->read.items[i].text)
            result = write_into(directory, files->read.items[i].name, files->read.items[i].text, files->read.items[i].size, err);
    if (result == 0)
        result = file_read(AT_FDCWD, BOOT_ID_PATH, 256, &boot_id, NULL, err);
    if (result == 0)
        result = write_into(directory, BOOT_ID_FILE, boot_id, strlen(boot_id), err);
    return result == 0 ? sync_directory(directory, err) : result;
}

/* The new copy takes the old one's place in one system call: a power cut leaves one or the other. */
static int exchange(const struct files *files, const char *fresh, const char *applied, struct error *err)
{
    int result;

    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, applied, RENAME_EXCHANGE) < 0
        && (errno != ENOENT || rename(fresh, applied) < 0))
        return error_errno(err, errno, "%s: put the applied files in place", applied);
    result = sync_directory(files->state_directory, err);
    return result == 0 ? file_remove(fresh, err) : result;
}

static int files_commit_applied(void *context, struct error *err)
{
    struct files *files = context;
    CLEANUP(freep) char *fresh = applied_path(files, "applied.new");
    CLEANUP(freep) char *applied = applied_path(files, "applied");
    struct config_files before = {0};
    bool same;
    int result;

    read_applied(files, &before);
    same = applied_is_current(files) && config_files_same(&before, &files->read);
    config_files_clear(&before);
    if (same)
        return 0;
    result = write_copy(files, fresh, err);
    return result < 0 ? result : exchange(files, fresh, applied, err);
}

/* -- VM files ----------------------------------------------------------------------------------------------------------------------- */

/* The VM files' errors do not stop the network: they are told, and the VM is left out. */
static size_t files_read_vms(void *context, struct vm ***ret_vms, struct problems *problems)
{
    const struct files *files = context;
    size_t count = 0;

    if (access(files->settings->vm_directory, F_OK) == 0) /* no directory: no VMs yet */
        config_vms_read(files->settings->vm_directory, ret_vms, &count, problems);
    return count;
}

static int files_write_vm(void *context, const char *name, const char *text, struct error *err)
{
    const struct files *files = context;
    CLEANUP(freep) char *path = memory_format("%s/%s.vm", files->settings->vm_directory, name);
    int result = file_make_directory(files->settings->vm_directory, 0755, err);

    return result < 0 ? result : file_write(path, text, strlen(text), 0644, true, err);
}

static int files_remove_vm(void *context, const char *name, struct error *err)
{
    const struct files *files = context;
    CLEANUP(freep) char *path = memory_format("%s/%s.vm", files->settings->vm_directory, name);

    return file_remove(path, err);
}

static int files_write_nic(void *context, const char *vm, const char *name, const struct nic *nic, struct vm **ret_vm, struct error *err)
{
    const struct files *files = context;
    CLEANUP(freep) char *path = memory_format("%s/%s.vm", files->settings->vm_directory, vm);
    CLEANUP(freep) char *before = NULL;
    CLEANUP(freep) char *after = NULL;
    struct problems problems = {0};
    int result = file_read(AT_FDCWD, path, FILE_LIMIT, &before, NULL, err);

    if (result == 0)
        result = config_vm_write_nic(before, name, nic, &after, err);
    if (result < 0)
        return result;
    *ret_vm = config_vm(path, after, &problems);
    if (!*ret_vm)
        result = error_set(err, EINVAL, "%s: would have errors then: %s", path, problems.count ? problems.items[0].text : "?");
    problems_clear(&problems);
    if (result == 0)
        result = file_write(path, after, strlen(after), 0644, true, err);
    if (result < 0) {
        vm_free(*ret_vm);
        *ret_vm = NULL;
    }
    return result;
}

void files_provide(struct files *files, struct reconcile_files *ret_provider)
{
    *ret_provider = (struct reconcile_files){
        .context = files,
        .read_network = files_read_network,
        .read_start = files_read_start,
        .commit_applied = files_commit_applied,
        .read_vms = files_read_vms,
        .write_vm = files_write_vm,
        .remove_vm = files_remove_vm,
        .write_nic = files_write_nic,
    };
}
