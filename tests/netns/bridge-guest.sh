#!/usr/bin/env bash
# What the notes on KVM teach: the host's one NIC goes into a bridge, and VMs hang on that bridge. The host loses nobody, and the guest
# and the outside reach each other; then the guest goes, and the NIC is the host's alone again.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.2/24 dev eth0
printf '%s\n' DEVICE=eth0 IPADDR=192.0.2.1 PREFIX=24 GATEWAY=192.0.2.2 ARPCHECK=no NOZEROCONF=yes >"$CONFIG/network/ifcfg-eth0"
vm c2 52:54:00:00:00:11,192.0.2.11/24 <<END
[nic net0]
Bridge=br0
Model=virtio
MAC=52:54:00:00:00:11
END
daemon_start
check "the host reaches the outside" ping -c1 -W5 192.0.2.2
check "no bridge, no VM: its error names it" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' start c2 2>&1 | grep -q br0"

check "iface-bridge eth0 br0" trestle iface-bridge eth0 br0
check "nothing is left to do" trestle plan
check "the host reaches the outside still" ping -c1 -W5 192.0.2.2
check "start c2" trestle start c2
guest_wait c2 'guest: ready' >/dev/null
eventually "the outside pings the guest" on peer ping -c1 -W1 192.0.2.11
check "the guest pings the outside" same yes "$(guest_run c2 'ping -c 3 -W 5 192.0.2.2 >/dev/null && echo yes || echo no')"
check "the guest pings the host" same yes "$(guest_run c2 'ping -c 3 -W 5 192.0.2.1 >/dev/null && echo yes || echo no')"
check "a bridge with a VM's port is not taken apart" not trestle iface-unbridge br0

check "destroy c2" trestle destroy c2
check "iface-unbridge br0" trestle iface-unbridge br0
check "the bridge is gone" not ip link show dev br0
check "the address is the NIC's" sh -c 'ip -j -4 address show dev eth0 | jq -e ".[0].addr_info | map(.local) == [\"192.0.2.1\"]"'
check "the host reaches the outside at the end" ping -c1 -W5 192.0.2.2
daemon_stop
