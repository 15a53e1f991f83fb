#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "probe/probe_internal.h"

struct probe_kind {
    double interval, limit; /* seconds, when none are stated */
    bool needs_carrier;
    int (*send)(struct probe_request *request);
    void (*hear)(struct probe_request *request, const struct probe_packet *packet);
};

/* -- the life of a request --------------------------------------------------------------------------------------------------- */

static void unlink_request(struct probe_request *request)
{
    *request->link = request->next;
    if (request->next)
        request->next->link = request->link;
    else
        request->list->tail = request->link;
}

static void append_request(struct probe_list *list, struct probe_request *request)
{
    request->list = list;
    request->link = list->tail;
    request->next = NULL;
    *list->tail = request;
    list->tail = &request->next;
}

static void free_request(struct probe_request *request)
{
    ev_timer_stop(request->probe->loop, &request->timer);
    probe_channel_put(request->channel);
    free(request);
}

static void finish(struct probe_request *request)
{
    struct probe *probe = request->probe;

    unlink_request(request);
    ev_timer_stop(probe->loop, &request->timer);
    request->ended = true;
    append_request(&probe->finished, request);
}

static void finish_answered(struct probe_request *request, const uint8_t mac[6], double round_trip)
{
    request->result.answered = true;
    memcpy(request->result.mac, mac, 6);
    request->result.round_trip = round_trip > 0 ? round_trip : 0; /* somebody has set the clock */
    finish(request);
}

static const char *address_of(const struct probe_request *request, char text[INET6_ADDRSTRLEN])
{
    const char *words = inet_ntop(request->result.address.family, request->result.address.bytes, text, INET6_ADDRSTRLEN);

    return words ? words : "?";
}

/* Says what the interface has come to, since "Network is down" is said of one that is gone, too. */
static int explain(const struct probe_request *request, int code, struct error *err)
{
    char text[INET6_ADDRSTRLEN];
    int result = request->index ? probe_link_ready(request->probe->sender, request->index, request->name, err) : 0;

    if (result == 0 && request->index)
        result = error_errno(err, code, "%s", request->name);
    else if (result == 0)
        return error_errno(err, code, "cannot ask for %s", address_of(request, text));
    return error_prefix(err, "cannot ask for %s", address_of(request, text));
}

/* request->error says why. */
static void finish_failed(struct probe_request *request)
{
    request->result = (struct probe_result){.address = request->result.address};
    finish(request);
}

void probe_finish_all(struct probe *probe)
{
    struct probe_request *request;

    while ((request = probe->finished.first)) {
        unlink_request(request);
        request->done(request->context, &request->result, request->error.code ? &request->error : NULL);
        free_request(request);
    }
}

void probe_heard(struct probe_channel *channel, const struct probe_packet *packet)
{
    struct probe_request *next;

    for (struct probe_request *request = channel->probe->running.first; request; request = next) {
        next = request->next;
        if (request->channel == channel)
            request->kind->hear(request, packet);
    }
}

void probe_channel_failed(struct probe_channel *channel, int code)
{
    struct probe_request *next;

    for (struct probe_request *request = channel->probe->running.first; request; request = next) {
        next = request->next;
        if (request->channel != channel)
            continue;
        explain(request, code, &request->error);
        finish_failed(request);
    }
}

static int check_carrier(const struct probe_request *request, struct error *err)
{
    char text[INET6_ADDRSTRLEN];

    if (!request->kind->needs_carrier || probe_link_carrier(request->probe->sender, request->index, request->name, err) == 0)
        return 0;
    return error_prefix(err, "cannot ask for %s", address_of(request, text));
}

/* 0, or -errno when there is no point in asking again. */
static int ask(struct probe_request *request, struct error *err)
{
    int result = check_carrier(request, err);

    if (result < 0)
        return result;
    request->sent = probe_channel_now();
    result = request->kind->send(request);
    return result < 0 ? explain(request, result, err) : 0;
}

static double monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void wait_for_answer(struct probe_request *request)
{
    double left = request->end - monotonic();

    left = left < request->interval ? left : request->interval;
    ev_now_update(request->probe->loop);
    ev_timer_set(&request->timer, left > 0 ? left : 0, 0);
    ev_timer_start(request->probe->loop, &request->timer);
}

static void tick(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct probe_request *request = watcher->data;
    struct probe *probe = request->probe;

    (void)loop;
    (void)revents;
    probe_channel_read(request->channel); /* the loop may have been busy elsewhere for long */
    if (!request->ended) {
        bool over = monotonic() >= request->end;

        if ((over ? check_carrier(request, &request->error) : ask(request, &request->error)) < 0)
            finish_failed(request);
        else if (over)
            finish(request);
        else
            wait_for_answer(request);
    }
    probe_finish_all(probe);
}

