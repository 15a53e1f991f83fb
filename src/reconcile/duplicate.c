/* Duplicate address detection: an IPv4 address that is new to the host (by apply or start-up, never by repair) is asked for on the wire
 * before it is taken. A check is a state of the address and no step of a plan: until it has ended, the address is left out of what is
 * wanted, and whoever uses it already keeps it. IPv6 the kernel does itself. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

#define ATTEMPTS 3       /* to ask on a link that loses its carrier meanwhile */
#define CARRIER_WAIT 5. /* seconds from up on; the classic scripts look for a carrier as long */

enum check_state {
    CHECK_WAITS, /* for its interface: to be there, up, and to have a carrier */
    CHECK_ASKS,
    CHECK_FREE,
    CHECK_TAKEN,
};

struct check {
    struct check *next;
    struct reconciler *reconciler;
    enum check_state state;
    char interface[INTERFACE_NAME_SIZE];
    struct address address;
    uint32_t link_delay, wait; /* seconds */
    unsigned attempts;
    bool was_up;
    bool planned;   /* FREE before the plan was made: the address is part of it. One that comes to be free later waits for the next */
    uint8_t mac[6]; /* of who has it */
    ev_timer timer; /* WAITS: LINKDELAY, or until it is given up to wait for a carrier */
};

/* Somebody whose plan has run, and who is told when the checks are over. */
struct check_waiter {
    struct check_waiter *next;
    struct request *request;
    struct plan plan; /* its words */
    int result;
    struct error err;
};

static const char *host_text(const struct address *address, char text[INET6_ADDRSTRLEN])
{
    return inet_ntop(address->family, address->bytes, text, INET6_ADDRSTRLEN);
}

static struct check *find(const struct reconciler *reconciler, const char *interface, const struct address *address)
{
    for (struct check *check = reconciler->checks; check; check = check->next)
        if (text_equal(check->interface, interface) && address_same(&check->address, address))
            return check;
    return NULL;
}

static bool is_withheld(const struct check *check)
{
    return check && !check->planned;
}

/* -- beginning and end -------------------------------------------------------------------------------------------------------------- */

static void check_free(struct check *check)
{
    const struct reconcile_providers *providers = &check->reconciler->providers;

    if (providers->probe_cancel)
        providers->probe_cancel(providers->probe, check);
    ev_timer_stop(check->reconciler->loop, &check->timer);
    free(check);
}

static void drop_where(struct reconciler *reconciler, bool (*drop)(const struct check *check, const void *context), const void *context)
{
    for (struct check **at = &reconciler->checks; *at;) {
        struct check *check = *at;

        if (!drop(check, context)) {
            at = &check->next;
            continue;
        }
        *at = check->next;
        check_free(check);
    }
}

static bool is_any(const struct check *check, const void *context)
{
    (void)check, (void)context;
    return true;
}

static bool has_ended(const struct check *check, const void *context)
{
    (void)context;
    return check->state == CHECK_FREE || check->state == CHECK_TAKEN;
}

static bool is_planned(const struct check *check, const void *context)
{
    (void)context;
    return check->planned;
}

static bool is_of_no_use(const struct check *check, const void *context)
{
    const struct interface *wanted = network_find(context, check->interface);

    for (size_t i = 0; wanted && i < wanted->address_count; i++)
        if (address_same(&wanted->addresses[i], &check->address))
            return false;
    return true;
}

static void waiter_free(struct check_waiter *waiter)
{
    plan_clear(&waiter->plan);
    free(waiter);
}

void duplicate_clear(struct reconciler *reconciler)
{
    for (struct check_waiter *waiter = reconciler->check_waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        queue_cancel(waiter->request);
        waiter_free(waiter);
    }
    reconciler->check_waiters = NULL;
    for (struct request *request = reconciler->waits_for_checks, *next; request; request = next) {
        next = request->next;
        queue_cancel(request);
    }
    reconciler->waits_for_checks = NULL;
    drop_where(reconciler, is_any, NULL);
}

void duplicate_plan(struct reconciler *reconciler)
{
    for (struct check *check = reconciler->checks; check; check = check->next)
        check->planned = check->state == CHECK_FREE;
}

