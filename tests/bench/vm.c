/* A QEMU just like trestle's, without trestle: the same arguments, word for word, whatever trestle makes of them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

enum { WORDS_LIMIT = 256, TEXT_LIMIT = 65536, HIGH_FD = 200 };

struct vm {
    const char *directory, *kernel, *initrd, *tap, *bridge;
    char text[TEXT_LIMIT];
    char *words[WORDS_LIMIT + 1];
    posix_spawn_file_actions_t actions;
};

static char *path_in(const struct vm *vm, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", vm->directory, name) < 0)
        abort();
    return path;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        die("%s: %s", path, strerror(errno));
    return fd;
}

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        die("%s: %s", path, strerror(errno));
    return fd;
}

static int open_tap(const struct vm *vm)
{
    uint8_t mac[6] = {0xfe, 0x54, 0, 0, 1, 0x11};
    int fd = tap_open(vm->tap);

    link_into_bridge(vm->tap, vm->bridge, mac);
    return fd;
}

/* What trestle passed at this place of its QEMU's command line; the floor's own of it. */
static int own_descriptor(const struct vm *vm, const char *before, const char *word)
{
    char id[64];

    if (sscanf(word, "socket,id=%63[^,],", id) == 1)
        return listen_at(path_in(vm, id)); /* its monitor, its console, … */
    if (strstr(word, "id=agent,"))
        return listen_at(path_in(vm, "agent.sock"));
    if (strcmp(before, "-add-fd") == 0)
        return open_file(path_in(vm, "console.log"), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC);
    if (strcmp(before, "-kernel") == 0)
        return open_file(vm->kernel, O_RDONLY);
    if (strcmp(before, "-initrd") == 0)
        return open_file(vm->initrd, O_RDONLY);
    if (strcmp(before, "-netdev") == 0)
        return open_tap(vm);
    die("%s %s: a descriptor that the bench knows nothing of", before, word);
}

/* The number that follows fd= or /dev/fd/; -1 when there is none. */
static int descriptor_in(const char *word)
{
    static const char *const marks[] = {",fd=", "/dev/fd/"};

    for (size_t i = 0; i < LENGTH(marks); i++) {
        const char *mark = strstr(word, marks[i]);

        if (mark)
            return (int)strtol(mark + strlen(marks[i]), NULL, 10);
    }
    return -1;
}

static void place_descriptors(struct vm *vm)
{
    for (size_t i = 1; vm->words[i]; i++) {
        int number_there = descriptor_in(vm->words[i]), fd;

        if (number_there < 0)
            continue;
        /* Out of the way of the numbers that are still to come. */
        fd = fcntl(own_descriptor(vm, vm->words[i - 1], vm->words[i]), F_DUPFD_CLOEXEC, HIGH_FD);
        posix_spawn_file_actions_adddup2(&vm->actions, fd, number_there);
    }
}

static void read_words(struct vm *vm, const char *path)
{
    int fd = open_file(path, O_RDONLY);
    ssize_t size = read(fd, vm->text, sizeof(vm->text) - 1);
    size_t count = 0;

    for (char *word = vm->text; word < vm->text + size && count < WORDS_LIMIT; word += strlen(word) + 1)
        vm->words[count++] = word;
    if (count == 0)
        die("%s: no command line", path);
    close(fd);
}

static void write_pid(const struct vm *vm, pid_t pid)
{
    FILE *file = fopen(path_in(vm, "pid"), "we");

    if (!file || fprintf(file, "%d\n", (int)pid) < 0 || fclose(file) != 0)
        die("%s/pid: %s", vm->directory, strerror(errno));
}

int vm_start(int count, char **arguments)
{
    struct vm vm = {0};
    double before;
    pid_t pid;
    int result, monitor;

    if (count < 6)
        die("start: wants DIRECTORY COMMAND_LINE KERNEL INITRD TAP BRIDGE [cont]");
    vm.directory = arguments[0];
    vm.kernel = arguments[2];
    vm.initrd = arguments[3];
    vm.tap = arguments[4];
    vm.bridge = arguments[5];
    read_words(&vm, arguments[1]);
    mkdir(vm.directory, 0700);
    posix_spawn_file_actions_init(&vm.actions);
    place_descriptors(&vm);
    posix_spawn_file_actions_addopen(&vm.actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&vm.actions, 1, path_in(&vm, "qemu.log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&vm.actions, 1, 2);
    before = now_ms();
    result = posix_spawn(&pid, vm.words[0], &vm.actions, NULL, vm.words, environ);
    if (result != 0)
        die("%s: %s", vm.words[0], strerror(result));
    monitor = qmp_connect(path_in(&vm, "qmp"));
    printf("inner: %.3f\n", now_ms() - before);
    write_pid(&vm, pid);
    if (count > 6)
        qmp_command(monitor, -1, "{\"execute\": \"cont\"}\n");
    return 0;
}

int vm_stop(int count, char **arguments)
{
    struct vm vm = {.directory = arguments[0]};
    char text[32] = "";
    int fd, pidfd;

    if (count != 1)
        die("stop: wants DIRECTORY");
    fd = open_file(path_in(&vm, "pid"), O_RDONLY);
    if (read(fd, text, sizeof(text) - 1) <= 0)
        die("%s/pid: cannot be read", vm.directory);
    pidfd = pidfd_of((pid_t)strtol(text, NULL, 10));
    syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
    wait_for_end(pidfd);
    return 0;
}
