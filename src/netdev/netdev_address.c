/* Addresses: RTM_NEWADDR and RTM_DELADDR, read and written. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/route/addr.h>
#include <stdio.h>
#include <string.h>

#include "base/boot.h"
#include "base/memory.h"
#include "base/text.h"
#include "netdev/netdev_internal.h"

/* -- reading ----------------------------------------------------------------------------------------------------------------- */

struct reading {
    int index;
    struct address address;
    bool good;
};

/* The network's last address, as ifup and the kernel's tools take it; false when the network is too small for one. */
static bool usual_broadcast(const struct address *address, uint8_t ret_bytes[4])
{
    uint32_t broadcast;

    if (address->prefix >= 31)
        return false;
    memcpy(&broadcast, address->bytes, sizeof(broadcast));
    broadcast |= htonl(UINT32_MAX >> address->prefix);
    memcpy(ret_bytes, &broadcast, sizeof(broadcast));
    return true;
}

static void read_broadcast(struct rtnl_addr *typed, struct address *address)
{
    struct nl_addr *broadcast = rtnl_addr_get_broadcast(typed);
    uint8_t usual[4];

    if (!broadcast || nl_addr_get_len(broadcast) != sizeof(address->broadcast))
        return;
    memcpy(address->broadcast, nl_addr_get_binary_addr(broadcast), sizeof(address->broadcast));
    address->has_broadcast = !usual_broadcast(address, usual) || memcmp(usual, address->broadcast, sizeof(usual)) != 0;
    if (!address->has_broadcast)
        memset(address->broadcast, 0, sizeof(address->broadcast));
}

static void read_object(struct nl_object *object, void *context)
{
    struct rtnl_addr *typed = (struct rtnl_addr *)object;
    struct nl_addr *local = rtnl_addr_get_local(typed);
    struct reading *reading = context;
    struct address *address = &reading->address;

    reading->index = rtnl_addr_get_ifindex(typed);
    address->family = rtnl_addr_get_family(typed);
    if (!local || nl_addr_get_len(local) != (address->family == AF_INET ? 4 : 16))
        return;
    memcpy(address->bytes, nl_addr_get_binary_addr(local), nl_addr_get_len(local));
    address->prefix = (uint8_t)rtnl_addr_get_prefixlen(typed);
    address->scope = (uint8_t)rtnl_addr_get_scope(typed);
    address->flags = rtnl_addr_get_flags(typed);
    address->valid = rtnl_addr_get_valid_lifetime(typed);
    address->preferred = rtnl_addr_get_preferred_lifetime(typed);
    if (address->valid != UINT32_MAX)
        address->expires = (uint64_t)boot_time() + address->valid;
    if (address->family == AF_INET) {
        text_copy(address->label, sizeof(address->label), rtnl_addr_get_label(typed) ? rtnl_addr_get_label(typed) : "");
        read_broadcast(typed, address);
    }
    reading->good = true;
}

static struct address *find(const struct interface *interface, const struct address *address)
{
    for (size_t i = 0; i < interface->address_count; i++)
        if (address_same(&interface->addresses[i], address))
            return &interface->addresses[i];
    return NULL;
}

static bool has_ipv4(const struct interface *interface)
{
    for (size_t i = 0; i < interface->address_count; i++)
        if (interface->addresses[i].family == AF_INET)
            return true;
    return false;
}

static void put(struct netdev_cache *cache, struct interface *interface, const struct address *address)
{
    struct address *place = cache->filling ? NULL : find(interface, address);

    if (place && memcmp(place, address, sizeof(*place)) == 0)
        return;
    if (!place)
        place = APPEND(interface->addresses, interface->address_count);
    *place = *address;
    netdev_cache_tell(cache, NETDEV_CHANGED, interface->name);
}

static void drop(struct netdev_cache *cache, struct interface *interface, const struct address *address)
{
    struct address *place = find(interface, address);
    size_t behind;

    if (!place)
        return;
    behind = (size_t)(interface->addresses + interface->address_count - (place + 1));
    memmove(place, place + 1, behind * sizeof(*place));
    interface->address_count--;
    /* What goes with an IPv4 address and is not told: the link's routes with the last one; and, where the kernel is older,
     * anybody's that prefer it as source (6.18 sends events for these). */
    if (address->family == AF_INET && !has_ipv4(interface))
        netdev_route_forget(cache, interface, AF_INET);
    if (address->family == AF_INET && (cache->preferred || (cache->several && !has_ipv4(interface))))
        cache->doubtful = true;
    netdev_cache_tell(cache, NETDEV_CHANGED, interface->name);
}

