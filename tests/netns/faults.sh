#!/usr/bin/env bash
# Each step of an attach meets what a host may lack: room on the bridge, descriptors, room on the disk of the VM's file and in RUN_DIR, the
# bridge itself. It says so in one line, all is undone, and the next attempt works.
. "$(dirname "$0")/lib.sh"

for bridge in br0 br1; do printf '%s\n' TYPE=Bridge DEVICE=$bridge STP=no DELAY=0 >"$CONFIG/network/ifcfg-$bridge"; done
mount -t tmpfs -o size=64k tmpfs "$CONFIG/vms"
mkdir "$RUN/vms"
mount -t tmpfs -o size=128k tmpfs "$RUN/vms"
printf '%s\n' '[vm]' Memory=32M '[display]' VGA=none '[nic net0] # the first' Bridge=br0 MAC=52:54:00:00:00:11 >"$CONFIG/vms/c2.vm"
mac=52:54:00:00:00:12

fill() { dd if=/dev/zero of="$1/full" bs=1k count=1024 2>/dev/null || true; } # DIRECTORY
free() { rm "$1/full"; }
attach() { trestle attach-interface c2 bridge br0 --mac $mac "$@"; }
detach() { trestle detach-interface c2 bridge --mac $mac "$@"; }
qemu() { trestle --json list | jq -e '.[] | select(.name == "c2") | .pid'; }

# Everything that a failed command could have left behind, in kernel, QEMU and files.
traces() {
	kernel_state
	find "/proc/$(qemu)/fd" "/proc/$daemon_pid/fd" -lname /dev/net/tun -printf '%l\n'
	trestle --json domiflist c2
	cat "$CONFIG/vms/c2.vm"
	find "$CONFIG/vms" "$RUN/vms/c2" | sort
}
settles() { same "$1" "$(traces)"; }

fails() { # PATTERN COMMAND...
	local before output status=0
	before=$(traces)
	output=$("${@:2}" 2>&1) || status=$?
	check "fails: ${*:2}" test "$status" -eq 1
	check "  it says why: ${output:0:160}" grep -Eq "$1" <<<"$output"
	check "  in one line" test "$(wc -l <<<"$output")" -eq 1
	eventually "  nothing is left behind" settles "$before"
}

daemon_start
check "start" trestle start c2

# --- the bridge is full: 1,023 ports, one of which is the VM's ---
seq 511 | sed 's/.*/link add p& master br0 type veth peer name q&\nlink set q& master br0/' | ip -batch -
fails 'br0.*1,?023' attach
ip link set q1 nomaster
# (a guest that never runs does not let go: that NIC stays until the reset)
check "then it works" attach
check "reset lets it go" trestle detach-interface c2 bridge --mac $mac --timeout 0 --force
seq 511 | sed 's/.*/link delete p&/' | ip -batch -

# --- no descriptors: one more each time, until there are enough ---
taps_gone() { not ip link show dev c2-net1; }
eventually "the TAP is gone" taps_gone
for ((free = 0; free < 4096; free++)); do [[ -e /proc/$daemon_pid/fd/$free ]] || break; done
failures=0
for ((limit = free + 1; limit < free + 40; limit++)); do # the first is the connection's
	before=$(traces)
	prlimit --pid "$daemon_pid" --nofile="$limit:4096"
	output=$(timeout 20 "$BUILD/trestle" -S "$RUN/trestle.sock" attach-interface c2 bridge br0 --mac $mac 2>&1) && break
	prlimit --pid "$daemon_pid" --nofile=4096:4096
	grep -q 'Too many open files' <<<"$output" || fail "with $limit descriptors: $output"
	settles "$before" >/dev/null || eventually "with $limit descriptors nothing is left behind" settles "$before"
	failures=$((failures + 1))
done
prlimit --pid "$daemon_pid" --nofile=4096:4096
check "with too few descriptors it failed $failures times, with more it works" test "$failures" -gt 0
check "  and back" detach --timeout 0 --force

# --- no room for the VM's file ---
fill "$CONFIG/vms"
fails 'c2.vm.*No space left on device' attach --config
fails 'c2.vm.*No space left on device' attach --persistent
fails 'c2.vm.*No space left on device' trestle update-interface c2 --mac 52:54:00:00:00:11 --source br1 --live --config
free "$CONFIG/vms"
check "then --config works" attach --config
check "  and back" detach --config

# --- no room for what must be known after a crash ---
fill "$RUN/vms"
fails 'No space left on device' attach
fails 'No space left on device' attach --persistent
fails 'No space left on device' trestle detach-interface c2 bridge --timeout 1
free "$RUN/vms"
check "then it works" attach
check "  and back" detach --timeout 0 --force

# --- the bridge goes in the middle: the attach ends, and the NIC follows its bridge ---
kill -STOP "$(qemu)"
attach >/run/said 2>&1 &
attaching=$!
on_bridge() { [[ $(ip -j link show dev c2-net1 | jq -r '.[0].master') == br0 ]]; }
eventually "the TAP is there" on_bridge
ip link delete br0
kill -CONT "$(qemu)"
wait "$attaching" || fail "the attach failed: $(cat /run/said)"
eventually "the bridge is back, and the TAP on it" on_bridge
eventually "nothing remains to be done" trestle plan
check "detach" detach --timeout 0 --force

# --- QEMU dies in the middle ---
pid=$(qemu)
kill -STOP "$pid"
attach >/run/said 2>&1 &
attaching=$!
eventually "the TAP is there" on_bridge
kill -KILL "$pid"
status=0
wait "$attaching" || status=$?
check "the attach fails" same 1 "$status"
check "  in one line that names QEMU: $(head -c 200 /run/said)" sh -c 'grep -q QEMU /run/said && ! grep -q "could not" /run/said && [ "$(wc -l </run/said)" = 1 ]'
eventually "no TAP is left" not ip link show dev c2-net1
eventually "nor the other" not ip link show dev c2-net0
check "start" trestle start c2
check "attach" attach
daemon_stop
