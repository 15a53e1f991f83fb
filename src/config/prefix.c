/* Networks and addresses as ip's command line has them, and the names of tables. */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

static int bits_of(int family)
{
    return family == AF_INET ? 32 : 128;
}

static bool refuse(const struct word *word, int family, const char *what, struct complaints *complaints)
{
    char shown[QUOTE_SIZE];
    complain(complaints, false, word->line, word->column, "wants an IPv%d %s, not %s%s", family == AF_INET ? 4 : 6, what,
             quote_text(word->text, shown),
             family == AF_INET && strchr(word->text, ':') ? "; IPv6 has files of its own: route6-NAME, rule6-NAME" : "");
    return false;
}

/* "10" is 10.0.0.0 to ip, and "10.1" is 10.1.0.0. */
static bool read_host(const char *text, int family, uint8_t bytes[16])
{
    char whole[INET6_ADDRSTRLEN + 8];
    int dots = 0;
    for (const char *c = text; *c; c++)
        dots += *c == '.';
    if (family == AF_INET6 || dots == 3)
        return inet_pton(family, text, bytes) == 1;
    if (strlen(text) > 12)
        return false;
    snprintf(whole, sizeof(whole), "%s%s", text, dots == 0 ? ".0.0.0" : dots == 1 ? ".0.0" : ".0");
    return inet_pton(family, whole, bytes) == 1;
}

bool prefix_read_address(const struct word *word, int family, uint8_t ret_bytes[16], struct complaints *complaints)
{
    uint8_t bytes[16] = {0};
    if (inet_pton(family, word->text, bytes) != 1)
        return refuse(word, family, "address", complaints);
    memcpy(ret_bytes, bytes, sizeof(bytes));
    return true;
}

bool prefix_has_rest(int family, const uint8_t bytes[16], int prefix)
{
    for (int bit = prefix; bit < bits_of(family); bit++)
        if (bytes[bit / 8] >> (7 - bit % 8) & 1)
            return true;
    return false;
}

static bool is_everything(const char *text)
{
    return strcmp(text, "default") == 0 || strcmp(text, "any") == 0 || strcmp(text, "all") == 0;
}

bool prefix_read(const struct word *word, int family, uint8_t ret_bytes[16], uint8_t *ret_prefix, struct complaints *complaints)
{
    char host[INET6_ADDRSTRLEN + 1] = "", shown[QUOTE_SIZE];
    const char *slash = strchr(word->text, '/');
    size_t length = slash ? (size_t)(slash - word->text) : strlen(word->text);
    uint8_t bytes[16] = {0};
    int64_t prefix = bits_of(family);
    if (is_everything(word->text)) {
        memset(ret_bytes, 0, 16);
        *ret_prefix = 0;
        return true;
    }
    if (length >= sizeof(host))
        return refuse(word, family, "network", complaints);
    memcpy(host, word->text, length);
    if (!read_host(host, family, bytes) || (slash && text_number(slash + 1, 0, bits_of(family), &prefix) < 0))
        return refuse(word, family, "network", complaints);
    if (prefix_has_rest(family, bytes, (int)prefix)) {
        complain(complaints, false, word->line, word->column, "%s is no network: it has bits behind its prefix",
                 quote_text(word->text, shown));
        return false;
    }
    memcpy(ret_bytes, bytes, sizeof(bytes));
    *ret_prefix = (uint8_t)prefix;
    return true;
}

bool prefix_read_table(const struct word *word, uint32_t *ret_table, struct complaints *complaints)
{
    static const struct {
        const char *name;
        uint32_t table;
    } names[] = {{"main", RT_TABLE_MAIN}, {"default", RT_TABLE_DEFAULT}, {"local", RT_TABLE_LOCAL}};
    char shown[QUOTE_SIZE];
    int64_t number;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(word->text, names[i].name) == 0) {
            *ret_table = names[i].table;
            return true;
        }
    if (word->text[0] >= '0' && word->text[0] <= '9') {
        if (!words_number(word, 1, UINT32_MAX, &number, complaints))
            return false;
        *ret_table = (uint32_t)number;
        return true;
    }
    complain(complaints, false, word->line, word->column, "wants main, default, local or a table's number, not %s",
             quote_text(word->text, shown));
    return false;
}

bool prefix_read_protocol(const struct word *word, uint8_t *ret_protocol, struct complaints *complaints)
{
    static const struct {
        const char *name;
        uint8_t protocol;
    } names[] = {{"redirect", RTPROT_REDIRECT}, {"kernel", RTPROT_KERNEL}, {"boot", RTPROT_BOOT}, {"static", RTPROT_STATIC},
                 {"gated", RTPROT_GATED},       {"ra", RTPROT_RA},         {"zebra", RTPROT_ZEBRA}, {"bird", RTPROT_BIRD},
                 {"dhcp", RTPROT_DHCP},         {"babel", RTPROT_BABEL},   {"bgp", RTPROT_BGP},   {"ospf", RTPROT_OSPF}};
    int64_t number;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(word->text, names[i].name) == 0) {
            *ret_protocol = names[i].protocol;
            return true;
        }
    if (!words_number(word, 0, 255, &number, complaints))
        return false;
    *ret_protocol = (uint8_t)number;
    return true;
}
