#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter/xt_physdev.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "filter/filter_internal.h"

/* The sysctl is the namespace's own; without br_netfilter there is none. */
static bool is_on(const char *path)
{
    CLEANUP(freep) char *text = NULL;

    return file_read(-1, path, 64, &text, NULL, NULL) == 0 && text[0] != '0';
}

void filter_rule_match(struct filter_rule *rule, const char *name, const void *data, size_t size)
{
    struct xt_physdev_info info;

    if (strcmp(name, "physdev") != 0 || size < sizeof(info)) {
        rule->other = true;
        return;
    }
    memcpy(&info, data, sizeof(info));
    if (info.bitmask == XT_PHYSDEV_OP_BRIDGED && !(info.invert & XT_PHYSDEV_OP_BRIDGED))
        rule->physdev = true;
    else
        rule->other = true;
}

/* To the filters of IP a packet between two ports comes in by the bridge and goes out by it; to those of the bridge family, a
 * condition on the bridge's name is read as one on both. */
bool filter_rule_lets_pass(const struct filter_rule *rule, const struct filter_scope *scope, bool bridge_family)
{
    if (!rule->accept || rule->other)
        return false;
    if (!rule->in[0] && !rule->out[0])
        return true;
    if (!bridge_family && strcmp(rule->in, rule->out) != 0)
        return false;
    return !scope->bridge || strcmp(rule->in[0] ? rule->in : rule->out, scope->bridge) == 0;
}

static void describe(const struct filter_culprit *culprit, char *text, size_t size)
{
    const char *family = culprit->ipv6 ? "ip6tables" : "iptables";

    if (culprit->bridge)
        snprintf(text, size, "packets of bridged VMs will be dropped: %s has the policy drop: let everything pass by: %s",
                 culprit->what, culprit->cure);
    else
        snprintf(text, size,
                 "%spackets of bridged VMs will be dropped: net.bridge.bridge-nf-call-%s is 1, so they pass the host's firewall, "
                 "and %s has the policy drop (Docker sets that): keep them out of the firewall by: "
                 "sysctl -w net.bridge.bridge-nf-call-%s=0; or let them pass it by: %s",
                 culprit->ipv6 ? "IPv6 " : "", family, culprit->what, family, culprit->cure);
}

int filter_warning(const char *bridge, char *text, size_t size, struct error *err)
{
    struct filter_scope scope = {.ipv4 = is_on("/proc/sys/net/bridge/bridge-nf-call-iptables"),
                                 .ipv6 = is_on("/proc/sys/net/bridge/bridge-nf-call-ip6tables"), .bridge = bridge};
    struct filter_culprit culprit = {0};
    int result = filter_nft_find(&scope, &culprit, err);

    if (result == 0)
        result = filter_legacy_find(&scope, &culprit, err);
    if (result > 0)
        describe(&culprit, text, size);
    return result;
}
