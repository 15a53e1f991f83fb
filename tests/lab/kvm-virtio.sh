#!/usr/bin/env bash
# lab: quick, inside, 240 s: KVM, vhost, multi-queue
# A guest by KVM whose virtio NICs are the kernel's (vhost): a thread for each queue proves it.
. "$(dirname "$0")/lib.sh"

vhost_is() { # THREADS: that many, when those that end have ended
	eventually "$1 vhost threads" sh -c "[ \$(cat /lab-proc/[0-9]*/comm 2>/dev/null | grep -c '^vhost-') -eq $1 ]"
}

virtio_attached() {
	check "domiflist says that they use vhost" jq -e 'all(.vhost)' <<<"$nics"
	vhost_is 2
}

vhost_is 0
kvm_scenario virtio
vhost_is 1

nic=52:54:00:00:00:13
check "attach-interface with two queues" trestle attach-interface c2 bridge br0 --model virtio --mac $nic --vhost on --queues 2
guest_wait c2 "guest: eth1 $nic up" >/dev/null
check "domiflist knows the queues" jq -e 'map([.queues, .vhost]) == [[1, true], [2, true]]' <<<"$(trestle --json domiflist c2)"
vhost_is 3
# A guest with one processor uses one of the two; the other is disabled, and there.
check "its TAP has them" sh -c 'ip -j -d link show dev c2-net1 | jq -e ".[0].linkinfo.info_data | .multi_queue and .numqueues + .numdisabled == 2"'
check "attach-interface without vhost" trestle attach-interface c2 bridge br0 --model virtio --mac 52:54:00:00:00:14 --vhost off
check "domiflist says so" jq -e 'map(.vhost) == [true, true, false]' <<<"$(trestle --json domiflist c2)"
vhost_is 3
check "destroy" trestle destroy c2
vhost_is 0
daemon_stop
