/* Times are the kernel's clock_t, hundredths of a second, in the message as in struct bridge_options. */
#include "bridge/bridge.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <string.h>

#include "base/memory.h"
#include "bridge/bridge_internal.h"

#define BRIDGE(field_, attribute_, value_, member)                                                                              \
    {.field = field_, .attribute = attribute_, .value = value_, .offset = offsetof(struct interface, bridge.member)}
#define PORT(field_, attribute_, value_, member)                                                                                \
    {.field = field_, .attribute = attribute_, .value = value_, .offset = offsetof(struct interface, port.member)}

/* The scripts wrote multicast_router, hash_max and multicast_snooping when the bridge was up, because kernels before 4.4 refused
 * them until then; those could not be asked by netlink at all. So all options go into the message that makes the bridge. */
static const struct netdev_row link_rows[] = {
    BRIDGE(FIELD_BRIDGE_FORWARD_DELAY, IFLA_BR_FORWARD_DELAY, NETDEV_U32, forward_delay),
    BRIDGE(FIELD_BRIDGE_HELLO_TIME, IFLA_BR_HELLO_TIME, NETDEV_U32, hello_time),
    BRIDGE(FIELD_BRIDGE_MAX_AGE, IFLA_BR_MAX_AGE, NETDEV_U32, max_age),
    BRIDGE(FIELD_BRIDGE_AGEING_TIME, IFLA_BR_AGEING_TIME, NETDEV_U32, ageing_time),
    BRIDGE(FIELD_BRIDGE_STP, IFLA_BR_STP_STATE, NETDEV_BOOL32, stp), /* 2 = done by a program in user space */
    BRIDGE(FIELD_BRIDGE_PRIORITY, IFLA_BR_PRIORITY, NETDEV_U16, priority),
    BRIDGE(FIELD_BRIDGE_GROUP_ADDRESS, IFLA_BR_GROUP_ADDR, NETDEV_MAC, group_address),
    BRIDGE(FIELD_BRIDGE_GROUP_FORWARD_MASK, IFLA_BR_GROUP_FWD_MASK, NETDEV_U16, group_forward_mask),
    BRIDGE(FIELD_BRIDGE_VLAN_FILTERING, IFLA_BR_VLAN_FILTERING, NETDEV_BOOL8, vlan_filtering),
    BRIDGE(FIELD_BRIDGE_DEFAULT_PVID, IFLA_BR_VLAN_DEFAULT_PVID, NETDEV_U16, default_pvid),
    BRIDGE(FIELD_BRIDGE_VLAN_STATISTICS, IFLA_BR_VLAN_STATS_ENABLED, NETDEV_BOOL8, vlan_statistics),
    BRIDGE(FIELD_BRIDGE_VLAN_STATISTICS_PER_PORT, IFLA_BR_VLAN_STATS_PER_PORT, NETDEV_BOOL8, vlan_statistics_per_port),
    BRIDGE(FIELD_BRIDGE_MULTICAST_SNOOPING, IFLA_BR_MCAST_SNOOPING, NETDEV_BOOL8, multicast_snooping),
    BRIDGE(FIELD_BRIDGE_MULTICAST_ROUTER, IFLA_BR_MCAST_ROUTER, NETDEV_U8, multicast_router),
    BRIDGE(FIELD_BRIDGE_HASH_MAX, IFLA_BR_MCAST_HASH_MAX, NETDEV_U32, hash_max),
    BRIDGE(FIELD_BRIDGE_IGMP_VERSION, IFLA_BR_MCAST_IGMP_VERSION, NETDEV_U8, igmp_version),
    BRIDGE(FIELD_BRIDGE_MLD_VERSION, IFLA_BR_MCAST_MLD_VERSION, NETDEV_U8, mld_version),
    BRIDGE(FIELD_BRIDGE_QUERIER, IFLA_BR_MCAST_QUERIER, NETDEV_BOOL8, querier),
    BRIDGE(FIELD_BRIDGE_QUERY_USE_ADDRESS, IFLA_BR_MCAST_QUERY_USE_IFADDR, NETDEV_BOOL8, query_use_address),
    BRIDGE(FIELD_BRIDGE_QUERIER_INTERVAL, IFLA_BR_MCAST_QUERIER_INTVL, NETDEV_U64, querier_interval),
    BRIDGE(FIELD_BRIDGE_QUERY_INTERVAL, IFLA_BR_MCAST_QUERY_INTVL, NETDEV_U64, query_interval),
    BRIDGE(FIELD_BRIDGE_QUERY_RESPONSE_INTERVAL, IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, NETDEV_U64, query_response_interval),
    BRIDGE(FIELD_BRIDGE_STARTUP_QUERY_COUNT, IFLA_BR_MCAST_STARTUP_QUERY_CNT, NETDEV_U32, startup_query_count),
    BRIDGE(FIELD_BRIDGE_STARTUP_QUERY_INTERVAL, IFLA_BR_MCAST_STARTUP_QUERY_INTVL, NETDEV_U64, startup_query_interval),
    BRIDGE(FIELD_BRIDGE_LAST_MEMBER_COUNT, IFLA_BR_MCAST_LAST_MEMBER_CNT, NETDEV_U32, last_member_count),
    BRIDGE(FIELD_BRIDGE_LAST_MEMBER_INTERVAL, IFLA_BR_MCAST_LAST_MEMBER_INTVL, NETDEV_U64, last_member_interval),
    BRIDGE(FIELD_BRIDGE_MEMBERSHIP_INTERVAL, IFLA_BR_MCAST_MEMBERSHIP_INTVL, NETDEV_U64, membership_interval),
    BRIDGE(FIELD_BRIDGE_MULTICAST_STATISTICS, IFLA_BR_MCAST_STATS_ENABLED, NETDEV_BOOL8, multicast_statistics),
    BRIDGE(FIELD_BRIDGE_ARPTABLES, IFLA_BR_NF_CALL_ARPTABLES, NETDEV_BOOL8, arptables),
    BRIDGE(FIELD_BRIDGE_IPTABLES, IFLA_BR_NF_CALL_IPTABLES, NETDEV_BOOL8, iptables),
    BRIDGE(FIELD_BRIDGE_IP6TABLES, IFLA_BR_NF_CALL_IP6TABLES, NETDEV_BOOL8, ip6tables),
};

