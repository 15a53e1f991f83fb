#!/usr/bin/env bash
# The files of a CentOS 7 host with a bridge, as its installer and its administrator left them, read where they lie: the kernel has what
# the network scripts gave, compared field by field, and nothing else.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.1/24 dev eth0
ip link set eth0 down
ip address flush dev lo
ip link set lo down
mac=$(ip -j link show dev eth0 | jq -r '.[0].address')
scripts=/run/test/sysconfig/network-scripts
mkdir -p $scripts
printf '[network]\nDirectory=%s\n' $scripts >"$CONFIG/trestle.conf"

printf '# Created by anaconda\n' >$scripts/../network
cat >$scripts/ifcfg-lo <<'END'
DEVICE=lo
IPADDR=127.0.0.1
NETMASK=255.0.0.0
NETWORK=127.0.0.0
# If you're having problems with gated making 127.0.0.0/8 a martian,
# you can change this to something else (255.255.255.255, for example)
BROADCAST=127.255.255.255
ONBOOT=yes
NAME=loopback
END
cat >$scripts/ifcfg-eth0 <<END
TYPE="Ethernet"
PROXY_METHOD="none"
BROWSER_ONLY="no"
BOOTPROTO="none"
DEFROUTE="yes"
IPV4_FAILURE_FATAL="no"
IPV6INIT="yes"
IPV6_AUTOCONF="yes"
IPV6_DEFROUTE="yes"
IPV6_FAILURE_FATAL="no"
IPV6_ADDR_GEN_MODE="stable-privacy"
NAME="eth0"
UUID="5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03"
DEVICE="eth0"
HWADDR="${mac^^}"
ONBOOT="yes"
# left there when the bridge came
IPADDR="192.0.2.99"
PREFIX="24"
GATEWAY="192.0.2.254"
BRIDGE=br0
END
cat >$scripts/ifcfg-br0 <<'END'
DEVICE=br0
TYPE=Bridge
BOOTPROTO=static
ONBOOT=yes
NM_CONTROLLED=no
STP=yes
DELAY=4
AGEING=600
PRIO=4096
IPADDR=192.0.2.10
NETMASK=255.255.255.0
GATEWAY=192.0.2.1
DNS1=192.0.2.1
DOMAIN="example.org"
END
printf 'IPADDR=192.0.2.77\n' >$scripts/ifcfg-br0.bak
printf '10.0.0.0/8 via 192.0.2.1 dev br0\n' >$scripts/route-br0

links() {
	ip -d -j link show | jq -S '[.[] | {ifname, up: (.flags | index("UP") != null), arp: (.flags | index("NOARP") == null), mtu, address, master}
		+ (if .linkinfo.info_kind == "bridge" then .linkinfo.info_data | {kind: "bridge", stp_state, forward_delay, hello_time, max_age,
			ageing_time, priority, vlan_filtering, mcast_snooping, group_fwd_mask} else {} end)
		+ (if .linkinfo.info_slave_kind == "bridge" then .linkinfo.info_slave_data | {port: {priority, cost, hairpin, isolated, learning,
			flood, mcast_flood, bcast_flood, guard, root_block}} else {} end)] | sort_by(.ifname)'
}
addresses() {
	ip -4 -j address show | jq -S '[.[] | .ifname as $name | .addr_info[] | {ifname: $name, local, prefixlen, broadcast, scope, label: .label,
		for_ever: (.valid_life_time == 4294967295), dynamic}]'
}
routes() { ip -d -4 -j route show table main | jq -S '[.[] | {type, dst, gateway, dev, metric, scope, prefsrc, protocol}] | sort_by(.dst)'; }
expected() { jq -S . <<<"$1"; }

daemon_start
index=$(ip -j link show dev br0 | jq '.[0].ifindex')
check "the links: what states the bridge, and its port" same "$(expected '[
	{"ifname": "br0", "up": true, "arp": true, "mtu": 1500, "address": "'"$mac"'", "master": null, "kind": "bridge", "stp_state": 1,
		"forward_delay": 400, "hello_time": 200, "max_age": 2000, "ageing_time": 60000, "priority": 4096, "vlan_filtering": 0,
		"mcast_snooping": 1, "group_fwd_mask": "0"},
	{"ifname": "eth0", "up": true, "arp": true, "mtu": 1500, "address": "'"$mac"'", "master": "br0", "port": {"priority": 32, "cost": 2,
		"hairpin": false, "isolated": false, "learning": true, "flood": true, "mcast_flood": true, "bcast_flood": true, "guard": false,
		"root_block": false}},
	{"ifname": "lo", "up": true, "arp": true, "mtu": 65536, "address": "00:00:00:00:00:00", "master": null}]')" "$(links)"
check "the addresses: none of those left in the port's file" same "$(expected '[
	{"ifname": "lo", "local": "127.0.0.1", "prefixlen": 8, "broadcast": null, "scope": "host", "label": "lo", "for_ever": true, "dynamic": null},
	{"ifname": "br0", "local": "192.0.2.10", "prefixlen": 24, "broadcast": "192.0.2.255", "scope": "global", "label": "br0",
		"for_ever": true, "dynamic": null}]')" "$(addresses)"
check "the routes: GATEWAY, the network, 169.254.0.0/16 by the index, the file of routes" same "$(expected '[
	{"type": "unicast", "dst": "10.0.0.0/8", "gateway": "192.0.2.1", "dev": "br0", "metric": null, "scope": "global", "prefsrc": null, "protocol": "static"},
	{"type": "unicast", "dst": "169.254.0.0/16", "gateway": null, "dev": "br0", "metric": '$((1000 + index))', "scope": "link", "prefsrc": null, "protocol": "static"},
	{"type": "unicast", "dst": "192.0.2.0/24", "gateway": null, "dev": "br0", "metric": null, "scope": "link", "prefsrc": "192.0.2.10", "protocol": "kernel"},
	{"type": "unicast", "dst": "default", "gateway": "192.0.2.1", "dev": "br0", "metric": null, "scope": "global", "prefsrc": null, "protocol": "static"}]')" "$(routes)"
unused() { echo "$scripts/ifcfg-eth0:$1:1: warning: $2 is not used: the interface has no addresses of its own, it belongs to br0"; }
check "warnings name what is not applied yet, and what was left in the port's file" same "$scripts/ifcfg-br0:13:1: warning: not supported yet, without effect: DNS1, DOMAIN
$(unused 18 IPADDR)
$(unused 20 GATEWAY)" "$(trestle check $scripts 2>&1)"
check "there is nothing left to do" trestle plan
# Without the link-local addresses: the kernel makes the bridge's, with what belongs to it, when its spanning tree lets its port forward.
state() { kernel_state | grep -v '"fe80:\|"ff00::/8"'; }
state=$(state)
check "a second apply" trestle apply
check "changes nothing" same "$state" "$(state)"
daemon_stop
