/* The IP keys of an ifcfg file, with the rules of initscripts' network-functions and ifup-eth (ifcfg.md). */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

enum {
    NUMBERS = 257,             /* IPADDR, IPADDR0 … IPADDR255 */
    IPV6_DEFAULT_METRIC = 1024, /* what the kernel gives an IPv6 route without a metric, and reports then */
};

struct reader {
    const struct lexer_section *section;
    struct ifcfg *ifcfg;
    struct interface *interface;
    struct complaints *complaints;
    bool used[NUMBERS]; /* [0]: IPADDR, [n + 1]: IPADDRn */
};

static void complain_value(struct reader *reader, const struct lexer_entry *entry, const char *wants)
{
    char shown[QUOTE_SIZE];
    complain(reader->complaints, false, entry->value_line, entry->value_column, "%s wants %s, not %s", entry->key, wants,
             quote_text(entry->value, shown));
}

/* KEY for number -1, else KEYnumber. */
static const struct lexer_entry *find_numbered(const struct reader *reader, const char *key, int number)
{
    char name[32];
    if (number < 0)
        return lexer_find(reader->section, key);
    snprintf(name, sizeof(name), "%s%d", key, number);
    return lexer_find(reader->section, name);
}

/* The file's own, or else the one of the file that stands before it. */
static const struct lexer_entry *find_with_global(const struct reader *reader, const char *key)
{
    const struct lexer_entry *entry = lexer_find(reader->section, key);
    return entry || !reader->ifcfg->global ? entry : lexer_find(reader->ifcfg->global, key);
}

static bool is_global(const struct reader *reader, const struct lexer_entry *entry)
{
    const struct lexer_section *global = reader->ifcfg->global;
    return global && entry >= global->entries && entry < global->entries + global->count;
}

static bool read_entry_bool(struct reader *reader, const struct lexer_entry *entry, bool fallback)
{
    bool value = fallback;
    if (entry && option_parse_bool(entry->value, &value) < 0)
        complain_value(reader, entry, "yes or no");
    return value;
}

static bool read_bool(struct reader *reader, const char *key, bool fallback)
{
    return read_entry_bool(reader, lexer_find(reader->section, key), fallback);
}

/* KEYnumber says it of one address, KEY of all that have no KEYnumber. */
static bool read_numbered_bool(struct reader *reader, const char *key, int number)
{
    return read_entry_bool(reader, find_numbered(reader, key, number), read_bool(reader, key, true));
}

static void add_address(struct reader *reader, const struct address *address, const struct lexer_entry *entry)
{
    struct interface *interface = reader->interface;
    for (size_t i = 0; i < interface->address_count; i++)
        if (address_same(&interface->addresses[i], address))
            return; /* as the scripts: an address that is there is not added again */
    size_t place_count = interface->address_count;
    *APPEND(interface->addresses, interface->address_count) = *address;
    *APPEND(reader->ifcfg->address_places, place_count) =
        (struct ifcfg_place){.line = entry->value_line, .column = entry->value_column};
}

/* IPv4 */

static bool refuse(const struct lexer_entry *entry, const char *wants, struct complaints *complaints)
{
    char shown[QUOTE_SIZE];
    complain(complaints, false, entry->value_line, entry->value_column, "%s wants %s, not %s", entry->key, wants,
             quote_text(entry->value, shown));
    return false;
}

static bool read_netmask(const struct lexer_entry *entry, int least, int *ret_prefix, struct complaints *complaints)
{
    struct in_addr mask;
    if (inet_pton(AF_INET, entry->value, &mask) == 1) {
        uint32_t bits = ntohl(mask.s_addr), holes = ~bits;
        *ret_prefix = __builtin_popcount(bits);
        if (*ret_prefix >= least && !(holes & (holes + 1)))
            return true;
    }
    return refuse(entry, "a mask like 255.255.255.0", complaints);
}

static int prefix_of_class(const uint8_t bytes[4])
{
    return bytes[0] < 128 ? 8 : bytes[0] < 192 ? 16 : 24;
}

bool address_prefix_of(const struct lexer_entry *prefix, const struct lexer_entry *mask, const uint8_t bytes[4], int *ret_prefix,
                       struct complaints *complaints)
{
    int64_t number;
    *ret_prefix = prefix_of_class(bytes);
    if (mask && !read_netmask(mask, 1, ret_prefix, complaints) && !prefix)
        return false;
    if (!prefix)
        return true;
    if (text_number(prefix->value, 1, 32, &number) < 0)
        return refuse(prefix, "a number from 1 to 32", complaints);
    *ret_prefix = (int)number;
    return true;
}

