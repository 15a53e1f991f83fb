/* Bridge and port options: written to the kernel, and read back as events tell them. links: bridge netdev */
#include "netns.h"

#define PORT_OPTIONS (FIELD_PORT_ALL & ~FIELD_BIT(FIELD_PORT_VLANS)) /* what every kernel has */

static struct interface all_bridge_options(void)
{
    return (struct interface){
        .kind = INTERFACE_BRIDGE,
        .mac = {0x52, 0x54, 0, 1, 2, 3},
        .mtu = 1400,
        .bridge = {.stp = true, .forward_delay = 400, .hello_time = 300, .max_age = 1500, .ageing_time = 12300, .priority = 4096,
                   .multicast_snooping = false},
    };
}

static void assert_bridge(const struct interface *bridge, const struct interface *to)
{
    assert_int_equal(bridge->kind, INTERFACE_BRIDGE);
    assert_string_equal(bridge->kind_name, "bridge");
    assert_int_equal(bridge->set & FIELD_BRIDGE_ALL, FIELD_BRIDGE_ALL);
    assert_int_equal(bridge->bridge.stp, to->bridge.stp);
    assert_int_equal(bridge->bridge.forward_delay, to->bridge.forward_delay);
    assert_int_equal(bridge->bridge.hello_time, to->bridge.hello_time);
    assert_int_equal(bridge->bridge.max_age, to->bridge.max_age);
    assert_int_equal(bridge->bridge.ageing_time, to->bridge.ageing_time);
    assert_int_equal(bridge->bridge.priority, to->bridge.priority);
    assert_int_equal(bridge->bridge.multicast_snooping, to->bridge.multicast_snooping);
    assert_int_equal(bridge->bridge.vlan_filtering, to->bridge.vlan_filtering);
    assert_memory_equal(bridge->mac, to->mac, 6);
    assert_int_equal(bridge->mtu, to->mtu);
}

/* It stays down: no event tells of the alias then. */
static void made_with_all_options(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = all_bridge_options();
    struct step step = {.op = STEP_LINK_CREATE, .interface = "br0", .to = &to,
                        .fields = FIELD_BRIDGE_ALL | FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU)};
    const struct interface *bridge;

    netns_must(fixture, &step);
    bridge = netns_find(fixture, "br0");
    assert_non_null(bridge);
    assert_bridge(bridge, &to);
    assert_false(bridge->up);
    assert_int_equal(bridge->owner, OWNER_TRESTLE);
    assert_false(bridge->half_made);
    assert_string_equal(fixture->last, "br0");
    netns_same_as_kernel(fixture);
}

/* Each field alone is changed, and no other with it; on a bridge that is down the kernel sends no event for it. */
static void changed_field_by_field(void **state)
{
    struct fixture *fixture = *state;
    struct interface target = all_bridge_options();

    for (int up = 0; up < 2; up++) {
        const char *name = up ? "up0" : "down0";
        struct interface *bridge, expected;

        netns_make_bridge(fixture, name);
        if (!up) {
            struct interface down = {.up = false};
            struct step step = netns_set(name, &down, FIELD_BIT(FIELD_UP));

            netns_must(fixture, &step);
        }
        expected = *netns_find(fixture, name);
        assert_int_equal(expected.up, up);
        for (int field = FIELD_BRIDGE_STP; field <= FIELD_BRIDGE_MULTICAST_SNOOPING; field++) {
            struct interface to = target;
            struct step step;

            if (field == FIELD_BRIDGE_VLAN_FILTERING)
                continue;
            step = netns_set(name, &to, FIELD_BIT(field));
            netns_must(fixture, &step);
            bridge = netns_find(fixture, name);
            switch (field) {
#define EXPECT(bit, member)                                                                                                    \
    case bit:                                                                                                                  \
        assert_int_not_equal(expected.bridge.member, target.bridge.member);                                                    \
        expected.bridge.member = target.bridge.member;                                                                         \
        break
                EXPECT(FIELD_BRIDGE_STP, stp);
                EXPECT(FIELD_BRIDGE_FORWARD_DELAY, forward_delay);
                EXPECT(FIELD_BRIDGE_HELLO_TIME, hello_time);
                EXPECT(FIELD_BRIDGE_MAX_AGE, max_age);
                EXPECT(FIELD_BRIDGE_AGEING_TIME, ageing_time);
                EXPECT(FIELD_BRIDGE_PRIORITY, priority);
                EXPECT(FIELD_BRIDGE_MULTICAST_SNOOPING, multicast_snooping);
#undef EXPECT
            }
            assert_bridge(bridge, &expected);
        }
        netns_same_as_kernel(fixture);
    }
}