static const struct netdev_row port_rows[] = {
    PORT(FIELD_PORT_COST, IFLA_BRPORT_COST, NETDEV_U32, cost),
    PORT(FIELD_PORT_PRIORITY, IFLA_BRPORT_PRIORITY, NETDEV_U16, priority),
    PORT(FIELD_PORT_HAIRPIN, IFLA_BRPORT_MODE, NETDEV_BOOL8, hairpin),
    PORT(FIELD_PORT_ISOLATED, IFLA_BRPORT_ISOLATED, NETDEV_BOOL8, isolated),
    PORT(FIELD_PORT_LEARNING, IFLA_BRPORT_LEARNING, NETDEV_BOOL8, learning),
    PORT(FIELD_PORT_UNICAST_FLOOD, IFLA_BRPORT_UNICAST_FLOOD, NETDEV_BOOL8, unicast_flood),
    PORT(FIELD_PORT_MULTICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, NETDEV_BOOL8, multicast_flood),
    PORT(FIELD_PORT_BROADCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD, NETDEV_BOOL8, broadcast_flood),
    PORT(FIELD_PORT_BPDU_GUARD, IFLA_BRPORT_GUARD, NETDEV_BOOL8, bpdu_guard),
    PORT(FIELD_PORT_ROOT_BLOCK, IFLA_BRPORT_PROTECT, NETDEV_BOOL8, root_block),
    PORT(FIELD_PORT_FAST_LEAVE, IFLA_BRPORT_FAST_LEAVE, NETDEV_BOOL8, fast_leave),
    PORT(FIELD_PORT_MULTICAST_ROUTER, IFLA_BRPORT_MULTICAST_ROUTER, NETDEV_U8, multicast_router),
    PORT(FIELD_PORT_MULTICAST_TO_UNICAST, IFLA_BRPORT_MCAST_TO_UCAST, NETDEV_BOOL8, multicast_to_unicast),
    PORT(FIELD_PORT_PROXY_ARP, IFLA_BRPORT_PROXYARP, NETDEV_BOOL8, proxy_arp),
    PORT(FIELD_PORT_PROXY_ARP_WIFI, IFLA_BRPORT_PROXYARP_WIFI, NETDEV_BOOL8, proxy_arp_wifi),
    PORT(FIELD_PORT_NEIGHBOUR_SUPPRESSION, IFLA_BRPORT_NEIGH_SUPPRESS, NETDEV_BOOL8, neighbour_suppression),
    PORT(FIELD_PORT_GROUP_FORWARD_MASK, IFLA_BRPORT_GROUP_FWD_MASK, NETDEV_U16, group_forward_mask),
    {FIELD_PORT_BACKUP, IFLA_BRPORT_BACKUP_PORT, NETDEV_LINK, offsetof(struct interface, port.backup),
     offsetof(struct interface, port.backup_index)},
};

