/* DHCP leases as a part of WANTED. What servers gave is kept in reconciler->leased for as long as the kernel may have it: what a lease
 * does not say any more is taken away as everything else that nobody wants any more. */
#include "model/lease.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/log.h"
#include "base/memory.h"
#include "model/diff.h"
#include "reconcile/reconcile_internal.h"

static const struct lease *lease_of(const struct reconciler *reconciler, const char *interface)
{
    const struct reconcile_providers *providers = &reconciler->providers;

    return providers->dhcp_lease ? providers->dhcp_lease(providers->dhcp, interface) : NULL;
}

/* -- a lease's parts ---------------------------------------------------------------------------------------------------------------- */

static bool is_default(const struct route *route)
{
    return route->prefix == 0;
}

static bool has_route(const struct interface *interface, const struct route *route)
{
    for (size_t i = 0; interface && i < interface->route_count; i++)
        if (route_same(&interface->routes[i], route))
            return true;
    return false;
}

/* An interface whose route the kernel would not keep beside this one. */
static const struct interface *find_rival(const struct network *network, const char *name, const struct route *route)
{
    for (size_t i = 0; i < network->count; i++)
        for (size_t j = 0; j < network->items[i]->route_count; j++) {
            const struct route *other = &network->items[i]->routes[j];

            if (!text_equal(network->items[i]->name, name) && other->family == route->family && other->prefix == route->prefix
                && other->metric == route->metric && other->table == route->table
                && memcmp(other->destination, route->destination, sizeof(other->destination)) == 0)
                return network->items[i];
        }
    return NULL;
}

/* Adds to `target` what the lease gives, as the interface's file wants it. */
static void add_parts(const struct lease *lease, const struct dhcp_options *options, struct interface *target)
{
    struct address address = lease->address;

    if (lease->until == LEASE_FOREVER) {
        address.valid = address.preferred = UINT32_MAX;
    } else {
        double left = lease->until - boot_time();

        address.valid = address.preferred = left > 1 ? (uint32_t)left : 1;
        address.expires = (uint64_t)lease->until;
    }
    address.unchecked = true; /* the client has done that */
    if (!interface_has_address(target, &address))
        *APPEND(target->addresses, target->address_count) = address;
    for (size_t i = 0; i < lease->route_count; i++) {
        struct route route = lease->routes[i];

        route.metric = options->metric;
        if (!(is_default(&route) && options->ignore_gateway) && !has_route(target, &route))
            *APPEND(target->routes, target->route_count) = route;
    }
}

/* Of two ways to the same destination the first stays: those of files, then by the interfaces' names. */
static void drop_rivals(const struct network *network, struct interface *interface, size_t first)
{
    size_t kept = first;

    for (size_t i = first; i < interface->route_count; i++)
        if (!find_rival(network, interface->name, &interface->routes[i]))
            interface->routes[kept++] = interface->routes[i];
    interface->route_count = kept;
}

static void remember(struct reconciler *reconciler, const struct lease *lease, const struct dhcp_options *options)
{
    struct interface *leased = network_find(&reconciler->leased, lease->interface);

    if (!leased) {
        leased = interface_new(lease->interface);
        network_insert(&reconciler->leased, leased);
    }
    add_parts(lease, options, leased);
}

void lease_add(struct reconciler *reconciler, struct network *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        struct interface *interface = wanted->items[i];
        const struct lease *lease = interface->dhcp.client && interface->onboot ? lease_of(reconciler, interface->name) : NULL;
        size_t first = interface->route_count;

        if (!lease || !lease->address.family || lease->ending)
            continue;
        remember(reconciler, lease, &interface->dhcp);
        if (!lease->held || lease->until <= boot_time())
            continue;
        add_parts(lease, &interface->dhcp, interface);
        drop_rivals(wanted, interface, first);
        interface->set |= FIELD_BIT(FIELD_ADDRESSES) | FIELD_BIT(FIELD_ROUTES);
    }
}

/* What a server is told before its address may go. */
static bool is_given_back(const struct reconciler *reconciler, const char *name, const struct network *wanted)
{
    const struct interface *now_wanted = network_find(&reconciler->wanted, name), *then = wanted ? network_find(wanted, name) : NULL;
    const struct lease *lease = lease_of(reconciler, name);

    return lease && lease->held && (lease->ending || (wanted && now_wanted && now_wanted->dhcp.release && !(then && then->dhcp.client)));
}

