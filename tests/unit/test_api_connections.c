/* links: api model config base */
#include "test_api_fixture.h"

#include <grp.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "api/api_internal.h"

/* requests that wait, clients that go */

static void test_a_client_that_goes_away(void **state)
{
    struct client client = client_open();

    (void)state;
    client_ask(&client, "POST", "/v1/apply", "{\"repair\": true}");
    wait_for_call("apply repair=1 confirm=0");
    client_close(&client);
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200);
    fake_finish(0, NULL); /* the request went on; its answer is dropped */
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200);
}

static void test_the_api_ends_before_a_request(void **state)
{
    struct client client = client_open();

    (void)state;
    client_ask(&client, "POST", "/v1/vms/c2/start", "");
    wait_for_call("power c2 0");
    api_free(test.api);
    test.api = NULL;
    client_expect(&client, "HTTP/1.1 503");
    client_expect(&client, "trestled is stopping");
    client_expect_end(&client);
    fake_finish(0, NULL);
    client_close(&client);
}

static void test_two_requests_wait(void **state)
{
    struct client first = client_open(), second = client_open();
    reconcile_done done;
    void *context;

    (void)state;
    client_ask(&first, "POST", "/v1/vms/c2/start", "");
    wait_for_call("power c2 0");
    done = fake.done;
    context = fake.context;
    fake.done = NULL;
    client_ask(&second, "DELETE", "/v1/vms/c2/nics/net0", "");
    wait_for_call("detach c2 net0 live 20");
    fake_finish(-ETIMEDOUT, "the guest does not answer");
    assert_int_equal(client_answer(&second, NULL), 504);
    done(context, 0, NULL, NULL, NULL);
    assert_int_equal(client_answer(&first, NULL), 200);
    client_close(&first);
    client_close(&second);
}

static void test_slow_clients_hold_nobody_up(void **state)
{
    struct client half = client_open(), byte = client_open(), deaf = client_open();
    const char *request = "GET /v1/vms HTTP/1.1\r\nHost: x\r\n\r\n";

    (void)state;
    for (int i = 0; i < 5000; i++) {
        char name[INTERFACE_NAME_SIZE];

        snprintf(name, sizeof(name), "x%d", i);
        fake_interface(&fake.observed, name, INTERFACE_TAP, "br0");
    }
    client_send(&half, "POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    client_ask(&deaf, "GET", "/v1/interfaces", ""); /* megabytes that it doesn't read yet */
    for (const char *at = request; *at; at++) {
        client_send_data(&byte, at, 1);
        assert_int_equal(ask("GET", "/v1/plan", "", NULL), 200);
    }
    assert_int_equal(client_answer(&byte, NULL), 200);
    assert_int_equal(client_answer(&deaf, NULL), 200);
    client_close(&half);
    client_close(&byte);
    client_close(&deaf);
}

static void test_more_clients_than_places(void **state)
{
    struct client clients[API_CONNECTIONS], last;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        clients[i] = client_open();
        client_ask(&clients[i], "GET", "/v1/vms", "");
        assert_int_equal(client_answer(&clients[i], NULL), 200);
    }
    last = client_open(); /* waits in the kernel */
    client_ask(&last, "GET", "/v1/vms", "");
    for (size_t i = 0; i < 100; i++) {
        turn();
        client_read(&last);
    }
    assert_int_equal(last.got.length, 0);
    client_close(&clients[7]);
    assert_int_equal(client_answer(&last, NULL), 200);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
        if (i != 7)
            client_close(&clients[i]);
    client_close(&last);
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200);
}

static void test_pipelined_requests(void **state)
{
    struct client client = client_open();

    (void)state;
    fake.at_once = true;
    client_send(&client, "GET /v1/vms HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    client_expect(&client, "\"c2\"");
    client_expect(&client, "trestle_up 1");
    client_close(&client);
}

/* events */

static void emit(unsigned long long id, const char *text)
{
    api_event(test.api, &(struct reconcile_event){.id = id, .type = "vm", .object = "c2", .text = text});
}

