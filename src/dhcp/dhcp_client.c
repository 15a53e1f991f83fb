/* One client: the process, and what it reports. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "dhcp/dhcp_internal.h"

#define RETRY_FIRST 1. /* seconds; doubled while clients end by themselves */
#define RETRY_LONGEST 60.
#define RELEASE_WAIT 3. /* seconds in which a lease is given back */

/* Compiled into every distribution's dhcpcd. */
#define CLIENT_RUN "/run/dhcpcd"
#define CLIENT_STATE "/var/lib/dhcpcd"

static const char *name_of(const struct dhcp_client *client)
{
    return client->lease.interface;
}

static char *run_path(const struct dhcp_client *client, const char *what)
{
    return memory_format("%s/clients/%s%s", client->dhcp->run, name_of(client), what);
}

static void tell(struct dhcp_client *client)
{
    client->dhcp->listener(client->dhcp->context, name_of(client));
}

/* -- the lease -------------------------------------------------------------------------------------------------------------------- */

void dhcp_client_set_lease(struct dhcp_client *client)
{
    double left = client->lease.until - boot_time();

    ev_timer_stop(client->dhcp->loop, &client->expiry);
    if (!client->lease.held || client->lease.until == LEASE_FOREVER)
        return;
    ev_timer_set(&client->expiry, left > 0 ? left : 0., 0.);
    ev_timer_start(client->dhcp->loop, &client->expiry);
}

/* Nobody renewed it: the client says so too, if there is one. */
static void on_expiry(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct dhcp_client *client = timer->data;

    (void)loop, (void)events;
    if (client->lease.until > boot_time()) { /* the loop's clock stands still while the host sleeps */
        dhcp_client_set_lease(client);
        return;
    }
    client->lease.held = false;
    client->lease.asked = boot_time();
    tell(client);
}

void dhcp_client_hear(struct dhcp_client *client, bool say)
{
    CLEANUP(freep) char *path = memory_format("%s/leases/%s", client->dhcp->run, name_of(client));
    CLEANUP(freep) char *report = NULL;
    bool held = client->lease.held;
    struct lease told = {0};
    struct error err = {0};
    size_t size;

    if (file_read(AT_FDCWD, path, DHCP_REPORT_SIZE, &report, &size, &err) < 0 || dhcp_lease_read(report, size, &told, &err) < 0)
        return; /* none yet, or none to be trusted: what was heard last holds until its end */
    /* A client that begins on a bridge which has no carrier yet takes its lease for lost. It holds as long as the server said. */
    if (client->moved && !told.held && held && client->lease.until > boot_time()) {
        dhcp_lease_clear(&told);
        return;
    }
    client->moved = false;
    dhcp_lease_clear(&client->lease);
    client->lease.held = told.held;
    client->lease.address = told.address;
    client->lease.routes = told.routes;
    client->lease.route_count = told.route_count;
    client->lease.until = told.until;
    memcpy(client->lease.server, told.server, sizeof(told.server));
    if (client->lease.held && client->lease.until <= boot_time())
        client->lease.held = false;
    if (held && !client->lease.held)
        client->lease.asked = boot_time();
    client->heard = true;
    backoff_succeeded(&client->backoff);
    dhcp_client_set_lease(client);
    if (say)
        tell(client);
}

/* -- the process ------------------------------------------------------------------------------------------------------------------ */

static void watch(struct dhcp_client *client, pid_t pid, int pidfd)
{
    client->pid = pid;
    client->pidfd = pidfd;
    client->ending = false;
    ev_io_set(&client->end_watcher, pidfd, EV_READ);
    ev_io_start(client->dhcp->loop, &client->end_watcher);
}

static int make_directories(const char *run, const char *state, struct error *err)
{
    const char *const paths[] = {run, state, CLIENT_RUN, CLIENT_STATE};
    int result = 0;

    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(paths); i++)
        result = file_make_directory(paths[i], 0755, err);
    return result;
}

/* Written before the program runs, so that a daemon which dies in between leaves no client that nobody knows of. */
static int record(struct dhcp_client *client, const struct child *child, struct error *err)
{
    CLEANUP(freep) char *path = run_path(client, "/client");
    unsigned long long ticks;
    char line[80];
    int result = child_start_time(child->pid, &ticks, err);

    if (result < 0)
        return result;
    snprintf(line, sizeof(line), "%d %llu %llu\n", (int)child->pid, ticks, (unsigned long long)client->settings);
    return file_write(path, line, strlen(line), 0600, false, err);
}

static int start(struct dhcp_client *client, struct error *err)
{
    CLEANUP(freep) char *run = run_path(client, "/run");
    CLEANUP(freep) char *state = memory_format("%s/%s", client->dhcp->state, name_of(client));
    const struct child_mount mounts[] = {{run, CLIENT_RUN}, {state, CLIENT_STATE}};
    struct child_spec spec = {
        .arguments = (const char *const *)client->arguments,
        .output = -1, /* it logs to the system's log */
        .mounts = mounts,
        .mount_count = ARRAY_SIZE(mounts),
        .cgroup = -1,
    };
    struct child child;
    int result = make_directories(run, state, err);

    if (result == 0)
        result = child_start(&spec, &child, err);
    if (result < 0)
        return result;
    result = record(client, &child, err);
    if (result < 0) {
        child_abandon(&child);
        return result;
    }
    result = child_release(&child, err);
    if (result < 0) {
        close(child.pidfd);
        return result;
    }
    watch(client, child.pid, child.pidfd);
    client->running = client->settings;
    client->heard = false;
    return 0;
}

