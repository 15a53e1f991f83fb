/* links: vmm
 * The QMP client against a scripted peer on a socket pair, for what a real QEMU won't do on demand. */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "vmm/qmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n"

struct fixture {
    struct ev_loop *loop;
    struct qmp *qmp;
    int peer;
    struct text log; /* what the client told, one line each */
    int wanted;      /* lines to wait for */
};

static int count_lines(const struct text *text)
{
    int count = 0;
    for (const char *c = text->data ? text->data : ""; *c; c++)
        count += *c == '\n';
    return count;
}

static void noted(struct fixture *fixture)
{
    if (count_lines(&fixture->log) >= fixture->wanted)
        ev_break(fixture->loop, EVBREAK_ALL);
}

static void on_ready(void *context)
{
    struct fixture *fixture = context;
    text_add(&fixture->log, "ready\n");
    noted(fixture);
}

static void on_event(void *context, const char *name, const json_t *data)
{
    struct fixture *fixture = context;
    CLEANUP(freep) char *text = document_text(data);
    text_format(&fixture->log, "event %s %s\n", name, text);
    noted(fixture);
}

static void on_closed(void *context, const struct error *err)
{
    struct fixture *fixture = context;
    text_format(&fixture->log, "closed %d %s\n", err->code, err->text);
    noted(fixture);
}

static void on_answer(void *context, const json_t *value, const struct error *err)
{
    struct fixture *fixture = context;
    CLEANUP(freep) char *text = document_text(value);
    if (err)
        text_format(&fixture->log, "failed %d %s\n", err->code, err->text);
    else
        text_format(&fixture->log, "answer %s\n", text);
    noted(fixture);
}

static void on_silent(void *context)
{
    struct fixture *fixture = context;
    text_add(&fixture->log, "silent\n");
    noted(fixture);
}

static void on_awake(void *context)
{
    struct fixture *fixture = context;
    text_add(&fixture->log, "awake\n");
    noted(fixture);
}

static const struct qmp_handlers handlers = {on_ready, on_event, on_closed, on_silent, on_awake};

