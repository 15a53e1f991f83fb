#!/usr/bin/env bash
# lab: quick, outside, 600 s: power cut
# The lab's power is cut at random moments of applies and iface-bridges, with and without a confirm, attaches, starts and
# definitions; then it boots on the same disk. Each time files and network are the old ones or the new ones, VMs with Autostart run
# as they did, and nothing is left over.
#
# $LAB_CUTS is how many cuts (else 3); $LAB_SEED repeats a run's moments.

# Two networks. The administrator goes from one to the other in one step, so whatever the moment, files that are half of each would
# be trestle's own doing. In both, eth1 may have become a port of br9 by iface-bridge. No address is asked for: that takes seconds.
networks() { # DIRECTORY
	local file
	mkdir -p "$1/old" "$1/new"
	printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.1 PREFIX=24 STP=no DELAY=0 >"$1/old/ifcfg-br0"
	printf '%s\n' TYPE=Bridge DEVICE=br1 IPADDR=198.51.100.1 PREFIX=24 STP=no DELAY=0 >"$1/old/ifcfg-br1"
	printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$1/old/ifcfg-eth0"
	printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.2 PREFIX=24 STP=no DELAY=0 >"$1/new/ifcfg-br0"
	printf '%s\n' TYPE=Bridge DEVICE=br2 IPADDR=203.0.113.1 PREFIX=24 STP=no DELAY=0 >"$1/new/ifcfg-br2"
	printf '%s\n' DEVICE=eth0 BRIDGE=br2 >"$1/new/ifcfg-eth0"
	for file in "$1"/{old,new}/ifcfg-br?; do echo ARPCHECK=no >>"$file"; done
	for file in "$1"/{old,new}/ifcfg-eth1; do printf '%s\n' DEVICE=eth1 IPADDR=10.0.0.1 PREFIX=24 ARPCHECK=no >"$file"; done
}

bridged() { # DIRECTORY: makes of the network there what iface-bridge makes of it
	printf '%s\n' DEVICE=br9 TYPE=Bridge MACADDR=$mac STP=no ONBOOT=yes IPADDR=10.0.0.1 PREFIX=24 ARPCHECK=no >"$1/ifcfg-br9"
	printf '%s\n' DEVICE=eth1 BRIDGE=br9 >"$1/ifcfg-eth1"
}
mac=02:00:00:00:00:e1 # eth1's

# --- one life of the host, from its boot to the cut ---

files_are() { # DIRECTORY NAME: that network's, whether eth1 is bridged or not
	local file=/run/networks/$2
	[[ ! -e $1/ifcfg-br9 ]] || file=/run/networks/bridged/$2
	diff -r -x boot_id "$1" "$file"
}
applied_is() { files_are "$STATE/applied" "$1"; }
pends() { trestle --json status | jq -e '.pending != null'; }

files_are_whole() {
	[[ -e $STATE/applied ]] || return 0 # cut before the first start, or while the new copy took its place
	check "what was applied is the old network or the new one" eval 'applied_is old || applied_is new'
	[[ ! -e $CONFIG/vms/c3.vm ]] || check "what was defined is whole" cmp "$CONFIG/vms/c3.vm" /run/c3.vm
}

host_is_whole() {
	local name network addresses uplink=eth1
	name=$(basename "$(readlink "$CONFIG/network")")
	if [[ -e $STATE/unconfirmed ]]; then # the files wait for the next apply
		check "an apply that was not confirmed shows in plan" not trestle plan
		if [[ $name == new ]]; then name=old; else name=new; fi
	else
		check "there is nothing to do" trestle plan
	fi
	check "what was applied is the network" applied_is "$name"
	for network in old new; do check "the files of the $network network are whole" files_are "/run/disk/networks/$network" $network; done
	[[ ! -e $STATE/applied/ifcfg-br9 ]] || uplink=br9
	check "nothing waits to be confirmed" not pends
	check "no temporary file is left" same '' "$(find "$CONFIG" "$STATE" -type f ! -path "$CONFIG/vms/c[23].vm" \
		! -path "$STATE/applied*/ifcfg-*" ! -path "$STATE/applied*/boot_id" ! -path "$STATE/change.*" ! -path "$STATE/unconfirmed" ! -path "$STATE/taken-back")"
	check "nothing is left of a change" same '' "$(find "$STATE" -name 'change.*')"
	addresses=$(ip -j -4 address show | jq -r '.[] | select(.ifname != "lo") | .addr_info[] | "\(.label) \(.local)"' | sort | xargs)
	case $name in
	old) check "the network is the old one" same "$(printf '%s\n' "br0 192.0.2.1" "br1 198.51.100.1" "$uplink 10.0.0.1" | sort | xargs)" "$addresses" ;;
	new) check "the network is the new one" same "$(printf '%s\n' "br0 192.0.2.2" "br2 203.0.113.1" "$uplink 10.0.0.1" | sort | xargs)" "$addresses" ;;
	esac
	eventually "c2 runs: Autostart" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json list | jq -e 'map([.name, .state]) == [[\"c2\", \"running\"]]'"
	check "with its one NIC, and nothing else has a TAP" same c2-net0 "$(ip -j -d link show | jq -r '.[] | select(.linkinfo.info_kind == "tun") | .ifname' | xargs)"
	trestle --json domiflist c2 | jq -r '.[0].mac' >/run/mac
	[[ -s /run/disk/mac ]] || cp /run/mac /run/disk/mac
	check "which has the MAC that was made up at first" cmp /run/mac /run/disk/mac
}

