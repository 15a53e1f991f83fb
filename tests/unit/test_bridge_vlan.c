/* VLANs of ports: the messages that are built, put together again as the kernel does it; the kernel's messages, read; the
 * order in which a port gets what it gets; and all of it by the kernel itself where it can. links: bridge netdev */
#include <linux/if_bridge.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "bridge/bridge_internal.h"
#include "netdev/netdev_internal.h"
#include "netns.h"

enum { VLANS = 4095, MEMBER = 1, UNTAGGED = 2, PVID = 4 };

static struct port_vlans make(uint16_t pvid, const char *tagged)
{
    struct port_vlans vlans = {.pvid = pvid};

    if (tagged)
        assert_int_equal(port_vlans_parse(tagged, &vlans), 0);
    return vlans;
}

/* -- what the kernel does with a message (br_process_vlan_info()) --------------------------------------------------------- */

static void take_range(uint8_t *port, unsigned first, unsigned last, uint16_t flags, bool delete)
{
    for (unsigned vlan = first; vlan <= last; vlan++) {
        if (delete) {
            port[vlan] = 0;
            continue;
        }
        if (flags & BRIDGE_VLAN_INFO_PVID)
            for (unsigned other = 1; other < VLANS; other++)
                port[other] &= (uint8_t)~PVID;
        port[vlan] = MEMBER | (flags & BRIDGE_VLAN_INFO_UNTAGGED ? UNTAGGED : 0) | (flags & BRIDGE_VLAN_INFO_PVID ? PVID : 0);
    }
}

static unsigned take(uint8_t *port, const struct nlattr *spec, bool delete)
{
    const struct nlattr *attribute;
    unsigned count = 0, first = 0;

    mnl_attr_for_each_nested(attribute, spec) {
        const struct bridge_vlan_info *info = mnl_attr_get_payload(attribute);

        assert_int_equal(mnl_attr_get_type(attribute), IFLA_BRIDGE_VLAN_INFO);
        assert_int_equal(mnl_attr_get_payload_len(attribute), sizeof(*info));
        assert_in_range(info->vid, 1, VLANS - 1);
        count++;
        if (info->flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
            assert_false(info->flags & BRIDGE_VLAN_INFO_PVID);
            assert_int_equal(first, 0);
            first = info->vid;
            continue;
        }
        assert_int_equal(!!(info->flags & BRIDGE_VLAN_INFO_RANGE_END), first != 0);
        if (first)
            assert_true(info->vid > first);
        take_range(port, first ? first : info->vid, info->vid, info->flags, delete);
        first = 0;
    }
    assert_int_equal(first, 0);
    return count;
}

static unsigned write_to(uint8_t *port, const struct port_vlans *wanted)
{
    unsigned messages = 0;

    for (int delete = 1; delete >= 0; delete--) {
        unsigned first = 1;

        do {
            char buffer[NETDEV_MESSAGE_SIZE];
            struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
            struct nlattr *spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);

            first = bridge_vlan_put(message, wanted, delete, first);
            assert_true(message->nlmsg_len <= NETDEV_MESSAGE_SIZE / 2);
            mnl_attr_nest_end(message, spec);
            take(port, spec, delete);
            messages++;
        } while (first);
    }
    return messages;
}

static void assert_port(const uint8_t *port, const struct port_vlans *wanted)
{
    for (unsigned vlan = 1; vlan < VLANS; vlan++) {
        uint8_t tagged = wanted->tagged[vlan / 64] >> (vlan % 64) & 1 ? MEMBER : 0;
        uint8_t expected = vlan == wanted->pvid ? MEMBER | UNTAGGED | PVID : tagged;

        if (port[vlan] != expected)
            fail_msg("VLAN %u: %u instead of %u", vlan, port[vlan], expected);
    }
}

