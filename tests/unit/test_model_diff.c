/* Plans as text: what is wanted, what is there, what would be done. */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/diff.h"

static const uint8_t nic_mac[6] = {0x52, 0x54, 0, 0xaa, 0xbb, 1};

/* -- a host in few words ------------------------------------------------------------------------------------------------------------ */

static struct interface *put(struct network *network, const char *name, enum interface_kind kind)
{
    struct interface *interface = interface_new(name);

    interface->kind = kind;
    interface->set = FIELD_BIT(FIELD_KIND);
    network_insert(network, interface);
    return interface;
}

/* As netlink shows it. */
static struct interface *see(struct network *network, const char *name, enum interface_kind kind, enum owner owner)
{
    struct interface *interface = put(network, name, kind);

    memcpy(interface->mac, nic_mac, 6);
    text_copy(interface->kind_name, sizeof(interface->kind_name), kind == INTERFACE_BRIDGE ? "bridge" : "");
    interface->mtu = 1500;
    interface->up = true;
    interface->carrier = true;
    interface->owner = owner;
    interface->bridge.forward_delay = 1500;
    return interface;
}

static void add_address(struct interface *interface, const char *address, uint8_t prefix)
{
    struct address *added = APPEND(interface->addresses, interface->address_count);

    added->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(added->family, address, added->bytes), 1);
    added->prefix = prefix;
    added->flags = IFA_F_PERMANENT;
    added->scope = text_starts(address, "fe80:") ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    interface->set |= FIELD_BIT(FIELD_ADDRESSES);
}

static void add_default_route(struct interface *interface, const char *gateway, uint32_t metric)
{
    struct route *route = APPEND(interface->routes, interface->route_count);

    route->family = AF_INET;
    route->has_gateway = true;
    route->metric = metric;
    route->table = RT_TABLE_MAIN;
    assert_int_equal(inet_pton(AF_INET, gateway, route->gateway), 1);
    interface->set |= FIELD_BIT(FIELD_ROUTES);
}

static void set_master(struct interface *interface, const char *master)
{
    text_copy(interface->master, sizeof(interface->master), master);
    interface->set |= FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_ADDRESSES);
}

static struct interface *want_bridge(struct network *network, const char *name)
{
    struct interface *bridge = put(network, name, INTERFACE_BRIDGE);

    bridge->up = true;
    bridge->set |= FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_BRIDGE_STP) | FIELD_BIT(FIELD_BRIDGE_FORWARD_DELAY);
    return bridge;
}

struct fixture {
    struct network wanted, previous, observed;
};

/* One step a line, then one problem a line. */
static char *plan_text(const struct fixture *fixture, bool adopt)
{
    struct plan plan = {0};
    struct problems problems = {0};
    struct text text = {0};

    network_diff(&fixture->wanted, &fixture->previous, &fixture->observed, adopt, &plan, &problems);
    for (size_t i = 0; i < plan.count; i++)
        text_format(&text, "%s: %s\n", step_op_name(plan.steps[i].op), plan.steps[i].text);
    for (size_t i = 0; i < problems.count; i++)
        text_format(&text, "%s: %s\n", problems.items[i].warning ? "warning" : "error", problems.items[i].text);
    plan_clear(&plan);
    problems_clear(&problems);
    return text_take(&text);
}

static void fixture_clear(struct fixture *fixture)
{
    network_clear(&fixture->wanted);
    network_clear(&fixture->previous);
    network_clear(&fixture->observed);
}

static void expect(struct fixture *fixture, bool adopt, const char *expected)
{
    char *text = plan_text(fixture, adopt);

    assert_string_equal(text, expected);
    free(text);
    fixture_clear(fixture);
}

/* -- the host's network ---------------------------------------------------------------------------------------------------------------- */

static void bridge_is_made_before_its_port_and_flushed_last(void **state)
{
    struct fixture host = {0};
    struct interface *nic;

    (void)state;
    add_address(want_bridge(&host.wanted, "br0"), "10.0.0.1", 24);
    set_master(put(&host.wanted, "eth0", INTERFACE_ETHERNET), "br0");
    nic = see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN);
    add_address(nic, "10.0.0.1", 24);
    add_address(nic, "fe80::1", 64);
    expect(&host, false,
           "link-create: create bridge br0 (stp no, forward_delay 0)\n"
           "link-set: add eth0 to br0\n"
           "link-set: bring br0 up\n"
           "address-add: add address 10.0.0.1/24 to br0\n"
           "address-delete: remove address 10.0.0.1/24 from eth0\n");
}

