/* The host's network as trestle speaks of it. WANTED (out of files and commands) and OBSERVED (out of netlink) are the same types:
 * `set` says which fields were stated, respectively are known, and only stated fields are compared and touched. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/field.h"
#include "model/route.h"
#include "model/rule.h"

#define TRESTLE_GROUP 0x74726573u /* IFLA_GROUP of the links that trestle made: "tres" */
#define TRESTLE_DOOMED_GROUPS 256u /* the groups behind it: of links that are about to be deleted together */
#define TRESTLE_ALIAS "made by trestle"

enum interface_kind { /* the order of interface_kind_names */
    INTERFACE_ETHERNET, /* a NIC that the kernel's drivers made: nothing that can be created */
    INTERFACE_LOOPBACK,
    INTERFACE_BRIDGE,
    INTERFACE_TAP,
    INTERFACE_VETH,
    INTERFACE_VLAN,
    INTERFACE_BOND,
    INTERFACE_TUN, /* of layer 3; as TAPs, the file's own are persistent */
    INTERFACE_DUMMY,
    INTERFACE_MACVLAN,
    INTERFACE_VXLAN,
    INTERFACE_OTHER, /* known to the kernel, not to trestle: shown, never made */
};

/* Bits of interface.set. The option table (option.h) names the key and the place of each scalar one. */
enum interface_field {
    FIELD_KIND,
    FIELD_UP,
    FIELD_MAC,
    FIELD_MTU,
    FIELD_ARP,
    FIELD_MASTER,    /* of a bridge's port or of a bond's */
    FIELD_PARENT,    /* the link below, of a VLAN and its like */
    FIELD_ADDRESSES, /* stated: every address listed is wanted (and for a bridge port: no other) */
    FIELD_ROUTES,
    FIELD_SYSCTLS,   /* per-interface sysctls; stated: those that are listed */
    /* of a bridge */
    FIELD_BRIDGE_STP,
    FIELD_BRIDGE_FORWARD_DELAY,
    FIELD_BRIDGE_HELLO_TIME,
    FIELD_BRIDGE_MAX_AGE,
    FIELD_BRIDGE_AGEING_TIME,
    FIELD_BRIDGE_PRIORITY,
    FIELD_BRIDGE_VLAN_FILTERING,
    FIELD_BRIDGE_MULTICAST_SNOOPING,
    FIELD_BRIDGE_GROUP_ADDRESS,
    FIELD_BRIDGE_GROUP_FORWARD_MASK,
    FIELD_BRIDGE_NO_LINK_LOCAL_LEARNING,
    FIELD_BRIDGE_VLAN_PROTOCOL,
    FIELD_BRIDGE_DEFAULT_PVID,
    FIELD_BRIDGE_VLAN_STATISTICS,
    FIELD_BRIDGE_VLAN_STATISTICS_PER_PORT,
    FIELD_BRIDGE_MULTICAST_ROUTER,
    FIELD_BRIDGE_HASH_MAX,
    FIELD_BRIDGE_IGMP_VERSION,
    FIELD_BRIDGE_MLD_VERSION,
    FIELD_BRIDGE_QUERIER,
    FIELD_BRIDGE_QUERY_USE_ADDRESS,
    FIELD_BRIDGE_QUERIER_INTERVAL,
    FIELD_BRIDGE_QUERY_INTERVAL,
    FIELD_BRIDGE_QUERY_RESPONSE_INTERVAL,
    FIELD_BRIDGE_STARTUP_QUERY_COUNT,
    FIELD_BRIDGE_STARTUP_QUERY_INTERVAL,
    FIELD_BRIDGE_LAST_MEMBER_COUNT,
    FIELD_BRIDGE_LAST_MEMBER_INTERVAL,
    FIELD_BRIDGE_MEMBERSHIP_INTERVAL,
    FIELD_BRIDGE_MULTICAST_STATISTICS,
    FIELD_BRIDGE_ARPTABLES,
    FIELD_BRIDGE_IPTABLES,
    FIELD_BRIDGE_IP6TABLES,
    FIELD_BRIDGE_LAST = FIELD_BRIDGE_IP6TABLES,
    /* of a VLAN */
    FIELD_VLAN_ID,
    FIELD_VLAN_REORDER_HEADERS,
    FIELD_VLAN_GVRP,
    FIELD_VLAN_MVRP,
    FIELD_VLAN_LOOSE_BINDING,
    FIELD_VLAN_INGRESS,
    FIELD_VLAN_EGRESS,
    FIELD_VLAN_LAST = FIELD_VLAN_EGRESS,
    /* of a bond */
    FIELD_BOND_MODE,
    FIELD_BOND_MIIMON,
    FIELD_BOND_UPDELAY,
    FIELD_BOND_DOWNDELAY,
    FIELD_BOND_USE_CARRIER,
    FIELD_BOND_ARP_INTERVAL,
    FIELD_BOND_ARP_IP_TARGET,
    FIELD_BOND_ARP_VALIDATE,
    FIELD_BOND_ARP_ALL_TARGETS,
    FIELD_BOND_PRIMARY,
    FIELD_BOND_PRIMARY_RESELECT,
    FIELD_BOND_FAIL_OVER_MAC,
    FIELD_BOND_XMIT_HASH_POLICY,
    FIELD_BOND_RESEND_IGMP,
    FIELD_BOND_NUM_PEER_NOTIFY,
    FIELD_BOND_ALL_SLAVES_ACTIVE,
    FIELD_BOND_MIN_LINKS,
    FIELD_BOND_LP_INTERVAL,
    FIELD_BOND_PACKETS_PER_SLAVE,
    FIELD_BOND_LACP_RATE,
    FIELD_BOND_AD_SELECT,
    FIELD_BOND_AD_ACTOR_SYS_PRIO,
    FIELD_BOND_AD_ACTOR_SYSTEM,
    FIELD_BOND_AD_USER_PORT_KEY,
    FIELD_BOND_TLB_DYNAMIC_LB,
    FIELD_BOND_LAST = FIELD_BOND_TLB_DYNAMIC_LB,
    /* of a TAP or TUN, a veth, a macvlan, a VXLAN */
    FIELD_TAP_OWNER,
    FIELD_TAP_GROUP,
    FIELD_VETH_PEER,
    FIELD_MACVLAN_MODE,
    FIELD_VXLAN_ID,
    FIELD_VXLAN_LOCAL,
    FIELD_VXLAN_REMOTE,
    FIELD_VXLAN_PORT,
    FIELD_VXLAN_TTL,
    FIELD_VXLAN_LEARNING,
    FIELD_VXLAN_LAST = FIELD_VXLAN_LEARNING,
    /* of a bridge's port */
    FIELD_PORT_COST,
    FIELD_PORT_PRIORITY,
    FIELD_PORT_HAIRPIN,
    FIELD_PORT_ISOLATED,
    FIELD_PORT_LEARNING,
    FIELD_PORT_UNICAST_FLOOD,
    FIELD_PORT_MULTICAST_FLOOD,
    FIELD_PORT_BROADCAST_FLOOD,
    FIELD_PORT_BPDU_GUARD,
    FIELD_PORT_ROOT_BLOCK,
    FIELD_PORT_FAST_LEAVE,
    FIELD_PORT_MULTICAST_ROUTER,
    FIELD_PORT_MULTICAST_TO_UNICAST,
    FIELD_PORT_PROXY_ARP,
    FIELD_PORT_PROXY_ARP_WIFI,
    FIELD_PORT_NEIGHBOUR_SUPPRESSION,
    FIELD_PORT_GROUP_FORWARD_MASK,
    FIELD_PORT_VLANS, /* the last one: it has messages of its own */
    FIELD_PORT_BACKUP, /* none of FIELD_PORT_ALL: it names another port, and is set when that is one */
    /* of any link */
    FIELD_INBOUND,  /* what leaves the host by this link: towards the guest, for a VM's TAP */
    FIELD_OUTBOUND, /* what comes in by it */
    INTERFACE_FIELDS
};
_Static_assert(INTERFACE_FIELDS <= 8 * sizeof(field_set), "every field has a bit");

