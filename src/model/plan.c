#include "model/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/kind.h"

#define TAKE_BACK "take back: "

static const struct {
    const char *name;
    int inverse; /* -1: nothing to take back */
} operations[STEP_OPS] = {
    [STEP_LINK_CREATE] = {"link-create", STEP_LINK_DELETE},
    [STEP_LINK_DELETE] = {"link-delete", STEP_LINK_CREATE},
    [STEP_LINK_SET] = {"link-set", STEP_LINK_SET},
    [STEP_ADDRESS_ADD] = {"address-add", STEP_ADDRESS_DELETE},
    [STEP_ADDRESS_DELETE] = {"address-delete", STEP_ADDRESS_ADD},
    [STEP_ADDRESS_RENEW] = {"address-renew", -1},
    [STEP_ROUTE_ADD] = {"route-add", STEP_ROUTE_DELETE},
    [STEP_ROUTE_DELETE] = {"route-delete", STEP_ROUTE_ADD},
    [STEP_RULE_ADD] = {"rule-add", STEP_RULE_DELETE},
    [STEP_RULE_DELETE] = {"rule-delete", STEP_RULE_ADD},
    [STEP_REPLAY] = {"replay", STEP_REPLAY},
    [STEP_SYSCTL_SET] = {"sysctl-set", STEP_SYSCTL_SET},
    [STEP_LINK_WAIT] = {"link-wait", STEP_LINK_WAIT},
    [STEP_TAP_OPEN] = {"tap-open", STEP_TAP_CLOSE},
    [STEP_TAP_CLOSE] = {"tap-close", -1},
    [STEP_TAP_REMAKE] = {"tap-remake", -1},
    [STEP_VM_SPAWN] = {"vm-spawn", STEP_VM_KILL},
    [STEP_VM_KILL] = {"vm-kill", -1},
    [STEP_VM_CONTINUE] = {"vm-continue", STEP_VM_STOP},
    [STEP_VM_STOP] = {"vm-stop", STEP_VM_CONTINUE},
    [STEP_VM_RESET] = {"vm-reset", -1},
    [STEP_VM_POWERDOWN] = {"vm-powerdown", -1},
    [STEP_NIC_RECORD] = {"nic-record", STEP_NIC_FORGET},
    [STEP_NIC_FORGET] = {"nic-forget", -1},
    [STEP_NIC_PASS_FDS] = {"nic-pass-fds", STEP_NIC_CLOSE_FDS},
    [STEP_NIC_CLOSE_FDS] = {"nic-close-fds", -1},
    [STEP_NETDEV_ADD] = {"netdev-add", STEP_NETDEV_DELETE},
    [STEP_NETDEV_DELETE] = {"netdev-delete", -1},
    [STEP_DEVICE_ADD] = {"device-add", STEP_DEVICE_DELETE},
    [STEP_DEVICE_DELETE] = {"device-delete", -1},
    [STEP_NIC_LINK] = {"nic-link", STEP_NIC_LINK},
    [STEP_NIC_RECONNECT] = {"nic-reconnect", -1},
    [STEP_NIC_ANNOUNCE] = {"nic-announce", STEP_NIC_ANNOUNCE},
    [STEP_NIC_UPDATE] = {"nic-update", STEP_NIC_UPDATE},
};

const char *step_op_name(enum step_op op)
{
    return operations[op].name;
}

/* Grown by doubling: a step is large, and a plan may have thousands. */
struct step *plan_append(struct plan *plan)
{
    if (plan->count == plan->room) {
        plan->room = plan->room ? plan->room * 2 : 8;
        plan->steps = memory_resize(plan->steps, plan->room, sizeof(*plan->steps));
    }
    plan->steps[plan->count] = (struct step){0};
    return &plan->steps[plan->count++];
}

struct step *plan_add(struct plan *plan, enum step_op op, const char *object, const char *text_format, ...)
{
    struct step *step = plan_append(plan);
    char line[512];
    va_list arguments;

