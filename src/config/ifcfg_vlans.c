/* VLANS and PVID: the VLANs of a bridge's port, or of the bridge itself, where the bridge filters. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

enum { VLAN_MAX = 4094 };

static void read_tagged(const struct lexer_entry *entry, struct port_vlans *vlans, struct complaints *complaints)
{
    char shown[QUOTE_SIZE];
    if (entry && port_vlans_parse(entry->value, vlans) < 0)
        complain(complaints, false, entry->value_line, entry->value_column,
                 "VLANS wants VLANs from 1 to %d like 10,20-29, not %s", VLAN_MAX, quote_text(entry->value, shown));
}

static void read_untagged(const struct lexer_entry *entry, struct port_vlans *vlans, struct complaints *complaints)
{
    int64_t pvid = 0;
    char shown[QUOTE_SIZE];
    if (entry && text_number(entry->value, 1, VLAN_MAX, &pvid) < 0)
        complain(complaints, false, entry->value_line, entry->value_column, "PVID wants a VLAN from 1 to %d, not %s", VLAN_MAX,
                 quote_text(entry->value, shown));
    vlans->pvid = (uint16_t)pvid;
    vlans->tagged[pvid / 64] &= ~(UINT64_C(1) << (pvid % 64)); /* it leaves untagged */
}

void ifcfg_vlans_read(const struct lexer_section *section, bool bridged, struct ifcfg *ifcfg, struct complaints *complaints)
{
    const struct lexer_entry *tagged = lexer_find(section, "VLANS"), *untagged = lexer_find(section, "PVID");
    const struct lexer_entry *first = tagged ? tagged : untagged;
    if (!first)
        return;
    if (!bridged) {
        complain(complaints, true, first->line, first->column, "%s has no effect without TYPE=Bridge or BRIDGE=", first->key);
        return;
    }
    ifcfg->vlans_place = (struct ifcfg_place){.line = first->line, .column = first->column};
    ifcfg->interface->vlans = NEW(struct port_vlans);
    ifcfg->interface->set |= FIELD_BIT(FIELD_PORT_VLANS);
    read_tagged(tagged, ifcfg->interface->vlans, complaints);
    read_untagged(untagged, ifcfg->interface->vlans, complaints);
}

void ifcfg_vlans_check(struct ifcfg *file, const struct interface *bridge, struct problems *problems)
{
    struct interface *interface = file->interface;
    if (interface_has(bridge, FIELD_BRIDGE_VLAN_FILTERING) && bridge->bridge.vlan_filtering)
        return;
    problems_add(problems, true, file->file->path, file->vlans_place.line, file->vlans_place.column,
                 "VLANS and PVID have no effect: %s does not filter VLANs: it needs VLAN_FILTERING=yes", bridge->name);
    interface->set &= ~FIELD_BIT(FIELD_PORT_VLANS);
    freep(&interface->vlans);
    interface->vlans = NULL;
}
