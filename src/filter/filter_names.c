/* What of nftables names an interface: rules by where packets come in or go out, written out, by a wildcard or in a set; chains and
 * flowtables that are hooked on it. Rules that name the other interface of a move by the same condition are ready for it. How much is
 * looked at is bounded, because it is asked for while others wait: what may be left out is said. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/memory.h"
#include "base/text.h"
#include "filter/filter_internal.h"
#include "model/move.h"

enum { WORD = 128, LOADED = 8, REGISTER = 16, SMALL_REGISTER = 4 /* bytes */, PLACES = 32, LOOKUPS = 64 };

struct link {
    char name[IFNAMSIZ]; /* with zeros behind */
    uint32_t index;      /* 0 = it is not there yet */
};

struct place {
    enum { CHAIN, HOOKED_CHAIN, FLOWTABLE } kind;
    uint8_t family;
    char table[WORD], name[WORD];
};

/* A rule looks the interface up in a set. */
struct lookup {
    struct place place;
    char set[WORD];
    size_t offset; /* of the interface in the keys of that set */
    bool is_index; /* it is there as a number */
    bool has_it;   /* when it was looked into */
};

struct names {
    const struct move *move;
    struct link from, to;
    struct place places[PLACES];
    size_t count;
    struct lookup lookups[LOOKUPS];
    size_t lookup_count;
    bool more; /* there is more than was looked at */
};

static bool same_place(const struct place *a, const struct place *b)
{
    return a->kind == b->kind && a->family == b->family && text_equal(a->table, b->table) && text_equal(a->name, b->name);
}

static bool same_set(const struct lookup *a, const struct lookup *b)
{
    return a->place.family == b->place.family && text_equal(a->place.table, b->place.table) && text_equal(a->set, b->set)
           && a->offset == b->offset && a->is_index == b->is_index;
}

static void add(struct names *names, const struct place *place)
{
    for (size_t i = 0; i < names->count; i++)
        if (same_place(&names->places[i], place))
            return;
    if (names->count < PLACES)
        names->places[names->count++] = *place;
    else
        names->more = true;
}

static void add_lookup(struct names *names, const struct lookup *lookup)
{
    for (size_t i = 0; i < names->lookup_count; i++)
        if (same_set(&names->lookups[i], lookup) && same_place(&names->lookups[i].place, &lookup->place))
            return;
    if (names->lookup_count < LOOKUPS)
        names->lookups[names->lookup_count++] = *lookup;
    else
        names->more = true;
}

static struct place place_of(const struct nlmsghdr *message, int kind, uint16_t table, uint16_t name)
{
    struct place place = {.kind = kind, .family = ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family};

    filter_message_string(filter_message_attribute(message, table), place.table, sizeof(place.table));
    filter_message_string(filter_message_attribute(message, name), place.name, sizeof(place.name));
    return place;
}

/* -- rules ------------------------------------------------------------------------------------------------------------------- */

/* What a rule has in the registers: which interface a packet comes by or goes by. */
struct loaded {
    size_t offset; /* bytes from the first register */
    bool is_index;
};

struct reading {
    struct names *names;
    struct place place;
    struct loaded loaded[LOADED];
    size_t count;
};

static size_t offset_of(uint32_t number)
{
    return number < NFT_REG32_00 ? REGISTER * (number - NFT_REG_1) : SMALL_REGISTER * (number - NFT_REG32_00);
}

static void load(struct reading *rule, const struct nlattr *data)
{
    uint32_t key = filter_message_number(filter_message_find(data, NFTA_META_KEY), UINT32_MAX);
    const struct nlattr *target = filter_message_find(data, NFTA_META_DREG);
    bool is_index = key == NFT_META_IIF || key == NFT_META_OIF;

    if (!is_index && key != NFT_META_IIFNAME && key != NFT_META_OIFNAME && key != NFT_META_BRI_IIFNAME && key != NFT_META_BRI_OIFNAME)
        return;
    if (target && rule->count < LOADED)
        rule->loaded[rule->count++] = (struct loaded){offset_of(filter_message_number(target, NFT_REG_1)), is_index};
}

/* A name that is cut short stands for all that begin so. */
static bool is_link(const struct link *link, const void *bytes, size_t size, bool is_index)
{
    if (is_index)
        return size == sizeof(link->index) && link->index && memcmp(bytes, &link->index, size) == 0;
    return size && size <= IFNAMSIZ && memcmp(bytes, link->name, size) == 0;
}

