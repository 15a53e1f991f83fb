/* links: vmm
 * NICs of a real QEMU: in, out when the guest answers, and found in every half-done state by the next daemon. */
#include "test_vmm_fixture.h"

static bool has_device(struct fixture *fixture, const char *vm, const char *id)
{
    size_t index;
    json_t *item;
    const json_t *list = command(fixture, vm, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"));
    json_array_foreach((json_t *)(uintptr_t)list, index, item)
        if (strcmp(document_string(item, "name", ""), id) == 0)
            return true;
    return false;
}

/* A guest that is held does not answer: the NIC stays, and says so, until a reset. */
static void plug_and_unplug(struct fixture *fixture, const char *machine, enum nic_model model, uint32_t queues)
{
    struct vm *vm = make_vm("c2", machine);
    must(fixture, spawn(fixture, vm));
    struct nic *nic = add_nic(vm, "net0", model);
    nic->queues = queues;
    must(fixture, attach(fixture, "c2", nic));
    assert_true(has_device(fixture, "c2", "net0"));
    const struct nic *observed = observed_nic(fixture, "c2", "net0");
    assert_int_equal(observed->state, NIC_PLUGGED);
    assert_true(observed->live);
    must_fail(fixture, attach(fixture, "c2", nic), EEXIST, "has a NIC of that name");

    must_fail(fixture, nic_step(fixture, STEP_NETDEV_DELETE, "c2", nic), EBUSY, "has not let go");
    must_fail(fixture, nic_step(fixture, STEP_NIC_FORGET, "c2", nic), EBUSY, "still has it");
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic));
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_UNPLUGGING);
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic)); /* "already in the process" is as good */
    assert_true(has_device(fixture, "c2", "net0"));
    must_fail(fixture, nic_step(fixture, STEP_NETDEV_DELETE, "c2", nic), EBUSY, "has not let go");

    must(fixture, vm_step(fixture, STEP_VM_RESET, vm));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_REMOVED);
    assert_non_null(strstr(fixture->events.data, "c2: nic net0 removed\n"));
    must(fixture, tidy(fixture, "c2", nic));
    assert_null(observed_nic(fixture, "c2", "net0"));
    must(fixture, attach(fixture, "c2", nic)); /* and in again, in the same names */
    vm_free(vm);
}

static void pc_virtio(void **state)
{
    plug_and_unplug(*state, "pc", NIC_VIRTIO, 1);
}

static void pc_e1000(void **state)
{
    plug_and_unplug(*state, "pc", NIC_E1000, 1);
}

static void pc_rtl8139(void **state)
{
    plug_and_unplug(*state, "pc", NIC_RTL8139, 1);
}

static void q35_virtio_queues(void **state)
{
    plug_and_unplug(*state, "q35", NIC_VIRTIO, 4);
}

static void q35_e1000(void **state)
{
    plug_and_unplug(*state, "q35", NIC_E1000, 1);
}

static void q35_rtl8139(void **state)
{
    plug_and_unplug(*state, "q35", NIC_RTL8139, 1);
}

static void every_model_goes_in(void **state)
{
    struct fixture *fixture = *state;
    static const char *const machines[] = {"pc", "q35"};
    for (size_t m = 0; m < ARRAY_SIZE(machines); m++) {
        struct vm *vm = make_vm(machines[m], machines[m]);
        add_nic(vm, "first", NIC_VMXNET3);
        must(fixture, spawn(fixture, vm));
        assert_int_equal(observed_nic(fixture, vm->name, "first")->state, NIC_PLUGGED);
        for (int model = NIC_VIRTIO; model <= NIC_VMXNET3; model++) {
            CLEANUP(freep) char *name = memory_format("net%d", model);
            must(fixture, attach(fixture, vm->name, add_nic(vm, name, (enum nic_model)model)));
            assert_true(has_device(fixture, vm->name, name));
        }
        vm_free(vm);
    }
}