void duplicate_forget_free(struct reconciler *reconciler)
{
    drop_where(reconciler, is_planned, NULL);
}

static bool is_on_host(const struct network *observed, const struct address *address)
{
    for (size_t i = 0; i < observed->count; i++)
        for (size_t j = 0; j < observed->items[i]->address_count; j++) {
            const struct address *other = &observed->items[i]->addresses[j];

            if (other->family == address->family && memcmp(other->bytes, address->bytes, sizeof(address->bytes)) == 0)
                return true;
        }
    return false;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events);

static void add_check(struct reconciler *reconciler, const struct interface *wanted, const struct address *address)
{
    struct check *check = NEW(struct check);

    check->reconciler = reconciler;
    text_copy(check->interface, sizeof(check->interface), wanted->name);
    check->address = *address;
    check->link_delay = wanted->link_delay;
    check->wait = wanted->arping_wait;
    ev_init(&check->timer, on_timer);
    check->timer.data = check;
    check->next = reconciler->checks;
    reconciler->checks = check;
}

static bool needs_check(const struct reconciler *reconciler, const struct interface *wanted, const struct address *address)
{
    return address->family == AF_INET && !address->unchecked && address->scope == RT_SCOPE_UNIVERSE
           && !is_on_host(host_observed(reconciler), address) && !find(reconciler, wanted->name, address);
}

void duplicate_expect(struct reconciler *reconciler, const struct network *wanted)
{
    if (!reconciler->providers.probe_duplicate)
        return;
    drop_where(reconciler, is_of_no_use, wanted);
    for (size_t i = 0; i < wanted->count; i++) {
        const struct interface *interface = wanted->items[i];

        for (size_t j = 0; interface->onboot && j < interface->address_count; j++)
            if (needs_check(reconciler, interface, &interface->addresses[j]))
                add_check(reconciler, interface, &interface->addresses[j]);
    }
}

/* -- asking ----------------------------------------------------------------------------------------------------------------------- */

static bool any_asks(const struct reconciler *reconciler)
{
    for (const struct check *check = reconciler->checks; check; check = check->next)
        if (check->state == CHECK_ASKS)
            return true;
    return false;
}

/* One request adds all that came to be free, whoever waited for them. */
static void tell_end(struct reconciler *reconciler)
{
    struct request *next;

    if (any_asks(reconciler))
        return;
    if (!reconciler->waits_for_checks && reconciler->adopted)
        host_add_addresses(reconciler);
    for (struct request *request = reconciler->waits_for_checks; request; request = next) {
        next = request->next;
        request->next = NULL;
        queue_add(reconciler, &reconciler->queue, request);
    }
    reconciler->waits_for_checks = NULL;
}

static void check_ended(struct check *check, enum check_state state)
{
    ev_timer_stop(check->reconciler->loop, &check->timer);
    check->state = state;
    tell_end(check->reconciler);
}

static void give_up(struct check *check, const char *why)
{
    char text[INET6_ADDRSTRLEN];

    log_notice("%s: address %s is taken without having been looked for on the wire: %s", check->interface, host_text(&check->address, text),
               why);
    check_ended(check, CHECK_FREE);
}

static void wait_for(struct check *check, double seconds)
{
    ev_timer_stop(check->reconciler->loop, &check->timer);
    ev_timer_set(&check->timer, seconds, 0.);
    ev_timer_start(check->reconciler->loop, &check->timer);
}

/* The kernel may take a second to say that a carrier was lost: then that is heard while asking. */
static void not_asked(struct check *check, const struct error *err)
{
    if ((err->code != ENOLINK && err->code != ENETDOWN) || ++check->attempts >= ATTEMPTS) {
        give_up(check, err->text);
        return;
    }
    check->state = CHECK_WAITS;
    check->was_up = false;
    wait_for(check, check->link_delay + CARRIER_WAIT);
    tell_end(check->reconciler);
}

static void say_taken(const struct check *check, char *line, size_t size)
{
    char text[INET6_ADDRSTRLEN], mac[18];

    text_from_mac(check->mac, mac);
    snprintf(line, size, "Error, some other host (%s) already uses address %s.", mac, host_text(&check->address, text));
}

