/* The kernel's own messages of addresses, routes, rules and neighbours, said anew. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "netdev/netdev_internal.h"

/* -- taken ---------------------------------------------------------------------------------------------------------------------- */

static const char *what_it_does(uint16_t type)
{
    switch (type) {
    case RTM_NEWADDR:
        return "add address";
    case RTM_DELADDR:
        return "delete address";
    case RTM_NEWROUTE:
        return "add route";
    case RTM_DELROUTE:
        return "delete route";
    case RTM_NEWRULE:
        return "add rule";
    case RTM_DELRULE:
        return "delete rule";
    case RTM_NEWNEXTHOP:
        return "add nexthop object";
    case RTM_DELNEXTHOP:
        return "delete nexthop object";
    case RTM_NEWNEIGH:
        return "add neighbour";
    case RTM_DELNEIGH:
        return "delete neighbour";
    default:
        return "say anew";
    }
}

/* rtnetlink's types come in fours: NEW, DEL, GET, SET. */
static bool deletes(uint16_t type)
{
    return type % 4 == 1;
}

static int add(struct netdev_request *request, const struct replay *replay, struct error *err)
{
    const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)replay->message;
    const char *interface = request->step->interface;
    struct netdev_message *message;

    if (replay->size < sizeof(*header) || header->nlmsg_len != replay->size)
        return error_set(err, EINVAL, "%s: a message of %zu bytes is none", interface, replay->size);
    for (size_t i = 0; i < replay->index_count; i++)
        if (replay->indices[i].offset > replay->size - sizeof(uint32_t))
            return error_set(err, EINVAL, "%s: a message with an index outside itself", interface);
    message = APPEND(request->messages, request->count);
    message->header = memory_copy(replay->message, replay->size);
    message->header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    message->when = replay->when_busy ? NETDEV_WHEN_BUSY : NETDEV_ALWAYS;
    message->fine = replay->fine;
    message->gone_is_fine = replay->gone_is_fine || deletes(header->nlmsg_type);
    for (size_t i = 0; i < replay->index_count; i++) {
        message->indices[i].offset = replay->indices[i].offset;
        text_copy(message->indices[i].name, INTERFACE_NAME_SIZE, replay->indices[i].name);
    }
    message->index_count = replay->index_count;
    text_copy(message->what, sizeof(message->what), what_it_does(header->nlmsg_type));
    return 0;
}

int netdev_replay_write(struct netdev_request *request, const struct step *step, struct error *err)
{
    int code = 0;

    for (const struct replay *replay = step->replay; code == 0 && replay; replay = replay->next)
        code = add(request, replay, err);
    return code;
}

/* -- made ----------------------------------------------------------------------------------------------------------------------- */

/* Flags of an address that can be asked for; the others are the kernel's own findings. */
#define ADDRESS_FLAGS (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)
#define ROUTE_FLAGS (RTNH_F_PERVASIVE | RTNH_F_ONLINK)
#define RULE_FLAGS (FIB_RULE_PERMANENT | FIB_RULE_INVERT)
#define CLOCK 100 /* USER_HZ */

struct making {
    const struct netdev *netdev;
    const struct nlmsghdr *from;
    const struct netdev_twist *twist;
    struct nlmsghdr *to;
    struct replay *replay;
};

/* Other links than the one that is moved are named where there is room; their indices last as long as they do, besides. */
static void put_index(struct making *making, const void *place, uint32_t index)
{
    const struct interface *link = netdev_cache_find(&making->netdev->cache, (int)index);
    const char *name = link ? link->name : NULL;
    struct replay *replay = making->replay;

    if (name && text_equal(name, making->twist->from) && making->twist->to)
        name = making->twist->to;
    memcpy((void *)(uintptr_t)place, &index, sizeof(index));
    if (!name || replay->index_count == ARRAY_SIZE(replay->indices))
        return;
    replay->indices[replay->index_count].offset = (size_t)((const char *)place - (const char *)making->to);
    text_copy(replay->indices[replay->index_count++].name, INTERFACE_NAME_SIZE, name);
}

