/* Plans of links that lie on or belong to others, as text. links: model base */
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
#include "model/kind.h"

struct host {
    struct network wanted, previous, observed;
    bool repair; /* as repair has it: no up and down of what is there */
};

static const uint8_t first_mac[6] = {0x52, 0x54, 0, 0, 0, 1}, other_mac[6] = {0x52, 0x54, 0, 0, 0, 2};

static struct interface *put(struct network *network, const char *name, enum interface_kind kind)
{
    struct interface *link = interface_new(name);

    link->kind = kind;
    link->up = true;
    link->set = FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_UP);
    network_insert(network, link);
    return link;
}

/* As netlink shows it. */
static struct interface *see(struct host *host, const char *name, enum interface_kind kind)
{
    struct interface *link = put(&host->observed, name, kind);

    link->set |= FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_MAC);
    if (kind == INTERFACE_VLAN)
        link->set |= FIELD_VLAN_ALL | FIELD_BIT(FIELD_PARENT);
    if (kind == INTERFACE_BOND)
        link->set |= FIELD_BOND_ALL;
    link->owner = kind == INTERFACE_ETHERNET ? OWNER_FOREIGN : OWNER_TRESTLE;
    memcpy(link->mac, first_mac, sizeof(link->mac));
    return link;
}

static struct interface *vlan_on(struct interface *vlan, const char *parent, uint32_t id)
{
    text_copy(vlan->parent, sizeof(vlan->parent), parent);
    vlan->vlan.id = id;
    vlan->set |= FIELD_BIT(FIELD_PARENT) | FIELD_BIT(FIELD_VLAN_ID);
    return vlan;
}

static struct interface *port_of(struct interface *port, const char *master, bool is_slave)
{
    text_copy(port->master, sizeof(port->master), master);
    port->is_slave = is_slave;
    port->set |= FIELD_BIT(FIELD_MASTER);
    return port;
}

static struct interface *want_bond(struct host *host, const char *name, unsigned mode)
{
    struct interface *bond = put(&host->wanted, name, INTERFACE_BOND);

    bond->bond.mode = mode;
    bond->set |= FIELD_BIT(FIELD_BOND_MODE);
    return bond;
}

static void add_address(struct interface *link, const char *text)
{
    struct address *address = APPEND(link->addresses, link->address_count);

    *address = (struct address){.family = AF_INET, .prefix = 24, .flags = IFA_F_PERMANENT, .valid = UINT32_MAX};
    assert_int_equal(inet_pton(AF_INET, text, address->bytes), 1);
    link->set |= FIELD_BIT(FIELD_ADDRESSES);
}

static void add_default_route(struct interface *link, const char *gateway)
{
    struct route *route = APPEND(link->routes, link->route_count);

    *route = (struct route){.family = AF_INET, .has_gateway = true, .table = RT_TABLE_MAIN, .protocol = RTPROT_STATIC};
    assert_int_equal(inet_pton(AF_INET, gateway, route->gateway), 1);
    link->set |= FIELD_BIT(FIELD_ROUTES);
}

static void expect(struct host *host, const char *expected)
{
    struct plan plan = {0};
    struct problems problems = {0};
    struct text text = {0};

    for (size_t i = 0; host->repair && i < host->wanted.count; i++)
        if (network_find(&host->observed, host->wanted.items[i]->name))
            host->wanted.items[i]->set &= ~FIELD_BIT(FIELD_UP);
    network_diff(&host->wanted, &host->previous, &host->observed, !host->repair, &plan, &problems);
    for (size_t i = 0; i < plan.count; i++)
        text_format(&text, "%s\n", plan.steps[i].text);
    for (size_t i = 0; i < problems.count; i++)
        text_format(&text, "%s: %s\n", problems.items[i].warning ? "warning" : "error", problems.items[i].text);
    assert_string_equal(text.length ? text.data : "", expected);
    plan_clear(&plan);
    problems_clear(&problems);
    text_clear(&text);
    network_clear(&host->wanted);
    network_clear(&host->previous);
    network_clear(&host->observed);
}

