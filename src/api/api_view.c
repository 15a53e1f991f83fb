/* The reconciler's state as JSON: what is wanted and what has been read back, in one object each. */
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"
#include "model/convert.h"
#include "model/hwaddr.h"

enum { TOPOLOGY_DEPTH = 4 }; /* bridge, bond, VLAN, NIC; the kernel forbids rings, a guard costs nothing */

static void set_string(json_t *json, const char *key, const char *value)
{
    json_object_set_new(json, key, value ? json_string(value) : json_null());
}

/* Which VM's NIC is behind a TAP: sorted by the TAP's name. */
struct plug {
    const char *link;
    const struct reconcile_vm *vm;
    const struct nic *nic;
};

struct plugs {
    struct reconcile_vm *vms;
    struct plug *items;
    size_t count;
};

static int compare_plugs(const void *a, const void *b)
{
    return strcmp(((const struct plug *)a)->link, ((const struct plug *)b)->link);
}

static void plugs_read(struct api *api, struct plugs *plugs)
{
    size_t vm_count;

    *plugs = (struct plugs){0};
    vm_count = reconcile_vm_list(api->reconciler, &plugs->vms);
    for (size_t i = 0; i < vm_count; i++) {
        const struct reconcile_vm *vm = &plugs->vms[i];

        for (size_t n = 0; vm->observed && n < vm->observed->nic_count; n++)
            *APPEND(plugs->items, plugs->count) =
                (struct plug){.link = vm->observed->nics[n].target, .vm = vm, .nic = &vm->observed->nics[n]};
    }
    if (plugs->count)
        qsort(plugs->items, plugs->count, sizeof(struct plug), compare_plugs);
}

static void plugs_clear(struct plugs *plugs)
{
    free(plugs->vms);
    free(plugs->items);
}

/* A VM's TAP is ours without a mark: it dies with its holders. */
static void add_plug(json_t *json, const char *link, const struct plugs *plugs)
{
    struct plug key = {.link = link};
    const struct plug *plug = plugs->count ? bsearch(&key, plugs->items, plugs->count, sizeof(struct plug), compare_plugs) : NULL;

    if (!plug)
        return;
    set_string(json, "owner", "trestle");
    set_string(json, "vm", plug->vm->name);
    set_string(json, "nic", plug->nic->name);
    set_string(json, "model", nic_model_names[plug->nic->model]);
    set_string(json, "nic_state", nic_state_names[plug->nic->state]);
    set_string(json, "vm_state", vm_state_names[plug->vm->observed->state]);
}

bool api_view_is_ours(const struct api *api, const struct interface *observed)
{
    const struct interface *wanted = network_find(reconcile_network_wanted(api->reconciler), observed->name);

    return observed->owner == OWNER_TRESTLE || (wanted && !interface_has(wanted, FIELD_KIND));
}

/* An interface that is wanted and missing has the members of what is wanted, and says so. */
static json_t *view_interface(struct api *api, const struct interface *interface, bool observed, const struct plugs *plugs)
{
    json_t *json = interface_to_json(interface);
    char reason[1000] = "";

    reconcile_interface_reason(api->reconciler, interface, reason, sizeof(reason));
    if (!observed)
        set_string(json, "state", "missing");
    if (!observed || api_view_is_ours(api, interface)) /* whoever makes what is missing, it will be trestle's */
        set_string(json, "owner", "trestle");
    set_string(json, "reason", reason);
    json_object_set_new(json, "wanted", json_boolean(network_find(reconcile_network_wanted(api->reconciler), interface->name)));
    if (observed && interface->kind == INTERFACE_TAP)
        add_plug(json, interface->name, plugs);
    return json;
}

json_t *api_view_interface(struct api *api, const struct interface *interface, bool observed)
{
    struct plugs plugs;
    json_t *json;

    plugs_read(api, &plugs);
    json = view_interface(api, interface, observed, &plugs);
    plugs_clear(&plugs);
    return json;
}

