#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "memory.h"

static const struct {
    const char *name;
    int priority; /* syslog's */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3}, [LOG_LEVEL_WARNING] = {"warning", 4}, [LOG_LEVEL_NOTICE] = {"notice", 5},
    [LOG_LEVEL_INFO] = {"info", 6},   [LOG_LEVEL_DEBUG] = {"debug", 7},
};

static atomic_int threshold = LOG_LEVEL_INFO;

int log_set_level(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
        if (strcmp(levels[i].name, name) == 0) {
            threshold = (int)i;
            return 0;
        }
    return -EINVAL;
}

/* The variable is inherited by everything that a unit starts, so it counts only while stderr still is that stream. */
static bool to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &status) == 0 &&
           status.st_dev == device && status.st_ino == inode;
}

void log_line(enum log_level level, const char *format, ...)
{
    if ((int)level > threshold)
        return;
    va_list arguments;
    va_start(arguments, format);
    CLEANUP(freep) char *text = memory_format_list(format, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    CLEANUP(freep) char *line = to_journal() ? memory_format("<%d>%s\n", levels[level].priority, text)
                                             : memory_format("trestled: %s: %s\n", levels[level].name, text);
    ssize_t ignored = write(STDERR_FILENO, line, strlen(line)); /* one write, so that lines of two threads don't mix */
    (void)ignored;
}