#define FIELDS_FROM_TO(first, last) (FIELD_BIT((last) + 1) - FIELD_BIT(first))
#define FIELD_BRIDGE_ALL FIELDS_FROM_TO(FIELD_BRIDGE_STP, FIELD_BRIDGE_LAST)
#define FIELD_VLAN_ALL FIELDS_FROM_TO(FIELD_VLAN_ID, FIELD_VLAN_LAST)
#define FIELD_BOND_ALL FIELDS_FROM_TO(FIELD_BOND_MODE, FIELD_BOND_LAST)
#define FIELD_TAP_ALL FIELDS_FROM_TO(FIELD_TAP_OWNER, FIELD_TAP_GROUP)
#define FIELD_VXLAN_ALL FIELDS_FROM_TO(FIELD_VXLAN_ID, FIELD_VXLAN_LAST)
#define FIELD_PORT_ALL FIELDS_FROM_TO(FIELD_PORT_COST, FIELD_PORT_VLANS)

enum owner { OWNER_FOREIGN, OWNER_TRESTLE }; /* of a link: by its group and alias */

struct address {
    int family; /* AF_INET or AF_INET6 */
    uint8_t bytes[16];
    uint8_t prefix;
    uint8_t scope;      /* RT_SCOPE_* */
    bool has_scope;     /* WANTED: the scope was stated */
    uint32_t flags;     /* IFA_F_*; observed */
    uint32_t valid;     /* seconds; UINT32_MAX = for ever; observed */
    uint32_t preferred;
    uint64_t expires;   /* CLOCK_BOOTTIME, in seconds: where `valid` ends; 0 = never, or not known. What is compared */
    bool unchecked, unannounced; /* WANTED: ARPCHECK=no, ARPUPDATE=no */
    char label[INTERFACE_NAME_SIZE]; /* of an IPv4 alias: "eth0:1"; "" = the interface's name */
    bool has_broadcast;              /* IPv4: another one than the network's last address */
    uint8_t broadcast[4];
};

