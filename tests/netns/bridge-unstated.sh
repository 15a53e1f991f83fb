#!/usr/bin/env bash
# What was set by hand on a NIC that goes into a bridge: without a file of its own all of it is written, so that it is there at the next boot;
# beside a file, and what a file can't say, it is named, one warning each.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.1/24 dev eth0
on peer ip address add 192.0.2.2/24 dev eth0
ip address add 192.0.2.10/24 dev eth0
ip address add 2001:db8::10/64 dev eth0 nodad
ip route add default via 192.0.2.1
ip route add 10.0.0.0/8 via 192.0.2.2 src 192.0.2.10 metric 50
ip route add 10.8.0.0/16 dev eth0 table 77 mtu 1400
ip route add 10.6.0.0/16 via 192.0.2.2 proto bird
ip route add 10.7.0.0/16 nexthop via 192.0.2.2 nexthop via 192.0.2.1
ip -6 route add 2001:db8:5::/48 via 2001:db8::2 metric 77
ip rule add iif eth0 table 77 priority 500
ip -6 rule add oif eth0 table 78 priority 501
files=$CONFIG/network
link_local() { ip -6 address show dev eth0 scope link | grep inet6 | grep -qv tentative; }
unstated() { grep -o 'no file states.*' /run/said; }
move() { trestle "$@" >/run/said 2>&1 || { cat /run/said; return 1; }; }
reboot() { # nothing of the kernel's is left, nor of the daemon's
	daemon_stop
	rm -rf "${STATE:?}"/*
	ip link delete br0
	ip link set eth0 down
	ip address flush dev eth0
	ip route flush table 77
	ip rule delete priority 500
	ip -6 rule delete priority 501
	daemon_start
}

eventually "the NIC is ready" link_local
daemon_start
old=$(kernel_state)
check "into a bridge" move iface-bridge eth0 br0
check "what no file can say is named, and nothing else" same \
	'no file states route 10.7.0.0/16 nexthop via 192.0.2.2 dev br0 nexthop via 192.0.2.1 dev br0: it is gone at the next boot; write it into route-br0' \
	"$(unstated)"
check "the files say the rest" trestle plan
check "out of it" move iface-unbridge br0
check "is as it was" same "$old" "$(kernel_state)"
check "its files say the same" trestle plan
check "the bridge's are gone" not sh -c "ls '$files' | grep br0"
check "into it for good" move iface-bridge eth0 br0
reboot
check "after a boot the bridge has the addresses" sh -c "ip -br address show br0 | grep -q '192.0.2.10/24.*2001:db8::10/64'"
check "and the default route" sh -c "ip route show default | grep -q 'via 192.0.2.1 dev br0'"
check "routes" sh -c "ip route show 10.0.0.0/8 | grep -q 'via 192.0.2.2 dev br0 .*src 192.0.2.10 metric 50'"
check "those of other tables" sh -c "ip route show table 77 | grep -q '10.8.0.0/16 dev br0 .*mtu 1400'"
check "those of IPv6" sh -c "ip -6 route show 2001:db8:5::/48 | grep -q 'via 2001:db8::2 dev br0 .*metric 77'"
check "and rules" sh -c "ip rule | grep -q '500:.*iif br0 lookup 77' && ip -6 rule | grep -q '501:.*oif br0 lookup 78'"

ip address add 192.0.2.11/24 dev br0
ip route add 10.5.0.0/16 via 192.0.2.2
ip rule add iif br0 table 79 priority 502
check "what was set by hand beside the files" move iface-unbridge br0
check "is named, one by one" same "$(printf 'no file states %s: it is gone at the next boot; write it into %s\n' \
	192.0.2.11/24 ifcfg-eth0 'route 10.5.0.0/16 via 192.0.2.2' route-eth0 'rule priority 502 from all iif eth0 lookup 79' rule-eth0)" "$(unstated)"
daemon_stop
