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
struct step *diff_set_link(struct diff *diff, const struct interface *observed, const struct interface *values, field_set fields);
void diff_set_address(struct diff *diff, enum step_op op, const char *name, const struct address *address);
void diff_set_route(struct diff *diff, enum step_op op, const char *name, const struct route *route);
/* "mtu 1500 → 9000, forward_delay 1500 → 0" of the scalar fields; from may be NULL. */
void diff_describe(struct text *line, const struct interface *from, const struct interface *to, field_set fields);
bool diff_is_made(const struct interface *wanted); /* trestle makes it: a link of such a kind, and no VM's TAP */
bool diff_is_ours(const struct interface *observed);
bool diff_is_lacking(const struct interface *observed, int field); /* does this kernel not have the option? */

/* diff_check.c: says what can't be, and skips it together with what depends on it. */
void diff_check(struct diff *diff);
void diff_skip(struct diff *diff, size_t index, bool warning, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A link that somebody else made and that differs from its file. */
bool diff_must_be_adopted(const struct interface *wanted, const struct interface *observed);

/* diff_unstate.c: keys that the files stated before and don't any more. Gives whether there are any whose effect is to go; then
 * ret_stated is what is wanted together with what a new link has in their places, the caller's. */
bool diff_unstate(struct diff *diff, struct network *ret_stated);

/* One interface that is there: as it is, as it was wanted before (NULL: not at all) and as it is wanted (NULL: not at all). */
struct diff_link {
    const struct interface *observed, *previous, *wanted;
};

/* address_diff.c */
/* Does the address go, because it is wanted no more, or only as another one, or with the primary one of its network? */
bool address_diff_goes(const struct diff_link *link, const struct address *address);
void address_diff_delete(struct diff *diff, const struct diff_link *link);
void address_diff_add(struct diff *diff, const struct interface *wanted);
/* The addresses of what became a port go last, when its bridge has them already. */
void address_diff_flush(struct diff *diff, const struct interface *wanted);

/* route_diff.c */
void route_diff_delete(struct diff *diff, const struct diff_link *link);
void route_diff_add(struct diff *diff, const struct interface *wanted);
/* Those of network.routes */
void route_diff_delete_groups(struct diff *diff);
void route_diff_add_groups(struct diff *diff);

/* rule_diff.c */
void rule_diff_delete(struct diff *diff);
void rule_diff_add(struct diff *diff);

/* sysctl_diff.c */
void sysctl_diff_set(struct diff *diff, const struct interface *wanted);

bool diff_should_be_up(const struct diff *diff, const struct interface *wanted);

/* diff_pair.c: both ends of a veth pair are made at once, and each is set when it is its turn. */
/* Whose creation brings the link about: its own, its other end's (which states it as PEER), or NULL. */
const struct interface *diff_pair_maker(const struct diff *diff, const struct interface *wanted);
/* The observed link is the other end of a veth that is wanted: it goes only with that. */
bool diff_is_end(const struct diff *diff, const struct interface *observed);
/* A veth's other end can't be made, because another link has its name. */
bool diff_pair_is_taken(const struct diff *diff, const struct interface *wanted);
void diff_make_end(struct diff *diff, const struct interface *wanted, const struct interface *maker);

/* diff_name.c: bonds hear which slave is their primary one, and ports which other port stands in for them. */
void diff_name_plan(struct diff *diff);

/* diff_order.c: what must be made before what: parents before what lies on them, masters before their ports. */
/* By index: 0 for a link that needs no other; the caller frees it. */
int *diff_depths(const struct network *network, int *ret_deepest);

/* diff_mtu.c: what lies on a link that gets a lower MTU. Gives whether there is any; then ret_lowered is what is observed with their new
 * ones, the caller's. */
bool diff_mtu(struct diff *diff, struct network *ret_lowered);

/* diff_remake.c: links whose change the kernel can't make on them are taken apart and deleted, with all that goes with them.
 * Gives whether there are any; then ret_left is what is left of what is observed, the caller's. */
bool diff_remake(struct diff *diff, struct network *ret_left);
