#include "vmm/device.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "vmm/ids.h"
#include "vmm/slots.h"

static const char *const drivers[] = { /* by enum nic_model */
    "virtio-net-pci", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet", "i82551", "i82557b", "i82559er", "vmxnet3",
};

enum { QUEUES_MAX = 256 }; /* of a TAP, MAX_TAP_QUEUES */

int device_check(const struct nic *nic, struct error *err)
{
    if (nic->queues > QUEUES_MAX)
        return error_set(err, EINVAL, "Queues=%u: at most %d are possible", nic->queues, (int)QUEUES_MAX);
    if (nic->queues > 1 && nic->type == NIC_USER)
        return error_set(err, EINVAL, "Queues=%u: only NICs on a TAP have several, and type user has none", nic->queues);
    if (nic->queues > 1 && nic->model != NIC_VIRTIO)
        return error_set(err, EINVAL, "Queues=%u: Model=%s has one; only virtio NICs have several", nic->queues,
                         nic_model_names[nic->model]);
    return 0;
}

int device_choose_queues(struct nic *nic, size_t open, struct error *err)
{
    if (nic->type == NIC_USER) {
        nic->queues = 1;
        return 0;
    }
    if (open == 0)
        return error_set(err, ENODEV, "its TAP %s is not open", nic->target);
    if (nic->queues && nic->queues != open)
        return error_set(err, ENODEV, "its TAP %s is open with %zu queues, not %u", nic->target, open, nic->queues);
    nic->queues = (uint32_t)open;
    return device_check(nic, err);
}

json_t *device_nic(const struct nic *nic, const char *bus, int boot_index)
{
    char id[ID_SIZE], netdev[ID_SIZE], mac[18];
    text_from_mac(nic->mac, mac);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "driver", drivers[nic->model], "id", ids_device(nic->name, id), "netdev",
                             ids_netdev(nic->name, netdev), "mac", mac);
    if (bus)
        json_object_set_new(json, "bus", json_string(bus));
    if (slots_is_port(bus)) /* else QEMU would take a slot that no guest looks at when the port is taken */
        json_object_set_new(json, "addr", json_string("0x0"));
    if (boot_index)
        json_object_set_new(json, "bootindex", json_integer(boot_index));
    if (nic->model != NIC_VIRTIO)
        return json;
    if (nic->mtu)
        json_object_set_new(json, "host_mtu", json_integer(nic->mtu));
    if (nic->queues > 1) { /* an interrupt for each direction of each queue, one for the control queue, one for changes */
        json_object_set_new(json, "mq", json_true());
        json_object_set_new(json, "vectors", json_integer(2 * nic->queues + 2));
    }
    return json;
}

json_t *device_netdev(const struct nic *nic, const char *fds, const char *vhost_fds)
{
    char id[ID_SIZE];
    const char *type = nic->type == NIC_USER ? "user" : "tap";
    json_t *json = json_pack("{s:s, s:s}", "type", type, "id", ids_netdev(nic->name, id));
    if (nic->type == NIC_USER)
        return json;
    json_object_set_new(json, nic->queues > 1 ? "fds" : "fd", json_string(fds));
    if (!vhost_fds)
        return json;
    /* With vhostforce QEMU refuses what it can't do; without, it aborts. */
    json_object_set_new(json, "vhost", json_true());
    json_object_set_new(json, nic->queues > 1 ? "vhostfds" : "vhostfd", json_string(vhost_fds));
    json_object_set_new(json, "vhostforce", json_true());
    return json;
}

json_t *device_link(const char *nic, bool up)
{
    char id[ID_SIZE];
    return json_pack("{s:s, s:b}", "name", ids_netdev(nic, id), "up", up);
}

static void add_value(struct text *text, const json_t *value)
{
    if (json_is_integer(value))
        text_format(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        text_add(text, json_is_true(value) ? "on" : "off");
    for (const char *c = json_is_string(value) ? json_string_value(value) : ""; *c; c++)
        text_add(text, *c == ',' ? ",," : (char[]){*c, '\0'});
}

char *device_option(const json_t *arguments)
{
    struct text text = {0};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)arguments, key, value) {
        if (text.data)
            text_format(&text, ",%s=", key);
        add_value(&text, value);
    }
    return text_take(&text);
}