static void listen_for_events(struct client *client, const char *header)
{
    char *text = memory_format("GET /v1/events HTTP/1.1\r\nHost: x\r\n%s\r\n", header);

    *client = client_open();
    client_send(client, text);
    client_expect(client, "retry: 1000\n\n");
    free(text);
}

static void test_events_arrive(void **state)
{
    struct client first, second, gone;

    (void)state;
    emit(1, "before anybody listened");
    listen_for_events(&first, "");
    listen_for_events(&second, "");
    listen_for_events(&gone, "");
    client_close(&gone);
    emit(2, "started \"now\"\nand more");
    client_expect(&first, "id: 2\nevent: vm\ndata: {\"id\":2,\"type\":\"vm\",\"object\":\"c2\",\"text\":\"started "
                          "\\\"now\\\"\\nand more\"}\n\n");
    client_expect(&second, "id: 2\n");
    assert_null(strstr(first.got.data, "before"));
    emit(3, "on");
    emit(4, "and on");
    client_expect(&first, "id: 3\n");
    client_expect(&first, "id: 4\n");
    client_close(&first);
    client_close(&second);
    emit(5, "to nobody");
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200);
}

static void test_events_are_taken_up_again(void **state)
{
    struct client client;

    (void)state;
    for (unsigned long long id = 1; id <= 5; id++)
        emit(id, "one");
    listen_for_events(&client, "Last-Event-ID: 3\r\n");
    client_expect(&client, "id: 5\n");
    assert_non_null(strstr(client.got.data, "id: 4\n"));
    assert_null(strstr(client.got.data, "id: 3\n"));
    assert_null(strstr(client.got.data, "lost"));
    client_close(&client);
}

static void test_lost_events_are_told(void **state)
{
    struct client client;

    (void)state;
    for (unsigned long long id = 1; id <= API_EVENTS_KEPT + 100; id++)
        emit(id, "one");
    listen_for_events(&client, "Last-Event-ID: 3\r\n");
    client_expect(&client, "event: lost\n");
    client_expect(&client, "id: 1100\n");
    assert_null(strstr(client.got.data, "id: 100\n"));
    assert_non_null(strstr(client.got.data, "id: 101\n"));
    client_close(&client);
}

/* A listener that doesn't read falls out of the ring; memory stays bounded and it is told. */
static void test_a_deaf_listener(void **state)
{
    struct client client;
    char big[2000];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    listen_for_events(&client, "");
    for (unsigned long long id = 1; id <= 4 * API_EVENTS_KEPT; id++) {
        emit(id, big);
        turn();
    }
    client_expect(&client, "events are no longer kept");
    client_expect(&client, "id: 4000\n");
    client_close(&client);
}

static void test_the_api_ends_under_listeners(void **state)
{
    struct client client;

    (void)state;
    listen_for_events(&client, "");
    api_free(test.api);
    test.api = NULL;
    client_expect_end(&client);
    client_close(&client);
}

/* the console */

static struct client open_console(const char *typed)
{
    struct client client = client_open();

    client_send(&client, "GET /v1/vms/c2/console HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: trestle-console\r\n\r\n");
    client_send(&client, typed);
    client_expect(&client, "HTTP/1.1 101");
    client_expect(&client, "\r\n\r\n");
    text_clear(&client.got);
    return client;
}

/* What the guest got, until it is `size` bytes or the end. */
static void guest_read(struct text *got, size_t size)
{
    char data[65536];

    while (got->length < size) {
        ssize_t count = recv(test.console, data, sizeof(data), 0);

        if (count == 0 || (count < 0 && errno != EAGAIN))
            return;
        if (count > 0)
            text_add_data(got, data, (size_t)count);
        turn();
    }
}

static void test_console_carries_bytes(void **state)
{
    struct client client = open_console("root\r");
    struct text got = {0};

    (void)state;
    guest_read(&got, 5);
    assert_string_equal(got.data, "root\r");
    assert_int_equal(send(test.console, "login: \x1b[0m", 11, 0), 11);
    client_expect(&client, "login: \x1b[0m");
    client_send(&client, "secret\r");
    guest_read(&got, 12);
    assert_string_equal(got.data, "root\rsecret\r");
    client_close(&client);
    guest_read(&got, SIZE_MAX); /* the client's end is the console's end */
    text_clear(&got);
}