static void a_new_bridge_gets_its_nics_mac(void **state)
{
    struct fixture host = {0};
    struct plan plan = {0};
    struct problems problems = {0};

    (void)state;
    want_bridge(&host.wanted, "br0");
    set_master(put(&host.wanted, "eth0", INTERFACE_ETHERNET), "br0");
    see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN);
    network_diff(&host.wanted, &host.previous, &host.observed, false, &plan, &problems);
    assert_int_equal(plan.steps[0].op, STEP_LINK_CREATE);
    assert_true(plan.steps[0].fields & FIELD_BIT(FIELD_MAC));
    assert_memory_equal(plan.steps[0].to->mac, nic_mac, 6);
    plan_clear(&plan);
    problems_clear(&problems);
    fixture_clear(&host);
}

static void what_is_as_wanted_gives_no_step(void **state)
{
    struct fixture host = {0};
    struct interface *bridge = want_bridge(&host.wanted, "br0");

    (void)state;
    add_address(bridge, "10.0.0.1", 24);
    add_default_route(bridge, "10.0.0.254", 0);
    bridge = see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE);
    bridge->bridge.forward_delay = 0;
    add_address(bridge, "10.0.0.1", 24);
    add_default_route(bridge, "10.0.0.254", 0);
    expect(&host, false, "");
}

static void only_stated_fields_are_compared(void **state)
{
    struct fixture host = {0};
    struct interface *nic = put(&host.wanted, "eth0", INTERFACE_ETHERNET);

    (void)state;
    nic->mtu = 9000;
    nic->set |= FIELD_BIT(FIELD_MTU);
    nic = see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN);
    add_address(nic, "10.9.9.9", 24);
    expect(&host, false, "link-set: set eth0 mtu 1500 → 9000\n");
}

static void what_is_named_no_more_goes_and_foreign_things_stay(void **state)
{
    struct fixture host = {0};
    struct interface *nic;

    (void)state;
    want_bridge(&host.previous, "br0");
    nic = put(&host.previous, "eth0", INTERFACE_ETHERNET);
    set_master(nic, "br0");
    add_address(put(&host.previous, "eth1", INTERFACE_ETHERNET), "10.1.0.1", 24);
    see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE);
    see(&host.observed, "br9", INTERFACE_BRIDGE, OWNER_FOREIGN);
    set_master(see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN), "br0");
    nic = see(&host.observed, "eth1", INTERFACE_ETHERNET, OWNER_FOREIGN);
    add_address(nic, "10.1.0.1", 24);
    add_address(nic, "10.1.0.77", 24); /* by hand */
    expect(&host, false,
           "link-set: take eth0 out of br0\n"
           "address-delete: remove address 10.1.0.1/24 from eth1\n"
           "link-delete: delete bridge br0\n");
}

/* The kernel shows the root's times then, whatever it is told. */
static void times_of_a_spanning_tree_are_its_roots(void **state)
{
    (void)state;
    for (int follows = 0; follows <= 1; follows++) {
        struct fixture host = {0};

        want_bridge(&host.wanted, "br0")->bridge.forward_delay = 1200;
        see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE)->follows_root = follows;
        expect(&host, false, follows ? "" : "link-set: set br0 forward_delay 15 → 12\n");
    }
}

/* It is the kernel's own then, for the time of the change. */
static void the_ageing_time_is_left_alone_while_the_tree_changes(void **state)
{
    (void)state;
    for (int changes = 0; changes <= 1; changes++) {
        struct fixture host = {0};
        struct interface *wanted = want_bridge(&host.wanted, "br0"), *seen;

        wanted->bridge.forward_delay = 1500;
        wanted->bridge.ageing_time = 30000;
        wanted->set |= FIELD_BIT(FIELD_BRIDGE_AGEING_TIME);
        seen = see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE);
        seen->bridge.ageing_time = 3000;
        seen->set |= FIELD_BIT(FIELD_BRIDGE_AGEING_TIME);
        seen->topology_changes = changes;
        expect(&host, false, changes ? "" : "link-set: set br0 ageing_time 30 → 300\n");
    }
}

