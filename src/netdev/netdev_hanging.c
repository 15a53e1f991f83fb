/* What hangs on a link, as the kernel's own messages: addresses, nexthop objects, routes, rules and neighbours. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "netdev/netdev_internal.h"

enum { TRIES = 5 }; /* of a dump that is torn by changes */

struct reading {
    const char *name;
    uint32_t index;
    struct netdev_hanging *hanging;
    struct nlmsghdr *last; /* route of the dump, of whatever link; owned */
};

/* -- attributes ----------------------------------------------------------------------------------------------------------------- */

static const struct nlattr *find(const struct nlmsghdr *message, size_t fixed, uint16_t type)
{
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, message, fixed)
        if (mnl_attr_get_type(attribute) == type)
            return attribute;
    return NULL;
}

static uint32_t number(const struct nlmsghdr *message, size_t fixed, uint16_t type, uint32_t otherwise)
{
    const struct nlattr *attribute = find(message, fixed, type);

    return attribute && mnl_attr_get_payload_len(attribute) >= sizeof(uint32_t) ? mnl_attr_get_u32(attribute) : otherwise;
}

static bool same_bytes(const struct nlattr *a, const struct nlattr *b)
{
    if (!a || !b)
        return !a && !b;
    return a->nla_len == b->nla_len && memcmp(mnl_attr_get_payload(a), mnl_attr_get_payload(b), mnl_attr_get_payload_len(a)) == 0;
}

static bool same_bits(const void *a, const void *b, unsigned bits)
{
    const uint8_t *first = a, *second = b;
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(first, second, whole) != 0)
        return false;
    return rest == 0 || (first[whole] ^ second[whole]) >> (8 - rest) == 0;
}

/* -- does it hang on the link? -------------------------------------------------------------------------------------------------- */

static bool hop_is_there(const struct nlattr *multipath, uint32_t index)
{
    const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
    int rest = mnl_attr_get_payload_len(multipath);

    for (; rest >= (int)sizeof(*hop) && RTNH_OK(hop, rest); rest -= (int)RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
        if ((uint32_t)hop->rtnh_ifindex == index)
            return true;
    return false;
}

static bool route_hangs(const struct reading *reading, const struct nlmsghdr *message)
{
    const struct rtmsg *fixed = mnl_nlmsg_get_payload(message);
    const struct nlattr *multipath = find(message, sizeof(*fixed), RTA_MULTIPATH);

    if (fixed->rtm_family != AF_INET && fixed->rtm_family != AF_INET6)
        return false;
    if (fixed->rtm_flags & RTM_F_CLONED || find(message, sizeof(*fixed), RTA_NH_ID)) /* goes where its nexthop object goes */
        return false;
    if (multipath)
        return hop_is_there(multipath, reading->index);
    return number(message, sizeof(*fixed), RTA_OIF, 0) == reading->index;
}

static bool rule_hangs(const struct reading *reading, const struct nlmsghdr *message)
{
    static const uint16_t names[] = {FRA_IIFNAME, FRA_OIFNAME};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct nlattr *attribute = find(message, sizeof(struct fib_rule_hdr), names[i]);

        if (attribute && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0
            && text_equal(mnl_attr_get_str(attribute), reading->name))
            return true;
    }
    return false;
}

static bool neighbour_hangs(const struct reading *reading, const struct nlmsghdr *message)
{
    const struct ndmsg *fixed = mnl_nlmsg_get_payload(message);

    return (fixed->ndm_family == AF_INET || fixed->ndm_family == AF_INET6) && (uint32_t)fixed->ndm_ifindex == reading->index
           && (fixed->ndm_flags & NTF_PROXY
               || (fixed->ndm_state & (NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)
                   && find(message, sizeof(*fixed), NDA_LLADDR)));
}