/* The guest talks and nobody listens: it has to stop some time. Gives how much it could say. */
static size_t talk_until_full(void)
{
    char piece[1000];
    size_t said = 0;
    int idle = 0;

    memset(piece, 'y', sizeof(piece));
    while (idle < 100) {
        ssize_t count = send(test.console, piece, sizeof(piece), MSG_NOSIGNAL);

        idle = count > 0 ? 0 : idle + 1;
        said += count > 0 ? (size_t)count : 0;
        assert_true(said < 3 << 20);
        turn();
    }
    return said;
}

static void test_console_is_bounded_and_complete(void **state)
{
    struct client client = open_console("");
    size_t said = talk_until_full();

    (void)state;
    while (client.got.length < said) {
        turn();
        client_read(&client);
    }
    said += talk_until_full();
    close(test.console); /* what was said last still arrives */
    test.console = -1;
    for (int i = 0; i < 100; i++)
        turn();
    client_expect_end(&client);
    assert_int_equal(client.got.length, said);
    client_close(&client);
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200);
}

/* The console ends while its last words still wait for a client that doesn't read. */
static void test_the_last_words(void **state)
{
    struct client client = open_console("");
    char piece[1000];
    size_t said = 0;
    int before, queued = 0;

    (void)state;
    memset(piece, 'z', sizeof(piece));
    do { /* until the socket takes no whole piece: the rest of it waits in the relay */
        before = queued;
        assert_int_equal(send(test.console, piece, sizeof(piece), MSG_NOSIGNAL), sizeof(piece));
        said += sizeof(piece);
        for (int i = 0; i < 5; i++)
            turn();
        assert_int_equal(ioctl(client.fd, FIONREAD, &queued), 0);
    } while (queued - before == (int)sizeof(piece));
    close(test.console);
    test.console = -1;
    for (int i = 0; i < 100; i++)
        turn();
    client_expect_end(&client);
    assert_int_equal(client.got.length, said);
    client_close(&client);
}

static void test_the_api_ends_under_a_console(void **state)
{
    struct client client = open_console("");
    struct text got = {0};

    (void)state;
    api_free(test.api);
    test.api = NULL;
    client_expect_end(&client);
    guest_read(&got, 1);
    client_close(&client);
    text_clear(&got);
}

static void test_console_refusals(void **state)
{
    struct client client = client_open();

    (void)state;
    assert_int_equal(ask("GET", "/v1/vms/c2/console", "", NULL), 426);
    client_send(&client, "GET /v1/vms/c3/console HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: trestle-console\r\n\r\n");
    client_expect(&client, "somebody else is at the console");
    assert_int_equal(client_answer(&client, NULL), 409);
    client_close(&client);
}

/* who may */

/* Child: asks as another user and ends with the answer's status / 10 or'ed with nothing; 99 when something else fails. */
static void ask_as(uid_t uid, gid_t gid, gid_t group, const char *request)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[4096];
    size_t length = 0;
    int fd;

    strcpy(address.sun_path, test.path);
    if (setgroups(group ? 1 : 0, &group) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
        _exit(99);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        _exit(98);
    while (length < 12) {
        ssize_t size = recv(fd, answer + length, sizeof(answer) - length, 0);

        if (size <= 0)
            _exit(97);
        length += (size_t)size;
    }
    _exit(atoi(answer + 9) - 200); /* 0 … 203 */
}

static void on_child(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)watcher, (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static int status_for(uid_t uid, gid_t gid, gid_t group, const char *request)
{
    int status, ends[2];
    ev_io watcher;
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0); /* its end is the child's end */
    pid = fork();
    if (pid == 0)
        ask_as(uid, gid, group, request);
    close(ends[1]);
    ev_io_init(&watcher, on_child, ends[0], EV_READ);
    ev_io_start(test.loop, &watcher);
    ev_run(test.loop, 0);
    ev_io_stop(test.loop, &watcher);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) + 200;
}

