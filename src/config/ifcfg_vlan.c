/* A VLAN's parent and id, by any of the three ways of naming it: DEVICE=eth0.10; DEVICE=vlan10 and PHYSDEV; VID (or
 * NetworkManager's VLAN_ID) and PHYSDEV. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

#define ID_DIGITS 4

/* What DEVICE says: "eth0.10" is parent eth0 and id 10, "vlan10" is id 10. */
struct device_name {
    char parent[INTERFACE_NAME_SIZE]; /* "" = none */
    int64_t id;                       /* -1 = none */
};

static struct device_name take_apart(const char *device)
{
    struct device_name name = {.id = -1};
    const char *point = strrchr(device, '.'), *digits = point ? point + 1 : text_starts(device, "vlan") ? device + 4 : "";
    size_t length = strlen(digits);
    if (!length || length > ID_DIGITS || digits[strspn(digits, "0123456789")] || point == device)
        return name;
    for (name.id = 0; *digits; digits++)
        name.id = name.id * 10 + (*digits - '0');
    if (point)
        memcpy(name.parent, device, (size_t)(point - device));
    return name;
}

static void read_id(struct ifcfg *ifcfg, const struct device_name *name, const struct lexer_section *section,
                    struct complaints *complaints)
{
    struct interface *vlan = ifcfg->interface;
    const struct lexer_entry *entry = lexer_find(section, "VID");
    if (!entry)
        entry = lexer_find(section, "VLAN_ID");
    if (!entry && name->id < 0)
        complain(complaints, false, ifcfg->device_place.line, ifcfg->device_place.column,
                 "DEVICE=%s: which VLAN? Name it PARENT.ID or vlanID, or state VID", ifcfg->device);
    else if (!entry && name->id > 4094)
        complain(complaints, false, ifcfg->device_place.line, ifcfg->device_place.column,
                 "DEVICE=%s: a VLAN's id is a number from 0 to 4094", ifcfg->device);
    else if (entry && interface_has(vlan, FIELD_VLAN_ID) && name->id >= 0 && name->id != vlan->vlan.id)
        complain(complaints, false, entry->value_line, entry->value_column, "%s=%u and DEVICE=%s name different VLANs", entry->key,
                 vlan->vlan.id, ifcfg->device);
    if (entry || name->id < 0)
        return;
    vlan->vlan.id = (uint32_t)name->id;
    vlan->set |= FIELD_BIT(FIELD_VLAN_ID);
}

static void read_parent(struct ifcfg *ifcfg, const struct device_name *name, const struct lexer_section *section,
                        struct complaints *complaints)
{
    struct interface *vlan = ifcfg->interface;
    const struct lexer_entry *entry = lexer_find(section, "PHYSDEV");
    ifcfg->parent_place = entry ? (struct ifcfg_place){entry->value_line, entry->value_column} : ifcfg->device_place;
    if (entry)
        return; /* read by its row */
    if (!name->parent[0]) {
        complain(complaints, false, ifcfg->device_place.line, ifcfg->device_place.column,
                 "PHYSDEV should be set for device %s: which interface does the VLAN lie on?", ifcfg->device);
        return;
    }
    text_copy(vlan->parent, sizeof(vlan->parent), name->parent);
    vlan->set |= FIELD_BIT(FIELD_PARENT);
}

/* VLAN_FLAGS="REORDER_HDR,GVRP": those that are not named stay as the kernel has them. */
static void read_flags(struct interface *vlan, const struct lexer_section *section, struct complaints *complaints)
{
    static const char *const words[] = {"REORDER_HDR", "GVRP", "MVRP", "LOOSE_BINDING"};
    const struct lexer_entry *entry = lexer_find(section, "VLAN_FLAGS");
    CLEANUP(freep) char *list = memory_string(entry ? entry->value : "");
    char *rest = NULL, shown[QUOTE_SIZE];
    for (char *word = strtok_r(list, ", \t", &rest); word; word = strtok_r(NULL, ", \t", &rest)) {
        size_t i = 0;
        while (i < ARRAY_SIZE(words) && strcasecmp(word, words[i]) != 0)
            i++;
        if (i == ARRAY_SIZE(words))
            complain(complaints, false, entry->value_line, entry->value_column,
                     "VLAN_FLAGS wants words out of REORDER_HDR, GVRP, MVRP and LOOSE_BINDING, not %s", quote_text(word, shown));
        else
            option_parse(option_find(OPTION_INTERFACE, NULL, words[i], NULL), vlan, "yes", NULL);
    }
}

void ifcfg_vlan_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints)
{
    struct device_name name = take_apart(ifcfg->device);
    read_id(ifcfg, &name, section, complaints);
    read_parent(ifcfg, &name, section, complaints);
    read_flags(ifcfg->interface, section, complaints);
}
