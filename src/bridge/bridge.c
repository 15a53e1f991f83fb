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

enum form {
    NUMBER_8,
    NUMBER_16,
    NUMBER_32,
    NUMBER_64,  /* read and written as 32 bits: a time */
    TRUTH_8,    /* bool in struct interface, uint32_t behind all others */
    TRUTH_32,
    BITS,       /* bool; the first of struct br_boolopt_multi */
    ADDRESS,    /* uint8_t[6] */
    PROTOCOL,   /* unsigned; 0 is 802.1Q, 1 802.1ad */
};

static const size_t sizes[] = {
    [NUMBER_8] = 1, [NUMBER_16] = 2, [NUMBER_32] = 4, [NUMBER_64] = 8, [TRUTH_8] = 1, [TRUTH_32] = 4,
    [BITS] = sizeof(struct br_boolopt_multi), [ADDRESS] = 6, [PROTOCOL] = 2,
};

/* One row per attribute: reader and writer come from it. */
struct row {
    enum interface_field field;
    uint16_t attribute;
    enum form form;
    size_t offset; /* in struct interface */
};

#define BRIDGE(field, attribute, form, member) {field, attribute, form, offsetof(struct interface, bridge.member)}
#define PORT(field, attribute, form, member) {field, attribute, form, offsetof(struct interface, port.member)}

/* The scripts wrote multicast_router, hash_max and multicast_snooping when the bridge was up, because kernels before 4.4 refused
 * them until then; those could not be asked by netlink at all. So all options go into the message that makes the bridge. */
static const struct row link_rows[] = {
    BRIDGE(FIELD_BRIDGE_FORWARD_DELAY, IFLA_BR_FORWARD_DELAY, NUMBER_32, forward_delay),
    BRIDGE(FIELD_BRIDGE_HELLO_TIME, IFLA_BR_HELLO_TIME, NUMBER_32, hello_time),
    BRIDGE(FIELD_BRIDGE_MAX_AGE, IFLA_BR_MAX_AGE, NUMBER_32, max_age),
    BRIDGE(FIELD_BRIDGE_AGEING_TIME, IFLA_BR_AGEING_TIME, NUMBER_32, ageing_time),
    BRIDGE(FIELD_BRIDGE_STP, IFLA_BR_STP_STATE, TRUTH_32, stp), /* 2 = done by a program in user space */
    BRIDGE(FIELD_BRIDGE_PRIORITY, IFLA_BR_PRIORITY, NUMBER_16, priority),
    BRIDGE(FIELD_BRIDGE_GROUP_ADDRESS, IFLA_BR_GROUP_ADDR, ADDRESS, group_address),
    BRIDGE(FIELD_BRIDGE_GROUP_FORWARD_MASK, IFLA_BR_GROUP_FWD_MASK, NUMBER_16, group_forward_mask),
    BRIDGE(FIELD_BRIDGE_NO_LINK_LOCAL_LEARNING, IFLA_BR_MULTI_BOOLOPT, BITS, no_link_local_learning),
    BRIDGE(FIELD_BRIDGE_VLAN_FILTERING, IFLA_BR_VLAN_FILTERING, TRUTH_8, vlan_filtering),
    BRIDGE(FIELD_BRIDGE_VLAN_PROTOCOL, IFLA_BR_VLAN_PROTOCOL, PROTOCOL, vlan_protocol),
    BRIDGE(FIELD_BRIDGE_DEFAULT_PVID, IFLA_BR_VLAN_DEFAULT_PVID, NUMBER_16, default_pvid),
    BRIDGE(FIELD_BRIDGE_VLAN_STATISTICS, IFLA_BR_VLAN_STATS_ENABLED, TRUTH_8, vlan_statistics),
    BRIDGE(FIELD_BRIDGE_VLAN_STATISTICS_PER_PORT, IFLA_BR_VLAN_STATS_PER_PORT, TRUTH_8, vlan_statistics_per_port),
    BRIDGE(FIELD_BRIDGE_MULTICAST_SNOOPING, IFLA_BR_MCAST_SNOOPING, TRUTH_8, multicast_snooping),
    BRIDGE(FIELD_BRIDGE_MULTICAST_ROUTER, IFLA_BR_MCAST_ROUTER, NUMBER_8, multicast_router),
    BRIDGE(FIELD_BRIDGE_HASH_MAX, IFLA_BR_MCAST_HASH_MAX, NUMBER_32, hash_max),
    BRIDGE(FIELD_BRIDGE_IGMP_VERSION, IFLA_BR_MCAST_IGMP_VERSION, NUMBER_8, igmp_version),
    BRIDGE(FIELD_BRIDGE_MLD_VERSION, IFLA_BR_MCAST_MLD_VERSION, NUMBER_8, mld_version),
    BRIDGE(FIELD_BRIDGE_QUERIER, IFLA_BR_MCAST_QUERIER, TRUTH_8, querier),
    BRIDGE(FIELD_BRIDGE_QUERY_USE_ADDRESS, IFLA_BR_MCAST_QUERY_USE_IFADDR, TRUTH_8, query_use_address),
    BRIDGE(FIELD_BRIDGE_QUERIER_INTERVAL, IFLA_BR_MCAST_QUERIER_INTVL, NUMBER_64, querier_interval),
    BRIDGE(FIELD_BRIDGE_QUERY_INTERVAL, IFLA_BR_MCAST_QUERY_INTVL, NUMBER_64, query_interval),
    BRIDGE(FIELD_BRIDGE_QUERY_RESPONSE_INTERVAL, IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, NUMBER_64, query_response_interval),
    BRIDGE(FIELD_BRIDGE_STARTUP_QUERY_COUNT, IFLA_BR_MCAST_STARTUP_QUERY_CNT, NUMBER_32, startup_query_count),
    BRIDGE(FIELD_BRIDGE_STARTUP_QUERY_INTERVAL, IFLA_BR_MCAST_STARTUP_QUERY_INTVL, NUMBER_64, startup_query_interval),
    BRIDGE(FIELD_BRIDGE_LAST_MEMBER_COUNT, IFLA_BR_MCAST_LAST_MEMBER_CNT, NUMBER_32, last_member_count),
    BRIDGE(FIELD_BRIDGE_LAST_MEMBER_INTERVAL, IFLA_BR_MCAST_LAST_MEMBER_INTVL, NUMBER_64, last_member_interval),
    BRIDGE(FIELD_BRIDGE_MEMBERSHIP_INTERVAL, IFLA_BR_MCAST_MEMBERSHIP_INTVL, NUMBER_64, membership_interval),
    BRIDGE(FIELD_BRIDGE_MULTICAST_STATISTICS, IFLA_BR_MCAST_STATS_ENABLED, TRUTH_8, multicast_statistics),
    BRIDGE(FIELD_BRIDGE_ARPTABLES, IFLA_BR_NF_CALL_ARPTABLES, TRUTH_8, arptables),
    BRIDGE(FIELD_BRIDGE_IPTABLES, IFLA_BR_NF_CALL_IPTABLES, TRUTH_8, iptables),
    BRIDGE(FIELD_BRIDGE_IP6TABLES, IFLA_BR_NF_CALL_IP6TABLES, TRUTH_8, ip6tables),
};

