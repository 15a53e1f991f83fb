/* ifup and ifdown: one interface, and what must change with it. Everything else is left out of their plan. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "model/diff.h"
#include "model/hwaddr.h"
#include "reconcile/reconcile_internal.h"

static bool is_ours(const struct interface *observed)
{
    return observed->owner == OWNER_TRESTLE || observed->half_made;
}

/* Leaves all but `acts` alone. */
static void keep_only(const struct hand_list *acts, struct network *wanted)
{
    for (size_t i = 0; i < wanted->count; i++)
        wanted->items[i]->onboot = hand_find(acts, wanted->items[i]->name);
}

/* -- which interface is meant ----------------------------------------------------------------------------------------------------- */

static const char *last_part(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash ? slash + 1 : path;
}

/* What that file states. A bridge that only its ports name bears the file of one of them, and is not meant by it. */
static const struct interface *stated_by(const struct network *wanted, const char *file)
{
    const struct interface *found = NULL;

    for (size_t i = 0; i < wanted->count; i++)
        if (text_equal(last_part(wanted->items[i]->file), file) && (!found || text_equal(wanted->items[i]->master, found->name)))
            found = wanted->items[i];
    return found;
}

/* How long is the interface's name in that of an alias, "br0:1" or "br0-range0"? 0: it is none. */
static size_t alias_parent(const char *name)
{
    const char *end = strchr(name, ':');

    if (!end)
        end = strstr(name, "-range");
    return end ? (size_t)(end - name) : 0;
}

static void refuse_alias(const struct request *request, const char *alias, struct error *err)
{
    error_set(err, EINVAL, "%s: an alias comes and goes with its interface: say '%s %.*s'", request->word, request->up ? "ifup" : "ifdown",
              (int)alias_parent(alias), alias);
}

/* Of files as they are now (up) or as they are applied (down). NULL: it is said why not. */
static const struct interface *find_meant(struct request *request, const struct network *wanted, const char *file, struct error *err)
{
    const struct interface *meant = file ? stated_by(wanted, file) : NULL;

    if (!meant)
        meant = network_find(wanted, request->word);
    if (meant) {
        text_copy(request->ret_name, INTERFACE_NAME_SIZE, meant->name);
        return meant;
    }
    if (file && alias_parent(file))
        refuse_alias(request, file + strlen("ifcfg-"), err);
    else if (file && alias_parent(request->word))
        refuse_alias(request, request->word, err);
    else if (file)
        error_set(err, ENOENT, "%s: %s states no interface that can be had; 'trestle check' says why", request->word, file);
    else
        error_set(err, ENOENT, "configuration for %s not found. No file is called ifcfg-%s, or has it as NAME, HWADDR or DEVICE",
                  request->word, request->word);
    return NULL;
}

static char *read_files(struct reconciler *reconciler, struct request *request, struct network *ret_wanted)
{
    const struct interface *observed = network_find(host_observed(reconciler), request->word);
    char *file = NULL;

    reconciler->files.read_interface(reconciler->files.context, request->word, observed ? hwaddr_of(observed) : NULL, &file, ret_wanted,
                                     ret_wanted ? &request->problems : NULL);
    if (ret_wanted)
        host_bind(reconciler, ret_wanted);
    return file;
}

/* -- up --------------------------------------------------------------------------------------------------------------------------- */

/* With an interface come its master and what it lies on, a bond's ports, and those ports of a bridge that wait for it. */
static void add_up(const struct network *wanted, const char *name, struct hand_list *acts)
{
    const struct interface *interface = network_find(wanted, name);

    if (!interface || hand_find(acts, name))
        return;
    hand_set(acts, name, true);
    add_up(wanted, interface->master, acts);
    add_up(wanted, interface->parent, acts);
    for (size_t i = 0; i < wanted->count; i++)
        if (text_equal(wanted->items[i]->master, name) && (wanted->items[i]->onboot || interface->kind == INTERFACE_BOND))
            add_up(wanted, wanted->items[i]->name, acts);
}

/* What the file has come up anyway needs no hand to be kept. */
static void remember_up(const struct hand_list *acts, const struct network *wanted, struct hand_list *hands)
{
    for (size_t i = 0; i < acts->count; i++) {
        const char *name = acts->items[i].name;

        if (network_find(wanted, name)->onboot)
            hand_drop(hands, name);
        else
            hand_set(hands, name, true);
    }
}

