#include "daemon/daemon.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/worker.h"
#include "bridge/bridge.h"
#include "bridge/bridge_move.h"
#include "config/config.h"
#include "daemon/files.h"
#include "daemon/notify.h"
#include "dhcp/dhcp.h"
#include "filter/filter.h"
#include "manager/manager.h"
#include "netdev/kind.h"
#include "netdev/netdev.h"
#include "probe/probe.h"
#include "reconcile/reconcile.h"
#include "tap/tap.h"
#include "vmm/vmm.h"

#define LOG_TRIM_INTERVAL 1. /* seconds */
#define LOCK_TRIES 100
#define LOCK_PAUSE 10000     /* microseconds */
#define ANNOUNCE_AGAIN 2.    /* seconds */
#define WARNING_KEPT 2.      /* seconds: who has mended it looks again soon */
#define MANAGERS_KEPT 2.     /* seconds */

struct daemon {
    struct ev_loop *loop;
    struct daemon_options options;
    struct settings settings;
    int lock;
    char *socket_path;
    struct worker *worker, *closer; /* the second one for last closes of TAPs alone */
    ev_io worker_watcher, closer_watcher;
    ev_timer trim_timer;
    struct netdev *netdev;
    struct tap_table *taps;
    struct vmm *vmm;
    struct dhcp *dhcp;
    struct probe *probe;
    struct files *files;
    struct reconciler *reconciler;
    struct api *api;
    bool failed;
    char warning[1000]; /* of the host's packet filters; "" = none */
    double warning_until;
    struct manager_list managers; /* other programs, and the interfaces that they hold */
    double managers_until;
};

static const struct netdev_kind *const link_kinds[] = {
    &bridge_kind, &kind_vlan, &kind_bond, &kind_tap, &kind_tun, &kind_veth, &kind_dummy, &kind_macvlan, &kind_vxlan, NULL,
};

/* -- wires between the parts ---------------------------------------------------------------------------------------------------------- */

static const struct network *provide_network(void *netdev)
{
    return netdev_observed(netdev);
}

static void provide_network_ask(void *netdev, const struct network *wanted, bool again)
{
    netdev_ask_kinds(netdev, wanted, again);
}

static void provide_network_apply(void *netdev, const struct step *step, step_done done, void *context)
{
    netdev_apply(netdev, step, done, context);
}

static int provide_network_encode(void *netdev, const struct step *step, struct replay **ret_replay, struct error *err)
{
    return netdev_encode(netdev, step, ret_replay, err);
}

static void provide_network_keep(void *netdev, struct plan *plan)
{
    netdev_keep(netdev, plan);
}

static int provide_network_attached(void *netdev, const char *name, struct text *ret_words, struct error *err)
{
    return netdev_attached(netdev, name, ret_words, err);
}

static int provide_filter_names(void *filter, const struct move *move, struct text *lines, struct error *err)
{
    (void)filter;
    return filter_names(move, lines, err);
}

static int provide_bridge_move(void *netdev, const struct move *move, struct plan *plan, struct moved *ret_moved, struct error *err)
{
    return bridge_move(netdev, move, plan, ret_moved, err);
}

static void on_answer(void *question, const struct probe_result *result, const struct error *err)
{
    reconcile_probed(question, !err && result->answered, err ? 0 : result->round_trip);
}

/* ARP and neighbour discovery from an address that the link has, so that the neighbour learns nothing wrong. */
static int provide_probe_ask(void *probe, const struct interface *interface, const struct address *address, bool ping, double seconds,
                             void *question, struct error *err)
{
    struct probe_question asked = {.interface = interface, .address = *address, .limit = seconds, .done = on_answer, .context = question};

    if (ping)
        return probe_echo(probe, &asked, err);
    for (size_t i = 0; i < interface->address_count && !asked.source.family; i++)
        if (interface->addresses[i].family == address->family)
            asked.source = interface->addresses[i];
    return probe_neighbour(probe, &asked, err);
}