struct bridge_options { /* times in hundredths of a second, as the kernel has them (USER_HZ) */
    bool stp;
    uint32_t forward_delay, hello_time, max_age, ageing_time;
    uint32_t priority;
    uint8_t group_address[6]; /* of the spanning tree's messages */
    uint32_t group_forward_mask;
    bool no_link_local_learning;
    bool vlan_filtering;
    unsigned vlan_protocol; /* by its place in the option's choices: 802.1Q, 802.1ad */
    uint32_t default_pvid;  /* 0 = none */
    bool vlan_statistics, vlan_statistics_per_port;
    bool multicast_snooping, querier, query_use_address, multicast_statistics;
    uint32_t multicast_router; /* 0 = none, 1 = where queries come from, 2 = the bridge itself */
    uint32_t hash_max, igmp_version, mld_version;
    uint32_t startup_query_count, last_member_count;
    uint32_t querier_interval, query_interval, query_response_interval, startup_query_interval, last_member_interval,
        membership_interval;
    bool arptables, iptables, ip6tables; /* they see bridged frames */
};

struct port_options {
    uint32_t cost, priority;
    bool hairpin, isolated, learning, unicast_flood, multicast_flood, broadcast_flood;
    bool bpdu_guard, root_block, fast_leave, multicast_to_unicast, proxy_arp, proxy_arp_wifi, neighbour_suppression;
    uint32_t multicast_router;
    uint32_t group_forward_mask;
    char backup[INTERFACE_NAME_SIZE]; /* port of the same bridge that takes over when this one has no carrier; "" = none */
    int backup_index;                 /* observed */
};

enum { VLAN_PRIORITIES = 8, PACKET_PRIORITIES = 16, ARP_TARGETS = 16 /* BOND_MAX_ARP_TARGETS */ };

struct vlan_options {
    uint32_t id; /* 0 … 4094 */
    bool reorder_headers, gvrp, mvrp, loose_binding;
    uint32_t ingress[VLAN_PRIORITIES];  /* by the frame's priority: the packet's; 0 is what an unmapped one gets */
    uint32_t egress[PACKET_PRIORITIES]; /* by the packet's priority: the frame's */
};

enum bond_mode { BOND_ROUND_ROBIN, BOND_ACTIVE_BACKUP, BOND_XOR, BOND_BROADCAST, BOND_LACP, BOND_TLB, BOND_ALB };

