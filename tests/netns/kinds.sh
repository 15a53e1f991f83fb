#!/usr/bin/env bash
# Every option that the kernel's bridges and ports have, from files: made with it, changed live, put back when somebody else
# changes it; and what this kernel does not have is said, and stops nothing else.
. "$(dirname "$0")/lib.sh"

network=$CONFIG/network
info() { ip -d -j link show dev "$1" | jq -e "$2" >/dev/null; }      # INTERFACE EXPRESSION
bridge() { info "$1" ".[0].linkinfo.info_data | $2"; }
port() { info "$1" ".[0].linkinfo.info_slave_data | $2"; }

ip link add eth0 type veth peer name far0
printf '%s\n' DEVICE=br0 TYPE=Bridge STP=no DELAY=0 "BRIDGING_OPTS='group_addr=01:80:C2:00:00:05 group_fwd_mask=0x4008
	no_linklocal_learn=1 multicast_snooping=1 multicast_router=2 hash_max=2048 multicast_igmp_version=3 multicast_mld_version=2
	multicast_querier=1 multicast_query_use_ifaddr=1 multicast_querier_interval=20000 multicast_query_interval=6000
	multicast_query_response_interval=500 multicast_startup_query_count=5 multicast_startup_query_interval=1000
	multicast_last_member_count=9 multicast_last_member_interval=200 multicast_membership_interval=13000
	multicast_stats_enabled=1 nf_call_arptables=1 nf_call_iptables=1 nf_call_ip6tables=1'" >"$network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 "BRIDGING_OPTS='broadcast_flood=0 bpdu_guard=1 root_block=1 multicast_fast_leave=1
	multicast_router=2 multicast_to_unicast=1 proxyarp=1 proxyarp_wifi=1 neigh_suppress=1 group_fwd_mask=1'" >"$network/ifcfg-eth0"
daemon_start
check "a bridge has all options of its file" bridge br0 '
	.group_addr == "01:80:c2:00:00:05" and .group_fwd_mask == "0x4008" and .no_linklocal_learn == 1 and .mcast_snooping == 1
	and .mcast_router == 2 and .mcast_hash_max == 2048 and .mcast_igmp_version == 3 and .mcast_mld_version == 2
	and .mcast_querier == 1 and .mcast_query_use_ifaddr == 1 and .mcast_querier_intvl == 20000 and .mcast_query_intvl == 6000
	and .mcast_query_response_intvl == 500 and .mcast_startup_query_cnt == 5 and .mcast_startup_query_intvl == 1000
	and .mcast_last_member_cnt == 9 and .mcast_last_member_intvl == 200 and .mcast_membership_intvl == 13000
	and .mcast_stats_enabled == 1 and .nf_call_arptables == 1 and .nf_call_iptables == 1 and .nf_call_ip6tables == 1'
check "a port has all options of its file" port eth0 '
	.bcast_flood == false and .guard and .root_block and .fastleave and .multicast_router == 2 and .mcast_to_unicast
	and .proxy_arp and .proxy_arp_wifi and .neigh_suppress and .group_fwd_mask == "0x1"'
check "there is nothing to do" trestle plan

index=$(cat /sys/class/net/br0/ifindex)
sed -i 's/multicast_router=2/multicast_router=0/; s/hash_max=2048/hash_max=512/; s/nf_call_iptables=1/nf_call_iptables=0/' "$network/ifcfg-br0"
sed -i 's/multicast_router=2/multicast_router=1/; s/bpdu_guard=1/bpdu_guard=0/' "$network/ifcfg-eth0"
check "plan says from what to what" grep -q 'multicast_router 2 → 0, hash_max 2048 → 512.*nf_call_iptables yes → no' <<<"$(trestle plan || true)"
check "apply" trestle apply
check "the bridge has changed" bridge br0 '.mcast_router == 0 and .mcast_hash_max == 512 and .nf_call_iptables == 0 and .mcast_querier == 1'
check "the port has changed" port eth0 '.multicast_router == 1 and .guard == false and .root_block'
check "the bridge is the same one" same "$index" "$(cat /sys/class/net/br0/ifindex)"

ip link set br0 type bridge mcast_querier 0 group_fwd_mask 0
eventually "what somebody else changed on the bridge is put back" bridge br0 '.mcast_querier == 1 and .group_fwd_mask == "0x4008"'
ip link set eth0 type bridge_slave neigh_suppress off
eventually "and on the port" port eth0 .neigh_suppress
check "iface-list has them" jq -e '.[] | select(.name == "br0") | .multicast_query_interval == 60 and .group_addr == "01:80:c2:00:00:05"' \
	<<<"$(trestle --json iface-list --all)"

