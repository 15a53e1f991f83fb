#!/usr/bin/env bash
# covers: bridge-netfilter
# A host whose firewall drops what its bridges forward, as Docker leaves it: an attach and `status` warn of it in one line each, that line's
# commands mend it, and then nobody warns any more.
. "$(dirname "$0")/lib.sh"

calls=/proc/sys/net/bridge/bridge-nf-call-iptables
[[ -e $calls ]] || modprobe br_netfilter 2>/dev/null || busybox modprobe br_netfilter 2>/dev/null || true
[[ -e $calls ]] || skip "this kernel has no br_netfilter"
nft add table ip filter 2>/dev/null || skip "this kernel has no nftables"
nft delete table ip filter
echo 0 >$calls
echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.2/24 dev eth0
printf '%s\n' TYPE=Bridge DEVICE=br0 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
mac=52:54:00:00:00:12
vm c2 52:54:00:00:00:11,192.0.2.11/24 <<END
[nic net0]
Bridge=br0
MAC=52:54:00:00:00:11
END

drop() {
	nft -f - <<-END
		table ip filter {
			chain FORWARD { type filter hook forward priority filter; policy drop; }
		}
	END
}
pings() { on peer ping -c1 -W1 192.0.2.11; }
warnings() { grep -c 'packets of bridged VMs will be dropped' <<<"$1" || true; }
warns() { [[ $(warnings "$(trestle status 2>&1)") == "$1" ]]; }
attach() { trestle attach-interface c2 bridge br0 --mac $mac 2>&1; }
detach() { trestle detach-interface c2 bridge --mac $mac; }

daemon_start
check "start" trestle start c2
guest_wait c2 'guest: ready' >/dev/null
eventually "the peer pings the guest" pings
check "status has no warning" warns 0
check "nor has an attach" same 0 "$(warnings "$(attach)")"
guest_wait c2 "guest: eth1 $mac up" >/dev/null
check "detach" detach

drop
check "policy drop alone harms no bridge" pings
check "and is not warned of" warns 0
echo 1 >$calls
check "with bridge-nf-call-iptables the guest is cut off" not pings
eventually "status warns in one line" warns 1
said=$(attach)
check "an attach succeeds" grep -q 'attached successfully' <<<"$said"
check "and warns in one line" same 1 "$(warnings "$said")"
check "that names what drops them" grep -q 'bridge-nf-call-iptables is 1.*chain FORWARD of the table ip filter has the policy drop' <<<"$said"
check "detach" detach

# The commands that the warning itself gives.
read -ra setting < <(grep -o 'sysctl -w net.bridge.bridge-nf-call-iptables=0' <<<"$said")
read -ra rule < <(grep -o 'iptables -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT' <<<"$said")
if command -v iptables >/dev/null && "${rule[@]}" 2>/dev/null; then
	check "its rule mends it" pings
	eventually "and nobody warns" warns 0
	nft flush chain ip filter FORWARD
	eventually "the rule gone: it is warned of again" warns 1
fi
check "not without that rule" not pings
check "its setting" busybox "${setting[@]}"
check "mends it" pings
eventually "and nobody warns" warns 0
check "nor does an attach" same 0 "$(warnings "$(attach)")"
check "destroy" trestle destroy c2
daemon_stop
