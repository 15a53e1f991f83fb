/* links: vmm
 * What goes wrong while NICs are plugged: each command refused, QEMU gone at each of them, no descriptor left. All is undone, the
 * message says what it was, and the next attempt works. Against a scripted QEMU. */
#include <dirent.h>
#include <sys/resource.h>

#include "fake_qemu.h"
#include "test_vmm_fixture.h"

static char self[256];

static int faults_setup(void **state)
{
    int result = vmm_setup(state);
    struct fixture *fixture = *state;
    close_vmm(fixture);
    fixture->binary = self;
    fixture->user = geteuid() == 0 ? "root" : NULL; /* where the tests are built nobody else may look */
    open_vmm(fixture);
    return result;
}

static struct vm *start_fake(struct fixture *fixture, const char *script)
{
    struct vm *vm = make_vm("c2", "q35");
    vm->cpu = memory_string(script);
    must(fixture, spawn(fixture, vm));
    return vm;
}

static int left_in_qemu(struct fixture *fixture)
{
    return (int)json_integer_value(command(fixture, "c2", "fake-left", NULL));
}

static const enum step_op attach_steps[] = {STEP_NIC_RECORD, STEP_TAP_OPEN, STEP_NIC_PASS_FDS, STEP_NETDEV_ADD, STEP_DEVICE_ADD};

static void undo(struct fixture *fixture, const char *vm, struct nic *nic, size_t done)
{
    while (done-- > 0) {
        char text[] = "do it";
        struct step step = {.op = attach_steps[done], .nic = nic, .text = text}, inverse;
        assert_true(step_invert(&step, &inverse));
        fixture->undo_failures += nic_step(fixture, inverse.op, vm, nic) < 0;
        step_clear(&inverse);
    }
}

/* As a plan that is all or nothing does it. The error is that of the attach. */
static int attach_or_undo(struct fixture *fixture, const char *vm, struct nic *nic)
{
    int result = 0;
    size_t done = 0;
    while (done < ARRAY_SIZE(attach_steps)) {
        result = nic_step(fixture, attach_steps[done], vm, nic);
        if (result < 0)
            break;
        done++;
    }
    struct error err = fixture->error;
    fixture->undo_failures = 0;
    if (result < 0)
        undo(fixture, vm, nic, done);
    fixture->error = err;
    return result;
}

static void nothing_is_left(struct fixture *fixture, const struct nic *nic, uint32_t slots)
{
    size_t count;
    assert_null(observed_nic(fixture, "c2", nic->name));
    assert_null(tap_descriptors(fixture->taps, nic->target, &count));
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->free_slots, slots);
}

static void each_command_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const commands[] = {"getfd", "netdev_add", "device_add"};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        CLEANUP(freep) char *script = memory_format("refuse:%s", commands[i]);
        struct vm *vm = start_fake(fixture, script);
        struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
        uint32_t slots = vmm_observed(fixture->vmm, "c2")->free_slots;
        must_fail(fixture, attach_or_undo(fixture, "c2", nic), EREMOTEIO, "this is refused for the test");
        nothing_is_left(fixture, nic, slots);
        assert_int_equal(left_in_qemu(fixture), 0);
        must(fixture, attach_or_undo(fixture, "c2", nic));
        assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_PLUGGED);
        must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
        must(fixture, nic_step(fixture, STEP_TAP_CLOSE, "c2", nic));
        vm_free(vm);
    }
}

static void qemu_dies_at_each_command(void **state)
{
    struct fixture *fixture = *state;
    static const char *const commands[] = {"getfd", "netdev_add", "device_add"};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        CLEANUP(freep) char *script = memory_format("die:%s", commands[i]);
        struct vm *vm = start_fake(fixture, script);
        struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
        must_fail(fixture, attach_or_undo(fixture, "c2", nic), ECONNRESET, "QEMU");
        assert_int_equal(fixture->undo_failures, 0);
        WAIT_UNTIL(fixture, !left_in_directory(fixture, "c2"));
        assert_int_equal(vmm_observed(fixture->vmm, "c2")->state, VM_CRASHED);
        size_t count;
        assert_null(tap_descriptors(fixture->taps, nic->target, &count));
        vm_free(vm);
        vm = start_fake(fixture, "none");
        nic = add_nic(vm, "net0", NIC_VIRTIO);
        must(fixture, attach_or_undo(fixture, "c2", nic));
        must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
        must(fixture, nic_step(fixture, STEP_TAP_CLOSE, "c2", nic));
        vm_free(vm);
    }
}