static void provide_tap_apply(void *taps, const struct step *step, step_done done, void *context)
{
    tap_apply(taps, step, done, context);
}

static const struct vm *provide_vm(void *vmm, const char *name)
{
    return vmm_observed(vmm, name);
}

static size_t provide_vm_list(void *vmm, const struct vm ***ret_vms)
{
    return vmm_list(vmm, ret_vms);
}

static void provide_vm_apply(void *vmm, const struct step *step, step_done done, void *context)
{
    vmm_apply(vmm, step, done, context);
}

static void provide_dhcp_follow(void *dhcp, const struct network *wanted, const struct network *observed)
{
    dhcp_follow(dhcp, wanted, observed);
}

static const struct lease *provide_dhcp_lease(void *dhcp, const char *interface)
{
    return dhcp_lease(dhcp, interface);
}

static int provide_dhcp_move(void *dhcp, const char *from, const char *to, struct error *err)
{
    return dhcp_move(dhcp, from, to, err);
}

static void on_probed(void *check, const struct probe_result *result, const struct error *err)
{
    reconcile_address_checked(check, result->answered, result->mac, err);
}

static int provide_probe_duplicate(void *probe, const struct interface *interface, const struct address *address, double seconds,
                                   void *check, struct error *err)
{
    struct probe_question question = {.interface = interface, .address = *address, .limit = seconds, .owner = check, .done = on_probed,
                                      .context = check};

    return probe_duplicate(probe, &question, err);
}

static void provide_probe_cancel(void *probe, const void *check)
{
    probe_cancel(probe, check);
}

/* Now and once more, as the classic scripts do. That it could not be said now is no failure: there may be no carrier yet. */
static void provide_probe_announce(void *probe, const struct interface *interface, const struct address *address)
{
    struct error err = {0};

    if (probe_announce(probe, interface, address, ANNOUNCE_AGAIN, NULL, &err) < 0)
        log_debug("%s", err.text);
}

static void on_lease(void *context, const char *interface)
{
    const struct daemon *daemon = context;

    if (daemon->reconciler)
        reconcile_lease_changed(daemon->reconciler, interface);
}

static void on_network(void *context, enum netdev_event event, const char *name)
{
    const struct daemon *daemon = context;

    if (daemon->reconciler)
        reconcile_network_changed(daemon->reconciler, name, event != NETDEV_CHANGED);
}

static void on_vm(void *context, enum vmm_event event, const char *vm, const char *text)
{
    const struct daemon *daemon = context;

    if (!daemon->reconciler)
        return;
    switch (event) {
    case VMM_STATE_CHANGED:
        reconcile_vm_changed(daemon->reconciler, vm, text);
        break;
    case VMM_NIC_REMOVED:
    case VMM_NIC_CHANGED:
        reconcile_nic_changed(daemon->reconciler, vm, text);
        break;
    case VMM_GUEST_EVENT:
        log_debug("vm %s: %s", vm, text);
        break;
    }
}

static void on_event(void *context, const struct reconcile_event *event)
{
    const struct daemon *daemon = context;

    if (daemon->api)
        api_event(daemon->api, event);
}

static int open_console(void *context, const char *vm, int *ret_fd, struct error *err)
{
    const struct daemon *daemon = context;

    return vmm_console(daemon->vmm, vm, ret_fd, err);
}

static void run_monitor(void *context, const char *vm, const char *command, json_t *arguments, api_monitor_answer answer,
                        void *answer_context)
{
    const struct daemon *daemon = context;

    vmm_command(daemon->vmm, vm, command, arguments, answer, answer_context);
}

static void run_agent(void *context, const char *vm, const char *command, json_t *arguments, api_monitor_answer answer,
                      void *answer_context)
{
    const struct daemon *daemon = context;

    vmm_agent(daemon->vmm, vm, command, arguments, answer, answer_context);
}

