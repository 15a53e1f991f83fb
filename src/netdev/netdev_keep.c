/* The kernel's message of what a step is about to delete, so that it comes back as it was. */
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/move.h"
#include "netdev/netdev_internal.h"

static bool has_bytes(const struct nlmsghdr *message, size_t fixed, uint16_t type, const uint8_t *bytes, size_t size)
{
    static const uint8_t zero[16];
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, message, fixed)
        if (mnl_attr_get_type(attribute) == type)
            return mnl_attr_get_payload_len(attribute) == size && memcmp(mnl_attr_get_payload(attribute), bytes, size) == 0;
    return memcmp(zero, bytes, size) == 0;
}

static uint32_t number(const struct nlmsghdr *message, size_t fixed, uint16_t type, uint32_t otherwise)
{
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, message, fixed)
        if (mnl_attr_get_type(attribute) == type)
            return mnl_attr_get_u32(attribute);
    return otherwise;
}

static size_t size_of(int family)
{
    return family == AF_INET ? 4 : 16;
}

/* An IPv6 address without a peer has only IFA_ADDRESS, one with a peer is IFA_LOCAL. */
static bool is_address(const struct nlmsghdr *message, const struct address *address)
{
    const struct ifaddrmsg *fixed = mnl_nlmsg_get_payload(message);
    size_t size = size_of(address->family);

    return fixed->ifa_family == address->family && fixed->ifa_prefixlen == address->prefix
           && (has_bytes(message, sizeof(*fixed), IFA_LOCAL, address->bytes, size)
               || (address->family == AF_INET6 && has_bytes(message, sizeof(*fixed), IFA_ADDRESS, address->bytes, size)));
}

static bool is_route(const struct nlmsghdr *message, const struct route *route)
{
    const struct rtmsg *fixed = mnl_nlmsg_get_payload(message);
    size_t size = size_of(route->family);

    return fixed->rtm_family == route->family && fixed->rtm_dst_len == route->prefix && fixed->rtm_type == RTN_UNICAST
           && number(message, sizeof(*fixed), RTA_TABLE, fixed->rtm_table) == (route->table ? route->table : RT_TABLE_MAIN)
           && number(message, sizeof(*fixed), RTA_PRIORITY, 0) == route->metric
           && has_bytes(message, sizeof(*fixed), RTA_DST, route->destination, size)
           && (!route->has_gateway || has_bytes(message, sizeof(*fixed), RTA_GATEWAY, route->gateway, size));
}

static bool is_it(const struct netdev_hanging_item *item, const struct step *step)
{
    if (step->op == STEP_ADDRESS_DELETE)
        return item->thing == NETDEV_ADDRESS && is_address(item->message, &step->address);
    return (item->thing == NETDEV_ROUTE || item->thing == NETDEV_KERNELS_ROUTE) && is_route(item->message, &step->route);
}

static void keep(struct netdev *netdev, const struct netdev_hanging *hanging, struct step *step)
{
    struct netdev_twist twist = {.from = step->interface, .flags = NLM_F_CREATE};

    for (size_t i = 0; i < hanging->count && !step->undo; i++)
        if (is_it(&hanging->items[i], step))
            step->undo = netdev_replay_new(netdev, hanging->items[i].message, &twist);
}

static void append(struct replay **list, struct replay *replay)
{
    while (*list)
        list = &(*list)->next;
    *list = replay;
}

/* A port that is deleted as well comes back into its place by a step of its own. */
static void keep_port(struct netdev *netdev, const struct interface *port, struct replay **undo)
{
    struct step step = {.op = STEP_LINK_SET, .to = (struct interface *)(uintptr_t)port};
    struct replay *replay = NULL;

    step.fields = FIELD_BIT(FIELD_MASTER) | (port->set & FIELD_PORT_ALL);
    text_copy(step.interface, sizeof(step.interface), port->name);
    if (netdev_encode(netdev, &step, &replay, NULL) < 0)
        return;
    for (struct replay *message = replay; message; message = message->next)
        message->gone_is_fine = true;
    append(undo, replay);
}

/* Its metric holds the link's index, and a link that is made again has another one: it is made anew where it is wanted. */
static bool is_zeroconf(const struct netdev_hanging_item *item, const struct interface *link)
{
    for (size_t i = 0; item->thing == NETDEV_ROUTE && i < link->route_count; i++)
        if (move_is_zeroconf(&link->routes[i], link->index) && is_route(item->message, &link->routes[i]))
            return true;
    return false;
}

/* A link takes what hangs on it along, its ports' place too. */
static void keep_link(struct netdev *netdev, struct step *step)
{
    struct netdev_twist twist = {.from = step->interface, .flags = NLM_F_CREATE};
    const struct network *observed = netdev_observed(netdev);
    struct netdev_hanging hanging = {0};
    struct step make;
    struct replay *undo = NULL;

    if (!step->from || !step_invert(step, &make))
        return;
    if (netdev_encode(netdev, &make, &undo, NULL) == 0 && netdev_hanging_read(netdev, step->interface, &hanging, NULL) == 0) {
        for (size_t i = 0; i < hanging.count; i++)
            if (hanging.items[i].thing != NETDEV_KERNELS_ROUTE && hanging.items[i].thing != NETDEV_LEARNED
                && !is_zeroconf(&hanging.items[i], step->from))
                append(&undo, netdev_replay_new(netdev, hanging.items[i].message, &twist));
        for (size_t i = 0; i < observed->count; i++)
            if (text_equal(observed->items[i]->master, step->interface))
                keep_port(netdev, observed->items[i], &undo);
    }
    step->undo = undo;
    netdev_hanging_clear(&hanging);
    step_clear(&make);
}

void netdev_keep(struct netdev *netdev, struct plan *plan)
{
    struct netdev_hanging hanging = {0};
    const char *of = NULL; /* whose they are: steps of one link stand together, as a rule */

    for (size_t i = 0; i < plan->count; i++) {
        struct step *step = &plan->steps[i];

        if (step->op == STEP_LINK_DELETE && !step->undo)
            keep_link(netdev, step);
        if ((step->op != STEP_ADDRESS_DELETE && step->op != STEP_ROUTE_DELETE) || step->undo)
            continue;
        if (!text_equal(of, step->interface)) {
            netdev_hanging_clear(&hanging);
            (void)netdev_hanging_read(netdev, step->interface, &hanging, NULL);
            of = step->interface;
        }
        keep(netdev, &hanging, step);
    }
    netdev_hanging_clear(&hanging);
}
