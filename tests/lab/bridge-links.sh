#!/usr/bin/env bash
# lab: quick, inside, 240 s: iface-bridge of bonds and VLANs
# A bond and a VLAN go into bridges and out again: the addresses move, pings go on, the files follow, what makes the link what it is stays
# in its own, and a rollback brings it all back.
. "$(dirname "$0")/lib.sh"

exec </dev/null # on a terminal it would ask
load bonding 8021q
host switch
join here eth0 switch to-a
join here eth1 switch to-b
join here eth2 switch to-c
on switch sh -c '
	ip link add name sw0 up type bridge forward_delay 0 && ip link set to-a master sw0 && ip link set to-b master sw0
	ip address add 198.51.100.2/24 dev sw0
	ip link add link to-c name to-c.10 up type vlan id 10 && ip address add 192.0.2.2/24 dev to-c.10 && ip address add 2001:db8::2/64 dev to-c.10 nodad'
file() { # NAME LINE...
	printf '%s\n' "${@:2}" >"$CONFIG/network/ifcfg-$1"
}
file bond0 '# the uplink' DEVICE=bond0 TYPE=Bond BONDING_MASTER=yes 'BONDING_OPTS="mode=active-backup miimon=100 primary=eth0"' \
	IPADDR=198.51.100.1 PREFIX=24 ARPCHECK=no NOZEROCONF=yes GATEWAY=198.51.100.2
file eth0 DEVICE=eth0 MASTER=bond0 SLAVE=yes
file eth1 DEVICE=eth1 MASTER=bond0 SLAVE=yes
file eth2.10 DEVICE=eth2.10 VLAN=yes IPADDR=192.0.2.1 PREFIX=24 ARPCHECK=no NOZEROCONF=yes IPV6ADDR=2001:db8::1/64
daemon_start
texts() { (cd "$CONFIG/network" && grep . ./* | sort); }
# Without what the kernel counts, and the link-local addresses, which it makes when it likes, with what it makes of them.
state() { kernel_state | sed 's/"link_failure_count":[0-9]*,//' | grep -v '"fe80:\|"local":"fe80\|"dst":"ff00::/8"\|anycast\|multicast'; }
is_old() { same "$old" "$(state)"; }
on_bridge() { # LINK BRIDGE ADDRESS
	ip -j -d address show | jq -e --arg link "$1" --arg bridge "$2" --arg address "$3" 'map({key: .ifname, value: .}) | from_entries |
		.[$link].master == $bridge and (.[$bridge].addr_info | any(.local == $address))
		and (.[$link].addr_info | all(.family != "inet")) and .[$link].address == .[$bridge].address'
}
eventually "the far end of the bond answers" ping -c1 -W1 198.51.100.2
eventually "that of the VLAN, too" ping -c1 -W1 192.0.2.2
eventually "the addresses are usable" not sh -c "ip -6 address | grep -q tentative"
old=$(state) written=$(texts)

# --- the bond ---
pings_start switch 198.51.100.1
check "iface-bridge bond0 br0" trestle iface-bridge bond0 br0
check "the bridge has its address and its MAC" on_bridge bond0 br0 198.51.100.1
check "no ping was lost" same 0 "$(pings_lost)"
check "the bond's file keeps what makes it a bond" same "$(printf '%s\n' '# the uplink' DEVICE=bond0 TYPE=Bond BONDING_MASTER=yes \
	'BONDING_OPTS="mode=active-backup miimon=100 primary=eth0"' BRIDGE=br0)" "$(cat "$CONFIG/network/ifcfg-bond0")"
check "the bridge's has the address" grep -qx IPADDR=198.51.100.1 "$CONFIG/network/ifcfg-br0"
check "plan has nothing to do" trestle plan
ip link set eth0 down
eventually "the other slave carries the bridge" sh -c 'ip -j -d link show dev bond0 | jq -e ".[0].linkinfo.info_data.active_slave == \"eth1\"" && ping -c1 -W1 198.51.100.2'
ip link set eth0 up
eventually "the first one does again" sh -c 'ip -j -d link show dev bond0 | jq -e ".[0].linkinfo.info_data.active_slave == \"eth0\"" && ping -c1 -W1 198.51.100.2'
check "iface-unbridge br0" trestle iface-unbridge br0
check "the bond is as it was" is_old
check "so are the files" same "$written" "$(texts)"
check "plan has nothing to do then" trestle plan

# --- the VLAN ---
pings_start switch 192.0.2.1
check "iface-bridge eth2.10 br1" trestle iface-bridge eth2.10 br1
check "the bridge has its address and its MAC, too" on_bridge eth2.10 br1 192.0.2.1
check "and that of IPv6" on_bridge eth2.10 br1 2001:db8::1
check "nor over the VLAN" same 0 "$(pings_lost)"
check "the VLAN's file keeps what makes it a VLAN" same "$(printf '%s\n' DEVICE=eth2.10 VLAN=yes BRIDGE=br1)" "$(cat "$CONFIG/network/ifcfg-eth2.10")"
check "plan has nothing to do with it" trestle plan
check "iface-unbridge br1" trestle iface-unbridge br1
check "the VLAN is as it was" is_old
check "its file, too" same "$written" "$(texts)"

# --- both, and taken back ---
check "a transaction" trestle iface-begin
check "takes in the bond" trestle iface-bridge bond0 br0
check "and the VLAN" trestle iface-bridge eth2.10 br1
pings_start switch 198.51.100.1
check "iface-rollback" trestle iface-rollback
check "no ping was lost during that" same 0 "$(pings_lost)"
check "both are as they were" is_old
check "with their files" same "$written" "$(texts)"
check "plan is empty in the end" trestle plan
daemon_stop