/* -- making ------------------------------------------------------------------------------------------------------------------- */

static void want_classic_host(struct host *host)
{
    struct interface *bond = want_bond(host, "bond0", 1);

    text_copy(bond->bond.primary, sizeof(bond->bond.primary), "eth0");
    bond->set |= FIELD_BIT(FIELD_BOND_PRIMARY);
    port_of(vlan_on(put(&host->wanted, "bond0.10", INTERFACE_VLAN), "bond0", 10), "a-bridge", false);
    add_address(put(&host->wanted, "a-bridge", INTERFACE_BRIDGE), "10.0.0.1");
    port_of(put(&host->wanted, "eth0", INTERFACE_ETHERNET), "bond0", true);
    port_of(put(&host->wanted, "eth1", INTERFACE_ETHERNET), "bond0", true);
}

static void a_bridge_on_a_vlan_on_a_bond(void **state)
{
    struct host host = {0};
    struct plan plan = {0};
    struct problems problems = {0};

    (void)state;
    want_classic_host(&host);
    memcpy(see(&host, "eth0", INTERFACE_ETHERNET)->mac, other_mac, 6);
    see(&host, "eth1", INTERFACE_ETHERNET);
    network_diff(&host.wanted, &host.previous, &host.observed, true, &plan, &problems);
    assert_int_equal(problems.count, 0);
    assert_string_equal(plan.steps[0].interface, "a-bridge");
    assert_memory_equal(plan.steps[0].to->mac, other_mac, 6); /* through VLAN and bond, the first slave's */
    assert_false(plan.steps[1].fields & FIELD_BIT(FIELD_BOND_PRIMARY));
    plan_clear(&plan);
    problems_clear(&problems);
    expect(&host, "create bridge a-bridge\n"
                  "create bond bond0 (bond_mode active-backup)\n"
                  "create vlan bond0.10 (parent bond0, vlan_id 10)\n"
                  "add eth0 to bond0\n"
                  "add eth1 to bond0\n"
                  "set bond0 primary eth0\n"
                  "bring a-bridge up\n"
                  "add address 10.0.0.1/24 to a-bridge\n");
}

static void a_vlan_of_a_new_bridge_comes_up_behind_it(void **state)
{
    struct host host = {0};

    (void)state;
    put(&host.wanted, "br0", INTERFACE_BRIDGE);
    put(&host.wanted, "a-bridge", INTERFACE_BRIDGE);
    port_of(vlan_on(put(&host.wanted, "a-vlan", INTERFACE_VLAN), "br0", 10), "a-bridge", false);
    port_of(put(&host.wanted, "eth0", INTERFACE_ETHERNET), "br0", false);
    see(&host, "eth0", INTERFACE_ETHERNET);
    expect(&host, "create bridge a-bridge\n"
                  "create bridge br0\n"
                  "create vlan a-vlan (parent br0, vlan_id 10)\n"
                  "add eth0 to br0\n"
                  "bring br0 up\n"
                  "bring a-vlan up\n"
                  "bring a-bridge up\n");
}

static void vlans_on_vlans_go_from_below(void **state)
{
    struct host host = {0};

    (void)state;
    vlan_on(put(&host.wanted, "a", INTERFACE_VLAN), "b", 1);
    vlan_on(put(&host.wanted, "b", INTERFACE_VLAN), "c", 2);
    vlan_on(put(&host.wanted, "c", INTERFACE_VLAN), "eth0", 3);
    see(&host, "eth0", INTERFACE_ETHERNET)->up = false; /* no file names it: raised all the same, once */
    vlan_on(put(&host.wanted, "d", INTERFACE_VLAN), "eth0", 4);
    expect(&host, "bring eth0 up\n"
                  "create vlan c (parent eth0, vlan_id 3)\n"
                  "create vlan d (parent eth0, vlan_id 4)\n"
                  "create vlan b (parent c, vlan_id 2)\n"
                  "create vlan a (parent b, vlan_id 1)\n");
}

