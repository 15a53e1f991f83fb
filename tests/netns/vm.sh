#!/usr/bin/env bash
# A VM file becomes a running guest on a bridge; NICs come and go while it runs; its power states; its end.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.2/24 dev eth0
printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.1 PREFIX=24 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
vm c2 52:54:00:00:00:11,192.0.2.11/24 52:54:00:00:00:12,192.0.2.12/24 <<END
Autostart=yes
[nic net0]
Bridge=br0
Model=e1000
MAC=52:54:00:00:00:11
END

interfaces() { trestle --json domiflist c2; }

daemon_start
guest_wait c2 'guest: ready' >/dev/null
check "Autostart started it" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json list | jq -e '.[0] | .name == \"c2\" and .state == \"running\" and .pid > 0'"
check "the peer pings the guest over the bridge" on peer ping -c3 -i0.2 -W5 192.0.2.11
check "its TAP is a port of the bridge" sh -c 'ip -j link show dev c2-net0 | jq -e ".[0].master == \"br0\""'
check "QEMU has no privileges" sh -c "! grep -q '^CapEff:.*[1-9a-f]' /proc/\$('$BUILD/trestle' -S '$RUN/trestle.sock' --json list | jq '.[0].pid')/status"
bridge_mac=$(ip -j link show dev br0 | jq -r '.[0].address')

# --- a NIC is plugged and taken out ---
for model in virtio rtl8139 e1000; do
	check "attach-interface, $model" trestle attach-interface c2 bridge br0 --model "$model" --mac 52:54:00:00:00:12
	guest_wait c2 'guest: eth1 52:54:00:00:00:12 up' >/dev/null
	check "the peer pings the new NIC" on peer ping -c3 -i0.2 -W5 192.0.2.12
	check "domiflist has it" jq -e --arg model "$model" \
		'map(select(.mac == "52:54:00:00:00:12")) | length == 1 and (.[0] | .nic == "net1" and .interface == "c2-net1" and .type == "bridge"
			and .source == "br0" and .model == $model and .live == true and .config == false and .link == "up" and .queues == 1)' \
		<<<"$(interfaces)"
	check "the bridge's MAC did not change" same "$bridge_mac" "$(ip -j link show dev br0 | jq -r '.[0].address')"
	check "detach-interface" trestle detach-interface c2 bridge --mac 52:54:00:00:00:12
	check "it is gone from domiflist" jq -e 'map(.nic) == ["net0"]' <<<"$(interfaces)"
	check "it is gone from the kernel" not ip link show dev c2-net1
	guest_wait c2 'guest: eth1 gone' >/dev/null
	check "it is gone from QEMU" not sh -c "ls -l /proc/\$('$BUILD/trestle' -S '$RUN/trestle.sock' --json list | jq '.[0].pid')/fd | grep -c net/tun | grep -qv '^1\$'"
done

# --- what cannot be is refused, and leaves nothing behind ---
refused() { # PATTERN ARGUMENT...
	local before output status=0
	before=$(kernel_state)
	output=$(trestle "${@:2}" 2>&1) || status=$?
	check "refused: ${*:2}" test "$status" -eq 1
	check "with the reason, on one line" sh -c 'printf "%s\n" "$1" | grep -Eq "$2" && [ "$(printf "%s\n" "$1" | wc -l)" -eq 1 ]' - "$output" "$1"
	check "nothing was left behind" same "$before" "$(kernel_state)"
}
refused 'br7.*no such' attach-interface c2 bridge br7
refused 'eth0.*no bridge' attach-interface c2 bridge eth0
refused 'c9.*no such VM' attach-interface c9 bridge br0
refused '52:54:00:00:00:11.*net0' attach-interface c2 bridge br0 --mac 52:54:00:00:00:11
refused 'longer than 15' attach-interface c2 bridge br0 --target a-very-long-name-for-a-tap
refused 'exists' attach-interface c2 bridge br0 --target eth0
refused "No support for xyz in command 'attach-interface'" attach-interface c2 xyz br0
[[ -e /dev/vhost-net ]] || refused 'vhost' attach-interface c2 bridge br0 --model virtio --vhost on
refused 'No interface.*52:54:00:00:00:99' detach-interface c2 bridge --mac 52:54:00:00:00:99
refused 'already running' start c2

# --- a guest that does not answer ---
check "suspend" trestle suspend c2
check "domstate says paused" same paused "$(trestle domstate c2 | head -n1)"
check "attach to a paused VM" trestle attach-interface c2 bridge br0 --model e1000 --mac 52:54:00:00:00:12
refused 'did not let go.*reset' detach-interface c2 bridge --mac 52:54:00:00:00:12 --timeout 1
check "it is listed still, as unplugging" jq -e 'map(select(.nic == "net1")) | .[0].state == "unplugging"' <<<"$(interfaces)"
check "resume" trestle resume c2
eventually "the removal completes by itself" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json domiflist c2 | jq -e 'map(.nic) == [\"net0\"]'"
eventually "and the TAP is gone" not ip link show dev c2-net1
check "the guest answers still" on peer ping -c1 -W5 192.0.2.11

# --- its end ---
check "shutdown presses the power button" trestle shutdown c2
guest_wait c2 'guest: power button' >/dev/null || true
eventually "the guest powers off" sh -c "[ \"\$('$BUILD/trestle' -S '$RUN/trestle.sock' domstate c2 | head -n1)\" = 'shut off' ]"
eventually "its TAP goes with it" not ip link show dev c2-net0
check "start" trestle start c2
guest_rewind c2
guest_wait c2 'guest: ready' >/dev/null
check "reset" trestle reset c2
guest_wait c2 'guest: ready' >/dev/null
check "destroy" trestle destroy c2
check "nothing of it is left in the kernel" not ip link show dev c2-net0
check "nor in RUN_DIR" test ! -e "$RUN/vms/c2"
check "it is listed as shut off" jq -e '.[0].state == "shut off"' <<<"$(trestle --json list --all)"
check "start once more" trestle start c2
check "undefine while it runs" trestle undefine c2
check "destroy forgets it" trestle destroy c2
check "it is listed no more" jq -e '. == []' <<<"$(trestle --json list --all)"
daemon_stop
