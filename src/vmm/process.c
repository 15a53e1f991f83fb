#include "vmm/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "vmm/account.h"
#include "vmm/cgroup.h"
#include "vmm/launch.h"

enum { LAST_WORDS = 4096, PID_FILE_MAX = 64 };

char *process_directory(const char *run_directory, const char *vm)
{
    return vm ? memory_format("%s/vms/%s", run_directory, vm) : memory_format("%s/vms", run_directory);
}

/* ---- Sockets ---- */

/* A path that is too long for a socket's address is reached through the directory's descriptor. */
static int make_address(const char *directory, const char *name, struct sockaddr_un *address, int *ret_dirfd)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t size = sizeof(address->sun_path);
    if ((size_t)snprintf(address->sun_path, size, "%s/%s", directory, name) < size)
        return 0;
    int dirfd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return -1;
    snprintf(address->sun_path, size, "/proc/self/fd/%d/%s", dirfd, name);
    *ret_dirfd = dirfd;
    return 0;
}

static int listen_at(const char *directory, const char *name, int *ret_fd, struct error *err)
{
    struct sockaddr_un address;
    CLEANUP(close_fdp) int dirfd = -1;
    CLEANUP(close_fdp) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || make_address(directory, name, &address, &dirfd) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        return error_errno(err, errno, "%s/%s", directory, name);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int process_connect(const char *directory, const char *name, int *ret_fd, struct error *err)
{
    struct sockaddr_un address;
    CLEANUP(close_fdp) int dirfd = -1;
    CLEANUP(close_fdp) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || make_address(directory, name, &address, &dirfd) < 0)
        return error_errno(err, errno, "%s/%s", directory, name);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno == EAGAIN) /* the backlog is full of others */
            return error_set(err, EBUSY, "%s/%s: other programs wait for it already", directory, name);
        return error_errno(err, errno, "%s/%s", directory, name);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* A line of /proc/net/unix: "ADDRESS: REFS PROTOCOL FLAGS TYPE STATE INODE PATH"; state 03 is connected, 02 waits to be
 * accepted. The listening end's path stands on each such connection. */
bool process_is_connected(const char *directory, const char *name)
{
    CLEANUP(freep) char *path = memory_format("%s/%s", directory, name);
    FILE *file = fopen("/proc/net/unix", "re");
    bool found = false;
    char line[512];
    while (file && !found && fgets(line, sizeof(line), file)) {
        unsigned state = 0;
        int at = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%*s %*s %*s %*s %*s %x %*s %n", &state, &at) == 1 && at > 0)
            found = (state == 2 || state == 3) && strcmp(line + at, path) == 0;
    }
    if (file)
        fclose(file);
    return found;
}

/* ---- Files ---- */

static int open_log(const char *directory, const char *name, int *ret_fd, struct error *err)
{
    CLEANUP(freep) char *path = memory_format("%s/%s", directory, name);
    /* QEMU takes a log out of an fd set only when it is open exactly so. */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_errno(err, errno, "%s", path);
    *ret_fd = fd;
    return 0;
}

static int clear_directory(const char *directory, struct error *err)
{
    struct process left;
    int result = process_find(directory, &left, NULL);
    if (result == 0) {
        close(left.pidfd);
        return error_set(err, EBUSY, "%s: its QEMU still runs (pid %d)", directory, left.pid);
    }
    return file_remove(directory, err);
}

int process_make_files(const char *directory, struct launch *launch, struct error *err)
{
    int result = clear_directory(directory, err);
    CLEANUP(freep) char *above = memory_string_of(directory, (size_t)(strrchr(directory, '/') - directory));
    if (result == 0)
        result = file_make_directory(above, 0700, err);
    if (result < 0)
        return result;
    if (mkdir(directory, 0700) < 0)
        return error_errno(err, errno, "%s", directory);
    result = listen_at(directory, "qmp.sock", &launch->qmp, err);
    if (result == 0)
        result = listen_at(directory, "console.sock", &launch->console, err);
    if (result == 0)
        result = listen_at(directory, "agent.sock", &launch->agent, err);
    if (result == 0)
        result = open_log(directory, "console.log", &launch->console_log, err);
    if (result == 0)
        result = open_log(directory, "qemu.log", &launch->output, err);
    return result;
}

static int write_pid(const char *directory, const struct process *process, struct error *err)
{
    CLEANUP(freep) char *path = memory_format("%s/pid", directory);
    CLEANUP(freep) char *text = memory_format("%d %llu\n", process->pid, process->start_ticks);
    return file_write(path, text, strlen(text), 0600, false, err);
}

int process_find(const char *directory, struct process *ret_process, struct error *err)
{
    CLEANUP(freep) char *path = memory_format("%s/pid", directory);
    CLEANUP(freep) char *text = NULL;
    int result = file_read(AT_FDCWD, path, PID_FILE_MAX, &text, NULL, err);
    if (result == -ENOENT)
        return error_set(err, ESRCH, "%s: no QEMU was started", directory);
    if (result < 0)
        return result;
    struct process process = {.pidfd = -1};
    if (sscanf(text, "%d %llu", &process.pid, &process.start_ticks) != 2 || process.pid <= 1)
        return error_set(err, ESRCH, "%s: can't be read", path);
    result = child_find(process.pid, process.start_ticks, &process.pidfd, err);
    if (result == 0)
        *ret_process = process;
    return result;
}

