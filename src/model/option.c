#include "model/option.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "model/network.h"
#include "model/option_internal.h"
#include "model/settings.h"
#include "model/vm.h"

static bool row_in(const struct option *row, enum option_scope scope, const char *section)
{
    return row->scope == scope && text_equal(row->section, section);
}

/* "IPADDR12" against the row of IPADDR: 12; -1 when it is no such key. As the shell takes them: no leading zeros. */
static int key_number(const struct option *row, const char *key)
{
    size_t length = strlen(row->key);
    const char *digits = key + length;
    int64_t number;
    if (!row->numbered || strncmp(key, row->key, length) != 0 || (digits[0] == '0' && digits[1]))
        return -1;
    return text_number(digits, 0, 255, &number) < 0 || digits[0] == '-' ? -1 : (int)number;
}

const struct option *option_find(enum option_scope scope, const char *section, const char *key, int *ret_number)
{
    FOR_EACH_ROW(row) {
        if (row->key[0] != key[0] || !row_in(row, scope, section))
            continue;
        int number = key_number(row, key);
        if (number < 0 && strcmp(row->key, key) != 0)
            continue;
        if (ret_number)
            *ret_number = number;
        return row;
    }
    return NULL;
}

const struct option *option_of_field(enum option_scope scope, int field)
{
    FOR_EACH_ROW(row)
        if (row->scope == scope && row->field == field && has_value(row))
            return row;
    return NULL;
}

const char *option_nearest(enum option_scope scope, const char *section, const char *key)
{
    const char *candidates[256];
    size_t count = 0;
    FOR_EACH_ROW(row)
        if (row_in(row, scope, section) && count < ARRAY_SIZE(candidates))
            candidates[count++] = row->key;
    return text_nearest(key, candidates, count);
}

static field_set *set_of(enum option_scope scope, void *object)
{
    static const size_t offsets[OPTION_SCOPES] = {
        [OPTION_INTERFACE] = offsetof(struct interface, set),
        [OPTION_VM] = offsetof(struct vm, set),
        [OPTION_DISK] = offsetof(struct disk, set),
        [OPTION_NIC] = offsetof(struct nic, set),
        [OPTION_DISPLAY] = offsetof(struct vm, set),
        [OPTION_SETTINGS] = offsetof(struct settings, set),
    };
    return (field_set *)(void *)((char *)object + offsets[scope]);
}

/* Text in */

int option_parse_bool(const char *text, bool *ret)
{
    static const char *const words[][6] = {{"f", "n", "no", "off", "false", "0"}, {"t", "y", "yes", "on", "true", "1"}};
    for (int value = 0; value < 2; value++)
        for (size_t i = 0; i < ARRAY_SIZE(words[0]); i++)
            if (strcasecmp(text, words[value][i]) == 0) {
                *ret = value;
                return 0;
            }
    return -EINVAL;
}

/* "a, b or c" */
static void list_choices(const char *const *choices, struct text *list)
{
    for (size_t i = 0; choices[i]; i++) {
        if (i)
            text_add(list, choices[i + 1] ? ", " : " or ");
        text_add(list, choices[i]);
    }
}

static int wants(struct error *err, const char *what, const char *text)
{
    char shown[QUOTE_SIZE];
    return error_set(err, EINVAL, "wants %s, not %s", what, quote_text(text, shown));
}

static int wants_choice(struct error *err, const struct option *row, const char *text)
{
    struct text list = {0};
    list_choices(row->choices, &list);
    int result = wants(err, list.data, text);
    text_clear(&list);
    return result;
}

static int choice_of(const struct option *row, const char *text)
{
    for (int i = 0; row->choices && row->choices[i]; i++)
        if (strcasecmp(text, row->choices[i]) == 0)
            return i;
    return -1;
}

static int parse_bool(const struct option *row, const char *text, bool *ret, struct error *err)
{
    int choice = choice_of(row, text);
    if (choice >= 0) {
        *ret = choice;
        return 0;
    }
    if (option_parse_bool(text, ret) == 0)
        return 0;
    return row->choices ? wants_choice(err, row, text) : wants(err, "yes or no", text);
}

