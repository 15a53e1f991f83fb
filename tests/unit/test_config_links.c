/* VLANs, bonds and what lies on what: ifcfg files -> the wanted network, and all that is said about them. links: config model base */
#include "config_dump.h"

struct links_case {
    const char *files[5][2]; /* name, text */
    const char *result;
};

static void check_cases(const struct links_case *cases, size_t count, bool lone)
{
    for (size_t i = 0; i < count; i++) {
        const struct links_case *c = &cases[i];
        struct config_files files = {0};
        for (size_t j = 0; j < ARRAY_SIZE(c->files) && c->files[j][0]; j++)
            config_files_add(&files, c->files[j][0], c->files[j][1]);
        CLEANUP(freep) char *result = dump_network(&files, lone);
        config_files_clear(&files);
        if (strcmp(result, c->result) != 0)
            fail_msg("of %s:\n%s\nis:\n%swants:\n%s", c->files[0][0], c->files[0][1], result, c->result);
    }
}

#define CHECK(cases) check_cases(cases, ARRAY_SIZE(cases), false)
#define ONE(text, result)                                                                                                      \
    {                                                                                                                          \
        {{"d/ifcfg-x", text}}, result                                                                                          \
    }

static void test_vlan_names(void **state)
{
    (void)state;
    static const struct links_case cases[] = {
        ONE("DEVICE=eth0.10\nVLAN=yes\n", "eth0.10 vlan up parent=eth0 vlan_id=10\n"),
        ONE("DEVICE=eth0.0010\nVLAN=yes\n", "eth0.0010 vlan up parent=eth0 vlan_id=10\n"),
        ONE("DEVICE=eth0.10.20\nVLAN=yes\n", "eth0.10.20 vlan up parent=eth0.10 vlan_id=20\n"),
        ONE("DEVICE=vlan10\nVLAN=yes\nPHYSDEV=eth0\n", "vlan10 vlan up parent=eth0 vlan_id=10\n"),
        ONE("DEVICE=guests\nVLAN=yes\nPHYSDEV=eth0\nVID=7\n", "guests vlan up parent=eth0 vlan_id=7\n"),
        ONE("DEVICE=eth0.206\nTYPE=Vlan\nPHYSDEV=eth0\nVLAN_ID=206\n", "eth0.206 vlan up parent=eth0 vlan_id=206\n"),
        ONE("DEVICE=eth0.10\nVLAN=yes\nPHYSDEV=eth1\n", "eth0.10 vlan up parent=eth1 vlan_id=10\n"),
        /* without VLAN=yes it is an interface that somebody else makes */
        ONE("DEVICE=eth0.10\n", "eth0.10 up\n"),
        ONE("DEVICE=eth0.10\nVLAN=no\nTYPE=Ethernet\n", "eth0.10 up\n"),
        ONE("DEVICE=vlan10\nVLAN=yes\n",
            "d/ifcfg-x:1:8: PHYSDEV should be set for device vlan10: which interface does the VLAN lie on?\n"),
        ONE("DEVICE=guests\nVLAN=yes\nPHYSDEV=eth0\n",
            "d/ifcfg-x:1:8: DEVICE=guests: which VLAN? Name it PARENT.ID or vlanID, or state VID\n"),
        ONE("DEVICE=eth0.4096\nVLAN=yes\n", "d/ifcfg-x:1:8: DEVICE=eth0.4096: a VLAN's id is a number from 0 to 4094\n"),
        ONE("DEVICE=eth0.x\nVLAN=yes\nVID=4096\nPHYSDEV=eth0\n", "d/ifcfg-x:3:5: VID wants a number from 0 to 4094, not \"4096\"\n"),
        ONE("DEVICE=eth0.10\nVLAN=yes\nVID=20\n", "d/ifcfg-x:3:5: VID=20 and DEVICE=eth0.10 name different VLANs\n"),
        ONE("DEVICE=eth0.10\nVLAN=perhaps\n", "d/ifcfg-x:2:6: VLAN wants yes or no, not \"perhaps\"\n"),
        ONE("DEVICE=eth0\nVID=10\nPHYSDEV=eth1\nREORDER_HDR=no\n",
            "eth0 up\nd/ifcfg-x:2:1: warning: VID has no effect without VLAN=yes\n"
            "d/ifcfg-x:3:1: warning: PHYSDEV has no effect without VLAN=yes\n"
            "d/ifcfg-x:4:1: warning: REORDER_HDR has no effect without VLAN=yes\n"),
    };
    CHECK(cases);
}

