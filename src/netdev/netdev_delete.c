/* Deletions. The kernel waits some 15 ms for each link that is deleted by itself, and hardly longer for all links of a group: so
 * deletions that come one behind the other are put together. The links of such a chunk are moved into a group of their own and deleted
 * by it. A chunk is small, because everybody else who wants something of the kernel's network waits until it is done; and for a bridge
 * the kernel waits twice, once for each of them (an rcu_barrier() for its multicast groups). */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "netdev/netdev_internal.h"

#define CHUNK 50 /* links, or their weight */
#define BRIDGE_WEIGHT 10

struct netdev_deletion {
    struct job job;
    struct netdev *netdev;
    uint32_t group;
    struct netdev_request *requests[CHUNK];
    size_t count, weight;
    bool begun; /* by the worker: takes no more */
    bool moved[CHUNK];
};

/* A group that no link is in: one may have been left behind by a daemon that was killed between the two messages. */
static uint32_t free_group(struct netdev *netdev)
{
    for (;;) {
        uint32_t group = TRESTLE_GROUP + 1 + netdev->next_group++ % TRESTLE_DOOMED_GROUPS;
        size_t i = 0;

        while (i < netdev->cache.count && netdev->cache.by_index[i]->group != group)
            i++;
        if (i == netdev->cache.count)
            return group;
    }
}

/* -- on the worker thread ---------------------------------------------------------------------------------------------------- */

static int move(struct netdev_request *request, uint32_t group, struct error *err)
{
    netdev_change_group(request, group);
    return netdev_write_send(request, &request->messages[request->count - 1], err);
}

static int delete_group(struct netdev_deletion *deletion)
{
    struct netdev_request *request = deletion->requests[0];
    struct netdev_draft draft;

    netdev_write_begin(&draft, RTM_DELLINK, 0);
    mnl_nlmsg_put_extra_header(&draft.header, sizeof(struct ifinfomsg));
    mnl_attr_put_u32(&draft.header, IFLA_GROUP, deletion->group);
    strcpy(draft.message.what, "delete with others");
    netdev_write_add(request, &draft);
    return netdev_write_send(request, &request->messages[request->count - 1], NULL);
}

/* The links of a group are deleted all or not at all: one by one it can be told which is the one that stays, and why. */
static void delete_each(struct netdev_deletion *deletion)
{
    for (size_t i = 0; i < deletion->count; i++) {
        struct netdev_request *request = deletion->requests[i];

        if (!deletion->moved[i])
            continue;
        if (netdev_write_may_take(request))
            netdev_write_send(request, &request->messages[0], &request->error);
        if (request->error.code)
            move(request, request->step->from ? request->step->from->group : TRESTLE_GROUP, NULL);
        netdev_write_taken(request);
    }
}

static void delete_together(struct netdev_deletion *deletion)
{
    size_t moved = 0;

    for (size_t i = 0; i < deletion->count; i++) {
        struct netdev_request *request = deletion->requests[i];

        if (netdev_write_may_take(request))
            deletion->moved[i] = move(request, deletion->group, &request->error) == 0;
        netdev_write_taken(request);
        moved += deletion->moved[i];
    }
    if (moved && delete_group(deletion))
        delete_each(deletion);
}

static void run(struct job *job)
{
    struct netdev_deletion *deletion = (struct netdev_deletion *)job;

    pthread_mutex_lock(&deletion->netdev->deletion_lock);
    deletion->begun = true;
    pthread_mutex_unlock(&deletion->netdev->deletion_lock);
    if (deletion->count > 1)
        delete_together(deletion);
    else
        netdev_write_run(&deletion->requests[0]->job);
}

/* -- on the loop ------------------------------------------------------------------------------------------------------------- */

static void finished(struct job *job)
{
    struct netdev_deletion *deletion = (struct netdev_deletion *)job;

    netdev_delete_close(deletion->netdev);
    for (size_t i = 0; i < deletion->count; i++)
        netdev_write_finish(&deletion->requests[i]->job);
    free(deletion);
}

void netdev_delete_close(struct netdev *netdev)
{
    netdev->deletion = NULL;
}

static size_t weight(const struct netdev_request *request)
{
    const struct interface *link = request->step->from;

    return link && link->kind == INTERFACE_BRIDGE ? BRIDGE_WEIGHT : 1;
}

static bool join(struct netdev_request *request)
{
    struct netdev *netdev = request->netdev;
    struct netdev_deletion *deletion = netdev->deletion;
    bool joins;

    pthread_mutex_lock(&netdev->deletion_lock);
    joins = deletion && !deletion->begun && deletion->weight + weight(request) <= CHUNK;
    if (joins) {
        deletion->requests[deletion->count++] = request;
        deletion->weight += weight(request);
    }
    pthread_mutex_unlock(&netdev->deletion_lock);
    return joins;
}

void netdev_delete_submit(struct netdev_request *request)
{
    struct netdev *netdev = request->netdev;

    netdev_write_expect(request);
    if (join(request))
        return;
    netdev->deletion = NEW(struct netdev_deletion);
    *netdev->deletion = (struct netdev_deletion){
        .job = {.run = run, .done = finished},
        .netdev = netdev,
        .group = free_group(netdev),
        .requests = {request},
        .count = 1,
        .weight = weight(request),
    };
    worker_submit(netdev->worker, &netdev->deletion->job);
}
