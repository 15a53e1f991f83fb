/* Bridges and their ports: the attributes of IFLA_INFO_DATA and IFLA_INFO_SLAVE_DATA. */
#pragma once

#include "netdev/netdev.h"

extern const struct netdev_kind bridge_kind;
