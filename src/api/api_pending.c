/* What waits to be confirmed: confirm, rollback, and transactions of interface changes. */
#include <errno.h>
#include <string.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"

json_t *api_pending_view(const struct api *api)
{
    struct reconcile_pending pending;

    if (!reconcile_pending(api->reconciler, &pending))
        return json_null();
    return json_pack("{s:s, s:b, s:f}", "name", pending.name, "transaction", pending.transaction, "seconds", pending.seconds);
}

static void ended(void *context, int result, const struct error *err, const struct plan *plan, const struct problems *problems)
{
    struct api_request *request = context;

    (void)plan, (void)problems;
    if (!api_request_ended(request))
        return;
    if (result < 0)
        api_answer_error(request, result, err);
    else
        api_answer_json(request, MHD_HTTP_OK, json_pack("{s:o}", "pending", api_pending_view(request->api)));
}

void api_pending_change(struct api_request *request)
{
    struct reconciler *reconciler = request->api->reconciler;
    enum api_pending_action action = (enum api_pending_action)request->route->action;

    api_request_run(request);
    switch (action) {
    case API_CONFIRM:
    case API_COMMIT:
        reconcile_confirm(reconciler, action == API_COMMIT, ended, request);
        break;
    case API_ROLLBACK:
    case API_UNDO_TRANSACTION:
        reconcile_rollback(reconciler, action == API_UNDO_TRANSACTION, ended, request);
        break;
    case API_BEGIN:
        reconcile_begin(reconciler, ended, request);
        break;
    }
}
