/* An API on a real Unix socket with a reconciler made of cardboard behind it, and clients in the same thread: every wait turns
 * the loop until what is waited for has come, or fails after GUARD seconds. */
#pragma once

#include <ev.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api.h"
#include "base/document.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/option.h"

enum { GUARD = 60, CLIENT_LIMIT = 32 << 20 };

/* the reconciler */

static struct {
    struct network observed, wanted;
    struct vm *defined, *running; /* one VM, "c2" */
    reconcile_done done;          /* of the request that runs */
    void *context;
    char called[200]; /* what was asked last */
    struct nic attached;
    char *ret_name;
    bool at_once; /* done() is called before the call returns, with `result` */
    int result;
    struct error err;
    struct problems problems; /* of plan and apply */
    struct plan plan;
    bool refused; /* apply would do nothing of the plan */
    struct reconcile_pending pending;
} fake;

static void fake_finish(int result, const char *text)
{
    reconcile_done done = fake.done;
    struct error err = {0};

    assert_non_null(done);
    fake.done = NULL;
    if (result)
        error_set(&err, -result, "%s", text);
    done(fake.context, result, result ? &err : NULL, &fake.plan, &fake.problems);
}

static void fake_begin(reconcile_done done, void *context)
{
    fake.done = done;
    fake.context = context;
    if (fake.at_once)
        fake_finish(fake.result, "it went wrong");
}

void reconcile_interface_reason(struct reconciler *reconciler, const struct interface *interface, char *text, size_t size)
{
    (void)reconciler;
    snprintf(text, size, "%s, says the test", interface->name);
}

bool reconcile_interface_claim(const struct reconciler *reconciler, const struct interface *observed, struct manager_claim *ret_claim)
{
    (void)reconciler;
    if (strcmp(observed->name, "eth0"))
        return false;
    *ret_claim = (struct manager_claim){"NetworkManager", "nmcli device set eth0 managed no"};
    return true;
}

const char *reconcile_interface_hand(const struct reconciler *reconciler, const char *name)
{
    (void)reconciler;
    return strcmp(name, "eth0") ? NULL : "down";
}

const struct network *reconcile_network_observed(const struct reconciler *reconciler)
{
    (void)reconciler;
    return &fake.observed;
}

const struct network *reconcile_network_wanted(const struct reconciler *reconciler)
{
    (void)reconciler;
    return &fake.wanted;
}

bool reconcile_plan(struct reconciler *reconciler, struct plan *ret_plan, struct problems *problems)
{
    (void)reconciler;
    plan_add(ret_plan, STEP_LINK_CREATE, "br0", "create bridge br0");
    problems_add(problems, true, "ifcfg-br0", 3, 1, "STP=maybe is neither yes nor no");
    return !fake.refused;
}

void reconcile_apply(struct reconciler *reconciler, bool repair, double confirm, reconcile_done done, void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "apply repair=%d confirm=%g", repair, confirm);
    fake_begin(done, context);
}

void reconcile_interface_change(struct reconciler *reconciler, const char *word, bool up, char *ret_name, reconcile_done done,
                                void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "%s %s", up ? "ifup" : "ifdown", word);
    text_copy(ret_name, INTERFACE_NAME_SIZE, "eth0");
    fake_begin(done, context);
}

void reconcile_bridging(struct reconciler *reconciler, const struct reconcile_bridging *asked, struct reconcile_bridged *ret_report,
                        reconcile_done done, void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "%s %s %s stp=%d delay=%u start=%d force=%d preview=%d confirm=%g checks=%zu",
             asked->out ? "unbridge" : "bridge", asked->nic, asked->bridge, asked->stp, asked->delay, !asked->no_start, asked->force,
             asked->preview, asked->confirm, asked->check_count);
    text_copy(ret_report->nic, sizeof(ret_report->nic), "eth0");
    text_add(&ret_report->warnings, "one\ntwo\n");
    text_add(&ret_report->report, "moved nothing");
    fake_begin(done, context);
}

void reconcile_bridged_clear(struct reconcile_bridged *report)
{
    text_clear(&report->warnings);
    text_clear(&report->report);
}

void reconcile_confirm(struct reconciler *reconciler, bool transaction, reconcile_done done, void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "%s", transaction ? "commit" : "confirm");
    fake_begin(done, context);
}

void reconcile_rollback(struct reconciler *reconciler, bool transaction, reconcile_done done, void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "rollback%s", transaction ? " of the transaction" : "");
    fake_begin(done, context);
}

