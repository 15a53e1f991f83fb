/* events: the stream of server-sent events, one line each. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

enum { LINE_LIMIT = 1 << 20 };

struct reader {
    const struct command *command;
    struct text line;
};

static void print_event(const struct reader *reader, const char *data)
{
    struct error err = {0};
    json_t *json = NULL;

    if (document_parse(data, strlen(data), &json, &err) < 0) {
        output_complain(reader->command, "trestled sent an event that can't be read");
        return;
    }
    if (reader->command->json) {
        json_dumpf(json, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        putchar('\n');
    } else {
        output_print("%s%s%s: %s\n", document_string(json, "type", "lost"), document_string(json, "object", NULL) ? " " : "",
                     document_string(json, "object", ""), document_string(json, "text", ""));
    }
    document_free(json);
    fflush(stdout);
}

static void take_line(struct reader *reader)
{
    const char *line = reader->line.data;

    if (text_starts(line, "data: "))
        print_event(reader, line + strlen("data: "));
    text_clear(&reader->line);
}

static bool take_data(void *context, const char *data, size_t size)
{
    struct reader *reader = context;

    while (size > 0) {
        const char *newline = memchr(data, '\n', size);
        size_t piece = newline ? (size_t)(newline - data) : size;

        text_add_data(&reader->line, data, piece);
        if (reader->line.length > LINE_LIMIT)
            return false;
        if (newline && reader->line.data)
            take_line(reader);
        data += piece + (newline != NULL);
        size -= piece + (newline != NULL);
    }
    return !ferror(stdout);
}

static int refused(struct command *command, const struct http_head *head)
{
    struct text text = {0};
    struct error err = {0};
    json_t *json = NULL;

    if (http_read_text(&command->http, head, &text, &err) < 0 ||
        document_parse(text.data ? text.data : "", text.length, &json, &err) < 0)
        output_fail(command, "%s", err.text);
    else
        call_failed(command, json);
    document_free(json);
    text_clear(&text);
    return EXIT_FAILED;
}

int events_run(struct command *command)
{
    const char *since = arguments_option(command, "since");
    CLEANUP(freep) char *header = since ? memory_format("Last-Event-ID: %s\r\n", since) : NULL;
    struct reader reader = {.command = command};
    struct http_head head;
    struct error err = {0};
    int result;

    if (!call_connect(command))
        return EXIT_FAILED;
    result = http_send(&command->http, "GET", "/v1/events", header, NULL, &err);
    if (result == 0)
        result = http_read_head(&command->http, &head, &err);
    if (result == 0 && head.status != 200)
        return refused(command, &head);
    if (result == 0)
        result = http_read_body(&command->http, &head, take_data, &reader, &err);
    text_clear(&reader.line);
    if (result < 0)
        return output_fail(command, "%s", err.text);
    return output_fail(command, "trestled ended the stream: it is stopping");
}
