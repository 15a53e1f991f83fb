/* Server-sent events. Each listener has a place in the ring of the last events, so a slow one costs nothing: when it falls out of
 * the ring it is told how many it has missed. */
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

struct api_stream {
    struct api *api;
    struct MHD_Connection *connection;
    unsigned long long next; /* number, by arrival, of the event that it gets next */
    struct text pending;
    size_t sent; /* of pending */
    bool heartbeat;
    bool suspended;
    struct api_stream *before, *after;
};

static struct api_event_kept *event_at(struct api *api, unsigned long long number)
{
    return &api->events[number % API_EVENTS_KEPT];
}

static unsigned long long oldest(const struct api *api)
{
    return api->event_count > API_EVENTS_KEPT ? api->event_count - API_EVENTS_KEPT : 0;
}

static void wake(struct api_stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->connection);
    api_wake(stream->api);
}

static void wake_all(struct api *api)
{
    for (struct api_stream *stream = api->streams; stream; stream = stream->after)
        wake(stream);
}

/* Most events nobody hears, and a large plan brings thousands: they are made into text when they are read. */
void api_event(void *context, const struct reconcile_event *event)
{
    struct api *api = context;
    struct api_event_kept *kept = event_at(api, api->event_count++);

    free(kept->object);
    free(kept->text);
    *kept = (struct api_event_kept){event->id, event->type, memory_string(event->object), memory_string(event->text)};
    wake_all(api);
}

static void add_event(const struct api_event_kept *kept, struct text *text)
{
    json_t *json = json_pack("{s:I, s:s*, s:s*, s:s*}", "id", (json_int_t)kept->id, "type", kept->type, "object", kept->object, "text",
                             kept->text);
    char *data = document_text(json);

    text_format(text, "id: %llu\nevent: %s\ndata: %s\n\n", kept->id, kept->type, data);
    free(data);
    document_free(json);
}

void api_events_heartbeat(struct api *api)
{
    for (struct api_stream *stream = api->streams; stream; stream = stream->after) {
        stream->heartbeat = true;
        wake(stream);
    }
}

/* What the listener gets next into `pending`; false when there is nothing. */
static bool fill(struct api_stream *stream)
{
    struct api *api = stream->api;

    text_clear(&stream->pending);
    stream->sent = 0;
    if (stream->next < oldest(api)) {
        text_format(&stream->pending, "event: lost\ndata: {\"text\": \"%llu events are no longer kept\"}\n\n",
                    oldest(api) - stream->next);
        stream->next = oldest(api);
    } else if (stream->next < api->event_count) {
        add_event(event_at(api, stream->next++), &stream->pending);
    } else if (stream->heartbeat) {
        text_add(&stream->pending, ": still here\n\n");
    }
    stream->heartbeat = false;
    return stream->pending.length > 0;
}

static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t size)
{
    struct api_stream *stream = context;
    size_t left;

    (void)position;
    if (stream->sent == stream->pending.length && !fill(stream)) {
        if (stream->api->stopping)
            return MHD_CONTENT_READER_END_OF_STREAM;
        stream->suspended = true;
        MHD_suspend_connection(stream->connection);
        return 0;
    }
    left = stream->pending.length - stream->sent;
    if (size > left)
        size = left;
    memcpy(buffer, stream->pending.data + stream->sent, size);
    stream->sent += size;
    return (ssize_t)size;
}

static void free_stream(void *context)
{
    struct api_stream *stream = context;
    struct api *api = stream->api;

    if (stream->before)
        stream->before->after = stream->after;
    else
        api->streams = stream->after;
    if (stream->after)
        stream->after->before = stream->before;
    if (!api->streams)
        ev_timer_stop(api->loop, &api->heartbeat);
    text_clear(&stream->pending);
    free(stream);
}

/* Behind the event with that id; a listener that comes from before the daemon's last start gets all that is kept. */
static unsigned long long find_place(struct api *api, const char *last)
{
    int64_t id;

    if (!last || text_number(last, 0, INT64_MAX, &id) < 0)
        return api->event_count;
    for (unsigned long long number = api->event_count; number > oldest(api); number--)
        if (event_at(api, number - 1)->id == (unsigned long long)id)
            return number;
    return oldest(api);
}

static void add_gap(struct api_stream *stream, const char *last)
{
    int64_t id;

    if (last && text_number(last, 0, INT64_MAX, &id) == 0 && stream->next < stream->api->event_count &&
        event_at(stream->api, stream->next)->id != (unsigned long long)id + 1)
        text_add(&stream->pending, "event: lost\ndata: {\"text\": \"what happened since is no longer kept completely\"}\n\n");
}

void api_events_open(struct api_request *request)
{
    struct api *api = request->api;
    const char *last = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Last-Event-ID");
    struct api_stream *stream = NEW(struct api_stream);

    stream->api = api;
    stream->connection = request->connection;
    stream->next = find_place(api, last);
    text_add(&stream->pending, ": trestle\nretry: 1000\n\n");
    add_gap(stream, last);
    stream->after = api->streams;
    if (api->streams)
        api->streams->before = stream;
    else
        ev_timer_again(api->loop, &api->heartbeat);
    api->streams = stream;
    request->status = MHD_HTTP_OK;
    request->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, stream, free_stream);
    MHD_add_response_header(request->response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    MHD_add_response_header(request->response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

void api_events_stop(struct api *api)
{
    wake_all(api);
}

void api_events_clear(struct api *api)
{
    for (size_t i = 0; i < API_EVENTS_KEPT; i++) {
        free(api->events[i].object);
        free(api->events[i].text);
    }
}
