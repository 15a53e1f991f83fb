#!/usr/bin/env bash
# What the verbs of NICs refuse, warn of and make up: the host's side, with VMs that never run.
. "$(dirname "$0")/lib.sh"

printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' '[vm]' Memory=32M '[display]' VGA=none '[nic net0]' Bridge=br0 '[nic u0]' Type=user >"$CONFIG/vms/v1.vm"
daemon_start

mac_of() { trestle --json domiflist v1 | jq -r ".[] | select(.nic == \"$1\") | .mac"; }
uuid() { trestle --json dominfo v1 | jq -r .uuid; }
check "dominfo shows a UUID" grep -Eq '^UUID: +[0-9a-f-]{36}$' <<<"$(trestle dominfo v1)"
check "it is a valid one, of version 8" grep -Eqx '[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}' <<<"$(uuid)"
made_up="$(uuid) $(mac_of net0)"
check "a NIC without MAC= has one, too" grep -q ' 52:54:00:' <<<"$made_up"
daemon_stop
daemon_start
check "both stay" same "$made_up" "$(uuid) $(mac_of net0)"
trestle start v1 >/dev/null
check "both are those of the running VM" same "$made_up" "$(uuid) $(mac_of net0)"
check "QEMU has the UUID" grep -q "\"$(uuid)\"" <<<"$(trestle qemu-monitor-command v1 query-uuid)"
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
mac=$(mac_of u0)
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

# --- a MAC has one holder, also while that is on its way out ---
mac=52:54:00:00:00:0b
check "attach a NIC" trestle attach-interface v1 bridge br0 --mac $mac --alias leaving
check "its guest, which is paused, does not let go of it" not trestle detach-interface v1 bridge --mac $mac --timeout 0
refused "MAC $mac is that of vm v1 nic leaving, which is still unplugging: .*trestle reset v1" \
	trestle attach-interface v1 bridge br0 --mac $mac

# --- what QEMU's side refuses is told without the step that it showed in ---
refused '^trestle: attach-interface: vm v1 nic q: Queues=4: Model=e1000 has one; only virtio NICs have several$' \
	trestle attach-interface v1 bridge br0 --alias q --model e1000 --queues 4

# --- what will keep its packets from passing ---
warned() { # PATTERN COMMAND...
	local output
	output=$("${@:2}" 2>&1 >/dev/null) || fail "status $? of: ${*:2}: $output"
	check "warned: ${*:2}: ${output:0:150}" grep -Eq "^trestle: attach-interface: warning: $1" <<<"$output"
}
silent() { # COMMAND...
	local output
	output=$("$@" 2>&1 >/dev/null)
	check "no warning: $*" not grep -q warning: <<<"$output"
}
warned "tapx: is down, .*'ip link set tapx up'" trestle attach-interface v1 ethernet tapx --alias x
ip tuntap add tapy mode tap
ip link set tapy up
silent trestle attach-interface v1 ethernet tapy
warned '.*MTU 9000 is more than the 1500 of br0.*ifcfg-br0' trestle attach-interface v1 bridge br0 --mtu 9000
silent trestle attach-interface v1 bridge br0 --mtu 1400

# --- a NIC of the file is addressed by the MAC that nobody wrote down ---
before=$(cat "$CONFIG/vms/v1.vm")
check "of a VM that is off it can be changed by it" trestle update-interface v1 --mac "$(mac_of net0)" --config --link down
check "which writes the change alone" same "$before" "$(sed '/^Link=down$/d' "$CONFIG/vms/v1.vm")"
trestle destroy v1 >/dev/null
check "and it can be taken out by it" trestle detach-interface v1 bridge --mac "$(mac_of net0)" --config
check "from the file" not grep -q net0 "$CONFIG/vms/v1.vm"
daemon_stop
