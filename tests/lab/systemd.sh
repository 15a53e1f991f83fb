#!/usr/bin/env bash
# lab: quick, outside, 300 s: systemd boot
# The host's own root boots with systemd and trestle installed: the network is up before network-online.target, VMs outlive the
# daemon's restarts and deaths, and at shutdown they are asked to end, and ended when they don't.
set -euo pipefail

check() { # DESCRIPTION COMMAND...
	local output
	output=$("${@:2}" 2>&1) || {
		echo "FAIL: $1: status $? of: ${*:2}"$'\n'"$output"
		exit 1
	}
	echo "ok: $1"
}

eventually() { # DESCRIPTION COMMAND...
	local deadline=$((SECONDS + 60))
	until "${@:2}" >/dev/null 2>&1; do
		((SECONDS < deadline)) || check "$@"
		sleep 0.5
	done
	echo "ok: $1"
}

# --- inside, as a unit ---

main_pid() { systemctl show --value -p MainPID trestled; }
qemu_of() { trestle --json list | jq -e ".[] | select(.name == \"$1\" and .state == \"running\") | .pid"; }
same_qemu() { [[ $(qemu_of c2) == "$qemu" ]]; }
new_daemon() { [[ $(main_pid) != "$daemon" && $(main_pid) != 0 ]] && same_qemu; }
answers() { ip netns exec peer ping -c1 -W10 192.0.2.11; }
cgroup_of() { sed 's/^0:://' "/proc/$1/cgroup"; }

inside() {
	check "the network was up before network-online.target" jq -e '.[0].addr_info | map(.local) | index("192.0.2.1")' /lab/online.json
	check "because systemd waits for trestled" grep -qw trestled.service <<<"$(systemctl show --value -p After network-online.target)"
	eventually "c2 runs: Autostart" qemu_of c2
	eventually "c3 too" qemu_of c3
	# Not asked for again and again: each process start is taken from the guest's time.
	check "c2's guest is up" eval 'grep -q -m1 "guest: ready" <(exec timeout 150 tail -c +1 -F /run/trestle/vms/c2/console.log 2>/dev/null)'
	check "it is reached from outside" answers
	qemu=$(qemu_of c2) daemon=$(main_pid)

	service=$(systemctl show --value -p ControlGroup trestled)
	check "QEMU has a cgroup of its own" test "$(cgroup_of "$qemu")" != "$(cgroup_of "$daemon")"
	check "below the service's" grep -q "^$service/." <<<"$(cgroup_of "$qemu")"

	check "systemctl restart trestled" systemctl restart trestled
	check "restart: another daemon, the same VM" new_daemon
	check "restart: its guest answers" answers
	daemon=$(main_pid)
	check "systemctl kill -s KILL trestled" systemctl kill --kill-whom=main -s KILL trestled
	eventually "kill: another daemon, the same VM" new_daemon
	check "kill: its guest answers" answers
	daemon=$(main_pid)
	check "systemctl stop trestled" systemctl stop trestled
	check "stop: no daemon" test "$(main_pid)" = 0
	check "stop: its guest answers" answers
	check "systemctl start trestled" systemctl start trestled
	check "the daemon is in a leaf of its service's cgroup" sh -c \
		'case $(sed -n s/^0:://p /proc/$(systemctl show -P MainPID trestled)/cgroup) in */trestled.service/daemon) ;; *) exit 1 ;; esac'
	check "start: another daemon, the same VM" new_daemon
	check "start: detach and attach" sh -c 'trestle attach-interface c2 bridge br0 --mac 52:54:00:00:00:12 &&
		trestle detach-interface c2 bridge --mac 52:54:00:00:00:12'
}

# --- outside ---

unit() { # NAME WHEN: its other lines are on stdin, its start is part of every boot
	{
		printf '[Unit]\n%s\n' "$2"
		cat
	} >"$units/$1.service"
	ln -s "../$1.service" "$units/multi-user.target.wants/"
}

