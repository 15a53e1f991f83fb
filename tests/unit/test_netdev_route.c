/* All that routes and rules can say: written, read back by events, and the same in a dump. links: bridge netdev */
#include <arpa/inet.h>
#include <linux/fib_rules.h>

#include "netns.h"

static void bytes_of(const char *text, uint8_t bytes[16])
{
    assert_int_equal(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, bytes), 1);
}

static struct step route_to(const char *destination, uint8_t prefix)
{
    struct step step = {.op = STEP_ROUTE_ADD, .interface = "br0"};

    step.route.family = strchr(destination, ':') ? AF_INET6 : AF_INET;
    step.route.prefix = prefix;
    step.route.metric = 77;
    step.route.table = 1000; /* more than a byte */
    bytes_of(destination, step.route.destination);
    return step;
}

static void give_gateway(struct step *step, const char *gateway)
{
    step->route.has_gateway = true;
    bytes_of(gateway, step->route.gateway);
}

static void add_address(struct fixture *fixture, const char *link, const char *text, uint8_t prefix)
{
    struct step step = {.op = STEP_ADDRESS_ADD, .address = {.family = AF_INET, .prefix = prefix}};

    text_copy(step.interface, sizeof(step.interface), link);
    step.address.family = strchr(text, ':') ? AF_INET6 : AF_INET;
    bytes_of(text, step.address.bytes);
    netns_must(fixture, &step);
}

/* Added, seen, the same as a dump; then deleted, and gone. */
static void there_and_back(struct fixture *fixture, struct step *step)
{
    const struct network *observed = netdev_observed(fixture->netdev);

    netns_must(fixture, step);
    assert_true(network_has_route(observed, step->interface, &step->route));
    assert_true(step_shows(step, observed));
    netns_same_as_kernel(fixture);
    netns_must(fixture, step); /* it is there already: fine */
    step->op = STEP_ROUTE_DELETE;
    netns_must(fixture, step);
    assert_false(network_has_route(observed, step->interface, &step->route));
    netns_same_as_kernel(fixture);
    netns_must(fixture, step);
}

static void attributes(void **state)
{
    struct fixture *fixture = *state;
    struct step ipv4 = route_to("10.9.0.0", 16), ipv6 = route_to("2001:db8:9::", 48), onlink = route_to("10.8.0.0", 16);

    netns_make_bridge(fixture, "br0");
    add_address(fixture, "br0", "10.0.0.1", 24);
    add_address(fixture, "br0", "10.0.0.2", 24);
    add_address(fixture, "br0", "2001:db8::1", 64);
    give_gateway(&ipv4, "10.0.0.9");
    ipv4.route.has_source = true;
    bytes_of("10.0.0.2", ipv4.route.source);
    for (size_t i = 0; i < ROUTE_METRICS; i++)
        ipv4.route.metrics[i] = (uint32_t)(100 + i);
    ipv4.route.metrics[ROUTE_MTU] = 1400;
    ipv4.route.locked = 1 << ROUTE_MTU;
    there_and_back(fixture, &ipv4);
    give_gateway(&ipv6, "2001:db8::9");
    ipv6.route.metrics[ROUTE_MTU] = 1300;
    there_and_back(fixture, &ipv6);
    give_gateway(&onlink, "192.0.2.1"); /* in no network of the bridge */
    onlink.route.onlink = true;
    there_and_back(fixture, &onlink);
    onlink = route_to("10.7.0.0", 16);
    onlink.route.has_scope = true;
    onlink.route.scope = RT_SCOPE_HOST;
    there_and_back(fixture, &onlink);
}

/* The metric hangs on an index that nobody knows before the link is there. */
static void metric_by_index(void **state)
{
    struct fixture *fixture = *state;
    struct step route = route_to("169.254.0.0", 16);

    netns_make_bridge(fixture, "br0");
    route.route.metric = 1000;
    route.route.metric_by_index = true;
    there_and_back(fixture, &route);
    route.op = STEP_ROUTE_ADD;
    netns_must(fixture, &route);
    assert_int_equal(netns_find(fixture, "br0")->routes[0].metric, 1000 + netns_find(fixture, "br0")->index);
}

static void without_a_hop(void **state)
{
    static const uint8_t types[] = {RTN_UNREACHABLE, RTN_BLACKHOLE, RTN_PROHIBIT, RTN_THROW};
    static const char *const destinations[] = {"10.9.0.0", "2001:db8:9::"};
    struct fixture *fixture = *state;
    struct interface up = {.up = true};
    struct step set_up = netns_set("lo", &up, FIELD_BIT(FIELD_UP));

    netns_must(fixture, &set_up);
    for (size_t i = 0; i < ARRAY_SIZE(types) * 2; i++) {
        struct step step = route_to(destinations[i % 2], i % 2 ? 48 : 32);

        step.route.type = types[i / 2];
        step.route.group = route_group_new(0);
        there_and_back(fixture, &step);
        route_clear(&step.route);
    }
}

static struct step two_hops(const char *destination, const char *first, const char *second)
{
    struct step step = route_to(destination, 48);

    step.route.prefix = step.route.family == AF_INET ? 16 : 48;
    step.route.group = route_group_new(2);
    for (size_t i = 0; i < 2; i++) {
        struct hop *hop = &step.route.group->hops[i];

        text_copy(hop->interface, sizeof(hop->interface), i ? "br1" : "br0");
        hop->has_gateway = true;
        hop->weight = (uint16_t)(i + 1);
        bytes_of(i ? second : first, hop->gateway);
    }
    return step;
}

