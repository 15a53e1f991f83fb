#!/usr/bin/env bash
# lab: quick, inside, 180 s: VLAN links
# VLANs in all three namings, with all their options: as the files say, changed live or made anew with all that lies on them, put back.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
join here eth1 peer eth1
ip link set eth0 down # no file names it: it is raised
on peer sh -c '
	for id in 10 20; do ip link add link eth0 name eth0.$id up type vlan id $id && ip address add 192.0.$id.2/24 dev eth0.$id; done'
file() { # NAME LINE...
	printf '%s\n' "${@:2}" >"$CONFIG/network/ifcfg-$1"
}
file eth0.10 DEVICE=eth0.10 VLAN=yes BOOTPROTO=none IPADDR=192.0.10.1 PREFIX=24 GATEWAY=192.0.10.254 REORDER_HDR=no GVRP=yes \
	VLAN_EGRESS_PRIORITY_MAP=0:1,6:7 VLAN_INGRESS_PRIORITY_MAP=1:6
file vlan20 DEVICE=vlan20 VLAN=yes PHYSDEV=eth0 IPADDR=192.0.20.1 NETMASK=255.255.255.0
file guests DEVICE=guests TYPE=Vlan PHYSDEV=eth1 VLAN_ID=30 VLAN_FLAGS=REORDER_HDR,LOOSE_BINDING BRIDGE=br30
file br30 DEVICE=br30 TYPE=Bridge STP=no DELAY=0
file guests.5 DEVICE=guests.5 VLAN=yes MTU=1400

link() { # NAME FILTER
	ip -j -d link show dev "$1" | jq -e ".[0] | $2"
}
daemon_start

check "eth0.10" link eth0.10 '.link == "eth0" and .linkinfo.info_data.id == 10 and .linkinfo.info_data.protocol == "802.1Q"
	and (.linkinfo.info_data.flags | index("GVRP") and (index("REORDER_HDR") | not)) and (.flags | index("UP")) and .ifalias == "made by trestle"'
check "its priorities" link eth0.10 '(.linkinfo.info_data.egress_qos | map([.from, .to]) | sort) == [[0, 1], [6, 7]]
	and (.linkinfo.info_data.ingress_qos | map([.from, .to])) == [[1, 6]]'
check "vlan20" link vlan20 '.link == "eth0" and .linkinfo.info_data.id == 20 and (.linkinfo.info_data.flags | index("REORDER_HDR"))'
check "guests" link guests '.link == "eth1" and .linkinfo.info_data.id == 30 and .master == "br30"
	and (.linkinfo.info_data.flags | index("REORDER_HDR") and index("LOOSE_BINDING"))'
check "a VLAN of a VLAN" link guests.5 '.link == "guests" and .linkinfo.info_data.id == 5 and .mtu == 1400'
check "eth0 was raised" link eth0 '.flags | index("UP")'
check "VLAN 10 reaches the peer" ping -c1 -W5 192.0.10.2
check "VLAN 20 does" ping -c1 -W5 192.0.20.2
check "there is nothing left to do" trestle plan
check "iface-list names id and parent" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json iface-list --all |
	jq -e '.[] | select(.name == \"vlan20\") | .kind == \"vlan\" and .parent == \"eth0\" and .vlan_id == 20'"

# --- live ---
index=$(link eth0.10 .ifindex)
sed -i -e s/REORDER_HDR=.*/REORDER_HDR=yes/ -e s/GVRP=.*/GVRP=no/ -e s/EGRESS_PRIORITY_MAP=.*/EGRESS_PRIORITY_MAP=6:3/ \
	"$CONFIG/network/ifcfg-eth0.10"
check "flags and priorities change" trestle apply
check "on the same link" link eth0.10 ".ifindex == $index"
check "they are so" link eth0.10 '(.linkinfo.info_data.flags | index("REORDER_HDR") and (index("GVRP") | not))
	and (.linkinfo.info_data.egress_qos | map([.from, .to])) == [[6, 3]]'

# --- made anew ---
file guests DEVICE=guests TYPE=Vlan PHYSDEV=eth0 VLAN_ID=31 BRIDGE=br30
output=$(trestle plan) || true
check "plan says what goes and comes: id and parent" grep -q 'delete vlan guests, to make it anew: parent eth1 → eth0, vlan_id 30 → 31' <<<"$output"
check "and what lies on it" grep -q 'delete vlan guests.5, to make it anew: with guests' <<<"$output"
check "apply" trestle apply
check "another id on another parent, in its bridge" link guests '.link == "eth0" and .linkinfo.info_data.id == 31 and .master == "br30"'
check "the VLAN of the VLAN is back" link guests.5 '.link == "guests" and .mtu == 1400 and (.flags | index("UP"))'
check "nothing else was touched" link eth0.10 ".ifindex == $index"
check "nothing is left to do then" trestle plan

# --- what can't be ---
ip link add link eth1 name foreign0 type vlan id 40
file vlan40 DEVICE=vlan40 VLAN=yes PHYSDEV=eth1
status=0
output=$(trestle apply 2>&1) || status=$?
check "an id that somebody has already: status 1" test "$status" -eq 1
check "which one: $output" grep -q 'vlan40: VLAN 40 of eth1 is foreign0 already, which no file names: remove that one (ip link delete foreign0)' <<<"$output"
check "nothing of it stays" not ip link show dev vlan40
rm "$CONFIG/network/ifcfg-vlan40"
ip link delete foreign0
file eth0.4096 DEVICE=eth0.4096 VLAN=yes
check "an id of 4096 is refused" not trestle apply
rm "$CONFIG/network/ifcfg-eth0.4096"

# --- somebody else ---
ip link set guests type vlan loose_binding on 2>/dev/null || true
ip link delete eth0.10
eventually "a VLAN that was deleted is made again, with its address" sh -c 'ip -j -4 address show dev eth0.10 | jq -e ".[0].addr_info | length == 1"'
eventually "and its route" sh -c 'ip -j route show default | jq -e "map(.dev) == [\"eth0.10\"]"'
eventually "the peer is reached" ping -c1 -W1 192.0.10.2
ip link set guests.5 mtu 1300
eventually "an MTU is put back" link guests.5 '.mtu == 1400'

rm "$CONFIG"/network/ifcfg-*
check "apply without files" trestle apply
check "no VLAN is left" sh -c 'ip -j link show type vlan | jq -e "map(.ifname // empty) == []"'
check "the NICs are" link eth0 true
daemon_stop
