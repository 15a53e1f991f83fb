#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "vmm/instance.h"
#include "vmm/vmm_internal.h"

struct task *task_new(struct vmm *vmm, struct instance *instance, const struct step *step, step_done done, void *context)
{
    struct task *task = NEW(struct task);
    task->vmm = vmm;
    task->instance = instance;
    task->step = step;
    task->done = done;
    task->context = context;
    if (instance) {
        task->next = instance->tasks;
        instance->tasks = task;
    }
    return task;
}

static void unlink_from(struct task **list, const struct task *task)
{
    for (; *list; list = &(*list)->next)
        if (*list == task) {
            *list = task->next;
            return;
        }
}

void task_finish(struct task *task, const struct error *err)
{
    struct vmm *vmm = task->vmm;
    step_done done = task->done;
    void *context = task->context;
    struct error failure = err ? *err : (struct error){0};
    if (task->instance)
        unlink_from(&task->instance->tasks, task);
    ev_timer_stop(vmm->loop, &task->pause);
    free(task);
    if (!vmm->closing)
        done(context, -failure.code, failure.code ? &failure : NULL);
}

void task_finish_soon(struct task *task, const struct error *err)
{
    struct vmm *vmm = task->vmm;
    task->error = err ? *err : (struct error){0};
    if (task->instance)
        unlink_from(&task->instance->tasks, task);
    task->instance = NULL;
    struct task **end = &vmm->soon;
    while (*end)
        end = &(*end)->next;
    task->next = NULL;
    *end = task;
    ev_timer_start(vmm->loop, &vmm->soon_timer);
}

void task_finish_all(struct task *tasks, const struct error *err)
{
    while (tasks) {
        struct task *task = tasks;
        tasks = task->next;
        task->next = NULL;
        task->instance = NULL;
        task_finish(task, task->step->op == STEP_VM_KILL ? NULL : err);
    }
}