static void compare(struct reading *rule, const struct nlattr *data)
{
    const struct nlattr *value = filter_message_find(filter_message_find(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);
    size_t offset = offset_of(filter_message_number(filter_message_find(data, NFTA_CMP_SREG), NFT_REG_1));

    for (size_t i = 0; value && i < rule->count; i++) {
        const void *bytes = mnl_attr_get_payload(value);
        size_t size = mnl_attr_get_payload_len(value);
        bool is_index = rule->loaded[i].is_index;

        if (rule->loaded[i].offset == offset && is_link(&rule->names->from, bytes, size, is_index)
            && !is_link(&rule->names->to, bytes, size, is_index))
            add(rule->names, &rule->place);
    }
}

/* The set is looked into when the rules have been heard. */
static void look_up(struct reading *rule, const struct nlattr *data)
{
    size_t offset = offset_of(filter_message_number(filter_message_find(data, NFTA_LOOKUP_SREG), NFT_REG_1));

    for (size_t i = 0; i < rule->count; i++) {
        struct lookup lookup = {.place = rule->place, .is_index = rule->loaded[i].is_index};

        if (rule->loaded[i].offset < offset)
            continue;
        filter_message_string(filter_message_find(data, NFTA_LOOKUP_SET), lookup.set, sizeof(lookup.set));
        lookup.offset = rule->loaded[i].offset - offset;
        add_lookup(rule->names, &lookup);
    }
}

static void read_expression(struct reading *rule, const struct nlattr *expression)
{
    const struct nlattr *data = filter_message_find(expression, NFTA_EXPR_DATA);
    char kind[WORD];

    filter_message_string(filter_message_find(expression, NFTA_EXPR_NAME), kind, sizeof(kind));
    if (text_equal(kind, "meta")) {
        load(rule, data);
        return;
    }
    if (text_equal(kind, "payload") || text_equal(kind, "ct")) /* another part of a key, perhaps */
        return;
    if (text_equal(kind, "cmp"))
        compare(rule, data);
    else if (text_equal(kind, "lookup"))
        look_up(rule, data);
    rule->count = 0;
}

/* Those that are hooked on an interface see its packets as before. */
static int hear_rule(const struct nlmsghdr *message, void *context)
{
    const struct nlattr *expressions = filter_message_attribute(message, NFTA_RULE_EXPRESSIONS), *expression;
    struct reading rule = {.names = context, .place = place_of(message, CHAIN, NFTA_RULE_TABLE, NFTA_RULE_CHAIN)};

    if (expressions && rule.place.family != NFPROTO_NETDEV)
        mnl_attr_for_each_nested(expression, expressions)
            read_expression(&rule, expression);
    return MNL_CB_OK;
}

/* -- sets -------------------------------------------------------------------------------------------------------------------- */

struct search {
    const struct names *names;
    const struct lookup *lookup;
    bool from, to;
    bool has_ranges; /* of names that begin alike, for one */
};

static bool is_key(const struct link *link, const struct lookup *lookup, const struct nlattr *key)
{
    size_t size = lookup->is_index ? sizeof(link->index) : IFNAMSIZ;
    const uint8_t *bytes = mnl_attr_get_payload(key);

    return lookup->offset + size <= mnl_attr_get_payload_len(key) && is_link(link, bytes + lookup->offset, size, lookup->is_index);
}

static bool is_range(const struct nlattr *element)
{
    uint32_t flags = filter_message_number(filter_message_find(element, NFTA_SET_ELEM_FLAGS), 0);

    return flags & NFT_SET_ELEM_INTERVAL_END || filter_message_find(element, NFTA_SET_ELEM_KEY_END);
}

static int hear_elements(const struct nlmsghdr *message, void *context)
{
    const struct nlattr *elements = filter_message_attribute(message, NFTA_SET_ELEM_LIST_ELEMENTS), *element;
    struct search *search = context;

    if (elements)
        mnl_attr_for_each_nested(element, elements) {
            const struct nlattr *key = filter_message_find(filter_message_find(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);

            search->has_ranges |= is_range(element);
            search->from |= key && is_key(&search->names->from, search->lookup, key);
            search->to |= key && is_key(&search->names->to, search->lookup, key);
        }
    return MNL_CB_OK;
}

static bool is_in_set(struct names *names, const struct lookup *lookup)
{
    struct filter_question question = {
        .type = NFT_MSG_GETSETELEM, .family = lookup->place.family, .table = lookup->place.table, .object = lookup->set};
    struct search search = {.names = names, .lookup = lookup};

    names->more |= filter_message_ask(&question, hear_elements, &search) < 0 || search.has_ranges;
    return search.from && !search.to;
}

/* Adds those whose set has the interface; each set is asked for once. */
static void look_into_sets(struct names *names)
{
    for (size_t i = 0; i < names->lookup_count; i++) {
        struct lookup *lookup = &names->lookups[i];
        size_t before = 0;

        while (before < i && !same_set(&names->lookups[before], lookup))
            before++;
        lookup->has_it = before < i ? names->lookups[before].has_it : is_in_set(names, lookup);
        if (lookup->has_it)
            add(names, &lookup->place);
    }
}

/* -- hooks ------------------------------------------------------------------------------------------------------------------- */

static bool has_device(const struct nlattr *devices, const char *name)
{
    const struct nlattr *device;
    char word[WORD];

    if (devices)
        mnl_attr_for_each_nested(device, devices) {
            filter_message_string(device, word, sizeof(word));
            if (text_equal(word, name))
                return true;
        }
    return false;
}

static int hear_chain(const struct nlmsghdr *message, void *context)
{
    struct names *names = context;
    const struct nlattr *hook = filter_message_attribute(message, NFTA_CHAIN_HOOK);
    struct place place = place_of(message, HOOKED_CHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME);
    char device[WORD];

    filter_message_string(filter_message_find(hook, NFTA_HOOK_DEV), device, sizeof(device));
    if (text_equal(device, names->from.name) || has_device(filter_message_find(hook, NFTA_HOOK_DEVS), names->from.name))
        add(names, &place);
    return MNL_CB_OK;
}

static int hear_flowtable(const struct nlmsghdr *message, void *context)
{
    struct names *names = context;
    const struct nlattr *devices =
        filter_message_find(filter_message_attribute(message, NFTA_FLOWTABLE_HOOK), NFTA_FLOWTABLE_HOOK_DEVS);
    struct place place = place_of(message, FLOWTABLE, NFTA_FLOWTABLE_TABLE, NFTA_FLOWTABLE_NAME);

    if (has_device(devices, names->from.name) && !has_device(devices, names->to.name))
        add(names, &place);
    return MNL_CB_OK;
}

/* -- together ---------------------------------------------------------------------------------------------------------------- */

static const char *family_name(uint8_t family)
{
    return family == NFPROTO_IPV4     ? "ip"
           : family == NFPROTO_IPV6   ? "ip6"
           : family == NFPROTO_INET   ? "inet"
           : family == NFPROTO_ARP    ? "arp"
           : family == NFPROTO_BRIDGE ? "bridge"
                                      : "netdev";
}

static void describe(const struct names *names, const struct place *place, struct text *lines)
{
    const char *from = names->from.name, *to = names->to.name, *family = family_name(place->family);
    bool out = names->move->out;

    text_format(lines, "nftables: %s %s of the table %s %s ", place->kind == FLOWTABLE ? "the flowtable" : "the chain", place->name,
                family, place->table);
    if (place->kind == FLOWTABLE)
        text_format(lines, "is for %s: what is routed goes by %s, and not through it any more: put %s into it\n", from, to, to);
    else if (place->kind == HOOKED_CHAIN && out)
        text_format(lines, "is hooked on %s, and sees nothing when that is gone: hook it on %s\n", from, to);
    else if (place->kind == HOOKED_CHAIN)
        text_format(lines, "is hooked on %s and stays so: it sees what is for %s and its other ports, too: see that it lets that through\n",
                    from, to);
    else if (place->family == NFPROTO_BRIDGE && !out)
        text_format(lines, "has rules for %s: as a port of %s it passes them: see that they let through what they should\n", from, to);
    else
        text_format(lines, "has rules for %s: packets come and go by %s then, and those rules see none: have them for %s as well "
                    "('nft list chain %s %s %s' shows them)\n", from, to, to, family, place->table, place->name);
}

static int read_places(struct names *names)
{
    int result = filter_message_ask(&(struct filter_question){.type = NFT_MSG_GETRULE}, hear_rule, names);

    if (result == 0) {
        look_into_sets(names);
        result = filter_message_ask(&(struct filter_question){.type = NFT_MSG_GETCHAIN}, hear_chain, names);
    }
    if (result == 0)
        result = filter_message_ask(&(struct filter_question){.type = NFT_MSG_GETFLOWTABLE}, hear_flowtable, names);
    return filter_message_is_unknown(result) ? 0 : result;
}

int filter_names(const struct move *move, struct text *lines, struct error *err)
{
    struct names names = {.move = move};
    int result;

    text_copy(names.from.name, sizeof(names.from.name), move->out ? move->bridge : move->nic);
    text_copy(names.to.name, sizeof(names.to.name), move->out ? move->nic : move->bridge);
    names.from.index = if_nametoindex(names.from.name);
    names.to.index = if_nametoindex(names.to.name);
    result = read_places(&names);
    for (size_t i = 0; i < names.count; i++)
        describe(&names, &names.places[i], lines);
    if (names.more)
        text_format(lines, "nftables: there are more chains or sets than were looked into, and they may name %s, too ('nft list ruleset' "
                    "shows them)\n", names.from.name);
    return result < 0 ? error_errno(err, result, "cannot read the rules of nftables") : 0;
}
