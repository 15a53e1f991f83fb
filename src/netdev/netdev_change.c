/* Links made, changed and deleted: steps as RTM_NEWLINK and RTM_DELLINK. */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/option.h"
#include "netdev/netdev_internal.h"

#define FIELDS_OF_ALL                                                                                                              \
    (FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_ARP) | FIELD_BIT(FIELD_MASTER))

static struct ifinfomsg *begin(struct netdev_draft *draft, uint16_t type, uint16_t flags)
{
    netdev_write_begin(draft, type, flags);
    return mnl_nlmsg_put_extra_header(&draft->header, sizeof(struct ifinfomsg));
}

static void begin_existing(struct netdev_draft *draft, uint16_t type, const char *name)
{
    struct ifinfomsg *fixed = begin(draft, type, 0);

    netdev_write_index(draft, &fixed->ifi_index, name);
}

/* -- words ------------------------------------------------------------------------------------------------------------------- */

static const char *field_words(enum interface_field field)
{
    static const char *const words[INTERFACE_FIELDS] = {
        [FIELD_ARP] = "ARP",
        [FIELD_BRIDGE_STP] = "STP",
        [FIELD_BRIDGE_FORWARD_DELAY] = "forward delay",
        [FIELD_BRIDGE_HELLO_TIME] = "hello time",
        [FIELD_BRIDGE_MAX_AGE] = "max age",
        [FIELD_BRIDGE_AGEING_TIME] = "ageing time",
        [FIELD_BRIDGE_VLAN_FILTERING] = "VLAN filtering",
        [FIELD_BRIDGE_MULTICAST_SNOOPING] = "multicast snooping",
        [FIELD_PORT_COST] = "port cost",
        [FIELD_PORT_PRIORITY] = "port priority",
        [FIELD_PORT_ISOLATED] = "isolation",
        [FIELD_PORT_UNICAST_FLOOD] = "unicast flooding",
        [FIELD_PORT_MULTICAST_FLOOD] = "multicast flooding",
        [FIELD_PORT_VLANS] = "VLANs",
    };
    const struct option *option = words[field] ? NULL : option_of_field(OPTION_INTERFACE, field);

    return option && !(FIELD_BIT(field) & (FIELDS_OF_ALL | FIELD_BIT(FIELD_PARENT))) ? option->name : words[field];
}

static void add_word(char *what, size_t size, const char *word)
{
    size_t length = strlen(what);

    snprintf(what + length, size - length, "%s%s", length ? ", " : "", word);
}

/* "add as port of br9, set MTU 9000, set up": what an error message says that was tried. */
static void describe(char *what, size_t size, const struct interface *to, field_set fields)
{
    field_set others = fields & ~(FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_UP));
    char word[64], mac[18];

    if (fields & FIELD_BIT(FIELD_MASTER)) {
        snprintf(word, sizeof(word), *to->master ? to->is_slave ? "add as slave of %s" : "add as port of %s" : "take off its %s",
                 *to->master ? to->master : to->is_slave ? "bond" : "bridge");
        add_word(what, size, word);
    }
    if (fields & FIELD_BIT(FIELD_MAC)) {
        text_from_mac(to->mac, mac);
        snprintf(word, sizeof(word), "set MAC %s", mac);
        add_word(what, size, word);
    }
    if (fields & FIELD_BIT(FIELD_MTU)) {
        snprintf(word, sizeof(word), "set MTU %u", to->mtu);
        add_word(what, size, word);
    }
    for (; others; others &= others - 1) {
        const char *name = field_words(field_lowest(others));

        if (!name)
            continue;
        snprintf(word, sizeof(word), "set %s", name);
        add_word(what, size, word);
    }
    if (fields & FIELD_BIT(FIELD_UP))
        add_word(what, size, to->up ? "set up" : "set down");
}

/* -- attributes -------------------------------------------------------------------------------------------------------------- */

static const struct netdev_kind *find_kind(const struct netdev *netdev, enum interface_kind kind)
{
    for (const struct netdev_kind *const *at = netdev->cache.kinds; *at; at++)
        if ((*at)->kind == kind)
            return *at;
    return NULL;
}

