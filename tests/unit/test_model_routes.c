/* Plans of addresses, routes, rules and sysctls: what files wanted before, what they want now, and what is there. links: config model base */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "config_dump.h"
#include "model/diff.h"

struct host {
    struct network wanted, previous, observed;
};

/* ifcfg-eth0, route-eth0, rule-eth0; NULL = no such file */
static void read_files(const char *ifcfg, const char *routes, const char *rules, struct network *network)
{
    struct config_files files = {0};
    struct problems problems = {0};
    config_files_add(&files, "ifcfg-eth0", ifcfg);
    config_files_add(&files, "ifcfg-eth1", "DEVICE=eth1\nIPADDR=10.0.1.1\nPREFIX=24\nNOZEROCONF=yes\n");
    if (routes)
        config_files_add(&files, "route-eth0", routes);
    if (rules)
        config_files_add(&files, "rule-eth0", rules);
    config_network(&files, false, network, &problems);
    for (size_t i = 0; i < problems.count; i++)
        fail_msg("%s", problems.items[i].text);
    config_files_clear(&files);
    problems_clear(&problems);
}

/* As the kernel shows it when all that is wanted is so. */
static void apply(const struct network *wanted, struct network *ret_observed)
{
    network_copy(wanted, ret_observed);
    for (size_t i = 0; i < ret_observed->count; i++) {
        struct interface *interface = ret_observed->items[i];
        interface->index = (int)i + 7;
        for (size_t j = 0; j < interface->route_count; j++)
            interface->routes[j] = route_resolved(&interface->routes[j], interface->index);
        for (size_t j = 0; j < interface->address_count; j++) {
            interface->addresses[j].flags = IFA_F_PERMANENT;
            for (size_t k = 0; k < j; k++) /* of one /24 the first is the primary one */
                if (memcmp(interface->addresses[j].bytes, interface->addresses[k].bytes, 3) == 0)
                    interface->addresses[j].flags |= IFA_F_SECONDARY;
        }
    }
    for (size_t i = 0; i < ret_observed->rule_count; i++)
        if (!ret_observed->rules[i].has_priority) {
            ret_observed->rules[i].has_priority = true;
            ret_observed->rules[i].priority = 32000 + (uint32_t)i;
        }
}

static void expect(struct host *host, const char *expected)
{
    struct plan plan = {0};
    struct problems problems = {0};
    struct text text = {0};
    network_diff(&host->wanted, &host->previous, &host->observed, true, &plan, &problems);
    text_add(&text, "");
    for (size_t i = 0; i < plan.count; i++)
        text_format(&text, "%s\n", plan.steps[i].text);
    for (size_t i = 0; i < problems.count; i++)
        text_format(&text, "error: %s\n", problems.items[i].text);
    assert_string_equal(text.data, expected);
    text_clear(&text);
    plan_clear(&plan);
    problems_clear(&problems);
    network_clear(&host->wanted);
    network_clear(&host->previous);
    network_clear(&host->observed);
}

#define ETH0 "DEVICE=eth0\nIPADDR=10.0.0.1\nPREFIX=24\n"
#define QUIET ETH0 "NOZEROCONF=yes\n"
#define NOW(host, ifcfg, routes, rules) read_files(ifcfg, routes, rules, &(host)->wanted)
#define BEFORE(host, ifcfg, routes, rules)                                                                                           \
    (read_files(ifcfg, routes, rules, &(host)->previous), apply(&(host)->previous, &(host)->observed))

static struct interface *eth0(struct host *host)
{
    return network_find(&host->observed, "eth0");
}

