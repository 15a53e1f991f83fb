#!/usr/bin/env bash
# ifup and ifdown, iface-list, iface-dump, iface-name, iface-mac, and why status says an interface is as it is.
. "$(dirname "$0")/lib.sh"

host peer
for port in eth0 eth1 eth2; do join here $port peer $port; done
ip link set eth2 down
ip link set eth2 address 52:54:00:00:00:22 up

network=$CONFIG/network
cat >"$network/ifcfg-br0" <<END
DEVICE=br0
TYPE=Bridge
IPADDR=192.0.2.1
PREFIX=24
GATEWAY=192.0.2.254
IPV6ADDR=2001:db8::1/64
STP=no
DELAY=0
END
printf 'DEVICE=eth0\nBRIDGE=br0\n' >"$network/ifcfg-eth0"
printf 'DEVICE=eth1\nBRIDGE=br9\nONBOOT=no\n' >"$network/ifcfg-eth1"
printf 'NAME="office lan"\nDEVICE=eth2\nIPADDR=203.0.113.1\nPREFIX=24\n' >"$network/ifcfg-lan"
daemon_start

cli="'$BUILD/trestle' -S '$RUN/trestle.sock'"
has_address() { ip -j address show dev "$1" | jq -e --arg a "$2" '.[0].addr_info | map(.local) | index($a)'; }
no_addresses() { ip -j address show dev "$1" | jq -e '.[0].addr_info | all(.scope == "link" and .family == "inet6")'; }
is_up() { ip -j link show dev "$1" | jq -e '.[0].flags | index("UP")'; }
has_master() { ip -j link show dev "$1" | jq -e --arg m "$2" '.[0].master == $m'; }
no_master() { ip -j link show dev "$1" | jq -e '.[0].master == null'; }
fails_with() { # STATUS PATTERN COMMAND...
	local output status=0
	output=$("${@:3}" 2>&1) || status=$?
	[[ $status -eq $1 && $output == *$2* ]] || { echo "status $status: $output"; return 1; }
}
reason_of() { trestle --json status "$1" | jq -r '.interfaces[0].reason'; }
reason_is() { [[ $(reason_of "$1") == *"$2"* ]] || { reason_of "$1"; return 1; }; }
is_as() { same "$1" "$(kernel_state)"; }
settle() { # until the daemon has seen all that was done before: it repairs something else behind it
	ip address del 203.0.113.1/24 dev eth2
	eventually "  repair goes on elsewhere" has_address eth2 203.0.113.1
}

link_local() { ip -j -6 address show dev "$1" | jq -e '.[0].addr_info | any(.scope == "link")'; }
for link in br0 eth0 eth1 eth2; do eventually "$link has its own address" link_local $link; done

# --- down and up ---
before=$(kernel_state)
check "ifdown of a NIC by its file's NAME" trestle ifdown "office lan"
check "  its addresses are gone" no_addresses eth2
check "  it is down" not is_up eth2
check "  status says who did it" reason_is eth2 "taken down by hand"
check "  plan says what apply would do, exit status 2" fails_with 2 "taken down by hand" trestle plan
check "a second ifdown has nothing to do" trestle ifdown eth2
daemon_stop
daemon_start
check "a new daemon leaves it down" not is_up eth2
check "  and knows why" reason_is eth2 "taken down by hand"
daemon_kill9
daemon_start
check "  also one after a crash" not is_up eth2
check "ifup by its file's path" trestle ifup "$network/ifcfg-lan"
eventually "  brings all of it back" is_as "$before"
check "  status says up" reason_is eth2 up
check "  then the plan is empty" trestle plan

