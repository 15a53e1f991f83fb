#define _GNU_SOURCE 1
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "error.h"
#include "memory.h"
#include "text.h"

static int not_a_file(mode_t mode)
{
    return S_ISREG(mode) ? 0 : S_ISDIR(mode) ? EISDIR : EINVAL;
}

/* Opening a device can already do something: a watchdog starts. */
static int look_at(int dirfd, const char *path)
{
    struct stat status;
    if (fstatat(dirfd, path, &status, 0) < 0)
        return -errno;
    return -not_a_file(status.st_mode);
}

/* One that was looked at: it can have been replaced since. */
static int open_regular(int dirfd, const char *path, struct stat *ret_status)
{
    CLEANUP(close_fdp) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, ret_status) < 0)
        return -errno;
    if (not_a_file(ret_status->st_mode))
        return -not_a_file(ret_status->st_mode);
    return TAKE_FD(fd);
}

static ssize_t read_some(int fd, void *data, size_t size)
{
    ssize_t got;
    do
        got = read(fd, data, size);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The size at its opening is where a file ends as a rule: files of /proc have none, and others grow meanwhile. */
static int read_all(int fd, size_t expected, size_t limit, char **ret_text, size_t *ret_size)
{
    size_t size = 0, room = expected && expected <= limit ? expected + 2 : 4096;
    CLEANUP(freep) char *text = memory_new(room);
    for (;;) {
        if (room - size < 2) {
            room *= 2;
            text = memory_resize(text, room, 1);
        }
        size_t asked = room - size - 1;
        ssize_t got = read_some(fd, text + size, asked);
        if (got < 0)
            return -errno;
        size += (size_t)got;
        if (size > limit)
            return -EFBIG;
        if (got == 0 || (size == expected && (size_t)got < asked))
            break;
    }
    text[size] = '\0';
    *ret_text = TAKE_POINTER(text);
    *ret_size = size;
    return 0;
}

static int read_regular(int dirfd, const char *path, size_t limit, char **ret_text, size_t *ret_size)
{
    struct stat status;
    CLEANUP(close_fdp) int fd = open_regular(dirfd, path, &status);
    return fd < 0 ? fd : read_all(fd, (size_t)status.st_size, limit, ret_text, ret_size);
}

int file_read(int dirfd, const char *path, size_t limit, char **ret_text, size_t *ret_size, struct error *err)
{
    size_t size = 0;
    int result = look_at(dirfd, path);
    if (result == 0)
        result = read_regular(dirfd, path, limit, ret_text, &size);
    if (result == -EFBIG)
        return error_set(err, EFBIG, "cannot read %s: it is larger than %zu bytes", path, limit);
    if (result == -EINVAL)
        return error_set(err, EINVAL, "cannot read %s: it is no regular file", path);
    if (result < 0)
        return error_errno(err, -result, "cannot read %s", path);
    if (ret_size)
        *ret_size = size;
    return 0;
}

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return memory_string(".");
    return slash == path ? memory_string("/") : memory_string_of(path, (size_t)(slash - path));
}

/* By hand, because realpath() knows no target that does not exist yet. */
static char *follow_links(const char *path)
{
    CLEANUP(freep) char *target = memory_string(path);
    for (int i = 0; i < 40; i++) {
        char link[4096];
        ssize_t length = readlink(target, link, sizeof(link) - 1);
        if (length < 0)
            return TAKE_POINTER(target);
        link[length] = '\0';
        CLEANUP(freep) char *from = target;
        CLEANUP(freep) char *directory = parent_of(from);
        target = link[0] == '/' ? memory_string(link) : memory_format("%s/%s", directory, link);
    }
    return NULL;
}

int file_write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