static const struct row port_rows[] = {
    PORT(FIELD_PORT_COST, IFLA_BRPORT_COST, NUMBER_32, cost),
    PORT(FIELD_PORT_PRIORITY, IFLA_BRPORT_PRIORITY, NUMBER_16, priority),
    PORT(FIELD_PORT_HAIRPIN, IFLA_BRPORT_MODE, TRUTH_8, hairpin),
    PORT(FIELD_PORT_ISOLATED, IFLA_BRPORT_ISOLATED, TRUTH_8, isolated),
    PORT(FIELD_PORT_LEARNING, IFLA_BRPORT_LEARNING, TRUTH_8, learning),
    PORT(FIELD_PORT_UNICAST_FLOOD, IFLA_BRPORT_UNICAST_FLOOD, TRUTH_8, unicast_flood),
    PORT(FIELD_PORT_MULTICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, TRUTH_8, multicast_flood),
    PORT(FIELD_PORT_BROADCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD, TRUTH_8, broadcast_flood),
    PORT(FIELD_PORT_BPDU_GUARD, IFLA_BRPORT_GUARD, TRUTH_8, bpdu_guard),
    PORT(FIELD_PORT_ROOT_BLOCK, IFLA_BRPORT_PROTECT, TRUTH_8, root_block),
    PORT(FIELD_PORT_FAST_LEAVE, IFLA_BRPORT_FAST_LEAVE, TRUTH_8, fast_leave),
    PORT(FIELD_PORT_MULTICAST_ROUTER, IFLA_BRPORT_MULTICAST_ROUTER, NUMBER_8, multicast_router),
    PORT(FIELD_PORT_MULTICAST_TO_UNICAST, IFLA_BRPORT_MCAST_TO_UCAST, TRUTH_8, multicast_to_unicast),
    PORT(FIELD_PORT_PROXY_ARP, IFLA_BRPORT_PROXYARP, TRUTH_8, proxy_arp),
    PORT(FIELD_PORT_PROXY_ARP_WIFI, IFLA_BRPORT_PROXYARP_WIFI, TRUTH_8, proxy_arp_wifi),
    PORT(FIELD_PORT_NEIGHBOUR_SUPPRESSION, IFLA_BRPORT_NEIGH_SUPPRESS, TRUTH_8, neighbour_suppression),
    PORT(FIELD_PORT_GROUP_FORWARD_MASK, IFLA_BRPORT_GROUP_FWD_MASK, NUMBER_16, group_forward_mask),
};

