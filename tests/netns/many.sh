#!/usr/bin/env bash
# covers: many NICs and VMs
# Many attaches and detaches in a row to one guest, and many VMs at once: afterwards the daemon holds what it held before.
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

daemon_start
check "start" trestle start c2
guest_wait c2 'guest: ready' >/dev/null
round() {
	trestle attach-interface c2 bridge br0 --model virtio --mac 52:54:00:00:00:12 >/dev/null
	guest_wait c2 'guest: eth1 52:54:00:00:00:12 up' >/dev/null
	trestle detach-interface c2 bridge --mac 52:54:00:00:00:12 >/dev/null
}
round # what is made once is made now
trestle list >/dev/null
before=$(descriptors)
for ((i = 0; i < ROUNDS; i++)); do round; done
eventually "after $ROUNDS attaches and detaches the daemon holds $before descriptors as before" holds "$before" 1
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
check "$VMS VMs start at once" all trestle start
check "and are suspended" all trestle suspend
base=$(descriptors)
plug() { for ((n = 0; n < NICS; n++)); do trestle attach-interface "$1" bridge br0 --model virtio || return; done; }
check "each takes $NICS NICs, all at the same time" all plug
check "the kernel has them all" test "$(taps)" -eq $((VMS * NICS))
check "and so say the lists" same $((VMS * NICS)) "$(for name in "${names[@]}"; do trestle --json domiflist "$name"; done | jq -s 'map(length) | add')"
check "all MACs differ" same 0 "$(for name in "${names[@]}"; do trestle --json domiflist "$name"; done | jq -r '.[].mac' | sort | uniq -d | wc -l)"
eventually "a descriptor per TAP, no more" holds $((base + VMS * NICS)) $((VMS * NICS))
check "they are destroyed at once" all trestle destroy
eventually "nothing of them is left" holds "$idle" 0
daemon_stop
