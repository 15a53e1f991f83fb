#include "vmm/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

#define LEAF "/daemon"

/* Where cgroup v2 is mounted: a line of mountinfo is "ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS … - TYPE …". */
static char *find_mount(void)
{
    CLEANUP(freep) char *text = NULL;
    if (file_read(AT_FDCWD, "/proc/self/mountinfo", 4 << 20, &text, NULL, NULL) < 0)
        return NULL;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        const char *type = strstr(line, " - cgroup2 ");
        int start = 0, end = 0;
        if (type && sscanf(line, "%*s %*s %*s / %n%*s%n", &start, &end) == 0 && end > start)
            return memory_string_of(line + start, (size_t)(end - start));
    }
    return NULL;
}

static char *without_leaf(char *path)
{
    size_t length = strlen(path), leaf = strlen(LEAF);
    if (length > leaf && strcmp(path + length - leaf, LEAF) == 0)
        path[length - leaf] = '\0';
    return path;
}

static char *find_own(void)
{
    CLEANUP(freep) char *text = NULL;
    if (file_read(AT_FDCWD, "/proc/self/cgroup", 64 << 10, &text, NULL, NULL) < 0)
        return NULL;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (strncmp(line, "0::/", 4) == 0)
            return without_leaf(memory_string(line + 3));
    return NULL;
}

/* The cgroup that is ours to divide: for a systemd service, its own. */
static char *make_base(void)
{
    CLEANUP(freep) char *mount = find_mount();
    CLEANUP(freep) char *own = find_own();
    return mount && own ? memory_format("%s%s", mount, own) : NULL;
}

static char *make_path(const char *vm)
{
    CLEANUP(freep) char *base = make_base();
    return base ? memory_format("%s/trestle-vm-%s", base, vm) : NULL;
}

/* systemd marks a unit's cgroup so with Delegate=yes (systemd.resource-control(5)). */
static bool is_delegated(const char *path)
{
    char mark[8] = "";
    return getxattr(path, "trusted.delegate", mark, sizeof(mark) - 1) == 1 && mark[0] == '1';
}

void cgroup_enter_leaf(void)
{
    CLEANUP(freep) char *base = make_base();
    if (!base || !is_delegated(base))
        return;
    CLEANUP(freep) char *leaf = memory_format("%s" LEAF, base);
    CLEANUP(freep) char *processes = memory_format("%s" LEAF "/cgroup.procs", base);
    mkdir(leaf, 0755);
    CLEANUP(close_fdp) int fd = open(processes, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "0", 1) < 0) /* 0 is the writer itself */
        rmdir(leaf);
}

int cgroup_make(const char *vm)
{
    CLEANUP(freep) char *path = make_path(vm);
    if (!path)
        return -1;
    mkdir(path, 0755);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void cgroup_remove(const char *vm)
{
    CLEANUP(freep) char *path = make_path(vm);
    if (path)
        rmdir(path);
}
