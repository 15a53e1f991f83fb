/* Packets come in by the NIC or by the bridge, and leave by the one or by the other, each at its own time; whoever hears the peer's
 * answer must know the neighbour already, or a second passes until it asks again. So:
 *
 * - the new link gets everything first, and knows the neighbours of the old one;
 * - what leaves does so by the NIC as long as the bridge is not known to carry packets: it may, being a port or not;
 * - what comes in while the NIC is a port that does not forward yet, or no more, is handed to the bridge's link (netdev_divert.c);
 * - routes are replaced in place, never deleted and added;
 * - the old link loses what it had when nothing needs it any more.
 *
 * Into the bridge: everything on it, the NIC in, carrier awaited, then the routes. Out of it: the routes go to the NIC first. Both
 * links have the network of an address meanwhile; of routes with the same metric the kernel takes the older one. */
#include "bridge/bridge_move.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "bridge/bridge_internal.h"

#define RP_FILTER "ipv4/rp_filter"
enum { LOOSE = 2, STRICT = 1 };

struct moving {
    struct netdev *netdev;
    const struct move *move;
    const char *from, *to;
    struct netdev_hanging hanging; /* on from */
    struct netdev_hanging there;   /* on to already */
    bool same_mac;                 /* of both links */
    struct plan *plan;
    struct moved *moved;
};

/* -- what the messages are -------------------------------------------------------------------------------------------------------- */

static int family_of(const struct netdev_hanging_item *item)
{
    return ((const struct rtgenmsg *)mnl_nlmsg_get_payload(item->message))->rtgen_family;
}

static const struct nlattr *find(const struct nlmsghdr *message, size_t fixed, uint16_t type)
{
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, message, fixed)
        if (mnl_attr_get_type(attribute) == type)
            return attribute;
    return NULL;
}