# --- what the kernel lacks; the lab's has it all ---
printf '%s\n' DEVICE=br1 TYPE=Bridge STP=no DELAY=0 VLAN_FILTERING=yes BRIDGING_OPTS=default_pvid=7 IPADDR=192.0.2.1 PREFIX=24 >"$network/ifcfg-br1"
if bridge br0 'has("vlan_protocol")'; then
	check "a bridge that filters is made" trestle apply
	check "with its default VLAN" bridge br1 '.vlan_filtering == 1 and .vlan_default_pvid == 7'
else
	check "apply says what the kernel lacks, and fails" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' apply >'$RUN/apply' 2>&1; [ \$? -eq 1 ]"
	check "it names the option and the kernel's" grep -q 'br1: vlan_filtering: this kernel does not have it: CONFIG_BRIDGE_VLAN_FILTERING' "$RUN/apply"
	check "each of them" grep -q 'br1: default_pvid: this kernel does not have it: CONFIG_BRIDGE_VLAN_FILTERING' "$RUN/apply"
	check "the bridge is there all the same, with its address" ip -j address show dev br1 to 192.0.2.1/24 up
	check "there is nothing to do" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json plan | jq -e '.changes == 0'"
fi

# --- TAPs and TUNs that stay, as "ip tuntap add" makes them ---
rm "$network"/ifcfg-*
printf '%s\n' TYPE=Tap DEVICE=tap0 OWNER=nobody GROUP=12345 MTU=1400 BRIDGE=br0 >"$network/ifcfg-tap0"
printf '%s\n' TYPE=Tap DEVICE=tun7 OWNER=123 IPADDR=192.0.2.7 PREFIX=32 >"$network/ifcfg-tun7"
printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 >"$network/ifcfg-br0"
info_of() { info "$1" ".[0].linkinfo.info_data | $2"; }
check "apply: a TAP and a TUN" trestle apply
check "the TAP is as its file says" info tap0 '.[0] | .linkinfo.info_kind == "tun" and .master == "br0" and .mtu == 1400
	and (.linkinfo.info_data | .type == "tap" and .persist and .user == "nobody" and (.group | tostring == "12345"))'
check "the TUN too" info tun7 '.[0] | .linkinfo.info_data | .type == "tun" and .persist and (.user | tostring == "123")'
check "it has its address" ip -j address show dev tun7 to 192.0.2.7/32
check "both are marked" info tap0 '.[0].ifalias == "made by trestle"'
check "there is nothing to do" trestle plan
index=$(cat /sys/class/net/tap0/ifindex)
sed -i s/MTU=1400/MTU=1300/ "$network/ifcfg-tap0"
check "apply: another MTU" trestle apply
check "the TAP is the same one" same "$index" "$(cat /sys/class/net/tap0/ifindex)"
sed -i s/OWNER=nobody/OWNER=root/ "$network/ifcfg-tap0"
check "apply: another owner, for which it is made anew" trestle apply
check "its owner, bridge and MTU" info tap0 '.[0] | .master == "br0" and .mtu == 1300 and .linkinfo.info_data.user == "root"'
ip link delete tun7
eventually "a TUN that somebody deleted comes back" ip -j address show dev tun7 to 192.0.2.7/32 up
daemon_stop
daemon_start
check "a restart has nothing to do" trestle plan
sed -i s/OWNER=.*/OWNER=no-such-user/ "$network/ifcfg-tap0"
check "an unknown user is an error, and where" grep -q "ifcfg-tap0:3:7: OWNER: this host has no user \"no-such-user\"" <<<"$(trestle check "$CONFIG" 2>&1)"
rm "$network"/ifcfg-t*
check "apply: no file names them any more" trestle apply
check "they are gone" not ip link show dev tap0
check "both" not ip link show dev tun7

