/* HWADDR=: which NIC a file means. One that states no DEVICE means the NIC of that MAC address, whatever it is called: what it is called
 * shows only where WANTED meets OBSERVED, and may show later (hotplug) or change (udev). Until then its name is one that no link has. */
#pragma once

#include "model/network.h"

void hwaddr_name(const uint8_t mac[6], char ret_name[INTERFACE_NAME_SIZE]); /* "525400:000011": the kernel allows no ':' in a name */
bool hwaddr_is_name(const char *name); /* of one that is not found */
/* The address that the NIC came with, as far as it is known, else the one that it has. */
const uint8_t *hwaddr_of(const struct interface *observed);
/* Is it the NIC that the file means, by its MAC address alone? Only what may be hardware counts: a VLAN has the MAC of what it lies on. */
bool hwaddr_means(const struct interface *wanted, const struct interface *observed);
/* May the file, which states HWADDR besides its DEVICE, mean this link? Also without HWADDR. */
bool hwaddr_allows(const struct interface *wanted, const struct interface *observed);

/* Each interface of WANTED that its file names by its MAC address alone is called as the NIC that there is, when there is one and no other
 * file names it; else by hwaddr_name(). Also of networks that were bound before. */
void hwaddr_bind(struct network *wanted, const struct network *observed);
/* That of ifcfg-NICK, which is not found; NULL: there is none. */
const struct interface *hwaddr_find_unbound(const struct network *wanted, const char *nick);
/* Why such an interface is not found: "waits for a NIC with MAC address 52:54:00:00:00:11". The caller frees it. */
char *hwaddr_fault(const struct interface *unbound, const struct network *wanted, const struct network *observed);
