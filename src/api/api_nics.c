/* A VM's NICs: list, attach, change, detach, figures. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/convert.h"

enum { DETACH_TIMEOUT = 20, DETACH_TIMEOUT_MAX = 3600, AFTER_RESET = 5 /* seconds, the least: QEMU itself takes the NIC out then */ };

void api_nics_list(struct api_request *request)
{
    struct reconcile_vm vm;

    if (api_vms_find(request, &vm))
        api_answer_json(request, MHD_HTTP_OK,
                        api_request_flag(request, "config") ? api_view_stated_nics(&vm) : api_view_nics(&vm));
}

/* The NIC as it was read back, from where it was changed. */
static json_t *view_changed(struct api_request *request, const char *name)
{
    struct reconcile_vm vm;

    if (!reconcile_vm_find(request->api->reconciler, request->arguments[0], &vm))
        return NULL;
    return request->scope.live ? api_view_nic(&vm, name) : api_view_stated_nic(&vm, name);
}

/* Of the NIC as it is plugged, and of the host. */
static json_t *view_warnings(struct api_request *request, const char *name)
{
    struct text lines = {0};
    struct reconcile_vm vm;
    const struct nic *nic = NULL;
    CLEANUP(document_freep) json_t *host = api_view_lines(reconcile_warnings(request->api->reconciler));
    json_t *list;

    if (request->scope.live && reconcile_vm_find(request->api->reconciler, request->arguments[0], &vm))
        nic = api_view_live_nic(&vm, name);
    if (nic)
        reconcile_nic_warnings(request->api->reconciler, nic, &lines);
    list = api_view_lines(lines.data);
    json_array_extend(list, host);
    text_clear(&lines);
    return list;
}

static void answer_nic(struct api_request *request, unsigned status, const char *name, const char *what)
{
    json_t *json = view_changed(request, name);
    CLEANUP(freep) char *gone = json ? NULL : memory_format("the NIC was %s, but it is gone already", what);

    if (!json) {
        api_answer_problem(request, MHD_HTTP_INTERNAL_SERVER_ERROR, gone, NULL, NULL);
        return;
    }
    json_object_set_new(json, "warnings", view_warnings(request, name));
    api_answer_json(request, status, json);
}

static void attach_ended(void *context, int result, const struct error *err, const struct plan *plan,
                         const struct problems *problems)
{
    struct api_request *request = context;

    (void)plan;
    if (api_request_succeeded(request, result, err, problems))
        answer_nic(request, MHD_HTTP_CREATED, request->name, "attached");
}

static void update_ended(void *context, int result, const struct error *err, const struct plan *plan,
                         const struct problems *problems)
{
    struct api_request *request = context;

    (void)plan;
    if (api_request_succeeded(request, result, err, problems))
        answer_nic(request, MHD_HTTP_OK, request->arguments[1], "changed");
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

/* The body's scope and NIC; false: the answer was given. */
static bool read_nic(struct api_request *request, bool update, struct nic *ret_nic)
{
    CLEANUP(document_freep) json_t *body = api_request_body(request);
    struct error err = {0};
    int result;

    if (!body || !api_scope_of_body(request, body, update, &request->scope))
        return false;
    translate_vhost(body);
    result = update ? nic_changes_from_json(body, ret_nic, &err) : nic_from_json(body, ret_nic, &err);
    if (result < 0)
        api_answer_error(request, result, &err);
    return result == 0;
}

void api_nics_attach(struct api_request *request)
{
    struct nic nic = {0};

    if (!read_nic(request, false, &nic))
        return;
    request->name = memory_new(VM_NAME_SIZE);
    api_request_run(request);
    reconcile_nic_attach(request->api->reconciler, request->arguments[0], &nic, request->scope, request->name, attach_ended,
                         request);
    nic_clear(&nic);
}

/* A name in the body would be another NIC's, or say nothing new. */
void api_nics_update(struct api_request *request)
{
    struct nic changes = {0};

    if (!read_nic(request, true, &changes))
        return;
    if (changes.name[0] && strcmp(changes.name, request->arguments[1])) {
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, "nic: a NIC's name can't be changed", NULL, NULL);
    } else if (!changes.set) {
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, "the body names nothing to change", NULL, NULL);
    } else {
        text_copy(changes.name, sizeof(changes.name), request->arguments[1]);
        api_request_run(request);
        reconcile_nic_update(request->api->reconciler, request->arguments[0], &changes, request->scope, update_ended, request);
    }
    nic_clear(&changes);
}

