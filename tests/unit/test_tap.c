/* TAPs: opened, plugged into a bridge, closed, refused, and taken back from another process. links: tap bridge netdev */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "netns.h"
#include "tap/tap.h"

#define EXISTS ": open a TAP: an interface of that name exists; delete it, or choose another Target="
#define HELD_BY "%s: open a TAP: an interface of that name exists, held by process %d (test_tap)"

struct tap_fixture {
    struct fixture *net;
    struct tap_table *table;
};

static int setup(void **state)
{
    struct tap_fixture *fixture = NEW(struct tap_fixture);
    void *net;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        netns_skip("/dev/net/tun");
    close(fd);
    netns_setup(&net);
    fixture->net = net;
    fixture->table = tap_table_new(fixture->net->worker);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct tap_fixture *fixture = *state;
    void *net = fixture->net;

    netns_teardown(&net);
    tap_table_free(fixture->table);
    free(fixture);
    return 0;
}

static int apply(struct tap_fixture *fixture, enum step_op op, const char *name, uint32_t queues)
{
    struct nic nic = {.queues = queues};
    struct step step = {.op = op, .nic = &nic};
    unsigned before = fixture->net->running;

    text_copy(step.interface, sizeof(step.interface), name);
    fixture->net->running++;
    tap_apply(fixture->table, &step, netns_done, fixture->net);
    assert_int_equal(fixture->net->running, before + 1);
    WAIT_UNTIL(fixture->net, fixture->net->running == 0);
    return fixture->net->result;
}

static void must_open(struct tap_fixture *fixture, const char *name, uint32_t queues)
{
    if (apply(fixture, STEP_TAP_OPEN, name, queues) < 0)
        fail_msg("%s", fixture->net->error.text);
}

static void plugged_and_closed(void **state)
{
    struct tap_fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_TAP, .up = true, .mtu = 1400, .master = "br0", .mac = {0xfe, 0x54, 0, 0, 0, 1}};
    struct step set = netns_set("vm-net0", &to,
                                FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_MAC));
    const struct interface *tap;
    size_t count;

    netns_make_bridge(fixture->net, "br0");
    must_open(fixture, "vm-net0", 1);
    netns_must(fixture->net, &set);
    tap = netns_find(fixture->net, "vm-net0");
    assert_int_equal(tap->kind, INTERFACE_TAP);
    assert_string_equal(tap->kind_name, "tun");
    assert_string_equal(tap->master, "br0");
    assert_true(tap->up);
    assert_int_equal(tap->mtu, 1400);
    assert_memory_equal(tap->mac, to.mac, 6);
    assert_non_null(tap_descriptors(fixture->table, "vm-net0", &count));
    assert_int_equal(count, 1);
    netns_same_as_kernel(fixture->net);
    assert_int_equal(apply(fixture, STEP_TAP_CLOSE, "vm-net0", 1), 0);
    assert_null(tap_descriptors(fixture->table, "vm-net0", &count));
    assert_int_equal(count, 0);
    WAIT_UNTIL(fixture->net, !netns_find(fixture->net, "vm-net0"));
    netns_same_as_kernel(fixture->net);
    assert_int_equal(apply(fixture, STEP_TAP_CLOSE, "vm-net0", 1), 0); /* once more: nothing to do */
}

