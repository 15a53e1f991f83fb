/* The sysctls of one link as steps that give them to another. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "bridge/bridge_internal.h"

/* Those that say how the host speaks on that link. Not rp_filter, which is loosened meanwhile. */
static const char *const sysctls[] = {
    "ipv4/accept_local", "ipv4/accept_redirects", "ipv4/accept_source_route", "ipv4/arp_accept", "ipv4/arp_announce",
    "ipv4/arp_evict_nocarrier", "ipv4/arp_filter", "ipv4/arp_ignore", "ipv4/arp_notify", "ipv4/bc_forwarding", "ipv4/bootp_relay",
    "ipv4/disable_policy", "ipv4/disable_xfrm", "ipv4/drop_gratuitous_arp", "ipv4/drop_unicast_in_l2_multicast", "ipv4/forwarding",
    "ipv4/ignore_routes_with_linkdown", "ipv4/log_martians", "ipv4/medium_id", "ipv4/promote_secondaries", "ipv4/proxy_arp",
    "ipv4/proxy_arp_pvlan", "ipv4/route_localnet", "ipv4/secure_redirects", "ipv4/send_redirects", "ipv4/shared_media",
    "ipv4/src_valid_mark", "ipv4/tag", "ipv6/accept_dad", "ipv6/accept_ra", "ipv6/accept_ra_defrtr", "ipv6/accept_ra_from_local",
    "ipv6/accept_ra_min_hop_limit", "ipv6/accept_ra_mtu", "ipv6/accept_ra_pinfo", "ipv6/accept_ra_rt_info_max_plen",
    "ipv6/accept_ra_rt_info_min_plen", "ipv6/accept_ra_rtr_pref", "ipv6/accept_redirects", "ipv6/accept_source_route",
    "ipv6/accept_untracked_na", "ipv6/addr_gen_mode", "ipv6/autoconf", "ipv6/dad_transmits", "ipv6/disable_ipv6",
    "ipv6/drop_unicast_in_l2_multicast", "ipv6/drop_unsolicited_na", "ipv6/enhanced_dad", "ipv6/forwarding", "ipv6/hop_limit",
    "ipv6/keep_addr_on_down", "ipv6/max_addresses", "ipv6/ndisc_evict_nocarrier", "ipv6/ndisc_notify", "ipv6/optimistic_dad",
    "ipv6/proxy_ndp", "ipv6/router_solicitations", "ipv6/suppress_frag_ndisc", "ipv6/temp_prefered_lft", "ipv6/temp_valid_lft",
    "ipv6/use_optimistic", "ipv6/use_tempaddr",
};

bool bridge_sysctl_read(const char *interface, const char *name, int32_t *ret_value)
{
    const char *key = strchr(name, '/');
    char path[128], text[32] = "";
    ssize_t length;

    snprintf(path, sizeof(path), "/proc/sys/net/%.*s/conf/%s%s", (int)(key - name), name, interface, key);
    CLEANUP(close_fdp) int file = open(path, O_RDONLY | O_CLOEXEC);
    length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
    return length > 0 && sscanf(text, "%d", ret_value) == 1;
}

static void add(struct plan *plan, const char *interface, const char *name, int32_t before, int32_t value)
{
    struct step *step = plan_add(plan, STEP_SYSCTL_SET, interface, "%s %d → %d", name, before, value);

    text_copy(step->interface, sizeof(step->interface), interface);
    text_copy(step->sysctl.name, sizeof(step->sysctl.name), name);
    step->sysctl.value = value;
    step->value_before = before;
}

void bridge_sysctl_set(struct plan *plan, const char *interface, const char *name, int32_t before, int32_t value)
{
    if (before != value)
        add(plan, interface, name, before, value);
}

unsigned bridge_sysctl_move(struct plan *plan, const char *from, const char *to, bool made)
{
    unsigned moved = 0;

    for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
        int32_t value, before;

        if (!bridge_sysctl_read(from, sysctls[i], &value) || !bridge_sysctl_read(made ? "default" : to, sysctls[i], &before)
            || value == before)
            continue;
        moved++;
        add(plan, to, sysctls[i], before, value);
    }
    return moved;
}

void bridge_sysctl_keep(struct plan *plan, const char *bridge)
{
    for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
        int32_t value, otherwise;

        if (bridge_sysctl_read(bridge, sysctls[i], &value) && bridge_sysctl_read("default", sysctls[i], &otherwise) && value != otherwise)
            add(plan, bridge, sysctls[i], value, value);
    }
}
