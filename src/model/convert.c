#include "model/convert.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "model/option.h"

static void set_text(json_t *json, const char *name, const char *text)
{
    json_object_set_new(json, name, text && *text ? json_string(text) : json_null());
}

/* Members without which a reader would stumble: null instead of absent. */
static void set_null_if_absent(json_t *json, const char *name)
{
    if (!json_object_get(json, name))
        json_object_set_new(json, name, json_null());
}

/* Interfaces */

static const char *interface_state(const struct interface *interface)
{
    return !interface->up ? "down" : interface->carrier ? "up" : "no carrier";
}

static json_t *addresses_to_json(const struct interface *interface)
{
    char text[ADDRESS_TEXT_SIZE];
    json_t *json = json_array();
    for (size_t i = 0; i < interface->address_count; i++)
        json_array_append_new(json, json_string(address_text(&interface->addresses[i], text)));
    return json;
}

static json_t *routes_to_json(const struct interface *interface)
{
    char text[ROUTE_TEXT_SIZE];
    json_t *json = json_array();
    for (size_t i = 0; i < interface->route_count; i++)
        json_array_append_new(json, json_string(route_text(&interface->routes[i], text)));
    return json;
}

static json_t *rate_to_json(const struct rate *rate)
{
    return json_pack("{s:I, s:I, s:I}", "average", (json_int_t)rate->average, "peak", (json_int_t)rate->peak, "burst",
                     (json_int_t)rate->burst);
}

/* What is no option row. */
static void add_port(json_t *json, const struct interface *interface)
{
    if (interface_has(interface, FIELD_PORT_VLANS) && interface->vlans) {
        CLEANUP(freep) char *text = port_vlans_text(interface->vlans);
        set_text(json, "vlans", text);
    }
    if (interface_has(interface, FIELD_INBOUND) && interface->inbound.average)
        json_object_set_new(json, "inbound", rate_to_json(&interface->inbound));
    if (interface_has(interface, FIELD_OUTBOUND) && interface->outbound.average)
        json_object_set_new(json, "outbound", rate_to_json(&interface->outbound));
}

json_t *interface_to_json(const struct interface *interface)
{
    json_t *json = json_object();
    set_text(json, "name", interface->name);
    set_text(json, "kind", interface_kind_names[interface->kind]);
    set_text(json, "state", interface_state(interface));
    json_t *options = option_to_json(OPTION_INTERFACE, interface, true);
    json_object_update(json, options);
    document_free(options);
    set_null_if_absent(json, "mac");
    set_null_if_absent(json, "mtu");
    set_null_if_absent(json, "master");
    json_object_set_new(json, "addresses", addresses_to_json(interface));
    if (interface_has(interface, FIELD_ROUTES))
        json_object_set_new(json, "routes", routes_to_json(interface));
    add_port(json, interface);
    set_text(json, "owner", interface->owner == OWNER_TRESTLE ? "trestle" : "foreign");
    return json;
}

json_t *interface_stated_to_json(const struct interface *interface)
{
    json_t *json = option_to_json(OPTION_INTERFACE, interface, true);
    if (interface_has(interface, FIELD_KIND))
        set_text(json, "kind", interface_kind_names[interface->kind]);
    if (interface_has(interface, FIELD_UP))
        set_text(json, "state", interface->up ? "up" : "down");
    if (interface_has(interface, FIELD_ADDRESSES))
        json_object_set_new(json, "addresses", addresses_to_json(interface));
    if (interface_has(interface, FIELD_ROUTES))
        json_object_set_new(json, "routes", routes_to_json(interface));
    add_port(json, interface);
    json_object_set_new(json, "onboot", json_boolean(interface->onboot));
    return json;
}

/* What all objects of option rows share */

/* The members that somebody stated, by name. */
static json_t *stated_to_json(enum option_scope scope, const void *object)
{
    json_t *names = json_array();
    for (const struct option *row = option_table; row < option_table + option_count; row++)
        if (row->scope == scope && row->name && option_is_set(row, object))
            json_array_append_new(names, json_string(row->name));
    return names;
}

static bool names_contain(const json_t *names, const char *name)
{
    size_t index;
    json_t *value;
    json_array_foreach((json_t *)(uintptr_t)names, index, value)
        if (text_equal(json_string_value(value), name))
            return true;
    return false;
}

/* Where the document says what was stated, the bits are just these. */
static void set_stated(enum option_scope scope, const json_t *stated, field_set *set)
{
    if (!json_is_array(stated))
        return;
    for (const struct option *row = option_table; row < option_table + option_count; row++)
        if (row->scope == scope && row->field >= 0 && row->name) {
            *set &= ~FIELD_BIT(row->field);
            if (names_contain(stated, row->name))
                *set |= FIELD_BIT(row->field);
        }
}

