/* Which NIC a file means that states HWADDR alone. links: model base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/hwaddr.h"

static struct network wanted, observed;

static int teardown(void **state)
{
    (void)state;
    network_clear(&wanted);
    network_clear(&observed);
    return 0;
}

static void set_mac(uint8_t mac[6], uint8_t last)
{
    memcpy(mac, (const uint8_t[]){0x52, 0x54, 0, 0, 0, last}, 6);
}

/* permanent 0: the NIC came with none that is known. */
static struct interface *see(const char *name, enum interface_kind kind, uint8_t mac, uint8_t permanent)
{
    struct interface *link = interface_new(name);

    link->kind = kind;
    set_mac(link->mac, mac);
    if (permanent)
        set_mac(link->permanent_mac, permanent);
    network_insert(&observed, link);
    return link;
}

static struct interface *want(uint8_t mac)
{
    struct interface *interface = interface_new("");

    interface->by_mac = true;
    interface->set = FIELD_BIT(FIELD_UP);
    set_mac(interface->hwaddr, mac);
    hwaddr_name(interface->hwaddr, interface->name);
    network_insert(&wanted, interface);
    return interface;
}

/* By name; NULL: it is not found, and that is why. */
static void expect(const struct interface *interface, const char *name, const char *fault)
{
    CLEANUP(freep) char *why = NULL;

    hwaddr_bind(&wanted, &observed);
    if (fault)
        why = hwaddr_fault(interface, &wanted, &observed);
    assert_string_equal(interface->name, name);
    assert_string_equal(why ? why : "", fault ? fault : "");
    assert_ptr_equal(network_find(&wanted, name), interface);
}

static void by_the_address_that_it_came_with(void **state)
{
    struct interface *one = want(1), *two = want(2);

    (void)state;
    see("eth0", INTERFACE_ETHERNET, 9, 1);
    see("eth1", INTERFACE_ETHERNET, 1, 2); /* slaves of a bond have its address */
    expect(one, "eth0", NULL);
    expect(two, "eth1", NULL);
}

static void by_what_it_has_when_no_other_is_known(void **state)
{
    struct interface *interface = want(1);

    (void)state;
    see("eth0", INTERFACE_VETH, 1, 0);
    expect(interface, "eth0", NULL);
    set_mac(network_find(&observed, "eth0")->mac, 5);
    expect(interface, "525400:000001", "waits for a NIC with MAC address 52:54:00:00:00:01");
    set_mac(interface->mac, 5);
    interface->set |= FIELD_BIT(FIELD_MAC);
    expect(interface, "eth0", NULL);
}

static void only_hardware_counts(void **state)
{
    struct interface *interface = want(1);

    (void)state;
    see("br0", INTERFACE_BRIDGE, 1, 0);
    see("eth0.5", INTERFACE_VLAN, 1, 0);
    expect(interface, "525400:000001", "waits for a NIC with MAC address 52:54:00:00:00:01");
    see("eth0", INTERFACE_ETHERNET, 1, 1);
    expect(interface, "eth0", NULL);
}

static void two_are_told(void **state)
{
    struct interface *interface = want(1), *other;

    (void)state;
    see("eth0", INTERFACE_VETH, 1, 0);
    see("eth1", INTERFACE_VETH, 1, 0);
    expect(interface, "525400:000001", "eth0 and eth1 have the MAC address 52:54:00:00:00:01: state DEVICE, too");
    interface_free(network_remove(&observed, "eth1"));
    other = interface_new("eth0");
    other->set = FIELD_BIT(FIELD_UP);
    other->file = memory_string("d/ifcfg-eth0");
    network_insert(&wanted, other);
    expect(interface, "525400:000001",
           "the NIC with MAC address 52:54:00:00:00:01 is eth0, which d/ifcfg-eth0 states already: remove one of the files");
    assert_ptr_equal(network_find(&wanted, "eth0"), other);
}

/* Labels, rules, routes of several next hops, and the routes of other files. */
static void what_bears_the_name_follows(void **state)
{
    struct interface *interface = want(1), *bearer = interface_new("eth1");
    struct address *address = APPEND(interface->addresses, interface->address_count);
    struct route *route = APPEND(wanted.routes, wanted.route_count);

    (void)state;
    address->family = AF_INET;
    text_copy(address->label, sizeof(address->label), ":7");
    text_copy(APPEND(wanted.rules, wanted.rule_count)->stated_by, INTERFACE_NAME_SIZE, interface->name);
    route->group = route_group_new(1);
    text_copy(route->group->hops[0].interface, INTERFACE_NAME_SIZE, interface->name);
    APPEND(bearer->routes, bearer->route_count)->prefix = 16;
    bearer->set = FIELD_BIT(FIELD_ROUTES);
    network_insert(&wanted, bearer);
    see("eth0", INTERFACE_ETHERNET, 1, 1);
    expect(interface, "eth0", NULL);
    assert_string_equal(address->label, "eth0:7");
    assert_string_equal(wanted.rules[0].stated_by, "eth0");
    assert_string_equal(route->group->hops[0].interface, "eth0");
    interface_free(network_remove(&observed, "eth0"));
    see("eth1", INTERFACE_ETHERNET, 1, 1);
    expect(interface, "eth1", NULL);
    assert_string_equal(address->label, "eth1:7");
    assert_int_equal(interface->route_count, 1);
    assert_int_equal(wanted.count, 1);
}

/* Two that have changed their names with each other. */
static void names_are_swapped(void **state)
{
    struct interface *one = want(1), *two = want(2);

    (void)state;
    text_copy(APPEND(wanted.rules, wanted.rule_count)->stated_by, INTERFACE_NAME_SIZE, one->name);
    text_copy(APPEND(wanted.rules, wanted.rule_count)->stated_by, INTERFACE_NAME_SIZE, two->name);
    see("eth0", INTERFACE_ETHERNET, 1, 1);
    see("eth1", INTERFACE_ETHERNET, 2, 2);
    expect(one, "eth0", NULL);
    set_mac(network_find(&observed, "eth0")->permanent_mac, 2);
    set_mac(network_find(&observed, "eth1")->permanent_mac, 1);
    expect(one, "eth1", NULL);
    expect(two, "eth0", NULL);
    assert_string_equal(wanted.rules[0].stated_by, "eth1");
    assert_string_equal(wanted.rules[1].stated_by, "eth0");
}

#define TEST(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(by_the_address_that_it_came_with),
        TEST(by_what_it_has_when_no_other_is_known),
        TEST(only_hardware_counts),
        TEST(two_are_told),
        TEST(what_bears_the_name_follows),
        TEST(names_are_swapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
