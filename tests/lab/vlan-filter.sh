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