/* The option rows' members of json, which has the `others` besides. */
static int rows_from_json(enum option_scope scope, void *object, const json_t *json, const char *const *others, struct error *err)
{
    if (!json_is_object(json))
        return error_set(err, EINVAL, "wants a JSON object");
    CLEANUP(document_freep) json_t *rows = json_copy((json_t *)(uintptr_t)json);
    for (; *others; others++)
        json_object_del(rows, *others);
    return option_from_json(scope, object, rows, err);
}

static json_t *rows_to_json(enum option_scope scope, const void *object, const char *kind, const char *name)
{
    json_t *json = json_object();
    set_text(json, kind, name);
    json_t *rows = option_to_json(scope, object, false);
    json_object_update(json, rows);
    document_free(rows);
    json_object_set_new(json, "stated", stated_to_json(scope, object));
    return json;
}

static int name_from_json(const json_t *json, const char *kind, char name[VM_NAME_SIZE], struct error *err)
{
    const char *text = document_string(json, kind, NULL);
    const char *fault = text ? text_vm_name_fault(text) : "is missing";
    char shown[QUOTE_SIZE];
    if (fault)
        return text ? error_set(err, EINVAL, "%s: %s %s", kind, quote_text(text, shown), fault)
                    : error_set(err, EINVAL, "\"%s\", the name, is missing", kind);
    text_copy(name, VM_NAME_SIZE, text);
    return 0;
}

static int index_of(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (text_equal(names[i], name))
            return i;
    return -1;
}

/* A string out of `names`, if the member is there. */
static int enum_from_json(const json_t *json, const char *member, const char *const *names, int *ret, struct error *err)
{
    const json_t *value = json_object_get(json, member);
    char shown[QUOTE_SIZE];
    if (!value || json_is_null(value))
        return 0;
    int index = json_is_string(value) ? index_of(names, json_string_value(value)) : -1;
    if (index < 0)
        return error_set(err, EINVAL, "%s: %s is none that is known", member, quote_text(json_string_value(value), shown));
    *ret = index;
    return 0;
}

/* NICs */

static const char *const nic_others[] = {"nic", "vhost", "vhost_reason", "state", "live", "config", "line", "stated", NULL};

json_t *nic_to_json(const struct nic *nic)
{
    json_t *json = rows_to_json(OPTION_NIC, nic, "nic", nic->name);
    set_null_if_absent(json, "interface");
    set_null_if_absent(json, "source");
    set_null_if_absent(json, "mac");
    json_object_set_new(json, "vhost", json_boolean(nic->vhost_used));
    set_text(json, "vhost_reason", nic->vhost_reason);
    set_text(json, "state", nic_state_names[nic->state]);
    json_object_set_new(json, "live", json_boolean(nic->live));
    json_object_set_new(json, "config", json_boolean(nic->config));
    if (nic->line)
        json_object_set_new(json, "line", json_integer(nic->line));
    return json;
}

static int nic_rows_from_json(const json_t *json, struct nic *nic, struct error *err)
{
    int result = rows_from_json(OPTION_NIC, nic, json, nic_others, err);
    set_stated(OPTION_NIC, json_object_get(json, "stated"), &nic->set);
    return result;
}

int nic_from_json(const json_t *json, struct nic *ret_nic, struct error *err)
{
    struct nic nic = {0};
    option_set_defaults(OPTION_NIC, &nic);
    int result = nic_rows_from_json(json, &nic, err);
    const json_t *name = json_object_get(json, "nic");
    if (result == 0 && name && !json_is_null(name))
        result = name_from_json(json, "nic", nic.name, err);
    if (result < 0)
        nic_clear(&nic);
    else
        *ret_nic = nic;
    return result;
}

int nic_changes_from_json(const json_t *json, struct nic *ret_changes, struct error *err)
{
    CLEANUP(document_freep) json_t *members = json_copy((json_t *)(uintptr_t)json);
    json_object_del(members, "stated");
    int result = nic_from_json(members, ret_changes, err);
    for (const struct option *row = option_table; row < option_table + option_count && result == 0; row++)
        if (row->scope == OPTION_NIC && row->name && json_is_null(json_object_get(json, row->name)))
            option_reset(row, ret_changes);
    return result;
}

static int nic_observed_from_json(const json_t *json, struct nic *nic, struct error *err)
{
    int state = nic->state;
    int result = enum_from_json(json, "state", nic_state_names, &state, err);
    nic->state = (enum nic_state)state;
    nic->vhost_used = document_boolean(json, "vhost", false);
    nic->vhost_reason = memory_string(document_string(json, "vhost_reason", NULL));
    nic->live = document_boolean(json, "live", false);
    nic->config = document_boolean(json, "config", false);
    nic->line = (uint32_t)document_number(json, "line", 0);
    return result;
}

/* Virtual machines */

static const char *const disk_others[] = {"disk", "line", "stated", NULL};
static const char *const vm_others[] = {"name", "file", "display", "nics",   "disks", "state",
                                        "pid",  "start_ticks", "reason", "stated", NULL};
static const char *const display_others[] = {"stated", NULL};

static json_t *disk_to_json(const struct disk *disk)
{
    json_t *json = rows_to_json(OPTION_DISK, disk, "disk", disk->name);
    if (disk->line)
        json_object_set_new(json, "line", json_integer(disk->line));
    return json;
}