static void qemu_dies_within_a_detach(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "die:device_del");
    struct nic *nic = add_nic(vm, "net0", NIC_E1000);
    must(fixture, attach_or_undo(fixture, "c2", nic));
    must_fail(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic), ECONNRESET, "QEMU");
    WAIT_UNTIL(fixture, !left_in_directory(fixture, "c2"));
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->state, VM_CRASHED);
    vm_free(vm);
}

/* QEMU's word is taken for it at first, and then read back. */
static void device_that_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "lie:device_add");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    must(fixture, attach_or_undo(fixture, "c2", nic));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_REMOVED);
    must(fixture, tidy(fixture, "c2", nic));
    must(fixture, attach_or_undo(fixture, "c2", nic));
    command(fixture, "c2", "query-status", NULL); /* behind the reading back */
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_PLUGGED);
    vm_free(vm);
}

/* A slot whose lamp still blinks from the plugging: asked again, and nobody is told of it. */
static void busy_slot_is_asked_again(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "busy:device_del:1");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    must(fixture, attach_or_undo(fixture, "c2", nic));
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_REMOVED);
    must(fixture, tidy(fixture, "c2", nic));
    assert_int_equal(left_in_qemu(fixture), 0);
    vm_free(vm);
}

static void guest_refuses_to_let_go(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "guest-error:device_del");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    must(fixture, attach_or_undo(fixture, "c2", nic));
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_PLUGGED);
    restart(fixture); /* which does not ask for it again */
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_PLUGGED);
    assert_int_equal(left_in_qemu(fixture), 2);
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_REMOVED);
    must(fixture, tidy(fixture, "c2", nic));
    vm_free(vm);
}

static void refused_removal(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "refuse:device_del");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    must(fixture, attach_or_undo(fixture, "c2", nic));
    must_fail(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic), EREMOTEIO, "this is refused for the test");
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_PLUGGED);
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic));
    vm_free(vm);
}

/* ---- A QEMU that falls silent ---- */

static char *asked(const struct fixture *fixture);

static void silence_setup(struct fixture *fixture)
{
    close_vmm(fixture);
    fixture->command_limit = 2;
    open_vmm(fixture);
}

/* Each part of the way back would wait as long as the command did, and is left for later instead. */
static void fall_silent(struct fixture *fixture, struct nic *nic, const char *command_name)
{
    CLEANUP(freep) char *message = memory_format("QEMU did not answer %s within", command_name);
    size_t count;
    must_fail(fixture, attach_or_undo(fixture, "c2", nic), ETIMEDOUT, message);
    assert_non_null(strstr(fixture->error.text, "taken back when it answers"));
    assert_int_equal(fixture->undo_failures, 0);
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_UNPLUGGING);
    assert_null(tap_descriptors(fixture->taps, nic->target, &count));
    assert_string_equal(vmm_observed(fixture->vmm, "c2")->reason, "QEMU's monitor does not answer");
}

static void wake(struct fixture *fixture)
{
    assert_int_equal(kill(vmm_observed(fixture->vmm, "c2")->pid, SIGCONT), 0);
}

static void is_clean_afterwards(struct fixture *fixture, struct nic *nic, uint32_t slots)
{
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_REMOVED);
    must(fixture, tidy(fixture, "c2", nic));
    nothing_is_left(fixture, nic, slots);
    assert_int_equal(left_in_qemu(fixture), 0);
    must(fixture, attach_or_undo(fixture, "c2", nic));
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_PLUGGED);
}

static void silent_within_an_attach(void **state)
{
    struct fixture *fixture = *state;
    static const char *const commands[] = {"getfd", "netdev_add", "device_add", "set_link"};
    silence_setup(fixture);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        CLEANUP(freep) char *script = memory_format("stop:%s", commands[i]);
        struct vm *vm = start_fake(fixture, script);
        struct nic *nic = add_nic(vm, "net0", NIC_E1000);
        uint32_t slots = vmm_observed(fixture->vmm, "c2")->free_slots;
        nic->link = strcmp(commands[i], "set_link") != 0;
        fall_silent(fixture, nic, commands[i]);
        wake(fixture);
        is_clean_afterwards(fixture, nic, slots);
        assert_null(vmm_observed(fixture->vmm, "c2")->reason);
        must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
        must(fixture, nic_step(fixture, STEP_TAP_CLOSE, "c2", nic));
        vm_free(vm);
    }
}

static void silent_and_then_dead(void **state)
{
    struct fixture *fixture = *state;
    silence_setup(fixture);
    struct vm *vm = start_fake(fixture, "stop:netdev_add");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    fall_silent(fixture, nic, "netdev_add");
    kill(vmm_observed(fixture->vmm, "c2")->pid, SIGKILL);
    WAIT_UNTIL(fixture, !left_in_directory(fixture, "c2"));
    vm_free(vm);
    vm = start_fake(fixture, "none");
    nic = add_nic(vm, "net0", NIC_VIRTIO); /* the name is free */
    must(fixture, attach_or_undo(fixture, "c2", nic));
    vm_free(vm);
}