/* Whatever the port had before: the default, everything, anything. */
static void written(void **state)
{
    struct port_vlans worst = {0}, cases[] = {
        make(0, NULL), make(1, NULL), make(10, NULL), make(0, "10"), make(10, "20-29"), make(25, "20-29"), make(1, "1-4094"),
        make(4094, "1-4093"), make(0, "1-4094"), make(4094, "2,4,6-8"), make(64, "63,65,127-128"),
    };

    (void)state;
    for (unsigned vlan = 1; vlan < VLANS; vlan += 2)
        worst.tagged[vlan / 64] |= UINT64_C(1) << (vlan % 64);
    for (size_t i = 0; i <= ARRAY_SIZE(cases); i++) {
        const struct port_vlans *wanted = i < ARRAY_SIZE(cases) ? &cases[i] : &worst;

        for (int before = 0; before < 4; before++) {
            uint8_t port[VLANS] = {0};
            unsigned messages;

            port[1] = before == 1 ? MEMBER | UNTAGGED | PVID : 0;
            for (unsigned vlan = 1; before > 1 && vlan < VLANS; vlan++)
                port[vlan] = before == 2 ? MEMBER | UNTAGGED : (uint8_t)(vlan * 2654435761u >> 30 & 3);
            messages = write_to(port, wanted);
            assert_port(port, wanted);
            assert_int_equal(messages, wanted == &worst ? 42 : 2);
        }
    }
}

/* -- messages read -------------------------------------------------------------------------------------------------------- */

static struct {
    unsigned count;
    char name[INTERFACE_NAME_SIZE];
} told;

static void listen_to(void *context, enum netdev_event event, const char *name)
{
    (void)context;
    if (event != NETDEV_CHANGED)
        return;
    told.count++;
    text_copy(told.name, sizeof(told.name), name);
}

static void begin_cache(struct netdev_cache *cache, bool filtering)
{
    static const struct netdev_kind *const kinds[] = {&bridge_kind, NULL};
    struct interface bridge = {.name = "br0", .kind = INTERFACE_BRIDGE, .index = 5, .bridge.vlan_filtering = filtering};
    struct interface port = {.name = "v0", .kind = INTERFACE_VETH, .index = 6, .master_index = 5};

    netdev_cache_init(cache, kinds);
    cache->listener = listen_to;
    netdev_cache_put(cache, &bridge);
    netdev_cache_put(cache, &port);
    told.count = 0;
}

/* As the kernel of 6.1 sends it, and its dump gives it: untagged 10, tagged 20-29. */
static void send_message(struct netdev_cache *cache, int index, bool with_vlans)
{
    char buffer[512];
    struct nlmsghdr *message = (struct nlmsghdr *)buffer;
    static const struct bridge_vlan_info infos[] = {
        {BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, 10},
        {BRIDGE_VLAN_INFO_RANGE_BEGIN, 20},
        {BRIDGE_VLAN_INFO_RANGE_END, 29},
    };
    struct nlattr *nest;
    struct nl_msg *msg;

    foreign_link(buffer, RTM_NEWLINK, 0, index)->ifi_family = AF_BRIDGE;
    mnl_attr_put_strz(message, IFLA_IFNAME, index == 5 ? "br0" : "v0");
    mnl_attr_put_u32(message, IFLA_MASTER, 5);
    if (index != 5) {
        nest = mnl_attr_nest_start(message, IFLA_PROTINFO);
        mnl_attr_put_u8(message, IFLA_BRPORT_ISOLATED, 1);
        mnl_attr_nest_end(message, nest);
    }
    nest = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    for (size_t i = 0; with_vlans && i < ARRAY_SIZE(infos); i++)
        mnl_attr_put(message, IFLA_BRIDGE_VLAN_INFO, sizeof(infos[i]), &infos[i]);
    mnl_attr_nest_end(message, nest);
    msg = nlmsg_convert(message);
    netdev_link_read(cache, msg);
    nlmsg_free(msg);
}

static void seen(void **state)
{
    struct netdev_cache cache;
    const struct interface *port;
    struct port_vlans expected = make(10, "20-29"), none = {0};
    char *text;

    (void)state;
    begin_cache(&cache, true);
    port = network_find(&cache.network, "v0");
    assert_true(cache.unread_vlans);
    assert_null(port->vlans);
    assert_false(interface_has(port, FIELD_PORT_VLANS));
    send_message(&cache, 6, true);
    assert_true(interface_has(port, FIELD_PORT_VLANS));
    assert_true(port_vlans_same(port->vlans, &expected));
    assert_true(port->port.isolated);
    text = port_vlans_text(port->vlans);
    assert_string_equal(text, "untagged 10, tagged 20-29");
    free(text);
    assert_true(told.count > 0);
    assert_string_equal(told.name, "v0");
    told.count = 0;
    send_message(&cache, 6, true);
    assert_int_equal(told.count, 0); /* nothing new */
    send_message(&cache, 6, false);
    assert_int_equal(told.count, 1);
    assert_non_null(port->vlans); /* a member of none */
    assert_true(port_vlans_same(port->vlans, &none));
    /* The bridge's own. */
    send_message(&cache, 5, true);
    assert_true(port_vlans_same(network_find(&cache.network, "br0")->vlans, &expected));
    netdev_cache_clear(&cache);
}

