# shellcheck shell=bash
# What an end-to-end test is made of. A test is a bash script that starts with
#
#   . "$(dirname "$0")/lib.sh"
#
# and from then on runs as the one process of a host of its own: own network,
# mounts, processes, and a fresh /run. Whatever it starts ends with it, however it
# ends. It stops at the first thing that is not as it should be.
#
#   $BUILD    the build directory       (else the repository's build/)
#   $CACHE    where scripts/guest keeps guests (else its default)
#   $CONFIG $STATE $RUN                 the daemon's directories, empty
#
#   host NAME                    a further host; `here` is the test's own
#   join A IF B IF               a cable between two hosts, both ends up
#   on NAME COMMAND...           runs a command on a host
#   daemon_start [NAME=VALUE]... trestled, until it says that it is ready
#   daemon_stop, daemon_kill9
#   trestle ARGUMENTS...
#   vm NAME [NIC,ADDRESS...] <<EOF   a VM file that boots the guest; stdin: more keys of [vm],
#                                then more sections; NIC is a MAC or a name (scripts/guest-init)
#   AGENT=yes vm NAME...         the same with a guest that holds qemu-guest-agent, and starts it by
#                                guest_run VM '/init agent'
#   guest_wait VM PATTERN        the console's next line with the (extended) pattern
#   guest_rewind VM              the next wait looks from the console's first line again
#   guest_run VM COMMAND         runs it in the guest: its output, its status
#   pings_start HOST ADDRESS, pings_lost   ten a second; how many got no answer
#   kernel_state                 the host's network as canonical text, to be compared
#   check DESCRIPTION COMMAND... must succeed; `not COMMAND...`, `same TEXT TEXT`
#   eventually DESCRIPTION COMMAND...  must succeed some time
#   skip REASON, fail REASON
set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${BUILD:=$TOP/build}" "${CACHE:=${TRESTLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/trestle}}"
# How long anything may take that is waited for: far beyond what it does take,
# also under sanitizers on a busy machine.
PATIENCE=90

if [[ ${TRESTLE_TEST_HOST:-} != yes ]]; then
	((EUID == 0)) || as_root=(--user --map-root-user)
	TRESTLE_TEST_HOST=yes exec unshare "${as_root[@]}" --net --mount --pid --fork --kill-child --mount-proc \
		bash "$0" "$@"
fi
unset TRESTLE_TEST_HOST # a test that a test starts is a host of its own

skip() {
	echo "SKIP: $*"
	exit 77
}

fail() {
	echo "FAIL: $*"
	exit 1
}

not() { ! "$@"; }

same() { diff <(printf '%s\n' "$1") <(printf '%s\n' "$2"); }

check() { # DESCRIPTION COMMAND...
	local output
	if output=$("${@:2}" 2>&1); then
		echo "ok: $1"
	else
		fail "$1: status $? of: ${*:2}"$'\n'"$output"
	fi
}

quietly() { # DESCRIPTION COMMAND...: says only what goes wrong
	local output
	output=$("${@:2}" 2>&1) || fail "$1"$'\n'"$output"
}

eventually() { # DESCRIPTION COMMAND...
	local deadline=$((SECONDS + PATIENCE))
	until "${@:2}" >/dev/null 2>&1; do
		((SECONDS < deadline)) || check "$@"
		sleep 0.05
	done
	echo "ok: $1"
}

# --- hosts ---

host() { # NAME
	ip netns add "$1"
	on "$1" ip link set lo up
}

on() { # NAME COMMAND...
	if [[ $1 == here ]]; then "${@:2}"; else ip netns exec "$@"; fi
}

join() { # HOST INTERFACE HOST INTERFACE
	ip link add "$2" netns "$(netns_of "$1")" type veth peer name "$4" netns "$(netns_of "$3")"
	on "$1" ip link set "$2" up
	on "$3" ip link set "$4" up
}

netns_of() { if [[ $1 == here ]]; then echo $$; else echo "$1"; fi; }

# Ten pings a second, to tell how many of them were lost meanwhile. The first one is answered when this returns.
pings_start() { # HOST ADDRESS
	local where=()
	[[ $1 == here ]] || where=(ip netns exec "$1")
	: >/run/pings
	"${where[@]}" ping -n -i0.1 "$2" >/run/pings &
	pings_pid=$!
	until grep -q icmp_seq= /run/pings; do sleep 0.01; done
}

