/* The tables of legacy iptables, as one block of entries per table. Asking for a table makes it, so only those that
 * /proc/net/ip_tables_names lists are asked for. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "filter/filter_internal.h"

enum { TRIES = 5, LARGEST = 64 << 20 };

/* The two families have the same entries but for the condition at their beginning. */
struct family {
    const char *names; /* of tables */
    const char *command;
    int protocol, level, get_info, get_entries;
    size_t entry, target_offset, next_offset, condition;
    size_t in, out, in_mask, out_mask;
};

static const struct family families[] = {
    {"/proc/thread-self/net/ip_tables_names", "iptables", AF_INET, IPPROTO_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES,
     sizeof(struct ipt_entry), offsetof(struct ipt_entry, target_offset), offsetof(struct ipt_entry, next_offset),
     sizeof(struct ipt_ip), offsetof(struct ipt_ip, iniface), offsetof(struct ipt_ip, outiface),
     offsetof(struct ipt_ip, iniface_mask), offsetof(struct ipt_ip, outiface_mask)},
    {"/proc/thread-self/net/ip6_tables_names", "ip6tables", AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES,
     sizeof(struct ip6t_entry), offsetof(struct ip6t_entry, target_offset), offsetof(struct ip6t_entry, next_offset),
     sizeof(struct ip6t_ip6), offsetof(struct ip6t_ip6, iniface), offsetof(struct ip6t_ip6, outiface),
     offsetof(struct ip6t_ip6, iniface_mask), offsetof(struct ip6t_ip6, outiface_mask)},
};
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "read as one type");
_Static_assert(offsetof(struct ipt_get_entries, entrytable) == offsetof(struct ip6t_get_entries, entrytable), "read as one type");

static bool has_table(const struct family *family)
{
    CLEANUP(freep) char *text = NULL;

    return file_read(-1, family->names, 4096, &text, NULL, NULL) == 0 &&
           (text_starts(text, "filter\n") || strstr(text, "\nfilter\n"));
}

static uint16_t half(const uint8_t *entry, size_t offset)
{
    uint16_t value;

    memcpy(&value, entry + offset, sizeof(value));
    return value;
}

/* A standard target's verdict, as the kernel counts: -NF_DROP - 1 and so on; 0 for anything else. */
static int verdict_of(const struct family *family, const uint8_t *entry, size_t size)
{
    struct xt_standard_target target;
    size_t offset = half(entry, family->target_offset);

    if (offset < family->entry || offset + sizeof(target) > size)
        return 0;
    memcpy(&target, entry + offset, sizeof(target));
    return target.target.u.user.name[0] ? 0 : target.verdict;
}

/* Name and mask; only a whole name (with its NUL) is understood. */
static void read_name(const uint8_t *name, const uint8_t *mask, struct filter_rule *rule, char ret[16])
{
    size_t length = strnlen((const char *)name, IFNAMSIZ - 1);

    for (size_t i = 0; i < IFNAMSIZ; i++)
        if ((mask[i] == 0xff) != (name[0] && i <= length))
            rule->other = true;
    memcpy(ret, name, length);
    ret[length] = '\0';
}

static void read_condition(const struct family *family, const uint8_t *entry, struct filter_rule *rule)
{
    uint8_t rest[sizeof(struct ip6t_ip6)];

    read_name(entry + family->in, entry + family->in_mask, rule, rule->in);
    read_name(entry + family->out, entry + family->out_mask, rule, rule->out);
    memcpy(rest, entry, family->condition);
    memset(rest + family->in, 0, IFNAMSIZ);
    memset(rest + family->out, 0, IFNAMSIZ);
    memset(rest + family->in_mask, 0, IFNAMSIZ);
    memset(rest + family->out_mask, 0, IFNAMSIZ);
    for (size_t i = 0; i < family->condition; i++)
        rule->other |= rest[i] != 0;
}

