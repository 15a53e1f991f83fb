/* Links, addresses and routes: written by steps, read back, and what is said when it fails. links: bridge netdev */
#include <arpa/inet.h>
#include <linux/if_addr.h>

#include "netns.h"

#define HAS_UP FIELD_BIT(FIELD_UP)
#define HAS_MASTER FIELD_BIT(FIELD_MASTER)

static struct address address(const char *text, uint8_t prefix)
{
    struct address result = {.family = strchr(text, ':') ? AF_INET6 : AF_INET, .prefix = prefix, .valid = UINT32_MAX};

    assert_int_equal(inet_pton(result.family, text, result.bytes), 1);
    return result;
}

static struct step address_step(enum step_op op, const char *name, const char *text, uint8_t prefix)
{
    struct step step = {.op = op, .address = address(text, prefix)};

    text_copy(step.interface, sizeof(step.interface), name);
    return step;
}

static struct step route_step(enum step_op op, const char *name, const char *destination, uint8_t prefix, const char *gateway,
                              uint32_t metric)
{
    struct address to = address(destination, prefix);
    struct step step = {.op = op, .route = {.family = to.family, .prefix = prefix, .metric = metric, .table = RT_TABLE_MAIN}};

    text_copy(step.interface, sizeof(step.interface), name);
    memcpy(step.route.destination, to.bytes, sizeof(to.bytes));
    if (gateway) {
        struct address by = address(gateway, 0);

        step.route.has_gateway = true;
        memcpy(step.route.gateway, by.bytes, sizeof(by.bytes));
    }
    return step;
}

static const struct address *find_address(const struct interface *interface, const struct address *wanted)
{
    for (size_t i = 0; i < interface->address_count; i++)
        if (address_same(&interface->addresses[i], wanted))
            return &interface->addresses[i];
    return NULL;
}

static const struct route *find_route(const struct interface *interface, const struct route *wanted)
{
    for (size_t i = 0; i < interface->route_count; i++)
        if (route_same(&interface->routes[i], wanted))
            return &interface->routes[i];
    return NULL;
}

/* -- links ------------------------------------------------------------------------------------------------------------------- */

static void loopback(void **state)
{
    struct fixture *fixture = *state;
    const struct interface *lo = netns_find(fixture, "lo");

    assert_non_null(lo);
    assert_int_equal(lo->kind, INTERFACE_LOOPBACK);
    assert_false(lo->up);
    assert_int_equal(lo->owner, OWNER_FOREIGN);
    assert_int_equal(lo->index, 1);
}

static void made_and_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct step delete = {.op = STEP_LINK_DELETE, .interface = "br0"};

    netns_make_bridge(fixture, "br0");
    assert_int_equal(fixture->added, 1);
    assert_true(netns_find(fixture, "br0")->up);
    assert_int_equal(netns_find(fixture, "br0")->owner, OWNER_TRESTLE);
    assert_false(netns_find(fixture, "br0")->half_made);
    netns_must(fixture, &delete);
    assert_null(netns_find(fixture, "br0"));
    assert_int_equal(fixture->removed, 1);
    netns_must(fixture, &delete); /* it is gone, as wanted */
    netns_same_as_kernel(fixture);
}

static void set_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_VETH, .up = true, .mtu = 9000, .mac = {2, 3, 4, 5, 6, 7}, .master = "br0"};
    struct step step = netns_set("v0", &to, HAS_UP | HAS_MASTER | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_MAC));
    struct interface before;

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    netns_must(fixture, &step); /* by name: OBSERVED may not know it yet */
    assert_string_equal(netns_find(fixture, "v0")->master, "br0");
    assert_int_equal(netns_find(fixture, "v0")->master_index, netns_find(fixture, "br0")->index);
    assert_true(netns_find(fixture, "v0")->up);
    assert_int_equal(netns_find(fixture, "v0")->mtu, 9000);
    assert_memory_equal(netns_find(fixture, "v0")->mac, to.mac, 6);
    assert_int_equal(netns_find(fixture, "v0")->kind, INTERFACE_VETH);
    before = *netns_find(fixture, "v0");
    to = (struct interface){.mtu = 1400};
    step.fields = FIELD_BIT(FIELD_MTU);
    netns_must(fixture, &step);
    assert_int_equal(netns_find(fixture, "v0")->mtu, 1400);
    assert_string_equal(netns_find(fixture, "v0")->master, "br0");
    assert_true(netns_find(fixture, "v0")->up);
    assert_memory_equal(netns_find(fixture, "v0")->mac, before.mac, 6);
    step.fields = HAS_MASTER | HAS_UP;
    netns_must(fixture, &step);
    assert_string_equal(netns_find(fixture, "v0")->master, "");
    assert_false(netns_find(fixture, "v0")->up);
    assert_int_equal(netns_find(fixture, "v0")->owner, OWNER_FOREIGN);
    netns_same_as_kernel(fixture);
}

