#!/usr/bin/env bash
# BOOTPROTO=dhcp against a real server: the lease becomes address and routes, is renewed, lost and had again, survives the daemon, moves
# with its files to a bridge, and goes when the files say so.
. "$(dirname "$0")/lib.sh"

command -v dnsmasq >/dev/null || skip "dnsmasq is not here"
command -v dhcpcd >/dev/null || skip "dhcpcd is not here"
mount -t tmpfs tmpfs /var/lib/dhcpcd 2>/dev/null || mkdir -p /var/lib/dhcpcd # what a client of the host outside left there

server_pid=
server_start() { # HOST INTERFACE NETWORK OPTION...
	ip netns exec "$1" dnsmasq --conf-file=/dev/null --port=0 --keep-in-foreground --no-ping --log-dhcp --log-facility=- \
		--pid-file= --interface="$2" --bind-interfaces --dhcp-authoritative --dhcp-leasefile="/run/leases-$1" \
		--dhcp-range="$3.100,$3.120,120" "${@:4}" >>/run/dnsmasq.log 2>&1 &
	server_pid=$!
}
server_stop() {
	kill "$server_pid"
	wait "$server_pid" || true
}

addresses() { ip -j -4 address show dev "$1" | jq -r '[.[0].addr_info[] | "\(.local)/\(.prefixlen)"] | join(" ")'; }
address() { addresses "$1" | cut -d/ -f1; }
has_lease() { [[ $(addresses "$1") == "$2".1[0-2][0-9]/24 ]]; } # INTERFACE NETWORK
has() { [[ $(addresses "$1") == "$2" ]]; }                        # INTERFACE ADDRESSES
has_route() { routes "$1" | grep -qE "^$2"; }                     # INTERFACE PATTERN
other_client() { [[ $(client "$1") != "$2" ]]; }                  # INTERFACE PID
has_none() { [[ -z $(addresses "$1") ]]; }
life() { ip -j -4 address show dev "$1" | jq '.[0].addr_info[0].valid_life_time'; }
says() { trestle --json status "$1" | jq -er '.interfaces[0].reason' | grep -qE "$2"; } # INTERFACE PATTERN
routes() { ip -4 route show dev "$1" "${@:2}" | sed 's/ *$//'; }
client() { cut -d' ' -f1 "$RUN/dhcp/clients/$1/client"; }

host server
host other
join here eth0 server lan0
join here eth1 other lan0
on server ip address add 10.1.0.1/24 dev lan0
on other ip address add 10.2.0.1/24 dev lan0

cat >"$CONFIG/network/ifcfg-eth0" <<END
DEVICE=eth0
BOOTPROTO=dhcp
METRIC=50
ARPCHECK=no
DHCP_HOSTNAME=tester
END

# --- no server yet ---
daemon_start
eventually "status says what it waits for" says eth0 'waits for a DHCP lease \(asked for [0-9]+ s\)'
check "a plan has nothing to do about that" trestle plan

# --- a lease, with routes ---
server_start server lan0 10.1.0 --dhcp-option=121,192.168.7.0/24,10.1.0.9,0.0.0.0/0,10.1.0.1 --dhcp-option=3,10.1.0.77 \
	--dhcp-option=58,5
eventually "the lease's address is there" has_lease eth0 10.1.0
eventually "the default route is that of option 121, with the file's metric" has_route eth0 'default via 10.1.0.1 proto dhcp metric 50'
check "and its other route" has_route eth0 '192.168.7.0/24 via 10.1.0.9 proto dhcp metric 50'
check "it lasts as long as the lease" test "$(life eth0)" -gt 60 -a "$(life eth0)" -le 120
check "status tells the lease" says eth0 'DHCP lease of 10\.1\.0\.1[0-9]+/24 from 10\.1\.0\.1, [0-9]+ s are left'
check "the server knows our name" grep -q tester /run/dnsmasq.log
eventually "the plan is empty" trestle plan
check "resolv.conf and the client's own directories are left alone" test -z "$(ls -A /var/lib/dhcpcd)"

# --- renewal ---
eventually "it was renewed" grep -q 'let address 10.1.0.1.* of eth0 last' "$DAEMON_LOG"
check "without being taken away" not grep -q 'remove address 10.1' "$DAEMON_LOG"

# --- the daemon goes and comes: address, client and lease stay ---
before=$(addresses eth0) pid=$(client eth0)
pings_start server "$(address eth0)"
for end in daemon_stop daemon_kill9; do
	$end
	check "$end: the client runs on" kill -0 "$pid"
	daemon_start
	check "$end: the same address" same "$before" "$(addresses eth0)"
	check "$end: the same client" same "$pid" "$(client eth0)"
	check "$end: no step was needed" trestle plan
done
check "no ping of ten a second was lost" same 0 "$(pings_lost)"
daemon_stop
kill "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
daemon_start
check "a client that died meanwhile: the same address" same "$before" "$(addresses eth0)"
eventually "and another client" other_client eth0 "$pid"
pid=$(client eth0)
kill -KILL "$pid"
eventually "one that is killed is begun again" other_client eth0 "$pid"
check "and the address is there all the time" same "$before" "$(addresses eth0)"