void reconcile_begin(struct reconciler *reconciler, reconcile_done done, void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "begin");
    fake_begin(done, context);
}

bool reconcile_pending(const struct reconciler *reconciler, struct reconcile_pending *ret_pending)
{
    (void)reconciler;
    *ret_pending = fake.pending;
    return fake.pending.name;
}

char *reconcile_unconfirmed(const struct reconciler *reconciler, bool with_files)
{
    (void)reconciler, (void)with_files;
    return NULL;
}

bool reconcile_repairs(const struct reconciler *reconciler)
{
    (void)reconciler;
    return true;
}

const char *reconcile_busy(const struct reconciler *reconciler)
{
    (void)reconciler;
    return fake.done ? "apply" : NULL;
}

const char *reconcile_troubles(const struct reconciler *reconciler)
{
    (void)reconciler;
    return "first trouble\nsecond trouble";
}

static struct reconcile_vm fake_vm(void)
{
    return (struct reconcile_vm){
        .name = "c2", .defined = fake.defined, .observed = fake.running, .last_reason = "guest powered off"};
}

bool reconcile_vm_find(const struct reconciler *reconciler, const char *name, struct reconcile_vm *ret_vm)
{
    (void)reconciler;
    if (strcmp(name, "c2") || (!fake.defined && !fake.running))
        return false;
    *ret_vm = fake_vm();
    return true;
}

size_t reconcile_vm_list(const struct reconciler *reconciler, struct reconcile_vm **ret_vms)
{
    (void)reconciler;
    *ret_vms = NULL;
    if (!fake.defined && !fake.running)
        return 0;
    *ret_vms = NEW(struct reconcile_vm);
    **ret_vms = fake_vm();
    return 1;
}

int reconcile_vm_define(struct reconciler *reconciler, struct vm *vm, const char *text, struct error *err)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "define %s %zu", vm->name, strlen(text));
    vm_free(vm);
    return fake.result ? error_set(err, -fake.result, "it went wrong") : 0;
}

int reconcile_vm_undefine(struct reconciler *reconciler, const char *name, struct error *err)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "undefine %s", name);
    return fake.result ? error_set(err, -fake.result, "it went wrong") : 0;
}

void reconcile_vm_power(struct reconciler *reconciler, const char *name, enum reconcile_power power, reconcile_done done,
                        void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "power %s %d", name, power);
    fake_begin(done, context);
}

static const char *fake_scope(struct reconcile_scope scope)
{
    return scope.live && scope.config ? "live+config" : scope.live ? "live" : scope.config ? "config" : "nowhere";
}

static void fake_take_nic(const struct nic *nic)
{
    nic_clear(&fake.attached);
    nic_copy(nic, &fake.attached);
}

void reconcile_nic_attach(struct reconciler *reconciler, const char *vm, const struct nic *nic, struct reconcile_scope scope,
                          char *ret_name, reconcile_done done, void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "attach %s %s", vm, fake_scope(scope));
    fake_take_nic(nic);
    fake.ret_name = ret_name;
    strcpy(ret_name, scope.live ? "net0" : "net1");
    fake_begin(done, context);
}

void reconcile_nic_update(struct reconciler *reconciler, const char *vm, const struct nic *changes, struct reconcile_scope scope,
                          reconcile_done done, void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "update %s %s %s", vm, changes->name, fake_scope(scope));
    fake_take_nic(changes);
    fake_begin(done, context);
}

void reconcile_nic_detach(struct reconciler *reconciler, const char *vm, const char *nic, struct reconcile_scope scope,
                          double timeout, reconcile_done done, void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "detach %s %s %s %g", vm, nic, fake_scope(scope), timeout);
    fake_begin(done, context);
}

void reconcile_vm_create(struct reconciler *reconciler, struct vm *vm, reconcile_done done, void *context)
{
    (void)reconciler;
    snprintf(fake.called, sizeof(fake.called), "create %s %s", vm->name, vm->file ? vm->file : "without a file");
    vm_free(vm);
    fake_begin(done, context);
}

const char *reconcile_warnings(const struct reconciler *reconciler)
{
    (void)reconciler;
    return "bridge-nf-call-iptables is 1";
}

void reconcile_nic_warnings(const struct reconciler *reconciler, const struct nic *nic, struct text *warnings)
{
    (void)reconciler;
    text_format(warnings, "%s: no packet passes\n", nic->name);
}