static bool is_link_local(const struct nlattr *address)
{
    const uint8_t *bytes = address ? mnl_attr_get_payload(address) : NULL;

    return bytes && mnl_attr_get_payload_len(address) == 16 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

static const struct nlattr *address_of(const struct netdev_hanging_item *item)
{
    const struct nlattr *local = find(item->message, sizeof(struct ifaddrmsg), IFA_LOCAL);

    return local ? local : find(item->message, sizeof(struct ifaddrmsg), IFA_ADDRESS);
}

static bool is_same_address(const struct netdev_hanging_item *a, const struct netdev_hanging_item *b)
{
    const struct nlattr *first = address_of(a), *second = address_of(b);
    const struct ifaddrmsg *one = mnl_nlmsg_get_payload(a->message), *other = mnl_nlmsg_get_payload(b->message);

    return first && second && one->ifa_family == other->ifa_family && one->ifa_prefixlen == other->ifa_prefixlen
           && first->nla_len == second->nla_len
           && memcmp(mnl_attr_get_payload(first), mnl_attr_get_payload(second), mnl_attr_get_payload_len(first)) == 0;
}

static bool is_there(const struct moving *moving, const struct netdev_hanging_item *item)
{
    for (size_t i = 0; i < moving->there.count; i++)
        if (moving->there.items[i].thing == NETDEV_ADDRESS && is_same_address(&moving->there.items[i], item))
            return true;
    return false;
}

/* The link-local address follows the MAC: a bridge with a MAC of its own has its own. */
static bool moves(const struct moving *moving, const struct netdev_hanging_item *item)
{
    return item->thing == NETDEV_ADDRESS && (moving->same_mac || !is_link_local(address_of(item)));
}

/* The route to an address's network, but for that of link-local addresses, which each link has. */
static bool is_connected(const struct netdev_hanging_item *item)
{
    const struct rtmsg *fixed = mnl_nlmsg_get_payload(item->message);

    return item->thing == NETDEV_KERNELS_ROUTE && fixed->rtm_type == RTN_UNICAST && fixed->rtm_table != RT_TABLE_LOCAL
           && !is_link_local(find(item->message, sizeof(*fixed), RTA_DST));
}

/* -- steps ------------------------------------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 5, 6))) static struct step *add_replay(struct moving *moving, const char *interface, struct replay *said,
                                                                     struct replay *undo, const char *format, ...)
{
    struct step *step;
    va_list values;
    char text[160];

    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    step = plan_add(moving->plan, STEP_REPLAY, interface, "%s", text);
    text_copy(step->interface, sizeof(step->interface), interface);
    step->replay = said;
    step->undo = undo;
    return step;
}

static struct replay *on(struct moving *moving, const struct netdev_hanging_item *item, const char *to, uint16_t flags,
                         uint32_t address_flags)
{
    struct netdev_twist twist = {.from = moving->from, .to = to, .flags = flags, .address_flags = address_flags};

    return netdev_replay_new(moving->netdev, item->message, &twist);
}

static struct replay *off(struct moving *moving, const struct netdev_hanging_item *item, const char *of)
{
    struct netdev_twist twist = {.from = moving->from, .to = of, .delete = true};

    return netdev_replay_new(moving->netdev, item->message, &twist);
}

#define MAKE (NLM_F_CREATE | NLM_F_EXCL)
#define SET (NLM_F_CREATE | NLM_F_REPLACE)

/* It is one's own already: nobody else has it. */
static uint32_t meanwhile(const struct netdev_hanging_item *item)
{
    return family_of(item) == AF_INET6 ? IFA_F_NODAD : 0;
}

/* A dump gives the oldest IPv4 address first and the newest IPv6 address. The order counts: the first one is the source of what goes
 * out, and of IPv4 the first of a network takes its secondaries along when it goes. */
static const struct netdev_hanging_item *by_age(const struct moving *moving, int family, size_t oldest)
{
    size_t count = moving->hanging.count;
    const struct netdev_hanging_item *item = &moving->hanging.items[family == AF_INET ? oldest : count - 1 - oldest];

    return family_of(item) == family && moves(moving, item) ? item : NULL;
}

static void add_addresses(struct moving *moving, int family)
{
    for (size_t i = 0; i < moving->hanging.count; i++) {
        const struct netdev_hanging_item *item = by_age(moving, family, i);

        if (!item || is_there(moving, item))
            continue;
        moving->moved->addresses += !is_link_local(address_of(item));
        add_replay(moving, moving->to, on(moving, item, moving->to, MAKE, meanwhile(item)), off(moving, item, moving->to),
                   "give %s to %s", bridge_words(item).text, moving->to);
    }
}

static void delete_addresses(struct moving *moving, int family)
{
    for (size_t i = moving->hanging.count; i-- > 0;) {
        const struct netdev_hanging_item *item = by_age(moving, family, i);

        if (item)
            add_replay(moving, moving->from, off(moving, item, NULL), on(moving, item, NULL, MAKE, meanwhile(item)),
                       "take %s from %s", bridge_words(item).text, moving->from);
    }
}

/* Says of the old link's IPv6 addresses what they are. On the way there that changes nothing; on the way back, when they have their
 * routes again, it takes from them the flags that they came back with. */
static void settle_old_addresses(struct moving *moving)
{
    for (size_t i = 0; i < moving->hanging.count; i++) {
        const struct netdev_hanging_item *item = &moving->hanging.items[i];

        if (moves(moving, item) && family_of(item) == AF_INET6)
            add_replay(moving, moving->from, on(moving, item, NULL, SET, 0), on(moving, item, NULL, SET, 0),
                       "keep the flags of %s on %s", bridge_words(item).text, moving->from);
    }
}

static void settle_new_addresses(struct moving *moving)
{
    for (size_t i = 0; i < moving->hanging.count; i++) {
        const struct netdev_hanging_item *item = &moving->hanging.items[i];

        if (moves(moving, item) && family_of(item) == AF_INET6 && !is_there(moving, item))
            add_replay(moving, moving->to, on(moving, item, moving->to, SET, 0), NULL,
                       "let %s have its own flags on %s", bridge_words(item).text, moving->to);
    }
}

static void add_neighbours(struct moving *moving)
{
    for (size_t i = 0; i < moving->hanging.count; i++) {
        const struct netdev_hanging_item *item = &moving->hanging.items[i];
        struct netdev_twist twist = {.from = moving->from, .to = moving->to, .flags = NLM_F_CREATE, .state = NUD_STALE};

        if (item->thing == NETDEV_NEIGHBOUR) {
            moving->moved->neighbours++;
            add_replay(moving, moving->to, on(moving, item, moving->to, SET, 0), off(moving, item, moving->to),
                       "give %s to %s", bridge_words(item).text, moving->to);
        } else if (item->thing == NETDEV_LEARNED) {
            add_replay(moving, moving->to, netdev_replay_new(moving->netdev, item->message, &twist), NULL,
                       "tell %s of %s", moving->to, bridge_words(item).text);
        }
    }
}

static void add_rules(struct moving *moving)
{
    for (size_t i = 0; i < moving->hanging.count; i++) {
        const struct netdev_hanging_item *item = &moving->hanging.items[i];

        if (item->thing != NETDEV_RULE)
            continue;
        moving->moved->rules++;
        add_replay(moving, moving->to, on(moving, item, moving->to, MAKE, 0), off(moving, item, moving->to),
                   "make %s for %s, too", bridge_words(item).text, moving->to);
    }
}

/* The kernel does not always see that a rule is there already: it goes first, if it has not gone. */
static struct replay *bring_back(struct moving *moving, const struct netdev_hanging_item *item)
{
    struct replay *gone;

    if (item->thing != NETDEV_RULE)
        return on(moving, item, NULL, MAKE, 0);
    gone = off(moving, item, NULL);
    gone->next = on(moving, item, NULL, MAKE, 0);
    return gone;
}

static void delete_rest(struct moving *moving)
{
    for (size_t i = 0; i < moving->hanging.count; i++) {
        const struct netdev_hanging_item *item = &moving->hanging.items[i];

        if (item->thing == NETDEV_RULE || item->thing == NETDEV_NEIGHBOUR)
            add_replay(moving, moving->from, off(moving, item, NULL), bring_back(moving, item),
                       "take %s from %s", bridge_words(item).text, moving->from);
    }
}

static bool has_gateway(const struct netdev_hanging_item *item)
{
    static const uint16_t gateways[] = {RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH};

    for (size_t i = 0; i < ARRAY_SIZE(gateways); i++)
        if (find(item->message, sizeof(struct rtmsg), gateways[i]))
            return true;
    return false;
}

static bool is_on_link(const struct netdev_hanging_item *item)
{
    return item->thing == NETDEV_ROUTE && !has_gateway(item);
}

static uint32_t number(const struct netdev_hanging_item *item, uint16_t type)
{
    const struct nlattr *attribute = find(item->message, sizeof(struct rtmsg), type);

    return attribute ? mnl_attr_get_u32(attribute) : 0;
}

/* It goes, and whoever wants one of the other link makes it: its metric is the link's index. */
static bool is_zeroconf(const struct netdev_hanging_item *item)
{
    const struct rtmsg *fixed = mnl_nlmsg_get_payload(item->message);
    const struct nlattr *destination = find(item->message, sizeof(*fixed), RTA_DST);
    struct route route = {.family = fixed->rtm_family, .prefix = fixed->rtm_dst_len, .metric = number(item, RTA_PRIORITY)};

    if (fixed->rtm_family != AF_INET || !destination || !is_on_link(item))
        return false;
    memcpy(route.destination, mnl_attr_get_payload(destination), mnl_attr_get_payload_len(destination));
    return move_is_zeroconf(&route, (int)number(item, RTA_OIF));
}

static uint16_t append(const struct netdev_hanging_item *item)
{
    return family_of(item) == AF_INET ? NLM_F_CREATE | NLM_F_APPEND : NLM_F_CREATE; /* IPv6 would make it one of several hops */
}

static void add_route(struct moving *moving, const struct netdev_hanging_item *item)
{
    add_replay(moving, moving->to, on(moving, item, moving->to, append(item), 0), off(moving, item, moving->to),
               "%s by %s, too", bridge_words(item).text, moving->to);
}

static void delete_route(struct moving *moving, const struct netdev_hanging_item *item)
{
    add_replay(moving, moving->from, off(moving, item, NULL), on(moving, item, NULL, append(item), 0),
               "%s by %s no more", bridge_words(item).text, moving->from);
}

/* Replaced in place where that hits the right one: the kernel replaces the first of those with the same key. */
static void replace_route(struct moving *moving, const struct netdev_hanging_item *item)
{
    if (item->thing == NETDEV_ROUTE && !item->first) {
        add_route(moving, item);
        delete_route(moving, item);
        return;
    }
    add_replay(moving, moving->to, on(moving, item, moving->to, SET, 0), on(moving, item, NULL, SET, 0),
               "%s by %s instead of %s", bridge_words(item).text, moving->to, moving->from);
}

/* A gateway must be reachable by the link when the route by it comes, on the way there and on the way back: what is on the link has
 * two routes meanwhile, of which the older counts. */
static void move_routes(struct moving *moving)
{
    for (size_t i = 0; i < moving->hanging.count; i++)
        if (is_on_link(&moving->hanging.items[i]) && !is_zeroconf(&moving->hanging.items[i]))
            add_route(moving, &moving->hanging.items[i]);
    for (size_t i = 0; i < moving->hanging.count; i++) {
        const struct netdev_hanging_item *item = &moving->hanging.items[i];

        moving->moved->routes += item->thing == NETDEV_NEXTHOP || (item->thing == NETDEV_ROUTE && !is_zeroconf(item));
        if (item->thing == NETDEV_NEXTHOP || (item->thing == NETDEV_ROUTE && !is_on_link(item)))
            replace_route(moving, item);
    }
    for (size_t i = 0; i < moving->hanging.count; i++)
        if (is_on_link(&moving->hanging.items[i]))
            delete_route(moving, &moving->hanging.items[i]);
}

/* Out of the bridge nothing may leave by it any more when the NIC goes: then also what is on the link must be sent by the NIC. */
static void delete_connected(struct moving *moving)
{
    for (size_t i = 0; i < moving->hanging.count; i++)
        if (is_connected(&moving->hanging.items[i]))
            delete_route(moving, &moving->hanging.items[i]);
}

/* Has the bridge this network by an address of its own? */
static bool is_connected_there(const struct moving *moving, const struct netdev_hanging_item *item)
{
    const struct rtmsg *one = mnl_nlmsg_get_payload(item->message);
    const struct nlattr *network = find(item->message, sizeof(*one), RTA_DST);

    for (size_t i = 0; network && i < moving->there.count; i++) {
        const struct netdev_hanging_item *other = &moving->there.items[i];
        const struct rtmsg *fixed = mnl_nlmsg_get_payload(other->message);
        const struct nlattr *destination = find(other->message, sizeof(*fixed), RTA_DST);

        if (is_connected(other) && fixed->rtm_family == one->rtm_family && fixed->rtm_dst_len == one->rtm_dst_len && destination
            && memcmp(mnl_attr_get_payload(destination), mnl_attr_get_payload(network), mnl_attr_get_payload_len(network)) == 0)
            return true;
    }
    return false;
}

/* Steps that change nothing on the way there: both links know it all by then. On the way back what is on the link must be sent by the
 * NIC when that goes, */
static void connect_on_way_back(struct moving *moving)
{
    for (size_t i = 0; i < moving->hanging.count; i++)
        if (is_connected(&moving->hanging.items[i]) && !is_connected_there(moving, &moving->hanging.items[i]))
            add_route(moving, &moving->hanging.items[i]);
}

/* and the old link must know before to whom. */
static void know_on_way_back(struct moving *moving)
{
    struct netdev_twist twist = {.from = moving->from, .flags = NLM_F_CREATE, .state = NUD_STALE};

    for (size_t i = 0; i < moving->hanging.count; i++) {
        const struct netdev_hanging_item *item = &moving->hanging.items[i];

        if (item->thing == NETDEV_LEARNED)
            add_replay(moving, moving->from, netdev_replay_new(moving->netdev, item->message, &twist),
                       netdev_replay_new(moving->netdev, item->message, &twist), "tell %s of %s", moving->from, bridge_words(item).text);
    }
}

/* -- links ------------------------------------------------------------------------------------------------------------------------ */

static struct step *add_link(struct moving *moving, enum step_op op, const char *name, const char *text)
{
    struct step *step = plan_add(moving->plan, op, name, "%s", text);

    text_copy(step->interface, sizeof(step->interface), name);
    return step;
}

#define LINK_FIELDS (FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_ARP) | FIELD_BRIDGE_ALL)

static void make_bridge(struct moving *moving)
{
    const struct interface *made = moving->move->made;
    struct step *step = add_link(moving, STEP_LINK_CREATE, made->name, "make the bridge");

    step->to = interface_copy(made);
    step->fields = made->set & LINK_FIELDS;
}

static void set_up(struct moving *moving, const char *name)
{
    struct step *step = add_link(moving, STEP_LINK_SET, name, "set up");

    step->from = interface_new(name);
    step->to = interface_new(name);
    step->to->up = true;
    step->fields = FIELD_BIT(FIELD_UP);
}

static void set_master(struct moving *moving)
{
    const struct move *move = moving->move;
    const struct interface *nic = network_find(netdev_observed(moving->netdev), move->nic);
    field_set options = move->port && !move->out ? move->port->set & FIELD_PORT_ALL : 0;
    struct step *step;
    char text[64];

    snprintf(text, sizeof(text), move->out ? "take %s out of %s" : "put %s into %s", move->nic, move->bridge);
    step = add_link(moving, STEP_LINK_SET, move->nic, text);
    step->from = interface_copy(nic);
    step->to = interface_copy(options ? move->port : nic);
    text_copy(step->to->master, sizeof(step->to->master), move->out ? "" : move->bridge);
    text_copy(step->needs, sizeof(step->needs), move->bridge);
    if (moving->same_mac) /* else it would take packets for the NIC's MAC for somebody else's */
        text_copy(step->meanwhile, sizeof(step->meanwhile), move->bridge);
    step->fields = FIELD_BIT(FIELD_MASTER) | options;
}

static void wait_for(struct moving *moving, const char *name)
{
    char text[64];

    snprintf(text, sizeof(text), "wait until packets can come and go by %s", name);
    add_link(moving, STEP_LINK_WAIT, name, text);
}

/* It comes back as bare as it goes: steps of their own bring back what was on it, and the NIC. */
static int delete_bridge(struct moving *moving, struct error *err)
{
    struct step *step = add_link(moving, STEP_LINK_DELETE, moving->move->bridge, "delete the bridge"), make;
    int code;

    step->from = interface_copy(network_find(netdev_observed(moving->netdev), moving->move->bridge));
    step->from->set &= LINK_FIELDS | FIELD_BIT(FIELD_UP);
    step_invert(step, &make);
    code = netdev_encode(moving->netdev, &make, &step->undo, err);
    step_clear(&make);
    return code;
}

/* -- reverse path filters --------------------------------------------------------------------------------------------------------- */

/* Packets come in by one link while the routes back are on the other. What counts is the higher value, that of "all" or the link's. */
struct filters {
    int32_t from, to;
    bool strict;
};

static struct filters loosen(struct moving *moving)
{
    const struct move *move = moving->move;
    struct filters filters = {0};
    int32_t all = 0;

    bridge_sysctl_read("all", RP_FILTER, &all);
    bridge_sysctl_read(moving->from, RP_FILTER, &filters.from);
    bridge_sysctl_read(move->made ? "default" : moving->to, RP_FILTER, &filters.to);
    filters.strict = all == STRICT || filters.from == STRICT || filters.to == STRICT;
    if (filters.strict) {
        bridge_sysctl_set(moving->plan, moving->to, RP_FILTER, filters.to, LOOSE);
        bridge_sysctl_set(moving->plan, moving->from, RP_FILTER, filters.from, LOOSE);
    }
    return filters;
}

static void tighten(struct moving *moving, struct filters filters)
{
    const struct move *move = moving->move;
    int32_t now = filters.strict ? LOOSE : filters.to;

    bridge_sysctl_set(moving->plan, moving->to, RP_FILTER, now, move->out || move->made ? filters.from : filters.to);
    if (filters.strict && !move->out)
        bridge_sysctl_set(moving->plan, moving->from, RP_FILTER, LOOSE, filters.from);
}

/* -- the order -------------------------------------------------------------------------------------------------------------------- */

static void plan_in(struct moving *moving)
{
    struct filters filters;

    if (moving->move->made) {
        make_bridge(moving);
        moving->moved->sysctls = bridge_sysctl_move(moving->plan, moving->from, moving->to, true); /* one that was there keeps its own */
    }
    filters = loosen(moving);
    if (moving->move->made)
        set_up(moving, moving->to);
    add_addresses(moving, AF_INET);
    add_addresses(moving, AF_INET6);
    add_rules(moving);
    add_neighbours(moving);
    settle_old_addresses(moving);
    wait_for(moving, moving->to);
    set_master(moving);
    wait_for(moving, moving->to);
    move_routes(moving);
    connect_on_way_back(moving);
    know_on_way_back(moving);
    wait_for(moving, moving->from); /* on the way back */
    delete_addresses(moving, AF_INET);
    delete_addresses(moving, AF_INET6);
    delete_rest(moving);
    settle_new_addresses(moving);
    tighten(moving, filters);
}

static int plan_out(struct moving *moving, struct error *err)
{
    struct filters filters = loosen(moving);

    moving->moved->sysctls = bridge_sysctl_move(moving->plan, moving->from, moving->to, false);
    add_addresses(moving, AF_INET);
    add_addresses(moving, AF_INET6);
    add_rules(moving);
    add_neighbours(moving);
    settle_old_addresses(moving);
    move_routes(moving);
    delete_connected(moving);
    know_on_way_back(moving);
    wait_for(moving, moving->to);
    wait_for(moving, moving->from); /* on the way back */
    set_master(moving);
    delete_addresses(moving, AF_INET);
    delete_addresses(moving, AF_INET6);
    delete_rest(moving);
    settle_new_addresses(moving);
    tighten(moving, filters);
    bridge_sysctl_keep(moving->plan, moving->from);
    return delete_bridge(moving, err);
}

static bool have_same_mac(struct netdev *netdev, const struct move *move)
{
    const struct interface *nic = network_find(netdev_observed(netdev), move->nic);
    const struct interface *bridge = move->made ? move->made : network_find(netdev_observed(netdev), move->bridge);

    return nic && bridge && memcmp(nic->mac, bridge->mac, sizeof(nic->mac)) == 0;
}

int bridge_move(struct netdev *netdev, const struct move *move, struct plan *plan, struct moved *ret_moved, struct error *err)
{
    struct moving moving = {
        .netdev = netdev,
        .move = move,
        .from = move->out ? move->bridge : move->nic,
        .to = move->out ? move->nic : move->bridge,
        .same_mac = have_same_mac(netdev, move),
        .plan = plan,
        .moved = ret_moved,
    };
    int code;

    *ret_moved = (struct moved){0};
    code = netdev_hanging_read(netdev, moving.from, &moving.hanging, err);
    if (code == 0 && !move->made)
        code = netdev_hanging_read(netdev, moving.to, &moving.there, err);
    if (code == 0 && move->out)
        code = plan_out(&moving, err);
    else if (code == 0)
        plan_in(&moving);
    netdev_hanging_clear(&moving.hanging);
    netdev_hanging_clear(&moving.there);
    return code;
}
