# shellcheck shell=bash
# What a scenario inside the lab is made of: all that tests/netns/lib.sh has, with
# KVM, and what only a full kernel can show.
#
#   load MODULE...             loads modules of the kernel
#   vhost_threads              how many there are: one for each queue that uses vhost
#   has_kvm PID                that QEMU's processors are the kernel's
#   kvm_scenario MODEL         a guest with such a NIC: boot, ping, attach, detach

# shellcheck source=tests/netns/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"

load() { busybox modprobe -a "$@"; }

# Kernel threads: hidden from a process namespace, and so from this one's /proc.
vhost_threads() { cat /lab-proc/[0-9]*/comm 2>/dev/null | grep -c '^vhost-' || true; }

has_kvm() { find "/proc/$1/fd" -lname 'anon_inode:kvm-vcpu:0' | grep -q .; }

# Those who start it say what else their model has to do.
kvm_scenario() { # MODEL
	local model=$1 nic=52:54:00:00:00:12
	host peer
	join here eth0 peer eth0
	on peer ip address add 192.0.2.2/24 dev eth0
	printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.1 PREFIX=24 ARPCHECK=no STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
	printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
	vm c2 52:54:00:00:00:11,192.0.2.11/24 $nic,192.0.2.12/24 <<-END
		[nic net0]
		Bridge=br0
		Model=$model
		MAC=52:54:00:00:00:11
	END
	daemon_start TRESTLE_ACCEL=kvm

	check "start" trestle start c2
	guest_wait c2 'guest: ready' >/dev/null
	pid=$(trestle --json list | jq '.[0].pid')
	check "it runs by KVM" has_kvm "$pid"
	check "the peer pings the guest over the bridge" on peer ping -c2 -i0.2 -W20 192.0.2.11

	check "attach-interface, $model" trestle attach-interface c2 bridge br0 --model "$model" --mac $nic
	guest_wait c2 "guest: eth1 $nic up" >/dev/null
	check "the peer pings the new NIC" on peer ping -c2 -i0.2 -W20 192.0.2.12
	nics=$(trestle --json domiflist c2)
	check "domiflist has both, as $model" jq -e --arg model "$model" 'map(.nic) == ["net0", "net1"] and all(.model == $model)' <<<"$nics"
	"${model}_attached"
	check "detach-interface" trestle detach-interface c2 bridge --mac $nic
	guest_wait c2 'guest: eth1 gone' >/dev/null
	check "it is gone from domiflist" jq -e 'map(.nic) == ["net0"]' <<<"$(trestle --json domiflist c2)"
	check "it is gone from the kernel" not ip link show dev c2-net1
	check "the guest is there still" on peer ping -c1 -W20 192.0.2.11
}