/* As if the daemon had died between the two messages. */
static void half_made(void **state)
{
    struct fixture *fixture = *state;
    struct interface from = {.half_made = true}, to = {.half_made = false};
    struct step step = netns_set("br0", &to, 0);
    char buffer[512];

    netns_make_bridge(fixture, "br0");
    foreign_link(buffer, RTM_NEWLINK, 0, netns_find(fixture, "br0")->index);
    mnl_attr_put_strz((struct nlmsghdr *)buffer, IFLA_IFALIAS, "");
    assert_int_equal(foreign_send((struct nlmsghdr *)buffer), 0);
    WAIT_UNTIL(fixture, netns_find(fixture, "br0")->half_made);
    step.from = &from;
    netns_must(fixture, &step);
    assert_false(netns_find(fixture, "br0")->half_made);
}

/* Nobody waits between steps: a later one names what an earlier one makes, or makes again what it deletes. */
static void one_after_another(void **state)
{
    struct fixture *fixture = *state;
    struct interface bridge = {.kind = INTERFACE_BRIDGE, .up = true}, port = {.master = "br0", .up = true};
    struct step create = {.op = STEP_LINK_CREATE, .interface = "br0", .to = &bridge, .fields = HAS_UP};
    struct step delete = {.op = STEP_LINK_DELETE, .interface = "br0"};
    struct step enslave = netns_set("v0", &port, HAS_MASTER | HAS_UP);
    struct step add = address_step(STEP_ADDRESS_ADD, "br0", "10.0.0.1", 24);
    struct step route = route_step(STEP_ROUTE_ADD, "br0", "10.9.0.0", 16, "10.0.0.9", 0);
    const struct step *steps[] = {&create, &enslave, &delete, &create, &enslave, &add, &route};

    foreign_make("v0", "veth");
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        netns_begin(fixture, steps[i]);
    while (fixture->running) {
        netns_turn(fixture);
        assert_string_equal(fixture->error.text, "");
    }
    assert_string_equal(netns_find(fixture, "v0")->master, "br0");
    assert_non_null(find_address(netns_find(fixture, "br0"), &add.address));
    assert_non_null(find_route(netns_find(fixture, "br0"), &route.route));
    netns_same_as_kernel(fixture);
}

/* -- addresses and routes ---------------------------------------------------------------------------------------------------- */

static void addresses(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        uint8_t prefix;
    } all[] = {{"10.1.2.3", 24}, {"10.1.2.4", 24}, {"192.0.2.1", 31}, {"192.0.2.9", 32}, {"2001:db8::1", 64}};

    netns_make_bridge(fixture, "br0");
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        struct step add = address_step(STEP_ADDRESS_ADD, "br0", all[i].text, all[i].prefix);
        const struct address *found;

        netns_must(fixture, &add);
        found = find_address(netns_find(fixture, "br0"), &add.address);
        assert_non_null(found);
        assert_int_equal(found->valid, UINT32_MAX);
        assert_true(address_is_static(found));
        netns_must(fixture, &add); /* is there already: fine */
    }
    netns_same_as_kernel(fixture);
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        struct step delete = address_step(STEP_ADDRESS_DELETE, "br0", all[i].text, all[i].prefix);

        netns_must(fixture, &delete);
        assert_null(find_address(netns_find(fixture, "br0"), &delete.address));
        netns_same_as_kernel(fixture);
        netns_must(fixture, &delete);
    }
}

struct seen {
    const char *label;
    uint32_t broadcast;
};