void reconcile_address_checked(void *asked, bool taken, const uint8_t mac[6], const struct error *err)
{
    struct check *check = asked;
    char line[200];

    if (err) {
        not_asked(check, err);
        return;
    }
    if (!taken) {
        check_ended(check, CHECK_FREE);
        return;
    }
    memcpy(check->mac, mac, sizeof(check->mac));
    say_taken(check, line, sizeof(line));
    log_error("%s: %s", check->interface, line);
    event_emit(check->reconciler, "interface", check->interface, "%s", line);
    check_ended(check, CHECK_TAKEN);
}

static void ask(struct check *check, const struct interface *observed)
{
    const struct reconcile_providers *providers = &check->reconciler->providers;
    struct error err = {0};

    ev_timer_stop(check->reconciler->loop, &check->timer);
    check->state = CHECK_ASKS;
    if (providers->probe_duplicate(providers->probe, observed, &check->address, check->wait, check, &err) < 0)
        not_asked(check, &err);
}

/* operstate unknown: its driver does not tell. */
static bool is_ready(const struct interface *observed)
{
    return observed && observed->up && (observed->operstate == IF_OPER_UP || (observed->operstate == IF_OPER_UNKNOWN && observed->carrier));
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct check *check = timer->data;
    const struct interface *observed = network_find(host_observed(check->reconciler), check->interface);

    (void)loop, (void)events;
    if (is_ready(observed))
        ask(check, observed);
    else
        give_up(check, "the interface has no carrier");
}

static void look(struct check *check)
{
    const struct interface *observed = network_find(host_observed(check->reconciler), check->interface);
    bool ready = is_ready(observed);

    if (!observed || !observed->up) {
        ev_timer_stop(check->reconciler->loop, &check->timer);
    } else if (ready && !check->link_delay) {
        ask(check, observed);
    } else if (!ev_is_active(&check->timer) || ready != check->was_up) {
        wait_for(check, ready ? check->link_delay : check->link_delay + CARRIER_WAIT);
    }
    check->was_up = ready;
}

void duplicate_follow(struct reconciler *reconciler)
{
    for (struct check *check = reconciler->checks; check; check = check->next)
        if (check->state == CHECK_WAITS)
            look(check);
    if (reconciler->check_waiters)
        duplicate_added(reconciler); /* an interface that was waited for may be gone */
}

bool duplicate_ask(struct reconciler *reconciler, struct request *request, const struct network *wanted)
{
    struct request **last;

    if (!request->asked)
        drop_where(reconciler, has_ended, NULL);
    duplicate_expect(reconciler, wanted);
    duplicate_plan(reconciler);
    if (request->asked)
        return false;
    request->asked = true;
    duplicate_follow(reconciler);
    duplicate_plan(reconciler);
    if (!any_asks(reconciler))
        return false;
    network_clear(&request->change.wanted);
    problems_clear(&request->problems);
    for (last = &reconciler->waits_for_checks; *last; last = &(*last)->next)
        ;
    *last = request;
    queue_postpone(reconciler, &reconciler->queue);
    return true;
}

/* -- what is wanted meanwhile ------------------------------------------------------------------------------------------------------- */

static bool covers(const struct address *address, const struct route *route)
{
    uint32_t host, gateway, mask;

    if (address->family != AF_INET || address->prefix > 32)
        return false;
    mask = address->prefix ? htonl(~(uint32_t)0 << (32 - address->prefix)) : 0;
    memcpy(&host, address->bytes, sizeof(host));
    memcpy(&gateway, route->gateway, sizeof(gateway));
    return !((host ^ gateway) & mask);
}

static bool is_reached(const struct interface *interface, const struct route *route)
{
    for (size_t i = 0; i < interface->address_count; i++)
        if (covers(&interface->addresses[i], route))
            return true;
    return false;
}

