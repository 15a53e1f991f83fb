/* iface-bridge and iface-unbridge: checks, the files as they will be, who answers now, the plan, the change (change.c), and who answers
 * then. The order of the plan is that of src/bridge; the texts of refusals are virsh's where it has them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/diff.h"
#include "reconcile/reconcile_internal.h"

#define BEFORE 0.7 /* seconds to answer in before the change */
#define AFTER 3.0  /* and after it */

struct iface_move {
    struct reconcile_bridging asked;
    struct reconcile_bridged *report; /* the requester's */
    struct plan plan;
    struct moved moved;
    double *taken; /* when each step was */
    size_t first, last; /* steps between which the links are neither one nor the other */
    struct iface_ask *ask; /* who answers */
    char *before; /* another such request, which was under way when this one came; NULL = none */
    bool made; /* the bridge is made by this */
    bool unmade; /* there is no bridge yet but in the files: iface-bridge --no-start is undone */
    unsigned delay; /* of a bridge that is made with STP: as the kernel takes it */
};

void iface_move_free(struct iface_move *move)
{
    if (!move)
        return;
    plan_clear(&move->plan);
    free(move->taken);
    free(move->before);
    free(move->asked.checks);
    iface_ask_free(move->ask);
    free(move);
}

static void end(struct reconciler *reconciler, int result, const struct error *err, const struct plan *plan)
{
    queue_finish(reconciler, &reconciler->queue, result, err, plan);
}

static const char *from_of(const struct iface_move *move)
{
    return move->asked.out ? move->asked.bridge : move->asked.nic;
}

static const char *to_of(const struct iface_move *move)
{
    return move->asked.out ? move->asked.nic : move->asked.bridge;
}

/* -- may it be done? -------------------------------------------------------------------------------------------------------------- */

/* Wireless links that the kernel knows to be such. */
static bool is_wireless(const char *name)
{
    CLEANUP(freep) char *text = NULL;
    CLEANUP(freep) char *line = memory_format("%s:", name);

    return file_read(AT_FDCWD, "/proc/net/wireless", 65536, &text, NULL, NULL) == 0 && strstr(text, line);
}

/* Does the link lie on `below`, if through several others? */
static bool lies_on(const struct network *observed, const struct interface *link, const char *below)
{
    for (int depth = 0; link && *link->parent && depth < 8; depth++) {
        if (text_equal(link->parent, below))
            return true;
        link = network_find(observed, link->parent);
    }
    return false;
}

static int check_loop(const struct network *observed, const char *nic, const char *bridge, struct error *err)
{
    for (size_t i = 0; i < observed->count; i++)
        if (text_equal(observed->items[i]->master, bridge) && lies_on(observed, observed->items[i], nic))
            return error_set(err, ELOOP, "%s is the parent of %s, a port of %s: packets would go in a circle", nic,
                             observed->items[i]->name, bridge);
    if (lies_on(observed, network_find(observed, bridge), nic))
        return error_set(err, ELOOP, "%s is the parent of %s", nic, bridge);
    return 0;
}

static int check_kind(const struct interface *nic, struct error *err)
{
    if (nic->kind == INTERFACE_BRIDGE)
        return error_set(err, EINVAL, "Existing device %s is already a bridge", nic->name);
    if (nic->kind == INTERFACE_LOOPBACK)
        return error_set(err, EINVAL, "%s is the loopback interface: it reaches nobody", nic->name);
    if (nic->kind == INTERFACE_TUN)
        return error_set(err, EINVAL, "%s carries no Ethernet frames (%s)", nic->name, interface_kind_names[nic->kind]);
    if (*nic->master)
        return error_set(err, EBUSY, "%s is a port of %s already: take it out there first", nic->name, nic->master);
    if (is_wireless(nic->name))
        return error_set(err, EOPNOTSUPP, "%s is wireless: an access point takes frames of its own MAC alone; route, or use a wire",
                         nic->name);
    return 0;
}

static int check_claim(const struct reconciler *reconciler, const struct iface_move *move, const struct interface *link, struct error *err)
{
    struct manager_claim claim;

    if (!claim_of(reconciler, link, &claim))
        return 0;
    if (!move->asked.force)
        return error_set(err, EBUSY, "%s is held by %s, which would undo this: %s; or use --force", link->name, claim.name, claim.cure);
    text_format(&move->report->warnings, "%s is held by %s: %s\n", link->name, claim.name, claim.cure);
    return 0;
}