static void seen_only_where_it_counts(void **state)
{
    struct netdev_cache cache;
    struct interface bridge, port;

    (void)state;
    begin_cache(&cache, false);
    send_message(&cache, 6, true);
    assert_false(cache.unread_vlans);
    assert_null(network_find(&cache.network, "v0")->vlans);
    /* Filtering goes on: what they are must be asked for; and off. */
    bridge = *network_find(&cache.network, "br0");
    bridge.bridge.vlan_filtering = true;
    netdev_cache_put(&cache, &bridge);
    assert_true(cache.unread_vlans);
    send_message(&cache, 5, true);
    send_message(&cache, 6, true);
    assert_non_null(network_find(&cache.network, "br0")->vlans);
    bridge.bridge.vlan_filtering = false;
    netdev_cache_put(&cache, &bridge);
    assert_null(network_find(&cache.network, "br0")->vlans);
    assert_null(network_find(&cache.network, "v0")->vlans);
    assert_false(interface_has(network_find(&cache.network, "v0"), FIELD_PORT_VLANS));
    /* The port leaves, under a new name at that. */
    bridge.bridge.vlan_filtering = true;
    netdev_cache_put(&cache, &bridge);
    send_message(&cache, 6, true);
    port = (struct interface){.name = "v1", .kind = INTERFACE_VETH, .index = 6, .set = network_find(&cache.network, "v0")->set};
    netdev_cache_put(&cache, &port);
    assert_null(network_find(&cache.network, "v1")->vlans);
    assert_false(interface_has(network_find(&cache.network, "v1"), FIELD_PORT_VLANS));
    port.master_index = 5;
    netdev_cache_put(&cache, &port);
    send_message(&cache, 6, true);
    assert_non_null(network_find(&cache.network, "v1")->vlans);
    text_copy(port.name, sizeof(port.name), "v2"); /* renamed where it is: it keeps them */
    netdev_cache_put(&cache, &port);
    assert_non_null(network_find(&cache.network, "v2")->vlans);
    /* To another bridge that filters: it starts anew. */
    bridge = (struct interface){.name = "br1", .kind = INTERFACE_BRIDGE, .index = 7, .bridge.vlan_filtering = true};
    netdev_cache_put(&cache, &bridge);
    cache.unread_vlans = false;
    port.master_index = 7;
    netdev_cache_put(&cache, &port);
    assert_null(network_find(&cache.network, "v2")->vlans);
    assert_true(cache.unread_vlans);
    port.master_index = 5;
    netdev_cache_put(&cache, &port);
    send_message(&cache, 6, true); /* for netdev_cache_remove() to free */
    netdev_cache_remove(&cache, 6);
    netdev_cache_clear(&cache);
}

/* -- the order ------------------------------------------------------------------------------------------------------------ */

static struct {
    bool on;
    uint32_t sequence; /* that is answered here */
    uint8_t port[VLANS];
    char log[200];
} kernel;

static void note(const char *word)
{
    size_t length = strlen(kernel.log);

    snprintf(kernel.log + length, sizeof(kernel.log) - length, "%s%s", length ? " " : "", word);
}

