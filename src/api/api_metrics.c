/* /metrics: Prometheus' text format. */
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

static void head(struct text *text, const char *name, const char *type, const char *help)
{
    text_format(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void figure(struct text *text, const char *name, const char *type, const char *help, unsigned long long value)
{
    head(text, name, type, help);
    text_format(text, "%s %llu\n", name, value);
}

/* TAPs bear no mark. */
static unsigned long long count_taps(struct api *api, const struct network *network)
{
    unsigned long long count = 0;
    struct reconcile_vm *vms = NULL;
    size_t vm_count = reconcile_vm_list(api->reconciler, &vms);

    for (size_t i = 0; i < vm_count; i++)
        for (size_t n = 0; vms[i].observed && n < vms[i].observed->nic_count; n++)
            count += network_find(network, vms[i].observed->nics[n].target) != NULL;
    free(vms);
    return count;
}

static void add_interfaces(struct text *text, struct api *api)
{
    const struct network *network = reconcile_network_observed(api->reconciler);
    unsigned long long ours = count_taps(api, network);

    for (size_t i = 0; i < network->count; i++)
        ours += api_view_is_ours(api, network->items[i]) && network->items[i]->kind != INTERFACE_TAP;
    head(text, "trestle_interfaces", "gauge", "Interfaces of the host by owner.");
    text_format(text, "trestle_interfaces{owner=\"trestle\"} %llu\n", ours);
    text_format(text, "trestle_interfaces{owner=\"foreign\"} %llu\n", network->count - ours);
    figure(text, "trestle_interfaces_wanted", "gauge", "Interfaces that files or commands name.",
           reconcile_network_wanted(api->reconciler)->count);
}

enum { VM_STATES = VM_CRASHED + 1, NIC_STATES = NIC_REMOVED + 1 };

static void add_by_state(struct text *text, const char *name, const char *const *states, const unsigned long long *counts,
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_format(text, "%s{state=\"%s\"} %llu\n", name, states[i], counts[i]);
}

static void add_vms(struct text *text, struct api *api)
{
    unsigned long long vms[VM_STATES] = {0}, nics[NIC_STATES] = {0};
    struct reconcile_vm *list = NULL;
    size_t count = reconcile_vm_list(api->reconciler, &list);

    for (size_t i = 0; i < count; i++) {
        const struct vm *observed = list[i].observed;

        vms[observed ? observed->state : VM_SHUT_OFF]++;
        for (size_t n = 0; observed && n < observed->nic_count; n++)
            nics[observed->nics[n].state]++;
    }
    free(list);
    head(text, "trestle_vms", "gauge", "VMs by state.");
    add_by_state(text, "trestle_vms", vm_state_names, vms, VM_STATES);
    head(text, "trestle_nics", "gauge", "NICs of running VMs by state.");
    add_by_state(text, "trestle_nics", nic_state_names, nics, NIC_STATES);
}

static void add_plan(struct text *text, struct api *api)
{
    struct plan plan = {0};
    struct problems problems = {0};

    reconcile_plan(api->reconciler, &plan, &problems);
    figure(text, "trestle_plan_changes", "gauge", "Steps that apply would take now.", plan.count);
    figure(text, "trestle_plan_errors", "gauge", "Errors in the host's network files, and what the kernel can't do.",
           problems.errors);
    plan_clear(&plan);
    problems_clear(&problems);
}

static void add_troubles(struct text *text, struct api *api)
{
    const char *troubles = reconcile_troubles(api->reconciler);
    unsigned long long count = 0;

    for (const char *at = troubles; at && *at; at = strchr(at, '\n'), at += at != NULL)
        count++;
    figure(text, "trestle_troubles", "gauge", "Things that failed at start-up or in repair and stand still.", count);
    figure(text, "trestle_busy", "gauge", "1 while a plan for the host's network runs.", reconcile_busy(api->reconciler) != NULL);
}

static void add_api(struct text *text, struct api *api)
{
    figure(text, "trestle_events_total", "counter", "Events since the daemon's start.", api->event_count);
    figure(text, "trestle_api_connections", "gauge", "Connections to the API.", api->connections);
    head(text, "trestle_api_requests_total", "counter", "Answered requests by HTTP status.");
    for (unsigned status = 0; status < ARRAY_SIZE(api->answers); status++)
        if (api->answers[status])
            text_format(text, "trestle_api_requests_total{code=\"%u\"} %llu\n", status, api->answers[status]);
}

void api_metrics_get(struct api_request *request)
{
    struct text text = {0};

    figure(&text, "trestle_up", "gauge", "1: the daemon runs.", 1);
    head(&text, "trestle_build_info", "gauge", "The daemon's version.");
    text_format(&text, "trestle_build_info{version=\"%s\"} 1\n", request->api->version);
    add_interfaces(&text, request->api);
    add_vms(&text, request->api);
    add_plan(&text, request->api);
    add_troubles(&text, request->api);
    add_api(&text, request->api);
    api_answer_text(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text_take(&text));
}
