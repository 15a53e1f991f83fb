#!/usr/bin/env bash
# lab: quick, inside, 120 s: VLAN filtering
# A bridge that filters VLANs, from its file: what no port is a member of does not pass, and the file switches that live.
. "$(dirname "$0")/lib.sh"

host a
host b
join here to-a a eth0
join here to-b b eth0
for at in a b; do on $at ip link add link eth0 name eth0.10 up type vlan id 10; done
on a ip address add 192.0.2.1/24 dev eth0
on b ip address add 192.0.2.2/24 dev eth0
on a ip address add 198.51.100.1/24 dev eth0.10
on b ip address add 198.51.100.2/24 dev eth0.10
printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 VLAN_FILTERING=yes >"$CONFIG/network/ifcfg-br0"
for port in to-a to-b; do printf '%s\n' DEVICE=$port BRIDGE=br0 >"$CONFIG/network/ifcfg-$port"; done

filters() { ip -j -d link show dev br0 | jq -e ".[0].linkinfo.info_data.vlan_filtering == $1"; }
untagged() { on a ping -c1 -W5 192.0.2.2; }
# What was not answered a moment ago is asked for again by the kernel only later: so what shall pass, passes eventually.
tagged() { on a ping -c1 -W1 198.51.100.2; }

daemon_start
check "the kernel filters" filters 1
check "untagged frames pass" untagged
check "tagged ones do not" not tagged
check "there is nothing to do" trestle plan
for port in to-a to-b; do bridge vlan add dev $port vid 10; done
eventually "what was allowed by hand passes" tagged
check "a second apply leaves it" trestle apply
eventually "and it passes still" tagged
for port in to-a to-b; do bridge vlan del dev $port vid 10; done

sed -i s/VLAN_FILTERING=.*/VLAN_FILTERING=no/ "$CONFIG/network/ifcfg-br0"
check "apply: no filtering" trestle apply
check "the kernel says so" filters 0
eventually "tagged frames pass" tagged
sed -i s/VLAN_FILTERING=.*/VLAN_FILTERING=yes/ "$CONFIG/network/ifcfg-br0"
check "apply: filtering again" trestle apply
check "the kernel says so again" filters 1
check "tagged frames do not pass" not tagged
check "untagged ones do" untagged
ip link set br0 type bridge vlan_filtering 0
eventually "what somebody else switched off is switched on again" filters 1
daemon_stop

# --- VLANs of ports, by their files ---
members() { # PORT VLANS, as "bridge vlan show" has them: VLAN, and p for the untagged one
	same "$2" "$(bridge -j vlan show dev "$1" | jq -r '[.[0].vlans[] | "\(.vlan)\(if .flags then "p" else "" end)"] | join(" ")')"
}
daemon_start
for port in to-a to-b; do echo VLANS=10 >>"$CONFIG/network/ifcfg-$port"; done
echo PVID=20 >>"$CONFIG/network/ifcfg-to-a"
printf '%s\n' PVID=20 VLANS=30-32 >>"$CONFIG/network/ifcfg-br0"
check "apply: VLANs of ports and of the bridge" trestle apply
check "a port's" members to-a "10 20p"
check "without an untagged one" members to-b 10
check "the bridge's own" members br0 "20p 30 31 32"
check "there is nothing to do" trestle plan
eventually "what both are members of passes" tagged
check "what only one sends does not" not on a ping -c1 -W1 192.0.2.2
bridge vlan del dev to-a vid 10
eventually "what somebody else took away is put back" members to-a "10 20p"
bridge vlan add dev to-b vid 99 pvid untagged
eventually "and what somebody else added is taken away" members to-b 10
sed -i /VLANS=/d "$CONFIG/network/ifcfg-to-b"
sed -i s/VLANS=.*/VLANS=30/ "$CONFIG/network/ifcfg-br0"
check "apply: a file that says nothing of VLANs any more" trestle apply
check "its port has what a new one has" members to-b 1p
check "the bridge has what is left" members br0 "20p 30"
sed -i s/VLAN_FILTERING=.*/VLAN_FILTERING=no/ "$CONFIG/network/ifcfg-br0"
check "VLANS without filtering is warned of" grep -q 'VLANS and PVID have no effect: br0 does not filter VLANs' <<<"$(trestle check "$CONFIG" 2>&1)"
check "apply: no filtering" trestle apply
eventually "all passes" on a ping -c1 -W1 192.0.2.2
printf '%s\n' DEVICE=br1 TYPE=Bridge STP=no DELAY=0 VLAN_FILTERING=yes "BRIDGING_OPTS='vlan_protocol=0x88a8 default_pvid=7
	vlan_stats_enabled=1 vlan_stats_per_port=1'" >"$CONFIG/network/ifcfg-br1"
check "apply: a bridge with all options of VLANs" trestle apply
check "the kernel has them" sh -c "ip -d -j link show br1 | jq -e '.[0].linkinfo.info_data | .vlan_protocol == \"802.1ad\" and
	.vlan_default_pvid == 7 and .vlan_stats_enabled == 1 and .vlan_stats_per_port == 1 and .vlan_filtering == 1'"
check "there is nothing to do" trestle plan
daemon_stop
