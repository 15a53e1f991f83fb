/* console: the terminal in raw mode on one side, the VM's serial line on the other. What the guest prints goes through as it is:
 * a console is for that. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli_internal.h"

enum { ESCAPE = 0x1d }; /* Ctrl-] */

static volatile sig_atomic_t ended_by_signal;

static void on_signal(int number)
{
    ended_by_signal = number;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);

        if (written < 0 && errno == EINTR && !ended_by_signal)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

enum pumped { PUMP_ON, PUMP_ENDED, PUMP_ESCAPED };

static enum pumped pump(int from, int to, bool terminal)
{
    char data[4096];
    ssize_t size = read(from, data, sizeof(data));
    const char *escape;

    if (size < 0)
        return errno == EINTR ? PUMP_ON : PUMP_ENDED;
    if (size == 0)
        return PUMP_ENDED;
    escape = terminal ? memchr(data, ESCAPE, (size_t)size) : NULL;
    if (!write_all(to, data, escape ? (size_t)(escape - data) : (size_t)size))
        return PUMP_ENDED;
    return escape ? PUMP_ESCAPED : PUMP_ON;
}

/* Until Ctrl-], a signal, or the console's end; the end of standard input alone only ends the typing. */
static enum pumped relay(int console)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = console, .events = POLLIN}};
    bool terminal = isatty(STDIN_FILENO);
    enum pumped state = PUMP_ON;

    while (state == PUMP_ON && !ended_by_signal) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents)
            state = pump(console, STDOUT_FILENO, false);
        if (state != PUMP_ON || !fds[0].revents)
            continue;
        state = pump(STDIN_FILENO, console, terminal);
        if (state == PUMP_ENDED) {
            fds[0].fd = -1;
            state = PUMP_ON;
        }
    }
    return state;
}

static enum pumped relay_raw(int console)
{
    struct termios before, raw;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    enum pumped state;

    catch_signals();
    if (terminal) {
        raw = before;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    state = relay(console);
    if (terminal)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return state;
}

/* 0 when the connection is the console now. */
static int upgrade(struct command *command, const char *vm, struct error *err)
{
    CLEANUP(freep) char *path = call_path("/v1/vms/%s/console", vm);
    struct http_head head;
    struct text text = {0};
    json_t *problem = NULL;
    int result = http_send(&command->http, "GET", path, "Connection: Upgrade\r\nUpgrade: trestle-console\r\n", NULL, err);

    if (result == 0)
        result = http_read_head(&command->http, &head, err);
    if (result < 0 || head.status == 101)
        return result;
    result = http_read_text(&command->http, &head, &text, err);
    if (result == 0)
        result = document_parse(text.data ? text.data : "", text.length, &problem, err);
    if (result == 0)
        result = error_set(err, EIO, "%s", document_string(problem, "detail", "trestled refused, and gave no reason"));
    document_free(problem);
    text_clear(&text);
    return result;
}

int console_attach(struct command *command, const char *vm)
{
    char rest[sizeof(command->http.data)];
    struct error err = {0};
    enum pumped state;
    size_t size;

    if (!call_connect(command))
        return EXIT_FAILED;
    if (upgrade(command, vm, &err) < 0)
        return output_fail(command, "%s", err.text);
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "Connected to domain '%s'\nEscape character is ^] (Ctrl + ])\n", vm);
    fflush(stdout);
    size = http_take_rest(&command->http, rest, sizeof(rest));
    state = write_all(STDOUT_FILENO, rest, size) ? relay_raw(command->http.fd) : PUMP_ENDED;
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "\n");
    if (state == PUMP_ESCAPED)
        return EXIT_DONE;
    if (ended_by_signal)
        return 128 + (int)ended_by_signal;
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "The console of domain '%s' ended\n", vm);
    return EXIT_DONE;
}

int console_run(struct command *command)
{
    if (command->json)
        return output_fail(command, "a console is a stream of bytes: there is no JSON of it");
    return console_attach(command, arguments_get(command, "domain"));
}
