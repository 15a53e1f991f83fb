#!/usr/bin/env bash
# Addresses, routes and rules out of classic files are what ip shows, field by field; what changes, goes or is lost is mended; what is
# somebody else's stays.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
join here eth1 peer eth1
cp -r "$CONFIG/network" "$CONFIG/../scripts"
scripts=$CONFIG/../scripts
mkdir "$CONFIG/../sysconfig"
mv "$scripts" "$CONFIG/../sysconfig/network-scripts"
scripts=$CONFIG/../sysconfig/network-scripts
printf '[network]\nDirectory=%s\n' "$(realpath "$scripts")" >"$CONFIG/trestle.conf"

# somebody else's
ip link add foreign0 type bridge
ip link set foreign0 up
ip address add 198.51.100.1/24 dev foreign0
ip route add 172.16.0.0/12 via 198.51.100.9
ip route add blackhole 172.20.0.0/16
ip rule add from 198.51.100.1 table 77 priority 300
ip -6 rule add from 2001:db8:77::/48 table 77 priority 300

cat >"$scripts/../network" <<'END'
NETWORKING=yes
HOSTNAME=host
GATEWAY=10.0.0.254
END
cat >"$scripts/ifcfg-eth0" <<'END'
DEVICE=eth0
BOOTPROTO=none
IPADDR=10.0.0.1
NETMASK=255.255.255.0
IPADDR1=10.0.2.1
PREFIX1=25
BROADCAST1=10.0.2.0
IPV6ADDR=2001:db8::1/64
IPV6ADDR_SECONDARIES="2001:db8::2/64"
IPV6_DEFAULTGW=2001:db8::fe
IPV6_AUTOCONF=no
IPV6_MTU=1400
END
cat >"$scripts/ifcfg-eth0:1" <<'END'
DEVICE=eth0:1
IPADDR=10.0.0.2
END
printf 'IPADDR_START=10.0.0.10\nIPADDR_END=10.0.0.12\nCLONENUM_START=10\n' >"$scripts/ifcfg-eth0-range0"
cat >"$scripts/ifcfg-eth1" <<'END'
DEVICE=eth1
IPADDR=10.0.1.1
PREFIX=24
NOZEROCONF=yes
END
printf 'ADDRESS0=192.168.1.0\r\nNETMASK0=255.255.255.0\r\nGATEWAY0=10.0.0.9' >"$scripts/route-eth0"
cat >"$scripts/route-eth1" <<'END'
# raw
192.168.2.0/24 via 10.0.1.9 metric 50 src 10.0.1.1 mtu 1300
192.168.3.0/24 via 203.0.113.1 onlink dev eth1 table 100
default via 10.0.1.9 table 100
unreachable 192.168.4.0/24
192.168.5.0/24 nexthop via 10.0.0.9 weight 2 \
	nexthop via 10.0.1.9
END
printf '2001:db8:5::/48 via 2001:db8::9\n' >"$scripts/route6-eth0"
cat >"$scripts/rule-eth1" <<'END'
from 10.0.1.1 table 100 priority 100
fwmark 0x1/0xff iif eth0 lookup 100 pref 101
to 192.168.9.0/24 ipproto tcp dport 80-90 prohibit pref 102
END
printf 'from 2001:db8::1 table 100 pref 100\n' >"$scripts/rule6-eth0"

foreign() {
	ip -j address show dev foreign0 | jq -cS 'del(.[].addr_info[]?.tentative)'
	ip -j route show 172.16.0.0/12
	ip -j route show 172.20.0.0/16
	ip -j rule show priority 300
	ip -6 -j rule show priority 300
}
addresses() { # INTERFACE
	ip -j address show dev "$1" | jq -cS '[.[0].addr_info[] | select(.scope != "link") | {local, prefixlen, broadcast, label} | del(..|nulls)]' | tr -d ' '
}
routes() { # ARGUMENTS
	ip -d -j "$@" | jq -cS 'map(select(.protocol != "kernel") | del(.protocol, .flags, .pref, .metrics[]?.hoplimit?)) | sort_by(.dst, .dev)' 2>/dev/null
}
shows() { # FILTER COMMAND...
	"${@:2}" | jq -e "$1"
}
before=$(foreign)
index=$(ip -j link show dev eth0 | jq '.[0].ifindex')
daemon_start

# --- field by field ---
check "eth0 has its addresses, with labels and broadcast addresses" shows '[.[0].addr_info[] | select(.family == "inet") | [.local, .prefixlen, .broadcast, .label]] == [
	["10.0.0.1", 24, "10.0.0.255", "eth0"], ["10.0.2.1", 25, "10.0.2.0", "eth0"], ["10.0.0.2", 24, "10.0.0.255", "eth0:1"],
	["10.0.0.10", 24, "10.0.0.255", "eth0:10"], ["10.0.0.11", 24, "10.0.0.255", "eth0:11"], ["10.0.0.12", 24, "10.0.0.255", "eth0:12"]]
	or ([.[0].addr_info[] | select(.family == "inet") | [.local, .prefixlen, .broadcast, .label]] | sort) == ([
	["10.0.0.1", 24, "10.0.0.255", "eth0"], ["10.0.2.1", 25, "10.0.2.0", "eth0"], ["10.0.0.2", 24, "10.0.0.255", "eth0:1"],
	["10.0.0.10", 24, "10.0.0.255", "eth0:10"], ["10.0.0.11", 24, "10.0.0.255", "eth0:11"], ["10.0.0.12", 24, "10.0.0.255", "eth0:12"]] | sort)' \
	ip -j address show dev eth0