/* Any name that a section may have is one that QEMU takes. */
static void odd_names(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("0c", "pc");
    add_nic(vm, "1", NIC_VIRTIO);
    must(fixture, spawn(fixture, vm));
    struct nic *nic = add_nic(vm, "_a.b-1", NIC_E1000);
    must(fixture, attach(fixture, "0c", nic));
    nic = add_nic(vm, "a-1", NIC_E1000);
    must(fixture, attach(fixture, "0c", nic));
    nic = add_nic(vm, "trestle.name.1", NIC_E1000);
    must_fail(fixture, attach(fixture, "0c", nic), EINVAL, "the agent's own");
    vm_free(vm);
}

static void link_that_is_down(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    add_nic(vm, "net0", NIC_E1000)->link = false;
    must(fixture, spawn(fixture, vm));
    struct nic *nic = add_nic(vm, "net1", NIC_E1000);
    nic->link = false;
    must(fixture, attach(fixture, "c2", nic));
    vm_free(vm);
}

static void full_tables_are_told_early(void **state)
{
    struct fixture *fixture = *state;
    static const char *const machines[] = {"pc", "q35"};
    for (size_t m = 0; m < ARRAY_SIZE(machines); m++) {
        struct vm *vm = make_vm(machines[m], machines[m]);
        int result = 0;
        must(fixture, spawn(fixture, vm));
        for (int i = 0; i < 40 && result == 0; i++) {
            CLEANUP(freep) char *name = memory_format("net%d", i);
            struct nic *nic = add_nic(vm, name, NIC_VIRTIO);
            nic->type = NIC_USER;
            result = attach(fixture, vm->name, nic);
        }
        must_fail(fixture, result, ENOSPC, "are all taken");
        assert_int_equal(vm->nic_count, m == 0 ? 30 : 9);
        assert_null(vm_find_nic(vmm_observed(fixture->vmm, vm->name), vm->nics[vm->nic_count - 1].name));
        vm_free(vm);
    }
}

static void vhost_that_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    bool there = access("/dev/vhost-net", R_OK | W_OK) == 0;
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    must(fixture, attach(fixture, "c2", nic));
    assert_int_equal(observed_nic(fixture, "c2", "net0")->vhost_used, there);
    assert_int_equal(observed_nic(fixture, "c2", "net0")->vhost_reason == NULL, there);
    nic = add_nic(vm, "net1", NIC_VIRTIO);
    nic->vhost = VHOST_ON;
    if (there)
        must(fixture, attach(fixture, "c2", nic));
    else
        must_fail(fixture, attach(fixture, "c2", nic), ENOENT, "Vhost=on, but /dev/vhost-net");
    nic = add_nic(vm, "net2", NIC_E1000);
    must(fixture, attach(fixture, "c2", nic));
    assert_false(observed_nic(fixture, "c2", "net2")->vhost_used);
    assert_null(observed_nic(fixture, "c2", "net2")->vhost_reason);
    vm_free(vm);
}

static void refused_device_is_taken_back(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "q35");
    must(fixture, spawn(fixture, vm));
    /* Somebody else's device on the port that is next. */
    command(fixture, "c2", "netdev_add", json_pack("{s:s, s:s}", "type", "user", "id", "foreign"));
    command(fixture, "c2", "device_add",
            json_pack("{s:s, s:s, s:s, s:s}", "driver", "virtio-net-pci", "id", "y", "netdev", "foreign", "bus",
                      "trestle.port1"));
    assert_int_equal(fixture->error.code, 0);
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    must_fail(fixture, attach(fixture, "c2", nic), EREMOTEIO, "PCI: slot 0 function 0 not available");
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_ATTACHING);
    must(fixture, nic_step(fixture, STEP_NETDEV_DELETE, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NIC_CLOSE_FDS, "c2", nic));
    must(fixture, nic_step(fixture, STEP_TAP_CLOSE, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NIC_FORGET, "c2", nic));
    assert_null(observed_nic(fixture, "c2", "net0"));
    nic->model = NIC_E1000; /* which goes elsewhere */
    must(fixture, attach(fixture, "c2", nic));
    vm_free(vm);
}

