/* A link that lies on another one has at most that one's MTU: the kernel lowers it with the one below, without a word, and lets it not
 * rise again before that one has. So what lies above is lowered first, in steps of their own: their inverses bring it back in the
 * order that the kernel takes. */
#include <stdlib.h>

#include "base/text.h"
#include "model/diff_internal.h"

enum { NESTED = 8 };

/* macvlan_device_event() and vlan_device_event() in the kernel; a VXLAN's stays. */
static bool follows(const struct interface *link)
{
    return (link->kind == INTERFACE_VLAN || link->kind == INTERFACE_MACVLAN) && link->parent[0];
}

static uint32_t stated_mtu(const struct diff *diff, const struct interface *link)
{
    size_t index = network_index(diff->wanted, link->name);
    const struct interface *wanted = index == SIZE_MAX || diff->skipped[index] ? NULL : diff->wanted->items[index];

    return wanted && interface_has(wanted, FIELD_MTU) ? wanted->mtu : link->mtu;
}

/* That it will have when the one below has its own. */
static uint32_t future_mtu(const struct diff *diff, const struct interface *link, int guard)
{
    const struct interface *parent = follows(link) && guard ? network_find(diff->observed, link->parent) : NULL;
    uint32_t stated = stated_mtu(diff, link), below = parent ? future_mtu(diff, parent, guard - 1) : UINT32_MAX;

    return parent && below < parent->mtu && below < stated ? below : stated;
}

static bool is_deleted(const struct diff *diff, const struct interface *link)
{
    for (size_t i = 0; i < diff->plan->count; i++)
        if (diff->plan->steps[i].op == STEP_LINK_DELETE && text_equal(diff->plan->steps[i].interface, link->name))
            return true;
    return false;
}

static bool is_lowered(const struct diff *diff, const struct interface *link)
{
    const struct interface *parent = follows(link) ? network_find(diff->observed, link->parent) : NULL;
    uint32_t below = parent ? future_mtu(diff, parent, NESTED) : UINT32_MAX;

    return parent && below < parent->mtu && below < link->mtu;
}

static bool is_any_lowered(const struct diff *diff)
{
    for (size_t i = 0; i < diff->observed->count; i++)
        if (is_lowered(diff, diff->observed->items[i]))
            return true;
    return false;
}

bool diff_mtu(struct diff *diff, struct network *ret_lowered)
{
    int deepest, *depths;
    bool any = false;

    if (!is_any_lowered(diff)) /* as a rule; the depths of all links take longer to find */
        return false;
    depths = diff_depths(diff->observed, &deepest);
    for (int depth = deepest; depth > 0; depth--)
        for (size_t i = 0; i < diff->observed->count; i++) {
            const struct interface *link = diff->observed->items[i];
            struct interface *to;

            if (depths[i] != depth || !is_lowered(diff, link) || is_deleted(diff, link))
                continue;
            if (!any)
                network_copy(diff->observed, ret_lowered);
            any = true;
            to = network_find(ret_lowered, link->name);
            to->mtu = future_mtu(diff, link, NESTED);
            diff_set_link(diff, link, to, FIELD_BIT(FIELD_MTU));
        }
    free(depths);
    return any;
}
