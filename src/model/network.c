#include "model/network.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define ARPING_WAIT 3 /* seconds, as the classic scripts have it */
#define VLAN_MAX 4094 /* 4095 is reserved (IEEE 802.1Q) */

const char *const interface_kind_names[] = {"ethernet", "loopback", "bridge", "tap", "veth", "vlan", "bond",
                                              "tun", "dummy", "macvlan", "vxlan", "other", NULL};

struct interface *interface_new(const char *name)
{
    struct interface *interface = NEW(struct interface);

    text_copy(interface->name, sizeof(interface->name), name);
    interface->onboot = true;
    interface->hotplug = true;
    interface->dhcp.send_hostname = true;
    interface->arping_wait = ARPING_WAIT;
    return interface;
}

struct interface *interface_copy(const struct interface *interface)
{
    struct interface *copy = memory_copy(interface, sizeof(*interface));

    copy->addresses = memory_copy(interface->addresses, interface->address_count * sizeof(*interface->addresses));
    copy->vlans = memory_copy(interface->vlans, sizeof(*interface->vlans));
    copy->routes = memory_copy(interface->routes, interface->route_count * sizeof(*interface->routes));
    copy->sysctls = memory_copy(interface->sysctls, interface->sysctl_count * sizeof(*interface->sysctls));
    copy->file = memory_string(interface->file);
    copy->dhcp.hostname = memory_string(interface->dhcp.hostname);
    copy->dhcp.fqdn = memory_string(interface->dhcp.fqdn);
    copy->dhcp.client_id = memory_string(interface->dhcp.client_id);
    return copy;
}

void interface_free(struct interface *interface)
{
    if (!interface)
        return;
    free(interface->addresses);
    free(interface->routes);
    free(interface->sysctls);
    free(interface->vlans);
    free(interface->file);
    free(interface->dhcp.hostname);
    free(interface->dhcp.fqdn);
    free(interface->dhcp.client_id);
    free(interface);
}

void network_clear(struct network *network)
{
    for (size_t i = 0; i < network->count; i++)
        interface_free(network->items[i]);
    for (size_t i = 0; i < network->route_count; i++)
        route_clear(&network->routes[i]);
    free(network->items);
    free(network->keys);
    free(network->routes);
    free(network->rules);
    *network = (struct network){0};
}

/* False: too long for the name of an interface. */
static bool key_of(const char *name, struct network_key *ret_key)
{
    char bytes[INTERFACE_NAME_SIZE] = "";
    size_t length = 0;
    uint64_t halves[2];

    for (; length < sizeof(bytes) && name[length]; length++) /* they are shorter than a call of a library function is worth */
        bytes[length] = name[length];
    memcpy(halves, bytes, sizeof(halves));
    *ret_key = (struct network_key){be64toh(halves[0]), be64toh(halves[1])};
    return length < sizeof(bytes);
}

static bool is_before(const struct network_key *a, const struct network_key *b)
{
    return a->first < b->first || (a->first == b->first && a->second < b->second);
}