/* "15" or, where the row has a scale of 100, "15.25": in hundredths. */
static int parse_number(const struct option *row, const char *text, uint32_t *ret, struct error *err)
{
    char whole[24];
    const char *point = row->scale > 1 ? strchr(text, '.') : NULL;
    size_t length = point ? (size_t)(point - text) : strlen(text);
    int64_t number = 0, fraction = 0;
    int result = length < sizeof(whole) ? 0 : -ERANGE;
    if (result == 0) {
        memcpy(whole, text, length);
        whole[length] = '\0';
        result = point && text[0] == '-' ? -ERANGE : text_number(whole, row->minimum, row->maximum, &number);
    }
    uint32_t part = scale_of(row);
    for (const char *digit = point ? point + 1 : ""; *digit && result == 0; digit++) {
        part /= 10;
        if (*digit < '0' || *digit > '9' || !part)
            result = -EINVAL;
        fraction += (*digit - '0') * (int64_t)part;
    }
    if (row->choices && choice_of(row, text) >= 0) {
        *ret = 0;
        return 0;
    }
    if (result < 0 || number * scale_of(row) + fraction > row->maximum * scale_of(row)) {
        char shown[QUOTE_SIZE];
        return error_set(err, result == -EINVAL ? EINVAL : ERANGE, "wants %s%sa number from %lld to %lld, not %s",
                         row->choices ? row->choices[0] : "", row->choices ? " or " : "", (long long)row->minimum,
                         (long long)row->maximum, quote_text(text, shown));
    }
    *ret = (uint32_t)(number * scale_of(row) + fraction);
    return 0;
}

static const struct size_unit {
    char letter;
    int shift;
} size_units[] = {{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}, {'B', 0}};

/* The bytes as a file writes them: in the largest unit that leaves a whole number. */
static char *format_size(uint64_t bytes)
{
    const struct size_unit *unit = size_units;
    while (unit->shift && (bytes >> unit->shift << unit->shift != bytes || !bytes))
        unit++;
    return memory_format("%llu%c", (unsigned long long)(bytes >> unit->shift), unit->letter);
}

static int parse_size(const struct option *row, const char *text, uint64_t *ret, struct error *err)
{
    char digits[24];
    size_t length = strlen(text);
    int shift = 20; /* a bare number is MiB, as in qemu -m */
    for (size_t i = 0; length && i < ARRAY_SIZE(size_units); i++)
        if ((text[length - 1] | 0x20) == (size_units[i].letter | 0x20)) {
            shift = size_units[i].shift;
            length--;
            break;
        }
    int64_t number = 0;
    int result = length < sizeof(digits) ? 0 : -ERANGE;
    if (result == 0) {
        memcpy(digits, text, length);
        digits[length] = '\0';
        result = text_number(digits, 0, INT64_MAX, &number);
    }
    if (result == 0 && (number > row->maximum >> shift || number << shift < row->minimum))
        result = -ERANGE;
    if (result < 0) {
        CLEANUP(freep) char *least = format_size((uint64_t)row->minimum), *most = format_size((uint64_t)row->maximum);
        char shown[QUOTE_SIZE];
        return error_set(err, -result, "wants a size from %s to %s, e.g. 512M or 2G, not %s", least, most,
                         quote_text(text, shown));
    }
    *ret = (uint64_t)number << shift;
    return 0;
}

static int parse_string(const struct option *row, const char *text, char **place, struct error *err)
{
    int choice = choice_of(row, text);
    if (row->choices && choice < 0)
        return wants_choice(err, row, text);
    if (!quote_is_plain(text))
        return wants(err, "text in UTF-8 without control characters", text);
    free(*place);
    *place = *text ? memory_string(row->choices ? row->choices[choice] : text) : NULL;
    return 0;
}

static int parse_name(const char *text, char place[INTERFACE_NAME_SIZE], struct error *err)
{
    char shown[QUOTE_SIZE];
    const char *fault = text_interface_name_fault(text);
    if (!fault && !quote_is_plain(text))
        fault = "is no text in UTF-8 without control characters";
    if (fault)
        return error_set(err, EINVAL, "wants an interface's name; %s %s", quote_text(text, shown), fault);
    text_copy(place, INTERFACE_NAME_SIZE, text);
    return 0;
}

static int parse_mac(const char *text, uint8_t place[6], struct error *err)
{
    static const uint8_t zero[6];
    uint8_t mac[6];
    if (text_mac(text, mac) < 0)
        return wants(err, "a MAC address like 52:54:00:00:00:11", text);
    if (mac[0] & 1)
        return wants(err, "the MAC address of one interface (an even first byte: 52, not 53)", text);
    if (memcmp(mac, zero, sizeof(zero)) == 0)
        return wants(err, "a MAC address other than zero", text);
    memcpy(place, mac, sizeof(mac));
    return 0;
}

