#!/usr/bin/env bash
# A packet filter of the host that lets in what comes by the NIC, and nothing else: with the NIC in a bridge the host would be cut off, though
# its gateway still answers ARP and neighbour discovery, which no such filter sees. So it is taken back, "as it was": a comparison of kernel dumps.
. "$(dirname "$0")/lib.sh"

nft add table inet gate 2>/dev/null || skip "this kernel has no nftables"
host peer
join here eth0 peer eth0
on peer ip address add 198.51.100.2/24 dev eth0
on peer ip address add 2001:db8::2/64 dev eth0 nodad
ip address add 198.51.100.1/24 dev eth0
ip address add 2001:db8::1/64 dev eth0 nodad
state() { kernel_state && ls "$CONFIG/network"; }
link_local() { ip -6 address show dev eth0 scope link | grep inet6 | grep -qv tentative; }
ends() { # CODE PATTERN COMMAND...
	local output code=0
	output=$("${@:3}" 2>&1) || code=$?
	[[ $code == "$1" ]] && grep -qE -- "$2" <<<"$output" || { echo "$code: $output"; return 1; }
}
silent() { on peer sysctl -qw net.ipv4.icmp_echo_ignore_all="$1" net.ipv6.icmp.echo_ignore_all="$1"; }
into_bridge() { trestle iface-bridge eth0 br5 "$@"; }
session() { SSH_CONNECTION="198.51.100.2 50000 198.51.100.1 22" into_bridge; }

nft -f - <<END
table inet gate {
	chain input {
		type filter hook input priority 0; policy drop;
		iifname { "eth0", "lo" } accept
	}
}
END
daemon_start
eventually "the NIC is ready" link_local
mkdir -p "$CONFIG/network"
old=$(state)
check "the session's far end is not heard any more: taken back" \
	ends 1 'rolled back: 198.51.100.2 answered before, not after \(ping; it still answers ARP: does a packet filter drop what comes by br5\?\)' session
check "all of it" same "$old" "$(state)"
check "so by IPv6" ends 1 '2001:db8::2 answered before, not after \(ping; it still answers neighbour discovery: ' into_bridge --check 2001:db8::2
check "all of that" same "$old" "$(state)"
silent 1
check "who never answers a ping is held to ARP" ends 0 '198.51.100.2 answers no ping, but is there \(' into_bridge --check 198.51.100.2
check "back" ends 0 'un-attached' trestle iface-unbridge br5
check "or to neighbour discovery" ends 0 '2001:db8::2 answers no ping, but is there \(' into_bridge --check 2001:db8::2
check "back from there" ends 0 'un-attached' trestle iface-unbridge br5
silent 0
nft add rule inet gate input iifname br5 accept
check "with a filter that knows the bridge all is well" ends 0 '198.51.100.2 answers \(' session
check "out again" ends 0 '198.51.100.2 answers \(' trestle iface-unbridge br5 --check 198.51.100.2
daemon_stop
