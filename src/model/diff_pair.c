/* Veth pairs: one message makes both ends. Each may have a file, of TYPE=Veth or of none; it is made when the first of them is due,
 * and each gets what its own file says when its own turn has come. */
#include "base/memory.h"
#include "model/diff_internal.h"

#define PAIR_FIELDS (FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_VETH_PEER))

#define NOT_OF_LINKS (FIELD_BIT(FIELD_ADDRESSES) | FIELD_BIT(FIELD_ROUTES) | FIELD_BIT(FIELD_SYSCTLS)) /* they have steps of their own */

static const struct interface *other_end(const struct diff *diff, const char *name)
{
    for (size_t i = 0; i < diff->wanted->count; i++) {
        const struct interface *wanted = diff->wanted->items[i];

        if (wanted->kind == INTERFACE_VETH && text_equal(wanted->peer, name))
            return wanted;
    }
    return NULL;
}

const struct interface *diff_pair_maker(const struct diff *diff, const struct interface *wanted)
{
    if (wanted->kind == INTERFACE_VETH)
        return wanted;
    return interface_has(wanted, FIELD_KIND) ? NULL : other_end(diff, wanted->name);
}

bool diff_is_end(const struct diff *diff, const struct interface *observed)
{
    const struct interface *wanted = observed->kind == INTERFACE_VETH ? network_find(diff->wanted, observed->peer) : NULL;

    return wanted && wanted->kind == INTERFACE_VETH;
}

bool diff_pair_is_taken(const struct diff *diff, const struct interface *wanted)
{
    const struct interface *taken = wanted->kind == INTERFACE_VETH ? network_find(diff->observed, wanted->peer) : NULL;

    return taken && !text_equal(taken->peer, wanted->name);
}

static bool is_planned(const struct diff *diff, const struct interface *maker)
{
    for (size_t i = diff->plan->count; i > 0; i--) {
        const struct step *step = &diff->plan->steps[i - 1];

        if (step->op == STEP_LINK_CREATE && (text_equal(step->interface, maker->name) || text_equal(step->interface, maker->peer)))
            return true;
    }
    return false;
}

static void make_pair(struct diff *diff, const struct interface *maker)
{
    struct interface *pair = interface_copy(maker);
    CLEANUP(freep) char *line = memory_format("create veth %s with its other end %s", maker->name, maker->peer);
    struct step *step = diff_add_step(diff, STEP_LINK_CREATE, maker->name, line);

    pair->set &= PAIR_FIELDS;
    pair->master[0] = '\0';
    step->to = pair;
    step->fields = pair->set;
}

void diff_make_end(struct diff *diff, const struct interface *wanted, const struct interface *maker)
{
    struct interface made = {.kind = INTERFACE_VETH}, *end = interface_copy(wanted);
    field_set done = maker == wanted && !is_planned(diff, maker) ? PAIR_FIELDS : FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_VETH_PEER);

    if (!is_planned(diff, maker))
        make_pair(diff, maker);
    text_copy(made.name, sizeof(made.name), wanted->name);
    end->up = diff_should_be_up(diff, wanted);
    end->set &= ~(done | NOT_OF_LINKS | FIELD_BIT(FIELD_UP));
    if (end->up)
        end->set |= FIELD_BIT(FIELD_UP);
    if (end->set)
        diff_set_link(diff, &made, end, end->set);
    interface_free(end);
}