static bool hangs(const struct reading *reading, const struct nlmsghdr *message)
{
    const struct ifaddrmsg *address = mnl_nlmsg_get_payload(message);

    switch (message->nlmsg_type) {
    case RTM_NEWADDR:
        return (address->ifa_family == AF_INET || address->ifa_family == AF_INET6) && address->ifa_index == reading->index;
    case RTM_NEWNEXTHOP:
        return number(message, sizeof(struct nhmsg), NHA_OIF, 0) == reading->index;
    case RTM_NEWROUTE:
        return route_hangs(reading, message);
    case RTM_NEWRULE:
        return rule_hangs(reading, message);
    case RTM_NEWNEIGH:
        return neighbour_hangs(reading, message);
    default:
        return false;
    }
}

/* -- what it is ----------------------------------------------------------------------------------------------------------------- */

/* The kernel's tables hold routes of the same key one after the other, and so do its dumps. */
static bool same_key(const struct nlmsghdr *a, const struct nlmsghdr *b)
{
    const struct rtmsg *first = mnl_nlmsg_get_payload(a), *second = mnl_nlmsg_get_payload(b);

    return first->rtm_family == second->rtm_family && first->rtm_dst_len == second->rtm_dst_len
           && first->rtm_src_len == second->rtm_src_len && first->rtm_tos == second->rtm_tos
           && number(a, sizeof(*first), RTA_TABLE, first->rtm_table) == number(b, sizeof(*second), RTA_TABLE, second->rtm_table)
           && number(a, sizeof(*first), RTA_PRIORITY, 0) == number(b, sizeof(*second), RTA_PRIORITY, 0)
           && same_bytes(find(a, sizeof(*first), RTA_DST), find(b, sizeof(*second), RTA_DST))
           && same_bytes(find(a, sizeof(*first), RTA_SRC), find(b, sizeof(*second), RTA_SRC));
}

static bool makes(const struct nlmsghdr *message, const struct nlmsghdr *route)
{
    const struct ifaddrmsg *fixed = mnl_nlmsg_get_payload(message);
    const struct rtmsg *to = mnl_nlmsg_get_payload(route);
    const struct nlattr *address = find(message, sizeof(*fixed), IFA_ADDRESS), *destination = find(route, sizeof(*to), RTA_DST);
    uint32_t priority = fixed->ifa_family == AF_INET6 ? 256 : 0; /* IP6_RT_PRIO_ADDRCONF */

    return message->nlmsg_type == RTM_NEWADDR && fixed->ifa_family == to->rtm_family && fixed->ifa_prefixlen == to->rtm_dst_len
           && !(number(message, sizeof(*fixed), IFA_FLAGS, fixed->ifa_flags) & IFA_F_NOPREFIXROUTE) && address && destination
           && address->nla_len == destination->nla_len
           && number(message, sizeof(*fixed), IFA_RT_PRIORITY, priority) == number(route, sizeof(*to), RTA_PRIORITY, 0)
           && same_bits(mnl_attr_get_payload(address), mnl_attr_get_payload(destination), to->rtm_dst_len);
}

/* Those of the table "local", and the connected one of an address: addresses are asked for first. Program and person may make a
 * route by the kernel's name (RTPROT_KERNEL), as NetworkManager does. */
static bool is_kernels_own(const struct netdev_hanging *hanging, const struct nlmsghdr *message)
{
    const struct rtmsg *fixed = mnl_nlmsg_get_payload(message);

    if (fixed->rtm_protocol != RTPROT_KERNEL)
        return false;
    if (number(message, sizeof(*fixed), RTA_TABLE, fixed->rtm_table) == RT_TABLE_LOCAL || fixed->rtm_type != RTN_UNICAST)
        return true;
    for (size_t i = 0; i < hanging->count; i++)
        if (makes(hanging->items[i].message, message))
            return true;
    return false;
}

static enum netdev_thing thing_of(const struct netdev_hanging *hanging, const struct nlmsghdr *message)
{
    const struct ndmsg *neighbour = mnl_nlmsg_get_payload(message);

