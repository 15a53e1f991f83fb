/* Bridge and port options: written to the kernel, and read back as events tell them. links: bridge netdev model */
#include "model/diff.h"
#include "model/option.h"
#include "netns.h"

#define PORT_OPTIONS (FIELD_PORT_ALL & ~FIELD_BIT(FIELD_PORT_VLANS)) /* what every kernel has */
#define VLAN_OPTIONS                                                                                                           \
    (FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING) | FIELD_BIT(FIELD_BRIDGE_VLAN_PROTOCOL) | FIELD_BIT(FIELD_BRIDGE_DEFAULT_PVID)     \
     | FIELD_BIT(FIELD_BRIDGE_VLAN_STATISTICS) | FIELD_BIT(FIELD_BRIDGE_VLAN_STATISTICS_PER_PORT))

/* Each is something else than what a new bridge has. */
static struct interface all_bridge_options(void)
{
    return (struct interface){
        .kind = INTERFACE_BRIDGE,
        .mac = {0x52, 0x54, 0, 1, 2, 3},
        .mtu = 1400,
        .bridge = {.stp = true, .forward_delay = 400, .hello_time = 300, .max_age = 1500, .ageing_time = 12300, .priority = 4096,
                   .group_address = {0x01, 0x80, 0xc2, 0, 0, 5}, .group_forward_mask = 16392, .no_link_local_learning = true,
                   .vlan_protocol = 1, .default_pvid = 7, .vlan_statistics = true, .vlan_statistics_per_port = true,
                   .multicast_snooping = false, .multicast_router = 2, .hash_max = 2048, .igmp_version = 3, .mld_version = 2,
                   .querier = true, .query_use_address = true, .querier_interval = 20001, .query_interval = 12600,
                   .query_response_interval = 500, .startup_query_count = 5, .startup_query_interval = 1000,
                   .last_member_count = 9, .last_member_interval = 200, .membership_interval = 8640000,
                   .multicast_statistics = true, .arptables = true, .iptables = true, .ip6tables = true},
    };
}

/* What the kernel of this test has of the options. */
static field_set known_options(struct fixture *fixture, const char *name)
{
    field_set known = netns_find(fixture, name)->set & FIELD_BRIDGE_ALL;

    assert_int_equal(FIELD_BRIDGE_ALL & ~known & ~VLAN_OPTIONS, 0);
    return known;
}

static void assert_options(const struct interface *observed, const struct interface *to, field_set fields)
{
    for (int field = 0; field < INTERFACE_FIELDS; field++) {
        const struct option *option = option_of_field(OPTION_INTERFACE, field);

        if (fields & FIELD_BIT(field) && !option_same(option, observed, to)) {
            char *is = option_format(option, observed), *shall = option_format(option, to);

            fail_msg("%s: %s instead of %s", option->key, is, shall);
        }
    }
}

static void assert_bridge(const struct interface *bridge, const struct interface *to)
{
    assert_int_equal(bridge->kind, INTERFACE_BRIDGE);
    assert_string_equal(bridge->kind_name, "bridge");
    assert_options(bridge, to, bridge->set & FIELD_BRIDGE_ALL);
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
    known_options(fixture, "br0");
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
        field_set known;

        netns_make_bridge(fixture, name);
        if (!up) {
            struct interface down = {.up = false};
            struct step step = netns_set(name, &down, FIELD_BIT(FIELD_UP));

            netns_must(fixture, &step);
        }
        expected = *netns_find(fixture, name);
        assert_int_equal(expected.up, up);
        known = known_options(fixture, name) & ~FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING);
        for (int field = FIELD_BRIDGE_STP; field <= FIELD_BRIDGE_LAST; field++) {
            const struct option *option = option_of_field(OPTION_INTERFACE, field);
            struct interface to = target;
            struct step step = netns_set(name, &to, FIELD_BIT(field));

            if (!(known & FIELD_BIT(field)))
                continue;
            assert_false(option_same(option, &expected, &target));
            netns_must(fixture, &step);
            option_copy(option, &expected, &target);
            bridge = netns_find(fixture, name);
            assert_bridge(bridge, &expected);
        }
        netns_same_as_kernel(fixture);
    }
}

