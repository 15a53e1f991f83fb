/* What is worth knowing before a NIC goes into a bridge or out of it: what hangs on the link and does not move, and what the way home
 * depends on. */
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

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
