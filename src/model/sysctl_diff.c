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

static void plan_set(struct diff *diff, const char *name, const struct sysctl *sysctl, const struct sysctl *before)
{
    struct step *step;
    char line[128];

    if (sysctl->value == SYSCTL_AS_NEW)
        snprintf(line, sizeof(line), "set %s %s %d → as a new interface has it", name, sysctl->name, before->value);
    else if (before)
        snprintf(line, sizeof(line), "set %s %s %d → %d", name, sysctl->name, before->value, sysctl->value);
    else
        snprintf(line, sizeof(line), "set %s %s %d", name, sysctl->name, sysctl->value);
    step = diff_add_step(diff, STEP_SYSCTL_SET, name, line);
    step->sysctl = *sysctl;
    /* Of a link that is made in this plan: it is taken back with the link. */
    step->value_before = before ? before->value : sysctl->value;
}

/* Those that were stated before and are no more. */
static void unset(struct diff *diff, const struct interface *wanted, const struct interface *observed)
{
    const struct interface *previous = network_find(diff->previous, wanted->name);

    for (size_t i = 0; observed && previous && i < previous->sysctl_count; i++) {
        const struct sysctl *before = find(observed, previous->sysctls[i].name);
        struct sysctl sysctl = {.value = SYSCTL_AS_NEW};

        if (!before || find(wanted, before->name))
            continue;
        text_copy(sysctl.name, sizeof(sysctl.name), before->name);
        if (text_equal(before->name, "ipv6/mtu")) /* a new interface has its link's */
            sysctl.value = (int32_t)(interface_has(wanted, FIELD_MTU) ? wanted->mtu : observed->mtu);
        if (before->value != sysctl.value)
            plan_set(diff, wanted->name, &sysctl, before);
    }
}

/* The kernel gives IPv6 the link's new MTU. */
static bool is_lost(const struct interface *wanted, const struct interface *observed, const char *name)
{
    return text_equal(name, "ipv6/mtu") && interface_has(wanted, FIELD_MTU) && wanted->mtu != observed->mtu;
}

void sysctl_diff_set(struct diff *diff, const struct interface *wanted)
{
    const struct interface *observed = network_find(diff->observed, wanted->name);

    unset(diff, wanted, observed);
    for (size_t i = 0; i < wanted->sysctl_count; i++) {
        const struct sysctl *before = find(observed, wanted->sysctls[i].name);

        if (!before || before->value != wanted->sysctls[i].value || is_lost(wanted, observed, before->name))
            plan_set(diff, wanted->name, &wanted->sysctls[i], before);
    }
}
