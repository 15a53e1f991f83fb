/* A VM's NICs: list, attach, detach. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/convert.h"

enum { DETACH_TIMEOUT = 20, DETACH_TIMEOUT_MAX = 3600 };

void api_nics_list(struct api_request *request)
{
    struct reconcile_vm vm;
    struct error err;

    if (reconcile_vm_find(request->api->reconciler, request->arguments[0], &vm)) {
        api_answer_json(request, MHD_HTTP_OK, api_view_nics(&vm));
        return;
    }
    error_set(&err, ENOENT, "vm %s: there is no VM of that name; list --all shows those that there are", request->arguments[0]);
    api_answer_error(request, -ENOENT, &err);
}

static void answer_failure(struct api_request *request, int result, const struct error *err, const struct problems *problems)
{
    api_answer_problem(request, api_answer_status(result), err && *err->text ? err->text : strerror(-result), problems, NULL);
}

/* The NIC as it was read back. */
static void attach_ended(void *context, int result, const struct error *err, const struct plan *plan,
                         const struct problems *problems)
{
    struct api_request *request = context;
    struct reconcile_vm vm;
    json_t *json = NULL;

    (void)plan;
    if (!api_request_ended(request))
        return;
    if (result < 0) {
        answer_failure(request, result, err, problems);
        return;
    }
    if (reconcile_vm_find(request->api->reconciler, request->arguments[0], &vm))
        json = api_view_nic(&vm, request->name);
    if (json)
        api_answer_json(request, MHD_HTTP_CREATED, json);
    else
        api_answer_problem(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "the NIC was attached, but it is gone already", NULL, NULL);
}

/* "vhost" of an answer says whether it is used; of a request it can only mean what is wanted. */
static void translate_vhost(json_t *body)
{
    json_t *vhost = json_object_get(body, "vhost");

    if (!vhost || json_object_get(body, "vhost_mode"))
        return;
    json_object_set_new(body, "vhost_mode",
                        json_is_boolean(vhost) ? json_string(json_is_true(vhost) ? "on" : "off") : json_incref(vhost));
}

void api_nics_attach(struct api_request *request)
{
    json_t *body = api_request_body(request);
    struct error err = {0};
    struct nic nic = {0};
    int result;

    if (!body)
        return;
    translate_vhost(body);
    result = nic_from_json(body, &nic, &err);
    document_free(body);
    if (result < 0) {
        api_answer_error(request, result, &err);
        return;
    }
    request->name = memory_new(VM_NAME_SIZE);
    api_request_run(request);
    reconcile_nic_attach(request->api->reconciler, request->arguments[0], &nic, request->name, attach_ended, request);
    nic_clear(&nic);
}

static void detach_ended(void *context, int result, const struct error *err, const struct plan *plan,
                         const struct problems *problems)
{
    struct api_request *request = context;

    (void)plan;
    if (!api_request_ended(request))
        return;
    if (result < 0)
        answer_failure(request, result, err, problems);
    else
        api_answer_json(request, MHD_HTTP_OK, json_pack("{s:s, s:s}", "vm", request->arguments[0], "nic", request->arguments[1]));
}

static bool read_timeout(struct api_request *request, double *ret_seconds)
{
    const char *text = api_request_query(request, "timeout");
    char *end;

    *ret_seconds = DETACH_TIMEOUT;
    if (!text)
        return true;
    *ret_seconds = strtod(text, &end);
    return end != text && !*end && isfinite(*ret_seconds) && *ret_seconds >= 0 && *ret_seconds <= DETACH_TIMEOUT_MAX;
}

void api_nics_detach(struct api_request *request)
{
    double seconds;

    if (!read_timeout(request, &seconds)) {
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, "timeout wants seconds from 0 to 3600", NULL, NULL);
        return;
    }
    api_request_run(request);
    reconcile_nic_detach(request->api->reconciler, request->arguments[0], request->arguments[1], seconds, detach_ended, request);
}
