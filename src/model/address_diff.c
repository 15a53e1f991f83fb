/* Addresses of one interface, wanted against observed. */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/diff_internal.h"

static const struct address *find(const struct interface *interface, const struct address *address)
{
    for (size_t i = 0; interface && i < interface->address_count; i++)
        if (address_same(&interface->addresses[i], address))
            return &interface->addresses[i];
    return NULL;
}

/* Does it still show what its file stated before and states no more? */
static bool is_of_before(const struct address *previous, const struct address *wanted, const struct address *observed)
{
    return (*previous->label && !*wanted->label && text_equal(previous->label, observed->label))
           || (previous->has_broadcast && !wanted->has_broadcast && observed->has_broadcast)
           || (previous->has_scope && !wanted->has_scope && wanted->scope != observed->scope);
}

static bool goes_by_itself(const struct diff_link *link, const struct address *address)
{
    const struct address *previous = find(link->previous, address), *wanted = find(link->wanted, address);

    if (!wanted)
        return previous;
    return !address_matches(wanted, address) || (previous && is_of_before(previous, wanted, address));
}

static bool in_same_network(const struct address *a, const struct address *b)
{
    uint32_t left, right, mask = a->prefix ? htonl(UINT32_MAX << (32 - a->prefix)) : 0;

    memcpy(&left, a->bytes, sizeof(left));
    memcpy(&right, b->bytes, sizeof(right));
    return a->prefix == b->prefix && ((left ^ right) & mask) == 0;
}

/* With the first IPv4 address of a network the kernel removes the later ones, unless the host's sysctl promote_secondaries says
 * otherwise; which is why they are removed by name then, and added again: only what a plan names can it take back. */
static bool goes_with_primary(const struct diff_link *link, const struct address *address)
{
    const struct interface *observed = link->observed;

    if (address->family != AF_INET || !(address->flags & IFA_F_SECONDARY))
        return false;
    for (size_t i = 0; i < observed->address_count; i++) {
        const struct address *primary = &observed->addresses[i];

        if (primary->family == AF_INET && !(primary->flags & IFA_F_SECONDARY) && in_same_network(primary, address)
            && goes_by_itself(link, primary))
            return true;
    }
    return false;
}

bool address_diff_goes(const struct diff_link *link, const struct address *address)
{
    return goes_by_itself(link, address) || goes_with_primary(link, address);
}

static void delete_some(struct diff *diff, const struct diff_link *link, bool secondary)
{
    const struct interface *observed = link->observed;

    for (size_t i = 0; i < observed->address_count; i++) {
        const struct address *address = &observed->addresses[i];

        if (!(address->flags & IFA_F_SECONDARY) != secondary && address_diff_goes(link, address))
            diff_set_address(diff, STEP_ADDRESS_DELETE, observed->name, address);
    }
}

/* Those of others, which went with their network's first one. */
static void restore_others(struct diff *diff, const struct diff_link *link)
{
    const struct interface *observed = link->observed;

    for (size_t i = 0; i < observed->address_count; i++)
        if (goes_with_primary(link, &observed->addresses[i]) && !find(link->wanted, &observed->addresses[i])
            && !find(link->previous, &observed->addresses[i]))
            diff_set_address(diff, STEP_ADDRESS_ADD, observed->name, &observed->addresses[i]);
}

void address_diff_delete(struct diff *diff, const struct diff_link *link)
{
    delete_some(diff, link, true);
    delete_some(diff, link, false);
    restore_others(diff, link);
}

#define RENEWAL 2 /* seconds: what ends within them of each other ends at once */

/* Is the observed life of an address another than the wanted one? */
static bool lives_otherwise(const struct address *wanted, const struct address *observed)
{
    if (!wanted->expires || !observed->expires)
        return wanted->expires || (observed->expires && wanted->valid == UINT32_MAX);
    return wanted->expires > observed->expires + RENEWAL || observed->expires > wanted->expires + RENEWAL;
}

static void plan_renewal(struct diff *diff, const char *name, const struct address *wanted)
{
    char value[ADDRESS_TEXT_SIZE], line[128];

    if (wanted->expires)
        snprintf(line, sizeof(line), "let address %s of %s last %u s from now", address_text(wanted, value), name, wanted->valid);
    else
        snprintf(line, sizeof(line), "let address %s of %s last for ever", address_text(wanted, value), name);
    diff_add_step(diff, STEP_ADDRESS_RENEW, name, line)->address = *wanted;
}

void address_diff_add(struct diff *diff, const struct interface *wanted)
{
    struct diff_link link = {.wanted = wanted};

    if (!wanted->address_count)
        return;
    link.observed = network_find(diff->observed, wanted->name);
    link.previous = network_find(diff->previous, wanted->name);
    for (size_t i = 0; i < wanted->address_count; i++) {
        const struct address *there = find(link.observed, &wanted->addresses[i]);

        if (!there || address_diff_goes(&link, there))
            diff_set_address(diff, STEP_ADDRESS_ADD, wanted->name, &wanted->addresses[i]);
        else if (lives_otherwise(&wanted->addresses[i], there))
            plan_renewal(diff, wanted->name, &wanted->addresses[i]);
    }
}

/* The classic scripts flush a port: "ip addr flush dev PORT". Its link-local address is the kernel's own business. */
void address_diff_flush(struct diff *diff, const struct interface *wanted)
{
    const struct interface *observed, *previous;

    if (!wanted->master[0] || !interface_has(wanted, FIELD_ADDRESSES))
        return;
    observed = network_find(diff->observed, wanted->name);
    previous = network_find(diff->previous, wanted->name);
    for (size_t i = 0; observed && i < observed->address_count; i++) {
        const struct address *address = &observed->addresses[i];
        bool link_local = address->family == AF_INET6 && address->scope == RT_SCOPE_LINK;

        if (!link_local && !find(wanted, address) && !find(previous, address))
            diff_set_address(diff, STEP_ADDRESS_DELETE, wanted->name, address);
    }
}
