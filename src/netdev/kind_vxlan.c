/* VXLANs: IFLA_INFO_DATA of a "vxlan". */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <string.h>

#include "base/memory.h"
#include "netdev/kind.h"

#define ROW(field, attribute, value, member) {field, attribute, value, offsetof(struct interface, vxlan.member), 0}

static const struct netdev_row rows[] = {
    ROW(FIELD_VXLAN_ID, IFLA_VXLAN_ID, NETDEV_U32, id),
    ROW(FIELD_VXLAN_TTL, IFLA_VXLAN_TTL, NETDEV_U8, ttl),
    ROW(FIELD_VXLAN_LEARNING, IFLA_VXLAN_LEARNING, NETDEV_BOOL8, learning),
    {FIELD_PARENT, IFLA_VXLAN_LINK, NETDEV_LINK, offsetof(struct interface, parent), offsetof(struct interface, parent_index)},
};

/* The address of either family under its own number. */
static const struct address_row {
    enum interface_field field;
    uint16_t ipv4, ipv6;
    size_t offset;
} address_rows[] = {
    {FIELD_VXLAN_LOCAL, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6, offsetof(struct interface, vxlan.local)},
    {FIELD_VXLAN_REMOTE, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, offsetof(struct interface, vxlan.remote)},
};

static void parse_address(const struct nlattr *attribute, struct interface *interface)
{
    for (size_t i = 0; i < ARRAY_SIZE(address_rows); i++) {
        const struct address_row *row = &address_rows[i];
        bool ipv6 = mnl_attr_get_type(attribute) == row->ipv6;

        if ((ipv6 || mnl_attr_get_type(attribute) == row->ipv4) && mnl_attr_get_payload_len(attribute) == (ipv6 ? 16 : 4))
            inet_ntop(ipv6 ? AF_INET6 : AF_INET, mnl_attr_get_payload(attribute), (char *)interface + row->offset, IP_TEXT_SIZE);
    }
}

/* Without an address there is no attribute of it. */
static void parse_link(const struct nlattr *data, struct interface *interface)
{
    const struct nlattr *attribute;

    interface->set |= FIELD_BIT(FIELD_VXLAN_LOCAL) | FIELD_BIT(FIELD_VXLAN_REMOTE);
    mnl_attr_for_each_nested(attribute, data) {
        parse_address(attribute, interface);
        if (mnl_attr_get_type(attribute) == IFLA_VXLAN_PORT && mnl_attr_get_payload_len(attribute) >= sizeof(uint16_t)) {
            interface->vxlan.port = ntohs(mnl_attr_get_u16(attribute));
            interface->set |= FIELD_BIT(FIELD_VXLAN_PORT);
        }
    }
}

static void put_link(struct nlmsghdr *message, const struct interface *interface, field_set fields)
{
    for (size_t i = 0; i < ARRAY_SIZE(address_rows); i++) {
        const struct address_row *row = &address_rows[i];
        const char *text = (const char *)interface + row->offset;
        bool ipv6 = strchr(text, ':');
        uint8_t address[16];

        if (fields & FIELD_BIT(row->field) && inet_pton(ipv6 ? AF_INET6 : AF_INET, text, address) == 1)
            mnl_attr_put(message, ipv6 ? row->ipv6 : row->ipv4, ipv6 ? 16 : 4, address);
    }
    if (fields & FIELD_BIT(FIELD_VXLAN_PORT))
        mnl_attr_put_u16(message, IFLA_VXLAN_PORT, htons((uint16_t)interface->vxlan.port));
}

const struct netdev_kind kind_vxlan = {
    .name = "vxlan",
    .kind = INTERFACE_VXLAN,
    .link_rows = rows,
    .link_row_count = ARRAY_SIZE(rows),
    .parse_link = parse_link,
    .put_link = put_link,
    .link_fields = FIELD_VXLAN_ALL | FIELD_BIT(FIELD_PARENT),
};