static json_t *display_to_json(const struct vm *vm)
{
    json_t *json = option_to_json(OPTION_DISPLAY, vm, false);
    json_object_set_new(json, "stated", stated_to_json(OPTION_DISPLAY, vm));
    return json;
}

json_t *vm_to_json(const struct vm *vm)
{
    json_t *json = rows_to_json(OPTION_VM, vm, "name", vm->name);
    json_t *nics = json_array(), *disks = json_array();
    for (size_t i = 0; i < vm->nic_count; i++)
        json_array_append_new(nics, nic_to_json(&vm->nics[i]));
    for (size_t i = 0; i < vm->disk_count; i++)
        json_array_append_new(disks, disk_to_json(&vm->disks[i]));
    json_object_set_new(json, "display", display_to_json(vm));
    json_object_set_new(json, "disks", disks);
    json_object_set_new(json, "nics", nics);
    set_text(json, "file", vm->file);
    set_text(json, "state", vm_state_names[vm->state]);
    json_object_set_new(json, "pid", json_integer(vm->pid));
    json_object_set_new(json, "start_ticks", json_integer((json_int_t)vm->start_ticks));
    set_text(json, "reason", vm->reason);
    return json;
}

static int add_nic(const json_t *json, struct vm *vm, struct error *err)
{
    char name[VM_NAME_SIZE];
    int result = name_from_json(json, "nic", name, err);
    if (result < 0)
        return result;
    if (vm_find_nic(vm, name))
        return error_set(err, EEXIST, "nic %s stands twice", name);
    struct nic *nic = vm_add_nic(vm, name);
    result = nic_rows_from_json(json, nic, err);
    if (result == 0)
        result = nic_observed_from_json(json, nic, err);
    return result < 0 ? error_prefix(err, "nic %s", name) : 0;
}

static int add_disk(const json_t *json, struct vm *vm, struct error *err)
{
    char name[VM_NAME_SIZE];
    int result = name_from_json(json, "disk", name, err);
    if (result < 0)
        return result;
    if (vm_find_disk(vm, name))
        return error_set(err, EEXIST, "disk %s stands twice", name);
    struct disk *disk = vm_add_disk(vm, name);
    result = rows_from_json(OPTION_DISK, disk, json, disk_others, err);
    set_stated(OPTION_DISK, json_object_get(json, "stated"), &disk->set);
    disk->line = (uint32_t)document_number(json, "line", 0);
    return result < 0 ? error_prefix(err, "disk %s", name) : 0;
}

static int add_all(const json_t *json, const char *member, size_t limit, int (*add)(const json_t *, struct vm *, struct error *),
                   struct vm *vm, struct error *err)
{
    json_t *array = json_object_get(json, member), *item;
    size_t index;
    if (array && !json_is_null(array) && !json_is_array(array))
        return error_set(err, EINVAL, "%s: wants an array", member);
    if (json_array_size(array) > limit)
        return error_set(err, E2BIG, "%s: at most %zu are possible", member, limit);
    json_array_foreach(array, index, item)
    {
        int result = add(item, vm, err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int display_from_json(const json_t *json, struct vm *vm, struct error *err)
{
    const json_t *display = json_object_get(json, "display");
    if (!display || json_is_null(display))
        return 0;
    int result = rows_from_json(OPTION_DISPLAY, vm, display, display_others, err);
    set_stated(OPTION_DISPLAY, json_object_get(display, "stated"), &vm->set);
    return result < 0 ? error_prefix(err, "display") : 0;
}

static int vm_observed_from_json(const json_t *json, struct vm *vm, struct error *err)
{
    int state = vm->state;
    int result = enum_from_json(json, "state", vm_state_names, &state, err);
    vm->state = (enum vm_state)state;
    vm->file = memory_string(document_string(json, "file", NULL));
    vm->pid = (int)document_number(json, "pid", 0);
    vm->start_ticks = (unsigned long long)document_number(json, "start_ticks", 0);
    vm->reason = memory_string(document_string(json, "reason", NULL));
    return result;
}

int vm_from_json(const json_t *json, struct vm **ret_vm, struct error *err)
{
    char name[VM_NAME_SIZE];
    int result = name_from_json(json, "name", name, err);
    if (result < 0)
        return result;
    struct vm *vm = vm_new(name);
    result = rows_from_json(OPTION_VM, vm, json, vm_others, err);
    set_stated(OPTION_VM, json_object_get(json, "stated"), &vm->set);
    if (result == 0)
        result = display_from_json(json, vm, err);
    if (result == 0)
        result = add_all(json, "disks", VM_DISKS_MAX, add_disk, vm, err);
    if (result == 0)
        result = add_all(json, "nics", VM_NICS_MAX, add_nic, vm, err);
    if (result == 0)
        result = vm_observed_from_json(json, vm, err);
    if (result < 0)
        vm_free(vm);
    else
        *ret_vm = vm;
    return result;
}
