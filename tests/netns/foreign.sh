#!/usr/bin/env bash
# Ours and theirs: what others made is left alone until a file calls it its own and somebody says apply; what was applied goes when no
# file names it any more; everything else stays as it is, whatever else happens.
. "$(dirname "$0")/lib.sh"

host peer
for port in eth0 eth1 eth2; do join here $port peer $port; done

network=$CONFIG/network
cli="'$BUILD/trestle' -S '$RUN/trestle.sock'"
owner_is() { trestle --json iface-list --all | jq -e --arg n "$1" --arg o "$2" '.[] | select(.name == $n) | .owner == $o'; }
reason_is() { trestle --json status "$1" | jq -re '.interfaces[0].reason' | grep -F -- "$2"; }
has_address() { ip -j address show dev "$1" | jq -e --arg a "$2" '.[0].addr_info | map(.local) | index($a)'; }
has_master() { ip -j link show dev "$1" | jq -e --arg m "$2" '.[0].master == $m'; }
is_marked() { ip -j -d link show dev "$1" | jq -e '.[0].ifalias == "made by trestle" and .[0].group != "default"'; }
has_delay() { ip -j -d link show dev "$1" | jq -e --argjson d "$2" '.[0].linkinfo.info_data.forward_delay == $d'; }
plan_says() { [[ $(trestle plan 2>&1 || true) == *"$1"* ]] || { trestle plan; false; }; }
plan_is_silent_of() { not plan_says "$1"; }
of_link() { kernel_state | grep "\"$1\"" | grep -v 'fe80:'; } # its link-local address comes when it likes

# --- a host on which others have been at work ---
ip link add theirs0 up type bridge
ip address add 198.51.100.1/24 dev theirs0
ip link set eth2 master theirs0
ip route add 198.51.100.128/25 via 198.51.100.9
ip link add differs0 type bridge forward_delay 400          # a file will call it its own, and want it otherwise
ip link add poor0 up type bridge forward_delay 0 stp_state 0 # all but an address is as its file wants it
ip link add same0 up type bridge forward_delay 0 stp_state 0 # as its file will want it
ip address add 192.0.2.65/26 dev same0
ip link add kind0 type dummy 2>/dev/null || ip link add kind0 type ifb
ip address add 203.0.113.9/24 dev eth1
ip route add 203.0.113.128/25 via 203.0.113.10
theirs=$(of_link theirs0) their_port=$(of_link eth2) other=$(of_link kind0)

printf 'DEVICE=differs0\nTYPE=Bridge\nDELAY=0\nSTP=no\nIPADDR=192.0.2.1\nPREFIX=26\n' >"$network/ifcfg-differs0"
printf 'DEVICE=poor0\nTYPE=Bridge\nDELAY=0\nSTP=no\nIPADDR=192.0.2.129\nPREFIX=26\n' >"$network/ifcfg-poor0"
printf 'DEVICE=same0\nTYPE=Bridge\nDELAY=0\nSTP=no\nNOZEROCONF=yes\nIPADDR=192.0.2.65\nPREFIX=26\n' >"$network/ifcfg-same0"
printf 'DEVICE=eth0\nBRIDGE=ours0\n' >"$network/ifcfg-eth0"
printf 'DEVICE=eth1\nIPADDR=203.0.113.1\nPREFIX=24\n' >"$network/ifcfg-eth1"
printf 'DEVICE=ours0\nTYPE=Bridge\nDELAY=0\nSTP=no\n' >"$network/ifcfg-ours0"
daemon_start

# --- start-up and repair adopt nothing ---
check "start-up leaves a foreign bridge alone that a file names" has_delay differs0 400
check "  and does not mark it" not is_marked differs0
check "  status says what to do" reason_is differs0 "trestle apply"
check "  nor does one get an address that lacks nothing else" not has_address poor0 192.0.2.129
check "a NIC that a file names needs no adopting" has_address eth1 203.0.113.1
check "  and what others put on it stays" has_address eth1 203.0.113.9
check "  their routes too" sh -c 'ip route show 203.0.113.128/25 | grep 203.0.113.10'
check "  nor is it foreign" owner_is eth1 trestle
check "  while the bridge that is not adopted is" owner_is differs0 foreign
check "  and a port of theirs" owner_is eth2 foreign
check "what trestle makes is marked" is_marked ours0
ip link set eth0 nomaster
eventually "repair puts back what is lost" has_master eth0 ours0
check "  and leaves the foreign bridges alone" sh -c "! ip -d link show dev differs0 | grep -q 'forward_delay 0 ' && ! ip address show dev poor0 | grep -q 192.0.2.129"

# --- apply adopts, and plan shows it ---
check "plan shows the adopting" sh -c "$cli --json plan | jq -e '.steps | map(select(.object == \"differs0\" and (.text | test(\"adopt\")))) | length == 1'"
check "  of the one that lacks an address, too" sh -c "$cli --json plan | jq -e '.steps | map(select(.object == \"poor0\" and (.text | test(\"adopt\")))) | length == 1'"
check "what is in order is no step" plan_is_silent_of same0
check "  and is not marked" not is_marked same0
printf 'DEVICE=eth0\nBRIDGE=ours0\nMACADDR=01:00:00:00:00:01\n' >"$network/ifcfg-eth0" # the kernel will refuse it
state=$(kernel_state)
check "an apply that fails" not trestle apply
check "  takes the adopting back as well" same "$state" "$(kernel_state)"
printf 'DEVICE=eth0\nBRIDGE=ours0\n' >"$network/ifcfg-eth0"
check "apply" trestle apply
check "  adopts" is_marked differs0
check "  and changes what differs" has_delay differs0 0
check "  and gives the other its address" has_address poor0 192.0.2.129
check "it is shown as trestle's" owner_is differs0 trestle
check "the plan is empty" trestle plan
ip link set differs0 type bridge forward_delay 400
eventually "from now on it is repaired" has_delay differs0 0

# --- another kind of link by that name ---
printf 'DEVICE=kind0\nTYPE=Bridge\n' >"$network/ifcfg-kind0"
check "a link of another kind is an error" sh -c "$cli apply 2>&1 | grep 'kind0: exists and is no bridge'"
check "  and is left alone" same "$other" "$(of_link kind0)"
rm "$network/ifcfg-kind0"

# --- a foreign port in our bridge ---
ip link set eth1 master ours0
check "a port that nobody stated" sh -c "$cli apply"
check "  stays" has_master eth1 ours0
ip link set eth1 nomaster

# --- half made ---
ip link add half0 group 1953654131 type bridge
eventually "what bears the group alone was half made by trestle, and goes" sh -c "$cli apply; ! ip link show dev half0"

# --- files go ---
check "a foreign bridge that was in order is still not marked" not is_marked same0
rm "$network"/ifcfg-*
check "plan shows what goes" plan_says "delete bridge same0"
check "apply without files" trestle apply
for link in ours0 differs0 poor0 same0; do
	check "  $link was applied, and goes" not ip link show dev $link
done
check "  the NIC's address goes" not has_address eth1 203.0.113.1
check "  and another's stays" has_address eth1 203.0.113.9
check "the plan is empty again" trestle plan

# --- everything else ---
check "the foreign bridge is as it was" same "$theirs" "$(of_link theirs0)"
check "  with its port" same "$their_port" "$(of_link eth2)"
check "  and its route" sh -c 'ip route show 198.51.100.128/25 | grep 198.51.100.9'
check "  and is shown as foreign" owner_is theirs0 foreign
check "  with the reason" reason_is theirs0 "foreign: no file names it"
check "the link of another kind is as it was" same "$other" "$(of_link kind0)"
daemon_stop
