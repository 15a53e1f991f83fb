/* A step as messages that are kept, to be said later. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "netdev/netdev_internal.h"

static struct replay *keep_message(const struct netdev_message *message)
{
    struct replay *replay = NEW(struct replay);

    replay->size = message->header->nlmsg_len;
    replay->message = memory_copy(message->header, replay->size);
    replay->fine = message->fine;
    replay->gone_is_fine = message->gone_is_fine;
    replay->when_busy = message->when == NETDEV_WHEN_BUSY;
    for (size_t i = 0; i < message->index_count; i++) {
        replay->indices[i].offset = message->indices[i].offset;
        text_copy(replay->indices[i].name, INTERFACE_NAME_SIZE, message->indices[i].name);
    }
    replay->index_count = message->index_count;
    return replay;
}

int netdev_encode(struct netdev *netdev, const struct step *step, struct replay **ret_replay, struct error *err)
{
    struct netdev_request request = {.netdev = netdev, .step = step};
    struct replay **last = ret_replay;
    int result = netdev_prepare(&request, step, err);

    *last = NULL;
    for (size_t i = 0; i < request.count; i++) {
        if (result == 0 && request.messages[i].when != NETDEV_TO_UNDO) {
            *last = keep_message(&request.messages[i]);
            last = &(*last)->next;
        }
        free(request.messages[i].header);
    }
    free(request.messages);
    return result;
}