    switch (message->nlmsg_type) {
    case RTM_NEWADDR:
        return NETDEV_ADDRESS;
    case RTM_NEWNEXTHOP:
        return NETDEV_NEXTHOP;
    case RTM_NEWROUTE:
        return is_kernels_own(hanging, message) ? NETDEV_KERNELS_ROUTE : NETDEV_ROUTE;
    case RTM_NEWRULE:
        return NETDEV_RULE;
    default:
        return neighbour->ndm_flags & NTF_PROXY || neighbour->ndm_state & NUD_PERMANENT ? NETDEV_NEIGHBOUR : NETDEV_LEARNED;
    }
}

static int receive(struct nl_msg *msg, void *context)
{
    struct reading *reading = context;
    const struct nlmsghdr *message = nlmsg_hdr(msg);
    bool is_route = message->nlmsg_type == RTM_NEWROUTE, again = is_route && reading->last && same_key(reading->last, message);

    if (hangs(reading, message)) {
        enum netdev_thing thing = thing_of(reading->hanging, message);
        struct netdev_hanging_item *item = APPEND(reading->hanging->items, reading->hanging->count);

        item->message = memory_copy(message, message->nlmsg_len);
        item->thing = thing;
        item->first = !again;
    }
    if (is_route && !again) {
        free(reading->last);
        reading->last = memory_copy(message, message->nlmsg_len);
    }
    return NL_OK;
}

/* -- asking --------------------------------------------------------------------------------------------------------------------- */

static int ask(struct nl_sock *socket, int type, const void *fixed, size_t size, struct reading *reading, struct error *err)
{
    struct netdev_question question = {
        .type = type, .flags = NLM_F_DUMP, .fixed = fixed, .size = size, .receive = receive, .context = reading,
    };
    int code = netdev_dump_ask(socket, &question, err);

    if (code != -EOPNOTSUPP) /* a kernel without policy routing, without nexthop objects */
        return code;
    if (err)
        *err = (struct error){0};
    return 0;
}

/* Addresses first: by them the kernel's own routes are told from others. */
static int ask_all(struct nl_sock *socket, struct reading *reading, struct error *err)
{
    static const struct {
        int type;
        size_t size;
        uint8_t neighbour_flags;
    } questions[] = {
        {RTM_GETADDR, sizeof(struct ifaddrmsg), 0}, {RTM_GETNEXTHOP, sizeof(struct nhmsg), 0}, {RTM_GETROUTE, sizeof(struct rtmsg), 0},
        {RTM_GETRULE, sizeof(struct fib_rule_hdr), 0}, {RTM_GETNEIGH, sizeof(struct ndmsg), 0},
        {RTM_GETNEIGH, sizeof(struct ndmsg), NTF_PROXY},
    };
    int code = 0;

    for (size_t i = 0; code == 0 && i < ARRAY_SIZE(questions); i++) {
        union {
            struct ndmsg neighbour;
            char bytes[32];
        } fixed = {.neighbour.ndm_flags = questions[i].neighbour_flags};

        code = ask(socket, questions[i].type, &fixed, questions[i].size, reading, err);
    }
    return code;
}

void netdev_hanging_clear(struct netdev_hanging *hanging)
{
    for (size_t i = 0; i < hanging->count; i++)
        free(hanging->items[i].message);
    free(hanging->items);
    *hanging = (struct netdev_hanging){0};
}

int netdev_hanging_read(struct netdev *netdev, const char *name, struct netdev_hanging *ret_hanging, struct error *err)
{
    const struct interface *link = network_find(&netdev->cache.network, name);
    struct netdev_hanging hanging = {0};
    int code = -EAGAIN;

    if (!link)
        return error_errno(err, ENODEV, "%s: ask what hangs on it", name);
    for (int i = 0; i < TRIES && code == -EAGAIN; i++) {
        struct reading reading = {.name = name, .index = (uint32_t)link->index, .hanging = &hanging};

        netdev_hanging_clear(&hanging);
        code = ask_all(netdev->dump, &reading, err);
        free(reading.last);
    }
    if (code == -EAGAIN)
        code = error_set(err, EBUSY, "%s: what hangs on it changes all the time: try again", name);
    if (code < 0) {
        netdev_hanging_clear(&hanging);
        return code;
    }
    *ret_hanging = hanging;
    return 0;
}