void netdev_address_read(struct netdev_cache *cache, struct nl_msg *msg)
{
    int family = ((const struct ifaddrmsg *)nlmsg_data(nlmsg_hdr(msg)))->ifa_family;
    struct reading reading;
    struct interface *interface;

    if (family != AF_INET && family != AF_INET6)
        return;
    memset(&reading, 0, sizeof(reading)); /* padding too: addresses are compared as they lie */
    if (nl_msg_parse(msg, read_object, &reading) < 0 || !reading.good)
        return;
    interface = netdev_cache_find(cache, reading.index);
    if (!interface)
        return;
    if (text_equal(reading.address.label, interface->name))
        memset(reading.address.label, 0, sizeof(reading.address.label));
    if (nlmsg_hdr(msg)->nlmsg_type == RTM_DELADDR)
        drop(cache, interface, &reading.address);
    else
        put(cache, interface, &reading.address);
}

/* -- writing ----------------------------------------------------------------------------------------------------------------- */

/* Of the flags that were read back only these can be asked for; the others are the kernel's own findings. */
#define FLAGS_TO_ASK (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

static void put_bytes(struct nlmsghdr *message, const struct address *address)
{
    size_t size = address->family == AF_INET ? 4 : 16;

    mnl_attr_put(message, IFA_LOCAL, size, address->bytes);
    mnl_attr_put(message, IFA_ADDRESS, size, address->bytes);
}

/* As ifup does it: the broadcast address where the network has one, and the link's name as label. */
static void put_ipv4(struct nlmsghdr *message, const struct step *step)
{
    const struct address *address = &step->address;
    uint8_t usual[4];

    mnl_attr_put_strz(message, IFA_LABEL, *address->label ? address->label : step->interface);
    if (address->has_broadcast)
        mnl_attr_put(message, IFA_BROADCAST, sizeof(address->broadcast), address->broadcast);
    else if (usual_broadcast(address, usual))
        mnl_attr_put(message, IFA_BROADCAST, sizeof(usual), usual);
}

static void put_life(struct nlmsghdr *message, const struct address *address)
{
    struct ifa_cacheinfo life = {.ifa_valid = address->valid, .ifa_prefered = address->preferred};

    /* Zero: nothing was stated. */
    if (address->valid && address->valid != UINT32_MAX)
        mnl_attr_put(message, IFA_CACHEINFO, sizeof(life), &life);
    if (address->flags & FLAGS_TO_ASK)
        mnl_attr_put_u32(message, IFA_FLAGS, address->flags & FLAGS_TO_ASK);
}

int netdev_address_write(struct netdev_request *request, const struct step *step, struct error *err)
{
    bool renew = step->op == STEP_ADDRESS_RENEW, add = renew || step->op == STEP_ADDRESS_ADD;
    const struct address *address = &step->address;
    struct netdev_draft draft;
    struct ifaddrmsg *fixed;
    char text[ADDRESS_TEXT_SIZE];

    if (address->family != AF_INET && address->family != AF_INET6)
        return error_set(err, EINVAL, "%s: neither an IPv4 nor an IPv6 address", step->interface);
    netdev_write_begin(&draft, add ? RTM_NEWADDR : RTM_DELADDR, renew ? NLM_F_REPLACE : add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    fixed = mnl_nlmsg_put_extra_header(&draft.header, sizeof(*fixed));
    fixed->ifa_family = (uint8_t)address->family;
    fixed->ifa_prefixlen = address->prefix;
    fixed->ifa_scope = address->scope;
    netdev_write_index(&draft, &fixed->ifa_index, step->interface);
    put_bytes(&draft.header, address);
    if (add && address->family == AF_INET)
        put_ipv4(&draft.header, step);
    if (add)
        put_life(&draft.header, address);
    draft.message.fine = renew ? 0 : add ? EEXIST : EADDRNOTAVAIL;
    draft.message.gone_is_fine = !add;
    snprintf(draft.message.what, sizeof(draft.message.what), "%s address %s", renew ? "renew" : add ? "add" : "delete",
             address_text(address, text));
    netdev_write_add(request, &draft);
    return 0;
}
