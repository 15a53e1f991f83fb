/* See http_internal.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "http_internal.h"

enum { FIRST_WAIT = 300, NEXT_WAIT = 1000 }; /* milliseconds until the user is told what is waited for */

void http_init(struct http *http, int fd)
{
    http->fd = fd;
    http->start = http->end = 0;
    http->broken = false;
    http->waiting = NULL;
    http->context = NULL;
}

void http_close(struct http *http)
{
    if (http->fd >= 0)
        close(http->fd);
    http->fd = -1;
}

static int connect_error(const char *path, int code, struct error *err)
{
    switch (code) {
    case ENOENT:
        return error_set(err, code,
                         "trestled does not run: there is no %s; start it (systemctl start trestled) or name its socket (-S)",
                         path);
    case ECONNREFUSED:
        return error_set(err, code, "trestled does not run: nobody listens at %s; start it (systemctl start trestled)", path);
    case EAGAIN:
        return error_set(err, code, "trestled has too many clients at %s; try again", path);
    default:
        return error_errno(err, code, "trestled can't be reached at %s", path);
    }
}

int http_connect(struct http *http, const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
        return error_set(err, ENAMETOOLONG, "%s: a socket's path has at most %zu characters", path, sizeof(address.sun_path) - 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_errno(err, errno, "socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int code = errno;

        close(fd);
        return connect_error(path, code, err);
    }
    http_init(http, fd);
    return 0;
}

/* A server that has heard enough answers and closes: then what it says matters, not that it didn't listen to the end. */
static int send_all(struct http *http, const char *data, size_t size, struct error *err)
{
    while (size > 0) {
        ssize_t sent = send(http->fd, data, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return 0;
        if (sent < 0)
            return error_errno(err, errno, "sending to trestled");
        data += sent;
        size -= (size_t)sent;
    }
    return 0;
}

int http_send(struct http *http, const char *method, const char *path, const char *headers, const char *body, struct error *err)
{
    struct text text = {0};
    int result;

    text_format(&text, "%s %s HTTP/1.1\r\nHost: trestle\r\n", method, path);
    if (headers)
        text_add(&text, headers);
    if (body)
        text_format(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    text_add(&text, "\r\n");
    if (body)
        text_add(&text, body);
    result = send_all(http, text.data, text.length, err);
    text_clear(&text);
    return result;
}

static int went_away(struct http *http, struct error *err)
{
    http->broken = true;
    return error_set(err, ECONNRESET,
                     "trestled went away before its answer was complete; look at what was done before you ask again");
}

static int nonsense(struct http *http, const char *what, struct error *err)
{
    http->broken = true;
    return error_set(err, EPROTO, "what answered is not trestled: %s", what);
}

/* Whoever waits wants to know for what. */
static void wait_readable(struct http *http)
{
    struct pollfd poll_fd = {.fd = http->fd, .events = POLLIN};
    struct timespec begin, now;
    int wait = FIRST_WAIT;

    if (!http->waiting)
        return;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (poll(&poll_fd, 1, wait) == 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        http->waiting(http->context, (double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9);
        wait = NEXT_WAIT;
    }
    if (wait == NEXT_WAIT)
        http->waiting(http->context, -1);
}

/* More bytes into the buffer, which is empty. 1, or 0 at the stream's end. */
static int refill(struct http *http, struct error *err)
{
    ssize_t size;

    wait_readable(http);
    do
        size = recv(http->fd, http->data, sizeof(http->data), 0);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno != ECONNRESET)
        return error_errno(err, errno, "reading from trestled");
    http->start = 0;
    http->end = size > 0 ? (size_t)size : 0;
    return size > 0;
}

static int need_bytes(struct http *http, struct error *err)
{
    int result = http->start < http->end ? 1 : refill(http, err);

    return result == 0 ? went_away(http, err) : result;
}

/* One line without its end; *left is what of the head's limit is left. */
static int read_line(struct http *http, struct text *line, size_t *left, struct error *err)
{
    text_clear(line);
    for (;;) {
        const char *newline;
        size_t size;
        int result = need_bytes(http, err);

        if (result < 0)
            return result;
        newline = memchr(http->data + http->start, '\n', http->end - http->start);
        size = newline ? (size_t)(newline - (http->data + http->start)) + 1 : http->end - http->start;
        if (size > *left)
            return nonsense(http, "its answer's head is too long", err);
        *left -= size;
        text_add_data(line, http->data + http->start, size);
        http->start += size;
        if (newline)
            break;
    }
    while (line->length > 0 && (line->data[line->length - 1] == '\n' || line->data[line->length - 1] == '\r'))
        line->data[--line->length] = '\0';
    return strlen(line->data) == line->length ? 0 : nonsense(http, "its answer has a NUL in its head", err);
}

static int parse_status(struct http *http, const char *line, struct http_head *head, struct error *err)
{
    int64_t status;
    char digits[4] = "";

    if (!text_starts(line, "HTTP/1.") || strlen(line) < 12 || line[8] != ' ')
        return nonsense(http, "it does not speak HTTP", err);
    memcpy(digits, line + 9, 3);
    if (text_number(digits, 100, 599, &status) < 0 || (line[12] && line[12] != ' '))
        return nonsense(http, "it does not speak HTTP", err);
    *head = (struct http_head){.status = (int)status, .length = -1, .close = line[7] == '0'};
    return 0;
}

static int parse_header(struct http *http, const char *line, struct http_head *head, struct error *err)
{
    const char *value = strchr(line, ':');
    size_t length = value ? (size_t)(value - line) : 0;

    if (!value)
        return nonsense(http, "its answer has a header without a colon", err);
    value += 1 + strspn(value + 1, " \t");
    if (length == 14 && !strncasecmp(line, "Content-Length", length)) {
        if (text_number(value, 0, HTTP_BODY_LIMIT, &head->length) < 0)
            return nonsense(http, "its answer is of no sensible size", err);
    } else if (length == 17 && !strncasecmp(line, "Transfer-Encoding", length)) {
        head->chunked = !strcasecmp(value, "chunked");
    } else if (length == 10 && !strncasecmp(line, "Connection", length)) {
        head->close = head->close || !strcasecmp(value, "close");
    } else if (length == 12 && !strncasecmp(line, "Content-Type", length)) {
        text_copy(head->type, sizeof(head->type), value);
    }
    return 0;
}

static int read_one_head(struct http *http, struct http_head *ret_head, struct error *err)
{
    struct text line = {0};
    size_t left = HTTP_HEAD_LIMIT;
    int result = read_line(http, &line, &left, err);

    if (result == 0)
        result = parse_status(http, line.data, ret_head, err);
    while (result == 0) {
        result = read_line(http, &line, &left, err);
        if (result < 0 || line.length == 0)
            break;
        result = parse_header(http, line.data, ret_head, err);
    }
    text_clear(&line);
    return result;
}

int http_read_head(struct http *http, struct http_head *ret_head, struct error *err)
{
    int result;

    do
        result = read_one_head(http, ret_head, err);
    while (result == 0 && ret_head->status < 200 && ret_head->status != 101); /* "100 Continue" is no answer yet */
    if (result == 0 && ret_head->close)
        http->broken = true;
    return result;
}

/* `size` bytes to the sink; 1 when all went there, 0 when it has had enough. */
static int pass_on(struct http *http, uint64_t size, http_sink sink, void *context, struct error *err)
{
    while (size > 0) {
        size_t piece;
        int result = need_bytes(http, err);

        if (result < 0)
            return result;
        piece = http->end - http->start;
        if (piece > size)
            piece = (size_t)size;
        http->start += piece;
        size -= piece;
        if (!sink(context, http->data + http->start - piece, piece)) {
            http->broken = true;
            return 0;
        }
    }
    return 1;
}

static int parse_chunk_size(struct http *http, const char *line, uint64_t *ret_size, struct error *err)
{
    size_t digits = strspn(line, "0123456789abcdefABCDEF");

    if (digits == 0 || digits > 8 || (line[digits] && line[digits] != ';' && line[digits] != ' '))
        return nonsense(http, "a piece of its answer has no size", err);
    *ret_size = strtoull(line, NULL, 16);
    return 0;
}

static int read_chunk(struct http *http, struct text *line, uint64_t *ret_size, http_sink sink, void *context, struct error *err)
{
    size_t left = HTTP_HEAD_LIMIT;
    int result = read_line(http, line, &left, err);

    if (result == 0)
        result = parse_chunk_size(http, line->data, ret_size, err);
    if (result == 0)
        result = pass_on(http, *ret_size, sink, context, err);
    if (result <= 0)
        return result;
    do /* an empty line behind each chunk; behind the last one there may be headers before it */
        result = read_line(http, line, &left, err);
    while (result == 0 && *ret_size == 0 && line->length > 0);
    if (result == 0 && line->length > 0)
        return nonsense(http, "a piece of its answer is longer than it says", err);
    return result == 0 ? 1 : result;
}

static int read_chunks(struct http *http, http_sink sink, void *context, struct error *err)
{
    struct text line = {0};
    uint64_t size = 1;
    int result = 1;

    while (result > 0 && size > 0)
        result = read_chunk(http, &line, &size, sink, context, err);
    text_clear(&line);
    return result < 0 ? result : 0;
}

static int read_to_end(struct http *http, http_sink sink, void *context, struct error *err)
{
    http->broken = true;
    for (;;) {
        int result = http->start < http->end ? 1 : refill(http, err);
        size_t size = http->end - http->start;

        if (result <= 0)
            return result;
        http->start = http->end;
        if (!sink(context, http->data + http->end - size, size))
            return 0;
    }
}

int http_read_body(struct http *http, const struct http_head *head, http_sink sink, void *context, struct error *err)
{
    int result;

    if (head->status == 204 || head->status == 304)
        return 0;
    if (head->chunked)
        return read_chunks(http, sink, context, err);
    if (head->length < 0)
        return read_to_end(http, sink, context, err);
    result = pass_on(http, (uint64_t)head->length, sink, context, err);
    return result < 0 ? result : 0;
}

static bool collect(void *context, const char *data, size_t size)
{
    struct text *text = context;

    if (size > HTTP_BODY_LIMIT - text->length)
        return false;
    text_add_data(text, data, size);
    return true;
}

int http_read_text(struct http *http, const struct http_head *head, struct text *ret_body, struct error *err)
{
    bool was_broken = http->broken;
    int result = http_read_body(http, head, collect, ret_body, err);

    if (result == 0 && http->broken && !was_broken && (head->chunked || head->length >= 0))
        return nonsense(http, "its answer is over 64 MiB", err);
    return result;
}

size_t http_take_rest(struct http *http, char *data, size_t size)
{
    size_t rest = http->end - http->start;

    if (rest > size)
        rest = size;
    memcpy(data, http->data + http->start, rest);
    http->start += rest;
    return rest;
}

void http_escape(struct text *path, const char *part)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *part; part++)
        if (strchr(plain, *part))
            text_add_data(path, part, 1);
        else
            text_format(path, "%%%02X", (unsigned char)*part);
}