/* Those whose gateway only an address could reach that is withheld. */
static void withhold_routes(const struct reconciler *reconciler, struct interface *interface)
{
    size_t kept = 0;

    for (size_t i = 0; i < interface->route_count; i++) {
        const struct route *route = &interface->routes[i];
        bool withheld = false;

        for (const struct check *check = reconciler->checks; check; check = check->next)
            withheld |= is_withheld(check) && text_equal(check->interface, interface->name) && covers(&check->address, route);
        if (route->family != AF_INET || !route->has_gateway || !withheld || is_reached(interface, route))
            interface->routes[kept++] = *route;
    }
    interface->route_count = kept;
}

void duplicate_withhold(const struct reconciler *reconciler, struct network *wanted)
{
    for (const struct check *check = reconciler->checks; check; check = check->next) {
        struct interface *interface = is_withheld(check) ? network_find(wanted, check->interface) : NULL;
        size_t kept = 0;

        for (size_t i = 0; interface && i < interface->address_count; i++)
            if (!address_same(&interface->addresses[i], &check->address))
                interface->addresses[kept++] = interface->addresses[i];
        if (!interface)
            continue;
        interface->address_count = kept;
        withhold_routes(reconciler, interface);
    }
}

bool duplicate_adds(const struct reconciler *reconciler, const char *interface)
{
    for (const struct check *check = reconciler->checks; check; check = check->next)
        if (check->planned && text_equal(check->interface, interface))
            return true;
    return false;
}

/* -- those who wait --------------------------------------------------------------------------------------------------------------- */

/* Not for an interface that is not there, or down: nobody knows when that ends. */
static bool any_pending(const struct reconciler *reconciler)
{
    for (const struct check *check = reconciler->checks; check; check = check->next)
        if (check->state == CHECK_ASKS || check->state == CHECK_FREE || (check->state == CHECK_WAITS && ev_is_active(&check->timer)))
            return true;
    return false;
}

static void add_problem(const struct check *check, const struct interface *wanted, struct problems *problems)
{
    char line[200];

    say_taken(check, line, sizeof(line));
    problems_add(problems, false, wanted->file, 0, 0, "%s: %s", wanted->name, line);
}

static const struct interface *interface_of_taken(const struct check *check, const struct network *wanted)
{
    return check->state == CHECK_TAKEN ? network_find(wanted, check->interface) : NULL;
}

static void add_problems(const struct reconciler *reconciler, struct request *request)
{
    for (const struct check *check = reconciler->checks; check; check = check->next) {
        const struct interface *wanted = interface_of_taken(check, &reconciler->wanted);

        if (wanted && request_acts_on(request, check->interface))
            add_problem(check, wanted, &request->problems);
    }
}

void duplicate_finish(struct reconciler *reconciler, int result, const struct error *err, const struct plan *plan)
{
    struct request *request = reconciler->queue.running;
    bool failed = plan->all_or_nothing && result < 0;
    struct check_waiter *waiter;

    duplicate_forget_free(reconciler); /* these were part of the plan */
    if (!failed)
        duplicate_follow(reconciler);
    if (failed || !any_pending(reconciler)) {
        if (!failed && plan->all_or_nothing)
            add_problems(reconciler, request);
        queue_finish(reconciler, &reconciler->queue, result, err, plan);
        return;
    }
    waiter = NEW(struct check_waiter);
    waiter->request = request;
    waiter->plan.all_or_nothing = plan->all_or_nothing;
    for (size_t i = 0; i < plan->count; i++)
        plan_add(&waiter->plan, plan->steps[i].op, plan->steps[i].object, "%s", plan->steps[i].text);
    waiter->result = result;
    if (result < 0)
        waiter->err = *err;
    waiter->next = reconciler->check_waiters;
    reconciler->check_waiters = waiter;
    queue_postpone(reconciler, &reconciler->queue);
}

/* NULL: the step was taken. */
static void tell_step(const struct reconciler *reconciler, const struct step *step, const char *fault)
{
    const struct interface *wanted = network_find(&reconciler->wanted, step->interface);

    for (struct check_waiter *waiter = reconciler->check_waiters; waiter; waiter = waiter->next) {
        if (!request_acts_on(waiter->request, step->interface))
            continue;
        if (fault)
            problems_add(&waiter->request->problems, false, wanted ? wanted->file : NULL, 0, 0, "%s", fault);
        else
            plan_add(&waiter->plan, step->op, step->object, "%s", step->text);
    }
}