static void port_options(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_VETH, .master = "br0", .up = false,
                           .port = {.cost = 77, .priority = 9, .hairpin = true, .isolated = true, .learning = false}};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MASTER) | PORT_OPTIONS);
    const struct interface *port;

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    for (int up = 0; up < 2; up++) {
        netns_must(fixture, &step); /* joins and gets its options in one step; while it is down, then while it is up */
        port = netns_find(fixture, "v0");
        assert_string_equal(port->master, "br0");
        assert_int_equal(port->set & FIELD_PORT_ALL, PORT_OPTIONS);
        assert_int_equal(port->port.cost, 77);
        assert_int_equal(port->port.priority, 9);
        assert_true(port->port.hairpin);
        assert_true(port->port.isolated);
        assert_false(port->port.learning);
        assert_false(port->port.unicast_flood);
        assert_false(port->port.multicast_flood);
        netns_same_as_kernel(fixture);
        to.port.isolated = false;
        step.fields = FIELD_BIT(FIELD_PORT_ISOLATED);
        netns_must(fixture, &step);
        assert_false(netns_find(fixture, "v0")->port.isolated);
        assert_true(netns_find(fixture, "v0")->port.hairpin);
        to.master[0] = '\0';
        step.fields = FIELD_BIT(FIELD_MASTER) | FIELD_PORT_ALL;
        netns_must(fixture, &step);
        assert_string_equal(netns_find(fixture, "v0")->master, "");
        assert_int_equal(netns_find(fixture, "v0")->set & FIELD_PORT_ALL, 0);
        netns_same_as_kernel(fixture);
        text_copy(to.master, sizeof(to.master), "br0");
        to.up = to.port.isolated = true;
        step.fields = FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP) | PORT_OPTIONS;
    }
    assert_true(netns_find(fixture, "v0")->up);
}

/* Somebody else changes the options of a port that is down (as "bridge link set" does): the bridge's own message is all that
 * tells. */
static void foreign_port_options(void **state)
{
    struct fixture *fixture = *state;
    char buffer[512];
    struct nlmsghdr *message = (struct nlmsghdr *)buffer;
    struct nlattr *options;
    int index;

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    WAIT_UNTIL(fixture, netns_find(fixture, "v0"));
    index = netns_find(fixture, "v0")->index;
    foreign_set_master(index, netns_find(fixture, "br0")->index);
    WAIT_UNTIL(fixture, interface_has(netns_find(fixture, "v0"), FIELD_PORT_ISOLATED));
    assert_false(netns_find(fixture, "v0")->port.isolated);
    foreign_link(buffer, RTM_SETLINK, 0, index)->ifi_family = AF_BRIDGE;
    options = mnl_attr_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED);
    mnl_attr_put_u8(message, IFLA_BRPORT_ISOLATED, 1);
    mnl_attr_nest_end(message, options);
    assert_int_equal(foreign_send(message), 0);
    WAIT_UNTIL(fixture, netns_find(fixture, "v0")->port.isolated);
    assert_string_equal(netns_find(fixture, "v0")->master, "br0");
    netns_same_as_kernel(fixture);
}

/* Without a MAC of its own a bridge takes its port's, and loses it with the port. */
static void keeps_its_mac(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.master = "br0", .mac = {0x02, 0, 0, 0, 0, 1}};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MAC));
    uint8_t before[6];

    netns_make_bridge(fixture, "br0");
    memcpy(before, netns_find(fixture, "br0")->mac, 6);
    assert_int_equal(before[0] & 3, 2);
    foreign_make("v0", "veth");
    netns_must(fixture, &step);
    step.fields = FIELD_BIT(FIELD_MASTER);
    netns_must(fixture, &step);
    assert_string_equal(netns_find(fixture, "v0")->master, "br0");
    assert_memory_equal(netns_find(fixture, "br0")->mac, before, 6);
    netns_same_as_kernel(fixture);
}

/* Either the kernel can do it, or the message says what it lacks. */
static void vlan_filtering(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_BRIDGE, .bridge.vlan_filtering = true};
    struct step step = netns_set("br0", &to, FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING));

    netns_make_bridge(fixture, "br0");
    if (netns_apply(fixture, &step) == 0) {
        assert_true(netns_find(fixture, "br0")->bridge.vlan_filtering);
    } else {
        assert_string_equal(fixture->error.text, "br0: set VLAN filtering: Operation not supported; the kernel lacks VLAN "
                                                 "filtering: CONFIG_BRIDGE_VLAN_FILTERING");
        assert_false(netns_find(fixture, "br0")->bridge.vlan_filtering);
        assert_true(interface_has(netns_find(fixture, "br0"), FIELD_BRIDGE_VLAN_FILTERING));
    }
    netns_same_as_kernel(fixture);
}

static void out_of_range(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_BRIDGE, .bridge.max_age = 1};
    struct step step = netns_set("br0", &to, FIELD_BIT(FIELD_BRIDGE_MAX_AGE));

    netns_make_bridge(fixture, "br0");
    netns_must_fail(fixture, &step, ERANGE,
                    "br0: set max age: Numerical result out of range; hello time must be 1 to 10 s, max age 6 to 40 s, and with "
                    "STP the forward delay 2 to 30 s");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(made_with_all_options), TEST(changed_field_by_field), TEST(port_options),  TEST(foreign_port_options),
        TEST(keeps_its_mac),         TEST(vlan_filtering),         TEST(out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
