/* What TAPs, veth pairs, macvlans and VXLANs must have besides what their keys say by themselves. */
#include <arpa/inet.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

static bool id_of(const char *name, bool group, uint32_t *ret_id)
{
    const struct passwd *user = group ? NULL : getpwnam(name);
    const struct group *users = group ? getgrnam(name) : NULL;
    if (user)
        *ret_id = user->pw_uid;
    else if (users)
        *ret_id = users->gr_gid;
    return user || users;
}

bool ifcfg_links_read_key(const struct lexer_entry *entry, const struct option *row, struct interface *interface,
                          struct complaints *complaints)
{
    bool group = row->field == FIELD_TAP_GROUP;
    char shown[QUOTE_SIZE];
    if (row->field != FIELD_TAP_OWNER && !group)
        return false;
    if (id_of(entry->value, group, group ? &interface->tap.group : &interface->tap.owner))
        interface->set |= FIELD_BIT(row->field);
    else if (option_parse(row, interface, entry->value, NULL) < 0)
        complain(complaints, false, entry->value_line, entry->value_column, "%s: this host has no %s %s", entry->key,
                 group ? "group" : "user", quote_text(entry->value, shown));
    return true;
}

static void complain_of_missing(const struct ifcfg *ifcfg, const char *key, const char *question, struct complaints *complaints)
{
    complain(complaints, false, ifcfg->device_place.line, ifcfg->device_place.column, "%s is missing: %s", key, question);
}

static void read_peer(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints)
{
    const struct lexer_entry *entry = lexer_find(section, "PEER");
    if (!entry) {
        complain_of_missing(ifcfg, "PEER", "what is the pair's other end called?", complaints);
        return;
    }
    ifcfg->parent_place = (struct ifcfg_place){entry->value_line, entry->value_column};
    if (strcmp(ifcfg->interface->peer, ifcfg->device) == 0)
        complain(complaints, false, entry->value_line, entry->value_column, "PEER=%s: a veth can't be its own other end",
                 entry->value);
}

static bool is_multicast(const char *address)
{
    uint8_t bytes[16];
    if (strchr(address, ':'))
        return inet_pton(AF_INET6, address, bytes) == 1 && bytes[0] == 0xff;
    return inet_pton(AF_INET, address, bytes) == 1 && bytes[0] >> 4 == 14;
}

static void check_vxlan(const struct lexer_section *section, const struct ifcfg *ifcfg, struct complaints *complaints)
{
    const struct vxlan_options *vxlan = &ifcfg->interface->vxlan;
    const struct lexer_entry *local = lexer_find(section, "VXLAN_LOCAL"), *remote = lexer_find(section, "VXLAN_REMOTE");
    if (!lexer_find(section, "VXLAN_ID"))
        complain_of_missing(ifcfg, "VXLAN_ID", "which VXLAN network is it?", complaints);
    if (local && is_multicast(vxlan->local))
        complain(complaints, false, local->value_line, local->value_column,
                 "VXLAN_LOCAL=%s: packets can't come from a multicast group", local->value);
    if (!remote)
        return;
    if (is_multicast(vxlan->remote) && !lexer_find(section, "PHYSDEV"))
        complain(complaints, false, remote->value_line, remote->value_column,
                 "VXLAN_REMOTE=%s: a multicast group needs PHYSDEV: by which interface?", remote->value);
    if (local && *vxlan->local && *vxlan->remote && !strchr(vxlan->local, ':') != !strchr(vxlan->remote, ':'))
        complain(complaints, false, remote->value_line, remote->value_column,
                 "VXLAN_REMOTE=%s and VXLAN_LOCAL=%s are of two families", remote->value, local->value);
}

void ifcfg_links_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints)
{
    enum interface_kind kind = ifcfg->interface->kind;
    const struct lexer_entry *parent = lexer_find(section, "PHYSDEV");
    if (parent && (kind == INTERFACE_MACVLAN || kind == INTERFACE_VXLAN))
        ifcfg->parent_place = (struct ifcfg_place){parent->value_line, parent->value_column};
    if (kind == INTERFACE_VETH)
        read_peer(section, ifcfg, complaints);
    else if (kind == INTERFACE_VXLAN)
        check_vxlan(section, ifcfg, complaints);
    else if (kind == INTERFACE_MACVLAN && !parent)
        complain_of_missing(ifcfg, "PHYSDEV", "which interface does the macvlan lie on?", complaints);
}