/* Modes and the like as the kernel numbers them; the words are those of the option table. Times in milliseconds. */
struct bond_options {
    unsigned mode, arp_validate, arp_all_targets, primary_reselect, fail_over_mac, xmit_hash_policy, lacp_rate, ad_select;
    uint32_t miimon, updelay, downdelay, arp_interval, resend_igmp, num_peer_notify, min_links, packets_per_slave;
    uint32_t lp_interval; /* seconds */
    uint32_t ad_actor_sys_prio, ad_user_port_key;
    bool use_carrier, all_slaves_active, tlb_dynamic_lb;
    uint8_t ad_actor_system[6];
    uint8_t arp_ip_targets[ARP_TARGETS][4]; /* all zero: none */
    char primary[INTERFACE_NAME_SIZE];      /* "" = none */
    int primary_index;                      /* observed */
};

struct tap_options { /* who may open it besides root */
    uint32_t owner, group; /* UINT32_MAX: nobody */
};

#define IP_TEXT_SIZE 46 /* INET6_ADDRSTRLEN */

struct vxlan_options {
    uint32_t id;
    char local[IP_TEXT_SIZE];  /* source of the outer packets; "" = by the route */
    char remote[IP_TEXT_SIZE]; /* the other end, or a multicast group of other ends; "" = none */
    uint32_t port, ttl;        /* ttl 0: the host's own, and 1 to a group */
    bool learning;
};

/* Of a port of a bridge that filters VLANs. */
struct port_vlans {
    uint16_t pvid;       /* untagged frames belong to it, and it leaves untagged; 0 = none */
    uint64_t tagged[64]; /* a bit per VLAN 1 … 4094 */
};

#define SYSCTL_AS_NEW INT32_MIN /* in a step: what a new interface has, which is the host's to say (…/conf/default/KEY) */

/* A sysctl of one interface: /proc/sys/net/FAMILY/conf/INTERFACE/KEY. */
struct sysctl {
    char name[40]; /* "ipv4/rp_filter", "ipv6/accept_ra" */
    int32_t value;
};

/* Of BOOTPROTO=dhcp; WANTED only. */
struct dhcp_options {
    bool client;         /* a DHCP client gives the IPv4 addresses */
    char *hostname, *fqdn, *client_id; /* owned; NULL = not stated */
    bool send_hostname;  /* the host's own name, when none is stated */
    bool release;        /* the lease is given back when it is not wanted any more */
    bool ignore_gateway; /* DHCLIENT_IGNORE_GATEWAY, or DEFROUTE and GATEWAYDEV do not want it */
    bool unchecked;      /* ARPCHECK=no: the offered address is not looked for on the wire */
    uint32_t metric;     /* of the lease's routes */
};

struct rate { /* virsh's units; all zero = no limit */
    uint32_t average; /* KiB/s */
    uint32_t peak;    /* KiB/s */
    uint32_t burst;   /* KiB */
};

struct link_statistics { /* of the host's end; a guest's receiving is its TAP's sending */
    uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
    uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

struct interface {
    char name[INTERFACE_NAME_SIZE];
    field_set set;
    enum interface_kind kind;
    bool up; /* administratively */
    uint8_t mac[6];
    uint32_t mtu;
    bool arp; /* it asks for its neighbours' MAC addresses, and answers (no IFF_NOARP) */
    char master[INTERFACE_NAME_SIZE]; /* "" = none */
    bool is_slave;                    /* the master is a bond, which takes links only while they are down */
    char parent[INTERFACE_NAME_SIZE]; /* "" = none, or one in another network namespace */
    struct bridge_options bridge;
    struct vlan_options vlan;
    struct bond_options bond;
    struct tap_options tap;
    char peer[INTERFACE_NAME_SIZE]; /* a veth's other end; "" = in another network namespace */
    unsigned macvlan_mode;          /* by its place in the option's choices */
    struct vxlan_options vxlan;
    struct port_options port;
    struct port_vlans *vlans; /* owned; NULL = none */
    struct rate inbound, outbound;
    struct address *addresses;
    size_t address_count;
    struct route *routes; /* those that leave by this interface */
    size_t route_count;
    struct sysctl *sysctls;
    size_t sysctl_count;

