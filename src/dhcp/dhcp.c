/* Which clients there are. */
#include "dhcp/dhcp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "dhcp/dhcp_internal.h"

static struct dhcp_client *find(const struct dhcp *dhcp, const char *name)
{
    for (struct dhcp_client *client = dhcp->clients; client; client = client->next)
        if (text_equal(client->lease.interface, name))
            return client;
    return NULL;
}

static void unlink_client(struct dhcp *dhcp, const struct dhcp_client *client)
{
    for (struct dhcp_client **at = &dhcp->clients; *at; at = &(*at)->next) {
        if (*at == client) {
            *at = client->next;
            return;
        }
    }
}

void dhcp_forget(struct dhcp *dhcp, struct dhcp_client *client)
{
    CLEANUP(freep) char *run = memory_format("%s/clients/%s", dhcp->run, client->lease.interface);
    CLEANUP(freep) char *report = memory_format("%s/leases/%s", dhcp->run, client->lease.interface);

    file_remove(run, NULL);
    file_remove(report, NULL);
    unlink_client(dhcp, client);
    dhcp_client_free(client);
}

/* -- what is wanted --------------------------------------------------------------------------------------------------------------- */

static char *pinned_path(const struct dhcp *dhcp, const char *name)
{
    return memory_format("%s/%s.client-id", dhcp->state, name);
}

static struct dhcp_client *add_client(struct dhcp *dhcp, const char *name)
{
    CLEANUP(freep) char *path = pinned_path(dhcp, name);
    struct dhcp_client *client = dhcp_client_new(dhcp, name);

    if (file_read(AT_FDCWD, path, 1024, &client->pinned, NULL, NULL) < 0)
        client->pinned = NULL;
    return client;
}

/* The index too: a link that was made again under the same name is another one for the client. */
static uint64_t settings_of(char **arguments, int index)
{
    struct text text = {0};
    uint64_t hash;

    for (size_t i = 0; arguments[i]; i++)
        text_format(&text, "%zu:%s ", strlen(arguments[i]), arguments[i]);
    text_format(&text, "%d", index);
    hash = text_hash(text.data);
    text_clear(&text);
    return hash;
}

static void want(struct dhcp *dhcp, struct dhcp_client *client, const struct interface *wanted, const struct interface *observed)
{
    client->wanted = true;
    client->release = wanted->dhcp.release;
    client->may_run = observed && observed->up;
    if (!observed)
        return;
    dhcp_arguments_free(client->arguments);
    client->arguments = dhcp_arguments(dhcp, wanted, observed, client->pinned);
    client->settings = settings_of(client->arguments, observed->index);
    /* A client that runs is not ended for a link that is down: without a carrier it waits, too. */
    if (client->pidfd >= 0 && client->running == client->settings)
        client->may_run = true;
}

void dhcp_follow(struct dhcp *dhcp, const struct network *wanted, const struct network *observed)
{
    for (struct dhcp_client *client = dhcp->clients; client; client = client->next)
        client->wanted = client->known = false;
    for (size_t i = 0; i < wanted->count; i++) {
        const struct interface *interface = wanted->items[i];
        struct dhcp_client *client;

        if (!interface->dhcp.client || !interface->onboot)
            continue;
        client = find(dhcp, interface->name);
        want(dhcp, client ? client : add_client(dhcp, interface->name), interface, network_find(observed, interface->name));
    }
    for (struct dhcp_client *client = dhcp->clients, *next; client; client = next) {
        next = client->next;
        dhcp_client_settle(client);
    }
}

const struct lease *dhcp_lease(const struct dhcp *dhcp, const char *interface)
{
    const struct dhcp_client *client = find(dhcp, interface);

    return client && (client->wanted || client->known || client->lease.ending) ? &client->lease : NULL;
}

pid_t *dhcp_processes(const struct dhcp *dhcp, pid_t own)
{
    pid_t *processes = NULL;
    size_t count = 0;

    *APPEND(processes, count) = own;
    for (const struct dhcp_client *client = dhcp->clients; client; client = client->next)
        if (client->pidfd >= 0)
            *APPEND(processes, count) = client->pid;
    *APPEND(processes, count) = 0;
    return processes;
}

/* -- moving ----------------------------------------------------------------------------------------------------------------------- */

