/* links: vmm
 * What changes of a plugged NIC, other kinds of NICs than on a bridge, queues, and the slots that are left; with a real QEMU. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "test_vmm_fixture.h"

static const enum nic_model models[] = {NIC_VIRTIO, NIC_E1000, NIC_RTL8139};

/* ---- Link ---- */

static void link_goes_down_and_up(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
        CLEANUP(freep) char *name = memory_format("net%zu", i);
        struct nic *nic = add_nic(vm, name, models[i]);
        nic->queues = models[i] == NIC_VIRTIO ? 2 : 1;
        must(fixture, attach(fixture, "c2", nic));
        for (int times = 0; times < 2; times++) { /* the second time it is so already */
            nic->link = false;
            must(fixture, nic_step(fixture, STEP_NIC_LINK, "c2", nic));
            assert_false(observed_nic(fixture, "c2", name)->link);
        }
        restart(fixture);
        assert_false(observed_nic(fixture, "c2", name)->link);
        assert_null(vmm_observed(fixture->vmm, "c2")->reason);
        nic->link = true;
        must(fixture, nic_step(fixture, STEP_NIC_LINK, "c2", nic));
        assert_true(observed_nic(fixture, "c2", name)->link);
    }
    struct nic nobody = {.name = "net9"};
    must_fail(fixture, nic_step(fixture, STEP_NIC_LINK, "c2", &nobody), ENOENT, "no such NIC");
    vm_free(vm);
}

/* Reads frames of a TAP's QEMU until one is an announcement (RARP) of the MAC. */
static void wait_for_announcement(int fd, const uint8_t mac[6])
{
    uint8_t frame[2048];
    for (;;) {
        ssize_t got = recv(fd, frame, sizeof(frame), 0);
        if (got < 0)
            fail_msg("no announcement: %s", strerror(errno));
        if (got >= 14 && frame[12] == 0x80 && frame[13] == 0x35 && memcmp(frame + 6, mac, 6) == 0)
            return;
    }
}

static int listen_to(const char *interface)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    struct timeval patience = {.tv_sec = 60};
    struct ifreq request = {0};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    assert_true(fd >= 0);
    text_copy(request.ifr_name, sizeof(request.ifr_name), interface);
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags |= IFF_UP;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    address.sll_ifindex = (int)if_nametoindex(interface);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

/* Two at once: neither stops the other's. And a link that was down and is up again carries frames. */
static void announcements_leave_each_nic(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    int fds[ARRAY_SIZE(models)];
    for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
        CLEANUP(freep) char *name = memory_format("%zunet", i);
        add_nic(vm, name, models[i])->link = i != 1;
    }
    must(fixture, spawn(fixture, vm));
    must(fixture, vm_step(fixture, STEP_VM_CONTINUE, vm));
    vm->nics[1].link = true;
    must(fixture, nic_step(fixture, STEP_NIC_LINK, "c2", &vm->nics[1]));
    for (size_t i = 0; i < ARRAY_SIZE(models); i++)
        fds[i] = listen_to(vm->nics[i].target);
    for (size_t i = 0; i < ARRAY_SIZE(models); i++)
        must(fixture, nic_step(fixture, STEP_NIC_ANNOUNCE, "c2", &vm->nics[i]));
    for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
        wait_for_announcement(fds[i], vm->nics[i].mac);
        close(fds[i]);
    }
    vm_free(vm);
}

/* ---- The record ---- */

static void change_is_written_down(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "q35");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    nic->trunk = memory_string("5-7");
    must(fixture, spawn(fixture, vm));
    struct nic before, after;
    nic_copy(observed_nic(fixture, "c2", "net0"), &before);
    nic_copy(&before, &after);
    text_copy(after.bridge, sizeof(after.bridge), "br1");
    free(after.trunk);
    after.trunk = memory_string("10,20-29");
    after.vlan = 3;
    after.mtu = 1400;
    after.isolated = true;
    after.inbound.average = 1000;
    /* What can't change is kept, whatever the step says. */
    after.model = NIC_E1000;
    after.queues = 7;
    after.state = NIC_ABSENT;
    text_copy(after.target, sizeof(after.target), "other");
    after.mac[5] ^= 1;
    must(fixture, nic_step(fixture, STEP_NIC_UPDATE, "c2", &after));
    for (int times = 0; times < 2; times++) {
        const struct nic *observed = observed_nic(fixture, "c2", "net0");
        assert_string_equal(observed->bridge, "br1");
        assert_string_equal(observed->trunk, "10,20-29");
        assert_int_equal(observed->vlan, 3);
        assert_int_equal(observed->mtu, 1400);
        assert_true(observed->isolated);
        assert_true(observed->inbound.average == 1000);
        assert_int_equal(observed->model, NIC_VIRTIO);
        assert_int_equal(observed->queues, 1);
        assert_int_equal(observed->state, NIC_PLUGGED);
        assert_string_equal(observed->target, nic->target);
        assert_memory_equal(observed->mac, nic->mac, 6);
        restart(fixture);
    }
    must(fixture, nic_step(fixture, STEP_NIC_UPDATE, "c2", &before)); /* as a rollback does */
    assert_string_equal(observed_nic(fixture, "c2", "net0")->trunk, "5-7");
    assert_string_equal(observed_nic(fixture, "c2", "net0")->bridge, "br0");
    nic_clear(&before);
    nic_clear(&after);
    vm_free(vm);
}