static int check_in(const struct reconciler *reconciler, const struct iface_move *move, struct error *err)
{
    const struct network *observed = host_observed(reconciler);
    const struct interface *nic = network_find(observed, move->asked.nic), *bridge = network_find(observed, move->asked.bridge);
    const char *fault = text_interface_name_fault(move->asked.bridge);
    int result;

    if (!nic)
        return error_set(err, ENOENT, "there is no interface %s", move->asked.nic);
    if (fault)
        return error_set(err, EINVAL, "%s: an interface's name %s", move->asked.bridge, fault);
    if (bridge && bridge->kind != INTERFACE_BRIDGE)
        return error_set(err, EEXIST, "Network device %s already exists (%s), and is no bridge", bridge->name,
                         bridge->kind == INTERFACE_OTHER ? bridge->kind_name : interface_kind_names[bridge->kind]);
    result = check_kind(nic, err);
    if (result == 0)
        result = check_loop(observed, nic->name, move->asked.bridge, err);
    return result < 0 ? result : check_claim(reconciler, move, nic, err);
}

/* Gives the bridge's only port into move->asked.nic. */
static int check_out(const struct reconciler *reconciler, struct iface_move *move, struct error *err)
{
    const struct network *observed = host_observed(reconciler);
    const struct interface *bridge = network_find(observed, move->asked.bridge), *port = NULL;
    size_t ports = 0;

    if (!bridge)
        return error_set(err, ENOENT, "there is no interface %s", move->asked.bridge);
    if (bridge->kind != INTERFACE_BRIDGE)
        return error_set(err, EINVAL, "Device %s is not a bridge", bridge->name);
    for (size_t i = 0; i < observed->count; i++)
        if (text_equal(observed->items[i]->master, bridge->name)) {
            port = observed->items[i];
            ports++;
        }
    if (ports > 1)
        return error_set(err, EBUSY, "Multiple interfaces attached to bridge %s", bridge->name);
    if (!port)
        return error_set(err, ENODEV, "No interface attached to bridge %s", bridge->name);
    text_copy(move->asked.nic, sizeof(move->asked.nic), port->name);
    return check_claim(reconciler, move, bridge, err);
}

/* -- what is worth knowing before ------------------------------------------------------------------------------------------------- */

/* Seconds in which a bridge with STP lets nothing pass. */
static double silence(const struct reconciler *reconciler, const struct iface_move *move)
{
    const struct interface *bridge = network_find(host_observed(reconciler), move->asked.bridge);

    if (move->asked.out)
        return 0;
    if (move->made)
        return move->asked.stp ? 2. * move->delay : 0;
    return bridge && bridge->bridge.stp ? 2. * bridge->bridge.forward_delay / 100 : 0;
}

/* What was asked for the spanning tree, and does not come about. */
static void warn_of_tree(const struct iface_move *move, struct text *warnings)
{
    const struct reconcile_bridging *asked = &move->asked;

    if (!asked->out && !move->made && asked->stp)
        text_format(warnings, "%s is there already: --stp is without effect, the bridge keeps what it has\n", asked->bridge);
    if (!asked->out && !move->made && asked->delay)
        text_format(warnings, "%s is there already: --delay is without effect, the bridge keeps what it has\n", asked->bridge);
    if (move->made && asked->delay && !asked->stp)
        text_format(warnings, "--delay is without effect without --stp\n");
    if (move->made && asked->delay && asked->stp && asked->delay != move->delay)
        text_format(warnings, "--delay %u: the kernel takes 2 to 30 seconds: it is %u\n", asked->delay, move->delay);
}

static void warn(const struct reconciler *reconciler, const struct iface_move *move)
{
    const struct move question = {.nic = move->asked.nic, .bridge = move->asked.bridge, .out = move->asked.out};
    struct text *warnings = &move->report->warnings;

    iface_warn(reconciler, &question, warnings);
    warn_of_tree(move, warnings);
    if (move->moved.neighbours)
        text_format(warnings, "%u permanent neighbour%s move%s now, but no file can keep them for the next boot\n", move->moved.neighbours,
                    move->moved.neighbours == 1 ? "" : "s", move->moved.neighbours == 1 ? "s" : "");
    if (silence(reconciler, move) > 0)
        text_format(warnings, "%s has STP on: nothing passes for %.0f seconds\n", move->asked.bridge, silence(reconciler, move));
}

