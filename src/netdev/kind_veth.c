/* Veth pairs: one message makes both ends. Which is a link's other end is told by its IFLA_LINK (netdev_link.c). */
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "netdev/kind.h"

/* The other end is as much ours as this one. */
static void put_link(struct nlmsghdr *message, const struct interface *interface, field_set fields)
{
    struct nlattr *peer = mnl_attr_nest_start(message, VETH_INFO_PEER);

    (void)fields; /* the only one is the peer */
    mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, interface->peer);
    mnl_attr_put_u32(message, IFLA_GROUP, TRESTLE_GROUP);
    mnl_attr_nest_end(message, peer);
}

const struct netdev_kind kind_veth = {
    .name = "veth",
    .kind = INTERFACE_VETH,
    .put_link = put_link,
    .link_fields = FIELD_BIT(FIELD_VETH_PEER),
};
