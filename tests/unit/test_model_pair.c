/* Plans of veth pairs and TAPs as text. links: model base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/diff.h"

struct host {
    struct network wanted, previous, observed;
};

static struct interface *put(struct network *network, const char *name, enum interface_kind kind, const char *peer)
{
    struct interface *interface = interface_new(name);

    interface->kind = kind;
    interface->up = true;
    interface->set = FIELD_BIT(FIELD_UP) | (kind == INTERFACE_ETHERNET ? 0 : FIELD_BIT(FIELD_KIND));
    if (*peer)
        interface->set |= FIELD_BIT(FIELD_VETH_PEER);
    text_copy(interface->peer, sizeof(interface->peer), peer);
    network_insert(network, interface);
    return interface;
}

static struct interface *see(struct network *network, const char *name, enum interface_kind kind, const char *peer)
{
    struct interface *interface = put(network, name, kind, peer);

    interface->owner = OWNER_TRESTLE;
    return interface;
}

static void expect(struct host *host, const char *expected)
{
    struct plan plan = {0};
    struct problems problems = {0};
    struct text text = {0};

    network_diff(&host->wanted, &host->previous, &host->observed, true, &plan, &problems);
    for (size_t i = 0; i < plan.count; i++)
        text_format(&text, "%s\n", plan.steps[i].text);
    for (size_t i = 0; i < problems.count; i++)
        text_format(&text, "%s: %s\n", problems.items[i].warning ? "warning" : "error", problems.items[i].text);
    assert_string_equal(text.data ? text.data : "", expected);
    text_clear(&text);
    plan_clear(&plan);
    problems_clear(&problems);
    network_clear(&host->wanted);
    network_clear(&host->previous);
    network_clear(&host->observed);
}

/* The one that comes first in the order of what needs what makes both; what each states itself is set when it is its turn. */
static void both_ends_are_made_at_once(void **state)
{
    struct host host = {0};
    struct interface *end;

    (void)state;
    put(&host.wanted, "br0", INTERFACE_BRIDGE, "");
    put(&host.wanted, "v0", INTERFACE_VETH, "v1")->mtu = 1400;
    network_find(&host.wanted, "v0")->set |= FIELD_BIT(FIELD_MTU);
    end = put(&host.wanted, "v1", INTERFACE_ETHERNET, "");
    text_copy(end->master, sizeof(end->master), "br0");
    end->set |= FIELD_BIT(FIELD_MASTER);
    expect(&host, "create bridge br0\ncreate veth v0 with its other end v1\nbring v0 up\nadd v1 to br0, bring it up\n");
    put(&host.wanted, "v0", INTERFACE_VETH, "v1");
    end = put(&host.wanted, "v1", INTERFACE_VETH, "v0");
    end->mtu = 1300;
    end->set |= FIELD_BIT(FIELD_MTU);
    expect(&host, "create veth v0 with its other end v1\nbring v0 up\nset v1 mtu 1300, bring it up\n");
    /* the end without a kind is due first */
    put(&host.wanted, "a0", INTERFACE_ETHERNET, "");
    put(&host.wanted, "v0", INTERFACE_VETH, "a0");
    expect(&host, "create veth v0 with its other end a0\nbring a0 up\nbring v0 up\n");
}

static void an_end_goes_with_the_other_alone(void **state)
{
    struct host host = {0};

    (void)state;
    put(&host.wanted, "v0", INTERFACE_VETH, "v1");
    see(&host.observed, "v0", INTERFACE_VETH, "v1");
    see(&host.observed, "v1", INTERFACE_VETH, "v0");
    expect(&host, "");
    see(&host.observed, "v0", INTERFACE_VETH, "v1");
    see(&host.observed, "v1", INTERFACE_VETH, "v0");
    expect(&host, "delete veth v0\ndelete veth v1\n");
    put(&host.wanted, "v0", INTERFACE_VETH, "v9");
    see(&host.observed, "v0", INTERFACE_VETH, "v1");
    see(&host.observed, "v1", INTERFACE_VETH, "v0");
    expect(&host, "delete veth v0, to make it anew: peer v1 → v9\ncreate veth v0 with its other end v9\nbring v0 up\n");
    put(&host.wanted, "v0", INTERFACE_VETH, "");
    network_find(&host.wanted, "v0")->set |= FIELD_BIT(FIELD_VETH_PEER);
    text_copy(network_find(&host.wanted, "v0")->peer, INTERFACE_NAME_SIZE, "v1");
    see(&host.observed, "v0", INTERFACE_VETH, ""); /* the other end was moved into another namespace */
    expect(&host, "");
}

static void what_stands_in_a_pairs_way(void **state)
{
    struct host host = {0};

    (void)state;
    put(&host.wanted, "v0", INTERFACE_VETH, "eth0");
    see(&host.observed, "eth0", INTERFACE_ETHERNET, "")->owner = OWNER_FOREIGN;
    expect(&host, "error: v0: its other end is to be eth0, but there is another interface of that name: rename one of them\n");
    put(&host.wanted, "v0", INTERFACE_VETH, "v1")->onboot = false;
    put(&host.wanted, "v1", INTERFACE_ETHERNET, "");
    expect(&host, "warning: v1: waits for v0\n");
}

/* A VM's TAP is neither made nor adopted nor deleted here; one of a file is. */
static void taps_of_files_and_of_vms(void **state)
{
    struct host host = {0};

    (void)state;
    put(&host.wanted, "tap0", INTERFACE_TAP, "")->file = memory_string("ifcfg-tap0");
    put(&host.wanted, "vm0", INTERFACE_TAP, "")->set = FIELD_BIT(FIELD_UP);
    expect(&host, "create tap tap0\n");
    put(&host.wanted, "vm0", INTERFACE_TAP, "")->set = FIELD_BIT(FIELD_UP);
    see(&host.observed, "tap0", INTERFACE_TAP, "");
    see(&host.observed, "vm0", INTERFACE_TAP, "")->owner = OWNER_FOREIGN;
    network_find(&host.observed, "vm0")->up = false;
    see(&host.observed, "vm1", INTERFACE_TAP, "")->owner = OWNER_FOREIGN;
    expect(&host, "delete tap tap0\nbring vm0 up\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_are_made_at_once),
        cmocka_unit_test(an_end_goes_with_the_other_alone),
        cmocka_unit_test(what_stands_in_a_pairs_way),
        cmocka_unit_test(taps_of_files_and_of_vms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
