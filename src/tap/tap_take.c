/* Descriptors taken back from the process that holds them, after a restart of the daemon. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "tap/tap_internal.h"

enum { DESCRIPTORS = 65536 }; /* of one process that are looked at */

struct taking {
    struct tap *taps; /* what was taken so far */
    size_t count;
    int pidfd, pid;
    const struct tap_table *table;
    const char *const *names;
    size_t name_count;
    struct error *err;
};

static bool is_asked_for(const struct taking *taking, const char *name)
{
    for (size_t i = 0; i < taking->name_count; i++)
        if (text_equal(taking->names[i], name))
            return !tap_find(taking->table, name);
    return false;
}

static struct tap *tap_of(struct taking *taking, const char *name)
{
    struct tap *tap;

    for (size_t i = 0; i < taking->count; i++)
        if (text_equal(taking->taps[i].name, name))
            return &taking->taps[i];
    tap = APPEND(taking->taps, taking->count);
    text_copy(tap->name, sizeof(tap->name), name);
    return tap;
}

static int take(void *context, int number, const char *name)
{
    struct taking *taking = context;
    struct tap *tap;
    int fd;

    if (!is_asked_for(taking, name))
        return 0;
    fd = (int)syscall(SYS_pidfd_getfd, taking->pidfd, number, 0); /* comes with close-on-exec */
    if (fd < 0)
        return error_errno(taking->err, errno, "%s: take the descriptor back from process %d%s", name, taking->pid,
                           errno == EPERM ? " (CAP_SYS_PTRACE over it is needed)" : "");
    tap = tap_of(taking, name);
    *APPEND(tap->fds, tap->count) = fd;
    return 0;
}

static void drop(struct taking *taking)
{
    for (size_t i = 0; i < taking->count; i++) {
        for (size_t at = 0; at < taking->taps[i].count; at++)
            close(taking->taps[i].fds[at]);
        free(taking->taps[i].fds);
    }
}

int tap_take_back(struct tap_table *table, int pidfd, int pid, const char *const *names, size_t count, size_t *ret_found,
                  struct error *err)
{
    struct error own = {0};
    struct taking taking = {.table = table, .pidfd = pidfd, .pid = pid, .names = names, .name_count = count, .err = &own};
    size_t budget = DESCRIPTORS;
    int code = tap_owner_walk(pid, &budget, take, &taking);

    if (code < 0) {
        drop(&taking);
        free(taking.taps);
        return own.code ? error_set(err, own.code, "%s", own.text)
                        : error_errno(err, code, "look for TAPs that process %d holds", pid);
    }
    for (size_t i = 0; i < taking.count; i++)
        *APPEND(table->taps, table->count) = taking.taps[i];
    *ret_found = taking.count;
    free(taking.taps);
    return 0;
}
