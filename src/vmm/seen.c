#include "vmm/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "vmm/instance.h"

struct seen *seen_of(struct instance *instance, const char *nic)
{
    for (struct seen *seen = instance->seen; seen; seen = seen->next)
        if (strcmp(seen->nic, nic) == 0)
            return seen;
    struct seen *seen = NEW(struct seen);
    text_copy(seen->nic, sizeof(seen->nic), nic);
    seen->next = instance->seen;
    instance->seen = seen;
    return seen;
}

void seen_drop(struct instance *instance, const char *nic)
{
    for (struct seen **place = &instance->seen; *place; place = &(*place)->next)
        if (strcmp((*place)->nic, nic) == 0) {
            struct seen *gone = *place;
            *place = gone->next;
            free(gone);
            return;
        }
}

void seen_clear(struct instance *instance)
{
    while (instance->seen)
        seen_drop(instance, instance->seen->nic);
}