/* One that a daemon before this one began is not asked for anything yet: it has what it was pinned to. NULL: it is not known. */
static const char *id_of(const struct dhcp_client *client)
{
    for (size_t i = 0; client->arguments && client->arguments[i]; i++)
        if (text_starts(client->arguments[i], DHCP_CLIENT_ID))
            return client->arguments[i] + strlen(DHCP_CLIENT_ID);
    return client->pinned;
}

/* dhcpcd's own memory of the lease is named after the interface. */
static int move_memory(const struct dhcp *dhcp, const char *from, const char *to, struct error *err)
{
    CLEANUP(freep) char *old = memory_format("%s/%s/%s.lease", dhcp->state, from, from);
    CLEANUP(freep) char *directory = memory_format("%s/%s", dhcp->state, to);
    CLEANUP(freep) char *new = memory_format("%s/%s.lease", directory, to);
    CLEANUP(freep) char *packet = NULL;
    size_t size;
    int result = file_read(AT_FDCWD, old, DHCP_REPORT_SIZE, &packet, &size, NULL);

    if (result < 0)
        return 0; /* no lease yet */
    result = file_make_directory(directory, 0755, err);
    return result == 0 ? file_write(new, packet, size, 0640, true, err) : result;
}

static int move_files(const struct dhcp *dhcp, const struct dhcp_client *from, const char *to, struct error *err)
{
    CLEANUP(freep) char *old = memory_format("%s/leases/%s", dhcp->run, from->lease.interface);
    CLEANUP(freep) char *new = memory_format("%s/leases/%s", dhcp->run, to);
    CLEANUP(freep) char *pinned = pinned_path(dhcp, to);
    const char *id = id_of(from);
    int result = id ? file_write(pinned, id, strlen(id), 0600, true, err) : 0;

    if (result == 0)
        result = move_memory(dhcp, from->lease.interface, to, err);
    if (result == 0 && rename(old, new) < 0 && errno != ENOENT)
        result = error_errno(err, errno, "%s: rename to %s", old, new);
    return result;
}

int dhcp_move(struct dhcp *dhcp, const char *from, const char *to, struct error *err)
{
    struct dhcp_client *old = find(dhcp, from), *new = find(dhcp, to);
    int result;

    if (!old || !(old->wanted || old->known))
        return error_set(err, ENOENT, "%s: has no DHCP client whose lease %s could take over", from, to);
    result = move_files(dhcp, old, to, err);
    if (result < 0)
        return error_prefix(err, "%s: move the DHCP lease to %s", from, to);
    if (!new)
        new = add_client(dhcp, to);
    if (id_of(old)) {
        free(new->pinned);
        new->pinned = memory_string(id_of(old));
    }
    dhcp_lease_clear(&new->lease);
    new->lease.held = old->lease.held;
    new->lease.address = old->lease.address;
    new->lease.routes = TAKE_POINTER(old->lease.routes);
    new->lease.route_count = old->lease.route_count;
    new->lease.until = old->lease.until;
    new->lease.asked = old->lease.asked;
    memcpy(new->lease.server, old->lease.server, sizeof(new->lease.server));
    new->known = new->moved = true;
    dhcp_client_set_lease(new);
    dhcp_lease_clear(&old->lease);
    dhcp_client_set_lease(old);
    old->wanted = old->known = old->release = false;
    dhcp_client_settle(old);
    return 0;
}

/* -- reports ---------------------------------------------------------------------------------------------------------------------- */

static void on_reports(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct dhcp *dhcp = watcher->data;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t size = read(dhcp->inotify, buffer, sizeof(buffer));

    (void)loop, (void)events;
    for (char *at = buffer; at < buffer + (size > 0 ? size : 0);) {
        const struct inotify_event *event = (const struct inotify_event *)at;
        struct dhcp_client *client = event->len ? find(dhcp, event->name) : NULL;

        at += sizeof(*event) + event->len;
        if (client && client->wanted)
            dhcp_client_hear(client, true);
        if (event->mask & IN_Q_OVERFLOW)
            for (client = dhcp->clients; client; client = client->next)
                dhcp_client_hear(client, true);
    }
}

