/* A NIC moves into a bridge and out of it: everything that hangs on it goes along, and comes back. links: bridge netdev */
#include "bridge/bridge_move.h"
#include "netns.h"

/* What `ip` says of a namespace, without what passes by itself. */
static char *picture(void)
{
    static const char *const commands =
        "{ ip -br link; ip addr; ip -4 route show table all; ip -6 route show table all | sort; ip rule; ip -6 rule; ip neigh show nud permanent;"
        " ip nexthop; } 2>&1 | sed -E 's/(valid|preferred)_lft [0-9]+sec/\\1_lft SOME/g; s/expires [0-9]+(sec)?/expires SOME/; "
        "s/ hoplimit [0-9]+//; s/^[0-9]+: //; s/ error [0-9-]+//'; grep -s . /proc/sys/net/ipv4/conf/*/* /proc/sys/net/ipv6/conf/*/* | grep -v stable_secret";
    FILE *pipe = popen(commands, "r");
    char *text = NULL;
    size_t size = 0, length = 0;

    assert_non_null(pipe);
    for (;;) {
        if (size - length < 4096)
            text = memory_resize(text, size += 65536, 1);
        size_t got = fread(text + length, 1, size - length - 1, pipe);
        if (got == 0)
            break;
        length += got;
    }
    text[length] = '\0';
    pclose(pipe);
    return text;
}

static void shell(const char *commands)
{
    if (system(commands) != 0)
        fail_msg("failed: %s", commands);
}

static void same(const char *before, const char *after, const char *when)
{
    while (*before && *before == *after)
        before++, after++;
    if (*before || *after)
        fail_msg("differs %s, from here on:\n%.300s\ninstead of\n%.300s", when, after, before);
}

static void host(void)
{
    shell("ip link add eth0 type veth peer name peer && ip link set lo up && ip link set peer up && ip link set eth0 up &&"
          "sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth0.arp_ignore=1 net.ipv6.conf.eth0.accept_ra=2 &&"
          "ip addr add 10.0.0.2/24 brd + dev eth0 label eth0 && ip addr add 10.0.0.3/24 dev eth0 label eth0:1 &&"
          "ip addr add 192.168.7.1 peer 192.168.7.2/32 dev eth0 valid_lft 3600 preferred_lft 1800 &&"
          "ip addr add 2001:db8::2/64 dev eth0 nodad && ip addr add 2001:db8:1::2/64 dev eth0 nodad noprefixroute &&"
          "ip addr add 2001:db8:2::2/64 dev eth0 nodad valid_lft 3600 preferred_lft 1800");
    shell("ip route add default via 10.0.0.1 metric 100 proto dhcp && ip route add 10.9.0.0/16 dev eth0 src 10.0.0.3 mtu 1400 &&"
          "ip route add 10.8.0.0/16 via 10.0.0.1 table 77 && ip route add 10.8.0.0/16 tos 4 via 10.0.0.1 &&"
          "ip route add unreachable 10.8.0.0/16 metric 9999 && ip -6 route add default via 2001:db8::1 metric 7 &&"
          "ip -6 route add 2001:db8:1::/64 dev eth0 metric 300 expires 4000 && ip -6 route add 2001:db8:9::/48 via 2001:db8::1 table 78 &&"
          "ip route add 10.7.0.0/16 nexthop via 10.0.0.1 weight 2 nexthop via 10.0.0.9 &&"
          "ip -6 route add 2001:db8:7::/64 nexthop via 2001:db8::1 nexthop via 2001:db8::9 &&"
          "ip nexthop add id 5 via 10.0.0.1 dev eth0 && ip route add 10.6.0.0/16 nhid 5 &&"
          "ip link add other type veth peer name other2 && ip link set other up && ip link set other2 up && ip addr add 10.5.5.1/24 dev other &&"
          "ip route append 10.4.0.0/16 dev other && ip route append 10.4.0.0/16 via 10.0.0.1 &&"
          "ip rule add iif eth0 table 77 priority 500 && ip -6 rule add oif eth0 table 78 suppress_prefixlength 0 priority 501 &&"
          "ip neigh add 10.0.0.50 lladdr 02:00:00:00:00:50 dev eth0 nud permanent && ip neigh add proxy 10.0.0.60 dev eth0");
}

/* Carrier, and what the kernel makes of it, comes when it comes. */
static void settled(struct fixture *fixture)
{
    WAIT_UNTIL(fixture, system("ip addr | grep -qE 'tentative|state UNKNOWN group [^d]'") != 0);
}

