#include "vmm/agent.h"

#include <errno.h>
#include <ev.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/frame.h"
#include "base/memory.h"

enum {
    LINE_LIMIT = 4 << 20,
    READ_SIZE = 64 << 10, /* at a time, so that a babbling guest does not keep the loop */
};

/* Comes before the answer to guest-sync-delimited, and is in no UTF-8 text. Sent first, it makes the agent throw away half a
 * request of another client. */
static const char DELIMITER = '\xff';

struct request {
    struct request *next;
    struct agent *agent;
    char *text;
    char name[64];
    ev_timer limit;
    agent_answer answer;
    void *context;
    struct error error; /* why it can't be asked at all */
};

struct agent {
    struct ev_loop *loop;
    double limit;
    agent_connect connect;
    void *connect_context;
    struct request *first; /* is being asked while there is a connection */
    int fd;                /* -1 = none */
    ev_io io;
    struct frame frame;
    bool synchronized;
    json_int_t sync;
    char *output;
    size_t length, sent;
};

static void begin(struct agent *agent);

/* ---- The connection ---- */

static void disconnect(struct agent *agent)
{
    if (agent->fd < 0)
        return;
    ev_io_stop(agent->loop, &agent->io);
    close(TAKE_FD(agent->fd));
    frame_clear(&agent->frame);
    free(TAKE_POINTER(agent->output));
}

static void take_out(struct agent *agent, struct request *request)
{
    struct request **place = &agent->first;
    while (*place != request)
        place = &(*place)->next;
    *place = request->next;
}

static void request_finish(struct request *request, const json_t *value, const struct error *err)
{
    agent_answer answer = request->answer;
    void *context = request->context;
    ev_timer_stop(request->agent->loop, &request->limit);
    free(request->text);
    free(request);
    answer(context, value, err);
}

/* The end of the first request; the next one begins with a connection of its own. */
static void finish_first(struct agent *agent, const json_t *value, const struct error *err)
{
    struct request *request = agent->first;
    disconnect(agent);
    take_out(agent, request);
    begin(agent);
    request_finish(request, value, err);
}

