/* libmicrohttpd in its external epoll mode, inside the loop. Connections are accepted here, so that the kernel's word on who it
 * is comes before the first byte is read, and nobody but root can take every place. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/quote.h"

static void run_http(struct api *api)
{
    MHD_UNSIGNED_LONG_LONG milliseconds;

    MHD_run(api->http);
    ev_timer_stop(api->loop, &api->timer);
    if (MHD_get_timeout(api->http, &milliseconds) != MHD_YES)
        return;
    ev_timer_set(&api->timer, (double)milliseconds / 1000, 0);
    ev_timer_start(api->loop, &api->timer);
}

static void on_io(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop, (void)events;
    run_http(watcher->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)events;
    run_http(watcher->data);
}

static void on_heartbeat(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)events;
    api_events_heartbeat(watcher->data);
}

void api_wake(struct api *api)
{
    ev_feed_event(api->loop, &api->io, EV_READ);
}

/* Is there a place for one more of this kind? */
static bool has_place(const struct api *api, const struct api_peer *peer)
{
    if (peer->access == API_NOTHING && api->strangers >= API_CONNECTIONS_STRANGERS)
        return false;
    return peer->uid == 0 || peer->uid == geteuid() || api->others < API_CONNECTIONS_OTHERS;
}

static void count_peer(struct api *api, const struct api_peer *peer, int change)
{
    api->connections += change;
    if (peer->access == API_NOTHING)
        api->strangers += change;
    if (peer->uid != 0 && peer->uid != geteuid())
        api->others += change;
    if (api->connections >= API_CONNECTIONS)
        ev_io_stop(api->loop, &api->listen);
    else if (!api->stopping)
        ev_io_start(api->loop, &api->listen);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct api *api = watcher->data;

    (void)events;
    if (api->connections < API_CONNECTIONS)
        ev_io_start(loop, &api->listen);
}

/* Without descriptors the client stays in the queue; asking for it again and again would help nobody. */
static void accept_failed(struct api *api)
{
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return;
    log_error("%s: accept: %s; trying again in a second", api->socket_path ? api->socket_path : "the API's socket",
              strerror(errno));
    ev_io_stop(api->loop, &api->listen);
    ev_timer_set(&api->pause, 1., 0.);
    ev_timer_start(api->loop, &api->pause);
}

static void on_accept(struct ev_loop *loop, ev_io *watcher, int events)
{
    static const char full[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    struct api *api = watcher->data;
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    int fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct api_peer peer;

    (void)loop, (void)events;
    if (fd < 0) {
        accept_failed(api);
        return;
    }
    peer = api_auth_peer(api, fd);
    if (!has_place(api, &peer)) {
        log_debug("user %u has too many connections to the API: refused", peer.uid);
        (void)!send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL);
        close(fd);
        return;
    }
    api->accepted = &peer;
    if (MHD_add_connection(api->http, fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != MHD_YES)
        log_error("a connection to the API was lost: %s", strerror(errno));
    api->accepted = NULL;
    run_http(api);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **place,
                          enum MHD_ConnectionNotificationCode what)
{
    struct api *api = context;
    struct api_peer *peer = *place;

    (void)connection;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *place = peer = memory_copy(api->accepted, sizeof(*peer));
        count_peer(api, peer, 1);
        return;
    }
    count_peer(api, peer, -1);
    free(peer);
    *place = NULL;
}

const struct api_peer *api_connection_peer(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info->socket_context;
}

static void refuse(struct api_request *request, const struct api_peer *peer)
{
    char *text = api_auth_refusal(request->api, peer, request->route);

    log_debug("API: %s", text);
    api_answer_problem(request, MHD_HTTP_FORBIDDEN, text, NULL, NULL);
    free(text);
}

static void refuse_method(struct api_request *request, const char *path, char *allowed)
{
    char *text = memory_format("%s can be asked with %s only", path, allowed);

    api_answer_problem(request, MHD_HTTP_METHOD_NOT_ALLOWED, text, NULL, NULL);
    MHD_add_response_header(request->response, MHD_HTTP_HEADER_ALLOW, allowed);
    free(text);
    free(allowed);
}

static bool announces_too_much(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    int64_t bytes;

    return length && text_number(length, 0, API_BODY_LIMIT, &bytes) < 0;
}

static void refuse_size(struct api_request *request)
{
    api_answer_problem(request, MHD_HTTP_CONTENT_TOO_LARGE, "the request's body is over 1 MiB", NULL, NULL);
}

/* Names that are no text exist nowhere, and can't stand in an answer. */
static bool has_plain_arguments(const struct api_request *request)
{
    for (size_t i = 0; i < API_ARGUMENTS; i++)
        if (request->arguments[i] && !quote_is_plain(request->arguments[i]))
            return false;
    return true;
}

/* What can be refused before the body is read, is. */
static void admit(struct api_request *request, const char *method, const char *path)
{
    const struct api_peer *peer = api_connection_peer(request->connection);
    char *allowed = NULL;

    switch (api_route_match(method, path, &request->route, request->arguments, &allowed)) {
    case API_NO_SUCH_PATH:
        api_answer_problem(request, MHD_HTTP_NOT_FOUND, "there is nothing at this path; docs/openapi.yaml lists what there is",
                           NULL, NULL);
        return;
    case API_NO_SUCH_METHOD:
        refuse_method(request, path, allowed);
        return;
    case API_MATCH:
        break;
    }
    if (peer->access < request->route->access)
        refuse(request, peer);
    else if (!has_plain_arguments(request))
        api_answer_problem(request, MHD_HTTP_NOT_FOUND, "there is nothing of that name: it is no plain text", NULL, NULL);
    else if (announces_too_much(request->connection))
        refuse_size(request);
}

