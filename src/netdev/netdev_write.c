/* Requests: built on the loop, sent on the worker, one message at a time, each with its ack. The kernel does its work inside
 * sendto(), so the ack can be read at once. A batch would gain nothing (the time is in the kernel) and could not stop at a
 * failure. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "netdev/netdev_internal.h"

/* -- building ---------------------------------------------------------------------------------------------------------------- */

void netdev_write_begin(struct netdev_draft *draft, uint16_t type, uint16_t flags)
{
    memset(draft, 0, sizeof(*draft));
    mnl_nlmsg_put_header(draft->bytes);
    draft->header.nlmsg_type = type;
    draft->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
}

void netdev_write_index(struct netdev_draft *draft, const void *place, const char *name)
{
    struct netdev_message *message = &draft->message;

    message->indices[message->index_count].offset = (size_t)((const char *)place - draft->bytes);
    text_copy(message->indices[message->index_count].name, INTERFACE_NAME_SIZE, name);
    message->index_count++;
}

void netdev_write_add(struct netdev_request *request, const struct netdev_draft *draft)
{
    struct netdev_message *message = APPEND(request->messages, request->count);

    *message = draft->message;
    message->header = memory_copy(draft->bytes, draft->header.nlmsg_len);
}

/* -- on the worker thread ---------------------------------------------------------------------------------------------------- */

/* SIOCGIFINDEX takes no lock; any socket of the namespace serves. 0: there is none of that name, and errno says so. */
static uint32_t index_of(const struct netdev *netdev, const char *name)
{
    struct ifreq request = {0};

    text_copy(request.ifr_name, sizeof(request.ifr_name), name);
    return ioctl(mnl_socket_get_fd(netdev->writer), SIOCGIFINDEX, &request) < 0 ? 0 : (uint32_t)request.ifr_ifindex;
}

static int look_up(const struct netdev *netdev, struct netdev_message *message, const char **ret_missing)
{
    for (size_t i = 0; i < message->index_count; i++) {
        uint32_t known = message->indices[i].known;
        uint32_t value = known ? known : index_of(netdev, message->indices[i].name);

        if (!value) {
            *ret_missing = message->indices[i].name;
            return -errno;
        }
        value += message->indices[i].add;
        memcpy((char *)message->header + message->indices[i].offset, &value, sizeof(value));
    }
    return 0;
}

/* Has a link that was known gone, perhaps for another one of its name? */
static bool was_outdated(const struct netdev *netdev, struct netdev_message *message)
{
    bool outdated = false;

    for (size_t i = 0; i < message->index_count; i++)
        if (message->indices[i].known && index_of(netdev, message->indices[i].name) != message->indices[i].known) {
            message->indices[i].known = 0;
            outdated = true;
        }
    return outdated;
}

/* The kernel's own words (NLMSGERR_ATTR_MSG), which follow the error and as much of the request as it gives back. */
static void read_words(const struct nlmsghdr *header, char *words, size_t size)
{
    const struct nlmsgerr *ack = mnl_nlmsg_get_payload(header);
    size_t skip = sizeof(*ack);
    const struct nlattr *attribute;

    if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    if (!(header->nlmsg_flags & NLM_F_CAPPED))
        skip += mnl_nlmsg_get_payload_len(&ack->msg);
    mnl_attr_for_each(attribute, header, skip)
        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
            text_copy(words, size, mnl_attr_get_str(attribute));
}

/* Reads until the ack with this number; gives its errno. */
static int receive_ack(struct netdev *netdev, uint32_t sequence, char *words, size_t size)
{
    char buffer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));

    for (;;) {
        ssize_t length = mnl_socket_recvfrom(netdev->writer, buffer, sizeof(buffer));
        const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;
        int rest = (int)length;

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return errno;
        for (; mnl_nlmsg_ok(header, rest); header = mnl_nlmsg_next(header, &rest)) {
            if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_seq != sequence
                || mnl_nlmsg_get_payload_len(header) < sizeof(struct nlmsgerr))
                continue;
            read_words(header, words, size);
            return -((const struct nlmsgerr *)mnl_nlmsg_get_payload(header))->error;
        }
    }
}

