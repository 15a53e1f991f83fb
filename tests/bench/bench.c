/* bench: times commands and daemons. What it finds it prints as "NAME MEDIAN …", in milliseconds, for scripts/bench. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

/* Where nothing stands beside a time, this tells how much of it is the machine's noise. */
static double fastest(const double *values, size_t count)
{
    double least = values[0];

    for (size_t i = 1; i < count; i++)
        if (values[i] < least)
            least = values[i];
    return least;
}

/* ROUNDS COMMAND…: one and the same command, again and again. */
static int times(int count, char **arguments)
{
    size_t rounds = count > 1 ? (size_t)number(arguments[0]) : 0;
    struct command command = {.arguments = arguments + 1, .monitor = -1};
    double *wholes = calloc(rounds + 1, sizeof(*wholes));

    if (rounds == 0 || !wholes)
        die("times: wants ROUNDS COMMAND…");
    for (size_t i = 0; i < rounds; i++)
        wholes[i] = time_command(&command).whole;
    printf("times %.3f %.3f\n", median(wholes, rounds), fastest(wholes, rounds));
    return 0;
}

/* -- until READY=1 ----------------------------------------------------------------------------------------------------------- */

static int listen_for_notices(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("%s: %s", path, strerror(errno));
    setenv("NOTIFY_SOCKET", path, 1);
    return fd;
}

static void wait_for_ready(int socket, const char *program)
{
    char text[4096];
    ssize_t size;

    do {
        struct pollfd ready = {.fd = socket, .events = POLLIN};

        if (poll(&ready, 1, 60000) != 1)
            die("%s: did not say READY=1 within 60 s", program);
        size = recv(socket, text, sizeof(text) - 1, 0);
        text[size > 0 ? size : 0] = '\0';
    } while (!strstr(text, "READY=1"));
}

static void drain(int socket)
{
    char text[4096];

    while (recv(socket, text, sizeof(text), MSG_DONTWAIT) > 0)
        ;
}

static double time_ready(int socket, char **arguments)
{
    double before = now_ms(), after;
    pid_t pid;
    int result = posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ), status;

    if (result != 0)
        die("%s: %s", arguments[0], strerror(result));
    wait_for_ready(socket, arguments[0]);
    after = now_ms();
    kill(pid, SIGTERM);
    if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("%s: did not end as it should", arguments[0]);
    drain(socket);
    return after - before;
}

/* SOCKET ROUNDS DAEMON…: from its start until it tells SOCKET that it is ready. */
static int ready(int count, char **arguments)
{
    size_t rounds = count > 2 ? (size_t)number(arguments[1]) : 0;
    double *durations = calloc(rounds + 1, sizeof(*durations));
    int socket;

    if (rounds == 0 || !durations)
        die("ready: wants SOCKET ROUNDS DAEMON…");
    socket = listen_for_notices(arguments[0]);
    for (size_t i = 0; i < rounds; i++)
        durations[i] = time_ready(socket, arguments + 2);
    printf("ready %.3f %.3f\n", median(durations, rounds), fastest(durations, rounds));
    return 0;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        int (*run)(int count, char **arguments);
    } verbs[] = {{"turns", turns}, {"times", times}, {"ready", ready}, {"answers", answers}};

    for (size_t i = 0; count > 1 && i < LENGTH(verbs); i++)
        if (strcmp(arguments[1], verbs[i].name) == 0)
            return verbs[i].run(count - 2, arguments + 2);
    die("bench: turns, times, ready or answers");
}