/* wanted: what an apply wants from now on; NULL = what is wanted anyway. */
static void add_previous(const struct reconciler *reconciler, const struct network *wanted, struct network *previous)
{
    for (size_t i = 0; i < reconciler->leased.count; i++) {
        const struct interface *leased = reconciler->leased.items[i];
        struct interface *target = network_find(previous, leased->name);

        if (is_given_back(reconciler, leased->name, wanted))
            continue;
        if (!target) {
            target = interface_new(leased->name);
            network_insert(previous, target);
        }
        for (size_t j = 0; j < leased->address_count; j++)
            if (!interface_has_address(target, &leased->addresses[j]))
                *APPEND(target->addresses, target->address_count) = leased->addresses[j];
        for (size_t j = 0; j < leased->route_count; j++)
            if (!has_route(target, &leased->routes[j]))
                *APPEND(target->routes, target->route_count) = leased->routes[j];
    }
}

void lease_previous(const struct reconciler *reconciler, struct network *ret_previous)
{
    *ret_previous = (struct network){0};
    add_previous(reconciler, NULL, ret_previous);
}

void lease_diff(struct reconciler *reconciler, const struct network *wanted, struct plan *plan, struct problems *problems)
{
    struct network with_leases, previous;

    network_copy(wanted, &with_leases);
    lease_add(reconciler, &with_leases);
    duplicate_withhold(reconciler, &with_leases);
    network_copy(&reconciler->wanted, &previous);
    add_previous(reconciler, wanted, &previous);
    host_diff(reconciler, &with_leases, &previous, true, plan, problems);
    network_clear(&with_leases);
    network_clear(&previous);
}

/* What the kernel has not is forgotten: should somebody else put it there later, it is theirs. */
static void forget(struct reconciler *reconciler)
{
    for (size_t i = reconciler->leased.count; i-- > 0;) {
        struct interface *leased = reconciler->leased.items[i];
        const struct interface *observed = network_find(host_observed(reconciler), leased->name);
        size_t addresses = 0, routes = 0;

        for (size_t j = 0; j < leased->address_count; j++)
            if (interface_has_address(observed, &leased->addresses[j]))
                leased->addresses[addresses++] = leased->addresses[j];
        for (size_t j = 0; j < leased->route_count; j++)
            if (has_route(observed, &leased->routes[j]))
                leased->routes[routes++] = leased->routes[j];
        leased->address_count = addresses;
        leased->route_count = routes;
        if (!addresses && !routes)
            interface_free(network_remove(&reconciler->leased, leased->name));
    }
}

void lease_follow(struct reconciler *reconciler)
{
    const struct reconcile_providers *providers = &reconciler->providers;
    struct network wanted = {0};

    forget(reconciler);
    if (!providers->dhcp_follow || (reconciler->queue.running && reconciler->queue.running->moves_leases))
        return;
    for (size_t i = 0; i < reconciler->wanted.count; i++)
        if (reconciler->wanted.items[i]->dhcp.client)
            network_insert(&wanted, interface_copy(reconciler->wanted.items[i]));
    hand_overlay(&reconciler->hands, &wanted);
    providers->dhcp_follow(providers->dhcp, &wanted, host_observed(reconciler));
    network_clear(&wanted);
}

/* On record before it is done: a daemon that is killed in between moves back what went over, if it did. */
int lease_move(struct reconciler *reconciler, const char *from, const char *to, struct error *err)
{
    const struct reconcile_providers *providers = &reconciler->providers;
    struct journal_part *part = &reconciler->journal.running;
    struct lease_move *move;
    int result;

    if (!providers->dhcp_move || !lease_of(reconciler, from))
        return 0; /* it has none */
    move = APPEND(part->leases, part->lease_count);
    text_copy(move->from, sizeof(move->from), from);
    text_copy(move->to, sizeof(move->to), to);
    result = journal_write(reconciler, false, err);
    if (result == 0)
        result = providers->dhcp_move(providers->dhcp, from, to, err);
    if (result == 0)
        reconciler->queue.running->moves_leases = true;
    else
        part->lease_count--;
    return result == -ENOENT ? 0 : result;
}

void lease_move_back(struct reconciler *reconciler, struct journal_part *part)
{
    const struct reconcile_providers *providers = &reconciler->providers;

    for (size_t i = part->lease_count; i-- > 0 && providers->dhcp_move;) {
        const struct lease *lease = lease_of(reconciler, part->leases[i].to);
        struct error err;

        if (!lease || !lease->held) /* it went back already, before another daemon ended; or it is lost */
            continue;
        reconciler->queue.running->moves_leases = true;
        if (providers->dhcp_move(providers->dhcp, part->leases[i].to, part->leases[i].from, &err) < 0)
            log_warning("%s: %s asks for a new one", err.text, part->leases[i].from);
    }
    part->lease_count = 0;
}

/* -- words ------------------------------------------------------------------------------------------------------------------------ */

