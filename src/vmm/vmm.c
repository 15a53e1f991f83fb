#include "vmm/cgroup.h"
#include "vmm/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "vmm/accel.h"
#include "vmm/account.h"
#include "vmm/adopt.h"
#include "vmm/agent.h"
#include "vmm/change.h"
#include "vmm/instance.h"
#include "vmm/plug.h"
#include "vmm/power.h"
#include "vmm/vmm_internal.h"

enum { CONSOLE_LOG_KEEP = 2 << 20, QEMU_LOG_KEEP = 256 << 10 };
static const double ADOPTION_LIMIT = 5., COMMAND_LIMIT = 30.;
/* A host that starts many VMs at its boot is slow, and a VM that is given up too early stays down until somebody looks. */
static const double START_LIMIT = 120.;

/* ---- What must not happen within a call or a callback ---- */

static void check_adoption(struct vmm *vmm)
{
    void (*done)(void *context) = vmm->adoption.done;
    if (!done)
        return;
    for (const struct instance *instance = vmm->instances; instance; instance = instance->next)
        if (instance->adopting)
            return;
    vmm->adoption.done = NULL;
    ev_timer_stop(vmm->loop, &vmm->adoption.limit);
    done(vmm->adoption.context);
}

/* What a VM took lies between what others have: the allocator by itself gives back only what lies at the end. */
static void give_memory_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static void free_dead(struct vmm *vmm)
{
    bool any = vmm->dead;
    while (vmm->dead) {
        struct instance *instance = vmm->dead;
        vmm->dead = instance->next;
        instance_free(instance);
    }
    if (any)
        give_memory_back();
}

static void on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct vmm *vmm = timer->data;
    free_dead(vmm);
    struct task *tasks = vmm->soon;
    vmm->soon = NULL;
    while (tasks) {
        struct task *task = tasks;
        tasks = task->next;
        struct error err = task->error;
        task_finish(task, &err);
    }
    check_adoption(vmm);
}

static void on_adoption_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct vmm *vmm = timer->data;
    for (struct instance *instance = vmm->instances; instance; instance = instance->next)
        if (instance->adopting) {
            instance->adopting = false;
            instance_enter_state(instance, instance->vm->state, "QEMU's monitor does not answer");
        }
    check_adoption(vmm);
}

/* ---- Life ---- */

static int read_accel(const char *text, struct vmm *vmm, struct error *err)
{
    if (!text || !*text)
        return 0;
    for (int i = 0; vm_accel_names[i]; i++)
        if (strcmp(text, vm_accel_names[i]) == 0) {
            vmm->accel = (enum vm_accel)i;
            vmm->accel_overridden = true;
            return 0;
        }
    return error_set(err, EINVAL, "TRESTLE_ACCEL=%s: auto, kvm or tcg is possible", text);
}

int vmm_new(struct ev_loop *loop, struct tap_table *taps, const struct vmm_settings *settings, vmm_listener listener,
            void *context, struct vmm **ret_vmm, struct error *err)
{
    struct vmm *vmm = NEW(struct vmm);
    int result = read_accel(settings->accel, vmm, err);
    if (result < 0) {
        free(vmm);
        return result;
    }
    cgroup_enter_leaf();
    vmm->loop = loop;
    vmm->taps = taps;
    vmm->run_directory = memory_string(settings->run_directory);
    vmm->binary = memory_string(settings->binary);
    vmm->user = memory_string(settings->user);
    vmm->start_limit = settings->start_limit > 0 ? settings->start_limit : START_LIMIT;
    vmm->command_limit = settings->command_limit > 0 ? settings->command_limit : COMMAND_LIMIT;
    vmm->listener = listener;
    vmm->context = context;
    struct error off;
    error_set(&off, ESRCH, "the VM is not running");
    vmm->nowhere = qmp_new_closed(loop, &off);
    ev_timer_init(&vmm->soon_timer, on_soon, 0., 0.);
    vmm->soon_timer.data = vmm;
    ev_timer_init(&vmm->adoption.limit, on_adoption_limit, ADOPTION_LIMIT, 0.);
    vmm->adoption.limit.data = vmm;
    *ret_vmm = vmm;
    return 0;
}