/* Those that every link has. */
static void put_generic(struct netdev_draft *draft, const struct interface *to, field_set fields)
{
    struct nlmsghdr *header = &draft->header;
    struct ifinfomsg *fixed = mnl_nlmsg_get_payload(header);

    if (fields & FIELD_BIT(FIELD_MAC))
        mnl_attr_put(header, IFLA_ADDRESS, sizeof(to->mac), to->mac);
    if (fields & FIELD_BIT(FIELD_MTU))
        mnl_attr_put_u32(header, IFLA_MTU, to->mtu);
    if (fields & FIELD_BIT(FIELD_MASTER)) {
        const struct nlattr *master = mnl_nlmsg_get_payload_tail(header);

        mnl_attr_put_u32(header, IFLA_MASTER, 0);
        if (*to->master)
            netdev_write_index(draft, mnl_attr_get_payload(master), to->master);
    }
    if (fields & FIELD_BIT(FIELD_PARENT) && *to->parent) {
        const struct nlattr *parent = mnl_nlmsg_get_payload_tail(header);

        mnl_attr_put_u32(header, IFLA_LINK, 0);
        netdev_write_index(draft, mnl_attr_get_payload(parent), to->parent);
    }
    if (fields & FIELD_BIT(FIELD_ARP)) {
        fixed->ifi_change |= IFF_NOARP;
        fixed->ifi_flags |= to->arp ? 0 : IFF_NOARP;
    }
    if (fields & FIELD_BIT(FIELD_UP)) {
        fixed->ifi_change |= IFF_UP;
        fixed->ifi_flags |= to->up ? IFF_UP : 0;
    }
}

static void put_kind(struct netdev_draft *draft, const struct netdev_kind *kind, const struct interface *to, field_set fields)
{
    struct nlmsghdr *header = &draft->header;
    struct nlattr *info = mnl_attr_nest_start(header, IFLA_LINKINFO), *data;

    mnl_attr_put_strz(header, IFLA_INFO_KIND, kind->name);
    if (fields & kind->link_fields) {
        data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
        netdev_row_put(draft, kind->link_rows, kind->link_row_count, to, fields);
        if (kind->put_link)
            kind->put_link(header, to, fields & kind->link_fields);
        mnl_attr_nest_end(header, data);
    }
    mnl_attr_nest_end(header, info);
}

/* What the bridge gives to a new port. */
static struct port_vlans default_vlans(const struct netdev *netdev, const struct interface *to)
{
    const struct interface *port = network_find(&netdev->cache.network, to->name);
    const char *name = *to->master ? to->master : port ? port->master : "";
    const struct interface *bridge = to->kind == INTERFACE_BRIDGE ? port : network_find(&netdev->cache.network, name);

    return (struct port_vlans){
        .pvid = bridge && interface_has(bridge, FIELD_BRIDGE_DEFAULT_PVID) ? (uint16_t)bridge->bridge.default_pvid : 1,
    };
}

/* Those to be taken away first: nothing passes in a VLAN of before that was not told to. */
static void add_vlans(struct netdev_request *request, const struct netdev_kind *kind, const struct interface *to, bool others)
{
    struct port_vlans vlans = to->vlans ? *to->vlans : default_vlans(request->netdev, to);
    unsigned first = 1;

    do {
        struct netdev_draft draft;
        struct ifinfomsg *fixed = begin(&draft, others ? RTM_DELLINK : RTM_SETLINK, 0);
        struct nlattr *spec;
        uint32_t empty;

        fixed->ifi_family = AF_BRIDGE;
        netdev_write_index(&draft, &fixed->ifi_index, request->step->interface);
        spec = mnl_attr_nest_start(&draft.header, IFLA_AF_SPEC);
        if (to->kind == INTERFACE_BRIDGE) /* the bridge's own, not those of a port */
            mnl_attr_put_u16(&draft.header, IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_SELF);
        empty = draft.header.nlmsg_len;
        first = kind->put_vlans(&draft.header, &vlans, others, first);
        if (draft.header.nlmsg_len == empty)
            return;
        mnl_attr_nest_end(&draft.header, spec);
        describe(draft.message.what, sizeof(draft.message.what), to, FIELD_BIT(FIELD_PORT_VLANS));
        netdev_write_add(request, &draft);
    } while (first);
}

/* A message of its own: the kernel hands a port's options to the bridge that the port has when the message comes, before it
 * looks at IFLA_MASTER in the same message. But IFF_UP it looks at afterwards. */