static void test_vlan_options(void **state)
{
    (void)state;
    static const struct links_case cases[] = {
        ONE("DEVICE=eth0.10\nVLAN=yes\nREORDER_HDR=no\nGVRP=yes\nMVRP=off\nVLAN_EGRESS_PRIORITY_MAP=0:1,6:7\n"
            "VLAN_INGRESS_PRIORITY_MAP='1:6 2:1000'\nIPADDR=10.0.0.1\nPREFIX=24\n",
            "eth0.10 vlan up parent=eth0 vlan_id=10 reorder_headers=no gvrp=yes mvrp=no egress_priorities=0:1,6:7 "
            "ingress_priorities=1:6,2:1000 addresses=10.0.0.1/24\n"),
        ONE("DEVICE=eth0.10\nVLAN=yes\nVLAN_FLAGS=REORDER_HDR,gvrp\n",
            "eth0.10 vlan up parent=eth0 vlan_id=10 reorder_headers=yes gvrp=yes\n"),
        ONE("DEVICE=eth0.10\nVLAN=yes\nVLAN_FLAGS=LOOSE_BINDING\n", "eth0.10 vlan up parent=eth0 vlan_id=10 loose_binding=yes\n"),
        ONE("DEVICE=eth0.10\nVLAN=yes\nVLAN_FLAGS=FAST\nVLAN_EGRESS_PRIORITY_MAP=0:8\nVLAN_INGRESS_PRIORITY_MAP=8:1\n",
            "d/ifcfg-x:3:12: VLAN_FLAGS wants words out of REORDER_HDR, GVRP, MVRP and LOOSE_BINDING, not \"FAST\"\n"
            "d/ifcfg-x:4:26: VLAN_EGRESS_PRIORITY_MAP wants pairs FROM:TO like 0:1,2:3 with FROM up to 15 and TO up to 7, not "
            "\"0:8\"\n"
            "d/ifcfg-x:5:27: VLAN_INGRESS_PRIORITY_MAP wants pairs FROM:TO like 0:1,2:3 with FROM up to 7 and TO up to "
            "4294967295, not \"8:1\"\n"),
        ONE("DEVICE=eth0.10\nVLAN=yes\nHWADDR=52:54:00:00:00:01\nSTP=on\n",
            "eth0.10 vlan up parent=eth0 vlan_id=10\n"
            "d/ifcfg-x:3:1: warning: HWADDR has no effect: no hardware is behind a vlan; MACADDR gives it a MAC address\n"
            "d/ifcfg-x:4:1: warning: STP has no effect without TYPE=Bridge\n"),
    };
    CHECK(cases);
}