# --- the file as it is now, and it alone ---
sed -i 's/^IPADDR=.*/IPADDR=203.0.113.7/' "$network/ifcfg-lan"
sed -i 's/^DELAY=.*/DELAY=4/' "$network/ifcfg-br0"
check "ifup reads the file anew" trestle ifup eth2
check "  its new address is there" has_address eth2 203.0.113.7
check "  and the old one is gone" not has_address eth2 203.0.113.1
check "  other files wait for apply" fails_with 2 "forward_delay" trestle plan
daemon_stop
daemon_start
check "  a new daemon wants that too" has_address eth2 203.0.113.7
sed -i 's/^DELAY=.*/DELAY=0/' "$network/ifcfg-br0"
sed -i 's/^IPADDR=.*/IPADDR=203.0.113.1/' "$network/ifcfg-lan"
check "ifup with the old file" trestle ifup eth2
eventually "  everything is as it was before" is_as "$before"

# --- a port ---
check "ifdown of a port" trestle ifdown eth0
check "  takes it out of its bridge" no_master eth0
check "  which a file states and so stays" ip link show dev br0
settle
check "  repair leaves it out" no_master eth0
eventually "  the bridge says what it lacks" reason_is br0 "it has no ports"
check "ifup of a port" trestle ifup eth0
check "  puts it back" has_master eth0 br0
eventually "  everything is as it was" is_as "$before"

# --- a bridge ---
check "ifdown of a bridge" trestle ifdown br0
check "  takes its addresses off" no_addresses br0
check "  keeps its ports" has_master eth0 br0
check "  and sets it down" not is_up br0
settle
check "  repair leaves it so" not is_up br0
check "ifup of a bridge" trestle ifup br0
eventually "  brings all of it back" is_as "$before"

# --- ONBOOT=no, and a bridge that no file states ---
check "ONBOOT=no is told" reason_is eth1 "ONBOOT=no"
check "  and left alone" no_master eth1
check "ifup brings it up all the same" trestle ifup eth1
check "  into the bridge that it names" has_master eth1 br9
ip link set eth1 nomaster
eventually "  and it is kept" has_master eth1 br9
check "  status says why" reason_is eth1 "brought up by hand"
daemon_stop
ip link set eth1 nomaster
daemon_start
eventually "  also by a new daemon" has_master eth1 br9
check "ifdown takes it out" trestle ifdown eth1
check "  and the bridge goes with its last port" not ip link show dev br9
ip link set eth1 up
eventually "  everything is as it was at first" is_as "$before"

# --- apply makes an end of it ---
check "ifdown once more" trestle ifdown eth2
check "apply brings it up" trestle apply
check "  with its address" has_address eth2 203.0.113.1
check "  nothing by hand is remembered" reason_is eth2 up
check "  the plan is empty" trestle plan

# --- the daemon is killed before each message ---
walk() { # VERB STATE-BEFORE STATE-AFTER
	local n now
	for ((n = 1; n < 100; n++)); do
		if ! crashes_at "$n" trestle "$1" br0; then
			((n > 3)) || fail "$1: only $((n - 1)) places: is the hook in the way?"
			echo "ok: $1: all $((n - 1)) places"
			return
		fi
		daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
		now=$(trestle --json iface-dump br0 | jq -r .by_hand)
		eventually "$1, killed before message $n: all of it, or nothing" is_as "$([[ $now == down ]] && echo "$3" || echo "$2")"
	done
	fail "$1: no end after 100 messages"
}
trestle ifdown br0 >/dev/null
down=$(kernel_state)
trestle ifup br0 >/dev/null
eventually "up again" is_as "$before"
daemon_stop
daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
walk ifdown "$before" "$down"
check "  it is down" is_as "$down"
daemon_stop
daemon_start "TRESTLE_CRASH_FILE=$RUN/crash"
walk ifup "$before" "$down"
eventually "  it is up" is_as "$before"
daemon_stop
daemon_start

# --- in a transaction ---
check "iface-begin" trestle iface-begin
check "ifdown joins it" trestle ifdown eth2
check "iface-rollback" trestle iface-rollback
eventually "  takes it back" is_as "$before"
check "  and nothing by hand is remembered" not reason_is eth2 "by hand"
check "ifdown" trestle ifdown eth2
state=$(kernel_state)
check "apply --confirm brings it up for a while" trestle apply --confirm 600
daemon_kill9
daemon_start
check "rollback" trestle rollback
check "  takes it down again" is_as "$state"
check "  by hand" reason_is eth2 "taken down by hand"
check "ifup" trestle ifup eth2
eventually "  everything is as it was" is_as "$before"

