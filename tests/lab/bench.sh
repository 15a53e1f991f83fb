#!/usr/bin/env bash
# What scripts/bench-lab runs in the lab: guest, bridge, peer; a TCP stream from the guest, and request and response over TCP,
# asked by the peer, one after the other. Two VMs run side by side on one bridge, trestle's and one started by hand; each round
# measures all, in an order that turns round from one to the next, so that what the machine does besides falls on all of them.
# Prints each round, the medians, and of the rounds' ratios the median and the quartiles.
. "$(dirname "$0")/lib.sh" "$@"
rounds=$1
exchanges=500 size=$((16 * 1024)) # of a round: requests, KiB of a stream

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.2/24 dev eth0
printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.1 PREFIX=24 ARPCHECK=no STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"

# --- the machines: all have the same guest, whose second NIC is reached by a route of its own ---

by_trestle() {
	vm c2 52:54:00:00:00:10,192.0.2.10/24 52:54:00:00:00:11,198.51.100.11/24 <<-END
		Accel=kvm
		[nic with]
		Bridge=br0
		MAC=52:54:00:00:00:10
		Vhost=on
		[nic without]
		Bridge=br0
		MAC=52:54:00:00:00:11
		Vhost=off
	END
	on peer ip address add 198.51.100.2/24 dev eth0
	daemon_start TRESTLE_ACCEL=kvm
	trestle start c2 >/dev/null 2>&1 || fail "trestle start c2"
	guest_wait c2 'guest: ready' >/dev/null
	serve c2
}

# The best that QEMU's manual has: KVM, the host's processor, virtio with vhost. A second NIC as trestle's guest has it.
by_hand() {
	local key value kernel initrd append place=$RUN/vms/hand number vhost=on
	local options=()
	while IFS='=' read -r key value; do declare "$key=$value"; done < <(TRESTLE_CACHE=$CACHE "$TOP/scripts/guest")
	mkdir -p "$place"
	for number in 2 3; do
		ip tuntap add hand$number mode tap vnet_hdr
		ip link set hand$number up master br0
		options+=(-netdev "tap,id=n$number,ifname=hand$number,script=no,downscript=no,vhost=$vhost"
			-device "virtio-net-pci,netdev=n$number,mac=52:54:00:00:00:2$number")
		vhost=off
	done
	qemu-system-x86_64 -machine pc,accel=kvm -cpu host -m 128M -nodefaults -no-user-config -display none \
		-kernel "$kernel" -initrd "$initrd" -append "$append trestle.address=52:54:00:00:00:22,192.0.2.22/24" \
		-chardev "socket,id=c,path=$place/console.sock,server=on,wait=off,logfile=$place/console.log" -serial chardev:c 2>/dev/null \
		"${options[@]}" &
	guest_wait hand 'guest: ready' >/dev/null
	serve hand
}

serve() { # VM: it echoes lines
	guest_run "$1" 'nc -ll -p 7 -e cat </dev/null >/dev/null 2>&1 &'
}

# --- measuring ---

# Where each is: its VM, its address, and the peer's for it.
declare -A machines=(
	[vhost]="c2 192.0.2.10 192.0.2.2"
	[plain]="c2 198.51.100.11 198.51.100.2"
	[hand]="hand 192.0.2.22 192.0.2.2"
)
declare -A streams delays # per machine, its rounds' figures
names=(vhost hand plain)

stream() { # VM PEER: KiB/s
	local receiver times
	ip netns exec peer socat -u TCP-LISTEN:5001,reuseaddr OPEN:/dev/null &
	receiver=$!
	eventually "the peer listens" sh -c "ip netns exec peer grep -q ':1389 ' /proc/net/tcp /proc/net/tcp6" >/dev/null
	times=$(guest_run "$1" "read a x </proc/uptime; dd if=/dev/zero bs=64k count=$((size / 64)) 2>/dev/null | nc $2 5001; read b x </proc/uptime; echo \$a \$b")
	wait "$receiver"
	awk -v size=$size '{ printf "%d", size / ($2 - $1) }' <<<"$times"
}

delay() { # ADDRESS: microseconds of one exchange
	# shellcheck disable=SC2016  # for that shell
	ip netns exec peer bash -c '
		exec {guest}<>"/dev/tcp/$1/7"
		for ((i = -20; i < $2; i++)); do
			((i)) || start=${EPOCHREALTIME/./}
			echo x >&"$guest" && read -r -t 60 x <&"$guest" || exit
		done
		echo "$(((${EPOCHREALTIME/./} - start) / $2))"' bash "$1" "$exchanges"
}

measure() { # NAME
	local name=$1 vm address peer
	read -r vm address peer <<<"${machines[$name]}"
	streams[$name]+=" $(stream "$vm" "$peer")"
	delays[$name]+=" $(delay "$address")"
	printf '  %s %s KiB/s %s us' "$name" "${streams[$name]##* }" "${delays[$name]##* }"
}

# --- the report ---

quartiles() { # NUMBER...: the first, the median, the third
	printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { printf "%s %s %s", at(0.25), at(0.5), at(0.75) }
		function at(part,  place, whole) { place = 1 + part * (NR - 1); whole = int(place)
			return v[whole] + (place - whole) * (v[whole < NR ? whole + 1 : whole] - v[whole]) }'
}

ratios() { # DESCRIPTION FIGURES FIGURES
	local a b i each=() first middle third
	read -ra a <<<"$2"
	read -ra b <<<"$3"
	for ((i = 0; i < ${#a[@]}; i++)); do each+=("$(awk -v a="${a[i]}" -v b="${b[i]}" 'BEGIN { printf "%.4f", a / b }')"); done
	read -r first middle third < <(quartiles "${each[@]}" && echo)
	printf '%-46s %.3f   (%.3f to %.3f)\n' "$1" "$middle" "$first" "$third"
}

# By default the kernel's scheduler shares out by sessions: what is started here would have part of this script's share.
echo 0 >/proc/sys/kernel/sched_autogroup_enabled 2>/dev/null || true
by_trestle
by_hand
for name in "${names[@]}"; do # the first of everything is slow
	measure "$name" >/dev/null
	streams[$name]='' delays[$name]=''
done
for ((round = 1; round <= rounds; round++)); do
	printf 'round %d:' "$round"
	for name in "${names[@]}"; do measure "$name"; done
	echo
	names=("${names[2]}" "${names[1]}" "${names[0]}")
done
trestle destroy c2 >/dev/null
daemon_stop

printf '\n%-46s %12s %14s\n' 'median' 'stream KiB/s' 'exchange us'
while IFS=: read -r name text; do
	# shellcheck disable=SC2086  # numbers
	printf '%-46s %12.0f %14.0f\n' "$text" "$(quartiles ${streams[$name]} | cut -d ' ' -f 2)" "$(quartiles ${delays[$name]} | cut -d ' ' -f 2)"
done <<END
vhost:trestle with vhost
plain:trestle without
hand:by hand, vhost
END
printf '\n%-46s %s\n' 'ratio of a round' 'median  (half of them are within)'
ratios 'stream: trestle / by hand' "${streams[vhost]}" "${streams[hand]}"
ratios 'exchange: trestle / by hand' "${delays[vhost]}" "${delays[hand]}"
ratios 'stream: vhost / without' "${streams[vhost]}" "${streams[plain]}"
ratios 'exchange: vhost / without (less is better)' "${delays[vhost]}" "${delays[plain]}"
