/* A request to trestled and what comes of it. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli_internal.h"

char *call_path(const char *format, ...)
{
    struct text path = {0};
    va_list arguments;

    va_start(arguments, format);
    for (; *format; format++)
        if (format[0] == '%' && format[1] == 's') {
            http_escape(&path, va_arg(arguments, const char *));
            format++;
        } else {
            text_add_data(&path, format, 1);
        }
    va_end(arguments);
    return text_take(&path);
}

static void show_waiting(void *context, double seconds)
{
    struct command *command = context;
    CLEANUP(freep) char *text = output_clean(command->waiting_for);

    if (seconds < 0)
        fprintf(stderr, "\r\033[K");
    else
        fprintf(stderr, "\r\033[Kwaiting for %s … %.0f s", text, seconds);
}

bool call_connect(struct command *command)
{
    struct error err = {0};

    if (command->http.fd >= 0 && command->http.broken)
        http_close(&command->http);
    if (command->http.fd < 0 && http_connect(&command->http, command->socket, &err) < 0) {
        output_fail(command, "%s", err.text);
        return false;
    }
    command->http.waiting = command->waiting_for && isatty(STDERR_FILENO) ? show_waiting : NULL;
    command->http.context = command;
    return true;
}

static int exchange(struct command *command, const char *method, const char *path, const char *body, struct text *ret_text,
                    int *ret_status, struct error *err)
{
    struct http_head head;
    int result = http_send(&command->http, method, path, NULL, body, err);

    if (result == 0)
        result = http_read_head(&command->http, &head, err);
    if (result == 0)
        result = http_read_text(&command->http, &head, ret_text, err);
    if (result == 0)
        *ret_status = head.status;
    return result;
}

static json_t *parse(struct command *command, const struct text *text, int status)
{
    struct error err = {0};
    json_t *json = NULL;

    if (text->length == 0)
        output_fail(command, "trestled answered %d and nothing else", status);
    else if (document_parse(text->data, text->length, &json, &err) < 0)
        output_fail(command, "trestled's answer: %s", err.text);
    return json;
}

json_t *call_raw(struct command *command, const char *method, const char *path, json_t *body, int *ret_status)
{
    CLEANUP(freep) char *line = body ? document_text(body) : NULL;
    struct error err = {0};
    struct text text = {0};
    json_t *json = NULL;

    document_free(body);
    if (!call_connect(command))
        return NULL;
    if (exchange(command, method, path, line, &text, ret_status, &err) < 0)
        output_fail(command, "%s", err.text);
    else
        json = parse(command, &text, *ret_status);
    text_clear(&text);
    return json;
}

int call_failed(struct command *command, const json_t *problem)
{
    if (command->json) {
        output_json(problem);
        return EXIT_FAILED;
    }
    output_problems(command, json_object_get(problem, "problems"));
    output_complain(
        command, document_string(problem, "detail", document_string(problem, "title", "trestled refused, and gave no reason")));
    return EXIT_FAILED;
}

json_t *call_daemon(struct command *command, const char *method, const char *path, json_t *body)
{
    int status = 0;
    json_t *json = call_raw(command, method, path, body, &status);

    if (!json || (status >= 200 && status < 300))
        return json;
    call_failed(command, json);
    document_free(json);
    return NULL;
}