static void what_is_so_needs_nothing(void **state)
{
    static const char ifcfg[] = ETH0 "GATEWAY=10.0.0.9\nIPADDR1=10.0.0.2\nPREFIX1=24\nIPV6ADDR=2001:db8::1\nSRCADDR=10.0.0.2\n";
    static const char routes[] = "10.9.0.0/16 via 10.0.0.8 mtu 1400\nblackhole 10.8.0.0/16\n"
                                 "10.7.0.0/16 nexthop via 10.0.0.8 nexthop via 10.0.1.8\n";
    static const char rules[] = "from 10.0.0.1 table 5\nfwmark 7 prohibit pref 9\n";
    struct host host = {0};
    (void)state;
    NOW(&host, ifcfg, routes, rules);
    BEFORE(&host, ifcfg, routes, rules);
    expect(&host, "");
    NOW(&host, ifcfg, routes, rules); /* as repair asks */
    apply(&host.wanted, &host.observed);
    expect(&host, "");
}

static void the_first_address_takes_the_others_and_the_routes_along(void **state)
{
    struct host host = {0};
    struct address *foreign;
    (void)state;
    BEFORE(&host, QUIET "GATEWAY=10.0.0.9\nIPADDR1=10.0.0.2\nPREFIX1=24\n", "blackhole 10.8.0.0/16", NULL);
    foreign = APPEND(eth0(&host)->addresses, eth0(&host)->address_count);
    *foreign = eth0(&host)->addresses[1];
    foreign->bytes[3] = 99;
    *APPEND(eth0(&host)->routes, eth0(&host)->route_count) =
        (struct route){.family = AF_INET, .destination = {10, 66}, .prefix = 16, .table = RT_TABLE_MAIN, .protocol = RTPROT_BOOT};
    read_files("DEVICE=eth0\nIPADDR=10.0.0.3\nPREFIX=24\nNOZEROCONF=yes\nGATEWAY=10.0.0.9\nIPADDR1=10.0.0.2\nPREFIX1=24\n",
               "blackhole 10.8.0.0/16", NULL, &host.wanted);
    expect(&host, "remove route default via 10.0.0.9 by eth0\nremove route 10.66.0.0/16 by eth0\n"
                  "remove address 10.0.0.2/24 from eth0\nremove address 10.0.0.99/24 from eth0\nremove address 10.0.0.1/24 from eth0\n"
                  "add address 10.0.0.99/24 to eth0\nadd address 10.0.0.3/24 to eth0\nadd address 10.0.0.2/24 to eth0\n"
                  "add route default via 10.0.0.9 by eth0\nadd route 10.66.0.0/16 by eth0\n");
}

static void an_address_of_another_network_goes_alone(void **state)
{
    struct host host = {0};
    (void)state;
    BEFORE(&host, QUIET "GATEWAY=10.0.0.9\nIPADDR1=10.0.2.2\nPREFIX1=24\n", NULL, NULL);
    NOW(&host, QUIET "GATEWAY=10.0.0.9\n", NULL, NULL);
    expect(&host, "remove address 10.0.2.2/24 from eth0\n");
}

static void labels_and_broadcasts_are_made_anew(void **state)
{
    struct host host = {0};
    (void)state;
    BEFORE(&host, QUIET "IPADDR1=10.0.2.2\nPREFIX1=24\nBROADCAST1=10.0.2.0\n", NULL, NULL);
    NOW(&host, QUIET "IPADDR1=10.0.2.2\nPREFIX1=24\n", NULL, NULL);
    expect(&host, "remove address 10.0.2.2/24 from eth0\nadd address 10.0.2.2/24 to eth0\n");
    BEFORE(&host, QUIET "IPADDR1=10.0.2.2\nPREFIX1=24\n", NULL, NULL);
    text_copy(eth0(&host)->addresses[1].label, INTERFACE_NAME_SIZE, "eth0:x");
    NOW(&host, QUIET "IPADDR1=10.0.2.2\nPREFIX1=24\n", NULL, NULL); /* it states no label: any will do */
    expect(&host, "");
    BEFORE(&host, QUIET "IPADDR1=10.0.2.2\nPREFIX1=24\n", NULL, NULL);
    NOW(&host, QUIET "IPADDR1=10.0.2.2\nPREFIX1=24\n", NULL, NULL);
    text_copy(host.wanted.items[0]->addresses[1].label, INTERFACE_NAME_SIZE, "eth0:1");
    expect(&host, "remove address 10.0.2.2/24 from eth0\nadd address 10.0.2.2/24 to eth0 as eth0:1\n");
}