    /* WANTED only */
    char *file;           /* that states it, for messages; NULL = a command or a VM's NIC */
    uint8_t hwaddr[6];    /* HWADDR=: the NIC must have this MAC; all zero = any */
    bool by_mac;          /* the file states no DEVICE: the NIC is whichever has it (hwaddr.h) */
    struct dhcp_options dhcp;
    uint32_t link_delay;  /* LINKDELAY: seconds from the carrier on until the link is used */
    uint32_t arping_wait; /* ARPING_WAIT: seconds that an address is looked for before it is taken */
    bool onboot;          /* ONBOOT: brought up by start-up and apply */
    bool hotplug;         /* HOTPLUG: and by repair, when it comes later */
    int seen;             /* index of the link when it was last looked at; 0 = there was none, or it came later and is not to be used */
    bool adopt;           /* a foreign link of that name may be taken over (apply, iface verbs) */

    /* OBSERVED only */
    int index;
    int master_index, parent_index, peer_index;
    uint8_t permanent_mac[6]; /* that a NIC came with, whatever it has now; all zero = not known */
    char kind_name[16];   /* as the kernel calls it: "bridge", "tun", "" for a NIC */
    bool carrier;         /* IFF_LOWER_UP */
    uint8_t operstate;    /* IF_OPER_* */
    enum owner owner;
    uint32_t group;       /* IFLA_GROUP */
    bool has_alias;
    bool follows_root;    /* a bridge that is not the root of its spanning tree: its three times are the root's */
    bool topology_changes; /* a bridge whose spanning tree changes: its ageing time is two forward delays until that is over */
    bool half_made;       /* ours by its group, but without the alias, or moved to be deleted: a daemon was killed */
};

/* A name as two numbers, which order as strcmp() does. */
struct network_key {
    uint64_t first, second;
};

struct network {
    struct interface **items; /* sorted by name */
    struct network_key *keys; /* of the items, side by side: a name is looked for ten times for each link in each diff */
    size_t count;
    uint32_t lacking; /* OBSERVED: a bit per interface_kind that this kernel is known not to be able to make */
    struct route *routes; /* those of no single interface: with several next hops, or with none; each has its group */
    size_t route_count;
    struct rule *rules; /* OBSERVED: in the kernel's order */
    size_t rule_count;
};

extern const char *const interface_kind_names[]; /* "ethernet", "loopback", "bridge", …; NULL at the end */

struct interface *interface_new(const char *name);
struct interface *interface_copy(const struct interface *interface);
void interface_free(struct interface *interface);
static inline bool interface_has(const struct interface *interface, enum interface_field field)
{
    return interface->set & FIELD_BIT(field);
}

void network_clear(struct network *network);
struct interface *network_find(const struct network *network, const char *name);
size_t network_index(const struct network *network, const char *name); /* SIZE_MAX: there is none */
void network_insert(struct network *network, struct interface *interface); /* takes it; the name must be new to the network */
struct interface *network_remove(struct network *network, const char *name); /* the caller's; NULL if there is none */
void network_copy(const struct network *network, struct network *ret_copy);
/* Of a network only what hangs on no single interface: routes and rules; put into another one that has none. */
void network_copy_rest(const struct network *network, struct network *target);

/* "10,20-29" -> the bits, added to those that are set; -EINVAL or -ERANGE. */
int port_vlans_parse(const char *text, struct port_vlans *vlans);
bool port_vlans_same(const struct port_vlans *a, const struct port_vlans *b); /* NULL is none at all */
/* "untagged 10, tagged 20-29"; the caller frees it. */
char *port_vlans_text(const struct port_vlans *vlans);
bool rate_same(const struct rate *a, const struct rate *b);

/* What makes two the same object to the kernel: family, bytes and prefix. */
bool address_same(const struct address *a, const struct address *b);
bool interface_has_address(const struct interface *interface, const struct address *address); /* NULL has none */
/* The same, and label, broadcast address and scope are those that the wanted one states: they can't be changed, only made anew. */
bool address_matches(const struct address *wanted, const struct address *observed);
/* The route as it is while the interface has this index (0: not known): with metric_by_index resolved. */
struct route route_resolved(const struct route *route, int index);
bool network_has_route(const struct network *network, const char *interface, const struct route *route);
bool network_has_rule(const struct network *network, const struct rule *rule);

/* "10.0.0.1/24" */
#define ADDRESS_TEXT_SIZE 64
const char *address_text(const struct address *address, char buffer[ADDRESS_TEXT_SIZE]);

/* An address that somebody stated: not the kernel's own link-local one, and not one of limited life (router advertisement, DHCP). */
bool address_is_static(const struct address *address);
