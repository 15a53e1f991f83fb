#!/usr/bin/env bash
# A QEMU that falls silent in the middle of an attach: the attach fails when its time is over, nobody else waits meanwhile, and what was
# begun is taken back when QEMU answers again, or dies.
. "$(dirname "$0")/lib.sh"

printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
for vm in wakes dies other; do printf '%s\n' '[vm]' Memory=32M '[display]' VGA=none >"$CONFIG/vms/$vm.vm"; done

pid_of() { trestle --json list | jq -e ".[] | select(.name == \"$1\") | .pid"; }
nics() { trestle --json domiflist "$1" | jq -c 'map([.nic, .state])'; }
has_nics() { same "$2" "$(nics "$1")"; }
has_tap() { ip link show dev "$1"; }
fds_of() { find "/proc/$1/fd" -lname /dev/net/tun | wc -l; }

daemon_start
for vm in wakes dies other; do
	trestle start "$vm" >/dev/null
	trestle suspend "$vm" >/dev/null
done
declare -A attach pid
for vm in wakes dies; do
	pid[$vm]=$(pid_of "$vm")
	kill -STOP "${pid[$vm]}"
	trestle attach-interface "$vm" bridge br0 >"/run/$vm.said" 2>&1 &
	attach[$vm]=$!
	eventually "$vm: its attach is in the middle: its TAP is there" has_tap "$vm-net0"
done

check "another VM takes a NIC meanwhile" trestle attach-interface other bridge br0
check "and who asks is told the truth" has_nics wakes '[["net0","attaching"]]'
for vm in wakes dies; do check "$vm: its attach waits still" kill -0 "${attach[$vm]}"; done

for vm in wakes dies; do
	status=0
	wait "${attach[$vm]}" || status=$?
	check "$vm: its attach fails in the end" same 1 "$status"
	check "$vm: with the reason, in one line" same 1 "$(grep -c 'QEMU did not answer getfd within 30 s: what was begun is taken back when it answers' "/run/$vm.said")"
	check "$vm: domiflist says what is to come" has_nics "$vm" '[["net0","unplugging"]]'
	check "$vm: and dominfo why" grep -q "does not answer" <<<"$(trestle dominfo "$vm")"
done

kill -CONT "${pid[wakes]}"
eventually "wakes: nothing is left of the NIC" has_nics wakes '[]'
eventually "wakes: nor of its TAP" not has_tap wakes-net0
check "wakes: QEMU holds none" same 0 "$(fds_of "${pid[wakes]}")"
not_silent() { not grep -q "does not answer" <<<"$(trestle dominfo wakes)"; }
eventually "wakes: nor does anybody say that it is silent" not_silent
check "wakes: the next attach works, under the same name" trestle attach-interface wakes bridge br0 --target wakes-net0

kill -KILL "${pid[dies]}"
is_off() { [[ $(trestle domstate dies) == "shut off" ]]; }
eventually "dies: it is off" is_off
eventually "dies: its TAP is gone" not has_tap dies-net0
check "dies: it starts again" trestle start dies
check "dies: and takes a NIC of that name" trestle attach-interface dies bridge br0 --target dies-net0
check "nothing remains to be done" trestle plan
daemon_stop
