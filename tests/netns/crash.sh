#!/usr/bin/env bash
# The daemon is killed before every single message to kernel and QEMU of a VM's start, an attach and a detach; the next daemon finds the
# truth each time: nothing is left over, nothing is listed that isn't there, and the running guest loses no ping.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.2/24 dev eth0
printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.1 PREFIX=24 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
vm c2 52:54:00:00:00:11,192.0.2.11/24 <<END
[nic net0]
Bridge=br0
Model=virtio
MAC=52:54:00:00:00:11
END
vm c3 52:54:00:00:00:13,192.0.2.13/24 <<END
[nic net0]
Bridge=br0
Model=e1000
MAC=52:54:00:00:00:13
END

taps() { ip -j -d link show | jq -r '.[] | select(.linkinfo.info_kind == "tun") | .ifname' | sort | xargs; }
listed() { trestle --json domiflist "$1" | jq -r '.[] | select(.live) | .interface' | sort | xargs; }
in_qemu() { # VM: the NICs' ids that QEMU has
	local pid
	pid=$(trestle --json list | jq ".[] | select(.name == \"$1\") | .pid")
	find "/proc/$pid/fd" -lname /dev/net/tun -printf '%f\n' | while read -r fd; do
		sed -n 's/^iff:\t//p' "/proc/$pid/fdinfo/$fd"
	done | sort | xargs
}
plugged() { trestle --json domiflist "$1" | jq -e 'all(.state == "plugged")' >/dev/null; } # none is on its way out
settled() { trestle plan >/dev/null && plugged c2 && [[ $(taps) == "$(listed c2)" ]] && [[ $(in_qemu c2) == "$(listed c2)" ]]; }

walk() { # NAME PREPARE COMMAND...
	local n name=$1 prepare=$2
	for ((n = 1; n < 200; n++)); do
		$prepare
		if ! crashes_at "$n" "${@:3}"; then
			echo "ok: $name: all $((n - 1)) places"
			((n > 2)) || fail "$name: only $((n - 1)) places: is the hook in the way?"
			return
		fi
		daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
		"after_${name%% *}" "$n"
	done
	fail "$name: no end after 200 messages"
}

daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
check "start c2" trestle start c2
guest_wait c2 'guest: ready' >/dev/null
eventually "the guest answers" on peer ping -c1 -W1 192.0.2.11
pings_start peer 192.0.2.11

# --- attach ---
nic=52:54:00:00:00:12
detached() { [[ $(listed c2) == c2-net0 ]] || quietly "detach before the next try" trestle detach-interface c2 bridge --mac $nic; }
after_attach() {
	quietly "attach, killed before message $1: nothing remains to be done, the list is true, no TAP is left over" wait_settled
}
wait_settled() { for _ in $(seq 200); do settled && return; sleep 0.05; done; settled; }
walk attach detached trestle attach-interface c2 bridge br0 --model virtio --mac $nic

# --- detach ---
attached() { [[ $(listed c2) == *c2-net1* ]] || quietly "attach before the next try" trestle attach-interface c2 bridge br0 --model virtio --mac $nic; }
after_detach() {
	quietly "detach, killed before message $1: nothing remains to be done, the list is true, no TAP is left over" wait_settled
}
walk detach attached trestle detach-interface c2 bridge --mac $nic

# --- start ---
off() {
	trestle --json list | jq -e 'map(.name) | index("c3")' >/dev/null || return 0
	quietly "destroy before the next try" trestle destroy c3
}
c3_is_whole() {
	local runs=''
	trestle --json list | jq -e '.[] | select(.name == "c3") | .state == "running"' >/dev/null && runs=c3-net0
	trestle plan >/dev/null && [[ $(listed c3) == "$runs" || -z $runs ]] && [[ $(taps) == "$(listed c2)${runs:+ $runs}" ]] \
		&& [[ $(find /proc -maxdepth 2 -name exe -lname '*qemu-system*' 2>/dev/null | wc -l) -eq $((1 + ${#runs} / 7)) ]]
}
wait_whole() { for _ in $(seq 200); do c3_is_whole && return; sleep 0.05; done; c3_is_whole; }
after_start() {
	quietly "start, killed before message $1: it runs with its NIC, or it is off and nothing is left over" wait_whole
}
walk start off trestle start c3

check "the guest lost no ping of ten a second through all of it" same 0 "$(pings_lost)"
daemon_stop
