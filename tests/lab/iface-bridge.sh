#!/usr/bin/env bash
# lab: quick, outside, 240 s: iface-bridge
# The lab's own virtio NIC, its default route and a TCP connection over it go into a bridge and out again; the far end is outside
# of the lab. No ping is lost on either way, the connection lives on, a guest on the bridge reaches the far end; and when a packet
# filter cuts the bridge off, all is taken back.

# --- inside ---

far=10.0.2.2 # it answers ARP and pings; and behind it 10.0.2.100 echoes

says() { # PATTERN COMMAND...
	local output
	output=$("${@:2}" 2>&1) || true
	grep -qE -- "$1" <<<"$output" || {
		echo "$output"
		return 1
	}
}

echoes() { # whether the connection still carries, and nothing but what was sent
	local sent=$RANDOM received
	echo "$sent" >&"$connection"
	read -r -t 60 -u "$connection" received && [[ $received == "$sent" ]]
}

addresses() { # LINK: its IPv4 addresses
	ip -j -4 address show dev "$1" | jq -r '.[0].addr_info[]? | "\(.local)/\(.prefixlen)"'
}

default_route() { ip -j route show default | jq -r '.[] | "\(.gateway) \(.dev)"'; }

inside() {
	# shellcheck source=tests/lab/lib.sh
	. "$(dirname "$0")/lib.sh" inside
	local mac
	exec </dev/null # on a terminal it would ask
	load virtio_net
	# From the machine's first namespace into that of this test.
	nsenter --net=/lab-proc/1/ns/net ip link set eth0 netns $$
	mac=$(ip -j link show dev eth0 | jq -r '.[0].address')
	printf '%s\n' DEVICE=eth0 IPADDR=10.0.2.15 PREFIX=24 GATEWAY=$far >"$CONFIG/network/ifcfg-eth0"
	vm c2 52:54:00:00:00:11,10.0.2.16/24 <<-END
		[nic net0]
		Bridge=br0
		MAC=52:54:00:00:00:11
	END
	daemon_start TRESTLE_ACCEL=kvm
	eventually "the far end answers" ping -c1 -W1 $far
	exec {connection}<>/dev/tcp/10.0.2.100/7
	check "the far end echoes" echoes
	pings_start here $far
	check "iface-bridge" says "gateway $far answers" trestle iface-bridge eth0 br0
	check "the connection lives on" echoes
	check "no ping was lost" same 0 "$(pings_lost)"
	check "the bridge has the address" same 10.0.2.15/24 "$(addresses br0)"
	check "the NIC has none" same '' "$(addresses eth0)"
	check "the default route is the bridge's" same "$far br0" "$(default_route)"
	check "the bridge has the NIC's MAC" same "$mac" "$(ip -j link show dev br0 | jq -r '.[0].address')"
	check "plan has nothing to do" trestle plan
	check "a guest on the bridge" trestle start c2
	guest_wait c2 'guest: ready' >/dev/null
	check "reaches the far end" guest_run c2 "ping -c1 -W20 $far"
	check "with a guest's NIC in it the bridge stays" says 'Multiple interfaces attached to bridge' trestle iface-unbridge br0
	check "destroy" trestle destroy c2
	pings_start here $far
	check "iface-unbridge" says 'Device eth0 un-attached from bridge br0' trestle iface-unbridge br0
	check "the connection lives on still" echoes
	check "no ping was lost on the way out" same 0 "$(pings_lost)"
	check "the NIC has its address again" same 10.0.2.15/24 "$(addresses eth0)"
	check "and the default route" same "$far eth0" "$(default_route)"
	check "the bridge is gone" not ip link show dev br0
	check "plan has nothing to do then" trestle plan

	load nft_meta_bridge
	nft -f - <<-END
		table bridge cut {
			chain input { type filter hook input priority 0; policy drop; }
		}
	END
	check "what is filtered to the bridge itself takes it back" says "rolled back: $far answered before, not after" trestle iface-bridge eth0 br0
	check "the connection outlives that, too" echoes
	check "the NIC has its address as before" same 10.0.2.15/24 "$(addresses eth0)"
	check "there is no bridge" not ip link show dev br0
	nft delete table bridge cut

	check "iface-bridge --confirm" trestle iface-bridge eth0 br0 --confirm 1
	eventually "nobody confirms: taken back" not ip link show dev br0
	check "the connection outlives even that" echoes
	eventually "the files are those of before" trestle plan
	daemon_stop
}

# --- outside ---

outside() {
	# shellcheck source=tests/lab/boot.sh
	. "$(dirname "$(readlink -f "$0")")/boot.sh"
	local share=${LAB_SHARE:?is where logs go: run scripts/lab test iface-bridge}
	trap lab_kill EXIT
	lab_prepare
	lab_share "$share"
	lab_command "$share" bash "$0" inside
	lab_start "$share" -netdev user,id=uplink,restrict=on,guestfwd=tcp:10.0.2.100:7-cmd:cat \
		-device virtio-net-pci,netdev=uplink,romfile= </dev/null
	lab_wait "$share" 200
}

set -euo pipefail
if [[ ${1:-} == inside ]]; then inside; else outside; fi
