/* What comes in by one link is handed to another, as long as a descriptor is open. links: bridge netdev */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <unistd.h>

#include "netdev/netdev_internal.h"
#include "netns.h"

enum { PROTOCOL = 0x88b5 };

static int packet_socket(const char *name)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(PROTOCOL), .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(PROTOCOL));

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static bool hears(int socket)
{
    struct pollfd readable = {.fd = socket, .events = POLLIN};
    char frame[128];

    return poll(&readable, 1, 300) == 1 && recv(socket, frame, sizeof(frame), 0) > 0;
}

/* br0 has no port, so no carrier either. */
static void handed_over(void **state)
{
    const uint8_t frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, PROTOCOL >> 8, PROTOCOL & 0xff};
    int sender, receiver, diversion;

    (void)state;
    assert_int_equal(system("ip link add name v0 up type veth peer name v1 && ip link set v1 up && ip link add name br0 up type bridge"), 0);
    sender = packet_socket("v1");
    receiver = packet_socket("br0");
    diversion = netdev_divert("v0", "br0");
    if (diversion == -EINVAL || diversion == -EPERM)
        skip(); /* Linux before 6.6, or no CAP_BPF */
    assert_true(diversion >= 0);
    assert_int_equal(send(sender, frame, sizeof(frame), 0), sizeof(frame));
    assert_true(hears(receiver));
    close(diversion);
    assert_int_equal(send(sender, frame, sizeof(frame), 0), sizeof(frame));
    assert_false(hears(receiver));
    assert_true(netdev_divert("v0", "br9") < 0);
    close(sender);
    close(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(handed_over, netns_setup, netns_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
