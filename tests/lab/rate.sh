#!/usr/bin/env bash
# lab: quick, inside, 240 s: rate limits
# A guest's NIC is limited in both directions, and TCP keeps to that: not twice as much passes as was asked for, not half of it
# is lost, and without the limits it is more than ten times as much.
. "$(dirname "$0")/lib.sh"

inbound=128 outbound=32 # KiB/s: so low that any machine carries ten times that; so far apart that one is not taken for the other

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.2/24 dev eth0
printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
vm c2 52:54:00:00:00:11,192.0.2.11/24 <<END
[nic net0]
Bridge=br0
MAC=52:54:00:00:00:11
END
daemon_start TRESTLE_ACCEL=kvm
check "start" trestle start c2
guest_wait c2 'guest: ready' >/dev/null

# One TCP stream to the guest, or from it. The guest says how long it took: it has no process to start meanwhile.
stream() { # to|from KIB
	local receiver times command='nc 192.0.2.2 5001 >/dev/null' ends=("OPEN:/dev/zero,readbytes=$(($2 * 1024))" TCP-LISTEN:5001,reuseaddr)
	if [[ $1 == from ]]; then
		command="dd if=/dev/zero bs=32k count=$(($2 / 32)) 2>/dev/null | nc 192.0.2.2 5001"
		ends=(TCP-LISTEN:5001,reuseaddr OPEN:/dev/null)
	fi
	ip netns exec peer socat -u "${ends[@]}" &
	receiver=$!
	eventually "the peer listens" sh -c "ip netns exec peer grep -q ':1389 ' /proc/net/tcp /proc/net/tcp6" >/dev/null
	times=$(guest_run c2 "read a x </proc/uptime; $command; read b x </proc/uptime; echo \$a \$b")
	wait "$receiver"
	rate=$(awk -v kib="$2" '{ printf "%d", kib / ($2 - $1 + 0.01) }' <<<"$times")
	echo "$1 the guest: $rate KiB/s"
}
limited() { # KIB: rate is that, within a factor of two
	((rate > $1 / 2 && rate < $1 * 2))
}

stream to 4096
unlimited_to=$rate
stream from 4096
unlimited_from=$rate
check "domiftune" trestle domiftune c2 c2-net0 --inbound $inbound --outbound $outbound
stream to $((inbound * 4))
check "inbound keeps to $inbound KiB/s" limited $inbound
check "without a limit it is ten times that" test "$unlimited_to" -gt $((rate * 10))
# Its burst is a second's worth.
stream from $((outbound * 6))
check "outbound keeps to $outbound KiB/s" limited $outbound
check "without a limit it is ten times that" test "$unlimited_from" -gt $((rate * 10))
check "the other way round, live" trestle domiftune c2 c2-net0 --inbound $outbound --outbound $inbound
stream to $((outbound * 4))
check "inbound keeps to $outbound KiB/s" limited $outbound
stream from $((inbound * 6))
check "outbound keeps to $inbound KiB/s" limited $inbound
check "no limits" trestle domiftune c2 c2-net0 --inbound 0 --outbound 0
stream to 4096
check "inbound is free again" test "$rate" -gt $((inbound * 2))
stream from 4096
check "outbound is free again" test "$rate" -gt $((inbound * 2))
check "destroy" trestle destroy c2
daemon_stop