static int read_statistics(void *context, const char *interface, struct link_statistics *ret_statistics, struct error *err)
{
    const struct daemon *daemon = context;

    return netdev_statistics(daemon->netdev, interface, ret_statistics, err);
}

static int read_neighbours(void *context, const uint8_t mac[6], struct address **ret_addresses, size_t *ret_count, struct error *err)
{
    const struct daemon *daemon = context;

    return netdev_neighbours(daemon->netdev, mac, ret_addresses, ret_count, err);
}

/* The host's packet filters change seldom, and to look at them takes some exchanges with the kernel. */
static const char *host_warning(void *context)
{
    struct daemon *daemon = context;
    double now = ev_now(daemon->loop);

    if (now >= daemon->warning_until) {
        daemon->warning_until = now + WARNING_KEPT;
        if (filter_warning(NULL, daemon->warning, sizeof(daemon->warning), NULL) <= 0)
            daemon->warning[0] = 0;
    }
    return daemon->warning[0] ? daemon->warning : NULL;
}

/* Kept for the length of a command: it asks about every interface, and to look at all processes takes some milliseconds. */
static bool manager_of(void *context, const struct interface *observed, struct manager_claim *ret_claim)
{
    CLEANUP(freep) pid_t *own = NULL;
    struct daemon *daemon = context;
    double now = ev_now(daemon->loop);

    if (now >= daemon->managers_until) {
        daemon->managers_until = now + MANAGERS_KEPT;
        manager_clear(&daemon->managers);
        own = dhcp_processes(daemon->dhcp, getpid());
        manager_read("", own, &daemon->managers);
    }
    return manager_find(&daemon->managers, observed->name, observed->index, ret_claim);
}

static void on_worker(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop, (void)events;
    worker_collect(watcher->data);
}

static void on_trim(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    vmm_trim_logs(timer->data);
}

/* -- start-up, step by step ------------------------------------------------------------------------------------------------------------- */

static void tell_problems(const struct problems *problems)
{
    for (size_t i = 0; problems && i < problems->count; i++) {
        CLEANUP(freep) char *line = problem_text(&problems->items[i]);

        log_line(problems->items[i].warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "%s", line);
    }
}

static int take_lock(struct daemon *daemon, struct error *err)
{
    CLEANUP(freep) char *path = memory_format("%s/lock", daemon->options.run_directory);
    int result;

    daemon->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (daemon->lock < 0)
        return error_errno(err, errno, "%s: open", path);
    /* A process that was about to become QEMU when another daemon was killed has the lock too, until it sees that. */
    for (int tries = 0; (result = flock(daemon->lock, LOCK_EX | LOCK_NB)) < 0 && tries < LOCK_TRIES; tries++)
        usleep(LOCK_PAUSE);
    if (result < 0)
        return error_set(err, EBUSY, "%s: another trestled runs here: stop it first, or give this one its own -r and -s", path);
    return 0;
}

static int read_settings(struct daemon *daemon, struct error *err)
{
    struct problems problems = {0};
    int result = 0;

    settings_read(daemon->options.config_directory, &daemon->settings, &problems);
    tell_problems(&problems);
    if (problems.errors)
        result = error_set(err, EINVAL, "%s/trestle.conf: has errors: see above", daemon->options.config_directory);
    problems_clear(&problems);
    return result;
}

static int make_directories(struct daemon *daemon, struct error *err)
{
    int result = file_make_directory(daemon->options.run_directory, 0755, err);

    return result < 0 ? result : file_make_directory(daemon->options.state_directory, 0755, err);
}

static int make_worker(struct daemon *daemon, struct worker **place, ev_io *watcher, struct error *err)
{
    int result = worker_new(place, err);

    if (result < 0)
        return result;
    ev_io_init(watcher, on_worker, worker_fd(*place), EV_READ);
    watcher->data = *place;
    ev_io_start(daemon->loop, watcher);
    return 0;
}