static int exchange(struct netdev *netdev, struct netdev_message *message, char *words, size_t size)
{
    message->header->nlmsg_seq = ++netdev->sequence;
    while (mnl_socket_sendto(netdev->writer, message->header, message->header->nlmsg_len) < 0)
        if (errno != EINTR)
            return errno;
    return receive_ack(netdev, netdev->sequence, words, size);
}

/* "br0: add as port of br9: No such device (the kernel: "…"); CURE" */
static void tell(struct netdev_request *request, const struct netdev_message *message, int code, const char *words,
                 const char *missing)
{
    const char *cure = netdev_cure(request->step, code);

    if (missing && code == ENODEV) {
        error_errno(&request->error, code, "%s: %s", request->step->interface, message->what);
        if (!text_equal(missing, request->step->interface))
            error_set(&request->error, code, "%s: there is no interface %s", request->error.text, missing);
        return;
    }
    error_errno(&request->error, code, "%s: %s", request->step->interface, message->what);
    if (*words)
        error_set(&request->error, code, "%s (the kernel: \"%s\")", request->error.text, words);
    if (cure)
        error_set(&request->error, code, "%s; %s", request->error.text, cure);
}

/* What is to be added is there; what is to be deleted has gone, or its link has; what is to be taken back went with its link. */
static bool is_fine(const struct netdev_request *request, const struct netdev_message *message, int code, const char *missing)
{
    if (code == message->fine)
        return true;
    if (message->gone_is_fine && (code == ENODEV || code == ENOENT || code == ESRCH || code == EADDRNOTAVAIL))
        return true;
    if (!request->step->inverse)
        return false;
    return (code == ENODEV && text_equal(missing, request->step->interface))
           || (code == EEXIST && request->step->op == STEP_LINK_CREATE);
}

/* What netlink can't say; gives the errno. */
static int act_on_tap(struct netdev_request *request, const struct netdev_message *message, struct error *err)
{
    const struct netdev_tap *tap = mnl_nlmsg_get_payload(message->header);
    const struct netdev_taps *taps = &request->netdev->taps;
    struct interface to = {.set = FIELD_TAP_ALL};
    int code = taps->open ? 0 : error_set(err, ENOTSUP, "%s: trestle cannot make TAPs here", request->step->interface);

    if (mnl_nlmsg_get_payload_len(message->header) < sizeof(*tap))
        return EINVAL;
    to.kind = (enum interface_kind)tap->kind;
    to.tap = (struct tap_options){tap->owner, tap->group};
    text_copy(to.name, sizeof(to.name), tap->name);
    if (code == 0 && message->header->nlmsg_type == NETDEV_TAP_OPEN) {
        code = taps->open(&to, err);
        request->tap_fd = code > 0 ? code : 0;
    } else if (code == 0 && request->tap_fd) {
        code = taps->keep(request->tap_fd, to.name, err);
        request->tap_fd = 0;
    }
    if (code < 0 && -code == message->fine)
        *err = (struct error){0};
    return code < 0 && -code != message->fine ? -code : 0;
}

int netdev_write_send(struct netdev_request *request, struct netdev_message *message, struct error *err)
{
    char words[256];
    const char *missing;
    int code;

    do {
        words[0] = '\0';
        missing = NULL;
        code = -look_up(request->netdev, message, &missing);
        if (code)
            continue;
        crash_point("netlink %s: %s", request->step->interface, message->what);
        if (message->header->nlmsg_type >= NETDEV_TAP_OPEN)
            return act_on_tap(request, message, &request->error);
        code = exchange(request->netdev, message, words, sizeof(words));
    } while (code && was_outdated(request->netdev, message));
    if (is_fine(request, message, code, missing))
        code = 0;
    if (code && err)
        tell(request, message, code, words, missing);
    return code;
}