static void a_port_takes_its_options_to_another_bridge(void **state)
{
    struct fixture host = {0};
    struct interface *port = put(&host.wanted, "eth0", INTERFACE_ETHERNET), *seen;

    (void)state;
    want_bridge(&host.wanted, "br1")->bridge.forward_delay = 1500;
    see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_FOREIGN);
    see(&host.observed, "br1", INTERFACE_BRIDGE, OWNER_TRESTLE);
    text_copy(port->master, sizeof(port->master), "br1");
    port->set |= FIELD_BIT(FIELD_MASTER);
    seen = see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN);
    text_copy(seen->master, sizeof(seen->master), "br0");
    port->set |= FIELD_BIT(FIELD_PORT_HAIRPIN);
    port->port.hairpin = seen->port.hairpin = true;
    expect(&host, false, "link-set: add eth0 to br1, out of br0, set its hairpin yes\n");
}

static void half_made_links_are_finished_or_removed(void **state)
{
    struct fixture host = {0};

    (void)state;
    want_bridge(&host.wanted, "br0")->bridge.forward_delay = 1500;
    see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_FOREIGN)->half_made = true;
    see(&host.observed, "br1", INTERFACE_BRIDGE, OWNER_FOREIGN)->half_made = true;
    expect(&host, false,
           "link-delete: delete bridge br1\n"
           "link-set: mark it as made by trestle (it was made, or deleted, by halves)\n");
}

static void a_foreign_bridge_is_adopted_only_when_asked(void **state)
{
    struct fixture host = {0};

    (void)state;
    want_bridge(&host.wanted, "br0");
    see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_FOREIGN);
    expect(&host, false, "warning: br0: was made by somebody else and differs from its file: 'trestle apply' takes it over\n");
    want_bridge(&host.wanted, "br0");
    see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_FOREIGN);
    expect(&host, true,
           "link-set: adopt it: it was made by somebody else and is trestle's from now on\n"
           "link-set: set br0 forward_delay 15 → 0\n");
}

static void what_cannot_be_is_told_and_the_rest_is_planned(void **state)
{
    struct fixture host = {0};

    (void)state;
    want_bridge(&host.wanted, "br0");
    want_bridge(&host.wanted, "eth5");
    set_master(put(&host.wanted, "eth1", INTERFACE_ETHERNET), "eth5");
    set_master(put(&host.wanted, "eth2", INTERFACE_ETHERNET), "br7");
    put(&host.wanted, "eth9", INTERFACE_ETHERNET);
    see(&host.observed, "eth1", INTERFACE_ETHERNET, OWNER_FOREIGN);
    see(&host.observed, "eth2", INTERFACE_ETHERNET, OWNER_FOREIGN);
    see(&host.observed, "eth5", INTERFACE_ETHERNET, OWNER_FOREIGN);
    expect(&host, false,
           "link-create: create bridge br0 (stp no, forward_delay 0)\n"
           "error: eth5: exists and is no bridge but a link of kind ethernet: rename one of them\n"
           "error: eth9: no such interface: is its driver loaded, is it called otherwise (ip link)?\n"
           "error: eth2: bridge br7 does not exist, and no file states it: write ifcfg-br7 with TYPE=Bridge\n"
           "warning: eth1: waits for eth5\n");
}