static void a_route_is_compared_in_all_it_says(void **state)
{
    static const char *const changes[] = {"10.9.0.0/16 via 10.0.0.8 mtu 1400", "10.9.0.0/16 via 10.0.0.8 src 10.0.0.1",
                                          "10.9.0.0/16 via 10.0.0.8 onlink", "10.9.0.0/16 via 10.0.0.7",
                                          "10.9.0.0/16 via 10.0.0.8 metric 5", "10.9.0.0/16 via 10.0.0.8 table 5"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        struct host host = {0};
        char expected[200];
        BEFORE(&host, QUIET, "10.9.0.0/16 via 10.0.0.8", NULL);
        NOW(&host, QUIET, changes[i], NULL);
        snprintf(expected, sizeof(expected), "remove route 10.9.0.0/16 via 10.0.0.8 by eth0\nadd route %s by eth0\n", changes[i]);
        expect(&host, expected);
    }
}

static void groups_change_and_go(void **state)
{
    struct host host = {0};
    (void)state;
    BEFORE(&host, QUIET, "10.9.0.0/16 nexthop via 10.0.0.8 nexthop via 10.0.1.8", NULL);
    NOW(&host, QUIET, "10.9.0.0/16 nexthop via 10.0.1.8 nexthop via 10.0.0.8", NULL); /* their order means nothing */
    expect(&host, "");
    BEFORE(&host, QUIET, "10.9.0.0/16 nexthop via 10.0.0.8 nexthop via 10.0.1.8", NULL);
    NOW(&host, QUIET, "unreachable 10.9.0.0/16", NULL);
    expect(&host, "remove route 10.9.0.0/16 nexthop via 10.0.0.8 dev eth0 nexthop via 10.0.1.8 dev eth1\n"
                  "add route unreachable 10.9.0.0/16\n");
    BEFORE(&host, QUIET, "unreachable 10.9.0.0/16", NULL);
    NOW(&host, QUIET, NULL, NULL);
    expect(&host, "remove route unreachable 10.9.0.0/16\n");
    /* somebody else's in its place: not ours to remove */
    read_files(QUIET, "unreachable 10.9.0.0/16", NULL, &host.wanted);
    apply(&host.wanted, &host.observed);
    host.observed.routes[0].type = RTN_BLACKHOLE;
    expect(&host, "error: eth0: route unreachable 10.9.0.0/16: the host has blackhole 10.9.0.0/16, which no file names: give this one "
                  "a METRIC or remove the other\n");
}

static void rules_come_and_go(void **state)
{
    struct host host = {0};
    (void)state;
    BEFORE(&host, QUIET, NULL, "from 10.0.0.1 table 5 pref 7\nfrom 10.0.0.2 table 5\n");
    *APPEND(host.observed.rules, host.observed.rule_count) = (struct rule){.family = AF_INET, .has_priority = true, .priority = 9};
    NOW(&host, QUIET, NULL, "from 10.0.0.1 table 6 pref 7\nfrom 10.0.0.2 table 5\n");
    expect(&host, "remove rule priority 7 from 10.0.0.1/32 lookup 5\nadd rule priority 7 from 10.0.0.1/32 lookup 6\n");
    BEFORE(&host, QUIET, NULL, "from 10.0.0.2 table 5\n");
    NOW(&host, QUIET, NULL, NULL);
    expect(&host, "remove rule priority 32000 from 10.0.0.2/32 lookup 5\n");
    BEFORE(&host, QUIET, NULL, "from 10.0.0.2 table 5\n");
    NOW(&host, QUIET, NULL, "from 10.0.0.2 table 5 pref 8\n");
    expect(&host, "remove rule priority 32000 from 10.0.0.2/32 lookup 5\nadd rule priority 8 from 10.0.0.2/32 lookup 5\n");
}