static int see_address(const struct nlmsghdr *message, void *context)
{
    struct seen *seen = context;
    const struct nlattr *attribute;
    static char label[INTERFACE_NAME_SIZE];

    mnl_attr_for_each(attribute, message, sizeof(struct ifaddrmsg)) {
        if (mnl_attr_get_type(attribute) == IFA_LABEL) {
            text_copy(label, sizeof(label), mnl_attr_get_str(attribute));
            seen->label = label;
        } else if (mnl_attr_get_type(attribute) == IFA_BROADCAST) {
            seen->broadcast = ntohl(mnl_attr_get_u32(attribute));
        }
    }
    return MNL_CB_OK;
}

/* What ifup gives an IPv4 address beside itself. */
static void label_and_broadcast(void **state)
{
    struct fixture *fixture = *state;
    struct step add = address_step(STEP_ADDRESS_ADD, "br0", "10.1.2.3", 20);
    struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
    char buffer[8192];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct seen seen = {0};
    ssize_t length;

    netns_make_bridge(fixture, "br0");
    netns_must(fixture, &add);
    message->nlmsg_type = RTM_GETADDR;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    ((struct ifaddrmsg *)mnl_nlmsg_put_extra_header(message, sizeof(struct ifaddrmsg)))->ifa_family = AF_INET;
    mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID);
    mnl_socket_sendto(socket, message, message->nlmsg_len);
    length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
    mnl_cb_run(buffer, (size_t)length, 0, mnl_socket_get_portid(socket), see_address, &seen);
    mnl_socket_close(socket);
    assert_string_equal(seen.label, "br0");
    assert_int_equal(seen.broadcast, 0x0a010fff);
}

static void routes(void **state)
{
    struct fixture *fixture = *state;
    struct step here4 = address_step(STEP_ADDRESS_ADD, "br0", "10.0.0.1", 24);
    struct step here6 = address_step(STEP_ADDRESS_ADD, "br0", "2001:db8::1", 64);
    struct step all[] = {
        route_step(STEP_ROUTE_ADD, "br0", "0.0.0.0", 0, "10.0.0.254", 0),
        route_step(STEP_ROUTE_ADD, "br0", "0.0.0.0", 0, "10.0.0.253", 100),
        route_step(STEP_ROUTE_ADD, "br0", "172.16.0.0", 12, NULL, 0),
        route_step(STEP_ROUTE_ADD, "br0", "2001:db8:1::", 48, "2001:db8::9", 50),
    };

    all[2].route.table = 1000; /* more than fits into rtm_table */
    netns_make_bridge(fixture, "br0");
    netns_must(fixture, &here4);
    netns_must(fixture, &here6);
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        netns_must(fixture, &all[i]);
        assert_non_null(find_route(netns_find(fixture, "br0"), &all[i].route));
        assert_int_equal(find_route(netns_find(fixture, "br0"), &all[i].route)->protocol, RTPROT_STATIC);
        netns_must(fixture, &all[i]); /* the same once more: fine */
    }
    netns_same_as_kernel(fixture);
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        all[i].op = STEP_ROUTE_DELETE;
        netns_must(fixture, &all[i]);
        assert_null(find_route(netns_find(fixture, "br0"), &all[i].route));
        netns_must(fixture, &all[i]);
    }
    netns_same_as_kernel(fixture);
}

/* An IPv6 route that is added without a metric gets 1024: that it is there already must be seen all the same. */
static void ipv6_route_without_metric(void **state)
{
    struct fixture *fixture = *state;
    struct step here = address_step(STEP_ADDRESS_ADD, "br0", "2001:db8::1", 64);
    struct step route = route_step(STEP_ROUTE_ADD, "br0", "2001:db8:1::", 48, "2001:db8::9", 0);

    netns_make_bridge(fixture, "br0");
    netns_must(fixture, &here);
    netns_must(fixture, &route);
    netns_must(fixture, &route);
    route.op = STEP_ROUTE_DELETE;
    netns_must(fixture, &route);
    netns_same_as_kernel(fixture);
}

