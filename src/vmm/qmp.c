#include "vmm/qmp.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/crash.h"
#include "base/error.h"
#include "base/frame.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    LINE_LIMIT = 4 << 20, /* the longest answers (query-qmp-schema) are about 200 KB */
    READ_SIZE = 64 << 10, /* at a time, so that a babbling QEMU does not keep the loop */
    DRAIN_MAX = 64,       /* more than a socket's buffer holds */
};

enum state { STATE_GREETING, STATE_NEGOTIATING, STATE_READY, STATE_CLOSED };

struct command {
    struct command *next;
    struct qmp *qmp;
    uint64_t id;
    char *name;
    char *text;
    size_t length, sent;
    int fd;           /* ours; -1 when there is none or it is sent */
    int fault;        /* why it can't be sent at all */
    ev_timer limit;
    qmp_answer answer; /* NULL: timed out, the answer is dropped when it comes */
    void *context;
};

struct queue {
    struct command *first, **end;
};

struct qmp {
    struct ev_loop *loop;
    int fd;
    ev_io io;
    ev_timer greeting;
    ev_timer refuse; /* tells those that came too late */
    struct qmp_limits limits;
    struct qmp_handlers handlers;
    void *context;
    enum state state;
    struct frame frame;
    uint64_t last_id;
    struct command *flying; /* sent or being sent; its answer is the next one */
    bool silent;            /* its time is over */
    struct queue waiting;
    struct error error; /* why it is closed */
};

static void queue_put(struct queue *queue, struct command *command)
{
    *queue->end = command;
    queue->end = &command->next;
}

static struct command *queue_take(struct queue *queue)
{
    struct command *command = queue->first;
    if (!command)
        return NULL;
    queue->first = command->next;
    if (!queue->first)
        queue->end = &queue->first;
    command->next = NULL;
    return command;
}

static void queue_remove(struct queue *queue, struct command *command)
{
    struct command **place = &queue->first;
    while (*place != command)
        place = &(*place)->next;
    *place = command->next;
    if (!command->next)
        queue->end = place;
}

static void command_free(struct command *command)
{
    ev_timer_stop(command->qmp->loop, &command->limit);
    if (command->fd >= 0)
        close(command->fd);
    free(command->name);
    free(command->text);
    free(command);
}

/* The command is in no queue any more; the callback may send others. */
static void command_finish(struct command *command, const json_t *value, const struct error *err)
{
    qmp_answer answer = command->answer;
    void *context = command->context;
    command_free(command);
    if (answer)
        answer(context, value, err);
}

/* Only those that wait now: what their callbacks send is told later, by the timer. */
static void fail_all(struct qmp *qmp, const struct error *err)
{
    struct command *command = qmp->flying;
    struct queue now = {.first = qmp->waiting.first, .end = &now.first};
    qmp->flying = NULL;
    qmp->waiting = (struct queue){.end = &qmp->waiting.first};
    if (!command)
        command = queue_take(&now);
    for (; command; command = queue_take(&now))
        command_finish(command, NULL, err);
}

static void shut(struct qmp *qmp)
{
    qmp->state = STATE_CLOSED;
    qmp->silent = false;
    ev_io_stop(qmp->loop, &qmp->io);
    ev_timer_stop(qmp->loop, &qmp->greeting);
    if (qmp->fd >= 0)
        close(TAKE_FD(qmp->fd));
}

static void break_off(struct qmp *qmp, const struct error *err)
{
    shut(qmp);
    qmp->error = *err;
    fail_all(qmp, &qmp->error);
    qmp->handlers.closed(qmp->context, &qmp->error);
}

static void on_refuse(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct qmp *qmp = timer->data;
    fail_all(qmp, &qmp->error);
}

