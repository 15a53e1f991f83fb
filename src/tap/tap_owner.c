/* The kernel does not tell who holds a TAP; each holder's /proc/PID/fdinfo/FD has a line "iff:<tab>NAME". */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "tap/tap_internal.h"

#define TUN_MINOR 200 /* of /dev/net/tun; linux/miscdevice.h of the kernel itself has it, the exported headers do not */
#define FDINFO_MAX 4096

enum {
    SEARCH = 50000, /* descriptors of other processes that are looked at for an error message: some 50 ms */
};

/* By device number: the path is another one in another mount namespace. */
static bool is_tun(int directory, const char *number)
{
    struct stat status;

    return fstatat(directory, number, &status, 0) == 0 && S_ISCHR(status.st_mode)
           && status.st_rdev == makedev(MISC_MAJOR, TUN_MINOR);
}

static bool read_name(int pid, int fd, char name[INTERFACE_NAME_SIZE])
{
    CLEANUP(freep) char *path = memory_format("/proc/%d/fdinfo/%d", pid, fd);
    CLEANUP(freep) char *text = NULL;
    const char *line;

    if (file_read(AT_FDCWD, path, FDINFO_MAX, &text, NULL, NULL) < 0)
        return false;
    line = strstr(text, "iff:\t");
    if (!line)
        return false;
    line += strlen("iff:\t");
    line = strndupa(line, strcspn(line, "\n"));
    return *line && text_copy(name, INTERFACE_NAME_SIZE, line);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The numbers of those descriptors that are /dev/net/tun, sorted: the directory has them in order today, which is not
 * promised. */
static int list_tuns(int pid, size_t *budget, int **ret_numbers, size_t *ret_count)
{
    CLEANUP(freep) char *path = memory_format("/proc/%d/fd", pid);
    DIR *directory = opendir(path);
    const struct dirent *entry;
    int *numbers = NULL;
    size_t count = 0;
    int64_t number;
    int result = 0;

    if (!directory)
        return errno == ENOENT ? -ESRCH : -errno;
    while ((entry = readdir(directory))) {
        if (text_number(entry->d_name, 0, INT32_MAX, &number) < 0)
            continue;
        if ((*budget)-- == 0) {
            *budget = 0;
            result = -E2BIG;
            break;
        }
        if (is_tun(dirfd(directory), entry->d_name))
            *APPEND(numbers, count) = (int)number;
    }
    closedir(directory);
    if (count)
        qsort(numbers, count, sizeof(*numbers), by_number);
    *ret_numbers = numbers;
    *ret_count = count;
    return result;
}

int tap_owner_walk(int pid, size_t *budget, tap_owner_found found, void *context)
{
    CLEANUP(freep) int *numbers = NULL;
    char name[INTERFACE_NAME_SIZE];
    size_t count = 0;
    int listed = list_tuns(pid, budget, &numbers, &count);

    for (size_t i = 0; i < count; i++) {
        int result = read_name(pid, numbers[i], name) ? found(context, numbers[i], name) : 0;

        if (result)
            return result;
    }
    return listed;
}

static int is_that(void *context, int fd, const char *name)
{
    (void)fd;
    return text_equal(context, name) ? 1 : 0;
}

static void read_command(int pid, char *command, size_t size)
{
    CLEANUP(freep) char *path = memory_format("/proc/%d/comm", pid);
    CLEANUP(freep) char *text = NULL;

    *command = '\0';
    if (file_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    text_copy(command, size, text);
}

int tap_owner_find(const char *name, char *ret_command, size_t size)
{
    size_t budget = SEARCH;
    DIR *directory = opendir("/proc");
    const struct dirent *entry;
    int64_t pid;
    int owner = 0;

    while (directory && owner == 0 && budget && (entry = readdir(directory)))
        if (text_number(entry->d_name, 1, INT32_MAX, &pid) == 0
            && tap_owner_walk((int)pid, &budget, is_that, (void *)(uintptr_t)name) == 1)
            owner = (int)pid;
    if (directory)
        closedir(directory);
    if (owner)
        read_command(owner, ret_command, size);
    return owner;
}

