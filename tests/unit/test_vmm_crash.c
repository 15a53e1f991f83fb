/* links: vmm
 * The daemon is killed before each message to QEMU and at each step of a start: what is left is either found by the next daemon,
 * which can carry on or tidy, or is nothing at all. */
#include <dirent.h>
#include <net/if.h>
#include <sys/wait.h>

#include "test_vmm_fixture.h"

#define VM "crashing"

static const char *self;

/* What the daemon does until it is killed. */
static void live(struct fixture *fixture)
{
    struct vm *vm = make_vm(VM, "q35");
    struct nic *nic = add_nic(vm, "net0", NIC_VIRTIO);
    must(fixture, spawn(fixture, vm));
    must(fixture, vm_step(fixture, STEP_VM_CONTINUE, vm));
    nic = add_nic(vm, "net1", NIC_VIRTIO);
    must(fixture, attach(fixture, VM, nic));
    nic->link = false;
    must(fixture, nic_step(fixture, STEP_NIC_LINK, VM, nic));
    must(fixture, vm_step(fixture, STEP_VM_STOP, vm));
    must(fixture, nic_step(fixture, STEP_DEVICE_DELETE, VM, nic));
    must(fixture, vm_step(fixture, STEP_VM_RESET, vm));
    WAIT_UNTIL(fixture, observed_nic(fixture, VM, "net1")->state == NIC_REMOVED);
    must(fixture, tidy(fixture, VM, nic));
    vm_free(vm);
}

static int child_main(const char *directory)
{
    void *state;
    vmm_setup(&state);
    struct fixture *fixture = state;
    rmdir(fixture->directory);
    text_copy(fixture->directory, sizeof(fixture->directory), directory);
    close_vmm(fixture);
    open_vmm(fixture);
    live(fixture);
    close_vmm(fixture);
    ev_loop_destroy(fixture->loop);
    text_clear(&fixture->events);
    free(fixture);
    return 0;
}

static int run_child(const struct fixture *fixture, int fatal)
{
    pid_t pid = fork();
    if (pid == 0) {
        char number[16];
        snprintf(number, sizeof(number), "%d", fatal);
        setenv("TRESTLE_CRASH_AT", number, 1);
        execl(self, self, fixture->directory, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool runs_somewhere(void)
{
    DIR *proc = opendir("/proc");
    bool found = false;
    for (struct dirent *entry; (entry = readdir(proc));) {
        char path[300];
        CLEANUP(freep) char *text = NULL;
        size_t size;
        snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
        if (file_read(AT_FDCWD, path, 1 << 16, &text, &size, NULL) == 0 && memmem(text, size, "guest=" VM, strlen("guest=" VM)))
            found = true;
    }
    closedir(proc);
    return found;
}

static void check_nic(struct fixture *fixture, const struct nic *observed)
{
    struct nic nic;
    nic_copy(observed, &nic);
    assert_true(nic.state == NIC_PLUGGED || nic.state == NIC_UNPLUGGING || nic.state == NIC_REMOVED);
    if (nic.state == NIC_REMOVED)
        must(fixture, tidy(fixture, VM, &nic));
    nic_clear(&nic);
}

static void close_tap(struct fixture *fixture, const char *name)
{
    struct nic nic = {.queues = 1};
    text_copy(nic.target, sizeof(nic.target), name);
    must(fixture, nic_step(fixture, STEP_TAP_CLOSE, VM, &nic));
    while (if_nametoindex(name) != 0) /* the process that waited to be released may have it for a moment more */
        sched_yield();
}

static void pick_up(struct fixture *fixture)
{
    const struct vm *observed = vmm_observed(fixture->vmm, VM);
    if (!observed || observed->state == VM_CRASHED) /* its process was not released yet */
        return;
    if (observed->reason)
        fail_msg("%s: %s", vm_state_names[observed->state], observed->reason);
    assert_true(observed->state == VM_STARTING || observed->state == VM_RUNNING || observed->state == VM_PAUSED);
    for (size_t i = observed->nic_count; i > 0; i--)
        check_nic(fixture, &vmm_observed(fixture->vmm, VM)->nics[i - 1]);
    struct vm *vm = make_vm(VM, "q35");
    must(fixture, vm_step(fixture, STEP_VM_CONTINUE, vm));
    must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
    vm_free(vm);
}

static void killed_at_every_message(void **state)
{
    struct fixture *fixture = *state;
    int fatal = 1;
    for (;; fatal++) {
        int status = run_child(fixture, fatal);
        restart(fixture); /* first of all, so that a test that fails leaves nothing running */
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            break;
        }
        assert_int_equal(WTERMSIG(status), SIGKILL);
        pick_up(fixture);
        close_tap(fixture, VM "-net0");
        close_tap(fixture, VM "-net1");
        assert_false(left_in_directory(fixture, VM));
        assert_false(runs_somewhere());
    }
    assert_true(fatal > 15); /* it did get that far */
    pick_up(fixture);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {WITH_VMM(killed_at_every_message)};
    self = "/proc/self/exe";
    if (count > 1)
        return child_main(arguments[1]);
    check_machine();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