static int begin(struct probe *probe, const struct probe_kind *kind, enum probe_channel_kind channel,
                 const struct probe_question *question, struct error *err)
{
    double interval = question->interval > 0 ? question->interval : kind->interval;
    double limit = question->limit > 0 ? question->limit : kind->limit;
    struct probe_request *request = NEW(struct probe_request);
    int result;

    *request = (struct probe_request){.probe = probe, .kind = kind, .source = question->source, .interval = interval,
                                      .owner = question->owner, .done = question->done, .context = question->context,
                                      .result.address = question->address};
    if (question->interface) {
        text_copy(request->name, sizeof(request->name), question->interface->name);
        request->index = question->interface->index;
        memcpy(request->mac, question->interface->mac, 6);
    }
    request->echo.id = probe->next_id++;
    if (getrandom(&request->echo.nonce, sizeof(request->echo.nonce), GRND_NONBLOCK) < 0)
        request->echo.nonce = (uintptr_t)request;
    ev_init(&request->timer, tick);
    request->timer.data = request;
    result = probe_channel_get(probe, channel, request->index, &request->channel, err);
    if (result == 0)
        result = ask(request, err);
    if (result < 0) {
        free_request(request);
        return result;
    }
    request->end = monotonic() + limit;
    append_request(&probe->running, request);
    wait_for_answer(request);
    return 0;
}

/* -- ARP --------------------------------------------------------------------------------------------------------------------- */

static int send_arp(struct probe_request *request, const struct address *source)
{
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t packet[PROBE_PACKET_ARP];
    struct probe_arp arp = {0};

    memcpy(arp.sender_mac, request->mac, 6);
    memcpy(arp.target, request->result.address.bytes, 4);
    if (source && source->family)
        memcpy(arp.sender, source->bytes, 4);
    probe_packet_put_arp(packet, &arp);
    request->result.requests++;
    return probe_channel_send_link(request->probe->sender, request->index, ETHERTYPE_ARP, everybody, packet, sizeof(packet));
}

static int send_duplicate(struct probe_request *request)
{
    return send_arp(request, NULL);
}

static int send_arp_question(struct probe_request *request)
{
    return send_arp(request, &request->source);
}

static void hear_duplicate(struct probe_request *request, const struct probe_packet *packet)
{
    static const uint8_t nobody[4];
    const uint8_t *address = request->result.address.bytes;
    struct probe_arp arp;

    if (!probe_packet_get_arp(packet->data, packet->size, &arp) || memcmp(arp.sender_mac, request->mac, 6) == 0)
        return;
    request->result.wanted = !arp.reply && memcmp(arp.sender, nobody, 4) == 0 && memcmp(arp.target, address, 4) == 0;
    if (request->result.wanted || memcmp(arp.sender, address, 4) == 0)
        finish_answered(request, arp.sender_mac, packet->when - request->sent);
}

/* Not one to all: that is an announcement, which nobody had to ask for. */
static void hear_arp_answer(struct probe_request *request, const struct probe_packet *packet)
{
    struct probe_arp arp;

    if (packet->to_us && probe_packet_get_arp(packet->data, packet->size, &arp) && arp.reply &&
        memcmp(arp.sender, request->result.address.bytes, 4) == 0 && memcmp(arp.sender_mac, request->mac, 6) != 0)
        finish_answered(request, arp.sender_mac, packet->when - request->sent);
}

static const struct probe_kind duplicate = {1, 3, true, send_duplicate, hear_duplicate};
static const struct probe_kind arp_question = {0.1, 1, false, send_arp_question, hear_arp_answer};

/* -- neighbour discovery ----------------------------------------------------------------------------------------------------- */

static int send_solicitation(struct probe_request *request)
{
    uint8_t packet[PROBE_PACKET_IPV6], group[6];
    size_t size = probe_packet_put_solicitation(packet, request->mac, request->source.bytes, request->result.address.bytes);

    probe_packet_group_mac(packet, group);
    request->result.requests++;
    return probe_channel_send_link(request->probe->sender, request->index, ETHERTYPE_IPV6, group, packet, size);
}

/* To a solicitation without a source the answer goes to all, and can't be told from an announcement. */
static void hear_advertisement(struct probe_request *request, const struct probe_packet *packet)
{
    struct probe_advertisement advertisement;

    if (!probe_packet_get_advertisement(packet->data, packet->size, &advertisement) ||
        memcmp(advertisement.target, request->result.address.bytes, 16) != 0 ||
        memcmp(packet->mac, request->mac, 6) == 0 || (request->source.family && !advertisement.solicited))
        return;
    finish_answered(request, advertisement.has_mac ? advertisement.mac : packet->mac, packet->when - request->sent);
}

