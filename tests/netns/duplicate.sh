#!/usr/bin/env bash
# An address that another host has is not taken: by apply, and at the start. All else is, and the neighbours hear of it at once.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer lan0
join here eth1 peer lan1
on peer ip address add 10.1.0.7/24 dev lan0
on peer ip address add 10.1.0.8/24 dev lan0
mac=$(on peer ip -j link show dev lan0 | jq -r '.[0].address')

addresses() { ip -j -4 address show dev "$1" | jq -r '[.[0].addr_info[] | "\(.local)/\(.prefixlen)"] | join(" ")'; }
has() { [[ $(addresses "$1") == "$2" ]]; } # INTERFACE ADDRESSES
says() { trestle --json status "$1" | jq -er '.interfaces[0].reason' | grep -qE "$2"; } # INTERFACE PATTERN
no_carrier() { trestle --json iface-list --all | jq -e --arg name "$1" 'any(.[]; .name == $name and .state == "no carrier")' >/dev/null; }
neighbour() { on peer ip neigh show "$1" dev lan0 | grep -q "lladdr $2"; } # ADDRESS MAC
apply() { # STATUS; its words are in /run/apply
	local status=0
	trestle apply >/run/apply 2>&1 || status=$?
	((status == $1)) || fail "apply ended with status $status instead of $1: $(cat /run/apply)"
}

# --- at the start: the free one comes, the other does not ---
printf '%s\n' DEVICE=eth0 IPADDR0=10.1.0.5 PREFIX0=24 IPADDR1=10.1.0.7 PREFIX1=24 GATEWAY=10.1.0.1 >"$CONFIG/network/ifcfg-eth0"
daemon_start
check "when it is ready, an address that nobody has is there" has eth0 10.1.0.5/24
check "with the route that needs it" sh -c "ip route show default | grep -q 'via 10.1.0.1'"
check "status says who has the other" says eth0 "Error, some other host \($mac\) already uses address 10\.1\.0\.7\."
check "so does the log" grep -q "eth0: Error, some other host ($mac) already uses address 10.1.0.7" "$DAEMON_LOG"
check "repair does not bring it" sh -c "ip address add 10.9.9.9/32 dev eth1 && sleep 0.3 && ip address del 10.9.9.9/32 dev eth1"
check "it is not there" has eth0 10.1.0.5/24

# --- apply ---
on peer ip -s -s neigh flush all >/dev/null 2>&1 || true
on peer sysctl -qw net.ipv4.conf.lan0.arp_accept=1
printf '%s\n' DEVICE=eth0 IPADDR0=10.1.0.6 PREFIX0=24 IPADDR1=10.1.0.8 PREFIX1=24 >"$CONFIG/network/ifcfg-eth0"
printf '%s\n' DEVICE=eth1 IPADDR=10.2.0.1 PREFIX=24 >"$CONFIG/network/ifcfg-eth1"
(
	while has eth0 10.1.0.5/24; do sleep 0.02; done
	addresses eth0 >/run/next
) &
watcher=$!
apply 1
check "it names the address and the host" grep -q "Error, some other host ($mac) already uses address 10.1.0.8\." /run/apply
check "all else is applied" same "10.1.0.6/24 10.2.0.1/24" "$(addresses eth0) $(addresses eth1)"
wait "$watcher"
check "the host kept its old address while it asked" same 10.1.0.6/24 "$(cat /run/next)"
mine=$(ip -j link show dev eth0 | jq -r '.[0].address')
eventually "the neighbours hear of the new address" neighbour 10.1.0.6 "$mine"
check "again, with the same end" apply 1
on peer ip address del 10.1.0.8/24 dev lan0
apply 0
check "an address that has become free comes with the next apply" same "10.1.0.6/24 10.1.0.8/24" "$(addresses eth0)"
check "the plan is empty" trestle plan

# --- not asked for ---
printf '%s\n' DEVICE=eth0 IPADDR=10.1.0.7 PREFIX=24 ARPCHECK=no ARPUPDATE=no >"$CONFIG/network/ifcfg-eth0"
on peer ip neigh flush all
apply 0
check "ARPCHECK=no takes it" same 10.1.0.7/24 "$(addresses eth0)"
printf '%s\n' DEVICE=eth0 IPADDR=10.1.0.6 PREFIX=24 ARPING_WAIT=1 >"$CONFIG/network/ifcfg-eth0"
apply 0
on peer ip address add 10.1.0.6/24 dev lan0
ip address flush dev eth0
eventually "repair puts back without asking" has eth0 10.1.0.6/24
on peer ip address del 10.1.0.6/24 dev lan0

