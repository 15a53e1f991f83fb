#!/usr/bin/env bash
# What is wanted, when: a daemon that starts again within one boot wants what was applied, whatever the files have become; a new boot wants
# the files, and for a file that is wrong its last applied form. So one wrong file never leaves a host without network.
. "$(dirname "$0")/lib.sh"

net=$CONFIG/network
file() { printf '%s\n' "${@:2}" >"$net/$1"; } # NAME LINE...
static=(NOZEROCONF=yes ARPCHECK=no PREFIX=24)
make_nics() {
	local nic
	for nic in eth0 eth1 eth2; do
		ip link add $nic address 52:54:00:00:00:1${nic#eth} type veth peer name far-$nic
		ip link set far-$nic up
	done
}
make_nics
file ifcfg-br0 DEVICE=br0 TYPE=Bridge DELAY=0 STP=no IPADDR=192.0.2.1 "${static[@]}"
file ifcfg-eth0 DEVICE=eth0 BRIDGE=br0
file ifcfg-eth1 DEVICE=eth1 IPADDR=198.51.100.1 MTU=1400 "${static[@]}"
file ifcfg-eth1:1 DEVICE=eth1:1 IPADDR=198.51.100.2
file route-eth1 '10.1.0.0/16 via 198.51.100.254'
file rule-eth1 'from 198.51.100.1 table 7 priority 70'

addresses() { ip -j -4 address show | jq -cS '[.[] | .addr_info[] | "\(.label) \(.local)/\(.prefixlen)"] | sort'; }
routes() { ip -j route show | jq -cS 'map(select(.protocol != "kernel") | "\(.dst) \(.gateway) \(.dev)")'; }
rules() { ip -j rule show | jq -cS 'map(select(.priority < 1000 and .priority > 0) | "\(.priority) \(.src) \(.table)")'; }
links() { ip -j link show | jq -cS '[.[] | select(.ifname | test("^(br|eth)")) | "\(.ifname) \(.master // "-") \(.mtu) \(.flags | index("UP") != null)"] | sort'; }
has() { same "$1" "$(links) $(addresses) $(routes) $(rules)"; }
old='["br0 - 1500 true","eth0 br0 1500 true","eth1 - 1400 true","eth2 - 1500 false"] ["br0 192.0.2.1/24","eth1 198.51.100.1/24","eth1:1 198.51.100.2/24","lo 127.0.0.1/8"] ["10.1.0.0/16 198.51.100.254 eth1"] ["70 198.51.100.1 7"]'

reboot() { # the kernel forgets, RUN_DIR is empty, the boot has another id
	[[ -z $daemon_pid ]] || daemon_kill9
	ip -j link show | jq -r '.[].ifname | select(test("^(br|eth)"))' | while read -r name; do ip link delete "$name" 2>/dev/null || true; done
	ip rule delete priority 70 2>/dev/null || true
	make_nics
	rm -rf "${RUN:?}"/*
	cat /proc/sys/kernel/random/uuid >"$STATE/../boot_id"
	mount --bind "$STATE/../boot_id" /proc/sys/kernel/random/boot_id
	daemon_start
}

daemon_start
check "the first start wants the files" has "$old"

# --- in the middle of an edit ---
edit() {
	file ifcfg-br0 DEVICE=br0 TYPE=Bridge DELAY=3 STP=no IPADDR=192.0.2.3 "${static[@]}" # good, and not applied
	printf 'DEVICE=eth1\nIPADDR=198.51' >"$net/ifcfg-eth1"                                 # half written
	file route-eth1 '10.1.0.0/33 via 198.51.100.254'                                        # wrong
	file ifcfg-br1 DEVICE=br1 TYPE=Bridge DELAY=0 STP=no IPADDR=203.0.113.1 "${static[@]}"  # new
	file ifcfg-eth2 DEVICE=eth2 IPADDR=nonsense                                             # new, and wrong
}
edit
state=$(kernel_state)
for end in daemon_stop daemon_kill9; do
	$end
	daemon_start
	check "$end in the middle of an edit, and a start: nothing has changed" same "$state" "$(kernel_state)"
	ip link set eth0 nomaster
	eventually "$end: what repair keeps is what was applied" has "$old"
done
check "apply refuses the wrong files" not trestle apply
check "and changes nothing" same "$state" "$(kernel_state)"

# --- a reboot with wrong files ---
new='["br0 - 1500 true","br1 - 1500 true","eth0 br0 1500 true","eth1 - 1400 true","eth2 - 1500 false"] ["br0 192.0.2.3/24","br1 203.0.113.1/24","eth1 198.51.100.1/24","eth1:1 198.51.100.2/24","lo 127.0.0.1/8"] ["10.1.0.0/16 198.51.100.254 eth1"] ["70 198.51.100.1 7"]'
reboot
check "a reboot: everything that is right, and the wrong files as they were last applied" has "$new"
check "status says what is wrong, and where" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' status | grep -q 'ifcfg-eth1:2:8: IPADDR wants an IPv4 address'"
check "and so does the log" grep -q 'route-eth1:1:1: .*10\.1\.0\.0/33' "$DAEMON_LOG"
check "and of the one that was never applied" grep -q 'ifcfg-eth2:2:8: IPADDR wants an IPv4 address' "$DAEMON_LOG"
reboot
check "so at the next boot" has "$new"

# --- mended ---
file ifcfg-eth1 DEVICE=eth1 IPADDR=198.51.100.9 "${static[@]}"
rm "$net/ifcfg-eth1:1" "$net/route-eth1" "$net/ifcfg-eth2"
mended='["br0 - 1500 true","br1 - 1500 true","eth0 br0 1500 true","eth1 - 1500 true","eth2 - 1500 false"] ["br0 192.0.2.3/24","br1 203.0.113.1/24","eth1 198.51.100.9/24","lo 127.0.0.1/8"] [] ["70 198.51.100.1 7"]'
reboot
check "mended, the files count at the next boot" has "$mended"
check "the plan is empty" trestle plan
daemon_stop