/* 01:80:C2:00:00:0X: the others of that block belong to pause frames, aggregation and 802.1X (IEEE 802.1D; br_set_group_addr). */
static int parse_group_mac(const char *text, uint8_t place[6], struct error *err)
{
    static const uint8_t block[5] = {0x01, 0x80, 0xc2, 0, 0};
    uint8_t mac[6];
    if (text_mac(text, mac) < 0 || memcmp(mac, block, sizeof(block)) != 0 || mac[5] > 15 || (mac[5] >= 1 && mac[5] <= 3))
        return wants(err, "01:80:c2:00:00:00, or from :04 to :0f at its end", text);
    memcpy(place, mac, sizeof(mac));
    return 0;
}

static int parse_uuid(const char *text, char place[37], struct error *err)
{
    static const char form[] = "00000000-0000-0000-0000-000000000000";
    bool good = strlen(text) == 36;
    for (size_t i = 0; good && i < 36; i++)
        good = form[i] == '-' ? text[i] == '-' : strchr("0123456789abcdefABCDEF", text[i]) != NULL;
    if (!good)
        return wants(err, "a UUID like f81d4fae-7dec-11d0-a765-00a0c91e6bf6", text);
    for (size_t i = 0; i < 36; i++)
        place[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] | 0x20) : text[i];
    place[36] = '\0';
    return 0;
}

/* virsh's forms: "avg", "avg,peak", "avg,,burst", "avg,peak,burst"; an average of 0 clears. Its fourth part, the floor, needs a
 * shaper that knows the whole network. */
static int parse_rate(const char *text, struct rate *place, struct error *err)
{
    uint32_t parts[3] = {0};
    size_t index = 0;
    for (const char *part = text;; index++) {
        size_t length = strcspn(part, ",");
        char digits[12];
        int64_t number = 0;
        bool wrong = index >= ARRAY_SIZE(parts) || length >= sizeof(digits);
        if (!wrong && length) {
            memcpy(digits, part, length);
            digits[length] = '\0';
            wrong = text_number(digits, 0, UINT32_MAX, &number) < 0;
        }
        if (wrong || (index == 0 && !length))
            return wants(err, "average[,peak[,burst]] in KiB/s, KiB/s and KiB", text);
        parts[index] = (uint32_t)number;
        if (!part[length])
            break;
        part += length + 1;
    }
    *place = parts[0] ? (struct rate){.average = parts[0], .peak = parts[1], .burst = parts[2]} : (struct rate){0};
    return 0;
}

static int parse_address(const char *text, char place[IP_TEXT_SIZE], struct error *err)
{
    uint8_t bytes[16];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, bytes) != 1)
        return wants(err, "an IPv4 or IPv6 address", text);
    inet_ntop(family, bytes, place, IP_TEXT_SIZE);
    return 0;
}

static int parse_vlans(const char *text, char **place, struct error *err)
{
    struct port_vlans vlans = {0};
    if (port_vlans_parse(text, &vlans) < 0)
        return wants(err, "VLANs from 1 to 4094 like 10,20-29", text);
    free(*place);
    *place = memory_string(text);
    return 0;
}

/* The number of a word among the choices, or (by_number) the number itself; -1. */
static int index_of(const struct option *row, const char *text)
{
    int64_t number, count = 0;
    while (row->choices[count])
        count++;
    return row->by_number && text_number(text, 0, count - 1, &number) == 0 ? (int)number : choice_of(row, text);
}

static int parse_map(const struct option *row, const char *text, uint32_t *place, struct error *err)
{
    uint32_t map[PACKET_PRIORITIES];
    if (option_list_parse_map(text, row->length, (uint32_t)row->maximum, map) < 0) {
        char shown[QUOTE_SIZE];
        return error_set(err, EINVAL, "wants pairs FROM:TO like 0:1,2:3 with FROM up to %zu and TO up to %lld, not %s",
                         row->length - 1, (long long)row->maximum, quote_text(text, shown));
    }
    memcpy(place, map, row->length * sizeof(*map));
    return 0;
}

static int parse_targets(const struct option *row, const char *text, void *place, struct error *err)
{
    uint8_t targets[ARP_TARGETS][4];
    if (option_list_parse_targets(text, row->length, targets) < 0)
        return wants(err, "at most 16 IPv4 addresses like 10.0.0.1,10.0.0.2", text);
    memcpy(place, targets, row->length * sizeof(*targets));
    return 0;
}

