/* Bonds and their slaves: IFLA_INFO_DATA and IFLA_INFO_SLAVE_DATA of a "bond". */
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <string.h>

#include "base/memory.h"
#include "netdev/kind.h"

#define ROW(field, attribute, value, member) {field, attribute, value, offsetof(struct interface, bond.member), 0}

static const struct netdev_row rows[] = {
    ROW(FIELD_BOND_MODE, IFLA_BOND_MODE, NETDEV_U8, mode),
    ROW(FIELD_BOND_MIIMON, IFLA_BOND_MIIMON, NETDEV_U32, miimon),
    ROW(FIELD_BOND_UPDELAY, IFLA_BOND_UPDELAY, NETDEV_U32, updelay),
    ROW(FIELD_BOND_DOWNDELAY, IFLA_BOND_DOWNDELAY, NETDEV_U32, downdelay),
    ROW(FIELD_BOND_USE_CARRIER, IFLA_BOND_USE_CARRIER, NETDEV_BOOL8, use_carrier),
    ROW(FIELD_BOND_ARP_INTERVAL, IFLA_BOND_ARP_INTERVAL, NETDEV_U32, arp_interval),
    ROW(FIELD_BOND_ARP_VALIDATE, IFLA_BOND_ARP_VALIDATE, NETDEV_U32, arp_validate),
    ROW(FIELD_BOND_ARP_ALL_TARGETS, IFLA_BOND_ARP_ALL_TARGETS, NETDEV_U32, arp_all_targets),
    {FIELD_BOND_PRIMARY, IFLA_BOND_PRIMARY, NETDEV_LINK, offsetof(struct interface, bond.primary),
     offsetof(struct interface, bond.primary_index)},
    ROW(FIELD_BOND_PRIMARY_RESELECT, IFLA_BOND_PRIMARY_RESELECT, NETDEV_U8, primary_reselect),
    ROW(FIELD_BOND_FAIL_OVER_MAC, IFLA_BOND_FAIL_OVER_MAC, NETDEV_U8, fail_over_mac),
    ROW(FIELD_BOND_XMIT_HASH_POLICY, IFLA_BOND_XMIT_HASH_POLICY, NETDEV_U8, xmit_hash_policy),
    ROW(FIELD_BOND_RESEND_IGMP, IFLA_BOND_RESEND_IGMP, NETDEV_U32, resend_igmp),
    ROW(FIELD_BOND_NUM_PEER_NOTIFY, IFLA_BOND_NUM_PEER_NOTIF, NETDEV_U8, num_peer_notify),
    ROW(FIELD_BOND_ALL_SLAVES_ACTIVE, IFLA_BOND_ALL_SLAVES_ACTIVE, NETDEV_BOOL8, all_slaves_active),
    ROW(FIELD_BOND_MIN_LINKS, IFLA_BOND_MIN_LINKS, NETDEV_U32, min_links),
    ROW(FIELD_BOND_LP_INTERVAL, IFLA_BOND_LP_INTERVAL, NETDEV_U32, lp_interval),
    ROW(FIELD_BOND_PACKETS_PER_SLAVE, IFLA_BOND_PACKETS_PER_SLAVE, NETDEV_U32, packets_per_slave),
    ROW(FIELD_BOND_LACP_RATE, IFLA_BOND_AD_LACP_RATE, NETDEV_U8, lacp_rate),
    ROW(FIELD_BOND_AD_SELECT, IFLA_BOND_AD_SELECT, NETDEV_U8, ad_select),
    ROW(FIELD_BOND_AD_ACTOR_SYS_PRIO, IFLA_BOND_AD_ACTOR_SYS_PRIO, NETDEV_U16, ad_actor_sys_prio),
    ROW(FIELD_BOND_AD_ACTOR_SYSTEM, IFLA_BOND_AD_ACTOR_SYSTEM, NETDEV_MAC, ad_actor_system),
    ROW(FIELD_BOND_AD_USER_PORT_KEY, IFLA_BOND_AD_USER_PORT_KEY, NETDEV_U16, ad_user_port_key),
    ROW(FIELD_BOND_TLB_DYNAMIC_LB, IFLA_BOND_TLB_DYNAMIC_LB, NETDEV_BOOL8, tlb_dynamic_lb),
};

static void parse_targets(const struct nlattr *nest, struct bond_options *bond)
{
    const struct nlattr *attribute;
    size_t count = 0;

    mnl_attr_for_each_nested(attribute, nest)
        if (count < ARP_TARGETS && mnl_attr_get_payload_len(attribute) == sizeof(bond->arp_ip_targets[0]))
            memcpy(bond->arp_ip_targets[count++], mnl_attr_get_payload(attribute), sizeof(bond->arp_ip_targets[0]));
}

/* The list as a whole: the kernel takes the old one away first. */
static void put_targets(struct nlmsghdr *message, const struct bond_options *bond)
{
    static const uint8_t none[sizeof(bond->arp_ip_targets[0])];
    struct nlattr *nest = mnl_attr_nest_start(message, IFLA_BOND_ARP_IP_TARGET);

    for (uint16_t i = 0; i < ARP_TARGETS && memcmp(bond->arp_ip_targets[i], none, sizeof(none)) != 0; i++)
        mnl_attr_put(message, i, sizeof(none), bond->arp_ip_targets[i]);
    mnl_attr_nest_end(message, nest);
}

/* Without a primary slave or targets there is no attribute of it. */
static void parse_link(const struct nlattr *data, struct interface *interface)
{
    const struct nlattr *attribute;

    interface->set |= FIELD_BIT(FIELD_BOND_PRIMARY) | FIELD_BIT(FIELD_BOND_ARP_IP_TARGET);
    mnl_attr_for_each_nested(attribute, data)
        if (mnl_attr_get_type(attribute) == IFLA_BOND_ARP_IP_TARGET)
            parse_targets(attribute, &interface->bond);
}

static void put_link(struct nlmsghdr *message, const struct interface *interface, field_set fields)
{
    if (fields & FIELD_BIT(FIELD_BOND_ARP_IP_TARGET))
        put_targets(message, &interface->bond);
}

/* All slaves have the bond's MAC, as a rule; which one a NIC came with only this tells. */
static void parse_port(const struct nlattr *data, struct interface *interface)
{
    const struct nlattr *attribute;

    mnl_attr_for_each_nested(attribute, data)
        if (mnl_attr_get_type(attribute) == IFLA_BOND_SLAVE_PERM_HWADDR
            && mnl_attr_get_payload_len(attribute) == sizeof(interface->permanent_mac))
            memcpy(interface->permanent_mac, mnl_attr_get_payload(attribute), sizeof(interface->permanent_mac));
}

const struct netdev_kind kind_bond = {
    .name = "bond",
    .kind = INTERFACE_BOND,
    .link_rows = rows,
    .link_row_count = ARRAY_SIZE(rows),
    .parse_link = parse_link,
    .put_link = put_link,
    .link_fields = FIELD_BOND_ALL,
    .parse_port = parse_port,
};