/* -- who answers? ----------------------------------------------------------------------------------------------------------------- */

static void add_questions(struct reconciler *reconciler, struct iface_move *move)
{
    const struct interface *from = network_find(host_observed(reconciler), from_of(move));

    for (size_t i = 0; i < from->route_count; i++)
        if (!from->routes[i].prefix && from->routes[i].has_gateway)
            iface_ask_add(move->ask, from->routes[i].family, from->routes[i].gateway, true);
    for (size_t i = 0; i < move->asked.check_count; i++)
        iface_ask_add(move->ask, move->asked.checks[i].family, move->asked.checks[i].bytes, false);
}

static void change(struct reconciler *reconciler, struct request *request);

/* -- the change ------------------------------------------------------------------------------------------------------------------- */

static void count(struct text *text, unsigned number, const char *what)
{
    if (number)
        text_format(text, "%s%u %s%s", text->length ? ", " : "", number, what, number == 1 ? "" : text_equal(what, "address") ? "es" : "s");
}

static void tell(struct iface_move *move)
{
    struct text moved = {0};
    double seconds = move->taken[move->last] - move->taken[move->first];

    move->report->seconds = seconds;

    count(&moved, move->moved.addresses, "address");
    count(&moved, move->moved.routes, "route");
    count(&moved, move->moved.rules, "rule");
    count(&moved, move->moved.neighbours, "neighbour");
    count(&moved, move->moved.sysctls, "sysctl");
    text_format(&move->report->report, "moved %s in %.1f ms", moved.length ? moved.data : "nothing", seconds * 1e3);
    text_clear(&moved);
    iface_ask_tell(move->ask, &move->report->report);
}

static void answered_after(struct reconciler *reconciler, struct request *request)
{
    struct iface_move *move = request->iface;
    struct error err = {0};
    int result = iface_ask_compare(move->ask, to_of(move), &err);

    if (result == 0)
        tell(move);
    change_checked(reconciler, result, &err);
}

static void check_after(struct reconciler *reconciler, struct request *request)
{
    struct iface_move *move = request->iface;

    duplicate_announce_all(reconciler, to_of(move));
    iface_ask_again(move->ask, to_of(move), AFTER + silence(reconciler, move), answered_after);
}

/* -- the request ------------------------------------------------------------------------------------------------------------------ */

static int read_files(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct iface_move *move = request->iface;
    const struct network *observed = host_observed(reconciler);
    const struct interface *nic = network_find(observed, move->asked.nic);
    struct move_files files = {
        .nic = move->asked.nic,
        .bridge = move->asked.bridge,
        .out = move->asked.out,
        .stp = move->asked.stp,
        .delay = move->delay,
        .shown = move->unmade ? nic : network_find(observed, from_of(move)),
        .link = nic,
        .rules = observed->rules,
        .rule_count = observed->rule_count,
    };
    struct change *change = &request->change;
    char mac[18];
    int result;

    text_from_mac(nic->mac, mac);
    move->made = !move->asked.out && !network_find(observed, move->asked.bridge);
    files.mac = move->made ? mac : NULL;
    file_edits_clear(&change->edits);
    reconciler->files.move_edits(reconciler->files.context, &files, &change->edits);
    result = move->unmade ? 0 : reconciler->files.check_edits(reconciler->files.context, &change->edits, err);
    if (result < 0)
        return result;
    network_clear(&change->wanted);
    problems_clear(&request->problems);
    reconciler->files.read_edited(reconciler->files.context, &change->edits, &change->wanted, &request->problems);
    host_bind(reconciler, &change->wanted);
    host_note_seen(observed, nic->name, &change->wanted);
    if (request->problems.errors)
        return error_set(err, EINVAL, "the files as they would be have errors: nothing was changed");
    return 0;
}

