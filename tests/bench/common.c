#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

void die(const char *format, ...)
{
    va_list values;

    fputs("bench: ", stderr);
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(1);
}

double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void sleep_ms(double time)
{
    struct timespec pause = {.tv_sec = (time_t)(time / 1e3)};

    pause.tv_nsec = (long)((time - (double)pause.tv_sec * 1e3) * 1e6);
    nanosleep(&pause, NULL);
}

long number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (!*text || *end || value < 0)
        die("%s: is no number", text);
    return value;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

double median(const double *values, size_t count)
{
    double *sorted = malloc(count * sizeof(*sorted) + 1), result;

    if (!sorted || count == 0)
        die("no values to take the median of");
    memcpy(sorted, values, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare);
    result = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    free(sorted);
    return result;
}

int pidfd_of(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd < 0)
        die("process %d: %s", (int)pid, strerror(errno));
    return fd;
}

void wait_for_end(int pidfd)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};

    if (poll(&end, 1, 30000) != 1)
        die("a process did not end within 30 s");
}
