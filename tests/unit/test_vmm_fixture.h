/* A real QEMU, held before its first instruction, in a network namespace and a RUN_DIR of the test's own. */
#pragma once

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/worker.h"
#include "tap/tap.h"
#include "vmm/vmm.h"

struct fixture {
    struct ev_loop *loop;
    struct worker *worker;
    ev_io collect;
    struct tap_table *taps;
    struct vmm *vmm;
    char directory[64];
    const char *user, *binary, *accel;
    double start_limit, command_limit;
    int undo_failures; /* of the last attach */
    struct text events; /* "vm: text" of state changes, "vm nic NAME removed" */
    bool done, adopted;
    int result;
    struct error error;
    json_t *answer;
};

_Noreturn static inline void skip_all(const char *why)
{
    printf("skipped: %s: %s\n", why, strerror(errno));
    exit(77);
}

static inline void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        skip_all(path);
    close(fd);
}

/* Once for the whole program; QEMUs are born into it. */
static inline void enter_namespace(void)
{
    unsigned uid = getuid(), gid = getgid();
    char map[64];
    if (uid == 0) {
        if (unshare(CLONE_NEWNET) < 0)
            skip_all("no network namespace can be had");
        return;
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        skip_all("no user namespace with a network namespace can be had");
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", uid);
    write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", gid);
    write_text("/proc/self/gid_map", map);
}

static inline void check_machine(void)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        skip_all("/dev/net/tun");
    close(fd);
    if (access("/usr/bin/qemu-system-x86_64", X_OK) < 0)
        skip_all("/usr/bin/qemu-system-x86_64");
    enter_namespace();
}

static inline void on_vmm(void *context, enum vmm_event event, const char *vm, const char *text)
{
    struct fixture *fixture = context;
    const struct vm *observed = vmm_observed(fixture->vmm, vm);
    assert_non_null(observed); /* at every event, the last too */
    if (event == VMM_STATE_CHANGED)
        text_format(&fixture->events, "%s: %s%s%s\n", vm, vm_state_names[observed->state], *text ? ": " : "", text);
    else if (event == VMM_NIC_REMOVED)
        text_format(&fixture->events, "%s: nic %s removed\n", vm, text);
}

static inline void on_collect(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    worker_collect(io->data);
}

static inline void open_vmm(struct fixture *fixture)
{
    struct vmm_settings settings = {
        .run_directory = fixture->directory, .binary = fixture->binary, .user = fixture->user, .accel = fixture->accel,
        .start_limit = fixture->start_limit, .command_limit = fixture->command_limit};
    assert_int_equal(worker_new(&fixture->worker, &fixture->error), 0);
    ev_io_init(&fixture->collect, on_collect, worker_fd(fixture->worker), EV_READ);
    fixture->collect.data = fixture->worker;
    ev_io_start(fixture->loop, &fixture->collect);
    fixture->taps = tap_table_new(fixture->worker, fixture->worker);
    if (vmm_new(fixture->loop, fixture->taps, &settings, on_vmm, fixture, &fixture->vmm, &fixture->error) < 0)
        fail_msg("%s", fixture->error.text);
}

/* As the daemon ends: the worker finishes what the table gave it, so the table goes last. */
static inline void close_vmm(struct fixture *fixture)
{
    vmm_free(fixture->vmm);
    ev_io_stop(fixture->loop, &fixture->collect);
    worker_free(fixture->worker);
    tap_table_free(fixture->taps);
}

