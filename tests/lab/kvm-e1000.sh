#!/usr/bin/env bash
# lab: quick, inside, 240 s: KVM
# A guest by KVM with NICs of the model e1000.
. "$(dirname "$0")/lib.sh"

e1000_attached() { check "domiflist says that none uses vhost" jq -e 'all(.vhost | not)' <<<"$nics"; }

kvm_scenario e1000
check "destroy" trestle destroy c2
daemon_stop
