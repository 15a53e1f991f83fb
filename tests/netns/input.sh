#!/usr/bin/env bash
# Wrong input of every kind: one clear line that names what is wrong, exit status 1, and nothing half done stays behind.
. "$(dirname "$0")/lib.sh"

ip link add eth0 type veth peer name far0
ip link set far0 up
cat >"$CONFIG/network/ifcfg-br0" <<END
DEVICE=br0
TYPE=Bridge
IPADDR=192.0.2.1
PREFIX=24
END
cp "$CONFIG/network/ifcfg-br0" /run/good
daemon_start

# Everything that a refused command could have left behind.
traces() {
	kernel_state
	find "$RUN" "$STATE" -not -name trestle.sock | sort
	cat "$STATE"/applied/*
	trestle --json list --all
}

refused() { # PATTERN COMMAND...
	local before output status=0
	before=$(traces)
	output=$("${@:2}" 2>&1 >/dev/null) || status=$?
	check "refused: ${*:2}" test "$status" -eq 1
	check "  it says: ${output:0:150}" grep -Eq "$1" <<<"$output"
	check "  nothing was left behind" same "$before" "$(traces)"
}

one_line() { # COMMAND...
	check "  on one line" test "$("$@" 2>&1 >/dev/null | wc -l)" -eq 1
}

# --- network files ---
bad_file() { # PATTERN LINE...
	printf '%s\n' DEVICE=br0 TYPE=Bridge "${@:2}" >"$CONFIG/network/ifcfg-br0"
	refused "$1" trestle apply
	cp /run/good "$CONFIG/network/ifcfg-br0"
}
bad_file 'ifcfg-br0:3:[0-9]+: .*STP' STP=perhaps
bad_file 'ifcfg-br0:3:[0-9]+: .*DELAY' DELAY=soon
bad_file 'ifcfg-br0:4:[0-9]+: .*PREFIX' IPADDR=192.0.2.1 PREFIX=33
bad_file 'ifcfg-br0:3:[0-9]+: .*IPADDR' IPADDR=192.0.2.256
# shellcheck disable=SC2016  # that is the point
bad_file 'ifcfg-br0:3:[0-9]+: ' 'IPADDR=$(hostname -i)'
printf '%s\n' DEVICE=a-bridge-with-a-long-name TYPE=Bridge >"$CONFIG/network/ifcfg-long"
refused 'ifcfg-long:1:[0-9]+: .*longer than 15' trestle apply
rm "$CONFIG/network/ifcfg-long"
printf '%s\n' DEVICE=br0 TYPE=Bridge >"$CONFIG/network/ifcfg-again"
refused 'ifcfg-br0.*ifcfg-again|ifcfg-again.*ifcfg-br0' trestle apply
rm "$CONFIG/network/ifcfg-again"

sed -i 's/^IPADDR/DELEY=0\nIPADDR/' "$CONFIG/network/ifcfg-br0"
output=$(trestle apply 2>&1) || fail "an unknown key stopped the file: $output"
check "an unknown key is a warning with the nearest key: ${output:0:120}" grep -Eq 'ifcfg-br0:3:[0-9]+: warning: .*DELEY.*DELAY' <<<"$output"
cp /run/good "$CONFIG/network/ifcfg-br0"

printf '%s\n' DEVICE=eth7 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth7"
printf '%s\n' DEVICE=eth0 BRIDGE=br0 >"$CONFIG/network/ifcfg-eth0"
status=0
output=$(trestle apply 2>&1 >/dev/null) || status=$?
check "a NIC that is not there: status 1" test "$status" -eq 1
check "  it is named" grep -q 'eth7: no such interface' <<<"$output"
check "  the rest was applied" sh -c 'ip -j link show dev eth0 | jq -e ".[0].master == \"br0\""'
rm "$CONFIG/network/ifcfg-eth7"
check "without it apply has nothing to say" trestle apply

# --- check: offline, as anybody, all problems of all files ---
anybody=()
if [[ $(id -u) == 0 ]] && setpriv --reuid=nobody --regid=nogroup --clear-groups test -x "$BUILD/trestle" 2>/dev/null; then
	anybody=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
bad=/run/bad
mkdir $bad
printf '%s\n' DEVICE=a IPADDR=192.0.2.1 PREFIX=33 ONBOOT=perhaps >$bad/ifcfg-a
printf 'DEVICE=b\0\1\2' >$bad/ifcfg-b
ln -s ifcfg-d $bad/ifcfg-c
ln -s ifcfg-c $bad/ifcfg-d
printf 'DEVICE=e\n' >$bad/ifcfg-e
chmod 000 $bad/ifcfg-e
printf 'DEVICE=f\nSLAVE=yes\nMASTER=bond0' >$bad/ifcfg-f
printf 'DEVICE=g\nTYPE=Bridge\n' >$bad/ifcfg-g
printf 'DEVICE=g.5\nVLAN=yes\nBRIDGE=g\n' >$bad/ifcfg-g.5
printf 'DEVICE=h.4096\nVLAN=yes\n' >$bad/ifcfg-h
printf 'DEVICE=g\nIPADDR=nonsense' >$bad/ifcfg-i.rpmsave
printf 'DEVICE=g\n' >$bad/ifcfg-j
: >$bad/ifcfg-k
checks() { # EXPECTED STATUS PATH
	local output status=0
	output=$("${anybody[@]}" "$BUILD/trestle" check "$3" 2>&1) || status=$?
	same "$1" "$output" && test "$status" -eq "$2"
}
unreadable=("$bad/ifcfg-e: can't be read: Permission denied")
((${#anybody[@]})) || unreadable=() # nothing is unreadable to root
check "check tells all problems of all files, in their order" checks "$(printf '%s\n' \
	"$bad/ifcfg-a:3:8: PREFIX wants a number from 1 to 32, not \"33\"" \
	"$bad/ifcfg-a:4:8: ONBOOT wants yes or no, not \"perhaps\"" \
	"$bad/ifcfg-b: has NUL or other control bytes in it: it is no text file" \
	"$bad/ifcfg-c: can't be read: Too many levels of symbolic links" \
	"$bad/ifcfg-d: can't be read: Too many levels of symbolic links" \
	"${unreadable[@]}" \
	"$bad/ifcfg-f:3:8: MASTER=bond0: no file states this bond: write ifcfg-bond0 with TYPE=Bond" \
	"$bad/ifcfg-g.5:1:8: g.5: it would lie on itself (g.5 -> g -> g.5)" \
	"$bad/ifcfg-h:1:8: DEVICE=h.4096: a VLAN's id is a number from 0 to 4094" \
	"$bad/ifcfg-j:1:8: DEVICE=g is stated by $bad/ifcfg-g already" \
	"$bad/ifcfg-k:1:1: warning: the file is empty")" 1 $bad
check "of a file alone, what others may state is a warning" checks \
	"$bad/ifcfg-f:3:8: warning: MASTER=bond0: no file here states this bond: write ifcfg-bond0 with TYPE=Bond" 0 $bad/ifcfg-f
check "and its own errors are errors" checks "$bad/ifcfg-h:1:8: DEVICE=h.4096: a VLAN's id is a number from 0 to 4094" 1 $bad/ifcfg-h
cp $bad/ifcfg-a $bad/ifcfg-b $bad/ifcfg-f "$CONFIG/network"
refused "^trestle: apply: .*/ifcfg-a:3:8: PREFIX" trestle apply
output=$(trestle apply 2>&1 >/dev/null) || true
check "apply tells all of them, too" test "$(grep -cE 'ifcfg-(a:3|a:4|b|f:3):' <<<"$output")" -eq 4
rm "$CONFIG"/network/ifcfg-{a,b,f}
check "and without them there is nothing to say" trestle apply

# --- VM files ---
bad_vm() { # PATTERN LINE...
	printf '%s\n' "${@:2}" >/run/bad.vm
	refused "$1" trestle define /run/bad.vm
}
bad_vm 'bad.vm:2:[0-9]+: .*Memory' '[vm]' Memory=plenty
bad_vm 'bad.vm:2:[0-9]+: .*VCPUs' '[vm]' VCPUs=0
bad_vm 'bad.vm:3:[0-9]+: .*Model' '[nic net0]' Bridge=br0 Model=e1001
bad_vm 'bad.vm:2:[0-9]+: .*Bridge' '[nic net0]' Bridge=a-bridge-with-a-long-name
bad_vm '52:54:00:00:00:01' '[nic net0]' Bridge=br0 MAC=52:54:00:00:00:01 '[nic net1]' Bridge=br0 MAC=52:54:00:00:00:01
refused 'missing.vm.*No such file' trestle define /run/missing.vm
one_line trestle define /run/missing.vm
refused '/run.*NAME.vm' trestle define /run
mkdir /run/directory.vm
refused '/run/directory.vm.*directory' trestle define /run/directory.vm
cp "$CONFIG/network/ifcfg-br0" /run/c2.txt
for verb in define create; do
	refused "^trestle: $verb: /run/c2.txt: .*NAME.vm" trestle $verb /run/c2.txt
	one_line trestle $verb /run/c2.txt
done

printf '%s\n' '[vm]' Memory=plenty >"$CONFIG/vms/c8.vm"
for verb in plan apply; do
	refused "^trestle: $verb: .*/vms/c8.vm:2:[0-9]+: .*Memory" trestle $verb
done
rm "$CONFIG/vms/c8.vm"
check "and without it there is nothing to say" trestle plan

defined() { # NAME LINE...
	printf '%s\n' "${@:2}" >"/run/$1.vm"
	check "define $1" trestle define "/run/$1.vm"
}
defined nobridge '[vm]' '[nic net0]' Bridge=br7
refused 'nobridge.*net0.*br7.*no such' trestle start nobridge
one_line trestle start nobridge
defined nodisk '[vm]' '[disk vda]' File=/run/no-such-disk.qcow2 Format=qcow2
refused 'nodisk.*vda.*/run/no-such-disk.qcow2.*No such file' trestle start nodisk
one_line trestle start nodisk
defined nodisk2 '[vm]' '[disk vda]' File=/run/no-such-disk.qcow2 Format=qcow2 '[nic net0]' Bridge=br0
refused 'nodisk2.*No such file' trestle start nodisk2
defined nokernel '[vm]' Kernel=/run/no-such-kernel
refused '^trestle: start: vm nokernel: Kernel=/run/no-such-kernel: No such file or directory$' trestle start nokernel
refused 'c9.*no such VM' trestle start c9
one_line trestle start c9
refused 'c9' trestle domiflist c9
refused 'c9' trestle undefine c9
defined off '[vm]'
refused 'off.*not running' trestle attach-interface off bridge br0
refused 'No interface' trestle detach-interface off bridge --mac 52:54:00:00:00:01
refused 'off.*not running' trestle destroy off

# --- the command line ---
usage() { # PATTERN ARGUMENT...
	local output status=0
	output=$(trestle "${@:2}" 2>&1 >/dev/null) || status=$?
	check "usage: ${*:2}" test "$status" -eq 64
	check "  it says: ${output:0:120}" grep -Eq "$1" <<<"$output"
}
usage 'domiflist' domilist off
usage 'VM|domain' start
usage 'model' attach-interface off bridge br0 --modell virtio
usage 'SECONDS|timeout' detach-interface off bridge --timeout soon
refused 'trestled does not run.*nothing-here.*systemctl' "$BUILD/trestle" -S /run/nothing-here list
check "errors are one JSON document with --json" sh -c "'$BUILD/trestle' -S '$RUN/trestle.sock' --json start c9 | jq -e '.status == 404 and (.detail | contains(\"c9\"))'"

# --- the host ---
daemon_stop
printf '%s\n' '[qemu]' Binary=/run/no-such-qemu >"$CONFIG/trestle.conf"
daemon_start
defined empty '[vm]' '[nic net0]' Bridge=br0
refused 'no-such-qemu' trestle start empty
one_line trestle start empty
rm "$CONFIG/trestle.conf"
daemon_stop
printf '%s\n' '[network]' Directory=/run/no-such-directory >"$CONFIG/trestle.conf"
check "a directory of files that is missing is told" sh -c "'$BUILD/trestle' check '$CONFIG' 2>&1 | grep -q no-such-directory"
rm "$CONFIG/trestle.conf"

if ((${#anybody[@]})); then
	daemon_start
	chmod 755 "$RUN"
	refused 'root|group|permi' "${anybody[@]}" "$BUILD/trestle" -S "$RUN/trestle.sock" start empty
	daemon_stop
fi

mkdir -p /run/second
status=0
daemon_start
"$BUILD/trestled" -c "$CONFIG" -s "$STATE" -r "$RUN" 2>/run/second/log || status=$?
check "a second daemon in the same place is refused" test "$status" -eq 1
check "  with the reason" grep -q 'another trestled' /run/second/log
check "  and the first goes on" trestle list
daemon_stop
