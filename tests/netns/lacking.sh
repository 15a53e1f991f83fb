#!/usr/bin/env bash
# Kinds of links that this kernel can't make are found when planning, named with what is missing, and stop only what depends on them.
. "$(dirname "$0")/lib.sh"

for nic in eth0 eth1 eth2; do ip link add $nic type veth peer name far-$nic && ip link set far-$nic up; done
file() { # NAME LINE...
	printf '%s\n' "${@:2}" >"$CONFIG/network/ifcfg-$1"
}
file bond0 DEVICE=bond0 TYPE=Bond BONDING_OPTS=mode=1 IPADDR=192.0.2.1 PREFIX=24
file eth0 DEVICE=eth0 MASTER=bond0 SLAVE=yes
file eth1.10 DEVICE=eth1.10 VLAN=yes BRIDGE=br0
file br0 DEVICE=br0 TYPE=Bridge IPADDR=198.51.100.1 PREFIX=24
file eth2 DEVICE=eth2 BRIDGE=br0
daemon_start

# What the kernel has is tested in the lab; here either may be the case.
made() { ip link show dev "$1" >/dev/null 2>&1; }
both() { made bond0 && made eth1.10; }
the_rest() {
	ip -j -4 address show dev br0 | jq -e '.[0].addr_info | map(.local) == ["198.51.100.1"]' &&
		ip -j link show dev eth2 | jq -e '.[0].master == "br0"'
}
check "what does not depend on them is there" the_rest
if both; then
	check "this kernel makes both, and nothing is left to do" trestle plan
	daemon_stop
	exit 0
fi

status=0
output=$(trestle plan 2>&1) || status=$?
check "plan: status 1" test "$status" -eq 1
made bond0 || check "it names bonds, module and option" grep -q "bond0: this kernel can't make links of kind bond: it lacks CONFIG_BONDING (module bonding)" <<<"$output"
made bond0 || check "and what waits for it" grep -q 'eth0: waits for bond0' <<<"$output"
made eth1.10 || check "it names VLANs, module and option" grep -q "eth1.10: this kernel can't make links of kind vlan: it lacks CONFIG_VLAN_8021Q (module 8021q)" <<<"$output"
check "it does not say that all is well" not grep -q 'Nothing to do' <<<"$output"

file br1 DEVICE=br1 TYPE=Bridge
status=0
output=$(trestle apply 2>&1) || status=$?
check "apply: status 1" test "$status" -eq 1
check "it says that the rest was applied: ${output##*$'\n'}" grep -q 'the rest is' <<<"$output"
check "it was" ip link show dev br1
check "what was there before is still" the_rest
check "status says why" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json status | jq -e '[.interfaces[] | select(.state == \"missing\") | .reason | test(\"this kernel can.t make\")] | all and length > 0'"
check "the probe left nothing behind" not ip link show dev trestle-probe

rm "$CONFIG"/network/ifcfg-{bond0,eth0,eth1.10}
check "without those files apply has nothing to complain of" trestle apply
daemon_stop
