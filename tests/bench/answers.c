/* How long others wait for an answer of the daemon while a command keeps it busy. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

enum { PAUSE = 2 /* ms */ };

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("%s: %s", path, strerror(errno));
    return fd;
}

/* From the connecting to the answer's end, as a client of its own has it. */
static double ask(const char *path)
{
    static const char request[] = "GET /v1/vms HTTP/1.1\r\nHost: trestle\r\nConnection: close\r\n\r\n";
    static const char good[] = "HTTP/1.1 200 ";
    char text[65536], first[sizeof(good)] = "";
    double before = now_ms();
    int fd = connect_to(path);
    size_t all = 0;
    ssize_t size;

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
        die("%s: %s", path, strerror(errno));
    while ((size = recv(fd, text, sizeof(text), 0)) > 0) {
        if (all < sizeof(good) - 1)
            memcpy(first + all, text, (size_t)size < sizeof(good) - 1 - all ? (size_t)size : sizeof(good) - 1 - all);
        all += (size_t)size;
    }
    close(fd);
    if (strcmp(first, good) != 0)
        die("%s: refused to list the VMs: %s", path, first);
    return now_ms() - before;
}

static void end(pid_t pid, const char *name)
{
    int status;

    if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("failed: %s", name);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* SOCKET COMMAND…: asks for the VMs again and again while the command runs. "answers MEDIAN OF-99-IN-100 WORST COUNT" */
int answers(int count, char **arguments)
{
    double *times = NULL;
    size_t asked = 0, room = 0;
    struct pollfd ended = {.events = POLLIN};
    pid_t pid;

    if (count < 2)
        die("answers: wants SOCKET COMMAND…");
    if (posix_spawnp(&pid, arguments[1], NULL, NULL, arguments + 1, environ) != 0)
        die("%s: does not start", arguments[1]);
    ended.fd = pidfd_of(pid);
    setpriority(PRIO_PROCESS, 0, -20); /* the daemon's time is asked for, not this program's own wait for a processor */
    while (poll(&ended, 1, PAUSE) == 0) {
        if (asked == room) {
            room = room * 2 + 1024;
            times = realloc(times, room * sizeof(*times));
            if (!times)
                die("no memory");
        }
        times[asked++] = ask(arguments[0]);
    }
    end(pid, arguments[1]);
    if (asked == 0)
        die("answers: %s ended before anything was asked", arguments[1]);
    qsort(times, asked, sizeof(*times), compare);
    printf("answers %.3f %.3f %.3f %zu\n", median(times, asked), times[(asked - 1) * 99 / 100], times[asked - 1], asked);
    return 0;
}
