#!/usr/bin/env bash
# What verbs do within a transaction of interface changes (iface-begin) is done upon what it has changed so far.
. "$(dirname "$0")/lib.sh"

mount -t tmpfs -o size=400k tmpfs "$STATE"
for i in 1 2; do
	ip link add eth$i address 52:54:00:00:00:1$i type veth peer name far$i
	ip link set far$i up
done
small() { printf '%s\n' DEVICE=eth2 IPADDR=198.51.100.1 PREFIX=24 ARPCHECK=no ONBOOT=no; }
large() { small && head -c 30000 /dev/zero | tr '\0' '#'; } # the same, with a comment that takes room
fill() { # KIB: all but that
	dd if=/dev/zero of="$STATE/fill" bs=1k count=1000 2>/dev/null || true
	truncate -s "-$1k" "$STATE/fill"
}
is_port() { ip -j link show dev "$1" | jq -e --arg bridge "$2" '.[0].master == $bridge' >/dev/null; }
has() { ip -j address show dev "$1" | jq -e --arg address "$2" 'any(.[].addr_info[]; .local == $address)' >/dev/null; }

printf '%s\n' DEVICE=eth1 IPADDR=192.0.2.1 PREFIX=24 ARPCHECK=no >"$CONFIG/network/ifcfg-eth1"
printf '%s\n' DEVICE=br7 TYPE=Bridge IPADDR=203.0.113.7 PREFIX=24 ARPCHECK=no >"$CONFIG/network/ifcfg-br7"
small >"$CONFIG/network/ifcfg-eth2"
daemon_start
check "a transaction" trestle iface-begin
check "a NIC goes into a bridge" trestle iface-bridge eth1 br1

large >"$CONFIG/network/ifcfg-eth2"
fill 24
check "with a full disk, ifup fails" not trestle ifup eth2
check "  as it says" grep -q 'No space left on device; the old state stands' "$DAEMON_LOG"
rm "$STATE/fill"
small >"$CONFIG/network/ifcfg-eth2"
check "with room again it succeeds" trestle ifup eth2
check "  upon what the transaction did before" has br1 192.0.2.1
check "  and beside what was there" has br7 203.0.113.7
check "ifdown leaves that, too" trestle ifdown eth2
check "  the bridge stands" has br1 192.0.2.1
daemon_kill9
daemon_start
check "another daemon knows what the transaction did" has br1 192.0.2.1
check "  and repairs by it" ip link delete br1
eventually "  the bridge is back" has br1 192.0.2.1
eventually "  with its port" is_port eth1 br1
check "it is committed" trestle iface-commit
check "the applied copy has it" grep -q 192.0.2.1 "$STATE/applied/ifcfg-br1"
check "nothing of it is left over" sh -c '! ls -d "$1"/applied.new "$1"/applied.next "$1"/applied.before 2>/dev/null' - "$STATE"

check "another transaction" trestle iface-begin
check "the NIC goes out" trestle iface-unbridge br1
check "and back in, so that nothing has changed" trestle iface-bridge eth1 br1
check "  ifup upon that" trestle ifup eth2
check "  leaves the bridge" has br1 192.0.2.1
check "it is rolled back" trestle iface-rollback
check "  to the bridge" has br1 192.0.2.1
check "plan has nothing to do with it" sh -c '! "$1" -S "$2/trestle.sock" plan | grep br1' - "$BUILD/trestle" "$RUN"
