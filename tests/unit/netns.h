/* For tests that need the kernel: a network namespace of the test's own, an event loop that is never slept on, and steps taken
 * as the reconciler takes them. */
#pragma once

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/worker.h"
#include "bridge/bridge.h"
#include "netdev/kind.h"
#include "netdev/netdev.h"

#define PATIENCE 100.0 /* seconds: not a measure, only the end of a test that hangs */

_Noreturn static inline void netns_skip(const char *why)
{
    printf("skipped: %s: %s\n", why, strerror(errno));
    exit(77);
}

static inline void netns_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        netns_skip(path);
    close(fd);
}

/* A new namespace for each test, so that none sees what another one left. */
static inline void netns_enter(void)
{
    unsigned uid = getuid(), gid = getgid();
    char map[64];

    if (uid == 0) {
        if (unshare(CLONE_NEWNET) < 0)
            netns_skip("no network namespace can be had");
        return;
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        netns_skip("no user namespace with a network namespace can be had");
    netns_write("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", uid);
    netns_write("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", gid);
    netns_write("/proc/self/gid_map", map);
}

struct fixture {
    struct ev_loop *loop;
    struct worker *worker;
    struct netdev *netdev;
    ev_io finished;
    ev_timer patience;
    unsigned added, changed, removed, resynced;
    char last[INTERFACE_NAME_SIZE];
    unsigned running; /* steps */
    int result;       /* of the last one that ended */
    struct error error;
};

static inline void netns_event(void *context, enum netdev_event event, const char *name)
{
    struct fixture *fixture = context;

    text_copy(fixture->last, sizeof(fixture->last), name);
    switch (event) {
    case NETDEV_ADDED:
        fixture->added++;
        break;
    case NETDEV_STATE:
    case NETDEV_CHANGED:
        fixture->changed++;
        break;
    case NETDEV_REMOVED:
        fixture->removed++;
        break;
    case NETDEV_RESYNCED:
        fixture->resynced++;
        break;
    }
}

static inline void netns_collect(struct ev_loop *loop, ev_io *watcher, int revents)
{
    (void)loop;
    (void)revents;
    worker_collect(watcher->data);
}

static inline void netns_impatient(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop;
    (void)watcher;
    (void)revents;
    fail_msg("nothing came within %.0f seconds", PATIENCE);
}

static inline int netns_setup(void **state)
{
    static const struct netdev_kind *const kinds[] = {
        &bridge_kind, &kind_vlan, &kind_bond, &kind_tap, &kind_tun, &kind_veth, &kind_dummy, &kind_macvlan, &kind_vxlan, NULL,
    };
    struct fixture *fixture = NEW(struct fixture);
    struct error err = {0};

    netns_enter();
    fixture->loop = ev_loop_new(EVFLAG_AUTO);
    assert_int_equal(worker_new(&fixture->worker, &err), 0);
    if (netdev_new(fixture->loop, fixture->worker, kinds, netns_event, fixture, &fixture->netdev, &err) < 0)
        fail_msg("%s", err.text);
    ev_io_init(&fixture->finished, netns_collect, worker_fd(fixture->worker), EV_READ);
    fixture->finished.data = fixture->worker;
    ev_io_start(fixture->loop, &fixture->finished);
    ev_timer_init(&fixture->patience, netns_impatient, PATIENCE, 0);
    *state = fixture;
    return 0;
}

static inline int netns_teardown(void **state)
{
    struct fixture *fixture = *state;

    ev_io_stop(fixture->loop, &fixture->finished);
    worker_free(fixture->worker);
    netdev_free(fixture->netdev);
    ev_loop_destroy(fixture->loop);
    free(fixture);
    return 0;
}

static inline void netns_turn(struct fixture *fixture)
{
    ev_run(fixture->loop, EVRUN_ONCE);
}

#define WAIT_UNTIL(fixture, condition)                                                                                         \
    do {                                                                                                                       \
        ev_timer_set(&(fixture)->patience, PATIENCE, 0);                                                                       \
        ev_timer_start((fixture)->loop, &(fixture)->patience);                                                                 \
        while (!(condition))                                                                                                   \
            netns_turn(fixture);                                                                                               \
        ev_timer_stop((fixture)->loop, &(fixture)->patience);                                                                  \
    } while (0)

/* -- steps ------------------------------------------------------------------------------------------------------------------- */

static inline void netns_done(void *context, int result, const struct error *err)
{
    struct fixture *fixture = context;

    fixture->running--;
    fixture->result = result;
    assert_true((result == 0) == (err == NULL));
    fixture->error = err ? *err : (struct error){0};
}

/* Without waiting. */
static inline void netns_begin(struct fixture *fixture, const struct step *step)
{
    fixture->running++;
    netdev_apply(fixture->netdev, step, netns_done, fixture);
}

static inline int netns_apply(struct fixture *fixture, const struct step *step)
{
    unsigned before = fixture->running;

    netns_begin(fixture, step);
    assert_int_equal(fixture->running, before + 1); /* never from within */
    WAIT_UNTIL(fixture, fixture->running == 0);
    return fixture->result;
}

static inline void netns_must(struct fixture *fixture, const struct step *step)
{
    if (netns_apply(fixture, step) < 0)
        fail_msg("%s", fixture->error.text);
}

static inline void netns_must_fail(struct fixture *fixture, const struct step *step, int code, const char *text)
{
    assert_int_equal(netns_apply(fixture, step), -code);
    assert_int_equal(fixture->error.code, code);
    assert_string_equal(fixture->error.text, text);
}

static inline struct interface *netns_find(const struct fixture *fixture, const char *name)
{
    return network_find(netdev_observed(fixture->netdev), name);
}

static inline void netns_make_bridge(struct fixture *fixture, const char *name)
{
    struct interface to = {.kind = INTERFACE_BRIDGE, .up = true};
    struct step step = {.op = STEP_LINK_CREATE, .to = &to, .fields = FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_UP)};

    text_copy(step.interface, sizeof(step.interface), name);
    text_copy(to.name, sizeof(to.name), name);
    netns_must(fixture, &step);
}