static void test_who_may_do_what(void **state)
{
    static const char look[] = "GET /v1/vms HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char change[] = "POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    static const char console[] = "GET /v1/vms/c2/console HTTP/1.1\r\nHost: x\r\n\r\n";
    const struct group *changers, *lookers;
    gid_t may_change, may_look;

    (void)state;
    changers = getgrnam("daemon");
    may_change = changers ? changers->gr_gid : 0;
    lookers = getgrnam("bin");
    may_look = lookers ? lookers->gr_gid : 0;
    if (geteuid() != 0 || !may_change || !may_look || setgroups(0, NULL) < 0)
        skip();
    fake.at_once = true;
    assert_int_equal(status_for(12345, 12345, 0, look), 403);
    assert_int_equal(status_for(12345, 12345, 0, change), 403);
    assert_int_equal(status_for(12345, 12345, may_change, change), 200);
    assert_int_equal(status_for(12345, may_change, 0, change), 200);
    assert_int_equal(status_for(12345, 12345, may_look, look), 200);
    assert_int_equal(status_for(12345, 12345, may_look, change), 403);
    assert_int_equal(status_for(12345, 12345, may_look, console), 403);
    assert_int_equal(status_for(12345, 12345, may_change, console), 426);
    assert_string_equal(fake.called, "apply repair=1 confirm=0");
}

static void test_a_refusal_names_the_cure(void **state)
{
    const struct api_route change = {.method = "POST", .path = "/v1/apply", .access = API_CHANGE};
    const struct api_route look = {.method = "GET", .path = "/v1/vms", .access = API_READ};
    struct api_peer nobody = {.uid = 1000, .access = API_NOTHING}, reader = {.uid = 1000, .access = API_READ};
    CLEANUP(freep) char *first = api_auth_refusal(test.api, &nobody, &look);
    CLEANUP(freep) char *second = api_auth_refusal(test.api, &reader, &change);

    (void)state;
    assert_non_null(strstr(first, "\"bin\""));
    assert_non_null(strstr(first, "\"daemon\""));
    assert_null(strstr(second, "\"bin\""));
    assert_non_null(strstr(second, "\"daemon\""));
}

/* the socket's file */

static void test_the_socket(void **state)
{
    struct stat status;
    struct api *first = test.api;
    struct error err = {0};

    (void)state;
    assert_int_equal(lstat(test.path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0666);
    assert_int_equal(start_api(&err), -EADDRINUSE); /* one is running there */
    assert_non_null(strstr(err.text, test.path));
    assert_ptr_equal(test.api, first);
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200);
    api_free(test.api);
    test.api = NULL;
    assert_int_equal(lstat(test.path, &status), -1); /* and is tidied up */
}

static void test_a_stale_socket_is_replaced(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct error err = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    api_free(TAKE_POINTER(test.api));
    strcpy(address.sun_path, test.path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    assert_int_equal(start_api(&err), 0);
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200);
}

static void test_no_other_file_is_replaced(void **state)
{
    struct error err = {0};
    FILE *file;

    (void)state;
    api_free(TAKE_POINTER(test.api));
    file = fopen(test.path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(start_api(&err), -EEXIST);
    assert_non_null(strstr(err.text, "no socket"));
    assert_int_equal(unlink(test.path), 0);
}

static void test_another_daemons_socket_stays(void **state)
{
    struct api *old = test.api;
    struct error err = {0};

    (void)state;
    assert_int_equal(unlink(test.path), 0);
    assert_int_equal(start_api(&err), 0);
    api_free(old);
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_client_that_goes_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_api_ends_before_a_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_requests_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slow_clients_hold_nobody_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_clients_than_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pipelined_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events_are_taken_up_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost_events_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_deaf_listener, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_api_ends_under_listeners, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_console_carries_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_console_is_bounded_and_complete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_last_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_api_ends_under_a_console, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_console_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_may_do_what, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refusal_names_the_cure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stale_socket_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_other_file_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_daemons_socket_stays, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
