/* Which kind of link an ifcfg file states. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

/* One way of saying it. INTERFACE_OTHER: known to the network scripts, not supported yet. */
struct kind_rule {
    const char *key;
    const char *value; /* NULL: any that is not what happens anyway */
    enum interface_kind kind;
};

static const struct kind_rule rules[] = {
    {"TYPE", "Ethernet", INTERFACE_ETHERNET},
    {"TYPE", "Bridge", INTERFACE_BRIDGE},
    {"TYPE", "Vlan", INTERFACE_VLAN},
    {"TYPE", "Bond", INTERFACE_BOND},
    {"TYPE", "Tap", INTERFACE_TAP},
    {"TYPE", "Veth", INTERFACE_VETH},
    {"TYPE", "Dummy", INTERFACE_DUMMY},
    {"TYPE", "Macvlan", INTERFACE_MACVLAN},
    {"TYPE", "VXLAN", INTERFACE_VXLAN},
    {"VLAN", NULL, INTERFACE_VLAN},
    {"BONDING_MASTER", NULL, INTERFACE_BOND},
    {"BONDING_OPTS", NULL, INTERFACE_BOND},
    /* not yet */
    {"TYPE", "Team", INTERFACE_OTHER},
    {"TYPE", "TeamPort", INTERFACE_OTHER},
    {"TYPE", "GRE", INTERFACE_OTHER},
    {"TYPE", "GRE6", INTERFACE_OTHER},
    {"TYPE", "IPIP", INTERFACE_OTHER},
    {"TYPE", "IPIP6", INTERFACE_OTHER},
    {"TYPE", "EXTERNAL", INTERFACE_OTHER},
    {"TYPE", "SIT", INTERFACE_OTHER},
    {"TYPE", "sit", INTERFACE_OTHER},
    {"TYPE", "InfiniBand", INTERFACE_OTHER},
    {"TYPE", "Infiniband", INTERFACE_OTHER},
    {"TYPE", "Wireless", INTERFACE_OTHER},
    {"TYPE", "Token Ring", INTERFACE_OTHER},
    {"TYPE", "xDSL", INTERFACE_OTHER},
    {"TYPE", "Modem", INTERFACE_OTHER},
    {"TYPE", "ISDN", INTERFACE_OTHER},
    {"TYPE", "CIPE", INTERFACE_OTHER},
    {"TYPE", "IPSEC", INTERFACE_OTHER},
    {"TYPE", "PPP", INTERFACE_OTHER},
    {"TYPE", "CTC", INTERFACE_OTHER},
    {"TYPE", "OVSBridge", INTERFACE_OTHER},
    {"TYPE", "OVSUserBridge", INTERFACE_OTHER},
    {"TYPE", "OVSPort", INTERFACE_OTHER},
    {"TYPE", "OVSIntPort", INTERFACE_OTHER},
    {"TYPE", "OVSBond", INTERFACE_OTHER},
    {"TYPE", "OVSTunnel", INTERFACE_OTHER},
    {"TYPE", "OVSPatchPort", INTERFACE_OTHER},
    {"TYPE", "OVSDPDKPort", INTERFACE_OTHER},
    {"TYPE", "OVSDPDKBond", INTERFACE_OTHER},
    {"TYPE", "OVSDPDKVhostUserPort", INTERFACE_OTHER},
    {"TYPE", "OVSDPDKVhostUserClientPort", INTERFACE_OTHER},
    {"TEAM_MASTER", NULL, INTERFACE_OTHER},
    {"TEAM_CONFIG", NULL, INTERFACE_OTHER},
    {"DEVICETYPE", NULL, INTERFACE_OTHER},
    {"OVS_BRIDGE", NULL, INTERFACE_OTHER},
    {"IPV6TUNNELIPV4", NULL, INTERFACE_OTHER},
};

bool ifcfg_kind_says_nothing(const struct option *row, const char *value)
{
    bool stated, fallback;
    if (!row || !row->fallback)
        return false;
    if (strcasecmp(value, row->fallback) == 0)
        return true;
    return option_parse_bool(value, &stated) == 0 && option_parse_bool(row->fallback, &fallback) == 0 && stated == fallback;
}

static const struct lexer_entry *fitting_entry(const struct lexer_section *section, const struct kind_rule *rule)
{
    const struct lexer_entry *entry = lexer_find(section, rule->key);
    if (!entry)
        return NULL;
    if (rule->value)
        return strcmp(entry->value, rule->value) == 0 ? entry : NULL;
    return ifcfg_kind_says_nothing(option_find(OPTION_INTERFACE, NULL, entry->key, NULL), entry->value) ? NULL : entry;
}

/* "Ethernet, Bridge, Vlan or Bond": what TYPE may be. */
static void list_types(struct text *list)
{
    const char *last = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (strcmp(rules[i].key, "TYPE") != 0 || rules[i].kind == INTERFACE_OTHER)
            continue;
        if (last)
            text_format(list, "%s%s", list->length ? ", " : "", last);
        last = rules[i].value;
    }
    text_format(list, " or %s", last);
}

static void check_type(const struct lexer_section *section, struct complaints *complaints)
{
    const struct lexer_entry *entry = lexer_find(section, "TYPE");
    const char *known[ARRAY_SIZE(rules)];
    size_t count = 0;
    for (size_t i = 0; entry && i < ARRAY_SIZE(rules); i++) {
        if (strcmp(rules[i].key, "TYPE") != 0)
            continue;
        if (strcmp(entry->value, rules[i].value) == 0)
            return;
        known[count++] = rules[i].value;
    }
    if (!entry)
        return;
    const char *nearest = text_nearest(entry->value, known, count);
    char shown[QUOTE_SIZE];
    struct text list = {0};
    list_types(&list);
    complain(complaints, false, entry->value_line, entry->value_column, "TYPE wants %s, not %s%s%s%s", list.data,
             quote_text(entry->value, shown), nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    text_clear(&list);
}

/* Of a key that is a yes or a no. */
static void check_value(const struct lexer_entry *entry, struct complaints *complaints)
{
    const struct option *row = option_find(OPTION_INTERFACE, NULL, entry->key, NULL);
    bool value;
    char shown[QUOTE_SIZE];
    if (row && row->fallback && option_parse_bool(row->fallback, &value) == 0 && option_parse_bool(entry->value, &value) < 0)
        complain(complaints, false, entry->value_line, entry->value_column, "%s wants yes or no, not %s", entry->key,
                 quote_text(entry->value, shown));
}

struct ifcfg_kind ifcfg_kind_read(const struct lexer_section *section, struct complaints *complaints)
{
    struct ifcfg_kind found = {.kind = INTERFACE_ETHERNET};
    check_type(section, complaints);
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        const struct lexer_entry *entry = fitting_entry(section, &rules[i]);
        if (entry && !rules[i].value && rules[i].kind != INTERFACE_OTHER)
            check_value(entry, complaints);
        if (!entry || rules[i].kind == INTERFACE_ETHERNET || rules[i].kind == found.kind)
            continue;
        /* What can't be done as a whole is not begun: the scripts' own order of looking does not matter then. */
        if (rules[i].kind == INTERFACE_OTHER)
            return (struct ifcfg_kind){.kind = INTERFACE_OTHER, .entry = entry};
        if (found.entry)
            complain(complaints, false, entry->line, entry->column, "%s=%s and %s=%s contradict each other: an interface is one of "
                     "both", found.entry->key, found.entry->value, entry->key, entry->value);
        else
            found = (struct ifcfg_kind){.kind = rules[i].kind, .entry = entry};
    }
    return found;
}