static int watch_reports(struct dhcp *dhcp, struct error *err)
{
    CLEANUP(freep) char *leases = memory_format("%s/leases", dhcp->run);
    int result = file_make_directory(leases, 0755, err);

    if (result < 0)
        return result;
    dhcp->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (dhcp->inotify < 0 || inotify_add_watch(dhcp->inotify, leases, IN_MOVED_TO) < 0)
        return error_errno(err, errno, "%s: watch it (inotify)", leases);
    ev_io_init(&dhcp->reports, on_reports, dhcp->inotify, EV_READ);
    dhcp->reports.data = dhcp;
    ev_io_start(dhcp->loop, &dhcp->reports);
    return 0;
}

/* -- begin and end ---------------------------------------------------------------------------------------------------------------- */

/* Where dhcpcd is to be if it comes to be there: a client that is missing is told with this path. */
static char *find_program(const char *stated)
{
    const char *path = getenv("PATH");
    CLEANUP(freep) char *directories = memory_format("%s:/usr/sbin:/sbin:/usr/bin", path ? path : "/usr/sbin");
    char *rest = directories;

    if (stated)
        return memory_string(stated);
    for (char *directory; (directory = strsep(&rest, ":"));) {
        CLEANUP(freep) char *candidate = memory_format("%s/dhcpcd", directory);

        if (directory[0] == '/' && access(candidate, X_OK) == 0)
            return TAKE_POINTER(candidate);
    }
    return memory_string("/usr/sbin/dhcpcd");
}

/* Absolute, because the client works elsewhere. */
static int make_directory(const char *parent, char **ret_path, struct error *err)
{
    CLEANUP(freep) char *path = memory_format("%s/dhcp", parent);
    int result = file_make_directory(path, 0755, err);

    if (result < 0)
        return result;
    *ret_path = realpath(path, NULL);
    return *ret_path ? 0 : error_errno(err, errno, "%s: find its absolute path", path);
}

static int adopt(struct dhcp *dhcp, const char *kind, struct error *err)
{
    CLEANUP(freep) char *directory = memory_format("%s/%s", dhcp->run, kind);
    char **names = NULL;
    size_t count = 0;
    int result = file_make_directory(directory, 0755, err);

    if (result == 0)
        result = file_list(directory, &names, &count, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct dhcp_client *client;

        if (text_interface_name_fault(names[i]) || find(dhcp, names[i]))
            continue;
        client = add_client(dhcp, names[i]);
        client->known = true;
        dhcp_client_adopt(client);
    }
    file_list_free(names, count);
    return result;
}

/* A lease may have come from another interface, and its client not have begun here yet. */
static int adopt_all(struct dhcp *dhcp, struct error *err)
{
    int result = adopt(dhcp, "clients", err);

    return result == 0 ? adopt(dhcp, "leases", err) : result;
}

int dhcp_new(struct ev_loop *loop, const struct dhcp_settings *settings, dhcp_listener listener, void *context, struct dhcp **ret_dhcp,
             struct error *err)
{
    struct dhcp *dhcp = NEW(struct dhcp);
    int result;

    dhcp->loop = loop;
    dhcp->reporter = memory_string(settings->reporter);
    dhcp->client = find_program(settings->client);
    dhcp->listener = listener;
    dhcp->context = context;
    dhcp->inotify = -1;
    result = make_directory(settings->run_directory, &dhcp->run, err);
    if (result == 0)
        result = make_directory(settings->state_directory, &dhcp->state, err);
    if (result == 0)
        result = watch_reports(dhcp, err); /* before they are read, so that none is missed */
    if (result == 0)
        result = adopt_all(dhcp, err);
    if (result < 0) {
        dhcp_free(dhcp);
        return result;
    }
    *ret_dhcp = dhcp;
    return 0;
}

void dhcp_free(struct dhcp *dhcp)
{
    if (!dhcp)
        return;
    while (dhcp->clients) {
        struct dhcp_client *client = dhcp->clients;

        dhcp->clients = client->next;
        dhcp_client_free(client);
    }
    if (dhcp->inotify >= 0)
        ev_io_stop(dhcp->loop, &dhcp->reports);
    close_fdp(&dhcp->inotify);
    free(dhcp->run);
    free(dhcp->state);
    free(dhcp->reporter);
    free(dhcp->client);
    free(dhcp);
}