static void deletions_go_from_above(void **state)
{
    struct host host = {0};

    (void)state;
    vlan_on(see(&host, "c", INTERFACE_VLAN), "a", 3);
    see(&host, "a", INTERFACE_BOND);
    port_of(vlan_on(see(&host, "b", INTERFACE_VLAN), "c", 3), "br0", false);
    see(&host, "br0", INTERFACE_BRIDGE);
    expect(&host, "delete vlan b\ndelete vlan c\ndelete bond a\ndelete bridge br0\n");
}

/* -- what can't be ------------------------------------------------------------------------------------------------------------- */

static void what_the_kernel_lacks_is_said_and_the_rest_is_done(void **state)
{
    struct host host = {0};

    (void)state;
    want_classic_host(&host);
    see(&host, "eth0", INTERFACE_ETHERNET);
    see(&host, "eth1", INTERFACE_ETHERNET);
    host.observed.lacking = 1u << INTERFACE_BOND;
    expect(&host, "create bridge a-bridge\n"
                  "add address 10.0.0.1/24 to a-bridge\n"
                  "error: bond0: this kernel can't make links of kind bond: it lacks CONFIG_BONDING (module bonding)\n"
                  "warning: bond0.10: waits for bond0\n"
                  "warning: eth0: waits for bond0\n"
                  "warning: eth1: waits for bond0\n");
    see(&host, "bond0", INTERFACE_BOND)->bond.mode = 1; /* one that is there is as good as any */
    want_bond(&host, "bond0", 1);
    host.observed.lacking = 1u << INTERFACE_BOND;
    expect(&host, "");
}

static void a_missing_parent_or_bond_is_named(void **state)
{
    struct host host = {0};

    (void)state;
    vlan_on(put(&host.wanted, "eth9.1", INTERFACE_VLAN), "eth9", 1);
    port_of(put(&host.wanted, "eth0", INTERFACE_ETHERNET), "bond9", true);
    see(&host, "eth0", INTERFACE_ETHERNET);
    expect(&host, "error: eth0: bond bond9 does not exist, and no file states it: write ifcfg-bond9 with TYPE=Bond\n"
                  "error: eth9.1: there is no interface eth9 for it to lie on, and no file makes one\n");
    vlan_on(put(&host.wanted, "br0.1", INTERFACE_VLAN), "br0", 1);
    put(&host.wanted, "br0", INTERFACE_BRIDGE)->onboot = false;
    expect(&host, "warning: br0.1: waits for br0\n");
}

static void a_vlan_under_another_name_is_named(void **state)
{
    struct host host = {0};

    (void)state;
    vlan_on(put(&host.wanted, "v", INTERFACE_VLAN), "eth0", 1);
    vlan_on(see(&host, "other", INTERFACE_VLAN), "eth0", 1)->owner = OWNER_FOREIGN;
    see(&host, "eth0", INTERFACE_ETHERNET);
    expect(&host, "error: v: VLAN 1 of eth0 is other already, which no file names: remove that one (ip link delete other)\n");
    vlan_on(put(&host.wanted, "v", INTERFACE_VLAN), "eth0", 1); /* its old name */
    vlan_on(see(&host, "other", INTERFACE_VLAN), "eth0", 1);
    see(&host, "eth0", INTERFACE_ETHERNET);
    expect(&host, "delete vlan other\ncreate vlan v (parent eth0, vlan_id 1)\n");
}

static void a_primary_that_is_no_slave_is_told(void **state)
{
    struct host host = {0};

    (void)state;
    want_classic_host(&host);
    interface_free(network_remove(&host.wanted, "eth0"));
    see(&host, "eth0", INTERFACE_ETHERNET);
    see(&host, "eth1", INTERFACE_ETHERNET);
    interface_free(network_remove(&host.wanted, "bond0.10"));
    interface_free(network_remove(&host.wanted, "a-bridge"));
    expect(&host, "create bond bond0 (bond_mode active-backup)\n"
                  "add eth1 to bond0\n"
                  "warning: bond0: its primary slave is to be eth0, which is none of its slaves\n");
}