/* An option that a link of this kernel does not show: said, and no step. A time may be off by a hundredth of a second. */
static void what_this_kernel_lacks_is_told_and_the_rest_is_planned(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct fixture host = {0};
        struct interface *wanted = want_bridge(&host.wanted, "br0");
        struct interface *there = see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE);

        wanted->set |= FIELD_BIT(FIELD_BRIDGE_DEFAULT_PVID) | FIELD_BIT(FIELD_BRIDGE_IPTABLES) | FIELD_BIT(FIELD_BRIDGE_PRIORITY)
                       | FIELD_BIT(FIELD_BRIDGE_QUERY_INTERVAL);
        wanted->bridge.default_pvid = 7;
        wanted->bridge.iptables = false; /* which is so where there is no such thing */
        wanted->bridge.priority = 9;
        wanted->bridge.query_interval = known ? 12502 : 12501;
        there->set |= FIELD_BIT(FIELD_BRIDGE_FORWARD_DELAY) | FIELD_BIT(FIELD_BRIDGE_PRIORITY)
                      | FIELD_BIT(FIELD_BRIDGE_QUERY_INTERVAL) | (known ? FIELD_BIT(FIELD_BRIDGE_DEFAULT_PVID) : 0);
        there->bridge.forward_delay = 0;
        there->bridge.query_interval = 12500;
        expect(&host, false,
               known ? "link-set: set br0 priority 0 → 9, default_pvid 0 → 7, multicast_query_interval 12500 → 12502\n"
                     : "link-set: set br0 priority 0 → 9\n"
                       "error: br0: default_pvid: this kernel does not have it: CONFIG_BRIDGE_VLAN_FILTERING\n");
    }
}

static void a_port_whose_file_drops_its_vlans_gets_the_default(void **state)
{
    (void)state;
    for (int dropped = 0; dropped < 2; dropped++) {
        struct fixture host = {0};
        struct interface *there, *before = put(&host.previous, "eth0", INTERFACE_ETHERNET);

        see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_FOREIGN);
        there = see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN);
        set_master(there, "br0");
        there->vlans = NEW(struct port_vlans);
        there->vlans->pvid = 5;
        there->set |= FIELD_BIT(FIELD_PORT_VLANS);
        put(&host.wanted, "eth0", INTERFACE_ETHERNET);
        if (dropped) {
            before->vlans = NEW(struct port_vlans);
            before->vlans->pvid = 5;
            before->set |= FIELD_BIT(FIELD_PORT_VLANS);
        }
        expect(&host, false, dropped ? "link-set: set eth0 VLANs as a new port has them\n" : "");
    }
}

static void a_default_route_moves_with_its_address(void **state)
{
    struct fixture host = {0};
    struct interface *bridge = want_bridge(&host.wanted, "br0");
    struct interface *nic;

    (void)state;
    add_address(bridge, "10.0.0.1", 24);
    add_default_route(bridge, "10.0.0.254", 0);
    set_master(put(&host.wanted, "eth0", INTERFACE_ETHERNET), "br0");
    nic = see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN);
    add_address(nic, "10.0.0.1", 24);
    add_default_route(nic, "10.0.0.254", 0);
    expect(&host, false,
           "link-create: create bridge br0 (stp no, forward_delay 0)\n"
           "link-set: add eth0 to br0\n"
           "link-set: bring br0 up\n"
           "address-add: add address 10.0.0.1/24 to br0\n"
           "route-delete: remove route default via 10.0.0.254 by eth0\n"
           "route-add: add route default via 10.0.0.254 by br0\n"
           "address-delete: remove address 10.0.0.1/24 from eth0\n");
}

static void a_foreign_default_route_is_not_touched(void **state)
{
    struct fixture host = {0};
    struct interface *bridge = want_bridge(&host.wanted, "br0");

    (void)state;
    add_default_route(bridge, "10.0.0.254", 0);
    add_default_route(see(&host.observed, "wlan0", INTERFACE_ETHERNET, OWNER_FOREIGN), "192.168.1.1", 0);
    see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE)->bridge.forward_delay = 0;
    expect(&host, false,
           "error: br0: route default via 10.0.0.254: the host has default via 192.168.1.1 by wlan0, which no file names: give this one "
           "a METRIC or remove the other\n");
}

static void onboot_no_is_neither_brought_up_nor_removed(void **state)
{
    struct fixture host = {0};

    (void)state;
    want_bridge(&host.wanted, "br0")->onboot = false;
    want_bridge(&host.wanted, "br1")->onboot = false;
    see(&host.observed, "br1", INTERFACE_BRIDGE, OWNER_TRESTLE);
    expect(&host, false, "");
}

/* -- keys that the files state no more ---------------------------------------------------------------------------------------------------- */

static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 9};

static void set_mtu(struct interface *interface, uint32_t mtu)
{
    interface->mtu = mtu;
    interface->set |= FIELD_BIT(FIELD_MTU);
}

