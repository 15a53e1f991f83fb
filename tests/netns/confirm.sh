#!/usr/bin/env bash
# A change of the host's network comes back by itself unless somebody confirms it: also when the daemon is killed, when the machine
# reboots, and when the daemon is killed before any single message of the change. "Comes back" is a comparison of kernel dumps.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
join here eth1 peer eth1
on peer ip address add 192.0.2.2/24 dev eth0
br0=$CONFIG/network/ifcfg-br0 eth0=$CONFIG/network/ifcfg-eth0 eth1=$CONFIG/network/ifcfg-eth1

# A NIC with an address, a route and a bridge beside it; and what it is to become: other addresses, a port of the bridge.
write_old() {
	printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 IPADDR=198.51.100.1 PREFIX=24 NOZEROCONF=yes ARPCHECK=no >"$br0"
	printf '%s\n' DEVICE=eth0 IPADDR=192.0.2.1 PREFIX=24 NOZEROCONF=yes ARPCHECK=no GATEWAY=192.0.2.254 MTU=1400 >"$eth0"
	printf '%s\n' DEVICE=eth1 BRIDGE=br0 >"$eth1"
	printf '%s\n' TYPE=Bridge DEVICE=br2 MACADDR=02:00:00:00:00:b2 MTU=1400 IPADDR=198.51.100.129 PREFIX=25 ARPCHECK=no >"$CONFIG/network/ifcfg-br2"
	rm -f "$CONFIG/network/ifcfg-br1"
}
# What somebody else hung on what is ours goes with an apply, and is back after a rollback.
add_foreign() {
	ip address replace 192.0.2.77/32 dev eth0
	ip address replace 198.51.100.200/32 dev br2 valid_lft 7000 preferred_lft 6000
	ip route replace 198.18.0.0/15 via 198.51.100.130 metric 77 proto static mtu 1200
	ip link set port2 master br2
}
write_new() {
	rm -f "$CONFIG/network/ifcfg-br2"
	printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=2 IPADDR=192.0.2.1 PREFIX=24 NOZEROCONF=yes ARPCHECK=no GATEWAY=192.0.2.253 >"$br0"
	printf '%s\n' DEVICE=eth0 BRIDGE=br0 MTU=1450 >"$eth0"
	printf '%s\n' DEVICE=eth1 IPADDR=203.0.113.1 PREFIX=24 NOZEROCONF=yes ARPCHECK=no >"$eth1"
	printf '%s\n' TYPE=Bridge DEVICE=br1 MACADDR=02:00:00:00:00:b1 IPADDR=203.0.113.129 PREFIX=25 NOZEROCONF=yes ARPCHECK=no >"$CONFIG/network/ifcfg-br1"
}
# IPv6 link-local addresses are the kernel's own business; it makes them when it likes, and with the routes that belong to them.
# The metric of the route to 169.254.0.0/16 is 1000 and the link's index, which a bridge that is made again has a new one of.
state() { kernel_state | sed '/169\.254\.0\.0/s/"metric":[0-9]*/"metric":"index"/' | grep -v '"fe80:\|"local":"fe80\|"dst":"ff00::/8"\|anycast\|multicast'; }
is_old() { same "$old" "$(state)"; }
is_new() { same "$new" "$(state)"; }
nothing_pends() { trestle --json status | jq -e '.pending == null' && [[ ! -e $STATE/change.json && ! -e $STATE/change.committed ]]; }
pends() { trestle --json status | jq -e ".pending.name == \"$1\""; }

ip link add foreign0 type bridge
ip link add port2 mtu 1400 type veth peer name port3
write_old
daemon_start
check "the old state needs nothing" trestle plan
old=$(state)
write_new
check "the new state" trestle apply
new=$(state)
write_old
check "apply the old files" trestle apply
check "apply(new), apply(old) gives what was before" is_old
add_foreign
old=$(state)

# --- confirmed ---
write_new
check "apply --confirm returns at once" trestle apply --confirm 600
check "the new state is there" is_new
check "it waits" pends apply
check "status says so" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' status | grep -q 'waits to be confirmed: apply'"
check "another apply is refused" not trestle apply
check "and named" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' apply 2>&1 | grep -q \"'apply' waits to be confirmed\""
check "confirm" trestle confirm
check "nothing waits any more" nothing_pends
check "the new state stays" is_new
check "a second confirm is refused" not trestle confirm
check "so is a rollback" not trestle rollback
daemon_stop
daemon_start
check "also over a restart" is_new
write_old
check "apply the old files again" trestle apply
add_foreign
check "the old state is back" is_old

# --- taken back ---
write_new
check "apply --confirm, for a rollback" trestle apply --confirm 600
check "rollback" trestle rollback
check "rollback brings the old state back" is_old
check "nothing waits after it" nothing_pends
check "the files differ still, and plan says so" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' plan; [ \$? -eq 2 ]"
check "status says why" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' status | grep -q 'nobody confirmed the last apply'"
check "apply --confirm 1" trestle apply --confirm 1
eventually "its time passes" nothing_pends
check "the deadline brings the old state back" is_old