static const struct probe_kind solicitation = {0.1, 1, false, send_solicitation, hear_advertisement};

/* -- echo -------------------------------------------------------------------------------------------------------------------- */

static int send_echo(struct probe_request *request)
{
    const struct address *address = &request->result.address;
    uint8_t packet[PROBE_PACKET_ECHO];
    int result;

    request->echo.sequence++;
    request->echo.sent = (uint64_t)(request->sent * 1e9);
    probe_packet_put_echo(packet, address->family, &request->echo);
    result = probe_channel_send_routed(request->channel, request->index, &request->source, address, packet, sizeof(packet));
    if (result < 0)
        request->result.send_error = -result;
    else
        request->result.requests++;
    return result == -ENODEV || (result == -ENXIO && request->index) ? -ENODEV : 0; /* the rest may mend */
}

static void hear_echo(struct probe_request *request, const struct probe_packet *packet)
{
    static const uint8_t no_mac[6];
    const struct address *address = &request->result.address;
    size_t length = address->family == AF_INET ? 4 : 16;
    struct probe_echo echo;

    if (memcmp(packet->source, address->bytes, length) == 0 &&
        probe_packet_get_echo(packet->data, packet->size, address->family, &echo) && echo.id == request->echo.id &&
        echo.nonce == request->echo.nonce)
        finish_answered(request, no_mac, packet->when - (double)echo.sent / 1e9);
}

static const struct probe_kind echo_question = {0.1, 1, false, send_echo, hear_echo};

/* -- what others call -------------------------------------------------------------------------------------------------------- */

int probe_new(struct ev_loop *loop, struct probe **ret_probe, struct error *err)
{
    int sender = probe_channel_open_sender(err);
    struct probe *probe;

    if (sender < 0)
        return sender;
    probe = NEW(struct probe);
    *probe = (struct probe){.loop = loop, .sender = sender, .next_id = (uint16_t)getpid()};
    probe->running.tail = &probe->running.first;
    probe->finished.tail = &probe->finished.first;
    *ret_probe = probe;
    return 0;
}

static void cancel_list(struct probe_list *list, const void *owner, bool all)
{
    struct probe_request *next;

    for (struct probe_request *request = list->first; request; request = next) {
        next = request->next;
        if (all || request->owner == owner) {
            unlink_request(request);
            free_request(request);
        }
    }
}

static void cancel(struct probe *probe, const void *owner, bool all)
{
    cancel_list(&probe->running, owner, all);
    cancel_list(&probe->finished, owner, all);
    probe_announce_cancel(probe, owner, all);
}

void probe_cancel(struct probe *probe, const void *owner)
{
    cancel(probe, owner, false);
}

void probe_free(struct probe *probe)
{
    if (!probe)
        return;
    cancel(probe, NULL, true);
    close(probe->sender);
    free(probe);
}

/* Both the address and the source, if there is one, of a family that can be asked for on this interface. */
static int check(const struct probe *probe, const struct probe_question *question, bool ipv6_too, struct error *err)
{
    int family = question->address.family;
    const char *name = question->interface ? question->interface->name : "echo";

    if (family != AF_INET && !(family == AF_INET6 && ipv6_too))
        return error_errno(err, EAFNOSUPPORT, "%s: cannot ask for such an address", name);
    if (question->source.family && question->source.family != family)
        return error_errno(err, EAFNOSUPPORT, "%s: the source is of another family than the address", name);
    return question->interface ? probe_link_ready(probe->sender, question->interface->index, name, err) : 0;
}

int probe_duplicate(struct probe *probe, const struct probe_question *question, struct error *err)
{
    int result = check(probe, question, false, err);

    return result < 0 ? result : begin(probe, &duplicate, PROBE_CHANNEL_ARP, question, err);
}

int probe_neighbour(struct probe *probe, const struct probe_question *question, struct error *err)
{
    bool ipv6 = question->address.family == AF_INET6;
    int result = check(probe, question, true, err);

    if (result < 0)
        return result;
    return begin(probe, ipv6 ? &solicitation : &arp_question, ipv6 ? PROBE_CHANNEL_ND : PROBE_CHANNEL_ARP, question, err);
}

int probe_echo(struct probe *probe, const struct probe_question *question, struct error *err)
{
    struct probe_question routed = *question;
    int result;

    routed.interface = NULL; /* nothing of the link layer is asked: lo will do */
    result = check(probe, &routed, true, err);
    if (result < 0)
        return result;
    return begin(probe, &echo_question, question->address.family == AF_INET ? PROBE_CHANNEL_ICMP : PROBE_CHANNEL_ICMPV6, question,
                 err);
}
