/* A VM's serial console: after the upgrade, bytes go both ways between the client's socket and the console's, with bounded
 * buffers: who doesn't read stops the other from writing, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"

#define PROTOCOL "trestle-console"

struct direction {
    char data[16384];
    size_t start, end;
};

struct api_relay {
    struct api *api;
    struct MHD_UpgradeResponseHandle *upgrade; /* NULL until the client has been told */
    int client, console;
    ev_io client_io, console_io;
    struct direction to_client, to_console;
    bool console_ended;
    struct api_relay *before, *after;
};

static void close_relay(struct api_relay *relay)
{
    struct api *api = relay->api;

    ev_io_stop(api->loop, &relay->client_io);
    ev_io_stop(api->loop, &relay->console_io);
    if (relay->before)
        relay->before->after = relay->after;
    else
        api->relays = relay->after;
    if (relay->after)
        relay->after->before = relay->before;
    MHD_upgrade_action(relay->upgrade, MHD_UPGRADE_ACTION_CLOSE);
    api_wake(api);
    api_console_free(relay);
}

void api_console_free(struct api_relay *relay)
{
    close(relay->console);
    free(relay);
}

static void watch(struct api_relay *relay, ev_io *io, int events)
{
    if (ev_is_active(io) && (io->events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(relay->api->loop, io);
    ev_io_set(io, io->fd, events);
    if (events)
        ev_io_start(relay->api->loop, io);
}

static bool has_room(const struct direction *direction)
{
    return direction->end < sizeof(direction->data);
}

static bool is_empty(const struct direction *direction)
{
    return direction->start == direction->end;
}

static void watch_both(struct api_relay *relay)
{
    watch(relay, &relay->client_io, (has_room(&relay->to_console) ? EV_READ : 0) | (is_empty(&relay->to_client) ? 0 : EV_WRITE));
    watch(relay, &relay->console_io,
          (has_room(&relay->to_client) && !relay->console_ended ? EV_READ : 0) | (is_empty(&relay->to_console) ? 0 : EV_WRITE));
}

static bool is_transient(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* False at the stream's end. */
static bool fill(struct direction *direction, int fd)
{
    ssize_t size;

    if (!has_room(direction))
        return true;
    size = read(fd, direction->data + direction->end, sizeof(direction->data) - direction->end);
    if (size > 0)
        direction->end += (size_t)size;
    return size > 0 || (size < 0 && is_transient());
}

static bool drain(struct direction *direction, int fd)
{
    ssize_t size;

    if (is_empty(direction))
        return true;
    size = send(fd, direction->data + direction->start, direction->end - direction->start, MSG_NOSIGNAL);
    if (size < 0 && errno == ENOTSOCK)
        size = write(fd, direction->data + direction->start, direction->end - direction->start);
    if (size > 0)
        direction->start += (size_t)size;
    if (is_empty(direction))
        direction->start = direction->end = 0;
    return size > 0 || (size < 0 && is_transient());
}

/* What the console said last still reaches the client. */
static void settle(struct api_relay *relay, bool alive)
{
    if (relay->console_ended)
        relay->to_console.start = relay->to_console.end = 0;
    if (!alive || (relay->console_ended && is_empty(&relay->to_client)))
        close_relay(relay);
    else
        watch_both(relay);
}

static void on_client(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct api_relay *relay = watcher->data;
    bool alive = true;

    (void)loop;
    if (events & EV_WRITE)
        alive = drain(&relay->to_client, relay->client);
    if (alive && (events & EV_READ))
        alive = fill(&relay->to_console, relay->client);
    if (alive && !drain(&relay->to_console, relay->console))
        relay->console_ended = true;
    settle(relay, alive);
}

static void on_console(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct api_relay *relay = watcher->data;

    (void)loop;
    if ((events & EV_WRITE) && !drain(&relay->to_console, relay->console))
        relay->console_ended = true;
    if ((events & EV_READ) && !fill(&relay->to_client, relay->console))
        relay->console_ended = true;
    settle(relay, drain(&relay->to_client, relay->client));
}

static void on_upgraded(void *context, struct MHD_Connection *connection, void *place, const char *extra, size_t extra_size,
                        MHD_socket socket, struct MHD_UpgradeResponseHandle *upgrade)
{
    struct api_request *request = place;
    struct api_relay *relay = TAKE_POINTER(request->relay);
    struct api *api = relay->api;

    (void)context, (void)connection;
    relay->upgrade = upgrade;
    relay->client = socket;
    fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
    if (extra_size > sizeof(relay->to_console.data))
        extra_size = sizeof(relay->to_console.data);
    memcpy(relay->to_console.data, extra, extra_size);
    relay->to_console.end = extra_size;
    relay->after = api->relays;
    if (api->relays)
        api->relays->before = relay;
    api->relays = relay;
    ev_io_init(&relay->client_io, on_client, socket, EV_READ);
    ev_io_init(&relay->console_io, on_console, relay->console, EV_READ);
    relay->client_io.data = relay->console_io.data = relay;
    watch_both(relay);
}

static bool asks_for_upgrade(struct api_request *request)
{
    const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_UPGRADE);

    return value && !strcasecmp(value, PROTOCOL);
}

void api_console_open(struct api_request *request)
{
    struct api *api = request->api;
    struct error err = {0};
    struct api_relay *relay;
    int fd = -1, result;

    if (!asks_for_upgrade(request)) {
        api_answer_problem(request, MHD_HTTP_UPGRADE_REQUIRED,
                           "a console needs the headers \"Connection: Upgrade\" and \"Upgrade: " PROTOCOL "\"", NULL, NULL);
        MHD_add_response_header(request->response, MHD_HTTP_HEADER_UPGRADE, PROTOCOL);
        return;
    }
    result = api->machines.console(api->machines.context, request->arguments[0], &fd, &err);
    if (result < 0) {
        api_answer_error(request, result, &err);
        return;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    relay = NEW(struct api_relay);
    relay->api = api;
    relay->console = fd;
    request->relay = relay;
    request->status = MHD_HTTP_SWITCHING_PROTOCOLS;
    request->response = MHD_create_response_for_upgrade(on_upgraded, NULL);
    MHD_add_response_header(request->response, MHD_HTTP_HEADER_UPGRADE, PROTOCOL);
}

void api_console_stop(struct api *api)
{
    while (api->relays)
        close_relay(api->relays);
}
