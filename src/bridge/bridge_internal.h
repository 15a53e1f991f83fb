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

/* -- bridge_sysctl.c: sysctls of a link ("ipv4/arp_ignore") as steps ------------------------------------------------------- */

bool bridge_sysctl_read(const char *interface, const char *name, int32_t *ret_value); /* false: there is none, or it is no number */
void bridge_sysctl_set(struct plan *plan, const char *interface, const char *name, int32_t before, int32_t value);
/* Gives `to` those of `from`, but for rp_filter; made: `to` will be made, and has the values of "default" then. How many it are. */
unsigned bridge_sysctl_move(struct plan *plan, const char *from, const char *to, bool made);
/* Says of a bridge that goes what its sysctls are: with that they come back when it does. */
void bridge_sysctl_keep(struct plan *plan, const char *bridge);