static enum MHD_Result send_answer(struct api *api, struct api_request *request)
{
    struct MHD_Response *response = TAKE_POINTER(request->response);
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);

    if (request->status < ARRAY_SIZE(api->answers))
        api->answers[request->status]++;
    MHD_destroy_response(response);
    return result;
}

static void begin(struct api_request *request)
{
    request->begun = true;
    if (request->too_large)
        refuse_size(request);
    else if (request->api->stopping)
        api_answer_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "trestled is stopping", NULL, NULL);
    else
        request->route->handle(request);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *data, size_t *size, void **place)
{
    struct api *api = context;
    struct api_request *request = *place;

    (void)version;
    if (!request) {
        *place = request = api_request_new(api, connection);
        admit(request, method, path);
        return request->response ? send_answer(api, request) : MHD_YES;
    }
    if (*size) {
        if (!request->begun)
            api_request_add(request, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (!request->begun)
        begin(request);
    if (request->response)
        return send_answer(api, request);
    request->suspended = true;
    MHD_suspend_connection(connection);
    return MHD_YES;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **place, enum MHD_RequestTerminationCode code)
{
    struct api_request *request = *place;

    (void)context, (void)connection, (void)code;
    *place = NULL;
    if (!request)
        return;
    request->connection = NULL;
    if (!request->running)
        api_request_free(request);
}

static int start_http(struct api *api, struct error *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_UPGRADE | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_TURBO;
    const union MHD_DaemonInfo *info;

    /* Without its log: on a Unix socket it complains of TCP options at every answer. */
    api->http = MHD_start_daemon(flags, 0, NULL, NULL, on_request, api, MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CONNECTIONS + 1, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)API_IDLE_TIMEOUT, MHD_OPTION_NOTIFY_COMPLETED, on_completed, api,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, api, MHD_OPTION_END);
    if (!api->http)
        return error_set(err, EIO, "the API's HTTP server can't be started");
    info = MHD_get_daemon_info(api->http, MHD_DAEMON_INFO_EPOLL_FD);
    ev_io_init(&api->io, on_io, info->epoll_fd, EV_READ);
    ev_io_init(&api->listen, on_accept, api->listen_fd, EV_READ);
    ev_timer_init(&api->timer, on_timer, 0, 0);
    ev_timer_init(&api->heartbeat, on_heartbeat, API_HEARTBEAT, API_HEARTBEAT);
    ev_timer_init(&api->pause, on_pause_over, 1., 0.);
    api->io.data = api->listen.data = api->timer.data = api->heartbeat.data = api->pause.data = api;
    ev_io_start(api->loop, &api->io);
    ev_io_start(api->loop, &api->listen);
    return 0;
}

int api_new(struct ev_loop *loop, struct reconciler *reconciler, const struct api_settings *settings,
            const struct api_machines *machines, struct api **ret_api, struct error *err)
{
    struct api *api = NEW(struct api);
    int result;

    api->loop = loop;
    api->reconciler = reconciler;
    api->machines = *machines;
    api->group = memory_string(settings->group);
    api->read_only_group = memory_string(settings->read_only_group);
    api->vm_directory = memory_string(settings->vm_directory);
    api->version = memory_string(settings->version ? settings->version : "unknown");
    api->listen_fd = settings->listen_fd;
    api_auth_groups(api);
    result = api->listen_fd >= 0 ? api_socket_check(api->listen_fd, err)
                                 : api_socket_listen(settings->socket_path, &api->listen_fd, &api->socket_file, err);
    if (result == 0 && settings->listen_fd < 0)
        api->socket_path = memory_string(settings->socket_path);
    if (result == 0)
        result = start_http(api, err);
    if (result < 0) {
        api_free(api);
        return result;
    }
    *ret_api = api;
    return 0;
}

/* Every request that still runs gets an answer; the reconciler may call back long after the API has ended. */
static void end_requests(struct api *api)
{
    struct api_request *request = api->running;

    while (request) {
        struct api_request *next = request->next;

        if (request->suspended)
            api_answer_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                               "trestled is stopping; what was begun may have been done: look before you ask again", NULL, NULL);
        request->api = NULL;
        request = next;
    }
    api->running = NULL;
}

static void stop_http(struct api *api)
{
    ev_io_stop(api->loop, &api->listen);
    api->stopping = true;
    end_requests(api);
    api_events_stop(api);
    api_console_stop(api);
    MHD_run(api->http); /* resumes what was suspended, and sends as much as the sockets take */
    MHD_run(api->http);
    ev_io_stop(api->loop, &api->io);
    ev_timer_stop(api->loop, &api->timer);
    ev_timer_stop(api->loop, &api->heartbeat);
    ev_timer_stop(api->loop, &api->pause);
    MHD_stop_daemon(api->http);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    if (api->http)
        stop_http(api);
    if (api->socket_path)
        api_socket_remove(api->socket_path, &api->socket_file);
    if (api->listen_fd >= 0)
        close(api->listen_fd);
    api_events_clear(api);
    free(api->socket_path);
    free(api->group);
    free(api->read_only_group);
    free(api->vm_directory);
    free(api->version);
    free(api);
}
