/* OBSERVED follows what others do, whatever gets lost on the way. links: bridge netdev */

#include "netdev/netdev_internal.h"
#include "netns.h"

static void come_and_go(void **state)
{
    struct fixture *fixture = *state;
    int index;

    foreign_make("v0", "veth");
    WAIT_UNTIL(fixture, fixture->added == 2); /* and its peer */
    assert_int_equal(netns_find(fixture, "v0")->kind, INTERFACE_VETH);
    index = netns_find(fixture, "v0")->index;
    foreign_set_up(index, true);
    WAIT_UNTIL(fixture, netns_find(fixture, "v0")->up);
    netns_same_as_kernel(fixture);
    foreign_delete(index);
    WAIT_UNTIL(fixture, fixture->removed == 2);
    assert_null(netns_find(fixture, "v0"));
    netns_same_as_kernel(fixture);
}

static void taken_off_its_bridge(void **state)
{
    struct fixture *fixture = *state;
    int index;

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    WAIT_UNTIL(fixture, netns_find(fixture, "v0"));
    index = netns_find(fixture, "v0")->index;
    foreign_set_master(index, netns_find(fixture, "br0")->index);
    WAIT_UNTIL(fixture, text_equal(netns_find(fixture, "v0")->master, "br0"));
    foreign_set_master(index, 0);
    WAIT_UNTIL(fixture, text_equal(netns_find(fixture, "v0")->master, ""));
    assert_non_null(netns_find(fixture, "v0")); /* the bridge's RTM_DELLINK is not about the link */
    assert_true(interface_has(netns_find(fixture, "v0"), FIELD_MASTER));
    netns_same_as_kernel(fixture);
}

/* The ports of a bridge that gets another name have a master of another name. */
static void renamed(void **state)
{
    struct fixture *fixture = *state;
    int index;

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    WAIT_UNTIL(fixture, netns_find(fixture, "v0"));
    index = netns_find(fixture, "br0")->index;
    foreign_set_master(netns_find(fixture, "v0")->index, index);
    WAIT_UNTIL(fixture, text_equal(netns_find(fixture, "v0")->master, "br0"));
    foreign_set_up(index, false);
    foreign_rename(index, "lan");
    WAIT_UNTIL(fixture, netns_find(fixture, "lan"));
    assert_null(netns_find(fixture, "br0"));
    assert_int_equal(netns_find(fixture, "lan")->index, index);
    assert_string_equal(netns_find(fixture, "v0")->master, "lan");
    netns_same_as_kernel(fixture);
}

/* a -> c, b -> a, c -> b: at no time may one drive the other out. */
static void names_exchanged(void **state)
{
    struct fixture *fixture = *state;
    int a, b;

    netns_make_bridge(fixture, "a");
    netns_make_bridge(fixture, "b");
    a = netns_find(fixture, "a")->index;
    b = netns_find(fixture, "b")->index;
    foreign_set_up(a, false); /* older kernels rename only what is down */
    foreign_set_up(b, false);
    foreign_rename(a, "c");
    foreign_rename(b, "a");
    foreign_rename(a, "b");
    WAIT_UNTIL(fixture, netns_find(fixture, "b") && netns_find(fixture, "b")->index == a);
    assert_int_equal(netns_find(fixture, "a")->index, b);
    netns_same_as_kernel(fixture);
}

/* A dump is ahead of the events that wait: an old name that another link has by now must not cost that one its addresses. */
static void dump_ahead_of_events(void **state)
{
    struct fixture *fixture = *state;
    struct step address = {.op = STEP_ADDRESS_ADD, .interface = "b",
                           .address = {.family = AF_INET, .bytes = {10, 0, 0, 1}, .prefix = 24}};
    int a, b;

    netns_make_bridge(fixture, "a");
    netns_make_bridge(fixture, "b");
    netns_must(fixture, &address);
    a = netns_find(fixture, "a")->index;
    b = netns_find(fixture, "b")->index;
    foreign_set_up(a, false); /* an event with the old name */
    foreign_set_up(b, false);
    foreign_rename(a, "c");
    foreign_rename(b, "a");
    fixture->netdev->cache.doubtful = false;
    {
        bool torn;
        struct netdev_cache fresh;

        netdev_cache_init(&fresh, fixture->netdev->cache.kinds);
        assert_int_equal(netdev_dump_read(fixture->netdev->dump, &fresh, &torn, NULL), 0);
        netdev_cache_clear(&fixture->netdev->cache);
        fixture->netdev->cache = fresh;
    }
    assert_int_equal(netns_find(fixture, "a")->index, b);
    netdev_events_drain(fixture->netdev);
    assert_int_equal(netns_find(fixture, "a")->index, b);
    assert_int_equal(netns_find(fixture, "a")->address_count, 1);
    assert_int_equal(netns_find(fixture, "c")->index, a);
    netns_same_as_kernel(fixture);
}