static void assert_descriptor(int fd, const char *name, bool several)
{
    struct ifreq request = {0};
    int header = 0;

    assert_int_equal(ioctl(fd, TUNGETIFF, &request), 0);
    assert_string_equal(request.ifr_name, name);
    assert_true(request.ifr_flags & IFF_TAP);
    assert_true(request.ifr_flags & IFF_NO_PI);
    assert_true(request.ifr_flags & IFF_VNET_HDR);
    assert_int_equal(!!(request.ifr_flags & IFF_MULTI_QUEUE), several);
    assert_int_equal(ioctl(fd, TUNGETVNETHDRSZ, &header), 0);
    assert_int_equal(header, 12);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void descriptors(void **state)
{
    struct tap_fixture *fixture = *state;
    const int *fds;
    size_t count;

    must_open(fixture, "one", 1);
    must_open(fixture, "four", 4);
    fds = tap_descriptors(fixture->table, "one", &count);
    assert_int_equal(count, 1);
    assert_descriptor(fds[0], "one", false);
    fds = tap_descriptors(fixture->table, "four", &count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++)
        assert_descriptor(fds[i], "four", true);
}

/* The name is free again when the close before it is through. */
static void opened_again(void **state)
{
    struct tap_fixture *fixture = *state;

    for (int i = 0; i < 3; i++) {
        must_open(fixture, "again", 2);
        assert_int_equal(apply(fixture, STEP_TAP_CLOSE, "again", 2), 0);
    }
}

static void refused(struct tap_fixture *fixture, const char *name, uint32_t queues, int code, const char *text)
{
    size_t count;

    assert_int_equal(apply(fixture, STEP_TAP_OPEN, name, queues), -code);
    assert_string_equal(fixture->net->error.text, text);
    if (queues == 1 && !text_equal(name, "own"))
        assert_null(tap_descriptors(fixture->table, name, &count));
}

static void names_that_cannot_be(void **state)
{
    struct tap_fixture *fixture = *state;
    CLEANUP(freep) char *own = memory_format(HELD_BY, "own", getpid());

    netns_make_bridge(fixture->net, "br0");
    refused(fixture, "br0", 1, EEXIST, "br0" EXISTS);
    must_open(fixture, "own", 1);
    refused(fixture, "own", 1, EEXIST, own);
    refused(fixture, "tap%d", 1, EINVAL, "tap%d: open a TAP: the name contains '%'");
    refused(fixture, "many", 257, EINVAL, "many: open a TAP: it takes at most 256 queues, not 257");
}

/* One that nobody holds would let itself be opened. */
static void persistent(void **state)
{
    struct tap_fixture *fixture = *state;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    struct ifreq request = {.ifr_name = "stays", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

    assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
    assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
    close(fd);
    refused(fixture, "stays", 1, EEXIST, "stays" EXISTS);
}

/* -- another process --------------------------------------------------------------------------------------------------------- */

/* A child that holds TAPs of `queues` queues each until it is killed. */
static pid_t start_holder(const char *const *names, size_t count, int queues)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (size_t i = 0; i < count * (size_t)queues; i++) {
            short flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
            struct ifreq request = {.ifr_flags = (short)(queues > 1 ? flags | IFF_MULTI_QUEUE : flags)};
            int fd = open("/dev/net/tun", O_RDWR);

            text_copy(request.ifr_name, sizeof(request.ifr_name), names[i % count]);
            if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
                _exit(1);
        }
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void end_holder(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void held_by_another(void **state)
{
    struct tap_fixture *fixture = *state;
    static const char *const names[] = {"held"};
    pid_t pid = start_holder(names, 1, 1);
    CLEANUP(freep) char *text = memory_format(HELD_BY, "held", pid);

    refused(fixture, "held", 1, EEXIST, text);
    end_holder(pid);
    must_open(fixture, "held", 1);
}

static void taken_back(void **state)
{
    struct tap_fixture *fixture = *state;
    static const char *const names[] = {"t0", "t1", "t2"}, *const wanted[] = {"t2", "t0", "other"};
    pid_t pid = start_holder(names, 3, 2);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct error err = {0};
    size_t found = 0, count;
    const int *fds;

    if (tap_take_back(fixture->table, pidfd, pid, wanted, 3, &found, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(found, 2);
    assert_null(tap_descriptors(fixture->table, "t1", &count));
    fds = tap_descriptors(fixture->table, "t0", &count);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        struct ifreq request = {0};

        assert_int_equal(ioctl(fds[i], TUNGETIFF, &request), 0);
        assert_string_equal(request.ifr_name, "t0");
        assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
    }
    /* Once more: the table has them. */
    assert_int_equal(tap_take_back(fixture->table, pidfd, pid, wanted, 3, &found, &err), 0);
    assert_int_equal(found, 0);
    /* They live on when their first holder ends; the other one goes. */
    WAIT_UNTIL(fixture->net, netns_find(fixture->net, "t1"));
    end_holder(pid);
    close(pidfd);
    WAIT_UNTIL(fixture->net, !netns_find(fixture->net, "t1"));
    assert_non_null(netns_find(fixture->net, "t0"));
    assert_int_equal(apply(fixture, STEP_TAP_CLOSE, "t0", 2), 0);
    WAIT_UNTIL(fixture->net, !netns_find(fixture->net, "t0"));
}

static void taken_back_from_nobody(void **state)
{
    struct tap_fixture *fixture = *state;
    static const char *const names[] = {"t0"};
    pid_t pid = start_holder(names, 1, 1);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    CLEANUP(freep) char *text = memory_format("look for TAPs that process %d holds: No such process", pid);
    struct error err = {0};
    size_t found;

    end_holder(pid);
    assert_int_equal(tap_take_back(fixture->table, pidfd, pid, names, 1, &found, &err), -ESRCH);
    assert_string_equal(err.text, text);
    close(pidfd);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plugged_and_closed),   TEST(descriptors), TEST(opened_again),    TEST(names_that_cannot_be),
        TEST(persistent),           TEST(held_by_another), TEST(taken_back), TEST(taken_back_from_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