static void change_that_can_not_be_written_down(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    struct nic *nic = add_nic(vm, "net0", NIC_E1000);
    char path[256], other[256];
    must(fixture, spawn(fixture, vm));
    snprintf(path, sizeof(path), "%s/vms/c2", fixture->directory);
    snprintf(other, sizeof(other), "%s/moved", fixture->directory);
    assert_int_equal(rename(path, other), 0);
    nic->vlan = 7;
    nic->link = false;
    must_fail(fixture, nic_step(fixture, STEP_NIC_UPDATE, "c2", nic), ENOENT, "state.json");
    must_fail(fixture, nic_step(fixture, STEP_NIC_LINK, "c2", nic), ENOENT, "state.json");
    assert_int_equal(observed_nic(fixture, "c2", "net0")->vlan, 0);
    assert_true(observed_nic(fixture, "c2", "net0")->link);
    struct nic *more = add_nic(vm, "net1", NIC_E1000);
    uint32_t slots = vmm_observed(fixture->vmm, "c2")->free_slots;
    must_fail(fixture, attach(fixture, "c2", more), ENOENT, "state.json");
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->free_slots, slots);
    assert_int_equal(rename(other, path), 0);
    must(fixture, attach(fixture, "c2", more));
    vm_free(vm);
}

/* ---- Types and queues ---- */

static void user_nics_need_no_tap(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "q35");
    add_nic(vm, "net0", NIC_VIRTIO)->type = NIC_USER;
    vm->nics[0].queues = 0;
    must(fixture, spawn(fixture, vm));
    struct nic *nic = add_nic(vm, "net1", NIC_E1000);
    nic->type = NIC_USER;
    nic->queues = 0;
    must(fixture, nic_step(fixture, STEP_NIC_RECORD, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NETDEV_ADD, "c2", nic));
    must(fixture, nic_step(fixture, STEP_DEVICE_ADD, "c2", nic));
    restart(fixture);
    assert_int_equal(observed_nic(fixture, "c2", "net1")->state, NIC_PLUGGED);
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic));
    must(fixture, vm_step(fixture, STEP_VM_RESET, vm));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net1")->state == NIC_REMOVED);
    must(fixture, nic_step(fixture, STEP_NETDEV_DELETE, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NIC_FORGET, "c2", nic));
    nic->queues = 2;
    must_fail(fixture, nic_step(fixture, STEP_NIC_RECORD, "c2", nic), EINVAL, "only NICs on a TAP");
    vm_free(vm);
}

static int make_persistent(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    text_copy(request.ifr_name, sizeof(request.ifr_name), name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETPERSIST, 1) < 0)
        fail_msg("%s: %s", name, strerror(errno));
    close(fd);
    return 0;
}

/* A TAP that somebody else made, before and while it runs; the next daemon has its descriptors too. */
static void ethernet_takes_what_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    size_t count;
    make_persistent("theirs0");
    make_persistent("theirs1");
    for (int i = 0; i < 2; i++) {
        CLEANUP(freep) char *name = memory_format("net%d", i), *target = memory_format("theirs%d", i);
        struct nic *nic = add_nic(vm, name, NIC_E1000);
        nic->type = NIC_ETHERNET;
        text_copy(nic->target, sizeof(nic->target), target);
    }
    vm->nic_count = 1;
    must(fixture, nic_step(fixture, STEP_TAP_OPEN, "c2", &vm->nics[0]));
    must(fixture, vm_step(fixture, STEP_VM_SPAWN, vm));
    vm->nic_count = 2;
    must(fixture, attach(fixture, "c2", &vm->nics[1]));
    restart(fixture);
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_PLUGGED);
    assert_int_equal(observed_nic(fixture, "c2", "net1")->type, NIC_ETHERNET);
    assert_non_null(tap_descriptors(fixture->taps, "theirs0", &count));
    assert_non_null(tap_descriptors(fixture->taps, "theirs1", &count));
    must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
    assert_true(if_nametoindex("theirs0") && if_nametoindex("theirs1"));
    vm_free(vm);
}

