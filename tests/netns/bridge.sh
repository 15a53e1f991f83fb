#!/usr/bin/env bash
# covers: iface-bridge
# A NIC goes into a bridge and out again: everything that hangs on it goes along and comes back, pings see nothing of it, the files follow,
# who answered before is asked after, and whatever goes wrong leaves the host as it was. "As it was" is a comparison of kernel dumps.
. "$(dirname "$0")/lib.sh"

host peer
join here eth0 peer eth0
on peer ip address add 10.0.0.1/24 dev eth0
on peer ip address add 2001:db8::1/64 dev eth0 nodad
files=$CONFIG/network
client=("$BUILD/trestle" -S "$RUN/trestle.sock")
state() { kernel_state && grep . /proc/sys/net/ipv[46]/conf/*/{rp_filter,arp_ignore,accept_ra,forwarding} 2>/dev/null; }
is_old() { same "$old" "$(state)"; }
without_link_local() { grep -v '"fe80:\|"ff00::/8"' <<<"$1"; } # the kernel makes them when a bridge has carrier for the first time
settled() { not sh -c "ip address | grep -q tentative"; }
texts() { (cd "$files" && grep -a . ./*); }
says() { # PATTERN COMMAND...
	local output
	output=$("${@:2}" 2>&1) || true
	grep -qE -- "$1" <<<"$output" || { echo "$output"; return 1; }
}

mkdir -p "$files"
comment=$'# the caf\xe9 uplink' # of an editor that knew no UTF-8
cat >"$files/ifcfg-eth0" <<END
$comment
DEVICE=eth0
IPADDR=10.0.0.2
PREFIX=24
GATEWAY=10.0.0.1
IPV6ADDR=2001:db8::2/64
IPV6_DEFAULTGW=2001:db8::1
COLOUR=red
END
daemon_start
eventually "the addresses are usable" settled
ip address add 10.0.0.3/24 dev eth0 label eth0:1
ip address add 10.0.7.3/24 dev eth0 valid_lft 4000 preferred_lft 4000
ip route add 10.9.0.0/16 via 10.0.0.1 table 77 metric 5
ip route add 10.8.0.0/16 dev eth0 src 10.0.0.3 mtu 1400
ip rule add iif eth0 table 77 priority 500
ip -6 rule add oif eth0 table 78 priority 501
ip neigh add 10.0.0.50 lladdr 02:00:00:00:00:50 dev eth0 nud permanent
sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth0.arp_ignore=1 net.ipv6.conf.eth0.accept_ra=2

# --- in and out ---
old=$(state) written=$(texts)
pings_start peer 10.0.0.2
check "iface-bridge" says '^Created bridge br0 with attached device eth0$' trestle iface-bridge eth0 br0
check "the bridge has the addresses" sh -c "ip -br addr show br0 | grep -q '10.0.0.2/24.*10.0.0.3/24.*2001:db8::2/64'"
check "and the label" sh -c "ip addr show br0 | grep -q 'br0:1$'"
check "the NIC has none" not sh -c "ip address show eth0 | grep inet"
check "routes of all tables" sh -c "ip route show table 77 | grep -q '10.9.0.0/16 via 10.0.0.1 dev br0 metric 5' && ip route show 10.8.0.0/16 | grep -q 'dev br0.*src 10.0.0.3 mtu 1400'"
check "no route is left on the NIC" not sh -c "{ ip -4 route show table all; ip -6 route show table main; } | grep 'dev eth0'"
check "rules" sh -c "ip rule | grep -q 'iif br0' && ip -6 rule | grep -q 'oif br0'"
check "neighbours" sh -c "ip neigh show nud permanent dev br0 | grep -q 10.0.0.50"
check "sysctls" sh -c "cd /proc/sys/net && grep -qx 1 ipv4/conf/br0/rp_filter && grep -qx 1 ipv4/conf/br0/arp_ignore && grep -qx 2 ipv6/conf/br0/accept_ra"
check "the bridge has the NIC's MAC" same "$(cat /sys/class/net/eth0/address 2>/dev/null || ip -j link show eth0 | jq -r '.[].address')" "$(ip -j link show br0 | jq -r '.[].address')"
check "the NIC's file keeps what is its own" same "$(printf '%s\n' "$comment" DEVICE=eth0 COLOUR=red BRIDGE=br0)" "$(cat "$files/ifcfg-eth0")"
check "the bridge's file has the rest" grep -qx IPADDR=10.0.0.2 "$files/ifcfg-br0"
check "plan has nothing to do" trestle plan
check "the next daemon, too" sh -c true
daemon_stop
daemon_start
check "has nothing to do" trestle plan
check "iface-unbridge" says '^Device eth0 un-attached from bridge br0$' trestle iface-unbridge br0
check "no ping was lost" same 0 "$(pings_lost)"
check "all is as it was" is_old
check "the bridge's file is gone" not test -e "$files/ifcfg-br0"
check "the NIC's says the same as before" same "$(sort <<<"$written")" "$(texts | sort)"
check "plan has nothing to do after it" trestle plan
check "status says nothing of changes" not says 'nobody confirmed' trestle status
check "the report" says 'moved 4 addresses, 4 routes, 2 rules, 1 neighbour, .* in [0-9.]+ ms; gateway 10.0.0.1 answers' trestle iface-bridge eth0 br0
check "as JSON" sh -c "${client[*]} --json iface-unbridge br0 | jq -e '.interface == \"eth0\" and (.report | length > 0) and .changes > 10'"
check "all is as it was, again" is_old

# --- what is refused ---
ip link add other type veth peer name other2
ip link add br7 type bridge
ip link set other master br7
check "no such interface" says 'there is no interface eth9' trestle iface-bridge eth9 br0
check "a bridge" says 'Existing device br7 is already a bridge' trestle iface-bridge br7 br0
check "loopback" says 'loopback' trestle iface-bridge lo br0
check "a port" says 'other is a port of br7' trestle iface-bridge other br0
check "a name that is taken" says 'Network device other already exists' trestle iface-bridge eth0 other
check "a name that none can have" says 'is longer than 15 characters|too long' trestle iface-bridge eth0 a-name-of-a-bridge
check "no bridge" says 'Device eth0 is not a bridge' trestle iface-unbridge eth0
ip link set other2 master br7
check "several ports" says 'Multiple interfaces attached to bridge' trestle iface-unbridge br7
ip link set other nomaster
ip link set other2 nomaster
check "no port" says 'No interface attached to bridge' trestle iface-unbridge br7
check "delays" sh -c "for delay in xyz -1 100000000000; do ${client[*]} iface-bridge eth0 br0 --delay \$delay; [ \$? = 64 ] || exit 1; done" 
check "an address that is none" says "'here' is no IPv4 or IPv6 address" trestle iface-bridge eth0 br0 --check here
echo 'ONBOOT=yes' >>"$files/ifcfg-eth0"
check "a file with changes" says 'ifcfg-eth0 has changes that are not applied' trestle iface-bridge eth0 br0
check "apply" trestle apply
ip link delete other
ip link delete br7
check "nothing of this has changed anything" is_old

# --- files alone ---
check "a delay without STP" says '^--delay is without effect without --stp$' sh -c "${client[*]} iface-bridge eth0 br0 --delay 5 --confirm 600 && ${client[*]} rollback"
written=$(texts)
check "--no-start says when it takes effect, and what undoes it" \
	says "^only the files have changed: it takes effect at the next 'trestle apply' or boot; 'trestle iface-unbridge br0 --no-start' undoes it$" \
	trestle iface-bridge eth0 br0 --no-start
check "changes nothing yet" is_old
check "is pending in plan" sh -c "${client[*]} plan; [ \$? = 2 ]"
check "only its exact inverse undoes that" says 'there is no interface br0' trestle iface-unbridge br0
check "iface-unbridge --no-start" says "only the files have changed: .*; br0 was not made yet" trestle iface-unbridge br0 --no-start
check "undoes it" same "$(sort <<<"$written")" "$(texts | sort)"
check "nothing is pending in plan" trestle plan
check "the files as they are now" trestle apply
check "what no file names either is refused" says 'there is no interface br0' trestle iface-unbridge br0 --no-start
check "and nothing of this has changed anything" is_old

# --- confirmed, or not ---
check "--confirm returns at once" says 'taken back in 600 s' trestle iface-bridge eth0 br0 --confirm 600
check "a second change is refused by the first one's name" says "'iface-bridge eth0 br0' waits to be confirmed" trestle iface-unbridge br0
check "what takes it back is on record, with its waits and with what comes in meanwhile" \
	jq -e '[.kept.undo[] | select(.op == "link-wait").interface] == ["eth0", "br0", "br0"] and any(.kept.undo[]; .meanwhile == "br0")' "$STATE/change.json"
pings_start peer 10.0.0.2
check "rollback" trestle rollback
check "brings all of it back" is_old
check "--confirm, for another daemon" trestle iface-bridge eth0 br0 --confirm 600
daemon_kill9
daemon_start
check "which takes it back as well" trestle rollback
check "all of it" is_old
check "the files, too, byte for byte" same "$(sort <<<"$written")" "$(texts | sort)"
check "no ping was lost by any of this" same 0 "$(pings_lost)"
check "--confirm 1" trestle iface-bridge eth0 br0 --confirm 1
eventually "the deadline brings it back" is_old
eventually "and status says so" says "nobody confirmed 'iface-bridge eth0 br0', so it was taken back, with its files" trestle status
check "a boot would take the files all the same" not test -e "$STATE/unconfirmed"
check "the bridge's file is gone again" not test -e "$files/ifcfg-br0"
check "a transaction" trestle iface-begin
check "takes it in" says 'Created bridge' trestle iface-bridge eth0 br0
check "and takes it out again" says 'un-attached' trestle iface-unbridge br0
check "in and out are nothing" is_old
check "and brings that back, too" trestle iface-rollback
ip link add eth1 up type veth peer name eth1-peer
ip address add 10.6.0.1/24 dev eth1
eventually "a second NIC" settled
both=$(state) texts=$(texts)
check "a transaction of two" trestle iface-begin
check "the first NIC" trestle iface-bridge eth0 br0
check "the second one" trestle iface-bridge eth1 br1
check "leaves the first one where it is" sh -c "ip -br address show br0 | grep -q 10.0.0.2/24 && ip -br address show br1 | grep -q 10.6.0.1/24"
check "iface-rollback" trestle iface-rollback
check "which nobody had to confirm" not says "nobody confirmed 'iface-begin'" trestle status
check "brings both back" same "$both" "$(state)"
check "with their files" same "$texts" "$(texts)"
ip link delete eth1

# --- two at once ---
trestle iface-bridge eth0 br0 >"$RUN/first" 2>&1 &
first=$!
trestle iface-bridge eth0 br1 >"$RUN/second" 2>&1 && second=0 || second=$?
wait "$first" && first=0 || first=$?
check "one of two is refused" test $((first + second)) = 1
check "by name, or as a port" grep -qE "was under way|is a port of" "$RUN/first" "$RUN/second"
check "and back" sh -c "${client[*]} iface-unbridge br0 || ${client[*]} iface-unbridge br1"
check "all is as it was after two at once" is_old

# --- a bridge that is there, with a MAC of its own, and a peer that won't hear it ---
ip link add br0 address 02:00:00:00:00:b0 type bridge
ip link set br0 up
ip address add 10.5.0.1/24 dev br0
eventually "the bridge is there" settled
old=$(state)
check "into an existing bridge" says '^Attached device eth0 to bridge br0$' sh -c "${client[*]} iface-bridge eth0 br0 --stp --delay 5 2>'$RUN/names'"
check "whose spanning tree is left alone, which is said" same "$(printf 'br0 is there already: %s is without effect, the bridge keeps what it has\n' --stp --delay)" \
	"$(grep already "$RUN/names")"
check "which keeps its MAC" sh -c "ip link show br0 | grep -q 02:00:00:00:00:b0"
check "and its address" sh -c "ip -br addr show br0 | grep -q '10.5.0.1/24.*10.0.0.2/24'"
check "the gateway is reached over it" ping -c1 -W5 -q 10.0.0.1
has_peer() { on peer ip neigh show 10.0.0.2 | grep -q "lladdr $1"; }
eventually "the gateway knows the host by that MAC" has_peer 02:00:00:00:00:b0
check "out of it, to be confirmed" trestle iface-unbridge br0 --confirm 600
eventually "the gateway knows it by the NIC's" has_peer "$(ip -j link show eth0 | jq -r '.[].address')"
check "rollback of that" trestle rollback
eventually "it is told of the bridge's again" has_peer 02:00:00:00:00:b0
daemon_stop # by hand, as the inverse would take the bridge's own address along
ip link delete br0
rm -rf "$files"/ifcfg-* "${STATE:?}"/*
ip address flush dev eth0
ip address add 10.0.0.2/24 dev eth0
ip route add default via 10.0.0.1
ip link add br0 address 02:00:00:00:00:b0 type bridge
ip link set br0 up
ip neigh flush dev eth0
ip address flush dev br0 scope link
daemon_start
eventually "a plain NIC and a bridge" settled
old=$(state)
if on peer nft -f - <<END
table arp filter {
	chain input { type filter hook input priority 0; arp saddr ether 02:00:00:00:00:b0 drop; }
}
END
then
	check "a gateway that is silent afterwards takes it back" says 'rolled back: 10.0.0.1 answered before, not after' trestle iface-bridge eth0 br0
	check "all of it" same "$(without_link_local "$old")" "$(without_link_local "$(state)")"
	check "and no file is left" not test -e "$files/ifcfg-eth0"
	on peer nft delete table arp filter
fi
check "--check of somebody who never answered is no hindrance" says '10.0.0.77 did not answer before' trestle iface-bridge eth0 br0 --check 10.0.0.77

# --- the SSH session, through sudo's empty environment ---
check "out again" trestle iface-unbridge br0
check "the session's far end is asked" says '10.0.0.1 answers.*; 10.0.0.9 did not answer' \
	env SSH_CONNECTION="10.0.0.9 50000 10.0.0.2 22" sh -c "env -i '$BUILD/trestle' -S '$RUN/trestle.sock' iface-bridge eth0 br1; true"
check "out of that" trestle iface-unbridge br1

# --- what does not move is named ---
names() { grep -qF -- "$1" "$RUN/names"; }
tc qdisc add dev eth0 root handle 7: pfifo
nft -f - <<END
add table inet fw
add chain inet fw in { type filter hook input priority 0; }
add rule inet fw in iifname eth0 tcp dport 22 accept
add rule inet fw in iifname eth0 icmp type echo-request accept
add table netdev fw
add chain netdev fw early { type filter hook ingress device eth0 priority 0; }
END
check "into the bridge" sh -c "${client[*]} iface-bridge eth0 br1 2>'$RUN/names'"
check "rules for the NIC are named" names "nftables: the chain in of the table inet fw has rules for eth0: packets come and go by br1 then"
check "each chain once" test "$(grep -c 'the chain in' "$RUN/names")" = 1
check "so is a chain that is hooked on it" names "nftables: the chain early of the table netdev fw is hooked on eth0 and stays so"
check "and a qdisc" names "the qdisc pfifo 7: stays on eth0"
nft add rule inet fw in oifname br1 accept
check "out of it" sh -c "${client[*]} iface-unbridge br1 2>'$RUN/names'"
check "rules for the bridge are named" names "nftables: the chain in of the table inet fw has rules for br1: packets come and go by eth0 then"
check "what is hooked on the NIC is not" not names "is hooked on"
check "it has its qdisc still" sh -c "tc qdisc show dev eth0 | grep -q 'pfifo 7:'"
nft flush ruleset
tc qdisc delete dev eth0 root
check "into the bridge, with nothing in the way" sh -c "${client[*]} iface-bridge eth0 br1 2>'$RUN/names'"
check "nothing is named" not names fw
daemon_stop
