/* The kernel's messages said anew, sysctls of interfaces, and waiting for a link. links: bridge netdev */
#include <arpa/inet.h>
#include <linux/fib_rules.h>

#include "netns.h"

static struct step sysctl_step(const char *interface, const char *name, int32_t value)
{
    struct step step = {.op = STEP_SYSCTL_SET, .sysctl.value = value};

    text_copy(step.sysctl.name, sizeof(step.sysctl.name), name);
    text_copy(step.interface, sizeof(step.interface), interface);
    return step;
}

static int32_t sysctl_value(const char *path)
{
    FILE *file = fopen(path, "r");
    int32_t value = INT32_MIN;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &value), 1);
    fclose(file);
    return value;
}

static void sysctl_written(void **state)
{
    struct fixture *fixture = *state;
    struct step step = sysctl_step("br0", "ipv4/rp_filter", 2);

    netns_make_bridge(fixture, "br0");
    netns_must(fixture, &step);
    assert_int_equal(sysctl_value("/proc/sys/net/ipv4/conf/br0/rp_filter"), 2);
    step = sysctl_step("br1", "ipv4/rp_filter", 2);
    netns_must_fail(fixture, &step, ENOENT,
                    "write 2 to /proc/sys/net/ipv4/conf/br1/rp_filter: No such file or directory; there is no such interface, or its "
                    "kernel lacks the protocol");
    step.inverse = true; /* it may never have been taken */
    netns_must(fixture, &step);
}

/* A bridge without a port never comes up; that is no failure. */
static void waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct step step = {.op = STEP_LINK_WAIT, .interface = "br0"};

    netns_make_bridge(fixture, "br0");
    netns_must(fixture, &step);
    text_copy(step.interface, sizeof(step.interface), "br9"); /* nothing to wait for */
    netns_must(fixture, &step);
}

struct said {
    char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct replay replay;
};

/* A rule that names br0, by name as rules do. */
static struct step rule_step(struct said *said, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(said->buffer);
    struct fib_rule_hdr *fixed = mnl_nlmsg_put_extra_header(header, sizeof(*fixed));

    header->nlmsg_type = type;
    header->nlmsg_flags = flags;
    fixed->family = AF_INET;
    fixed->action = FR_ACT_TO_TBL;
    fixed->table = 100;
    mnl_attr_put_strz(header, FRA_IIFNAME, "br0");
    mnl_attr_put_u32(header, FRA_PRIORITY, 50);
    said->replay = (struct replay){.message = (uint8_t *)said->buffer, .size = header->nlmsg_len, .fine = EEXIST};
    return (struct step){.op = STEP_REPLAY, .interface = "br0", .replay = &said->replay};
}

static void said_twice(void **state)
{
    struct fixture *fixture = *state;
    struct said said;
    struct step step = rule_step(&said, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);

    netns_must(fixture, &step);
    netns_must(fixture, &step);
    said.replay.fine = 0;
    netns_must_fail(fixture, &step, EEXIST, "br0: add rule: File exists");
    step = rule_step(&said, RTM_DELRULE, 0);
    netns_must(fixture, &step);
    netns_must(fixture, &step);
}

static struct step neighbour_step(struct said *said, const char *interface)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(said->buffer);
    struct ndmsg *fixed = mnl_nlmsg_put_extra_header(header, sizeof(*fixed));
    struct step step = {.op = STEP_REPLAY, .replay = &said->replay};

    header->nlmsg_type = RTM_NEWNEIGH;
    header->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
    fixed->ndm_family = AF_INET;
    fixed->ndm_state = NUD_PERMANENT;
    mnl_attr_put_u32(header, NDA_DST, htonl(0x0a000001));
    mnl_attr_put(header, NDA_LLADDR, 6, "\x02\x00\x00\x00\x00\x01");
    said->replay = (struct replay){.message = (uint8_t *)said->buffer, .size = header->nlmsg_len, .index_count = 1};
    said->replay.indices[0].offset = offsetof(struct ndmsg, ndm_ifindex) + NLMSG_HDRLEN;
    text_copy(said->replay.indices[0].name, INTERFACE_NAME_SIZE, interface);
    text_copy(step.interface, sizeof(step.interface), interface);
    return step;
}

static void indices_resolved(void **state)
{
    struct fixture *fixture = *state;
    const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    struct address *addresses;
    struct said said;
    struct step step = neighbour_step(&said, "br0");
    struct error err;
    size_t count;

    netns_make_bridge(fixture, "br0");
    netns_must(fixture, &step);
    assert_int_equal(netdev_neighbours(fixture->netdev, mac, &addresses, &count, &err), 0);
    assert_int_equal(count, 1);
    free(addresses);
    step = neighbour_step(&said, "br7");
    netns_must_fail(fixture, &step, ENODEV, "br7: add neighbour: No such device");
    step.inverse = true;
    netns_must(fixture, &step);
    said.replay.indices[0].offset = said.replay.size - 3;
    netns_must_fail(fixture, &step, EINVAL, "br7: a message with an index outside itself");
    said.replay.size--;
    netns_must_fail(fixture, &step, EINVAL, "br7: a message of 47 bytes is none");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sysctl_written),
        TEST(waited_for),
        TEST(said_twice),
        TEST(indices_resolved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
