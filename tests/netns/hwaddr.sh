#!/usr/bin/env bash
# A file with HWADDR and without DEVICE: its NIC is found by its MAC address, whatever it is called, also when it comes later; and
# iface-bridge finds the file again.
. "$(dirname "$0")/lib.sh"

NET=$CONFIG/network
nic() { # NAME MAC
	ip link add "$1" address "$2" type veth peer name "far-$1"
	ip link set "far-$1" up
}
file() { # NAME LINE...
	printf '%s\n' "${@:2}" >"$NET/$1"
}
addresses() { ip -j address show dev "$1" | jq -r '[.[0].addr_info[] | select(.family == "inet") | "\(.label) \(.local)"] | sort | join(", ")'; }
has() { same "$(addresses "$1")" "$2"; } # INTERFACE ADDRESSES
reason_is() { same "$(trestle --json status "$1" | jq -r ".interfaces[0].reason")" "$2"; } # INTERFACE TEXT
says() { # PATTERN COMMAND...: and fails
	local status=0 output
	output=$("${@:2}" 2>&1) || status=$?
	((status == 1)) && grep -Eq "$1" <<<"$output" || { echo "$status: $output"; return 1; }
}

nic uplink7 52:54:00:00:00:11
ip link add same0 address 52:54:00:00:00:11 type bridge # as a VLAN on it would have
file ifcfg-lan TYPE=Ethernet HWADDR=52:54:00:00:00:11 IPADDR=192.0.2.1 PREFIX=24 GATEWAY=192.0.2.254 GATEWAYDEV=lan ARPCHECK=no
file ifcfg-lan:1 IPADDR=192.0.2.2
file route-lan '198.51.100.0/24 via 192.0.2.254'
file rule-lan 'from 192.0.2.1 table 7'
check "check accepts the file, offline" sh -c "! '$BUILD/trestle' check '$NET' 2>&1 | grep ."
daemon_start
check "the NIC is found, whatever its name" has uplink7 "uplink7 192.0.2.1, uplink7:1 192.0.2.2"
check "its routes too" sh -c 'ip route show dev uplink7 | grep -q ^198.51.100.0/24 && ip route show dev uplink7 | grep -q "^default via 192.0.2.254"'
check "a second plan is empty" trestle plan
check "ifdown finds it by the file's name" trestle ifdown lan
check "  and takes it down, with its rule" sh -c '! ip address show dev uplink7 | grep -q "inet " && ! ip rule show | grep -q "lookup 7"'
check "ifup finds it by the NIC's" trestle ifup uplink7
check "  and brings it up" has uplink7 "uplink7 192.0.2.1, uplink7:1 192.0.2.2"

