/* links: vmm
 * Talking to a guest agent: against a scripted one on a socket pair, and a real QEMU in whose guest there is none. */
#include <sys/socket.h>

#include "test_vmm_fixture.h"
#include "vmm/agent.h"

struct talk {
    struct ev_loop *loop;
    struct agent *agent;
    int peer;       /* of the connection that was made last; -1 = none */
    int made;       /* connections */
    bool refuse;
    struct text log;
    bool again;     /* ask once more from within the answer */
};

static int make_connection(void *context, int *ret_fd, struct error *err)
{
    struct talk *talk = context;
    int ends[2];
    if (talk->refuse)
        return error_set(err, ENXIO, "there is none");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    if (talk->peer >= 0)
        close(talk->peer);
    talk->peer = ends[1];
    talk->made++;
    *ret_fd = ends[0];
    return 0;
}

static void begin(struct talk *talk, double limit)
{
    *talk = (struct talk){.loop = ev_loop_new(0), .peer = -1};
    talk->agent = agent_new(talk->loop, limit, make_connection, talk);
}

static void finish(struct talk *talk)
{
    agent_free(talk->agent);
    if (talk->peer >= 0)
        close(talk->peer);
    text_clear(&talk->log);
    ev_loop_destroy(talk->loop);
}

static void ask(struct talk *talk, const char *command);

static void on_answer(void *context, const json_t *value, const struct error *err)
{
    struct talk *talk = context;
    CLEANUP(freep) char *text = document_text(value);
    if (err)
        text_format(&talk->log, "%d %s\n", err->code, err->text);
    else
        text_format(&talk->log, "answer %s\n", text);
    if (talk->again) {
        talk->again = false;
        ask(talk, "again");
    }
}

static void ask(struct talk *talk, const char *command)
{
    agent_send(talk->agent, command, NULL, on_answer, talk);
}

static void turn(const struct talk *talk)
{
    for (int i = 0; i < 5; i++)
        ev_run(talk->loop, EVRUN_NOWAIT);
}

static void expect(struct talk *talk, const char *wanted)
{
    CLEANUP(freep) char *text = text_take(&talk->log);
    assert_string_equal(text, wanted);
}

static char *hears(const struct talk *talk)
{
    char buffer[4096];
    turn(talk);
    ssize_t got = recv(talk->peer, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);
    buffer[got > 0 ? got : 0] = '\0';
    return memory_string(buffer);
}

