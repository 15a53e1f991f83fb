/* Why an interface is as it is, in one line: what it waits for, who holds it, what is wrong with its file. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/diff.h"
#include "model/hwaddr.h"
#include "reconcile/reconcile_internal.h"

#define PORTS_NAMED 3 /* of a bridge that waits for all of them */

const char *reason_link_state(const struct interface *observed)
{
    return !observed->up ? "down" : observed->carrier ? "up" : "no carrier";
}

/* -- what is wrong in the files --------------------------------------------------------------------------------------------------- */

void reason_remember_files(struct reconciler *reconciler, const struct problems *problems)
{
    problems_clear(&reconciler->file_errors);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];

        if (!problem->warning && problem->file)
            problems_add(&reconciler->file_errors, false, problem->file, problem->line, problem->column, "%s", problem->text);
    }
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The applied copy of a file lies elsewhere and is called the same. */
static bool is_file_of(const char *path, const char *name, const struct interface *wanted)
{
    const char *file = last_part(path);

    if (wanted && wanted->file)
        return text_equal(file, last_part(wanted->file));
    return text_starts(file, "ifcfg-") && text_equal(file + strlen("ifcfg-"), name);
}

static const struct problem *file_error(const struct reconciler *reconciler, const char *name, const struct interface *wanted)
{
    for (size_t i = 0; i < reconciler->file_errors.count; i++)
        if (is_file_of(reconciler->file_errors.items[i].file, name, wanted))
            return &reconciler->file_errors.items[i];
    return NULL;
}

/* What start-up or repair last said about it: "FILE: NAME: TEXT", one a line. */
static char *trouble_of(const struct reconciler *reconciler, const char *name)
{
    CLEANUP(freep) char *mark = memory_format(": %s: ", name);

    for (const char *line = reconciler->troubles.data; line && *line;) {
        size_t length = strcspn(line, "\n");
        CLEANUP(freep) char *copy = memory_format(": %.*s", (int)length, line);
        const char *at = strstr(copy, mark);

        if (at)
            return memory_string(at + strlen(mark));
        line += length + (line[length] == '\n');
    }
    return NULL;
}

/* -- what it waits for ------------------------------------------------------------------------------------------------------------ */

/* A bridge has a carrier when one of its ports has. */
static void add_silent_ports(const struct network *observed, const char *master, struct text *line)
{
    size_t silent = 0;

    for (size_t i = 0; i < observed->count; i++) {
        const struct interface *port = observed->items[i];

        if (!text_equal(port->master, master))
            continue;
        if (silent < PORTS_NAMED)
            text_format(line, "%s%s: %s", silent ? ", " : "waits for ", port->name, reason_link_state(port));
        silent++;
    }
    if (silent > PORTS_NAMED)
        text_format(line, ", and %zu more", silent - PORTS_NAMED);
    if (!silent)
        text_add(line, "no carrier: it has no ports");
}

static void add_link_state(const struct network *network, const struct interface *observed, struct text *line)
{
    if (observed->up && !observed->carrier && observed->kind == INTERFACE_BRIDGE)
        add_silent_ports(network, observed->name, line);
    else
        text_add(line, reason_link_state(observed));
}

static bool add_fight(const struct reconciler *reconciler, const char *name, struct text *line)
{
    for (size_t i = 0; i < reconciler->repair_count; i++) {
        const struct backoff *backoff = &reconciler->repairs[i].backoff;
        double left = backoff->next - ev_now(reconciler->loop);

        if (!text_equal(reconciler->repairs[i].name, name) || backoff->failures < 2 || left <= 0)
            continue;
        text_format(line, "put back %u times, somebody else changes it; next try in %.0f s", backoff->failures, left + 0.5);
        return true;
    }
    return false;
}

static bool is_out_of_its_master(const struct interface *wanted, const struct interface *observed)
{
    return wanted->master[0] && !text_equal(wanted->master, observed->master);
}

/* True when there is nothing more to say. */
static bool add_hand(const struct reconciler *reconciler, const struct interface *wanted, const struct interface *observed,
                     struct text *line)
{
    const struct hand *hand = hand_find(&reconciler->hands, wanted->name);

