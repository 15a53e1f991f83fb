/* TAPs, veth pairs, macvlans and VXLANs: made by the kernel with every option, read back, and gone without a trace when something
 * fails. links: bridge netdev tap model */
#include <net/if.h>

#include "model/option.h"
#include "netdev/kind.h"
#include "netns.h"
#include "tap/tap.h"

static int setup(void **state)
{
    netns_setup(state);
    netdev_make_taps(((struct fixture *)*state)->netdev, (struct netdev_taps){tap_persist_lacking, tap_persist_open, tap_persist_keep});
    return 0;
}

static struct step make(const char *name, struct interface *to, field_set fields)
{
    struct step step = {.op = STEP_LINK_CREATE, .to = to, .fields = fields | FIELD_BIT(FIELD_KIND)};

    to->set |= step.fields;
    text_copy(to->name, sizeof(to->name), name);
    text_copy(step.interface, sizeof(step.interface), name);
    return step;
}

static struct step unmake(const char *name)
{
    struct step step = {.op = STEP_LINK_DELETE};

    text_copy(step.interface, sizeof(step.interface), name);
    return step;
}

static void assert_as(struct fixture *fixture, const struct interface *to)
{
    const struct interface *link = netns_find(fixture, to->name);

    assert_non_null(link);
    assert_int_equal(link->kind, to->kind);
    assert_int_equal(link->owner, OWNER_TRESTLE);
    assert_false(link->half_made);
    for (int field = 0; field < INTERFACE_FIELDS; field++) {
        const struct option *option = option_of_field(OPTION_INTERFACE, field);

        if (option && interface_has(to, field) && !option_same(option, link, to)) {
            char *is = option_format(option, link), *shall = option_format(option, to);

            fail_msg("%s: %s: %s instead of %s", to->name, option->key, is, shall);
        }
        if (option && interface_has(to, field))
            assert_true(interface_has(link, field));
    }
    netns_same_as_kernel(fixture);
}

static void taps(void **state)
{
    struct fixture *fixture = *state;
    struct interface tap = {.kind = INTERFACE_TAP, .master = "br0", .mtu = 1400, .mac = {0x52, 0x54, 0, 1, 2, 3}, .up = true,
                            .tap = {123, 0}};
    struct interface tun = {.kind = INTERFACE_TUN, .mtu = 1300, .tap = {UINT32_MAX, 456}};
    struct step steps[] = {
        make("tap0", &tap, FIELD_TAP_ALL | FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_UP)),
        make("tun0", &tun, FIELD_TAP_ALL | FIELD_BIT(FIELD_MTU)),
    };

    netns_make_bridge(fixture, "br0");
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct step gone = unmake(steps[i].interface);

        netns_must(fixture, &steps[i]);
        assert_as(fixture, steps[i].to);
        netns_must_fail(fixture, &steps[i], EEXIST,
                        i ? "tun0: make a tun: File exists" : "tap0: make a tap: File exists");
        assert_as(fixture, steps[i].to);
        steps[i].inverse = true; /* what takes its deletion back finds it there */
        netns_must(fixture, &steps[i]);
        netns_must(fixture, &gone);
        assert_null(netns_find(fixture, steps[i].interface));
    }
}

/* The one that is killed between the two would leave the same: what it has open goes with it. */
static void a_tap_that_gets_no_further_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct interface tap = {.kind = INTERFACE_TAP, .master = "none0"};
    struct step step = make("tap0", &tap, FIELD_BIT(FIELD_MASTER));

    netns_must_fail(fixture, &step, ENODEV, "tap0: add as port of none0: No such device: there is no interface none0");
    assert_int_equal(if_nametoindex("tap0"), 0);
    netdev_make_taps(fixture->netdev, (struct netdev_taps){0});
    netns_must_fail(fixture, &step, ENOTSUP, "tap0: trestle cannot make TAPs here");
}