void vmm_free(struct vmm *vmm)
{
    if (!vmm)
        return;
    vmm->closing = true;
    vmm->adoption.done = NULL;
    while (vmm->instances) {
        struct instance *instance = vmm->instances;
        vmm->instances = instance->next;
        instance_free(instance);
    }
    qmp_free(vmm->nowhere);
    on_soon(vmm->loop, &vmm->soon_timer, 0);
    ev_timer_stop(vmm->loop, &vmm->soon_timer);
    ev_timer_stop(vmm->loop, &vmm->adoption.limit);
    for (size_t i = 0; i < vmm->ended_count; i++)
        vm_free(vmm->ended[i]);
    free(vmm->ended);
    free(vmm->run_directory);
    free(vmm->binary);
    free(vmm->user);
    free(vmm);
}

void vmm_adopt(struct vmm *vmm, void (*done)(void *context), void *context)
{
    vmm->adoption.done = done;
    vmm->adoption.context = context;
    ev_now_update(vmm->loop);
    ev_timer_start(vmm->loop, &vmm->adoption.limit);
    adopt_all(vmm);
    ev_timer_start(vmm->loop, &vmm->soon_timer);
}

/* ---- OBSERVED ---- */

static struct vm **find_ended(const struct vmm *vmm, const char *name)
{
    for (size_t i = 0; i < vmm->ended_count; i++)
        if (strcmp(vmm->ended[i]->name, name) == 0)
            return &vmm->ended[i];
    return NULL;
}

void vmm_remember_end(struct vmm *vmm, const struct vm *vm)
{
    struct vm **place = find_ended(vmm, vm->name);
    if (place)
        vm_free(*place);
    else
        place = APPEND(vmm->ended, vmm->ended_count);
    *place = vm_copy(vm);
    (*place)->pid = 0;
    (*place)->start_ticks = 0;
}

const struct vm *vmm_observed(const struct vmm *vmm, const char *name)
{
    const struct instance *instance = instance_find(vmm, name);
    struct vm **ended = find_ended(vmm, name);
    return instance ? instance->vm : ended ? *ended : NULL;
}

size_t vmm_list(const struct vmm *vmm, const struct vm ***ret_vms)
{
    const struct vm **vms = NULL;
    size_t count = 0;
    for (const struct instance *instance = vmm->instances; instance; instance = instance->next)
        *APPEND(vms, count) = instance->vm;
    *ret_vms = vms;
    return count;
}

enum vm_accel vmm_choose_accel(const struct vmm *vmm, const struct vm *vm, const char **ret_reason)
{
    enum vm_accel accel = vmm->accel_overridden ? vmm->accel : vm->accel;
    struct account account;
    if (account_find(vmm->user, &account, NULL) == 0)
        return accel_choose(accel, &account, ret_reason);
    *ret_reason = accel == ACCEL_TCG ? NULL : "there is no user for QEMU to run as";
    return accel == ACCEL_AUTO ? ACCEL_TCG : accel;
}

/* ---- Doing ---- */

/* What a VM that has ended does not have any more. */
static bool takes_away(enum step_op op)
{
    return op == STEP_NIC_FORGET || op == STEP_NIC_CLOSE_FDS || op == STEP_NETDEV_DELETE;
}

void vmm_apply(struct vmm *vmm, const struct step *step, step_done done, void *context)
{
    struct instance *instance = instance_find(vmm, step->op == STEP_VM_SPAWN ? step->vm->name : step->vm_name);
    struct task *task = task_new(vmm, instance, step, done, context);
    if (step->op < STEP_NIC_RECORD) {
        power_apply(task);
    } else if (instance && step->op >= STEP_NIC_LINK) {
        change_apply(task);
    } else if (instance) {
        plug_apply(task);
    } else if (takes_away(step->op)) {
        task_finish_soon(task, NULL);
    } else {
        struct error err;
        error_set(&err, ESRCH, "the VM is not running");
        task_finish_soon(task, &err);
    }
}

struct request {
    struct vmm *vmm;
    vmm_answer answer;
    void *context;
};