    if (!hand)
        return false;
    if (hand->up) {
        text_add(line, "brought up by hand (ifup, ONBOOT=no); ");
        return false;
    }
    text_format(line, "taken down by hand (ifdown)%s: 'trestle ifup %s' or 'trestle apply' brings it up",
                observed && observed->up ? ", and up again" : "", wanted->name);
    return true;
}

/* -- the line --------------------------------------------------------------------------------------------------------------------- */

static void add_missing(const struct reconciler *reconciler, const struct interface *wanted, struct text *line)
{
    CLEANUP(freep) char *fault = wanted->by_mac ? hwaddr_fault(wanted, &reconciler->wanted, host_observed(reconciler)) : NULL;
    CLEANUP(freep) char *trouble = fault ? NULL : trouble_of(reconciler, wanted->name);

    if (add_hand(reconciler, wanted, NULL, line))
        return;
    if (!wanted->onboot)
        text_format(line, "ONBOOT=no: 'trestle ifup %s' brings it up", wanted->name);
    else if (!add_fight(reconciler, wanted->name, line))
        text_add(line, fault ? fault : trouble ? trouble : "no such interface");
}

static void add_wanted(const struct reconciler *reconciler, const struct interface *wanted, const struct interface *observed,
                       struct text *line)
{
    bool foreign_kind = interface_has(wanted, FIELD_KIND) && observed->owner != OWNER_TRESTLE && !observed->half_made;

    if (add_hand(reconciler, wanted, observed, line))
        return;
    if (!wanted->onboot && !hand_find(&reconciler->hands, wanted->name))
        text_format(line, "%s (ONBOOT=no)", reason_link_state(observed));
    else if (add_fight(reconciler, wanted->name, line))
        return;
    else if (!hwaddr_allows(wanted, observed))
        text_add(line, "has different MAC address than HWADDR expects, ignoring: its file is not used");
    else if (host_waits_for_person(wanted, observed))
        text_format(line, "%s; it came while trestled ran (HOTPLUG=no): 'trestle ifup %s' brings it up", reason_link_state(observed),
                    wanted->name);
    else if (is_out_of_its_master(wanted, observed))
        text_format(line, "waits for %s", wanted->master);
    else if (foreign_kind && interface_changed_fields(wanted, observed))
        text_add(line, "made by somebody else, and differs from its file: 'trestle apply' takes it over");
    else if (interface_has(wanted, FIELD_UP) && wanted->up && !observed->up)
        text_format(line, "set down by somebody (ip link set %s down): 'trestle apply' brings it up", wanted->name);
    else
        add_link_state(host_observed(reconciler), observed, line);
    lease_reason(reconciler, wanted, observed, line);
    duplicate_reason(reconciler, wanted->name, line);
}

static void add_holder(const struct reconciler *reconciler, const struct interface *observed, struct text *line)
{
    struct manager_claim claim;

    if (claim_of(reconciler, observed, &claim))
        text_format(line, "; held by %s: %s", claim.name, claim.cure);
}

void reconcile_interface_reason(struct reconciler *reconciler, const struct interface *interface, char *text, size_t size)
{
    const struct interface *wanted = network_find(&reconciler->wanted, interface->name);
    const struct interface *observed = network_find(host_observed(reconciler), interface->name);
    const struct problem *error = file_error(reconciler, interface->name, wanted);
    struct text line = {0};

    if (!observed && wanted)
        add_missing(reconciler, wanted, &line);
    else if (!observed)
        text_add(&line, "no such interface");
    else if (wanted)
        add_wanted(reconciler, wanted, observed, &line);
    else
        add_link_state(host_observed(reconciler), observed, &line);
    if (observed && !wanted && observed->owner != OWNER_TRESTLE && observed->kind != INTERFACE_TAP) /* most TAPs are VMs' */
        text_add(&line, "; foreign: no file names it");
    if (error) {
        CLEANUP(freep) char *where = problem_text(error);

        text_format(&line, "; its file has an error: %s", where);
    }
    if (wanted && observed)
        add_holder(reconciler, observed, &line);
    text_copy(text, size, line.data ? line.data : "");
    text_clear(&line);
}