bool address_prefix(const struct lexer_entry *mask, const uint8_t bytes[4], int *ret_prefix, struct complaints *complaints)
{
    *ret_prefix = prefix_of_class(bytes);
    return !mask || read_netmask(mask, 0, ret_prefix, complaints);
}

void address_read_broadcast(const struct lexer_entry *entry, struct address *address, struct complaints *complaints)
{
    uint8_t bytes[4];
    uint32_t usual;
    if (!entry || strcmp(entry->value, "+") == 0) /* ip's word for the usual one */
        return;
    if (inet_pton(AF_INET, entry->value, bytes) != 1) {
        refuse(entry, "an IPv4 address", complaints);
        return;
    }
    memcpy(&usual, address->bytes, sizeof(usual));
    if (address->prefix < 31)
        usual |= htonl(UINT32_MAX >> address->prefix);
    address->has_broadcast = memcmp(&usual, bytes, sizeof(bytes)) != 0;
    if (address->has_broadcast)
        memcpy(address->broadcast, bytes, sizeof(bytes));
}

/* SCOPE=link, or in ip's words: SCOPE="scope link" */
static void read_scope(struct reader *reader, struct address *address)
{
    static const struct {
        const char *name;
        uint8_t scope;
    } names[] = {{"global", RT_SCOPE_UNIVERSE}, {"link", RT_SCOPE_LINK}, {"host", RT_SCOPE_HOST}, {"site", RT_SCOPE_SITE}};
    const struct lexer_entry *entry = lexer_find(reader->section, "SCOPE");
    if (!entry || strcmp(reader->interface->name, "lo") == 0) /* there it is host, whatever the file says */
        return;
    const char *word = text_starts(entry->value, "scope ") ? entry->value + strlen("scope ") : entry->value;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(word, names[i].name) == 0) {
            address->has_scope = true;
            address->scope = names[i].scope;
            return;
        }
    complain_value(reader, entry, "global, link, host or site");
}

static void read_ipv4_address(struct reader *reader, const struct lexer_entry *entry, int number)
{
    struct address address = {.family = AF_INET, .valid = UINT32_MAX, .preferred = UINT32_MAX};
    reader->used[number + 1] = true;
    if (inet_pton(AF_INET, entry->value, address.bytes) != 1) {
        complain_value(reader, entry,
                       strchr(entry->value, '/') ? "an IPv4 address; its prefix goes into PREFIX" : "an IPv4 address");
        return;
    }
    if (address.bytes[0] == 0 || address.bytes[0] >= 224) {
        complain_value(reader, entry, "an address that an interface can have");
        return;
    }
    int prefix;
    if (!address_prefix_of(find_numbered(reader, "PREFIX", number), find_numbered(reader, "NETMASK", number), address.bytes,
                           &prefix, reader->complaints))
        return;
    address.prefix = (uint8_t)prefix;
    address.scope = address.bytes[0] == 127 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
    read_scope(reader, &address);
    address_read_broadcast(find_numbered(reader, "BROADCAST", number), &address, reader->complaints);
    address.unchecked = !read_numbered_bool(reader, "ARPCHECK", number);
    address.unannounced = !read_numbered_bool(reader, "ARPUPDATE", number);
    add_address(reader, &address, entry);
}

/* IPADDR, IPADDR0 and IPADDR1 may be missing; from IPADDR2 on the first gap ends the list. Gives the number of that gap. */
static int read_ipv4_addresses(struct reader *reader)
{
    int number;
    for (number = -1; number < NUMBERS - 1; number++) {
        const struct lexer_entry *entry = find_numbered(reader, "IPADDR", number);
        if (entry)
            read_ipv4_address(reader, entry, number);
        else if (number >= 2)
            break;
    }
    return number;
}

/* What the rules leave unused is most likely a slip. */
static void warn_of_unused(struct reader *reader, int gap)
{
    for (size_t i = 0; i < reader->section->count; i++) {
        const struct lexer_entry *entry = &reader->section->entries[i];
        int number;
        const struct option *row = option_find(OPTION_INTERFACE, NULL, entry->key, &number);
        bool address = row && strcmp(row->key, "IPADDR") == 0;
        bool mask = row && (strcmp(row->key, "PREFIX") == 0 || strcmp(row->key, "NETMASK") == 0);
        if ((!address && !mask) || !lexer_counts(reader->section, entry) || reader->used[number + 1])
            continue;
        if (address)
            complain(reader->complaints, true, entry->line, entry->column, "%s is not used: IPADDR%d is missing", entry->key,
                     gap);
        else
            complain(reader->complaints, true, entry->line, entry->column, "%s is not used: there is no IPADDR%s", entry->key,
                     entry->key + strlen(row->key));
    }
}