static struct interface *fake_interface(struct network *network, const char *name, enum interface_kind kind, const char *master)
{
    struct interface *interface = interface_new(name);

    interface->kind = kind;
    interface->up = interface->carrier = true;
    interface->set |= FIELD_BIT(FIELD_KIND) | FIELD_BIT(FIELD_UP) | FIELD_BIT(FIELD_MASTER);
    text_copy(interface->master, sizeof(interface->master), master);
    network_insert(network, interface);
    return interface;
}

/* br0 with the VM's TAP, lo that is down, br9 that is missing; c2 runs with net0 plugged. */
static void fake_fill(void)
{
    struct nic *nic;

    memset(&fake, 0, sizeof(fake));
    fake_interface(&fake.observed, "br0", INTERFACE_BRIDGE, "")->owner = OWNER_TRESTLE;
    fake_interface(&fake.observed, "c2-net0", INTERFACE_TAP, "br0");
    fake_interface(&fake.observed, "lo", INTERFACE_LOOPBACK, "")->up = false;
    fake_interface(&fake.wanted, "br0", INTERFACE_BRIDGE, "");
    fake_interface(&fake.wanted, "br9", INTERFACE_BRIDGE, "");
    fake.defined = vm_new("c2");
    fake.running = vm_new("c2");
    fake.running->state = VM_RUNNING;
    fake.running->pid = 4711;
    fake.running->free_slots = 26;
    fake.running->free_conventional_slots = 25;
    nic = vm_add_nic(fake.running, "net0");
    strcpy(nic->target, "c2-net0");
    strcpy(nic->bridge, "br0");
    text_mac("52:54:00:00:00:11", nic->mac);
    nic->state = NIC_PLUGGED;
    nic->vhost_reason = memory_string("no /dev/vhost-net");
    vm_add_nic(fake.defined, "net1");
}

static void fake_clear(void)
{
    network_clear(&fake.observed);
    network_clear(&fake.wanted);
    vm_free(fake.defined);
    vm_free(fake.running);
    nic_clear(&fake.attached);
    problems_clear(&fake.problems);
    plan_clear(&fake.plan);
}

/* the API */

static struct {
    struct ev_loop *loop;
    struct api *api;
    char directory[64], path[100];
    ev_timer guard;
    int console; /* the guest's end */
    api_monitor_answer agent_answer;
    void *agent_context;
} test;

static int fake_console(void *context, const char *vm, int *ret_fd, struct error *err)
{
    int pair[2];

    (void)context;
    if (strcmp(vm, "c2"))
        return error_set(err, EBUSY, "vm %s: somebody else is at the console", vm);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    *ret_fd = pair[0];
    test.console = pair[1];
    return 0;
}

static void fake_agent(void *context, const char *vm, const char *command, json_t *arguments, api_monitor_answer answer,
                       void *answer_context)
{
    (void)context, (void)vm;
    document_free(arguments);
    snprintf(fake.called, sizeof(fake.called), "agent %s", command);
    test.agent_answer = answer;
    test.agent_context = answer_context;
}

static int fake_statistics(void *context, const char *interface, struct link_statistics *ret_statistics, struct error *err)
{
    (void)context;
    if (strcmp(interface, "c2-net0"))
        return error_set(err, ENOENT, "%s: no such interface", interface);
    *ret_statistics = (struct link_statistics){1, 2, 3, 4, 5, 6, 7, 8};
    return 0;
}

static int fake_neighbours(void *context, const uint8_t mac[6], struct address **ret_addresses, size_t *ret_count,
                           struct error *err)
{
    (void)context, (void)mac;
    if (fake.result)
        return error_set(err, -fake.result, "it went wrong");
    *ret_addresses = memory_new(2 * sizeof(struct address));
    (*ret_addresses)[0] = (struct address){.family = AF_INET, .bytes = {10, 0, 0, 7}};
    (*ret_addresses)[1] = (struct address){.family = AF_INET6, .bytes = {0xfe, 0x80, [15] = 7}};
    *ret_count = 2;
    return 0;
}

static void on_guard(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)watcher, (void)events;
    fprintf(stderr, "nothing happened for %d s\n", GUARD);
    abort();
}