static void set_mac(struct interface *interface, const uint8_t mac[6])
{
    memcpy(interface->mac, mac, 6);
    interface->set |= FIELD_BIT(FIELD_MAC);
}

static void unstated_options_are_the_kernels_again(void **state)
{
    struct fixture host = {0};
    struct interface *bridge;

    (void)state;
    put(&host.wanted, "br0", INTERFACE_BRIDGE);
    bridge = want_bridge(&host.previous, "br0");
    bridge->bridge.stp = true;
    bridge = see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE);
    bridge->set |= FIELD_BIT(FIELD_BRIDGE_STP) | FIELD_BIT(FIELD_BRIDGE_FORWARD_DELAY);
    bridge->bridge.stp = true;
    bridge->bridge.forward_delay = 400;
    expect(&host, false, "link-set: set br0 stp yes → no, forward_delay 4 → 15\n");
}

static void unstated_options_that_nobody_stated_stay(void **state)
{
    struct fixture host = {0};
    struct interface *bridge;

    (void)state;
    put(&host.wanted, "br0", INTERFACE_BRIDGE);
    put(&host.previous, "br0", INTERFACE_BRIDGE);
    bridge = see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE);
    bridge->set |= FIELD_BIT(FIELD_BRIDGE_STP) | FIELD_BIT(FIELD_MTU);
    bridge->bridge.stp = true;
    bridge->mtu = 1400;
    expect(&host, false, "");
}

/* Named still, and not at all any more. */
static void a_nic_gets_its_own_mac_and_mtu_back(void **state)
{
    static const char *const names[] = {"eth0", "eth1"};
    struct fixture host = {0};

    (void)state;
    put(&host.wanted, "eth0", INTERFACE_ETHERNET);
    for (size_t i = 0; i < 2; i++) {
        struct interface *previous = put(&host.previous, names[i], INTERFACE_ETHERNET);
        struct interface *observed = see(&host.observed, names[i], INTERFACE_ETHERNET, OWNER_FOREIGN);

        set_mtu(previous, 9000);
        set_mac(previous, other_mac);
        set_mtu(observed, 9000);
        set_mac(observed, other_mac);
        memcpy(observed->permanent_mac, nic_mac, 6);
    }
    expect(&host, false,
           "link-set: set eth0 mac 02:00:00:00:00:09 → 52:54:00:aa:bb:01, mtu 9000 → 1500\n"
           "link-set: set eth1 mac 02:00:00:00:00:09 → 52:54:00:aa:bb:01, mtu 9000 → 1500\n");
}

/* A dummy is made without ARP, a NIC with it; of one that no file names any more its kind is what is seen. */
static void arp_is_what_a_new_link_has(void **state)
{
    static const enum interface_kind kinds[] = {INTERFACE_DUMMY, INTERFACE_BRIDGE, INTERFACE_ETHERNET};
    static const char *const names[] = {"d0", "br0", "eth0"};
    struct fixture host = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct interface *link;

        if (i < 2)
            put(&host.wanted, names[i], kinds[i]);
        link = put(&host.previous, names[i], kinds[i]);
        link->set |= FIELD_BIT(FIELD_ARP);
        link = see(&host.observed, names[i], kinds[i], i < 2 ? OWNER_TRESTLE : OWNER_FOREIGN);
        link->set |= FIELD_BIT(FIELD_ARP);
        link->arp = kinds[i] == INTERFACE_DUMMY;
    }
    expect(&host, false,
           "link-set: set br0 arp no → yes\n"
           "link-set: set d0 arp yes → no\n"
           "link-set: set eth0 arp no → yes\n");
}

static void a_mac_that_nobody_knows_stays(void **state)
{
    struct fixture host = {0};

    (void)state;
    put(&host.wanted, "br0", INTERFACE_BRIDGE);
    set_mac(put(&host.previous, "br0", INTERFACE_BRIDGE), other_mac);
    set_mac(see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE), other_mac);
    expect(&host, false, "");
}

