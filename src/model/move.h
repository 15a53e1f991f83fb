/* A NIC goes into a bridge, or out of it, with all that hangs on it: asked for by the reconciler, planned by src/bridge. */
#pragma once

#include "model/plan.h"

struct move {
    const char *nic;
    const char *bridge;
    bool out;                         /* of the bridge, which goes; else into it */
    const struct interface *made;     /* into a bridge that is to be made: as it is wanted, with its MAC; NULL: there is one, which
                                       * keeps what it has */
    const struct interface *port;     /* as the NIC is wanted: its options as a port, if any are stated; NULL = none */
};

/* What a plan moves. */
struct moved {
    unsigned addresses, routes, rules, neighbours, sysctls;
};
