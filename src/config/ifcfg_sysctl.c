/* Keys of an ifcfg file that are sysctls of the interface, as ifup-ipv6 and ifup-eth set them. What no key states is not touched.
 */
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

struct reader {
    const struct lexer_section *section;
    struct ifcfg *ifcfg;
    struct complaints *complaints;
};

static void add(struct reader *reader, const char *name, int32_t value)
{
    struct interface *interface = reader->ifcfg->interface;
    struct sysctl *sysctl = APPEND(interface->sysctls, interface->sysctl_count);
    text_copy(sysctl->name, sizeof(sysctl->name), name);
    sysctl->value = value;
    interface->set |= FIELD_BIT(FIELD_SYSCTLS);
}

/* The key's yes or no; false when nobody stated it. */
static bool read_bool(struct reader *reader, const char *key, bool *ret)
{
    const struct lexer_entry *entry = lexer_find(reader->section, key);
    char shown[QUOTE_SIZE];
    if (!entry && reader->ifcfg->global)
        entry = lexer_find(reader->ifcfg->global, key);
    if (!entry)
        return false;
    if (option_parse_bool(entry->value, ret) == 0)
        return true;
    complain(reader->complaints, false, entry->value_line, entry->value_column, "%s wants yes or no, not %s", entry->key,
             quote_text(entry->value, shown));
    return false;
}

/* A router takes no router's word, unless it is told to. */
static void read_autoconf(struct reader *reader)
{
    bool router = false, automatic = true, force = false, sysctls = true;
    bool says_router = read_bool(reader, "IPV6_ROUTER", &router) || read_bool(reader, "IPV6FORWARDING", &router);
    bool says_automatic = read_bool(reader, "IPV6_AUTOCONF", &automatic);
    bool says_force = read_bool(reader, "IPV6_FORCE_ACCEPT_RA", &force) && force;
    read_bool(reader, "IPV6_SET_SYSCTLS", &sysctls);
    if (!sysctls)
        return;
    if (!says_automatic && router)
        automatic = false;
    if (says_router)
        add(reader, "ipv6/forwarding", router);
    if (says_automatic || router || says_force) {
        add(reader, "ipv6/accept_ra", automatic ? 1 + force : 0);
        add(reader, "ipv6/accept_redirects", automatic);
    }
}

static void read_mtu(struct reader *reader)
{
    const struct lexer_entry *entry = lexer_find(reader->section, "IPV6_MTU");
    char shown[QUOTE_SIZE];
    int64_t mtu;
    if (!entry)
        return;
    if (text_number(entry->value, 1280, 65535, &mtu) == 0)
        add(reader, "ipv6/mtu", (int32_t)mtu);
    else
        complain(reader->complaints, false, entry->value_line, entry->value_column,
                 "IPV6_MTU wants a number from 1280 to 65535, not %s", quote_text(entry->value, shown));
}

void ifcfg_sysctl_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints)
{
    struct reader reader = {section, ifcfg, complaints};
    const struct lexer_entry *address = lexer_find(section, "IPV6ADDR");
    bool ipv6 = true, disabled = false;
    if (lexer_find(section, "SRCADDR"))
        add(&reader, "ipv4/arp_filter", 1);
    read_bool(&reader, "IPV6INIT", &ipv6);
    if (read_bool(&reader, "IPV6_DISABLED", &disabled) && disabled) {
        if (address)
            complain(complaints, false, address->line, address->column, "IPV6ADDR and IPV6_DISABLED=yes contradict each other");
        add(&reader, "ipv6/disable_ipv6", 1);
        return;
    }
    if (!ipv6)
        return;
    if (address || lexer_find(section, "IPV6ADDR_SECONDARIES"))
        add(&reader, "ipv6/disable_ipv6", 0); /* else it could have no address */
    if (strcmp(ifcfg->device, "lo") != 0)
        read_autoconf(&reader);
    read_mtu(&reader);
}