static const struct nlattr *find(const struct nlmsghdr *message, uint16_t type)
{
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, message, sizeof(struct ifinfomsg))
        if (mnl_attr_get_type(attribute) == type)
            return attribute;
    return NULL;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *data, size_t size)
{
    const struct nlmsghdr *message = data;
    const struct ifinfomsg *fixed = mnl_nlmsg_get_payload(message);

    if (kernel.on && fixed->ifi_family == AF_BRIDGE) {
        note(message->nlmsg_type == RTM_DELLINK ? "others" : "vlans");
        assert_true(take(kernel.port, find(message, IFLA_AF_SPEC), message->nlmsg_type == RTM_DELLINK) > 0);
        kernel.sequence = message->nlmsg_seq;
        return (ssize_t)size;
    }
    if (kernel.on && find(message, IFLA_MASTER))
        note("master");
    if (kernel.on && find(message, IFLA_LINKINFO))
        note("options");
    if (kernel.on && fixed->ifi_change & IFF_UP)
        note("up");
    return send(mnl_socket_get_fd(socket), data, size, 0);
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
    struct nlmsghdr *message;

    if (!kernel.sequence)
        return recv(mnl_socket_get_fd(socket), buffer, size, 0);
    message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = NLMSG_ERROR;
    message->nlmsg_seq = kernel.sequence;
    mnl_nlmsg_put_extra_header(message, sizeof(struct nlmsgerr));
    kernel.sequence = 0;
    return message->nlmsg_len;
}

/* It must not hear of VLAN 1, nor of its neighbours, before it is kept from them. */
static void up_comes_last(void **state)
{
    struct fixture *fixture = *state;
    struct port_vlans vlans = make(10, "20-29");
    struct interface to = {.kind = INTERFACE_TAP, .master = "br0", .up = true, .vlans = &vlans, .port = {.isolated = true}};
    field_set fields = FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_PORT_VLANS);
    struct step step = netns_set("v0", &to, fields | FIELD_BIT(FIELD_PORT_ISOLATED));

    netns_make_bridge(fixture, "br0");
    foreign_make("v0", "veth");
    memset(&kernel, 0, sizeof(kernel));
    kernel.port[1] = MEMBER | UNTAGGED | PVID;
    kernel.on = true;
    netns_must(fixture, &step);
    assert_string_equal(kernel.log, "master others vlans options up");
    assert_port(kernel.port, &vlans);
    assert_true(netns_find(fixture, "v0")->up);
    assert_true(netns_find(fixture, "v0")->port.isolated);
    /* Without options it is set up by a message of its own; set down at once. */
    step.fields = fields;
    kernel.log[0] = '\0';
    netns_must(fixture, &step);
    assert_string_equal(kernel.log, "master others vlans up");
    to.up = false;
    kernel.log[0] = '\0';
    netns_must(fixture, &step);
    assert_string_equal(kernel.log, "master up others vlans");
    /* A port that leaves has none. */
    to.master[0] = '\0';
    kernel.log[0] = '\0';
    netns_must(fixture, &step);
    assert_string_equal(kernel.log, "master up");
    kernel.on = false;
}

/* -- the kernel itself ---------------------------------------------------------------------------------------------------- */

static bool can_filter(struct fixture *fixture)
{
    struct interface to = {.kind = INTERFACE_BRIDGE, .up = true, .bridge.vlan_filtering = true};
    struct step step = {.op = STEP_LINK_CREATE, .interface = "br0", .to = &to,
                        .fields = FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING)};

    netns_must(fixture, &step);
    if (netns_find(fixture, "br0")->bridge.vlan_filtering)
        return true;
    assert_false(interface_has(netns_find(fixture, "br0"), FIELD_BRIDGE_VLAN_FILTERING));
    printf("skipped: the kernel does not filter VLANs\n");
    return false;
}

static void refused_by_the_kernel(void **state)
{
    struct fixture *fixture = *state;
    struct port_vlans vlans = make(10, NULL);
    struct interface to = {.vlans = &vlans};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_PORT_VLANS));

    foreign_make("v0", "veth");
    assert_int_equal(netns_apply(fixture, &step), -EOPNOTSUPP);
    assert_string_equal(fixture->error.text, "v0: set VLANs: Operation not supported; the kernel lacks VLAN filtering "
                                             "(CONFIG_BRIDGE_VLAN_FILTERING), or this is no port of a bridge");
}