static void on_answer(void *context, const json_t *value, const struct error *err)
{
    struct request *request = context;
    struct vmm *vmm = request->vmm;
    vmm_answer answer = request->answer;
    void *answer_context = request->context;
    free(request);
    if (!vmm->closing)
        answer(answer_context, value, err);
}

void vmm_command(struct vmm *vmm, const char *vm, const char *command, json_t *arguments, vmm_answer answer, void *context)
{
    struct request *request = NEW(struct request);
    request->vmm = vmm;
    request->answer = answer;
    request->context = context;
    struct instance *instance = instance_find(vmm, vm);
    qmp_send(instance ? instance->qmp : vmm->nowhere, command, arguments, -1, on_answer, request);
}

/* ---- The guest agent ---- */

struct question {
    struct vmm *vmm;
    char vm[VM_NAME_SIZE];
    char *command;
    json_t *arguments;
    vmm_answer answer;
    void *context;
};

static void question_end(struct question *question, const json_t *value, const struct error *err)
{
    struct vmm *vmm = question->vmm;
    vmm_answer answer = question->answer;
    void *context = question->context;
    document_free(question->arguments);
    free(question->command);
    free(question);
    if (!vmm->closing)
        answer(context, value, err);
}

static void on_agent(void *context, const json_t *value, const struct error *err)
{
    question_end(context, value, err);
}

/* Does a program in the guest have the port open? 1, 0; -1: the VM has no such port. */
static int agent_listens(const json_t *chardevs)
{
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)chardevs, index, item)
        if (strcmp(document_string(item, "label", ""), "agent") == 0)
            return document_boolean(item, "frontend-open", false);
    return -1;
}

static void on_chardevs(void *context, const json_t *value, const struct error *err)
{
    struct question *question = context;
    struct instance *instance = instance_find(question->vmm, question->vm);
    int listens = err ? 0 : agent_listens(value);
    struct error none;
    if (!instance || err)
        error_set(&none, err ? err->code : ESRCH, "%s", err ? err->text : "the VM is not running");
    else if (listens < 0)
        error_set(&none, ENXIO, "the VM was started without a port for the guest agent: shut it down and start it again");
    else if (!listens)
        error_set(&none, ENXIO, "no guest agent listens in the guest: install qemu-guest-agent there and start it");
    if (!instance || err || listens <= 0)
        question_end(question, NULL, &none);
    else
        agent_send(instance->agent, question->command, json_incref(question->arguments), on_agent, question);
}

/* QEMU is asked first, because a request to nobody would just not be answered. */
void vmm_agent(struct vmm *vmm, const char *vm, const char *command, json_t *arguments, vmm_answer answer, void *context)
{
    struct question *question = NEW(struct question);
    question->vmm = vmm;
    text_copy(question->vm, sizeof(question->vm), vm);
    question->command = memory_string(command);
    question->arguments = arguments;
    question->answer = answer;
    question->context = context;
    struct instance *instance = instance_find(vmm, vm);
    qmp_send(instance ? instance->qmp : vmm->nowhere, "query-chardev", NULL, -1, on_chardevs, question);
}

int vmm_console(struct vmm *vmm, const char *vm, int *ret_fd, struct error *err)
{
    const struct instance *instance = instance_find(vmm, vm);
    if (!instance)
        return error_set(err, ESRCH, "vm %s: is not running", vm);
    if (process_is_connected(instance->directory, "console.sock"))
        return error_set(err, EBUSY, "vm %s: its console is in use: one client at a time", vm);
    int result = process_connect(instance->directory, "console.sock", ret_fd, err);
    return result < 0 ? error_prefix(err, "vm %s: its console", vm) : 0;
}

static void trim(const struct instance *instance, const char *name, size_t keep)
{
    CLEANUP(freep) char *path = memory_format("%s/%s", instance->directory, name);
    CLEANUP(close_fdp) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0)
        file_trim(fd, keep, NULL);
}

void vmm_trim_logs(struct vmm *vmm)
{
    for (const struct instance *instance = vmm->instances; instance; instance = instance->next) {
        trim(instance, "console.log", CONSOLE_LOG_KEEP);
        trim(instance, "qemu.log", QEMU_LOG_KEEP);
    }
}