/* The kernel sends no events when it drops IPv4 routes because a link goes down, or an address that they need. */
static void routes_that_go_silently(void **state)
{
    struct fixture *fixture = *state;
    struct step here = address_step(STEP_ADDRESS_ADD, "br0", "10.0.0.1", 24);
    struct step route = route_step(STEP_ROUTE_ADD, "br0", "10.9.0.0", 16, "10.0.0.9", 0);
    struct interface up = {.up = true}, down = {.up = false};
    struct step set_up = netns_set("br0", &up, HAS_UP), set_down = netns_set("br0", &down, HAS_UP);

    netns_make_bridge(fixture, "br0");
    netns_must(fixture, &here);
    netns_must(fixture, &route);
    assert_int_equal(netns_find(fixture, "br0")->route_count, 2); /* the connected one too */
    netns_must(fixture, &set_down);
    assert_null(find_route(netns_find(fixture, "br0"), &route.route));
    netns_same_as_kernel(fixture);
    netns_must(fixture, &set_up);
    netns_must(fixture, &route);
    here.op = STEP_ADDRESS_DELETE;
    netns_must(fixture, &here);
    assert_null(find_route(netns_find(fixture, "br0"), &route.route));
    netns_same_as_kernel(fixture);
}

static void foreign_route(const struct step *step, int index, const char *source, uint16_t flags)
{
    char buffer[512];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct rtmsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));

    message->nlmsg_type = RTM_NEWROUTE;
    message->nlmsg_flags = NLM_F_CREATE | flags;
    fixed->rtm_family = AF_INET;
    fixed->rtm_dst_len = step->route.prefix;
    fixed->rtm_table = RT_TABLE_MAIN;
    fixed->rtm_type = RTN_UNICAST;
    fixed->rtm_protocol = RTPROT_BOOT;
    fixed->rtm_scope = RT_SCOPE_LINK;
    mnl_attr_put(message, RTA_DST, 4, step->route.destination);
    mnl_attr_put_u32(message, RTA_OIF, (uint32_t)index);
    if (source) {
        struct address from = address(source, 32);

        mnl_attr_put(message, RTA_PREFSRC, 4, from.bytes);
    }
    assert_int_equal(foreign_send(message), 0);
}

/* A route on another link goes with the address that it prefers as source; there are other addresses, so the links keep
 * theirs. */
static void routes_with_a_source(void **state)
{
    struct fixture *fixture = *state;
    struct step one = address_step(STEP_ADDRESS_ADD, "br0", "10.0.0.1", 24);
    struct step two = address_step(STEP_ADDRESS_ADD, "br0", "10.0.5.1", 24);
    struct step route = route_step(STEP_ROUTE_ADD, "br1", "10.9.0.0", 16, NULL, 0);

    netns_make_bridge(fixture, "br0");
    netns_make_bridge(fixture, "br1");
    netns_must(fixture, &one);
    netns_must(fixture, &two);
    foreign_route(&route, netns_find(fixture, "br1")->index, "10.0.5.1", NLM_F_EXCL);
    route.route.has_source = true;
    memcpy(route.route.source, two.address.bytes, sizeof(route.route.source));
    WAIT_UNTIL(fixture, find_route(netns_find(fixture, "br1"), &route.route));
    two.op = STEP_ADDRESS_DELETE;
    netns_must(fixture, &two);
    assert_null(find_route(netns_find(fixture, "br1"), &route.route));
    netns_same_as_kernel(fixture);
}

/* A route that is replaced leaves its old link without an event of its own. */
static void replaced_route(void **state)
{
    struct fixture *fixture = *state;
    struct step route = route_step(STEP_ROUTE_ADD, "br0", "10.9.0.0", 16, NULL, 0);

    netns_make_bridge(fixture, "br0");
    netns_make_bridge(fixture, "br1");
    netns_must(fixture, &route);
    foreign_route(&route, netns_find(fixture, "br1")->index, NULL, NLM_F_REPLACE);
    WAIT_UNTIL(fixture, find_route(netns_find(fixture, "br1"), &route.route));
    assert_null(find_route(netns_find(fixture, "br0"), &route.route));
    netns_same_as_kernel(fixture);
}

