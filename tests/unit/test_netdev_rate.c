/* Rates: written as qdiscs, read back, kept apart from other people's, and true: what passes is counted. Statistics and
 * neighbours too. links: bridge netdev */
#include <net/if.h> /* before the kernel's own */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/virtio_net.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netdev/netdev_internal.h"
#include "netns.h"

static struct step rate_step(struct interface *to, field_set fields)
{
    return netns_set("v0", to, fields);
}

static int set_rates(struct fixture *fixture, struct rate inbound, struct rate outbound, field_set fields)
{
    struct interface to = {.inbound = inbound, .outbound = outbound};
    struct step step = rate_step(&to, fields);

    return netns_apply(fixture, &step);
}

static void must_set(struct fixture *fixture, enum interface_field field, struct rate rate)
{
    if (set_rates(fixture, rate, rate, FIELD_BIT(field)) < 0)
        fail_msg("%s", fixture->error.text);
}

static void assert_rate(const struct rate *rate, const struct rate *expected)
{
    assert_int_equal(rate->average, expected->average);
    assert_int_equal(rate->peak, expected->peak);
    assert_int_equal(rate->burst, expected->burst);
}

/* A veth pair v0, v1, both up. */
static int setup(void **state)
{
    struct fixture *fixture;
    char buffer[512];
    struct nlmsghdr *message = (struct nlmsghdr *)buffer;
    struct nlattr *info, *data, *peer;

    netns_setup(state);
    fixture = *state;
    foreign_link(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    mnl_attr_put_strz(message, IFLA_IFNAME, "v0");
    info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
    data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    peer = mnl_attr_nest_start(message, 1); /* VETH_INFO_PEER */
    mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, "v1");
    mnl_attr_nest_end(message, peer);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    assert_int_equal(foreign_send(message), 0);
    WAIT_UNTIL(fixture, netns_find(fixture, "v0") && netns_find(fixture, "v1"));
    foreign_set_up(netns_find(fixture, "v0")->index, true);
    foreign_set_up(netns_find(fixture, "v1")->index, true);
    WAIT_UNTIL(fixture, netns_find(fixture, "v0")->carrier && netns_find(fixture, "v1")->carrier);
    return 0;
}

/* Whether the kernel can police; the skipped test says why. */
static bool can_police(struct fixture *fixture)
{
    if (set_rates(fixture, (struct rate){0}, (struct rate){.average = 1}, FIELD_BIT(FIELD_OUTBOUND)) == 0) {
        must_set(fixture, FIELD_OUTBOUND, (struct rate){0});
        return true;
    }
    assert_int_equal(fixture->error.code, ENOENT);
    assert_string_equal(fixture->error.text + strlen(fixture->error.text) - strlen("act_police)"), "act_police)");
    assert_null(netdev_tc_find(&fixture->netdev->cache, netns_find(fixture, "v0")->index)); /* nothing is left of the attempt */
    netns_same_as_kernel(fixture);
    printf("skipped: %s\n", fixture->error.text);
    return false;
}

/* -- written and read back ------------------------------------------------------------------------------------------------ */

static const struct rate samples[] = {
    {1, 0, 0},          {1000, 0, 0},           {1000, 2000, 512},     {1000, 1000, 0},       {1000, 1000, 1},
    {7, 0, 1918},       {3333, 7777, 3},        {5000000, 0, 0},       {5000000, 6000000, 1}, {15000000, 0, 65536},
    {15000000, UINT32_MAX, 4000000000}, {123457, 0, 99991}, {1, 1, 1},
};

static void read_back(struct fixture *fixture, enum interface_field field)
{
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        const struct interface *link;

        must_set(fixture, field, samples[i]); /* the first makes it, the others change it */
        link = netns_find(fixture, "v0");
        assert_rate(field == FIELD_INBOUND ? &link->inbound : &link->outbound, &samples[i]);
        assert_int_equal(field == FIELD_INBOUND ? link->outbound.average : link->inbound.average, 0);
        netns_same_as_kernel(fixture); /* by a dump, too */
    }
    fixture->changed = 0;
    must_set(fixture, field, (struct rate){0});
    assert_int_equal(fixture->changed, 1);
    assert_int_equal(netns_find(fixture, "v0")->inbound.average + netns_find(fixture, "v0")->outbound.average, 0);
    assert_null(netdev_tc_find(&fixture->netdev->cache, netns_find(fixture, "v0")->index));
    must_set(fixture, field, (struct rate){0}); /* there is nothing to do */
    netns_same_as_kernel(fixture);
}

