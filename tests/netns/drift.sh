#!/usr/bin/env bash
# What somebody else changes of what the files state is put back and told; a fight is fought ever more slowly, and shown; a link that
# a person sets down stays down; what a spanning tree changes by itself is left to it; without repair everything stays as others leave it.
. "$(dirname "$0")/lib.sh"

ip link add eth0 type veth peer name peer0
ip link set peer0 up
printf '%s\n' DEVICE=br0 TYPE=Bridge IPADDR=192.0.2.1 PREFIX=24 DELAY=0 NOZEROCONF=yes >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 MTU=1400 >"$CONFIG/network/ifcfg-eth0"
daemon_start

has_mtu() { ip -j link show dev "$1" | jq -e --argjson mtu "$2" '.[0].mtu == $mtu'; } # INTERFACE MTU
has_address() { ip -j -4 address show dev br0 | jq -e '.[0].addr_info | map(.local) == ["192.0.2.1"]'; }
is_port() { ip -j link show dev eth0 | jq -e '.[0].master == "br0"'; }
is_up() { ip -j link show dev "$1" | jq -e '.[0].flags | index("UP") != null'; }
told() { grep -qF "$1" "$DAEMON_LOG"; }

ip address delete 192.0.2.1/24 dev br0
eventually "an address that was removed is put back" has_address
eventually "and told" told 'repair br0: add address 192.0.2.1/24 to br0'
ip link set eth0 mtu 1300
eventually "an MTU that was changed is put back" has_mtu eth0 1400
eventually "and told, with what it was" told 'repair eth0: set eth0 mtu 1300 → 1400'
ip link set eth0 nomaster
eventually "a port that was taken out is put back" is_port

fights() {
	ip link set eth0 mtu 1300
	trestle status eth0 | grep -E 'put back [0-9]+ times, somebody else changes it; next try in [0-9]+ s'
}
eventually "a fight is shown in status" fights
eventually "and goes on, more slowly" has_mtu eth0 1400

arp_is() { ip -j link show dev br0 | jq -e --arg on "$1" '.[0].flags | (index("NOARP") == null) == ($on == "on")'; } # on|off
echo ARP=no >>"$CONFIG/network/ifcfg-br0"
check "plan shows ARP=no" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' plan | grep -q 'set br0 arp yes → no'"
check "apply sets it" trestle apply
check "without it being down for it" arp_is off
check "it is read back" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json iface-list | jq -e '.[] | select(.name == \"br0\") | .arp == false'"
ip link set br0 arp on
eventually "ARP that was set on is put back off" arp_is off
sed -i /^ARP=/d "$CONFIG/network/ifcfg-br0"
check "the key gone" trestle apply
check "ARP is spoken again" arp_is on

# --- backup_port ---
ip link add eth1 type veth peer name peer1
ip link set peer1 up
printf '%s\n' DEVICE=eth1 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth1"
echo 'BRIDGING_OPTS="backup_port=eth1 path_cost=7"' >>"$CONFIG/network/ifcfg-eth0"
backup_is() { ip -j -d link show dev eth0 | jq -e --arg port "$1" '.[0].linkinfo.info_slave_data | (.backup_port // "none") == $port and .cost == 7'; }
check "a backup port, of a port that comes with it" trestle apply
check "is set" backup_is eth1
check "and the plan is empty" trestle plan
ip link set eth0 type bridge_slave nobackup_port
eventually "taken away, it is put back" backup_is eth1
ip link set eth1 nomaster
eventually "and after the other port was out of the bridge" backup_is eth1
ip link delete eth1
ip link add eth1 type veth peer name peer1
eventually "and after it was out of the host" backup_is eth1
eventually "then the plan is empty again" trestle plan
sed -i 's/backup_port=eth1/backup_port=eth7/' "$CONFIG/network/ifcfg-eth0"
check "one that is no port of the bridge is told" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' apply 2>&1 | grep -q 'eth0: its backup_port is to be eth7, which is no other port of br0'"
ip link add eth2 type veth peer name peer2
printf '%s\n' DEVICE=eth2 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth2"
sed -i 's/backup_port=eth7/backup_port=eth1/' "$CONFIG/network/ifcfg-eth0"
check "eth1 is it again" trestle apply
sed -i 's/backup_port=eth1/backup_port=eth2/' "$CONFIG/network/ifcfg-eth0"
rm "$CONFIG/network/ifcfg-eth1"
check "another one, and the first leaves" trestle apply --confirm 600
check "it is set" backup_is eth2
check "taken back with what left" trestle rollback
check "it is the first again" backup_is eth1
sed -i 's/backup_port=eth2 //' "$CONFIG/network/ifcfg-eth0"
check "the word gone, and the port" trestle apply --confirm 600
check "there is none" backup_is none
daemon_kill9
daemon_start
check "taken back by the next daemon" trestle rollback
check "it is there again" backup_is eth1
rm "$CONFIG/network/ifcfg-eth2"
check "all of it gone" trestle apply
check "there is none then" backup_is none

ip link set br0 down
ip link set eth0 nomaster # something to be repaired behind it
eventually "the next repair comes" is_port
check "a link that a person set down stays down" not is_up br0
check "apply brings it up" trestle apply
check "and it is up" is_up br0

ip link set peer1 up
printf '%s\n' DEVICE=br1 TYPE=Bridge STP=yes DELAY=2 AGEING=100 NOZEROCONF=yes >"$CONFIG/network/ifcfg-br1"
printf '%s\n' DEVICE=eth1 BRIDGE=br1 >"$CONFIG/network/ifcfg-eth1"
check "apply of a bridge with STP" trestle apply
forgets_sooner() { ip -d -j link show dev br1 | jq -e '.[0].linkinfo.info_data | .topology_change == 1 and .ageing_time == 400'; }
eventually "while its tree changes, it forgets addresses sooner" forgets_sooner
ip link set br1 txqueuelen 500 # an event that tells of it
check "which is no drift" trestle plan
check "and stays so" forgets_sooner

check "apply --no-repair" trestle apply --no-repair
ip link set eth0 mtu 1300
settled() { { trestle plan || true; } | grep -q 'mtu 1300 → 1400'; } # plan ends with 2
eventually "plan shows what somebody changed" settled
daemon_stop
check "without repair it stays" has_mtu eth0 1300
printf '%s\n' '[network]' Repair=no >"$CONFIG/trestle.conf"
daemon_start
check "start-up puts it back" has_mtu eth0 1400
ip link set eth0 mtu 1300
eventually "plan shows it again" settled
daemon_stop
check "Repair=no leaves it" has_mtu eth0 1300