static void put_hop(struct nlmsghdr *message, int index)
{
    struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(message);

    *hop = (struct rtnexthop){.rtnh_len = sizeof(*hop), .rtnh_ifindex = index};
    message->nlmsg_len += sizeof(*hop);
}

/* A route with several next hops is no single link's, and what happens to it when one of them goes down is not told. */
static void several_hops(void **state)
{
    struct fixture *fixture = *state;
    struct step route = route_step(STEP_ROUTE_ADD, "br0", "10.9.0.0", 16, NULL, 0);
    struct interface up = {.up = true}, down = {.up = false};
    struct step set_up = netns_set("br0", &up, HAS_UP), set_down = netns_set("br0", &down, HAS_UP);
    char buffer[512];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct rtmsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));
    struct nlattr *hops;

    netns_make_bridge(fixture, "br0");
    netns_make_bridge(fixture, "br1");
    message->nlmsg_type = RTM_NEWROUTE;
    message->nlmsg_flags = NLM_F_CREATE;
    *fixed = (struct rtmsg){.rtm_family = AF_INET, .rtm_dst_len = 16, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST,
                            .rtm_protocol = RTPROT_BOOT, .rtm_scope = RT_SCOPE_LINK};
    mnl_attr_put(message, RTA_DST, 4, route.route.destination);
    hops = mnl_attr_nest_start(message, RTA_MULTIPATH);
    put_hop(message, netns_find(fixture, "br0")->index);
    put_hop(message, netns_find(fixture, "br1")->index);
    mnl_attr_nest_end(message, hops);
    assert_int_equal(foreign_send(message), 0);
    WAIT_UNTIL(fixture, netdev_observed(fixture->netdev)->route_count);
    assert_int_equal(netdev_observed(fixture->netdev)->routes->group->hop_count, 2);
    assert_string_equal(netdev_observed(fixture->netdev)->routes->group->hops[1].interface, "br1");
    assert_null(find_route(netns_find(fixture, "br0"), &route.route));
    netns_must(fixture, &set_down);
    netns_same_as_kernel(fixture);
    netns_must(fixture, &set_up);
    netns_same_as_kernel(fixture);
    assert_int_equal(netdev_observed(fixture->netdev)->route_count, 1);
}

/* -- what is said when it fails ---------------------------------------------------------------------------------------------- */

static void no_such_master(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.master = "br9", .up = true};
    struct step step = netns_set("v0", &to, HAS_MASTER);

    foreign_make("v0", "veth");
    netns_must_fail(fixture, &step, ENODEV, "v0: add as port of br9: No such device: there is no interface br9");
    step.fields |= HAS_UP;
    netns_must_fail(fixture, &step, ENODEV, "v0: add as port of br9, set up: No such device: there is no interface br9");
}

/* Their events are not read yet when the step is written: it names the indices of those that have gone. */
static void others_of_their_names(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_VETH, .up = true, .mtu = 1400, .master = "br0"};
    struct step step = netns_set("v0", &to, HAS_UP | HAS_MASTER | FIELD_BIT(FIELD_MTU));
    int index, master;

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    netns_must(fixture, &step);
    index = netns_find(fixture, "v0")->index;
    master = netns_find(fixture, "br0")->index;
    foreign_delete(index);
    foreign_make("v0", "veth");
    foreign_delete(master);
    foreign_make("br0", "bridge");
    assert_int_equal(netns_find(fixture, "v0")->index, index);
    netns_must(fixture, &step);
    assert_int_not_equal(netns_find(fixture, "v0")->index, index);
    assert_int_not_equal(netns_find(fixture, "br0")->index, master);
    assert_int_equal(netns_find(fixture, "v0")->master_index, netns_find(fixture, "br0")->index);
    assert_true(netns_find(fixture, "v0")->up);
    foreign_delete(netns_find(fixture, "v0")->index);
    netns_must_fail(fixture, &step, ENODEV, "v0: add as port of br0, set MTU 1400, set up: No such device");
}

