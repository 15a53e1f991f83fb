#include "netdev/netdev.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "netdev/netdev_internal.h"

static int open_sockets(struct netdev *netdev, struct error *err)
{
    bool torn;
    int code = netdev_write_open(netdev, err);

    if (code == 0)
        code = netdev_dump_open(&netdev->dump, err);
    if (code == 0)
        code = netdev_events_open(netdev, err);
    if (code == 0)
        code = netdev_dump_read(netdev->dump, &netdev->cache, &torn, err);
    if (code == 0 && torn)
        ev_timer_start(netdev->loop, &netdev->again);
    return code;
}

int netdev_new(struct ev_loop *loop, struct worker *worker, const struct netdev_kind *const *kinds, netdev_listener listener,
               void *context, struct netdev **ret_netdev, struct error *err)
{
    struct netdev *netdev = NEW(struct netdev);
    int code;

    netdev->loop = loop;
    pthread_mutex_init(&netdev->deletion_lock, NULL);
    netdev->worker = worker;
    netdev_cache_init(&netdev->cache, kinds);
    code = open_sockets(netdev, err);
    if (code < 0) {
        netdev_free(netdev);
        return code;
    }
    netdev->cache.listener = listener;
    netdev->cache.context = context;
    *ret_netdev = netdev;
    return 0;
}

void netdev_free(struct netdev *netdev)
{
    if (!netdev)
        return;
    netdev_events_close(netdev);
    nl_socket_free(netdev->dump);
    netdev_write_close(netdev);
    netdev->cache.listener = NULL;
    netdev_cache_clear(&netdev->cache);
    free(netdev->doubted);
    pthread_mutex_destroy(&netdev->deletion_lock);
    free(netdev);
}

void netdev_make_taps(struct netdev *netdev, struct netdev_taps taps)
{
    netdev->taps = taps;
}

const struct network *netdev_observed(const struct netdev *netdev)
{
    return &netdev->cache.network;
}

int netdev_prepare(struct netdev_request *request, const struct step *step, struct error *err)
{
    switch (step->op) {
    case STEP_LINK_CREATE:
        return netdev_change_create(request, step, err);
    case STEP_LINK_DELETE:
        return netdev_change_delete(request, step, err);
    case STEP_LINK_SET:
        return netdev_change_set(request, step, err);
    case STEP_ADDRESS_ADD:
    case STEP_ADDRESS_DELETE:
    case STEP_ADDRESS_RENEW:
        return netdev_address_write(request, step, err);
    case STEP_ROUTE_ADD:
    case STEP_ROUTE_DELETE:
        return netdev_route_write(request, step, err);
    case STEP_RULE_ADD:
    case STEP_RULE_DELETE:
        return netdev_rule_write(request, step, err);
    case STEP_REPLAY:
        return netdev_replay_write(request, step, err);
    case STEP_SYSCTL_SET:
    case STEP_LINK_WAIT:
        return 0; /* no message: the worker does it */
    default:
        return error_set(err, ENOTSUP, "%s: this step is not one for the kernel's links", step->interface);
    }
}

void netdev_apply(struct netdev *netdev, const struct step *step, step_done done, void *context)
{
    struct netdev_request *request = NEW(struct netdev_request);

    request->netdev = netdev;
    request->step = step;
    request->done = done;
    request->context = context;
    netdev_prepare(request, step, &request->error); /* a failure takes the same way: done() comes from the loop */
    if (step->op == STEP_LINK_DELETE)
        netdev_delete_submit(request);
    else
        netdev_write_submit(request);
}

/* Things may change between the two readings (duplicate address detection ends, carrier comes): what is the same in one of
 * several pairs is the same. */
int netdev_compare_with_dump(struct netdev *netdev, struct error *err)
{
    struct error difference = {0};
    int count = 0;

    for (int i = 0; i < 3; i++) {
        struct netdev_cache fresh;
        bool torn;
        int code;

        netdev_events_drain(netdev);
        netdev_cache_init(&fresh, netdev->cache.kinds);
        code = netdev_dump_read(netdev->dump, &fresh, &torn, err);
        if (code == 0)
            count = netdev_cache_compare(&netdev->cache, &fresh, &difference);
        netdev_cache_clear(&fresh);
        if (code < 0)
            return code;
        if (count == 0)
            break;
    }
    if (count && err)
        *err = difference;
    return count;
}
