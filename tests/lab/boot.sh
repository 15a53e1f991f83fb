# shellcheck shell=bash
# How the lab is booted: QEMU emulates a machine that has what this one's kernel may
# lack, KVM too (-cpu max has AMD's SVM). The distribution's full kernel and
# tests/lab/init make a host of this host's files in it. For scripts/lab, and for
# scenarios that look at the lab from outside.
#
#   $BUILD    the build directory (else the repository's build/)
#   $LAB_COUNTED  if set, one processor and a clock that counts its instructions, one a
#             nanosecond: what is timed in it is work, however busy this machine is
#
#   lab_prepare                      gets the kernel and its modules
#   lab_share DIRECTORY [NAME=VALUE]...  makes it a lab's share; settings of tests/lab/init
#   lab_command DIRECTORY COMMAND...     what is to be run in it
#   lab_start DIRECTORY [OPTION...]  boots it on the caller's stdin and stdout; options are
#                                    QEMU's, $lab_pid is its process
#   lab_wait DIRECTORY [SECONDS]     waits for its end, and ends it after so long; returns
#                                    the command's exit status, 125 if there is none
#   lab_kill                         ends it at once, as a power cut does

lab_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lab_cache=${TRESTLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/trestle}
: "${BUILD:=$lab_top/build}"
lab_pid=

lab_die() {
	echo "lab: $*" >&2
	exit 1
}

# Gets and unpacks the kernel's package as scripts/guest does: that script is read
# for it. When it has just made a guest, the package is still there.
lab_unpack() { # DIRECTORY
	# shellcheck disable=SC2016  # for that shell
	bash -c '. "$0" >/dev/null
		if [[ -n ${work:-} ]]; then cp -a "$work/package/." "$1"; else "${manager}_unpack" "$id" "$1"; fi' \
		"$lab_top/scripts/guest" "$1" >"$1.log" 2>&1 ||
		lab_die "cannot unpack the kernel's package: $(tail -n1 "$1.log"): check the network, refresh the package index, and run it again"
}

lab_make() {
	local work=$lab_cache/lab-making
	rm -rf "$work"
	mkdir -p "$work/package" "$work/new/lib"
	lab_unpack "$work/package"
	mv "$(find "$work/package" -path '*/lib/modules' -type d -print -quit)" "$work/new/modules"
	# busybox reads them unpacked.
	find "$work/new/modules" -name '*.ko.xz' -exec xz -d {} +
	find "$work/new/modules" -name '*.ko.zst' -exec zstd -qd --rm {} +
	ln -s ../modules "$work/new/lib/modules"
	busybox depmod -b "$work/new" "$(ls "$work/new/modules")"
	find "$lab_cache" -maxdepth 1 -name 'lab-*' -mtime +14 -exec rm -rf {} + # used for two weeks by nobody
	# Which kernel it was, is known only now.
	lab_base=$lab_cache/lab-$(tail -n1 "$lab_cache/guest.package")
	rm -rf "$lab_base"
	mv "$work/new" "$lab_base"
	rm -rf "$work"
}

lab_prepare() {
	local key value lock
	command -v busybox >/dev/null ||
		lab_die "no busybox on this host: the lab starts with it: run scripts/packages run"
	mkdir -p "$lab_cache"
	exec {lock}>"$lab_cache/lab.lock"
	flock "$lock" # two runs at once make one lab
	lab_base=$lab_cache/lab-$(tail -n1 "$lab_cache/guest.package" 2>/dev/null || true)
	if [[ ! -d $lab_base/modules ]]; then
		echo "lab: getting a kernel" >&2
		lab_make
	fi
	exec {lock}>&-
	touch "$lab_base" # kept while it is used
	while IFS='=' read -r key value; do
		case $key in
		kernel) lab_kernel=$value ;;
		append) lab_append=$value ;;
		esac
	done < <("$lab_top/scripts/guest")
	[[ -n ${lab_kernel:-} ]] || exit 1
	# A new kernel's package, since then.
	[[ $lab_base == "$lab_cache/lab-$(tail -n1 "$lab_cache/guest.package")" ]] || lab_prepare
}

