/* links: cli config model base */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/http_internal.h"

/* A peer that has said everything before it is listened to. Each piece is one read: SEQPACKET keeps them apart. */
static int peer;

static void open_pair(struct http *http)
{
    int pair[2], size = 4 << 20;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    http_init(http, pair[0]);
    peer = pair[1];
}

static void say_pieces(const char *text, size_t length, size_t piece)
{
    for (size_t at = 0; at < length; at += piece) {
        size_t size = length - at < piece ? length - at : piece;

        assert_int_equal(send(peer, text + at, size, MSG_NOSIGNAL | MSG_DONTWAIT), size);
    }
}

static void end_pair(struct http *http)
{
    http_close(http);
    if (peer >= 0)
        close(peer);
}

/* The whole answer, in reads of `piece` bytes; then the peer goes. */
static int read_answer(const char *answer, size_t piece, struct http_head *head, struct text *body, struct error *err)
{
    struct http http;
    int result;

    open_pair(&http);
    say_pieces(answer, strlen(answer), piece);
    close(peer);
    peer = -1;
    result = http_read_head(&http, head, err);
    if (result == 0)
        result = http_read_text(&http, head, body, err);
    end_pair(&http);
    return result;
}

static void expect_body(const char *answer, int status, const char *expected)
{
    static const size_t pieces[] = {1, 2, 3, 7, 4096};

    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        struct http_head head;
        struct text body = {0};
        struct error err = {0};

        if (read_answer(answer, pieces[i], &head, &body, &err) < 0)
            fail_msg("%s: %s", err.text, answer);
        assert_int_equal(head.status, status);
        assert_string_equal(body.data ? body.data : "", expected);
        text_clear(&body);
    }
}

static void expect_failure(const char *answer, const char *words)
{
    static const size_t pieces[] = {1, 4096};

    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        struct http_head head;
        struct text body = {0};
        struct error err = {0};

        if (read_answer(answer, pieces[i], &head, &body, &err) == 0)
            fail_msg("was taken for an answer: %s", answer);
        if (!strstr(err.text, words))
            fail_msg("\"%s\" is not in \"%s\"", words, err.text);
        text_clear(&body);
    }
}

