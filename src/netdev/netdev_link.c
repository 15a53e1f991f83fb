/* RTM_NEWLINK and RTM_DELLINK, read: what every link has here, what its kind has by the kind's own rows and functions. libnl-route's
 * typed link is passed by: its version 3.7 lacks most of a bridge's attributes and all of a port's, and costs more than all the rest of
 * an event, of which a bridge port makes ten. */
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/kind.h"
#include "netdev/netdev_internal.h"

static const struct {
    const char *name;
    enum interface_kind kind;
} kind_words[] = {
    {"bridge", INTERFACE_BRIDGE}, {"veth", INTERFACE_VETH},       {"vlan", INTERFACE_VLAN},   {"bond", INTERFACE_BOND},
    {"dummy", INTERFACE_DUMMY},   {"macvlan", INTERFACE_MACVLAN}, {"vxlan", INTERFACE_VXLAN},
};

/* Of a link without a kind: a NIC, as a rule. */
static enum interface_kind plain_kind(const struct ifinfomsg *fixed)
{
    if (fixed->ifi_flags & IFF_LOOPBACK)
        return INTERFACE_LOOPBACK;
    return fixed->ifi_type == ARPHRD_ETHER ? INTERFACE_ETHERNET : INTERFACE_OTHER;
}

static enum interface_kind kind_of(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(kind_words); i++)
        if (text_equal(word, kind_words[i].name))
            return kind_words[i].kind;
    return INTERFACE_OTHER;
}

/* By its group alone: an adopted link may have an alias of its own. */
static void read_owner(struct interface *interface)
{
    bool doomed = interface->group > TRESTLE_GROUP && interface->group <= TRESTLE_GROUP + TRESTLE_DOOMED_GROUPS;

    if (interface->group != TRESTLE_GROUP && !doomed)
        return;
    interface->owner = OWNER_TRESTLE;
    interface->half_made = doomed || !interface->has_alias;
}

/* A number of one or four bytes; 0 when the message does not say it. */
static uint32_t number_of(const struct nlattr *attribute)
{
    if (!attribute)
        return 0;
    return nla_len(attribute) >= (int)sizeof(uint32_t) ? nla_get_u32(attribute) : nla_get_u8(attribute);
}

static void read_mac(const struct nlattr *attribute, uint8_t mac[6])
{
    if (attribute && nla_len(attribute) == 6)
        memcpy(mac, nla_data(attribute), 6);
}

/* What every link has. */
static void read_link(const struct ifinfomsg *fixed, struct nlattr **attributes, struct interface *link)
{
    link->index = fixed->ifi_index;
    link->up = fixed->ifi_flags & IFF_UP;
    link->arp = !(fixed->ifi_flags & IFF_NOARP);
    link->carrier = fixed->ifi_flags & IFF_LOWER_UP;
    link->operstate = (uint8_t)number_of(attributes[IFLA_OPERSTATE]);
    link->mtu = number_of(attributes[IFLA_MTU]);
    link->master_index = (int)number_of(attributes[IFLA_MASTER]);
    read_mac(attributes[IFLA_ADDRESS], link->mac);
    read_mac(attributes[IFLA_PERM_ADDRESS], link->permanent_mac);
    link->group = number_of(attributes[IFLA_GROUP]);
    link->has_alias = attributes[IFLA_IFALIAS] && nla_len(attributes[IFLA_IFALIAS]) > 1;
    read_owner(link);
    link->kind = plain_kind(fixed);
    link->set = FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_ARP)
                | FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_ADDRESSES) | FIELD_BIT(FIELD_ROUTES) | FIELD_BIT(FIELD_INBOUND)
                | FIELD_BIT(FIELD_OUTBOUND);
}

static const struct netdev_kind *find_kind(const struct netdev_cache *cache, const struct nlattr *word)
{
    for (const struct netdev_kind *const *kind = cache->kinds; word && *kind; kind++)
        if (nla_strcmp(word, (*kind)->name) == 0)
            return *kind;
    return NULL;
}

/* "tun" stands for both a TUN (layer 3) and a TAP. */
static bool is_tap(struct nlattr *data)
{
    struct nlattr *attributes[IFLA_TUN_MAX + 1], *type;

    if (nla_parse_nested(attributes, IFLA_TUN_MAX, data, NULL) < 0)
        return false;
    type = attributes[IFLA_TUN_TYPE];
    return type && nla_len(type) >= 1 && nla_get_u8(type) == IFF_TAP;
}

static void parse_port(const struct netdev_kind *kind, const struct nlattr *data, struct interface *interface)
{
    netdev_row_parse(kind->port_rows, kind->port_row_count, data, interface);
    if (kind->parse_port)
        kind->parse_port(data, interface);
}