/* Queues=auto: as many as the TAP was opened with, which is what the plan says. */
static void automatic_queues(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "q35");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    nic->queues = 3;
    must(fixture, nic_step(fixture, STEP_TAP_OPEN, "c2", nic));
    nic->queues = 0;
    must(fixture, vm_step(fixture, STEP_VM_SPAWN, vm));
    assert_int_equal(observed_nic(fixture, "c2", "net0")->queues, 3);
    nic = add_nic(vm, "net1", NIC_VIRTIO);
    nic->queues = 2;
    must(fixture, nic_step(fixture, STEP_TAP_OPEN, "c2", nic));
    nic->queues = 0;
    must(fixture, nic_step(fixture, STEP_NIC_RECORD, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NIC_PASS_FDS, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NIC_CLOSE_FDS, "c2", nic)); /* both: or the next would be refused */
    must(fixture, nic_step(fixture, STEP_NIC_PASS_FDS, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NETDEV_ADD, "c2", nic));
    must(fixture, nic_step(fixture, STEP_DEVICE_ADD, "c2", nic));
    assert_int_equal(observed_nic(fixture, "c2", "net1")->queues, 2);
    restart(fixture);
    assert_int_equal(observed_nic(fixture, "c2", "net1")->queues, 2);
    vm_free(vm);
}

static void queues_that_can_not_be(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    struct nic *nic = add_nic(vm, "net0", NIC_RTL8139);
    nic->queues = 2;
    must_fail(fixture, nic_step(fixture, STEP_NIC_RECORD, "c2", nic), EINVAL, "Queues=2: Model=rtl8139 has one");
    nic->model = NIC_VMXNET3;
    must_fail(fixture, nic_step(fixture, STEP_NIC_RECORD, "c2", nic), EINVAL, "Model=vmxnet3 has one");
    nic->model = NIC_VIRTIO;
    nic->queues = 257;
    must_fail(fixture, nic_step(fixture, STEP_NIC_RECORD, "c2", nic), EINVAL, "at most 256");
    nic->queues = 2;
    must(fixture, nic_step(fixture, STEP_TAP_OPEN, "c2", nic));
    nic->queues = 3;
    must(fixture, nic_step(fixture, STEP_NIC_RECORD, "c2", nic));
    must_fail(fixture, nic_step(fixture, STEP_NIC_PASS_FDS, "c2", nic), ENODEV, "is open with 2 queues, not 3");
    vm_free(vm);
}

/* ---- Slots ---- */

static void expect_free(const struct fixture *fixture, uint32_t express, uint32_t conventional)
{
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->free_slots, express);
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->free_conventional_slots, conventional);
}

static void slots_that_are_left(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "q35");
    add_nic(vm, "net0", NIC_VIRTIO);
    must(fixture, spawn(fixture, vm));
    expect_free(fixture, 8, 31);
    must(fixture, attach(fixture, "c2", add_nic(vm, "net1", NIC_E1000)));
    expect_free(fixture, 8, 30);
    must(fixture, attach(fixture, "c2", add_nic(vm, "net2", NIC_E1000E)));
    expect_free(fixture, 7, 30);
    restart(fixture);
    expect_free(fixture, 7, 30);
    struct nic *gone = vm_find_nic(vm, "net2");
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", gone));
    expect_free(fixture, 7, 30); /* it is there still */
    must(fixture, vm_step(fixture, STEP_VM_RESET, vm));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net2")->state == NIC_REMOVED);
    expect_free(fixture, 8, 30);
    must(fixture, tidy(fixture, "c2", gone));
    expect_free(fixture, 8, 30);
    must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
    vm_free(vm);
    vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    expect_free(fixture, 29, 29); /* host bridge, PIIX3, the guest agent's port */
    must(fixture, attach(fixture, "c2", add_nic(vm, "net3", NIC_E1000)));
    expect_free(fixture, 28, 28);
    vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_VMM(link_goes_down_and_up),
        WITH_VMM(announcements_leave_each_nic),
        WITH_VMM(change_is_written_down),
        WITH_VMM(change_that_can_not_be_written_down),
        WITH_VMM(user_nics_need_no_tap),
        WITH_VMM(ethernet_takes_what_is_there),
        WITH_VMM(automatic_queues),
        WITH_VMM(queues_that_can_not_be),
        WITH_VMM(slots_that_are_left),
    };
    check_machine();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
