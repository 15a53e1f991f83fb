/* The kinds of links besides bridges: one file each. */
#pragma once

#include "netdev/netdev.h"

extern const struct netdev_kind kind_vlan;
extern const struct netdev_kind kind_bond;
