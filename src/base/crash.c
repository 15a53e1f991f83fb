#include "crash.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "memory.h"
#include "text.h"

enum { UNKNOWN, OFF, ON };

static atomic_int state = UNKNOWN;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static const char *trigger;                              /* not NULL: don't count before this file is there */
static int64_t fatal;
static int64_t count;

static bool read_environment(void)
{
    const char *at = getenv("TRESTLE_CRASH_AT");
    trigger = getenv("TRESTLE_CRASH_FILE");
    return text_number(at, 1, INT64_MAX, &fatal) == 0 || trigger || getenv("TRESTLE_CRASH_LOG");
}

/* A file without a number in it is one that is just being written. */
static bool triggered(void)
{
    if (!trigger)
        return true;
    CLEANUP(freep) char *text = NULL;
    if (file_read(AT_FDCWD, trigger, 64, &text, NULL, NULL) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    if (text_number(text, 0, INT64_MAX, &fatal) < 0)
        return false;
    trigger = NULL;
    return true;
}

static void note(const char *what)
{
    const char *path = getenv("TRESTLE_CRASH_LOG");
    CLEANUP(close_fdp) int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    CLEANUP(freep) char *line = memory_format("%lld %s\n", (long long)count, what);
    ssize_t ignored = write(fd, line, strlen(line));
    (void)ignored;
}

static void pass(const char *what)
{
    pthread_mutex_lock(&lock);
    if (state == UNKNOWN)
        state = read_environment() ? ON : OFF;
    if (state == ON && triggered()) {
        count++;
        note(what);
        if (count == fatal)
            kill(getpid(), SIGKILL);
    }
    pthread_mutex_unlock(&lock);
}

void crash_point(const char *format, ...)
{
    if (__builtin_expect(atomic_load_explicit(&state, memory_order_relaxed) == OFF, 1))
        return;
    va_list arguments;
    va_start(arguments, format);
    CLEANUP(freep) char *what = memory_format_list(format, arguments);
    va_end(arguments);
    pass(what);
}