static void a_slave_is_known_by_the_mac_it_came_with(void **state)
{
    struct host host = {0};
    struct interface *nic = port_of(put(&host.wanted, "eth0", INTERFACE_ETHERNET), "bond0", true);

    (void)state;
    memcpy(nic->hwaddr, other_mac, 6);
    want_bond(&host, "bond0", 0);
    see(&host, "bond0", INTERFACE_BOND);
    memcpy(port_of(see(&host, "eth0", INTERFACE_ETHERNET), "bond0", true)->permanent_mac, other_mac, 6);
    expect(&host, "");
}

/* -- changing ------------------------------------------------------------------------------------------------------------------ */

static void an_option_changes_live(void **state)
{
    struct host host = {0};
    struct interface *bond = want_bond(&host, "bond0", 1);

    (void)state;
    bond->bond.miimon = 100;
    bond->set |= FIELD_BIT(FIELD_BOND_MIIMON);
    see(&host, "bond0", INTERFACE_BOND)->bond.mode = 1;
    vlan_on(put(&host.wanted, "eth0.1", INTERFACE_VLAN), "eth0", 1)->set |= FIELD_BIT(FIELD_VLAN_EGRESS);
    network_find(&host.wanted, "eth0.1")->vlan.egress[3] = 5;
    vlan_on(see(&host, "eth0.1", INTERFACE_VLAN), "eth0", 1);
    see(&host, "eth0", INTERFACE_ETHERNET);
    expect(&host, "set bond0 miimon 0 → 100\nset eth0.1 egress_priorities 3:5\n");
}

static void what_lies_on_a_link_is_lowered_before_it(void **state)
{
    struct host host = {0};
    struct interface *nic = put(&host.wanted, "eth0", INTERFACE_ETHERNET);

    (void)state;
    nic->mtu = 1400;
    nic->set |= FIELD_BIT(FIELD_MTU);
    nic = vlan_on(put(&host.wanted, "v", INTERFACE_VLAN), "eth0", 10);
    nic->mtu = 1300;
    nic->set |= FIELD_BIT(FIELD_MTU);
    see(&host, "eth0", INTERFACE_ETHERNET)->mtu = 1500;
    vlan_on(see(&host, "v", INTERFACE_VLAN), "eth0", 10)->mtu = 1500;
    vlan_on(see(&host, "somebody's", INTERFACE_VLAN), "v", 1)->mtu = 1500;
    vlan_on(see(&host, "small", INTERFACE_VLAN), "eth0", 2)->mtu = 1280;
    network_find(&host.observed, "somebody's")->owner = network_find(&host.observed, "small")->owner = OWNER_FOREIGN;
    expect(&host, "set somebody's mtu 1500 → 1300\nset v mtu 1500 → 1300\nset eth0 mtu 1500 → 1400\n");
}

static void another_id_makes_a_vlan_anew_with_what_is_on_it(void **state)
{
    struct host host = {0};
    struct interface *vlan = vlan_on(put(&host.wanted, "v", INTERFACE_VLAN), "eth0", 20);

    (void)state;
    add_address(vlan, "10.0.0.1");
    add_default_route(vlan, "10.0.0.254");
    vlan_on(put(&host.wanted, "v.1", INTERFACE_VLAN), "v", 1);
    vlan = vlan_on(see(&host, "v", INTERFACE_VLAN), "eth0", 10);
    add_address(vlan, "10.0.0.1");
    add_default_route(vlan, "10.0.0.254");
    vlan_on(see(&host, "v.1", INTERFACE_VLAN), "v", 1);
    see(&host, "eth0", INTERFACE_ETHERNET);
    expect(&host, "delete vlan v.1, to make it anew: with v\n"
                  "delete vlan v, to make it anew: vlan_id 10 → 20\n"
                  "create vlan v (parent eth0, vlan_id 20)\n"
                  "create vlan v.1 (parent v, vlan_id 1)\n"
                  "add address 10.0.0.1/24 to v\n"
                  "add route default via 10.0.0.254 by v\n");
}

