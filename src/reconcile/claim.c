/* Interfaces that a file names and another program holds: told, with how to release them. What to do is the person's decision. */
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

/* What trestle made, others have no orders for: NetworkManager looks on. */
bool claim_of(const struct reconciler *reconciler, const struct interface *observed, struct manager_claim *ret_claim)
{
    const struct reconcile_providers *providers = &reconciler->providers;

    return providers->manager_of && observed->owner != OWNER_TRESTLE && !observed->half_made
           && providers->manager_of(providers->managers, observed, ret_claim);
}

void claim_warn(const struct reconciler *reconciler, const struct network *wanted, struct problems *problems)
{
    struct manager_claim claim;

    for (size_t i = 0; i < wanted->count; i++) {
        const struct interface *item = wanted->items[i];
        const struct interface *observed = network_find(host_observed(reconciler), item->name);

        if (observed && item->file && item->onboot && claim_of(reconciler, observed, &claim))
            problems_add(problems, true, item->file, 0, 0, "%s: %s holds it too, and may undo what is done here; to release it: %s",
                         item->name, claim.name, claim.cure);
    }
}