check "and its IPv6 addresses" shows '[.[0].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | sort == ["2001:db8::1/64", "2001:db8::2/64"]' \
	ip -6 -j address show dev eth0
check "the global gateway counts in its network" shows 'length == 1 and (.[0] | .gateway == "10.0.0.254" and .dev == "eth0" and (has("metric") | not))' \
	ip -j route show default
check "the route to 169.254.0.0/16 has the index in its metric, and eth1 has none" shows "map([.dev, .metric, .scope]) == [[\"eth0\", $((1000 + index)), \"link\"]]" \
	ip -j -d route show 169.254.0.0/16
check "ADDRESS0" shows 'map([.gateway, .dev]) == [["10.0.0.9", "eth0"]]' ip -j route show 192.168.1.0/24
check "a raw route with all its words" shows 'map([.gateway, .dev, .metric, .prefsrc, .metrics[0].mtu]) == [["10.0.1.9", "eth1", 50, "10.0.1.1", 1300]]' \
	ip -j route show 192.168.2.0/24
check "a table of its own" shows 'map([.dst, .gateway, .dev]) | sort == [["192.168.3.0/24", "203.0.113.1", "eth1"], ["default", "10.0.1.9", "eth1"]]' \
	ip -j route show table 100
check "an unreachable route" shows 'map(.type) == ["unreachable"]' ip -j route show 192.168.4.0/24
check "two next hops, each by the interface that reaches it" shows '[.[0].nexthops[] | [.gateway, .dev, .weight]] == [["10.0.0.9", "eth0", 2], ["10.0.1.9", "eth1", 1]]' \
	ip -j route show 192.168.5.0/24
check "IPv6 routes" shows 'map([.dst, .gateway, .metric]) | sort == [["2001:db8:5::/48", "2001:db8::9", 1024], ["default", "2001:db8::fe", 1024]]' \
	sh -c 'ip -6 -j route show proto static'
check "rules" shows 'map(select(.priority > 99 and .priority < 200) | [.priority, .src, .dst // "", .table // .action, .iif // "", .fwmark // ""]) == [
	[100, "10.0.1.1", "", "100", "", ""], [101, "all", "", "100", "eth0", "0x1"], [102, "all", "192.168.9.0", "prohibit", "", ""]]' \
	ip -j rule show
check "IPv6 rules" shows 'map(select(.priority == 100) | [.src, .table]) == [["2001:db8::1", "100"]]' ip -6 -j rule show
check "sysctls" same "0 1400" "$(cat /proc/sys/net/ipv6/conf/eth0/{accept_ra,mtu} | xargs)"
check "a second plan is empty" trestle plan
state=$(kernel_state)
check "a second apply changes nothing" trestle apply
check "the kernel is as it was" same "$state" "$(kernel_state)"
daemon_stop
daemon_start
check "nor does a restart" same "$state" "$(kernel_state)"
check "nobody else's things were touched" same "$before" "$(foreign)"

# --- somebody interferes ---
ip route del 192.168.1.0/24
eventually "a route that was deleted comes back" shows 'length == 1' ip -j route show 192.168.1.0/24
ip rule del priority 101
eventually "and a rule" shows 'map(select(.priority == 101)) | length == 1' ip -j rule show
ip route del unreachable 192.168.4.0/24
eventually "and a route without next hop" shows 'length == 1' ip -j route show 192.168.4.0/24
ip address del 10.0.0.11/24 dev eth0
eventually "and an alias" shows '[.[0].addr_info[] | select(.label == "eth0:11")] | length == 1' ip -j address show dev eth0
ip link set eth1 down
eventually "a link that is down by hand has lost its routes" shows 'length == 0' ip -j route show 192.168.2.0/24
ip link set eth1 up
eventually "when it is up again they come back" shows 'length == 1' ip -j route show 192.168.2.0/24
eventually "also that with two hops" shows '.[0].nexthops | length == 2' ip -j route show 192.168.5.0/24
eventually "then the plan is empty" trestle plan
check "nobody else's things were touched by repair" same "$before" "$(foreign)"