static void add_port(struct netdev_request *request, const struct interface *to, field_set fields)
{
    for (const struct netdev_kind *const *at = request->netdev->cache.kinds; *at; at++) {
        const struct netdev_kind *kind = *at;
        struct netdev_draft draft;
        struct nlattr *info, *data;

        if (!(fields & kind->port_fields))
            continue;
        begin_existing(&draft, RTM_NEWLINK, request->step->interface);
        put_generic(&draft, to, fields & FIELD_BIT(FIELD_UP));
        info = mnl_attr_nest_start(&draft.header, IFLA_LINKINFO);
        mnl_attr_put_strz(&draft.header, IFLA_INFO_SLAVE_KIND, kind->name);
        data = mnl_attr_nest_start(&draft.header, IFLA_INFO_SLAVE_DATA);
        netdev_row_put(&draft, kind->port_rows, kind->port_row_count, to, fields);
        mnl_attr_nest_end(&draft.header, data);
        mnl_attr_nest_end(&draft.header, info);
        describe(draft.message.what, sizeof(draft.message.what), to, fields & (kind->port_fields | FIELD_BIT(FIELD_UP)));
        netdev_write_add(request, &draft);
    }
}

static void add_alias(struct netdev_request *request, const char *name)
{
    struct netdev_draft draft;

    begin_existing(&draft, RTM_NEWLINK, name);
    mnl_attr_put_u32(&draft.header, IFLA_GROUP, TRESTLE_GROUP);
    mnl_attr_put_strz(&draft.header, IFLA_IFALIAS, TRESTLE_ALIAS);
    snprintf(draft.message.what, sizeof(draft.message.what), "mark as made by trestle");
    netdev_write_add(request, &draft);
}

/* A link that somebody else made becomes ours, or theirs again. An alias of theirs stays; the group says enough then. */
static void add_owner(struct netdev_request *request, const struct interface *from, const struct interface *to)
{
    bool ours = to->owner == OWNER_TRESTLE;
    struct netdev_draft draft;

    begin_existing(&draft, RTM_NEWLINK, request->step->interface);
    mnl_attr_put_u32(&draft.header, IFLA_GROUP, ours ? TRESTLE_GROUP : to->group);
    if (ours && !from->has_alias)
        mnl_attr_put_strz(&draft.header, IFLA_IFALIAS, TRESTLE_ALIAS);
    else if (!ours && !to->has_alias)
        mnl_attr_put(&draft.header, IFLA_IFALIAS, 0, NULL);
    snprintf(draft.message.what, sizeof(draft.message.what), ours ? "mark as trestle's" : "take the mark away");
    netdev_write_add(request, &draft);
}

void netdev_change_group(struct netdev_request *request, uint32_t group)
{
    struct netdev_draft draft;

    begin_existing(&draft, RTM_NEWLINK, request->step->interface);
    mnl_attr_put_u32(&draft.header, IFLA_GROUP, group);
    draft.message.gone_is_fine = true;
    snprintf(draft.message.what, sizeof(draft.message.what), "delete");
    netdev_write_add(request, &draft);
}

static void add_delete(struct netdev_request *request, enum netdev_when when)
{
    struct netdev_draft draft;

    begin_existing(&draft, RTM_DELLINK, request->step->interface);
    draft.message.when = when;
    draft.message.gone_is_fine = true;
    snprintf(draft.message.what, sizeof(draft.message.what), "delete");
    netdev_write_add(request, &draft);
}

static void add_up(struct netdev_request *request, bool up, const char *what, enum netdev_when when)
{
    struct netdev_draft draft;

    begin_existing(&draft, RTM_NEWLINK, request->step->interface);
    put_generic(&draft, &(struct interface){.up = up}, FIELD_BIT(FIELD_UP));
    draft.message.when = when;
    text_copy(draft.message.what, sizeof(draft.message.what), what);
    netdev_write_add(request, &draft);
}

/* Some NICs take a new MAC only while they are down. */
static void add_stand_in(struct netdev_request *request, struct netdev_draft *main, const struct interface *to, field_set fields)
{
    add_up(request, false, "set down for a new MAC", NETDEV_WHEN_BUSY);
    main->message.when = NETDEV_WHEN_BUSY;
    netdev_write_add(request, main);
    if (to->up || !(fields & FIELD_BIT(FIELD_UP)))
        add_up(request, true, "set up again", NETDEV_WHEN_BUSY);
}

static void add_main(struct netdev_request *request, const struct interface *to, field_set fields)
{
    const struct netdev_kind *kind = find_kind(request->netdev, to->kind);
    struct netdev_draft draft;

    begin_existing(&draft, RTM_NEWLINK, request->step->interface);
    put_generic(&draft, to, fields);
    if (kind && fields & kind->link_fields)
        put_kind(&draft, kind, to, fields);
    describe(draft.message.what, sizeof(draft.message.what), to, fields);
    netdev_write_add(request, &draft);
    if (fields & FIELD_BIT(FIELD_MAC))
        add_stand_in(request, &draft, to, fields);
}

#define PORT_FIELDS (FIELD_PORT_ALL | FIELD_BIT(FIELD_PORT_BACKUP))