/* A LINK_SET of `fields`, the values being those of `to`. */
static inline struct step netns_set(const char *name, struct interface *to, field_set fields)
{
    struct step step = {.op = STEP_LINK_SET, .to = to, .fields = fields};

    text_copy(step.interface, sizeof(step.interface), name);
    return step;
}

static inline void netns_same_as_kernel(struct fixture *fixture)
{
    struct error err = {0};

    if (netdev_compare_with_dump(fixture->netdev, &err) == 0)
        return;
    /* Carrier and operstate are in a dump up to a second before an event tells of them (the kernel's linkwatch). */
    print_message("not yet what a dump says: %s\n", err.text);
    WAIT_UNTIL(fixture, netdev_compare_with_dump(fixture->netdev, &err) == 0);
}

/* -- somebody else: changes made on a socket of the test's own --------------------------------------------------------------- */

static inline int foreign_send(struct nlmsghdr *message)
{
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    char buffer[8192];
    ssize_t length;
    int result;

    message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    assert_non_null(socket);
    assert_true(mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0);
    assert_true(mnl_socket_sendto(socket, message, message->nlmsg_len) > 0);
    length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
    assert_true(length > 0);
    result = mnl_cb_run(buffer, (size_t)length, 0, mnl_socket_get_portid(socket), NULL, NULL) < 0 ? -errno : 0;
    mnl_socket_close(socket);
    return result;
}

static inline struct ifinfomsg *foreign_link(char *buffer, uint16_t type, uint16_t flags, int index)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));

    message->nlmsg_type = type;
    message->nlmsg_flags = flags;
    fixed->ifi_index = index;
    return fixed;
}

/* A veth comes with a peer that the kernel names. */
static inline void foreign_make(const char *name, const char *kind)
{
    char buffer[512];
    struct nlmsghdr *message = (struct nlmsghdr *)buffer;
    struct nlattr *info;

    foreign_link(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
    mnl_attr_nest_end(message, info);
    errno = -foreign_send(message);
    if (errno == EOPNOTSUPP)
        netns_skip(kind);
    assert_int_equal(errno, 0);
}

static inline void foreign_set_up(int index, bool up)
{
    char buffer[512];
    struct ifinfomsg *fixed = foreign_link(buffer, RTM_NEWLINK, 0, index);

    fixed->ifi_change = IFF_UP;
    fixed->ifi_flags = up ? IFF_UP : 0;
    assert_int_equal(foreign_send((struct nlmsghdr *)buffer), 0);
}

static inline void foreign_set_master(int index, int master)
{
    char buffer[512];

    foreign_link(buffer, RTM_NEWLINK, 0, index);
    mnl_attr_put_u32((struct nlmsghdr *)buffer, IFLA_MASTER, (uint32_t)master);
    assert_int_equal(foreign_send((struct nlmsghdr *)buffer), 0);
}

static inline void foreign_rename(int index, const char *name)
{
    char buffer[512];

    foreign_link(buffer, RTM_NEWLINK, 0, index);
    mnl_attr_put_strz((struct nlmsghdr *)buffer, IFLA_IFNAME, name);
    assert_int_equal(foreign_send((struct nlmsghdr *)buffer), 0);
}

static inline void foreign_delete(int index)
{
    char buffer[512];

    foreign_link(buffer, RTM_DELLINK, 0, index);
    assert_int_equal(foreign_send((struct nlmsghdr *)buffer), 0);
}
