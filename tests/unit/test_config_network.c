/* ifcfg files -> the wanted network, and all that is said about them. links: config model base */
#include "config_dump.h"

struct network_case {
    const char *files[5][2]; /* name, text */
    const char *result;
};

static char *dump_case(const struct network_case *c, bool lone)
{
    struct config_files files = {0};
    for (size_t i = 0; i < ARRAY_SIZE(c->files) && c->files[i][0]; i++)
        config_files_add(&files, c->files[i][0], c->files[i][1]);
    char *result = dump_network(&files, lone);
    config_files_clear(&files);
    return result;
}

static void check_cases(const struct network_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(freep) char *result = dump_case(&cases[i], false);
        if (strcmp(result, cases[i].result) != 0)
            fail_msg("of %s:\n%s\nis:\n%swants:\n%s", cases[i].files[0][0], cases[i].files[0][1], result, cases[i].result);
    }
}

#define ONE(text, result)                                                                                                      \
    {                                                                                                                          \
        {{"d/ifcfg-x", text}}, result                                                                                          \
    }

static void test_bridge(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        ONE("DEVICE=br0\nTYPE=Bridge\n", "br0 bridge up\n"),
        ONE("DEVICE=br0 TYPE=Bridge ONBOOT=no", "br0 bridge up onboot=no\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nBOOTPROTO=none\n", "br0 bridge up addresses=\n"),
        ONE("DEVICE=br0\r\nTYPE=Bridge\r\nSTP=on\r\nDELAY=15\r\nPRIO=100\r\nAGEING=300\r\nVLAN_FILTERING=yes\r\nMTU=9000",
            "br0 bridge up mtu=9000 stp=yes forward_delay=15 priority=100 ageing_time=300 vlan_filtering=yes\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nDELAY=0\nSTP=no\nMACADDR=52:54:00:AA:00:01\n",
            "br0 bridge up mac=52:54:00:aa:00:01 stp=no forward_delay=0\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nDELAY=0\nSTP=on\n",
            "br0 bridge up stp=yes forward_delay=2\n"
            "d/ifcfg-x:3:1: warning: with STP the kernel allows a forward delay of 2 to 30 seconds only: it is 2 s\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nDELAY=1.99\nSTP=on\n",
            "br0 bridge up stp=yes forward_delay=2\n"
            "d/ifcfg-x:3:1: warning: with STP the kernel allows a forward delay of 2 to 30 seconds only: it is 2 s\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nSTP=on\nBRIDGING_OPTS=forward_delay=3001\n",
            "br0 bridge up stp=yes forward_delay=30\n"
            "d/ifcfg-x:4:1: warning: with STP the kernel allows a forward delay of 2 to 30 seconds only: it is 30 s\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nSTP=on\nDELAY=30\n", "br0 bridge up stp=yes forward_delay=30\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nDELAY=4\nBRIDGING_OPTS=\"forward_delay=1200 hello_time=300  stp_state=0 "
            "multicast_snooping=0\"\n",
            "br0 bridge up stp=no forward_delay=12 hello_time=300 multicast_snooping=no\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nBRIDGING_OPTS=\"hello_time=1 helo_time=200 path_cost=3 x multicast_querier=1\"\n",
            "d/ifcfg-x:3:15: BRIDGING_OPTS: hello_time wants a number from 100 to 1000, not \"1\"\n"
            "d/ifcfg-x:3:15: warning: BRIDGING_OPTS: unknown option \"helo_time\" of a bridge; did you mean hello_time?\n"
            "d/ifcfg-x:3:15: warning: BRIDGING_OPTS: unknown option \"path_cost\" of a bridge\n"
            "d/ifcfg-x:3:15: BRIDGING_OPTS wants KEY=VALUE, not \"x\"\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nBRIDGING_OPTS='group_addr=01:80:C2:00:00:0E group_fwd_mask=0x4008 vlan_protocol=0x88a8 "
            "default_pvid=0 multicast_router=2 hash_max=1024 hash_elasticity=4 multicast_query_interval=6000 nf_call_iptables=0'\n",
            "br0 bridge up group_addr=01:80:c2:00:00:0e group_fwd_mask=16392 vlan_protocol=802.1ad default_pvid=0 "
            "multicast_router=2 hash_max=1024 multicast_query_interval=6000 nf_call_iptables=no\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nBRIDGING_OPTS='vlan_protocol=802.1Q no_linklocal_learn=1'\n",
            "br0 bridge up no_linklocal_learn=yes vlan_protocol=802.1Q\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nBRIDGING_OPTS='group_addr=01:80:c2:00:00:01 group_fwd_mask=12 vlan_protocol=8100 "
            "default_pvid=4095 multicast_router=3 multicast_query_interval=99 multicast_igmp_version=0x hash_max=0xg'\n",
            "d/ifcfg-x:3:15: BRIDGING_OPTS: group_addr wants 01:80:c2:00:00:00, or from :04 to :0f at its end, not "
            "\"01:80:c2:00:00:01\"\n"
            "d/ifcfg-x:3:15: BRIDGING_OPTS: vlan_protocol wants 802.1Q or 802.1ad, not \"8100\"\n"
            "d/ifcfg-x:3:15: BRIDGING_OPTS: default_pvid wants a number from 0 to 4094, not \"4095\"\n"
            "d/ifcfg-x:3:15: BRIDGING_OPTS: multicast_router wants a number from 0 to 2, not \"3\"\n"
            "d/ifcfg-x:3:15: BRIDGING_OPTS: multicast_query_interval wants a number from 100 to 8640000, not \"99\"\n"
            "d/ifcfg-x:3:15: BRIDGING_OPTS: multicast_igmp_version wants a number from 2 to 3, not \"0x\"\n"
            "d/ifcfg-x:3:15: BRIDGING_OPTS: hash_max wants a number from 1 to 4294967295, not \"0xg\"\n"
            "d/ifcfg-x:3:15: BRIDGING_OPTS: group_fwd_mask wants none of the bits of 7: those frames are never forwarded by a "
            "bridge\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nHAIRPIN=yes\nHWADDR=52:54:00:00:00:01\n",
            "br0 bridge up\n"
            "d/ifcfg-x:3:1: warning: HAIRPIN has no effect without BRIDGE=\n"
            "d/ifcfg-x:4:1: warning: HWADDR has no effect: no hardware is behind a bridge; MACADDR gives it a MAC address\n"),
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_port(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"}, {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nHWADDR=52:54:00:00:00:01"}},
         "br0 bridge up\neth0 up hwaddr=52:54:00:00:00:01 master=br0 addresses=\n"},
        /* what was left behind in a port's file is not even looked at, but told of */
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"},
          {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nIPADDR=nonsense\nNETMASK=x\nGATEWAY=1.2.3.4\nBOOTPROTO=dhcp\nIPV6ADDR=x"}},
         "br0 bridge up\neth0 up master=br0 addresses=\n"
         "ifcfg-eth0:3:1: warning: IPADDR is not used: the interface has no addresses of its own, it belongs to br0\n"
         "ifcfg-eth0:5:1: warning: GATEWAY is not used: the interface has no addresses of its own, it belongs to br0\n"
         "ifcfg-eth0:6:1: warning: BOOTPROTO is not used: the interface has no addresses of its own, it belongs to br0\n"
         "ifcfg-eth0:7:1: warning: IPV6ADDR is not used: the interface has no addresses of its own, it belongs to br0\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"}, {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nBOOTPROTO=none\nDEFROUTE=yes\nIPV6INIT=no"}},
         "br0 bridge up\neth0 up master=br0 addresses=\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"},
          {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nISOLATED=yes\nLEARNING=no\nDELAY=1\nBRIDGING_OPTS='path_cost=10 priority=5 "
                         "hairpin_mode=1 unicast_flood=0 multicast_flood=off'"}},
         "br0 bridge up\n"
         "eth0 up master=br0 isolated=yes hairpin=yes learning=no cost=10 port_priority=5 unicast_flood=no multicast_flood=no "
         "addresses=\n"
         "ifcfg-eth0:5:1: warning: DELAY has no effect without TYPE=Bridge\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"},
          {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nBRIDGING_OPTS='bpdu_guard=1 root_block=1 multicast_router=0 neigh_suppress=1 "
                         "proxyarp=1 group_fwd_mask=1'"}},
         "br0 bridge up\n"
         "eth0 up master=br0 bpdu_guard=yes root_block=yes port_multicast_router=0 proxyarp=yes neigh_suppress=yes "
         "port_group_fwd_mask=1 addresses=\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"},
          {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nBRIDGING_OPTS=group_fwd_mask=0x6"}},
         "br0 bridge up\n"
         "ifcfg-eth0:3:15: BRIDGING_OPTS: group_fwd_mask wants none of the bits of 2: those frames are never forwarded by a "
         "port\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nVLAN_FILTERING=yes\nPVID=5\nVLANS=5,7"},
          {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nVLANS=10,20-29\nPVID=1"}, {"ifcfg-eth1", "DEVICE=eth1\nBRIDGE=br0\nVLANS=4094"},
          {"ifcfg-eth2", "DEVICE=eth2\nVLANS=4"}},
         "br0 bridge up vlan_filtering=yes vlans=\"untagged 5, tagged 7\"\n"
         "eth0 up master=br0 vlans=\"untagged 1, tagged 10,20-29\" addresses=\n"
         "eth1 up master=br0 vlans=\"tagged 4094\" addresses=\n"
         "eth2 up\n"
         "ifcfg-eth2:2:1: warning: VLANS has no effect without TYPE=Bridge or BRIDGE=\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nPVID=5"}, {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nVLANS=10"},
          {"ifcfg-eth1", "DEVICE=eth1\nBRIDGE=br7\nPVID=3"}},
         "br0 bridge up\nbr7 bridge up\neth0 up master=br0 addresses=\neth1 up master=br7 addresses=\n"
         "ifcfg-br0:3:1: warning: VLANS and PVID have no effect: br0 does not filter VLANs: it needs VLAN_FILTERING=yes\n"
         "ifcfg-eth0:3:1: warning: VLANS and PVID have no effect: br0 does not filter VLANs: it needs VLAN_FILTERING=yes\n"
         "ifcfg-eth1:2:8: warning: BRIDGE=br7: no file states this bridge; it is made without options, as ifup did\n"
         "ifcfg-eth1:3:1: warning: VLANS and PVID have no effect: br7 does not filter VLANs: it needs VLAN_FILTERING=yes\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nVLAN_FILTERING=yes\nVLANS=0-3\nPVID=4095"},
          {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nVLANS='10, 20'\nPVID=0"}},
         "ifcfg-br0:4:7: VLANS wants VLANs from 1 to 4094 like 10,20-29, not \"0-3\"\n"
         "ifcfg-br0:5:6: PVID wants a VLAN from 1 to 4094, not \"4095\"\n"
         "ifcfg-eth0:3:7: VLANS wants VLANs from 1 to 4094 like 10,20-29, not \"10, 20\"\n"
         "ifcfg-eth0:4:6: PVID wants a VLAN from 1 to 4094, not \"0\"\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br7"}, {"ifcfg-eth1", "DEVICE=eth1\nBRIDGE=br7"}},
         "br7 bridge up\neth0 up master=br7 addresses=\neth1 up master=br7 addresses=\n"
         "ifcfg-eth0:2:8: warning: BRIDGE=br7: no file states this bridge; it is made without options, as ifup did\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=eth1"}, {"ifcfg-eth1", "DEVICE=eth1"}},
         "eth1 up\nifcfg-eth0:2:8: BRIDGE=eth1: ifcfg-eth1 does not say TYPE=Bridge\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=eth0"}}, "ifcfg-eth0:2:8: BRIDGE=eth0: an interface can't be its own port\n"},
        {{{"ifcfg-lo", "DEVICE=lo\nBRIDGE=br0"}, {"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"}},
         "br0 bridge up\nifcfg-lo:2:8: BRIDGE=br0: the loopback interface has no place in a bridge\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=a/b"}}, "ifcfg-eth0:2:8: BRIDGE wants an interface's name; \"a/b\" contains '/'\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_loops(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nBRIDGE=br0"}},
         "ifcfg-br0:3:8: BRIDGE=br0: the bridge would be its own port (br0 -> br0)\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nBRIDGE=br1"}, {"ifcfg-br1", "DEVICE=br1\nTYPE=Bridge\nBRIDGE=br0"}},
         "ifcfg-br0:3:8: BRIDGE=br1: the bridge would be its own port (br0 -> br1 -> br0)\n"
         "ifcfg-br1:3:8: BRIDGE=br0: br1 is a bridge itself, and can't be a port of another\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nBRIDGE=br1"}, {"ifcfg-br1", "DEVICE=br1\nTYPE=Bridge"}},
         "br1 bridge up\nifcfg-br0:3:8: BRIDGE=br1: br0 is a bridge itself, and can't be a port of another\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        ONE("DEVICE=eth0\n", "eth0 up\n"),
        ONE("DEVICE=eth0\nBOOTPROTO=none\n", "eth0 up\n"),
        ONE("DEVICE=eth0\nIPADDR=192.168.1.5\nPREFIX=25\nNETMASK=255.0.0.0\n", "eth0 up addresses=192.168.1.5/25\n"),
        ONE("DEVICE=eth0\nIPADDR=192.168.1.5\nNETMASK=255.255.252.0\n", "eth0 up addresses=192.168.1.5/22\n"),
        ONE("DEVICE=eth0\nIPADDR=10.1.1.1 IPADDR0=172.16.0.1 IPADDR1=192.168.0.1\n",
            "eth0 up addresses=10.1.1.1/8,172.16.0.1/16,192.168.0.1/24\n"),
        ONE("DEVICE=eth0\nIPADDR1=10.0.0.1 PREFIX1=24 IPADDR2=10.0.1.1 PREFIX2=24 IPADDR4=10.0.2.1",
            "eth0 up addresses=10.0.0.1/24,10.0.1.1/24\nd/ifcfg-x:2:57: warning: IPADDR4 is not used: IPADDR3 is missing\n"),
        ONE("DEVICE=eth0\nIPADDR1=10.0.0.1\nIPADDR3=10.0.2.1",
            "eth0 up addresses=10.0.0.1/8\nd/ifcfg-x:3:1: warning: IPADDR3 is not used: IPADDR2 is missing\n"),
        ONE("DEVICE=eth0\nIPADDR=10.0.0.1 IPADDR0=10.0.0.1", "eth0 up addresses=10.0.0.1/8\n"),
        ONE("DEVICE=eth0\nIPADDR0=10.0.0.1\nPREFIX=24\n",
            "eth0 up addresses=10.0.0.1/8\nd/ifcfg-x:3:1: warning: PREFIX is not used: there is no IPADDR\n"),
        ONE("DEVICE=lo\nIPADDR=127.0.0.1\nNETMASK=255.0.0.0\nNETWORK=127.0.0.0\nBROADCAST=127.255.255.255\nNAME=loopback\n",
            "lo up addresses=127.0.0.1/8\n"),
        ONE("DEVICE=eth0\nIPADDR=10.0.0.1\nPREFIX=33\n", "d/ifcfg-x:3:8: PREFIX wants a number from 1 to 32, not \"33\"\n"),
        ONE("DEVICE=eth0\nIPADDR=10.0.0.1\nPREFIX=0\n", "d/ifcfg-x:3:8: PREFIX wants a number from 1 to 32, not \"0\"\n"),
        ONE("DEVICE=eth0\nIPADDR=10.0.0.1\nNETMASK=255.0.255.0\n",
            "d/ifcfg-x:3:9: NETMASK wants a mask like 255.255.255.0, not \"255.0.255.0\"\n"),
        ONE("DEVICE=eth0\nIPADDR=10.0.0.1\nNETMASK=0.0.0.0\n",
            "d/ifcfg-x:3:9: NETMASK wants a mask like 255.255.255.0, not \"0.0.0.0\"\n"),
        ONE("DEVICE=eth0\nIPADDR=10.0.0.1/24\n",
            "d/ifcfg-x:2:8: IPADDR wants an IPv4 address; its prefix goes into PREFIX, not \"10.0.0.1/24\"\n"),
        ONE("DEVICE=eth0\nIPADDR=10.0.0\n", "d/ifcfg-x:2:8: IPADDR wants an IPv4 address, not \"10.0.0\"\n"),
        ONE("DEVICE=eth0\nIPADDR=224.0.0.1\n",
            "d/ifcfg-x:2:8: IPADDR wants an address that an interface can have, not \"224.0.0.1\"\n"),
        ONE("DEVICE=eth0\nIPADDR=\nNETMASK=\n", "eth0 up\n"),
        ONE("DEVICE=eth0\nBOOTPROTO=dhcp\nIPADDR=10.0.0.1\nIPV6ADDR=2001:db8::1\n",
            "eth0 up dhcp addresses=2001:db8::1/64\n"
            "d/ifcfg-x:3:1: warning: IPADDR is not used: BOOTPROTO=dhcp asks a server\n"),
        ONE("DEVICE=eth0\nBOOTPROTO=BOOTP\nMETRIC=7\nDEFROUTE=no\nDHCP_HOSTNAME=h\nDHCP_CLIENT_ID=01:02\nARPCHECK=no\n",
            "eth0 up dhcp metric=7 hostname=h client_id=01:02 ignore_gateway unchecked\n"),
        ONE("DEVICE=eth0\nBOOTPROTO=dhcp\nGATEWAYDEV=eth1\nDHCP_SEND_HOSTNAME=no\nDHCPRELEASE=yes\n",
            "eth0 up dhcp nameless release ignore_gateway\n"),
        ONE("DEVICE=eth0\nIPADDR0=10.0.0.1\nIPADDR1=10.0.0.2\nARPCHECK=no\nARPCHECK1=yes\nARPUPDATE0=no\n",
            "eth0 up addresses=10.0.0.1/8!?,10.0.0.2/8\n"),
        ONE("DEVICE=eth0\nBOOTPROTO=dhcp\nARPCHECK=maybe\n",
            "d/ifcfg-x:3:10: ARPCHECK wants yes or no, not \"maybe\"\n"),
        ONE("DEVICE=eth0\nBOOTPROTO=dchp\n", "eth0 up\nd/ifcfg-x:2:1: warning: BOOTPROTO=\"dchp\" is taken for none\n"),
        ONE("DEVICE=eth0\nIPV6ADDR=2001:db8::1/48\nIPV6ADDR_SECONDARIES=\"2001:db8::2 fe80::1/128\"\n",
            "eth0 up addresses=2001:db8::1/48,2001:db8::2/64,fe80::1/128\n"),
        ONE("DEVICE=eth0\nIPV6INIT=no\nIPV6ADDR=nonsense\n", "eth0 up\n"),
        ONE("DEVICE=eth0\nIPV6ADDR=2001:db8::1/129\nIPV6ADDR_SECONDARIES=\"ff02::1 ::\"\n",
            "d/ifcfg-x:2:10: IPV6ADDR wants an IPv6 address that an interface can have, e.g. 2001:db8::1/64, not "
            "\"2001:db8::1/129\"\n"
            "d/ifcfg-x:3:22: IPV6ADDR_SECONDARIES wants an IPv6 address that an interface can have, e.g. 2001:db8::1/64, not "
            "\"ff02::1\"\n"
            "d/ifcfg-x:3:22: IPV6ADDR_SECONDARIES wants an IPv6 address that an interface can have, e.g. 2001:db8::1/64, not "
            "\"::\"\n"),
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_gateways(void **state)
{
    (void)state;
#define HEAD "DEVICE=eth0\nIPADDR=10.0.0.5\nPREFIX=24\n"
    static const struct network_case cases[] = {
        ONE(HEAD "GATEWAY=10.0.0.1\n", "eth0 up addresses=10.0.0.5/24 routes=default via 10.0.0.1\n"),
        ONE(HEAD "GATEWAY=10.0.0.1\nMETRIC=100\n", "eth0 up addresses=10.0.0.5/24 routes=default via 10.0.0.1 metric 100\n"),
        ONE(HEAD "GATEWAY=10.0.0.1\nDEFROUTE=no\n", "eth0 up addresses=10.0.0.5/24\n"),
        ONE(HEAD "GATEWAY=10.0.0.1\nGATEWAYDEV=eth1\n", "eth0 up addresses=10.0.0.5/24\n"),
        ONE(HEAD "GATEWAY=10.0.0.1\nGATEWAYDEV=eth0\n", "eth0 up addresses=10.0.0.5/24 routes=default via 10.0.0.1\n"),
        ONE(HEAD "GATEWAY=10.0.9.1\nGATEWAYDEV=eth0\n", "eth0 up addresses=10.0.0.5/24 routes=default\n"),
        ONE(HEAD "GATEWAYDEV=eth0\n", "eth0 up addresses=10.0.0.5/24 routes=default\n"),
        ONE(HEAD "GATEWAY=10.0.9.1\n",
            "eth0 up addresses=10.0.0.5/24\n"
            "d/ifcfg-x:4:1: warning: GATEWAY is not used: \"10.0.9.1\" is not in the network of 10.0.0.5/24\n"),
        ONE("DEVICE=eth0\nGATEWAY=10.0.9.1\n",
            "eth0 up\nd/ifcfg-x:2:1: warning: GATEWAY is not used: \"10.0.9.1\" is not in the network of any address here\n"),
        ONE(HEAD "GATEWAY0=10.0.0.1\n", "eth0 up addresses=10.0.0.5/24 routes=default via 10.0.0.1\n"),
        ONE(HEAD "GATEWAY=10.0.0.5\n",
            "d/ifcfg-x:4:9: GATEWAY wants another host's address than the interface's own, not \"10.0.0.5\"\n"),
        ONE(HEAD "GATEWAY=fe80::1\nMETRIC=-1\nDEFROUTE=perhaps\n",
            "d/ifcfg-x:4:9: GATEWAY wants an IPv4 address, not \"fe80::1\"\n"
            "d/ifcfg-x:5:8: METRIC wants a number from 0 to 4294967295, not \"-1\"\n"
            "d/ifcfg-x:6:10: DEFROUTE wants yes or no, not \"perhaps\"\n"),
        ONE("DEVICE=eth0\nIPV6_DEFAULTGW=fe80::1%eth0\n", "eth0 up routes=default via fe80::1 metric 1024\n"),
        ONE("DEVICE=eth0\nIPV6_DEFAULTGW=fe80::1%eth1\n",
            "eth0 up\nd/ifcfg-x:2:1: warning: IPV6_DEFAULTGW is not used: it is for another interface\n"),
        ONE("DEVICE=eth0\nIPV6_DEFAULTGW=10.0.0.1\n",
            "d/ifcfg-x:2:16: IPV6_DEFAULTGW wants an IPv6 address, with or without %DEVICE, not \"10.0.0.1\"\n"),
        /* the scripts replace it with each file, bridges last */
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nIPADDR=10.0.1.5\nPREFIX=24\nGATEWAY=10.0.1.1"},
          {"ifcfg-eth0", HEAD "GATEWAY=10.0.0.1"}},
         "br0 bridge up addresses=10.0.1.5/24 routes=default via 10.0.1.1\neth0 up addresses=10.0.0.5/24\n"
         "ifcfg-eth0:4:1: warning: the default route is not used: that of ifcfg-br0 counts (METRIC tells them apart)\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nIPADDR=10.0.1.5\nPREFIX=24\nGATEWAY=10.0.1.1\nMETRIC=5"},
          {"ifcfg-eth0", HEAD "GATEWAY=10.0.0.1"}},
         "br0 bridge up addresses=10.0.1.5/24 routes=default via 10.0.1.1 metric 5\n"
         "eth0 up addresses=10.0.0.5/24 routes=default via 10.0.0.1\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_names(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        ONE("DEVICE=a/b\n", "d/ifcfg-x:1:8: DEVICE \"a/b\" contains '/'\n"),
        ONE("DEVICE=abcdefghijklmno\n", "abcdefghijklmno up\n"),
        ONE("DEVICE=abcdefghijklmnop\n", "d/ifcfg-x:1:8: DEVICE \"abcdefghijklmnop\" is longer than 15 characters\n"),
        ONE("DEVICE='a b'\n", "d/ifcfg-x:1:8: DEVICE \"a b\" contains a space or a control character\n"),
        ONE("DEVICE=..\n", "d/ifcfg-x:1:8: DEVICE \"..\" is a reserved name\n"),
        ONE("DEVICE=eth%d\n", "d/ifcfg-x:1:8: DEVICE \"eth%d\" contains '%'\n"),
        ONE("TYPE=Ethernet\n", "d/ifcfg-x:1:1: DEVICE is missing: which interface is this?\n"),
        ONE("DEVICE=$DEV\nMTU=x\n",
            "d/ifcfg-x:1:8: DEVICE: \"$DEV\" is not put in; write the value itself, or '$…' in single quotes "
            "for the characters\nd/ifcfg-x:2:5: MTU wants a number from 68 to 65535, not \"x\"\n"),
        ONE("HWADDR=52:54:00:00:00:01\n",
            "525400:000001 up hwaddr=52:54:00:00:00:01\n"),
        ONE("TYPE=Bridge\nHWADDR=52:54:00:00:00:01\n",
            "d/ifcfg-x:1:1: DEVICE is missing: which interface is this?\n"
            "d/ifcfg-x:2:1: warning: HWADDR has no effect: no hardware is behind a bridge; MACADDR gives it a MAC address\n"),
        ONE("HWADDR=52:54:00:00:00\n", "d/ifcfg-x:1:8: HWADDR wants a MAC address like 52:54:00:00:00:11, not \"52:54:00:00:00\"\n"),
        {{{"d/ifcfg-a", "HWADDR=52:54:00:00:00:ab\n"}, {"d/ifcfg-b", "HWADDR=52:54:00:00:00:AB\nIPADDR=10.0.0.1\n"}},
         "525400:0000ab up hwaddr=52:54:00:00:00:ab\nd/ifcfg-b:1:8: this HWADDR is stated by d/ifcfg-a already\n"},
        {{{"d/ifcfg-lan", "HWADDR=52:54:00:00:00:01\nIPADDR=10.0.0.1\nPREFIX=24\nGATEWAY=10.0.0.254\nGATEWAYDEV=lan\n"},
          {"d/ifcfg-lan:1", "IPADDR=10.0.0.2\n"},
          {"d/route-lan", "10.9.0.0/16 via 10.0.0.9\n"}},
         "525400:000001 up hwaddr=52:54:00:00:00:01 addresses=10.0.0.1/24,10.0.0.2/24 :1"
         " routes=default via 10.0.0.254,10.9.0.0/16 via 10.0.0.9\n"},
        {{{"a/ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\n"}, {"b/ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nSTP=on"}},
         "br0 bridge up\nb/ifcfg-br0:1:8: DEVICE=br0 is stated by a/ifcfg-br0 already\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_keys(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        ONE("DEVICE=br0\nTYPE=Bridge\nDELEY=3\n",
            "br0 bridge up\nd/ifcfg-x:3:1: warning: unknown key DELEY; did you mean DELAY?\n"),
        ONE("DEVICE=eth0\n XQJZVWPL=3", "eth0 up\nd/ifcfg-x:2:2: warning: unknown key XQJZVWPL\n"),
        ONE("DEVICE=eth0\nMTU=1 MTU=9000", "eth0 up mtu=9000\n"), /* the last one counts, as in a shell */
        ONE("DEVICE=eth0\nMTU=9000 MTU=", "eth0 up\n"),
        ONE("DEVICE=eth0\nexport ONBOOT=false # never\n", "eth0 up onboot=no\n"),
        ONE("DEVICE=eth0\nONBOOT=maybe\nMTU=1\nHWADDR=x\n",
            "d/ifcfg-x:2:8: ONBOOT wants yes or no, not \"maybe\"\n"
            "d/ifcfg-x:3:5: MTU wants a number from 68 to 65535, not \"1\"\n"
            "d/ifcfg-x:4:8: HWADDR wants a MAC address like 52:54:00:00:00:11, not \"x\"\n"),
        ONE("DEVICE=eth0\nTYPE=Ethernet\nNAME=eth0\nUUID=x\nNM_CONTROLLED=no\nUSERCTL=no\nPEERDNS=yes\nIPV4_FAILURE_FATAL=no\n"
            "IPV6_AUTOCONF=yes\nPROXY_METHOD=none\nBROWSER_ONLY=no\nZONE=public\nVLAN=no\nSLAVE=false\nHOTPLUG=no",
            "eth0 up\n"),
        ONE("DEVICE=eth0\nDNS1=1.1.1.1\nDOMAIN=example.org\nETHTOOL_OPTS='-K ${DEVICE} tso off'\nIPV6_AUTOCONF=no\n",
            "eth0 up\nd/ifcfg-x:2:1: warning: not supported yet, without effect: DNS1, DOMAIN, ETHTOOL_OPTS\n"),
        ONE("", "d/ifcfg-x:1:1: warning: the file is empty\n"),
        ONE("# nothing\n", "d/ifcfg-x:1:1: warning: the file is empty\n"),
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

