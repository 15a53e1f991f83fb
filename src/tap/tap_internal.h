/* What the files of this folder share; no other folder includes it. */
#pragma once

#include <stddef.h>

#include "tap/tap.h"

struct tap {
    char name[INTERFACE_NAME_SIZE];
    int *fds;
    size_t count;
};

struct tap_table {
    struct worker *worker;
    struct tap *taps;
    size_t count;
};

struct tap *tap_find(const struct tap_table *table, const char *name);

/* -- tap_owner.c: who has a TAP open, by /proc ------------------------------------------------------------------------------- */

/* Calls `found` for each descriptor of the process that is a TAP or a TUN, in the order of their numbers, until it gives other
 * than 0, which is given back. *budget counts the descriptors that may still be looked at; -E2BIG when it is used up. -ESRCH,
 * -EACCES, … */
typedef int (*tap_owner_found)(void *context, int fd, const char *name);
int tap_owner_walk(int pid, size_t *budget, tap_owner_found found, void *context);

/* The process that holds the TAP of that name; 0 when none was found. The lowest pid, if several hold it. */
int tap_owner_find(const char *name, char *ret_command, size_t size);