static bool in_network(const struct address *network, const uint8_t gateway[4])
{
    uint32_t a, b, mask = ~(uint32_t)0 << (32 - network->prefix);
    memcpy(&a, network->bytes, sizeof(a));
    memcpy(&b, gateway, sizeof(b));
    return !((ntohl(a) ^ ntohl(b)) & mask);
}

static const struct address *first_ipv4(const struct interface *interface)
{
    return interface->address_count && interface->addresses[0].family == AF_INET ? &interface->addresses[0] : NULL;
}

/* SRCADDR, WINDOW and EXTRA_ROUTE_OPTS */
static void read_route_options(struct reader *reader, struct route *route)
{
    const struct lexer_entry *source = lexer_find(reader->section, "SRCADDR"), *window = lexer_find(reader->section, "WINDOW");
    const struct lexer_entry *more = lexer_find(reader->section, "EXTRA_ROUTE_OPTS");
    int64_t number;
    if (source && inet_pton(AF_INET, source->value, route->source) == 1)
        route->has_source = true;
    else if (source)
        complain_value(reader, source, "an IPv4 address");
    if (window && text_number(window->value, 1, UINT32_MAX, &number) == 0)
        route->metrics[ROUTE_WINDOW] = (uint32_t)number;
    else if (window)
        complain_value(reader, window, "a number of bytes");
    if (more)
        route_file_more(more, route, reader->complaints);
}

static void add_default_route(struct reader *reader, int family, const void *gateway, uint32_t metric,
                              const struct lexer_entry *entry)
{
    struct interface *interface = reader->interface;
    struct route *route = APPEND(interface->routes, interface->route_count);
    route->family = family;
    route->metric = metric;
    route->table = RT_TABLE_MAIN;
    route->protocol = RTPROT_STATIC;
    route->has_gateway = gateway;
    if (gateway)
        memcpy(route->gateway, gateway, family == AF_INET ? 4 : 16);
    interface->set |= FIELD_BIT(FIELD_ROUTES);
    if (family != AF_INET)
        return;
    read_route_options(reader, route);
    if (!is_global(reader, entry))
        reader->ifcfg->gateway_place = (struct ifcfg_place){.line = entry->line, .column = entry->column};
}

/* Of networks without a server, for the addresses that hosts choose themselves; the metric keeps those of several interfaces
 * apart. */
static void add_zeroconf_route(struct reader *reader)
{
    struct interface *interface = reader->interface;
    struct route *route;
    if (!first_ipv4(interface) || find_with_global(reader, "NOZEROCONF") || strcmp(interface->name, "lo") == 0)
        return;
    route = APPEND(interface->routes, interface->route_count);
    *route = (struct route){.family = AF_INET, .destination = {169, 254}, .prefix = 16, .metric = 1000, .metric_by_index = true,
                            .table = RT_TABLE_MAIN, .protocol = RTPROT_STATIC};
    interface->set |= FIELD_BIT(FIELD_ROUTES);
}

/* GATEWAY, or what NetworkManager and the installer write for IPADDR0: GATEWAY0. The lowest number counts. */
static const struct lexer_entry *find_gateway(const struct reader *reader)
{
    const struct lexer_entry *first = NULL;
    for (size_t i = 0, least = NUMBERS; i < reader->section->count; i++) {
        const struct lexer_entry *entry = &reader->section->entries[i];
        int number;
        const struct option *row = option_find(OPTION_INTERFACE, NULL, entry->key, &number);
        if (!row || strcmp(row->key, "GATEWAY") != 0 || !lexer_counts(reader->section, entry) || (size_t)(number + 1) >= least)
            continue;
        first = entry;
        least = (size_t)(number + 1);
    }
    return first || !reader->ifcfg->global ? first : lexer_find(reader->ifcfg->global, "GATEWAY");
}