# The initramfs: small enough to be made for each boot.
lab_initrd() { # RESULT
	local root=$1.root modules name
	modules=$(echo "$lab_base"/modules/*)
	mkdir -p "$root"/{bin,dev,lib/modules/"${modules##*/}",proc,sys}
	cp "$(command -v busybox)" "$root/bin/busybox"
	ln -sf busybox "$root/bin/sh"
	install -m 755 "$lab_top/tests/lab/init" "$root/init"
	for name in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
		# A line of modules.dep: FILE: FILE...
		sed -n "\|/$name\.ko:|{ s|: *|\n|; s| |\n|g; p; q }" "$modules/modules.dep"
	done | sort -u | sed "/./!d; s|^|$modules/|" | xargs cp -t "$root/lib/modules/${modules##*/}"
	busybox depmod -b "$root" "${modules##*/}"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$1"
	rm -rf "$root"
}

lab_share() { # DIRECTORY [NAME=VALUE]...
	local setting
	mkdir -p "$1"
	rm -f "$1/status"
	for setting in "top=$lab_top" "modules=$lab_base/modules" "${@:2}"; do
		printf '%s=%q\n' "${setting%%=*}" "${setting#*=}"
	done >"$1/settings"
	lab_initrd "$1/initrd"
}

# It has the caller's directory, and is told what the tests are told.
lab_command() { # DIRECTORY COMMAND...
	local size
	{
		if [[ -t 0 ]] && size=$(stty size); then
			printf 'stty sane rows %s cols %s; export TERM=%q\n' "${size% *}" "${size#* }" "$TERM"
		fi
		printf 'cd %q && export HOME=%q PATH=%q\n' "$PWD" "$HOME" "$PATH"
		printf 'export LAB=/lab BUILD=%q TRESTLE_CACHE=%q TRESTLE_ACCEL=kvm\n' "$BUILD" "$lab_cache"
		printf '%q ' "${@:2}"
		echo
	} >"$1/command"
}

# pdeathsig: the lab ends with this script, however that ends.
lab_qemu() { # DIRECTORY [OPTION...]
	local signal=on processors=(-accel "tcg,thread=multi" -smp 2) append=$lab_append
	[[ ! -t 0 ]] || signal=off # a terminal's Ctrl-C is for what runs in the lab
	# QEMU gives a guest in the lab its last interrupt a second time when a timer of the lab is due
	# before the guest exits: inside the handler of the first, that stops it. Without timers between
	# the ticks that is rare.
	if [[ -n ${LAB_COUNTED:-} ]]; then
		processors=(-accel "tcg,thread=single" -icount "shift=0,sleep=on")
		append+=' highres=off'
	fi
	exec setpriv --pdeathsig KILL qemu-system-x86_64 -name lab -machine q35 -cpu max "${processors[@]}" -m 4G \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$lab_kernel" -initrd "$1/initrd" -append "$append" \
		-chardev "stdio,id=terminal,signal=$signal" -device virtio-serial-pci -device virtconsole,chardev=terminal \
		-serial "file:$1/console.log" \
		-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
		-device virtio-9p-pci,fsdev=root,mount_tag=root \
		-fsdev "local,id=lab,path=$1,security_model=none,multidevs=remap" \
		-device virtio-9p-pci,fsdev=lab,mount_tag=lab "${@:2}"
}

# A boot takes 4 s. One in a hundred stands still with both processors busy, before
# any process runs, in QEMU 7.2: that one is begun again.
lab_start() { # DIRECTORY [OPTION...]
	local try deadline
	for try in 1 2 3; do
		rm -f "$1/booted"
		lab_qemu "$@" <&0 &
		lab_pid=$!
		deadline=$((SECONDS + 60))
		until [[ -e $1/booted ]]; do
			kill -0 "$lab_pid" 2>/dev/null && ((SECONDS < deadline)) || break
			sleep 0.1
		done
		[[ ! -e $1/booted ]] || return 0
		((SECONDS < deadline)) || echo "lab: boot $try stands still, ended" >&2
		lab_kill
	done
	lab_die "it does not boot: its kernel's last words are in $1/console.log: $(tail -n1 "$1/console.log")"
}

lab_wait() { # DIRECTORY [SECONDS]
	local status
	if [[ -n ${2:-} ]]; then
		setpriv --pdeathsig KILL sleep "$2" &
		wait -n "$lab_pid" $! || true
		lab_kill
		kill $! 2>/dev/null || true
		wait $! 2>/dev/null || true
	else
		wait "$lab_pid" || true
	fi
	lab_pid=
	{ read -r status <"$1/status"; } 2>/dev/null || status=125
	return "$status"
}

lab_kill() {
	[[ -n $lab_pid ]] || return 0
	kill -KILL "$lab_pid" 2>/dev/null || true
	wait "$lab_pid" 2>/dev/null || true
	lab_pid=
}
