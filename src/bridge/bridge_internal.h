/* What the files of this folder share; no other folder includes it. */
#pragma once

#include "bridge/bridge.h"

/* -- bridge_vlan.c: see parse_vlans and put_vlans of struct netdev_kind --------------------------------------------------- */

void bridge_vlan_parse(const struct nlattr *spec, struct port_vlans *ret_vlans);
unsigned bridge_vlan_put(struct nlmsghdr *message, const struct port_vlans *wanted, bool others, unsigned first);