static void inbound(void **state)
{
    read_back(*state, FIELD_INBOUND);
}

static void outbound(void **state)
{
    struct fixture *fixture = *state;

    if (!can_police(fixture))
        skip();
    read_back(fixture, FIELD_OUTBOUND);
}

static void both(void **state)
{
    struct fixture *fixture = *state;
    struct rate in = {1000, 0, 0}, out = {500, 0, 0};

    if (!can_police(fixture))
        skip();
    assert_int_equal(set_rates(fixture, in, out, FIELD_BIT(FIELD_INBOUND) | FIELD_BIT(FIELD_OUTBOUND)), 0);
    assert_rate(&netns_find(fixture, "v0")->inbound, &in);
    assert_rate(&netns_find(fixture, "v0")->outbound, &out);
    must_set(fixture, FIELD_INBOUND, (struct rate){0});
    assert_rate(&netns_find(fixture, "v0")->outbound, &out);
    netns_same_as_kernel(fixture);
    foreign_delete(netns_find(fixture, "v0")->index);
    WAIT_UNTIL(fixture, !netns_find(fixture, "v0"));
    assert_int_equal(fixture->netdev->cache.traffic_count, 0);
}

/* With all that a new NIC's TAP gets, while it is down. */
static void with_its_bridge(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.master = "br0", .up = true, .mtu = 1400, .inbound = {1000, 0, 0}, .port = {.isolated = true}};
    struct step step = rate_step(&to, FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_MTU)
                                          | FIELD_BIT(FIELD_INBOUND) | FIELD_BIT(FIELD_OUTBOUND)
                                          | FIELD_BIT(FIELD_PORT_ISOLATED));

    netns_make_bridge(fixture, "br0");
    foreign_set_up(netns_find(fixture, "v0")->index, false);
    netns_must(fixture, &step);
    assert_true(netns_find(fixture, "v0")->up);
    assert_true(netns_find(fixture, "v0")->port.isolated);
    assert_string_equal(netns_find(fixture, "v0")->master, "br0");
    assert_rate(&netns_find(fixture, "v0")->inbound, &to.inbound);
    netns_same_as_kernel(fixture);
}

static void refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        struct rate rate;
        const char *text;
    } cases[] = {
        {{0, 5, 0}, "v0: limit inbound: peak and burst need an average"},
        {{10, 5, 0}, "v0: limit inbound: the peak, 5 KiB/s, is lower than the average, 10"},
        {{15000001, 0, 0}, "v0: limit inbound: the average can be 15000000 KiB/s at most, not 15000001"},
        {{1, 0, 275}, "v0: limit inbound: a burst of 275 KiB is too much for 1 KiB/s: it can be what passes in 274 s"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(set_rates(fixture, cases[i].rate, (struct rate){0}, FIELD_BIT(FIELD_INBOUND)), -EINVAL);
        assert_string_equal(fixture->error.text, cases[i].text);
    }
    assert_int_equal(fixture->netdev->cache.traffic_count, 0);
}

/* -- somebody else -------------------------------------------------------------------------------------------------------- */

static void foreign_tc(struct fixture *fixture, uint16_t type, uint32_t handle, uint32_t parent, const char *kind)
{
    char buffer[1024];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct tcmsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));
    struct tc_fifo_qopt fifo = {.limit = 10};
    struct tc_htb_glob global = {.version = 3, .rate2quantum = 10, .defcls = 7};

    message->nlmsg_type = type;
    message->nlmsg_flags = type == RTM_NEWQDISC ? NLM_F_CREATE | NLM_F_REPLACE : 0;
    fixed->tcm_ifindex = netns_find(fixture, "v0")->index;
    fixed->tcm_handle = handle;
    fixed->tcm_parent = parent;
    if (kind)
        mnl_attr_put_strz(message, TCA_KIND, kind);
    if (kind && strcmp(kind, "pfifo") == 0)
        mnl_attr_put(message, TCA_OPTIONS, sizeof(fifo), &fifo);
    if (kind && strcmp(kind, "htb") == 0) {
        struct nlattr *options = mnl_attr_nest_start(message, TCA_OPTIONS);

        mnl_attr_put(message, TCA_HTB_INIT, sizeof(global), &global);
        mnl_attr_nest_end(message, options);
    }
    assert_int_equal(foreign_send(message), 0);
}

