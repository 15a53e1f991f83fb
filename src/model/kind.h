/* What trestle knows of each kind of link: one row per kind. Readers, diff and errors ask here instead of listing kinds. */
#pragma once

#include "model/network.h"

struct kind {
    const char *stated_by; /* what a file says for it: "TYPE=Bridge"; NULL: no file makes one */
    const char *needs;     /* what a kernel must have for it: "CONFIG_BRIDGE (module bridge)" */
    bool made;             /* trestle makes and deletes such links */
    bool takes_ports;      /* it can be the master of others */
    bool has_parent;       /* it lies on another link, and goes with it */
    field_set fields;      /* the options that only some kinds have, this one among them */
};

const struct kind *kind_find(enum interface_kind kind); /* never NULL */
/* What a file would have to say so that the field has a meaning for it; NULL: it has one for a link of this kind. */
const char *kind_missing_for(enum interface_kind kind, int field);
/* The options of a bond that the kernel does not refuse in the mode (bond_options.c). */
field_set kind_bond_fields(unsigned mode);
/* Of what is observed of a link, that with which one just like it can be made. */
field_set kind_fields_to_make(const struct interface *observed);