static int start_api(struct error *err)
{
    struct api_settings settings = {.socket_path = test.path,
                                    .listen_fd = -1,
                                    .group = "daemon",
                                    .read_only_group = "bin",
                                    .vm_directory = test.directory,
                                    .version = "1.2.3"};

    struct api_machines machines = {
        .console = fake_console, .agent = fake_agent, .statistics = fake_statistics, .neighbours = fake_neighbours};

    return api_new(test.loop, NULL, &settings, &machines, &test.api, err);
}

static int set_up(void **state)
{
    struct error err = {0};

    (void)state;
    fake_fill();
    test.console = -1;
    strcpy(test.directory, "/tmp/trestle-test-XXXXXX");
    assert_non_null(mkdtemp(test.directory));
    assert_int_equal(chmod(test.directory, 0755), 0);
    snprintf(test.path, sizeof(test.path), "%s/trestle.sock", test.directory);
    test.loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&test.guard, on_guard, GUARD, 0);
    ev_timer_start(test.loop, &test.guard);
    if (start_api(&err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_free(test.api);
    test.api = NULL;
    if (test.console >= 0)
        close(test.console);
    ev_loop_destroy(test.loop);
    unlink(test.path);
    assert_int_equal(rmdir(test.directory), 0);
    fake_clear();
    return 0;
}

/* clients */

struct client {
    int fd;
    struct text got;
    bool ended;
};

static struct client client_open(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct client client = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    strcpy(address.sun_path, test.path);
    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(client.fd, F_SETFL, O_NONBLOCK), 0);
    return client;
}

static void client_close(struct client *client)
{
    close(client->fd);
    text_clear(&client->got);
}

static void turn(void)
{
    ev_run(test.loop, EVRUN_NOWAIT);
}

static void client_read(struct client *client)
{
    char data[65536];
    ssize_t size = recv(client->fd, data, sizeof(data), 0);

    if (size > 0)
        text_add_data(&client->got, data, (size_t)size);
    else if (size == 0 || errno != EAGAIN)
        client->ended = true;
    assert_true(client->got.length < CLIENT_LIMIT);
}

static void client_send_data(struct client *client, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(client->fd, data, size, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        assert_true(sent > 0 || errno == EAGAIN);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
        turn();
    }
}

static void client_send(struct client *client, const char *text)
{
    client_send_data(client, text, strlen(text));
}

static void client_ask(struct client *client, const char *method, const char *path, const char *body)
{
    char *text = memory_format("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", method, path, strlen(body), body);

    client_send(client, text);
    free(text);
}

/* Until `text` is in what the client got. */
__attribute__((unused)) static void client_expect(struct client *client, const char *text)
{
    for (;;) {
        client_read(client);
        if (client->got.data && strstr(client->got.data, text))
            return;
        if (client->ended)
            fail_msg("the connection ended before \"%s\" came, after: %s", text, client->got.data ? client->got.data : "nothing");
        turn();
    }
}

__attribute__((unused)) static void client_expect_end(struct client *client)
{
    while (!client->ended) {
        turn();
        client_read(client);
    }
}

/* Is a whole answer with Content-Length there? Gives its body. */
static const char *whole_answer(const struct client *client)
{
    const char *body = client->got.data ? strstr(client->got.data, "\r\n\r\n") : NULL;
    const char *length = body ? strstr(client->got.data, "Content-Length: ") : NULL;

    if (!length)
        return NULL;
    return strlen(body + 4) >= strtoul(length + 16, NULL, 10) ? body + 4 : NULL;
}

/* The answer's status; its JSON too when ret_json is given. What the client got is forgotten. */
static int client_answer(struct client *client, json_t **ret_json)
{
    const char *body;
    struct error err = {0};
    int status;

    while (!(body = whole_answer(client))) {
        if (client->ended)
            fail_msg("the connection ended inside an answer: %s", client->got.data ? client->got.data : "nothing");
        turn();
        client_read(client);
    }
    assert_true(text_starts(client->got.data, "HTTP/1.1 "));
    status = atoi(client->got.data + 9);
    if (ret_json && document_parse(body, strlen(body), ret_json, &err) < 0)
        fail_msg("%s in: %s", err.text, body);
    text_clear(&client->got);
    return status;
}

/* One request over a connection of its own. */
static int ask(const char *method, const char *path, const char *body, json_t **ret_json)
{
    struct client client = client_open();
    int status;

    client_ask(&client, method, path, body);
    status = client_answer(&client, ret_json);
    client_close(&client);
    return status;
}

static void wait_for_call(const char *called)
{
    while (strcmp(fake.called, called) || !fake.done)
        turn();
}