    va_start(arguments, text_format);
    vsnprintf(line, sizeof(line), text_format, arguments);
    va_end(arguments);
    step->op = op;
    step->object = memory_string(object);
    step->text = memory_string(line);
    return step;
}

void replay_free(struct replay *replay)
{
    while (replay) {
        struct replay *next = replay->next;

        free(replay->message);
        free(replay);
        replay = next;
    }
}

struct replay *replay_copy(const struct replay *replay)
{
    struct replay *first = NULL, **last = &first;

    for (; replay; replay = replay->next) {
        *last = memory_copy(replay, sizeof(*replay));
        (*last)->message = memory_copy(replay->message, replay->size);
        last = &(*last)->next;
    }
    *last = NULL;
    return first;
}

void step_clear(struct step *step)
{
    free(step->object);
    free(step->text);
    interface_free(step->from);
    interface_free(step->to);
    route_clear(&step->route);
    vm_free(step->vm);
    nic_free(step->nic);
    nic_free(step->before);
    replay_free(step->replay);
    replay_free(step->undo);
    *step = (struct step){0};
}

void plan_clear(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        step_clear(&plan->steps[i]);
    free(plan->steps);
    free(plan->name);
    *plan = (struct plan){0};
}

bool step_invert(const struct step *step, struct step *ret_inverse)
{
    int inverse = operations[step->op].inverse;

    /* What a link was before is not known for one that came up in the same plan: its creation is taken back instead. */
    if (inverse < 0 || (step->op == STEP_LINK_SET && !step->from) || (step->op == STEP_REPLAY && !step->undo))
        return false;
    *ret_inverse = *step;
    ret_inverse->op = step->undo ? STEP_REPLAY : (enum step_op)inverse; /* what was kept of it says more */
    ret_inverse->object = memory_string(step->object);
    ret_inverse->inverse = !step->inverse;
    ret_inverse->taken = NULL;
    ret_inverse->wait = true;
    ret_inverse->chain = NULL;
    if (step->text && text_starts(step->text, TAKE_BACK))
        ret_inverse->text = memory_string(step->text + strlen(TAKE_BACK));
    else
        ret_inverse->text = memory_format(TAKE_BACK "%s", step->text);
    ret_inverse->from = step->to ? interface_copy(step->to) : NULL;
    ret_inverse->to = step->from ? interface_copy(step->from) : NULL;
    if (step->op == STEP_LINK_DELETE && step->from)
        ret_inverse->fields = kind_fields_to_make(step->from);
    route_copy(&step->route, &ret_inverse->route);
    ret_inverse->vm = step->vm ? vm_copy(step->vm) : NULL;
    ret_inverse->nic = nic_new_copy(step->before ? step->before : step->nic);
    ret_inverse->before = step->before ? nic_new_copy(step->nic) : NULL;
    ret_inverse->replay = replay_copy(step->undo);
    ret_inverse->undo = replay_copy(step->replay);
    ret_inverse->sysctl.value = step->value_before;
    ret_inverse->value_before = step->sysctl.value;
    return true;
}

void plan_invert(const struct plan *plan, bool (*done)(const void *context, size_t index), const void *context, struct plan *ret_inverse)
{
    *ret_inverse = (struct plan){.name = memory_string(plan->name), .takes_back = true};
    for (size_t i = plan->count; i-- > 0;) {
        struct step inverse;

        if ((!done || done(context, i)) && step_invert(&plan->steps[i], &inverse))
            *plan_append(ret_inverse) = inverse;
    }
}

void plan_write_steps(const struct plan *plan, struct text *text)
{
    text_add(text, "[");
    for (size_t i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];

        document_add_member(text, i ? ",{" : "{", "op", step_op_name(step->op));
        document_add_member(text, ",", "object", step->object);
        document_add_member(text, ",", "text", step->text);
        text_add(text, "}");
    }
    text_add(text, "]");
}
