/* The route table, and which row a request means. */
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

const struct api_route api_routes[] = {
    {"GET", "/v1/status", API_READ, api_network_status, 0,
     "The daemon, the interfaces with their reasons, and the VMs; ?name=X: one of them"},
    {"GET", "/v1/interfaces", API_READ, api_network_interfaces, 0,
     "The interfaces that are up; ?all=1: all, and those that are wanted but missing"},
    {"GET", "/v1/interfaces/{interface}", API_READ, api_network_interface, 0,
     "All that is known of one interface: as it is, and as it is wanted"},
    {"POST", "/v1/interfaces/{interface}/start", API_CHANGE, api_network_change, true,
     "ifup: brings up an interface that a file states"},
    {"POST", "/v1/interfaces/{interface}/destroy", API_CHANGE, api_network_change, false,
     "ifdown: takes it down, until the next apply or boot"},
    {"POST", "/v1/interfaces/{interface}/bridge", API_CHANGE, api_bridging_change, false,
     "iface-bridge: puts an interface into a bridge, with all that hangs on it"},
    {"POST", "/v1/interfaces/{interface}/unbridge", API_CHANGE, api_bridging_change, true,
     "iface-unbridge: takes the only port out of a bridge, and the bridge away"},
    {"GET", "/v1/topology", API_READ, api_network_topology, 0,
     "Which interface is whose port, and which port is a VM's NIC"},
    {"GET", "/v1/plan", API_READ, api_network_plan, 0,
     "What apply would do now"},
    {"POST", "/v1/apply", API_CHANGE, api_network_apply, 0,
     "Makes the host's network match its files"},
    {"POST", "/v1/confirm", API_CHANGE, api_pending_change, API_CONFIRM,
     "Makes final what waits to be confirmed"},
    {"POST", "/v1/rollback", API_CHANGE, api_pending_change, API_ROLLBACK,
     "Takes back what waits to be confirmed"},
    {"POST", "/v1/transaction", API_CHANGE, api_pending_change, API_BEGIN,
     "Opens a transaction of interface changes"},
    {"POST", "/v1/transaction/commit", API_CHANGE, api_pending_change, API_COMMIT,
     "Makes the changes of the transaction final"},
    {"POST", "/v1/transaction/rollback", API_CHANGE, api_pending_change, API_UNDO_TRANSACTION,
     "Takes back the changes of the transaction"},
    {"GET", "/v1/vms", API_READ, api_vms_list, 0,
     "The VMs that run or are paused; ?all=1: those that are off too"},
    {"POST", "/v1/vms", API_CHANGE, api_vms_define, 0,
     "Defines a VM out of the text of its file; transient: starts it without a file"},
    {"GET", "/v1/vms/{vm}", API_READ, api_vms_get, 0,
     "One VM with its NICs and disks"},
    {"PATCH", "/v1/vms/{vm}", API_CHANGE, api_vms_change, 0,
     "Says whether a VM is started after the host's boot"},
    {"DELETE", "/v1/vms/{vm}", API_CHANGE, api_vms_undefine, 0,
     "Removes a VM's file; a VM that runs goes on"},
    {"POST", "/v1/vms/{vm}/start", API_CHANGE, api_vms_power, POWER_START,
     "Starts a VM"},
    {"POST", "/v1/vms/{vm}/destroy", API_CHANGE, api_vms_power, POWER_DESTROY,
     "Ends a VM at once"},
    {"POST", "/v1/vms/{vm}/shutdown", API_CHANGE, api_vms_power, POWER_SHUTDOWN,
     "Presses the VM's power button"},
    {"POST", "/v1/vms/{vm}/suspend", API_CHANGE, api_vms_power, POWER_SUSPEND,
     "Stops the VM's processors"},
    {"POST", "/v1/vms/{vm}/resume", API_CHANGE, api_vms_power, POWER_RESUME,
     "Lets a suspended VM go on"},
    {"POST", "/v1/vms/{vm}/reset", API_CHANGE, api_vms_power, POWER_RESET,
     "Presses the VM's reset button"},
    {"GET", "/v1/vms/{vm}/nics", API_READ, api_nics_list, 0,
     "The VM's NICs, plugged or stated; ?config=1: as its file has them"},
    {"POST", "/v1/vms/{vm}/nics", API_CHANGE, api_nics_attach, 0,
     "Plugs a NIC into a running VM, or writes it into its file"},
    {"PATCH", "/v1/vms/{vm}/nics/{nic}", API_CHANGE, api_nics_update, 0,
     "Changes a NIC in the running VM, or in its file"},
    {"DELETE", "/v1/vms/{vm}/nics/{nic}", API_CHANGE, api_nics_detach, 0,
     "Unplugs a NIC; ?timeout=SECONDS to wait for the guest"},
    {"GET", "/v1/vms/{vm}/nics/{nic}/statistics", API_READ, api_nics_statistics, 0,
     "What a NIC has received and sent, as the guest sees it"},
    {"GET", "/v1/vms/{vm}/addresses", API_READ, api_addresses_list, 0,
     "The IP addresses of the VM's NICs; ?source=arp or agent"},
    {"GET", "/v1/vms/{vm}/console", API_CHANGE, api_console_open, 0,
     "The VM's serial console, after an upgrade to trestle-console"},
    {"POST", "/v1/vms/{vm}/qmp", API_CHANGE, api_monitor_run, 0,
     "Runs a QMP command in the VM's QEMU"},
    {"GET", "/v1/events", API_READ, api_events_open, 0,
     "Server-sent events as they happen; Last-Event-ID takes up again"},
    {"GET", "/metrics", API_READ, api_metrics_get, 0,
     "Figures for Prometheus"},
};
const size_t api_route_count = ARRAY_SIZE(api_routes);

