/* links: vmm
 * VMs with a real QEMU: start, states, end, and being found again by the next daemon. */
#include "base/child.h"
#include "test_vmm_fixture.h"

static char *proc_field(int pid, const char *field)
{
    char path[64];
    CLEANUP(freep) char *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    assert_int_equal(file_read(AT_FDCWD, path, 1 << 16, &text, NULL, NULL), 0);
    char *at = strstr(text, field);
    assert_non_null(at);
    at += strlen(field);
    return memory_format("%.*s", (int)strcspn(at, "\n"), at);
}

static void lives_from_start_to_end(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->state, VM_STARTING);
    assert_true(vmm_observed(fixture->vmm, "c2")->pid > 1);
    must_fail(fixture, vm_step(fixture, STEP_VM_SPAWN, vm), EEXIST, "runs already");
    must(fixture, vm_step(fixture, STEP_VM_CONTINUE, vm));
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->state, VM_RUNNING);
    must(fixture, vm_step(fixture, STEP_VM_STOP, vm));
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->state, VM_PAUSED);
    must(fixture, vm_step(fixture, STEP_VM_CONTINUE, vm));
    must(fixture, vm_step(fixture, STEP_VM_RESET, vm));
    must(fixture, vm_step(fixture, STEP_VM_POWERDOWN, vm));
    must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
    assert_false(left_in_directory(fixture, "c2"));
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->state, VM_SHUT_OFF);
    assert_string_equal(fixture->events.data, "c2: running\nc2: paused\nc2: running\nc2: in shutdown: destroyed\n"
                                              "c2: shut off: destroyed\n");
    must(fixture, vm_step(fixture, STEP_VM_KILL, vm)); /* and again */
    must_fail(fixture, vm_step(fixture, STEP_VM_STOP, vm), ESRCH, "not running");
    must(fixture, spawn(fixture, vm));
    vm_free(vm);
}

/* QEMU is before the guest's first instruction then, as it is at a start; but nobody is starting it. */
static void reset_while_paused(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    must(fixture, vm_step(fixture, STEP_VM_CONTINUE, vm));
    must(fixture, vm_step(fixture, STEP_VM_STOP, vm));
    must(fixture, vm_step(fixture, STEP_VM_RESET, vm));
    const json_t *status = command(fixture, "c2", "query-status", NULL); /* behind the one that the reset's event led to */
    while (strcmp(document_string(status, "status", ""), "prelaunch") != 0)
        status = command(fixture, "c2", "query-status", NULL);
    command(fixture, "c2", "query-status", NULL);
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->state, VM_PAUSED);
    restart(fixture);
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->state, VM_PAUSED);
    must(fixture, vm_step(fixture, STEP_VM_CONTINUE, vm));
    assert_int_equal(vmm_observed(fixture->vmm, "c2")->state, VM_RUNNING);
    vm_free(vm);
}

static void runs_unprivileged(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    int pid = vmm_observed(fixture->vmm, "c2")->pid;
    CLEANUP(freep) char *uid = proc_field(pid, "Uid:\t");
    CLEANUP(freep) char *capabilities = proc_field(pid, "CapEff:\t");
    CLEANUP(freep) char *bounding = proc_field(pid, "CapBnd:\t");
    CLEANUP(freep) char *privileges = proc_field(pid, "NoNewPrivs:\t");
    CLEANUP(freep) char *filter = proc_field(pid, "Seccomp:\t");
    if (child_can_become(65534)) /* else in a user namespace: the same user */
        assert_string_not_equal(uid, "0\t0\t0\t0");
    assert_string_equal(capabilities, "0000000000000000");
    assert_string_equal(bounding, "0000000000000000");
    assert_string_equal(privileges, "1");
    assert_string_equal(filter, "2");
    vm_free(vm);
}

static void guest_powers_off(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    command(fixture, "c2", "quit", NULL);
    WAIT_UNTIL(fixture, !left_in_directory(fixture, "c2"));
    assert_non_null(strstr(fixture->events.data, "c2: shut off: ended through its monitor\n"));
    vm_free(vm);
}

static void death_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    kill(vmm_observed(fixture->vmm, "c2")->pid, SIGKILL);
    WAIT_UNTIL(fixture, !left_in_directory(fixture, "c2"));
    assert_string_equal(fixture->events.data, "c2: crashed: QEMU ended: killed by signal 9 (Killed)\n");
    const struct vm **vms;
    assert_int_equal(vmm_list(fixture->vmm, &vms), 0);
    free(vms);
    command(fixture, "c2", "query-status", NULL);
    assert_int_equal(fixture->error.code, ESRCH);
    vm_free(vm);
}

