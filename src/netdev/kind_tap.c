/* TAPs and TUNs: IFLA_INFO_DATA of a "tun". Nothing of it can be changed by netlink, nor such a link be made. */
#include <libmnl/libmnl.h>
#include <linux/if_link.h>

#include "netdev/kind.h"

static void parse_link(const struct nlattr *data, struct interface *interface)
{
    const struct nlattr *attribute;

    interface->tap.owner = interface->tap.group = UINT32_MAX;
    interface->set |= FIELD_TAP_ALL;
    mnl_attr_for_each_nested(attribute, data) {
        if (mnl_attr_get_payload_len(attribute) < sizeof(uint32_t))
            continue;
        if (mnl_attr_get_type(attribute) == IFLA_TUN_OWNER)
            interface->tap.owner = mnl_attr_get_u32(attribute);
        else if (mnl_attr_get_type(attribute) == IFLA_TUN_GROUP)
            interface->tap.group = mnl_attr_get_u32(attribute);
    }
}

const struct netdev_kind kind_tap = {.name = "tun", .kind = INTERFACE_TAP, .parse_link = parse_link};
const struct netdev_kind kind_tun = {.name = "tun", .kind = INTERFACE_TUN, .parse_link = parse_link};
