#!/usr/bin/env bash
# lab: quick, inside, 240 s: KVM
# A guest by KVM with NICs of the model rtl8139.
. "$(dirname "$0")/lib.sh"

rtl8139_attached() { check "domiflist says that none uses vhost" jq -e 'all(.vhost | not)' <<<"$nics"; }

kvm_scenario rtl8139
check "destroy" trestle destroy c2
daemon_stop
