/* TAPs: opened, plugged into a bridge, closed, refused, taken back from another process, made again, and somebody else's.
 * links: tap bridge netdev */
#include <fcntl.h>
#include <net/if.h> /* before the kernel's own */
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "netns.h"
#include "tap/tap_internal.h"

#define EXISTS ": open a TAP: an interface of that name exists; delete it, or choose another Target="
#define MAKE_IT "; make it: ip tuntap add "
#define HELD_BY "%s: open a TAP: an interface of that name exists, held by process %d (test_tap)"

struct tap_fixture {
    struct fixture *net;
    struct worker *closer;
    ev_io closed;
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
    assert_int_equal(worker_new(&fixture->closer, NULL), 0);
    ev_io_init(&fixture->closed, netns_collect, worker_fd(fixture->closer), EV_READ);
    fixture->closed.data = fixture->closer;
    ev_io_start(fixture->net->loop, &fixture->closed);
    fixture->table = tap_table_new(fixture->net->worker, fixture->closer);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct tap_fixture *fixture = *state;
    void *net = fixture->net;

    ev_io_stop(fixture->net->loop, &fixture->closed);
    tap_table_end_closer(fixture->table);
    worker_free(fixture->closer);
    netns_teardown(&net);
    tap_table_free(fixture->table);
    free(fixture);
    return 0;
}

static int take(struct tap_fixture *fixture, struct step step, const char *name)
{
    unsigned before = fixture->net->running;

    text_copy(step.interface, sizeof(step.interface), name);
    fixture->net->running++;
    tap_apply(fixture->table, &step, netns_done, fixture->net);
    assert_int_equal(fixture->net->running, before + 1);
    WAIT_UNTIL(fixture->net, fixture->net->running == 0);
    return fixture->net->result;
}

static int apply(struct tap_fixture *fixture, enum step_op op, const char *name, uint32_t queues)
{
    return take(fixture, (struct step){.op = op, .nic = &(struct nic){.queues = queues}}, name);
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

/* -- another process ------------------------------------------------------------------------------------------------------ */

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

/* -- threads -------------------------------------------------------------------------------------------------------------- */

struct holding { /* a job that keeps its worker busy until it is let go */
    struct job job;
    int pipe[2];
    bool done;
};

static void hold(struct job *job)
{
    struct pollfd end = {.fd = ((struct holding *)job)->pipe[0], .events = POLLIN};

    poll(&end, 1, (int)PATIENCE * 1000);
}

static void let_go(struct job *job)
{
    ((struct holding *)job)->done = true;
}

/* While the closer can't get on: another name is opened, the same name is not. */
static void closes_hold_up_nobody_else(void **state)
{
    struct tap_fixture *fixture = *state;
    struct holding holding = {.job = {.run = hold, .done = let_go}};
    struct nic nic = {.queues = 1};
    struct step again = {.op = STEP_TAP_OPEN, .interface = "same", .nic = &nic};
    size_t count;

    assert_int_equal(pipe2(holding.pipe, O_CLOEXEC), 0);
    must_open(fixture, "same", 1);
    worker_submit(fixture->closer, &holding.job);
    assert_int_equal(apply(fixture, STEP_TAP_CLOSE, "same", 1), 0);
    fixture->net->running++;
    tap_apply(fixture->table, &again, netns_done, fixture->net);
    fixture->net->running--; /* so that others can be waited for */
    must_open(fixture, "other", 1);
    assert_null(tap_descriptors(fixture->table, "same", &count));
    fixture->net->running++;
    assert_int_equal(write(holding.pipe[1], "", 1), 1);
    WAIT_UNTIL(fixture->net, fixture->net->running == 0 && holding.done);
    assert_int_equal(fixture->net->result, 0);
    assert_non_null(tap_descriptors(fixture->table, "same", &count));
    assert_int_equal(fixture->table->busy_count, 0);
    close(holding.pipe[0]);
    close(holding.pipe[1]);
}

struct telling {
    struct tap_fixture *fixture;
    size_t busy; /* names with jobs, when it was told */
    bool told;
};

static void tell(void *context, int result, const struct error *err)
{
    struct telling *telling = context;

    assert_int_equal(result, 0);
    assert_null(err);
    telling->busy = telling->fixture->table->busy_count;
    telling->told = true;
}

/* Also when one thread does all: who asked is told before the close is through, unless the step waits. */
static void told_before_it_is_closed(void **state)
{
    struct tap_fixture *fixture = *state;

    tap_table_end_closer(fixture->table);
    for (int wait = 0; wait < 2; wait++) {
        struct telling telling = {.fixture = fixture};
        struct step step = {.op = STEP_TAP_CLOSE, .interface = "told", .wait = wait};

        must_open(fixture, "told", 1);
        tap_apply(fixture->table, &step, tell, &telling);
        WAIT_UNTIL(fixture->net, telling.told);
        assert_int_equal(telling.busy, wait ? 0 : 1);
    }
}

/* -- made again ----------------------------------------------------------------------------------------------------------- */

static void delete_link(struct tap_fixture *fixture, const char *name)
{
    WAIT_UNTIL(fixture->net, netns_find(fixture->net, name));
    foreign_delete(netns_find(fixture->net, name)->index);
    WAIT_UNTIL(fixture->net, !netns_find(fixture->net, name));
}

static bool is_dead(int fd)
{
    struct ifreq request = {0};

    return ioctl(fd, TUNGETIFF, &request) < 0 && errno == EBADFD;
}

static int remake(struct tap_fixture *fixture, const char *name, uint32_t queues, uint32_t offloads)
{
    struct nic nic = {.queues = queues};

    return take(fixture, (struct step){.op = STEP_TAP_REMAKE, .nic = &nic, .offloads = offloads}, name);
}

static void send_frame(const char *name)
{
    uint8_t frame[100] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 'h', 'i'};
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    assert_int_equal(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(frame));
    close(fd);
}

