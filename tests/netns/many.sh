#!/usr/bin/env bash
# covers: many NICs and VMs
# Many attaches and detaches in a row to one guest, and many VMs at once: others are answered meanwhile, and afterwards the daemon holds
# what it held before. ROUNDS=200 VMS=20 is what was promised; less is the default, because the guest takes its time.
. "$(dirname "$0")/lib.sh"

ROUNDS=${ROUNDS:-40} VMS=${VMS:-12} NICS=${NICS:-5}

ip link add eth0 type veth peer name far0
ip link set far0 up
printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
vm c2 <<END
[nic net0]
Bridge=br0
Model=virtio
MAC=52:54:00:00:00:11
END

descriptors() { find "/proc/$daemon_pid/fd" -type l | wc -l; }
taps() { ip -j -d link show | jq '[.[] | select(.linkinfo.info_kind == "tun")] | length'; }
# What is released behind an answer (a connection, a TAP's last close) may be a moment behind it.
holds() { [[ $(descriptors) -eq $1 && $(taps) -eq $2 ]]; }

# What the daemon has written to, in KiB: what is lost with each NIC or VM shows there. Sanitizers keep freed memory in quarantine, and find
# leaks themselves.
memory() { awk '$1 == "RssAnon:" { print $2 }' "/proc/$daemon_pid/status"; }
sanitized() { grep -q 'lib[at]*san' "/proc/$daemon_pid/maps"; }
does_not_grow() { # DESCRIPTION KIB-BEFORE SLACK
	local now
	now=$(memory)
	if sanitized; then
		echo "ok: $1: not measured under sanitizers"
	else
		check "$1: from $2 to $now KiB" test "$now" -le $(($2 + $3))
	fi
}

# Others, one request after the other, until they are told to end.
others_start() {
	: >/run/others
	while [[ ! -e /run/others-end ]]; do
		if trestle --json list >/dev/null; then echo answered; else echo failed; fi >>/run/others
	done 2>/dev/null &
	others=$!
}
others_end() { # DESCRIPTION
	touch /run/others-end
	wait "$others"
	rm /run/others-end
	check "$1: $(grep -c answered /run/others) answers" grep -q answered /run/others
	check "$1: none was refused" not grep -q failed /run/others
}

daemon_start
check "start" trestle start c2
guest_wait c2 'guest: ready' >/dev/null
round() {
	trestle attach-interface c2 bridge br0 --model virtio --mac 52:54:00:00:00:12 >/dev/null
	guest_wait c2 'guest: eth1 52:54:00:00:00:12 up' >/dev/null
	trestle detach-interface c2 bridge --mac 52:54:00:00:00:12 >/dev/null
}
# What is made once is made now; and the daemon keeps its last 1,000 events, each of which it also logs.
others_start
for ((i = 0; i < 20; i++)); do round; done
others_end "others are answered"
while (($(grep -c ': info: ' "$DAEMON_LOG") < 1000)); do for link in down up; do trestle domif-setlink c2 c2-net0 $link >/dev/null; done; done
before=$(descriptors) used=$(memory)
others_start
for ((i = 0; i < ROUNDS; i++)); do round; done
others_end "others were answered meanwhile"
eventually "after $ROUNDS attaches and detaches the daemon holds $before descriptors as before" holds "$before" 1
does_not_grow "and its memory" "$used" 192
check "and the VM has its one NIC" same '["net0"]' "$(trestle --json domiflist c2 | jq -c 'map(.nic)')"
check "destroy" trestle destroy c2

idle=$(descriptors)

# --- many at once: VMs without a guest, held, so that they cost nothing ---
names=()
for ((i = 0; i < VMS; i++)); do
	names+=("m$i")
	printf '%s\n' '[vm]' Memory=32M Machine=pc '[display]' VGA=none >"/run/m$i.vm"
	trestle define "/run/m$i.vm" >/dev/null
done
all() { # COMMAND VM-less ARGUMENT...: for every VM at once
	local pids=() pid failed=0
	for name in "${names[@]}"; do
		"$@" "$name" >/dev/null &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
	((failed == 0))
}
plug() { for ((n = 0; n < NICS; n++)); do trestle attach-interface "$1" bridge br0 --model virtio || return; done; }
listed() { for name in "${names[@]}"; do trestle --json domiflist "$name"; done | jq -s "$1"; }

many_at_once() { # WHICH
	check "$1: $VMS VMs start at once" all trestle start
	check "$1: and are suspended" all trestle suspend
	base=$(descriptors)
	others_start
	check "$1: each takes $NICS NICs, all at the same time" all plug
	others_end "$1: others were answered meanwhile"
	check "$1: the kernel has them all" test "$(taps)" -eq $((VMS * NICS))
	check "$1: and so say the lists" same $((VMS * NICS)) "$(listed 'map(length) | add')"
	check "$1: all MACs differ" same $((VMS * NICS)) "$(listed 'map(.[].mac) | unique | length')"
	eventually "$1: a descriptor per TAP, no more" holds $((base + VMS * NICS)) $((VMS * NICS))
	check "$1: they are destroyed at once" all trestle destroy
	eventually "$1: nothing of them is left" holds "$idle" 0
}
for which in first again; do many_at_once $which; done
used=$(memory)
many_at_once "once more"
does_not_grow "and the daemon's memory, after the third time" "$used" 128
daemon_stop
