#!/usr/bin/env bash
# The daemon is killed before each single message of iface-bridge and of iface-unbridge: the next one shows the old state or the new one,
# never something between.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 10.0.0.1/24 dev eth0
files=$CONFIG/network
# Without the link-local addresses, which the kernel makes when it likes, and what it makes of them.
state() {
	kernel_state | grep -v '"fe80:\|"local":"fe80\|"dst":"ff00::/8"\|anycast\|multicast'
	grep . /proc/sys/net/ipv4/conf/*/{rp_filter,arp_ignore}
	(cd "$files" && grep . ./*)
}
is_new() { same "$new" "$(state)"; }

mkdir -p "$files"
printf '%s\n' DEVICE=eth0 IPADDR=10.0.0.2 PREFIX=24 GATEWAY=10.0.0.1 NOZEROCONF=yes IPV6ADDR=2001:db8::2/64 MACADDR=02:00:00:00:00:e0 \
	>"$files/ifcfg-eth0"
daemon_start
sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth0.arp_ignore=1
ip route add 10.9.0.0/16 via 10.0.0.1 table 77
ip rule add iif eth0 table 77 priority 500
first=$(state)
check "into the bridge" trestle iface-bridge eth0 br0
second=$(state)
check "and out of it" trestle iface-unbridge br0
first=$(state)
daemon_stop

walk() { # COMMAND BACK: each as words
	local n now olds=0 news=0
	for ((n = 1; n < 300; n++)); do
		if ! crashes_at "$n" trestle $1; then
			check "$1: all $((n - 1)) places: $olds times the old state, $news times the new one" is_new
			((olds > 10)) || fail "$1: is the hook in the way?"
			return
		fi
		daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
		now=$(state)
		case $now in
		"$old") olds=$((olds + 1)) ;;
		"$new")
			news=$((news + 1))
			quietly "$1, killed before message $n: back" trestle $2
			;;
		*) fail "$1, killed before message $n: between old and new"$'\n'"$(same "$old" "$now")" ;;
		esac
	done
	fail "$1: no end after 300 messages"
}
daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
old=$first new=$second
walk "iface-bridge eth0 br0" "iface-unbridge br0"
daemon_kill9 # its hook counts on
daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
old=$second new=$first
walk "iface-unbridge br0" "iface-bridge eth0 br0"
daemon_stop