static void on_watchdog(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* Until the client has told so many lines more. */
static void wait_lines(struct fixture *fixture, int more)
{
    ev_timer watchdog;
    fixture->wanted = count_lines(&fixture->log) + more;
    ev_now_update(fixture->loop);
    ev_timer_init(&watchdog, on_watchdog, 20., 0.);
    ev_timer_start(fixture->loop, &watchdog);
    ev_run(fixture->loop, 0);
    ev_timer_stop(fixture->loop, &watchdog);
}

static void expect(struct fixture *fixture, const char *log)
{
    CLEANUP(freep) char *text = text_take(&fixture->log);
    assert_string_equal(text, log);
}

static void peer_says(const struct fixture *fixture, const char *text)
{
    assert_int_equal(send(fixture->peer, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
}

static void turn(const struct fixture *fixture)
{
    ev_run(fixture->loop, EVRUN_NOWAIT);
}

/* All that the client has written by now, and a descriptor if one came along. */
static char *peer_hears(const struct fixture *fixture, int *ret_fd)
{
    char buffer[4096], control[256];
    struct iovec part = {buffer, sizeof(buffer) - 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    turn(fixture);
    ssize_t got = recvmsg(fixture->peer, &message, MSG_DONTWAIT);
    buffer[got > 0 ? got : 0] = '\0';
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (ret_fd)
        *ret_fd = -1;
    if (header && ret_fd)
        memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
    return memory_string(buffer);
}

static void expect_heard(const struct fixture *fixture, const char *wanted)
{
    CLEANUP(freep) char *heard = peer_hears(fixture, NULL);
    assert_string_equal(heard, wanted);
}

static void begin(struct fixture *fixture, double greeting, double command)
{
    int ends[2];
    struct qmp_limits limits = {greeting, command};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    *fixture = (struct fixture){.loop = ev_loop_new(0), .peer = ends[1]};
    fixture->qmp = qmp_new(fixture->loop, ends[0], &limits, &handlers, fixture);
}

static void greet(struct fixture *fixture)
{
    peer_says(fixture, GREETING);
    turn(fixture);
    expect_heard(fixture, "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
    peer_says(fixture, "{\"return\": {}, \"id\": 1}\r\n");
    wait_lines(fixture, 1);
    expect(fixture, "ready\n");
}

static void finish(struct fixture *fixture)
{
    qmp_free(fixture->qmp);
    if (fixture->peer >= 0)
        close(fixture->peer);
    text_clear(&fixture->log);
    ev_loop_destroy(fixture->loop);
}

static int setup(void **state)
{
    struct fixture *fixture = NEW(struct fixture);
    begin(fixture, 20., 20.);
    greet(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    finish(*state);
    free(*state);
    return 0;
}

static void ask(struct fixture *fixture, const char *command)
{
    qmp_send(fixture->qmp, command, NULL, -1, on_answer, fixture);
}

static void commands_go_one_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    qmp_send(fixture->qmp, "a", json_pack("{s:i}", "x", 1), -1, on_answer, fixture);
    ask(fixture, "b");
    expect_heard(fixture, "{\"execute\":\"a\",\"arguments\":{\"x\":1},\"id\":2}\n");
    peer_says(fixture, "{\"return\": [1], \"id\": 2}\r\n");
    wait_lines(fixture, 1);
    expect_heard(fixture, "{\"execute\":\"b\",\"id\":3}\n");
    peer_says(fixture, "{\"return\": 7, \"id\": 3}\r\n");
    wait_lines(fixture, 1);
    expect(fixture, "answer [1]\nanswer 7\n");
}

static void split_reads_are_put_together(void **state)
{
    struct fixture *fixture = *state;
    const char *answer = "{\"return\": {\"status\": \"running\"}, \"id\": 2}\r\n";
    ask(fixture, "query-status");
    turn(fixture);
    for (const char *c = answer; *c; c++) {
        peer_says(fixture, (char[]){*c, '\0'});
        turn(fixture);
    }
    expect(fixture, "answer {\"status\":\"running\"}\n");
}

static void events_between_answers(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "stop");
    turn(fixture);
    peer_says(fixture, "{\"event\": \"STOP\"}\n{\"return\": {}, \"id\": 2}\n{\"event\": \"X\", \"data\": {\"a\": 1}}\n");
    wait_lines(fixture, 3);
    expect(fixture, "event STOP null\nanswer {}\nevent X {\"a\":1}\n");
}

static void errors_keep_qemus_words(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "a");
    turn(fixture);
    peer_says(fixture, "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'x' not\\nfound\"}, \"id\": 2}\n");
    wait_lines(fixture, 1);
    ask(fixture, "b");
    turn(fixture);
    peer_says(fixture, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Bus 'x' does not support it\"}, \"id\": 3}\n");
    wait_lines(fixture, 1);
    CLEANUP(freep) char *wanted =
        memory_format("failed %d Device 'x' not found\nfailed %d Bus 'x' does not support it\n", ENODEV, EREMOTEIO);
    expect(fixture, wanted);
}

/* Whatever is wrong with what QEMU says, the connection ends, with what is pending, and a later command fails too. */
static void expect_break(struct fixture *fixture, int code, const char *words)
{
    wait_lines(fixture, 3);
    CLEANUP(freep) char *told = text_take(&fixture->log);
    CLEANUP(freep) char *first = memory_format("failed %d ", code);
    assert_true(text_starts(told, first));
    assert_non_null(strstr(told, words));
    assert_non_null(strstr(told, "\nclosed "));
    assert_int_equal(count_lines(&(struct text){.data = told}), 3);
    ask(fixture, "late");
    assert_null(fixture->log.data); /* never from within qmp_send */
    wait_lines(fixture, 1);
    assert_non_null(strstr(fixture->log.data, words));
}

static void broken(struct fixture *fixture, const char *line, int code, const char *words)
{
    ask(fixture, "a");
    ask(fixture, "b");
    turn(fixture);
    peer_says(fixture, line);
    expect_break(fixture, code, words);
}

static void garbage(void **state)
{
    broken(*state, "}{ not json\n", EINVAL, "can't be read");
}

static void no_object(void **state)
{
    broken(*state, "[1]\n", EPROTO, "something else than an object");
}

static void neither_answer_nor_event(void **state)
{
    broken(*state, "{\"id\": 2}\n", EPROTO, "neither an answer nor an event");
}

static void answer_to_another_command(void **state)
{
    broken(*state, "{\"return\": {}, \"id\": 3}\n", EPROTO, "another command");
}

static void answer_that_was_not_asked(void **state)
{
    struct fixture *fixture = *state;
    peer_says(fixture, "{\"return\": {}}\n");
    wait_lines(fixture, 1);
    CLEANUP(freep) char *wanted = memory_format("closed %d QEMU answered what was not asked\n", EPROTO);
    expect(fixture, wanted);
}

static void deep_nesting(void **state)
{
    struct text text = {0};
    text_add(&text, "{\"return\": ");
    for (int i = 0; i < 200; i++)
        text_add(&text, "[");
    for (int i = 0; i < 200; i++)
        text_add(&text, "]");
    text_add(&text, "}\n");
    broken(*state, text.data, EINVAL, "nested deeper");
    text_clear(&text);
}

static void endless_line(void **state)
{
    struct fixture *fixture = *state;
    static char part[64 << 10];
    memset(part, ' ', sizeof(part));
    ask(fixture, "a");
    ask(fixture, "b");
    fixture->wanted = 3;
    for (int i = 0; i < 1000 && count_lines(&fixture->log) < 3; i++) {
        ssize_t ignored = send(fixture->peer, part, sizeof(part), MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)ignored;
        turn(fixture);
    }
    assert_int_equal(count_lines(&fixture->log), 3);
    assert_non_null(strstr(fixture->log.data, "a line of more than"));
}

static void disconnect_with_commands_pending(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "a");
    ask(fixture, "b");
    turn(fixture);
    peer_says(fixture, "{\"event\": \"SHUTDOWN\"}\n");
    close(fixture->peer);
    fixture->peer = -1;
    wait_lines(fixture, 4);
    assert_true(text_starts(fixture->log.data, "event SHUTDOWN null\nfailed "));
    text_clear(&fixture->log);
    ask(fixture, "c");
    wait_lines(fixture, 1);
    CLEANUP(freep) char *wanted = memory_format("failed %d QEMU closed its monitor connection\n", ECONNRESET);
    expect(fixture, wanted);
}

static void last_words_are_drained(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "a");
    turn(fixture);
    peer_says(fixture, "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest-shutdown\"}}\n");
    close(fixture->peer);
    fixture->peer = -1;
    qmp_drain(fixture->qmp);
    CLEANUP(freep) char *wanted =
        memory_format("event SHUTDOWN {\"reason\":\"guest-shutdown\"}\nfailed %d QEMU closed its monitor connection\n"
                      "closed %d QEMU closed its monitor connection\n",
                      ECONNRESET, ECONNRESET);
    expect(fixture, wanted);
}

static void free_fails_what_is_pending(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "a");
    ask(fixture, "b");
    qmp_free(fixture->qmp);
    fixture->qmp = NULL;
    assert_int_equal(count_lines(&fixture->log), 2);
    assert_null(strstr(fixture->log.data, "\nclosed"));
}

