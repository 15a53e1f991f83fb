#include "vmm/instance.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/child.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "vmm/agent.h"
#include "vmm/cgroup.h"
#include "vmm/event.h"
#include "vmm/plug.h"
#include "vmm/record.h"
#include "vmm/seen.h"
#include "vmm/vmm_internal.h"

static const double AGENT_LIMIT = 3., PAUSE_FIRST = 1., PAUSE_LONGEST = 60.;

struct instance *instance_find(const struct vmm *vmm, const char *name)
{
    for (struct instance *instance = vmm->instances; instance; instance = instance->next)
        if (strcmp(instance->vm->name, name) == 0)
            return instance;
    return NULL;
}

void instance_tell(struct instance *instance, enum vmm_event event, const char *text)
{
    struct vmm *vmm = instance->vmm;
    if (!vmm->closing)
        vmm->listener(vmm->context, event, instance->vm->name, text);
}

int instance_record(const struct instance *instance, struct error *err)
{
    if (!instance->recorded)
        return error_set(err, EBADMSG, "the VM's record was lost, so its devices are not known: shut it down and start it again");
    return record_write(instance->directory, instance->vm, &instance->slots, err);
}

static bool set_state(struct vm *vm, enum vm_state state, const char *reason)
{
    if (vm->state == state && text_equal(vm->reason, reason))
        return false;
    vm->state = state;
    char *old = vm->reason; /* what `reason` may point into */
    vm->reason = memory_string(reason);
    free(old);
    return true;
}

void instance_enter_state(struct instance *instance, enum vm_state state, const char *reason)
{
    struct vm *vm = instance->vm;
    if (!set_state(vm, state, reason ? reason : instance->note))
        return;
    instance_record(instance, NULL); /* no intent: QEMU can be asked again */
    instance_tell(instance, VMM_STATE_CHANGED, vm->reason ? vm->reason : "");
}

struct nic *instance_nic(const struct instance *instance, const char *name)
{
    return vm_find_nic(instance->vm, name);
}

static void count_slots(struct instance *instance)
{
    slots_count_free(&instance->slots, &instance->vm->free_slots, &instance->vm->free_conventional_slots);
}

int instance_take_slot(struct instance *instance, const struct nic *nic, struct error *err)
{
    int result = slots_take(&instance->slots, nic, err);
    count_slots(instance);
    return result;
}

void instance_drop_slot(struct instance *instance, const char *nic)
{
    slots_drop(&instance->slots, nic);
    count_slots(instance);
}

int instance_set_nic_state(struct instance *instance, struct nic *nic, enum nic_state state, struct error *err)
{
    enum nic_state old = nic->state;
    nic->state = state;
    int result = instance_record(instance, err);
    if (result < 0)
        nic->state = old;
    return result;
}

void instance_send(struct instance *instance, const char *command, json_t *arguments, int fd, qmp_answer answer, void *context)
{
    qmp_send(instance->qmp, command, arguments, fd, answer, context);
}

/* ---- Reading back ---- */

/* A paused one that is reset is before its first instruction once more, and waits to be resumed. */
static bool has_run(const struct vm *vm)
{
    return vm->state == VM_RUNNING || vm->state == VM_PAUSED;
}

void instance_read_status(struct instance *instance, const json_t *status)
{
    const char *word = document_string(status, "status", "unknown");
    if (strcmp(word, "running") == 0)
        instance_enter_state(instance, VM_RUNNING, NULL);
    else if (strcmp(word, "prelaunch") == 0 && !has_run(instance->vm))
        instance_enter_state(instance, VM_STARTING, NULL);
    else if (strcmp(word, "shutdown") == 0)
        instance_enter_state(instance, VM_IN_SHUTDOWN, instance->end_reason);
    else if (strcmp(word, "paused") != 0 && strcmp(word, "prelaunch") != 0)
        instance_enter_state(instance, VM_PAUSED, word); /* "io-error", "guest-panicked", … */
    else if (instance->vm->state != VM_PAUSED) /* else the reason that it has says more */
        instance_enter_state(instance, VM_PAUSED, NULL);
}

static bool is_starting(const struct instance *instance)
{
    for (const struct task *task = instance->tasks; task; task = task->next)
        if (task->step->op == STEP_VM_SPAWN)
            return true;
    return false;
}

static void end_adoption(struct instance *instance)
{
    if (!instance->adopting)
        return;
    instance->adopting = false;
    ev_timer_start(instance->vmm->loop, &instance->vmm->soon_timer); /* where it is seen that it was the last */
}

static void signal_process(const struct instance *instance, int number)
{
    syscall(SYS_pidfd_send_signal, instance->process.pidfd, number, NULL, 0);
}

/* A VM that does not start is ended; its task is told by on_ended, with this error. */
static void start_failed(struct instance *instance, const struct error *err)
{
    for (struct task *task = instance->tasks; task; task = task->next)
        if (task->step->op == STEP_VM_SPAWN)
            task->error = *err;
    signal_process(instance, SIGKILL);
}