/* What a link gets when it is in its bridge; its being set up, if that is among the fields, comes last. */
static void add_rest(struct netdev_request *request, const struct interface *to, field_set fields)
{
    const struct netdev_kind *bridge = find_kind(request->netdev, INTERFACE_BRIDGE);

    if (fields & FIELD_BIT(FIELD_PORT_VLANS) && bridge && bridge->put_vlans) {
        add_vlans(request, bridge, to, true);
        add_vlans(request, bridge, to, false);
    }
    if (fields & PORT_FIELDS & ~FIELD_BIT(FIELD_PORT_VLANS))
        add_port(request, to, fields);
    else if (fields & FIELD_BIT(FIELD_UP))
        add_main(request, to, FIELD_BIT(FIELD_UP));
}

/* -- making ------------------------------------------------------------------------------------------------------------------ */

static void give_mac(struct interface *to)
{
    if (getrandom(to->mac, sizeof(to->mac), GRND_NONBLOCK) != sizeof(to->mac)) {
        uint64_t hash = text_hash(to->name); /* so early in a boot that there is no randomness yet */

        memcpy(to->mac, &hash, sizeof(to->mac));
    }
    to->mac[0] = (to->mac[0] & 0xfc) | 2; /* one station's; locally administered */
}

/* A message of its own, because it is no reason to have no bridge: a kernel that can't filter refuses all that is in one message
 * with it, and what the bridge then lacks is seen in it. Off is what a new one has. */
static void add_filtering(struct netdev_request *request, const struct interface *to)
{
    field_set filtering = FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING);
    struct netdev_draft draft;

    begin_existing(&draft, RTM_NEWLINK, request->step->interface);
    put_kind(&draft, find_kind(request->netdev, to->kind), to, filtering);
    describe(draft.message.what, sizeof(draft.message.what), to, filtering);
    draft.message.fine = EOPNOTSUPP;
    netdev_write_add(request, &draft);
}

static void add_link(struct netdev_request *request, const struct netdev_kind *kind, const struct interface *to, field_set fields)
{
    struct netdev_draft draft;

    begin(&draft, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    mnl_attr_put_strz(&draft.header, IFLA_IFNAME, request->step->interface);
    mnl_attr_put_u32(&draft.header, IFLA_GROUP, TRESTLE_GROUP);
    put_generic(&draft, to, fields);
    put_kind(&draft, kind, to, fields);
    snprintf(draft.message.what, sizeof(draft.message.what), "make a %s", interface_kind_names[to->kind]);
    draft.message.fine = request->step->inverse ? EEXIST : 0; /* it was not taken away */
    netdev_write_add(request, &draft);
}

/* What this end shall be besides is said behind, so that it is said too when the pair is there already: by a step that takes the
 * deletion of the other end back. */
static void add_pair(struct netdev_request *request, const struct netdev_kind *kind, const struct interface *to, field_set fields)
{
    field_set pair = FIELD_BIT(FIELD_MAC) | FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_VETH_PEER);
    field_set rest = fields & FIELDS_OF_ALL & ~(request->step->inverse ? 0 : pair);

    add_link(request, kind, to, fields & pair);
    add_alias(request, to->peer);
    if (rest)
        add_main(request, to, rest);
}

static void add_tap_message(struct netdev_request *request, uint16_t type, const struct interface *to)
{
    struct netdev_draft draft;
    struct netdev_tap *tap;

    netdev_write_begin(&draft, type, 0);
    tap = mnl_nlmsg_put_extra_header(&draft.header, sizeof(*tap));
    text_copy(tap->name, sizeof(tap->name), request->step->interface);
    tap->kind = to->kind;
    tap->owner = interface_has(to, FIELD_TAP_OWNER) ? to->tap.owner : UINT32_MAX;
    tap->group = interface_has(to, FIELD_TAP_GROUP) ? to->tap.group : UINT32_MAX;
    draft.message.fine = request->step->inverse ? EEXIST : 0;
    snprintf(draft.message.what, sizeof(draft.message.what), type == NETDEV_TAP_OPEN ? "make a %s" : "keep the %s",
             interface_kind_names[to->kind]);
    netdev_write_add(request, &draft);
}

/* Whoever kills the daemon before the end leaves nothing: the link is kept when it has its marks. */
static void add_tap(struct netdev_request *request, const struct interface *to, field_set fields)
{
    struct netdev_draft draft;

    add_tap_message(request, NETDEV_TAP_OPEN, to);
    begin_existing(&draft, RTM_NEWLINK, request->step->interface);
    mnl_attr_put_u32(&draft.header, IFLA_GROUP, TRESTLE_GROUP);
    put_generic(&draft, to, fields);
    describe(draft.message.what, sizeof(draft.message.what), to, fields & FIELDS_OF_ALL);
    netdev_write_add(request, &draft);
}