static void by_the_kernel(void **state)
{
    struct fixture *fixture = *state;
    struct port_vlans cases[] = {make(10, NULL), make(10, "20-29"), make(20, "10,21-29,4094"), make(0, "1-4094"), make(0, NULL),
                                 make(1, NULL), make(0, NULL)};
    struct interface to = {.master = "br0", .up = true};
    struct step step = netns_set("v0", &to, FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_PORT_VLANS));
    struct interface bridge = {.kind = INTERFACE_BRIDGE};
    struct step self = netns_set("br0", &bridge, FIELD_BIT(FIELD_PORT_VLANS)),
                filtering = netns_set("br0", &bridge, FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING)),
                default_pvid = netns_set("br0", &bridge, FIELD_BIT(FIELD_BRIDGE_DEFAULT_PVID));

    if (!can_filter(fixture))
        skip();
    for (unsigned vlan = 1; vlan < VLANS; vlan += 2)
        cases[ARRAY_SIZE(cases) - 1].tagged[vlan / 64] |= UINT64_C(1) << (vlan % 64);
    foreign_make("v0", "veth");
    for (int down = 0; down < 2; down++) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            to.vlans = &cases[i];
            netns_must(fixture, &step);
            assert_true(interface_has(netns_find(fixture, "v0"), FIELD_PORT_VLANS));
            assert_true(port_vlans_same(netns_find(fixture, "v0")->vlans, &cases[i]));
            netns_same_as_kernel(fixture); /* and by a dump */
            step.fields = FIELD_BIT(FIELD_PORT_VLANS);
        }
        step.fields = FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_PORT_VLANS);
        to.up = false;
    }
    for (uint32_t pvid = 0; pvid < 3; pvid++) { /* none at all stated: what the bridge gives to a new port */
        struct port_vlans expected = make((uint16_t)pvid, NULL);

        bridge.bridge.default_pvid = pvid;
        netns_must(fixture, &default_pvid);
        to.vlans = NULL;
        netns_must(fixture, &step);
        assert_true(port_vlans_same(netns_find(fixture, "v0")->vlans, &expected));
        netns_same_as_kernel(fixture);
    }
    to.vlans = &cases[1];
    netns_must(fixture, &step);
    bridge.vlans = &cases[1];
    netns_must(fixture, &self);
    assert_true(port_vlans_same(netns_find(fixture, "br0")->vlans, &cases[1]));
    assert_true(port_vlans_same(netns_find(fixture, "v0")->vlans, to.vlans)); /* not touched */
    netns_same_as_kernel(fixture);
    for (int on = 0; on < 2; on++) {
        bridge.bridge.vlan_filtering = on;
        netns_must(fixture, &filtering);
        assert_int_equal(netns_find(fixture, "v0")->vlans != NULL, on);
        netns_same_as_kernel(fixture);
    }
    assert_true(port_vlans_same(netns_find(fixture, "v0")->vlans, to.vlans));
    to = (struct interface){.master = ""};
    step.fields = FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_PORT_VLANS);
    netns_must(fixture, &step);
    assert_null(netns_find(fixture, "v0")->vlans);
    netns_same_as_kernel(fixture);
}

/* Somebody else puts a port in, and changes its VLANs while it is down. */
static void foreign_vlans(void **state)
{
    struct fixture *fixture = *state;
    struct port_vlans expected = make(1, NULL), changed = make(1, "7");
    struct bridge_vlan_info info = {.vid = 7};
    char buffer[512];
    struct nlmsghdr *message = (struct nlmsghdr *)buffer;
    struct nlattr *spec;
    int index;

    if (!can_filter(fixture))
        skip();
    foreign_make("v0", "veth");
    WAIT_UNTIL(fixture, netns_find(fixture, "v0"));
    index = netns_find(fixture, "v0")->index;
    foreign_set_master(index, netns_find(fixture, "br0")->index);
    WAIT_UNTIL(fixture, netns_find(fixture, "v0")->vlans);
    assert_true(port_vlans_same(netns_find(fixture, "v0")->vlans, &expected));
    netns_same_as_kernel(fixture);
    foreign_link(buffer, RTM_SETLINK, 0, index)->ifi_family = AF_BRIDGE;
    spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    mnl_attr_put(message, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
    mnl_attr_nest_end(message, spec);
    assert_int_equal(foreign_send(message), 0);
    WAIT_UNTIL(fixture, port_vlans_same(netns_find(fixture, "v0")->vlans, &changed));
    netns_same_as_kernel(fixture);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, netns_setup, netns_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),
        cmocka_unit_test(seen),
        cmocka_unit_test(seen_only_where_it_counts),
        TEST(up_comes_last),
        TEST(refused_by_the_kernel),
        TEST(by_the_kernel),
        TEST(foreign_vlans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