/* Who else holds it, what was done by hand, and what its file states. */
static void add_background(struct api *api, json_t *json, const struct interface *observed, const struct interface *wanted)
{
    struct manager_claim claim;
    bool held = observed && reconcile_interface_claim(api->reconciler, observed, &claim);

    set_string(json, "file", wanted ? wanted->file : NULL);
    set_string(json, "by_hand", reconcile_interface_hand(api->reconciler, document_string(json, "name", "")));
    json_object_set_new(json, "held_by", held ? json_pack("{s:s, s:s}", "name", claim.name, "cure", claim.cure) : json_null());
    json_object_set_new(json, "stated", wanted ? interface_stated_to_json(wanted) : json_null());
}

json_t *api_view_interface_in_full(struct api *api, const char *name)
{
    const struct interface *observed = network_find(reconcile_network_observed(api->reconciler), name);
    const struct interface *wanted = network_find(reconcile_network_wanted(api->reconciler), name);
    json_t *json;

    if (!observed && !wanted)
        wanted = hwaddr_find_unbound(reconcile_network_wanted(api->reconciler), name);
    if (!observed && !wanted)
        return NULL;
    json = api_view_interface(api, observed ? observed : wanted, observed);
    add_background(api, json, observed, wanted);
    return json;
}

static void add_missing(struct api *api, json_t *list, const struct plugs *plugs)
{
    const struct network *wanted = reconcile_network_wanted(api->reconciler);
    const struct network *observed = reconcile_network_observed(api->reconciler);

    for (size_t i = 0; i < wanted->count; i++)
        if (!network_find(observed, wanted->items[i]->name))
            json_array_append_new(list, view_interface(api, wanted->items[i], false, plugs));
}

json_t *api_view_interfaces(struct api *api, bool all)
{
    const struct network *observed = reconcile_network_observed(api->reconciler);
    struct plugs plugs;
    json_t *list = json_array();

    plugs_read(api, &plugs);
    for (size_t i = 0; i < observed->count; i++)
        if (all || observed->items[i]->up)
            json_array_append_new(list, view_interface(api, observed->items[i], true, &plugs));
    if (all)
        add_missing(api, list, &plugs);
    plugs_clear(&plugs);
    return list;
}

struct tree {
    struct api *api;
    const struct interface **links; /* sorted by master, then by name: each one's ports lie side by side */
    size_t count;
    struct plugs plugs;
};

static int compare_by_master(const void *a, const void *b)
{
    const struct interface *first = *(const struct interface *const *)a, *second = *(const struct interface *const *)b;
    int order = strcmp(first->master, second->master);

    return order ? order : strcmp(first->name, second->name);
}

static void sort_by_master(struct tree *tree, const struct network *network)
{
    tree->links = memory_new((network->count + 1) * sizeof(struct interface *));
    tree->count = network->count;
    for (size_t i = 0; i < network->count; i++)
        tree->links[i] = network->items[i];
    qsort(tree->links, tree->count, sizeof(struct interface *), compare_by_master);
}