/* Of GATEWAYDEV and its like. A NIC that is known by its MAC address alone is called by its file's name. */
static bool is_called(const struct reader *reader, const char *device)
{
    return strcmp(device, reader->interface->by_mac ? ifcfg_nick(reader->ifcfg->file) : reader->interface->name) == 0;
}

static uint32_t read_metric(struct reader *reader)
{
    const struct lexer_entry *entry = lexer_find(reader->section, "METRIC");
    int64_t metric = 0;
    if (entry && text_number(entry->value, 0, UINT32_MAX, &metric) < 0)
        complain_value(reader, entry, "a number from 0 to 4294967295");
    return (uint32_t)metric;
}

/* Can GATEWAY be reached in the network of the first address? With a warning when it can't. */
static bool gateway_is_usable(struct reader *reader, const struct lexer_entry *entry, const uint8_t gateway[4], bool quiet)
{
    const struct address *address = first_ipv4(reader->interface);
    char text[ADDRESS_TEXT_SIZE], shown[QUOTE_SIZE];
    if (address && in_network(address, gateway)) {
        if (memcmp(address->bytes, gateway, 4) != 0)
            return true;
        if (is_global(reader, entry)) /* this host is the gateway of the others */
            return false;
        complain_value(reader, entry, "another host's address than the interface's own");
        return false;
    }
    if (!quiet && !is_global(reader, entry) && !reader->complaints->errors)
        complain(reader->complaints, true, entry->line, entry->column, "%s is not used: %s is not in the network of %s",
                 entry->key, quote_text(entry->value, shown), address ? address_text(address, text) : "any address here");
    return false;
}

static void read_gateway(struct reader *reader)
{
    const struct lexer_entry *entry = find_gateway(reader), *device = find_with_global(reader, "GATEWAYDEV");
    bool wanted = read_bool(reader, "DEFROUTE", true), ours = device && is_called(reader, device->value);
    uint32_t metric = read_metric(reader);
    uint8_t gateway[4];
    bool is_address = entry && inet_pton(AF_INET, entry->value, gateway) == 1;
    if (entry && !is_address)
        complain_value(reader, entry, "an IPv4 address");
    if (!wanted || (device && !ours) || (entry && !is_address))
        return;
    if (entry && gateway_is_usable(reader, entry, gateway, ours))
        add_default_route(reader, AF_INET, gateway, metric, entry);
    else if (ours)
        add_default_route(reader, AF_INET, NULL, metric, device);
}

/* IPv6 */

static void read_ipv6_address(struct reader *reader, const struct lexer_entry *entry, const char *text)
{
    struct address address = {.family = AF_INET6, .prefix = 64, .valid = UINT32_MAX, .preferred = UINT32_MAX};
    char host[INET6_ADDRSTRLEN + 1] = "", shown[QUOTE_SIZE];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    int64_t prefix = address.prefix;
    bool good = length < sizeof(host) && (!slash || text_number(slash + 1, 1, 128, &prefix) == 0);
    if (good) {
        memcpy(host, text, length);
        good = inet_pton(AF_INET6, host, address.bytes) == 1;
    }
    if (good) {
        struct in6_addr bytes;
        memcpy(&bytes, address.bytes, sizeof(bytes));
        good = !IN6_IS_ADDR_MULTICAST(&bytes) && !IN6_IS_ADDR_UNSPECIFIED(&bytes);
        address.scope = IN6_IS_ADDR_LINKLOCAL(&bytes)  ? RT_SCOPE_LINK
                        : IN6_IS_ADDR_LOOPBACK(&bytes) ? RT_SCOPE_HOST
                                                       : RT_SCOPE_UNIVERSE;
    }
    if (!good) {
        complain(reader->complaints, false, entry->value_line, entry->value_column,
                 "%s wants an IPv6 address that an interface can have, e.g. 2001:db8::1/64, not %s", entry->key,
                 quote_text(text, shown));
        return;
    }
    address.prefix = (uint8_t)prefix;
    add_address(reader, &address, entry);
}

/* Does one of the interface's networks hold the gateway? */
static bool is_on_link(const struct reader *reader, const uint8_t gateway[16])
{
    for (size_t i = 0; i < reader->interface->address_count; i++) {
        const struct address *address = &reader->interface->addresses[i];
        int bit = 0;
        if (address->family != AF_INET6)
            continue;
        while (bit < address->prefix && !((address->bytes[bit / 8] ^ gateway[bit / 8]) & (0x80 >> bit % 8)))
            bit++;
        if (bit == address->prefix)
            return true;
    }
    return false;
}

