#!/usr/bin/env bash
# What the verbs of NICs refuse, warn of and make up: the host's side, with VMs that never run.
. "$(dirname "$0")/lib.sh"

printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' '[vm]' Memory=32M '[display]' VGA=none '[nic net0]' Bridge=br0 '[nic u0]' Type=user MAC=52:54:00:00:00:0a >"$CONFIG/vms/v1.vm"
daemon_start
trestle start v1 >/dev/null
trestle suspend v1 >/dev/null

refused() { # PATTERN COMMAND...
	local before output status=0
	before=$(cat "$CONFIG/vms/v1.vm"; trestle --json domiflist v1)
	output=$("${@:2}" 2>&1 >/dev/null) || status=$?
	check "refused: ${*:2}" same 1 "$status"
	check "  it says: ${output:0:200}" grep -Eq "$1" <<<"$output"
	check "  on one line" same 1 "$(wc -l <<<"$output")"
	check "  nothing was changed" same "$before" "$(cat "$CONFIG/vms/v1.vm"; trestle --json domiflist v1)"
}

# --- what only a port of a bridge can have ---
ip tuntap add tapx mode tap
mac=52:54:00:00:00:0a
for scope in --live --config; do
	refused 'v1: nic u1: Inbound=10 has no effect with Type=user: .*Type=bridge' \
		trestle attach-interface v1 user --alias u1 --inbound 10 $scope
	refused 'Isolated=yes has no effect with Type=user' trestle attach-interface v1 user --isolated $scope
	refused 'Outbound=10,20 has no effect with Type=ethernet' trestle attach-interface v1 ethernet tapx --outbound 10,20 $scope
	refused 'Trunk=5-6 has no effect with Type=ethernet' trestle attach-interface v1 ethernet tapx --trunk 5-6 $scope
	refused 'u0: VLAN=10 has no effect with Type=user' trestle update-interface v1 --mac "$mac" --vlan 10 $scope
	refused 'u0: Inbound=20 has no effect with Type=user' trestle domiftune v1 "$mac" --inbound 20 $scope
	check "that there is no limit can be said" trestle domiftune v1 "$mac" --inbound 0 $scope
done
daemon_stop