static void guest_ejects_by_itself(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    add_nic(vm, "net0", NIC_E1000);
    must(fixture, spawn(fixture, vm));
    command(fixture, "c2", "device_del", json_pack("{s:s}", "id", "net0"));
    must(fixture, vm_step(fixture, STEP_VM_RESET, vm));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_REMOVED);
    must(fixture, tidy(fixture, "c2", &vm->nics[0]));
    vm_free(vm);
}

/* The daemon dies after each step of an attach: the next one can tidy, whatever QEMU has, and the name is free again. */
static void death_within_an_attach(void **state)
{
    struct fixture *fixture = *state;
    static const enum step_op steps[] = {STEP_NIC_RECORD, STEP_TAP_OPEN, STEP_NIC_PASS_FDS, STEP_NETDEV_ADD, STEP_DEVICE_ADD};
    struct vm *vm = make_vm("c2", "q35");
    must(fixture, spawn(fixture, vm));
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    nic->queues = 2;
    for (size_t last = 0; last < ARRAY_SIZE(steps); last++) {
        for (size_t i = 0; i <= last; i++)
            must(fixture, nic_step(fixture, steps[i], "c2", nic));
        restart(fixture);
        enum nic_state found = observed_nic(fixture, "c2", "net0")->state;
        assert_int_equal(found, steps[last] == STEP_DEVICE_ADD ? NIC_PLUGGED : NIC_REMOVED);
        if (found == NIC_REMOVED)
            must(fixture, tidy(fixture, "c2", nic));
    }
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic));
    restart(fixture);
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_UNPLUGGING);
    must(fixture, vm_step(fixture, STEP_VM_RESET, vm));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_REMOVED);
    restart(fixture);
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_REMOVED);
    must(fixture, tidy(fixture, "c2", nic));
    must(fixture, attach(fixture, "c2", nic));
    vm_free(vm);
}

/* The guest let go, and a NIC came out behind the agent's back, while no daemon ran. */
static void gone_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    struct nic *nic = add_nic(vm, "net0", NIC_E1000);
    char path[256], *record;
    size_t size;
    must(fixture, spawn(fixture, vm));
    snprintf(path, sizeof(path), "%s/vms/c2/state.json", fixture->directory);
    assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &record, &size, NULL), 0);
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic));
    must(fixture, vm_step(fixture, STEP_VM_RESET, vm));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_REMOVED);
    assert_int_equal(file_write(path, record, size, 0600, false, NULL), 0);
    restart(fixture);
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_REMOVED);
    must(fixture, tidy(fixture, "c2", nic));
    free(record);
    vm_free(vm);
}

static void qemu_dies_within_an_attach(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    struct nic *nic = add_nic(vm, "net0", NIC_E1000);
    must(fixture, nic_step(fixture, STEP_NIC_RECORD, "c2", nic));
    must(fixture, nic_step(fixture, STEP_TAP_OPEN, "c2", nic));
    kill(vmm_observed(fixture->vmm, "c2")->pid, SIGKILL);
    assert_true(nic_step(fixture, STEP_NIC_PASS_FDS, "c2", nic) < 0);
    WAIT_UNTIL(fixture, !left_in_directory(fixture, "c2"));
    must_fail(fixture, nic_step(fixture, STEP_NETDEV_ADD, "c2", nic), ESRCH, "not running");
    vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_VMM(pc_virtio),
        WITH_VMM(pc_e1000),
        WITH_VMM(pc_rtl8139),
        WITH_VMM(q35_virtio_queues),
        WITH_VMM(q35_e1000),
        WITH_VMM(q35_rtl8139),
        WITH_VMM(every_model_goes_in),
        WITH_VMM(odd_names),
        WITH_VMM(link_that_is_down),
        WITH_VMM(full_tables_are_told_early),
        WITH_VMM(vhost_that_is_not_there),
        WITH_VMM(refused_device_is_taken_back),
        WITH_VMM(guest_ejects_by_itself),
        WITH_VMM(death_within_an_attach),
        WITH_VMM(gone_meanwhile),
        WITH_VMM(qemu_dies_within_an_attach),
    };
    check_machine();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