# --- files change ---
ip route add 172.30.0.0/16 via 10.0.0.99 # by hand, by an interface of ours
sed -i 's/^IPADDR=10.0.0.1$/IPADDR=10.0.0.3/' "$scripts/ifcfg-eth0" # the first of its network: the kernel drops the others with it
sed -i 's/metric 50 src 10.0.1.1 mtu 1300/metric 50 mtu 1350/; s/^unreachable/prohibit/; s/weight 2/weight 3/' "$scripts/route-eth1"
sed -i '/pref 102/d; s/pref 101/pref 111/' "$scripts/rule-eth1"
rm "$scripts/ifcfg-eth0-range0"
check "apply takes the change" trestle apply
check "the new address is there, the others still are" shows '[.[0].addr_info[] | select(.family == "inet").local] | sort == ["10.0.0.2", "10.0.0.3", "10.0.2.1"]' \
	ip -j address show dev eth0
check "the changed route" shows 'map([.metrics[0].mtu, .prefsrc]) == [[1350, null]]' ip -j route show 192.168.2.0/24
check "the changed type" shows 'map(.type) == ["prohibit"]' ip -j route show 192.168.4.0/24
check "the changed weight" shows '.[0].nexthops[0].weight == 3' ip -j route show 192.168.5.0/24
check "the changed rules" shows 'map(select(.priority > 99 and .priority < 200).priority) == [100, 111]' ip -j rule show
check "the default route outlived its interface's addresses" shows 'length == 1' ip -j route show default
check "and so did somebody else's by this interface" shows 'length == 1' ip -j route show 172.30.0.0/16
check "the plan is empty" trestle plan
check "nobody else's things were touched by the change" same "$before" "$(foreign)"

# --- all or nothing ---
state=$(kernel_state)
echo '192.168.6.0/24 via 192.0.2.77' >>"$scripts/route-eth1" # nothing reaches it
sed -i 's/^IPADDR=10.0.0.3$/IPADDR=10.0.0.4/' "$scripts/ifcfg-eth0"
check "a gateway that nothing reaches fails the apply" not trestle apply
check "the error says which, and what to do" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' apply 2>&1 | grep -q '192.168.6.0/24 via 192.0.2.77.*the gateway must lie in a network'"
check "all is as it was" same "$state" "$(kernel_state)"
sed -i '/192.0.2.77/d' "$scripts/route-eth1"
sed -i 's/^IPADDR=10.0.0.4$/IPADDR=10.0.0.3/' "$scripts/ifcfg-eth0"

# --- somebody else's route in the place of ours ---
ip route add 192.168.7.0/24 via 198.51.100.9
echo '192.168.7.0/24 via 10.0.1.9' >>"$scripts/route-eth1"
check "a rival is told, not replaced" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' apply 2>&1 | grep -q 'the host has 192.168.7.0/24 via 198.51.100.9 by foreign0, which no file names'"
check "it is there still" shows 'map(.dev) == ["foreign0"]' ip -j route show 192.168.7.0/24
ip route del 192.168.7.0/24
eventually "when it has gone, ours comes" shows 'map(.dev) == ["eth1"]' ip -j route show 192.168.7.0/24

# --- bad input ---
printf '10.8.0.0/16 vai 10.0.1.9\n10.8.0.1/16 dev eth1\n\xff\n' >"$scripts/route-eth7"
check "check tells all problems, in order" sh -c "'$BUILD/trestle' check '$scripts' 2>&1 | grep -c 'route-eth7:[123]:' | grep -qx 3"
check "without root" setpriv --reuid 65534 --clear-groups "$BUILD/trestle" check "$scripts/rule-eth1"
rm "$scripts/route-eth7"

# --- ifdown and ifup ---
ours='map(select(.priority > 99 and .priority < 200))'
rules() { ip -j rule show | jq -cS "$ours"; }
had=$(rules)
check "ifdown takes off what rule-eth1 brought" trestle ifdown eth1
check "none of them is left" same '[]' "$(rules)"
check "ifup" trestle ifup eth1
check "brings them again" same "$had" "$(rules)"

# --- somebody else's rule that the kernel would delete in the place of ours ---
ip rule add from 203.0.113.1 lookup 7 priority 250
echo 'from all lookup 7 priority 250' >>"$scripts/rule-eth1"
check "a rule is not added where it could not be removed alone" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' apply 2>&1 | grep -q 'give it another priority'"
sed -i '/priority 250/d' "$scripts/rule-eth1"
check "nor does its file's change touch it" trestle apply
check "somebody else's is there still" grep -q 203.0.113.1 <<<"$(ip -j rule show)"
ip rule del from 203.0.113.1 lookup 7 priority 250

# --- files go ---
rm "$scripts"/*
check "apply without files takes back what was ours" trestle apply
check "no routes, rules and addresses of ours are left" sh -c '
	ip -j -4 address show dev eth0 | jq -e ".[0].addr_info | length == 0" && ip -j rule show | jq -e "map(select(.priority > 99 and .priority < 200)) == []" &&
	ip -j route show 192.168.4.0/24 | jq -e ". == []" && ip -6 -j rule show | jq -e "map(select(.priority == 100)) == []"'
check "nobody else's things were touched at the end" same "$before" "$(foreign)"
daemon_stop