static void no_such_link(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.mtu = 1400};
    struct step set = netns_set("v9", &to, FIELD_BIT(FIELD_MTU));
    struct step add = address_step(STEP_ADDRESS_ADD, "v9", "10.0.0.1", 24);
    struct step delete = address_step(STEP_ADDRESS_DELETE, "v9", "10.0.0.1", 24);
    struct step route = route_step(STEP_ROUTE_DELETE, "v9", "10.9.0.0", 16, NULL, 0);

    netns_must_fail(fixture, &set, ENODEV, "v9: set MTU 1400: No such device");
    netns_must_fail(fixture, &add, ENODEV, "v9: add address 10.0.0.1/24: No such device");
    netns_must(fixture, &delete);
    netns_must(fixture, &route);
}

static void name_exists(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_BRIDGE};
    struct step step = {.op = STEP_LINK_CREATE, .interface = "v0", .to = &to};

    foreign_make("v0", "veth");
    netns_must_fail(fixture, &step, EEXIST, "v0: make a bridge: File exists; an interface of that name exists");
    assert_int_equal(netns_find(fixture, "v0")->kind, INTERFACE_VETH); /* and is not taken away in the clean-up */
    assert_int_equal(netns_find(fixture, "v0")->owner, OWNER_FOREIGN);
}

static void kind_not_known(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_OTHER};
    struct step step = {.op = STEP_LINK_CREATE, .interface = "bond0", .to = &to};

    netns_must_fail(fixture, &step, ENOTSUP, "bond0: trestle cannot make links of kind other");
    step.op = STEP_TAP_OPEN;
    netns_must_fail(fixture, &step, ENOTSUP, "bond0: this step is not one for the kernel's links");
}

static void bridge_in_a_bridge(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.master = "br0"};
    struct step step = netns_set("br1", &to, HAS_MASTER);

    netns_make_bridge(fixture, "br0");
    netns_make_bridge(fixture, "br1");
    netns_must_fail(fixture, &step, ELOOP,
                    "br1: add as port of br0: Too many levels of symbolic links (the kernel: \"Can not enslave a bridge to a "
                    "bridge\"); a bridge cannot be a port of a bridge; join them with a veth pair");
}

static void made_but_not_as_asked(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.kind = INTERFACE_BRIDGE, .master = "v0"};
    struct step step = {.op = STEP_LINK_CREATE, .interface = "br0", .to = &to, .fields = HAS_MASTER};

    foreign_make("v0", "veth");
    assert_true(netns_apply(fixture, &step) < 0);
    assert_null(netns_find(fixture, "br0"));
    netns_same_as_kernel(fixture);
}

static void routes_that_cannot_be(void **state)
{
    struct fixture *fixture = *state;
    struct step here = address_step(STEP_ADDRESS_ADD, "br0", "10.0.0.1", 24);
    struct step route = route_step(STEP_ROUTE_ADD, "br0", "0.0.0.0", 0, "10.0.0.254", 0);
    struct step other = route_step(STEP_ROUTE_ADD, "br0", "0.0.0.0", 0, "10.0.0.253", 0);
    struct step outside = route_step(STEP_ROUTE_ADD, "br0", "10.9.0.0", 16, "192.0.2.1", 0);

    netns_make_bridge(fixture, "br0");
    netns_must(fixture, &here);
    netns_must(fixture, &route);
    netns_must_fail(fixture, &other, EEXIST,
                    "br0: add route default via 10.0.0.253: File exists; it is default via 10.0.0.254 dev br0: delete that, or "
                    "give this one another metric");
    netns_must_fail(fixture, &outside, ENETUNREACH,
                    "br0: add route 10.9.0.0/16 via 192.0.2.1: Network is unreachable (the kernel: \"Nexthop has invalid "
                    "gateway\"); the gateway must lie in a network of an address of this interface");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loopback),
        TEST(made_and_deleted),
        TEST(set_and_nothing_else),
        TEST(half_made),
        TEST(one_after_another),
        TEST(addresses),
        TEST(label_and_broadcast),
        TEST(routes),
        TEST(ipv6_route_without_metric),
        TEST(routes_that_go_silently),
        TEST(routes_with_a_source),
        TEST(replaced_route),
        TEST(several_hops),
        TEST(no_such_master), TEST(others_of_their_names),
        TEST(no_such_link),
        TEST(name_exists),
        TEST(kind_not_known),
        TEST(bridge_in_a_bridge),
        TEST(made_but_not_as_asked),
        TEST(routes_that_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