static void trouble(struct instance *instance, const struct error *err)
{
    if (is_starting(instance)) {
        start_failed(instance, err);
        return;
    }
    instance_enter_state(instance, instance->vm->state, err->text);
    end_adoption(instance);
}

static void finish_start(struct instance *instance)
{
    for (struct task *task = instance->tasks, *next; task; task = next) {
        next = task->next;
        if (task->step->op == STEP_VM_SPAWN)
            task_finish(task, NULL);
    }
}

static void on_devices(void *context, const json_t *value, const struct error *err)
{
    struct instance *instance = context;
    if (err) {
        if (qmp_refused(err) || err->code == ETIMEDOUT)
            trouble(instance, err);
        return; /* else the connection broke, which is told besides */
    }
    instance->ready = true;
    instance->pause = PAUSE_FIRST;
    plug_read_back(instance, value, is_starting(instance));
    end_adoption(instance);
    finish_start(instance);
}

static void on_status(void *context, const json_t *value, const struct error *err)
{
    struct instance *instance = context;
    if (err) {
        if (qmp_refused(err) || err->code == ETIMEDOUT)
            trouble(instance, err);
        return;
    }
    instance_read_status(instance, value);
    instance_send(instance, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"), -1, on_devices, instance);
}

bool instance_lists_device(const json_t *list, const char *id)
{
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)list, index, item)
        if (strcmp(document_string(item, "name", ""), id) == 0 && text_starts(document_string(item, "type", ""), "child<"))
            return true;
    return false;
}

/* ---- The connection ---- */

static void on_ready(void *context)
{
    struct instance *instance = context;
    instance_send(instance, "query-status", NULL, -1, on_status, instance);
}

static void on_event(void *context, const char *name, const json_t *data)
{
    event_take(context, name, data);
}

/* A QEMU that ends closes its monitor first: its end follows. Only when it lives on is the connection made anew, and only when
 * that fails too is it spoken of. */
static void on_closed(void *context, const struct error *err)
{
    struct instance *instance = context;
    instance->ready = false;
    bool first = instance->pause == PAUSE_FIRST && (err->code == ECONNRESET || err->code == ECONNREFUSED);
    if (!first)
        trouble(instance, err);
    ev_timer_set(&instance->reconnect, instance->pause, 0.);
    ev_timer_start(instance->vmm->loop, &instance->reconnect);
    instance->pause = instance->pause * 2 < PAUSE_LONGEST ? instance->pause * 2 : PAUSE_LONGEST;
}

/* ---- A QEMU that falls silent ---- */

static const char no_answer[] = "QEMU's monitor does not answer";

static void on_silent(void *context)
{
    struct instance *instance = context;
    if (!instance->vm->reason)
        instance_enter_state(instance, instance->vm->state, no_answer);
}

static void on_devices_again(void *context, const json_t *value, const struct error *err)
{
    if (!err)
        plug_go_on(context, value);
}

static void on_status_again(void *context, const json_t *value, const struct error *err)
{
    if (!err)
        instance_read_status(context, value);
}

/* What it was asked while it was silent it has done by now, as far as it was sent: that is read back. Should it fall silent once
 * more, it is asked once more when it answers. */
