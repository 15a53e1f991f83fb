#!/usr/bin/env bash
# What changes on a plugged NIC while its guest runs: its bridge, its link, its limits; what others do to its TAP; its place in the VM's file.
. "$(dirname "$0")/lib.sh"

# Two bridges, both with an uplink to the same peer.
host peer
join here eth0 peer eth0
join here eth1 peer eth1
on peer ip link add name switch type bridge
for port in eth0 eth1; do on peer ip link set $port master switch; done
on peer ip link set switch up
on peer ip address add 192.0.2.2/24 dev switch
printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' TYPE=Bridge DEVICE=br1 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br1"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
printf '%s\n' DEVICE=eth1 BRIDGE=br1 >"$CONFIG/network/ifcfg-eth1"
mac=52:54:00:00:00:11
vm c2 $mac,192.0.2.11/24 52:54:00:00:00:12,192.0.2.12/24 <<END
[nic net0] # the guest's way out
Bridge=br0
Model=virtio
MAC=$mac
END
json() { trestle --json "$@"; }
nic() { json domiflist c2 | jq -c --arg mac "${2:-$mac}" ".[] | select(.mac == \$mac) | $1"; }
# The next ping is a tenth of a second away: what is on its way to the old bridge while the port moves is lost whoever moves it.
just_answered() {
	local deadline=$((SECONDS + PATIENCE)) counter=/sys/class/net/c2-net0/statistics/tx_packets before
	before=$(<$counter)
	until (($(<$counter) > before)); do ((SECONDS < deadline)) || fail "the guest's pings are not answered"; done
}
packets() { ip -s -j link show dev c2-net0 | jq '.[0].stats64.rx.packets'; }
passed() { (($(packets) >= $1)); }
on_bridge() { [[ $(ip -j link show dev c2-net0 | jq -r '.[0].master') == "$1" ]]; }

daemon_start
check "start" trestle start c2
guest_wait c2 'guest: ready' >/dev/null
eventually "the guest answers" on peer ping -c1 -W1 192.0.2.11

# --- from one bridge to another ---
changes=$(guest_run c2 'cat /sys/class/net/eth0/carrier_changes')
guest_run c2 'ping -i 0.1 192.0.2.2 >/tmp/pings 2>&1 & echo started' >/dev/null
for bridge in br1 br0 br1 br0; do
	just_answered
	check "to $bridge" trestle update-interface c2 --mac $mac --source $bridge
	check "the TAP is $bridge's port" on_bridge $bridge
	check "domiflist says so" same "\"$bridge\"" "$(nic .source)"
	seen=$(packets)
	eventually "some pings go by it" passed $((seen + 10))
done
seen=$(packets) # not all of those before were pings: QEMU announces the guest after a move
eventually "enough of them went by to be counted" passed $((seen + 25))
# Gaps between answers: the last ping may still be on its way. As many as it takes: how long that is, is the machine's business.
guest_run c2 'killall -INT ping; while pidof ping; do usleep 20000; done' >/dev/null # it writes what it has when it ends
answers=$(guest_run c2 'sed -n "s/.*seq=\([0-9]*\).*/\1/p" /tmp/pings')
lost=$(awk 'NR > 1 { lost += $1 - last - 1 } { last = $1 } END { print (NR > 20 ? lost + 0 : "all") }' <<<"$answers")
check "the guest lost none of its pings" same 0 "$lost"
check "and saw no change of its link" same "$changes" "$(guest_run c2 'cat /sys/class/net/eth0/carrier_changes')"
check "a bridge that is not there: refused" not trestle update-interface c2 --mac $mac --source br7
check "the NIC stays where it was" on_bridge br0

# --- the cable ---
check "link down" trestle domif-setlink c2 c2-net0 down
no_carrier() { [[ $(guest_run c2 'cat /sys/class/net/eth0/carrier') == 0 ]]; }
eventually "the guest sees it" no_carrier
check "domif-getlink says so" grep -q down <<<"$(trestle domif-getlink c2 c2-net0)"
check "link up" trestle domif-setlink c2 c2-net0 up
eventually "the guest answers again" on peer ping -c1 -W1 192.0.2.11

# --- limits ---
# A kernel without policers limits one direction only, and says so; the lab's has both.
outbound=no
tc qdisc add dev lo ingress
tc filter add dev lo parent ffff: protocol all u32 match u32 0 0 police rate 1mbit burst 64k drop 2>/dev/null && outbound=yes
tc qdisc del dev lo ingress
check "domiftune sets a limit" trestle domiftune c2 c2-net0 --inbound 1000,2000,512
check "the kernel has it" grep -q 'htb' <<<"$(tc qdisc show dev c2-net0)"
if [[ $outbound == yes ]]; then
	check "domiftune limits the other direction" trestle domiftune c2 c2-net0 --outbound 500
	check "the kernel has that too" grep -q 'ingress' <<<"$(tc qdisc show dev c2-net0)"
