#!/usr/bin/env bash
# lab: quick, inside, 240 s: bonds, VLAN links
# The files of a CentOS host: two NICs in a bond, a VLAN on the bond, a bridge on the VLAN. What the scripts gave is there, options
# change live or by a bond made anew, a slave that loses its carrier is none, and what others change is put back.
. "$(dirname "$0")/lib.sh"

host switch
join here eth0 switch to-a
join here eth1 switch to-b
join here eth2 switch to-c
on switch sh -c '
	ip link add name sw0 type bridge forward_delay 0 && ip link set sw0 up
	for port in to-a to-b; do ip link set $port master sw0; done
	ip link add link sw0 name sw0.10 up type vlan id 10 && ip address add 192.0.2.2/24 dev sw0.10
	ip address add 198.51.100.2/24 dev sw0'
mac=$(ip -j link show dev eth0 | jq -r '.[0].address')
mac1=$(ip -j link show dev eth1 | jq -r '.[0].address')
ip link set eth0 up

file() { # NAME LINE...
	printf '%s\n' "${@:2}" >"$CONFIG/network/ifcfg-$1"
}
file bond0 DEVICE=bond0 NAME=bond0 TYPE=Bond BONDING_MASTER=yes BOOTPROTO=none ONBOOT=yes IPADDR=198.51.100.1 PREFIX=24 \
	'BONDING_OPTS="mode=active-backup miimon=100 updelay=200 primary=eth0 fail_over_mac=0 num_grat_arp=2"'
file eth0 DEVICE=eth0 TYPE=Ethernet ONBOOT=yes MASTER=bond0 SLAVE=yes BOOTPROTO=none "HWADDR=${mac^^}"
file second TYPE=Ethernet ONBOOT=yes MASTER=bond0 SLAVE=yes BOOTPROTO=none "HWADDR=${mac1^^}" # found by the MAC that it came with
file bond0.10 DEVICE=bond0.10 VLAN=yes ONBOOT=yes BOOTPROTO=none BRIDGE=br10 NM_CONTROLLED=no
file br10 DEVICE=br10 TYPE=Bridge ONBOOT=yes BOOTPROTO=none DELAY=0 STP=no IPADDR=192.0.2.1 NETMASK=255.255.255.0 GATEWAY=192.0.2.2

bond() { # FILTER: of bond0's options in the kernel
	ip -j -d link show dev bond0 | jq -e ".[0].linkinfo.info_data | $1"
}
link() { # NAME FILTER
	ip -j -d link show dev "$1" | jq -e ".[0] | $2"
}
slaves() { ip -j link show master bond0 | jq -c '[.[].ifname] | sort'; }
reached() { ping -c1 -W1 192.0.2.2; }
daemon_start

check "the bond's options" bond '.mode == "active-backup" and .miimon == 100 and .updelay == 200 and .primary == "eth0" and .num_peer_notif == 2'
check "the bond is up and carries trestle's mark" link bond0 '.operstate == "UP" and .ifalias == "made by trestle"'
check "its address" sh -c 'ip -j -4 address show dev bond0 | jq -e ".[0].addr_info | map(\"\(.local)/\(.prefixlen)\") == [\"198.51.100.1/24\"]"'
check "both NICs are its slaves" same '["eth0","eth1"]' "$(slaves)"
check "eth0 is the active one" bond '.active_slave == "eth0"'
check "all have the first slave's MAC" sh -c "ip -j link show | jq -e 'map(select(.ifname | test(\"bond0|br10|eth[01]\")) | .address) | unique == [\"$mac\"]'"
check "a slave has no addresses" sh -c 'ip -j address show | jq -e "map(select(.ifname == \"eth0\" or .ifname == \"eth1\") | .addr_info[]) == []"'
check "the VLAN: its id, the link below, headers reordered, in the bridge" link bond0.10 \
	'.link == "bond0" and .linkinfo.info_data.id == 10 and (.linkinfo.info_data.flags | index("REORDER_HDR")) and .master == "br10"'