# --- it gets another name, and another address ---
ip link set uplink7 down
ip link set uplink7 name wan0
ip link set wan0 up
eventually "renamed, it is kept under its new name" has wan0 "wan0 192.0.2.1, wan0:1 192.0.2.2"
eventually "  and the plan is empty" trestle plan
echo MACADDR=52:54:00:00:00:99 >>"$NET/ifcfg-lan"
check "apply gives it another MAC address" trestle apply
check "  which it has" sh -c 'ip -j link show dev wan0 | jq -e ".[0].address == \"52:54:00:00:00:99\""'
daemon_stop
daemon_start
check "a new daemon finds it by that" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' plan && '$BUILD/trestle' -S '$RUN/trestle.sock' --json status wan0 | jq -e '.interfaces[0].file | endswith(\"/ifcfg-lan\")'"
ip address delete 192.0.2.2/24 dev wan0
eventually "what is taken off is put back" has wan0 "wan0 192.0.2.1, wan0:1 192.0.2.2"

# --- one that is not there yet ---
file ifcfg-late HWADDR=52:54:00:00:00:22 IPADDR=203.0.113.1 PREFIX=24 ARPCHECK=no
check "a NIC that is not there is told" says 'ifcfg-late: .*waits for a NIC with MAC address 52:54:00:00:00:22' trestle apply
check "  and is what its status says" reason_is late "waits for a NIC with MAC address 52:54:00:00:00:22"
nic usb3 52:54:00:00:00:22
eventually "plugged in, it gets what its file states" has usb3 "usb3 203.0.113.1"
eventually "  and the plan is empty" trestle plan
ip link delete usb3
eventually "unplugged, it is waited for again" reason_is late "waits for a NIC with MAC address 52:54:00:00:00:22"

# --- what was taken down by hand is meant by its MAC address, too ---
taken_down() { reason_is "$1" "taken down by hand (ifdown): 'trestle ifup $1' or 'trestle apply' brings it up"; } # INTERFACE
check "ifdown takes one that is not there" trestle ifdown late
check "  which its status says" reason_is late "taken down by hand (ifdown): 'trestle ifup 525400:000022' or 'trestle apply' brings it up"
nic usb3 52:54:00:00:00:22
eventually "plugged in, it stays down" taken_down usb3
daemon_stop
daemon_start
check "  also for a new daemon" taken_down usb3
check "  and has got nothing" has usb3 ""
check "ifup finds it" trestle ifup late
check "  and brings it up" has usb3 "usb3 203.0.113.1"
check "  and nothing is by hand" test ! -s "$RUN/by-hand"
check "ifdown takes one that is there" trestle ifdown usb3
daemon_stop
ip link delete usb3
nic usb9 52:54:00:00:00:22
daemon_start
check "plugged in under another name, it stays down" taken_down usb9
check "  and has got nothing" has usb9 ""
nic usb3 52:54:00:00:00:23 # another one
file ifcfg-usb3 DEVICE=usb3 IPADDR=203.0.113.3 PREFIX=24 ARPCHECK=no
check "the name that it had is another's" trestle ifup usb3
check "  who comes up" has usb3 "usb3 203.0.113.3"
check "  alone" taken_down usb9
rm "$NET/ifcfg-usb3"
ip link delete usb3
check "apply brings it up, without repair" trestle apply --no-repair
check "  as its file says" has usb9 "usb9 203.0.113.1"
check "down again" trestle ifdown late
ip link delete usb9
nic usb3 52:54:00:00:00:22
eventually "it is known without repair" taken_down usb3
check "ifup then" trestle ifup late
check "  brings it up" has usb3 "usb3 203.0.113.1"
check "  and nothing is by hand then" test ! -s "$RUN/by-hand"
check "with repair again" trestle apply --repair
ip link delete usb3
eventually "and unplugged again" reason_is late "waits for a NIC with MAC address 52:54:00:00:00:22"

# --- two of something ---
nic usb3 52:54:00:00:00:22
nic usb4 52:54:00:00:00:22
check "two NICs of one MAC address are told" says 'usb3 and usb4 have the MAC address 52:54:00:00:00:22: state DEVICE' trestle apply
ip link delete usb4
file ifcfg-usb3 DEVICE=usb3
check "a NIC that another file states is told" says 'ifcfg-late: .*52:54:00:00:00:22 is usb3, which .*ifcfg-usb3 states already' trestle apply
file ifcfg-usb3 HWADDR=52:54:00:00:00:22
check "two files of one MAC address are refused" says 'ifcfg-usb3:1:8: this HWADDR is stated by .*ifcfg-late already' trestle apply
file ifcfg-usb3 DEVICE=usb3 HWADDR=52:54:00:00:00:23 IPADDR=203.0.113.9
rm "$NET/ifcfg-late"
check "another MAC address than HWADDR: the file is ignored" says 'usb3: has different MAC address than HWADDR expects' trestle apply
check "  which its status says" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json status usb3 | jq -e '.interfaces[0].reason | startswith(\"has different MAC address than HWADDR expects\")'"
check "  and nothing of it is done" has usb3 ""
rm "$NET/ifcfg-usb3"
check "the rest is in order" trestle apply

# --- a port, and out again ---
before=$(cat "$NET"/*)
check "iface-bridge finds the file" trestle iface-bridge wan0 br0 --no-stp
check "  of which the NIC is now a port" grep -qx BRIDGE=br0 "$NET/ifcfg-lan"
check "  its routes and aliases follow" test -e "$NET/route-br0" -a -e "$NET/ifcfg-br0:1" -a ! -e "$NET/route-lan" -a ! -e "$NET/ifcfg-lan:1"
check "  and the addresses are the bridge's" has br0 "br0 192.0.2.1, br0:1 192.0.2.2"
check "  and the plan is empty" trestle plan
check "iface-unbridge finds it, too" trestle iface-unbridge br0
check "  and the NIC has its addresses again" has wan0 "wan0 192.0.2.1, wan0:1 192.0.2.2"
check "  and the files say what they said" same "$(sort <<<"$before")" "$(cat "$NET"/* | sort)"
check "  and the plan is empty then" trestle plan
daemon_stop
