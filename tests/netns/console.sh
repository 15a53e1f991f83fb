#!/usr/bin/env bash
# The serial console: what is typed reaches the guest, what the guest says is shown, Ctrl-] leaves; one user at a time.
. "$(dirname "$0")/lib.sh"

vm c2 </dev/null
daemon_start
check "start" trestle start c2
guest_wait c2 'guest: ready' >/dev/null

# On a terminal of its own, as a person has it.
coproc TERMINAL { exec socat - EXEC:"'$BUILD/trestle' -S '$RUN/trestle.sock' console c2",pty,setsid,ctty,rawer,stderr; }
typed() { printf '%b' "$1" >&"${TERMINAL[1]}"; }
shown() { # PATTERN: reads on until a line has it
	local line
	while IFS= read -r -t "$PATIENCE" -u "${TERMINAL[0]}" line; do
		[[ ! $line =~ $1 ]] || return 0
	done
	return 1
}
typed 'echo hello $((6 * 7))\n'
check "the guest runs what was typed, and its answer is shown" shown 'hello 42'
check "a second user is told that somebody is there" grep -Eqi 'busy|in use|another' <<<"$(trestle console c2 </dev/null 2>&1)"
typed '\035'
status=0
wait "$TERMINAL_PID" || status=$?
check "Ctrl-] leaves" test "$status" -eq 0
check "the VM runs on" same running "$(trestle domstate c2)"
check "and its console is free again" same 'still here' "$(guest_run c2 'echo still here')"
check "a VM that is off has none" not trestle console c9
daemon_stop
