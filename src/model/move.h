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

/* OBSERVED as it will be after the move: what is wanted and not there then is left for network_diff. The caller clears it. */
void move_foresee(const struct network *observed, const struct move *move, struct network *ret_after);
/* The route to 169.254.0.0/16 that the classic scripts make bears its interface's index (as the kernel has it), and can't move. */
bool move_is_zeroconf(const struct route *route, int index);

/* What it makes of the network files. */
struct move_files {
    const char *nic, *bridge;
    const char *directory; /* where a file goes that has none yet */
    bool out;              /* of the bridge, whose file goes; else into it */
    const char *mac;       /* into a bridge that is made now: its MAC; NULL = the bridge is there */
    bool stp;              /* of that bridge; with the forward delay in seconds */
    unsigned delay;
    const struct interface *link;  /* the NIC, as the kernel has it: a file may name it by its MAC address alone */
    const struct interface *shown; /* the link that gives its settings away, as the kernel has it: written where no file states it */
    const struct rule *rules;      /* all of the kernel's, likewise */
    size_t rule_count;
};
