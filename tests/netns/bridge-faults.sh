#!/usr/bin/env bash
# What goes wrong while a NIC goes into a bridge, or out of it, leaves the old state: a full disk, a step that the kernel refuses, a peer
# that unplugs. "The old state" is a comparison of kernel dumps and of the files.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 10.0.0.1/24 dev eth0
files=$CONFIG/network
mount -t tmpfs -o size=256k tmpfs "$files"
without_link_local() { grep -v '"fe80:\|"local":"fe80\|"dst":"ff00::/8"\|anycast\|multicast'; } # the kernel's own, at its own time
state() { kernel_state | without_link_local && (cd "$files" && grep . ifcfg-*); }
is_old() { same "$old" "$(state)"; }
refused() { # PATTERN COMMAND...
	local output
	if output=$("${@:2}" 2>&1); then
		echo "$output"
		return 1
	fi
	grep -qE -- "$1" <<<"$output" || { echo "$output"; return 1; }
}
fill() { dd if=/dev/zero of="$files/.full" bs=4k 2>/dev/null || true; }

printf '%s\n' DEVICE=eth0 IPADDR=10.0.0.2 PREFIX=24 GATEWAY=10.0.0.1 IPV6ADDR=2001:db8::2/64 ARPCHECK=no NOZEROCONF=yes \
	MACADDR=02:00:00:00:00:e0 >"$files/ifcfg-eth0"
daemon_start
old=$(state)

# --- the disk is full when the files are written ---
fill
check "into a bridge, the disk is full" refused 'No space left on device' trestle iface-bridge eth0 br0
rm "$files/.full"
check "the old state stands" is_old
check "into it" trestle iface-bridge eth0 br0
old=$(state)
fill
check "out of it, the disk is full" refused 'No space left on device' trestle iface-unbridge br0
rm "$files/.full"
check "the old state stands there, too" is_old
check "out of it" trestle iface-unbridge br0
old=$(state)

# --- the kernel refuses a step: who has the NIC's frames already ---
if ip link add name macvtap9 link eth0 type macvlan mode passthru 2>/dev/null; then
	old=$(state)
	check "a NIC that a macvlan has to itself" refused 'busy|old state stands|taken back|macvtap9' trestle iface-bridge eth0 br0
	check "the old state stands" is_old
	ip link delete macvtap9
fi

# --- the peer unplugs ---
old=$(state)
on peer ip link set eth0 down
no_carrier() { ip -j link show dev "$1" | jq -e '.[0].flags | index("LOWER_UP") == null'; }
eventually "the NIC has lost its carrier" no_carrier eth0
check "into a bridge without a carrier" trestle iface-bridge eth0 br0
check "out of it" trestle iface-unbridge br0
on peer ip link set eth0 up
eventually "the peer answers when it is plugged in again" ping -c1 -W1 10.0.0.1
check "out and in leave nothing" is_old
on peer sh -c 'while :; do ip link set eth0 down; ip link set eth0 up; done' &
flapping=$!
for _ in 1 2 3; do
	trestle iface-bridge eth0 br0 >/dev/null 2>&1 || check "a bridging that failed while the peer comes and goes left the old state" is_old
	if ip link show dev br0 >/dev/null 2>&1; then
		trestle iface-unbridge br0 >/dev/null 2>&1 || trestle iface-unbridge br0 >/dev/null
	fi
done
kill "$flapping"
wait "$flapping" 2>/dev/null || true
on peer ip link set eth0 up
eventually "the peer answers after it came and went" ping -c1 -W1 10.0.0.1
check "nothing is left of it" is_old

# --- the kernel refuses a step: a bridge has 1,023 ports ---
ip link add br9 type bridge
ip link set br9 up
seq 1 1023 | sed 's/.*/link add name p& type veth peer name q&\nlink set p& master br9/' | ip -batch -
old=$(state)
check "the 1,024th port" refused 'br9.*the old state stands|taken back' trestle iface-bridge eth0 br9
check "the old state stands" is_old
daemon_stop