/* A VLAN has the MTU of what it lies on, and a bridge the least of its ports'. */
static void an_unstated_mtu_follows_from_other_links(void **state)
{
    struct fixture host = {0};
    struct interface *vlan;

    (void)state;
    for (int i = 0; i < 2; i++)
        set_mtu(put(i ? &host.previous : &host.wanted, "eth0", INTERFACE_ETHERNET), 9000);
    set_mtu(see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN), 9000);
    vlan = put(&host.wanted, "eth0.5", INTERFACE_VLAN);
    text_copy(vlan->parent, sizeof(vlan->parent), "eth0");
    set_master(vlan, "br0");
    set_mtu(put(&host.previous, "eth0.5", INTERFACE_VLAN), 1400);
    vlan = see(&host.observed, "eth0.5", INTERFACE_VLAN, OWNER_TRESTLE);
    text_copy(vlan->parent, sizeof(vlan->parent), "eth0");
    set_master(vlan, "br0");
    set_mtu(vlan, 1400);
    put(&host.wanted, "br0", INTERFACE_BRIDGE);
    set_mtu(put(&host.previous, "br0", INTERFACE_BRIDGE), 1300);
    set_mtu(see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE), 1300);
    expect(&host, false,
           "link-set: set br0 mtu 1300 → 9000\n"
           "link-set: set eth0.5 mtu 1400 → 9000\n");
}

static void unstated_port_options_go_while_it_is_a_port(void **state)
{
    struct fixture host = {0};
    struct interface *port;

    (void)state;
    put(&host.wanted, "br0", INTERFACE_BRIDGE);
    see(&host.observed, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE);
    set_master(put(&host.wanted, "eth0", INTERFACE_ETHERNET), "br0");
    port = put(&host.previous, "eth0", INTERFACE_ETHERNET);
    set_master(port, "br0");
    port->set |= FIELD_BIT(FIELD_PORT_LEARNING) | FIELD_BIT(FIELD_PORT_COST);
    port = see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN);
    set_master(port, "br0");
    port->set |= FIELD_BIT(FIELD_PORT_LEARNING) | FIELD_BIT(FIELD_PORT_COST);
    port->port.cost = 7;
    expect(&host, false,
           "link-set: set eth0 learning no → yes\n"
           "warning: eth0: its path_cost stays 7 until it leaves br0: only for a new port the kernel chooses one by its speed\n");
}

static void an_unstated_bond_mode_makes_the_bond_anew(void **state)
{
    struct fixture host = {0};
    struct interface *bond;

    (void)state;
    put(&host.wanted, "bond0", INTERFACE_BOND);
    bond = put(&host.previous, "bond0", INTERFACE_BOND);
    bond->set |= FIELD_BIT(FIELD_BOND_MODE) | FIELD_BIT(FIELD_BOND_MIIMON);
    bond = see(&host.observed, "bond0", INTERFACE_BOND, OWNER_TRESTLE);
    bond->set |= FIELD_BIT(FIELD_BOND_MODE) | FIELD_BIT(FIELD_BOND_MIIMON);
    bond->bond.mode = BOND_LACP;
    bond->bond.miimon = 100;
    expect(&host, false,
           "link-delete: delete bond bond0, to make it anew: bond_mode 802.3ad → balance-rr\n"
           "link-create: create bond bond0 (bond_mode balance-rr, miimon 0)\n");
}

static void put_sysctl(struct interface *interface, const char *name, int32_t value)
{
    struct sysctl *sysctl = APPEND(interface->sysctls, interface->sysctl_count);

    text_copy(sysctl->name, sizeof(sysctl->name), name);
    sysctl->value = value;
    interface->set |= FIELD_BIT(FIELD_SYSCTLS);
}

static void unstated_sysctls_are_the_hosts_again(void **state)
{
    struct fixture host = {0};
    struct interface *nic;

    (void)state;
    put(&host.wanted, "eth0", INTERFACE_ETHERNET);
    nic = put(&host.previous, "eth0", INTERFACE_ETHERNET);
    put_sysctl(nic, "ipv6/accept_ra", 2);
    put_sysctl(nic, "ipv6/mtu", 1280);
    nic = see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN);
    put_sysctl(nic, "ipv6/accept_ra", 2);
    put_sysctl(nic, "ipv6/mtu", 1280);
    expect(&host, false,
           "sysctl-set: set eth0 ipv6/accept_ra 2 → as a new interface has it\n"
           "sysctl-set: set eth0 ipv6/mtu 1280 → 1500\n");
}

