/* iface-bridge and iface-unbridge. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"

/* Longer than the request may be waited for. */
struct bridging {
    struct api_request *request;
    struct reconcile_bridged report;
};

static json_t *members(const struct bridging *bridging, const struct plan *plan, const struct problems *problems)
{
    const struct reconcile_bridged *report = &bridging->report;
    json_t *json = api_answer_plan(bridging->request, plan);

    json_object_set_new(json, "problems", problems ? api_answer_problems(problems) : json_array());
    json_object_set_new(json, "interface", json_string(report->nic));
    json_object_set_new(json, "made", json_boolean(report->made));
    json_object_set_new(json, "warnings", api_view_lines(report->warnings.data));
    json_object_set_new(json, "report", report->report.data ? json_string(report->report.data) : json_null());
    json_object_set_new(json, "seconds", json_real(report->seconds));
    json_object_set_new(json, "pending", api_pending_view(bridging->request->api));
    return json;
}

static void answer(const struct bridging *bridging, int result, const struct error *err, const struct plan *plan,
                   const struct problems *problems)
{
    struct api_request *request = bridging->request;

    if (!api_request_ended(request))
        return;
    if (result < 0)
        api_answer_problem(request, api_answer_status(result), err && *err->text ? err->text : strerror(-result), problems,
                           members(bridging, plan, problems));
    else
        api_answer_json(request, MHD_HTTP_OK, members(bridging, plan, problems));
}

static void ended(void *context, int result, const struct error *err, const struct plan *plan, const struct problems *problems)
{
    struct bridging *bridging = context;

    answer(bridging, result, err, plan, problems);
    reconcile_bridged_clear(&bridging->report);
    free(bridging);
}

static int read_checks(const json_t *list, struct reconcile_bridging *asked, struct error *err)
{
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        const char *text = json_is_string(item) ? json_string_value(item) : "";
        struct address address = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

        if (inet_pton(address.family, text, address.bytes) != 1)
            return error_set(err, EINVAL, "check: '%s' is no IPv4 or IPv6 address", text);
        *APPEND(asked->checks, asked->check_count) = address;
    }
    return 0;
}

static int read_body(json_t *body, struct reconcile_bridging *asked, struct error *err)
{
    int stp = false, start = true, force = false, preview = false;
    json_int_t delay = 0, confirm = 0;
    const char *bridge = NULL;
    json_t *checks = NULL;
    json_error_t error;

    if (json_unpack_ex(body, &error, 0, "{s?s, s?b, s?I, s?b, s?b, s?b, s?I, s?o !}", "bridge", &bridge, "stp", &stp, "delay", &delay,
                       "start", &start, "force", &force, "preview", &preview, "confirm", &confirm, "check", &checks) < 0)
        return error_set(err, EINVAL, "%s", error.text);
    if (delay < 0 || delay > API_LONGEST_DELAY || confirm < 0 || confirm > API_LONGEST_CONFIRM)
        return error_set(err, EINVAL, "delay and confirm want seconds, at most %d and a day", API_LONGEST_DELAY);
    if (!asked->out && !bridge)
        return error_set(err, EINVAL, "bridge: into which one?");
    if (bridge && !text_copy(asked->bridge, sizeof(asked->bridge), bridge))
        return error_set(err, EINVAL, "bridge: '%.40s' is too long for an interface's name", bridge);
    asked->stp = stp;
    asked->delay = (unsigned)delay;
    asked->no_start = !start;
    asked->force = force;
    asked->preview = preview;
    asked->confirm = (double)confirm;
    return read_checks(checks, asked, err);
}

static void add_ssh_client(const struct api_request *request, struct reconcile_bridging *asked)
{
    struct address address;

    if (api_client_ssh(api_connection_peer(request->connection)->pid, &address))
        *APPEND(asked->checks, asked->check_count) = address;
}

void api_bridging_change(struct api_request *request)
{
    struct reconcile_bridging asked = {.out = request->route->action};
    char *target = asked.out ? asked.bridge : asked.nic;
    json_t *body = api_request_body(request);
    struct error err = {0};

    if (!body)
        return;
    if (!text_copy(target, INTERFACE_NAME_SIZE, request->arguments[0]))
        error_set(&err, ENOENT, "there is no interface %.40s: no name is so long", request->arguments[0]);
    else if (read_body(body, &asked, &err) == 0) {
        struct bridging *bridging = NEW(struct bridging);

        add_ssh_client(request, &asked);
        bridging->request = request;
        api_request_run(request);
        reconcile_bridging(request->api->reconciler, &asked, &bridging->report, ended, bridging);
    }
    document_free(body);
    free(asked.checks);
    if (err.code)
        api_answer_problem(request, err.code == EINVAL ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_NOT_FOUND, err.text, NULL, NULL);
}
