/* What only shows when all files are seen. */
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/check_internal.h"
#include "model/hwaddr.h"

void check_drop(struct ifcfg *file)
{
    interface_free(file->interface);
    file->interface = NULL;
}

static int compare_devices(const void *a, const void *b)
{
    const struct ifcfg *left = *(struct ifcfg *const *)a, *right = *(struct ifcfg *const *)b;
    int order = strcmp(left->device, right->device);
    return order ? order : left < right ? -1 : left > right;
}

static void sort_by_device(struct check *check)
{
    check->by_device = memory_resize(NULL, check->count + 1, sizeof(struct ifcfg *));
    for (size_t i = 0; i < check->count; i++)
        check->by_device[i] = &check->files[i];
    qsort(check->by_device, check->count, sizeof(struct ifcfg *), compare_devices);
}

struct ifcfg *check_find(const struct check *check, const char *device)
{
    size_t low = 0, high = check->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(check->by_device[middle]->device, device) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < check->count && strcmp(check->by_device[low]->device, device) == 0 ? check->by_device[low] : NULL;
}

/* Two files with one DEVICE: the first stays, the others are refused. */
static void check_devices(const struct check *check)
{
    for (size_t i = 1, first = 0; i < check->count; i++) {
        struct ifcfg *file = check->by_device[i];
        if (!file->device[0] || strcmp(file->device, check->by_device[first]->device) != 0) {
            first = i;
            continue;
        }
        bool by_mac = hwaddr_is_name(file->device);
        problems_add(check->problems, check->lone, file->file->path, file->device_place.line, file->device_place.column,
                     "%s%s is stated by %s already", by_mac ? "this HWADDR" : "DEVICE=", by_mac ? "" : file->device,
                     check->by_device[first]->file->path);
        check_drop(file);
    }
}

/* VLANs of ports, and of bridges */

static const struct interface *bridge_of(const struct check *check, const struct ifcfg *file, const struct network *implicit)
{
    const struct ifcfg *master = file->interface->kind == INTERFACE_BRIDGE ? file : check_find(check, file->interface->master);
    return master ? master->interface : network_find(implicit, file->interface->master);
}

/* Of single files the bridge's may not be among them. */
static void check_vlans(const struct check *check, const struct network *implicit)
{
    for (size_t i = 0; i < check->count; i++) {
        struct ifcfg *file = &check->files[i];
        const struct interface *bridge;
        if (!file->interface || !interface_has(file->interface, FIELD_PORT_VLANS))
            continue;
        bridge = bridge_of(check, file, implicit);
        if (bridge && !(check->lone && network_find(implicit, bridge->name)))
            ifcfg_vlans_check(file, bridge, check->problems);
    }
}

/* Addresses */

struct stated_address {
    struct ifcfg *file;
    size_t index;
};

static const struct address *address_of(const struct stated_address *stated)
{
    return &stated->file->interface->addresses[stated->index];
}

static int compare_bytes(const struct stated_address *a, const struct stated_address *b)
{
    const struct address *left = address_of(a), *right = address_of(b);
    return left->family != right->family ? (left->family < right->family ? -1 : 1) : memcmp(left->bytes, right->bytes, 16);
}

static int compare_stated(const void *a, const void *b)
{
    const struct stated_address *left = a, *right = b;
    int order = compare_bytes(left, right);
    return order ? order : left->file < right->file ? -1 : left->file > right->file;
}

/* May it stand on more than one interface? Link-local ones are told apart by their link, and addresses without a network around
 * them (/32, /128) are lent to unnumbered links. */
static bool may_repeat(const struct address *address)
{
    return address->scope != RT_SCOPE_UNIVERSE || address->prefix == (address->family == AF_INET ? 32 : 128);
}

static void check_addresses(const struct check *check)
{
    struct stated_address *all = NULL;
    size_t count = 0;
    for (size_t i = 0; i < check->count; i++)
        count += check->files[i].interface ? check->files[i].interface->address_count : 0;
    all = memory_resize(NULL, count + 1, sizeof(*all));
    count = 0;
    for (size_t i = 0; i < check->count; i++)
        for (size_t j = 0; check->files[i].interface && j < check->files[i].interface->address_count; j++)
            all[count++] = (struct stated_address){.file = &check->files[i], .index = j};
    qsort(all, count, sizeof(*all), compare_stated);
    for (size_t i = 1; i < count; i++) {
        const struct ifcfg *file = all[i].file, *other = all[i - 1].file;
        char text[ADDRESS_TEXT_SIZE];
        if (file == other || compare_bytes(&all[i - 1], &all[i]) != 0 || may_repeat(address_of(&all[i]))
            || may_repeat(address_of(&all[i - 1])))
            continue;
        const struct ifcfg_place *place = &file->address_places[all[i].index];
        problems_add(check->problems, check->lone, file->file->path, place->line, place->column,
                     "%s is stated by %s for %s already", address_text(address_of(&all[i]), text), other->file->path,
                     other->device);
    }
    free(all);
}

