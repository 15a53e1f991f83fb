/* VLANs of a port: struct bridge_vlan_info in IFLA_AF_SPEC, one for a VLAN or two for a range of like ones. */
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <string.h>

#include "bridge/bridge_internal.h"

enum {
    VLAN_MAX = 4094,
    RANGES = 100,     /* in one message: at most 1,600 bytes */
};

enum membership { NOT_A_MEMBER, TAGGED, UNTAGGED };

static enum membership membership(const struct port_vlans *vlans, unsigned vlan)
{
    if (vlan == vlans->pvid)
        return UNTAGGED;
    return vlans->tagged[vlan / 64] >> (vlan % 64) & 1 ? TAGGED : NOT_A_MEMBER;
}

/* One that leaves untagged and is not the PVID can't be said in struct port_vlans. It counts as tagged: what trestle writes
 * has no such one, so the difference is seen as long as it is not wanted tagged. */
static void take(struct port_vlans *vlans, unsigned first, unsigned last, uint16_t flags)
{
    if (flags & BRIDGE_VLAN_INFO_PVID) {
        vlans->pvid = (uint16_t)last;
        return;
    }
    for (unsigned vlan = first; vlan <= last && vlan <= VLAN_MAX; vlan++)
        vlans->tagged[vlan / 64] |= UINT64_C(1) << (vlan % 64);
}

void bridge_vlan_parse(const struct nlattr *spec, struct port_vlans *ret_vlans)
{
    const struct nlattr *attribute;
    unsigned first = 0;

    *ret_vlans = (struct port_vlans){0};
    if (!spec)
        return;
    mnl_attr_for_each_nested(attribute, spec) {
        struct bridge_vlan_info info;

        if (mnl_attr_get_type(attribute) != IFLA_BRIDGE_VLAN_INFO || mnl_attr_get_payload_len(attribute) < sizeof(info))
            continue;
        memcpy(&info, mnl_attr_get_payload(attribute), sizeof(info));
        if (info.vid < 1 || info.vid > VLAN_MAX)
            continue;
        if (info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
            first = info.vid;
            continue;
        }
        take(ret_vlans, info.flags & BRIDGE_VLAN_INFO_RANGE_END && first ? first : info.vid, info.vid, info.flags);
        first = 0;
    }
}

static void put_info(struct nlmsghdr *message, unsigned vlan, unsigned flags)
{
    struct bridge_vlan_info info = {.flags = (uint16_t)flags, .vid = (uint16_t)vlan};

    mnl_attr_put(message, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
}

/* A range can't be the PVID: the kernel refuses that. */
static void put_range(struct nlmsghdr *message, unsigned first, unsigned last, enum membership as)
{
    unsigned flags = as == UNTAGGED ? BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED : 0;

    if (first == last) {
        put_info(message, first, flags);
        return;
    }
    put_info(message, first, BRIDGE_VLAN_INFO_RANGE_BEGIN);
    put_info(message, last, BRIDGE_VLAN_INFO_RANGE_END);
}

/* The others are named without asking which of them are there: the kernel takes no offence at one that isn't, and what was
 * observed may be older than the steps before. */
unsigned bridge_vlan_put(struct nlmsghdr *message, const struct port_vlans *wanted, bool others, unsigned first)
{
    unsigned vlan = first;

    for (unsigned ranges = 0; vlan <= VLAN_MAX; ranges++) {
        enum membership as = membership(wanted, vlan);
        unsigned from = vlan;

        if (ranges == 2 * RANGES)
            return vlan;
        while (vlan <= VLAN_MAX && membership(wanted, vlan) == as)
            vlan++;
        if ((as == NOT_A_MEMBER) == others)
            put_range(message, from, vlan - 1, others ? NOT_A_MEMBER : as);
    }
    return 0;
}