static int make_vmm(struct daemon *daemon, struct error *err)
{
    struct vmm_settings settings = {
        .run_directory = daemon->options.run_directory,
        .binary = daemon->settings.qemu_binary,
        .user = daemon->settings.qemu_user,
        .accel = getenv("TRESTLE_ACCEL"),
    };
    int result = vmm_new(daemon->loop, daemon->taps, &settings, on_vm, daemon, &daemon->vmm, err);

    if (result < 0)
        return result;
    ev_timer_init(&daemon->trim_timer, on_trim, LOG_TRIM_INTERVAL, LOG_TRIM_INTERVAL);
    daemon->trim_timer.data = daemon->vmm;
    ev_timer_start(daemon->loop, &daemon->trim_timer);
    return 0;
}

/* The DHCP client runs this program to report. Resolved now: an upgrade may put another file in its place. */
static int make_dhcp(struct daemon *daemon, struct error *err)
{
    CLEANUP(freep) char *program = realpath("/proc/self/exe", NULL);
    struct dhcp_settings settings = {
        .run_directory = daemon->options.run_directory,
        .state_directory = daemon->options.state_directory,
        .reporter = program,
    };

    if (!program)
        return error_errno(err, errno, "/proc/self/exe: find the daemon's own program");
    return dhcp_new(daemon->loop, &settings, on_lease, daemon, &daemon->dhcp, err);
}

static void make_reconciler(struct daemon *daemon)
{
    struct reconcile_providers providers = {
        .netdev = daemon->netdev,
        .network_observed = provide_network,
        .network_ask = provide_network_ask,
        .network_apply = provide_network_apply,
        .network_encode = provide_network_encode,
        .network_keep = provide_network_keep,
        .network_attached = provide_network_attached,
        .bridge_move = provide_bridge_move,
        .probe_ask = provide_probe_ask,
        .tap = daemon->taps,
        .tap_apply = provide_tap_apply,
        .vmm = daemon->vmm,
        .vm_observed = provide_vm,
        .vm_list = provide_vm_list,
        .vm_apply = provide_vm_apply,
        .dhcp = daemon->dhcp,
        .dhcp_follow = provide_dhcp_follow,
        .dhcp_lease = provide_dhcp_lease,
        .dhcp_move = provide_dhcp_move,
        .probe = daemon->probe,
        .probe_duplicate = provide_probe_duplicate,
        .probe_cancel = provide_probe_cancel,
        .probe_announce = provide_probe_announce,
        .filter = daemon,
        .host_warning = host_warning,
        .filter_names = provide_filter_names,
        .managers = daemon,
        .manager_of = manager_of,
    };
    struct reconcile_files provider;

    daemon->files = files_new(daemon->options.state_directory, daemon->options.run_directory, &daemon->settings);
    files_provide(daemon->files, &provider);
    daemon->reconciler = reconcile_new(daemon->loop, &providers, &provider, daemon->settings.repair, on_event, daemon);
}

static int make_api(struct daemon *daemon, struct error *err)
{
    struct api_settings settings = {
        .listen_fd = notify_listen_fd(),
        .group = daemon->settings.api_group,
        .read_only_group = daemon->settings.api_read_only_group,
        .vm_directory = daemon->settings.vm_directory,
        .version = TRESTLE_VERSION,
    };
    struct api_machines machines = {.context = daemon, .console = open_console, .monitor = run_monitor, .agent = run_agent,
                                    .statistics = read_statistics, .neighbours = read_neighbours};

    daemon->socket_path = memory_format("%s/trestle.sock", daemon->options.run_directory);
    settings.socket_path = daemon->socket_path;
    return api_new(daemon->loop, daemon->reconciler, &settings, &machines, &daemon->api, err);
}

