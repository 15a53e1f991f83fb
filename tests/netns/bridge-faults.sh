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

# --- the kernel refuses a step: a bridge has 1,023 ports ---
ip link add br9 type bridge
ip link set br9 up
seq 1 1023 | sed 's/.*/link add name p& type veth peer name q&\nlink set p& master br9/' | ip -batch -
old=$(state)
check "the 1,024th port" refused 'br9.*the old state stands|taken back' trestle iface-bridge eth0 br9
check "the old state stands" is_old
daemon_stop
