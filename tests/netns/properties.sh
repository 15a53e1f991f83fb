#!/usr/bin/env bash
# What holds for any configuration, tried on generated ones: a second plan is empty; to apply A and then B gives what B alone gives;
# an apply that fails leaves the kernel as it was; what no file names stays as it is; a restart in the middle of an edit changes
# nothing. $PROPERTIES: how many (5), $SEED: where they begin (1). Each pair of configurations is made from its number alone.
. "$(dirname "$0")/lib.sh"

NICS=4 BRIDGES=3 yes_or_no=(yes no)

# Any of these lines, or none. What nobody can know again is stated always: a MAC address of no hardware, a port's cost.
some_of() { # LINE...
	local line
	for line; do ((RANDOM % 2)) || printf '%s\n' "$line"; done
}

words() { # KEY=VALUE...
	printf 'BRIDGING_OPTS="%s"\n' "$(some_of "$@" | tr '\n' ' ')"
}

always=(NOZEROCONF=yes ARPCHECK=no ARPUPDATE=no)

write_bridge() { # NUMBER
	local i
	printf '%s\n' "DEVICE=br$1" TYPE=Bridge "${always[@]}" "MACADDR=02:00:00:00:01:0$1"
	some_of "STP=${yes_or_no[RANDOM % 2]}" "DELAY=$((2 + RANDOM % 20))" IPV6_AUTOCONF=no IPV6_ROUTER=yes
	words "ageing_time=$((100 * (10 + RANDOM % 300)))" "priority=$((4096 * (RANDOM % 16)))" multicast_snooping=0 hash_max=512 \
		group_fwd_mask=0x4000 multicast_querier=1 multicast_query_interval=6000
	for ((i = 0; i < RANDOM % 3; i++)); do printf '%s\n' "IPADDR$i=10.$1.$i.$((1 + RANDOM % 3))" "PREFIX$i=$((24 + RANDOM % 3))"; done
	((RANDOM % 2)) || printf '%s\n' IPV6INIT=yes "IPV6ADDR=2001:db8:$1::$((1 + RANDOM % 9))/64"
}