# Counts the gaps between answers: the last ping may still be on its way. Called in a subshell, which can't wait for it.
pings_lost() {
	kill -INT "$pings_pid"
	until grep -q 'packets transmitted' /run/pings; do sleep 0.01; done
	awk 'match($0, /icmp_seq=[0-9]+/) {
		number = substr($0, RSTART + 9, RLENGTH - 9)
		if (last && number > last + 1) lost += number - last - 1
		last = number
	} END { print last ? lost + 0 : "all" }' /run/pings
}

# Without what changes by itself: indexes, timers, lifetimes, carrier; and what a spanning tree changes: the ageing time.
kernel_state() {
	local family
	{
		echo '"links"' && ip -d -j link show
		echo '"addresses"' && ip -d -j address show
		for family in -4 -6; do
			echo "\"routes $family\"" && ip -d $family -j route show table all
			echo "\"rules $family\"" && ip $family -j rule show
		done
		echo '"neighbours"' && ip -j neigh show nud permanent
		echo '"vlans"' && bridge -j vlan show 2>/dev/null
	} | jq -rcSn '
		def links: map({ifname, address, mtu, group, txqlen, master, ifalias, promiscuity,
			up: (.flags | index("UP") != null), arp: (.flags | index("NOARP") == null), kind: .linkinfo.info_kind,
			info: ((.linkinfo.info_data // {}) | if .stp_state == 1 then del(.ageing_time) else . end | with_entries(select(.key | test("timer|_id$|^root_|topology|^ageing_wait") | not))),
			port: ((.linkinfo.info_slave_data // {}) | with_entries(select(.key | test("timer|^designated|_id$|^no$|^state|config_pending|topology") | not)))});
		def addresses: map(.ifname as $i | .addr_info[]? | del(.valid_life_time, .preferred_life_time, .tentative) | {i: $i} + .);
		def routes: map(del(.expires) | .flags -= ["linkdown", "dead"]);
		foreach inputs as $part ("";
			if $part | type == "string" then $part else . end;
			if $part | type == "string" then "# \($part)"
			else . as $of | $part | if $of == "links" then links elif $of == "addresses" then addresses
				elif $of | startswith("routes") then routes else . end
				| if $of | startswith("rules") then . else sort end | .[] end)'
}

# --- the daemon ---

daemon_pid=

daemon_start() { # [NAME=VALUE]...
	[[ -z $daemon_pid ]] || fail "daemon_start: trestled runs already"
	local notify_pid patience_pid ended=
	rm -f /run/notify /run/notified
	socat -u UNIX-RECVFROM:/run/notify CREATE:/run/notified & # ends with the first message, which is READY=1
	notify_pid=$!
	until [[ -S /run/notify ]]; do sleep 0.01; done

	env TRESTLE_ACCEL="${TRESTLE_ACCEL:-tcg}" "$@" NOTIFY_SOCKET=/run/notify \
		"$BUILD/trestled" -c "$CONFIG" -s "$STATE" -r "$RUN" --log-level debug >>"$DAEMON_LOG" 2>&1 &
	daemon_pid=$!
	sleep "$PATIENCE" &
	patience_pid=$!
	wait -n -p ended "$notify_pid" "$daemon_pid" "$patience_pid" || true
	case $ended in
	"$daemon_pid") fail "trestled ended before it was ready" ;;
	"$patience_pid") fail "trestled did not say READY=1 within $PATIENCE s" ;;
	esac
	[[ $(</run/notified) == *READY=1* ]] || fail "trestled said '$(</run/notified)' before READY=1"
	kill "$patience_pid"
	wait "$patience_pid" 2>/dev/null || true
}

daemon_stop() {
	local status=0
	kill -TERM "$daemon_pid"
	wait "$daemon_pid" || status=$?
	daemon_pid=
	((status == 0)) || fail "trestled: ended with status $status on SIGTERM"
}

daemon_kill9() {
	kill -KILL "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null || true
	daemon_pid=
}

trestle() { "$BUILD/trestle" -S "$RUN/trestle.sock" "$@"; }

# Kills the daemon, started with TRESTLE_CRASH_FILE=$RUN/crash, before its message N of a command; true when it did die. One that did
# not counts on: start it anew.
crashes_at() { # N COMMAND...
	local status=0
	echo "$1" >"$RUN/crash"
	"${@:2}" >/dev/null 2>&1 || true
	rm -f "$RUN/crash"
	if kill -0 "$daemon_pid" 2>/dev/null && trestle list >/dev/null 2>&1; then
		return 1
	fi
	wait "$daemon_pid" || status=$?
	daemon_pid=
	((status == 137)) || fail "trestled: ended with status $status before message $1 of: ${*:2}"
}

# --- guests ---

declare -A guest_seen # VM: bytes of its console that waits have passed

vm() { # NAME [NIC,ADDRESS/PREFIX[,...]]...
	local key value kernel initrd append agent nic
	while IFS='=' read -r key value; do
		declare "$key=$value"
	done < <(TRESTLE_CACHE=$CACHE "$TOP/scripts/guest")
	[[ -n ${kernel:-} ]] || fail "vm $1: no guest to boot: run scripts/guest outside of the test, where the network is"
	if [[ ${AGENT:-} == yes ]]; then
		[[ -n ${agent:-} ]] || skip "no qemu-guest-agent for the guest: scripts/guest, run with its cache empty, says why"
		initrd=$agent
	fi
	for nic in "${@:2}"; do append+=" trestle.address=$nic"; done
	mkdir -p "$CONFIG/vms"
	{
		printf '%s\n' '[vm]' Memory=128M "Kernel=$kernel" "Initrd=$initrd" "Append=$append"
		cat
	} >"$CONFIG/vms/$1.vm"
}

guest_rewind() { guest_seen[$1]=0; }

guest_wait() { # VM PATTERN
	local log=$RUN/vms/$1/console.log stream tail_pid hit
	exec {stream}< <(exec tail -c +$((${guest_seen[$1]:-0} + 1)) -F "$log" 2>/dev/null)
	tail_pid=$!
	hit=$(LC_ALL=C timeout "$PATIENCE" grep -m1 -abE -e "$2" <&"$stream") || hit=
	kill "$tail_pid"
	exec {stream}<&-
	[[ -n $hit ]] || fail "guest $1: its console did not say '$2' within $PATIENCE s"
	local line=${hit#*:}
	guest_seen[$1]=$((${guest_seen[$1]:-0} + ${hit%%:*} + ${#line} + 1))
	echo "${line%$'\r'}"
}

# The console is read to the end: one whose reader does not read stops the guest
# after some 300 bytes.
guest_run() { # VM COMMAND
	local command="$2 # $RANDOM$RANDOM" line status='' console
	coproc CONSOLE { exec socat - "UNIX-CONNECT:$RUN/vms/$1/console.sock"; }
	console=$CONSOLE_PID
	printf '%s\n' "$command" >&"${CONSOLE[1]}"
	while [[ -z $status ]] && IFS= read -r -t "$PATIENCE" -u "${CONSOLE[0]}" line; do
		line=${line%$'\r'}
		case $line in
		"guest: exit "*": $command") status=${line#guest: exit } status=${status%%:*} ;;
		"guest: "*) ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
	kill "$console"
	wait "$console" 2>/dev/null || true
	[[ -n $status ]] || fail "guest $1: no end within $PATIENCE s of: $2"
	return "$status"
}

# --- start and end ---

report() {
	local status=$? log
	((status == 0 || status == 77)) && return
	for log in "$DAEMON_LOG" "$RUN"/vms/*/{console,qemu}.log; do
		[[ -s $log ]] || continue
		echo "--- the end of $log"
		tail -n 60 "$log"
	done
}

# Everything lies in memory of this mount namespace, and goes with it.
mount -t tmpfs -o mode=755 tmpfs /run
mount -t sysfs sysfs /sys 2>/dev/null || true # else it shows the links of the host outside
mkdir -p /run/netns /run/test/{config/network,config/vms,state,run}
CONFIG=/run/test/config STATE=/run/test/state RUN=/run/test/run
# shellcheck disable=SC2034  # for tests
readonly CONFIG STATE RUN DAEMON_LOG=/run/test/trestled.log
ip link set lo up
echo 0 | tee /proc/sys/net/ipv6/conf/{all,default}/accept_dad >/dev/null # else addresses and routes settle a second later
trap report EXIT