outside() {
	# shellcheck source=tests/lab/boot.sh
	. "$(dirname "$(readlink -f "$0")")/boot.sh"
	local share=${LAB_SHARE:?is where logs go: run scripts/lab test systemd} units key value
	local kernel='' initrd='' append='' systemd layer
	for systemd in /lib/systemd/systemd /usr/lib/systemd/systemd ''; do [[ ! -x $systemd ]] || break; done
	[[ -n $systemd ]] || {
		echo "SKIP: this host has no systemd to boot with"
		exit 77
	}
	trap lab_kill EXIT
	lab_prepare
	while IFS='=' read -r key value; do
		declare "$key=$value"
	done < <("$lab_top/scripts/guest")

	layer=$share/layer units=$layer/etc/systemd/system
	mkdir -p "$units/multi-user.target.wants" "$layer/etc/trestle"/{network,vms}
	DESTDIR=$layer cmake --install "$BUILD" --prefix /usr >/dev/null
	mkdir -p "$layer/etc/tmpfiles.d"
	ln -s /dev/null "$layer/etc/tmpfiles.d/tmp.conf" # else systemd empties /tmp, where the repository may lie
	systemctl --root="$layer" enable trestled.service trestle-guests.service
	printf '%s\n' TYPE=Bridge DEVICE=br0 IPADDR=192.0.2.1 PREFIX=24 STP=no DELAY=0 >"$layer/etc/trestle/network/ifcfg-br0"
	printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$layer/etc/trestle/network/ifcfg-eth0"
	printf '%s\n' '[vm]' Memory=128M Accel=kvm Autostart=yes "Kernel=$kernel" "Initrd=$initrd" \
		"Append=$append trestle.address=eth0,192.0.2.11/24" '[nic net0]' Bridge=br0 >"$layer/etc/trestle/vms/c2.vm"
	# Nothing but firmware: it never answers the power button, and needs no KVM.
	printf '%s\n' '[vm]' Memory=64M Accel=tcg Autostart=yes '[nic net0]' Bridge=br0 >"$layer/etc/trestle/vms/c3.vm"
	# Its time limit, made short.
	mkdir "$units/trestle-guests.service.d"
	printf '%s\n' '[Service]' ExecStop= 'ExecStop=/usr/libexec/trestle-guests 10' >"$units/trestle-guests.service.d/limit.conf"

	unit wires $'Wants=network-pre.target\nBefore=network-pre.target' <<-'END'
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/bin/sh -c 'ip netns add peer && ip link add eth0 type veth peer name eth0 netns peer && \
			ip -n peer address add 192.0.2.2/24 dev eth0 && ip -n peer link set eth0 up && ip link set eth0 up'
	END
	unit online $'Wants=network-online.target\nAfter=network-online.target' <<-'END'
		[Service]
		Type=oneshot
		ExecStart=/bin/sh -c 'ip -j address show dev br0 >/lab/online.json'
	END
	# At shutdown it stops between the guests and the daemon.
	unit witness $'After=trestled.service\nBefore=trestle-guests.service' <<-'END'
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/bin/true
		ExecStop=/bin/sh -c 'trestle --json list >/lab/list.json; journalctl -b >/lab/journal'
	END
	unit scenario $'After=online.service trestled.service trestle-guests.service witness.service' <<-'END'
		[Service]
		ExecStart=/bin/sh -c 'bash /lab/command; echo $? >/lab/status; journalctl -b >/lab/journal; systemctl --no-block poweroff'
		StandardOutput=file:/dev/hvc0
		StandardError=inherit
	END
	ln -s /dev/null "$units/getty.target"

	lab_share "$share" init="$systemd" hide=/etc/systemd/system
	lab_command "$share" bash "$0" inside
	lab_start "$share" </dev/null
	lab_wait "$share" || exit $?
	check "at shutdown, no VM was left when the daemon was stopped" jq -e '. == []' "$share/list.json"
	check "c2's guest ended by itself" grep -q 'vm c2: shut off: .*guest' "$share/journal"
	check "c3 was ended after the time limit" grep -q 'vm c3: ended at once' "$share/journal"
}

if [[ ${1:-} == inside ]]; then inside; else outside; fi
