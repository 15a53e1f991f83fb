#include "vmm/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

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
            return memory_format("%.*s", end - start, line + start);
    }
    return NULL;
}

static char *find_own(void)
{
    CLEANUP(freep) char *text = NULL;
    if (file_read(AT_FDCWD, "/proc/self/cgroup", 64 << 10, &text, NULL, NULL) < 0)
        return NULL;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (strncmp(line, "0::/", 4) == 0)
            return memory_string(line + 3);
    return NULL;
}

static char *make_path(const char *vm)
{
    CLEANUP(freep) char *mount = find_mount();
    CLEANUP(freep) char *own = find_own();
    return mount && own ? memory_format("%s%s/trestle-vm-%s", mount, own, vm) : NULL;
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