static void set_fault(struct dhcp_client *client, char *fault)
{
    bool same = text_equal(client->lease.fault, fault);

    free(client->lease.fault);
    client->lease.fault = fault;
    if (!same)
        tell(client);
}

static void try_again_later(struct dhcp_client *client)
{
    double now = ev_now(client->dhcp->loop);

    backoff_failed(&client->backoff, now);
    ev_timer_stop(client->dhcp->loop, &client->retry);
    ev_timer_set(&client->retry, client->backoff.next - now, 0.);
    ev_timer_start(client->dhcp->loop, &client->retry);
}

static void begin(struct dhcp_client *client)
{
    struct error err = {0};

    if (!client->lease.held)
        client->lease.asked = boot_time();
    if (start(client, &err) == 0) {
        set_fault(client, NULL);
        return;
    }
    set_fault(client, memory_format("the DHCP client %s: %s%s", client->dhcp->client, err.text,
                                    err.code == ENOENT ? ": install dhcpcd (Debian: dhcpcd-base)" : ""));
    try_again_later(client);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct dhcp_client *client = timer->data;

    (void)loop, (void)events;
    dhcp_client_settle(client);
}

/* All of its processes: without the first, the others would stay for ever. */
static void kill_all(const struct dhcp_client *client)
{
    kill(-client->pid, SIGKILL);
}

static void on_end(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct dhcp_client *client = watcher->data;
    bool asked_for = client->ending, given_back = client->lease.ending;

    (void)events;
    kill_all(client); /* before it is reaped: until then nobody else has its number */
    CLEANUP(freep) char *result = child_result(client->pidfd);
    ev_io_stop(loop, watcher);
    ev_timer_stop(loop, &client->patience);
    close(TAKE_FD(client->pidfd));
    client->ending = client->lease.ending = false;
    if (given_back) {
        client->lease.held = false;
        tell(client);
    }
    if (!asked_for) {
        if (!client->heard)
            set_fault(client, memory_format("the DHCP client %s ended (%s): the system's log may tell why; it is begun again",
                                            client->dhcp->client, result));
        try_again_later(client);
    }
    dhcp_client_settle(client);
}

static void on_impatience(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    kill_all(timer->data);
}

/* There is nothing that it would have to clear away: what it knows is in its files. Told to end by SIGTERM, dhcpcd 9.4 hangs when its
 * address has gone; so it is told (SIGALRM) only to give a lease back. */
static void end(struct dhcp_client *client)
{
    if (client->ending)
        return;
    client->ending = true;
    client->lease.ending = client->release && !client->wanted && client->lease.held;
    if (!client->lease.ending) {
        kill_all(client);
        return;
    }
    kill(client->pid, SIGALRM);
    ev_timer_set(&client->patience, RELEASE_WAIT, 0.);
    ev_timer_start(client->dhcp->loop, &client->patience);
}

void dhcp_client_settle(struct dhcp_client *client)
{
    bool run = client->wanted && client->may_run;

    if (client->pidfd >= 0) {
        if (!run || client->running != client->settings)
            end(client);
    } else if (run) {
        if (backoff_may_try(&client->backoff, ev_now(client->dhcp->loop)))
            begin(client);
    } else if (!client->wanted) {
        dhcp_forget(client->dhcp, client);
    }
}

void dhcp_client_adopt(struct dhcp_client *client)
{
    CLEANUP(freep) char *path = run_path(client, "/client");
    CLEANUP(freep) char *line = NULL;
    unsigned long long ticks, settings;
    int pid, pidfd;

    dhcp_client_hear(client, false);
    if (file_read(AT_FDCWD, path, 200, &line, NULL, NULL) < 0 || sscanf(line, "%d %llu %llu", &pid, &ticks, &settings) != 3
        || child_find(pid, ticks, &pidfd, NULL) < 0)
        return;
    client->running = settings;
    client->heard = true;
    watch(client, pid, pidfd);
}

/* --------------------------------------------------------------------------------------------------------------------------------- */

struct dhcp_client *dhcp_client_new(struct dhcp *dhcp, const char *name)
{
    struct dhcp_client *client = NEW(struct dhcp_client);

    client->dhcp = dhcp;
    client->pidfd = -1;
    text_copy(client->lease.interface, sizeof(client->lease.interface), name);
    client->lease.asked = boot_time();
    backoff_init(&client->backoff, RETRY_FIRST, RETRY_LONGEST);
    ev_init(&client->end_watcher, on_end);
    ev_init(&client->retry, on_retry);
    ev_init(&client->expiry, on_expiry);
    ev_init(&client->patience, on_impatience);
    client->end_watcher.data = client->retry.data = client->expiry.data = client->patience.data = client;
    client->next = dhcp->clients;
    dhcp->clients = client;
    return client;
}

void dhcp_client_free(struct dhcp_client *client)
{
    ev_io_stop(client->dhcp->loop, &client->end_watcher);
    ev_timer_stop(client->dhcp->loop, &client->retry);
    ev_timer_stop(client->dhcp->loop, &client->expiry);
    ev_timer_stop(client->dhcp->loop, &client->patience);
    close_fdp(&client->pidfd);
    dhcp_lease_clear(&client->lease);
    free(client->lease.fault);
    free(client->pinned);
    dhcp_arguments_free(client->arguments);
    free(client);
}
