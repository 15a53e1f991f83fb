#!/usr/bin/env bash
# lab: quick, inside, 120 s: the lab's kernel
# What the lab promises to have is there and works, for trestle to be tested with: 802.1Q, bonds, VLAN-filtering bridges, policing,
# br_netfilter, the openvswitch module, KVM and vhost.
. "$(dirname "$0")/lib.sh"

host a
host b
join here to-a a eth0
join here to-b b eth0

# --- 802.1Q, over a bridge that filters ---
ip link add br0 up type bridge vlan_filtering 1 vlan_default_pvid 0 forward_delay 0
for port in to-a to-b; do ip link set $port master br0; done
tagged() { # VLAN HOST ADDRESS
	on "$2" ip link add link eth0 name "eth0.$1" up type vlan id "$1"
	on "$2" ip address add "$3" dev "eth0.$1"
}
tagged 10 a 192.0.2.1/24
tagged 10 b 192.0.2.2/24
check "a VLAN that no port is in passes nothing" not on a ping -c1 -W1 192.0.2.2
bridge vlan add dev to-a vid 10
check "nor one that only one port is in" not on a ping -c1 -W1 192.0.2.2
bridge vlan add dev to-b vid 10
eventually "one that both are in passes" on a ping -c1 -W1 192.0.2.2

# --- a bond ---
ip link add bond0 type bond mode active-backup miimon 10
for number in 1 2; do
	join here "bond-$number" a "leg-$number"
	ip link set "bond-$number" down
	ip link set "bond-$number" master bond0
done
ip link set bond0 up
ip address add 198.51.100.1/24 dev bond0
on a ip link add bond0 type bond mode active-backup miimon 10
for number in 1 2; do
	on a ip link set "leg-$number" down
	on a ip link set "leg-$number" master bond0
done
on a ip link set bond0 up
on a ip address add 198.51.100.2/24 dev bond0
eventually "a bond carries" ping -c1 -W1 198.51.100.2
on a ip link set leg-1 down
eventually "and goes over to its other leg" ping -c1 -W1 198.51.100.2

# --- the others ---
while read -r kind options; do
	# shellcheck disable=SC2086  # words
	check "a link of the kind $kind" ip link add name "x-$kind" type "$kind" $options
done <<-END
	dummy
	ifb
	vxlan id 7 dstport 4789
	geneve id 7 remote 192.0.2.9
	gretap local 192.0.2.8 remote 192.0.2.9
	vrf table 7
END
# What the kernel asks for itself when it is first used comes by its own call of modprobe: so that works, too.
ip link set to-b nomaster
tc qdisc add dev to-b ingress
check "a policer" tc filter add dev to-b parent ffff: protocol all prio 1 matchall action police rate 1mbit burst 64k drop
check "a shaper" tc qdisc add dev to-b root handle 1: htb default 1
load openvswitch br_netfilter nf_conntrack_bridge nft_meta_bridge
for module in 8021q bonding act_police sch_htb br_netfilter vhost_net openvswitch; do check "the module $module" test -e /sys/module/$module; done
check "the openvswitch module serves" grep -q ovs_datapath <<<"$(genl ctrl list)"
check "bridged packets can be sent to iptables" test -e /proc/sys/net/bridge/bridge-nf-call-iptables
check "nft rules of the bridge family" nft -f - <<-END
	table bridge x {
		chain forward { type filter hook forward priority 0; ct state new meta ibrname "br0" drop; }
	}
END
check "KVM" test -c /dev/kvm
check "vhost" test -c /dev/vhost-net
