/* Options of VLANs and bonds: written as messages, and read back out of them as the kernel shows them. links: bridge netdev */
#include "model/option.h"
#include "netdev/kind.h"
#include "netdev/netdev_internal.h"
#include "netns.h"

/* What a message of `fields` says, read as if the kernel showed it. */
static struct interface through_message(const struct netdev_kind *kind, const struct interface *from, field_set fields)
{
    struct interface ret = {.kind = kind->kind};
    struct netdev_draft draft;
    struct nlattr *nest;

    netdev_write_begin(&draft, RTM_NEWLINK, 0);
    nest = mnl_attr_nest_start(&draft.header, IFLA_INFO_DATA);
    netdev_row_put(&draft, kind->link_rows, kind->link_row_count, from, fields);
    if (kind->put_link)
        kind->put_link(&draft.header, from, fields);
    mnl_attr_nest_end(&draft.header, nest);
    netdev_row_parse(kind->link_rows, kind->link_row_count, nest, &ret);
    if (kind->parse_link)
        kind->parse_link(nest, &ret);
    return ret;
}

/* A value that is none of a new link's. */
static const char *example_of(const struct option *row)
{
    switch (row->type) {
    case OPTION_BOOL:
        return "yes";
    case OPTION_CHOICE:
        return row->choices[1];
    case OPTION_MAC:
        return "52:54:00:00:00:01";
    case OPTION_MAP:
        return "0:1,3:5,7:7";
    case OPTION_TARGETS:
        return "10.0.0.1,10.0.0.2";
    case OPTION_NUMBER:
        return "201";
    default:
        return NULL;
    }
}

static bool is_of(const struct option *row, const struct netdev_kind *kind)
{
    return row->scope == OPTION_INTERFACE && row->field >= 0 && kind->link_fields & FIELD_BIT(row->field);
}

static void nothing_but(const struct netdev_kind *kind, const struct option *row, const struct interface *back)
{
    static const struct interface none;

    for (const struct option *other = option_table; other < option_table + option_count; other++)
        if (is_of(other, kind) && other->field != row->field && !option_same(other, &none, back))
            fail_msg("%s brings %s with it", row->key, other->key);
}

static void each_option_alone(const struct netdev_kind *kind)
{
    for (const struct option *row = option_table; row < option_table + option_count; row++) {
        struct interface from = {.kind = kind->kind}, back;
        struct error err = {0};

        if (!is_of(row, kind) || row->field == FIELD_BOND_PRIMARY)
            continue;
        if (option_parse(row, &from, example_of(row), &err) < 0)
            fail_msg("%s: %s", row->key, err.text);
        back = through_message(kind, &from, FIELD_BIT(row->field));
        if (!option_is_set(row, &back) || !option_same(row, &from, &back))
            fail_msg("%s is not what was said", row->key);
        nothing_but(kind, row, &back);
    }
}

static void each_option_of_a_vlan(void **state)
{
    (void)state;
    each_option_alone(&kind_vlan);
}

static void each_option_of_a_bond(void **state)
{
    (void)state;
    each_option_alone(&kind_bond);
}

/* A flag that is not stated is not in the mask: the kernel leaves it. */
static void flags_go_one_by_one(void **state)
{
    struct interface from = {.vlan = {.reorder_headers = false, .gvrp = true, .mvrp = true}}, back;

    (void)state;
    back = through_message(&kind_vlan, &from, FIELD_BIT(FIELD_VLAN_GVRP) | FIELD_BIT(FIELD_VLAN_REORDER_HEADERS));
    assert_true(back.vlan.gvrp);
    assert_false(back.vlan.mvrp);
    assert_false(back.vlan.reorder_headers);
}

/* vlan_fill_info() leaves them out then: one that was on before would never be missed. */
static void flags_that_are_not_there_are_off(void **state)
{
    struct interface from = {.vlan.id = 5}, back;

    (void)state;
    back = through_message(&kind_vlan, &from, FIELD_BIT(FIELD_VLAN_ID));
    assert_true(interface_has(&back, FIELD_VLAN_REORDER_HEADERS));
    assert_false(back.vlan.reorder_headers);
}

/* The primary slave is an index in the message, put in when it is sent. */
static void the_primary_slave_is_looked_up(void **state)
{
    struct interface from = {.bond.primary = "eth0"}, none = {0};
    struct netdev_draft draft;

    (void)state;
    netdev_write_begin(&draft, RTM_NEWLINK, 0);
    netdev_row_put(&draft, kind_bond.link_rows, kind_bond.link_row_count, &from, FIELD_BIT(FIELD_BOND_PRIMARY));
    assert_int_equal(draft.message.index_count, 1);
    assert_string_equal(draft.message.indices[0].name, "eth0");
    netdev_write_begin(&draft, RTM_NEWLINK, 0);
    netdev_row_put(&draft, kind_bond.link_rows, kind_bond.link_row_count, &none, FIELD_BIT(FIELD_BOND_PRIMARY));
    assert_int_equal(draft.message.index_count, 0);
    assert_true(through_message(&kind_bond, &none, FIELD_BIT(FIELD_BOND_PRIMARY)).set & FIELD_BIT(FIELD_BOND_PRIMARY));
}

/* Either the kernel makes it, or it is known that it can't, and asked again only when somebody wants to know. */
static void the_kernel_is_asked(void **state)
{
    struct fixture *fixture = *state;
    struct network wanted = {0};
    struct interface *vlan = interface_new("v0"), *bridge = interface_new("br0");
    struct step step = {.op = STEP_LINK_CREATE, .to = vlan, .interface = "v0"};
    bool lacks;

    vlan->kind = INTERFACE_VLAN;
    vlan->vlan.id = 10;
    text_copy(vlan->parent, sizeof(vlan->parent), "lo");
    vlan->set = step.fields = FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_PARENT) | FIELD_BIT(FIELD_VLAN_ID);
    bridge->kind = INTERFACE_BRIDGE;
    network_insert(&wanted, vlan);
    network_insert(&wanted, bridge);
    netdev_ask_kinds(fixture->netdev, &wanted, false);
    lacks = netdev_observed(fixture->netdev)->lacking >> INTERFACE_VLAN & 1;
    assert_false(netdev_observed(fixture->netdev)->lacking >> INTERFACE_BRIDGE & 1);
    assert_false(netdev_observed(fixture->netdev)->lacking >> INTERFACE_BOND & 1); /* nobody wants one */
    assert_int_equal(netdev_observed(fixture->netdev)->count, 1);                  /* the loopback interface alone */
    netns_must_fail(fixture, &step, EOPNOTSUPP,
                    lacks ? "v0: make a vlan: Operation not supported (the kernel: \"Unknown device type\"); the kernel lacks this kind "
                            "of link (load its module), or the one below carries none"
                          : "v0: make a vlan: Operation not supported (the kernel: \"VLANs not supported on device\"); the kernel lacks "
                            "this kind of link (load its module), or the one below carries none");
    netns_same_as_kernel(fixture);
    netdev_ask_kinds(fixture->netdev, &wanted, true);
    assert_int_equal(netdev_observed(fixture->netdev)->lacking >> INTERFACE_VLAN & 1, lacks);
    network_clear(&wanted);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_option_of_a_vlan),
        cmocka_unit_test(each_option_of_a_bond),
        cmocka_unit_test(flags_go_one_by_one),
        cmocka_unit_test(flags_that_are_not_there_are_off),
        cmocka_unit_test(the_primary_slave_is_looked_up),
        TEST(the_kernel_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
