/* Probes against a peer behind a veth pair: the kernel of another namespace, or a script. links: probe bridge netdev */
#include "netns.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/veth.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "probe/probe.h"
#include "probe/probe_internal.h"

#define SHORT 0.15 /* seconds: how long to wait for what must not come */
#define LONG PATIENCE /* for what must come */

/* The other end: its kernel answers for the addresses that it has; the script hears everything on its link. */
struct peer {
    int namespace;
    int index;
    uint8_t mac[6];
    int fd; /* of the script: a packet socket */
    ev_io readable;
    void (*hear)(struct peer *peer, const uint8_t *packet, size_t size);
    unsigned heard;
    unsigned answer_from; /* late(): answers this request and those after it */
};

static struct fixture *fixture;
static struct probe *probe;
static struct peer peer;
static int home; /* namespace */

static struct {
    unsigned done;
    struct probe_result last;
    struct error error;
} got;

static void in_namespace(int fd)
{
    assert_int_equal(setns(fd, CLONE_NEWNET), 0);
}

static struct address make(int family, const char *text)
{
    struct address address = {.family = family, .prefix = family == AF_INET ? 24 : 64};

    assert_int_equal(inet_pton(family, text, address.bytes), 1);
    return address;
}

/* -- what there is on the wire ----------------------------------------------------------------------------------------------- */

static void add_address(int index, const struct address *address)
{
    char buffer[256];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct ifaddrmsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));

    message->nlmsg_type = RTM_NEWADDR;
    message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
    *fixed = (struct ifaddrmsg){.ifa_family = (uint8_t)address->family, .ifa_prefixlen = address->prefix,
                                .ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0, .ifa_index = (unsigned)index};
    mnl_attr_put(message, IFA_LOCAL, address->family == AF_INET ? 4 : 16, address->bytes);
    mnl_attr_put(message, IFA_ADDRESS, address->family == AF_INET ? 4 : 16, address->bytes);
    assert_int_equal(foreign_send(message), 0);
}

static void add_route(const struct address *to, const struct address *gateway)
{
    char buffer[256];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct rtmsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));
    uint16_t size = to->family == AF_INET ? 4 : 16;

    message->nlmsg_type = RTM_NEWROUTE;
    message->nlmsg_flags = NLM_F_CREATE;
    *fixed = (struct rtmsg){.rtm_family = (uint8_t)to->family, .rtm_dst_len = (uint8_t)(size * 8), .rtm_table = RT_TABLE_MAIN,
                            .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST};
    mnl_attr_put(message, RTA_DST, size, to->bytes);
    mnl_attr_put(message, RTA_GATEWAY, size, gateway->bytes);
    assert_int_equal(foreign_send(message), 0);
}

/* veth0 here, veth1 in the peer's namespace. */
static void make_pair(void)
{
    char buffer[512];
    struct nlmsghdr *message = (struct nlmsghdr *)buffer;
    struct nlattr *info, *data, *end;

    foreign_link(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    mnl_attr_put_strz(message, IFLA_IFNAME, "veth0");
    info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
    data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    end = mnl_attr_nest_start(message, VETH_INFO_PEER);
    memset(mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg)), 0, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, "veth1");
    mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)peer.namespace);
    mnl_attr_nest_end(message, end);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    assert_int_equal(foreign_send(message), 0);
}

static void hear(struct ev_loop *loop, ev_io *watcher, int revents)
{
    uint8_t packet[2048];
    ssize_t size = recv(peer.fd, packet, sizeof(packet), 0);

    (void)loop;
    (void)watcher;
    (void)revents;
    if (size <= 0 || !peer.hear)
        return;
    peer.heard++;
    peer.hear(&peer, packet, (size_t)size);
}

/* Of a protocol: ETH_P_ARP, ETH_P_IPV6; frames with their Ethernet header. */
static void start_script(uint16_t protocol, void (*callback)(struct peer *peer, const uint8_t *packet, size_t size))
{
    struct sockaddr_ll here = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = peer.index};

    in_namespace(peer.namespace);
    peer.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(peer.fd >= 0);
    assert_int_equal(bind(peer.fd, (struct sockaddr *)&here, sizeof(here)), 0);
    in_namespace(home);
    peer.hear = callback;
    ev_io_init(&peer.readable, hear, peer.fd, EV_READ);
    ev_io_start(fixture->loop, &peer.readable);
}