/* Default routes */

static struct route *default_route(const struct ifcfg *file)
{
    for (size_t i = 0; file->interface && i < file->interface->route_count; i++)
        if (file->interface->routes[i].family == AF_INET && !file->interface->routes[i].prefix)
            return &file->interface->routes[i];
    return NULL;
}

static void drop_route(struct interface *interface, struct route *route)
{
    *route = interface->routes[--interface->route_count];
    if (!interface->route_count)
        interface->set &= ~FIELD_BIT(FIELD_ROUTES);
}

/* The scripts replace the default route with each file that has a GATEWAY, bridges last: so the last one of a metric stays. */
static void check_default_routes(const struct check *check)
{
    struct ifcfg *last = NULL;
    for (int bridges = 0; bridges < 2; bridges++)
        for (size_t i = 0; i < check->count; i++) {
            struct ifcfg *file = &check->files[i];
            struct route *route = default_route(file);
            if (!route || (file->interface->kind == INTERFACE_BRIDGE) != bridges)
                continue;
            struct route *other = last ? default_route(last) : NULL;
            if (other && other->metric == route->metric) {
                problems_add(check->problems, true, last->file->path, last->gateway_place.line, last->gateway_place.column,
                             "the default route is not used: that of %s counts (METRIC tells them apart)", file->file->path);
                drop_route(last->interface, other);
            }
            last = file;
        }
}

void check_network(struct ifcfg *files, size_t count, bool lone, struct network *implicit, struct problems *problems)
{
    struct check check = {.files = files, .count = count, .lone = lone, .problems = problems};
    sort_by_device(&check);
    check_devices(&check);
    check_links(&check, implicit);
    check_vlans(&check, implicit);
    check_addresses(&check);
    check_default_routes(&check);
    free(check.by_device);
}

/* VMs */

struct stated_nic {
    const struct vm *vm;
    const struct nic *nic;
    size_t order; /* the later one of two is blamed; never by address, which differs from run to run */
};

static int compare_macs(const void *a, const void *b)
{
    const struct stated_nic *left = a, *right = b;
    int order = memcmp(left->nic->mac, right->nic->mac, sizeof(left->nic->mac));
    return order ? order : left->order < right->order ? -1 : 1;
}

static int compare_targets(const void *a, const void *b)
{
    const struct stated_nic *left = a, *right = b;
    int order = strcmp(left->nic->target, right->nic->target);
    return order ? order : left->order < right->order ? -1 : 1;
}

static void check_nics(struct stated_nic *nics, size_t count, bool macs, struct problems *problems)
{
    qsort(nics, count, sizeof(*nics), macs ? compare_macs : compare_targets);
    for (size_t i = 1; i < count; i++) {
        const struct stated_nic *one = &nics[i - 1], *two = &nics[i];
        bool same = macs ? memcmp(one->nic->mac, two->nic->mac, sizeof(one->nic->mac)) == 0 && !nic_mac_is_unset(two->nic)
                         : strcmp(one->nic->target, two->nic->target) == 0 && two->nic->target[0];
        char mac[18];
        text_from_mac(two->nic->mac, mac);
        if (same && one->vm != two->vm)
            problems_add(problems, false, two->vm->file, two->nic->line, two->nic->line ? 1 : 0,
                         "vm %s: nic %s: %s=%s is that of vm %s, nic %s, already", two->vm->name, two->nic->name,
                         macs ? "MAC" : "Target", macs ? mac : two->nic->target, one->vm->name, one->nic->name);
    }
}

void config_check_vms(struct vm *const *vms, size_t count, struct problems *problems)
{
    struct stated_nic *nics = NULL;
    size_t nic_count = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < vms[i]->nic_count; j++) {
            struct stated_nic *stated = APPEND(nics, nic_count);
            *stated = (struct stated_nic){.vm = vms[i], .nic = &vms[i]->nics[j], .order = nic_count};
        }
    if (nic_count) {
        check_nics(nics, nic_count, true, problems);
        check_nics(nics, nic_count, false, problems);
    }
    free(nics);
}
