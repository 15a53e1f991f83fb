/* Keys that are known and not applied yet: their values are checked, so that a file which is right today stays so, and one warning says
 * which of them there are. */
#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

enum { LONGEST_NAME = 253, LONGEST_LABEL = 63 }; /* of the DNS */

static bool is_ipv4(const char *value)
{
    uint8_t bytes[4];
    return inet_pton(AF_INET, value, bytes) == 1;
}

/* As resolv.conf takes it: fe80::1%eth0, too. */
static bool is_address(const char *value)
{
    CLEANUP(freep) char *address = memory_string(value);
    char *zone = strchr(address, '%');
    uint8_t bytes[16];
    if (zone)
        *zone++ = 0;
    return (!zone && is_ipv4(address)) || (inet_pton(AF_INET6, address, bytes) == 1 && (!zone || !text_interface_name_fault(zone)));
}

static bool is_yes_or_no(const char *value)
{
    bool ignored;
    return option_parse_bool(value, &ignored) == 0;
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words;
}

static bool is_privacy(const char *value)
{
    static const char *const words[] = {"rfc3041", "rfc4941", NULL};
    return is_yes_or_no(value) || is_one_of(value, words);
}

static bool is_link_status(const char *value)
{
    static const char *const words[] = {"up", "down", NULL};
    return is_one_of(value, words);
}

/* All words, of which there is one at least. */
static bool are_all(const char *value, bool (*is_good)(const char *word))
{
    CLEANUP(freep) char *words = memory_string(value);
    char *rest = NULL, *word = strtok_r(words, " \t\n", &rest);
    bool good = word;
    for (; good && word; word = strtok_r(NULL, " \t\n", &rest))
        good = is_good(word);
    return good;
}

/* Labels of letters, digits, - and _, with dots between them; the last dot may stand, too. */
static bool is_domain(const char *word)
{
    static const char characters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-";
    if (strlen(word) > LONGEST_NAME)
        return false;
    for (;;) {
        size_t length = strspn(word, characters);
        if (!length || length > LONGEST_LABEL || *word == '-')
            return false;
        word += length;
        if (!*word || strcmp(word, ".") == 0)
            return true;
        if (*word++ != '.')
            return false;
    }
}

static bool are_domains(const char *value)
{
    return are_all(value, is_domain);
}

/* eth0-:0004::1/64: an interface, and what stands behind the 48 bits of 6to4. */
static bool is_6to4_route(const char *word)
{
    const char *dash = strrchr(word, '-'), *slash = dash ? strchr(dash, '/') : NULL;
    CLEANUP(freep) char *device = memory_string_of(word, dash ? (size_t)(dash - word) : 0);
    CLEANUP(freep) char *address = memory_format("2002:a00:1%.*s", slash ? (int)(slash - dash - 1) : 0, slash ? dash + 1 : "");
    uint8_t bytes[16];
    int64_t prefix;
    return slash && !text_interface_name_fault(device) && inet_pton(AF_INET6, address, bytes) == 1
           && text_number(slash + 1, 48, 128, &prefix) == 0;
}

static bool are_6to4_routes(const char *value)
{
    return are_all(value, is_6to4_route);
}

/* -- ETHTOOL_OPTS -- */

static bool is_number(const char *word)
{
    int64_t number;
    return text_number(word, 0, UINT32_MAX, &number) == 0;
}

static bool is_duplex(const char *word)
{
    static const char *const words[] = {"half", "full", NULL};
    return is_one_of(word, words);
}

static bool is_on_or_off(const char *word)
{
    static const char *const words[] = {"on", "off", NULL};
    return is_one_of(word, words);
}

static bool is_wake_up(const char *word)
{
    return *word && !word[strspn(word, "pumbagsfd")];
}

/* What "ethtool -s" knows; NULL: whatever stands behind it. */
static const struct {
    const char *word;
    bool (*is_good)(const char *value);
} ethtool_words[] = {
    {"speed", is_number}, {"duplex", is_duplex}, {"autoneg", is_on_or_off}, {"wol", is_wake_up}, {"lanes", is_number}, {"phyad", is_number},
    {"port", NULL}, {"mdix", NULL}, {"advertise", NULL}, {"xcvr", NULL}, {"sopass", NULL}, {"msglvl", NULL}, {"master-slave", NULL},
};

