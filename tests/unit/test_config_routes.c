/* Files of routes and rules, aliases and ranges, the keys of addresses, and the global file. links: config model base */
#include "config_dump.h"

struct routes_case {
    const char *files[6][2]; /* name, text */
    const char *result;
};

static void check_cases(const struct routes_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct config_files files = {0};
        for (size_t j = 0; j < ARRAY_SIZE(cases[i].files) && cases[i].files[j][0]; j++)
            config_files_add(&files, cases[i].files[j][0], cases[i].files[j][1]);
        CLEANUP(freep) char *result = dump_network(&files, false);
        config_files_clear(&files);
        if (strcmp(result, cases[i].result) != 0)
            fail_msg("of %s:\n%s\nis:\n%swants:\n%s", cases[i].files[1][0] ? cases[i].files[1][0] : cases[i].files[0][0],
                     cases[i].files[1][0] ? cases[i].files[1][1] : cases[i].files[0][1], result, cases[i].result);
    }
}

#define ETH0 {"ifcfg-eth0", "DEVICE=eth0\nIPADDR=10.0.0.5\nPREFIX=24\n"}
#define HEAD "eth0 up addresses=10.0.0.5/24"
#define ROUTES(text, result) {{ETH0, {"route-eth0", text}}, HEAD result}
#define ROUTES6(text, result) {{ETH0, {"route6-eth0", text}}, HEAD result}
#define RULES(text, result) {{ETH0, {"rule-eth0", text}}, HEAD result}

#define NO_REACH(gateway)                                                                                                      \
    "warning: gateway " gateway " is in no network of an address that the files give eth0: the kernel refuses the route, "     \
    "unless somebody else has given it one, or the line says onlink\n"

