/* Requests that the kernel here would grant, refused in its place: this program stands between the library and the socket. A NIC
 * that takes a new MAC only while it is down (no link kind that can be had everywhere does so), and an alias that can't be set.
 * links: bridge netdev */
#include <sys/socket.h>

#include "netns.h"

static struct {
    bool on;
    bool up;              /* the NIC, as its driver sees it */
    bool refuses_always;
    bool refuses_alias;
    bool answer;          /* the next ack is made here */
    uint32_t sequence;
    char log[200];
} nic;

static bool has(const struct nlmsghdr *message, uint16_t type)
{
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, message, sizeof(struct ifinfomsg))
        if (mnl_attr_get_type(attribute) == type)
            return true;
    return false;
}

static void note(const char *word)
{
    size_t length = strlen(nic.log);

    snprintf(nic.log + length, sizeof(nic.log) - length, "%s%s", length ? " " : "", word);
}

ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *data, size_t size)
{
    const struct nlmsghdr *message = data;
    const struct ifinfomsg *fixed = mnl_nlmsg_get_payload(message);

    if (nic.on && message->nlmsg_type == RTM_NEWLINK) {
        bool mac = has(message, IFLA_ADDRESS);

        if ((mac && (nic.up || nic.refuses_always)) || (nic.refuses_alias && has(message, IFLA_IFALIAS))) {
            note("refused");
            nic.answer = true;
            nic.sequence = message->nlmsg_seq;
            return (ssize_t)size;
        }
        if (mac)
            note("mac");
        if (fixed->ifi_change & IFF_UP) {
            nic.up = fixed->ifi_flags & IFF_UP;
            note(nic.up ? "up" : "down");
        }
    }
    return send(mnl_socket_get_fd(socket), data, size, 0);
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
    struct nlmsghdr *message;
    struct nlmsgerr *error;

    if (!nic.answer)
        return recv(mnl_socket_get_fd(socket), buffer, size, 0);
    nic.answer = false;
    message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = NLMSG_ERROR;
    message->nlmsg_seq = nic.sequence;
    error = mnl_nlmsg_put_extra_header(message, sizeof(*error));
    error->error = -EBUSY;
    return message->nlmsg_len;
}

static void begin(struct fixture *fixture)
{
    struct interface up = {.up = true};
    struct step step = netns_set("v0", &up, FIELD_BIT(FIELD_UP));

    foreign_make("v0", "veth");
    netns_must(fixture, &step);
    memset(&nic, 0, sizeof(nic));
    nic.on = nic.up = true;
}

static void down_set_up(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.mac = {2, 0, 0, 0, 0, 7}, .mtu = 1400};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU));

    begin(fixture);
    netns_must(fixture, &step);
    nic.on = false;
    assert_string_equal(nic.log, "refused down mac up");
    assert_memory_equal(netns_find(fixture, "v0")->mac, to.mac, 6);
    assert_int_equal(netns_find(fixture, "v0")->mtu, 1400);
    assert_true(netns_find(fixture, "v0")->up);
}

static void stays_down_when_asked(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.mac = {2, 0, 0, 0, 0, 7}, .up = false};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_UP));

    begin(fixture);
    netns_must(fixture, &step);
    nic.on = false;
    assert_string_equal(nic.log, "refused down mac down");
    assert_false(netns_find(fixture, "v0")->up);
}

static void not_busy(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.mac = {2, 0, 0, 0, 0, 7}};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MAC));

    begin(fixture);
    nic.up = false;
    netns_must(fixture, &step);
    nic.on = false;
    assert_string_equal(nic.log, "mac");
    assert_true(netns_find(fixture, "v0")->up);
}

/* It must not stay down when it is refused then, too. */
static void up_again_after_failure(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.mac = {2, 0, 0, 0, 0, 7}};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MAC));

    begin(fixture);
    nic.refuses_always = true;
    netns_must_fail(fixture, &step, EBUSY, "v0: set MAC 02:00:00:00:00:07: Device or resource busy");
    nic.on = false;
    assert_string_equal(nic.log, "refused down refused up");
    assert_true(netns_find(fixture, "v0")->up);
}

/* The second message of two fails: what the first made goes again. */
static void half_made_and_undone(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_BRIDGE, .mac = {2, 0, 0, 0, 0, 7}};
    struct step step = {.op = STEP_LINK_CREATE, .interface = "br0", .to = &to, .fields = FIELD_BIT(FIELD_MAC)};

    memset(&nic, 0, sizeof(nic));
    nic.on = nic.refuses_alias = true;
    netns_must_fail(fixture, &step, EBUSY, "br0: mark as made by trestle: Device or resource busy");
    nic.on = false;
    assert_string_equal(nic.log, "mac refused");
    assert_int_equal(fixture->added, 1);
    assert_int_equal(fixture->removed, 1);
    assert_null(netns_find(fixture, "br0"));
    netns_same_as_kernel(fixture);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(down_set_up),
        TEST(stays_down_when_asked),
        TEST(not_busy),
        TEST(up_again_after_failure),
        TEST(half_made_and_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