static void watch(struct qmp *qmp, int events)
{
    if ((qmp->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(qmp->loop, &qmp->io);
    ev_io_set(&qmp->io, qmp->fd, events);
    ev_io_start(qmp->loop, &qmp->io);
}

/* ---- Sending ---- */

static ssize_t send_part(struct qmp *qmp, struct command *command)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {command->text + command->sent, command->length - command->sent};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (command->fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &command->fd, sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(qmp->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent;
}

/* Sends what can be sent now; -errno when the connection is broken. */
static int flush(struct qmp *qmp)
{
    if (!qmp->flying && qmp->state == STATE_READY) {
        if (qmp->waiting.first && qmp->waiting.first->fault)
            return 0; /* its timer takes it away, and then sends what is behind it */
        qmp->flying = queue_take(&qmp->waiting);
        if (qmp->flying)
            crash_point("qmp %s", qmp->flying->name);
    }
    struct command *command = qmp->flying;
    while (command && command->sent < command->length) {
        ssize_t sent = send_part(qmp, command);
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            watch(qmp, EV_READ | EV_WRITE);
            return 0;
        }
        if (sent < 0)
            return -errno;
        command->sent += (size_t)sent;
        if (command->fd >= 0)
            close(TAKE_FD(command->fd));
    }
    watch(qmp, EV_READ);
    return 0;
}

/* From within qmp_send nothing may be called back: there a broken connection is left to the watcher, which meets it again. */
static void flush_later_on_error(struct qmp *qmp)
{
    if (flush(qmp) < 0)
        watch(qmp, EV_READ | EV_WRITE);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct command *command = timer->data;
    struct qmp *qmp = command->qmp;
    struct error err;
    if (command->fault)
        error_errno(&err, command->fault, "cannot pass a descriptor to QEMU");
    else
        error_set(&err, ETIMEDOUT, "QEMU did not answer %s within %g s", command->name, qmp->limits.command);
    if (command != qmp->flying) {
        queue_remove(&qmp->waiting, command);
        command_finish(command, NULL, &err);
        if (!qmp->flying && qmp->state == STATE_READY)
            flush_later_on_error(qmp);
        return;
    }
    /* Its answer must still be waited for: those of later commands come behind it. */
    qmp_answer answer = command->answer;
    command->answer = NULL;
    qmp->silent = true;
    if (qmp->handlers.silent)
        qmp->handlers.silent(qmp->context);
    if (answer)
        answer(command->context, NULL, &err);
}

static struct command *command_new(struct qmp *qmp, const char *name, json_t *arguments, qmp_answer answer, void *context)
{
    struct command *command = NEW(struct command);
    command->qmp = qmp;
    command->id = ++qmp->last_id;
    command->name = memory_string(name);
    command->fd = -1;
    command->answer = answer;
    command->context = context;
    json_t *document = json_pack("{s:s, s:o*, s:I}", "execute", name, "arguments", arguments, "id", (json_int_t)command->id);
    CLEANUP(freep) char *text = document_text(document);
    document_free(document);
    command->text = memory_format("%s\n", text);
    command->length = strlen(command->text);
    ev_timer_init(&command->limit, on_limit, qmp->limits.command, 0.);
    command->limit.data = command;
    return command;
}

/* Told by its own timer, at once; it waits until then like others, but is never sent. */
static void refuse_to_send(struct command *command)
{
    command->fault = errno;
    ev_timer_set(&command->limit, 0., 0.);
}

void qmp_send(struct qmp *qmp, const char *command_name, json_t *arguments, int fd, qmp_answer answer, void *context)
{
    struct command *command = command_new(qmp, command_name, arguments, answer, context);
    if (fd >= 0)
        command->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0 && command->fd < 0)
        refuse_to_send(command);
    queue_put(&qmp->waiting, command);
    if (qmp->state == STATE_CLOSED) {
        ev_timer_start(qmp->loop, &qmp->refuse);
        return;
    }
    ev_now_update(qmp->loop);
    ev_timer_start(qmp->loop, &command->limit);
    if (!qmp->flying && qmp->state == STATE_READY && !command->fault)
        flush_later_on_error(qmp);
}

/* ---- Receiving ---- */

/* One line of QEMU's text as a message of ours: its own words, but never a second line. */
static void copy_plain(char *target, size_t size, const char *text)
{
    text_copy(target, size, text);
    for (char *c = target; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

static void read_error(const json_t *document, struct error *err)
{
    const json_t *error = json_object_get(document, "error");
    const char *kind = document_string(error, "class", "");
    int code = strcmp(kind, "DeviceNotFound") == 0    ? ENODEV
               : strcmp(kind, "CommandNotFound") == 0 ? EOPNOTSUPP
                                                      : EREMOTEIO;
    err->code = code;
    copy_plain(err->text, sizeof(err->text), document_string(error, "desc", "QEMU refused without saying why"));
}

bool qmp_refused(const struct error *err)
{
    return err && (err->code == EREMOTEIO || err->code == ENODEV || err->code == EOPNOTSUPP);
}

static int take_answer(struct qmp *qmp, const json_t *document, struct error *err)
{
    struct command *command = qmp->flying;
    const json_t *id = json_object_get(document, "id");
    if (!command || command->sent < command->length)
        return error_set(err, EPROTO, "QEMU answered what was not asked");
    if (id && (!json_is_integer(id) || (uint64_t)json_integer_value(id) != command->id))
        return error_set(err, EPROTO, "QEMU answered another command than %s", command->name);
    qmp->flying = NULL;
    struct error refusal = {0};
    const json_t *value = json_object_get(document, "return");
    if (!value)
        read_error(document, &refusal);
    command_finish(command, value, value ? NULL : &refusal);
    bool was_silent = qmp->silent;
    qmp->silent = false;
    if (was_silent && qmp->handlers.awake)
        qmp->handlers.awake(qmp->context);
    return 0;
}

static void on_negotiated(void *context, const json_t *value, const struct error *err)
{
    (void)value;
    struct qmp *qmp = context;
    if (err || qmp->state == STATE_CLOSED)
        return; /* QEMU is not ready; the greeting's limit ends it */
    ev_timer_stop(qmp->loop, &qmp->greeting);
    qmp->state = STATE_READY;
    qmp->handlers.ready(qmp->context);
}

static int take_greeting(struct qmp *qmp, const json_t *document, struct error *err)
{
    if (!json_is_object(json_object_get(document, "QMP")))
        return error_set(err, EPROTO, "what answers is no QEMU monitor");
    qmp->state = STATE_NEGOTIATING;
    qmp->flying = command_new(qmp, "qmp_capabilities", NULL, on_negotiated, qmp);
    crash_point("qmp %s", qmp->flying->name);
    return 0;
}

static int take_document(struct qmp *qmp, const json_t *document, struct error *err)
{
    if (!json_is_object(document))
        return error_set(err, EPROTO, "QEMU sent something else than an object");
    if (qmp->state == STATE_GREETING)
        return take_greeting(qmp, document, err);
    const char *event = document_string(document, "event", NULL);
    if (event) {
        qmp->handlers.event(qmp->context, event, json_object_get(document, "data"));
        return 0;
    }
    if (json_object_get(document, "return") || json_object_get(document, "error"))
        return take_answer(qmp, document, err);
    return error_set(err, EPROTO, "QEMU sent neither an answer nor an event");
}

static int take_lines(struct qmp *qmp, struct error *err)
{
    char *line;
    size_t length;
    int result;
    while ((result = frame_line(&qmp->frame, &line, &length)) > 0) {
        CLEANUP(document_freep) json_t *document = NULL;
        result = document_parse(line, length, &document, err);
        if (result < 0)
            return error_prefix(err, "what QEMU sent can't be read");
        result = take_document(qmp, document, err);
        if (result < 0)
            return result;
    }
    if (result < 0)
        return error_set(err, -result, "QEMU sent a line of more than %d bytes", (int)LINE_LIMIT);
    return 0;
}

/* A QEMU that ends with something of ours unread resets the connection; others just close it. */
static int connection_error(struct error *err, int code)
{
    if (code == ECONNRESET || code == EPIPE)
        return error_set(err, ECONNRESET, "QEMU closed its monitor connection");
    return error_errno(err, code, "the connection to QEMU broke");
}

/* 1 when there may be more. */
static int receive(struct qmp *qmp, struct error *err)
{
    char *room = frame_room(&qmp->frame, READ_SIZE);
    ssize_t got = recv(qmp->fd, room, READ_SIZE, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    if (got <= 0)
        return connection_error(err, got < 0 ? errno : ECONNRESET);
    frame_added(&qmp->frame, (size_t)got);
    int result = take_lines(qmp, err);
    return result < 0 ? result : 1;
}

void qmp_drain(struct qmp *qmp)
{
    if (qmp->state == STATE_CLOSED)
        return;
    struct error err = {0};
    int result = 1;
    for (int i = 0; i < DRAIN_MAX && result > 0; i++)
        result = receive(qmp, &err);
    if (result >= 0)
        error_set(&err, ECONNRESET, "QEMU has ended");
    break_off(qmp, &err);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    struct qmp *qmp = io->data;
    struct error err = {0};
    (void)events;
    /* Reading comes first: what QEMU said before it went is still told. */
    int result = receive(qmp, &err);
    if (result >= 0) {
        result = flush(qmp);
        if (result < 0)
            connection_error(&err, -result);
    }
    if (result < 0)
        break_off(qmp, &err);
}

static void on_greeting_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct qmp *qmp = timer->data;
    struct error err;
    if (qmp->state == STATE_GREETING)
        error_set(&err, ETIMEDOUT,
                  "QEMU's monitor did not greet within %g s: either QEMU hangs or another program is connected to qmp.sock",
                  qmp->limits.greeting);
    else
        error_set(&err, ETIMEDOUT, "QEMU's monitor did not become ready within %g s", qmp->limits.greeting);
    break_off(qmp, &err);
}

static struct qmp *make(struct ev_loop *loop, int fd)
{
    struct qmp *qmp = NEW(struct qmp);
    qmp->loop = loop;
    qmp->fd = fd;
    qmp->waiting.end = &qmp->waiting.first;
    frame_init(&qmp->frame, LINE_LIMIT);
    ev_io_init(&qmp->io, on_io, fd, EV_READ);
    qmp->io.data = qmp;
    ev_timer_init(&qmp->refuse, on_refuse, 0., 0.);
    qmp->refuse.data = qmp;
    return qmp;
}

struct qmp *qmp_new(struct ev_loop *loop, int fd, const struct qmp_limits *limits, const struct qmp_handlers *handlers,
                    void *context)
{
    struct qmp *qmp = make(loop, fd);
    qmp->limits = *limits;
    qmp->handlers = *handlers;
    qmp->context = context;
    ev_io_start(loop, &qmp->io);
    ev_timer_init(&qmp->greeting, on_greeting_limit, limits->greeting, 0.);
    qmp->greeting.data = qmp;
    ev_now_update(loop);
    ev_timer_start(loop, &qmp->greeting);
    return qmp;
}

struct qmp *qmp_new_closed(struct ev_loop *loop, const struct error *err)
{
    struct qmp *qmp = make(loop, -1);
    qmp->state = STATE_CLOSED;
    qmp->error = *err;
    return qmp;
}

void qmp_free(struct qmp *qmp)
{
    if (!qmp)
        return;
    if (qmp->state != STATE_CLOSED)
        shut(qmp);
    error_set(&qmp->error, ECANCELED, "the connection to QEMU is being closed");
    while (qmp->flying || qmp->waiting.first)
        fail_all(qmp, &qmp->error);
    ev_timer_stop(qmp->loop, &qmp->refuse);
    frame_clear(&qmp->frame);
    free(qmp);
}
