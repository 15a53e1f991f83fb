/* The kernel's own messages of addresses, routes, rules and neighbours, said anew. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "netdev/netdev_internal.h"

static const char *what_it_does(uint16_t type)
{
    switch (type) {
    case RTM_NEWADDR:
        return "add address";
    case RTM_DELADDR:
        return "delete address";
    case RTM_NEWROUTE:
        return "add route";
    case RTM_DELROUTE:
        return "delete route";
    case RTM_NEWRULE:
        return "add rule";
    case RTM_DELRULE:
        return "delete rule";
    case RTM_NEWNEIGH:
        return "add neighbour";
    case RTM_DELNEIGH:
        return "delete neighbour";
    default:
        return "say anew";
    }
}

/* rtnetlink's types come in fours: NEW, DEL, GET, SET. */
static bool deletes(uint16_t type)
{
    return type % 4 == 1;
}

static int add(struct netdev_request *request, const struct replay *replay, struct error *err)
{
    const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)replay->message;
    const char *interface = request->step->interface;
    struct netdev_message *message;

    if (replay->size < sizeof(*header) || header->nlmsg_len != replay->size)
        return error_set(err, EINVAL, "%s: a message of %zu bytes is none", interface, replay->size);
    for (size_t i = 0; i < replay->index_count; i++)
        if (replay->indices[i].offset > replay->size - sizeof(uint32_t))
            return error_set(err, EINVAL, "%s: a message with an index outside itself", interface);
    message = APPEND(request->messages, request->count);
    message->header = memory_copy(replay->message, replay->size);
    message->header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    message->when = replay->when_busy ? NETDEV_WHEN_BUSY : NETDEV_ALWAYS;
    message->fine = replay->fine;
    message->gone_is_fine = replay->gone_is_fine || deletes(header->nlmsg_type);
    for (size_t i = 0; i < replay->index_count; i++) {
        message->indices[i].offset = replay->indices[i].offset;
        text_copy(message->indices[i].name, INTERFACE_NAME_SIZE, replay->indices[i].name);
    }
    message->index_count = replay->index_count;
    text_copy(message->what, sizeof(message->what), what_it_does(header->nlmsg_type));
    return 0;
}

int netdev_replay_write(struct netdev_request *request, const struct step *step, struct error *err)
{
    int code = 0;

    for (const struct replay *replay = step->replay; code == 0 && replay; replay = replay->next)
        code = add(request, replay, err);
    return code;
}
