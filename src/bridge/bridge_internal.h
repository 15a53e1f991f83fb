/* What the files of this folder share; no other folder includes it. */
#pragma once

#include "bridge/bridge.h"
#include "netdev/netdev.h"

/* -- bridge_vlan.c: see parse_vlans and put_vlans of struct netdev_kind --------------------------------------------------- */

void bridge_vlan_parse(const struct nlattr *spec, struct port_vlans *ret_vlans);
unsigned bridge_vlan_put(struct nlmsghdr *message, const struct port_vlans *wanted, bool others, unsigned first);

/* -- bridge_words.c: what hangs on a link, as a person would say it: "192.0.2.1/24", "route default via 192.0.2.254" -------- */

struct bridge_words {
    char text[128];
};
struct bridge_words bridge_words(const struct netdev_hanging_item *item);
