#!/usr/bin/env bash
# lab: quick, inside, 240 s: VLAN filtering, KVM
# A guest's NIC in a VLAN of a bridge that filters: what is not its VLAN's does not reach it; the VLAN, isolation and limits change live.
. "$(dirname "$0")/lib.sh"

# The peer hears VLANs 10 and 20 tagged, and what is untagged.
host peer
join here eth0 peer eth0
printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 VLAN_FILTERING=yes >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
on peer ip address add 192.0.2.2/24 dev eth0
for vlan in 10 20; do
	on peer ip link add link eth0 name eth0.$vlan up type vlan id $vlan
	on peer ip address add 198.51.$vlan.2/24 dev eth0.$vlan
done
mac=52:54:00:00:00:11
vm c2 $mac,192.0.2.11/24,198.51.10.11/24,198.51.20.11/24 <<END
[nic net0]
Bridge=br0
MAC=$mac
VLAN=10
END
daemon_start TRESTLE_ACCEL=kvm
for vlan in 10 20; do bridge vlan add dev eth0 vid $vlan; done
check "start" trestle start c2
guest_wait c2 'guest: ready' >/dev/null

reaches() { on peer ping -c1 -W1 "$1"; }
vlans() { bridge -j vlan show dev c2-net0 | jq -cS '.[0].vlans'; }

eventually "the guest is reached in its VLAN" reaches 198.51.10.11
check "not from another VLAN" not reaches 198.51.20.11
check "and not untagged" not reaches 192.0.2.11
check "its port is in VLAN 10 alone, untagged" same '[{"flags":["PVID","Egress Untagged"],"vlan":10}]' "$(vlans)"
check "there is nothing to do" trestle plan

check "to VLAN 20, live" trestle update-interface c2 --mac $mac --vlan 20
eventually "the guest is reached there" reaches 198.51.20.11
check "and no more in VLAN 10" not reaches 198.51.10.11
bridge vlan add dev c2-net0 vid 30
in_20_alone() { same '[{"flags":["PVID","Egress Untagged"],"vlan":20}]' "$(vlans)"; }
eventually "what somebody adds to its port is taken away again" in_20_alone
check "a trunk beside it" trestle update-interface c2 --mac $mac --trunk 10,30-31
check "the port has it" same '[10,20,30,31]' "$(bridge -j vlan show dev c2-net0 | jq -c '[.[0].vlans[] | range(.vlan; (.vlanEnd // .vlan) + 1)]')"
check "out of all VLANs" trestle update-interface c2 --mac $mac --vlan none --trunk none
eventually "the guest is reached untagged" reaches 192.0.2.11

check "a second NIC, isolated" trestle attach-interface c2 bridge br0 --isolated --mac 52:54:00:00:00:12
check "its port is" sh -c 'ip -j -d link show dev c2-net1 | jq -e ".[0].linkinfo.info_slave_data.isolated"'
check "isolation ends live" trestle update-interface c2 --mac 52:54:00:00:00:12 --isolated no
check "the port says so" sh -c 'ip -j -d link show dev c2-net1 | jq -e ".[0].linkinfo.info_slave_data.isolated | not"'

check "limits in both directions" trestle domiftune c2 c2-net0 --inbound 1000 --outbound 500
check "the kernel has the one" grep -q htb <<<"$(tc qdisc show dev c2-net0)"
check "and the other" grep -q 'police' <<<"$(tc filter show dev c2-net0 ingress)"
check "nothing remains to be done" trestle plan
check "a bridge that does not filter refuses" sh -c "ip link add plain0 type bridge; '$BUILD/trestle' -S '$RUN/trestle.sock' attach-interface c2 bridge plain0 --vlan 10 2>&1 | grep -q VLAN_FILTERING"
check "destroy" trestle destroy c2
daemon_stop