static void test_vlans_together(void **state)
{
    (void)state;
    static const struct links_case cases[] = {
        {{{"ifcfg-eth0.206", "DEVICE=eth0.206\nTYPE=Vlan\nVLAN_ID=206\nBRIDGE=br0"}, {"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"}},
         "br0 bridge up\neth0.206 vlan up master=br0 parent=eth0 vlan_id=206 addresses=\n"},
        {{{"ifcfg-a", "DEVICE=eth0.10\nVLAN=yes"}, {"ifcfg-b", "DEVICE=x\nVLAN=yes\nVID=10\nPHYSDEV=eth0"},
          {"ifcfg-c", "DEVICE=eth1.10\nVLAN=yes"}},
         "eth0.10 vlan up parent=eth0 vlan_id=10\neth1.10 vlan up parent=eth1 vlan_id=10\n"
         "ifcfg-b:4:9: x: VLAN 10 of eth0 is that of eth0.10 (ifcfg-a) already\n"},
        {{{"ifcfg-x", "DEVICE=x\nVLAN=yes\nVID=1\nPHYSDEV=x"}}, "ifcfg-x:4:9: x: an interface can't lie on itself\n"},
        {{{"ifcfg-lo.1", "DEVICE=lo.1\nVLAN=yes"}}, "ifcfg-lo.1:1:8: lo.1: the loopback interface carries no other\n"},
        {{{"ifcfg-br7.1", "DEVICE=br7.1\nVLAN=yes\nBRIDGE=br7"}},
         "ifcfg-br7.1:1:8: br7.1: it would lie on itself: a bridge can't be its own port by way of a VLAN\n"},
        /* a VLAN of a VLAN of what is not there yet */
        {{{"ifcfg-t", "DEVICE=team0\nTYPE=Team"}, {"ifcfg-u", "DEVICE=team0.1\nVLAN=yes"}, {"ifcfg-v", "DEVICE=team0.1.2\nVLAN=yes"}},
         "ifcfg-t:2:1: warning: TYPE=Team is not supported yet: the file is skipped\n"
         "ifcfg-u:1:8: warning: team0.1: ifcfg-t is skipped, so this file is skipped too\n"
         "ifcfg-v:1:8: warning: team0.1.2: ifcfg-u is skipped, so this file is skipped too\n"},
        {{{"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"}, {"ifcfg-br0.10", "DEVICE=br0.10\nVLAN=yes\nBRIDGE=br0"}},
         "br0 bridge up\nifcfg-br0.10:1:8: br0.10: it would lie on itself (br0.10 -> br0 -> br0.10)\n"},
    };
    CHECK(cases);
}

/* By way of two bridges; a ring anywhere is an error, and what is left of the files has none. */
static void test_ring_of_two_bridges(void **state)
{
    (void)state;
    struct config_files files = {0};
    config_files_add(&files, "ifcfg-br0", "DEVICE=br0\nTYPE=Bridge");
    config_files_add(&files, "ifcfg-br1", "DEVICE=br1\nTYPE=Bridge");
    config_files_add(&files, "ifcfg-br0.1", "DEVICE=br0.1\nVLAN=yes\nBRIDGE=br1");
    config_files_add(&files, "ifcfg-br1.1", "DEVICE=br1.1\nVLAN=yes\nBRIDGE=br0");
    config_files_add(&files, "ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0");
    CLEANUP(freep) char *result = dump_network(&files, false);
    config_files_clear(&files);
    assert_non_null(strstr(result, "it would lie on itself ("));
    assert_non_null(strstr(result, "eth0 up master=br0"));
}

#define BOND "DEVICE=bond0\nTYPE=Bond\nBONDING_OPTS="