static void pairs(void **state)
{
    struct fixture *fixture = *state;
    struct interface end = {.kind = INTERFACE_VETH, .peer = "v1", .mtu = 1400, .mac = {0x52, 0x54, 0, 1, 2, 3}, .master = "br0",
                            .up = true};
    struct interface other = {.kind = INTERFACE_VETH, .peer = "v0", .name = "v1", .set = FIELD_BIT(FIELD_VETH_PEER)};
    struct step step = make("v0", &end, FIELD_BIT(FIELD_VETH_PEER) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_MAC)
                                            | FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP)), gone = unmake("v1");

    netns_make_bridge(fixture, "br0");
    for (int down = 0; down < 2; down++) { /* of ends that are down the kernel tells less */
        end.up = !down;
        netns_must(fixture, &step);
        WAIT_UNTIL(fixture, netns_find(fixture, "v1") && netns_find(fixture, "v1")->owner == OWNER_TRESTLE);
        assert_as(fixture, &end);
        assert_int_equal(netns_find(fixture, "v0")->up, !down);
        assert_string_equal(netns_find(fixture, "v1")->peer, "v0");
        if (!down)
            assert_as(fixture, &other);
        netns_must(fixture, &gone);
        WAIT_UNTIL(fixture, !netns_find(fixture, "v0") && !netns_find(fixture, "v1"));
    }
}

/* The first of two steps that take the deletion of both ends back makes them; the second finds its own, and says what it has to. */
static void a_pair_comes_back_by_either_end(void **state)
{
    struct fixture *fixture = *state;
    struct interface end = {.kind = INTERFACE_VETH, .peer = "v1"}, other = {.kind = INTERFACE_VETH, .peer = "v0", .up = true};
    struct step first = make("v0", &end, FIELD_BIT(FIELD_VETH_PEER)),
                second = make("v1", &other, FIELD_BIT(FIELD_VETH_PEER) | FIELD_BIT(FIELD_UP));

    second.inverse = true;
    netns_must(fixture, &first);
    netns_must(fixture, &second);
    WAIT_UNTIL(fixture, netns_find(fixture, "v1")->up);
    assert_false(netns_find(fixture, "v0")->up);
}

static void macvlans(void **state)
{
    struct fixture *fixture = *state;
    const struct option *option = option_of_field(OPTION_INTERFACE, FIELD_MACVLAN_MODE);

    foreign_make("v0", "veth");
    WAIT_UNTIL(fixture, netns_find(fixture, "v0"));
    for (unsigned mode = 0; option->choices[mode]; mode++) {
        struct interface to = {.kind = INTERFACE_MACVLAN, .parent = "v0", .macvlan_mode = mode};
        struct step step = make("mac0", &to, FIELD_BIT(FIELD_PARENT) | FIELD_BIT(FIELD_MACVLAN_MODE)), gone = unmake("mac0"), change;

        netns_must(fixture, &step);
        assert_as(fixture, &to);
        to.macvlan_mode = mode == 3 ? 3 : mode == 0; /* passthru is for good */
        change = netns_set("mac0", &to, FIELD_BIT(FIELD_MACVLAN_MODE));
        netns_must(fixture, &change);
        assert_as(fixture, &to);
        netns_must(fixture, &gone);
    }
}

static void vxlans(void **state)
{
    struct fixture *fixture = *state;
    struct interface cases[] = {
        {.vxlan = {.id = 1, .local = "192.0.2.1", .remote = "192.0.2.2", .port = 4789, .ttl = 7, .learning = false}},
        {.vxlan = {.id = 16777215, .local = "2001:db8::1", .remote = "2001:db8::2", .port = 8472, .ttl = 0, .learning = true}},
        {.vxlan = {.id = 5, .remote = "239.0.0.9", .port = 65535, .ttl = 255}, .parent = "v0"},
        {.vxlan = {.id = 6, .remote = "ff05::9", .port = 1}, .parent = "v0"},
        {.vxlan = {.id = 7, .port = 4790}},
    };

    foreign_make("v0", "veth");
    WAIT_UNTIL(fixture, netns_find(fixture, "v0"));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct interface *to = &cases[i];
        struct step step = make("x0", to, FIELD_VXLAN_ALL | (*to->parent ? FIELD_BIT(FIELD_PARENT) : 0)), gone = unmake("x0");

        to->kind = INTERFACE_VXLAN;
        netns_must(fixture, &step);
        assert_as(fixture, to);
        assert_string_equal(netns_find(fixture, "x0")->parent, to->parent);
        netns_must(fixture, &gone);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(taps),  TEST(a_tap_that_gets_no_further_is_gone), TEST(pairs), TEST(a_pair_comes_back_by_either_end), TEST(macvlans),
        TEST(vxlans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
