#!/usr/bin/env bash
# What scripts/bench-lab runs in the lab: guest, bridge, peer; a TCP stream from the guest, and request and response (echoes, one
# after the other). Prints the median of each machine's rounds, and ratios.
. "$(dirname "$0")/lib.sh" "$@"
rounds=$1

host peer
for number in 0 1; do
	join here eth$number peer eth$number
	printf '%s\n' TYPE=Bridge DEVICE=br$number IPADDR=192.0.$number.1 PREFIX=24 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br$number"
	printf '%s\n' DEVICE=eth$number BRIDGE=br$number >"$CONFIG/network/ifcfg-eth$number"
	on peer ip address add 192.0.$number.2/24 dev eth$number
done
vm c2 52:54:00:00:00:10,192.0.0.11/24 52:54:00:00:00:11,192.0.1.11/24 <<END
Accel=kvm
[nic with]
Bridge=br0
MAC=52:54:00:00:00:10
Vhost=on
[nic without]
Bridge=br1
MAC=52:54:00:00:00:11
Vhost=off
END

declare -A streams rtts

measure() { # VM WHAT NETWORK
	local receiver times
	on peer socat -u "TCP-LISTEN:5001,reuseaddr" /dev/null &
	receiver=$!
	eventually "$2: the peer listens" sh -c "ip netns exec peer grep -q ':1389 ' /proc/net/tcp /proc/net/tcp6" >/dev/null
	# shellcheck disable=SC2016  # for the guest
	times=$(guest_run "$1" 'read a x </proc/uptime; dd if=/dev/zero bs=64k count=256 2>/dev/null | nc 192.0.'"$3"'.2 5001; read b x </proc/uptime; echo $a $b')
	wait "$receiver"
	streams[$2]+=" $(awk '{ printf "%.1f", 16 / ($2 - $1) }' <<<"$times")"
	rtts[$2]+=" $(on peer ping -q -f -c 2000 "192.0.$3.11" | sed -n 's|^rtt [^=]*= [^/]*/\([^/]*\)/.*|\1|p')"
	echo "$2: ${streams[$2]##* } MiB/s, ${rtts[$2]##* } ms"
}

by_trestle() {
	trestle start c2 >/dev/null 2>&1 || fail "trestle start c2"
	guest_rewind c2
	guest_wait c2 'guest: ready' >/dev/null
	measure c2 'trestle, vhost' 0
	measure c2 'trestle, no vhost' 1
	trestle destroy c2 >/dev/null 2>&1
}

by_hand() {
	local key value kernel initrd append qemu place=$RUN/vms/hand
	while IFS='=' read -r key value; do declare "$key=$value"; done < <(TRESTLE_CACHE=$CACHE "$TOP/scripts/guest")
	mkdir -p "$place"
	ip tuntap add hand mode tap vnet_hdr
	ip link set hand up master br0
	qemu-system-x86_64 -machine pc,accel=kvm -cpu host -m 128M -nodefaults -no-user-config -display none \
		-kernel "$kernel" -initrd "$initrd" -append "$append trestle.address=eth0,192.0.0.11/24" \
		-chardev "socket,id=c,path=$place/console.sock,server=on,wait=off,logfile=$place/console.log" -serial chardev:c 2>/dev/null \
		-netdev tap,id=n,ifname=hand,script=no,downscript=no,vhost=on \
		-device virtio-net-pci,netdev=n,mac=52:54:00:00:00:10 &
	qemu=$!
	guest_rewind hand
	guest_wait hand 'guest: ready' >/dev/null
	measure hand 'by hand, vhost' 0
	kill "$qemu"
	wait "$qemu" 2>/dev/null || true
	ip link delete hand
	rm -r "$place"
}

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

daemon_start TRESTLE_ACCEL=kvm
for ((round = 0; round < rounds; round++)); do
	by_trestle
	by_hand
done
daemon_stop

printf '\n%-20s %12s %14s\n' '' 'stream MiB/s' 'round trip ms'
declare -A stream rtt
for what in 'trestle, vhost' 'trestle, no vhost' 'by hand, vhost'; do
	# shellcheck disable=SC2086  # numbers
	stream[$what]=$(median ${streams[$what]}) rtt[$what]=$(median ${rtts[$what]})
	printf '%-20s %12s %14s\n' "$what" "${stream[$what]}" "${rtt[$what]}"
done
ratio() { # DESCRIPTION A B
	awk -v a="$2" -v b="$3" -v text="$1" 'BEGIN { printf "%-44s %.2f\n", text, a / b }'
}
ratio 'stream: vhost / without' "${stream[trestle, vhost]}" "${stream[trestle, no vhost]}"
ratio 'stream: trestle / by hand' "${stream[trestle, vhost]}" "${stream[by hand, vhost]}"
ratio 'round trip: vhost / without (less is better)' "${rtt[trestle, vhost]}" "${rtt[trestle, no vhost]}"
ratio 'round trip: trestle / by hand' "${rtt[trestle, vhost]}" "${rtt[by hand, vhost]}"
