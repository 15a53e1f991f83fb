/* TAPs, veth pairs, macvlans, VXLANs and dummies out of ifcfg files. links: config model base */
#include "config_dump.h"

struct network_case {
    struct {
        const char *path, *text;
    } files[4];
    const char *result;
};

static void check_cases(const struct network_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct config_files files = {0};
        for (size_t j = 0; j < 4 && cases[i].files[j].path; j++)
            config_files_add(&files, cases[i].files[j].path, cases[i].files[j].text);
        CLEANUP(freep) char *result = dump_network(&files, false);
        if (strcmp(result, cases[i].result) != 0)
            fail_msg("%s\n\nis:\n%s\nwants:\n%s\n", cases[i].files[0].text, result, cases[i].result);
        config_files_clear(&files);
    }
}

#define ONE(text, result)                                                                                                      \
    {                                                                                                                          \
        {{"d/ifcfg-x", text}}, result                                                                                          \
    }

static void test_taps(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        ONE("TYPE=Tap\nDEVICE=tap0\n", "tap0 tap up\n"),
        ONE("TYPE=Tap\nDEVICE=tun0\nOWNER=root\nGROUP=17\n", "tun0 tun up tap_owner=0 tap_group=17\n"),
        ONE("TYPE=Tap\nDEVICE=tap0\nOWNER=no-such-user\nGROUP=-1\n",
            "d/ifcfg-x:3:7: OWNER: this host has no user \"no-such-user\"\n"
            "d/ifcfg-x:4:7: GROUP: this host has no group \"-1\"\n"),
        ONE("DEVICE=eth0\nOWNER=root\n", "eth0 up\nd/ifcfg-x:2:1: warning: OWNER has no effect without TYPE=Tap\n"),
        ONE("TYPE=Tap\nDEVICE=tap0\nHWADDR=52:54:00:00:00:01\n",
            "tap0 tap up\nd/ifcfg-x:3:1: warning: HWADDR has no effect: no hardware is behind a tap; MACADDR gives it a MAC address\n"),
        {{{"ifcfg-br0", "TYPE=Bridge\nDEVICE=br0"}, {"ifcfg-tun0", "TYPE=Tap\nDEVICE=tun0\nBRIDGE=br0"}},
         "br0 bridge up\nifcfg-tun0:3:8: BRIDGE=br0: a TUN carries no Ethernet frames, and has no place in a bridge\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_pairs(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        {{{"ifcfg-v0", "TYPE=Veth\nDEVICE=v0\nPEER=v1"}, {"ifcfg-v1", "TYPE=Veth\nDEVICE=v1\nPEER=v0"}},
         "v0 veth up peer=v1\nv1 veth up peer=v0\n"},
        {{{"ifcfg-v0", "TYPE=Veth\nDEVICE=v0\nPEER=v1"}, {"ifcfg-v1", "DEVICE=v1\nMTU=1400"}}, "v0 veth up peer=v1\nv1 up mtu=1400\n"},
        ONE("TYPE=Veth\nDEVICE=v0\n", "d/ifcfg-x:2:8: PEER is missing: what is the pair's other end called?\n"),
        ONE("TYPE=Veth\nDEVICE=v0\nPEER=v0\n", "d/ifcfg-x:3:6: PEER=v0: a veth can't be its own other end\n"),
        ONE("TYPE=Veth\nDEVICE=v0\nPEER=a/b\n", "d/ifcfg-x:3:6: PEER wants an interface's name; \"a/b\" contains '/'\n"),
        ONE("DEVICE=eth0\nPEER=v1\n", "eth0 up\nd/ifcfg-x:2:1: warning: PEER has no effect without TYPE=Veth\n"),
        {{{"ifcfg-v0", "TYPE=Veth\nDEVICE=v0\nPEER=v1"}, {"ifcfg-v1", "TYPE=Veth\nDEVICE=v1\nPEER=v2"}},
         "v1 veth up peer=v2\nifcfg-v0:3:6: PEER=v1: ifcfg-v1 states PEER=v2\n"},
        {{{"ifcfg-v0", "TYPE=Veth\nDEVICE=v0\nPEER=br0"}, {"ifcfg-br0", "TYPE=Bridge\nDEVICE=br0"}},
         "br0 bridge up\nifcfg-v0:3:6: PEER=br0: ifcfg-br0 states a bridge\n"},
        {{{"ifcfg-v0", "TYPE=Veth\nDEVICE=v0\nPEER=v9"}, {"ifcfg-v1", "TYPE=Veth\nDEVICE=v1\nPEER=v9"}},
         "v0 veth up peer=v9\nifcfg-v1:3:6: PEER=v9: ifcfg-v0 states the same\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_macvlans(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        ONE("TYPE=Macvlan\nDEVICE=m0\nPHYSDEV=eth0\nMACVLAN_MODE=Bridge\n", "m0 macvlan up parent=eth0 macvlan_mode=bridge\n"),
        ONE("TYPE=Macvlan\nDEVICE=m0\nPHYSDEV=eth0\n", "m0 macvlan up parent=eth0\n"),
        ONE("TYPE=Macvlan\nDEVICE=m0\nMACVLAN_MODE=vepa\n",
            "d/ifcfg-x:2:8: PHYSDEV is missing: which interface does the macvlan lie on?\n"),
        ONE("TYPE=Macvlan\nDEVICE=m0\nPHYSDEV=eth0\nMACVLAN_MODE=4\n",
            "d/ifcfg-x:4:14: MACVLAN_MODE wants private, vepa, bridge, passthru or source, not \"4\"\n"),
        ONE("TYPE=Macvlan\nDEVICE=m0\nPHYSDEV=m0\n", "d/ifcfg-x:3:9: m0: an interface can't lie on itself\n"),
        ONE("TYPE=Dummy\nDEVICE=dummy0\nMTU=9000\n", "dummy0 dummy up mtu=9000\n"),
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_vxlans(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        ONE("TYPE=VXLAN\nDEVICE=x0\nVXLAN_ID=42\nVXLAN_REMOTE=2001:DB8:0::1\nVXLAN_LOCAL=2001:db8::2\nVXLAN_PORT=4789\nVXLAN_TTL=0\n"
            "VXLAN_LEARNING=no\n",
            "x0 vxlan up vxlan_id=42 vxlan_local=2001:db8::2 vxlan_remote=2001:db8::1 vxlan_port=4789 vxlan_ttl=0 "
            "vxlan_learning=no\n"),
        ONE("TYPE=VXLAN\nDEVICE=x0\nVXLAN_ID=1\nVXLAN_REMOTE=239.1.1.1\nPHYSDEV=eth0\n",
            "x0 vxlan up parent=eth0 vxlan_id=1 vxlan_remote=239.1.1.1\n"),
        ONE("TYPE=VXLAN\nDEVICE=x0\n", "d/ifcfg-x:2:8: VXLAN_ID is missing: which VXLAN network is it?\n"),
        ONE("TYPE=VXLAN\nDEVICE=x0\nVXLAN_ID=16777216\nVXLAN_REMOTE=10.0.0\nVXLAN_TTL=256\nVXLAN_PORT=0\n",
            "d/ifcfg-x:3:10: VXLAN_ID wants a number from 1 to 16777215, not \"16777216\"\n"
            "d/ifcfg-x:4:14: VXLAN_REMOTE wants an IPv4 or IPv6 address, not \"10.0.0\"\n"
            "d/ifcfg-x:5:11: VXLAN_TTL wants a number from 0 to 255, not \"256\"\n"
            "d/ifcfg-x:6:12: VXLAN_PORT wants a number from 1 to 65535, not \"0\"\n"),
        ONE("TYPE=VXLAN\nDEVICE=x0\nVXLAN_ID=1\nVXLAN_REMOTE=ff05::1\n",
            "d/ifcfg-x:4:14: VXLAN_REMOTE=ff05::1: a multicast group needs PHYSDEV: by which interface?\n"),
        ONE("TYPE=VXLAN\nDEVICE=x0\nVXLAN_ID=1\nVXLAN_REMOTE=10.0.0.1\nVXLAN_LOCAL=::1\n",
            "d/ifcfg-x:4:14: VXLAN_REMOTE=10.0.0.1 and VXLAN_LOCAL=::1 are of two families\n"),
        ONE("TYPE=VXLAN\nDEVICE=x0\nVXLAN_ID=1\nVXLAN_LOCAL=224.0.0.1\n",
            "d/ifcfg-x:4:13: VXLAN_LOCAL=224.0.0.1: packets can't come from a multicast group\n"),
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taps),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_macvlans),
        cmocka_unit_test(test_vxlans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
