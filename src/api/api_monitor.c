/* QMP for those who need more of QEMU than trestle's verbs. */
#include <errno.h>

#include "api_internal.h"
#include "base/error.h"

static void answered(void *context, const json_t *value, const struct error *err)
{
    struct api_request *request = context;

    if (!api_request_ended(request))
        return;
    if (err)
        api_answer_error(request, -err->code, err);
    else
        api_answer_json(request, MHD_HTTP_OK, json_pack("{s:O?}", "return", value));
}

void api_monitor_run(struct api_request *request)
{
    const struct api_machines *machines = &request->api->machines;
    json_t *body = api_request_body(request), *arguments = NULL;
    const char *command = NULL;
    json_error_t error;

    if (!body)
        return;
    if (json_unpack_ex(body, &error, 0, "{s:s, s?o !}", "execute", &command, "arguments", &arguments) < 0) {
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, error.text, NULL, NULL);
    } else {
        api_request_run(request);
        machines->monitor(machines->context, request->arguments[0], command, json_incref(arguments), answered, request);
    }
    document_free(body);
}