/* A word of "ethtool -s" with its value: 1; -1: it is wrong; 0: none, but something more of the word before. */
static int read_ethtool_word(const char *word, const char *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(ethtool_words); i++)
        if (strcmp(word, ethtool_words[i].word) == 0)
            return value && (!ethtool_words[i].is_good || ethtool_words[i].is_good(value)) ? 1 : -1;
    return 0;
}

/* "speed 100 duplex full", or, with a minus, ethtool's own command line: "-K eth0 tso off". */
static bool is_ethtool_command(char *command)
{
    char *rest = NULL, *word = strtok_r(command, " \t\n", &rest);
    int known = 0;
    if (!word) /* a semicolon at the end */
        return true;
    if (*word == '-')
        return word[1] && strtok_r(NULL, " \t\n", &rest);
    for (bool first = true; word && known >= 0; first = false) {
        char *value = strtok_r(NULL, " \t\n", &rest);
        known = read_ethtool_word(word, value);
        if (first && known == 0)
            return false;
        word = known > 0 ? strtok_r(NULL, " \t\n", &rest) : value;
    }
    return known >= 0;
}

static bool is_ethtool(const char *value)
{
    CLEANUP(freep) char *commands = memory_string(value);
    char *rest = commands, *command;
    bool good = true;
    while (good && (command = strsep(&rest, ";")))
        good = is_ethtool_command(command);
    return good;
}

/* -- keys -- */

#define AN_IPV4_ADDRESS "an IPv4 address"
#define YES_OR_NO "yes or no"

static const struct {
    const char *key;
    bool (*is_good)(const char *value);
    const char *wants;
} checks[] = {
    {"DNS", is_address, "an IPv4 or IPv6 address"},
    {"DOMAIN", are_domains, "domains, separated by blanks"},
    {"SEARCH", are_domains, "domains, separated by blanks"},
    {"ETHTOOL_OPTS", is_ethtool, "words of ethtool -s like speed 100 duplex full autoneg off, or -K DEVICE tso off; ; separates several"},
    {"IPV6_PRIVACY", is_privacy, "rfc3041, rfc4941, yes or no"},
    {"LINKSTATUS", is_link_status, "up or down"},
    {"DHCPV6C", is_yes_or_no, YES_OR_NO},
    {"PERSISTENT_DHCLIENT_IPV6", is_yes_or_no, YES_OR_NO},
    {"IPV6TO4INIT", is_yes_or_no, YES_OR_NO},
    {"IPV6TO4_IPV4ADDR", is_ipv4, AN_IPV4_ADDRESS},
    {"IPV6TO4_RELAY", is_ipv4, AN_IPV4_ADDRESS},
    {"IPV6TO4_ROUTING", are_6to4_routes, "DEVICE-SUFFIX/PREFIX, separated by blanks, e.g. eth0-:4::1/64"},
    {"IPV6TUNNELIPV4", is_ipv4, AN_IPV4_ADDRESS},
    {"IPV6TUNNELIPV4LOCAL", is_ipv4, AN_IPV4_ADDRESS},
};

static void check(const struct option *row, const struct lexer_entry *entry, struct complaints *complaints)
{
    char shown[QUOTE_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        if (strcmp(checks[i].key, row->key) == 0 && !checks[i].is_good(entry->value))
            complain(complaints, false, entry->value_line, entry->value_column, "%s wants %s, not %s", entry->key, checks[i].wants,
                     quote_text(entry->value, shown));
}

void ifcfg_later_read(const struct lexer_section *section, struct complaints *complaints)
{
    const struct lexer_entry *first = NULL;
    struct text names = {0};
    for (size_t i = 0; i < section->count; i++) {
        const struct lexer_entry *entry = &section->entries[i];
        const struct option *row = option_find(OPTION_INTERFACE, NULL, entry->key, NULL);
        if (!row || row->type != OPTION_LATER || !lexer_counts(section, entry))
            continue;
        check(row, entry, complaints);
        if (ifcfg_kind_says_nothing(row, entry->value))
            continue;
        if (!first)
            first = entry;
        else
            text_add(&names, ", ");
        text_add(&names, entry->key);
    }
    if (first)
        complain(complaints, true, first->line, first->column, "not supported yet, without effect: %s", names.data);
    text_clear(&names);
}
