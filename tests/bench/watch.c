/* When was it that an event was told? By the lines of `trestle events`, read as they come. So a guest's own time is known for
 * the very detach that is timed: no two of them take the same. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

static struct {
    pthread_mutex_t lock;
    FILE *lines;
    const char *from, *to; /* what the lines hold */
    double from_at, to_at;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *read_lines(void *unused)
{
    char line[1024];

    (void)unused;
    while (fgets(line, sizeof(line), watch.lines)) {
        double now = now_ms();

        pthread_mutex_lock(&watch.lock);
        if (strstr(line, watch.from))
            watch.from_at = now;
        if (strstr(line, watch.to))
            watch.to_at = now;
        pthread_mutex_unlock(&watch.lock);
    }
    return NULL;
}

void watch_begin(const char *path, const char *from, const char *to)
{
    pthread_t thread;

    if (!from || !to)
        die("turns: --events wants --from and --to before it");
    watch.from = from;
    watch.to = to;
    watch.lines = fopen(path, "re");
    if (!watch.lines)
        die("%s: %s", path, strerror(errno));
    if (pthread_create(&thread, NULL, read_lines, NULL) != 0)
        die("cannot make a thread");
}

double watch_take(void)
{
    double duration;

    pthread_mutex_lock(&watch.lock);
    duration = watch.to_at > watch.from_at && watch.from_at > 0 ? watch.to_at - watch.from_at : 0;
    watch.from_at = watch.to_at = 0;
    pthread_mutex_unlock(&watch.lock);
    return duration;
}