/* Owner first: a change of owner clears the set-id bits. */
static int take_after(int fd, const struct stat *old, mode_t mode)
{
    struct stat status;
    if (old && fstat(fd, &status) < 0)
        return -errno;
    if (old && (status.st_uid != old->st_uid || status.st_gid != old->st_gid) && fchown(fd, old->st_uid, old->st_gid) < 0)
        return -errno;
    return fchmod(fd, old ? old->st_mode & 07777 : mode) < 0 ? -errno : 0;
}

static int create_temporary(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(path, flags, 0600);
    if (fd < 0 && errno == EEXIST && unlink(path) == 0) /* of an earlier process with our number */
        fd = open(path, flags, 0600);
    return fd < 0 ? -errno : fd;
}

static int sync_directory_of(const char *path)
{
    CLEANUP(freep) char *directory = parent_of(path);
    CLEANUP(close_fdp) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int fill_temporary(const char *path, const void *data, size_t size, const struct stat *old, mode_t mode, bool durable)
{
    int fd = create_temporary(path);
    if (fd < 0)
        return fd;
    int result = file_write_all(fd, data, size);
    if (result == 0)
        result = take_after(fd, old, mode);
    if (result == 0 && durable && fsync(fd) < 0)
        result = -errno;
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result < 0)
        unlink(path);
    return result;
}

static int replace(const char *target, const void *data, size_t size, mode_t mode, bool durable)
{
    struct stat old;
    bool exists = stat(target, &old) == 0;
    if (exists && not_a_file(old.st_mode))
        return -not_a_file(old.st_mode);
    CLEANUP(freep) char *temporary = memory_format("%s.tmp-%d", target, (int)getpid());
    int result = fill_temporary(temporary, data, size, exists ? &old : NULL, mode, durable);
    if (result < 0)
        return result;
    if (rename(temporary, target) < 0) {
        result = -errno;
        unlink(temporary);
        return result;
    }
    return durable ? sync_directory_of(target) : 0;
}

int file_write(const char *path, const void *data, size_t size, mode_t mode, bool durable, struct error *err)
{
    CLEANUP(freep) char *target = follow_links(path);
    int result = target ? replace(target, data, size, mode, durable) : -ELOOP;
    if (result == -EINVAL)
        return error_set(err, EINVAL, "cannot write %s: it is no regular file", path);
    return result < 0 ? error_errno(err, -result, "cannot write %s", path) : 0;
}

static int make_one(const char *path, mode_t mode)
{
    struct stat status;
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) < 0 ? -errno : 0; /* whatever the umask says */
    if (errno != EEXIST)
        return -errno;
    if (stat(path, &status) < 0)
        return -errno;
    return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

int file_make_directory(const char *path, mode_t mode, struct error *err)
{
    int result = make_one(path, mode);
    if (result == -ENOENT && *path) {
        CLEANUP(freep) char *draft = memory_string(path);
        result = 0;
        for (char *slash = strchr(draft + 1, '/'); slash && result == 0; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            result = make_one(draft, 0755);
            *slash = '/';
        }
        if (result == 0)
            result = make_one(path, mode);
    }
    return result < 0 ? error_errno(err, -result, "cannot make the directory %s", path) : 0;
}

static bool is_left_over(const char *name)
{
    const char *mark = strstr(name, ".tmp-");
    for (const char *next = mark; next; next = strstr(next + 1, ".tmp-"))
        mark = next;
    return mark && mark[5] && mark[5 + strspn(mark + 5, "0123456789")] == '\0';
}