static void watch(struct agent *agent, int events)
{
    if ((agent->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(agent->loop, &agent->io);
    ev_io_set(&agent->io, agent->fd, events);
    ev_io_start(agent->loop, &agent->io);
}

static int flush(struct agent *agent, struct error *err)
{
    while (agent->sent < agent->length) {
        ssize_t sent = send(agent->fd, agent->output + agent->sent, agent->length - agent->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (sent < 0)
            return error_errno(err, errno, "the connection to the guest agent broke");
        agent->sent += (size_t)sent;
    }
    watch(agent, EV_READ | (agent->sent < agent->length ? EV_WRITE : 0));
    return 0;
}

/* Takes the text. */
static int say(struct agent *agent, char *text, struct error *err)
{
    free(agent->output);
    agent->output = text;
    agent->length = strlen(text);
    agent->sent = 0;
    return flush(agent, err);
}

/* ---- What it says ---- */

/* What comes before the answer to our own sync was meant for somebody else. */
static int take_sync(struct agent *agent, const char *line, size_t length, struct error *err)
{
    const char *start = memrchr(line, DELIMITER, length);
    CLEANUP(document_freep) json_t *document = NULL;
    if (!start || document_parse(start + 1, length - (size_t)(start + 1 - line), &document, NULL) < 0)
        return 0;
    if (document_number(document, "return", -1) != agent->sync)
        return 0;
    agent->synchronized = true;
    return say(agent, memory_string(agent->first->text), err);
}

/* 1: the request has ended. */
static int take_answer(struct agent *agent, const char *line, size_t length, struct error *err)
{
    CLEANUP(document_freep) json_t *document = NULL;
    struct error refusal;
    int result = document_parse(line, length, &document, err);
    if (result < 0)
        return error_prefix(err, "what the guest agent said can't be read");
    const json_t *value = json_object_get(document, "return"), *error = json_object_get(document, "error");
    if (!value && !error)
        return error_set(err, EPROTO, "what the guest agent said is no answer");
    if (!value)
        error_set(&refusal, EREMOTEIO, "guest agent: %s", document_string(error, "desc", "refused without saying why"));
    finish_first(agent, value, value ? NULL : &refusal);
    return 1;
}

static int take_lines(struct agent *agent, struct error *err)
{
    char *line;
    size_t length;
    int result;
    while ((result = frame_line(&agent->frame, &line, &length)) > 0) {
        result = agent->synchronized ? take_answer(agent, line, length, err) : take_sync(agent, line, length, err);
        if (result != 0)
            return result;
    }
    return result < 0 ? error_set(err, -result, "the guest agent sent a line of more than %d bytes", (int)LINE_LIMIT) : 0;
}

static int receive(struct agent *agent, struct error *err)
{
    char *room = frame_room(&agent->frame, READ_SIZE);
    ssize_t got = recv(agent->fd, room, READ_SIZE, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    if (got < 0)
        return error_errno(err, errno, "the connection to the guest agent broke");
    if (got == 0)
        return error_set(err, ECONNRESET, "QEMU closed the guest agent's connection");
    frame_added(&agent->frame, (size_t)got);
    return take_lines(agent, err);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    struct agent *agent = io->data;
    struct error err;
    int result = events & EV_READ ? receive(agent, &err) : 0;
    if (result == 0)
        result = flush(agent, &err);
    if (result < 0)
        finish_first(agent, NULL, &err);
}

/* ---- Requests ---- */

static char *sync_text(struct agent *agent)
{
    uint32_t number;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        number = (uint32_t)(uintptr_t)agent;
    agent->sync = number;
    return memory_format("%c{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%u}}\n", DELIMITER, number);
}

/* Nothing may be called back from within: the request's own timer tells what went wrong. */
static void begin(struct agent *agent)
{
    struct request *request = agent->first;
    if (!request || request->error.code)
        return;
    if (agent->connect(agent->connect_context, &agent->fd, &request->error) == 0) {
        agent->synchronized = false;
        frame_init(&agent->frame, LINE_LIMIT);
        ev_io_init(&agent->io, on_io, agent->fd, EV_READ);
        agent->io.data = agent;
        ev_io_start(agent->loop, &agent->io);
        if (say(agent, sync_text(agent), &request->error) == 0)
            return;
        disconnect(agent);
    }
    ev_timer_stop(agent->loop, &request->limit);
    ev_timer_set(&request->limit, 0., 0.);
    ev_timer_start(agent->loop, &request->limit);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct request *request = timer->data;
    struct agent *agent = request->agent;
    struct error err = request->error;
    if (!err.code)
        error_set(&err, ETIMEDOUT, "the guest agent did not answer %s within %g s", request->name, agent->limit);
    if (request == agent->first) {
        finish_first(agent, NULL, &err);
        return;
    }
    take_out(agent, request);
    request_finish(request, NULL, &err);
}

void agent_send(struct agent *agent, const char *command, json_t *arguments, agent_answer answer, void *context)
{
    struct request *request = NEW(struct request), **end = &agent->first;
    CLEANUP(document_freep) json_t *document = json_pack("{s:s, s:o*}", "execute", command, "arguments", arguments);
    CLEANUP(freep) char *text = document_text(document);
    request->agent = agent;
    request->text = memory_format("%s\n", text);
    snprintf(request->name, sizeof(request->name), "%s", command);
    request->answer = answer;
    request->context = context;
    ev_timer_init(&request->limit, on_limit, agent->limit, 0.);
    request->limit.data = request;
    ev_now_update(agent->loop);
    ev_timer_start(agent->loop, &request->limit);
    while (*end)
        end = &(*end)->next;
    *end = request;
    if (request == agent->first)
        begin(agent);
}

struct agent *agent_new(struct ev_loop *loop, double limit, agent_connect connect, void *context)
{
    struct agent *agent = NEW(struct agent);
    agent->loop = loop;
    agent->limit = limit;
    agent->connect = connect;
    agent->connect_context = context;
    agent->fd = -1;
    return agent;
}

static void fail_all(struct agent *agent, int code, const char *text)
{
    struct error err;
    error_set(&err, code, "%s", text);
    struct request *request = agent->first;
    disconnect(agent);
    agent->first = NULL; /* what the callbacks ask for is none of these */
    while (request) {
        struct request *next = request->next;
        request_finish(request, NULL, &err);
        request = next;
    }
}

void agent_hang_up(struct agent *agent)
{
    fail_all(agent, ECONNRESET, "the VM has ended");
}

void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    while (agent->first)
        fail_all(agent, ECANCELED, "the connection to the guest agent is being closed");
    free(agent);
}