/* Without a backup port there is no attribute of it. */
static void parse_port(const struct nlattr *data, struct interface *interface)
{
    const struct nlattr *attribute;
    bool has_backup = false;

    mnl_attr_for_each_nested(attribute, data)
        has_backup |= mnl_attr_get_type(attribute) == IFLA_BRPORT_BACKUP_PORT;
    if (!has_backup)
        interface->port.backup_index = 0;
    interface->set |= FIELD_BIT(FIELD_PORT_BACKUP);
}

/* What is no value by itself: the first of the kernel's many small switches, and the protocol of VLAN tags (0 is 802.1Q, 1 802.1ad). */
static void parse_link(const struct nlattr *data, struct interface *interface)
{
    const struct nlattr *attribute;

    mnl_attr_for_each_nested(attribute, data) {
        uint16_t type = mnl_attr_get_type(attribute), length = mnl_attr_get_payload_len(attribute);
        const struct br_boolopt_multi *bits = mnl_attr_get_payload(attribute);

        if (type == IFLA_BR_MULTI_BOOLOPT && length >= sizeof(*bits)) {
            interface->bridge.no_link_local_learning = bits->optval & 1u << BR_BOOLOPT_NO_LL_LEARN;
            interface->set |= FIELD_BIT(FIELD_BRIDGE_NO_LINK_LOCAL_LEARNING);
        } else if (type == IFLA_BR_VLAN_PROTOCOL && length >= sizeof(uint16_t)) {
            interface->bridge.vlan_protocol = ntohs(mnl_attr_get_u16(attribute)) == ETH_P_8021AD;
            interface->set |= FIELD_BIT(FIELD_BRIDGE_VLAN_PROTOCOL);
        } else if (type == IFLA_BR_ROOT_PORT && length >= sizeof(uint16_t)) {
            interface->follows_root = mnl_attr_get_u16(attribute);
        } else if (type == IFLA_BR_TOPOLOGY_CHANGE && length >= sizeof(uint8_t)) {
            interface->topology_changes = mnl_attr_get_u8(attribute);
        }
    }
    /* A kernel that can't filter says that it does not, and nothing else about VLANs. */
    if (!interface_has(interface, FIELD_BRIDGE_VLAN_PROTOCOL))
        interface->set &= ~FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING);
}

static void put_link(struct nlmsghdr *message, const struct interface *interface, field_set fields)
{
    struct br_boolopt_multi bits = {.optmask = 1u << BR_BOOLOPT_NO_LL_LEARN};

    bits.optval = interface->bridge.no_link_local_learning ? bits.optmask : 0;
    if (fields & FIELD_BIT(FIELD_BRIDGE_NO_LINK_LOCAL_LEARNING))
        mnl_attr_put(message, IFLA_BR_MULTI_BOOLOPT, sizeof(bits), &bits);
    if (fields & FIELD_BIT(FIELD_BRIDGE_VLAN_PROTOCOL))
        mnl_attr_put_u16(message, IFLA_BR_VLAN_PROTOCOL, htons(interface->bridge.vlan_protocol ? ETH_P_8021AD : ETH_P_8021Q));
}

const struct netdev_kind bridge_kind = {
    .name = "bridge",
    .kind = INTERFACE_BRIDGE,
    .link_rows = link_rows,
    .link_row_count = ARRAY_SIZE(link_rows),
    .port_rows = port_rows,
    .port_row_count = ARRAY_SIZE(port_rows),
    .parse_link = parse_link,
    .put_link = put_link,
    .link_fields = FIELD_BRIDGE_ALL,
    .parse_port = parse_port,
    .port_fields = (FIELD_PORT_ALL & ~FIELD_BIT(FIELD_PORT_VLANS)) | FIELD_BIT(FIELD_PORT_BACKUP),
    .parse_vlans = bridge_vlan_parse,
    .put_vlans = bridge_vlan_put,
    .needs_mac = true,
};