static void test_raw_routes(void **state)
{
    (void)state;
    static const struct routes_case cases[] = {
        ROUTES("10.9.0.0/16 via 10.0.0.1\n", " routes=10.9.0.0/16 via 10.0.0.1\n"),
        ROUTES("10.9.0.0/16 via 10.0.0.1", " routes=10.9.0.0/16 via 10.0.0.1\n"),
        ROUTES("# a comment\r\n\r\n\t10.9/16\tvia 10.0.0.1 dev eth0 # to the lab\r\n", " routes=10.9.0.0/16 via 10.0.0.1\n"),
        ROUTES("default via 10.0.0.1 metric 0x10 table 100\n192.0.2.1 dev eth0 src 10.0.0.5",
               " routes=default via 10.0.0.1 metric 16 table 100,192.0.2.1/32 src 10.0.0.5\n"),
        ROUTES("to 10.9.0.0/16 via 192.0.2.9 onlink proto 4 scope global mtu lock 1400 window 5 advmss 6 hoplimit 7 initcwnd 8 "
               "initrwnd 9",
               " routes=10.9.0.0/16 via 192.0.2.9 mtu lock 1400 window 5 advmss 6 hoplimit 7 initcwnd 8 initrwnd 9 onlink\n"),
        ROUTES("10.9.0.0/16 dev eth0 scope host table default\n", " routes=10.9.0.0/16 table 253 scope 254\n"),
        ROUTES("unreachable 10.9.0.0/16\nblackhole default metric 9", "\nroute of eth0: unreachable 10.9.0.0/16\n"
                                                                      "route of eth0: blackhole default metric 9\n"),
        ROUTES("10.9.0.0/16 nexthop via 10.0.0.1 weight 2 \\\n   nexthop via 10.0.0.2 dev eth0\n",
               "\nroute of eth0: 10.9.0.0/16 nexthop via 10.0.0.1 dev eth0 weight 2 nexthop via 10.0.0.2 dev eth0\n"),
        ROUTES("10.9.0.0/16 nexthop via 10.0.0.1", " routes=10.9.0.0/16 via 10.0.0.1\n"),
        /* a gateway that no address reaches, and those that are reached otherwise, or may be */
        ROUTES("10.9.0.0/16 via 192.0.2.9\n", " routes=10.9.0.0/16 via 192.0.2.9\nroute-eth0:1:1: " NO_REACH("192.0.2.9")),
        ROUTES("10.9.0.0/16 nexthop via 10.0.0.1 nexthop via 10.0.1.1 dev eth0",
               "\nroute of eth0: 10.9.0.0/16 nexthop via 10.0.0.1 dev eth0 nexthop via 10.0.1.1 dev eth0\n"
               "route-eth0:1:1: " NO_REACH("10.0.1.1")),
        ROUTES("10.9.0.0/16 via 192.0.2.9\n192.0.2.9 dev eth0", " routes=10.9.0.0/16 via 192.0.2.9,192.0.2.9/32\n"),
        ROUTES("10.9.0.0/16 via 192.0.2.9 dev tun0\n", "\ntun0 routes=10.9.0.0/16 via 192.0.2.9\n"),
        {{{"ifcfg-eth0", "DEVICE=eth0\n"}, {"route-eth0", "10.9.0.0/16 via 192.0.2.9"}}, "eth0 up routes=10.9.0.0/16 via 192.0.2.9\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nBOOTPROTO=dhcp\n"}, {"route-eth0", "10.9.0.0/16 via 192.0.2.9"}},
         "eth0 up dhcp routes=10.9.0.0/16 via 192.0.2.9\n"},
        /* without dev, the interface of the gateway's network */
        {{ETH0,
          {"ifcfg-eth1", "DEVICE=eth1\nIPADDR=10.0.1.5\nPREFIX=24"},
          {"route-eth0", "10.9.0.0/16 via 10.0.1.1\n10.8.0.0/16 dev tun0"}},
         HEAD "\neth1 up addresses=10.0.1.5/24 routes=10.9.0.0/16 via 10.0.1.1\ntun0 routes=10.8.0.0/16\n"},
        ROUTES6("2001:db8:9::/48 via fe80::1\ndefault via fe80::1 metric 5 \n",
                " routes=2001:db8:9::/48 via fe80::1 metric 1024,default via fe80::1 metric 5\n"),
        /* the last of the same counts, as ip route replace has it */
        ROUTES("10.9.0.0/16 via 10.0.0.1\n10.9.0.0/16 via 10.0.0.2\n10.9.0.0/16 via 10.0.0.2\n",
               " routes=10.9.0.0/16 via 10.0.0.2\n"
               "route-eth0:2:1: warning: this route takes the place of another one to the same destination, which is stated by "
               "ifcfg-eth0\n"
               "route-eth0:3:1: warning: the route is stated already\n"),
        {{{"ifcfg-lan", "DEVICE=eth0\n"}, {"route-lan", "10.9.0.0/16 dev eth0"}, {"route-eth0", "10.8.0.0/16 dev eth0"}},
         "eth0 up routes=10.9.0.0/16,10.8.0.0/16\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_wrong_routes(void **state)
{
    (void)state;
#define WRONG(text, result) ROUTES(text "\n10.9.0.0/16 via 10.0.0.1", " routes=10.9.0.0/16 via 10.0.0.1\nroute-eth0:" result "\n")
    static const struct routes_case cases[] = {
        WRONG("10.9.0.1/16 via 10.0.0.1", "1:1: \"10.9.0.1/16\" is no network: it has bits behind its prefix"),
        WRONG("10.9.0.0/33 via 10.0.0.1", "1:1: wants an IPv4 network, not \"10.9.0.0/33\""),
        WRONG("nonsense via 10.0.0.1", "1:1: wants an IPv4 network, not \"nonsense\""),
        WRONG("2001:db8::/32 via 10.0.0.1",
              "1:1: wants an IPv4 network, not \"2001:db8::/32\"; IPv6 has files of its own: route6-NAME, "
              "rule6-NAME"),
        WRONG("  10.8.0.0/16 via", "1:15: via wants a value behind it"),
        WRONG("10.8.0.0/16 via 10.0.0.300", "1:17: wants an IPv4 address, not \"10.0.0.300\""),
        WRONG("10.8.0.0/16 vai 10.0.0.3", "1:13: \"vai\" is no word of ip route add; did you mean via?"),
        WRONG("10.8.0.0/16 dev a/b", "1:17: wants an interface's name; \"a/b\" contains '/'"),
        WRONG("10.8.0.0/16 metric -1", "1:20: wants a number from 0 to 4294967295, not \"-1\""),
        WRONG("10.8.0.0/16 table lab", "1:19: wants main, default, local or a table's number, not \"lab\""),
        WRONG("10.8.0.0/16 dev eth0 table local", "1:1: the table local is the kernel's own"),
        WRONG("via 10.0.0.1", "1:1: the destination is missing"),
        WRONG("unreachable 10.8.0.0/16 dev eth0", "1:1: a route of this type has no next hop"),
        WRONG("10.8.0.0/16 onlink", "1:1: onlink is said of a gateway, and there is none"),
        WRONG("10.8.0.0/16 via 10.0.0.1 nexthop via 10.0.0.2",
              "1:1: via and dev stand behind each nexthop, or there is no nexthop"),
        WRONG("10.8.0.0/16 nexthop weight 300", "1:28: wants a number from 1 to 256, not \"300\""),
        WRONG("10.8.0.0/16 via 10.0.0.1 realms 5", "1:26: warning: \"realms\" is not supported yet: the route is skipped"),
        WRONG("10.8.0.0/16 via inet6 fe80::1", "1:17: warning: \"inet6\" is not supported yet: the route is skipped"),
        WRONG("10.8.0.0/16 via \001", "1:17: is not text: there is a control character, or no UTF-8"),
        WRONG("\xff\xfe", "1:1: is not text: there is a control character, or no UTF-8"),
        {{ETH0, {"route-eth7", "10.9.0.0/16 via 10.0.0.1"}}, HEAD "\nroute-eth7: warning: is not used: there is no ifcfg-eth7\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"},
          {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0"},
          {"route-eth0", "10.9.0.0/16 via 10.0.0.1"}},
         "br0 bridge up\neth0 up master=br0 addresses=\n"
         "route-eth0: warning: is not used: the interface has no addresses of its own, it belongs to br0\n"},
        {{ETH0, {"route-eth0", ""}, {"rule-eth0", "\n\n"}}, HEAD "\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_numbered_routes(void **state)
{
    (void)state;
    static const struct routes_case cases[] = {
        ROUTES("ADDRESS0=10.9.0.0\nNETMASK0=255.255.0.0\nGATEWAY0=10.0.0.1\nADDRESS1=192.168.7.0\n",
               " routes=10.9.0.0/16 via 10.0.0.1,192.168.7.0/24\n"),
        ROUTES("ADDRESS0=0.0.0.0\r\nNETMASK0=0.0.0.0\r\nGATEWAY0=10.0.0.1\r\nMETRIC0=7\r\nOPTIONS0='mtu 1400'\r\n",
               " routes=default via 10.0.0.1 metric 7 mtu 1400\n"),
        ROUTES(" export ADDRESS1=10.9.0.0 # first\n ADDRESS3=10.8.0.0\n",
               "\nroute-eth0:1:9: warning: ADDRESS1 is not used: ADDRESS0 is missing\n"
               "route-eth0:2:2: warning: ADDRESS3 is not used: ADDRESS0 is missing\n"),
        ROUTES("ADDRESS0=10.9.0.0\nGATEWAY=1.2.3.4",
               "\nroute-eth0:1:10: ADDRESS0: 10.9.0.0 is no network: it has bits behind its mask /8\n"),
        ROUTES("ADDRESS0=fe80::\nADDRESS1=10.0.0.0\nNETMASK1=255.0.255.0\nADDRESS2=11.0.0.0\nGATEWAY2=x\n",
               "\nroute-eth0:1:10: ADDRESS0 wants an IPv4 address, not \"fe80::\"\n"
               "route-eth0:3:10: NETMASK1 wants a mask like 255.255.255.0, not \"255.0.255.0\"\n"
               "route-eth0:5:10: wants an IPv4 address, not \"x\"\n"),
        ROUTES("ADDRESS0=11.0.0.0\nGATWAY0=1.2.3.4\n", " routes=11.0.0.0/8\nroute-eth0:2:1: warning: unknown key GATWAY0: a file "
                                                       "of routes has ADDRESSn, NETMASKn and GATEWAYn\n"),
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_rules(void **state)
{
    (void)state;
    static const struct routes_case cases[] = {
        RULES("from 10.0.0.5 table 100\nto 10.9/16 lookup main pref 50\n",
              "\nrule of eth0: from 10.0.0.5/32 lookup 100\nrule of eth0: priority 50 from all to 10.9.0.0/16 lookup main\n"),
        RULES("not from all iif eth0 oif eth1 fwmark 0x10/0xf0 tos 0x10 uidrange 5-9 ipproto tcp sport 5 dport 6-7 "
              "suppress_prefixlength 0 "
              "table main priority 7",
              "\nrule of eth0: priority 7 not from all tos 0x10 fwmark 0x10/0xf0 iif eth0 oif eth1 uidrange 5-9 ipproto 6 sport "
              "5 dport 6-7 "
              "lookup main suppress_prefixlength 0\n"),
        RULES("fwmark 1 prohibit\npref 5 goto 9\nl3mdev unreachable\niif lo blackhole\nfrom all nop pref 9\n",
              "\nrule of eth0: from all fwmark 0x1 prohibit\nrule of eth0: priority 5 from all goto 9\n"
              "rule of eth0: from all l3mdev unreachable\nrule of eth0: from all iif lo blackhole\n"
              "rule of eth0: priority 9 from all nop\n"),
        RULES("from all table 5\nfrom all table 5",
              "\nrule of eth0: from all lookup 5\nrule-eth0:2:1: warning: the rule is stated already\n"),
        RULES("from 10.0.0.5/24 table 5", "\nrule-eth0:1:6: \"10.0.0.5/24\" is no network: it has bits behind its prefix\n"),
        RULES("from all tabel 5", "\nrule-eth0:1:10: \"tabel\" is no word of ip rule add; did you mean table?\n"),
        RULES("from all table", "\nrule-eth0:1:10: table wants a value behind it\n"),
        RULES("uidrange 5 table 1", "\nrule-eth0:1:10: uidrange wants two numbers with a dash between them, not \"5\"\n"),
        RULES("tos 1 table 1", "\nrule-eth0:1:5: tos wants a value without the lowest two bits, not \"1\"\n"),
        RULES("prohibit table 1", "\nrule-eth0:1:1: a rule leads to a table, or does something else, not both\n"),
        RULES("pref 9 goto 5", "\nrule-eth0:1:1: goto leads forward only: to a priority above 9\n"),
        RULES("from all realms 5", "\nrule-eth0:1:10: warning: realms is not supported yet: the rule is skipped\n"),
        {{ETH0, {"rule6-eth0", "from 2001:db8::/32 table 7"}}, HEAD "\nrule of eth0: from 2001:db8::/32 lookup 7\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_aliases(void **state)
{
    (void)state;
    static const struct routes_case cases[] = {
        {{ETH0,
          {"ifcfg-eth0:1", "DEVICE=eth0:1\nIPADDR=10.0.0.6\n"},
          {"ifcfg-eth0:web", "IPADDR=10.1.0.6\nPREFIX=16\nARPCHECK=no"},
          {"ifcfg-eth0:2", "DEVICE=eth0:2\nIPADDR=10.0.0.7\nONPARENT=no"}},
         "eth0 up addresses=10.0.0.5/24,10.0.0.6/24 eth0:1,10.1.0.6/16! eth0:web\n"},
        {{ETH0, {"ifcfg-eth0-range0", "IPADDR_START=10.0.0.7\nIPADDR_END=10.0.0.9\nCLONENUM_START=3\n"}},
         "eth0 up addresses=10.0.0.5/24,10.0.0.7/24 eth0:3,10.0.0.8/24 eth0:4,10.0.0.9/24 eth0:5\n"},
        {{ETH0, {"ifcfg-eth0:1", "IPADDR=10.0.0.5"}}, HEAD "\nifcfg-eth0:1:1:8: already seen ipaddr 10.0.0.5 in ifcfg-eth0\n"},
        {{ETH0,
          {"ifcfg-eth0:1", "IPADDR=10.0.0.6"},
          {"ifcfg-eth0-range0", "IPADDR_START=10.0.0.7\nIPADDR_END=10.0.0.8\nCLONENUM_START=0"}},
         "eth0 up addresses=10.0.0.5/24,10.0.0.6/24 eth0:1,10.0.0.7/24 eth0:0\n"
         "ifcfg-eth0-range0:3:16: already seen device \"eth0:1\"\n"},
        {{ETH0, {"ifcfg-eth0:a-b", "IPADDR=10.0.0.6"}},
         HEAD "\nifcfg-eth0:a-b:1:1: invalid alias number: \"eth0:a-b\" wants letters, digits and _ behind the colon\n"},
        {{ETH0, {"ifcfg-eth0:1", "NETMASK=255.0.0.0"}},
         HEAD "\nifcfg-eth0:1:1:1: didn't specify device or ipaddr: IPADDR is missing\n"},
        {{ETH0, {"ifcfg-eth0-range0", "IPADDR_START=10.0.0.7\nIPADDR_END=10.0.1.9"}},
         HEAD "\nifcfg-eth0-range0:2:12: IPADDR_START and IPADDR_END don't agree: all but the last number must be the same\n"},
        {{ETH0, {"ifcfg-eth0-range0", "IPADDR_START=10.0.0.7\nIPADDR_END=10.0.0.6"}},
         HEAD "\nifcfg-eth0-range0:2:12: IPADDR_START greater than IPADDR_END\n"},
        {{{"ifcfg-eth1:1", "IPADDR=10.0.0.6"}}, "ifcfg-eth1:1:1:1: no file states \"eth1\", which this is an alias of\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"},
          {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0"},
          {"ifcfg-eth0:1", "IPADDR=10.0.0.6"}},
         "br0 bridge up\neth0 up master=br0 addresses=\n"
         "ifcfg-eth0:1:1:1: warning: is not used: eth0 belongs to br0 and has no addresses of its own\n"},
        {{ETH0, {"ifcfg-eth0:1", "IPADDR=10.0.0.6\nONBOOT=no\nPREFX=3"}},
         "eth0 up addresses=10.0.0.5/24,10.0.0.6/24 eth0:1\n"
         "ifcfg-eth0:1:2:1: warning: ONBOOT has no effect in an alias, which comes with its interface; ONPARENT=no keeps it "
         "away\n"
         "ifcfg-eth0:1:3:1: warning: unknown key PREFX; did you mean PREFIX?\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static struct interface *read_one(const char *text, const char *global, struct network *network)
{
    struct config_files files = {0};
    struct problems problems = {0};
    if (global)
        config_files_add(&files, "network", global);
    config_files_add(&files, "ifcfg-eth0", text);
    config_network(&files, false, network, &problems);
    for (size_t i = 0; i < problems.count; i++)
        fail_msg("%s: %s", text, problems.items[i].text);
    config_files_clear(&files);
    problems_clear(&problems);
    return network_find(network, "eth0");
}

#define STATIC "DEVICE=eth0\nIPADDR=10.0.0.5\nPREFIX=24\n"

static void test_zeroconf(void **state)
{
    (void)state;
    static const struct {
        const char *text, *global;
        bool wanted;
    } cases[] = {
        {STATIC, NULL, true},       {STATIC "NOZEROCONF=yes\n", NULL, false}, {STATIC "NOZEROCONF=no\n", NULL, false},
        {STATIC, "NOZEROCONF=yes", false}, {"DEVICE=eth0\n", NULL, false},    {STATIC "NOZEROCONF=\n", NULL, true},
        {"DEVICE=eth0\nIPV6ADDR=2001:db8::1\n", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct network network;
        const struct interface *eth0 = read_one(cases[i].text, cases[i].global, &network);
        char text[ROUTE_TEXT_SIZE];
        assert_int_equal(eth0->route_count, cases[i].wanted);
        if (cases[i].wanted)
            assert_string_equal(route_text(&eth0->routes[0], text), "169.254.0.0/16 metric 1000+INDEX");
        network_clear(&network);
    }
}

static void test_address_keys(void **state)
{
    (void)state;
    struct network network;
    const struct interface *eth0 = read_one(STATIC "BROADCAST=10.0.0.0\nSCOPE='scope link'\n", NULL, &network);
    assert_true(eth0->addresses[0].has_broadcast && eth0->addresses[0].has_scope);
    assert_int_equal(eth0->addresses[0].broadcast[3], 0);
    assert_int_equal(eth0->addresses[0].scope, 253);
    network_clear(&network);
    eth0 = read_one(STATIC "BROADCAST=10.0.0.255\n", NULL, &network);
    assert_false(eth0->addresses[0].has_broadcast);
    network_clear(&network);
}

static void test_gateways(void **state)
{
    (void)state;
    static const struct routes_case cases[] = {
        {{{"ifcfg-eth0", STATIC "GATEWAY=10.0.0.1\nSRCADDR=10.0.0.5\nWINDOW=9\nEXTRA_ROUTE_OPTS='mtu 1400 table 7'"}},
         HEAD " routes=default via 10.0.0.1 table 7 src 10.0.0.5 mtu 1400 window 9\n"},
        {{{"ifcfg-eth0", STATIC "GATEWAY=10.0.0.1\nEXTRA_ROUTE_OPTS='via 10.0.0.2'"}},
         "ifcfg-eth0:5:18: EXTRA_ROUTE_OPTS has no room for \"via\"\n"},
        {{{"ifcfg-eth0", STATIC "SRCADDR=x\nGATEWAY=10.0.0.1"}}, "ifcfg-eth0:4:9: SRCADDR wants an IPv4 address, not \"x\"\n"},
        {{{"ifcfg-eth0", STATIC},
          {"ifcfg-eth1", "DEVICE=eth1\nIPADDR=10.0.1.5\nPREFIX=24"},
          {"network", "NETWORKING=yes\nGATEWAY=10.0.1.1"}},
         HEAD "\neth1 up addresses=10.0.1.5/24 routes=default via 10.0.1.1\n"},
        {{{"ifcfg-eth0", STATIC},
          {"ifcfg-eth1", "DEVICE=eth1\nIPADDR=10.0.0.6\nPREFIX=24"},
          {"network", "HOSTNAME=x\nGATEWAY=10.0.0.1\nGATEWAYDEV=eth1"}},
         HEAD "\neth1 up addresses=10.0.0.6/24 routes=default via 10.0.0.1\n"},
        {{{"ifcfg-eth0", STATIC}, {"network", "GATEWAY=10.0.0"}},
         HEAD "\nnetwork:1:9: GATEWAY wants an IPv4 address, not \"10.0.0\"\n"},
        {{{"ifcfg-eth0", STATIC}, {"network", "GATEWAY=10.0.0.5"}}, HEAD "\n"},
        {{{"ifcfg-eth0", STATIC "GATEWAY=10.0.0.1"}, {"route-eth0", "default via 10.0.0.2"}},
         HEAD " routes=default via 10.0.0.2\nroute-eth0:1:1: warning: this route takes the place of another one to the same "
              "destination, "
              "which is stated by ifcfg-eth0\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nIPV6_DEFAULTDEV=eth0"}}, "eth0 up routes=default metric 1024\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_sysctls(void **state)
{
    (void)state;
    static const struct {
        const char *text, *global, *sysctls;
    } cases[] = {
        {"DEVICE=eth0\n", NULL, ""},
        {"DEVICE=eth0\nIPV6_AUTOCONF=no\n", NULL, "ipv6/accept_ra=0 ipv6/accept_redirects=0 "},
        {"DEVICE=eth0\nIPV6_AUTOCONF=yes\nIPV6_FORCE_ACCEPT_RA=yes", NULL, "ipv6/accept_ra=2 ipv6/accept_redirects=1 "},
        {"DEVICE=eth0\nIPV6FORWARDING=yes\n", NULL, "ipv6/forwarding=1 ipv6/accept_ra=0 ipv6/accept_redirects=0 "},
        {"DEVICE=eth0\nIPV6_ROUTER=no\n", "IPV6FORWARDING=yes", "ipv6/forwarding=0 "},
        {"DEVICE=eth0\n", "IPV6FORWARDING=yes", "ipv6/forwarding=1 ipv6/accept_ra=0 ipv6/accept_redirects=0 "},
        {"DEVICE=eth0\nIPV6FORWARDING=yes\nIPV6_SET_SYSCTLS=no\n", NULL, ""},
        {"DEVICE=eth0\nIPV6ADDR=2001:db8::1\nIPV6_MTU=1280\n", NULL, "ipv6/disable_ipv6=0 ipv6/mtu=1280 "},
        {"DEVICE=eth0\nIPV6_DISABLED=yes\nIPV6_MTU=1280\n", NULL, "ipv6/disable_ipv6=1 "},
        {"DEVICE=eth0\nIPV6INIT=no\nIPV6ADDR=2001:db8::1\nIPV6_MTU=1280\n", NULL, ""},
        {STATIC "SRCADDR=10.0.0.5\n", NULL, "ipv4/arp_filter=1 "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct network network;
        struct text text = {0};
        const struct interface *eth0 = read_one(cases[i].text, cases[i].global, &network);
        text_add(&text, "");
        for (size_t j = 0; j < eth0->sysctl_count; j++)
            text_format(&text, "%s=%d ", eth0->sysctls[j].name, eth0->sysctls[j].value);
        assert_string_equal(text.data, cases[i].sysctls);
        assert_int_equal(interface_has(eth0, FIELD_SYSCTLS), eth0->sysctl_count > 0);
        text_clear(&text);
        network_clear(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_routes), cmocka_unit_test(test_wrong_routes),   cmocka_unit_test(test_numbered_routes),
        cmocka_unit_test(test_rules),      cmocka_unit_test(test_aliases),        cmocka_unit_test(test_zeroconf),
        cmocka_unit_test(test_gateways),   cmocka_unit_test(test_address_keys),   cmocka_unit_test(test_sysctls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