/* As the files want it, with the NIC's MAC for good, and its MTU unless they state one. */
static struct interface *bridge_to_make(const struct reconciler *reconciler, const struct request *request)
{
    const struct iface_move *move = request->iface;
    const struct interface *nic = network_find(host_observed(reconciler), move->asked.nic);
    const struct interface *wanted = network_find(&request->change.wanted, move->asked.bridge);
    struct interface *made;

    if (!move->made)
        return NULL;
    made = wanted ? interface_copy(wanted) : interface_new(move->asked.bridge);
    made->kind = INTERFACE_BRIDGE;
    memcpy(made->mac, nic->mac, sizeof(made->mac));
    if (!interface_has(made, FIELD_MTU))
        made->mtu = nic->mtu;
    made->set |= FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU);
    return made;
}

/* What the files want besides, and has to be done when the link is where it belongs. */
static void plan_rest(struct reconciler *reconciler, struct request *request, const struct move *question)
{
    struct network after, wanted;

    move_foresee(host_observed(reconciler), question, &after);
    iface_warn_unstated(&after, to_of(request->iface), &request->change.wanted, &request->iface->report->warnings);
    network_copy(&request->change.wanted, &wanted);
    hand_overlay(&reconciler->hands, &wanted);
    network_diff(&wanted, &reconciler->wanted, &after, true, &request->iface->plan, &request->problems);
    network_clear(&after);
    network_clear(&wanted);
}

static int plan_move(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct iface_move *move = request->iface;
    struct interface *made = bridge_to_make(reconciler, request);
    struct move question = {
        .nic = move->asked.nic,
        .bridge = move->asked.bridge,
        .out = move->asked.out,
        .made = made,
        .port = network_find(&request->change.wanted, move->asked.nic),
    };
    int result;

    plan_clear(&move->plan);
    move->plan = (struct plan){.name = memory_string(request->name), .all_or_nothing = true};
    result = reconciler->providers.bridge_move(reconciler->providers.netdev, &question, &move->plan, &move->moved, err);
    if (result == 0)
        plan_rest(reconciler, request, &question);
    interface_free(made);
    return result;
}

/* From the step before the NIC changes sides, or, out of the bridge, before the first route does, to the last that takes an address. */
static void watch(struct iface_move *move)
{
    free(move->taken);
    move->taken = memory_new((move->plan.count + 1) * sizeof(*move->taken));
    move->first = move->last = 0;
    for (size_t i = 0; i < move->plan.count; i++) {
        struct step *step = &move->plan.steps[i];

        step->taken = &move->taken[i];
        if (step->op == STEP_LINK_SET && step->fields & FIELD_BIT(FIELD_MASTER))
            move->first = i ? i - 1 : 0;
        if (step->op == STEP_REPLAY) /* behind the last one: what has nothing to do with it */
            move->last = i;
    }
    if (move->last < move->first)
        move->last = move->first + 1;
}

/* The files alone: the change shows in `plan` as pending. */
static void write_files(struct reconciler *reconciler, struct request *request)
{
    struct iface_move *move = request->iface;
    struct error err = {0};
    int result = reconciler->files.write_edits(reconciler->files.context, &request->change.edits, false, &err);

    text_format(&move->report->report, "only the files have changed: it takes effect at the next 'trestle apply' or boot");
    if (move->unmade)
        text_format(&move->report->report, "; %s was not made yet", move->asked.bridge);
    else if (move->made)
        text_format(&move->report->report, "; 'trestle iface-unbridge %s --no-start' undoes it", move->asked.bridge);
    end(reconciler, result, result < 0 ? &err : NULL, &move->plan);
}

/* Gives the only port that the files give the bridge into move->asked.nic. */
static int check_unmade(struct reconciler *reconciler, struct iface_move *move, struct error *err)
{
    struct network files = {0};
    struct problems ignored = {0};
    size_t ports = 0;
    bool stated;

    reconciler->files.read_network(reconciler->files.context, &files, &ignored);
    host_bind(reconciler, &files);
    stated = network_find(&files, move->asked.bridge);
    for (size_t i = 0; i < files.count; i++)
        if (text_equal(files.items[i]->master, move->asked.bridge)) {
            text_copy(move->asked.nic, sizeof(move->asked.nic), files.items[i]->name);
            ports++;
        }
    network_clear(&files);
    problems_clear(&ignored);
    if (!stated || !ports)
        return error_set(err, ENOENT, "there is no interface %s", move->asked.bridge);
    if (ports > 1)
        return error_set(err, EBUSY, "Multiple interfaces attached to bridge %s", move->asked.bridge);
    if (!network_find(host_observed(reconciler), move->asked.nic))
        return error_set(err, ENOENT, "there is no interface %s, the port of %s", move->asked.nic, move->asked.bridge);
    return 0;
}