churn() {
	local name=new round=0
	[[ $(readlink "$CONFIG/network") == */old ]] || name=old
	while :; do
		echo "churn: round $((++round)): $name"
		ln -sfn "/run/disk/networks/$name" "$CONFIG/network.next"
		mv -T "$CONFIG/network.next" "$CONFIG/network"
		if ((round % 2)); then
			trestle apply --confirm 600
			trestle attach-interface c2 user
			trestle confirm
			trestle iface-bridge eth1 br9 --confirm 600
			trestle domiflist c2
			trestle confirm
		else
			trestle apply
			trestle iface-bridge eth1 br9
		fi
		trestle iface-unbridge br9
		trestle define /run/c3.vm
		trestle attach-interface c2 bridge br0
		trestle start c3
		trestle destroy c3
		trestle undefine c3
		trestle destroy c2
		trestle start c2
		if [[ $name == new ]]; then name=old; else name=new; fi
	done
}

life() { # last?
	local network
	# shellcheck source=tests/lab/lib.sh
	. "$(dirname "$0")/lib.sh" inside "$1"
	exec </dev/null # nobody is here to be asked
	load virtio_blk ext4
	mkdir /run/disk
	mount -t ext4 /dev/vda /run/disk
	mkdir -p /run/disk/{config,state}
	mount --bind /run/disk/config "$CONFIG"
	mount --bind /run/disk/state "$STATE"
	printf '%s\n' '[vm]' Memory=64M '[nic net0]' Bridge=br0 Model=e1000 >/run/c3.vm
	networks /run/networks
	networks /run/networks/bridged
	for network in old new; do bridged /run/networks/bridged/$network; done
	if [[ ! -e $CONFIG/network ]]; then
		networks /run/disk/networks
		ln -s /run/disk/networks/old "$CONFIG/network"
		mkdir "$CONFIG/vms"
		printf '%s\n' '[vm]' Memory=64M Autostart=yes '[nic net0]' Bridge=br0 Model=virtio >"$CONFIG/vms/c2.vm"
		sync
	fi
	host peer
	join here eth0 peer eth0
	join here eth1 peer eth1
	ip link set eth1 address $mac
	files_are_whole
	daemon_start # without KVM: its VMs are firmware only, and that is quicker to start
	host_is_whole
	[[ $1 == last ]] || churn
	trestle destroy c2
	daemon_stop
}

# --- outside: who cuts ---

outside() {
	# shellcheck source=tests/lab/boot.sh
	. "$(dirname "$(readlink -f "$0")")/boot.sh"
	local cuts=${LAB_CUTS:-3} seed=${LAB_SEED:-$RANDOM} share=${LAB_SHARE:?is where logs go: run scripts/lab test power-cut}
	local cut line delay terminal in
	trap lab_kill EXIT
	RANDOM=$seed
	echo "LAB_SEED=$seed LAB_CUTS=$cuts"
	lab_prepare
	truncate -s 64M "$share/disk"
	mke2fs -q -F -t ext4 "$share/disk"
	mkfifo "$share/terminal"

	for ((cut = 1; cut <= cuts + 1; cut++)); do
		lab_share "$share"
		lab_command "$share" bash "$0" inside "$( ((cut <= cuts)) || echo last)"
		exec {terminal}<>"$share/terminal"
		lab_start "$share" -drive "file=$share/disk,format=raw,if=virtio" >"$share/terminal" </dev/null
		exec {in}<"$share/terminal" {terminal}>&-
		delay=$((RANDOM % 8000))
		while read -r -t 120 -u "$in" line; do
			printf '%s\n' "$line"
			[[ $line != "churn: round 1:"* || $cut -gt $cuts ]] || break
		done
		if ((cut <= cuts)); then
			[[ ${line:-} == churn:* ]] || lab_die "cut $cut: the host did not come so far, see above"
			# The moment is what is random here: nothing is waited for.
			sleep "$((delay / 1000)).$(printf %03d $((delay % 1000)))"
			lab_kill
			cat <&"$in"
			echo "--- cut $cut, ${delay} ms after the first command"
		else
			lab_wait "$share" 30
		fi
		exec {in}<&-
	done
	rm -f "$share/disk"
}

set -euo pipefail
if [[ ${1:-} == inside ]]; then life "${2:-}"; else outside; fi