static int parse_choice(const struct option *row, const char *text, void *place, struct error *err)
{
    int choice = index_of(row, text);
    if (choice < 0)
        return wants_choice(err, row, text);
    unsigned value = (unsigned)choice; /* GCC and clang make an enum without negative values unsigned int */
    memcpy(place, &value, sizeof(value));
    return 0;
}

static int parse_value(const struct option *row, void *place, const char *text, struct error *err)
{
    switch (row->type) {
    case OPTION_BOOL:
        return parse_bool(row, text, place, err);
    case OPTION_NUMBER:
        return parse_number(row, text, place, err);
    case OPTION_SIZE:
        return parse_size(row, text, place, err);
    case OPTION_STRING:
        return parse_string(row, text, place, err);
    case OPTION_NAME:
        return parse_name(text, place, err);
    case OPTION_MAC:
        return parse_mac(text, place, err);
    case OPTION_ADDRESS:
        return parse_address(text, place, err);
    case OPTION_GROUP_MAC:
        return parse_group_mac(text, place, err);
    case OPTION_UUID:
        return parse_uuid(text, place, err);
    case OPTION_CHOICE:
        return parse_choice(row, text, place, err);
    case OPTION_RATE:
        return parse_rate(text, place, err);
    case OPTION_VLANS:
        return parse_vlans(text, place, err);
    case OPTION_MAP:
        return parse_map(row, text, place, err);
    case OPTION_TARGETS:
        return parse_targets(row, text, place, err);
    case OPTION_SPECIAL:
    case OPTION_IGNORED:
    case OPTION_LATER:
        break;
    }
    return error_set(err, EINVAL, "%s is no option with a value of its own", row->key);
}

int option_parse(const struct option *option, void *object, const char *text, struct error *err)
{
    int result = parse_value(option, place_of(option, object), text, err);
    if (result == 0 && option->field >= 0)
        *set_of(option->scope, object) |= FIELD_BIT(option->field);
    return result;
}

void option_set_defaults(enum option_scope scope, void *object)
{
    FOR_EACH_ROW(row)
        if (row->scope == scope && row->fallback && has_value(row))
            parse_value(row, place_of(row, object), row->fallback, NULL);
}

static size_t size_of(const struct option *row)
{
    switch (row->type) {
    case OPTION_BOOL:
        return sizeof(bool);
    case OPTION_NUMBER:
        return sizeof(uint32_t);
    case OPTION_SIZE:
        return sizeof(uint64_t);
    case OPTION_STRING:
    case OPTION_VLANS:
        return sizeof(char *);
    case OPTION_NAME:
        return INTERFACE_NAME_SIZE;
    case OPTION_ADDRESS:
        return IP_TEXT_SIZE;
    case OPTION_MAC:
    case OPTION_GROUP_MAC:
        return 6;
    case OPTION_UUID:
        return 37;
    case OPTION_CHOICE:
        return sizeof(unsigned);
    case OPTION_RATE:
        return sizeof(struct rate);
    case OPTION_MAP:
        return row->length * sizeof(uint32_t);
    case OPTION_TARGETS:
        return row->length * 4;
    case OPTION_SPECIAL:
    case OPTION_IGNORED:
    case OPTION_LATER:
        break;
    }
    return 0;
}

void option_reset(const struct option *option, void *object)
{
    void *place = place_of(option, object);
    if (option->type == OPTION_STRING || option->type == OPTION_VLANS)
        free(*(char **)place);
    memset(place, 0, size_of(option));
    if (option->fallback && *option->fallback)
        parse_value(option, place, option->fallback, NULL);
    if (option->field >= 0)
        *set_of(option->scope, object) |= FIELD_BIT(option->field);
}

/* Text out */

static char *format_number(const struct option *row, uint32_t value)
{
    uint32_t scale = scale_of(row), rest = value % scale;
    if (!rest)
        return memory_format("%u", value / scale);
    int digits = 0;
    for (uint32_t power = scale; power > 1; power /= 10)
        digits++;
    for (; rest % 10 == 0; digits--)
        rest /= 10;
    return memory_format("%u.%0*u", value / scale, digits, rest);
}

static char *format_mac(const uint8_t mac[6])
{
    static const uint8_t zero[6];
    char text[18];
    if (memcmp(mac, zero, sizeof(zero)) == 0)
        return NULL;
    text_from_mac(mac, text);
    return memory_string(text);
}