/* The API opens last: whoever can ask is answered about a host that is up. */
static void started(void *context, int result, const struct error *err, const struct plan *plan, const struct problems *problems)
{
    struct daemon *daemon = context;
    struct error failure = {0};

    (void)result, (void)err; /* failed steps have been logged, and are retried */
    tell_problems(problems);
    if (make_api(daemon, &failure) < 0) {
        log_error("%s", failure.text);
        daemon->failed = true;
        ev_break(daemon->loop, EVBREAK_ALL);
        return;
    }
    log_notice("ready: %zu %s to bring the host's network up", plan ? plan->count : 0,
               plan && plan->count == 1 ? "step was taken" : "steps were taken");
    notify_send("READY=1");
}

static void adopted(void *context)
{
    struct daemon *daemon = context;
    CLEANUP(freep) char *marker = memory_format("%s/autostarted", daemon->options.run_directory);
    bool first = access(marker, F_OK) < 0;
    struct error err = {0};

    /* RUN_DIR is empty after a boot, so the marker says whether Autostart has acted in this one. */
    if (first && file_write(marker, "", 0, 0600, false, &err) < 0)
        log_warning("%s", err.text);
    reconcile_start(daemon->reconciler, first, started, daemon);
}

static int make_parts(struct daemon *daemon, struct error *err)
{
    int result = read_settings(daemon, err);

    if (result == 0)
        result = make_directories(daemon, err);
    if (result == 0)
        result = take_lock(daemon, err);
    if (result == 0)
        result = make_worker(daemon, &daemon->worker, &daemon->worker_watcher, err);
    if (result == 0)
        result = make_worker(daemon, &daemon->closer, &daemon->closer_watcher, err);
    if (result == 0)
        result = netdev_new(daemon->loop, daemon->worker, link_kinds, on_network, daemon, &daemon->netdev, err);
    if (result < 0)
        return result;
    netdev_make_taps(daemon->netdev, (struct netdev_taps){tap_persist_lacking, tap_persist_open, tap_persist_keep});
    daemon->taps = tap_table_new(daemon->worker, daemon->closer);
    result = make_vmm(daemon, err);
    if (result == 0)
        result = make_dhcp(daemon, err);
    if (result == 0)
        result = probe_new(daemon->loop, &daemon->probe, err);
    if (result < 0)
        return result;
    make_reconciler(daemon);
    return 0;
}

bool daemon_failed(const struct daemon *daemon)
{
    return daemon->failed;
}

int daemon_new(struct ev_loop *loop, const struct daemon_options *options, struct daemon **ret_daemon, struct error *err)
{
    struct daemon *daemon = NEW(struct daemon);
    int result;

    daemon->loop = loop;
    daemon->options = *options;
    daemon->lock = -1;
    result = make_parts(daemon, err);
    if (result < 0) {
        daemon_free(daemon);
        return result;
    }
    vmm_adopt(daemon->vmm, adopted, daemon);
    *ret_daemon = daemon;
    return 0;
}

void daemon_free(struct daemon *daemon)
{
    if (!daemon)
        return;
    api_free(daemon->api);
    daemon->api = NULL; /* what ends below still tells of it */
    if (daemon->worker)
        ev_io_stop(daemon->loop, &daemon->worker_watcher);
    if (daemon->closer)
        ev_io_stop(daemon->loop, &daemon->closer_watcher);
    tap_table_end_closer(daemon->taps);
    worker_free(daemon->closer);
    worker_free(daemon->worker); /* what was queued for the kernel is done and told before its owners go */
    ev_timer_stop(daemon->loop, &daemon->trim_timer);
    reconcile_free(daemon->reconciler);
    vmm_free(daemon->vmm);
    dhcp_free(daemon->dhcp);
    probe_free(daemon->probe);
    tap_table_free(daemon->taps);
    netdev_free(daemon->netdev);
    files_free(daemon->files);
    manager_clear(&daemon->managers);
    settings_clear(&daemon->settings);
    close_fdp(&daemon->lock);
    free(daemon->socket_path);
    free(daemon);
}