static void peer_address(int family, const char *text)
{
    struct address address = make(family, text);

    in_namespace(peer.namespace);
    add_address(peer.index, &address);
    in_namespace(home);
}

static struct interface *veth0(void)
{
    return netns_find(fixture, "veth0");
}

static bool has_carrier(void)
{
    return veth0() && veth0()->up && veth0()->operstate == IF_OPER_UP;
}

static int setup(void **state)
{
    struct address address = make(AF_INET, "10.9.0.2"), address6 = make(AF_INET6, "fd00:9::2");
    struct ifreq request = {.ifr_name = "veth1"};
    struct error err = {0};
    int fd;

    netns_enter(); /* the peer's; then home */
    memset(&peer, 0, sizeof(peer));
    memset(&got, 0, sizeof(got));
    peer.fd = -1;
    peer.namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (unshare(CLONE_NEWNET) < 0)
        netns_skip("no second network namespace can be had");
    home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    make_pair();
    in_namespace(peer.namespace);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(ioctl(fd, SIOCGIFINDEX, &request), 0);
    peer.index = request.ifr_ifindex;
    assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
    memcpy(peer.mac, request.ifr_hwaddr.sa_data, 6);
    close(fd);
    foreign_set_up(peer.index, true);
    foreign_set_up(1, true);
    in_namespace(home);

    fixture = NEW(struct fixture);
    *state = fixture;
    {
        static const struct netdev_kind *const kinds[] = {&bridge_kind, NULL};

        fixture->loop = ev_loop_new(EVFLAG_AUTO);
        assert_int_equal(worker_new(&fixture->worker, &err), 0);
        assert_int_equal(netdev_new(fixture->loop, fixture->worker, kinds, netns_event, fixture, &fixture->netdev, &err), 0);
        ev_io_init(&fixture->finished, netns_collect, worker_fd(fixture->worker), EV_READ);
        fixture->finished.data = fixture->worker;
        ev_io_start(fixture->loop, &fixture->finished);
        ev_timer_init(&fixture->patience, netns_impatient, PATIENCE, 0);
    }
    foreign_set_up(1, true);
    foreign_set_up(veth0()->index, true);
    add_address(veth0()->index, &address);
    add_address(veth0()->index, &address6);
    WAIT_UNTIL(fixture, has_carrier());
    if (probe_new(fixture->loop, &probe, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int teardown(void **state)
{
    probe_free(probe);
    if (peer.fd >= 0) {
        ev_io_stop(fixture->loop, &peer.readable);
        close(peer.fd);
    }
    close(peer.namespace);
    close(home);
    return netns_teardown(state);
}

/* -- asking ------------------------------------------------------------------------------------------------------------------ */

static void done(void *context, const struct probe_result *result, const struct error *err)
{
    (void)context;
    got.done++;
    got.last = *result;
    got.error = err ? *err : (struct error){0};
    assert_false(err && result->answered);
}

static struct probe_question question(int family, const char *address, double interval, double limit)
{
    return (struct probe_question){.interface = veth0(), .address = make(family, address), .interval = interval, .limit = limit,
                                   .owner = &got, .done = done};
}

static void must_not_be_answered(void *context, const struct probe_result *result, const struct error *err)
{
    done(context, result, err);
    assert_null(err);
    assert_false(result->answered);
}

typedef int (*beginning)(struct probe *probe, const struct probe_question *question, struct error *err);

static void must_begin(beginning begin, const struct probe_question *q)
{
    struct error err = {0};

    if (begin(probe, q, &err) < 0)
        fail_msg("%s", err.text);
}

static void must(beginning begin, const struct probe_question *q)
{
    unsigned before = got.done;

    must_begin(begin, q);
    assert_int_equal(got.done, before); /* never from within */
    WAIT_UNTIL(fixture, got.done > before);
    if (got.error.code)
        fail_msg("%s", got.error.text);
}

static void must_not_begin(beginning begin, const struct probe_question *q, int code)
{
    struct error err = {0};

    assert_int_equal(begin(probe, q, &err), -code);
    assert_int_equal(err.code, code);
    assert_true(err.text[0]);
}

static void assert_answered(void)
{
    assert_true(got.last.answered);
    assert_true(got.last.round_trip >= 0 && got.last.round_trip < LONG);
    assert_true(got.last.requests >= 1);
}

/* -- duplicate address detection --------------------------------------------------------------------------------------------- */

static void used_by_another_host(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.1", 1, LONG);

    (void)state;
    peer_address(AF_INET, "10.9.0.1");
    must(probe_duplicate, &q);
    assert_answered();
    assert_false(got.last.wanted);
    assert_memory_equal(got.last.mac, peer.mac, 6);
    assert_memory_equal(got.last.address.bytes, q.address.bytes, 4);
}

static void count_probes(struct peer *p, const uint8_t *packet, size_t size)
{
    static const uint8_t nobody[6], everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct probe_arp arp;

    (void)p;
    assert_true(size >= 14 + PROBE_PACKET_ARP);
    assert_true(probe_packet_get_arp(packet + 14, size - 14, &arp));
    assert_memory_equal(packet, everybody, 6);
    assert_memory_equal(packet + 6, veth0()->mac, 6);
    assert_false(arp.reply);
    assert_memory_equal(arp.sender_mac, veth0()->mac, 6);
    assert_memory_equal(arp.sender, nobody, 4); /* no neighbour's table must learn it */
    assert_memory_equal(arp.target_mac, nobody, 6);
    assert_memory_equal(arp.target, ((uint8_t[]){10, 9, 0, 77}), 4);
}

static void free_address(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", SHORT / 3, SHORT);

    (void)state;
    peer_address(AF_INET, "10.9.0.1");
    start_script(ETH_P_ARP, count_probes);
    must(probe_duplicate, &q);
    assert_false(got.last.answered);
    assert_in_range(got.last.requests, 1, 3);
    WAIT_UNTIL(fixture, peer.heard == got.last.requests);
}

static void send_frame(const uint8_t to[6], const uint8_t from[6], uint16_t protocol, const void *payload, size_t size)
{
    uint8_t frame[1514];

    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    frame[12] = (uint8_t)(protocol >> 8);
    frame[13] = (uint8_t)protocol;
    memcpy(frame + 14, payload, size);
    assert_int_equal(send(peer.fd, frame, 14 + size, 0), (int)(14 + size));
}

static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t stranger[6] = {0x52, 0x54, 0, 7, 7, 7};

static void say_arp(const uint8_t to[6], const uint8_t mac[6], bool reply, const char *sender, const char *target)
{
    struct address from = make(AF_INET, sender), at = make(AF_INET, target);
    struct probe_arp arp = {.reply = reply};
    uint8_t packet[PROBE_PACKET_ARP];

    memcpy(arp.sender_mac, mac, 6);
    memcpy(arp.sender, from.bytes, 4);
    memcpy(arp.target, at.bytes, 4);
    probe_packet_put_arp(packet, &arp);
    send_frame(to, mac, ETH_P_ARP, packet, sizeof(packet));
}

/* Everything that says that somebody else has the address, or is about to. */
static void signs_of_use(void **state)
{
    static const struct {
        bool reply;
        const char *sender, *target;
        bool wanted;
    } signs[] = {
        {true, "10.9.0.77", "0.0.0.0", false},    /* an answer */
        {true, "10.9.0.77", "10.9.0.5", false},   /* one to somebody else */
        {false, "10.9.0.77", "10.9.0.77", false}, /* an announcement */
        {false, "10.9.0.77", "10.9.0.5", false},  /* a question of that host */
        {false, "0.0.0.0", "10.9.0.77", true},    /* a probe */
    };

    (void)state;
    start_script(ETH_P_ARP, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
        struct probe_question q = question(AF_INET, "10.9.0.77", 1, LONG);
        unsigned before = got.done;

        must_begin(probe_duplicate, &q);
        say_arp(all, stranger, signs[i].reply, signs[i].sender, signs[i].target);
        WAIT_UNTIL(fixture, got.done > before);
        assert_answered();
        assert_int_equal(got.last.wanted, signs[i].wanted);
        assert_memory_equal(got.last.mac, stranger, 6);
    }
}

static void no_signs_of_use(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", 1, SHORT);
    uint8_t tagged[4 + PROBE_PACKET_ARP] = {0, 5, 8, 6};
    struct probe_arp arp = {.reply = true, .sender = {10, 9, 0, 77}};

    (void)state;
    start_script(ETH_P_ARP, NULL);
    must_begin(probe_duplicate, &q);
    say_arp(all, veth0()->mac, false, "0.0.0.0", "10.9.0.77"); /* our own, sent back by a switch */
    say_arp(all, veth0()->mac, false, "10.9.0.77", "10.9.0.77");
    say_arp(all, stranger, false, "10.9.0.5", "10.9.0.77");    /* a question for it */
    say_arp(all, stranger, true, "10.9.0.5", "10.9.0.77");
    say_arp(all, stranger, false, "0.0.0.0", "10.9.0.78");
    memcpy(arp.sender_mac, stranger, 6); /* in another VLAN it may well be used */
    probe_packet_put_arp(tagged + 4, &arp);
    send_frame(all, stranger, ETH_P_8021Q, tagged, sizeof(tagged));
    WAIT_UNTIL(fixture, got.done);
    assert_int_equal(got.error.code, 0);
    assert_false(got.last.answered);
}

static unsigned used, unused;

static void count(void *context, const struct probe_result *result, const struct error *err)
{
    (void)context;
    assert_null(err);
    assert_int_equal(result->answered, result->address.bytes[3] % 2 == 0);
    if (result->answered)
        assert_memory_equal(result->mac, peer.mac, 6);
    *(result->answered ? &used : &unused) += 1;
}

static void hundred_in_parallel(void **state)
{
    char text[16];

    (void)state;
    used = unused = 0;
    for (int i = 100; i < 200; i += 2) {
        snprintf(text, sizeof(text), "10.9.0.%d", i);
        peer_address(AF_INET, text);
    }
    for (int i = 100; i < 200; i++) {
        struct probe_question q;

        snprintf(text, sizeof(text), "10.9.0.%d", i);
        q = question(AF_INET, text, SHORT / 2, 2 * SHORT);
        q.done = count;
        must_begin(probe_duplicate, &q);
    }
    WAIT_UNTIL(fixture, used + unused == 100);
    assert_int_equal(used, 50);
}

/* -- does it answer? --------------------------------------------------------------------------------------------------------- */

static void neighbours_answer(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.1", 0, LONG), q6 = question(AF_INET6, "fd00:9::1", 0, LONG);

    (void)state;
    peer_address(AF_INET, "10.9.0.1");
    peer_address(AF_INET6, "fd00:9::1");
    for (int i = 0; i < 2; i++) { /* with and without a source */
        must(probe_neighbour, &q);
        assert_answered();
        assert_memory_equal(got.last.mac, peer.mac, 6);
        must(probe_neighbour, &q6);
        assert_answered();
        assert_memory_equal(got.last.mac, peer.mac, 6);
        q.source = make(AF_INET, "10.9.0.2");
        q6.source = make(AF_INET6, "fd00:9::2");
    }
}

static void neighbours_do_not_answer(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", SHORT / 5, SHORT);
    struct probe_question q6 = question(AF_INET6, "fd00:9::77", SHORT / 5, SHORT);

    (void)state;
    peer_address(AF_INET, "10.9.0.1");
    must(probe_neighbour, &q);
    assert_false(got.last.answered);
    assert_in_range(got.last.requests, 2, 5);
    must(probe_neighbour, &q6);
    assert_false(got.last.answered);
    assert_in_range(got.last.requests, 2, 5);
}

/* An announcement is no answer. */
static void announcements_are_no_answers(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", 1, SHORT), q6 = question(AF_INET6, "fd00:9::77", 1, SHORT);
    uint8_t packet[PROBE_PACKET_IPV6], group[6];
    size_t size;

    (void)state;
    q6.source = make(AF_INET6, "fd00:9::2");
    q.done = q6.done = must_not_be_answered;
    start_script(ETH_P_ARP, NULL);
    must_begin(probe_neighbour, &q);
    must_begin(probe_neighbour, &q6);
    say_arp(all, stranger, true, "10.9.0.77", "10.9.0.77");
    size = probe_packet_put_advertisement(packet, stranger, q6.address.bytes, false);
    probe_packet_group_mac(packet, group);
    send_frame(group, stranger, ETH_P_IPV6, packet, size);
    WAIT_UNTIL(fixture, got.done == 2);
}

static void late(struct peer *p, const uint8_t *packet, size_t size)
{
    (void)packet;
    (void)size;
    if (p->heard >= p->answer_from)
        say_arp(veth0()->mac, stranger, true, "10.9.0.77", "10.9.0.2");
}

static void answers_late(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", 0.02, LONG);

    (void)state;
    peer.answer_from = 4;
    q.source = make(AF_INET, "10.9.0.2");
    start_script(ETH_P_ARP, late);
    must(probe_neighbour, &q);
    assert_answered();
    assert_true(got.last.requests >= 4);
    assert_memory_equal(got.last.mac, stranger, 6);
}

static void garbage(struct peer *p, const uint8_t *packet, size_t size)
{
    static unsigned seed = 1;
    uint8_t noise[200];

    (void)packet;
    (void)size;
    for (int i = 0; i < 500; i++) {
        size_t length = (size_t)rand_r(&seed) % sizeof(noise);
        bool ipv6 = i % 2;

        for (size_t j = 0; j < length; j++)
            noise[j] = (uint8_t)rand_r(&seed);
        if (ipv6 && length > 48) { /* past the filter */
            noise[6] = 58;
            noise[7] = 255;
            noise[40] = 136;
        }
        if (!ipv6 && length > 8)
            memcpy(noise, ((uint8_t[]){0, 1, 8, 0, 6, 4, 0}), 7);
        send_frame(veth0()->mac, stranger, ipv6 ? ETH_P_IPV6 : ETH_P_ARP, noise, length);
    }
    if (p->heard >= p->answer_from)
        say_arp(veth0()->mac, stranger, true, "10.9.0.77", "10.9.0.2");
}

static void floods_garbage(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", SHORT / 3, LONG);
    struct probe_question q6 = question(AF_INET6, "fd00:9::77", 1, SHORT);
    struct probe_question nothing = question(AF_INET, "10.9.0.78", SHORT / 3, SHORT);

    (void)state;
    peer.answer_from = 3;
    start_script(ETH_P_ARP, garbage);
    q6.done = must_not_be_answered;
    must_begin(probe_neighbour, &q6);
    nothing.done = must_not_be_answered;
    must_begin(probe_duplicate, &nothing);
    WAIT_UNTIL(fixture, got.done == 2);
    assert_false(got.last.answered);
    must(probe_neighbour, &q);
    assert_answered();
    assert_memory_equal(got.last.mac, stranger, 6);
}

static void echoes(void **state)
{
    static const char *const near[] = {"10.9.0.1", "fd00:9::1"}, *const far[] = {"10.77.0.1", "fd00:77::1"};
    struct address loopback;

    (void)state;
    for (int i = 0; i < 2; i++) {
        int family = i ? AF_INET6 : AF_INET;
        struct address to = make(family, far[i]), gateway = make(family, near[i]);
        struct probe_question q = question(family, near[i], 0, LONG);

        peer_address(family, near[i]);
        peer_address(family, far[i]);
        add_route(&to, &gateway);
        must(probe_echo, &q); /* by the interface */
        assert_answered();
        q = question(family, far[i], 0, LONG); /* with a source; through the gateway */
        q.interface = NULL;
        q.source = make(family, i ? "fd00:9::2" : "10.9.0.2");
        must(probe_echo, &q);
        assert_answered();
        assert_int_equal(got.last.send_error, 0);
        loopback = make(family, i ? "::1" : "127.0.0.1");
        q = (struct probe_question){.address = loopback, .limit = LONG, .done = done};
        must(probe_echo, &q);
        assert_answered();
    }
}

static void no_echo(void **state)
{
    struct probe_question q = question(AF_INET, "10.88.0.1", SHORT / 5, SHORT);

    (void)state;
    q.interface = NULL;
    must(probe_echo, &q); /* no route, all the time */
    assert_false(got.last.answered);
    assert_int_equal(got.last.send_error, ENETUNREACH);
    q = question(AF_INET, "10.9.0.77", SHORT / 5, SHORT);
    must(probe_echo, &q);
    assert_false(got.last.answered);
    q = question(AF_INET6, "fd00:9::77", SHORT / 5, SHORT);
    must(probe_echo, &q);
    assert_false(got.last.answered);
}

/* A route that comes while it asks, as when addresses move to a bridge. */
static void echo_waits_for_a_route(void **state)
{
    struct probe_question q = question(AF_INET, "10.77.0.1", 0.02, LONG);
    struct address to = q.address, gateway = make(AF_INET, "10.9.0.1");

    (void)state;
    peer_address(AF_INET, "10.9.0.1");
    peer_address(AF_INET, "10.77.0.1");
    q.interface = NULL;
    must_begin(probe_echo, &q);
    add_route(&to, &gateway);
    WAIT_UNTIL(fixture, got.done);
    assert_answered();
    assert_int_equal(got.last.send_error, ENETUNREACH);
}

/* -- ends before the end ----------------------------------------------------------------------------------------------------- */

static void must_not_be_called(void *context, const struct probe_result *result, const struct error *err)
{
    (void)context;
    (void)result;
    (void)err;
    fail_msg("done() of a request that was cancelled");
}

static void cancels(void *context, const struct probe_result *result, const struct error *err)
{
    done(context, result, err);
    probe_cancel(probe, &peer);
}

static void cancelled_in_the_middle(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.1", 1, SHORT), other = question(AF_INET, "10.9.0.1", 1, LONG);

    (void)state;
    peer_address(AF_INET, "10.9.0.1");
    q.done = must_not_be_called;
    must_begin(probe_duplicate, &q);
    must_begin(probe_neighbour, &q);
    must_begin(probe_echo, &q);
    probe_cancel(probe, &got);
    other.owner = &used;
    must_begin(probe_duplicate, &q);
    probe_cancel(probe, &got);
    must(probe_duplicate, &other); /* nobody else's */
    assert_answered();

    q = question(AF_INET, "10.9.0.1", 1, LONG); /* from within done(), what the same packet has ended, too */
    q.done = cancels;
    must_begin(probe_duplicate, &q);
    q.owner = &peer;
    q.done = must_not_be_called;
    must_begin(probe_duplicate, &q);
    assert_int_equal(probe_announce(probe, veth0(), &q.address, LONG, &peer, NULL), 0);
    got.done = 0;
    WAIT_UNTIL(fixture, got.done);
    other = question(AF_INET, "10.9.0.78", 1, SHORT);
    must(probe_duplicate, &other);
    assert_false(got.last.answered);
    must_begin(probe_duplicate, &q); /* and one that probe_free meets */
}

static void interface_goes_away(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", 2 * LONG, 2 * LONG); /* nothing but the event can end them */
    struct probe_question q6 = question(AF_INET6, "fd00:9::77", 2 * LONG, 2 * LONG);
    int index = veth0()->index;

    (void)state;
    must_begin(probe_duplicate, &q);
    must_begin(probe_neighbour, &q6);
    foreign_delete(index);
    WAIT_UNTIL(fixture, got.done == 2);
    assert_int_equal(got.error.code, ENODEV);
    assert_string_equal(got.error.text, got.last.address.family == AF_INET
                                            ? "cannot ask for 10.9.0.77: veth0: the interface is gone"
                                            : "cannot ask for fd00:9::77: veth0: the interface is gone");
    assert_int_equal(got.last.requests, 0);
}

static void interface_goes_away_under_an_echo(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", 0.02, LONG);

    (void)state;
    must_begin(probe_echo, &q);
    foreign_delete(veth0()->index);
    WAIT_UNTIL(fixture, got.done);
    assert_int_equal(got.error.code, ENODEV);
    assert_string_equal(got.error.text, "cannot ask for 10.9.0.77: veth0: the interface is gone");
}

static void interface_goes_down(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", 1, LONG);

    (void)state;
    must_begin(probe_duplicate, &q);
    foreign_set_up(veth0()->index, false);
    WAIT_UNTIL(fixture, got.done);
    assert_int_equal(got.error.code, ENETDOWN);
    assert_string_equal(got.error.text, "cannot ask for 10.9.0.77: veth0: the interface is down: set it up first");
    must_not_begin(probe_duplicate, &q, ENETDOWN);
    must_not_begin(probe_neighbour, &q, ENETDOWN);
    foreign_set_up(veth0()->index, true); /* nothing of it is left */
    WAIT_UNTIL(fixture, has_carrier());
    q = question(AF_INET, "10.9.0.77", 1, SHORT);
    must(probe_duplicate, &q);
    assert_false(got.last.answered);
}

/* Nobody hears the probes: "free" would be a lie. (The kernel says so up to a second late.) */
static void no_carrier(void **state)
{
    struct probe_question q = question(AF_INET, "10.9.0.77", SHORT, LONG);

    (void)state;
    must_begin(probe_duplicate, &q);
    in_namespace(peer.namespace);
    foreign_set_up(peer.index, false);
    in_namespace(home);
    WAIT_UNTIL(fixture, got.done);
    assert_int_equal(got.error.code, ENOLINK);
    assert_int_equal(got.last.requests, 0);
    must_not_begin(probe_duplicate, &q, ENOLINK);
    q.limit = SHORT;
    must(probe_neighbour, &q); /* that one waits for it */
    assert_false(got.last.answered);
}

static void refused(void **state)
{
    struct probe_question q = question(AF_INET6, "fd00:9::1", 0, 0);

    (void)state;
    must_not_begin(probe_duplicate, &q, EAFNOSUPPORT);
    q.source = make(AF_INET, "10.9.0.2");
    must_not_begin(probe_neighbour, &q, EAFNOSUPPORT);
    q = question(AF_INET, "10.9.0.1", 0, 0);
    q.interface = netns_find(fixture, "lo");
    must_not_begin(probe_duplicate, &q, EOPNOTSUPP);
    assert_int_equal(probe_announce(probe, q.interface, &q.address, 0, NULL, NULL), -EOPNOTSUPP);
    assert_int_equal(got.done, 0);
}

/* -- announcements ----------------------------------------------------------------------------------------------------------- */

static unsigned requests, replies, advertisements;

static void hear_announcement(struct peer *p, const uint8_t *packet, size_t size)
{
    static const uint8_t address[4] = {10, 9, 0, 2};
    struct probe_arp arp;

    (void)p;
    if (!probe_packet_get_arp(packet + 14, size - 14, &arp))
        return;
    assert_memory_equal(packet, all, 6);
    assert_memory_equal(arp.sender_mac, veth0()->mac, 6);
    assert_memory_equal(arp.sender, address, 4);
    assert_memory_equal(arp.target, address, 4);
    *(arp.reply ? &replies : &requests) += 1;
}

static void hear_advertisement(struct peer *p, const uint8_t *packet, size_t size)
{
    struct address address = make(AF_INET6, "fd00:9::2");
    struct probe_advertisement in;

    (void)p;
    if (!probe_packet_get_advertisement(packet + 14, size - 14, &in) || memcmp(in.target, address.bytes, 16) != 0)
        return;
    assert_memory_equal(packet, ((uint8_t[]){0x33, 0x33, 0, 0, 0, 1}), 6);
    assert_memory_equal(in.mac, veth0()->mac, 6);
    assert_int_equal(packet[14 + 44] & 0x20, 0x20);
    assert_int_equal((packet[14 + 44] & 0x80) != 0, advertisements >= 2);
    advertisements++;
}

static void announces_ipv4(void **state)
{
    struct address address = make(AF_INET, "10.9.0.2");

    (void)state;
    requests = replies = 0;
    start_script(ETH_P_ARP, hear_announcement);
    assert_int_equal(probe_announce(probe, veth0(), &address, 0.02, &got, NULL), 0);
    WAIT_UNTIL(fixture, requests == 2 && replies == 2);
    assert_int_equal(probe_announce(probe, veth0(), &address, 0.02, &got, NULL), 0);
    probe_cancel(probe, &got); /* the second time */
    assert_int_equal(probe_announce(probe, veth0(), &address, SHORT, &got, NULL), 0);
    WAIT_UNTIL(fixture, requests == 5 && replies == 5);
    assert_int_equal(probe_announce(probe, veth0(), &address, 60, &got, NULL), 0); /* left to probe_free */
}

static void announces_ipv6(void **state)
{
    struct address address = make(AF_INET6, "fd00:9::2");

    (void)state;
    advertisements = 0;
    start_script(ETH_P_IPV6, hear_advertisement);
    assert_int_equal(probe_announce(probe, veth0(), &address, 0.02, &got, NULL), 0);
    WAIT_UNTIL(fixture, advertisements == 2);
    netns_write("/proc/sys/net/ipv6/conf/all/forwarding", "1"); /* a router must not be taken for none */
    assert_int_equal(probe_announce(probe, veth0(), &address, 0, &got, NULL), 0);
    WAIT_UNTIL(fixture, advertisements == 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(used_by_another_host),
        TEST(free_address),
        TEST(signs_of_use),
        TEST(no_signs_of_use),
        TEST(hundred_in_parallel),
        TEST(neighbours_answer),
        TEST(neighbours_do_not_answer),
        TEST(announcements_are_no_answers),
        TEST(answers_late),
        TEST(floods_garbage),
        TEST(echoes),
        TEST(no_echo),
        TEST(echo_waits_for_a_route),
        TEST(cancelled_in_the_middle),
        TEST(interface_goes_away),
        TEST(interface_goes_away_under_an_echo),
        TEST(interface_goes_down),
        TEST(no_carrier),
        TEST(refused),
        TEST(announces_ipv4),
        TEST(announces_ipv6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