static void on_awake(void *context)
{
    struct instance *instance = context;
    if (!instance->ready)
        return;
    if (text_equal(instance->vm->reason, no_answer))
        instance_enter_state(instance, instance->vm->state, NULL);
    instance_send(instance, "query-status", NULL, -1, on_status_again, instance);
    instance_send(instance, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"), -1, on_devices_again, instance);
}

static const struct qmp_handlers handlers = {
    .ready = on_ready,
    .event = on_event,
    .closed = on_closed,
    .silent = on_silent,
    .awake = on_awake,
};

static void on_reconnect(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct instance *instance = timer->data;
    if (is_starting(instance)) {
        struct error err;
        error_set(&err, ECONNRESET, "QEMU closed its monitor connection, but goes on");
        start_failed(instance, &err);
        return;
    }
    instance_connect(instance, instance->pause);
}

void instance_connect(struct instance *instance, double limit)
{
    int fd;
    struct error err = {0};
    int result = process_connect(instance->directory, "qmp.sock", &fd, &err);
    qmp_free(instance->qmp);
    instance->qmp = NULL;
    if (result == 0) {
        struct qmp_limits limits = {.greeting = limit, .command = instance->vmm->command_limit};
        instance->qmp = qmp_new(instance->vmm->loop, fd, &limits, &handlers, instance);
        return;
    }
    error_prefix(&err, "no connection to QEMU's monitor");
    instance->qmp = qmp_new_closed(instance->vmm->loop, &err);
    on_closed(instance, &err);
}

/* ---- The end ---- */

static char *end_text(const struct instance *instance)
{
    CLEANUP(freep) char *result = child_result(instance->process.pidfd);
    CLEANUP(freep) char *words = process_last_words(instance->directory);
    return memory_format("QEMU ended: %s%s%s", result, words ? ": " : "", words ? words : "");
}

static void set_end(struct instance *instance, const char *text, bool was_starting)
{
    struct vm *vm = instance->vm;
    if (instance->killing)
        set_state(vm, VM_SHUT_OFF, "destroyed");
    else if (was_starting)
        set_state(vm, VM_SHUT_OFF, text);
    else if (instance->end_reason)
        set_state(vm, instance->end, instance->end_reason);
    else if (text_starts(text, "QEMU ended: exit status 0"))
        set_state(vm, VM_SHUT_OFF, "QEMU ended");
    else
        set_state(vm, VM_CRASHED, text);
}

static void unlink_instance(struct instance *instance)
{
    struct vmm *vmm = instance->vmm;
    struct instance **place = &vmm->instances;
    while (*place != instance)
        place = &(*place)->next;
    *place = instance->next;
    instance->next = vmm->dead;
    vmm->dead = instance;
    ev_timer_start(vmm->loop, &vmm->soon_timer);
}

static void stop_watching(struct instance *instance)
{
    struct ev_loop *loop = instance->vmm->loop;
    ev_io_stop(loop, &instance->ended);
    ev_timer_stop(loop, &instance->reconnect);
    ev_timer_stop(loop, &instance->kill);
}

static struct error start_error(const struct instance *instance, const char *text)
{
    struct error err;
    error_set(&err, EPIPE, "%s", text);
    for (const struct task *task = instance->tasks; task; task = task->next)
        if (task->step->op == STEP_VM_SPAWN && task->error.code)
            err = task->error;
    return err;
}

/* The order: what QEMU still said, and its pending commands fail; nothing is left of it; the listener, who can still look at its
 * last state; then those who waited for its end, who may start it again. */
static void on_ended(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    struct instance *instance = io->data;
    bool was_starting = is_starting(instance);
    CLEANUP(freep) char *text = end_text(instance);
    qmp_drain(instance->qmp);
    stop_watching(instance);
    qmp_free(instance->qmp);
    instance->qmp = NULL;
    instance->ready = false;
    agent_hang_up(instance->agent);
    struct error err = start_error(instance, text);
    set_end(instance, was_starting ? err.text : text, was_starting);
    vmm_remember_end(instance->vmm, instance->vm);
    unlink_instance(instance);
    file_remove(instance->directory, NULL);
    cgroup_remove(instance->vm->name);
    instance_tell(instance, VMM_STATE_CHANGED, instance->vm->reason);
    end_adoption(instance);
    struct task *tasks = instance->tasks;
    instance->tasks = NULL;
    task_finish_all(tasks, &err);
}

static void on_kill(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    signal_process(timer->data, SIGKILL);
}

static int connect_agent(void *context, int *ret_fd, struct error *err)
{
    const struct instance *instance = context;
    int result = process_connect(instance->directory, "agent.sock", ret_fd, err);
    if (result == -ENOENT)
        return error_set(err, ENXIO, "the VM was started without a port for the guest agent: shut it down and start it again");
    return result;
}

struct instance *instance_new(struct vmm *vmm, struct vm *vm, struct slots *slots, const struct process *process)
{
    struct instance *instance = NEW(struct instance);
    instance->vmm = vmm;
    instance->vm = vm;
    instance->slots = *slots;
    *slots = (struct slots){0};
    instance->process = *process;
    instance->directory = process_directory(vmm->run_directory, vm->name);
    instance->pause = PAUSE_FIRST;
    instance->agent = agent_new(vmm->loop, AGENT_LIMIT, connect_agent, instance);
    vm->pid = process->pid;
    count_slots(instance);
    vm->start_ticks = process->start_ticks;
    ev_io_init(&instance->ended, on_ended, process->pidfd, EV_READ);
    instance->ended.data = instance;
    ev_io_start(vmm->loop, &instance->ended);
    ev_timer_init(&instance->reconnect, on_reconnect, 0., 0.);
    instance->reconnect.data = instance;
    ev_timer_init(&instance->kill, on_kill, 0., 0.);
    instance->kill.data = instance;
    struct instance **end = &vmm->instances;
    while (*end)
        end = &(*end)->next;
    *end = instance;
    return instance;
}

void instance_kill(struct instance *instance, double patience)
{
    instance->killing = true;
    signal_process(instance, SIGTERM);
    if (ev_is_active(&instance->kill))
        return;
    ev_now_update(instance->vmm->loop);
    ev_timer_set(&instance->kill, patience, 0.);
    ev_timer_start(instance->vmm->loop, &instance->kill);
}

void instance_free(struct instance *instance)
{
    stop_watching(instance);
    qmp_free(instance->qmp);
    agent_free(instance->agent);
    struct error err;
    error_set(&err, ECANCELED, "the agent is ending");
    struct task *tasks = instance->tasks;
    instance->tasks = NULL;
    task_finish_all(tasks, &err);
    close(instance->process.pidfd);
    slots_clear(&instance->slots);
    seen_clear(instance);
    vm_free(instance->vm);
    free(instance->directory);
    free(instance->end_reason);
    free(instance->note);
    free(instance);
}