static void test_bond_options(void **state)
{
    (void)state;
    static const struct links_case cases[] = {
        ONE("DEVICE=bond0\nTYPE=Bond\n", "bond0 bond up\n"),
        ONE("DEVICE=bond0\nBONDING_MASTER=yes\n", "bond0 bond up\n"),
        ONE("DEVICE=bond0\nBONDING_OPTS=mode=1\n", "bond0 bond up bond_mode=active-backup\n"),
        ONE(BOND "'mode=active-backup miimon=100 updelay=200 downdelay=300 use_carrier=1 primary=eth0 primary_reselect=better "
                 "fail_over_mac=follow num_unsol_na=3 resend_igmp=2 all_slaves_active=1 min_links=1 xmit_hash_policy=2 lp_interval=2'",
            "bond0 bond up bond_mode=active-backup miimon=100 updelay=200 downdelay=300 use_carrier=yes primary=eth0 "
            "primary_reselect=better fail_over_mac=follow xmit_hash_policy=layer2+3 resend_igmp=2 num_peer_notify=3 "
            "all_slaves_active=yes min_links=1 lp_interval=2\n"),
        ONE(BOND "'mode=4 miimon=100 lacp_rate=1 ad_select=bandwidth ad_actor_sys_prio=1 ad_actor_system=52:54:00:00:00:01 "
                 "ad_user_port_key=1023 xmit_hash_policy=layer3+4'",
            "bond0 bond up bond_mode=802.3ad miimon=100 xmit_hash_policy=layer3+4 lacp_rate=fast ad_select=bandwidth "
            "ad_actor_sys_prio=1 ad_actor_system=52:54:00:00:00:01 ad_user_port_key=1023\n"),
        ONE(BOND "'mode=1 arp_interval=100 arp_ip_target=10.0.0.1,10.0.0.2 arp_validate=3 arp_all_targets=all'",
            "bond0 bond up bond_mode=active-backup arp_interval=100 arp_ip_target=10.0.0.1,10.0.0.2 arp_validate=all "
            "arp_all_targets=all\n"),
        ONE(BOND "'mode=balance-rr packets_per_slave=3'", "bond0 bond up bond_mode=balance-rr packets_per_slave=3\n"),
        ONE(BOND "'mode=5 miimon=100 tlb_dynamic_lb=0'", "bond0 bond up bond_mode=balance-tlb miimon=100 tlb_dynamic_lb=no\n"),
        ONE(BOND "'mode=7 miimon=x arp_ip_target=10.0.0.1,eth0 modee=1 active_slave=eth0 fast'",
            "d/ifcfg-x:3:14: BONDING_OPTS: mode wants balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb or "
            "balance-alb, not \"7\"\n"
            "d/ifcfg-x:3:14: BONDING_OPTS: miimon wants a number from 0 to 2147483647, not \"x\"\n"
            "d/ifcfg-x:3:14: BONDING_OPTS: arp_ip_target wants at most 16 IPv4 addresses like 10.0.0.1,10.0.0.2, not "
            "\"10.0.0.1,eth0\"\n"
            "d/ifcfg-x:3:14: warning: BONDING_OPTS: unknown option \"modee\" of a bond; did you mean mode?\n"
            "d/ifcfg-x:3:14: warning: BONDING_OPTS: active_slave is not supported yet, without effect\n"
            "d/ifcfg-x:3:14: BONDING_OPTS wants KEY=VALUE, not \"fast\"\n"),
        ONE(BOND "'mode=0 miimon=100 primary=eth0 lacp_rate=fast tlb_dynamic_lb=1 ad_user_port_key=2'",
            "bond0 bond up bond_mode=balance-rr miimon=100\n"
            "d/ifcfg-x:3:14: warning: BONDING_OPTS: primary has no effect in mode balance-rr\n"
            "d/ifcfg-x:3:14: warning: BONDING_OPTS: lacp_rate has no effect in mode balance-rr\n"
            "d/ifcfg-x:3:14: warning: BONDING_OPTS: ad_user_port_key has no effect in mode balance-rr\n"
            "d/ifcfg-x:3:14: warning: BONDING_OPTS: tlb_dynamic_lb has no effect in mode balance-rr\n"),
        ONE(BOND "'mode=1 miimon=100 updelay=250 arp_interval=100'",
            "d/ifcfg-x:3:14: BONDING_OPTS: miimon and arp_interval exclude each other: a bond looks at its links in one way\n"
            "d/ifcfg-x:3:14: warning: BONDING_OPTS: the kernel takes whole multiples of miimon only: updelay is 200 ms, not 250\n"),
        ONE(BOND "'mode=1 updelay=250'", "bond0 bond up bond_mode=active-backup\n"
                                         "d/ifcfg-x:3:14: warning: BONDING_OPTS: updelay has no effect without miimon\n"),
    };
    CHECK(cases);
}