/* Nothing is there to be moved: the settings go back to the NIC's file. */
static int prepare_unmade(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct iface_move *move = request->iface;
    int result = change_may_begin(reconciler, request, err);

    if (result == 0)
        result = check_unmade(reconciler, move, err);
    if (result == 0)
        result = read_files(reconciler, request, err);
    text_copy(move->report->nic, sizeof(move->report->nic), move->asked.nic);
    return result;
}

static int prepare(struct reconciler *reconciler, struct request *request, struct error *err)
{
    struct iface_move *move = request->iface;
    int result;

    move->unmade = move->asked.out && move->asked.no_start && !network_find(host_observed(reconciler), move->asked.bridge);
    if (move->unmade)
        return prepare_unmade(reconciler, request, err);
    result = move->asked.out ? check_out(reconciler, move, err) : check_in(reconciler, move, err);
    if (result == 0)
        result = change_may_begin(reconciler, request, err);
    if (result == 0)
        result = read_files(reconciler, request, err);
    if (result == 0)
        result = plan_move(reconciler, request, err);
    if (result == 0)
        warn(reconciler, move);
    text_copy(move->report->nic, sizeof(move->report->nic), move->asked.nic);
    move->report->made = move->made;
    return result;
}

/* Everything is read anew: while it was asked who answers, time has passed. */
static void change(struct reconciler *reconciler, struct request *request)
{
    struct iface_move *move = request->iface;
    struct error err = {0};
    int result;

    text_clear(&move->report->warnings);
    result = prepare(reconciler, request, &err);
    if (result < 0) {
        end(reconciler, result, &err, NULL);
        return;
    }
    watch(move);
    text_copy(request->change.lease.from, sizeof(request->change.lease.from), from_of(move));
    text_copy(request->change.lease.to, sizeof(request->change.lease.to), to_of(move));
    change_run(reconciler, request, &move->plan);
}

static void begin(struct reconciler *reconciler, struct request *request)
{
    struct iface_move *move = request->iface;
    struct error err = {0};
    int result;

    if (move->before)
        result = error_set(&err, EBUSY, "'%s' was under way: look at what it did, then say it again", move->before);
    else
        result = prepare(reconciler, request, &err);
    if (result < 0 || move->asked.preview) {
        end(reconciler, result, result < 0 ? &err : NULL, &move->plan);
    } else if (move->asked.no_start) {
        write_files(reconciler, request);
    } else {
        add_questions(reconciler, move);
        iface_ask_begin(move->ask, from_of(move), BEFORE, change);
    }
}

void reconcile_bridging(struct reconciler *reconciler, const struct reconcile_bridging *asked, struct reconcile_bridged *ret_report,
                        reconcile_done done, void *context)
{
    CLEANUP(freep) char *name = asked->out ? memory_format("iface-unbridge %s", asked->bridge)
                                           : memory_format("iface-bridge %s %s", asked->nic, asked->bridge);
    struct request *request = request_new(name, done, context);
    struct iface_move *move = NEW(struct iface_move);

    move->asked = *asked;
    move->delay = asked->delay < 2 ? 2 : asked->delay > 30 ? 30 : asked->delay;
    move->asked.checks = memory_copy(asked->checks, asked->check_count * sizeof(*asked->checks));
    move->report = ret_report;
    move->ask = iface_ask_new(reconciler);
    if (reconciler->queue.running && reconciler->queue.running->iface)
        move->before = memory_string(reconciler->queue.running->name);
    request->iface = move;
    request->begin = begin;
    request->change.joins = true;
    request->change.confirm = asked->confirm;
    request->change.check = check_after;
    queue_add(reconciler, &reconciler->queue, request);
}

void reconcile_bridged_clear(struct reconcile_bridged *report)
{
    text_clear(&report->warnings);
    text_clear(&report->report);
}