/* 1: the request begins once more when its addresses have been looked for on the wire. */
static int plan_up(struct reconciler *reconciler, struct request *request, struct plan *plan, struct error *err)
{
    CLEANUP(freep) char *file = read_files(reconciler, request, &request->change.wanted);
    const struct interface *meant;
    struct network wanted = {0};
    bool postponed;

    reason_remember_files(reconciler, &request->problems);
    if (request->problems.errors)
        return error_set(err, EINVAL, "%s: %s has errors: nothing was changed", request->word, file ? file : "its file");
    meant = find_meant(request, &request->change.wanted, file, err);
    if (!meant)
        return -err->code;
    network_copy(&request->change.wanted, &wanted);
    hand_overlay(&reconciler->hands, &wanted);
    add_up(&wanted, meant->name, &request->acts);
    remember_up(&request->acts, &request->change.wanted, &request->hands);
    for (size_t i = 0; i < request->acts.count; i++)
        host_note_seen(host_observed(reconciler), request->acts.items[i].name, &request->change.wanted);
    keep_only(&request->acts, &wanted);
    postponed = duplicate_ask(reconciler, request, &wanted);
    if (!postponed) {
        lease_diff(reconciler, &wanted, plan, &request->problems);
        claim_warn(reconciler, &wanted, &request->problems);
    }
    network_clear(&wanted);
    if (!postponed && request->problems.errors)
        return error_set(err, EINVAL, "%s: can't be brought up as %s states it: nothing was changed", request->word, file ? file : "its file");
    return postponed;
}

/* -- down ------------------------------------------------------------------------------------------------------------------------- */

static bool has_ports(const struct network *observed, const char *master, const struct hand_list *but)
{
    for (size_t i = 0; i < observed->count; i++)
        if (text_equal(observed->items[i]->master, master) && !hand_find(but, observed->items[i]->name))
            return true;
    return false;
}

/* The classic scripts deleted a bridge with its last port. Here, when no file states it, and trestle has made it. */
static void add_empty_bridge(const struct network *wanted, const struct network *observed, const struct interface *port,
                             struct hand_list *acts)
{
    const struct interface *bridge = network_find(wanted, port->master), *link = network_find(observed, port->master);
    bool is_implicit = false;

    for (size_t i = 0; bridge && i < wanted->count; i++)
        is_implicit |= wanted->items[i] != bridge && text_equal(wanted->items[i]->file, bridge->file);
    if (is_implicit && link && is_ours(link) && !has_ports(observed, bridge->name, acts))
        hand_set(acts, bridge->name, false);
}

/* A bridge stays with its ports: a VM's NIC goes on where it was when the bridge comes up again. */
static bool is_deleted(const struct network *observed, const struct interface *link, const struct hand_list *acts)
{
    return is_ours(link) && (link->kind != INTERFACE_BRIDGE || !has_ports(observed, link->name, acts));
}

/* Whatever is on it goes, as by "ip address flush"; what the kernel put there by itself, it takes away by itself. */
static void own_all(struct interface *previous, const struct interface *link)
{
    for (size_t i = 0; i < link->address_count; i++)
        if (link->addresses[i].family == AF_INET || address_is_static(&link->addresses[i]))
            *APPEND(previous->addresses, previous->address_count) = link->addresses[i];
    for (size_t i = 0; i < link->route_count; i++)
        if (link->routes[i].protocol != RTPROT_KERNEL && link->routes[i].protocol != RTPROT_RA)
            *APPEND(previous->routes, previous->route_count) = link->routes[i];
    text_copy(previous->master, sizeof(previous->master), link->master);
    previous->set |= FIELD_BIT(FIELD_MASTER);
}

/* What lies on a link goes with it, and comes back with it. */
static void add_upper(const struct network *observed, const char *name, struct hand_list *acts)
{
    for (size_t i = 0; i < observed->count; i++) {
        const struct interface *upper = observed->items[i];

        if (!text_equal(upper->parent, name) || !is_ours(upper) || hand_find(acts, upper->name))
            continue;
        hand_set(acts, upper->name, false);
        add_upper(observed, upper->name, acts);
    }
}

/* Those of its file; they come again with ifup. */
static void drop_rules(struct network *wanted, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < wanted->rule_count; i++)
        if (!text_equal(wanted->rules[i].stated_by, name))
            wanted->rules[kept++] = wanted->rules[i];
    wanted->rule_count = kept;
}

