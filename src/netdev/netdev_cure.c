#include <errno.h>

#include "netdev/netdev_internal.h"

static const char *cure_bridge(field_set fields, int code)
{
    if (code == EOPNOTSUPP && fields & FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING))
        return "the kernel lacks VLAN filtering: CONFIG_BRIDGE_VLAN_FILTERING";
    if (code == EOPNOTSUPP && fields & FIELD_BIT(FIELD_BRIDGE_MULTICAST_SNOOPING))
        return "the kernel lacks multicast snooping: CONFIG_BRIDGE_IGMP_SNOOPING";
    if (code == EBUSY && fields & FIELD_BIT(FIELD_BRIDGE_VLAN_STATISTICS_PER_PORT))
        return "vlan_stats_per_port changes only while no port has VLANs: take the ports out first";
    if (code == ERANGE)
        return "hello time must be 1 to 10 s, max age 6 to 40 s, and with STP the forward delay 2 to 30 s";
    return NULL;
}

/* ENOENT is what the kernel says to an unknown kind of qdisc, filter or action. */
static const char *cure_rate(field_set fields, int code)
{
    if (code != ENOENT && code != EOPNOTSUPP)
        return NULL;
    if (!(fields & FIELD_BIT(FIELD_OUTBOUND)))
        return "the kernel lacks it: CONFIG_NET_SCH_HTB (module sch_htb)";
    if (!(fields & FIELD_BIT(FIELD_INBOUND)))
        return "the kernel lacks it: CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32, CONFIG_NET_ACT_POLICE (modules sch_ingress, "
               "cls_u32, act_police)";
    return "the kernel lacks it: for inbound CONFIG_NET_SCH_HTB (module sch_htb), for outbound CONFIG_NET_SCH_INGRESS, "
           "CONFIG_NET_CLS_U32, CONFIG_NET_ACT_POLICE (modules sch_ingress, cls_u32, act_police)";
}

static const char *cure_link(const struct step *step, int code)
{
    field_set fields = step->fields;

    if (step->op == STEP_LINK_CREATE && code == EEXIST)
        return fields & FIELD_BIT(FIELD_VLAN_ID) ? "the name, or this VLAN of the link below, is taken" : "an interface of that name exists";
    if (step->op == STEP_LINK_CREATE && code == EOPNOTSUPP && fields & FIELD_BIT(FIELD_PARENT))
        return "the kernel lacks this kind of link (load its module), or the one below carries none";
    if (step->op == STEP_LINK_CREATE && code == EOPNOTSUPP && !(fields & FIELD_BRIDGE_ALL))
        return "the kernel lacks this kind of link: load its module";
    if (fields & FIELD_BIT(FIELD_MASTER)) {
        if (code == EXFULL)
            return "the bridge is full: it takes 1,023 ports";
        if (code == ELOOP)
            return "a bridge cannot be a port of a bridge; join them with a veth pair";
        if (code == EBUSY)
            return "something else has its packets (a macvlan, a bond, an Open vSwitch bridge): take it away there first";
    }
    if (fields & FIELD_BIT(FIELD_MAC) && code == EADDRNOTAVAIL)
        return "a MAC must be neither zero nor a multicast one";
    if (code == EOPNOTSUPP && fields & FIELD_BIT(FIELD_PORT_VLANS))
        return "the kernel lacks VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING), or this is no port of a bridge";
    if (fields & (FIELD_BIT(FIELD_INBOUND) | FIELD_BIT(FIELD_OUTBOUND)) && cure_rate(fields, code))
        return cure_rate(fields, code);
    return cure_bridge(fields, code);
}

static const char *cure_route(int code)
{
    if (code == ENETUNREACH || code == EHOSTUNREACH)
        return "the gateway must lie in a network of an address of this interface";
    if (code == ENETDOWN)
        return "the interface is down";
    return NULL;
}

const char *netdev_cure(const struct step *step, int code)
{
    if (code == EPERM && !(step->fields & FIELD_BOND_ALL)) /* a bond says so of options that don't go together, too */
        return "CAP_NET_ADMIN is needed";
    switch (step->op) {
    case STEP_LINK_CREATE:
    case STEP_LINK_SET:
        return cure_link(step, code);
    case STEP_ROUTE_ADD:
        return cure_route(code);
    case STEP_RULE_ADD:
        return code == EOPNOTSUPP ? "the kernel lacks it: CONFIG_IP_MULTIPLE_TABLES, CONFIG_IPV6_MULTIPLE_TABLES" : NULL;
    case STEP_ADDRESS_ADD:
    case STEP_ADDRESS_RENEW:
        return code == EACCES ? "IPv6 is switched off there: net.ipv6.conf.NAME.disable_ipv6" : NULL;
    default:
        return NULL;
    }
}
