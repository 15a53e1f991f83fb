#!/usr/bin/env bash
# A person at a terminal: iface-bridge says what it is going to do, does it, and asks whether everything works; all but a yes takes it back.
. "$(dirname "$0")/lib.sh"

command -v script >/dev/null || skip "script is not here"
host peer
join here eth0 peer eth0
on peer ip address add 10.0.0.1/24 dev eth0
printf '%s\n' DEVICE=eth0 IPADDR=10.0.0.2 PREFIX=24 GATEWAY=10.0.0.1 NOZEROCONF=yes ARPCHECK=no >"$CONFIG/network/ifcfg-eth0"
# Without the link-local addresses, which the kernel makes when it likes, and what it makes of them.
state() { kernel_state | grep -v '"fe80:\|"local":"fe80\|"dst":"ff00::/8"\|anycast\|multicast'; }
is_old() { same "$old" "$(state)"; }
nothing_pends() { trestle --json status | jq -e '.pending == null'; }
shows() { grep -q "$1" "$RUN/screen"; }
mkfifo "$RUN/keys"
terminal_pid=
sits_down() { # COMMAND: at a terminal
	: >"$RUN/screen"
	script -qefc "'$BUILD/trestle' -S '$RUN/trestle.sock' $1" /dev/null <"$RUN/keys" >"$RUN/screen" 2>&1 &
	terminal_pid=$!
	exec {keys}>"$RUN/keys"
	eventually "$1: the question" shows 'Keep it (y/n)?'
}
types() { printf '%b' "$1" >&"$keys"; }
gets_up() {
	exec {keys}>&-
	status=0
	wait "$terminal_pid" || status=$?
}
daemon_start
old=$(state)

sits_down "iface-bridge eth0 br0"
check "what is going to be done is shown before" shows 'put eth0 into br0'
check "and what was done" shows 'Created bridge br0 with attached device eth0'
check "it waits to be confirmed" trestle status
check "with a time that goes down" shows 'It is taken back in [0-9]* s'
types 'n\n'
gets_up
check "no: status 1" same 1 "$status"
check "it says what became of it" shows 'rolled back, the old state stands'
check "the old state" is_old
check "nothing waits" nothing_pends

sits_down "iface-bridge eth0 br0"
types 'what?\ny\n'
gets_up
check "yes, after something else: status 0" same 0 "$status"
check "it says so" shows 'Confirmed: the change stays'
check "nothing waits any more" nothing_pends
check "the bridge stays" sh -c "ip -br address show br0 | grep -q 10.0.0.2/24"
new=$(state)

sits_down "iface-unbridge br0"
types '\004'
gets_up
check "the end of what is typed is no yes: status 1" same 1 "$status"
check "the bridge is there as before" same "$new" "$(state)"

sits_down "iface-unbridge br0"
types '\003'
gets_up
check "nor is Ctrl-C: status 1" same 1 "$status"
check "the bridge is there still" same "$new" "$(state)"

sits_down "iface-unbridge br0"
kill -KILL "$terminal_pid" # as a session that is cut off
gets_up
eventually "nor is a terminal that has gone" nothing_pends
check "the bridge is there in the end" same "$new" "$(state)"
check "not by the deadline alone" not grep -q 'nobody confirmed in time' "$DAEMON_LOG"
check "out of it, not at a terminal" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' iface-unbridge br0 </dev/null"
check "nobody is asked then" nothing_pends
check "all is as it was" is_old
daemon_stop