check "the bridge" link br10 '.linkinfo.info_data.forward_delay == 0 and .linkinfo.info_data.stp_state == 0 and .operstate == "UP"'
check "the default route" sh -c 'ip -j route show default | jq -e "map([.gateway, .dev]) == [[\"192.0.2.2\", \"br10\"]]"'
check "the other end is reached through VLAN, bond and NIC" ping -c1 -W10 192.0.2.2
check "there is nothing left to do" trestle plan
state=$(kernel_state)
check "a second apply" trestle apply
check "it changed nothing" same "$state" "$(kernel_state)"
check "iface-list names kind, parent and master" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json iface-list --all | jq -e '
	map({key: .name, value: .}) | from_entries | (.[\"bond0.10\"] | .kind == \"vlan\" and .parent == \"bond0\" and .master == \"br10\" and .vlan_id == 10)
	and (.bond0.kind == \"bond\") and (.eth0.master == \"bond0\")'"

# --- carrier ---
on switch ip link set to-a down
eventually "without its carrier the primary slave is none any more" bond '.active_slave == "eth1"'
eventually "the other end is still reached" reached
check "that is nothing to repair" trestle plan
on switch ip link set to-a up
eventually "it comes back with its carrier" bond '.active_slave == "eth0"'

# --- options, live ---
options() { sed -i "s/^BONDING_OPTS=.*/BONDING_OPTS=\"$1\"/" "$CONFIG/network/ifcfg-bond0"; }
index=$(link bond0 .ifindex)
options 'mode=active-backup miimon=50 primary=eth1 primary_reselect=always'
check "miimon and the primary slave change" trestle apply
check "on the same bond" link bond0 ".ifindex == $index"
check "they are so" bond '.miimon == 50 and .primary == "eth1"'
eventually "the new primary slave is used" bond '.active_slave == "eth1"'
options 'mode=active-backup miimon=0 arp_interval=100 arp_ip_target=198.51.100.2,192.0.2.2 arp_validate=all'
check "from link state to ARP" trestle apply
check "the targets are those" bond '.arp_interval == 100 and .arp_ip_target == ["198.51.100.2", "192.0.2.2"] and .arp_validate == "all"'
check "still the same bond" link bond0 ".ifindex == $index"
check "nothing is left to do then" trestle plan

# --- a mode makes it anew, with all that lies on it ---
options 'mode=802.3ad miimon=100 lacp_rate=fast xmit_hash_policy=layer3+4 ad_select=count ad_actor_sys_prio=100 ad_user_port_key=5'
output=$(trestle plan) || true
check "plan says so" grep -q 'delete bond bond0, to make it anew: bond_mode active-backup → 802.3ad' <<<"$output"
check "and that the VLAN goes with it" grep -q 'delete vlan bond0.10, to make it anew: with bond0' <<<"$output"
check "apply" trestle apply
check "the mode and its options" bond '.mode == "802.3ad" and .ad_lacp_rate == "fast" and .xmit_hash_policy == "layer3+4" and .ad_select == "count" and .ad_actor_sys_prio == 100 and .ad_user_port_key == 5'
check "both slaves are back" same '["eth0","eth1"]' "$(slaves)"
check "the VLAN is back in its bridge" link bond0.10 '.link == "bond0" and .master == "br10"'
check "the address is back" sh -c 'ip -j -4 address show dev bond0 | jq -e ".[0].addr_info | length == 1"'
check "nothing is left to do after it" trestle plan
options 'mode=1 miimon=100 primary=eth0'
check "back by the mode's number" trestle apply
check "it is" bond '.mode == "active-backup" and .primary == "eth0"'
eventually "the other end is reached again" reached

# --- a step that fails takes all of it back ---
echo 1 >/proc/sys/net/ipv6/conf/eth2/disable_ipv6
file eth2 DEVICE=eth2 IPV6ADDR=2001:db8::1/64
options 'mode=balance-rr miimon=100'
repairs() { grep -cE 'repair (eth[01]|bond0|bond0\.10|br10): (create|delete|set|take|add address|add [a-z0-9.]+ to)' "$DAEMON_LOG" || true; }
before=$(repairs)
status=0
output=$(trestle apply 2>&1 >/dev/null) || status=$?
check "an address that the kernel refuses: status 1" test "$status" -eq 1
check "what was done was taken back: $output" grep -q 'taken back' <<<"$output"
check "all of it" not grep -q 'could not' <<<"$output"
check "the bond has its mode" bond '.mode == "active-backup" and .miimon == 100'
check "both slaves" same '["eth0","eth1"]' "$(slaves)"
check "its address" sh -c 'ip -j -4 address show dev bond0 | jq -e ".[0].addr_info | map(.local) == [\"198.51.100.1\"]"'
check "its VLAN, in the bridge" link bond0.10 '.link == "bond0" and .linkinfo.info_data.id == 10 and .master == "br10" and .ifalias == "made by trestle"'
check "nothing of it by repair" same "$before" "$(repairs)"
rm "$CONFIG/network/ifcfg-eth2"
options 'mode=1 miimon=100 primary=eth0'
check "with the old file there is nothing more to do than was" trestle apply
eventually "the other end is reached as before" reached

# --- somebody else ---
ip link set eth1 nomaster
eventually "a slave that was taken out is put back" bash -c '[[ $(ip -j link show dev eth1 | jq -r ".[0].master") == bond0 ]]'
check "and is up" link eth1 '.flags | index("UP")'
ip link set bond0 type bond miimon 77
eventually "an option that was changed is set back" bond '.miimon == 100'
ip link delete bond0
eventually "a bond that was deleted is made again" bond '.mode == "active-backup" and .primary == "eth0"'
eventually "with the VLAN, in its bridge" link bond0.10 '.link == "bond0" and .master == "br10"'
eventually "and its slaves" bash -c '[[ $(ip -j link show master bond0 | jq length) == 2 ]]'
eventually "then there is nothing to do" trestle plan
eventually "and the other end is reached" reached

# --- a failure takes it back ---
ip link add name foreign0 link bond0 type vlan id 99
options 'mode=balance-rr miimon=100'
status=0
output=$(trestle apply 2>&1) || status=$?
check "what would take a foreign link away is refused: status $status" test "$status" -eq 1
check "it says why: $output" grep -q 'bond0: would have to be made anew, but foreign0, which no file makes, lies on it' <<<"$output"
check "the bond is as it was" bond '.mode == "active-backup"'
ip link delete foreign0
options 'mode=active-backup miimon=100 primary=eth0'

# --- a slave is exchanged, then all goes ---
rm "$CONFIG/network/ifcfg-second"
file eth1 DEVICE=eth1 TYPE=Ethernet ONBOOT=yes BOOTPROTO=none IPADDR=203.0.113.1 PREFIX=24
file eth2 DEVICE=eth2 TYPE=Ethernet ONBOOT=yes BOOTPROTO=none MASTER=bond0 SLAVE=yes
on switch ip link set to-c master sw0
check "eth2 instead of eth1" trestle apply
check "the bond has it" same '["eth0","eth2"]' "$(slaves)"
check "eth1 is up with its own MAC and an address" link eth1 ".address == \"$mac1\" and (.flags | index(\"UP\"))"
eventually "the kernel and the files agree" trestle plan
rm "$CONFIG"/network/ifcfg-*
check "apply without files" trestle apply
check "bond, VLAN and bridge are gone" sh -c 'ip -j link show | jq -e "map(.ifname) | (index(\"bond0\") or index(\"bond0.10\") or index(\"br10\")) | not"'
check "the NICs have their own MACs" link eth0 ".address == \"$mac\""
daemon_stop