# --- veth pairs ---
printf '%s\n' TYPE=Veth DEVICE=v0 PEER=v1 IPADDR=198.51.100.1 PREFIX=24 MTU=1450 >"$network/ifcfg-v0"
printf '%s\n' DEVICE=v1 BRIDGE=br0 BRIDGING_OPTS=hairpin_mode=1 >"$network/ifcfg-v1"
printf '%s\n' TYPE=Veth DEVICE=w1 PEER=w0 MACADDR=52:54:00:00:00:21 >"$network/ifcfg-w1"
printf '%s\n' TYPE=Veth DEVICE=w0 PEER=w1 MACADDR=52:54:00:00:00:20 BRIDGE=br0 >"$network/ifcfg-w0"
printf '%s\n' TYPE=Veth DEVICE=x0 PEER=x1 >"$network/ifcfg-x0"
check "apply: pairs with files for one end and for both" trestle apply
check "one end" info v0 '.[0] | .link == "v1" and .mtu == 1450 and .operstate == "UP"'
check "the other, whose file has no TYPE" info v1 '.[0] | .link == "v0" and .master == "br0" and .linkinfo.info_slave_data.hairpin'
check "a pair with two files of TYPE=Veth" info w0 '.[0] | .link == "w1" and .master == "br0" and .address == "52:54:00:00:00:20"'
check "both ends" info w1 '.[0] | .link == "w0" and .address == "52:54:00:00:00:21" and .operstate == "UP"'
check "an end without a file" info x1 '.[0] | .link == "x0" and .ifalias == "made by trestle"'
check "there is nothing to do" trestle plan
ip link delete v1
eventually "a pair that somebody deleted is there again" info v1 '.[0] | .link == "v0" and .master == "br0" and .linkinfo.info_slave_data.hairpin'
eventually "with the other end's address" ip -j address show dev v0 to 198.51.100.1/24 up
eventually "then there is nothing to do" trestle plan
sed -i s/PEER=.*/PEER=x9/ "$network/ifcfg-x0"
check "apply: another peer" trestle apply
check "the pair is made anew" info x9 '.[0].link == "x0"'
check "the old end is gone" not ip link show dev x1
ip link add foreign1 type bridge
sed -i s/PEER=.*/PEER=foreign1/ "$network/ifcfg-x0"
check "an end whose name is taken is refused" grep -q 'x0: its other end is to be foreign1, but there is another interface of that name' <<<"$(trestle apply 2>&1 || true)"
check "and the pair of before stays" info x9 '.[0].link == "x0"'
rm "$network"/ifcfg-{v,w,x}*
check "apply: without the files" trestle apply
check "the pairs are gone" sh -c '! ip link show dev v0 && ! ip link show dev v1 && ! ip link show dev w0 && ! ip link show dev w1 && ! ip link show dev x9'
check "what is foreign is not" ip link show dev foreign1

# --- macvlan, VXLAN, dummy ---
printf '%s\n' TYPE=Macvlan DEVICE=mac0 PHYSDEV=far0 NOZEROCONF=yes MACVLAN_MODE=bridge IPADDR=203.0.113.1 PREFIX=24 >"$network/ifcfg-mac0"
printf '%s\n' TYPE=VXLAN DEVICE=vx0 VXLAN_ID=42 VXLAN_REMOTE=192.0.2.99 VXLAN_LOCAL=192.0.2.7 VXLAN_PORT=4789 VXLAN_TTL=9 \
	VXLAN_LEARNING=no BRIDGE=br0 >"$network/ifcfg-vx0"
printf '%s\n' TYPE=VXLAN DEVICE=vx6 VXLAN_ID=43 VXLAN_REMOTE=FF05::100 PHYSDEV=far0 >"$network/ifcfg-vx6"
check "apply: a macvlan and VXLANs" trestle apply
check "the macvlan" info mac0 '.[0] | .link == "far0" and .linkinfo.info_data.mode == "bridge" and .operstate != "DOWN"'
check "a VXLAN to one address" info vx0 '.[0] | .master == "br0" and (.linkinfo.info_data | .id == 42 and .remote == "192.0.2.99"
	and .local == "192.0.2.7" and .port == 4789 and .ttl == 9 and .learning == false)'