/* The length of the path's first part, without the slash behind it. */
static size_t part_length(const char *path)
{
    return strcspn(path, "/");
}

static bool part_matches(const char *pattern, const char *path, size_t length)
{
    if (*pattern == '{')
        return length > 0;
    return part_length(pattern) == length && !strncmp(pattern, path, length);
}

static bool path_matches(const char *pattern, const char *path)
{
    for (;;) {
        size_t length = part_length(path);

        if (!part_matches(pattern, path, length))
            return false;
        pattern += part_length(pattern);
        path += length;
        if (!*pattern || !*path)
            return !*pattern && !*path;
        pattern++;
        path++;
    }
}

static void copy_arguments(const char *pattern, const char *path, char *arguments[API_ARGUMENTS])
{
    for (size_t count = 0; *pattern; pattern++, path++) {
        size_t length = part_length(path);

        if (*pattern == '{')
            arguments[count++] = memory_string_of(path, length);
        pattern += part_length(pattern);
        path += length;
        if (!*pattern)
            return;
    }
}

/* HEAD is answered as GET is; libmicrohttpd leaves the body out. */
static bool method_matches(const char *wanted, const char *method)
{
    return !strcmp(wanted, method) || (!strcmp(wanted, "GET") && !strcmp(method, "HEAD"));
}

enum api_match api_route_match(const char *method, const char *path, const struct api_route **ret_route,
                               char *arguments[API_ARGUMENTS], char **ret_allowed)
{
    struct text allowed = {0};

    for (size_t i = 0; i < api_route_count; i++) {
        if (!path_matches(api_routes[i].path, path))
            continue;
        if (method_matches(api_routes[i].method, method)) {
            text_clear(&allowed);
            copy_arguments(api_routes[i].path, path, arguments);
            *ret_route = &api_routes[i];
            return API_MATCH;
        }
        text_format(&allowed, "%s%s", allowed.length ? ", " : "", api_routes[i].method);
    }
    if (!allowed.length)
        return API_NO_SUCH_PATH;
    *ret_allowed = text_take(&allowed);
    return API_NO_SUCH_METHOD;
}