static void foreign_qdiscs(void **state)
{
    struct fixture *fixture = *state;
    struct rate rate = {1000, 0, 0};
    static const struct {
        const char *kind;
        uint32_t handle;
    } others[] = {{"pfifo", 0x20000}, {"pfifo", NETDEV_HTB}, {"htb", NETDEV_HTB}};

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        must_set(fixture, FIELD_INBOUND, rate);
        /* Taken away: drift is seen. */
        foreign_tc(fixture, RTM_DELQDISC, 0, TC_H_ROOT, NULL);
        WAIT_UNTIL(fixture, netns_find(fixture, "v0")->inbound.average == 0);
        /* Another in its place: left alone as long as no rate is wanted, else replaced. */
        foreign_tc(fixture, RTM_NEWQDISC, others[i].handle, TC_H_ROOT, others[i].kind);
        netdev_events_drain(fixture->netdev);
        must_set(fixture, FIELD_INBOUND, (struct rate){0});
        assert_true(netdev_tc_find(&fixture->netdev->cache, netns_find(fixture, "v0")->index)->root);
        netns_same_as_kernel(fixture);
        must_set(fixture, FIELD_INBOUND, rate);
        assert_rate(&netns_find(fixture, "v0")->inbound, &rate);
        netns_same_as_kernel(fixture);
    }
}

/* The same average with another burst: not what was stated. */
static void foreign_burst(void **state)
{
    struct fixture *fixture = *state;
    struct tc_ratespec rate = {.linklayer = TC_LINKLAYER_ETHERNET, .rate = 1000 * 1024};
    struct tc_htb_opt parameters = {.rate = rate, .ceil = rate, .buffer = 5000, .cbuffer = 5000, .quantum = 1500};
    char buffer[1024];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct tcmsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));
    struct nlattr *options;

    must_set(fixture, FIELD_INBOUND, (struct rate){1000, 0, 0});
    message->nlmsg_type = RTM_NEWTCLASS;
    message->nlmsg_flags = NLM_F_REPLACE;
    fixed->tcm_ifindex = netns_find(fixture, "v0")->index;
    fixed->tcm_handle = NETDEV_HTB_CLASS;
    fixed->tcm_parent = NETDEV_HTB;
    mnl_attr_put_strz(message, TCA_KIND, "htb");
    options = mnl_attr_nest_start(message, TCA_OPTIONS);
    mnl_attr_put(message, TCA_HTB_PARMS, sizeof(parameters), &parameters);
    mnl_attr_nest_end(message, options);
    assert_int_equal(foreign_send(message), 0);
    WAIT_UNTIL(fixture, netns_find(fixture, "v0")->inbound.average == 0);
    must_set(fixture, FIELD_INBOUND, (struct rate){1000, 0, 0});
    assert_int_equal(netns_find(fixture, "v0")->inbound.average, 1000);
    netns_same_as_kernel(fixture);
}

static void foreign_class(void **state)
{
    struct fixture *fixture = *state;

    must_set(fixture, FIELD_INBOUND, (struct rate){1000, 0, 0});
    foreign_tc(fixture, RTM_DELTCLASS, NETDEV_HTB_CLASS, NETDEV_HTB, NULL);
    WAIT_UNTIL(fixture, netns_find(fixture, "v0")->inbound.average == 0);
    netns_same_as_kernel(fixture);
    must_set(fixture, FIELD_INBOUND, (struct rate){2000, 0, 0});
    assert_int_equal(netns_find(fixture, "v0")->inbound.average, 2000);
    netns_same_as_kernel(fixture);
}

