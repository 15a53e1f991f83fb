/* Objects as JSON and back. links: model base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/convert.h"
#include "model/option.h"

static void set(enum option_scope scope, void *object, const char *key, const char *value)
{
    struct error err;
    if (option_parse(option_find(scope, NULL, key, NULL), object, value, &err) < 0)
        fail_msg("%s: %s", key, err.text);
}

/* A running VM with something in every member. */
static struct vm *full_vm(void)
{
    struct vm *vm = vm_new("c2");
    set(OPTION_VM, vm, "Memory", "1G");
    set(OPTION_VM, vm, "UUID", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    set(OPTION_VM, vm, "Append", "console=ttyS0 \"quoted\"");
    set(OPTION_DISPLAY, vm, "VNC", "127.0.0.1:1");
    vm->vcpus = 2; /* not stated: stays without its bit */
    vm->file = memory_string("/etc/trestle/vms/c2.vm");
    vm->state = VM_PAUSED;
    vm->pid = 4711;
    vm->start_ticks = UINT64_C(1) << 40;
    vm->reason = memory_string("suspended");
    struct disk *disk = vm_add_disk(vm, "vda");
    set(OPTION_DISK, disk, "File", "/images/c2.qcow2");
    disk->line = 12;
    vm_add_nic(vm, "net0");
    struct nic *nic = vm_add_nic(vm, "net1");
    set(OPTION_NIC, nic, "Bridge", "br0");
    set(OPTION_NIC, nic, "Inbound", "1000,,512");
    text_mac("52:54:00:00:00:11", nic->mac); /* generated */
    nic->line = 20;
    nic->state = NIC_UNPLUGGING;
    nic->vhost_reason = memory_string("no /dev/vhost-net");
    nic->live = true;
    return vm;
}

static void test_vm_round_trip(void **state)
{
    (void)state;
    struct vm *vm = full_vm(), *again = NULL;
    struct error err = {0};
    json_t *json = vm_to_json(vm);
    if (vm_from_json(json, &again, &err) < 0)
        fail_msg("%s", err.text);
    json_t *json_again = vm_to_json(again);
    CLEANUP(freep) char *one = document_text(json), *two = document_text(json_again);
    assert_string_equal(one, two);
    assert_int_equal(again->set, vm->set);
    assert_int_equal(again->nics[1].set, vm->nics[1].set);
    assert_int_equal(again->disks[0].set, vm->disks[0].set);
    assert_int_equal(again->vcpus, 2);
    assert_int_equal(again->pid, 4711);
    assert_int_equal(again->start_ticks, UINT64_C(1) << 40);
    assert_int_equal(again->state, VM_PAUSED);
    assert_string_equal(again->reason, "suspended");
    assert_string_equal(again->file, "/etc/trestle/vms/c2.vm");
    assert_string_equal(again->append, "console=ttyS0 \"quoted\"");
    assert_string_equal(again->vnc, "127.0.0.1:1");
    assert_int_equal(again->disks[0].line, 12);
    assert_int_equal(again->nics[1].line, 20);
    assert_int_equal(again->nics[1].state, NIC_UNPLUGGING);
    assert_string_equal(again->nics[1].vhost_reason, "no /dev/vhost-net");
    assert_true(again->nics[1].live);
    assert_false(again->nics[1].config);
    assert_false(again->nics[1].vhost_used);
    assert_memory_equal(again->nics[1].mac, vm->nics[1].mac, 6);
    assert_memory_equal(&again->nics[1].inbound, &vm->nics[1].inbound, sizeof(struct rate));
    json_decref(json);
    json_decref(json_again);
    vm_free(vm);
    vm_free(again);
}

static void test_nic_has_domiflist_members(void **state)
{
    (void)state;
    struct vm *vm = full_vm();
    json_t *json = nic_to_json(&vm->nics[1]);
    CLEANUP(freep) char *text = document_text(json);
    assert_string_equal(
        text, "{\"nic\":\"net1\",\"type\":\"bridge\",\"source\":\"br0\",\"model\":\"virtio\",\"mac\":\"52:54:00:00:00:11\","
              "\"vhost_mode\":\"auto\",\"queues\":1,\"isolated\":false,\"inbound\":\"1000,,512\",\"link\":\"up\","
              "\"stated\":[\"source\",\"inbound\"],\"interface\":null,\"vhost\":false,"
              "\"vhost_reason\":\"no /dev/vhost-net\",\"state\":\"unplugging\",\"live\":true,\"config\":false,"
              "\"line\":20}");
    json_decref(json);
    vm_free(vm);
}

static void test_nic_from_request(void **state)
{
    (void)state;
    struct nic nic;
    struct error err = {0};
    json_t *json =
        json_loads("{\"type\": \"bridge\", \"source\": \"br0\", \"model\": \"e1000\", \"state\": \"plugged\", \"live\": true}",
                   0, NULL);
    assert_int_equal(nic_from_json(json, &nic, &err), 0);
    assert_string_equal(nic.bridge, "br0");
    assert_int_equal(nic.model, NIC_E1000);
    assert_int_equal(nic.queues, 1);
    assert_true(nic.link);
    assert_int_equal(nic.state, NIC_ABSENT); /* observed: not the caller's to say */
    assert_false(nic.live);
    assert_true(option_is_set(option_find(OPTION_NIC, NULL, "Model", NULL), &nic));
    assert_false(option_is_set(option_find(OPTION_NIC, NULL, "Queues", NULL), &nic));
    json_decref(json);
    nic_clear(&nic);
}

static void test_wrong_vms(void **state)
{
    (void)state;
    static const struct {
        const char *json, *error;
    } cases[] = {
        {"{}", "\"name\", the name, is missing"},
        {"[]", "\"name\", the name, is missing"},
        {"{\"name\": \"../x\"}", "name: \"../x\" begins with '.' or '-'"},
        {"{\"name\": \"a\", \"memroy\": 1}", "no member \"memroy\" is known here"},
        {"{\"name\": \"a\", \"nics\": {}}", "nics: wants an array"},
        {"{\"name\": \"a\", \"nics\": [7]}", "\"nic\", the name, is missing"},
        {"{\"name\": \"a\", \"nics\": [{\"nic\": \"n\", \"mac\": \"x\"}]}",
         "nic n: mac: wants a MAC address like 52:54:00:00:00:11, not \"x\""},
        {"{\"name\": \"a\", \"nics\": [{\"nic\": \"n\"}, {\"nic\": \"n\"}]}", "nic n stands twice"},
        {"{\"name\": \"a\", \"disks\": [{\"disk\": \"d\", \"bus\": \"x\"}]}",
         "disk d: bus: wants virtio, ide, scsi, sd or floppy, not \"x\""},
        {"{\"name\": \"a\", \"display\": {\"vnc\": 1}}", "display: vnc: wants a string"},
        {"{\"name\": \"a\", \"state\": \"flying\"}", "state: \"flying\" is none that is known"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct vm *vm = NULL;
        struct error err = {0};
        json_t *json = json_loads(cases[i].json, 0, NULL);
        if (vm_from_json(json, &vm, &err) >= 0 || strcmp(err.text, cases[i].error) != 0)
            fail_msg("%s: %s", cases[i].json, err.text);
        assert_null(vm);
        json_decref(json);
    }
}

static void test_interface(void **state)
{
    (void)state;
    struct interface *interface = interface_new("br0");
    struct address *address = APPEND(interface->addresses, interface->address_count);
    *address = (struct address){.family = AF_INET, .bytes = {10, 0, 0, 1}, .prefix = 24};
    interface->kind = INTERFACE_BRIDGE;
    interface->up = true;
    interface->owner = OWNER_TRESTLE;
    interface->mtu = 1500;
    interface->bridge.forward_delay = 1500;
    interface->set =
        FIELD_BIT(FIELD_MTU) | FIELD_BIT(FIELD_MASTER) | FIELD_BIT(FIELD_ADDRESSES) | FIELD_BIT(FIELD_BRIDGE_FORWARD_DELAY);
    json_t *json = interface_to_json(interface);
    CLEANUP(freep) char *text = document_text(json);
    assert_string_equal(text, "{\"name\":\"br0\",\"kind\":\"bridge\",\"state\":\"no carrier\",\"mtu\":1500,\"forward_delay\":15,"
                              "\"mac\":null,\"master\":null,\"addresses\":[\"10.0.0.1/24\"],\"owner\":\"trestle\"}");
    json_decref(json);
    interface_free(interface);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vm_round_trip),   cmocka_unit_test(test_nic_has_domiflist_members),
        cmocka_unit_test(test_nic_from_request), cmocka_unit_test(test_wrong_vms),
        cmocka_unit_test(test_interface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
