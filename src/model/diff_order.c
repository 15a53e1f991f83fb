#include <string.h>

#include "base/memory.h"
#include "model/diff_internal.h"

enum { NOT_SEEN = -1, ON_THE_WAY = -2 }; /* where a depth will stand */

/* A ring, which the kernel has none of and the files are checked for, ends where it began. */
static int depth_of(const struct network *network, int *depths, size_t index)
{
    const struct interface *interface = network->items[index];
    const char *below[] = {interface->parent, interface->master};
    int depth = 0;

    if (depths[index] != NOT_SEEN)
        return depths[index] == ON_THE_WAY ? 0 : depths[index];
    depths[index] = ON_THE_WAY;
    for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
        size_t other = *below[i] ? network_index(network, below[i]) : SIZE_MAX;
        int its = other == SIZE_MAX ? -1 : depth_of(network, depths, other);

        if (its >= depth)
            depth = its + 1;
    }
    return depths[index] = depth;
}

int *diff_depths(const struct network *network, int *ret_deepest)
{
    int *depths = memory_new((network->count + 1) * sizeof(int));

    *ret_deepest = 0;
    for (size_t i = 0; i < network->count; i++)
        depths[i] = NOT_SEEN;
    for (size_t i = 0; i < network->count; i++)
        if (depth_of(network, depths, i) > *ret_deepest)
            *ret_deepest = depths[i];
    return depths;
}