static void a_step_and_its_inverse_cancel(void **state)
{
    struct fixture host = {0};
    struct plan plan = {0};
    struct problems problems = {0};
    struct step inverse, twice;

    (void)state;
    put(&host.wanted, "eth0", INTERFACE_ETHERNET)->mtu = 9000;
    host.wanted.items[0]->set |= FIELD_BIT(FIELD_MTU);
    see(&host.observed, "eth0", INTERFACE_ETHERNET, OWNER_FOREIGN);
    network_diff(&host.wanted, &host.previous, &host.observed, false, &plan, &problems);
    assert_true(step_invert(&plan.steps[0], &inverse));
    assert_int_equal(inverse.op, STEP_LINK_SET);
    assert_int_equal(inverse.to->mtu, 1500);
    assert_true(step_invert(&inverse, &twice));
    assert_int_equal(twice.to->mtu, 9000);
    step_clear(&inverse);
    step_clear(&twice);
    plan_clear(&plan);
    problems_clear(&problems);
    fixture_clear(&host);
}

/* -- VMs ---------------------------------------------------------------------------------------------------------------------------------- */

static struct vm *machine(enum vm_state power, const char *const *nics)
{
    struct vm *vm = vm_new("c2");

    vm->state = power;
    for (; *nics; nics++) {
        struct nic *nic = vm_add_nic(vm, *nics);

        text_copy(nic->bridge, sizeof(nic->bridge), "br0");
        nic->state = NIC_PLUGGED;
        nic_complete(nic, "c2", 0x123456);
    }
    return vm;
}

static void expect_vm(struct vm *wanted, struct vm *observed, const char *expected)
{
    struct network network = {0};
    struct plan plan = {0};
    struct text text = {0};
    char *got;

    see(&network, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE)->mtu = 1400;
    vm_diff(wanted, observed, &network, &plan);
    for (size_t i = 0; i < plan.count; i++)
        text_format(&text, "%s %s\n", step_op_name(plan.steps[i].op), plan.steps[i].object);
    got = text_take(&text);
    assert_string_equal(got, expected);
    free(got);
    plan_clear(&plan);
    network_clear(&network);
    vm_free(wanted);
    vm_free(observed);
}

#define NICS(...) (const char *const[]){__VA_ARGS__, NULL}

static void a_vm_is_started_with_its_taps_first(void **state)
{
    (void)state;
    expect_vm(machine(VM_RUNNING, NICS("net0")), NULL,
              "tap-open vm c2 nic net0\nlink-set vm c2 nic net0\nvm-spawn vm c2\nvm-continue vm c2\n");
}

static void a_new_nic_is_recorded_before_qemu_hears_of_it(void **state)
{
    (void)state;
    expect_vm(machine(VM_RUNNING, NICS("net0", "net1")), machine(VM_RUNNING, NICS("net0")),
              "nic-record vm c2 nic net1\ntap-open vm c2 nic net1\nlink-set vm c2 nic net1\nnic-pass-fds vm c2 nic net1\n"
              "netdev-add vm c2 nic net1\ndevice-add vm c2 nic net1\n");
}

static void a_nic_goes_in_two_plans(void **state)
{
    struct vm *half = machine(VM_RUNNING, NICS("net0", "net1"));

    (void)state;
    expect_vm(machine(VM_RUNNING, NICS("net0")), machine(VM_RUNNING, NICS("net0", "net1")), "device-delete vm c2 nic net1\n");
    half->nics[1].state = NIC_UNPLUGGING;
    expect_vm(machine(VM_RUNNING, NICS("net0")), half, "");
    half = machine(VM_RUNNING, NICS("net0", "net1"));
    half->nics[1].state = NIC_REMOVED;
    expect_vm(machine(VM_RUNNING, NICS("net0")), half,
              "netdev-delete vm c2 nic net1\ntap-close vm c2 nic net1\nnic-forget vm c2 nic net1\n");
}