static void another_parent_makes_a_vlan_anew(void **state)
{
    struct host host = {0};

    (void)state;
    vlan_on(put(&host.wanted, "v", INTERFACE_VLAN), "eth1", 10);
    vlan_on(see(&host, "v", INTERFACE_VLAN), "eth0", 10);
    see(&host, "eth0", INTERFACE_ETHERNET);
    see(&host, "eth1", INTERFACE_ETHERNET);
    expect(&host, "delete vlan v, to make it anew: parent eth0 → eth1\ncreate vlan v (parent eth1, vlan_id 10)\n");
    vlan_on(put(&host.wanted, "v", INTERFACE_VLAN), "eth1", 10);
    vlan_on(see(&host, "v", INTERFACE_VLAN), "", 10)->set &= ~FIELD_BIT(FIELD_PARENT); /* not known yet: no reason to act */
    see(&host, "eth1", INTERFACE_ETHERNET);
    expect(&host, "");
}

static struct interface *backed_by(struct interface *port, const char *backup)
{
    text_copy(port->port.backup, sizeof(port->port.backup), backup);
    port->set |= FIELD_BIT(FIELD_PORT_BACKUP);
    return port;
}

/* A bridge in which v, a VLAN on eth0, stands in for eth1. */
static void see_backed_port(struct host *host)
{
    see(host, "br0", INTERFACE_BRIDGE);
    see(host, "eth0", INTERFACE_ETHERNET);
    backed_by(port_of(see(host, "eth1", INTERFACE_ETHERNET), "br0", false), "v");
    port_of(vlan_on(see(host, "v", INTERFACE_VLAN), "eth0", 1), "br0", false);
    port_of(see(host, "eth2", INTERFACE_ETHERNET), "br0", false);
    port_of(put(&host->previous, "eth1", INTERFACE_ETHERNET), "br0", false);
    put(&host->wanted, "br0", INTERFACE_BRIDGE);
}

/* Before both part, so that the inverse comes when both are together again. */
static void a_backup_port_that_leaves_is_dropped_first(void **state)
{
    struct host host = {0};

    (void)state;
    see_backed_port(&host);
    backed_by(port_of(put(&host.wanted, "eth1", INTERFACE_ETHERNET), "br0", false), "");
    expect(&host, "set eth1 backup_port v → none\ndelete vlan v\n");

    see_backed_port(&host);
    backed_by(port_of(put(&host.wanted, "eth1", INTERFACE_ETHERNET), "br0", false), "eth2");
    port_of(put(&host.wanted, "eth2", INTERFACE_ETHERNET), "br0", false);
    expect(&host, "set eth1 backup_port v → none\ndelete vlan v\nset eth1 backup_port eth2\n");

    see_backed_port(&host); /* and comes again */
    backed_by(port_of(put(&host.wanted, "eth1", INTERFACE_ETHERNET), "br0", false), "v");
    port_of(vlan_on(put(&host.wanted, "v", INTERFACE_VLAN), "eth0", 2), "br0", false);
    expect(&host, "set eth1 backup_port v → none\n"
                  "delete vlan v, to make it anew: vlan_id 1 → 2\n"
                  "create vlan v (parent eth0, vlan_id 2)\n"
                  "set eth1 backup_port v\n");

    see_backed_port(&host); /* the port itself leaves */
    put(&host.wanted, "eth1", INTERFACE_ETHERNET);
    port_of(vlan_on(put(&host.wanted, "v", INTERFACE_VLAN), "eth0", 1), "br0", false);
    expect(&host, "set eth1 backup_port v → none\ntake eth1 out of br0\n");

    see_backed_port(&host); /* both stay: one step is enough */
    backed_by(port_of(put(&host.wanted, "eth1", INTERFACE_ETHERNET), "br0", false), "eth2");
    port_of(vlan_on(put(&host.wanted, "v", INTERFACE_VLAN), "eth0", 1), "br0", false);
    port_of(put(&host.wanted, "eth2", INTERFACE_ETHERNET), "br0", false);
    expect(&host, "set eth1 backup_port v → eth2\n");
}