# --- the daemon dies while it waits ---
check "apply --confirm, for a kill" trestle apply --confirm 600
daemon_kill9
daemon_start
check "the next daemon goes on waiting" pends apply
check "in the new state" is_new
daemon_stop
daemon_start
check "so does one after a stop" pends apply
check "its rollback brings the old state back" trestle rollback
check "the old state is back, three daemons later" is_old
check "apply --confirm 2, for a deadline without a daemon" trestle apply --confirm 2
daemon_kill9
daemon_start
eventually "a deadline that passed meanwhile" nothing_pends
check "brings the old state back" is_old

# --- the machine reboots while it waits ---
reboot() { # the kernel forgets, RUN_DIR is empty, the boot has another id
	daemon_kill9
	ip link delete br0 2>/dev/null || true
	ip link delete br1 2>/dev/null || true
	ip link delete br2 2>/dev/null || true
	ip address flush dev eth0
	ip address flush dev eth1
	ip link set eth0 nomaster mtu 1500 down
	ip link set eth1 nomaster down
	rm -rf "${RUN:?}"/*
	cat /proc/sys/kernel/random/uuid >"$STATE/../boot_id"
	mount --bind "$STATE/../boot_id" /proc/sys/kernel/random/boot_id
	daemon_start
	add_foreign
}
without_macs() { sed 's/"address":"[0-9a-f:]*",//' <<<"$1"; } # a bridge that is made anew has a MAC of its own until its ports come
check "apply --confirm, for a reboot" trestle apply --confirm 600
reboot
check "nothing waits after a reboot" nothing_pends
check "the reboot took it back" same "$(without_macs "$old")" "$(without_macs "$(state)")"
reboot
check "at the next boot the applied copy counts still" same "$(without_macs "$old")" "$(without_macs "$(state)")"
check "an apply makes an end of that" trestle apply
check "status has nothing more to say" not sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' status | grep -q 'nobody confirmed'"
write_old
check "the old files once more" trestle apply
old=$(state)

# --- transactions ---
check "iface-begin" trestle iface-begin
check "a second one is refused" not trestle iface-begin
check "so is an apply" not trestle apply
printf '%s\n' TYPE=Bridge DEVICE=br9 >"$CONFIG/network/ifcfg-br9"
echo '# edited' >>"$eth0"
daemon_kill9
daemon_start
check "a transaction outlives the daemon" pends iface-begin
check "iface-rollback" trestle iface-rollback
check "a file that came in between is gone" not test -e "$CONFIG/network/ifcfg-br9"
check "an edit is taken back" not grep -q edited "$eth0"
check "a second iface-rollback is refused" not trestle iface-rollback
check "in virsh's words" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' iface-rollback 2>&1 | grep -q 'no transaction running, nothing to rollback'"
check "iface-begin again" trestle iface-begin
printf '%s\n' TYPE=Bridge DEVICE=br9 >"$CONFIG/network/ifcfg-br9"
check "iface-commit" trestle iface-commit
check "a file that came in between stays" test -e "$CONFIG/network/ifcfg-br9"
rm "$CONFIG/network/ifcfg-br9"

# --- the daemon dies before any single message ---
daemon_stop
daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
# The peer takes others for the host's addresses, of which those of eth0 are announced.
knows() { same "$2" "$(on peer ip -j neighbour show "$1" | jq -r '.[].lladdr')"; } # ADDRESS MAC
write_old
echo ARPUPDATE=no >>"$br0"
check "the old state, with something that is not announced" trestle apply
write_new
crashes_at 8 trestle apply || fail "an apply has no message 8"
on peer ip neighbour replace 192.0.2.1 lladdr 02:00:00:00:00:99 dev eth0 nud stale
on peer ip neighbour replace 198.51.100.1 lladdr 02:00:00:00:00:99 dev eth1 nud stale
daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
eventually "the next daemon announces what it takes back" knows 192.0.2.1 "$(cat /sys/class/net/eth0/address)"
check "but for what its file says not to" knows 198.51.100.1 02:00:00:00:00:99
walk() { # NAME COMMAND...
	local n now old_count=0 new_count=0
	for ((n = 1; n < 200; n++)); do
		write_old
		quietly "$1: the old state before message $n" trestle apply
		add_foreign
		old=$(state)
		write_new
		if ! crashes_at "$n" "${@:2}"; then
			check "$1: all $((n - 1)) places: $old_count times the old state, $new_count times the new one" is_new
			((old_count > 10)) || fail "$1: is the hook in the way?"
			daemon_kill9 # its hook counts on
			daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
			trestle confirm >/dev/null 2>&1 || true
			return
		fi
		daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
		now=$(state)
		case $now in
		"$old")
			old_count=$((old_count + 1))
			quietly "$1, killed before message $n: the old state, and something waits" nothing_pends
			;;
		"$new")
			new_count=$((new_count + 1))
			trestle confirm >/dev/null 2>&1 || true
			;;
		*) fail "$1, killed before message $n: between old and new"$'\n'"$(same "$old" "$now")" ;;
		esac
	done
	fail "$1: no end after 200 messages"
}
walk "apply" trestle apply
walk "apply --confirm" trestle apply --confirm 600
for n in 2 6 12; do
	write_old
	quietly "the old state before a rollback" trestle apply
	add_foreign
	old=$(state)
	write_new
	quietly "apply --confirm before a rollback" trestle apply --confirm 600
	crashes_at "$n" trestle rollback || fail "a rollback has no message $n"
	daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
	check "a rollback that was cut short before message $n is carried on by the next daemon" is_old
	check "nothing waits after it" nothing_pends
done
daemon_stop