static inline int vmm_setup(void **state)
{
    struct fixture *fixture = NEW(struct fixture);
    fixture->loop = ev_loop_new(0);
    strcpy(fixture->directory, "/tmp/trestle-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->accel = "tcg";
    open_vmm(fixture);
    *state = fixture;
    return 0;
}

static inline void on_patience(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    fail_msg("nothing came of it: %s", (const char *)timer->data);
}

#define WAIT_UNTIL(fixture, condition)                                                                                         \
    do {                                                                                                                       \
        ev_timer patience_;                                                                                                    \
        ev_timer_init(&patience_, on_patience, 60., 0.);                                                                       \
        patience_.data = (void *)(uintptr_t) #condition;                                                                       \
        ev_now_update((fixture)->loop);                                                                                        \
        ev_timer_start((fixture)->loop, &patience_);                                                                           \
        while (!(condition))                                                                                                   \
            ev_run((fixture)->loop, EVRUN_ONCE);                                                                               \
        ev_timer_stop((fixture)->loop, &patience_);                                                                            \
    } while (0)

static inline void on_step(void *context, int result, const struct error *err)
{
    struct fixture *fixture = context;
    assert_true((result == 0) == (err == NULL));
    fixture->done = true;
    fixture->result = result;
    fixture->error = err ? *err : (struct error){0};
}

static inline int apply(struct fixture *fixture, const struct step *step)
{
    fixture->done = false;
    if (step->op == STEP_TAP_OPEN || step->op == STEP_TAP_CLOSE)
        tap_apply(fixture->taps, step, on_step, fixture);
    else
        vmm_apply(fixture->vmm, step, on_step, fixture);
    assert_false(fixture->done); /* never from within */
    WAIT_UNTIL(fixture, fixture->done);
    return fixture->result;
}

static inline int vm_step(struct fixture *fixture, enum step_op op, struct vm *vm)
{
    struct step step = {.op = op, .vm = vm};
    text_copy(step.vm_name, sizeof(step.vm_name), vm->name);
    return apply(fixture, &step);
}

static inline int nic_step(struct fixture *fixture, enum step_op op, const char *vm, struct nic *nic)
{
    struct step step = {.op = op, .nic = nic};
    text_copy(step.vm_name, sizeof(step.vm_name), vm);
    text_copy(step.interface, sizeof(step.interface), nic->target);
    return apply(fixture, &step);
}

static inline void must(struct fixture *fixture, int result)
{
    if (result < 0)
        fail_msg("%s", fixture->error.text);
}

static inline void must_fail(const struct fixture *fixture, int result, int code, const char *words)
{
    if (result != -code || !strstr(fixture->error.text, words))
        fail_msg("%d: %s", result, fixture->error.text);
}

static inline struct vm *make_vm(const char *name, const char *machine)
{
    struct vm *vm = vm_new(name);
    free(vm->machine);
    vm->machine = memory_string(machine);
    vm->memory = 32 << 20;
    vm->state = VM_PAUSED;
    free(vm->vga);
    vm->vga = memory_string("none");
    return vm;
}

static inline struct nic *add_nic(struct vm *vm, const char *name, enum nic_model model)
{
    struct nic *nic = vm_add_nic(vm, name);
    nic->model = model;
    text_copy(nic->bridge, sizeof(nic->bridge), "br0");
    nic_complete(nic, vm->name, (uint32_t)text_hash(name));
    return nic;
}

static inline int spawn(struct fixture *fixture, struct vm *vm)
{
    for (size_t i = 0; i < vm->nic_count; i++)
        if (vm->nics[i].type == NIC_BRIDGE)
            must(fixture, nic_step(fixture, STEP_TAP_OPEN, vm->name, &vm->nics[i]));
    return vm_step(fixture, STEP_VM_SPAWN, vm);
}

static inline int attach(struct fixture *fixture, const char *vm, struct nic *nic)
{
    static const enum step_op steps[] = {STEP_NIC_RECORD, STEP_TAP_OPEN, STEP_NIC_PASS_FDS, STEP_NETDEV_ADD, STEP_DEVICE_ADD};
    int result = 0;
    for (size_t i = 0; i < ARRAY_SIZE(steps) && result == 0; i++)
        result = nic_step(fixture, steps[i], vm, nic);
    return result;
}

static inline int tidy(struct fixture *fixture, const char *vm, struct nic *nic)
{
    static const enum step_op steps[] = {STEP_NETDEV_DELETE, STEP_TAP_CLOSE, STEP_NIC_FORGET};
    int result = 0;
    for (size_t i = 0; i < ARRAY_SIZE(steps) && result == 0; i++)
        result = nic_step(fixture, steps[i], vm, nic);
    return result;
}

static inline const struct nic *observed_nic(const struct fixture *fixture, const char *vm, const char *nic)
{
    const struct vm *observed = vmm_observed(fixture->vmm, vm);
    return observed ? vm_find_nic(observed, nic) : NULL;
}

static inline void on_adopted(void *context)
{
    struct fixture *fixture = context;
    fixture->adopted = true;
}

/* The daemon ends and another starts. */
static inline void restart(struct fixture *fixture)
{
    close_vmm(fixture);
    text_clear(&fixture->events);
    open_vmm(fixture);
    fixture->adopted = false;
    vmm_adopt(fixture->vmm, on_adopted, fixture);
    assert_false(fixture->adopted);
    WAIT_UNTIL(fixture, fixture->adopted);
}

static inline void on_json(void *context, const json_t *value, const struct error *err)
{
    struct fixture *fixture = context;
    fixture->done = true;
    fixture->error = err ? *err : (struct error){0};
    fixture->answer = json_incref((json_t *)(uintptr_t)value);
}

/* The answer is the fixture's until the next call. */
static inline const json_t *command(struct fixture *fixture, const char *vm, const char *name, json_t *arguments)
{
    fixture->done = false;
    document_free(fixture->answer);
    fixture->answer = NULL;
    vmm_command(fixture->vmm, vm, name, arguments, on_json, fixture);
    assert_false(fixture->done);
    WAIT_UNTIL(fixture, fixture->done);
    return fixture->answer;
}

static inline bool left_in_directory(const struct fixture *fixture, const char *vm)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/vms/%s", fixture->directory, vm);
    return access(path, F_OK) == 0;
}

/* Ends the VMs that a test left. */
static inline int vmm_teardown(void **state)
{
    struct fixture *fixture = *state;
    const struct vm **vms;
    while (vmm_list(fixture->vmm, &vms) > 0) {
        struct vm *vm = vm_copy(vms[0]);
        free(vms);
        must(fixture, vm_step(fixture, STEP_VM_KILL, vm));
        vm_free(vm);
    }
    free(vms);
    close_vmm(fixture);
    ev_loop_destroy(fixture->loop);
    file_remove(fixture->directory, NULL);
    document_free(fixture->answer);
    text_clear(&fixture->events);
    free(fixture);
    return 0;
}

#define WITH_VMM(test) cmocka_unit_test_setup_teardown(test, vmm_setup, vmm_teardown)