/* Files as they are found in the wild. */
static void test_oddities(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        /* CRLF, tabs, export, comments, nothing behind the last line; neither ONBOOT nor NETMASK */
        ONE("\t# office\r\nexport DEVICE=eth0\t# uplink\r\n\tIPADDR='192.168.1.5'\r\n#IPADDR=10.9.9.9\r\nGATEWAY=\"192.168.1.1\"",
            "eth0 up addresses=192.168.1.5/24 routes=default via 192.168.1.1\n"),
        /* IP keys that were left in a port's file */
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"},
          {"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nIPADDR=10.0.0.1\nNETMASK=255.255.255.0\nGATEWAY=10.0.0.254\nBOOTPROTO=dhcp"}},
         "br0 bridge up\neth0 up master=br0 addresses=\n"
         "ifcfg-eth0:3:1: warning: IPADDR is not used: the interface has no addresses of its own, it belongs to br0\n"
         "ifcfg-eth0:5:1: warning: GATEWAY is not used: the interface has no addresses of its own, it belongs to br0\n"
         "ifcfg-eth0:6:1: warning: BOOTPROTO is not used: the interface has no addresses of its own, it belongs to br0\n"},
        /* as NetworkManager writes a VLAN, here a bridge's port */
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"},
          {"ifcfg-eth0.206", "TYPE=Vlan\nVLAN=yes\nPHYSDEV=eth0\nVLAN_ID=206\nREORDER_HDR=yes\nGVRP=no\nMVRP=no\nDEVICE=eth0.206\n"
                             "NAME=eth0.206\nBRIDGE=br0\nPEERDNS=yes\nPEERROUTES=yes\nDEFROUTE=yes\nIPV6_DEFROUTE=yes"}},
         "br0 bridge up\neth0.206 vlan up master=br0 parent=eth0 vlan_id=206 reorder_headers=yes gvrp=no mvrp=no addresses=\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