/* The daemon ends before QEMU answers: the next one finds what was intended. */
static void silent_and_then_another_daemon(void **state)
{
    struct fixture *fixture = *state;
    static const char *const commands[] = {"netdev_add", "device_add"};
    silence_setup(fixture);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        CLEANUP(freep) char *script = memory_format("stop:%s", commands[i]);
        struct vm *vm = start_fake(fixture, script);
        struct nic *nic = add_nic(vm, "net0", NIC_E1000);
        uint32_t slots = vmm_observed(fixture->vmm, "c2")->free_slots;
        fall_silent(fixture, nic, commands[i]);
        restart(fixture);
        assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_UNPLUGGING);
        wake(fixture);
        is_clean_afterwards(fixture, nic, slots);
        must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
        must(fixture, nic_step(fixture, STEP_TAP_CLOSE, "c2", nic));
        vm_free(vm);
    }
}

/* What one daemon has seen it need not ask again: no list of devices and no closefd within a detach. */
static void detach_asks_for_nothing_that_was_seen(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "none");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    must(fixture, attach_or_undo(fixture, "c2", nic));
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, "c2", nic));
    WAIT_UNTIL(fixture, observed_nic(fixture, "c2", "net0")->state == NIC_REMOVED);
    must(fixture, tidy(fixture, "c2", nic));
    assert_int_equal(left_in_qemu(fixture), 0);
    CLEANUP(freep) char *text = asked(fixture);
    const char *asked_for = strstr(text, "device_del ");
    assert_non_null(asked_for);
    assert_true(text_starts(strchr(asked_for, '\n') + 1, "netdev_del "));
    assert_null(strstr(asked_for, "closefd"));
    vm_free(vm);
}

/* ---- Descriptors ---- */

static int count_descriptors(void)
{
    int count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

static int attach_with_limit(struct fixture *fixture, struct nic *nic, rlim_t limit)
{
    struct rlimit before, lowered;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    lowered = before;
    lowered.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lowered), 0);
    int result = attach_or_undo(fixture, "c2", nic);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    return result;
}

/* One more descriptor each time, until there are enough. */
static void descriptors_run_out(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "none");
    struct nic *nic = add_nic(vm, "net0", NIC_E1000);
    uint32_t slots = vmm_observed(fixture->vmm, "c2")->free_slots;
    int before = count_descriptors(), failures = 0;
    rlim_t limit = 4; /* below that, there is none to be had by definition */
    while (attach_with_limit(fixture, nic, limit) < 0) {
        if (fixture->error.code != EMFILE || !strstr(fixture->error.text, "Too many open files"))
            fail_msg("%s", fixture->error.text);
        nothing_is_left(fixture, nic, slots);
        assert_int_equal(left_in_qemu(fixture), 0);
        assert_int_equal(count_descriptors(), before);
        failures++;
        limit++;
        assert_true(failures < 200);
    }
    assert_true(failures > 0);
    assert_int_equal(observed_nic(fixture, "c2", "net0")->state, NIC_PLUGGED);
    vm_free(vm);
}

/* ---- What QEMU is told, and when ---- */

static char *asked(const struct fixture *fixture)
{
    char path[256], *text;
    snprintf(path, sizeof(path), "%s/vms/c2/qemu.log", fixture->directory);
    assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &text, NULL, NULL), 0);
    return text;
}

/* The backend is down before the device is there, and the device by the very next message. */
static void link_is_down_around_the_device(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "none");
    struct nic *nic = add_nic(vm, "net0", NIC_RTL8139);
    nic->link = false;
    must(fixture, attach_or_undo(fixture, "c2", nic));
    CLEANUP(freep) char *text = asked(fixture);
    const char *down = "set_link {\"name\":\"host-net0\",\"up\":false}\n", *first = strstr(text, down);
    assert_non_null(first);
    assert_true(text_starts(first + strlen(down), "device_add "));
    const char *next = strchr(first + strlen(down), '\n') + 1;
    assert_true(text_starts(next, down));
    vm_free(vm);
}

static void link_that_can_not_be_set_down(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "refuse:set_link");
    struct nic *nic = add_nic(vm, "net0", NIC_RTL8139);
    uint32_t slots = vmm_observed(fixture->vmm, "c2")->free_slots;
    nic->link = false;
    must_fail(fixture, attach_or_undo(fixture, "c2", nic), EREMOTEIO, "this is refused for the test");
    nothing_is_left(fixture, nic, slots);
    assert_int_equal(left_in_qemu(fixture), 0);
    vm_free(vm);
}

