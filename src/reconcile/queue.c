/* Requests for one thing (the host's network, a VM) are served one after the other, in the order in which they came. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

struct request *request_new(const char *name, reconcile_done done, void *context)
{
    struct request *request = NEW(struct request);

    request->name = memory_string(name);
    request->done = done;
    request->context = context;
    return request;
}

bool request_acts_on(const struct request *request, const char *interface)
{
    return !request->acts.count || hand_find(&request->acts, interface);
}

static void request_free(struct request *request)
{
    free(request->name);
    nic_clear(&request->nic);
    nic_free(request->config_before);
    vm_free(request->provisional);
    iface_move_free(request->iface);
    free(request->word);
    hand_clear(&request->hands);
    hand_clear(&request->acts);
    change_clear(&request->change);
    problems_clear(&request->problems);
    free(request);
}

void answered_free(struct answered *answered, struct ev_loop *loop)
{
    ev_idle_stop(loop, &answered->idle);
    while (answered->first) {
        struct request *next = answered->first->next;

        request_free(answered->first);
        answered->first = next;
    }
}

static void is_idle(struct ev_loop *loop, ev_idle *idle, int events)
{
    (void)events;
    answered_free(idle->data, loop);
}

void answered_init(struct answered *answered)
{
    ev_idle_init(&answered->idle, is_idle);
    answered->idle.data = answered;
}

static void free_later(struct reconciler *reconciler, struct request *request)
{
    iface_move_free(TAKE_POINTER(request->iface)); /* it may listen yet */
    request->next = reconciler->answered.first;
    reconciler->answered.first = request;
    ev_idle_start(reconciler->loop, &reconciler->answered.idle);
}

static void queue_begin_next(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct reconciler *reconciler = timer->data;
    struct queue *queue = (struct queue *)((char *)timer - offsetof(struct queue, kick));

    (void)loop, (void)events;
    if (queue->running || !queue->first)
        return;
    queue->running = queue->first;
    queue->first = queue->first->next;
    queue->running->begin(reconciler, queue->running);
}

void queue_init(struct queue *queue, struct reconciler *reconciler)
{
    ev_timer_init(&queue->kick, queue_begin_next, 0., 0.);
    queue->kick.data = reconciler;
}

void queue_cancel(struct request *request)
{
    struct error err = {0};

    error_set(&err, ECANCELED, "%s: trestled ends", request->name);
    if (request->done)
        request->done(request->context, -err.code, &err, NULL, NULL);
    request_free(request);
}

void queue_clear(struct queue *queue, struct reconciler *reconciler)
{
    ev_timer_stop(reconciler->loop, &queue->kick);
    if (queue->running)
        queue_cancel(queue->running);
    while (queue->first) {
        struct request *next = queue->first->next;

        queue_cancel(queue->first);
        queue->first = next;
    }
    queue->running = NULL;
}

static void queue_kick(struct reconciler *reconciler, struct queue *queue)
{
    ev_timer_stop(reconciler->loop, &queue->kick);
    ev_timer_set(&queue->kick, 0., 0.);
    ev_timer_start(reconciler->loop, &queue->kick);
}

void queue_add(struct reconciler *reconciler, struct queue *queue, struct request *request)
{
    struct request **last = &queue->first;

    while (*last)
        last = &(*last)->next;
    *last = request;
    queue_kick(reconciler, queue);
}

void queue_postpone(struct reconciler *reconciler, struct queue *queue)
{
    queue->running = NULL;
    queue_kick(reconciler, queue);
}

void queue_answer(struct reconciler *reconciler, struct request *request, int result, const struct error *err, const struct plan *plan)
{
    if (request->done)
        request->done(request->context, result, err, plan, &request->problems);
    free_later(reconciler, request);
}

void queue_finish(struct reconciler *reconciler, struct queue *queue, int result, const struct error *err, const struct plan *plan)
{
    struct request *request = queue->running;

    queue->running = NULL;
    queue_answer(reconciler, request, result, err, plan);
    if (queue->first)
        queue_kick(reconciler, queue);
}
