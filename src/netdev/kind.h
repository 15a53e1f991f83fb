/* The kinds of links besides bridges: one file each. */
#pragma once

#include "netdev/netdev.h"

extern const struct netdev_kind kind_vlan;
extern const struct netdev_kind kind_bond;
extern const struct netdev_kind kind_tap, kind_tun; /* needs netdev_make_taps */
extern const struct netdev_kind kind_veth;
extern const struct netdev_kind kind_dummy;
extern const struct netdev_kind kind_macvlan;
extern const struct netdev_kind kind_vxlan;