check "a VXLAN to a group" info vx6 '.[0].linkinfo.info_data | .id == 43 and .group6 == "ff05::100" and .link == "far0"'
check "there is nothing to do" trestle plan
index=$(cat /sys/class/net/mac0/ifindex)
sed -i s/MACVLAN_MODE=.*/MACVLAN_MODE=private/ "$network/ifcfg-mac0"
sed -i 's/VXLAN_ID=.*/VXLAN_ID=44/; s/VXLAN_REMOTE=.*/VXLAN_REMOTE=192.0.2.98/' "$network/ifcfg-vx0"
check "apply: other options" trestle apply
check "a mode changes live" info mac0 '.[0].linkinfo.info_data.mode == "private"'
check "on the same macvlan" same "$index" "$(cat /sys/class/net/mac0/ifindex)"
check "a VXLAN is made anew, in its bridge" info vx0 '.[0] | .master == "br0" and (.linkinfo.info_data | .id == 44 and .remote == "192.0.2.98")'
ip link set mac0 type macvlan mode bridge
eventually "what somebody else changed is put back" info mac0 '.[0].linkinfo.info_data.mode == "private"'
ip link delete vx6
eventually "what somebody else deleted is made again" info vx6 '.[0].linkinfo.info_data.id == 43'
printf '%s\n' TYPE=Dummy DEVICE=dummy7 IPADDR=203.0.113.77 PREFIX=32 >"$network/ifcfg-dummy7"
if ip link add probe type dummy 2>/dev/null; then
	ip link delete probe
	check "apply: a dummy" trestle apply
	check "it is there, with its address" ip -j address show dev dummy7 to 203.0.113.77/32 up
else
	check "apply says what the kernel lacks" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' apply >'$RUN/apply' 2>&1; [ \$? -eq 1 ]"
	check "by name" grep -q 'dummy7: .*CONFIG_DUMMY (module dummy)' "$RUN/apply"
	check "and leaves all else" info vx0 '.[0].master == "br0"'
fi
# --- all of it comes back when it is not confirmed ---
rm -f "$network/ifcfg-dummy7"
printf '%s\n' TYPE=Tap DEVICE=tap0 OWNER=nobody BRIDGE=br0 >"$network/ifcfg-tap0"
printf '%s\n' TYPE=Veth DEVICE=v0 PEER=v1 MTU=1450 >"$network/ifcfg-v0"
printf '%s\n' DEVICE=v1 BRIDGE=br0 >"$network/ifcfg-v1"
check "apply: one of each" trestle apply
links() { kernel_state | sed -n '/^# routes/q; /fe80/d; s/"id":"0x[0-9a-f]*",//; p' || true; } # a port's number is by its coming
state=$(links)
mkdir /run/files
mv "$network"/ifcfg-* /run/files
check "apply --confirm: none of them" trestle apply --confirm 600
check "they are gone" sh -c '! ip link show dev tap0 && ! ip link show dev v1 && ! ip link show dev mac0'
check "rollback" trestle rollback
as_before() { same "$state" "$(links)"; }
eventually "each is as it was" as_before
mv /run/files/* "$network"

rm "$network"/ifcfg-*
check "apply: without any file" trestle apply
check "all are gone" sh -c '! ip link show dev mac0 && ! ip link show dev vx0 && ! ip link show dev vx6 && ! ip link show dev dummy7'
daemon_stop

# --- killed before every single message: nothing is left without a mark ---
gone() { not ip link show dev "$1" >/dev/null 2>&1; }
for ((n = 1; n < 40; n++)); do
	rm -rf "${STATE:?}"/*
	printf '%s\n' TYPE=Tap DEVICE=tap0 OWNER=nobody >"$network/ifcfg-tap0"
	printf '%s\n' TYPE=Veth DEVICE=v0 PEER=v1 >"$network/ifcfg-v0"
	TRESTLE_CRASH_AT=$n "$BUILD/trestled" -c "$CONFIG" -s "$STATE" -r "$RUN" >>"$DAEMON_LOG" 2>&1 &
	killed=$!
	until ! kill -0 $killed 2>/dev/null || "$BUILD/trestle" -S "$RUN/trestle.sock" plan >/dev/null 2>&1; do sleep 0.05; done
	ended=yes
	if kill -TERM $killed 2>/dev/null; then ended=no; fi
	wait $killed 2>/dev/null || true
	daemon_start
	for link in tap0 v0 v1; do
		info $link '.[0].ifalias == "made by trestle"' || fail "message $n: $link is not there, or has no mark"
	done
	rm "$network"/ifcfg-*
	trestle apply >/dev/null || fail "message $n: apply without files"
	for link in tap0 v0 v1; do gone $link || fail "message $n: $link is left over"; done
	daemon_stop
	[[ $ended == yes ]] || break
done
check "killed at each of $((n - 1)) places, the next daemon finishes and takes away" test "$n" -gt 5