else
	check "no policer: the module is named" grep -q 'act_police' <<<"$(trestle domiftune c2 c2-net0 --outbound 500 2>&1)"
	check "  and nothing of it stays" not grep -q 'ingress' <<<"$(tc qdisc show dev c2-net0)"
fi
check "domiftune shows them" grep -Eq 'inbound.average *: *1000' <<<"$(trestle domiftune c2 c2-net0)"
tc qdisc del dev c2-net0 root
eventually "somebody who removes one does so in vain" sh -c 'tc qdisc show dev c2-net0 | grep -q htb'
check "zero clears them" trestle domiftune c2 c2-net0 --inbound 0 --outbound 0
check "the kernel has none" not grep -Eq 'htb|ingress' <<<"$(tc qdisc show dev c2-net0)"

# --- what can't change live ---
check "the MTU: virsh's words" grep -q 'cannot modify MTU' <<<"$(trestle update-interface c2 --mac $mac --mtu 1400 2>&1)"

# --- others and the TAP ---
ip link set c2-net0 nomaster
eventually "taken off its bridge, it is put back" on_bridge br0
ip link set c2-net0 down
eventually "set down, it comes up again" sh -c 'ip -j link show dev c2-net0 | jq -e ".[0].flags | index(\"UP\")"'
ip link delete c2-net0
eventually "deleted, it is made again" on_bridge br0
eventually "and carries the guest's packets" on peer ping -c1 -W1 192.0.2.11
ip link delete br0
eventually "its bridge deleted: both are back" on_bridge br0
eventually "and the guest answers" on peer ping -c1 -W1 192.0.2.11
check "the log says what happened" grep -q 'repair.*c2.*make TAP c2-net0 again' "$DAEMON_LOG"
eventually "nothing remains to be done" trestle plan

# --- the running VM and its file ---
file=$CONFIG/vms/c2.vm
before=$(<"$file")
check "attach --config: only the file" trestle attach-interface c2 bridge br1 --model e1000 --mac 52:54:00:00:00:12 --config
check "  the file has it, with its comments" sh -c 'grep -q "^MAC=52:54:00:00:00:12" "$1" && grep -q "# the guest.s way out" "$1"' - "$file"
check "  domiflist: config, not live" same 'true false' "$(nic '"\(.config) \(.live)"' 52:54:00:00:00:12 | tr -d '"')"
check "  detach --live has nothing to detach" not trestle detach-interface c2 bridge --mac 52:54:00:00:00:12 --live
check "detach --config" trestle detach-interface c2 bridge --mac 52:54:00:00:00:12 --config
check "  the file is as it was" same "$before" "$(<"$file")"
check "attach --persistent: both" trestle attach-interface c2 bridge br1 --model e1000 --mac 52:54:00:00:00:12 --persistent
guest_wait c2 'guest: eth1 52:54:00:00:00:12 up' >/dev/null
check "  domiflist: config and live" same 'true true' "$(nic '"\(.config) \(.live)"' 52:54:00:00:00:12 | tr -d '"')"
check "detach --persistent" trestle detach-interface c2 bridge --mac 52:54:00:00:00:12 --persistent
check "  the file is as it was" same "$before" "$(<"$file")"
check "--live and --current exclude each other" grep -q 'mutually exclusive' <<<"$(trestle attach-interface c2 bridge br0 --live --current 2>&1)"

# --- figures ---
check "domifstat has the guest's point of view" grep -Eq '^c2-net0 rx_bytes [1-9]' <<<"$(trestle domifstat c2 c2-net0)"
check "destroy" trestle destroy c2

# --- a VM without a file ---
sed 's/^Bridge=br0/Bridge=br1/' "$file" >/run/t1.vm
sed -i 's/52:54:00:00:00:11/52:54:00:00:00:21/' /run/t1.vm
check "create: a transient VM" trestle create /run/t1.vm
check "  it runs" same '"running"' "$(json list | jq -c '.[] | select(.name == "t1") | .state')"
check "  it has no file to change" not trestle attach-interface t1 bridge br0 --config
check "  and takes a NIC live" trestle attach-interface t1 bridge br0 --live
check "  destroy forgets it" trestle destroy t1
check "  entirely" same '' "$(json list --all | jq -c '.[] | select(.name == "t1")')"
daemon_stop