/* In repair, too, where up and down of what is there is nobody's business: all comes back as it was. */
static void another_mode_makes_a_bond_anew(void **state)
{
    (void)state;
    for (int repair = 0; repair < 2; repair++) {
        struct host host = {.repair = repair};
        struct plan plan = {0};
        struct problems problems = {0};
        struct interface *slave;

        want_classic_host(&host);
        see(&host, "bond0", INTERFACE_BOND)->bond.mode = 0;
        port_of(see(&host, "eth0", INTERFACE_ETHERNET), "bond0", true);
        slave = port_of(see(&host, "eth1", INTERFACE_ETHERNET), "bond0", true);
        slave->up = !repair;
        port_of(vlan_on(see(&host, "bond0.10", INTERFACE_VLAN), "bond0", 10), "a-bridge", false);
        add_address(see(&host, "a-bridge", INTERFACE_BRIDGE), "10.0.0.1");
        network_diff(&host.wanted, &host.previous, &host.observed, true, &plan, &problems);
        assert_string_equal(plan.steps[0].interface, "eth0");
        assert_true(plan.steps[0].fields & FIELD_BIT(FIELD_UP)); /* the kernel sets it down */
        assert_true(plan.steps[4].fields & FIELD_BIT(FIELD_UP)); /* the bond comes up */
        plan_clear(&plan);
        problems_clear(&problems);
        expect(&host, "take eth0 out of bond0\n"
                      "take eth1 out of bond0\n"
                      "delete vlan bond0.10, to make it anew: with bond0\n"
                      "delete bond bond0, to make it anew: bond_mode balance-rr → active-backup\n"
                      "create bond bond0 (bond_mode active-backup)\n"
                      "create vlan bond0.10 (parent bond0, vlan_id 10)\n"
                      "add eth0 to bond0\n"
                      "add eth1 to bond0\n"
                      "set bond0 primary eth0\n");
    }
}

/* What the kernel shows of a bond is more than it takes when one is made. */
static void a_bond_is_made_again_with_what_its_mode_takes(void **state)
{
    struct interface bond = {.kind = INTERFACE_BOND, .set = FIELD_BOND_ALL | FIELD_BIT(FIELD_UP), .bond = {.mode = 1, .miimon = 100}};
    field_set in = FIELD_BIT(FIELD_BOND_PRIMARY) | FIELD_BIT(FIELD_BOND_UPDELAY) | FIELD_BIT(FIELD_UP);
    field_set out = FIELD_BIT(FIELD_BOND_PACKETS_PER_SLAVE) | FIELD_BIT(FIELD_BOND_LACP_RATE) | FIELD_BIT(FIELD_BOND_ARP_INTERVAL);

    (void)state;
    assert_true((kind_fields_to_make(&bond) & (in | out)) == in);
    bond.bond = (struct bond_options){.mode = 4};
    in = FIELD_BIT(FIELD_BOND_LACP_RATE) | FIELD_BIT(FIELD_UP);
    out = FIELD_BIT(FIELD_BOND_PRIMARY) | FIELD_BIT(FIELD_BOND_UPDELAY) | FIELD_BIT(FIELD_BOND_AD_ACTOR_SYSTEM);
    assert_true((kind_fields_to_make(&bond) & (in | out)) == in);
}