static void read_matches(const struct family *family, const uint8_t *entry, size_t size, struct filter_rule *rule)
{
    size_t end = half(entry, family->target_offset), place = family->entry;

    while (place + sizeof(struct xt_entry_match) <= end && end <= size) {
        struct xt_entry_match match;
        char name[sizeof(match.u.user.name) + 1];

        memcpy(&match, entry + place, sizeof(match));
        if (match.u.match_size < sizeof(match) || match.u.match_size > end - place)
            break;
        snprintf(name, sizeof(name), "%.*s", (int)sizeof(match.u.user.name), match.u.user.name);
        filter_rule_match(rule, name, entry + place + sizeof(match), match.u.match_size - sizeof(match));
        place += match.u.match_size;
    }
    rule->other |= place != end;
}

/* The rules of the chain FORWARD, then its policy. */
static bool drops(const struct family *family, const struct filter_scope *scope, const struct ipt_getinfo *info,
                  const uint8_t *entries)
{
    size_t place = info->hook_entry[NF_INET_FORWARD], policy = info->underflow[NF_INET_FORWARD];

    while (place < policy && policy + family->entry <= info->size) {
        const uint8_t *entry = entries + place;
        size_t size = half(entry, family->next_offset);
        struct filter_rule rule = {0};

        if (size < family->entry || size > info->size - place)
            return false;
        rule.accept = verdict_of(family, entry, size) == -NF_ACCEPT - 1;
        read_condition(family, entry, &rule);
        read_matches(family, entry, size, &rule);
        if (filter_rule_lets_pass(&rule, scope, false))
            return false;
        place += size;
    }
    return policy + family->entry <= info->size && verdict_of(family, entries + policy, info->size - policy) == -NF_DROP - 1;
}

static int judge(const struct family *family, const struct filter_scope *scope, int fd)
{
    struct ipt_getinfo info = {.name = "filter"};
    socklen_t size = sizeof(info);

    if (getsockopt(fd, family->level, family->get_info, &info, &size) < 0)
        return -errno;
    if (info.size > LARGEST)
        return -EFBIG;
    if (!(info.valid_hooks & 1u << NF_INET_FORWARD))
        return 0;
    CLEANUP(freep) struct ipt_get_entries *entries = memory_new(sizeof(*entries) + info.size);
    text_copy(entries->name, sizeof(entries->name), "filter");
    entries->size = info.size;
    size = (socklen_t)(sizeof(*entries) + info.size);
    if (getsockopt(fd, family->level, family->get_entries, entries, &size) < 0)
        return -errno;
    return drops(family, scope, &info, (const uint8_t *)entries->entrytable);
}

static int find_in(const struct family *family, const struct filter_scope *scope, struct error *err)
{
    CLEANUP(close_fdp) int fd = socket(family->protocol, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    int result = -EAGAIN;

    if (fd < 0)
        return error_errno(err, errno, "cannot open a raw socket to read the rules of %s", family->command);
    for (int i = 0; i < TRIES && result == -EAGAIN; i++) /* changed between the two questions */
        result = judge(family, scope, fd);
    if (result < 0)
        return error_errno(err, result, "cannot read the rules of %s", family->command);
    return result;
}

int filter_legacy_find(const struct filter_scope *scope, struct filter_culprit *ret, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        const struct family *family = &families[i];
        bool ipv6 = family->protocol == AF_INET6;
        int result;

        if (!(ipv6 ? scope->ipv6 : scope->ipv4) || !has_table(family))
            continue;
        result = find_in(family, scope, err);
        if (result < 0)
            return result;
        if (result == 0)
            continue;
        *ret = (struct filter_culprit){.ipv6 = ipv6};
        snprintf(ret->what, sizeof(ret->what), "the chain FORWARD of %s (legacy)", family->command);
        snprintf(ret->cure, sizeof(ret->cure), "%s-legacy -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT", family->command);
        return 1;
    }
    return 0;
}