static bool has_stand_in(const struct netdev_request *request, size_t at)
{
    return at + 1 < request->count && request->messages[at].when == NETDEV_ALWAYS
           && request->messages[at + 1].when == NETDEV_WHEN_BUSY;
}

/* After message `at` failed: what was made goes again, and a link that was set down for its MAC comes up again. */
static void clean_up(struct netdev_request *request, size_t at)
{
    bool busy = request->messages[at].when == NETDEV_WHEN_BUSY;

    for (size_t i = at + 1; i < request->count; i++) {
        enum netdev_when when = request->messages[i].when;

        if ((when == NETDEV_WHEN_BUSY && busy) || (when == NETDEV_TO_UNDO && at > 0))
            netdev_write_send(request, &request->messages[i], NULL);
    }
}

static void send_all(struct netdev_request *request)
{
    bool busy = false;

    for (size_t i = 0; i < request->count; i++) {
        struct netdev_message *message = &request->messages[i];
        int code;

        if (message->when == NETDEV_TO_UNDO || (message->when == NETDEV_WHEN_BUSY && !busy))
            continue;
        code = netdev_write_send(request, message, &request->error);
        if (code == EBUSY && has_stand_in(request, i)) {
            request->error = (struct error){0};
            busy = true;
        } else if (code) {
            clean_up(request, i);
            return;
        }
    }
}

static void send_diverted(struct netdev_request *request)
{
    const struct step *step = request->step;
    struct netdev_diversion diversion;
    int code;

    if (!*step->meanwhile) {
        send_all(request);
        return;
    }
    code = netdev_divert(request, NETDEV_BY_TCX, &diversion);
    if (code < 0)
        code = netdev_divert(request, NETDEV_BY_FILTER, &diversion);
    if (code < 0)
        log_debug("%s: what comes in can't be handed to %s meanwhile: a packet or two may be lost (%s)", step->interface, step->meanwhile,
                  strerror(-code));
    send_all(request);
    netdev_divert_end(request, &diversion);
}

