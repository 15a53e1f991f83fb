#!/usr/bin/env bash
# What scripts/bench-lab runs in the lab: guest, bridge, peer; a TCP stream from the guest, and request and response over TCP,
# asked by the peer, one after the other. Three VMs run side by side on one bridge, trestle's and two started by hand in the same
# way: how far those two are apart is what the figures can't tell. Each round measures all, in an order that turns round from one
# to the next. Prints each round, the medians and their ratios; ends with 3 when trestle's VM is more than 3 % behind.
. "$(dirname "$0")/lib.sh" "$@"
rounds=$1
figures=$LAB/figures # a line each, NAME KiB/s us; those of a lab that died count too
exchanges=100 size=16384 # of a round: requests, KiB of a stream; one of 2 MiB varies five times as much
export PATIENCE=10 # s of the lab, 10⁹ instructions each
limit=0.5 # s of the lab, for either: three times what it takes, and a minute where a guest stands still

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
by_hand() { # NAME NUMBER
	local key value kernel initrd append place=$RUN/vms/$1 number vhost=on
	local options=()
	while IFS='=' read -r key value; do declare "$key=$value"; done < <(TRESTLE_CACHE=$CACHE "$TOP/scripts/guest")
	mkdir -p "$place"
	for number in 2 3; do
		ip tuntap add "$1$number" mode tap vnet_hdr
		ip link set "$1$number" up master br0
		options+=(-netdev "tap,id=n$number,ifname=$1$number,script=no,downscript=no,vhost=$vhost"
			-device "virtio-net-pci,netdev=n$number,mac=52:54:00:00:00:$2$number")
		vhost=off
	done
	qemu-system-x86_64 -machine pc,accel=kvm -cpu host -m 128M -nodefaults -no-user-config -display none \
		-kernel "$kernel" -initrd "$initrd" -append "$append trestle.address=52:54:00:00:00:${2}2,192.0.2.${2}2/24" \
		-chardev "socket,id=c,path=$place/console.sock,server=on,wait=off,logfile=$place/console.log" -serial chardev:c 2>/dev/null \
		"${options[@]}" &
	guest_wait "$1" 'guest: ready' >/dev/null
	serve "$1"
}

# All that is asked of it later comes over its NICs: with a clock that counts, what comes by the emulated console can stop it.
serve() { # VM: it echoes lines, and sends a stream
	guest_run "$1" "nc -ll -p 7 -e cat </dev/null >/dev/null 2>&1 & nc -ll -p 8 -e dd if=/dev/zero bs=64k count=$((size / 64)) </dev/null >/dev/null 2>&1 &"
}

# --- measuring ---

declare -A addresses=([vhost]=192.0.2.10 [plain]=198.51.100.11 [hand]=192.0.2.22 [again]=192.0.2.32)
names=(vhost hand again plain)

stream() { # ADDRESS: KiB/s
	# shellcheck disable=SC2016  # for that shell
	ip netns exec peer timeout "$limit" bash -c '
		start=${EPOCHREALTIME/./}
		exec {guest}<>"/dev/tcp/$1/8"
		[[ $(wc -c <&"$guest") == "$(($2 * 1024))" ]] || exit
		echo "$(($2 * 1000000 / (${EPOCHREALTIME/./} - start)))"' bash "$1" "$size"
}

delay() { # ADDRESS: microseconds of one exchange
	# shellcheck disable=SC2016  # for that shell
	ip netns exec peer timeout "$limit" bash -c '
		exec {guest}<>"/dev/tcp/$1/7"
		for ((i = -5; i < $2; i++)); do
			((i)) || start=${EPOCHREALTIME/./}
			echo x >&"$guest" && read -r x <&"$guest" || exit
		done
		echo "$(((${EPOCHREALTIME/./} - start) / $2))"' bash "$1" "$exchanges"
}

measure() { # NAME: its stream and its exchanges
	stream=$(stream "${addresses[$1]}") || stands_still "$1: its stream"
	exchange=$(delay "${addresses[$1]}") || stands_still "$1: its exchanges"
}

stands_still() { # WHAT
	echo "  $1 came to no end"
	trap - EXIT # logs tell nothing of that
	exit 1
}

# --- the report ---

median() { # COLUMN NAME...: of the figures that these have there
	awk -v column="$1" -v names=" ${*:2} " 'index(names, " " $1 " ") { print $column }' "$figures" | sort -g |
		awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

ratio() { # DESCRIPTION COLUMN NAME NAME...: of the first one's median to that of the others, in $ratio
	ratio=$(awk -v a="$(median "$2" "$3")" -v b="$(median "$2" "${@:4}")" 'BEGIN { printf "%.3f", a / b }')
	printf '%-50s %s\n' "$1" "$ratio"
}

# By default the kernel's scheduler shares out by sessions: what is started here would have part of this script's share.
echo 0 >/proc/sys/kernel/sched_autogroup_enabled 2>/dev/null || true
by_trestle
by_hand hand 2
by_hand again 3
for name in "${names[@]}"; do measure "$name"; done # the first of everything is slow
touch "$figures"
for ((round = $(wc -l <"$figures") / ${#names[@]} + 1; round <= rounds; round++)); do
	printf 'round %d:' "$round"
	lines=
	for name in "${names[@]}"; do
		measure "$name"
		printf '  %s %s KiB/s %s us' "$name" "$stream" "$exchange"
		lines+="$name $stream $exchange"$'\n'
	done
	echo
	printf '%s' "$lines" >>"$figures"
	names=("${names[3]}" "${names[2]}" "${names[1]}" "${names[0]}")
done
trestle destroy c2 >/dev/null
daemon_stop
trap - EXIT # what follows is said of figures, not of logs

printf '\n%-50s %12s %14s\n' 'median' 'stream KiB/s' 'exchange us'
while IFS=: read -r name text; do
	printf '%-50s %12.0f %14.0f\n' "$text" "$(median 2 "$name")" "$(median 3 "$name")"
done <<END
vhost:trestle with vhost
plain:trestle without
hand:by hand, vhost
again:by hand once more
END
printf '\n%-50s %s\n' 'ratio' 'of the medians'
ratio 'stream: trestle / both by hand' 2 vhost hand again
stream=$ratio
ratio 'exchange: trestle / both by hand (less is better)' 3 vhost hand again
exchange=$ratio
ratio 'stream: by hand once more / by hand' 2 again hand
again=$ratio
ratio 'exchange: by hand once more / by hand' 3 again hand
ratio 'stream: vhost / without' 2 vhost plain
ratio 'exchange: vhost / without (less is better)' 3 vhost plain
awk -v again="$again" 'BEGIN { exit !(again < 0.97 || again > 1.03) }' &&
	echo "the two by hand are more than 3 % apart: of the stream this run can't tell" && stream=1
awk -v stream="$stream" -v exchange="$exchange" 'BEGIN { exit !(stream >= 0.97 && exchange <= 1.03) }' || {
	echo "trestle's VM is more than 3 % behind the ones by hand"
	exit 3
}
