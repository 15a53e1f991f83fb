/* Network files when a NIC goes into a bridge, and out of it. links: config model base */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>

#include "config_dump.h"

#include "config/config_internal.h"

static struct config_files files;

static int setup(void **state)
{
    (void)state;
    files = (struct config_files){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_files_clear(&files);
    return 0;
}

static void add(const char *name, const char *text)
{
    CLEANUP(freep) char *path = memory_format("/etc/trestle/network/%s", name);
    config_files_add(&files, path, text);
}

/* Puts what changed in the place of what was. */
static void take(const struct config_files *changed)
{
    struct config_files after = {0};
    for (size_t i = 0; i < files.count; i++) {
        bool is_changed = false;
        for (size_t j = 0; j < changed->count; j++)
            is_changed |= strcmp(files.items[i].path, changed->items[j].path) == 0;
        if (!is_changed)
            config_files_add(&after, files.items[i].path, files.items[i].text);
    }
    for (size_t i = 0; i < changed->count; i++)
        if (changed->items[i].text)
            config_files_add(&after, changed->items[i].path, changed->items[i].text);
    config_files_clear(&files);
    files = after;
}

static void move(struct move_files how)
{
    struct config_files changed;
    how.nic = "eth0";
    how.bridge = "br0";
    how.directory = "/etc/trestle/network";
    config_move_files(&files, &how, &changed);
    take(&changed);
    config_files_clear(&changed);
}

static void expect(const char *name, const char *text)
{
    for (size_t i = 0; i < files.count; i++)
        if (strcmp(files.items[i].name, name) == 0) {
            assert_non_null(text);
            assert_string_equal(files.items[i].text, text);
            return;
        }
    if (text)
        fail_msg("there is no %s", name);
}

static void test_settings_move(void **state)
{
    (void)state;
    add("ifcfg-eth0", "# uplink\nDEVICE=eth0\nHWADDR=52:54:00:00:00:01\nexport IPADDR='10.0.0.2' # office\nPREFIX=24; COLOUR=red\n"
                      "IPADDR1=10.0.1.2\nNETMASK1=255.255.255.0\nMTU=1400\nGATEWAY=10.0.0.1\nGATEWAYDEV=eth0\nIPV6ADDR=2001:db8::2/64\n"
                      "ETHTOOL_OPTS=\"wol g\"\n#IPADDR=10.9.9.9\n");
    move((struct move_files){.mac = "52:54:00:00:00:01"});
    expect("ifcfg-eth0", "# uplink\nDEVICE=eth0\nHWADDR=52:54:00:00:00:01\nCOLOUR=red\nMTU=1400\nETHTOOL_OPTS=\"wol g\"\n"
                         "#IPADDR=10.9.9.9\nBRIDGE=br0\n");
    expect("ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nMACADDR=52:54:00:00:00:01\nSTP=no\nONBOOT=yes\nMTU=1400\nIPADDR='10.0.0.2'\nPREFIX=24\n"
                        "IPADDR1=10.0.1.2\nNETMASK1=255.255.255.0\nGATEWAY=10.0.0.1\nGATEWAYDEV=br0\nIPV6ADDR=2001:db8::2/64\n");
    move((struct move_files){.out = true});
    expect("ifcfg-br0", NULL);
    expect("ifcfg-eth0", "# uplink\nDEVICE=eth0\nHWADDR=52:54:00:00:00:01\nCOLOUR=red\nMTU=1400\nETHTOOL_OPTS=\"wol g\"\n"
                         "#IPADDR=10.9.9.9\nIPADDR='10.0.0.2'\nPREFIX=24\nIPADDR1=10.0.1.2\nNETMASK1=255.255.255.0\nGATEWAY=10.0.0.1\n"
                         "GATEWAYDEV=eth0\nIPV6ADDR=2001:db8::2/64\n");
}

static void test_line_ends_survive(void **state)
{
    (void)state;
    add("ifcfg-eth0", "DEVICE=eth0\r\nBOOTPROTO=dhcp\r\nONBOOT=no");
    move((struct move_files){.mac = "52:54:00:00:00:01", .stp = true, .delay = 4});
    expect("ifcfg-eth0", "DEVICE=eth0\r\nONBOOT=no\r\nBRIDGE=br0");
    expect("ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nMACADDR=52:54:00:00:00:01\nSTP=yes\nDELAY=4\nONBOOT=no\nBOOTPROTO=dhcp\n");
}

static void test_routes_and_aliases_follow(void **state)
{
    (void)state;
    add("ifcfg-eth0", "DEVICE=eth0\nIPADDR=10.0.0.2\n");
    add("ifcfg-eth0:1", "DEVICE=eth0:1\nIPADDR=10.0.0.3\n");
    add("ifcfg-eth0.5", "DEVICE=eth0.5\nVLAN=yes\n");
    add("route-eth0", "10.9.0.0/16 via 10.0.0.1 dev eth0\n10.8.0.0/16 dev eth01\n");
    add("rule-eth0", "iif eth0 table 7\n");
    move((struct move_files){.mac = "52:54:00:00:00:01"});
    expect("route-eth0", NULL);
    expect("route-br0", "10.9.0.0/16 via 10.0.0.1 dev br0\n10.8.0.0/16 dev eth01\n");
    expect("rule-br0", "iif br0 table 7\n");
    expect("ifcfg-br0:1", "DEVICE=br0:1\nIPADDR=10.0.0.3\n");
    expect("ifcfg-eth0:1", NULL);
    expect("ifcfg-eth0.5", "DEVICE=eth0.5\nVLAN=yes\n");
}

static void test_bridge_keeps_its_own(void **state)
{
    (void)state;
    add("ifcfg-eth0", "DEVICE=eth0\nIPADDR=10.0.0.2\nPREFIX=24\nGATEWAY=10.0.0.1\nIPV6ADDR=2001:db8::2/64\nDNS1=10.0.0.1");
    add("ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nIPADDR=10.5.0.1\nPREFIX=16\nGATEWAY=10.5.0.254\nIPV6ADDR=2001:db8:5::1/64\n");
    move((struct move_files){0});
    expect("ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\n");
    expect("ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nIPADDR=10.5.0.1\nPREFIX=16\nGATEWAY=10.5.0.254\nIPV6ADDR=2001:db8:5::1/64\n"
                        "IPADDR1=10.0.0.2\nPREFIX1=24\nIPV6ADDR_SECONDARIES=2001:db8::2/64\nDNS1=10.0.0.1\n");
}

static void test_written_as_shown(void **state)
{
    (void)state;
    struct interface *shown = interface_new("eth0");
    for (int i = 0; i < 2; i++) {
        struct address *address = APPEND(shown->addresses, shown->address_count);
        *address = (struct address){.family = AF_INET, .prefix = 24, .valid = UINT32_MAX, .preferred = UINT32_MAX};
        inet_pton(AF_INET, i ? "10.0.1.2" : "10.0.0.2", address->bytes);
        address->flags = 0x80;
    }
    struct route *route = APPEND(shown->routes, shown->route_count);
    *route = (struct route){.family = AF_INET, .has_gateway = true, .metric = 7, .table = RT_TABLE_MAIN, .protocol = RTPROT_BOOT};
    inet_pton(AF_INET, "10.0.0.1", route->gateway);
    move((struct move_files){.mac = "52:54:00:00:00:01", .shown = shown});
    expect("ifcfg-eth0", "DEVICE=eth0\nONBOOT=yes\nBRIDGE=br0\n");
    expect("ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nMACADDR=52:54:00:00:00:01\nSTP=no\nONBOOT=yes\nBOOTPROTO=none\nNOZEROCONF=yes\nIPADDR=10.0.0.2\nPREFIX=24\n"
                        "IPADDR1=10.0.1.2\nPREFIX1=24\nGATEWAY=10.0.0.1\nMETRIC=7\n");
    expect("route-br0", NULL);
    interface_free(shown);
}

/* A default route that GATEWAY can't say is a line like others; what a daemon has set is its own business. */
static void test_routes_and_rules_written_as_shown(void **state)
{
    (void)state;
    struct interface *shown = interface_new("eth0");
    static const uint8_t protocols[] = {RTPROT_BOOT, RTPROT_STATIC, RTPROT_DHCP};
    for (size_t i = 0; i < 3; i++) {
        struct route *route = APPEND(shown->routes, shown->route_count);
        *route = (struct route){.family = AF_INET, .has_gateway = true, .metric = 7, .table = 77, .protocol = protocols[i]};
        inet_pton(AF_INET, "10.0.0.1", route->gateway);
        route->prefix = i ? 8 : 0;
        route->destination[0] = i ? 10 : 0;
        route->table = i ? 77 : RT_TABLE_MAIN;
        route->metrics[ROUTE_MTU] = i ? 0 : 1400;
    }
    struct rule rules[] = {rule_new(AF_INET), rule_new(AF_INET), rule_new(AF_INET6)};
    for (size_t i = 0; i < 3; i++) {
        rules[i].has_priority = true;
        rules[i].priority = 500 + (uint32_t)i;
        text_copy(i == 2 ? rules[i].oif : rules[i].iif, INTERFACE_NAME_SIZE, i == 1 ? "eth1" : "eth0");
        rules[i].table = 77;
    }
    move((struct move_files){.mac = "52:54:00:00:00:01", .shown = shown, .rules = rules, .rule_count = 3});
    expect("ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nMACADDR=52:54:00:00:00:01\nSTP=no\nONBOOT=yes\nBOOTPROTO=none\nNOZEROCONF=yes\n");
    expect("route-br0", "default via 10.0.0.1 metric 7 mtu 1400 dev br0\n10.0.0.0/8 via 10.0.0.1 metric 7 table 77 dev br0\n");
    expect("route6-br0", NULL);
    expect("rule-br0", "priority 500 from all iif br0 lookup 77\n");
    expect("rule6-br0", "priority 502 from all oif br0 lookup 77\n");
    interface_free(shown);
}

/* Its routes and aliases are called as the file is. */
static void test_nic_by_mac(void **state)
{
    (void)state;
    struct interface *link = interface_new("eth0");
    memcpy(link->permanent_mac, "RT\0\0\0\1", 6);
    add("ifcfg-lan", "HWADDR=52:54:00:00:00:01\nIPADDR=10.0.0.2\nGATEWAYDEV=lan\n");
    add("ifcfg-lan:1", "DEVICE=lan:1\nIPADDR=10.0.0.3\n");
    add("ifcfg-wan", "HWADDR=52:54:00:00:00:02\nIPADDR=10.1.0.2\n");
    add("route-lan", "10.9.0.0/16 via 10.0.0.1 dev eth0\n");
    move((struct move_files){.mac = "52:54:00:00:00:01", .link = link});
    expect("ifcfg-lan", "HWADDR=52:54:00:00:00:01\nBRIDGE=br0\n");
    expect("ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nMACADDR=52:54:00:00:00:01\nSTP=no\nONBOOT=yes\nIPADDR=10.0.0.2\nGATEWAYDEV=br0\n");
    expect("ifcfg-br0:1", "DEVICE=br0:1\nIPADDR=10.0.0.3\n");
    expect("route-br0", "10.9.0.0/16 via 10.0.0.1 dev br0\n");
    expect("ifcfg-wan", "HWADDR=52:54:00:00:00:02\nIPADDR=10.1.0.2\n");
    move((struct move_files){.out = true, .link = link});
    expect("ifcfg-lan", "HWADDR=52:54:00:00:00:01\nIPADDR=10.0.0.2\nGATEWAYDEV=lan\n");
    expect("ifcfg-lan:1", "DEVICE=lan:1\nIPADDR=10.0.0.3\n");
    expect("route-lan", "10.9.0.0/16 via 10.0.0.1 dev eth0\n");
    expect("ifcfg-br0", NULL);
    interface_free(link);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_settings_move),
        TEST(test_line_ends_survive),
        TEST(test_routes_and_aliases_follow),
        TEST(test_nic_by_mac),
        TEST(test_bridge_keeps_its_own),
        TEST(test_written_as_shown),
        TEST(test_routes_and_rules_written_as_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