/* As it stands in the kernel: nobody's, before all that is there. */
static void see_rule_first(struct host *host, const char *text)
{
    struct network alone = {0};

    read_files(QUIET, NULL, text, &alone);
    APPEND(host->observed.rules, host->observed.rule_count);
    memmove(&host->observed.rules[1], &host->observed.rules[0], (host->observed.rule_count - 1) * sizeof(*host->observed.rules));
    host->observed.rules[0] = alone.rules[0];
    network_clear(&alone);
}

static void a_rule_that_the_kernel_would_mistake_stays(void **state)
{
    struct host host = {0};
    (void)state;
    BEFORE(&host, QUIET, NULL, "from all table 5 pref 7\n");
    see_rule_first(&host, "from 10.0.0.9 table 5 pref 7\n");
    NOW(&host, QUIET, NULL, NULL);
    expect(&host, "error: eth0: rule priority 7 from all lookup 5 stays: the kernel would delete rule priority 7 from 10.0.0.9/32 "
                  "lookup 5 in its place; remove both, and add that one again\n");
    BEFORE(&host, QUIET, NULL, "from 10.0.0.9 table 5 pref 7\nfrom all table 5 pref 7\n");
    NOW(&host, QUIET, NULL, NULL);
    expect(&host, "remove rule priority 7 from 10.0.0.9/32 lookup 5\nremove rule priority 7 from all lookup 5\n");
    BEFORE(&host, QUIET, NULL, NULL);
    see_rule_first(&host, "from 10.0.0.9 table 5 pref 7\n");
    NOW(&host, QUIET, NULL, "from all table 5 pref 7\n");
    expect(&host, "error: eth0: rule priority 7 from all lookup 5 can't be told from the host's rule priority 7 from 10.0.0.9/32 lookup 5, "
                  "which no file states, when it is removed: give it another priority\n");
}

static void the_zeroconf_metric_is_filled_in(void **state)
{
    struct host host = {0};
    (void)state;
    NOW(&host, ETH0, NULL, NULL);
    apply(&host.wanted, &host.observed);
    eth0(&host)->route_count = 0;
    expect(&host, "add route 169.254.0.0/16 metric 1007 by eth0\n");
    BEFORE(&host, ETH0, NULL, NULL);
    NOW(&host, QUIET, NULL, NULL);
    expect(&host, "remove route 169.254.0.0/16 metric 1007 by eth0\n");
}

static void routes_wait_for_a_link_that_is_down_by_hand(void **state)
{
    struct host host = {0};
    (void)state;
    NOW(&host, ETH0 "GATEWAY=10.0.0.9\n", "blackhole 10.8.0.0/16\n10.7.0.0/16 nexthop via 10.0.0.8 nexthop via 10.0.1.8", NULL);
    apply(&host.wanted, &host.observed);
    eth0(&host)->up = false;
    eth0(&host)->route_count = 0;
    route_clear(&host.observed.routes[1]);
    host.observed.route_count = 1;
    host.wanted.items[0]->set &= ~FIELD_BIT(FIELD_UP); /* as repair leaves it */
    expect(&host, "");
}

static void sysctls_are_set_from_what_they_are(void **state)
{
    struct host host = {0};
    (void)state;
    NOW(&host, QUIET "IPV6_AUTOCONF=no\n", NULL, NULL);
    apply(&host.wanted, &host.observed);
    eth0(&host)->sysctls[0].value = 1;
    expect(&host, "set eth0 ipv6/accept_ra 1 → 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_so_needs_nothing),
        cmocka_unit_test(the_first_address_takes_the_others_and_the_routes_along),
        cmocka_unit_test(an_address_of_another_network_goes_alone),
        cmocka_unit_test(labels_and_broadcasts_are_made_anew),
        cmocka_unit_test(a_route_is_compared_in_all_it_says),
        cmocka_unit_test(groups_change_and_go),
        cmocka_unit_test(rules_come_and_go),
        cmocka_unit_test(a_rule_that_the_kernel_would_mistake_stays),
        cmocka_unit_test(the_zeroconf_metric_is_filled_in),
        cmocka_unit_test(routes_wait_for_a_link_that_is_down_by_hand),
        cmocka_unit_test(sysctls_are_set_from_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
