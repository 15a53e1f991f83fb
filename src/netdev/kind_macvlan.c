/* Macvlans: IFLA_INFO_DATA of a "macvlan". */
#include <libmnl/libmnl.h>
#include <linux/if_link.h>

#include "netdev/kind.h"

enum { MODES = 5 }; /* a bit each for the kernel, a place in the option's choices for trestle */

static void parse_link(const struct nlattr *data, struct interface *interface)
{
    const struct nlattr *attribute;

    mnl_attr_for_each_nested(attribute, data) {
        if (mnl_attr_get_type(attribute) != IFLA_MACVLAN_MODE || mnl_attr_get_payload_len(attribute) < sizeof(uint32_t))
            continue;
        for (unsigned mode = 0; mode < MODES; mode++)
            if (mnl_attr_get_u32(attribute) == 1u << mode) {
                interface->macvlan_mode = mode;
                interface->set |= FIELD_BIT(FIELD_MACVLAN_MODE);
            }
    }
}

static void put_link(struct nlmsghdr *message, const struct interface *interface, field_set fields)
{
    (void)fields; /* the only one is the mode */
    mnl_attr_put_u32(message, IFLA_MACVLAN_MODE, 1u << interface->macvlan_mode);
}

const struct netdev_kind kind_macvlan = {
    .name = "macvlan",
    .kind = INTERFACE_MACVLAN,
    .parse_link = parse_link,
    .put_link = put_link,
    .link_fields = FIELD_BIT(FIELD_MACVLAN_MODE),
};
