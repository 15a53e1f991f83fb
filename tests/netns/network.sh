#!/usr/bin/env bash
# ifcfg files become bridges, ports and addresses; a second apply has nothing to do; what no file names is never touched; what
# somebody else undoes is put back.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.2/24 dev eth0
ip link add foreign0 type bridge
ip address add 198.51.100.1/24 dev foreign0
ip address add 203.0.113.9/24 dev eth0 # by hand, before eth0 becomes a port

cat >"$CONFIG/network/ifcfg-br0" <<END
DEVICE=br0
TYPE=Bridge
IPADDR=192.0.2.1
PREFIX=24
IPV6ADDR=2001:db8::1/64
STP=no
DELAY=0
END
cat >"$CONFIG/network/ifcfg-eth0" <<END
DEVICE=eth0
BRIDGE=br0
END
foreign() { ip -j -d address show dev foreign0 | jq -cS 'del(.[].addr_info[]?.tentative)'; }
before=$(foreign)
daemon_start

check "the bridge is there with its addresses" sh -c '
	ip -j address show dev br0 | jq -e ".[0].addr_info | map(select(.scope == \"global\") | \"\(.local)/\(.prefixlen)\") | sort
		== [\"192.0.2.1/24\", \"2001:db8::1/64\"]"'
check "the NIC is its port" sh -c 'ip -j link show dev eth0 | jq -e ".[0].master == \"br0\""'
check "a port has no address but its link-local one" sh -c '
	ip -j address show dev eth0 | jq -e ".[0].addr_info | all(.scope == \"link\")"'
check "the bridge has its NIC's MAC" same "$(ip -j link show dev br0 | jq -r '.[0].address')" "$(ip -j link show dev eth0 | jq -r '.[0].address')"
check "the bridge carries the mark" sh -c 'ip -j -d link show dev br0 | jq -e ".[0].ifalias == \"made by trestle\" and .[0].group != \"default\""'
check "the peer is reached over the bridge" ping -c1 -W5 192.0.2.2

check "a second plan is empty" trestle plan
check "plan --json says so" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json plan | jq -e '.changes == 0 and .steps == []'"
state=$(kernel_state)
check "a second apply changes nothing" trestle apply
check "a second apply left the kernel as it was" same "$state" "$(kernel_state)"
check "the foreign bridge is as it was" same "$before" "$(foreign)"
check "it is listed as foreign" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json iface-list --all | jq -e '.[] | select(.name == \"foreign0\") | .owner == \"foreign\"'"

# --- files change ---
sed -i 's/^IPADDR=.*/IPADDR=192.0.2.3/' "$CONFIG/network/ifcfg-br0"
check "an edited file shows in plan, exit status 2" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' plan; [ \$? -eq 2 ]"
state=$(kernel_state)
daemon_stop
daemon_start
check "a restart does not apply half-edited files" same "$state" "$(kernel_state)"
check "apply does" trestle apply
check "the new address is there, the old one is gone" sh -c '
	ip -j -4 address show dev br0 | jq -e ".[0].addr_info | map(.local) == [\"192.0.2.3\"]"'

# --- somebody else interferes ---
ip link set eth0 nomaster
eventually "a port that was taken out is put back" sh -c 'ip -j link show dev eth0 | jq -e ".[0].master == \"br0\""'
ip link delete br0
eventually "a bridge that was deleted is made again" sh -c 'ip -j address show dev br0 | jq -e ".[0].addr_info | map(.local) | index(\"192.0.2.3\")"'
eventually "with its port" sh -c 'ip -j link show dev eth0 | jq -e ".[0].master == \"br0\""'
check "the log says what was lost" grep -q 'repair br0: create bridge br0' "$DAEMON_LOG"
eventually "then the plan is empty" trestle plan

# --- a NIC comes ---
printf '%s\n' DEVICE=usb0 IPADDR=203.0.113.1 PREFIX=24 ARPCHECK=no >"$CONFIG/network/ifcfg-usb0"
check "a NIC that is not there is told" sh -c "! '$BUILD/trestle' -S '$RUN/trestle.sock' apply"
ip link add usb0 type veth peer name far0
usb0_has() { ip -j address show dev usb0 | jq -e ".[0] | (.flags | index(\"UP\") != null) == $1 and (.addr_info | map(.local) | index(\"203.0.113.1\"))"; }
eventually "plugged in, it is brought up with its address" usb0_has true
eventually "  and the plan is empty" trestle plan
ip link set usb0 down
ip address delete 203.0.113.1/24 dev usb0
eventually "set down by hand, it is left down, and its address is put back" usb0_has false
printf '%s\n' DEVICE=usb1 IPADDR=203.0.113.5 PREFIX=24 ARPCHECK=no HOTPLUG=no >"$CONFIG/network/ifcfg-usb1"
check "one with HOTPLUG=no is told, too" sh -c "! '$BUILD/trestle' -S '$RUN/trestle.sock' apply"
ip link add usb1 type veth peer name far1
eventually "plugged in, it waits" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' status usb1 | grep 'HOTPLUG=no.*trestle ifup usb1'"
ip address delete 203.0.113.1/24 dev usb0
eventually "  when repair has done its work elsewhere" sh -c 'ip -j address show dev usb0 | jq -e ".[0].addr_info | map(.local) | index(\"203.0.113.1\")"'
check "  it is left as it is" sh -c '[ "$(ip -j address show dev usb1 | jq -c ".[0] | [.flags, .addr_info] | flatten | map(select(. == \"UP\" or type == \"object\"))")" = "[]" ]'
printf '%s\n' DEVICE=usb2 ONBOOT=no >"$CONFIG/network/ifcfg-usb2"
ip link add usb2 type veth peer name far2
check "ifup of another does not use it either" trestle ifup usb2
ip address delete 203.0.113.1/24 dev usb0
eventually "  nor does repair after that" sh -c 'ip -j address show dev usb0 | jq -e ".[0].addr_info | map(.local) | index(\"203.0.113.1\")"'
check "  it waits still" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' status usb1 | grep 'HOTPLUG=no.*trestle ifup usb1'"
check "ifup brings it up" trestle ifup usb1
check "  with its address" sh -c 'ip -j address show dev usb1 | jq -e ".[0].addr_info | map(.local) | index(\"203.0.113.5\")"'
printf '%s\n' DEVICE=usb2 IPADDR=203.0.113.9 PREFIX=24 ARPCHECK=no ARP=no ONBOOT=no >"$CONFIG/network/ifcfg-usb2"
check "without ARP" trestle ifup usb2
check "  it goes into a bridge" trestle iface-bridge usb2 br2
check "  that does without, too" sh -c 'ip -j link show dev br2 | jq -e ".[0].flags | index(\"NOARP\")"'
rm "$CONFIG"/network/ifcfg-usb[012] "$CONFIG/network/ifcfg-br2"

# --- files go ---
rm "$CONFIG/network/ifcfg-br0" "$CONFIG/network/ifcfg-eth0"
check "apply without files takes back what was ours" trestle apply
check "the bridge is gone" not ip link show dev br0
check "the NIC is there still" ip link show dev eth0
check "the foreign bridge is as it was at the end" same "$before" "$(foreign)"
daemon_stop
