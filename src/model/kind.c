#include "model/kind.h"

#include <string.h>

#include "base/memory.h"

static const struct kind kinds[] = {
    [INTERFACE_OTHER] = {0},
    [INTERFACE_BRIDGE] = {.stated_by = "TYPE=Bridge",
                          .needs = "CONFIG_BRIDGE (module bridge)",
                          .made = true,
                          .takes_ports = true,
                          .fields = FIELD_BRIDGE_ALL},
    [INTERFACE_TAP] = {.stated_by = "TYPE=Tap", .needs = "CONFIG_TUN (module tun)", .made = true, .fields = FIELD_TAP_ALL},
    [INTERFACE_TUN] = {.stated_by = "TYPE=Tap", .needs = "CONFIG_TUN (module tun)", .made = true, .fields = FIELD_TAP_ALL},
    [INTERFACE_VETH] = {.stated_by = "TYPE=Veth",
                        .needs = "CONFIG_VETH (module veth)",
                        .made = true,
                        .fields = FIELD_BIT(FIELD_VETH_PEER)},
    [INTERFACE_DUMMY] = {.stated_by = "TYPE=Dummy", .needs = "CONFIG_DUMMY (module dummy)", .made = true},
    [INTERFACE_MACVLAN] = {.stated_by = "TYPE=Macvlan",
                           .needs = "CONFIG_MACVLAN (module macvlan)",
                           .made = true,
                           .has_parent = true,
                           .fields = FIELD_BIT(FIELD_MACVLAN_MODE) | FIELD_BIT(FIELD_PARENT)},
    [INTERFACE_VXLAN] = {.stated_by = "TYPE=VXLAN",
                         .needs = "CONFIG_VXLAN (module vxlan)",
                         .made = true,
                         .has_parent = true,
                         .fields = FIELD_VXLAN_ALL | FIELD_BIT(FIELD_PARENT)},
    [INTERFACE_VLAN] = {.stated_by = "VLAN=yes",
                        .needs = "CONFIG_VLAN_8021Q (module 8021q)",
                        .made = true,
                        .has_parent = true,
                        .fields = FIELD_VLAN_ALL | FIELD_BIT(FIELD_PARENT)},
    [INTERFACE_BOND] = {.stated_by = "TYPE=Bond",
                        .needs = "CONFIG_BONDING (module bonding)",
                        .made = true,
                        .takes_ports = true,
                        .fields = FIELD_BOND_ALL},
};

const struct kind *kind_find(enum interface_kind kind)
{
    return &kinds[kind];
}

const char *kind_missing_for(enum interface_kind kind, int field)
{
    const char *stated_by = NULL;

    if (field < 0 || kinds[kind].fields & FIELD_BIT(field))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(kinds) && !stated_by; i++)
        if (kinds[i].fields & FIELD_BIT(field))
            stated_by = kinds[i].stated_by;
    return stated_by;
}

/* -- bonds ---------------------------------------------------------------------------------------------------------------- */

#define MODE(mode) (1u << (mode))
#define ALL_BUT(modes) (0x7fu & ~(modes))

static const struct {
    enum interface_field field;
    unsigned modes;
} limited[] = {
    {FIELD_BOND_ARP_INTERVAL, ALL_BUT(MODE(BOND_LACP) | MODE(BOND_TLB) | MODE(BOND_ALB))},
    {FIELD_BOND_ARP_VALIDATE, ALL_BUT(MODE(BOND_LACP) | MODE(BOND_TLB) | MODE(BOND_ALB))},
    {FIELD_BOND_PRIMARY, MODE(BOND_ACTIVE_BACKUP) | MODE(BOND_TLB) | MODE(BOND_ALB)},
    {FIELD_BOND_PACKETS_PER_SLAVE, MODE(BOND_ROUND_ROBIN)},
    {FIELD_BOND_LACP_RATE, MODE(BOND_LACP)},
    {FIELD_BOND_AD_ACTOR_SYS_PRIO, MODE(BOND_LACP)},
    {FIELD_BOND_AD_ACTOR_SYSTEM, MODE(BOND_LACP)},
    {FIELD_BOND_AD_USER_PORT_KEY, MODE(BOND_LACP)},
    {FIELD_BOND_TLB_DYNAMIC_LB, MODE(BOND_TLB) | MODE(BOND_ALB)},
};

field_set kind_bond_fields(unsigned mode)
{
    field_set fields = FIELD_BOND_ALL;

    for (size_t i = 0; i < ARRAY_SIZE(limited); i++)
        if (!(limited[i].modes & MODE(mode)))
            fields &= ~FIELD_BIT(limited[i].field);
    return fields;
}

/* The two ways of looking at links exclude each other, and delays are counted in looks. */
static field_set fields_of_monitor(const struct bond_options *bond)
{
    return bond->miimon ? FIELD_BIT(FIELD_BOND_ARP_INTERVAL) | FIELD_BIT(FIELD_BOND_ARP_VALIDATE)
                        : FIELD_BIT(FIELD_BOND_UPDELAY) | FIELD_BIT(FIELD_BOND_DOWNDELAY);
}

field_set kind_fields_to_make(const struct interface *observed)
{
    static const uint8_t none[6];
    field_set fields = observed->set;

    if (observed->kind != INTERFACE_BOND)
        return fields;
    fields &= ~FIELD_BOND_ALL | (kind_bond_fields(observed->bond.mode) & ~fields_of_monitor(&observed->bond));
    if (memcmp(observed->bond.ad_actor_system, none, sizeof(none)) == 0)
        fields &= ~FIELD_BIT(FIELD_BOND_AD_ACTOR_SYSTEM);
    return fields;
}