/* A port that is seen before its master: it has one, and which is said when it comes. */
static void master_known_later(void **state)
{
    struct fixture *fixture = *state;
    struct netdev_cache *cache = &fixture->netdev->cache;
    struct interface port = {.name = "port", .index = 1000, .master_index = 1001}, master = {.name = "master", .index = 1001};

    netdev_cache_put(cache, &port);
    assert_false(interface_has(netns_find(fixture, "port"), FIELD_MASTER));
    netdev_cache_put(cache, &master);
    assert_true(interface_has(netns_find(fixture, "port"), FIELD_MASTER));
    assert_string_equal(netns_find(fixture, "port")->master, "master");
}

static void shrink_buffer(struct fixture *fixture)
{
    int size = 1; /* the kernel makes it 2304: one message or two */

    assert_int_equal(setsockopt(nl_socket_get_fd(fixture->netdev->events), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

static void storm(int index, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        foreign_set_up(index, true);
        foreign_set_up(index, false);
    }
}

static void overrun(void **state)
{
    struct fixture *fixture = *state;

    netns_make_bridge(fixture, "br0");
    shrink_buffer(fixture);
    foreign_make("v0", "veth");
    foreign_make("v1", "veth");
    foreign_delete(netns_find(fixture, "br0")->index);
    WAIT_UNTIL(fixture, fixture->resynced);
    assert_null(netns_find(fixture, "br0"));
    assert_non_null(netns_find(fixture, "v0"));
    assert_non_null(netns_find(fixture, "v1"));
    netns_same_as_kernel(fixture);
    storm(netns_find(fixture, "v0")->index, 100);
    foreign_rename(netns_find(fixture, "v0")->index, "w0");
    WAIT_UNTIL(fixture, netns_find(fixture, "w0"));
    netns_same_as_kernel(fixture);
}

/* The step's own event is among those that were lost. */
static void overrun_by_own_write(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.master = "br0", .up = true, .mtu = 1300};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_MTU));

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    WAIT_UNTIL(fixture, netns_find(fixture, "v0"));
    shrink_buffer(fixture);
    storm(netns_find(fixture, "v0")->index, 20);
    netns_must(fixture, &step);
    assert_string_equal(netns_find(fixture, "v0")->master, "br0");
    assert_true(netns_find(fixture, "v0")->up);
    assert_int_equal(netns_find(fixture, "v0")->mtu, 1300);
    assert_true(fixture->resynced > 0);
    netns_same_as_kernel(fixture);
}

/* The design's promise: 10,000 events, and OBSERVED is what a dump says. */
static void nothing_missed(void **state)
{
    struct fixture *fixture = *state;
    int index;

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    WAIT_UNTIL(fixture, netns_find(fixture, "v0"));
    index = netns_find(fixture, "v0")->index;
    for (int i = 0; i < 500; i++) {
        foreign_set_master(index, netns_find(fixture, "br0")->index);
        storm(index, 1);
        foreign_set_master(index, 0);
        if (i % 100 == 0)
            ev_run(fixture->loop, EVRUN_NOWAIT);
    }
    foreign_rename(index, "end");
    WAIT_UNTIL(fixture, netns_find(fixture, "end"));
    netns_same_as_kernel(fixture);
}

/* The comparison itself must be able to say no. */
static void comparison_can_fail(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    int differences = 0;
    uint32_t mtu;

    netns_make_bridge(fixture, "br0");
    mtu = netns_find(fixture, "br0")->mtu;
    for (int i = 0; i < 10 && differences == 0; i++) { /* a late event puts it right */
        netns_find(fixture, "br0")->mtu = mtu + 1;
        differences = netdev_compare_with_dump(fixture->netdev, &err);
    }
    assert_int_equal(differences, 1);
    assert_string_equal(err.text, "br0: differs in its attributes");
    netns_find(fixture, "br0")->mtu = mtu;
    netns_same_as_kernel(fixture);
    netdev_cache_remove(&fixture->netdev->cache, netns_find(fixture, "br0")->index);
    assert_true(netdev_compare_with_dump(fixture->netdev, &err) > 0);
    assert_string_equal(err.text, "br0: is missing");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(come_and_go),
        TEST(taken_off_its_bridge),
        TEST(renamed),
        TEST(names_exchanged),
        TEST(dump_ahead_of_events),
        TEST(master_known_later),
        TEST(overrun),
        TEST(overrun_by_own_write),
        TEST(nothing_missed),
        TEST(comparison_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