static void read_value(const struct nlattr *attribute, enum form form, void *place)
{
    const struct br_boolopt_multi *bits = mnl_attr_get_payload(attribute);
    uint64_t wide;

    switch (form) {
    case NUMBER_8:
        *(uint32_t *)place = mnl_attr_get_u8(attribute);
        return;
    case NUMBER_16:
        *(uint32_t *)place = mnl_attr_get_u16(attribute);
        return;
    case NUMBER_32:
        *(uint32_t *)place = mnl_attr_get_u32(attribute);
        return;
    case NUMBER_64:
        wide = mnl_attr_get_u64(attribute);
        *(uint32_t *)place = wide < UINT32_MAX ? (uint32_t)wide : UINT32_MAX;
        return;
    case TRUTH_8:
        *(bool *)place = mnl_attr_get_u8(attribute);
        return;
    case TRUTH_32:
        *(bool *)place = mnl_attr_get_u32(attribute);
        return;
    case BITS:
        *(bool *)place = bits->optval & 1u << BR_BOOLOPT_NO_LL_LEARN;
        return;
    case ADDRESS:
        memcpy(place, mnl_attr_get_payload(attribute), 6);
        return;
    case PROTOCOL:
        *(unsigned *)place = ntohs(mnl_attr_get_u16(attribute)) == ETH_P_8021AD;
        return;
    }
}

static void put_value(struct nlmsghdr *message, const struct row *row, const void *place)
{
    struct br_boolopt_multi bits = {.optmask = 1u << BR_BOOLOPT_NO_LL_LEARN};

    switch (row->form) {
    case NUMBER_8:
        mnl_attr_put_u8(message, row->attribute, (uint8_t)*(const uint32_t *)place);
        return;
    case NUMBER_16:
        mnl_attr_put_u16(message, row->attribute, (uint16_t)*(const uint32_t *)place);
        return;
    case NUMBER_32:
        mnl_attr_put_u32(message, row->attribute, *(const uint32_t *)place);
        return;
    case NUMBER_64:
        mnl_attr_put_u64(message, row->attribute, *(const uint32_t *)place);
        return;
    case TRUTH_8:
        mnl_attr_put_u8(message, row->attribute, *(const bool *)place);
        return;
    case TRUTH_32:
        mnl_attr_put_u32(message, row->attribute, *(const bool *)place);
        return;
    case BITS:
        bits.optval = *(const bool *)place ? bits.optmask : 0;
        mnl_attr_put(message, row->attribute, sizeof(bits), &bits);
        return;
    case ADDRESS:
        mnl_attr_put(message, row->attribute, 6, place);
        return;
    case PROTOCOL:
        mnl_attr_put_u16(message, row->attribute, htons(*(const unsigned *)place ? ETH_P_8021AD : ETH_P_8021Q));
        return;
    }
}

static void parse(const struct row *rows, size_t count, const struct nlattr *nest, struct interface *interface)
{
    const struct nlattr *attribute;

    mnl_attr_for_each_nested(attribute, nest) {
        for (size_t i = 0; i < count; i++) {
            if (mnl_attr_get_type(attribute) != rows[i].attribute
                || mnl_attr_get_payload_len(attribute) < sizes[rows[i].form])
                continue;
            read_value(attribute, rows[i].form, (char *)interface + rows[i].offset);
            interface->set |= FIELD_BIT(rows[i].field);
        }
    }
}

static void put(const struct row *rows, size_t count, struct nlmsghdr *message, const struct interface *interface,
                field_set fields)
{
    for (size_t i = 0; i < count; i++)
        if (fields & FIELD_BIT(rows[i].field))
            put_value(message, &rows[i], (const char *)interface + rows[i].offset);
}

static bool has_root_port(const struct nlattr *data)
{
    const struct nlattr *attribute;

    mnl_attr_for_each_nested(attribute, data)
        if (mnl_attr_get_type(attribute) == IFLA_BR_ROOT_PORT && mnl_attr_get_payload_len(attribute) >= sizeof(uint16_t))
            return mnl_attr_get_u16(attribute);
    return false;
}

static void parse_link(const struct nlattr *data, struct interface *interface)
{
    parse(link_rows, ARRAY_SIZE(link_rows), data, interface);
    interface->follows_root = has_root_port(data);
    /* A kernel that can't filter says that it does not, and nothing else about VLANs. */
    if (!interface_has(interface, FIELD_BRIDGE_VLAN_PROTOCOL))
        interface->set &= ~FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING);
}

static void put_link(struct nlmsghdr *message, const struct interface *interface, field_set fields)
{
    put(link_rows, ARRAY_SIZE(link_rows), message, interface, fields);
}

static void parse_port(const struct nlattr *data, struct interface *interface)
{
    parse(port_rows, ARRAY_SIZE(port_rows), data, interface);
}

static void put_port(struct nlmsghdr *message, const struct interface *interface, field_set fields)
{
    put(port_rows, ARRAY_SIZE(port_rows), message, interface, fields);
}

const struct netdev_kind bridge_kind = {
    .name = "bridge",
    .kind = INTERFACE_BRIDGE,
    .parse_link = parse_link,
    .put_link = put_link,
    .link_fields = FIELD_BRIDGE_ALL,
    .parse_port = parse_port,
    .put_port = put_port,
    .port_fields = FIELD_PORT_ALL & ~FIELD_BIT(FIELD_PORT_VLANS),
    .parse_vlans = bridge_vlan_parse,
    .put_vlans = bridge_vlan_put,
    .needs_mac = true,
};