/* Reads from the TAP as QEMU does, in a process that got the descriptor from this one; ends well when it has read the frame of
 * send_frame() behind a header of 12 bytes. */
static pid_t start_reader(int fd, const int go[2])
{
    pid_t pid = fork();
    char byte;

    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm((unsigned)PATIENCE);
    if (read(go[0], &byte, 1) != 1)
        _exit(2);
    for (;;) {
        uint8_t buffer[2048];
        ssize_t length = read(fd, buffer, sizeof(buffer));

        if (length < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
        else if (length < 0)
            _exit(3);
        else if (length == 12 + 100 && memcmp(buffer + 12 + 12, "\x88\xb5hi", 4) == 0)
            _exit(0);
    }
}

static void made_again(void **state)
{
    struct tap_fixture *fixture = *state;
    struct interface up = {.up = true};
    struct step set = netns_set("gone", &up, FIELD_BIT(FIELD_UP));
    int go[2], status, before;
    const int *fds;
    size_t count;
    pid_t reader;

    must_open(fixture, "gone", 1);
    fds = tap_descriptors(fixture->table, "gone", &count);
    before = fds[0];
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    reader = start_reader(fds[0], go);
    delete_link(fixture, "gone");
    assert_true(is_dead(before));
    if (remake(fixture, "gone", 1, 0) < 0)
        fail_msg("%s", fixture->net->error.text);
    fds = tap_descriptors(fixture->table, "gone", &count);
    assert_int_equal(count, 1);
    assert_int_equal(fds[0], before);
    assert_descriptor(fds[0], "gone", false);
    netns_must(fixture->net, &set);
    assert_int_equal(write(go[1], "", 1), 1);
    send_frame("gone");
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
    close(go[0]);
    close(go[1]);
}

static void made_again_with_queues(void **state)
{
    struct tap_fixture *fixture = *state;
    struct ethtool_value value = {.cmd = ETHTOOL_GTSO};
    struct ifreq request = {.ifr_name = "four", .ifr_data = (void *)&value};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int *fds;
    size_t count;

    must_open(fixture, "four", 4);
    for (uint32_t tso = 0; tso < 2; tso++) {
        delete_link(fixture, "four");
        if (remake(fixture, "four", 4, tso ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0) < 0)
            fail_msg("%s", fixture->net->error.text);
        fds = tap_descriptors(fixture->table, "four", &count);
        assert_int_equal(count, 4);
        for (size_t i = 0; i < count; i++)
            assert_descriptor(fds[i], "four", true);
        assert_int_equal(ioctl(fd, SIOCETHTOOL, &request), 0);
        assert_int_equal(value.data, tso);
    }
    /* One that is there is left alone, offloads too. */
    assert_int_equal(remake(fixture, "four", 4, 0), 0);
    assert_int_equal(ioctl(fd, SIOCETHTOOL, &request), 0);
    assert_int_equal(value.data, 1);
    close(fd);
}

/* Packets of another header size than QEMU's would be cut wrongly: it has 10 for all models but virtio. */
static void made_again_for_each_model(void **state)
{
    struct tap_fixture *fixture = *state;

    must_open(fixture, "nic", 1);
    for (int model = NIC_VIRTIO; model <= NIC_VMXNET3; model++) {
        struct nic nic = {.queues = 1, .model = (enum nic_model)model};
        int header = 0;
        size_t count;

        delete_link(fixture, "nic");
        assert_int_equal(take(fixture, (struct step){.op = STEP_TAP_REMAKE, .nic = &nic}, "nic"), 0);
        assert_int_equal(ioctl(*tap_descriptors(fixture->table, "nic", &count), TUNGETVNETHDRSZ, &header), 0);
        assert_int_equal(header, model == NIC_VIRTIO ? 12 : 10);
    }
}

static void not_made_again(void **state)
{
    struct tap_fixture *fixture = *state;
    size_t count;

    assert_int_equal(remake(fixture, "none", 1, 0), -EBADF);
    assert_string_equal(fixture->net->error.text,
                        "none: make a TAP again: no descriptors of it are open; detach the NIC and attach it again");
    must_open(fixture, "taken", 2);
    delete_link(fixture, "taken");
    foreign_make("taken", "bridge");
    assert_int_equal(remake(fixture, "taken", 2, 0), -EEXIST);
    assert_string_equal(fixture->net->error.text,
                        "taken: make a TAP again: an interface of that name exists; delete it, or choose another Target=");
    assert_non_null(tap_descriptors(fixture->table, "taken", &count)); /* they are QEMU's too, and wait for the next try */
    assert_int_equal(count, 2);
    delete_link(fixture, "taken");
    assert_int_equal(remake(fixture, "taken", 2, 0), 0);
}

/* -- somebody else's ------------------------------------------------------------------------------------------------------ */

static void make_persistent(const char *name, int flags)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    struct ifreq request = {.ifr_flags = (short)(flags | IFF_NO_PI)};

    text_copy(request.ifr_name, sizeof(request.ifr_name), name);
    assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
    assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
    close(fd);
}

