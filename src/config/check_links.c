/* What lies on what: masters of ports and slaves, parents of VLANs. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/check_internal.h"
#include "model/kind.h"

static void __attribute__((format(printf, 4, 5))) tell(const struct check *check, bool warning, const struct ifcfg *file,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    CLEANUP(freep) char *why = memory_format_list(format, arguments);
    va_end(arguments);
    problems_add(check->problems, warning, file->file->path, file->master_place.line, file->master_place.column, "%s=%s: %s",
                 file->interface->is_slave ? "MASTER" : "BRIDGE", file->interface->master, why);
}

static void __attribute__((format(printf, 4, 5))) tell_parent(const struct check *check, bool warning, const struct ifcfg *file,
                                                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    CLEANUP(freep) char *why = memory_format_list(format, arguments);
    va_end(arguments);
    problems_add(check->problems, warning, file->file->path, file->parent_place.line, file->parent_place.column, "%s: %s",
                 file->interface->name, why);
}

/* Masters */

/* A bridge that is a port: the kernel has no such thing, and most often it is a loop. */
static void refuse_bridge_as_port(const struct check *check, struct ifcfg *file)
{
    struct text chain = {0};
    const struct ifcfg *at = file;
    text_add(&chain, at->device);
    bool loop = false;
    for (size_t hops = 0; at && at->interface && at->interface->master[0] && hops < 8 && !loop; hops++) {
        text_format(&chain, " -> %s", at->interface->master);
        loop = strcmp(at->interface->master, file->device) == 0;
        at = check_find(check, at->interface->master);
    }
    if (loop)
        tell(check, false, file, "the bridge would be its own port (%s)", chain.data);
    else
        tell(check, false, file, "%s is a bridge itself, and can't be a port of another", file->device);
    check_drop(file);
    text_clear(&chain);
}

static void add_implicit(const struct check *check, struct ifcfg *file, struct network *implicit)
{
    const char *name = file->interface->master;
    struct interface *bridge = network_find(implicit, name);
    if (bridge) {
        bridge->onboot |= file->interface->onboot;
        return;
    }
    bridge = interface_new(name);
    bridge->onboot = file->interface->onboot; /* ifup of the first port makes it */
    bridge->kind = INTERFACE_BRIDGE;
    bridge->up = true;
    bridge->set = FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_UP);
    bridge->file = memory_string(file->file->path);
    network_insert(implicit, bridge);
    if (!check->lone)
        tell(check, true, file, "no file states this bridge; it is made without options, as ifup did");
}

/* Why it can be no port at all; NULL when it can. */
static const char *fault_of_port(const struct ifcfg *file)
{
    const struct interface *port = file->interface;
    if (port->kind == INTERFACE_LOOPBACK || strcmp(port->master, "lo") == 0)
        return port->is_slave ? "the loopback interface has no place in a bond" : "the loopback interface has no place in a bridge";
    if (port->kind == INTERFACE_TUN && !port->is_slave)
        return "a TUN carries no Ethernet frames, and has no place in a bridge";
    if (strcmp(port->master, file->device) == 0)
        return port->is_slave ? "an interface can't be its own slave" : "an interface can't be its own port";
    if (port->is_slave && kind_find(port->kind)->takes_ports)
        return "neither a bridge nor a bond can be a slave";
    return NULL;
}

/* In the days of modprobe.conf the options stood there, and a bond's file looked like any NIC's: its slaves tell. */
static void make_bond(const struct check *check, const struct ifcfg *file, struct ifcfg *master)
{
    struct interface *bond = master->interface;
    bond->kind = INTERFACE_BOND;
    bond->set |= FIELD_BIT(FIELD_KIND);
    memset(bond->hwaddr, 0, sizeof(bond->hwaddr));
    tell(check, true, file, "%s does not say TYPE=Bond: it is taken for one, without options, because it has slaves",
         master->file->path);
}

static void check_slave(const struct check *check, struct ifcfg *file, struct ifcfg *master)
{
    const char *bond = file->interface->master;
    if (!master) {
        tell(check, check->lone, file, "no file %sstates this bond: write ifcfg-%s with TYPE=Bond", check->lone ? "here " : "", bond);
        if (!check->lone)
            check_drop(file);
    } else if (master->interface && master->interface->kind == INTERFACE_ETHERNET) {
        make_bond(check, file, master);
    } else if (master->interface && master->interface->kind != INTERFACE_BOND) {
        tell(check, false, file, "%s is a %s, not a bond", master->file->path, interface_kind_names[master->interface->kind]);
        check_drop(file);
    }
}

static void check_port(const struct check *check, struct ifcfg *file, struct ifcfg *master, struct network *implicit)
{
    if (!master) {
        add_implicit(check, file, implicit);
    } else if (master->interface && master->interface->kind != INTERFACE_BRIDGE) {
        tell(check, false, file, "%s does not say TYPE=Bridge", master->file->path);
        check_drop(file);
    }
}

