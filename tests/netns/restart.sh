#!/usr/bin/env bash
# The daemon stops, is killed, and starts again under running guests: they lose nothing, and everything goes on.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.2/24 dev eth0
printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.1 PREFIX=24 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
vm c2 52:54:00:00:00:11,192.0.2.11/24 52:54:00:00:00:12,192.0.2.12/24 <<END
[nic net0]
Bridge=br0
Model=virtio
MAC=52:54:00:00:00:11
END

daemon_start
check "start" trestle start c2
guest_wait c2 'guest: ready' >/dev/null
check "attach-interface" trestle attach-interface c2 bridge br0 --model e1000 --mac 52:54:00:00:00:12
guest_wait c2 'guest: eth1 52:54:00:00:00:12 up' >/dev/null
eventually "the guest answers" on peer ping -c1 -W1 192.0.2.11
pid=$(trestle --json list | jq '.[0].pid')
interfaces=$(trestle --json domiflist c2 | jq -S 'sort_by(.nic)')

pings_start peer 192.0.2.11

for end in daemon_stop daemon_kill9; do
	$end
	check "$end: QEMU runs on" kill -0 "$pid"
	daemon_start
	check "$end: the next daemon finds it" same "$pid" "$(trestle --json list | jq '.[0].pid')"
	check "$end: with the same NICs" same "$interfaces" "$(trestle --json domiflist c2 | jq -S 'sort_by(.nic)')"
	check "$end: and has the TAPs' descriptors" same "2" "$(find "/proc/$daemon_pid/fd" -lname /dev/net/tun | wc -l)"
	check "$end: the plan is empty" trestle plan
	check "$end: detach works" trestle detach-interface c2 bridge --mac 52:54:00:00:00:12
	check "$end: the TAP is gone" not ip link show dev c2-net1
	check "$end: attach works" trestle attach-interface c2 bridge br0 --model e1000 --mac 52:54:00:00:00:12
	guest_wait c2 'guest: eth1 52:54:00:00:00:12 up' >/dev/null
done
check "the guest lost no ping of ten a second while daemons came and went" same 0 "$(pings_lost)"

# While no daemon looks, the guest ejects nothing, but QEMU may end.
daemon_stop
kill -KILL "$pid"
daemon_start
check "a VM that died meanwhile is off" jq -e '.[0].state == "shut off"' <<<"$(trestle --json list --all)"
check "its TAPs died with it" not ip link show dev c2-net0
check "RUN_DIR was cleared of it" test ! -e "$RUN/vms/c2"

# --- QEMU dies under the daemon's eyes ---
check "it starts again" trestle start c2
kill -KILL "$(trestle --json list | jq '.[0].pid')"
eventually "a killed QEMU is noticed" jq -e '. == []' <(trestle --json list)
eventually "its TAP is closed" not ip link show dev c2-net0
check "the log says why" grep -q 'killed by signal 9' "$DAEMON_LOG"
daemon_stop
