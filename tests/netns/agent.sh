#!/usr/bin/env bash
# covers: guest agent
# Which addresses a guest has: as the real qemu-guest-agent in it says, and as the host's neighbour tables know.
. "$(dirname "$0")/lib.sh"

printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.1 PREFIX=24 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
mac=52:54:00:00:00:11 second=52:54:00:00:00:12
AGENT=yes vm c2 $mac,192.0.2.11/24,2001:db8::11/64 $second,198.51.100.12/25 <<END
[nic net0]
Bridge=br0
Model=virtio
MAC=$mac
END

addresses() { trestle domifaddr c2 --source agent "$@"; }
says() { grep -q -- "$1" <<<"$(addresses 2>&1)"; }
of_mac() { trestle --json domifaddr c2 --source "$1" | jq -cS --arg mac "$2" '[.[] | select(.mac == $mac) | .addresses[] | select(.address | startswith("fe80") | not)]'; }

daemon_start
check "start" trestle start c2
guest_wait c2 'guest: ready' >/dev/null
check "no agent runs: what to do" says 'no guest agent listens in the guest: install qemu-guest-agent'
guest_run c2 '/init agent' >/dev/null
eventually "it is heard" addresses
check "it tells of the guest's NIC" same \
	'[{"address":"192.0.2.11","family":"ipv4","prefix":24},{"address":"2001:db8::11","family":"ipv6","prefix":64}]' "$(of_mac agent $mac)"
check "in virsh's table" grep -Eq "^ *eth0 +$mac +ipv4 +192.0.2.11/24" <<<"$(addresses)"
check "for one interface of the guest alone" not grep -q 'lo ' <<<"$(addresses --interface eth0)"
check "a NIC is plugged" trestle attach-interface c2 bridge br0 --mac $second
guest_wait c2 "guest: eth1 $second up" >/dev/null
check "and told of" same '[{"address":"198.51.100.12","family":"ipv4","prefix":25}]' "$(of_mac agent $second)"

# Several at once: QEMU has one connection for them all.
jobs=()
for i in 1 2 3 4 5; do
	addresses >"/run/answer$i" 2>&1 &
	jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job" || fail "one of five who asked at once got no answer: $(cat /run/answer?)"; done
check "five who ask at once get one answer" same 1 "$(sha256sum /run/answer? | cut -d ' ' -f 1 | sort -u | wc -l)"

# A hung one: it holds the port open, and says nothing.
guest_run c2 'kill -STOP $(cat /run/qemu-ga.pid)' >/dev/null
check "it hangs: that is said" says 'did not answer'
guest_run c2 'kill -CONT $(cat /run/qemu-ga.pid)' >/dev/null
check "it goes on: what it was asked before is no answer to what it is asked now" same \
	'[{"address":"198.51.100.12","family":"ipv4","prefix":25}]' "$(of_mac agent $second)"

daemon_stop
daemon_start
check "the next daemon hears it too" says 192.0.2.11
guest_run c2 'kill $(cat /run/qemu-ga.pid)' >/dev/null
eventually "it ended: what to do" says 'no guest agent listens in the guest'

# --- without an agent ---
guest_run c2 'ping -c 1 192.0.2.1 >/dev/null' || fail "the guest does not reach the host"
check "the host's neighbour table knows it" same '[{"address":"192.0.2.11","family":"ipv4","prefix":null}]' "$(of_mac arp $mac)"
check "destroy" trestle destroy c2
check "a VM that is off has no addresses" says 'is not running'
daemon_stop