static void check_master(const struct check *check, struct ifcfg *file, struct network *implicit)
{
    if (file->interface->kind == INTERFACE_BRIDGE && !file->interface->is_slave) {
        refuse_bridge_as_port(check, file);
        return;
    }
    const char *fault = fault_of_port(file);
    if (fault) {
        tell(check, false, file, "%s", fault);
        check_drop(file);
        return;
    }
    struct ifcfg *master = check_find(check, file->interface->master);
    if (file->interface->is_slave)
        check_slave(check, file, master);
    else
        check_port(check, file, master, implicit);
}

static void check_masters(const struct check *check, struct network *implicit)
{
    /* Bridges first, while the masters of all are still there to show a loop. */
    for (int bridges = 1; bridges >= 0; bridges--)
        for (size_t i = 0; i < check->count; i++) {
            struct ifcfg *file = &check->files[i];
            if (file->interface && file->interface->master[0] && (file->interface->kind == INTERFACE_BRIDGE) == bridges)
                check_master(check, file, implicit);
        }
}

/* What lies on a file that is skipped is skipped too, and so is what lies on that. */

static const struct ifcfg *skipped_below(const struct check *check, const struct ifcfg *file, const char *name)
{
    const struct ifcfg *below = *name ? check_find(check, name) : NULL;
    return below && below != file && below->skipped ? below : NULL;
}

static bool skip_above(const struct check *check, struct ifcfg *file)
{
    const struct ifcfg *master = skipped_below(check, file, file->interface->master);
    const struct ifcfg *parent = skipped_below(check, file, file->interface->parent);
    if (master)
        tell(check, true, file, "%s is skipped, so this file is skipped too", master->file->path);
    else if (parent)
        tell_parent(check, true, file, "%s is skipped, so this file is skipped too", parent->file->path);
    else
        return false;
    file->skipped = true;
    check_drop(file);
    return true;
}

static void skip_what_lies_on_skipped(const struct check *check)
{
    bool again = true;
    while (again) {
        again = false;
        for (size_t i = 0; i < check->count; i++)
            if (check->files[i].interface && skip_above(check, &check->files[i]))
                again = true;
    }
}

/* Parents */

static void check_parents(const struct check *check)
{
    for (size_t i = 0; i < check->count; i++) {
        struct ifcfg *file = &check->files[i];
        const char *parent = file->interface ? file->interface->parent : "", *fault = NULL;
        if (!*parent)
            continue;
        if (strcmp(parent, file->device) == 0)
            fault = "an interface can't lie on itself";
        else if (strcmp(parent, "lo") == 0)
            fault = "the loopback interface carries no other";
        else if (!check_find(check, parent) && strcmp(parent, file->interface->master) == 0)
            fault = "it would lie on itself: a bridge can't be its own port by way of a VLAN";
        if (fault) {
            tell_parent(check, false, file, "%s", fault);
            check_drop(file);
        }
    }
}

static int compare_vlans(const void *a, const void *b)
{
    const struct ifcfg *left = *(struct ifcfg *const *)a, *right = *(struct ifcfg *const *)b;
    int order = strcmp(left->interface->parent, right->interface->parent);
    if (order)
        return order;
    if (left->interface->vlan.id != right->interface->vlan.id)
        return left->interface->vlan.id < right->interface->vlan.id ? -1 : 1;
    return left < right ? -1 : left > right;
}

/* Two of the same id on one parent: the kernel has a place for one. */
static void check_vlan_ids(const struct check *check)
{
    struct ifcfg **vlans = memory_resize(NULL, check->count + 1, sizeof(*vlans));
    size_t count = 0;
    for (size_t i = 0; i < check->count; i++)
        if (check->files[i].interface && interface_has(check->files[i].interface, FIELD_VLAN_ID))
            vlans[count++] = &check->files[i];
    qsort(vlans, count, sizeof(*vlans), compare_vlans);
    for (size_t i = 1, first = 0; i < count; i++) {
        const struct interface *one = vlans[first]->interface, *other = vlans[i]->interface;
        if (one->vlan.id != other->vlan.id || strcmp(one->parent, other->parent) != 0) {
            first = i;
            continue;
        }
        tell_parent(check, check->lone, vlans[i], "VLAN %u of %s is that of %s (%s) already", other->vlan.id, other->parent, one->name,
                    vlans[first]->file->path);
        check_drop(vlans[i]);
    }
    free(vlans);
}

/* Veth pairs: what the files of both ends say of each other */

static int compare_peers(const void *a, const void *b)
{
    const struct ifcfg *left = *(struct ifcfg *const *)a, *right = *(struct ifcfg *const *)b;
    int order = strcmp(left->interface->peer, right->interface->peer);
    return order ? order : left < right ? -1 : left > right;
}

/* Why it can't be the other end of `file`; NULL when it can. */
static char *fault_of_peer(const struct ifcfg *file, const struct ifcfg *peer)
{
    if (!peer || !peer->interface || peer->interface->kind == INTERFACE_ETHERNET)
        return NULL;
    if (peer->interface->kind != INTERFACE_VETH)
        return memory_format("%s states a %s", peer->file->path, interface_kind_names[peer->interface->kind]);
    if (strcmp(peer->interface->peer, file->device) != 0)
        return memory_format("%s states PEER=%s", peer->file->path, peer->interface->peer);
    return NULL;
}