# --- somebody else takes it away ---
ip address flush dev eth0
eventually "an address that was removed by hand is put back" has eth0 "$before"
eventually "with its routes" has_route eth0 'default via 10.1.0.1'

# --- carrier ---
on server ip link set lan0 down
eventually "without a carrier the address goes" has_none eth0
check "and its routes" test -z "$(routes eth0)"
eventually "status says why" says eth0 'no carrier'
check "that is nothing to plan" trestle plan
on server ip link set lan0 up
eventually "with it, the same address comes again" has eth0 "$before"
eventually "and the route" has_route eth0 'default via 10.1.0.1'

# --- two interfaces ---
first=$server_pid
server_start other lan0 10.2.0
printf '%s\n' DEVICE=eth1 BOOTPROTO=dhcp ARPCHECK=no DHCLIENT_IGNORE_GATEWAY=yes DHCPRELEASE=yes >"$CONFIG/network/ifcfg-eth1"
check "apply" trestle apply
eventually "the second interface has its own lease" has_lease eth1 10.2.0
eventually "without the gateway that its file does not want" not has_route eth1 default
check "the first one's is untouched" same "$before" "$(addresses eth0)"
sed -i '/GATEWAY/d; s/eth1/eth1\nMETRIC=50/' "$CONFIG/network/ifcfg-eth1"
check "apply: two default routes of one metric" trestle apply
eventually "the first one stays" has_route eth0 'default via 10.1.0.1'
eventually "status says that the other is not used" says eth1 'its route default via 10.2.0.1 metric 50 is not used: eth0 has one like it'
check "the plan is empty" trestle plan

# --- the client id, and the lease given back ---
pid=$(client eth1)
sed -i '/METRIC/d; $aDHCP_CLIENT_ID=07:08:09' "$CONFIG/network/ifcfg-eth1"
check "apply of another client id" trestle apply
eventually "another client runs" other_client eth1 "$pid"
knows_id() { grep -q '07:08:09' /run/leases-other; }
eventually "the server hears the id" knows_id
eventually "there is a lease again" has_lease eth1 10.2.0
rm "$CONFIG/network/ifcfg-eth1"
check "apply without the file" trestle apply
eventually "the address goes" has_none eth1
eventually "the lease is given back" grep -q 'DHCPRELEASE' /run/dnsmasq.log
eventually "the client ends" test ! -e "$RUN/dhcp/clients/eth1"
server_stop
server_pid=$first

# --- to static and back ---
cp "$CONFIG/network/ifcfg-eth0" /run/ifcfg-dhcp
printf '%s\n' DEVICE=eth0 IPADDR=10.1.0.50 PREFIX=24 ARPCHECK=no >"$CONFIG/network/ifcfg-eth0"
check "apply: static" trestle apply
check "the static address, and no other" same 10.1.0.50/24 "$(addresses eth0)"
check "for ever" test "$(life eth0)" -gt 1000000
eventually "no client" test ! -e "$RUN/dhcp/clients/eth0"
check "the plan is empty then" trestle plan
printf '%s\n' DEVICE=eth0 "IPADDR=${before%/*}" PREFIX=24 ARPCHECK=no >"$CONFIG/network/ifcfg-eth0"
cp /run/ifcfg-dhcp "$CONFIG/network/ifcfg-eth0"
check "apply: DHCP again" trestle apply
eventually "the lease's address, and no other" has eth0 "$before"
printf '%s\n' DEVICE=eth0 "IPADDR=${before%/*}" PREFIX=24 ARPCHECK=no >"$CONFIG/network/ifcfg-eth0"
check "apply: the same address, static" trestle apply
check "it stays, for ever" test "$(addresses eth0) $(($(life eth0) > 1000000))" = "$before 1"
cp /run/ifcfg-dhcp "$CONFIG/network/ifcfg-eth0"
check "apply: DHCP once more" trestle apply
eventually "the lease's address" has_lease eth0 10.1.0

# --- on a bridge ---
sed 's/eth0/br0/; $aTYPE=Bridge\nSTP=no\nDELAY=0' /run/ifcfg-dhcp >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
check "apply: a bridge with the NIC" trestle apply
eventually "the bridge has the NIC's address: it has its MAC" has br0 "$before"
eventually "and the NIC none" has_none eth0
one_client() { [[ $(ls "$RUN/dhcp/clients") == "$1" ]]; }
eventually "and there is one client" one_client br0
eventually "with its default route" has_route br0 'default via 10.1.0.1'
ip link delete br0
eventually "a bridge that somebody deleted has it again" has br0 "$before"

# --- another boot: the lease is asked for again ---
daemon_stop
kill "$(client br0)"
ip link delete br0
ip address flush dev eth0
rm -rf "$RUN" && mkdir "$RUN"
daemon_start
eventually "the same address in the next boot" has br0 "$before"

# --- the server is gone: the lease is kept to its end, which test_dhcp sees ---
server_stop
check "without its server the lease is kept" same "$before" "$(addresses br0)"
kill "$(client br0)"
daemon_stop
check "its own client is nobody else's" not grep -q "holds it too" "$DAEMON_LOG"