static void add_held(const struct lease *lease, struct text *line)
{
    char address[ADDRESS_TEXT_SIZE];

    text_format(line, "DHCP lease of %s", address_text(&lease->address, address));
    if (lease->server[0])
        text_format(line, " from %s", lease->server);
    if (lease->until != LEASE_FOREVER)
        text_format(line, ", %.0f s are left", lease->until - boot_time());
}

static void add_unused_routes(const struct reconciler *reconciler, const struct interface *wanted, const struct lease *lease,
                              struct text *line)
{
    struct interface alone = {0};

    add_parts(lease, &wanted->dhcp, &alone);
    for (size_t i = 0; i < alone.route_count; i++) {
        const struct interface *rival = find_rival(host_observed(reconciler), wanted->name, &alone.routes[i]);
        char route[ROUTE_TEXT_SIZE];

        if (rival)
            text_format(line, "; its route %s is not used: %s has one like it: give one of them another METRIC",
                        route_text(&alone.routes[i], route), rival->name);
    }
    free(alone.addresses);
    free(alone.routes);
}

void lease_reason(const struct reconciler *reconciler, const struct interface *wanted, const struct interface *observed, struct text *line)
{
    const struct lease *lease = wanted->dhcp.client ? lease_of(reconciler, wanted->name) : NULL;

    if (!lease)
        return;
    if (lease->held) {
        text_add(line, "; ");
        add_held(lease, line);
        add_unused_routes(reconciler, wanted, lease, line);
    } else if (!lease->fault && observed->carrier) {
        text_format(line, "; waits for a DHCP lease (asked for %.0f s)", boot_time() - lease->asked);
    }
    if (lease->fault)
        text_format(line, "; %s", lease->fault);
}

static void tell(struct reconciler *reconciler, const char *name)
{
    const struct lease *lease = lease_of(reconciler, name);
    struct text line = {0};

    if (!lease)
        return;
    if (lease->held && interface_has_address(network_find(host_observed(reconciler), name), &lease->address)) {
        log_debug("%s: the DHCP lease was renewed", name);
        return;
    }
    if (lease->fault)
        text_add(&line, lease->fault);
    else if (lease->held)
        add_held(lease, &line);
    else
        text_add(&line, "has no DHCP lease any more");
    if (lease->fault)
        log_warning("%s: %s", name, line.data);
    event_emit(reconciler, "interface", name, "%s", line.data);
    text_clear(&line);
}

/* -- a change --------------------------------------------------------------------------------------------------------------------- */

static bool is_own(const struct reconciler *reconciler, const struct step *step)
{
    const struct interface *wanted = network_find(&reconciler->wanted, step->interface);

    if (step->op != STEP_ADDRESS_ADD && step->op != STEP_ADDRESS_RENEW && step->op != STEP_ADDRESS_DELETE && step->op != STEP_ROUTE_ADD
        && step->op != STEP_ROUTE_DELETE)
        return false;
    return (wanted && wanted->dhcp.client) || duplicate_adds(reconciler, step->interface) || network_find(&reconciler->leased, step->interface);
}

static void leave_out_others(const struct reconciler *reconciler, struct plan *plan)
{
    size_t kept = 0;

    for (size_t i = 0; i < plan->count; i++) {
        if (is_own(reconciler, &plan->steps[i]))
            plan->steps[kept++] = plan->steps[i];
        else
            step_clear(&plan->steps[i]);
    }
    plan->count = kept;
}

static void addresses_ended(void *context, int result, const struct error *err, struct plan *plan)
{
    struct reconciler *reconciler = context;

    duplicate_tell(reconciler, plan, err);
    queue_finish(reconciler, &reconciler->queue, result, err, plan);
    duplicate_forget_free(reconciler);
    duplicate_added(reconciler);
    host_schedule(reconciler, 0.);
}

/* Not left to repair, which can be switched off, and counts how often it had to put something back. */
static void addresses_begin(struct reconciler *reconciler, struct request *request)
{
    struct network wanted, previous;
    struct plan plan = {.name = memory_string(request->name)};

    duplicate_plan(reconciler);
    host_wanted(reconciler, true, &wanted);
    lease_previous(reconciler, &previous);
    host_diff(reconciler, &wanted, &previous, false, &plan, &request->problems);
    leave_out_others(reconciler, &plan);
    network_clear(&wanted);
    network_clear(&previous);
    change_note(reconciler, &plan);
    run_plan(reconciler, &plan, addresses_ended, reconciler);
}

void host_add_addresses(struct reconciler *reconciler)
{
    struct request *request = request_new("addresses", NULL, NULL);

    request->begin = addresses_begin;
    queue_add(reconciler, &reconciler->queue, request);
}

void reconcile_lease_changed(struct reconciler *reconciler, const char *interface)
{
    tell(reconciler, interface);
    if (reconciler->adopted) /* else start-up takes it in */
        host_add_addresses(reconciler);
}