static void check_peers(const struct check *check)
{
    struct ifcfg **ends = memory_resize(NULL, check->count + 1, sizeof(*ends));
    size_t count = 0;
    for (size_t i = 0; i < check->count; i++)
        if (check->files[i].interface && check->files[i].interface->kind == INTERFACE_VETH)
            ends[count++] = &check->files[i];
    qsort(ends, count, sizeof(*ends), compare_peers);
    for (size_t i = 0; i < count; i++) {
        const char *peer = ends[i]->interface->peer;
        bool again = i > 0 && strcmp(ends[i - 1]->device, peer) != 0 && ends[i - 1]->interface
                     && strcmp(ends[i - 1]->interface->peer, peer) == 0;
        CLEANUP(freep) char *fault = again ? memory_format("%s states the same", ends[i - 1]->file->path)
                                           : fault_of_peer(ends[i], check_find(check, peer));
        if (!fault)
            continue;
        problems_add(check->problems, check->lone, ends[i]->file->path, ends[i]->parent_place.line, ends[i]->parent_place.column,
                     "PEER=%s: %s", peer, fault);
        check_drop(ends[i]);
    }
    free(ends);
}

/* Rings: a bridge that is its own port by way of a VLAN. A link lies above its parent, and a master above its ports. */

struct ring {
    const struct check *check;
    struct ifcfg **by_master; /* sorted by master */
    size_t port_count;
    struct visit {
        enum { NOT_SEEN, ON_THE_WAY, DONE } state;
        size_t offset; /* of its name in the chain */
    } *visits; /* by index of the file */
    struct text chain;
    struct ifcfg *closed_by; /* the file that the chain came back to */
};

static int compare_masters(const void *a, const void *b)
{
    const struct ifcfg *left = *(struct ifcfg *const *)a, *right = *(struct ifcfg *const *)b;
    int order = strcmp(left->interface->master, right->interface->master);
    return order ? order : left < right ? -1 : left > right;
}

static size_t first_port(const struct ring *ring, const char *master)
{
    size_t low = 0, high = ring->port_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(ring->by_master[middle]->interface->master, master) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool in_ring(struct ring *ring, struct ifcfg *file);

/* Is there a way down from the file to one that is on the way already? */
static bool leads_into_ring(struct ring *ring, struct ifcfg *file)
{
    struct ifcfg *parent = file->interface->parent[0] ? check_find(ring->check, file->interface->parent) : NULL;
    if (parent && parent->interface && in_ring(ring, parent))
        return true;
    for (size_t i = first_port(ring, file->device);
         i < ring->port_count && strcmp(ring->by_master[i]->interface->master, file->device) == 0; i++)
        if (in_ring(ring, ring->by_master[i]))
            return true;
    return false;
}

static bool in_ring(struct ring *ring, struct ifcfg *file)
{
    struct visit *visit = &ring->visits[file - ring->check->files];
    size_t length = ring->chain.length;
    if (visit->state == DONE)
        return false;
    text_format(&ring->chain, "%s%s", length ? " -> " : "", file->device);
    if (visit->state == ON_THE_WAY) {
        ring->closed_by = file;
        return true;
    }
    *visit = (struct visit){ON_THE_WAY, ring->chain.length - strlen(file->device)};
    if (leads_into_ring(ring, file))
        return true;
    visit->state = DONE;
    ring->chain.length = length;
    return false;
}

static bool refuse_ring(struct ring *ring)
{
    for (size_t i = 0; i < ring->check->count; i++) {
        struct ifcfg *file = &ring->check->files[i];
        if (!file->interface || !file->interface->parent[0] || !in_ring(ring, file))
            continue;
        file = ring->closed_by;
        problems_add(ring->check->problems, false, file->file->path, file->device_place.line, file->device_place.column,
                     "%s: it would lie on itself (%s)", file->device,
                     ring->chain.data + ring->visits[file - ring->check->files].offset);
        check_drop(file);
        return true;
    }
    return false;
}

static void check_rings(const struct check *check)
{
    bool again = true;
    while (again) {
        struct ring ring = {.check = check, .visits = memory_new((check->count + 1) * sizeof(struct visit))};
        ring.by_master = memory_resize(NULL, check->count + 1, sizeof(*ring.by_master));
        for (size_t i = 0; i < check->count; i++)
            if (check->files[i].interface && check->files[i].interface->master[0])
                ring.by_master[ring.port_count++] = &check->files[i];
        qsort(ring.by_master, ring.port_count, sizeof(*ring.by_master), compare_masters);
        again = refuse_ring(&ring);
        free(ring.by_master);
        free(ring.visits);
        text_clear(&ring.chain);
    }
}

void check_links(const struct check *check, struct network *implicit)
{
    skip_what_lies_on_skipped(check);
    check_parents(check);
    check_peers(check);
    check_masters(check, implicit);
    check_vlan_ids(check);
    check_rings(check);
}
