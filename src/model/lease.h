/* What a DHCP client has for an interface: a part of WANTED for as long as it lasts. Filled by src/dhcp, read by src/reconcile. */
#pragma once

#include <math.h>

#include "model/network.h"

#define LEASE_FOREVER INFINITY

struct lease {
    char interface[INTERFACE_NAME_SIZE];
    bool held;              /* else address and routes are those of the lease that was lost last; family 0 = there was none */
    struct address address; /* its lifetimes are not filled in: they follow from `until` */
    struct route *routes;   /* owned; all that the server named, without a metric; those without a gateway first */
    size_t route_count;
    char server[16];        /* "192.0.2.1"; "" = not known */
    double until;           /* CLOCK_BOOTTIME, seconds; LEASE_FOREVER */
    double asked;           /* not held: since when a server is being asked (CLOCK_BOOTTIME) */
    bool ending;            /* nobody wants it any more; it is being given back, for which the address must be there still */
    char *fault;            /* owned; why no client runs, and what to do; NULL = one does */
};