int netdev_change_create(struct netdev_request *request, const struct step *step, struct error *err)
{
    const struct netdev_kind *kind = find_kind(request->netdev, step->to->kind);
    struct interface to = *step->to; /* its parts are only read */
    field_set fields = step->fields;
    bool filters;

    if (!kind)
        return error_set(err, ENOTSUP, "%s: trestle cannot make links of kind %s", step->interface,
                         interface_kind_names[step->to->kind]);
    if (kind->needs_mac && !(fields & FIELD_BIT(FIELD_MAC))) {
        give_mac(&to);
        fields |= FIELD_BIT(FIELD_MAC);
    }
    if (to.is_slave && *to.master)
        fields &= ~FIELD_BIT(FIELD_UP); /* a bond refuses one that is up, and sets it up itself */
    filters = fields & FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING) && to.bridge.vlan_filtering;
    fields &= ~FIELD_BIT(FIELD_BRIDGE_VLAN_FILTERING);
    if (to.kind == INTERFACE_TAP || to.kind == INTERFACE_TUN)
        add_tap(request, &to, fields);
    else if (to.kind == INTERFACE_VETH)
        add_pair(request, kind, &to, fields);
    else
        add_link(request, kind, &to, fields);
    add_alias(request, step->interface); /* the kernel ignores an alias in the message that makes the link */
    if (filters)
        add_filtering(request, &to);
    if (fields & FIELD_BIT(FIELD_MASTER) && *to.master)
        add_rest(request, &to, fields & FIELD_PORT_ALL);
    if (to.kind == INTERFACE_TAP || to.kind == INTERFACE_TUN)
        add_tap_message(request, NETDEV_TAP_KEEP, &to);
    else
        add_delete(request, NETDEV_TO_UNDO);
    return 0;
}

int netdev_change_delete(struct netdev_request *request, const struct step *step, struct error *err)
{
    (void)step;
    (void)err;
    add_delete(request, NETDEV_ALWAYS);
    return 0;
}

/* -- changing ---------------------------------------------------------------------------------------------------------------- */

/* Whether there is something that a link should have before it is set up. A root qdisc that is changed on a link that is up costs
 * milliseconds, besides. */
static bool has_rest(const struct interface *to, field_set fields)
{
    return fields & FIELD_PORT_ALL || (fields & FIELD_BIT(FIELD_INBOUND) && to->inbound.average)
           || (fields & FIELD_BIT(FIELD_OUTBOUND) && to->outbound.average);
}

/* A bond sets its slaves down when they leave it, and older kernels look at IFF_UP before they look at the master. */
static bool concerns_bond(const struct step *step)
{
    return (*step->to->master && step->to->is_slave) || (step->from && *step->from->master && step->from->is_slave);
}

static bool joins_bond(const struct step *step)
{
    return step->fields & FIELD_BIT(FIELD_MASTER) && *step->to->master && step->to->is_slave;
}

int netdev_change_set(struct netdev_request *request, const struct step *step, struct error *err)
{
    const struct interface *to = step->to;
    const struct netdev_kind *kind = find_kind(request->netdev, to->kind);
    field_set fields = step->fields, main = FIELDS_OF_ALL | (kind ? kind->link_fields : 0), last;
    int code;

    /* A port that leaves its bridge takes no options with it. */
    if (fields & FIELD_BIT(FIELD_MASTER) && !*to->master)
        fields &= ~PORT_FIELDS;
    last = has_rest(to, fields) && to->up ? fields & FIELD_BIT(FIELD_UP) : 0;
    if (fields & FIELD_BIT(FIELD_MASTER) && concerns_bond(step))
        last = to->up ? fields & FIELD_BIT(FIELD_UP) : 0;
    if (joins_bond(step)) /* which refuses one that is up */
        add_up(request, false, "set down for the bond", NETDEV_ALWAYS);
    if (fields & main & ~last)
        add_main(request, to, fields & main & ~last);
    code = netdev_rate_write(request, to, fields, err);
    if (code < 0)
        return code;
    add_rest(request, to, (fields & PORT_FIELDS) | last);
    if (step->from && step->from->half_made)
        add_alias(request, step->interface);
    else if (step->from && !fields && step->from->owner != to->owner)
        add_owner(request, step->from, to);
    if (joins_bond(step) && step->from && step->from->up)
        add_up(request, true, "set up again", NETDEV_TO_UNDO);
    return 0;
}