static void put_same(struct making *making, const struct nlattr *attribute)
{
    mnl_attr_put(making->to, attribute->nla_type, mnl_attr_get_payload_len(attribute), mnl_attr_get_payload(attribute));
}

static void put_attribute_index(struct making *making, const struct nlattr *attribute)
{
    const struct nlattr *place = mnl_nlmsg_get_payload_tail(making->to);

    put_same(making, attribute);
    put_index(making, mnl_attr_get_payload(place), mnl_attr_get_u32(attribute));
}

/* "eth0" and "eth0:1" become those of the other link; any other label is not the kernel's way. */
static void put_label(struct making *making, const char *label)
{
    const struct netdev_twist *twist = making->twist;
    size_t length = strlen(twist->from);
    char text[2 * INTERFACE_NAME_SIZE];

    if (!twist->to || strncmp(label, twist->from, length) != 0 || (label[length] && label[length] != ':'))
        snprintf(text, sizeof(text), "%s", label);
    else
        snprintf(text, sizeof(text), "%s%s", twist->to, label + length);
    if (strlen(text) < INTERFACE_NAME_SIZE) /* else without one: it is a name alone */
        mnl_attr_put_strz(making->to, IFA_LABEL, text);
}

static void make_address(struct making *making, struct ifaddrmsg *fixed)
{
    uint32_t flags = fixed->ifa_flags;
    const struct nlattr *attribute;

    put_index(making, &fixed->ifa_index, fixed->ifa_index);
    mnl_attr_for_each(attribute, making->from, sizeof(*fixed)) {
        switch (mnl_attr_get_type(attribute)) {
        case IFA_FLAGS:
            flags = mnl_attr_get_u32(attribute);
            break;
        case IFA_LABEL:
            put_label(making, mnl_attr_get_str(attribute));
            break;
        case IFA_CACHEINFO:
            if (making->twist->delete)
                break;
            /* fall through */
        default:
            put_same(making, attribute);
        }
    }
    flags = (flags & ADDRESS_FLAGS) | making->twist->address_flags;
    fixed->ifa_flags = (uint8_t)flags;
    mnl_attr_put_u32(making->to, IFA_FLAGS, flags);
}

static void make_multipath(struct making *making, const struct nlattr *attribute)
{
    struct nlattr *place = mnl_nlmsg_get_payload_tail(making->to);
    struct rtnexthop *hop = mnl_attr_get_payload(place);
    int rest = mnl_attr_get_payload_len(attribute);

    put_same(making, attribute);
    for (; rest >= (int)sizeof(*hop) && RTNH_OK(hop, rest); rest -= (int)RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
        hop->rtnh_flags &= ROUTE_FLAGS;
        put_index(making, &hop->rtnh_ifindex, (uint32_t)hop->rtnh_ifindex);
    }
}

static void make_route(struct making *making, struct rtmsg *fixed)
{
    const struct nlattr *attribute;

    fixed->rtm_flags &= ROUTE_FLAGS;
    mnl_attr_for_each(attribute, making->from, sizeof(*fixed)) {
        const struct rta_cacheinfo *life = mnl_attr_get_payload(attribute);

        switch (mnl_attr_get_type(attribute)) {
        case RTA_OIF:
        case RTA_IIF:
            put_attribute_index(making, attribute);
            break;
        case RTA_MULTIPATH:
            make_multipath(making, attribute);
            break;
        case RTA_CACHEINFO: /* told thus, and asked for otherwise */
            if (fixed->rtm_family == AF_INET6 && (int32_t)life->rta_expires > 0 && !making->twist->delete)
                mnl_attr_put_u32(making->to, RTA_EXPIRES, (life->rta_expires + CLOCK - 1) / CLOCK);
            break;
        default:
            put_same(making, attribute);
        }
    }
}

