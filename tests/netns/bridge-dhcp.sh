#!/usr/bin/env bash
# A NIC with a DHCP lease goes into a bridge, which has the lease from then on; and the lease goes back with the change. That is so wherever
# the daemon is killed, and at no time is the address on neither link.
. "$(dirname "$0")/lib.sh"

command -v dnsmasq >/dev/null || skip "dnsmasq is not here"
command -v dhcpcd >/dev/null || skip "dhcpcd is not here"
mount -t tmpfs tmpfs /var/lib/dhcpcd 2>/dev/null || mkdir -p /var/lib/dhcpcd

addresses() { ip -j -4 address show | jq -r --arg link "$1" '[.[] | select(.ifname == $link).addr_info[] | "\(.local)/\(.prefixlen)"] | join(" ")'; }
has_lease() { [[ $(addresses "$1") == 10.1.0.1[0-2][0-9]/24 ]]; }
one_client() { [[ $(ls "$RUN/dhcp/clients") == "$1" ]]; }
is_on() { # INTERFACE OTHER
	[[ $(addresses "$1") == "$lease" && -z $(addresses "$2") ]] &&
		ip -4 route show default | grep -q "via 10.1.0.1 dev $1 " && one_client "$1"
}
holds() { trestle --json status "$1" | jq -er '.interfaces[0].reason' | grep -q "DHCP lease of ${lease%/*}"; }

host server
join here eth0 server lan0
on server ip address add 10.1.0.1/24 dev lan0
ip netns exec server dnsmasq --conf-file=/dev/null --port=0 --keep-in-foreground --no-ping --log-dhcp --log-facility=- --pid-file= \
	--interface=lan0 --bind-interfaces --dhcp-authoritative --dhcp-leasefile=/run/leases --dhcp-range=10.1.0.100,10.1.0.120,120 \
	>/run/dnsmasq.log 2>&1 &
printf '%s\n' DEVICE=eth0 BOOTPROTO=dhcp ARPCHECK=no NOZEROCONF=yes >"$CONFIG/network/ifcfg-eth0"
daemon_start
eventually "a lease" has_lease eth0
lease=$(addresses eth0)
eventually "with its route" is_on eth0 br0

check "into a bridge, to be confirmed" trestle iface-bridge eth0 br0 --confirm 600
eventually "the bridge has the lease, and the one client" is_on br0 eth0
eventually "says status" holds br0
check "plan has nothing to do" trestle plan
check "rollback" trestle rollback
eventually "the NIC has it again" is_on eth0 br0
eventually "says status" holds eth0
check "plan has nothing to do after it" trestle plan

check "into a bridge, in a transaction" trestle iface-begin
check "it goes" trestle iface-bridge eth0 br0
eventually "the bridge has the lease" is_on br0 eth0
daemon_kill9
daemon_start
check "the next daemon leaves it there" is_on br0 eth0
check "and takes it back" trestle iface-rollback
eventually "the NIC has it, the bridge is gone" is_on eth0 br0
check "says status" holds eth0

mark=$(wc -l <"$DAEMON_LOG")
pings_start server "${lease%/*}"
check "into a bridge for good" trestle iface-bridge eth0 br0
eventually "the bridge has it" is_on br0 eth0
check "out of it" trestle iface-unbridge br0
eventually "the NIC has it" is_on eth0 br0
check "no ping was lost" same 0 "$(pings_lost)"
check "nor was the address taken away for want of a lease" not grep -q 'addresses: .*remove address 10.1' <(tail -n +"$mark" "$DAEMON_LOG")
check "the server gave no other address" same 1 "$(wc -l </run/leases)"

# --- the daemon dies before any single message ---
# What the kernel says of addresses: begun and ended by one that is nobody else's.
monitor_start() {
	ip -o monitor address >/run/addresses &
	monitor_pid=$!
	until grep -q 127.9.9.9 /run/addresses; do ip address replace 127.9.9.9/32 dev lo; done
}
monitor_end() {
	ip address delete 127.9.9.9/32 dev lo
	until grep -q 'Deleted.*127.9.9.9' /run/addresses; do sleep 0.01; done
	kill "$monitor_pid"
}
times_lost() { # LINK: that has the address in the beginning
	awk -v first="$1" -v address=" inet $lease " 'BEGIN { has[first] } index($0, address) {
		if ($1 == "Deleted") delete has[$3]; else has[$2]
		if (length(has) == 0) { print | "cat >&2"; lost++ }
	} END { print lost + 0 }' /run/addresses
}
is_settled() { is_on eth0 br0 || is_on br0 eth0; }
walk() { # NIC WAITING COMMAND...: where the lease is before, and whether something waits to be confirmed
	local n waits ends=0
	for ((n = 1; n < 100; n++)); do
		if [[ $2 == yes ]] && is_on eth0 br0; then quietly "${*:4}: something waits" trestle iface-bridge eth0 br0 --confirm 600; fi
		until is_on "$1" "$([[ $1 == eth0 ]] && echo br0 || echo eth0)"; do sleep 0.02; done
		crashes_at "$n" "${@:3}" || break
		daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
		waits=$(trestle --json status | jq .pending.name)
		[[ $waits == null ]] && until is_on eth0 br0; do sleep 0.02; done && ends=$((ends + 1))
		until is_settled; do sleep 0.02; done
		[[ $waits == null || $2 == yes ]] || quietly "${*:4}: back" trestle rollback
		quietly "${*:4}, killed before message $n: plan has nothing to do" trestle plan
	done
	check "${*:4}: all $((n - 1)) places, $ends times the old state" test "$ends" -gt 10 -a "$n" -lt 100
	daemon_kill9 # its hook counts on
	daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
}
daemon_stop
daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
eventually "with its route, once more" is_on eth0 br0
monitor_start
walk eth0 no trestle iface-bridge eth0 br0 --confirm 600
check "it waits" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json status | jq -e '.pending.name == \"iface-bridge eth0 br0\"'"
walk br0 yes trestle rollback
monitor_end
check "never was the address on neither link" same 0 "$(times_lost eth0)"
check "nor did the server give another one" same 1 "$(wc -l </run/leases)"
kill "$(cut -d' ' -f1 "$RUN/dhcp/clients/eth0/client")"
daemon_stop