#define LATER(keys) "eth0 up\nd/ifcfg-x:2:1: warning: not supported yet, without effect: " keys "\n"
#define WRONG(place, key, wants, value)                                                                                            \
    "d/ifcfg-x:2:1: warning: not supported yet, without effect: " key "\nd/ifcfg-x:" place ": " key " wants " wants ", not \"" value "\"\n"
#define ETHTOOL "words of ethtool -s like speed 100 duplex full autoneg off, or -K DEVICE tso off; ; separates several"

/* What is not applied yet is checked all the same. */
static void test_later_keys(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        ONE("DEVICE=eth0\nDNS1=1.1.1.1\nDNS2=2001:db8::1\nDOMAIN='example.org. a_b.example'\nSEARCH=lan\n", LATER("DNS1, DNS2, DOMAIN, SEARCH")),
        ONE("DEVICE=eth0\nDNS1=fe80::1%eth0\nDNS2=fe80::1%2\n", LATER("DNS1, DNS2")),
        ONE("DEVICE=eth0\nDNS1=fe80::1%\n", WRONG("2:6", "DNS1", "an IPv4 or IPv6 address", "fe80::1%")),
        ONE("DEVICE=eth0\nDNS1=192.0.2.1%eth0\n", WRONG("2:6", "DNS1", "an IPv4 or IPv6 address", "192.0.2.1%eth0")),
        ONE("DEVICE=eth0\nDNS1=1.1.1\n", WRONG("2:6", "DNS1", "an IPv4 or IPv6 address", "1.1.1")),
        ONE("DEVICE=eth0\nDNS1=ns.example.org\n", WRONG("2:6", "DNS1", "an IPv4 or IPv6 address", "ns.example.org")),
        ONE("DEVICE=eth0\nDNS1=x\nDNS1=1.1.1.1\n",
            "eth0 up\nd/ifcfg-x:3:1: warning: not supported yet, without effect: DNS1\n"), /* the last one counts */
        ONE("DEVICE=eth0\nDOMAIN='a b..c'\n", WRONG("2:8", "DOMAIN", "domains, separated by blanks", "a b..c")),
        ONE("DEVICE=eth0\nSEARCH=-a\n", WRONG("2:8", "SEARCH", "domains, separated by blanks", "-a")),
        ONE("DEVICE=eth0\nSEARCH=a,b\n", WRONG("2:8", "SEARCH", "domains, separated by blanks", "a,b")),
        ONE("DEVICE=eth0\nETHTOOL_OPTS='speed 100 duplex full autoneg off; -K eth0 tso off gso off; msglvl drv on link off;'\n",
            LATER("ETHTOOL_OPTS")),
        ONE("DEVICE=eth0\nETHTOOL_OPTS='sped 100'\n", WRONG("2:14", "ETHTOOL_OPTS", ETHTOOL, "sped 100")),
        ONE("DEVICE=eth0\nETHTOOL_OPTS='wol g duplex'\n", WRONG("2:14", "ETHTOOL_OPTS", ETHTOOL, "wol g duplex")),
        ONE("DEVICE=eth0\nETHTOOL_OPTS='-K eth0 tso off; autoneg no'\n",
            WRONG("2:14", "ETHTOOL_OPTS", ETHTOOL, "-K eth0 tso off; autoneg no")),
        ONE("DEVICE=eth0\nETHTOOL_OPTS=-K\n", WRONG("2:14", "ETHTOOL_OPTS", ETHTOOL, "-K")),
        ONE("DEVICE=eth0\nIPV6_PRIVACY=rfc3041\n", LATER("IPV6_PRIVACY")),
        ONE("DEVICE=eth0\nIPV6_PRIVACY=no\nIPV6TO4INIT=no\nDHCPV6C=no\nLINKSTATUS=up\n", "eth0 up\n"),
        ONE("DEVICE=eth0\nIPV6_PRIVACY=rfc3040\n", WRONG("2:14", "IPV6_PRIVACY", "rfc3041, rfc4941, yes or no", "rfc3040")),
        ONE("DEVICE=eth0\nLINKSTATUS=left\n", WRONG("2:12", "LINKSTATUS", "up or down", "left")),
        ONE("DEVICE=eth0\nIPV6TO4INIT=yes\nIPV6TO4_IPV4ADDR=192.0.2.1\nIPV6TO4_RELAY=192.88.99.1\n"
            "IPV6TO4_ROUTING='eth0-:4::1/64 br-x-:5::1/64'\n",
            LATER("IPV6TO4INIT, IPV6TO4_IPV4ADDR, IPV6TO4_RELAY, IPV6TO4_ROUTING")),
        ONE("DEVICE=eth0\nIPV6TO4INIT=maybe\n", WRONG("2:13", "IPV6TO4INIT", "yes or no", "maybe")),
        ONE("DEVICE=eth0\nIPV6TO4_RELAY=::1\n", WRONG("2:15", "IPV6TO4_RELAY", "an IPv4 address", "::1")),
        ONE("DEVICE=eth0\nIPV6TO4_ROUTING=eth0-:4::1\n",
            WRONG("2:17", "IPV6TO4_ROUTING", "DEVICE-SUFFIX/PREFIX, separated by blanks, e.g. eth0-:4::1/64", "eth0-:4::1")),
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        ONE("DEVICE=v0\nTYPE=Team\nMTU=x\n", "d/ifcfg-x:2:1: warning: TYPE=Team is not supported yet: the file is skipped\n"),
        ONE("DEVICE=eth0\nTEAM_MASTER=team0\n", "d/ifcfg-x:2:1: warning: TEAM_MASTER is not supported yet: the file is skipped\n"),
        ONE("DEVICE=br0\nTYPE=Bridge\nVLAN=yes\n",
            "d/ifcfg-x:3:1: TYPE=Bridge and VLAN=yes contradict each other: an interface is one of both\n"),
        ONE("DEVICE=br0\nTYPE=bridge\n",
            "d/ifcfg-x:2:6: TYPE wants Ethernet, Bridge, Vlan, Bond, Tap, Veth, Dummy, Macvlan or VXLAN, not \"bridge\"; did you mean Bridge?\n"),
        ONE("DEVICE=br0\nTYPE=Nonsense\n",
            "d/ifcfg-x:2:6: TYPE wants Ethernet, Bridge, Vlan, Bond, Tap, Veth, Dummy, Macvlan or VXLAN, not \"Nonsense\"\n"),
        /* a port of a bridge that is skipped must not end up in a Linux bridge of that name */
        {{{"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=ovs0"}, {"ifcfg-ovs0", "DEVICE=ovs0\nDEVICETYPE=ovs\nTYPE=OVSBridge"}},
         "ifcfg-eth0:2:8: warning: BRIDGE=ovs0: ifcfg-ovs0 is skipped, so this file is skipped too\n"
         "ifcfg-ovs0:3:1: warning: TYPE=OVSBridge is not supported yet: the file is skipped\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

static void test_addresses_of_two_interfaces(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        {{{"ifcfg-eth0", "DEVICE=eth0\nIPADDR=10.0.0.1\nPREFIX=24"}, {"ifcfg-eth1", "DEVICE=eth1\nIPADDR1=10.0.0.1\nPREFIX1=16"}},
         "eth0 up addresses=10.0.0.1/24\neth1 up addresses=10.0.0.1/16\n"
         "ifcfg-eth1:2:9: 10.0.0.1/16 is stated by ifcfg-eth0 for eth0 already\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nIPV6ADDR=fe80::1/64"}, {"ifcfg-eth1", "DEVICE=eth1\nIPV6ADDR=fe80::1/64"}},
         "eth0 up addresses=fe80::1/64\neth1 up addresses=fe80::1/64\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nIPADDR=10.0.0.1\nPREFIX=24"}, {"ifcfg-eth1", "DEVICE=eth1\nIPADDR=10.0.0.1\nPREFIX=32"}},
         "eth0 up addresses=10.0.0.1/24\neth1 up addresses=10.0.0.1/32\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

