/* What a plugged NIC is plugged into, and will not carry its packets. */
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

void reconcile_nic_warnings(const struct reconciler *reconciler, const struct nic *nic, struct text *warnings)
{
    const struct network *observed = host_observed(reconciler);
    const struct interface *bridge = nic->type == NIC_BRIDGE ? network_find(observed, nic->bridge) : NULL;
    const struct interface *tap = nic->type == NIC_ETHERNET ? network_find(observed, nic->target) : NULL;

    if (bridge && nic->mtu > bridge->mtu)
        text_format(warnings, "%s: MTU %u is more than the %u of %s, which drops longer packets: set MTU=%u in ifcfg-%s and its "
                              "ports' files, or attach it without --mtu\n",
                    nic->target, nic->mtu, bridge->mtu, nic->bridge, nic->mtu, nic->bridge);
    if (tap && !tap->up)
        text_format(warnings, "%s: is down, so no packet passes: 'ip link set %s up' brings it up\n", nic->target, nic->target);
}