static char *format_rate(const struct rate *rate)
{
    if (!rate->average)
        return NULL;
    struct text text = {0};
    text_format(&text, "%u", rate->average);
    if (rate->peak || rate->burst)
        text_add(&text, ",");
    if (rate->peak)
        text_format(&text, "%u", rate->peak);
    if (rate->burst)
        text_format(&text, ",%u", rate->burst);
    return text_take(&text);
}

/* A kernel newer than this program may have more of them. */
static char *format_choice(const struct option *row, uint32_t value)
{
    uint32_t count = 0;
    while (row->choices[count])
        count++;
    return value < count ? memory_string(row->choices[value]) : memory_format("%u", value);
}

char *option_format(const struct option *option, const void *object)
{
    const void *place = place_of(option, object);
    static const char *const yes_or_no[] = {"no", "yes"};
    switch (option->type) {
    case OPTION_BOOL:
        return memory_string((option->choices ? option->choices : yes_or_no)[*(const bool *)place]);
    case OPTION_NUMBER:
        if (option->choices && !number_at(place))
            return memory_string(option->choices[0]);
        if (number_at(place) > option->maximum * scale_of(option))
            return NULL; /* how a user id is none */
        return number_at(place) || option->minimum <= 0 ? format_number(option, number_at(place)) : NULL;
    case OPTION_SIZE:
        return *(const uint64_t *)place || option->minimum <= 0 ? format_size(*(const uint64_t *)place) : NULL;
    case OPTION_STRING:
    case OPTION_VLANS:
        return memory_string(*(char *const *)place);
    case OPTION_NAME:
    case OPTION_UUID:
    case OPTION_ADDRESS:
        return *(const char *)place ? memory_string(place) : NULL;
    case OPTION_MAC:
    case OPTION_GROUP_MAC:
        return format_mac(place);
    case OPTION_CHOICE:
        return format_choice(option, number_at(place));
    case OPTION_RATE:
        return format_rate(place);
    case OPTION_MAP:
        return option_list_format_map(place, option->length);
    case OPTION_TARGETS:
        return option_list_format_targets(place, option->length);
    case OPTION_SPECIAL:
    case OPTION_IGNORED:
    case OPTION_LATER:
        break;
    }
    return NULL;
}

bool option_is_set(const struct option *option, const void *object)
{
    return option->field >= 0 && *set_of(option->scope, (void *)(uintptr_t)object) & FIELD_BIT(option->field);
}

/* The kernel keeps times in ticks of its own, of which a hundredth of a second need not be a whole number: with 250 a second, 2.01 s
 * read back as 2 s. */
static bool same_number(const struct option *row, uint32_t a, uint32_t b)
{
    bool hundredths = row->unit == 100 || row->scale == 100;
    return a == b || (hundredths && (a < b ? b - a : a - b) == 1);
}

bool option_same(const struct option *option, const void *a, const void *b)
{
    const void *one = place_of(option, a), *other = place_of(option, b);
    switch (option->type) {
    case OPTION_STRING:
    case OPTION_VLANS:
        return text_equal(*(char *const *)one, *(char *const *)other);
    case OPTION_NAME:
    case OPTION_UUID:
    case OPTION_ADDRESS:
        return text_equal(one, other);
    case OPTION_RATE: /* without an average there is none, whatever else it has */
        return rate_same(one, other) || (!((const struct rate *)one)->average && !((const struct rate *)other)->average);
    case OPTION_NUMBER:
        return same_number(option, number_at(one), number_at(other));
    case OPTION_BOOL:
    case OPTION_SIZE:
    case OPTION_MAC:
    case OPTION_GROUP_MAC:
    case OPTION_CHOICE:
    case OPTION_MAP:
    case OPTION_TARGETS:
        return memcmp(one, other, size_of(option)) == 0;
    case OPTION_SPECIAL:
    case OPTION_IGNORED:
    case OPTION_LATER:
        break;
    }
    return true;
}

void option_copy(const struct option *option, void *target, const void *source)
{
    CLEANUP(freep) char *text = option_format(option, source);
    void *place = place_of(option, target);
    const void *value = place_of(option, source);

    if (option->type == OPTION_STRING || option->type == OPTION_VLANS) {
        free(*(char **)place);
        *(char **)place = memory_string(*(char *const *)value);
    } else {
        memmove(place, value, size_of(option));
    }
    if (option->field >= 0 && text && option_is_set(option, source))
        *set_of(option->scope, target) |= FIELD_BIT(option->field);
    else if (option->field >= 0)
        *set_of(option->scope, target) &= ~FIELD_BIT(option->field);
}
