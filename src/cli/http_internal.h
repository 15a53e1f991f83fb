/* The least HTTP/1.1 client that the command needs: one connection over a Unix socket, answers with Content-Length or in chunks,
 * an upgrade. Trusts the other side with nothing: everything is bounded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct error;

enum { HTTP_HEAD_LIMIT = 64 << 10, HTTP_BODY_LIMIT = 64 << 20 };

struct http {
    int fd;
    char data[16384]; /* read and not used yet: from start to end */
    size_t start, end;
    bool broken; /* the connection can't be used again */
    /* Called while an answer is waited for: after 0.3 s, then every second; ends with a negative number when waiting is over. */
    void (*waiting)(void *context, double seconds);
    void *context;
};

struct http_head {
    int status;
    int64_t length; /* -1: in chunks, or until the connection's end */
    bool chunked;
    bool close;
    char type[64];
};

/* Gets the body piece by piece; false ends the reading. */
typedef bool (*http_sink)(void *context, const char *data, size_t size);

void http_init(struct http *http, int fd); /* takes fd */
void http_close(struct http *http);
int http_connect(struct http *http, const char *path, struct error *err); /* err says what to do about it */

/* headers: whole lines, each with "\r\n", or NULL. body may be NULL. */
int http_send(struct http *http, const char *method, const char *path, const char *headers, const char *body, struct error *err);
int http_read_head(struct http *http, struct http_head *ret_head, struct error *err);
int http_read_body(struct http *http, const struct http_head *head, http_sink sink, void *context, struct error *err);
int http_read_text(struct http *http, const struct http_head *head, struct text *ret_body, struct error *err);

/* What came behind the head of an answer 101, at most `size` bytes; then the descriptor carries bytes alone. */
size_t http_take_rest(struct http *http, char *data, size_t size);

/* Appends a part of a path or a value of a query, percent-encoded. */
void http_escape(struct text *path, const char *part);