/* Nothing may be left of a VM that does not start. */
static void refuse(struct fixture *fixture, struct vm *vm, int code, const char *words)
{
    must_fail(fixture, vm_step(fixture, STEP_VM_SPAWN, vm), code, words);
    assert_false(left_in_directory(fixture, vm->name));
    const struct vm **vms;
    assert_int_equal(vmm_list(fixture->vmm, &vms), 0);
    free(vms);
}

static void faults_are_found_before_the_start(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    struct disk *disk = vm_add_disk(vm, "vda");
    disk->file = memory_string("/nonexistent/x.qcow2");
    refuse(fixture, vm, ENOENT, "disk vda: /nonexistent/x.qcow2: No such file");
    free(disk->file);
    disk->file = memory_string("/tmp");
    refuse(fixture, vm, EISDIR, "disk vda: /tmp: Is a directory");
    add_nic(vm, "vda", NIC_E1000);
    refuse(fixture, vm, EEXIST, "nic vda: a disk of the VM has that name");
    text_copy(vm->nics[0].name, VM_NAME_SIZE, "net0");
    vm->disk_count--;
    refuse(fixture, vm, ENODEV, "nic net0: its TAP c2-vda is not open");
    vm->nics[0].queues = 4;
    refuse(fixture, vm, EINVAL, "only virtio NICs");
    vm->disk_count++;
    vm_remove_nic(vm, "net0");
    vm_free(vm);
    vm = make_vm("c2", "pdp11");
    refuse(fixture, vm, EINVAL, "Machine=pdp11");
    free(vm->machine);
    vm->machine = memory_string("pc");
    vm->boot = memory_string("cdrom,moon");
    refuse(fixture, vm, EINVAL, "moon");
    vm->boot[0] = '\0';
    vm->max_vcpus = 1;
    vm->vcpus = 2;
    refuse(fixture, vm, EINVAL, "MaxVCPUs=1 is less than VCPUs=2");
    vm_free(vm);
}

static void missing_programs_and_users(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    close_vmm(fixture);
    fixture->binary = "/nonexistent/qemu";
    open_vmm(fixture);
    refuse(fixture, vm, ENOENT, "QEMU /nonexistent/qemu");
    close_vmm(fixture);
    fixture->binary = NULL;
    fixture->user = "nobody-of-that-name";
    open_vmm(fixture);
    refuse(fixture, vm, ENOENT, "there is no user nobody-of-that-name");
    vm_free(vm);
}

static void qemus_words_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    free(vm->cpu);
    vm->cpu = memory_string("abacus");
    refuse(fixture, vm, EPIPE, "QEMU ended: exit status 1: qemu-system-x86_64: unable to find CPU model 'abacus'");
    vm_free(vm);
}

static void one_that_never_answers(void **state)
{
    static const char said[] = "QEMU's monitor did not greet within 0.2 s";
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    CLEANUP(freep) char *program = memory_format("%s/mute", fixture->directory);
    close_vmm(fixture);
    assert_int_equal(file_write(program, "#!/bin/sh\nexec sleep 60\n", 24, 0755, false, NULL), 0);
    fixture->binary = program;
    fixture->user = geteuid() == 0 ? "root" : NULL; /* the directory is ours alone */
    fixture->start_limit = 0.2;
    open_vmm(fixture);
    refuse(fixture, vm, ETIMEDOUT, said);
    assert_int_equal(strncmp(vmm_observed(fixture->vmm, "c2")->reason, said, strlen(said)), 0); /* not that it was killed then */
    vm_free(vm);
}

static void next_daemon_finds_it(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "q35");
    add_nic(vm, "net0", NIC_VIRTIO);
    vm->nics[0].queues = 2;
    must(fixture, spawn(fixture, vm));
    struct vm *other = make_vm("other", "pc");
    must(fixture, spawn(fixture, other));
    must(fixture, vm_step(fixture, STEP_VM_CONTINUE, other));
    struct nic *added = add_nic(vm, "net1", NIC_E1000);
    must(fixture, attach(fixture, "c2", added));
    int pid = vmm_observed(fixture->vmm, "c2")->pid;

    restart(fixture);
    const struct vm *observed = vmm_observed(fixture->vmm, "c2");
    assert_int_equal(observed->pid, pid);
    assert_int_equal(observed->state, VM_STARTING);
    assert_null(observed->reason);
    assert_int_equal(vmm_observed(fixture->vmm, "other")->state, VM_RUNNING);
    assert_int_equal(observed->nic_count, 2);
    assert_int_equal(observed->nics[0].state, NIC_PLUGGED);
    assert_int_equal(observed->nics[1].state, NIC_PLUGGED);
    size_t count;
    assert_non_null(tap_descriptors(fixture->taps, "c2-net0", &count));
    assert_int_equal(count, 2);
    assert_non_null(tap_descriptors(fixture->taps, "c2-net1", &count));
    must(fixture, vm_step(fixture, STEP_VM_CONTINUE, vm));
    kill(pid, SIGKILL);
    WAIT_UNTIL(fixture, !left_in_directory(fixture, "c2"));
    assert_non_null(strstr(fixture->events.data, "c2: crashed: QEMU ended: "));
    vm_free(vm);
    vm_free(other);
}