/* detach */

static void detach(struct api_request *request, reconcile_done done)
{
    api_request_run(request);
    reconcile_nic_detach(request->api->reconciler, request->arguments[0], request->arguments[1], request->scope, request->timeout,
                         done, request);
}

static void detach_ended(void *context, int result, const struct error *err, const struct plan *plan,
                         const struct problems *problems)
{
    struct api_request *request = context;

    (void)plan;
    if (api_request_succeeded(request, result, err, problems))
        api_answer_json(request, MHD_HTTP_OK, json_pack("{s:s, s:s}", "vm", request->arguments[0], "nic", request->arguments[1]));
}

/* The reset may have been enough: then there is nothing left to wait for. */
static void second_detach_ended(void *context, int result, const struct error *err, const struct plan *plan,
                                const struct problems *problems)
{
    detach_ended(context, result == -ENOENT ? 0 : result, err, plan, problems);
}

static void reset_ended(void *context, int result, const struct error *err, const struct plan *plan,
                        const struct problems *problems)
{
    struct api_request *request = context;

    (void)plan;
    if (!api_request_succeeded(request, result, err, problems))
        return;
    request->scope.config = false; /* its file was changed the first time */
    if (request->timeout < AFTER_RESET)
        request->timeout = AFTER_RESET;
    detach(request, second_detach_ended);
}

/* A guest that does not let go by itself has to when its machine is reset. */
static void first_detach_ended(void *context, int result, const struct error *err, const struct plan *plan,
                               const struct problems *problems)
{
    struct api_request *request = context;

    if (result != -ETIMEDOUT) {
        detach_ended(context, result, err, plan, problems);
        return;
    }
    if (!api_request_ended(request))
        return;
    api_request_run(request);
    reconcile_vm_power(request->api->reconciler, request->arguments[0], POWER_RESET, reset_ended, request);
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
    if (!read_timeout(request, &request->timeout))
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, "timeout wants seconds from 0 to 3600", NULL, NULL);
    else if (api_scope_of_query(request, &request->scope))
        detach(request, api_request_flag(request, "force") && request->scope.live ? first_detach_ended : detach_ended);
}

/* figures */

static json_t *figures(const struct nic *nic, const struct link_statistics *host)
{
    /* the TAP sends what the guest receives */
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "nic", nic->name, "interface", nic->target, "rx_bytes",
                     (json_int_t)host->tx_bytes, "rx_packets", (json_int_t)host->tx_packets, "rx_errors",
                     (json_int_t)host->tx_errors, "rx_dropped", (json_int_t)host->tx_dropped, "tx_bytes",
                     (json_int_t)host->rx_bytes, "tx_packets", (json_int_t)host->rx_packets, "tx_errors",
                     (json_int_t)host->rx_errors, "tx_dropped", (json_int_t)host->rx_dropped);
}

static int read_figures(struct api_request *request, const struct nic *nic, struct link_statistics *ret_host, struct error *err)
{
    const struct api_machines *machines = &request->api->machines;
    const char *vm = request->arguments[0], *name = request->arguments[1];

    if (!nic)
        return error_set(err, ENOENT, "vm %s: nic %s: no such NIC in the running VM: 'trestle domiflist %s --all' shows them", vm,
                         name, vm);
    if (nic->type == NIC_USER)
        return error_set(err, EOPNOTSUPP, "vm %s: nic %s: is of type user: the host has no interface that counts its packets", vm,
                         name);
    if (!machines->statistics)
        return error_set(err, EOPNOTSUPP, "vm %s: nic %s: this daemon reads no statistics", vm, name);
    return machines->statistics(machines->context, nic->target, ret_host, err);
}

void api_nics_statistics(struct api_request *request)
{
    struct link_statistics host = {0};
    const struct nic *nic;
    struct reconcile_vm vm;
    struct error err = {0};
    int result;

    if (!api_vms_find(request, &vm))
        return;
    nic = api_view_live_nic(&vm, request->arguments[1]);
    result = read_figures(request, nic, &host, &err);
    if (result < 0)
        api_answer_error(request, result, &err);
    else
        api_answer_json(request, MHD_HTTP_OK, figures(nic, &host));
}