static struct interface *new_bridge(struct fixture *fixture)
{
    struct interface *made = interface_new("br0");

    made->kind = INTERFACE_BRIDGE;
    made->mtu = netns_find(fixture, "eth0")->mtu;
    memcpy(made->mac, netns_find(fixture, "eth0")->mac, 6);
    made->set = FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_BRIDGE_STP);
    return made;
}

static void take(struct fixture *fixture, const struct plan *plan, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (netns_apply(fixture, &plan->steps[i]) < 0)
            fail_msg("%s: %s: %s", plan->steps[i].object, plan->steps[i].text, fixture->error.text);
}

/* All of them, whether they were taken or not: as after a crash. */
static void take_back(struct fixture *fixture, const struct plan *plan)
{
    struct plan inverse;

    plan_invert(plan, NULL, NULL, &inverse);
    take(fixture, &inverse, inverse.count);
    plan_clear(&inverse);
}

static void plan_move(struct fixture *fixture, bool out, const struct interface *made, struct plan *plan, struct moved *moved)
{
    struct move move = {.nic = "eth0", .bridge = "br0", .out = out, .made = made};
    struct error err = {0};

    if (bridge_move(fixture->netdev, &move, plan, moved, &err) < 0)
        fail_msg("%s", err.text);
}

static void in_and_out(void **state)
{
    struct fixture *fixture = *state;
    struct plan plan = {0};
    struct moved moved;
    struct interface *made;
    char *before, *after;

    host();
    settled(fixture);
    before = picture();
    made = new_bridge(fixture);
    plan_move(fixture, false, made, &plan, &moved);
    take(fixture, &plan, plan.count);
    assert_int_equal(moved.addresses, 6);
    assert_int_equal(moved.rules, 2);
    assert_int_equal(moved.neighbours, 2);
    plan_clear(&plan);
    shell("ip route get 10.4.1.1 | grep -q other; ! ip route show table all dev eth0 | grep . ; ! ip -6 route show table main dev eth0 | grep . ;"
          " ! ip addr show dev eth0 | grep inet; ! ip rule | grep eth0; ip addr show dev br0 | grep -q 'label br0:1' || ip addr show dev br0 "
          "| grep -q 'br0:1'; test $(cat /proc/sys/net/ipv4/conf/br0/arp_ignore) = 1; test $(cat /proc/sys/net/ipv4/conf/br0/rp_filter) = 1");
    settled(fixture);
    plan_move(fixture, true, NULL, &plan, &moved);
    take(fixture, &plan, plan.count);
    plan_clear(&plan);
    settled(fixture);
    after = picture();
    same(before, after, "after bridge and unbridge");
    free(before);
    free(after);
    interface_free(made);
}

#define TRIES 100 /* 50 ms each */

/* What the kernel does by itself behind the steps (link-local addresses, their routes) takes its time. */
static void comes_back(struct fixture *fixture, const char *before, const char *when)
{
    for (int tries = 0;; tries++) {
        char *after;

        settled(fixture);
        after = picture();
        if (tries == TRIES)
            same(before, after, when);
        if (tries == TRIES || strcmp(before, after) == 0) {
            free(after);
            return;
        }
        free(after);
        usleep(50000);
    }
}

static void back_from_everywhere(void **state)
{
    struct fixture *fixture = *state;
    struct plan plan = {0};
    struct moved moved;
    struct interface *made;
    char *before, when[64];

    host();
    settled(fixture);
    before = picture();
    made = new_bridge(fixture);
    plan_move(fixture, false, made, &plan, &moved);
    for (size_t i = 0; i <= plan.count; i++) {
        take(fixture, &plan, i);
        take_back(fixture, &plan);
        snprintf(when, sizeof(when), "after %zu of %zu steps into the bridge", i, plan.count);
        comes_back(fixture, before, when);
    }
    take(fixture, &plan, plan.count);
    plan_clear(&plan);
    settled(fixture);
    free(before);
    before = picture();
    plan_move(fixture, true, NULL, &plan, &moved);
    for (size_t i = 0; i <= plan.count; i++) {
        take(fixture, &plan, i);
        take_back(fixture, &plan);
        snprintf(when, sizeof(when), "after %zu of %zu steps out of the bridge", i, plan.count);
        comes_back(fixture, before, when);
    }
    plan_clear(&plan);
    free(before);
    interface_free(made);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_and_out),
        TEST(back_from_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