/* An ingress qdisc that was there stays when the limit goes: whose filters it has is not our affair. */
static void foreign_ingress(void **state)
{
    struct fixture *fixture = *state;

    if (!can_police(fixture))
        skip();
    foreign_tc(fixture, RTM_NEWQDISC, 0xffff0000, TC_H_INGRESS, "clsact");
    netdev_events_drain(fixture->netdev);
    for (uint32_t average = 1000; average <= 2000; average += 1000) {
        must_set(fixture, FIELD_OUTBOUND, (struct rate){average, 0, 0});
        assert_int_equal(netns_find(fixture, "v0")->outbound.average, average);
        netns_same_as_kernel(fixture);
    }
    must_set(fixture, FIELD_OUTBOUND, (struct rate){0});
    assert_int_equal(netns_find(fixture, "v0")->outbound.average, 0);
    assert_true(netdev_tc_find(&fixture->netdev->cache, netns_find(fixture, "v0")->index)->ingress);
    netns_same_as_kernel(fixture);
    must_set(fixture, FIELD_OUTBOUND, (struct rate){3000, 0, 0});
    foreign_tc(fixture, RTM_DELQDISC, 0xffff0000, TC_H_INGRESS, NULL);
    WAIT_UNTIL(fixture, netns_find(fixture, "v0")->outbound.average == 0);
    netns_same_as_kernel(fixture);
}

/* -- what passes ---------------------------------------------------------------------------------------------------------- */

static struct link_statistics statistics(struct fixture *fixture, const char *name)
{
    struct link_statistics statistics;
    struct error err = {0};

    if (netdev_statistics(fixture->netdev, name, &statistics, &err) < 0)
        fail_msg("%s", err.text);
    return statistics;
}

static int packet_socket(const char *name)
{
    struct sockaddr_ll from = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    return fd;
}

enum { FRAME = 1024, FRAMES = 256 };

/* Sends 256 KiB by v0 as fast as it goes; what is queued up fills the socket, and is not waited for. */
static void send_frames(void)
{
    uint8_t frame[FRAME] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
    int fd = packet_socket("v0");

    for (int i = 0; i < FRAMES; i++)
        if (send(fd, frame, sizeof(frame), MSG_DONTWAIT) < 0)
            assert_true(errno == EAGAIN || errno == ENOBUFS);
    close(fd);
}

/* The burst passes at once, and the rest at 1 KiB/s: even on a slow machine no more than the burst over again. */
static void inbound_holds_back(void **state)
{
    struct fixture *fixture = *state;
    struct link_statistics before, after;

    before = statistics(fixture, "v0");
    send_frames();
    after = statistics(fixture, "v0");
    assert_in_range(after.tx_packets - before.tx_packets, FRAMES, FRAMES + 20); /* and what IPv6 says */
    must_set(fixture, FIELD_INBOUND, (struct rate){.average = 1, .burst = 64});
    before = statistics(fixture, "v0");
    send_frames();
    after = statistics(fixture, "v0");
    assert_in_range(after.tx_bytes - before.tx_bytes, 60 * 1024, 128 * 1024);
}

/* What v1 takes in goes to the bridge, which counts what reaches it. */
static void outbound_drops(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.master = "br0", .outbound = {.average = 1, .burst = 64}};
    struct step join = netns_set("v1", &to, FIELD_BIT(FIELD_MASTER)), limit = netns_set("v1", &to, FIELD_BIT(FIELD_OUTBOUND));
    struct link_statistics before, after;

    if (!can_police(fixture))
        skip();
    netns_make_bridge(fixture, "br0");
    netns_must(fixture, &join);
    before = statistics(fixture, "br0");
    send_frames();
    after = statistics(fixture, "br0");
    assert_in_range(after.rx_packets - before.rx_packets, FRAMES, FRAMES + 20);
    netns_must(fixture, &limit);
    before = statistics(fixture, "br0");
    send_frames();
    after = statistics(fixture, "br0");
    assert_in_range(after.rx_bytes - before.rx_bytes, 50 * 1024, 128 * 1024);
}

enum { HEADERS = 14 + 20 + 20, LARGE = 60000 };

/* 60,000 bytes in one, as a guest with segmentation offload sends them. */
static ssize_t send_large(void)
{
    struct {
        struct virtio_net_hdr header;
        uint8_t ethernet[14];
        struct iphdr ip;
        struct tcphdr tcp;
        char data[LARGE - 40];
    } __attribute__((packed)) packet = {
        .header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .hdr_len = HEADERS,
                   .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
        .ethernet = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 0},
        .ip = {.version = 4, .ihl = 5, .tot_len = htons(LARGE), .ttl = 64, .protocol = IPPROTO_TCP, .saddr = htonl(0x0a000001),
               .daddr = htonl(0x0a000002)},
        .tcp = {.source = htons(1), .dest = htons(2), .doff = 5, .ack = 1},
    };
    int fd = packet_socket("v0"), on = 1;
    ssize_t sent;

    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
    sent = send(fd, &packet, sizeof(packet), 0);
    close(fd);
    return sent;
}

