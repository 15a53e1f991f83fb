/* What is worth knowing before a NIC goes into a bridge or out of it: what hangs on the link and does not move, and what the way home
 * depends on. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

static bool root_is_remote(void)
{
    CLEANUP(freep) char *text = NULL;
    const char *line;

    if (file_read(AT_FDCWD, "/proc/mounts", 1 << 20, &text, NULL, NULL) < 0)
        return false;
    for (line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char where[64], type[32];

        if (sscanf(line, "%*s %63s %31s", where, type) == 2 && text_equal(where, "/") && text_starts(type, "nfs"))
            return true;
    }
    return false;
}

static void warn_of_links(const struct reconciler *reconciler, const struct interface *from, struct text *warnings)
{
    const struct network *observed = host_observed(reconciler);

    for (size_t i = 0; i < observed->count; i++)
        if (text_equal(observed->items[i]->parent, from->name))
            text_format(warnings, "%s lies on %s and stays there\n", observed->items[i]->name, from->name);
    for (size_t i = 0; i < from->route_count; i++)
        if (!from->routes[i].prefix) {
            text_format(warnings, "the default route goes over %s\n", from->name);
            break;
        }
}

static void warn_of_attached(const struct reconciler *reconciler, const struct move *move, const char *from, struct text *warnings)
{
    const struct reconcile_providers *providers = &reconciler->providers;
    struct text words = {0};
    struct error err = {0};

    if (providers->network_attached && providers->network_attached(providers->netdev, from, &words, &err) < 0)
        text_format(warnings, "%s\n", err.text);
    for (const char *word = words.data; word && *word; word = strchr(word, '\n') + 1) {
        int length = (int)strcspn(word, "\n");

        if (move->out)
            text_format(warnings, "%.*s is on %s, and gone with it: attach it to %s\n", length, word, from, move->nic);
        else
            text_format(warnings, "%.*s stays on %s: what is for %s and its other ports passes it, too: see that it lets that through\n",
                        length, word, from, move->bridge);
    }
    text_clear(&words);
}

void iface_warn(const struct reconciler *reconciler, const struct move *move, struct text *warnings)
{
    const struct reconcile_providers *providers = &reconciler->providers;
    const struct interface *from = network_find(host_observed(reconciler), move->out ? move->bridge : move->nic);
    struct error err = {0};

    warn_of_links(reconciler, from, warnings);
    if (root_is_remote())
        text_format(warnings, "the root file system comes over the network\n");
    if (from->inbound.average || from->outbound.average)
        text_format(warnings, "the rate limits of %s stay on it\n", from->name);
    warn_of_attached(reconciler, move, from->name, warnings);
    if (providers->filter_names && providers->filter_names(providers->filter, move, warnings, &err) < 0)
        text_format(warnings, "%s\n", err.text);
}

/* -- what no file states afterwards ----------------------------------------------------------------------------------------------- */

#define UNSTATED_SHOWN 20

struct unstated {
    const struct interface *to;
    struct text *warnings;
    size_t count;
};

static void add_unstated(struct unstated *unstated, const char *what, const char *file)
{
    if (unstated->count++ < UNSTATED_SHOWN)
        text_format(unstated->warnings, "no file states %s: it is gone at the next boot; write it into %s-%s\n", what, file,
                    unstated->to->name);
}

static void find_addresses(struct unstated *unstated, const struct interface *stated)
{
    for (size_t i = 0; i < unstated->to->address_count; i++) {
        const struct address *address = &unstated->to->addresses[i];
        char bytes[INET6_ADDRSTRLEN], what[INET6_ADDRSTRLEN + 16];

        if (!address_is_static(address) || (stated && interface_has_address(stated, address)))
            continue;
        inet_ntop(address->family, address->bytes, bytes, sizeof(bytes));
        snprintf(what, sizeof(what), "%s/%u", bytes, address->prefix);
        add_unstated(unstated, what, "ifcfg");
    }
}

static bool has_route(const struct route *routes, size_t count, const struct route *route)
{
    for (size_t i = 0; i < count; i++)
        if (route_same(&routes[i], route))
            return true;
    return false;
}

static void find_route(struct unstated *unstated, const struct route *routes, size_t count, const struct route *route)
{
    char text[ROUTE_TEXT_SIZE], what[ROUTE_TEXT_SIZE + 8];

    if (!route_is_by_hand(route) || has_route(routes, count, route))
        return;
    snprintf(what, sizeof(what), "route %s", route_text(route, text));
    add_unstated(unstated, what, route->family == AF_INET ? "route" : "route6");
}

static bool goes_by(const struct route *route, const char *name)
{
    for (size_t i = 0; route->group && i < route->group->hop_count; i++)
        if (text_equal(route->group->hops[i].interface, name))
            return true;
    return false;
}

static void find_rule(struct unstated *unstated, const struct network *wanted, const struct rule *rule)
{
    char text[RULE_TEXT_SIZE], what[RULE_TEXT_SIZE + 8];

    if (!text_equal(rule->iif, unstated->to->name) && !text_equal(rule->oif, unstated->to->name))
        return;
    for (size_t i = 0; i < wanted->rule_count; i++)
        if (rule_matches(&wanted->rules[i], rule))
            return;
    snprintf(what, sizeof(what), "rule %s", rule_text(rule, text));
    add_unstated(unstated, what, rule->family == AF_INET ? "rule" : "rule6");
}

void iface_warn_unstated(const struct network *after, const char *to, const struct network *wanted, struct text *warnings)
{
    struct unstated unstated = {.to = network_find(after, to), .warnings = warnings};
    const struct interface *stated = network_find(wanted, to);

    find_addresses(&unstated, stated);
    for (size_t i = 0; i < unstated.to->route_count; i++)
        find_route(&unstated, stated ? stated->routes : NULL, stated ? stated->route_count : 0, &unstated.to->routes[i]);
    for (size_t i = 0; i < after->route_count; i++)
        if (goes_by(&after->routes[i], to))
            find_route(&unstated, wanted->routes, wanted->route_count, &after->routes[i]);
    for (size_t i = 0; i < after->rule_count; i++)
        find_rule(&unstated, wanted, &after->rules[i]);
    if (unstated.count > UNSTATED_SHOWN)
        text_format(warnings, "no file states %zu more addresses, routes and rules of %s\n", unstated.count - UNSTATED_SHOWN, to);
}