/* One file on its own: what another one may state is no reproach. */
static void test_lone_files(void **state)
{
    (void)state;
    static const struct network_case port = {{{"ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br7"}}, NULL};
    CLEANUP(freep) char *result = dump_case(&port, true);
    assert_string_equal(result, "br7 bridge up\neth0 up master=br7 addresses=\n");
}

static void test_problems_come_in_file_order(void **state)
{
    (void)state;
    static const struct network_case cases[] = {
        {{{"b/ifcfg-1", "DEVICE=a\nBRIDGE=a\nMTU=x"}, {"a/ifcfg-2", "MTU=1\nDEVICE=a/b\nFOO=1 DOMAIN=x"}},
         "b/ifcfg-1:3:5: MTU wants a number from 68 to 65535, not \"x\"\n"
         "a/ifcfg-2:1:5: MTU wants a number from 68 to 65535, not \"1\"\n"
         "a/ifcfg-2:2:8: DEVICE \"a/b\" contains '/'\n"
         "a/ifcfg-2:3:1: warning: unknown key FOO\n"
         "a/ifcfg-2:3:7: warning: not supported yet, without effect: DOMAIN\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bridge),
        cmocka_unit_test(test_port),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_gateways),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_oddities),
        cmocka_unit_test(test_later_keys),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_addresses_of_two_interfaces),
        cmocka_unit_test(test_lone_files),
        cmocka_unit_test(test_problems_come_in_file_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