static void says(const struct talk *talk, const char *text)
{
    assert_int_equal(send(talk->peer, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
    turn(talk);
}

static unsigned hears_sync(const struct talk *talk)
{
    CLEANUP(freep) char *text = hears(talk);
    unsigned id;
    assert_int_equal(sscanf(text, "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%u}}", &id), 1);
    return id;
}

static void answers_sync(const struct talk *talk)
{
    CLEANUP(freep) char *text = memory_format("\xff{\"return\": %u}\n", hears_sync(talk));
    says(talk, text);
}

static void expect_heard(const struct talk *talk, const char *wanted)
{
    CLEANUP(freep) char *text = hears(talk);
    assert_string_equal(text, wanted);
}

static void question_and_answer(void **state)
{
    (void)state;
    struct talk talk;
    begin(&talk, 20.);
    agent_send(talk.agent, "guest-ping", json_pack("{s:i}", "x", 1), on_answer, &talk);
    answers_sync(&talk);
    expect_heard(&talk, "{\"execute\":\"guest-ping\",\"arguments\":{\"x\":1}}\n");
    says(&talk, "{\"return\":");
    says(&talk, " [1]}\n");
    expect(&talk, "answer [1]\n");
    char byte;
    assert_int_equal(recv(talk.peer, &byte, 1, MSG_DONTWAIT), 0); /* others get their turn */
    finish(&talk);
}

static void what_was_meant_for_others_is_passed_over(void **state)
{
    (void)state;
    struct talk talk;
    begin(&talk, 20.);
    ask(&talk, "guest-ping");
    unsigned id = hears_sync(&talk);
    CLEANUP(freep) char *late = memory_format("{\"return\": \"half\n\xff{\"return\": %u}\n{\"return\": %u}\n}\n", id + 1, id);
    says(&talk, late);
    expect_heard(&talk, "");
    CLEANUP(freep) char *own = memory_format("{\"ret\xff{\"return\": %u}\n", id);
    says(&talk, own);
    expect_heard(&talk, "{\"execute\":\"guest-ping\"}\n");
    says(&talk, "{\"return\": {}}\n");
    expect(&talk, "answer {}\n");
    finish(&talk);
}

static void one_after_the_other(void **state)
{
    (void)state;
    struct talk talk;
    begin(&talk, 20.);
    ask(&talk, "a");
    ask(&talk, "b");
    talk.again = true;
    answers_sync(&talk);
    assert_int_equal(talk.made, 1);
    expect_heard(&talk, "{\"execute\":\"a\"}\n");
    says(&talk, "{\"return\": 1}\n");
    assert_int_equal(talk.made, 2);
    answers_sync(&talk);
    says(&talk, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not\\u001b[31m now\"}}\n");
    answers_sync(&talk);
    says(&talk, "{\"return\": 3}\n");
    CLEANUP(freep) char *wanted = memory_format("answer 1\n%d guest agent: not [31m now\nanswer 3\n", EREMOTEIO);
    expect(&talk, wanted);
    finish(&talk);
}

static void broken(const char *line, const char *words)
{
    struct talk talk;
    begin(&talk, 20.);
    ask(&talk, "a");
    answers_sync(&talk);
    says(&talk, line);
    if (!talk.log.data || !strstr(talk.log.data, words))
        fail_msg("%s", talk.log.data ? talk.log.data : "nothing");
    finish(&talk);
}

static void hostile_guests(void **state)
{
    (void)state;
    broken("}{\n", "can't be read");
    broken("{\"event\": 1}\n", "is no answer");
    broken("[]\n", "is no answer");
    broken("{\"error\": 7}\n", "refused without saying why");
    struct text deep = {0};
    text_add(&deep, "{\"return\": ");
    for (int i = 0; i < 200; i++)
        text_add(&deep, "[");
    text_add(&deep, "\n");
    broken(deep.data, "can't be read");
    text_clear(&deep);
}

static void endless_line(void **state)
{
    (void)state;
    struct talk talk;
    static char part[64 << 10];
    begin(&talk, 20.);
    memset(part, ' ', sizeof(part));
    ask(&talk, "a");
    hears_sync(&talk);
    for (int i = 0; i < 1000 && !talk.log.data; i++) {
        ssize_t ignored = send(talk.peer, part, sizeof(part), MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)ignored;
        turn(&talk);
    }
    assert_non_null(talk.log.data);
    assert_non_null(strstr(talk.log.data, "a line of more than"));
    finish(&talk);
}

static void silence_has_an_end(void **state)
{
    (void)state;
    struct talk talk;
    begin(&talk, .001);
    ask(&talk, "a");
    ask(&talk, "b");
    while (!talk.log.data || !strchr(talk.log.data, 'b'))
        ev_run(talk.loop, EVRUN_ONCE);
    CLEANUP(freep) char *wanted = memory_format("%d the guest agent did not answer a within 0.001 s\n"
                                                "%d the guest agent did not answer b within 0.001 s\n", ETIMEDOUT, ETIMEDOUT);
    expect(&talk, wanted);
    finish(&talk);
}

static void no_connection(void **state)
{
    (void)state;
    struct talk talk;
    begin(&talk, 20.);
    talk.refuse = true;
    talk.again = true;
    ask(&talk, "a");
    assert_null(talk.log.data); /* never from within agent_send */
    while (!talk.log.data || !strchr(strchr(talk.log.data, '\n') + 1, '\n'))
        ev_run(talk.loop, EVRUN_ONCE);
    CLEANUP(freep) char *wanted = memory_format("%d there is none\n%d there is none\n", ENXIO, ENXIO);
    expect(&talk, wanted);
    finish(&talk);
}

static void the_vm_ends(void **state)
{
    (void)state;
    struct talk talk;
    begin(&talk, 20.);
    ask(&talk, "a");
    ask(&talk, "b");
    hears_sync(&talk);
    agent_hang_up(talk.agent);
    CLEANUP(freep) char *wanted = memory_format("%d the VM has ended\n%d the VM has ended\n", ECONNRESET, ECONNRESET);
    expect(&talk, wanted);
    ask(&talk, "c");
    close(talk.peer);
    talk.peer = -1;
    turn(&talk);
    assert_non_null(strstr(talk.log.data, "connection"));
    text_clear(&talk.log);
    ask(&talk, "d");
    agent_free(talk.agent);
    talk.agent = NULL;
    CLEANUP(freep) char *last = memory_format("%d the connection to the guest agent is being closed\n", ECANCELED);
    expect(&talk, last);
    finish(&talk);
}

static void a_guest_without_one(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = make_vm("c2", "q35");
    must(fixture, spawn(fixture, vm));
    fixture->done = false;
    vmm_agent(fixture->vmm, "c2", "guest-ping", NULL, on_json, fixture);
    WAIT_UNTIL(fixture, fixture->done);
    assert_int_equal(fixture->error.code, ENXIO);
    assert_non_null(strstr(fixture->error.text, "no guest agent listens"));
    fixture->done = false;
    vmm_agent(fixture->vmm, "nobody", "guest-ping", json_object(), on_json, fixture);
    assert_false(fixture->done);
    WAIT_UNTIL(fixture, fixture->done);
    assert_int_equal(fixture->error.code, ESRCH);
    vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(question_and_answer),
        cmocka_unit_test(what_was_meant_for_others_is_passed_over),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(hostile_guests),
        cmocka_unit_test(endless_line),
        cmocka_unit_test(silence_has_an_end),
        cmocka_unit_test(no_connection),
        cmocka_unit_test(the_vm_ends),
        WITH_VMM(a_guest_without_one),
    };
    check_machine();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