static void take(struct netdev_request *request)
{
    if (request->step->op == STEP_SYSCTL_SET)
        netdev_sysctl_set(request->step, &request->error);
    else if (request->step->op == STEP_LINK_WAIT)
        netdev_wait(request->netdev, request->step);
    else
        send_diverted(request);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* The chain belongs to the worker alone while its steps are on the way: they are taken one after the other. */
bool netdev_write_may_take(struct netdev_request *request)
{
    const int *chain = request->step->chain;

    if (chain && *chain && !request->error.code)
        error_set(&request->error, ECANCELED, "%s: a step before it failed", request->step->interface);
    return !request->error.code;
}

void netdev_write_taken(struct netdev_request *request)
{
    if (request->step->taken)
        *request->step->taken = now();
    if (request->step->chain && request->error.code)
        *request->step->chain = 1;
}

void netdev_write_run(struct job *job)
{
    struct netdev_request *request = (struct netdev_request *)job;

    if (netdev_write_may_take(request))
        take(request);
    if (request->tap_fd)
        close(request->tap_fd); /* not kept: the TAP goes again */
    netdev_write_taken(request);
}

/* -- back on the loop -------------------------------------------------------------------------------------------------------- */

/* For attributes of a link that is down there is no event (netdev_state_change() tells only of links that are up): such links are
 * asked for, once no request is on its way that may bring them up, or change more of them. */
static void doubt_link(struct netdev *netdev, const char *name)
{
    const struct interface *link = network_find(&netdev->cache.network, name);

    if (link && !link->up)
        *APPEND(netdev->doubted, netdev->doubted_count) = link->index;
}

static void ask_for_doubted(struct netdev *netdev)
{
    for (size_t i = 0; i < netdev->doubted_count; i++) {
        const struct interface *link = netdev_cache_find(&netdev->cache, netdev->doubted[i]);

        if (link && !link->up)
            netdev_dump_link(netdev->dump, &netdev->cache, link->index);
    }
    free(netdev->doubted);
    netdev->doubted = NULL;
    netdev->doubted_count = 0;
}

/* No event tells of them. */
static void ask_for_sysctls(struct netdev *netdev, const char *name)
{
    const struct interface *link = network_find(&netdev->cache.network, name);

    if (link)
        netdev_dump_link(netdev->dump, &netdev->cache, link->index);
}

/* The kernel queues the event of a write before its ack, so all is there to be read. */
static void observe(struct netdev_request *request)
{
    struct netdev *netdev = request->netdev;
    const struct step *step = request->step;

    netdev_events_drain(netdev);
    if (step->op == STEP_SYSCTL_SET)
        ask_for_sysctls(netdev, step->interface);
    if (step->op == STEP_LINK_CREATE || step->op == STEP_LINK_SET)
        doubt_link(netdev, step->interface);
    if (step->op == STEP_LINK_CREATE && step->to->kind == INTERFACE_VETH)
        doubt_link(netdev, step->to->peer);
    if (netdev->pending == 0)
        ask_for_doubted(netdev);
}

static bool is_wait(const struct netdev_request *request)
{
    return request->step->op == STEP_LINK_WAIT;
}

/* While requests are on their way, each drains the events at its end; but a wait takes its time. */
static void watch_events(struct netdev *netdev)
{
    netdev_events_watch(netdev, netdev->pending == 0 || netdev->waits);
}

void netdev_write_finish(struct job *job)
{
    struct netdev_request *request = (struct netdev_request *)job;
    struct netdev *netdev = request->netdev;

    netdev->pending--;
    netdev->waits -= is_wait(request);
    watch_events(netdev);
    observe(request);
    if (request->error.code == EEXIST && request->step->op == STEP_ROUTE_ADD
        && netdev_route_is_there(&netdev->cache.network, request->step, &request->error))
        request->error = (struct error){0};
    request->done(request->context, -request->error.code, request->error.code ? &request->error : NULL);
    for (size_t i = 0; i < request->count; i++)
        free(request->messages[i].header);
    free(request->messages);
    free(request);
}

void netdev_write_expect(struct netdev_request *request)
{
    request->netdev->pending++;
    request->netdev->waits += is_wait(request);
    watch_events(request->netdev);
}

/* Of links that a message changes; what belongs to a link, or deletes it, goes by the name that it has at that moment. */
static void note_known(const struct netdev *netdev, struct netdev_message *message)
{
    for (size_t i = 0; message->header->nlmsg_type == RTM_NEWLINK && i < message->index_count; i++) {
        const struct interface *link = network_find(&netdev->cache.network, message->indices[i].name);

        message->indices[i].known = link ? (uint32_t)link->index : 0;
    }
}

void netdev_write_submit(struct netdev_request *request)
{
    for (size_t i = 0; i < request->count; i++)
        note_known(request->netdev, &request->messages[i]);
    request->job.run = netdev_write_run;
    request->job.done = netdev_write_finish;
    request->job.quick = !is_wait(request);
    netdev_delete_close(request->netdev); /* deletions that are asked for from now on come behind this */
    netdev_write_expect(request);
    worker_submit(request->netdev->worker, &request->job);
}

int netdev_write_open(struct netdev *netdev, struct error *err)
{
    int on = 1;

    netdev->writer = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!netdev->writer || mnl_socket_bind(netdev->writer, 0, MNL_SOCKET_AUTOPID) < 0)
        return error_errno(err, errno, "cannot open a netlink socket for writing");
    /* Missing before Linux 4.12: then errors are plain errno values, and acks carry the request. */
    mnl_socket_setsockopt(netdev->writer, NETLINK_EXT_ACK, &on, sizeof(on));
    mnl_socket_setsockopt(netdev->writer, NETLINK_CAP_ACK, &on, sizeof(on));
    return 0;
}

void netdev_write_close(struct netdev *netdev)
{
    if (netdev->writer)
        mnl_socket_close(netdev->writer);
}