static void nothing_of_others_goes_with_it(void **state)
{
    struct host host = {0};

    (void)state;
    want_bond(&host, "bond0", 1);
    vlan_on(put(&host.wanted, "bond0.1", INTERFACE_VLAN), "bond0", 1);
    see(&host, "bond0", INTERFACE_BOND);
    vlan_on(see(&host, "bond0.1", INTERFACE_VLAN), "bond0", 1);
    vlan_on(see(&host, "foreign", INTERFACE_VLAN), "bond0.1", 2)->owner = OWNER_FOREIGN;
    expect(&host, "error: bond0.1: would have to be made anew, but foreign, which no file makes, lies on it: remove that first, or write a "
                  "file for it\n"
                  "error: bond0: would have to be made anew, but bond0.1, which no file makes, lies on it: remove that first, or write a "
                  "file for it\n");
    want_bond(&host, "bond0", 1);
    see(&host, "bond0", INTERFACE_BOND);
    port_of(see(&host, "eth7", INTERFACE_ETHERNET), "bond0", true);
    expect(&host, "error: bond0: would have to be made anew, but eth7, which no file makes, is a port of it: remove that first, or write a "
                  "file for it\n");
}

static void the_modules_own_bond_is_taken_without_asking(void **state)
{
    struct host host = {.repair = true};
    struct interface *bond;

    (void)state;
    want_bond(&host, "bond0", 1);
    bond = see(&host, "bond0", INTERFACE_BOND);
    bond->owner = OWNER_FOREIGN;
    bond->up = false;
    expect(&host, "delete bond bond0, to make it anew: bond_mode balance-rr → active-backup\n"
                  "create bond bond0 (bond_mode active-backup)\n");
    want_bond(&host, "bond0", 1);
    see(&host, "bond0", INTERFACE_BOND)->owner = OWNER_FOREIGN; /* somebody's: it is up */
    expect(&host, "warning: bond0: was made by somebody else and differs from its file: 'trestle apply' takes it over\n");
}

static void a_slave_leaves_and_is_up(void **state)
{
    struct host host = {0};
    struct plan plan = {0};
    struct problems problems = {0};
    struct step inverse;

    (void)state;
    port_of(put(&host.wanted, "eth0", INTERFACE_ETHERNET), "br0", false);
    put(&host.wanted, "br0", INTERFACE_BRIDGE);
    see(&host, "br0", INTERFACE_BRIDGE);
    see(&host, "bond0", INTERFACE_BOND)->owner = OWNER_FOREIGN;
    port_of(see(&host, "eth0", INTERFACE_ETHERNET), "bond0", true);
    network_diff(&host.wanted, &host.previous, &host.observed, true, &plan, &problems);
    assert_int_equal(plan.count, 1);
    assert_true(plan.steps[0].fields == (FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP)));
    assert_true(plan.steps[0].to->up);
    assert_false(plan.steps[0].to->is_slave);
    assert_true(step_invert(&plan.steps[0], &inverse));
    assert_true(inverse.to->is_slave);
    step_clear(&inverse);
    plan_clear(&plan);
    problems_clear(&problems);
    expect(&host, "add eth0 to br0, out of bond0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bridge_on_a_vlan_on_a_bond),
        cmocka_unit_test(a_vlan_of_a_new_bridge_comes_up_behind_it),
        cmocka_unit_test(vlans_on_vlans_go_from_below),
        cmocka_unit_test(deletions_go_from_above),
        cmocka_unit_test(what_the_kernel_lacks_is_said_and_the_rest_is_done),
        cmocka_unit_test(a_missing_parent_or_bond_is_named),
        cmocka_unit_test(a_vlan_under_another_name_is_named),
        cmocka_unit_test(a_primary_that_is_no_slave_is_told),
        cmocka_unit_test(a_slave_is_known_by_the_mac_it_came_with),
        cmocka_unit_test(an_option_changes_live),
        cmocka_unit_test(what_lies_on_a_link_is_lowered_before_it),
        cmocka_unit_test(another_id_makes_a_vlan_anew_with_what_is_on_it),
        cmocka_unit_test(another_parent_makes_a_vlan_anew),
        cmocka_unit_test(a_backup_port_that_leaves_is_dropped_first),
        cmocka_unit_test(another_mode_makes_a_bond_anew),
        cmocka_unit_test(a_bond_is_made_again_with_what_its_mode_takes),
        cmocka_unit_test(nothing_of_others_goes_with_it),
        cmocka_unit_test(the_modules_own_bond_is_taken_without_asking),
        cmocka_unit_test(a_slave_leaves_and_is_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