static void with_two_hops(void **state)
{
    struct fixture *fixture = *state;
    struct step ipv4 = two_hops("10.9.0.0", "10.0.0.9", "10.0.1.9");
    struct step ipv6 = two_hops("2001:db8:9::", "2001:db8::9", "2001:db8:1::9");
    struct step delete = {.op = STEP_LINK_DELETE, .interface = "br1"};

    netns_make_bridge(fixture, "br0");
    netns_make_bridge(fixture, "br1");
    add_address(fixture, "br0", "10.0.0.1", 24);
    add_address(fixture, "br1", "10.0.1.1", 24);
    add_address(fixture, "br0", "2001:db8::1", 64);
    add_address(fixture, "br1", "2001:db8:1::1", 64);
    there_and_back(fixture, &ipv4);
    there_and_back(fixture, &ipv6);
    ipv4.op = ipv6.op = STEP_ROUTE_ADD;
    netns_must(fixture, &ipv4);
    netns_must(fixture, &ipv6);
    netns_must(fixture, &delete); /* the kernel says nothing about what becomes of them */
    netns_same_as_kernel(fixture);
    assert_int_equal(netdev_observed(fixture->netdev)->route_count, 0);
    route_clear(&ipv4.route);
    route_clear(&ipv6.route);
}

static void labels_and_broadcasts(void **state)
{
    struct fixture *fixture = *state;
    struct step step = {
        .op = STEP_ADDRESS_ADD, .interface = "br0", .address = {.family = AF_INET, .prefix = 24, .label = "br0:7"}};
    const struct address *seen;

    netns_make_bridge(fixture, "br0");
    bytes_of("10.0.0.1", step.address.bytes);
    step.address.has_broadcast = true;
    memcpy(step.address.broadcast, (const uint8_t[]){10, 0, 0, 0}, 4);
    netns_must(fixture, &step);
    add_address(fixture, "br0", "10.0.0.2", 24);
    seen = netns_find(fixture, "br0")->addresses;
    for (size_t i = 0; i < netns_find(fixture, "br0")->address_count; i++)
        if (address_same(&netns_find(fixture, "br0")->addresses[i], &step.address))
            seen = &netns_find(fixture, "br0")->addresses[i];
    assert_true(address_matches(&step.address, seen));
    text_copy(step.address.label, sizeof(step.address.label), "br0:8");
    assert_false(address_matches(&step.address, seen));
    netns_same_as_kernel(fixture);
}

/* -- rules ------------------------------------------------------------------------------------------------------------------- */

static struct step rule_step(int family)
{
    struct step step = {.op = STEP_RULE_ADD};

    step.rule = rule_new(family);
    step.rule.has_priority = true;
    step.rule.priority = 500;
    return step;
}

static void rule_there_and_back(struct fixture *fixture, struct step *step)
{
    const struct network *observed = netdev_observed(fixture->netdev);
    size_t before = observed->rule_count;

    netns_must(fixture, step);
    assert_int_equal(observed->rule_count, before + 1);
    assert_true(network_has_rule(observed, &step->rule));
    assert_true(step_shows(step, observed));
    netns_same_as_kernel(fixture);
    netns_must(fixture, step);
    assert_int_equal(observed->rule_count, before + 1);
    step->op = STEP_RULE_DELETE;
    netns_must(fixture, step);
    assert_int_equal(observed->rule_count, before);
    netns_same_as_kernel(fixture);
    netns_must(fixture, step);
}

static void rules(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 2; i++) {
        int family = i ? AF_INET6 : AF_INET;
        struct step all = rule_step(family), target = rule_step(family), action = rule_step(family);

        bytes_of(i ? "2001:db8::" : "10.1.0.0", all.rule.from);
        bytes_of(i ? "2001:db8:1::" : "10.2.0.0", all.rule.to);
        all.rule.from_prefix = i ? 32 : 16;
        all.rule.to_prefix = i ? 48 : 24;
        all.rule.inverted = true;
        text_copy(all.rule.iif, sizeof(all.rule.iif), "br7");
        text_copy(all.rule.oif, sizeof(all.rule.oif), "br8");
        all.rule.tos = 0x10;
        all.rule.mark = 0x10;
        all.rule.mark_mask = 0xf0;
        all.rule.table = 1000;
        all.rule.suppress_prefix = 0;
        all.rule.suppress_group = 3;
        all.rule.has_uids = true;
        all.rule.uids = (struct rule_range){1000, 1999};
        all.rule.ip_protocol = 6;
        all.rule.source_ports = (struct rule_range){1024, 2048};
        all.rule.destination_ports = (struct rule_range){22, 22};
        rule_there_and_back(fixture, &all);
        target.rule.action = FR_ACT_GOTO;
        target.rule.target = 32766;
        target.rule.table = 0;
        rule_there_and_back(fixture, &target);
        action.rule.action = FR_ACT_PROHIBIT;
        action.rule.table = 0;
        rule_there_and_back(fixture, &action);
    }
}

static void rule_without_a_priority(void **state)
{
    struct fixture *fixture = *state;
    const struct network *observed = netdev_observed(fixture->netdev);
    struct step step = rule_step(AF_INET);

    step.rule.has_priority = false;
    step.rule.table = 100;
    netns_must(fixture, &step);
    assert_true(network_has_rule(observed, &step.rule));
    step.rule.has_priority = true;
    step.rule.priority = 5;
    assert_false(network_has_rule(observed, &step.rule));
    netns_same_as_kernel(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(attributes),
        TEST(metric_by_index),
        TEST(without_a_hop),
        TEST(with_two_hops),
        TEST(labels_and_broadcasts),
        TEST(rules),
        TEST(rule_without_a_priority),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