static void each_nic_announces_by_itself(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "none");
    struct nic *nic = add_nic(vm, "0net", NIC_VIRTIO); /* QEMU knows it by another name */
    must(fixture, attach_or_undo(fixture, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NIC_ANNOUNCE, "c2", nic));
    CLEANUP(freep) char *text = asked(fixture);
    assert_non_null(strstr(text, "announce-self {\"initial\":50,\"max\":550,\"rounds\":5,\"step\":100,"
                                 "\"interfaces\":[\"trestle.name.0net\"],\"id\":\"trestle.name.0net\"}\n"));
    vm_free(vm);
}

static void vhost_looks_anew_by_a_link_that_goes_down_and_up(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "none");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    must(fixture, attach_or_undo(fixture, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NIC_RECONNECT, "c2", nic));
    must(fixture, nic_step(fixture, STEP_NIC_ANNOUNCE, "c2", nic)); /* is answered behind it */
    CLEANUP(freep) char *text = asked(fixture);
    assert_non_null(strstr(text, "set_link {\"name\":\"host-net0\",\"up\":false}\nset_link {\"name\":\"host-net0\",\"up\":true}\n"));
    assert_true(observed_nic(fixture, "c2", "net0")->link);
    vm_free(vm);
}

static void refused_link_stays_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "refuse:set_link");
    struct nic *nic = add_nic(vm, "net0", NIC_E1000);
    must(fixture, attach_or_undo(fixture, "c2", nic));
    nic->link = false;
    must_fail(fixture, nic_step(fixture, STEP_NIC_LINK, "c2", nic), EREMOTEIO, "this is refused for the test");
    assert_true(observed_nic(fixture, "c2", "net0")->link);
    must(fixture, nic_step(fixture, STEP_NIC_LINK, "c2", nic));
    assert_false(observed_nic(fixture, "c2", "net0")->link);
    vm_free(vm);
}

/* ---- The console's log ---- */

static void check_console(const struct fixture *fixture)
{
    enum { KEPT = 2 << 20, BOUND = 2 * KEPT + (1 << 20) };
    char path[256], line[FAKE_LINE + 1];
    struct stat status;
    snprintf(path, sizeof(path), "%s/vms/c2/console.log", fixture->directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    assert_true(status.st_blocks * 512 < BOUND);
    for (int back = 1; back <= KEPT / FAKE_LINE; back++) {
        char text[FAKE_LINE + 1];
        snprintf(line, sizeof(line), "%0*d\n", FAKE_LINE - 1, FAKE_LINES - back);
        assert_int_equal(pread(fd, text, FAKE_LINE, status.st_size - (off_t)back * FAKE_LINE), FAKE_LINE);
        text[FAKE_LINE] = '\0';
        assert_string_equal(text, line);
    }
    close(fd);
}

static void console_log_is_bounded_while_it_grows(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = start_fake(fixture, "none");
    fixture->done = false;
    vmm_command(fixture->vmm, "c2", "fake-babble", NULL, on_json, fixture);
    while (!fixture->done) {
        vmm_trim_logs(fixture->vmm);
        ev_run(fixture->loop, EVRUN_NOWAIT);
    }
    vmm_trim_logs(fixture->vmm);
    check_console(fixture);
    vm_free(vm);
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, faults_setup, vmm_teardown)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        WITH_FAKE(each_command_refused),
        WITH_FAKE(qemu_dies_at_each_command),
        WITH_FAKE(qemu_dies_within_a_detach),
        WITH_FAKE(device_that_is_not_there),
        WITH_FAKE(busy_slot_is_asked_again),
        WITH_FAKE(guest_refuses_to_let_go),
        WITH_FAKE(refused_removal),
        WITH_FAKE(silent_within_an_attach),
        WITH_FAKE(silent_and_then_dead),
        WITH_FAKE(silent_and_then_another_daemon),
        WITH_FAKE(detach_asks_for_nothing_that_was_seen),
        WITH_FAKE(descriptors_run_out),
        WITH_FAKE(link_is_down_around_the_device),
        WITH_FAKE(link_that_can_not_be_set_down),
        WITH_FAKE(each_nic_announces_by_itself),
        WITH_FAKE(vhost_looks_anew_by_a_link_that_goes_down_and_up),
        WITH_FAKE(refused_link_stays_as_it_was),
        WITH_FAKE(console_log_is_bounded_while_it_grows),
    };
    fake_qemu(count, arguments);
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(length > 0);
    check_machine();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