static void port_options(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_VETH, .master = "br0", .up = false,
                           .port = {.cost = 77, .priority = 9, .hairpin = true, .isolated = true, .learning = false,
                                    .unicast_flood = false, .multicast_flood = false, .broadcast_flood = false,
                                    .bpdu_guard = true, .root_block = true, .fast_leave = true, .multicast_router = 2,
                                    .multicast_to_unicast = true, .proxy_arp = true, .proxy_arp_wifi = true,
                                    .neighbour_suppression = true, .group_forward_mask = 16385}};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MASTER) | PORT_OPTIONS);
    const struct interface *port;

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    for (int up = 0; up < 2; up++) {
        netns_must(fixture, &step); /* joins and gets its options in one step; while it is down, then while it is up */
        port = netns_find(fixture, "v0");
        assert_string_equal(port->master, "br0");
        assert_true((port->set & FIELD_PORT_ALL) == PORT_OPTIONS);
        assert_options(port, &to, PORT_OPTIONS);
        netns_same_as_kernel(fixture);
        to.port.isolated = false;
        step.fields = FIELD_BIT(FIELD_PORT_ISOLATED);
        netns_must(fixture, &step);
        assert_false(netns_find(fixture, "v0")->port.isolated);
        assert_options(netns_find(fixture, "v0"), &to, PORT_OPTIONS);
        to.master[0] = '\0';
        step.fields = FIELD_BIT(FIELD_MASTER) | FIELD_PORT_ALL;
        netns_must(fixture, &step);
        assert_string_equal(netns_find(fixture, "v0")->master, "");
        assert_true((netns_find(fixture, "v0")->set & FIELD_PORT_ALL) == 0);
        netns_same_as_kernel(fixture);
        text_copy(to.master, sizeof(to.master), "br0");
        to.up = to.port.isolated = true;
        step.fields = FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP) | PORT_OPTIONS;
    }
    assert_true(netns_find(fixture, "v0")->up);
}

/* Each field alone is changed, and no other with it. */
static void port_field_by_field(void **state)
{
    struct fixture *fixture = *state;
    struct interface expected, to = {.kind = INTERFACE_VETH, .master = "br0"};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MASTER));

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    netns_must(fixture, &step);
    expected = *netns_find(fixture, "v0");
    for (int field = FIELD_PORT_COST; field < FIELD_PORT_VLANS; field++) {
        const struct option *option = option_of_field(OPTION_INTERFACE, field);

        to = expected;
        if (option->type == OPTION_BOOL)
            *(bool *)((char *)&to + option->offset) ^= 1;
        else
            *(uint32_t *)((char *)&to + option->offset) = field == FIELD_PORT_PRIORITY ? 7 : field == FIELD_PORT_COST ? 99 : 0;
        if (field == FIELD_PORT_GROUP_FORWARD_MASK)
            to.port.group_forward_mask = 8;
        assert_false(option_same(option, &expected, &to));
        step = netns_set("v0", &to, FIELD_BIT(field));
        netns_must(fixture, &step);
        assert_options(netns_find(fixture, "v0"), &to, PORT_OPTIONS);
        expected = *netns_find(fixture, "v0");
    }
    netns_same_as_kernel(fixture);
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

/* Either the kernel can do it, or the message says what it lacks; and a bridge can be had all the same. */
static void vlan_filtering(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_BRIDGE, .bridge.vlan_filtering = true};
    struct step step = netns_set("br0", &to, FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING));
    struct step make = {.op = STEP_LINK_CREATE, .interface = "br1", .to = &to,
                        .fields = FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING)};
    bool able;

    netns_make_bridge(fixture, "br0");
    able = interface_has(netns_find(fixture, "br0"), FIELD_BRIDGE_VLAN_FILTERING);
    if (netns_apply(fixture, &step) != 0)
        assert_string_equal(fixture->error.text, "br0: set VLAN filtering: Operation not supported; the kernel lacks VLAN "
                                                 "filtering: CONFIG_BRIDGE_VLAN_FILTERING");
    assert_int_equal(netns_find(fixture, "br0")->bridge.vlan_filtering, able);
    assert_int_equal(fixture->error.code == 0, able);
    netns_must(fixture, &make);
    assert_int_equal(netns_find(fixture, "br1")->bridge.vlan_filtering, able);
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
        TEST(made_with_all_options), TEST(changed_field_by_field), TEST(port_options),
        TEST(port_field_by_field),   TEST(foreign_port_options),
        TEST(keeps_its_mac),         TEST(vlan_filtering),         TEST(out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