static void make_nexthop(struct making *making, struct nhmsg *fixed)
{
    const struct nlattr *attribute;

    fixed->nh_scope = 0;
    fixed->nh_flags &= RTNH_F_ONLINK;
    mnl_attr_for_each(attribute, making->from, sizeof(*fixed)) {
        if (making->twist->delete && mnl_attr_get_type(attribute) != NHA_ID)
            continue;
        if (mnl_attr_get_type(attribute) == NHA_OIF)
            put_attribute_index(making, attribute);
        else
            put_same(making, attribute);
    }
}

/* Rules name their links, also such as there are not. */
static void make_rule(struct making *making, struct fib_rule_hdr *fixed)
{
    const struct netdev_twist *twist = making->twist;
    const struct nlattr *attribute;

    fixed->flags &= RULE_FLAGS;
    mnl_attr_for_each(attribute, making->from, sizeof(*fixed)) {
        uint16_t type = mnl_attr_get_type(attribute);

        if ((type == FRA_IIFNAME || type == FRA_OIFNAME) && twist->to && text_equal(mnl_attr_get_str(attribute), twist->from))
            mnl_attr_put_strz(making->to, type, twist->to);
        else
            put_same(making, attribute);
    }
}

static void make_neighbour(struct making *making, struct ndmsg *fixed)
{
    const struct nlattr *attribute;

    put_index(making, &fixed->ndm_ifindex, (uint32_t)fixed->ndm_ifindex);
    if (making->twist->state)
        fixed->ndm_state = making->twist->state;
    mnl_attr_for_each(attribute, making->from, sizeof(*fixed)) {
        uint16_t type = mnl_attr_get_type(attribute);

        if (type != NDA_CACHEINFO && type != NDA_PROBES)
            put_same(making, attribute);
    }
}

static size_t fixed_size(uint16_t type)
{
    switch (type) {
    case RTM_NEWADDR:
        return sizeof(struct ifaddrmsg);
    case RTM_NEWROUTE:
        return sizeof(struct rtmsg);
    case RTM_NEWRULE:
        return sizeof(struct fib_rule_hdr);
    case RTM_NEWNEIGH:
        return sizeof(struct ndmsg);
    default:
        return sizeof(struct nhmsg);
    }
}

static void make(struct making *making)
{
    void *fixed = mnl_nlmsg_put_extra_header(making->to, fixed_size(making->from->nlmsg_type));

    memcpy(fixed, mnl_nlmsg_get_payload(making->from), fixed_size(making->from->nlmsg_type));
    switch (making->from->nlmsg_type) {
    case RTM_NEWADDR:
        make_address(making, fixed);
        break;
    case RTM_NEWROUTE:
        make_route(making, fixed);
        break;
    case RTM_NEWRULE:
        make_rule(making, fixed);
        break;
    case RTM_NEWNEIGH:
        make_neighbour(making, fixed);
        break;
    default:
        make_nexthop(making, fixed);
    }
}

struct replay *netdev_replay_new(const struct netdev *netdev, const struct nlmsghdr *message, const struct netdev_twist *twist)
{
    struct replay *replay = NEW(struct replay);
    size_t room = message->nlmsg_len + 64; /* what is added: a longer name, flags, a life */

    replay->message = memory_new(room);
    mnl_nlmsg_put_header(replay->message);
    make(&(struct making){netdev, message, twist, (struct nlmsghdr *)(void *)replay->message, replay});
    ((struct nlmsghdr *)(void *)replay->message)->nlmsg_type = message->nlmsg_type + (twist->delete ? 1 : 0);
    ((struct nlmsghdr *)(void *)replay->message)->nlmsg_flags = twist->flags;
    replay->size = ((struct nlmsghdr *)(void *)replay->message)->nlmsg_len;
    replay->fine = twist->delete ? 0 : EEXIST;
    return replay;
}