static void want_down(struct network *wanted, struct network *previous, const struct network *observed, const char *name,
                      const struct hand_list *acts)
{
    const struct interface *link = network_find(observed, name);
    struct interface *down = network_remove(wanted, name), *before = network_remove(previous, name);

    interface_free(down);
    interface_free(before);
    drop_rules(wanted, name);
    if (!link)
        return;
    before = interface_new(name);
    own_all(before, link);
    network_insert(previous, before);
    if (is_deleted(observed, link, acts)) {
        for (size_t i = 0; i < wanted->count; i++)
            if (text_equal(wanted->items[i]->master, name)) /* is taken out before the link goes, so that both can be taken back */
                wanted->items[i]->set &= ~FIELD_BIT(FIELD_MASTER);
        return;
    }
    down = interface_new(name);
    down->set = FIELD_BIT(FIELD_UP);
    down->onboot = true;
    network_insert(wanted, down);
}

static int plan_down(struct reconciler *reconciler, struct request *request, struct plan *plan, struct error *err)
{
    CLEANUP(freep) char *file = read_files(reconciler, request, NULL);
    const struct network *observed = host_observed(reconciler);
    const struct interface *meant = find_meant(request, &reconciler->wanted, file, err), *link;
    struct network wanted = {0}, previous = {0};
    struct problems old = {0}; /* of files that don't change */
    struct hand_list *acts = &request->acts;

    if (!meant)
        return -err->code;
    if (text_equal(meant->name, "lo"))
        return error_set(err, EOPNOTSUPP, "lo: the loopback interface stays up: programs of this host reach each other by it. To take an "
                         "address off it, take it out of %s, and say 'trestle ifup lo'", file ? file : "its file");
    hand_set(acts, meant->name, false);
    add_empty_bridge(&reconciler->wanted, observed, meant, acts);
    reconciler->files.read_edited(reconciler->files.context, &(struct file_edits){0}, &request->change.wanted, &old);
    problems_clear(&old);
    host_bind(reconciler, &request->change.wanted);
    network_copy(&reconciler->wanted, &wanted);
    network_copy(&reconciler->wanted, &previous);
    keep_only(&(struct hand_list){0}, &wanted);
    for (size_t i = 0; i < acts->count; i++)
        hand_set(&request->hands, acts->items[i].name, false);
    link = network_find(observed, meant->name);
    if (link && is_deleted(observed, link, acts))
        add_upper(observed, link->name, acts);
    for (size_t i = 0; i < acts->count; i++)
        want_down(&wanted, &previous, observed, acts->items[i].name, acts);
    network_diff(&wanted, &previous, observed, true, plan, &request->problems);
    network_clear(&wanted);
    network_clear(&previous);
    return 0;
}

/* -- the request ------------------------------------------------------------------------------------------------------------------- */

static void interface_begin(struct reconciler *reconciler, struct request *request)
{
    struct plan plan = {.name = memory_string(request->name), .all_or_nothing = true};
    struct error err = {0};
    int result = change_may_begin(reconciler, request, &err);

    hand_clear(&request->acts);
    hand_clear(&request->hands);
    hand_copy(&reconciler->hands, &request->hands);
    if (result == 0)
        result = (request->up ? plan_up : plan_down)(reconciler, request, &plan, &err);
    if (result != 0)
        plan_clear(&plan);
    if (result < 0)
        queue_finish(reconciler, &reconciler->queue, result, &err, NULL);
    if (result != 0)
        return;
    request->sets_hands = true;
    change_run(reconciler, request, &plan);
}

void reconcile_interface_change(struct reconciler *reconciler, const char *word, bool up, char *ret_name, reconcile_done done,
                                void *context)
{
    CLEANUP(freep) char *name = memory_format("%s %s", up ? "iface-start" : "iface-destroy", word);
    struct request *request = request_new(name, done, context);

    request->begin = interface_begin;
    request->word = memory_string(word);
    request->up = up;
    request->change.joins = true;
    request->ret_name = ret_name;
    queue_add(reconciler, &reconciler->queue, request);
}

const char *reconcile_interface_hand(const struct reconciler *reconciler, const char *name)
{
    const struct hand *hand = hand_find(&reconciler->hands, name);

    return !hand ? NULL : hand->up ? "up" : "down";
}