/* QEMU names the option that was at fault; a disk's is long, and says less than the disk's name. */
static void name_disk(char *words)
{
    char *option = strstr(words, "-blockdev {"), *node = option ? strstr(option, "\"node-name\":\"") : NULL;
    char *end = node ? strstr(node, "}: ") : NULL;
    if (!end)
        return;
    node += strlen("\"node-name\":\"");
    char *shorter = memory_format("disk %.*s%s", (int)strcspn(node, "\""), node, end + 1);
    memcpy(option, shorter, strlen(shorter) + 1);
    free(shorter);
}

/* What it said last: from the last line that begins with its own name, since hints have lines of their own. */
static char *pick_words(char *text)
{
    char *words = NULL, *last = text;
    for (char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        last = line;
        if (strncmp(line, "qemu", 4) == 0)
            words = line;
    }
    char *rest = words ? words : last;
    for (char *c = rest; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    name_disk(rest);
    return rest;
}

char *process_last_words(const char *directory)
{
    CLEANUP(freep) char *path = memory_format("%s/qemu.log", directory);
    CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[LAST_WORDS + 1];
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t length = fd < 0 ? 0 : pread(fd, text, LAST_WORDS, size > LAST_WORDS ? size - LAST_WORDS : 0);
    while (length > 0 && (unsigned char)text[length - 1] <= ' ')
        length--;
    if (length <= 0)
        return NULL;
    text[length] = '\0';
    for (ssize_t i = 0; i < length; i++)
        if (text[i] == '\0') /* where the log's front was punched out */
            text[i] = '\n';
    return memory_string(pick_words(text));
}

/* ---- Start ---- */

static int begin(const char *directory, struct child_spec *spec, struct child *child, struct process *process, struct error *err)
{
    crash_point("vm start");
    int result = child_start(spec, child, err);
    if (result < 0 && spec->cgroup >= 0) { /* it may go or be closed to us at any time; the VM matters more */
        spec->cgroup = -1;
        result = child_start(spec, child, err);
    }
    if (result < 0)
        return result;
    process->pid = child->pid;
    result = child_start_time(child->pid, &process->start_ticks, err);
    if (result == 0) {
        crash_point("vm pid");
        result = write_pid(directory, process, err);
    }
    if (result < 0) {
        child_abandon(child);
        return result;
    }
    crash_point("vm release");
    result = child_release(child, err);
    if (result < 0) {
        close(TAKE_FD(child->pidfd));
        return error_prefix(err, "%s", spec->arguments[0]);
    }
    process->pidfd = child->pidfd;
    return 0;
}

int process_start(const char *directory, const char *vm, const struct account *account, const struct launch *launch,
                  struct process *ret_process, struct error *err)
{
    CLEANUP(freep) int *keep = NULL;
    size_t keep_count = launch_descriptors(launch, &keep);
    CLEANUP(close_fdp) int cgroup = cgroup_make(vm);
    struct child_spec spec = {
        .arguments = (const char *const *)launch->arguments.items,
        .keep = keep,
        .keep_count = keep_count,
        .output = launch->output,
        .unprivileged = true,
        .uid = account->uid,
        .gid = account->gid,
        .groups = account->groups,
        .group_count = account->group_count,
        .cgroup = cgroup,
    };
    struct child child;
    struct process process = {.pidfd = -1};
    int result = begin(directory, &spec, &child, &process, err);
    if (result < 0) {
        cgroup_remove(vm);
        return result;
    }
    *ret_process = process;
    return 0;
}

int process_find_binary(const char *stated, char **ret_path, struct error *err)
{
    if (stated) {
        if (access(stated, X_OK) < 0)
            return error_errno(err, errno, "QEMU %s (Binary= in trestle.conf)", stated);
        *ret_path = memory_string(stated);
        return 0;
    }
    static const char *const names[] = {"qemu-system-x86_64", "qemu-kvm"};
    const char *path = getenv("PATH");
    CLEANUP(freep) char *directories =
        memory_format("%s:/usr/bin:/usr/local/bin:/usr/libexec", path ? path : "/usr/bin");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(freep) char *copy = memory_string(directories);
        char *rest = copy;
        for (char *directory; (directory = strsep(&rest, ":"));) {
            CLEANUP(freep) char *candidate = memory_format("%s/%s", directory, names[i]);
            if (directory[0] == '/' && access(candidate, X_OK) == 0) {
                *ret_path = TAKE_POINTER(candidate);
                return 0;
            }
        }
    }
    return error_set(err, ENOENT, "QEMU is not here: install qemu-system-x86 (or qemu-kvm), or set Binary= in trestle.conf");
}