write_nic() { # NUMBER BRIDGE...
	printf '%s\n' "DEVICE=v$1" "${always[@]}" "MACADDR=02:00:00:00:00:0$1"
	some_of "MTU=$((1300 + 100 * (RANDOM % 3)))" ARP=no
	shift
	if (($# && RANDOM % 3)); then
		printf '%s\n' "BRIDGE=${!#}" "BRIDGING_OPTS=\"path_cost=$((1 + RANDOM % 100)) $(some_of hairpin_mode=1 learning=0 unicast_flood=0 priority=7 | tr '\n' ' ')\""
		return
	fi
	some_of IPV6_AUTOCONF=no IPV6_ROUTER=yes IPV6_MTU=1280 IPV6_DISABLED=yes
	printf '%s\n' "IPADDR=172.16.$nic.$((1 + RANDOM % 3))" PREFIX=24
	printf '%s\n' "10.2$nic.$((RANDOM % 2)).0/24 via 172.16.$nic.$((100 + RANDOM % 3))" >"$directory/route-v$nic"
	((RANDOM % 2)) || printf '%s\n' "from 172.16.$nic.$((RANDOM % 2)) lookup 1$nic priority 10$nic$((RANDOM % 2))" >"$directory/rule-v$nic"
	((RANDOM % 2)) || printf '%s\n' "DEVICE=v$nic:1" "IPADDR=172.17.$nic.$((1 + RANDOM % 2))" PREFIX=24 "${always[@]}" >"$directory/ifcfg-v$nic:1"
}

write_veth() {
	printf '%s\n' DEVICE=pair0 TYPE=Veth PEER=pair1 MACADDR=02:00:00:00:05:00 "${always[@]}"
	some_of MTU=1400 "IPADDR=172.18.0.$((1 + RANDOM % 3))"
	printf '%s\n' DEVICE=pair1 MACADDR=02:00:00:00:05:01 "$(some_of MTU=1400)" >"$directory/ifcfg-pair1"
}

write_tap() {
	printf '%s\n' DEVICE=t0 TYPE=Tap MACADDR=02:00:00:00:06:00 "${always[@]}"
	some_of "OWNER=$((RANDOM % 3))" "GROUP=$((RANDOM % 3))" MTU=1300
}

write_dummy() {
	printf '%s\n' DEVICE=d0 TYPE=Dummy MACADDR=02:00:00:00:06:01 "${always[@]}"
	some_of MTU=1300 ARP=yes "IPADDR=172.19.0.$((1 + RANDOM % 3))"
}

write_macvlan() {
	printf '%s\n' DEVICE=m0 TYPE=Macvlan PHYSDEV=pair0 MACADDR=02:00:00:00:06:02 "${always[@]}"
	some_of MTU=1300 MACVLAN_MODE=bridge
}

write_vxlan() {
	printf '%s\n' DEVICE=x1 TYPE=VXLAN "VXLAN_ID=$((5 + RANDOM % 2))" MACADDR=02:00:00:00:06:03 "${always[@]}"
	some_of MTU=1300 VXLAN_REMOTE=192.0.2.9 VXLAN_PORT=4789 VXLAN_TTL=9 VXLAN_LEARNING=no
}

write_vlan() {
	printf '%s\n' DEVICE=pair0.5 VLAN=yes "${always[@]}"
	some_of MTU=1300 REORDER_HDR=no GVRP=yes LOOSE_BINDING=yes MACADDR=02:00:00:00:06:05 VLAN_EGRESS_PRIORITY_MAP=1:2,3:4 "IPADDR=172.20.0.$((1 + RANDOM % 3))"
}

write_bond() {
	local mode=$((RANDOM % 5)) monitor=()
	((RANDOM % 3)) && monitor=(miimon=100) || ((mode > 3)) || monitor=(arp_interval=200 arp_ip_target=192.0.2.7)
	printf '%s\n' DEVICE=bond0 TYPE=Bond MACADDR=02:00:00:00:06:06 "${always[@]}" \
		"BONDING_OPTS=\"mode=$mode ${monitor[*]} $(some_of resend_igmp=3 all_slaves_active=1 min_links=1 | tr '\n' ' ')\""
	some_of MTU=1400
	printf '%s\n' DEVICE=s0 SLAVE=yes MASTER=bond0 >"$directory/ifcfg-s0"
	((RANDOM % 2)) || printf '%s\n' DEVICE=s1 SLAVE=yes MASTER=bond0 >"$directory/ifcfg-s1"
}

# Those of them that this kernel can make, and so a file may state.
kinds=(veth tap)
host probe
on probe ip link add lower type veth # lo takes neither VLANs nor macvlans
while read -r kind words; do
	# shellcheck disable=SC2086  # words
	on probe ip link add ${words/type/name probe0 type $kind} 2>/dev/null || continue
	on probe ip link delete probe0
	kinds+=("$kind")
done <<END
dummy type
macvlan link lower type
vxlan type id 5 dstport 4789
vlan link lower type id 5
bond type
END
echo "kinds: ${kinds[*]}"

generate() { # DIRECTORY
	local directory=$1 number nic kind chosen=()
	declare -A names=([veth]=pair0 [tap]=t0 [dummy]=d0 [macvlan]=m0 [vxlan]=x1 [vlan]=pair0.5 [bond]=bond0)
	rm -rf "$directory"
	mkdir -p "$directory"
	for ((number = 0; number < BRIDGES; number++)); do
		((RANDOM % 3)) || continue
		write_bridge "$number" >"$directory/ifcfg-br$number"
		chosen=("br$number" "${chosen[@]}")
	done
	for ((nic = 0; nic < NICS; nic++)); do
		((${#chosen[@]} < 2 || RANDOM % 2)) || chosen=("${chosen[@]:1}" "${chosen[0]}")
		write_nic "$nic" "${chosen[@]}" >"$directory/ifcfg-v$nic"
	done
	for kind in "${kinds[@]}"; do
		[[ $kind == veth ]] || ((RANDOM % 2)) || continue # others lie on it
		"write_$kind" >"$directory/ifcfg-${names[$kind]}"
	done
}

use() { # DIRECTORY
	rm -rf "$CONFIG/network"
	cp -r "$1" "$CONFIG/network"
}

# The same before each: four NICs with something at their other ends, and what is somebody else's.
set_up_host() { # NAME
	local nic
	on "$1" sysctl -qw net.ipv6.conf.default.addr_gen_mode=1 # else link-local addresses tell when a carrier came first
	on "$1" sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0
	for nic in 0 1 2 3; do
		on "$1" ip link add "v$nic" address "02:00:00:00:00:0$nic" type veth peer name "w$nic" address "02:00:00:00:02:0$nic"
		on "$1" ip link set "w$nic" up
		on "$1" ip link set "v$nic" up
	done
	for nic in 0 1; do # up, as a bond leaves them
		on "$1" ip link add "s$nic" address "02:00:00:00:07:0$nic" up type veth peer name "r$nic" address "02:00:00:00:08:0$nic"
	done
	on "$1" ip tuntap add x0 mode tap
	on "$1" ip link set x0 address 02:00:00:00:04:00
	on "$1" ip link add foreign0 address 02:00:00:00:03:00 up type bridge
	on "$1" ip link set w3 master foreign0
	on "$1" ip address add 198.51.100.1/24 dev foreign0
	on "$1" ip route add 203.0.113.0/24 via 198.51.100.9
}

# Without what tells of the past: multicast routes come with the first carrier, and a port has the number that was free. (There are no
# 169.254 routes: their metrics are the links' indices.)
state_of() { # HOST
	on "$1" bash -c "$(declare -f kernel_state); kernel_state; cd /proc/sys/net/ipv6/conf
		grep . {br?,v?,pair?}/{accept_ra,accept_redirects,disable_ipv6,forwarding,mtu} 2>/dev/null || true" | sed '/"dst":"ff00::\/8"/d; s/"id":"0x[0-9a-f]*",//'
}

is_still() { diff "$1" <(state_of "$2"); } # FILE HOST

foreign_of() { # HOST
	state_of "$1" | grep -E 'foreign0|203\.0\.113|"ifname":"w'
}

# B alone, on a host that never saw A.
from_scratch() { # NUMBER
	local name=scratch$1 pid deadline=$((SECONDS + PATIENCE))
	host "$name"
	set_up_host "$name"
	mkdir -p /run/scratch/{state,run}
	ip netns exec "$name" "$BUILD/trestled" -c "$CONFIG" -s /run/scratch/state -r /run/scratch/run >>"$DAEMON_LOG" 2>&1 &
	pid=$!
	until [[ -S /run/scratch/run/trestle.sock ]]; do
		((SECONDS < deadline)) || fail "a daemon on a fresh host did not get ready"
		sleep 0.02
	done
	state_of "$name"
	kill "$pid"
	wait "$pid" || fail "trestled: ended with status $?"
	rm -rf /run/scratch
	ip netns delete "$name"
}

refused() {
	not trestle apply 2>/run/refused && { grep -q 'x0: set MTU 65535.*Invalid argument' /run/refused || not cat /run/refused; }
}

set_up_host here
foreign=$(foreign_of here)
mkdir -p "$CONFIG/network"
daemon_start
seed=${SEED:-1}
for ((number = seed; number < seed + ${PROPERTIES:-5}; number++)); do
	RANDOM=$number
	generate /run/a
	generate /run/b
	use /run/a
	check "$number: apply A" trestle apply
	check "$number: then there is nothing to do" trestle plan
	state_of here >/run/state
	use /run/b
	daemon_stop
	daemon_start
	check "$number: a restart in the middle of an edit changes nothing" is_still /run/state here
	printf '%s\n' DEVICE=x0 MTU=65535 >"$CONFIG/network/ifcfg-x0" # a TAP takes a little less, and it comes last
	check "$number: an apply that the kernel refuses fails" refused
	check "$number: and leaves the kernel as it was" is_still /run/state here
	use /run/b
	check "$number: apply B" trestle apply
	check "$number: then there is nothing to do again" trestle plan
	from_scratch "$number" >/run/state
	check "$number: B after A is what B alone is" is_still /run/state here
	check "$number: what is somebody else's is as it was" same "$foreign" "$(foreign_of here)"
done
daemon_stop