static void test_slaves(void **state)
{
    (void)state;
#define SLAVE "DEVICE=eth0\nMASTER=bond0\nSLAVE=yes\n"
    static const struct links_case cases[] = {
        {{{"ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond"}, {"ifcfg-eth0", SLAVE "HWADDR=52:54:00:00:00:01"}},
         "bond0 bond up\neth0 up hwaddr=52:54:00:00:00:01 master=bond0 addresses=\n"},
        {{{"ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond"}, {"ifcfg-eth0", SLAVE "MACADDR=52:54:00:00:00:01\nIPADDR1=x\nGATEWAY=y"}},
         "bond0 bond up\neth0 up master=bond0 addresses=\n"
         "ifcfg-eth0:4:1: warning: MACADDR has no effect: the bond gives its slaves their MAC address\n"
         "ifcfg-eth0:5:1: warning: IPADDR1 is not used: the interface has no addresses of its own, it belongs to bond0\n"
         "ifcfg-eth0:6:1: warning: GATEWAY is not used: the interface has no addresses of its own, it belongs to bond0\n"},
        {{{"ifcfg-eth0", SLAVE}}, "ifcfg-eth0:2:8: MASTER=bond0: no file states this bond: write ifcfg-bond0 with TYPE=Bond\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nSLAVE=yes"}}, "ifcfg-eth0:2:1: SLAVE=yes, but of which bond? MASTER is missing\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nSLAVE=no\nMASTER=bond0"}}, "eth0 up\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nSLAVE=maybe\nMASTER=bond0"}}, "ifcfg-eth0:2:7: SLAVE wants yes or no, not \"maybe\"\n"},
        {{{"ifcfg-eth0", "DEVICE=eth0\nSLAVE=yes\nMASTER=a/b"}},
         "ifcfg-eth0:3:8: MASTER wants an interface's name; \"a/b\" contains '/'\n"},
        {{{"ifcfg-eth0", SLAVE "BRIDGE=br0"}, {"ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond"}},
         "bond0 bond up\nifcfg-eth0:2:1: MASTER and BRIDGE exclude each other: a slave is no bridge's port, but its bond can be\n"},
        {{{"ifcfg-eth0", SLAVE}, {"ifcfg-bond0", "DEVICE=bond0\nTYPE=Bridge"}},
         "bond0 bridge up\nifcfg-eth0:2:8: MASTER=bond0: ifcfg-bond0 is a bridge, not a bond\n"},
        /* as of the days of modprobe.conf */
        {{{"ifcfg-eth0", SLAVE}, {"ifcfg-bond0", "DEVICE=bond0\nIPADDR=10.0.0.1\nPREFIX=24"}},
         "bond0 bond up addresses=10.0.0.1/24\neth0 up master=bond0 addresses=\n"
         "ifcfg-eth0:2:8: warning: MASTER=bond0: ifcfg-bond0 does not say TYPE=Bond: it is taken for one, without options, because it "
         "has slaves\n"},
        {{{"ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond\nMASTER=bond0\nSLAVE=yes"}},
         "ifcfg-bond0:3:8: MASTER=bond0: an interface can't be its own slave\n"},
        {{{"ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond"}, {"ifcfg-bond1", "DEVICE=bond1\nTYPE=Bond\nMASTER=bond0\nSLAVE=yes"}},
         "bond0 bond up\nifcfg-bond1:3:8: MASTER=bond0: neither a bridge nor a bond can be a slave\n"},
        {{{"ifcfg-lo", "DEVICE=lo\nMASTER=bond0\nSLAVE=yes"}, {"ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond"}},
         "bond0 bond up\nifcfg-lo:2:8: MASTER=bond0: the loopback interface has no place in a bond\n"},
        {{{"ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond\nBRIDGE=br0"}, {"ifcfg-br0", "DEVICE=br0\nTYPE=Bridge"}},
         "bond0 bond up master=br0 addresses=\nbr0 bridge up\n"},
    };
    CHECK(cases);
}

/* Of single files: what another one may state is a warning. */
static void test_lone_files(void **state)
{
    (void)state;
    static const struct links_case cases[] = {
        {{{"ifcfg-eth0", SLAVE}},
         "eth0 up master=bond0 addresses=\n"
         "ifcfg-eth0:2:8: warning: MASTER=bond0: no file here states this bond: write ifcfg-bond0 with TYPE=Bond\n"},
    };
    check_cases(cases, ARRAY_SIZE(cases), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vlan_names),   cmocka_unit_test(test_vlan_options),        cmocka_unit_test(test_vlans_together),
        cmocka_unit_test(test_bond_options), cmocka_unit_test(test_ring_of_two_bridges), cmocka_unit_test(test_slaves),
        cmocka_unit_test(test_lone_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