static void descriptor_comes_with_its_command(void **state)
{
    struct fixture *fixture = *state;
    int pipe_ends[2], got;
    assert_int_equal(pipe(pipe_ends), 0);
    ask(fixture, "first");
    qmp_send(fixture->qmp, "getfd", json_pack("{s:s}", "fdname", "fd-net0-0"), pipe_ends[1], on_answer, fixture);
    close(pipe_ends[1]); /* the client has its own by now */
    CLEANUP(freep) char *one = peer_hears(fixture, &got);
    assert_int_equal(got, -1);
    peer_says(fixture, "{\"return\": {}, \"id\": 2}\n");
    wait_lines(fixture, 1);
    CLEANUP(freep) char *two = peer_hears(fixture, &got);
    assert_string_equal(two, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"fd-net0-0\"},\"id\":3}\n");
    assert_true(got >= 0);
    assert_int_equal(write(got, "x", 1), 1);
    char byte;
    assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
    close(got);
    assert_int_equal(read(pipe_ends[0], &byte, 1), 0); /* nobody holds it any more */
    close(pipe_ends[0]);
}

/* QEMU doesn't read, and its socket is full: the command waits there with its descriptor, and both arrive when it reads again. */
static void full_socket(void **state)
{
    (void)state;
    struct fixture fixture;
    int ends[2], pipe_ends[2], got = -1;
    struct qmp_limits limits = {20., 20.};
    static char junk[4096];
    memset(junk, '\n', sizeof(junk));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    fixture = (struct fixture){.loop = ev_loop_new(0), .peer = ends[1]};
    CLEANUP(close_fdp) int filler = dup(ends[0]);
    fixture.qmp = qmp_new(fixture.loop, ends[0], &limits, &handlers, &fixture);
    greet(&fixture);
    while (send(filler, junk, sizeof(junk), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        continue;
    while (send(filler, junk, 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        continue;
    assert_int_equal(pipe(pipe_ends), 0);
    qmp_send(fixture.qmp, "getfd", NULL, pipe_ends[1], on_answer, &fixture);
    close(pipe_ends[1]);
    turn(&fixture);
    CLEANUP(freep) char *heard = memory_string("");
    for (int i = 0; i < 100000 && got < 0; i++) {
        free(heard);
        heard = peer_hears(&fixture, &got);
    }
    assert_true(got >= 0);
    assert_string_equal(heard + strspn(heard, "\n"), "{\"execute\":\"getfd\",\"id\":2}\n");
    assert_int_equal(write(got, "x", 1), 1);
    close(got);
    close(pipe_ends[0]);
    peer_says(&fixture, "{\"return\": {}, \"id\": 2}\n");
    wait_lines(&fixture, 1);
    expect(&fixture, "answer {}\n");
    finish(&fixture);
}

static void long_command_goes_in_parts(void **state)
{
    struct fixture *fixture = *state;
    size_t size = 2 << 20, heard = 0;
    char *long_text = memory_new(size + 1);
    static char buffer[64 << 10];
    memset(long_text, 'x', size);
    qmp_send(fixture->qmp, "a", json_pack("{s:s}", "x", long_text), -1, on_answer, fixture);
    for (int i = 0; i < 10000 && heard < size; i++) {
        turn(fixture);
        ssize_t got = recv(fixture->peer, buffer, sizeof(buffer), MSG_DONTWAIT);
        heard += got > 0 ? (size_t)got : 0;
    }
    assert_true(heard > size);
    peer_says(fixture, "{\"return\": {}, \"id\": 2}\n");
    wait_lines(fixture, 1);
    expect(fixture, "answer {}\n");
    free(long_text);
}

static void no_greeting(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, .001, 20.);
    ask(&fixture, "a");
    wait_lines(&fixture, 2);
    assert_true(text_starts(fixture.log.data, "failed 110 "));
    assert_non_null(strstr(fixture.log.data, "another program is connected"));
    finish(&fixture);
}

static void wrong_greeting(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 20., 20.);
    peer_says(&fixture, "{\"return\": {}}\n");
    wait_lines(&fixture, 1);
    CLEANUP(freep) char *wanted = memory_format("closed %d what answers is no QEMU monitor\n", EPROTO);
    expect(&fixture, wanted);
    finish(&fixture);
}

/* The answer that comes too late belongs to nobody; the next one finds its command. */
static void late_answer(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 20., .001);
    greet(&fixture);
    ask(&fixture, "slow");
    wait_lines(&fixture, 2);
    assert_true(text_starts(fixture.log.data, "silent\nfailed 110 QEMU did not answer slow within"));
    text_clear(&fixture.log);
    ask(&fixture, "next");
    wait_lines(&fixture, 1); /* was never sent: that of `slow` is still out */
    assert_true(text_starts(fixture.log.data, "failed 110 QEMU did not answer next within"));
    text_clear(&fixture.log);
    peer_says(&fixture, "{\"return\": \"late\", \"id\": 2}\n{\"event\": \"E\"}\n");
    wait_lines(&fixture, 2);
    expect(&fixture, "awake\nevent E null\n");
    expect_heard(&fixture, "{\"execute\":\"slow\",\"id\":2}\n");
    finish(&fixture);
}

static void on_first(void *context, const json_t *value, const struct error *err)
{
    struct fixture *fixture = context;
    on_answer(context, value, err);
    ask(fixture, "second");
}

static void callbacks_may_send(void **state)
{
    struct fixture *fixture = *state;
    qmp_send(fixture->qmp, "first", NULL, -1, on_first, fixture);
    turn(fixture);
    peer_says(fixture, "{\"return\": 1, \"id\": 2}\n");
    wait_lines(fixture, 1);
    close(fixture->peer);
    fixture->peer = -1;
    wait_lines(fixture, 2);
    assert_true(text_starts(fixture->log.data, "answer 1\nfailed "));
    text_clear(&fixture->log);
    qmp_send(fixture->qmp, "third", NULL, -1, on_first, fixture); /* and on a broken connection, too */
    wait_lines(fixture, 2);
    assert_int_equal(count_lines(&fixture->log), 2);
}

static void closed_from_the_start(void **state)
{
    struct fixture *fixture = *state;
    struct error off;
    error_set(&off, ESRCH, "the VM is not running");
    struct qmp *qmp = qmp_new_closed(fixture->loop, &off);
    qmp_send(qmp, "a", NULL, -1, on_answer, fixture);
    assert_null(fixture->log.data);
    wait_lines(fixture, 1);
    CLEANUP(freep) char *wanted = memory_format("failed %d the VM is not running\n", ESRCH);
    expect(fixture, wanted);
    qmp_free(qmp);
}

#define WITH_QMP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_QMP(commands_go_one_at_a_time),
        WITH_QMP(split_reads_are_put_together),
        WITH_QMP(events_between_answers),
        WITH_QMP(errors_keep_qemus_words),
        WITH_QMP(garbage),
        WITH_QMP(no_object),
        WITH_QMP(neither_answer_nor_event),
        WITH_QMP(answer_to_another_command),
        WITH_QMP(answer_that_was_not_asked),
        WITH_QMP(deep_nesting),
        WITH_QMP(endless_line),
        WITH_QMP(disconnect_with_commands_pending),
        WITH_QMP(last_words_are_drained),
        WITH_QMP(free_fails_what_is_pending),
        WITH_QMP(descriptor_comes_with_its_command),
        cmocka_unit_test(full_socket),
        WITH_QMP(long_command_goes_in_parts),
        cmocka_unit_test(no_greeting),
        cmocka_unit_test(wrong_greeting),
        cmocka_unit_test(late_answer),
        WITH_QMP(callbacks_may_send),
        WITH_QMP(closed_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