static size_t first_port(const struct tree *tree, const char *master)
{
    size_t low = 0, high = tree->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(tree->links[middle]->master, master) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static json_t *ports_of(const struct tree *tree, const char *master, int depth)
{
    json_t *list = json_array();

    if (depth == TOPOLOGY_DEPTH)
        return list;
    for (size_t i = first_port(tree, master); i < tree->count && !strcmp(tree->links[i]->master, master); i++) {
        json_t *json = view_interface(tree->api, tree->links[i], true, &tree->plugs);

        json_object_set_new(json, "ports", ports_of(tree, tree->links[i]->name, depth + 1));
        json_array_append_new(list, json);
    }
    return list;
}

json_t *api_view_topology(struct api *api)
{
    struct tree tree = {.api = api};
    json_t *list;

    sort_by_master(&tree, reconcile_network_observed(api->reconciler));
    plugs_read(api, &tree.plugs);
    list = ports_of(&tree, "", 0);
    plugs_clear(&tree.plugs);
    free(tree.links);
    return json_pack("{s:o}", "interfaces", list);
}

static enum vm_state state_of(const struct reconcile_vm *vm)
{
    return vm->observed ? vm->observed->state : VM_SHUT_OFF;
}

static const char *reason_of(const struct reconcile_vm *vm)
{
    return vm->observed ? vm->observed->reason : vm->last_reason;
}

static void add_state(json_t *json, const struct reconcile_vm *vm)
{
    set_string(json, "state", vm_state_names[state_of(vm)]);
    json_object_set_new(json, "pid", vm->observed && vm->observed->pid ? json_integer(vm->observed->pid) : json_null());
    json_object_set_new(json, "autostart", json_boolean(vm->defined && vm->defined->autostart));
    set_string(json, "reason", reason_of(vm));
    json_object_set_new(json, "defined", json_boolean(vm->defined));
}

json_t *api_view_vm_line(const struct reconcile_vm *vm)
{
    json_t *json = json_pack("{s:s}", "name", vm->name);

    add_state(json, vm);
    return json;
}

json_t *api_view_vms(struct api *api, bool all)
{
    struct reconcile_vm *vms = NULL;
    size_t count = reconcile_vm_list(api->reconciler, &vms);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        if (all || vms[i].observed)
            json_array_append_new(list, api_view_vm_line(&vms[i]));
    free(vms);
    return list;
}

json_t *api_view_vm(const struct reconcile_vm *vm)
{
    json_t *json = vm_to_json(vm->observed ? vm->observed : vm->defined);

    set_string(json, "name", vm->name);
    add_state(json, vm);
    json_object_set_new(json, "nics", api_view_nics(vm));
    if (vm->observed) { /* how many more NICs find a place */
        json_object_set_new(json, "free_slots", json_integer(vm->observed->free_slots));
        json_object_set_new(json, "free_conventional_slots", json_integer(vm->observed->free_conventional_slots));
    }
    return json;
}

/* A NIC that is plugged or on its way; what QEMU has already let go of is there no more. */
const struct nic *api_view_live_nic(const struct reconcile_vm *vm, const char *name)
{
    const struct nic *nic = vm->observed ? vm_find_nic(vm->observed, name) : NULL;

    return nic && nic->state != NIC_ABSENT ? nic : NULL;
}

json_t *api_view_nic(const struct reconcile_vm *vm, const char *name)
{
    const struct nic *live = api_view_live_nic(vm, name);
    const struct nic *stated = vm->defined ? vm_find_nic(vm->defined, name) : NULL;
    json_t *json;

    if (!live && !stated)
        return NULL;
    json = nic_to_json(live ? live : stated);
    set_string(json, "state", nic_state_names[live ? live->state : NIC_ABSENT]);
    json_object_set_new(json, "live", json_boolean(live));
    json_object_set_new(json, "config", json_boolean(stated));
    if (live && live->vhost_reason)
        set_string(json, "vhost_reason", live->vhost_reason);
    return json;
}

json_t *api_view_stated_nic(const struct reconcile_vm *vm, const char *name)
{
    const struct nic *stated = vm->defined ? vm_find_nic(vm->defined, name) : NULL;
    json_t *json = stated ? nic_to_json(stated) : NULL;

    if (!json)
        return NULL;
    set_string(json, "state", nic_state_names[NIC_ABSENT]);
    json_object_set_new(json, "live", json_boolean(api_view_live_nic(vm, name)));
    json_object_set_new(json, "config", json_true());
    return json;
}

json_t *api_view_stated_nics(const struct reconcile_vm *vm)
{
    json_t *list = json_array();

    for (size_t i = 0; vm->defined && i < vm->defined->nic_count; i++)
        json_array_append_new(list, api_view_stated_nic(vm, vm->defined->nics[i].name));
    return list;
}

json_t *api_view_lines(const char *text)
{
    json_t *list = json_array();

    while (text && *text) {
        size_t length = strcspn(text, "\n");

        json_array_append_new(list, json_stringn(text, length));
        text += length + (text[length] == '\n');
    }
    return list;
}

static void add_nics(json_t *list, const struct reconcile_vm *vm, const struct vm *of, const struct vm *without)
{
    for (size_t i = 0; of && i < of->nic_count; i++) {
        json_t *json;

        if (without && vm_find_nic(without, of->nics[i].name))
            continue;
        json = api_view_nic(vm, of->nics[i].name);
        if (json)
            json_array_append_new(list, json);
    }
}

json_t *api_view_nics(const struct reconcile_vm *vm)
{
    json_t *list = json_array();

    add_nics(list, vm, vm->defined, NULL);
    add_nics(list, vm, vm->observed, vm->defined);
    return list;
}