# --- what can't be ---
check "no file" fails_with 1 "configuration for eth9 not found." trestle ifup eth9
check "no file, ifdown" fails_with 1 "configuration for eth9 not found." trestle ifdown eth9
check "  as JSON" sh -c "$cli --json ifup eth9 | jq -e '.status == 404 and (.detail | test(\"not found\"))'"
printf 'DEVICE=eth8\nONBOOT=no\n' >"$network/ifcfg-eth8"
check "no such NIC" fails_with 1 "eth8: no such interface" trestle ifup eth8
check "  is not remembered as brought up" not grep -q eth8 "$RUN/by-hand"
rm "$network/ifcfg-eth8"
printf 'DEVICE=br0:1\nIPADDR=192.0.2.77\nPREFIX=24\nONPARENT=no\n' >"$network/ifcfg-br0:1"
for verb in ifup ifdown; do
	check "$verb of an alias says whose it is" fails_with 1 "br0:1: an alias comes and goes with its interface: say '$verb br0'" trestle $verb br0:1
done
rm "$network/ifcfg-br0:1"
printf 'DEVICE=lo\nIPADDR0=127.0.0.1\nPREFIX0=8\nIPADDR1=192.0.2.99\nPREFIX1=32\n' >"$network/ifcfg-lo"
check "ifup of the loopback interface" trestle ifup lo
check "  gives it its addresses" has_address lo 192.0.2.99
check "ifdown of it is refused" fails_with 1 "lo: the loopback interface stays up" trestle ifdown lo
check "  and changes nothing" has_address lo 192.0.2.99
sed -i /1=/d "$network/ifcfg-lo"
check "ifup takes off what its file states no more" trestle ifup lo
check "  so that it is as said" not has_address lo 192.0.2.99
check "  and the rest stays" has_address lo 127.0.0.1
rm "$network/ifcfg-lo"
check "no word" fails_with 64 "usage" trestle ifup
echo 'IPADDR2=10.0.0.999' >>"$network/ifcfg-lan"
check "a file with an error" fails_with 1 "ifcfg-lan" trestle ifup eth2
check "  changes nothing" has_address eth2 203.0.113.1
check "  and status says so" reason_is eth2 "its file has an error"
ip link add spare0 type dummy 2>/dev/null || ip link add spare0 type bridge
echo DEVICE=spare0 >"$network/ifcfg-spare0"
check "  plan lists what is right, and says that it is not applied" \
	grep -qx 'Nothing of this is applied until the errors are mended:' <<<"$(trestle plan 2>&1 || true)"
check "  as JSON" jq -e '.refused and .changes > 0' <<<"$(trestle --json plan || true)"
rm "$network/ifcfg-spare0"
ip link delete spare0
sed -i '$d' "$network/ifcfg-lan"
check "  mended" trestle apply
check "  status says nothing of it any more" not reason_is eth2 "its file"

# --- all or nothing: the kernel refuses a step ---
printf 'DEVICE=eth2\nIPADDR=203.0.113.5\nPREFIX=24\nMACADDR=01:00:00:00:00:01\n' >"$network/ifcfg-lan"
state=$(kernel_state)
check "an ifup that fails" not trestle ifup eth2
check "  leaves all as it was" is_as "$state"
printf 'NAME="office lan"\nDEVICE=eth2\nIPADDR=203.0.113.1\nPREFIX=24\n' >"$network/ifcfg-lan"

