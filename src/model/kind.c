#include "model/kind.h"

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