/* However small the rate: the largest packets are not those that never pass. */
static void large_packets_pass(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.master = "br0", .outbound = {.average = 1}};
    struct step step = netns_set("v1", &to, FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_OUTBOUND));
    struct link_statistics before;

    if (!can_police(fixture))
        skip();
    netns_make_bridge(fixture, "br0");
    must_set(fixture, FIELD_INBOUND, (struct rate){.average = 1});
    netns_must(fixture, &step);
    before = statistics(fixture, "br0");
    assert_true(send_large() > LARGE);
    assert_true(statistics(fixture, "br0").rx_bytes - before.rx_bytes >= LARGE);
}

/* -- neighbours ----------------------------------------------------------------------------------------------------------- */

static void foreign_neighbour(int index, int family, const char *address, const uint8_t mac[6], uint16_t state)
{
    char buffer[256];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct ndmsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));
    uint8_t bytes[16];

    message->nlmsg_type = RTM_NEWNEIGH;
    message->nlmsg_flags = NLM_F_CREATE;
    fixed->ndm_family = (uint8_t)family;
    fixed->ndm_ifindex = index;
    fixed->ndm_state = state;
    assert_int_equal(inet_pton(family, address, bytes), 1);
    mnl_attr_put(message, NDA_DST, family == AF_INET ? 4 : 16, bytes);
    mnl_attr_put(message, NDA_LLADDR, 6, mac);
    assert_int_equal(foreign_send(message), 0);
}

static void neighbours(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t mac[6] = {0x52, 0x54, 0, 0, 0, 1}, other[6] = {0x52, 0x54, 0, 0, 0, 2};
    static const uint8_t unknown[6] = {0x52, 0x54, 0, 0, 0, 3};
    static const char *const expected[] = {"10.0.0.5/32", "fd00::5/128", "169.254.0.5/32", "fe80::5/128"};
    int v0 = netns_find(fixture, "v0")->index, v1 = netns_find(fixture, "v1")->index;
    CLEANUP(freep) struct address *addresses = NULL;
    struct error err = {0};
    size_t count;

    foreign_neighbour(v0, AF_INET6, "fe80::5", mac, NUD_STALE);
    foreign_neighbour(v0, AF_INET6, "fd00::5", mac, NUD_REACHABLE);
    foreign_neighbour(v0, AF_INET, "169.254.0.5", mac, NUD_PERMANENT);
    foreign_neighbour(v0, AF_INET, "10.0.0.5", mac, NUD_STALE);
    foreign_neighbour(v1, AF_INET, "10.0.0.5", mac, NUD_STALE);
    foreign_neighbour(v0, AF_INET, "10.0.0.6", other, NUD_STALE);
    foreign_neighbour(v0, AF_INET, "10.0.0.7", mac, NUD_FAILED);
    if (netdev_neighbours(fixture->netdev, mac, &addresses, &count, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(count, ARRAY_SIZE(expected));
    for (size_t i = 0; i < count; i++) {
        char text[ADDRESS_TEXT_SIZE];

        assert_string_equal(address_text(&addresses[i], text), expected[i]);
    }
    assert_int_equal(netdev_neighbours(fixture->netdev, unknown, &(struct address *){NULL}, &count, &err), 0);
    assert_int_equal(count, 0);
}

static void statistics_of_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct link_statistics statistics;
    struct error err = {0};

    assert_int_equal(netdev_statistics(fixture->netdev, "none", &statistics, &err), -ENODEV);
    assert_string_equal(err.text, "none: read statistics: No such device");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(inbound),         TEST(outbound),       TEST(both),           TEST(with_its_bridge),    TEST(refused),
        TEST(foreign_qdiscs),  TEST(foreign_burst),  TEST(foreign_class),  TEST(foreign_ingress), TEST(inbound_holds_back), TEST(outbound_drops),
        TEST(large_packets_pass), TEST(neighbours), TEST(statistics_of_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
