/* Times are the kernel's clock_t, hundredths of a second, in the message as in struct bridge_options. */
#include "bridge/bridge.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>

#include "base/memory.h"
#include "bridge/bridge_internal.h"

enum width { WIDTH_8 = 1, WIDTH_16 = 2, WIDTH_32 = 4 };

/* One row per attribute: reader and writer come from it. */
struct row {
    enum interface_field field;
    uint16_t attribute;
    enum width width;
    bool truth;    /* of type bool, else uint32_t */
    size_t offset; /* in struct interface */
};

#define NUMBER(field, attribute, width, member) {field, attribute, width, false, offsetof(struct interface, member)}
#define TRUTH(field, attribute, width, member) {field, attribute, width, true, offsetof(struct interface, member)}

static const struct row link_rows[] = {
    NUMBER(FIELD_BRIDGE_FORWARD_DELAY, IFLA_BR_FORWARD_DELAY, WIDTH_32, bridge.forward_delay),
    NUMBER(FIELD_BRIDGE_HELLO_TIME, IFLA_BR_HELLO_TIME, WIDTH_32, bridge.hello_time),
    NUMBER(FIELD_BRIDGE_MAX_AGE, IFLA_BR_MAX_AGE, WIDTH_32, bridge.max_age),
    NUMBER(FIELD_BRIDGE_AGEING_TIME, IFLA_BR_AGEING_TIME, WIDTH_32, bridge.ageing_time),
    TRUTH(FIELD_BRIDGE_STP, IFLA_BR_STP_STATE, WIDTH_32, bridge.stp), /* 2 = done by a program in user space */
    NUMBER(FIELD_BRIDGE_PRIORITY, IFLA_BR_PRIORITY, WIDTH_16, bridge.priority),
    TRUTH(FIELD_BRIDGE_VLAN_FILTERING, IFLA_BR_VLAN_FILTERING, WIDTH_8, bridge.vlan_filtering),
    TRUTH(FIELD_BRIDGE_MULTICAST_SNOOPING, IFLA_BR_MCAST_SNOOPING, WIDTH_8, bridge.multicast_snooping),
};

static const struct row port_rows[] = {
    NUMBER(FIELD_PORT_COST, IFLA_BRPORT_COST, WIDTH_32, port.cost),
    NUMBER(FIELD_PORT_PRIORITY, IFLA_BRPORT_PRIORITY, WIDTH_16, port.priority),
    TRUTH(FIELD_PORT_HAIRPIN, IFLA_BRPORT_MODE, WIDTH_8, port.hairpin),
    TRUTH(FIELD_PORT_ISOLATED, IFLA_BRPORT_ISOLATED, WIDTH_8, port.isolated),
    TRUTH(FIELD_PORT_LEARNING, IFLA_BRPORT_LEARNING, WIDTH_8, port.learning),
    TRUTH(FIELD_PORT_UNICAST_FLOOD, IFLA_BRPORT_UNICAST_FLOOD, WIDTH_8, port.unicast_flood),
    TRUTH(FIELD_PORT_MULTICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, WIDTH_8, port.multicast_flood),
};

static uint32_t read_value(const struct nlattr *attribute, enum width width)
{
    switch (width) {
    case WIDTH_8:
        return mnl_attr_get_u8(attribute);
    case WIDTH_16:
        return mnl_attr_get_u16(attribute);
    case WIDTH_32:
        return mnl_attr_get_u32(attribute);
    }
    return 0;
}

static void parse(const struct row *rows, size_t count, const struct nlattr *nest, struct interface *interface)
{
    const struct nlattr *attribute;

    mnl_attr_for_each_nested(attribute, nest) {
        for (size_t i = 0; i < count; i++) {
            char *place = (char *)interface + rows[i].offset;

            if (mnl_attr_get_type(attribute) != rows[i].attribute || mnl_attr_get_payload_len(attribute) < rows[i].width)
                continue;
            if (rows[i].truth)
                *(bool *)place = read_value(attribute, rows[i].width);
            else
                *(uint32_t *)place = read_value(attribute, rows[i].width);
            interface->set |= FIELD_BIT(rows[i].field);
        }
    }
}

static void put(const struct row *rows, size_t count, struct nlmsghdr *message, const struct interface *interface,
                field_set fields)
{
    for (size_t i = 0; i < count; i++) {
        const char *place = (const char *)interface + rows[i].offset;
        uint32_t value = rows[i].truth ? *(const bool *)place : *(const uint32_t *)place;

        if (!(fields & FIELD_BIT(rows[i].field)))
            continue;
        if (rows[i].width == WIDTH_8)
            mnl_attr_put_u8(message, rows[i].attribute, (uint8_t)value);
        else if (rows[i].width == WIDTH_16)
            mnl_attr_put_u16(message, rows[i].attribute, (uint16_t)value);
        else
            mnl_attr_put_u32(message, rows[i].attribute, value);
    }
}

static void parse_link(const struct nlattr *data, struct interface *interface)
{
    parse(link_rows, ARRAY_SIZE(link_rows), data, interface);
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