# --- a link that has no carrier ---
on peer ip link set lan1 down
rm "$CONFIG/network/ifcfg-eth1"
apply 0
eventually "trestle knows that it has none" no_carrier eth1 # the kernel tells up to a second later
printf '%s\n' DEVICE=eth1 IPADDR=10.3.0.1 PREFIX=24 >"$CONFIG/network/ifcfg-eth1"
trestle apply >/run/apply 2>&1 &
applying=$!
eventually "status says what it waits for" says eth1 'no carrier; address 10\.3\.0\.1 waits for the link'
wait "$applying"
check "without a carrier it is taken unasked, as the classic scripts do" has eth1 10.3.0.1/24
check "the log says so" grep -q 'eth1: address 10.3.0.1 is taken without having been looked for on the wire' "$DAEMON_LOG"

# --- a bridge that is made: it is asked for on the bridge ---
on peer ip address add 10.1.0.9/24 dev lan0
rm "$CONFIG/network/ifcfg-eth0"
apply 0
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
printf '%s\n' DEVICE=br0 TYPE=Bridge STP=no DELAY=0 IPADDR0=10.1.0.9 PREFIX0=24 IPADDR1=10.1.0.10 PREFIX1=24 \
	>"$CONFIG/network/ifcfg-br0"
apply 1
check "the free one came to the bridge" has br0 10.1.0.10/24
check "apply names the other" grep -q "br0: Error, some other host ($mac) already uses address 10.1.0.9\." /run/apply
check "status too" says br0 "some other host \($mac\) already uses address 10\.1\.0\.9"

# --- what plan lists is what apply tells, also of what comes later, in a plan of its own ---
rm "$CONFIG/network/ifcfg-br0" "$CONFIG/network/ifcfg-eth0"
apply 0
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
printf '%s\n' DEVICE=br0 TYPE=Bridge STP=no DELAY=0 IPADDR0=10.1.0.10 PREFIX0=24 GATEWAY=10.1.0.1 >"$CONFIG/network/ifcfg-br0"
echo 10.9.0.0/16 via 10.1.0.1 >"$CONFIG/network/route-br0"
plan=$(trestle --json plan | jq -c '.steps | sort') || true
told=$(trestle --json apply)
check "as JSON" same "$plan" "$(jq -c '.steps | sort' <<<"$told")"
check "with their number" jq -e '.changes == (.steps | length)' <<<"$told"
check "the address is among them" grep -q 'add address 10.1.0.10/24 to br0' <<<"$told"
check "so is the route behind it" grep -q 'add route 10.9.0.0/16 via 10.1.0.1 by br0' <<<"$told"
printf '%s\n' IPADDR1=10.1.0.11 PREFIX1=24 >>"$CONFIG/network/ifcfg-br0"
rm "$CONFIG/network/ifcfg-eth1"
check "ifdown tells of the interface alone" not grep -q eth1 <<<"$(trestle ifdown br0)"
check "ifup tells of the addresses that came later" grep -qx 'add address 10.1.0.11/24 to br0' <<<"$(trestle ifup br0)"

# --- one that fails then ---
printf '%s\n' DEVICE=br0 TYPE=Bridge STP=no DELAY=0 IPADDR0=10.1.0.12 PREFIX0=24 >"$CONFIG/network/ifcfg-br0"
echo 10.9.0.0/16 via 10.1.0.1 src 10.77.0.1 >"$CONFIG/network/route-br0"
trestle ifdown br0 >/dev/null
apply 1
check "what fails is told, with its file" grep -q "$CONFIG/network/ifcfg-br0: br0: add route 10.9.0.0/16 via 10.1.0.1 src 10.77.0.1: " /run/apply
check "it is not among what was done" not grep -q '^add route 10.9' /run/apply
check "what was done is" grep -q '^add address 10.1.0.12/24 to br0' /run/apply
rm "$CONFIG/network/route-br0"
printf '%s\n' DEVICE=br0 TYPE=Bridge STP=no DELAY=0 IPADDR0=10.1.0.10 PREFIX0=24 >"$CONFIG/network/ifcfg-br0"
apply 0
daemon_stop
daemon_start
check "a restart asks for nothing that is there" has br0 10.1.0.10/24
daemon_stop