# --- what is wrong elsewhere is no business of ifup and ifdown ---
echo DEVICE=eth7 >"$network/ifcfg-eth7"
printf 'HWADDR=52:54:00:00:00:77\nIPADDR=198.51.100.1\nPREFIX=24\n' >"$network/ifcfg-waits"
check "apply tells of a NIC that is not there" fails_with 1 "eth7: no such interface" trestle apply
for verb in ifdown:destroyed ifup:started; do
	output=$(trestle ${verb%:*} eth2 2>&1) || fail "${verb%:*} of another: $output"
	check "${verb%:*} of another does not" not grep -qE 'eth7|52.?54|could not' <<<"$output"
	check "  and ends with what became of it" same "Interface eth2 ${verb#*:}" "$(tail -n1 <<<"$output")"
done
check "status goes on telling" grep -q "trouble: $network/ifcfg-eth7: eth7: no such interface" <<<"$(trestle status)"
check "ifup of that one fails" fails_with 1 "eth7: no such interface" trestle ifup eth7
daemon_stop
daemon_start
check "a new daemon names the files as they are called where they are edited" \
	same "$network/ifcfg-lan" "$(trestle --json iface-dump eth2 | jq -r .file)"
rm "$network/ifcfg-eth7" "$network/ifcfg-waits"
trestle apply >/dev/null

# --- lists ---
ip link add idle0 type bridge
eventually "iface-list --inactive has what is down" sh -c "$cli iface-list --inactive | grep -E '^ idle0 +inactive'"
check "  not what is up" sh -c "! $cli iface-list --inactive | grep br0"
check "iface-list has what is up" sh -c "$cli iface-list | grep -E '^ br0 +active +[0-9a-f:]{17}'"
check "  not what is down" sh -c "! $cli iface-list | grep idle0"
check "iface-list --all has both" sh -c "[ \$($cli iface-list --all | grep -cE '^ (br0|idle0) ') -eq 2 ]"
check "iface-mac" same "52:54:00:00:00:22" "$(trestle iface-mac eth2)"
check "iface-name" same eth2 "$(trestle iface-name 52:54:00:00:00:22)"
check "a MAC of two is an error" fails_with 1 "multiple interfaces" trestle iface-name "$(trestle iface-mac br0)"
check "a MAC of none is an error" fails_with 1 "couldn't find interface" trestle iface-name 52:54:00:00:00:99
check "no MAC is an error" fails_with 1 "no MAC address" trestle iface-name eth2
check "iface-mac of nothing" fails_with 1 "eth9" trestle iface-mac eth9
check "iface-dump has both sides" sh -c "$cli --json iface-dump eth2 | jq -e '.stated.addresses == [\"203.0.113.1/24\"]
	and (.addresses | index(\"203.0.113.1/24\")) and (.file | endswith(\"ifcfg-lan\"))'"
check "iface-dump by MAC, as text" sh -c "$cli iface-dump 52:54:00:00:00:22 | grep -E '^ addresses .*203.0.113.1/24.* 203.0.113.1/24'"

# --- reasons ---
on peer ip link set eth2 down
eventually "no carrier" reason_is eth2 "no carrier"
on peer ip link set eth0 down
eventually "a bridge waits for its port" reason_is br0 "waits for eth0: no carrier"
ip link set eth2 down
eventually "set down by somebody" reason_is eth2 "set down by somebody"

# --- other managers ---
mkdir -p /run/NetworkManager/devices
printf '[device]\nmanaged=true\n' >"/run/NetworkManager/devices/$(ip -j link show dev eth2 | jq '.[0].ifindex')"
cp "$(command -v sleep)" /run/NetworkManager/NetworkManager
/run/NetworkManager/NetworkManager infinity &
manager=$!
eventually "NetworkManager is seen" reason_is eth2 "held by NetworkManager: nmcli device set eth2 managed no"
check "plan warns of it" sh -c "$cli plan 2>&1 | grep 'eth2: NetworkManager holds it too'"
check "apply warns of it" sh -c "$cli apply 2>&1 | grep 'eth2: NetworkManager holds it too'"
kill "$manager"
eventually "and seen to be gone" not reason_is eth2 NetworkManager
daemon_stop
