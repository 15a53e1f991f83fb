/* Another program says that an interface of the host is its own: found by src/manager, told by the reconciler. */
#pragma once

struct manager_claim {
    char name[48];  /* "NetworkManager", "netplan (by systemd-networkd)", "dhclient (pid 812)" */
    char cure[320]; /* what releases the interface: commands, no full stop */
};
