/* Deletions that are put together, and what is left when they are refused or cut short. links: bridge netdev */
#include "netns.h"

#define COUNT 60 /* more than one chunk holds */

static void name_of(char name[INTERFACE_NAME_SIZE], unsigned number)
{
    snprintf(name, INTERFACE_NAME_SIZE, "v%u", number);
}

static struct step delete_step(const char *name)
{
    struct step step = {.op = STEP_LINK_DELETE};

    text_copy(step.interface, sizeof(step.interface), name);
    return step;
}

static void move(struct fixture *fixture, const char *name, uint32_t group)
{
    char buffer[512];

    WAIT_UNTIL(fixture, netns_find(fixture, name));
    foreign_link(buffer, RTM_NEWLINK, 0, netns_find(fixture, name)->index);
    mnl_attr_put_u32((struct nlmsghdr *)buffer, IFLA_GROUP, group);
    mnl_attr_put_strz((struct nlmsghdr *)buffer, IFLA_IFALIAS, TRESTLE_ALIAS);
    assert_int_equal(foreign_send((struct nlmsghdr *)buffer), 0);
    foreign_set_up(netns_find(fixture, name)->index, true); /* of a link that is down there would be no event */
    WAIT_UNTIL(fixture, netns_find(fixture, name)->group == group);
}

static void many(void **state)
{
    struct fixture *fixture = *state;
    struct step steps[COUNT];
    char name[INTERFACE_NAME_SIZE];

    for (unsigned i = 0; i < COUNT; i++) {
        name_of(name, i);
        foreign_make(name, i % 10 ? "veth" : "bridge");
        steps[i] = delete_step(name);
    }
    foreign_make("stays", "veth");
    for (unsigned i = 0; i < COUNT; i++)
        netns_begin(fixture, &steps[i]);
    while (fixture->running) {
        netns_turn(fixture);
        assert_string_equal(fixture->error.text, "");
    }
    for (unsigned i = 0; i < COUNT; i++)
        assert_null(netns_find(fixture, steps[i].interface));
    assert_non_null(netns_find(fixture, "stays"));
    netns_same_as_kernel(fixture);
}

/* Daemons were killed when they had moved these and not yet deleted them; now one is wanted again. */
static void left_behind(void **state)
{
    struct fixture *fixture = *state;
    struct step steps[] = {delete_step("v1"), delete_step("v2"), delete_step("v3"), delete_step("v4")};
    struct interface from, to = {0};
    struct step mark = netns_set("left", &to, 0);

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        foreign_make(steps[i].interface, "veth");
    foreign_make("left", "veth");
    foreign_make("left2", "veth");
    foreign_make("theirs", "veth");
    move(fixture, "theirs", 77);
    move(fixture, "left", TRESTLE_GROUP + 1);
    move(fixture, "left2", TRESTLE_GROUP + 2);
    assert_int_equal(netns_find(fixture, "left")->owner, OWNER_TRESTLE);
    assert_true(netns_find(fixture, "left")->half_made);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        netns_begin(fixture, &steps[i]);
    WAIT_UNTIL(fixture, fixture->running == 0);
    assert_null(netns_find(fixture, "v4"));
    assert_non_null(netns_find(fixture, "left"));
    assert_non_null(netns_find(fixture, "left2"));
    from = *netns_find(fixture, "left");
    mark.from = &from;
    netns_must(fixture, &mark);
    assert_int_equal(netns_find(fixture, "left")->group, TRESTLE_GROUP);
    assert_false(netns_find(fixture, "left")->half_made);
    assert_int_equal(netns_find(fixture, "theirs")->owner, OWNER_FOREIGN);
    netns_same_as_kernel(fixture);
}

/* Of one group the kernel deletes all or none, and lo can't be deleted: then what comes before it goes, as if one by one. */
static void refused(void **state)
{
    struct fixture *fixture = *state;
    struct step steps[] = {delete_step("v1"), delete_step("v2"), delete_step("gone"), delete_step("lo"), delete_step("v3")};
    struct interface lo = {.group = 0};
    int chain = 0;

    foreign_make("v1", "veth");
    foreign_make("v2", "veth");
    foreign_make("v3", "veth");
    move(fixture, "v3", TRESTLE_GROUP);
    steps[3].from = &lo;
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        steps[i].chain = &chain;
        netns_begin(fixture, &steps[i]);
    }
    while (fixture->running)
        netns_turn(fixture);
    assert_int_equal(fixture->result, -ECANCELED); /* the last one's */
    assert_null(netns_find(fixture, "v1"));
    assert_null(netns_find(fixture, "v2"));
    assert_int_equal(netns_find(fixture, "lo")->group, 0);
    assert_int_equal(netns_find(fixture, "v3")->group, TRESTLE_GROUP);
    netns_same_as_kernel(fixture);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(many),
        TEST(left_behind),
        TEST(refused),
    };

    return cmocka_run_group_tests_name("deletions put together", tests, NULL, NULL);
}
