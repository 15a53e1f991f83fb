/* Bonds and their slaves: what BONDING_OPTS can't mean together, SLAVE and MASTER. */
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"
#include "model/kind.h"

struct reader {
    struct interface *bond;
    const struct lexer_entry *entry; /* BONDING_OPTS; there whenever an option is stated */
    struct complaints *complaints;
};

static void ignore(struct reader *reader, enum interface_field field, const char *why)
{
    const char *key = "";
    for (size_t i = option_count; i-- > 0;)
        if (option_table[i].scope == OPTION_INTERFACE && option_table[i].field == (int)field)
            key = option_table[i].key;
    complain(reader->complaints, true, reader->entry->value_line, reader->entry->value_column, "BONDING_OPTS: %s has no effect %s",
             key, why);
    reader->bond->set &= ~FIELD_BIT(field);
}

static void check_mode(struct reader *reader)
{
    struct interface *bond = reader->bond;
    field_set useless = bond->set & FIELD_BOND_ALL & ~kind_bond_fields(bond->bond.mode);
    for (int field = FIELD_BOND_MODE; field <= FIELD_BOND_LAST; field++) {
        if (!(useless & FIELD_BIT(field)))
            continue;
        const struct option *mode = option_find(OPTION_INTERFACE, "bond", "mode", NULL);
        CLEANUP(freep) char *name = option_format(mode, bond), *why = memory_format("in mode %s", name);
        ignore(reader, (enum interface_field)field, why);
    }
}

/* The kernel counts the delays in looks, and so rounds them down to whole ones. */
static void check_delay(struct reader *reader, enum interface_field field, uint32_t *delay)
{
    uint32_t miimon = reader->bond->bond.miimon;
    if (!interface_has(reader->bond, field))
        return;
    if (!interface_has(reader->bond, FIELD_BOND_MIIMON) || !miimon) {
        ignore(reader, field, "without miimon");
    } else if (*delay % miimon) {
        complain(reader->complaints, true, reader->entry->value_line, reader->entry->value_column,
                 "BONDING_OPTS: the kernel takes whole multiples of miimon only: %s is %u ms, not %u",
                 field == FIELD_BOND_UPDELAY ? "updelay" : "downdelay", *delay - *delay % miimon, *delay);
        *delay -= *delay % miimon;
    }
}

static void check_monitors(struct reader *reader)
{
    struct interface *bond = reader->bond;
    bool miimon = interface_has(bond, FIELD_BOND_MIIMON) && bond->bond.miimon;
    bool arp = interface_has(bond, FIELD_BOND_ARP_INTERVAL) && bond->bond.arp_interval;
    if (miimon && arp)
        complain(reader->complaints, false, reader->entry->value_line, reader->entry->value_column,
                 "BONDING_OPTS: miimon and arp_interval exclude each other: a bond looks at its links in one way");
    check_delay(reader, FIELD_BOND_UPDELAY, &bond->bond.updelay);
    check_delay(reader, FIELD_BOND_DOWNDELAY, &bond->bond.downdelay);
}

void ifcfg_bond_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints)
{
    struct reader reader = {ifcfg->interface, lexer_find(section, "BONDING_OPTS"), complaints};
    check_mode(&reader);
    check_monitors(&reader);
}

/* Slaves */

/* Both keys are needed, as the scripts have it; NetworkManager's files may lack SLAVE. */
bool ifcfg_bond_read_slave(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints)
{
    const struct lexer_entry *slave = lexer_find(section, "SLAVE"), *master = lexer_find(section, "MASTER");
    const struct lexer_entry *bridge = lexer_find(section, "BRIDGE");
    bool is_slave = master;
    char shown[QUOTE_SIZE];
    if (slave && option_parse_bool(slave->value, &is_slave) < 0) {
        complain(complaints, false, slave->value_line, slave->value_column, "SLAVE wants yes or no, not %s",
                 quote_text(slave->value, shown));
        return false;
    }
    if (!is_slave)
        return false;
    if (!master) {
        complain(complaints, false, slave->line, slave->column, "SLAVE=%s, but of which bond? MASTER is missing", slave->value);
        return false;
    }
    if (bridge) {
        complain(complaints, false, master->line, master->column,
                 "MASTER and BRIDGE exclude each other: a slave is no bridge's port, but its bond can be");
        return false;
    }
    const char *fault = text_interface_name_fault(master->value);
    if (fault) {
        complain(complaints, false, master->value_line, master->value_column, "MASTER wants an interface's name; %s %s",
                 quote_text(master->value, shown), fault);
        return false;
    }
    text_copy(ifcfg->interface->master, sizeof(ifcfg->interface->master), master->value);
    ifcfg->interface->is_slave = true;
    ifcfg->interface->set |= FIELD_BIT(FIELD_MASTER);
    ifcfg->master_place = (struct ifcfg_place){master->value_line, master->value_column};
    return true;
}