/* The place of the key, or where it would have to be put. */
static size_t position_of(const struct network *network, const struct network_key *key)
{
    size_t low = 0, high = network->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (is_before(&network->keys[middle], key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t network_index(const struct network *network, const char *name)
{
    struct network_key key;
    size_t position = key_of(name, &key) ? position_of(network, &key) : network->count;

    return position < network->count && !is_before(&key, &network->keys[position]) ? position : SIZE_MAX;
}

struct interface *network_find(const struct network *network, const char *name)
{
    size_t index = network_index(network, name);

    return index == SIZE_MAX ? NULL : network->items[index];
}

/* Moves what stands from one place on to another. */
static void move_tail(struct network *network, size_t from, size_t to)
{
    memmove(&network->items[to], &network->items[from], (network->count - from) * sizeof(*network->items));
    memmove(&network->keys[to], &network->keys[from], (network->count - from) * sizeof(*network->keys));
}

static void insert_at(struct network *network, size_t position, const struct network_key *key, struct interface *interface)
{
    /* Grown by doubling: a host with 4,000 links inserts each once. */
    if ((network->count & (network->count - 1)) == 0) {
        size_t room = network->count ? network->count * 2 : 1;

        network->items = memory_resize(network->items, room, sizeof(*network->items));
        network->keys = memory_resize(network->keys, room, sizeof(*network->keys));
    }
    move_tail(network, position, position + 1);
    network->items[position] = interface;
    network->keys[position] = *key;
    network->count++;
}

void network_insert(struct network *network, struct interface *interface)
{
    struct network_key key;

    key_of(interface->name, &key);
    insert_at(network, position_of(network, &key), &key, interface);
}

struct interface *network_remove(struct network *network, const char *name)
{
    size_t index = network_index(network, name);
    struct interface *interface;

    if (index == SIZE_MAX)
        return NULL;
    interface = network->items[index];
    move_tail(network, index + 1, index);
    network->count--;
    return interface;
}

void network_copy_rest(const struct network *network, struct network *target)
{
    for (size_t i = 0; i < network->route_count; i++)
        route_copy(&network->routes[i], APPEND(target->routes, target->route_count));
    target->rules = memory_copy(network->rules, network->rule_count * sizeof(*network->rules));
    target->rule_count = network->rule_count;
}

void network_copy(const struct network *network, struct network *ret_copy)
{
    *ret_copy = (struct network){.lacking = network->lacking};
    for (size_t i = 0; i < network->count; i++)
        insert_at(ret_copy, i, &network->keys[i], interface_copy(network->items[i]));
    network_copy_rest(network, ret_copy);
}

static size_t family_size(int family)
{
    return family == AF_INET ? 4 : 16;
}

bool address_same(const struct address *a, const struct address *b)
{
    return a->family == b->family && a->prefix == b->prefix && memcmp(a->bytes, b->bytes, family_size(a->family)) == 0;
}

bool interface_has_address(const struct interface *interface, const struct address *address)
{
    for (size_t i = 0; interface && i < interface->address_count; i++)
        if (address_same(&interface->addresses[i], address))
            return true;
    return false;
}

bool address_matches(const struct address *wanted, const struct address *observed)
{
    return address_same(wanted, observed) && (!*wanted->label || text_equal(wanted->label, observed->label))
           && (!wanted->has_scope || wanted->scope == observed->scope)
           && (!wanted->has_broadcast
               || (observed->has_broadcast && memcmp(wanted->broadcast, observed->broadcast, sizeof(wanted->broadcast)) == 0));
}

struct route route_resolved(const struct route *route, int index)
{
    struct route resolved = *route;

    if (route->metric_by_index && index) {
        resolved.metric += (uint32_t)index;
        resolved.metric_by_index = false;
    }
    return resolved;
}

bool network_has_route(const struct network *network, const char *interface, const struct route *route)
{
    const struct interface *link = route->group ? NULL : network_find(network, interface);
    const struct route *routes = route->group ? network->routes : link ? link->routes : NULL;
    size_t count = route->group ? network->route_count : link ? link->route_count : 0;
    struct route resolved = route_resolved(route, link ? link->index : 0);

    for (size_t i = 0; i < count; i++)
        if (route_same(&routes[i], &resolved))
            return true;
    return false;
}

bool network_has_rule(const struct network *network, const struct rule *rule)
{
    for (size_t i = 0; i < network->rule_count; i++)
        if (rule_matches(rule, &network->rules[i]))
            return true;
    return false;
}

const char *address_text(const struct address *address, char buffer[ADDRESS_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";

    inet_ntop(address->family, address->bytes, host, sizeof(host));
    snprintf(buffer, ADDRESS_TEXT_SIZE, "%s/%u", host, address->prefix);
    return buffer;
}

bool address_is_static(const struct address *address)
{
    if (address->family == AF_INET6 && address->scope == RT_SCOPE_LINK)
        return false;
    return address->flags & IFA_F_PERMANENT;
}

/* -- VLANs and rates ---------------------------------------------------------------------------------------------------------- */

static bool vlan_is_tagged(const struct port_vlans *vlans, unsigned vlan)
{
    return vlans->tagged[vlan / 64] >> (vlan % 64) & 1;
}

/* One of "10" and "20-29"; gives the end of it. */
static const char *parse_range(const char *text, struct port_vlans *vlans, int *ret_result)
{
    char *end;
    unsigned long first = strtoul(text, &end, 10), last = first;

    *ret_result = end == text ? -EINVAL : 0;
    if (*end == '-') {
        text = end + 1;
        last = strtoul(text, &end, 10);
        if (end == text)
            *ret_result = -EINVAL;
    }
    if (*ret_result == 0 && (first < 1 || last > VLAN_MAX || first > last))
        *ret_result = -ERANGE;
    for (unsigned long vlan = first; *ret_result == 0 && vlan <= last; vlan++)
        vlans->tagged[vlan / 64] |= UINT64_C(1) << (vlan % 64);
    return end;
}

int port_vlans_parse(const char *text, struct port_vlans *vlans)
{
    int result = -EINVAL;

    for (;;) {
        if (*text < '0' || *text > '9')
            return -EINVAL; /* strtoul would take blanks and signs */
        text = parse_range(text, vlans, &result);
        if (result < 0 || !*text)
            return result;
        if (*text++ != ',')
            return -EINVAL;
    }
}

bool port_vlans_same(const struct port_vlans *a, const struct port_vlans *b)
{
    static const struct port_vlans none;

    a = a ? a : &none;
    b = b ? b : &none;
    return a->pvid == b->pvid && memcmp(a->tagged, b->tagged, sizeof(a->tagged)) == 0;
}

static void add_tagged(const struct port_vlans *vlans, struct text *text)
{
    const char *before = "tagged ";

    for (unsigned vlan = 1; vlan <= VLAN_MAX; vlan++) {
        unsigned first = vlan;

        if (!vlan_is_tagged(vlans, vlan))
            continue;
        while (vlan < VLAN_MAX && vlan_is_tagged(vlans, vlan + 1))
            vlan++;
        text_format(text, first == vlan ? "%s%u" : "%s%u-%u", before, first, vlan);
        before = ",";
    }
}

char *port_vlans_text(const struct port_vlans *vlans)
{
    struct text text = {0}, tagged = {0};

    if (vlans && vlans->pvid)
        text_format(&text, "untagged %u", vlans->pvid);
    if (vlans)
        add_tagged(vlans, &tagged);
    if (tagged.length)
        text_format(&text, "%s%s", text.length ? ", " : "", tagged.data);
    if (!text.length)
        text_add(&text, "none");
    text_clear(&tagged);
    return text_take(&text);
}

bool rate_same(const struct rate *a, const struct rate *b)
{
    return a->average == b->average && a->peak == b->peak && a->burst == b->burst;
}