static int join(struct tap_fixture *fixture, enum step_op op, const char *name, uint32_t queues)
{
    struct nic nic = {.queues = queues, .type = NIC_ETHERNET};

    return take(fixture, (struct step){.op = op, .wait = true, .nic = &nic}, name);
}

static void joined(void **state)
{
    struct tap_fixture *fixture = *state;
    static const struct {
        const char *name;
        bool several;
        uint32_t queues;
    } cases[] = {{"one", false, 1}, {"multi", true, 1}, {"multi4", true, 4}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *name = cases[i].name;
        const int *fds;
        size_t count;

        make_persistent(name, IFF_TAP | (cases[i].several ? IFF_MULTI_QUEUE : 0));
        for (int round = 0; round < 2; round++) { /* it stays, and can be opened once more */
            struct ifreq request = {0};
            int header = 0;

            if (join(fixture, STEP_TAP_OPEN, name, cases[i].queues) < 0)
                fail_msg("%s", fixture->net->error.text);
            fds = tap_descriptors(fixture->table, name, &count);
            assert_int_equal(count, cases[i].queues);
            assert_int_equal(ioctl(fds[0], TUNGETIFF, &request), 0);
            assert_int_equal(!!(request.ifr_flags & IFF_MULTI_QUEUE), cases[i].several);
            assert_true(request.ifr_flags & IFF_VNET_HDR);
            assert_int_equal(ioctl(fds[0], TUNGETVNETHDRSZ, &header), 0);
            assert_int_equal(header, 12);
            assert_int_equal(join(fixture, STEP_TAP_CLOSE, name, cases[i].queues), 0);
            assert_true(if_nametoindex(name));
        }
    }
}

static void must_not_join(struct tap_fixture *fixture, const char *name, uint32_t queues, int code, const char *text)
{
    size_t count;

    assert_int_equal(join(fixture, STEP_TAP_OPEN, name, queues), -code);
    assert_string_equal(fixture->net->error.text, text);
    assert_null(tap_descriptors(fixture->table, name, &count));
}

static void not_joined(void **state)
{
    struct tap_fixture *fixture = *state;
    static const char *const names[] = {"busy"}, *const passing[] = {"passing"};
    pid_t pid, other;
    char text[128];

    must_not_join(fixture, "none", 1, ENODEV,
                  "none: open a TAP: there is none of that name" MAKE_IT "none mode tap vnet_hdr");
    assert_false(if_nametoindex("none"));
    foreign_make("br0", "bridge");
    must_not_join(fixture, "br0", 1, EINVAL, "br0: open a TAP: the interface of that name is no TAP");
    make_persistent("tun0", IFF_TUN);
    must_not_join(fixture, "tun0", 2, EINVAL, "tun0: open a TAP: the interface of that name is no TAP");
    make_persistent("single", IFF_TAP);
    must_not_join(fixture, "single", 2, EINVAL,
                  "single: open a TAP: it was made for one queue, not 2" MAKE_IT "single mode tap vnet_hdr multi_queue");
    pid = start_holder(names, 1, 1);
    snprintf(text, sizeof(text), "busy: open a TAP: process %d (test_tap) has it open", pid);
    must_not_join(fixture, "busy", 1, EBUSY, text);
    other = start_holder(passing, 1, 2);
    must_not_join(fixture, "passing", 1, ENODEV,
                  "passing: open a TAP: the one of that name is not persistent" MAKE_IT "passing mode tap vnet_hdr");
    end_holder(pid);
    end_holder(other);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plugged_and_closed),   TEST(descriptors), TEST(opened_again),    TEST(names_that_cannot_be),
        TEST(persistent),           TEST(held_by_another), TEST(taken_back), TEST(taken_back_from_nobody),
        TEST(closes_hold_up_nobody_else), TEST(told_before_it_is_closed), TEST(made_again),
        TEST(made_again_with_queues), TEST(made_again_for_each_model), TEST(not_made_again),
        TEST(joined),               TEST(not_joined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