/* The error is that of the first step that failed; which others were left out behind it, the kernel shows. */
void duplicate_tell(const struct reconciler *reconciler, const struct plan *plan, const struct error *err)
{
    const char *fault = err ? err->text : NULL;

    for (size_t i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];
        CLEANUP(freep) char *left_out = NULL;

        if (!duplicate_adds(reconciler, step->interface))
            continue;
        if (!err || step_shows(step, host_observed(reconciler))) {
            tell_step(reconciler, step, NULL);
            continue;
        }
        left_out = memory_format("%s: %s: was left out, because of that", step->object, step->text);
        tell_step(reconciler, step, fault ? fault : left_out);
        fault = NULL;
    }
}

void duplicate_added(struct reconciler *reconciler)
{
    struct check_waiter *waiter = reconciler->check_waiters, *next;

    if (any_pending(reconciler))
        return;
    reconciler->check_waiters = NULL;
    for (; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->plan.all_or_nothing)
            add_problems(reconciler, waiter->request);
        queue_answer(reconciler, waiter->request, waiter->result, waiter->result < 0 ? &waiter->err : NULL, &waiter->plan);
        waiter_free(waiter);
    }
}

/* -- words ------------------------------------------------------------------------------------------------------------------------ */

void duplicate_problems(const struct reconciler *reconciler, const struct network *wanted, struct problems *problems)
{
    for (const struct check *check = reconciler->checks; check; check = check->next) {
        const struct interface *interface = interface_of_taken(check, wanted);

        if (interface)
            add_problem(check, interface, problems);
    }
}

void duplicate_reason(const struct reconciler *reconciler, const char *interface, struct text *line)
{
    for (const struct check *check = reconciler->checks; check; check = check->next) {
        char words[200], text[INET6_ADDRSTRLEN];

        if (!text_equal(check->interface, interface))
            continue;
        if (check->state == CHECK_TAKEN)
            say_taken(check, words, sizeof(words));
        else if (check->state == CHECK_FREE)
            continue;
        else
            snprintf(words, sizeof(words), "address %s %s", host_text(&check->address, text),
                     check->state == CHECK_ASKS ? "is being looked for on the wire" : "waits for the link");
        text_format(line, "; %s", words);
    }
}

/* -- announcements ------------------------------------------------------------------------------------------------------------------ */

void duplicate_announce(const struct reconciler *reconciler, const struct step *step)
{
    const struct reconcile_providers *providers = &reconciler->providers;
    const struct interface *observed = network_find(host_observed(reconciler), step->interface);

    if (step->op == STEP_ADDRESS_ADD && step->address.family == AF_INET && !step->address.unannounced && observed && providers->probe_announce)
        providers->probe_announce(providers->probe, observed, &step->address);
}

static bool may_be_announced(const struct reconciler *reconciler, const char *name, const struct address *address)
{
    const struct interface *wanted = network_find(&reconciler->wanted, name);

    for (size_t i = 0; wanted && i < wanted->address_count; i++)
        if (address_same(&wanted->addresses[i], address))
            return !wanted->addresses[i].unannounced;
    return true;
}

void duplicate_announce_all(const struct reconciler *reconciler, const char *name)
{
    const struct reconcile_providers *providers = &reconciler->providers;
    const struct interface *observed = network_find(host_observed(reconciler), name);

    for (size_t i = 0; providers->probe_announce && observed && i < observed->address_count; i++)
        if (may_be_announced(reconciler, name, &observed->addresses[i]))
            providers->probe_announce(providers->probe, observed, &observed->addresses[i]);
}

static bool is_named_before(const struct plan *plan, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (text_equal(plan->steps[i].interface, plan->steps[index].interface))
            return true;
    return false;
}

void duplicate_announce_back(const struct reconciler *reconciler, const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (*plan->steps[i].interface && !is_named_before(plan, i))
            duplicate_announce_all(reconciler, plan->steps[i].interface);
}
