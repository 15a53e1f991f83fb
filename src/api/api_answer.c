/* Answers: JSON, text, and problems as RFC 9457 has them. */
#include <errno.h>
#include <string.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"

static const struct {
    unsigned status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *title(unsigned status)
{
    for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

unsigned api_answer_status(int result)
{
    switch (-result) {
    case ENOENT:
        return MHD_HTTP_NOT_FOUND;
    case EEXIST:
    case EBUSY:
    case ESHUTDOWN: /* not running */
    case ESRCH:
        return MHD_HTTP_CONFLICT;
    case EINVAL:
    case ERANGE:
        return MHD_HTTP_BAD_REQUEST;
    case EPERM:
    case EACCES:
        return MHD_HTTP_FORBIDDEN;
    case EOPNOTSUPP:
        return MHD_HTTP_NOT_IMPLEMENTED;
    case ETIMEDOUT:
        return MHD_HTTP_GATEWAY_TIMEOUT;
    default:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

/* The answer is there: a connection that slept over it goes on. */
static void answer(struct api_request *request, unsigned status, const char *type, char *text, size_t length)
{
    request->status = status;
    request->response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(request->response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(request->response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (!request->suspended)
        return;
    request->suspended = false;
    MHD_resume_connection(request->connection);
    api_wake(request->api);
}

void api_answer_text(struct api_request *request, unsigned status, const char *type, char *text)
{
    answer(request, status, type, text, strlen(text));
}

static void answer_document(struct api_request *request, unsigned status, const char *type, json_t *json)
{
    struct text text = {0};
    char *line;

    if (request->steps.length) {
        document_add_open(&text, json);
        text_add(&text, ",\"steps\":");
        text_add_data(&text, request->steps.data, request->steps.length);
        text_add(&text, "}");
    } else {
        line = document_text(json);
        text_add(&text, line);
        free(line);
        document_free(json);
    }
    text_add(&text, "\n");
    api_answer_text(request, status, type, text_take(&text));
}

void api_answer_json(struct api_request *request, unsigned status, json_t *json)
{
    answer_document(request, status, "application/json", json);
}

json_t *api_answer_plan(struct api_request *request, const struct plan *plan)
{
    static const struct plan none;

    text_clear(&request->steps);
    plan_write_steps(plan ? plan : &none, &request->steps);
    return json_pack("{s:I}", "changes", (json_int_t)(plan ? plan->count : 0));
}

json_t *api_answer_problems(const struct problems *problems)
{
    json_t *list = json_array();

    for (size_t i = 0; i < problems->count; i++)
        json_array_append_new(list, problem_to_json(&problems->items[i]));
    return list;
}

/* Where there is just one place to blame, it stands in the document itself too. */
static void add_place(json_t *json, const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];

        if (problem->warning || !problem->file)
            continue;
        json_object_set_new(json, "file", json_string(problem->file));
        if (problem->line)
            json_object_set_new(json, "line", json_integer(problem->line));
        return;
    }
}

void api_answer_problem(struct api_request *request, unsigned status, const char *detail, const struct problems *problems,
                        json_t *extra)
{
    char shown[QUOTE_SIZE];
    json_t *json = json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title", title(status), "status", (int)status);

    json_object_set_new(json, "detail", json_string(quote_is_plain(detail) ? detail : quote_text(detail, shown)));
    if (problems && problems->errors == 1)
        add_place(json, problems);
    if (problems && problems->count)
        json_object_set_new(json, "problems", api_answer_problems(problems));
    if (extra)
        json_object_update_missing(json, extra);
    document_free(extra);
    answer_document(request, status, "application/problem+json", json);
}

void api_answer_error(struct api_request *request, int result, const struct error *err)
{
    const char *text = err && *err->text ? err->text : strerror(-result);

    api_answer_problem(request, api_answer_status(result), text, NULL, NULL);
}
