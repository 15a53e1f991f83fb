/* What the files of the cross-checks share. */
#pragma once

#include "config/config_internal.h"

struct check {
    struct ifcfg *files;
    struct ifcfg **by_device; /* sorted; in the order of the files where the device is the same */
    size_t count;
    bool lone; /* not all files are here: what they contradict each other in may be mended by the rest */
    struct problems *problems;
};

void check_drop(struct ifcfg *file); /* it can't be: nothing of it is wanted */
struct ifcfg *check_find(const struct check *check, const char *device); /* the first file of that DEVICE, or NULL */

/* check_links.c: masters, parents, VLAN ids, rings. */
void check_links(const struct check *check, struct network *implicit);
