#!/usr/bin/env bash
# Every model of NIC goes into a running guest and out of it again, on both kinds of machine.
. "$(dirname "$0")/lib.sh"

# i82551's driver wants a firmware file that the small guest has not got: it is plugged and seen, but can't be pinged.
models=(virtio e1000 e1000e rtl8139 ne2k_pci pcnet i82551 i82557b i82559er vmxnet3)

host peer
join here eth0 peer eth0
on peer ip address add 192.0.2.2/24 dev eth0
printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.1 PREFIX=24 STP=no DELAY=0 >"$CONFIG/network/ifcfg-br0"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"

mac_of() { printf '52:54:00:00:02:%02x' "$1"; }

addresses=()
for i in "${!models[@]}"; do addresses+=("$(mac_of "$i"),192.0.2.$((100 + i))/24"); done
for machine in pc q35; do vm "$machine" "${addresses[@]}" <<<"Machine=$machine"; done

interfaces() { trestle --json domiflist "$1"; }

# Its name in the guest; a driver whose card does not start (i82551) has it too.
name_in_guest() { # VM MAC
	local line
	line=$(guest_wait "$1" "guest: eth[0-9]+ $2 up")
	line=${line#guest: }
	echo "${line%% *}"
}

in_and_out() { # VM MODEL NUMBER
	local mac name
	mac=$(mac_of "$3")
	check "$1: attach $2" trestle attach-interface "$1" bridge br0 --model "$2" --mac "$mac"
	name=$(name_in_guest "$1" "$mac")
	echo "ok: $1: the guest sees $2"
	# Some drivers look for the link seconds after they came up.
	[[ $2 == i82551 ]] || eventually "$1: the peer pings $2" on peer ping -c1 -W1 "192.0.2.$((100 + $3))"
	check "$1: detach $2" trestle detach-interface "$1" bridge --mac "$mac"
	guest_wait "$1" "guest: $name gone" >/dev/null
	check "$1: $2 is gone from domiflist" jq -e '. == []' <<<"$(interfaces "$1")"
	check "$1: $2 is gone from the kernel" not ip link show dev "$1-net0"
}

# The carrier changes once when a driver takes the NIC (to "not yet known"), and again when the link is found up.
never_saw_it_up() { # VM NAME
	local changes
	guest_run "$1" "[ \"\$(cat /sys/class/net/$2/carrier)\" = 0 ]" &&
		changes=$(guest_run "$1" "cat /sys/class/net/$2/carrier_changes") && ((changes <= 1))
}

down_from_the_start() { # VM MODEL NUMBER
	local mac name
	mac=$(mac_of "$3")
	check "$1: attach $2 with its link down" trestle attach-interface "$1" bridge br0 --model "$2" --mac "$mac" --link down
	name=$(name_in_guest "$1" "$mac")
	check "$1: the guest never saw $2 with a carrier" never_saw_it_up "$1" "$name"
	check "$1: domiflist says so" jq -e '.[0].link == "down"' <<<"$(interfaces "$1")"
	check "$1: detach $2 with its link down" trestle detach-interface "$1" bridge --mac "$mac"
	guest_wait "$1" "guest: $name gone" >/dev/null
}

daemon_start
for machine in pc q35; do
	check "start $machine" trestle start "$machine"
	guest_wait "$machine" 'guest: ready' >/dev/null
	for i in "${!models[@]}"; do in_and_out "$machine" "${models[i]}" "$i"; done
	for i in 0 1 3; do down_from_the_start "$machine" "${models[i]}" "$i"; done
	check "destroy $machine" trestle destroy "$machine"
done
daemon_stop
