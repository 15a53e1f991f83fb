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
daemon_stop
