/* Who answers before a NIC goes into a bridge, or out of it, and who then. By ARP and neighbour discovery, which tell whether the wire is
 * there, but pass beneath the host's packet filters; and by ping, which goes the way that all else goes. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

enum way { PING, NEIGHBOUR, WAYS };

struct answer {
    struct iface_ask *ask;
    bool before, now;
    double round_trip;
};

struct question {
    struct address address;
    bool gateway;
    struct answer answers[WAYS];
};

struct iface_ask {
    struct reconciler *reconciler;
    struct question *questions;
    size_t count, waiting;
    iface_ask_done done;
};

struct iface_ask *iface_ask_new(struct reconciler *reconciler)
{
    struct iface_ask *ask = NEW(struct iface_ask);

    *ask = (struct iface_ask){.reconciler = reconciler};
    return ask;
}

void iface_ask_free(struct iface_ask *ask)
{
    if (!ask)
        return;
    free(ask->questions);
    free(ask);
}

/* -- who is asked ----------------------------------------------------------------------------------------------------------------- */

void iface_ask_add(struct iface_ask *ask, int family, const uint8_t bytes[16], bool gateway)
{
    struct question *question;
    size_t size = family == AF_INET ? 4 : 16;

    for (size_t i = 0; i < ask->count; i++)
        if (ask->questions[i].address.family == family && memcmp(ask->questions[i].address.bytes, bytes, size) == 0)
            return;
    question = APPEND(ask->questions, ask->count);
    question->address.family = family;
    memcpy(question->address.bytes, bytes, size);
    question->gateway = gateway;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++)
        if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8))
            return false;
    return true;
}

static bool is_on_link(const struct interface *link, const struct question *question)
{
    const struct address *address = &question->address;

    if (question->gateway)
        return true;
    for (size_t i = 0; i < link->address_count; i++)
        if (link->addresses[i].family == address->family
            && same_bits(link->addresses[i].bytes, address->bytes, link->addresses[i].prefix))
            return true;
    return false;
}

static bool is_link_local(const struct address *address)
{
    return address->family == AF_INET6 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

/* -- asking ----------------------------------------------------------------------------------------------------------------------- */

static void answered(struct iface_ask *ask)
{
    if (--ask->waiting == 0)
        ask->done(ask->reconciler, ask->reconciler->queue.running);
}

void reconcile_probed(void *context, bool is_there, double round_trip)
{
    struct answer *answer = context;

    answer->now = is_there;
    answer->round_trip = round_trip;
    answered(answer->ask);
}

static void ask_one(struct iface_ask *ask, struct question *question, enum way way, const struct interface *link, double limit)
{
    const struct reconcile_providers *providers = &ask->reconciler->providers;
    struct answer *answer = &question->answers[way];
    const struct interface *on = way == NEIGHBOUR || is_link_local(&question->address) ? link : NULL;

    answer->ask = ask;
    answer->now = false;
    if (providers->probe_ask
        && providers->probe_ask(providers->probe, on, &question->address, way == PING, limit, answer, NULL) == 0)
        ask->waiting++;
}

void iface_ask_begin(struct iface_ask *ask, const char *name, double limit, iface_ask_done done)
{
    const struct interface *link = network_find(host_observed(ask->reconciler), name);

    ask->done = done;
    ask->waiting = 1;
    for (size_t i = 0; link && i < ask->count; i++) {
        ask_one(ask, &ask->questions[i], PING, link, limit);
        if (is_on_link(link, &ask->questions[i]))
            ask_one(ask, &ask->questions[i], NEIGHBOUR, link, limit);
    }
    answered(ask);
}

void iface_ask_again(struct iface_ask *ask, const char *name, double limit, iface_ask_done done)
{
    const struct interface *link = network_find(host_observed(ask->reconciler), name);

    ask->done = done;
    ask->waiting = 1;
    for (size_t i = 0; i < ask->count; i++)
        for (enum way way = 0; way < WAYS; way++) {
            struct answer *answer = &ask->questions[i].answers[way];

            answer->before = answer->now;
            answer->now = false;
            if (link && answer->before)
                ask_one(ask, &ask->questions[i], way, link, limit);
        }
    answered(ask);
}

/* -- what became of it ------------------------------------------------------------------------------------------------------------ */

static const char *name_of(const struct question *question, enum way way)
{
    return way == PING ? "ping" : question->address.family == AF_INET ? "ARP" : "neighbour discovery";
}

/* Both ways count: with no answer to ARP a ping may get through as long as the neighbours' caches hold. */
static bool is_lost(const struct question *question, enum way way)
{
    return question->answers[way].before && !question->answers[way].now;
}

static int tell_lost(const struct question *question, const char *link, struct error *err)
{
    bool ping = is_lost(question, PING), neighbour = is_lost(question, NEIGHBOUR);
    const char *wire = name_of(question, NEIGHBOUR);
    char address[INET6_ADDRSTRLEN];

    inet_ntop(question->address.family, question->address.bytes, address, sizeof(address));
    error_set(err, EHOSTUNREACH, "rolled back: %s answered before, not after (%s%s%s", address, ping ? "ping" : "",
              ping && neighbour ? ", " : "", neighbour ? wire : "");
    if (question->answers[NEIGHBOUR].now)
        return error_set(err, EHOSTUNREACH, "%s; it still answers %s: does a packet filter drop what comes by %s?)", err->text, wire, link);
    return error_set(err, EHOSTUNREACH, "%s)", err->text);
}

int iface_ask_compare(const struct iface_ask *ask, const char *link, struct error *err)
{
    for (size_t i = 0; i < ask->count; i++)
        if (is_lost(&ask->questions[i], PING) || is_lost(&ask->questions[i], NEIGHBOUR))
            return tell_lost(&ask->questions[i], link, err);
    return 0;
}

void iface_ask_tell(const struct iface_ask *ask, struct text *text)
{
    for (size_t i = 0; i < ask->count; i++) {
        const struct question *question = &ask->questions[i];
        bool ping = question->answers[PING].before;
        const struct answer *answer = &question->answers[ping ? PING : NEIGHBOUR];
        char address[INET6_ADDRSTRLEN];

        inet_ntop(question->address.family, question->address.bytes, address, sizeof(address));
        text_format(text, "; %s%s ", question->gateway ? "gateway " : "", address);
        if (!answer->before)
            text_add(text, "did not answer before, and was not asked after");
        else
            text_format(text, "answers %s(%.1f ms)", ping ? "" : "no ping, but is there ", answer->round_trip * 1e3);
    }
}