static bool is_self_or_parent(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void close_directoryp(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

struct entry {
    char *name;
    bool regular; /* so the directory says; a symlink may lead to one */
};

static int compare_entries(const void *a, const void *b)
{
    return strverscmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void free_entries(struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(entries[i].name);
    free(entries);
}

static int list(DIR *directory, bool (*is_wanted)(const char *name), struct entry **ret_entries, size_t *ret_count)
{
    struct entry *entries = NULL;
    size_t count = 0;
    struct dirent *entry;
    while ((errno = 0, entry = readdir(directory)))
        if (!is_self_or_parent(entry->d_name) && !is_left_over(entry->d_name) && (!is_wanted || is_wanted(entry->d_name)))
            *APPEND(entries, count) = (struct entry){memory_string(entry->d_name), entry->d_type == DT_REG};
    if (errno) {
        int code = errno;
        free_entries(entries, count);
        return -code;
    }
    if (count)
        qsort(entries, count, sizeof(*entries), compare_entries);
    *ret_entries = entries;
    *ret_count = count;
    return 0;
}

int file_list(const char *path, char ***ret_names, size_t *ret_count, struct error *err)
{
    CLEANUP(close_directoryp) DIR *directory = opendir(path);
    struct entry *entries = NULL;
    int result = directory ? list(directory, NULL, &entries, ret_count) : -errno;
    if (result < 0)
        return error_errno(err, -result, "cannot list %s", path);
    *ret_names = memory_resize(NULL, *ret_count + 1, sizeof(**ret_names));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret_names)[i] = entries[i].name;
    free(entries);
    return 0;
}

void file_list_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

int file_read_directory(const char *path, const struct file_reader *reader, void *context)
{
    CLEANUP(close_directoryp) DIR *directory = opendir(path);
    struct entry *entries = NULL;
    size_t count = 0;
    int result = directory ? list(directory, reader->is_wanted, &entries, &count) : -errno;
    for (size_t i = 0; i < count; i++) {
        char *text = NULL;
        size_t size = 0;
        int code = entries[i].regular ? 0 : look_at(dirfd(directory), entries[i].name);
        if (code == 0)
            code = read_regular(dirfd(directory), entries[i].name, reader->limit, &text, &size);
        reader->take(context, entries[i].name, code, text, size);
    }
    free_entries(entries, count);
    return result;
}

void file_remove_left_over(const char *path)
{
    CLEANUP(close_directoryp) DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (is_left_over(entry->d_name))
            unlinkat(dirfd(directory), entry->d_name, 0);
}

static int remove_at(int dirfd, const char *name);

static int empty(int dirfd, const char *name)
{
    CLEANUP(close_fdp) int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(close_directoryp) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory)
        return -errno;
    int held = TAKE_FD(fd); /* the stream's now */
    struct dirent *entry;
    while ((errno = 0, entry = readdir(directory))) {
        int result = is_self_or_parent(entry->d_name) ? 0 : remove_at(held, entry->d_name);
        if (result < 0)
            return result;
    }
    return -errno;
}

static int remove_at(int dirfd, const char *name)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    int result = empty(dirfd, name);
    if (result == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
        result = -errno;
    return result == -ENOENT ? 0 : result;
}

int file_remove(const char *path, struct error *err)
{
    int result = remove_at(AT_FDCWD, path);
    return result < 0 ? error_errno(err, -result, "cannot remove %s", path) : 0;
}

/* What was punched out before lies in front of this, so that no range is punched twice. */
static off_t start_of_data(int fd, off_t size)
{
    off_t start = lseek(fd, 0, SEEK_DATA);
    if (start >= 0)
        return start;
    return errno == ENXIO ? size : 0;
}

int file_trim(int fd, size_t keep, struct error *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_errno(err, errno, "cannot trim a log");
    off_t start = start_of_data(fd, status.st_size);
    if ((uintmax_t)(status.st_size - start) <= 2 * (uintmax_t)keep)
        return 0;
    off_t block = status.st_blksize > 0 ? status.st_blksize : 4096;
    off_t cut = (status.st_size - (off_t)keep) / block * block;
    if (cut <= start)
        return 0;
    /* EINVAL: the file system's clusters are larger than the block, or nothing would remain. */
    if (fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, cut) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != EINVAL)
        return error_errno(err, errno, "cannot trim a log");
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, cut - start) < 0)
        return error_errno(err, errno, "cannot trim a log");
    return 0;
}