static void read_kind(const struct netdev_cache *cache, struct nlattr *nest, struct interface *interface)
{
    struct nlattr *info[IFLA_INFO_MAX + 1];
    const struct netdev_kind *kind;

    if (!nest || nla_parse_nested(info, IFLA_INFO_MAX, nest, NULL) < 0)
        return;
    if (info[IFLA_INFO_KIND]) {
        nla_strlcpy(interface->kind_name, info[IFLA_INFO_KIND], sizeof(interface->kind_name));
        interface->kind = kind_of(interface->kind_name);
    }
    kind = find_kind(cache, info[IFLA_INFO_KIND]);
    if (kind && info[IFLA_INFO_DATA])
        netdev_row_parse(kind->link_rows, kind->link_row_count, info[IFLA_INFO_DATA], interface);
    if (kind && kind->parse_link && info[IFLA_INFO_DATA])
        kind->parse_link(info[IFLA_INFO_DATA], interface);
    if (text_equal(interface->kind_name, "tun") && info[IFLA_INFO_DATA])
        interface->kind = is_tap(info[IFLA_INFO_DATA]) ? INTERFACE_TAP : INTERFACE_TUN;
    kind = find_kind(cache, info[IFLA_INFO_SLAVE_KIND]);
    if (kind && info[IFLA_INFO_SLAVE_DATA])
        parse_port(kind, info[IFLA_INFO_SLAVE_DATA], interface);
}

/* A veth's IFLA_LINK is its peer, and that with IFLA_LINK_NETNSID lies in another namespace. */
static void read_parent(struct nlattr **attributes, struct interface *link)
{
    if (!attributes[IFLA_LINK] || attributes[IFLA_LINK_NETNSID])
        return;
    if (link->kind == INTERFACE_VETH)
        link->peer_index = (int)nla_get_u32(attributes[IFLA_LINK]);
    else if (kind_find(link->kind)->has_parent)
        link->parent_index = (int)nla_get_u32(attributes[IFLA_LINK]);
}

static const struct netdev_kind *bridge_of(const struct netdev_cache *cache)
{
    for (const struct netdev_kind *const *kind = cache->kinds; *kind; kind++)
        if ((*kind)->kind == INTERFACE_BRIDGE)
            return *kind;
    return NULL;
}

void netdev_vlan_read(struct netdev_cache *cache, struct interface *interface, const struct nlattr *spec)
{
    const struct netdev_kind *kind = bridge_of(cache);
    struct port_vlans *vlans;

    if (!kind || !kind->parse_vlans)
        return;
    vlans = NEW(struct port_vlans);
    kind->parse_vlans(spec, vlans);
    netdev_cache_put_vlans(cache, interface, vlans);
}

static void read_port(struct netdev_cache *cache, const struct interface *port, const struct nlattr *options)
{
    const struct netdev_kind *kind = bridge_of(cache);
    struct interface new = *port; /* what it points to is not touched */

    if (!kind)
        return;
    parse_port(kind, options, &new);
    netdev_cache_put(cache, &new);
}

/* The bridge's own messages say that a port joined (RTM_NEWLINK), left (RTM_DELLINK!) or got other options or VLANs. Of use are
 * the options, because a port that is down gets no other event for them, and the VLANs, which are told nowhere else. Those of
 * the bridge itself name it as its own master. */
static void read_bridge_message(struct netdev_cache *cache, const struct nlmsghdr *header, int index, struct nlattr **attributes)
{
    struct interface *link = netdev_cache_find(cache, index);
    uint32_t master = attributes[IFLA_MASTER] ? nla_get_u32(attributes[IFLA_MASTER]) : 0;

    if (header->nlmsg_type != RTM_NEWLINK || !link || !master
        || master != (uint32_t)(link->kind == INTERFACE_BRIDGE ? link->index : link->master_index))
        return;
    if (attributes[IFLA_PROTINFO] && link->master_index)
        read_port(cache, link, attributes[IFLA_PROTINFO]);
    if (netdev_cache_filters(cache, link))
        netdev_vlan_read(cache, link, attributes[IFLA_AF_SPEC]);
}

void netdev_link_read(struct netdev_cache *cache, struct nl_msg *msg)
{
    struct nlmsghdr *header = nlmsg_hdr(msg);
    const struct ifinfomsg *fixed = nlmsg_data(header);
    struct nlattr *attributes[IFLA_MAX + 1];
    struct interface link;

    if (nlmsg_parse(header, sizeof(*fixed), attributes, IFLA_MAX, NULL) < 0)
        return;
    if (fixed->ifi_family == AF_BRIDGE) {
        read_bridge_message(cache, header, fixed->ifi_index, attributes);
        return;
    }
    if (header->nlmsg_type == RTM_DELLINK) {
        netdev_cache_remove(cache, fixed->ifi_index);
        return;
    }
    if (!attributes[IFLA_IFNAME] || attributes[IFLA_WIRELESS]) /* a wireless event holds nothing else */
        return;
    memset(&link, 0, sizeof(link)); /* its padding too: links are compared by their bytes */
    link.onboot = true;
    nla_strlcpy(link.name, attributes[IFLA_IFNAME], sizeof(link.name));
    read_link(fixed, attributes, &link);
    read_kind(cache, attributes[IFLA_LINKINFO], &link);
    read_parent(attributes, &link);
    netdev_cache_put(cache, &link);
    if (attributes[IFLA_AF_SPEC])
        netdev_sysctl_read(cache, netdev_cache_find(cache, link.index), attributes[IFLA_AF_SPEC]);
}
