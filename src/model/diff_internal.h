/* What the files of the network's diff share. */
#pragma once

#include "base/text.h"
#include "model/diff.h"

struct diff {
    const struct network *wanted, *previous;
    const struct network *before;   /* as it was observed */
    const struct network *observed; /* the same, but for what is deleted to be made anew */
    bool adopt;
    struct plan *plan;
    struct problems *problems;
    bool *skipped;   /* by index in wanted: can't be brought about, and so can't what depends on it */
    int *depths;     /* by index in wanted: how many others must be made before */
    int deepest;
    struct port *ports; /* all that are wanted, by their masters' names */
    size_t port_count;
};

/* diff.c */
struct step *diff_add_step(struct diff *diff, enum step_op op, const char *name, const char *text);
void diff_skip(struct diff *diff, size_t index, bool warning, const char *format, ...) __attribute__((format(printf, 4, 5)));
void diff_set_link(struct diff *diff, const struct interface *observed, const struct interface *values, field_set fields);
void diff_set_address(struct diff *diff, enum step_op op, const char *name, const struct address *address);
void diff_set_route(struct diff *diff, enum step_op op, const char *name, const struct route *route);
/* "mtu 1500 → 9000, forward_delay 1500 → 0" of the scalar fields; from may be NULL. */
void diff_describe(struct text *line, const struct interface *from, const struct interface *to, field_set fields);
bool diff_is_ours(const struct interface *observed);

/* diff_order.c: what must be made before what: parents before what lies on them, masters before their ports. */
size_t diff_index(const struct network *network, const char *name); /* SIZE_MAX: there is none */
/* By index: 0 for a link that needs no other; the caller frees it. */
int *diff_depths(const struct network *network, int *ret_deepest);

/* diff_remake.c: links whose change the kernel can't make on them are taken apart and deleted, with all that goes with them. Gives
 * whether there are any; then ret_left is what is left of what is observed, the caller's. */
bool diff_remake(struct diff *diff, struct network *ret_left);
