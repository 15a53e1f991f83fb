/* Sysctls of one interface, wanted against observed. */
#include <stdio.h>

#include "base/text.h"
#include "model/diff_internal.h"

static const struct sysctl *find(const struct interface *interface, const char *name)
{
    for (size_t i = 0; interface && i < interface->sysctl_count; i++)
        if (text_equal(interface->sysctls[i].name, name))
            return &interface->sysctls[i];
    return NULL;
}

void sysctl_diff_set(struct diff *diff, const struct interface *wanted)
{
    const struct interface *observed = network_find(diff->observed, wanted->name);

    for (size_t i = 0; i < wanted->sysctl_count; i++) {
        const struct sysctl *sysctl = &wanted->sysctls[i], *before = find(observed, sysctl->name);
        struct step *step;
        char line[128];

        if (before && before->value == sysctl->value)
            continue;
        if (before)
            snprintf(line, sizeof(line), "set %s %s %d → %d", wanted->name, sysctl->name, before->value, sysctl->value);
        else
            snprintf(line, sizeof(line), "set %s %s %d", wanted->name, sysctl->name, sysctl->value);
        step = diff_add_step(diff, STEP_SYSCTL_SET, wanted->name, line);
        step->sysctl = *sysctl;
        /* Of a link that is made in this plan: it is taken back with the link. */
        step->value_before = before ? before->value : sysctl->value;
    }
}
