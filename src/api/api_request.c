/* A request's life; see api_internal.h. */
#include <errno.h>
#include <string.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"

struct api_request *api_request_new(struct api *api, struct MHD_Connection *connection)
{
    struct api_request *request = NEW(struct api_request);

    request->api = api;
    request->connection = connection;
    return request;
}

void api_request_free(struct api_request *request)
{
    if (!request)
        return;
    for (size_t i = 0; i < API_ARGUMENTS; i++)
        free(request->arguments[i]);
    free(request->name);
    text_clear(&request->body);
    text_clear(&request->steps);
    if (request->response)
        MHD_destroy_response(request->response);
    if (request->relay)
        api_console_free(request->relay);
    free(request);
}

void api_request_add(struct api_request *request, const char *data, size_t size)
{
    if (request->too_large || size > API_BODY_LIMIT - request->body.length) {
        request->too_large = true;
        text_clear(&request->body);
        return;
    }
    text_add_data(&request->body, data, size);
}

json_t *api_request_body(struct api_request *request)
{
    struct error err = {0};
    json_t *body = NULL;

    if (!request->body.length)
        return json_object();
    if (document_parse(request->body.data, request->body.length, &body, &err) < 0) {
        error_prefix(&err, "the request's body");
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, err.text, NULL, NULL);
        return NULL;
    }
    if (json_is_object(body))
        return body;
    document_free(body);
    api_answer_problem(request, MHD_HTTP_BAD_REQUEST, "the request's body has to be a JSON object", NULL, NULL);
    return NULL;
}

const char *api_request_query(struct api_request *request, const char *key)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}

bool api_request_flag(struct api_request *request, const char *key)
{
    const char *value = api_request_query(request, key);

    return value && strcmp(value, "0") && strcmp(value, "false") && strcmp(value, "no");
}

void api_request_run(struct api_request *request)
{
    struct api *api = request->api;

    request->running = true;
    request->previous = NULL;
    request->next = api->running;
    if (api->running)
        api->running->previous = request;
    api->running = request;
}

static void leave_list(struct api_request *request)
{
    if (request->previous)
        request->previous->next = request->next;
    else
        request->api->running = request->next;
    if (request->next)
        request->next->previous = request->previous;
}

bool api_request_ended(struct api_request *request)
{
    request->running = false;
    if (request->api)
        leave_list(request);
    if (request->connection && !request->response)
        return true;
    if (!request->connection)
        api_request_free(request);
    return false;
}

bool api_request_succeeded(struct api_request *request, int result, const struct error *err, const struct problems *problems)
{
    if (!api_request_ended(request))
        return false;
    if (result < 0)
        api_answer_problem(request, api_answer_status(result), err && *err->text ? err->text : strerror(-result), problems, NULL);
    return result >= 0;
}