static void lost_record(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    char path[256];
    must(fixture, spawn(fixture, vm));
    snprintf(path, sizeof(path), "%s/vms/c2/state.json", fixture->directory);
    assert_int_equal(truncate(path, 10), 0);
    restart(fixture);
    assert_non_null(vmm_observed(fixture->vmm, "c2"));
    assert_non_null(strstr(fixture->events.data, "its record is lost"));
    struct nic *nic = add_nic(vm, "net0", NIC_E1000);
    must_fail(fixture, nic_step(fixture, STEP_NIC_RECORD, "c2", nic), EBADMSG, "record was lost");
    must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
    assert_false(left_in_directory(fixture, "c2"));
    vm_free(vm);
}

static void leftovers_of_the_dead_go(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    int pid = vmm_observed(fixture->vmm, "c2")->pid;
    close_vmm(fixture);
    kill(pid, SIGKILL);
    char path[256];
    snprintf(path, sizeof(path), "%s/vms/half", fixture->directory);
    assert_int_equal(mkdir(path, 0700), 0); /* its daemon died before there was a process */
    open_vmm(fixture);
    fixture->adopted = false;
    vmm_adopt(fixture->vmm, on_adopted, fixture);
    WAIT_UNTIL(fixture, fixture->adopted);
    WAIT_UNTIL(fixture, !left_in_directory(fixture, "c2"));
    assert_false(left_in_directory(fixture, "half"));
    vm_free(vm);
}

/* QMP serves one client: when somebody else is it, the VM is listed, with the reason. */
static void monitor_in_use(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    must(fixture, spawn(fixture, vm));
    struct vmm_settings settings = {.run_directory = fixture->directory};
    struct vmm *squatter = fixture->vmm;
    assert_int_equal(vmm_new(fixture->loop, fixture->taps, &settings, on_vmm, fixture, &fixture->vmm, &fixture->error), 0);
    fixture->adopted = false;
    vmm_adopt(fixture->vmm, on_adopted, fixture);
    WAIT_UNTIL(fixture, fixture->adopted);
    assert_non_null(vmm_observed(fixture->vmm, "c2"));
    assert_non_null(vmm_observed(fixture->vmm, "c2")->reason);
    vmm_free(squatter);
    must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
    vm_free(vm);
}

static void console_serves_one(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    int first, second;
    must(fixture, spawn(fixture, vm));
    assert_int_equal(vmm_console(fixture->vmm, "c2", &first, &fixture->error), 0);
    assert_int_equal(vmm_console(fixture->vmm, "c2", &second, &fixture->error), -EBUSY);
    close(first);
    /* It sees the end in a turn of its own. */
    int result = -EBUSY;
    while (result == -EBUSY) {
        command(fixture, "c2", "query-status", NULL);
        result = vmm_console(fixture->vmm, "c2", &second, &fixture->error);
    }
    assert_int_equal(result, 0);
    close(second);
    assert_int_equal(vmm_console(fixture->vmm, "nobody", &second, &fixture->error), -ESRCH);
    vm_free(vm);
}

static void start_with_kvm(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "pc");
    const char *reason;
    close_vmm(fixture);
    fixture->accel = "kvm";
    fixture->user = geteuid() == 0 ? "root" : NULL;
    open_vmm(fixture);
    assert_int_equal(vmm_choose_accel(fixture->vmm, vm, &reason), ACCEL_KVM);
    if (reason) {
        refuse(fixture, vm, ENODEV, "Accel=kvm, but ");
        vm_free(vm);
        print_message("no KVM: %s\n", reason);
        return;
    }
    vm->cpu = memory_string("qemu64"); /* under some hypervisors that have KVM, QEMU aborts with the host's own */
    must(fixture, spawn(fixture, vm));
    assert_true(document_boolean(command(fixture, "c2", "query-kvm", NULL), "enabled", false));
    vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_VMM(lives_from_start_to_end),
        WITH_VMM(reset_while_paused),
        WITH_VMM(runs_unprivileged),
        WITH_VMM(guest_powers_off),
        WITH_VMM(death_is_noticed),
        WITH_VMM(faults_are_found_before_the_start),
        WITH_VMM(missing_programs_and_users),
        WITH_VMM(qemus_words_are_told),
        WITH_VMM(one_that_never_answers),
        WITH_VMM(next_daemon_finds_it),
        WITH_VMM(lost_record),
        WITH_VMM(leftovers_of_the_dead_go),
        WITH_VMM(monitor_in_use),
        WITH_VMM(console_serves_one),
        WITH_VMM(start_with_kvm),
    };
    check_machine();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