static void test_answers(void **state)
{
    (void)state;
    expect_body("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    expect_body("HTTP/1.1 404\r\ncontent-length:2\r\nX: y\r\n\r\n{}", 404, "{}");
    expect_body("HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, "x");
    expect_body("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
    expect_body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "");
    expect_body("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end");
}

static void test_chunks(void **state)
{
    (void)state;
    expect_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n,\r\nB\r\n wide\nworld\r\n0\r\n\r\n",
                200, "hello, wide\nworld");
    expect_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: yes\r\n\r\n", 200, "");
}

static void test_garbage(void **state)
{
    (void)state;
    expect_failure("SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP");
    expect_failure("HTTP/2 200\r\n\r\n", "does not speak HTTP");
    expect_failure("HTTP/1.1 2x0 OK\r\n\r\n", "does not speak HTTP");
    expect_failure("HTTP/1.1 2000 OK\r\n\r\n", "does not speak HTTP");
    expect_failure("HTTP/1.1 200 OK\r\nno header\r\n\r\n", "without a colon");
    expect_failure("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no sensible size");
    expect_failure("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "no sensible size");
    expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "no size");
    expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n", "no size");
    expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", "longer than it says");
}

static void test_answers_that_break_off(void **state)
{
    (void)state;
    expect_failure("", "went away");
    expect_failure("HTTP/1.1 200 OK\r\nContent-Le", "went away");
    expect_failure("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "went away");
    expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "went away");
}

static void test_a_head_without_end(void **state)
{
    struct http_head head;
    struct error err = {0};
    struct http http;
    char piece[4096];

    (void)state;
    memset(piece, 'x', sizeof(piece));
    open_pair(&http);
    say_pieces("HTTP/1.1 200 OK\r\nX: ", 20, 20);
    for (int i = 0; i < 20; i++)
        say_pieces(piece, sizeof(piece), sizeof(piece));
    assert_true(http_read_head(&http, &head, &err) < 0);
    assert_non_null(strstr(err.text, "too long"));
    end_pair(&http);
}

static void test_two_answers_over_one_connection(void **state)
{
    static const char both[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 201 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntwo";
    struct http_head head;
    struct text body = {0};
    struct error err = {0};
    struct http http;

    (void)state;
    open_pair(&http);
    say_pieces(both, sizeof(both) - 1, sizeof(both));
    assert_int_equal(http_read_head(&http, &head, &err), 0);
    assert_int_equal(http_read_text(&http, &head, &body, &err), 0);
    assert_string_equal(body.data, "one");
    assert_false(http.broken);
    text_clear(&body);
    assert_int_equal(http_read_head(&http, &head, &err), 0);
    assert_int_equal(head.status, 201);
    assert_int_equal(http_read_text(&http, &head, &body, &err), 0);
    assert_string_equal(body.data, "two");
    assert_true(http.broken); /* another request needs another connection */
    text_clear(&body);
    end_pair(&http);
}

static void test_upgrade(void **state)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: trestle-console\r\n\r\nlogin: ";
    struct http_head head;
    struct error err = {0};
    struct http http;
    char rest[100] = "";

    (void)state;
    open_pair(&http);
    say_pieces(answer, sizeof(answer) - 1, sizeof(answer));
    assert_int_equal(http_read_head(&http, &head, &err), 0);
    assert_int_equal(head.status, 101);
    assert_int_equal(http_take_rest(&http, rest, 3), 3);
    assert_int_equal(http_take_rest(&http, rest + 3, sizeof(rest) - 3), 4);
    assert_string_equal(rest, "login: ");
    end_pair(&http);
}

static void test_requests(void **state)
{
    struct error err = {0};
    struct http http;
    char got[500] = "";

    (void)state;
    open_pair(&http);
    assert_int_equal(http_send(&http, "POST", "/v1/vms", "X: y\r\n", "{}", &err), 0);
    assert_true(recv(peer, got, sizeof(got) - 1, 0) > 0);
    assert_string_equal(
        got, "POST /v1/vms HTTP/1.1\r\nHost: trestle\r\nX: y\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    end_pair(&http);
}

/* A server that refuses before it has read everything is still heard. */
static void test_an_early_answer(void **state)
{
    struct http_head head;
    struct error err = {0};
    struct http http;
    static const char answer[] = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

    (void)state;
    open_pair(&http);
    say_pieces(answer, sizeof(answer) - 1, sizeof(answer));
    shutdown(peer, SHUT_RDWR);
    assert_int_equal(http_send(&http, "POST", "/v1/vms", NULL, "{}", &err), 0);
    assert_int_equal(http_read_head(&http, &head, &err), 0);
    assert_int_equal(head.status, 413);
    end_pair(&http);
}

static void test_nobody_there(void **state)
{
    struct error err = {0};
    struct http http;
    char *name = memory_new(200);

    (void)state;
    assert_true(http_connect(&http, "/nonexistent/trestle.sock", &err) < 0);
    assert_non_null(strstr(err.text, "/nonexistent/trestle.sock"));
    assert_non_null(strstr(err.text, "systemctl start trestled"));
    memset(name, 'x', 199);
    assert_true(http_connect(&http, name, &err) < 0);
    free(name);
}

static void test_escaping(void **state)
{
    struct text path = {0};

    (void)state;
    http_escape(&path, "a-Z_0.~ /%?#\n\xc3\xa9");
    assert_string_equal(path.data, "a-Z_0.~%20%2F%25%3F%23%0A%C3%A9");
    text_clear(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_answers_that_break_off),
        cmocka_unit_test(test_a_head_without_end),
        cmocka_unit_test(test_two_answers_over_one_connection),
        cmocka_unit_test(test_upgrade),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_an_early_answer),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_escaping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
