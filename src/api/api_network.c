/* The host's network: status, interfaces, plan, apply, topology. */
#include <errno.h>
#include <string.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"

#define LONGEST_CONFIRM 86400 /* seconds: who has not answered by then does not come back */

static json_t *daemon_status(struct api *api)
{
    json_t *json = json_pack("{s:s, s:b, s:o, s:o}", "version", api->version, "repair", reconcile_repairs(api->reconciler),
                             "troubles", api_view_lines(reconcile_troubles(api->reconciler)), "warnings",
                             api_view_lines(reconcile_warnings(api->reconciler)));
    const char *busy = reconcile_busy(api->reconciler);

    CLEANUP(freep) char *unconfirmed = reconcile_unconfirmed(api->reconciler, false);
    CLEANUP(freep) char *taken_back = reconcile_unconfirmed(api->reconciler, true);

    json_object_set_new(json, "busy", busy ? json_string(busy) : json_null());
    json_object_set_new(json, "pending", api_pending_view(api));
    json_object_set_new(json, "unconfirmed", unconfirmed ? json_string(unconfirmed) : json_null());
    json_object_set_new(json, "taken_back", taken_back ? json_string(taken_back) : json_null());
    return json;
}

static void answer_unknown(struct api_request *request, const char *what, const char *name)
{
    struct error err;

    error_set(&err, ENOENT, "%s %s: there is none of that name", what, name);
    api_answer_error(request, -ENOENT, &err);
}

static void status_of(struct api_request *request, const char *name)
{
    json_t *interface = api_view_interface_in_full(request->api, name);
    json_t *json = daemon_status(request->api);
    struct reconcile_vm vm;
    bool is_vm = reconcile_vm_find(request->api->reconciler, name, &vm);

    json_object_set_new(json, "interfaces", interface ? json_pack("[o]", interface) : json_array());
    json_object_set_new(json, "vms", is_vm ? json_pack("[o]", api_view_vm(&vm)) : json_array());
    if (interface || is_vm) {
        api_answer_json(request, MHD_HTTP_OK, json);
        return;
    }
    document_free(json);
    answer_unknown(request, "interface or VM", name);
}

void api_network_status(struct api_request *request)
{
    const char *name = api_request_query(request, "name");
    json_t *json;

    if (name) {
        status_of(request, name);
        return;
    }
    json = daemon_status(request->api);
    json_object_set_new(json, "interfaces", api_view_interfaces(request->api, true));
    json_object_set_new(json, "vms", api_view_vms(request->api, true));
    api_answer_json(request, MHD_HTTP_OK, json);
}

void api_network_interfaces(struct api_request *request)
{
    api_answer_json(request, MHD_HTTP_OK, api_view_interfaces(request->api, api_request_flag(request, "all")));
}

void api_network_interface(struct api_request *request)
{
    json_t *json = api_view_interface_in_full(request->api, request->arguments[0]);

    if (json)
        api_answer_json(request, MHD_HTTP_OK, json);
    else
        answer_unknown(request, "interface", request->arguments[0]);
}

void api_network_topology(struct api_request *request)
{
    api_answer_json(request, MHD_HTTP_OK, api_view_topology(request->api));
}

static json_t *plan_members(struct api_request *request, const struct plan *plan, const struct problems *problems)
{
    json_t *json = api_answer_plan(request, plan);

    json_object_set_new(json, "problems", problems ? api_answer_problems(problems) : json_array());
    return json;
}

void api_network_plan(struct api_request *request)
{
    struct plan plan = {0};
    struct problems problems = {0};
    bool is_taken;
    json_t *json;

    is_taken = reconcile_plan(request->api->reconciler, &plan, &problems);
    json = plan_members(request, &plan, &problems);
    json_object_set_new(json, "refused", json_boolean(!is_taken));
    api_answer_json(request, MHD_HTTP_OK, json);
    plan_clear(&plan);
    problems_clear(&problems);
}

static json_t *change_members(struct api_request *request, const struct plan *plan, const struct problems *problems)
{
    json_t *json = plan_members(request, plan, problems);

    if (request->name) /* of one interface */
        json_object_set_new(json, "interface", *request->name ? json_string(request->name) : json_null());
    return json;
}

/* Problems with errors are no success even when the rest could be applied; what was done is said either way. */
static void apply_ended(void *context, int result, const struct error *err, const struct plan *plan,
                        const struct problems *problems)
{
    struct api_request *request = context;
    size_t errors = problems ? problems->errors : 0;
    char detail[600];

    if (!api_request_ended(request))
        return;
    if (result == 0 && errors == 0) {
        api_answer_json(request, MHD_HTTP_OK, change_members(request, plan, problems));
        return;
    }
    if (result == 0)
        snprintf(detail, sizeof(detail), "%zu %s could not be applied; the rest is", errors, errors == 1 ? "thing" : "things");
    else
        text_copy(detail, sizeof(detail), err && *err->text ? err->text : strerror(-result));
    api_answer_problem(request, result == 0 ? MHD_HTTP_UNPROCESSABLE_CONTENT : api_answer_status(result), detail, problems,
                       change_members(request, plan, problems));
}

void api_network_change(struct api_request *request)
{
    request->name = memory_new(INTERFACE_NAME_SIZE);
    api_request_run(request);
    reconcile_interface_change(request->api->reconciler, request->arguments[0], request->route->action, request->name, apply_ended,
                               request);
}

void api_network_apply(struct api_request *request)
{
    json_t *body = api_request_body(request);
    json_error_t error;
    json_int_t confirm = 0;
    int repair = reconcile_repairs(request->api->reconciler);

    if (!body)
        return;
    if (json_unpack_ex(body, &error, 0, "{s?b, s?I !}", "repair", &repair, "confirm", &confirm) < 0) {
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, error.text, NULL, NULL);
    } else if (confirm < 0 || confirm > LONGEST_CONFIRM) {
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, "confirm: wants seconds, at most a day", NULL, NULL);
    } else {
        api_request_run(request);
        reconcile_apply(request->api->reconciler, repair, (double)confirm, apply_ended, request);
    }
    document_free(body);
}
