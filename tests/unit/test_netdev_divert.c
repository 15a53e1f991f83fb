/* What comes in by one link is handed to another, by either way that a kernel may have. links: bridge netdev */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <unistd.h>

#include "netdev/netdev_internal.h"
#include "netns.h"

enum { PROTOCOL = 0x88b5 };

struct wire { /* from v1, which is the peer of v0, to br0, which has no port, so no carrier either */
    int sender, receiver;
    struct step step;
    struct netdev_request request;
};

static int packet_socket(const char *name)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(PROTOCOL), .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(PROTOCOL));

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void open_wire(struct fixture *fixture, struct wire *ret_wire)
{
    assert_int_equal(system("ip link add name v0 up type veth peer name v1 && ip link set v1 up && ip link add name br0 up type bridge"), 0);
    *ret_wire = (struct wire){
        .sender = packet_socket("v1"),
        .receiver = packet_socket("br0"),
        .step = {.op = STEP_LINK_SET, .interface = "v0", .meanwhile = "br0"},
        .request = {.netdev = fixture->netdev},
    };
    ret_wire->request.step = &ret_wire->step;
}

static void close_wire(struct wire *wire)
{
    close(wire->sender);
    close(wire->receiver);
}

static bool hears(int socket)
{
    struct pollfd readable = {.fd = socket, .events = POLLIN};
    char frame[128];

    return poll(&readable, 1, 300) == 1 && recv(socket, frame, sizeof(frame), 0) > 0;
}

static bool hands_over(const struct wire *wire)
{
    const uint8_t frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, PROTOCOL >> 8, PROTOCOL & 0xff};

    assert_int_equal(send(wire->sender, frame, sizeof(frame), 0), sizeof(frame));
    return hears(wire->receiver);
}

static void skip_without(int code, enum netdev_diverter by)
{
    if (code == -EPERM || (by == NETDEV_BY_TCX ? code == -EINVAL : code == -ENOENT))
        skip(); /* no CAP_BPF; Linux before 6.6; without cls_bpf */
}

static void handed_over(struct fixture *fixture, enum netdev_diverter by)
{
    struct netdev_diversion diversion;
    struct wire wire;
    int code;

    open_wire(fixture, &wire);
    code = netdev_divert(&wire.request, by, &diversion);
    skip_without(code, by);
    assert_int_equal(code, 0);
    assert_true(hands_over(&wire));
    netdev_divert_end(&wire.request, &diversion);
    assert_false(hands_over(&wire));
    text_copy(wire.step.meanwhile, sizeof(wire.step.meanwhile), "br9");
    assert_true(netdev_divert(&wire.request, by, &diversion) < 0);
    netdev_divert_end(&wire.request, &diversion);
    close_wire(&wire);
}

static void handed_over_by_tcx(void **state)
{
    handed_over(*state, NETDEV_BY_TCX);
}

static void handed_over_by_a_filter(void **state)
{
    handed_over(*state, NETDEV_BY_FILTER);
    assert_int_equal(system("! tc qdisc show dev v0 | grep clsact"), 0);
}

/* Whoever is killed leaves the filter: it hands nothing over after its time, and the next one takes it along. */
static void left_behind(void **state)
{
    struct netdev_diversion diversion;
    struct wire wire;
    int code;

    open_wire(*state, &wire);
    code = netdev_divert(&wire.request, NETDEV_BY_FILTER, &diversion);
    skip_without(code, NETDEV_BY_FILTER);
    assert_int_equal(code, 0);
    usleep(1100 * 1000);
    assert_false(hands_over(&wire));
    assert_int_equal(netdev_divert(&wire.request, NETDEV_BY_FILTER, &diversion), 0);
    assert_true(hands_over(&wire));
    netdev_divert_end(&wire.request, &diversion);
    assert_false(hands_over(&wire));
    assert_int_equal(system("[ -z \"$(tc filter show dev v0 ingress)\" ]"), 0);
    close_wire(&wire);
}

/* Theirs stay, and come after ours. */
static void beside_somebody_elses(void **state)
{
    struct netdev_diversion diversion;
    struct wire wire;
    int code;

    open_wire(*state, &wire);
    assert_int_equal(system("tc qdisc add dev v0 ingress && tc filter add dev v0 ingress pref 2 u32 match u32 0 0 classid 1:1"), 0);
    code = netdev_divert(&wire.request, NETDEV_BY_FILTER, &diversion);
    skip_without(code, NETDEV_BY_FILTER);
    assert_int_equal(code, 0);
    assert_true(hands_over(&wire));
    netdev_divert_end(&wire.request, &diversion);
    assert_false(hands_over(&wire));
    assert_int_equal(system("tc filter show dev v0 ingress | grep -q 'pref 2 u32' && ! tc filter show dev v0 ingress | grep bpf"), 0);
    close_wire(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(handed_over_by_tcx, netns_setup, netns_teardown),
        cmocka_unit_test_setup_teardown(handed_over_by_a_filter, netns_setup, netns_teardown),
        cmocka_unit_test_setup_teardown(left_behind, netns_setup, netns_teardown),
        cmocka_unit_test_setup_teardown(beside_somebody_elses, netns_setup, netns_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