/* IPV6_DEFAULTGW=fe80::1%eth0, or the device in IPV6_DEFAULTDEV, which may also stand alone. */
static void read_ipv6_gateway(struct reader *reader)
{
    const struct lexer_entry *entry = find_with_global(reader, "IPV6_DEFAULTGW");
    const struct lexer_entry *other = find_with_global(reader, "IPV6_DEFAULTDEV");
    bool ours = other && is_called(reader, other->value);
    if (!entry && ours)
        add_default_route(reader, AF_INET6, NULL, IPV6_DEFAULT_METRIC, other);
    if (!entry)
        return;
    CLEANUP(freep) char *host = memory_string(entry->value);
    char *percent = strchr(host, '%');
    const char *device = percent ? percent + 1 : other ? other->value : NULL;
    uint8_t gateway[16];
    if (percent)
        *percent = '\0';
    if (inet_pton(AF_INET6, host, gateway) != 1)
        complain_value(reader, entry, "an IPv6 address, with or without %DEVICE");
    else if ((!device || is_called(reader, device))
             && (percent || other || !is_global(reader, entry) || is_on_link(reader, gateway)))
        add_default_route(reader, AF_INET6, gateway, IPV6_DEFAULT_METRIC, entry);
    else if (!is_global(reader, entry))
        complain(reader->complaints, true, entry->line, entry->column, "IPV6_DEFAULTGW is not used: it is for another interface");
}

static void read_ipv6(struct reader *reader)
{
    const struct lexer_entry *entry = lexer_find(reader->section, "IPV6ADDR");
    const struct lexer_entry *others = lexer_find(reader->section, "IPV6ADDR_SECONDARIES");
    if (!read_bool(reader, "IPV6INIT", true))
        return;
    if (entry)
        read_ipv6_address(reader, entry, entry->value);
    CLEANUP(freep) char *list = memory_string(others ? others->value : "");
    char *rest = NULL;
    for (char *word = strtok_r(list, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
        read_ipv6_address(reader, others, word);
    read_ipv6_gateway(reader);
}

/* DHCP */

/* Does a DHCP client give the IPv4 addresses? The scripts take any word but dhcp and bootp for static. */
static bool is_dynamic(struct reader *reader)
{
    const struct lexer_entry *entry = lexer_find(reader->section, "BOOTPROTO");
    char shown[QUOTE_SIZE];
    if (!entry || strcasecmp(entry->value, "none") == 0 || strcasecmp(entry->value, "static") == 0)
        return false;
    if (strcasecmp(entry->value, "dhcp") == 0 || strcasecmp(entry->value, "bootp") == 0)
        return true;
    complain(reader->complaints, true, entry->line, entry->column, "BOOTPROTO=%s is taken for none",
             quote_text(entry->value, shown));
    return false;
}

/* The keys with rows of their own have been read. */
static void read_dhcp(struct reader *reader)
{
    const struct lexer_entry *device = lexer_find(reader->section, "GATEWAYDEV"), *unused = find_numbered(reader, "IPADDR", -1);
    struct dhcp_options *dhcp = &reader->interface->dhcp;
    if (!unused)
        unused = find_numbered(reader, "IPADDR", 0);
    if (unused)
        complain(reader->complaints, true, unused->line, unused->column, "%s is not used: BOOTPROTO=dhcp asks a server",
                 unused->key);
    dhcp->client = true;
    dhcp->metric = read_metric(reader);
    dhcp->unchecked = !read_bool(reader, "ARPCHECK", true);
    dhcp->ignore_gateway |=
        !read_bool(reader, "DEFROUTE", true) || (device && !is_called(reader, device->value));
}

void address_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints)
{
    struct reader reader = {.section = section, .ifcfg = ifcfg, .interface = ifcfg->interface, .complaints = complaints};
    bool dynamic = is_dynamic(&reader);
    if (dynamic) {
        read_dhcp(&reader);
    } else {
        int gap = read_ipv4_addresses(&reader);
        warn_of_unused(&reader, gap);
        read_gateway(&reader);
        add_zeroconf_route(&reader);
    }
    read_ipv6(&reader);
    bool bridge_without = interface_has(ifcfg->interface, FIELD_KIND) && !dynamic && lexer_find(section, "BOOTPROTO");
    if (ifcfg->interface->address_count || bridge_without)
        ifcfg->interface->set |= FIELD_BIT(FIELD_ADDRESSES);
}