static void power_states_are_steps(void **state)
{
    (void)state;
    expect_vm(machine(VM_PAUSED, NICS("net0")), machine(VM_RUNNING, NICS("net0")), "vm-stop vm c2\n");
    expect_vm(machine(VM_RUNNING, NICS("net0")), machine(VM_PAUSED, NICS("net0")), "vm-continue vm c2\n");
    expect_vm(machine(VM_SHUT_OFF, NICS("net0")), machine(VM_RUNNING, NICS("net0")), "vm-kill vm c2\ntap-close vm c2 nic net0\n");
    expect_vm(machine(VM_RUNNING, NICS("net0")), machine(VM_RUNNING, NICS("net0")), "");
}

static void a_tap_follows_its_bridges_mtu_and_its_mac_is_high(void **state)
{
    struct vm *wanted = machine(VM_RUNNING, NICS("net0"));
    struct network network = {0};
    struct plan plan = {0};

    (void)state;
    see(&network, "br0", INTERFACE_BRIDGE, OWNER_TRESTLE)->mtu = 1400;
    vm_diff(wanted, NULL, &network, &plan);
    assert_int_equal(plan.steps[1].op, STEP_LINK_SET);
    assert_int_equal(plan.steps[1].to->mtu, 1400);
    assert_int_equal(plan.steps[1].to->mac[0], 0xfe);
    assert_string_equal(plan.steps[1].to->master, "br0");
    assert_string_equal(plan.steps[1].needs, "br0");
    plan_clear(&plan);
    network_clear(&network);
    vm_free(wanted);
}

static void long_names_make_distinct_targets(void **state)
{
    struct nic a = {.name = "net0"}, b = {.name = "net1"};

    (void)state;
    nic_complete(&a, "a-machine-with-a-long-name", 1);
    nic_complete(&b, "a-machine-with-a-long-name", 1);
    assert_int_equal(strlen(a.target), 15);
    assert_string_not_equal(a.target, b.target);
    assert_null(text_interface_name_fault(a.target));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bridge_is_made_before_its_port_and_flushed_last),
        cmocka_unit_test(a_new_bridge_gets_its_nics_mac),
        cmocka_unit_test(what_is_as_wanted_gives_no_step),
        cmocka_unit_test(only_stated_fields_are_compared),
        cmocka_unit_test(what_is_named_no_more_goes_and_foreign_things_stay),
        cmocka_unit_test(times_of_a_spanning_tree_are_its_roots),
        cmocka_unit_test(the_ageing_time_is_left_alone_while_the_tree_changes),
        cmocka_unit_test(a_port_takes_its_options_to_another_bridge),
        cmocka_unit_test(half_made_links_are_finished_or_removed),
        cmocka_unit_test(a_foreign_bridge_is_adopted_only_when_asked),
        cmocka_unit_test(what_cannot_be_is_told_and_the_rest_is_planned),
        cmocka_unit_test(what_this_kernel_lacks_is_told_and_the_rest_is_planned),
        cmocka_unit_test(a_port_whose_file_drops_its_vlans_gets_the_default),
        cmocka_unit_test(a_default_route_moves_with_its_address),
        cmocka_unit_test(a_foreign_default_route_is_not_touched),
        cmocka_unit_test(onboot_no_is_neither_brought_up_nor_removed),
        cmocka_unit_test(unstated_options_are_the_kernels_again),
        cmocka_unit_test(unstated_options_that_nobody_stated_stay),
        cmocka_unit_test(a_nic_gets_its_own_mac_and_mtu_back),
        cmocka_unit_test(a_mac_that_nobody_knows_stays),
        cmocka_unit_test(arp_is_what_a_new_link_has),
        cmocka_unit_test(an_unstated_mtu_follows_from_other_links),
        cmocka_unit_test(unstated_port_options_go_while_it_is_a_port),
        cmocka_unit_test(an_unstated_bond_mode_makes_the_bond_anew),
        cmocka_unit_test(unstated_sysctls_are_the_hosts_again),
        cmocka_unit_test(a_step_and_its_inverse_cancel),
        cmocka_unit_test(a_vm_is_started_with_its_taps_first),
        cmocka_unit_test(a_new_nic_is_recorded_before_qemu_hears_of_it),
        cmocka_unit_test(a_nic_goes_in_two_plans),
        cmocka_unit_test(power_states_are_steps),
        cmocka_unit_test(a_tap_follows_its_bridges_mtu_and_its_mac_is_high),
        cmocka_unit_test(long_names_make_distinct_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
