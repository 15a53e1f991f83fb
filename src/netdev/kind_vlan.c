/* VLANs of 802.1Q: IFLA_INFO_DATA of a "vlan". */
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <string.h>

#include "base/memory.h"
#include "netdev/kind.h"

static const struct netdev_row rows[] = {
    {FIELD_VLAN_ID, IFLA_VLAN_ID, NETDEV_U16, offsetof(struct interface, vlan.id), 0},
};

static const struct flag {
    enum interface_field field;
    uint32_t bit;
    size_t offset;
} flags[] = {
    {FIELD_VLAN_REORDER_HEADERS, VLAN_FLAG_REORDER_HDR, offsetof(struct interface, vlan.reorder_headers)},
    {FIELD_VLAN_GVRP, VLAN_FLAG_GVRP, offsetof(struct interface, vlan.gvrp)},
    {FIELD_VLAN_MVRP, VLAN_FLAG_MVRP, offsetof(struct interface, vlan.mvrp)},
    {FIELD_VLAN_LOOSE_BINDING, VLAN_FLAG_LOOSE_BINDING, offsetof(struct interface, vlan.loose_binding)},
};

static void parse_flags(const struct nlattr *attribute, struct interface *interface)
{
    struct ifla_vlan_flags value;

    if (mnl_attr_get_payload_len(attribute) < sizeof(value))
        return;
    memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        *(bool *)((char *)interface + flags[i].offset) = value.flags & flags[i].bit;
}

static void put_flags(struct nlmsghdr *message, const struct interface *interface, field_set fields)
{
    struct ifla_vlan_flags value = {0};

    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        if (!(fields & FIELD_BIT(flags[i].field)))
            continue;
        value.mask |= flags[i].bit;
        if (*(const bool *)((const char *)interface + flags[i].offset))
            value.flags |= flags[i].bit;
    }
    if (value.mask)
        mnl_attr_put(message, IFLA_VLAN_FLAGS, sizeof(value), &value);
}

static void parse_map(const struct nlattr *nest, uint32_t *map, size_t length)
{
    const struct nlattr *attribute;

    mnl_attr_for_each_nested(attribute, nest) {
        struct ifla_vlan_qos_mapping pair;

        if (mnl_attr_get_payload_len(attribute) < sizeof(pair))
            continue;
        memcpy(&pair, mnl_attr_get_payload(attribute), sizeof(pair));
        if (pair.from < length)
            map[pair.from] = pair.to;
    }
}

/* All pairs: the kernel keeps those that are not named. */
static void put_map(struct nlmsghdr *message, uint16_t type, const uint32_t *map, size_t length)
{
    struct nlattr *nest = mnl_attr_nest_start(message, type);

    for (size_t from = 0; from < length; from++) {
        struct ifla_vlan_qos_mapping pair = {.from = (uint32_t)from, .to = map[from]};

        mnl_attr_put(message, IFLA_VLAN_QOS_MAPPING, sizeof(pair), &pair);
    }
    mnl_attr_nest_end(message, nest);
}

/* Flags none of which is set, and a map without pairs, are not in the message at all. */
static void parse_link(const struct nlattr *data, struct interface *interface)
{
    const struct nlattr *attribute;

    interface->set |= FIELD_VLAN_ALL & ~FIELD_BIT(FIELD_VLAN_ID);
    mnl_attr_for_each_nested(attribute, data) {
        if (mnl_attr_get_type(attribute) == IFLA_VLAN_FLAGS)
            parse_flags(attribute, interface);
        else if (mnl_attr_get_type(attribute) == IFLA_VLAN_INGRESS_QOS)
            parse_map(attribute, interface->vlan.ingress, VLAN_PRIORITIES);
        else if (mnl_attr_get_type(attribute) == IFLA_VLAN_EGRESS_QOS)
            parse_map(attribute, interface->vlan.egress, PACKET_PRIORITIES);
    }
}

static void put_link(struct nlmsghdr *message, const struct interface *interface, field_set fields)
{
    put_flags(message, interface, fields);
    if (fields & FIELD_BIT(FIELD_VLAN_INGRESS))
        put_map(message, IFLA_VLAN_INGRESS_QOS, interface->vlan.ingress, VLAN_PRIORITIES);
    if (fields & FIELD_BIT(FIELD_VLAN_EGRESS))
        put_map(message, IFLA_VLAN_EGRESS_QOS, interface->vlan.egress, PACKET_PRIORITIES);
}

const struct netdev_kind kind_vlan = {
    .name = "vlan",
    .kind = INTERFACE_VLAN,
    .link_rows = rows,
    .link_row_count = ARRAY_SIZE(rows),
    .parse_link = parse_link,
    .put_link = put_link,
    .link_fields = FIELD_VLAN_ALL,
};
