/* iface-bridge and iface-unbridge. On a terminal: what is going to be done, then the change, then thirty seconds to say that it works. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/memory.h"
#include "cli_internal.h"

enum { PATIENCE = 30, SPARE = 5 }; /* seconds; who was cut off says nothing. The daemon waits a bit longer, in case this command dies */

static bool is_out(const struct command *command)
{
    return strcmp(command->verb->name, "iface-unbridge") == 0;
}

static json_t *body_of(const struct command *command, int64_t confirm, bool preview)
{
    json_t *body = json_object(), *checks = json_array();

    if (!is_out(command)) {
        json_object_set_new(body, "bridge", json_string(arguments_get(command, "bridge")));
        json_object_set_new(body, "stp", json_boolean(arguments_flag(command, "stp")));
        json_object_set_new(body, "delay", json_integer(arguments_number(command, "delay", 0)));
    }
    json_object_set_new(body, "start", json_boolean(!arguments_flag(command, "no-start")));
    json_object_set_new(body, "force", json_boolean(arguments_flag(command, "force")));
    json_object_set_new(body, "confirm", json_integer(confirm));
    json_object_set_new(body, "preview", json_boolean(preview));
    for (size_t i = 0; i < command->repeated_count; i++)
        json_array_append_new(checks, json_string(command->repeated[i]));
    json_object_set_new(body, "check", checks);
    return body;
}

static char *path_of(const struct command *command)
{
    return is_out(command) ? call_path("/v1/interfaces/%s/unbridge", arguments_get(command, "bridge"))
                           : call_path("/v1/interfaces/%s/bridge", arguments_get(command, "interface"));
}

static void print_warnings(const json_t *json)
{
    json_t *line;
    size_t i;

    json_array_foreach (json_object_get(json, "warnings"), i, line) {
        CLEANUP(freep) char *text = output_clean(json_string_value(line));

        fprintf(stderr, "%s\n", text);
    }
}

/* -- the prompt ------------------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* From before the change on: Ctrl-C and a terminal that goes, by a session that is cut off perhaps, are an answer. */
static void catch_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* y, n; 0 when the time is over, or nobody can say anything any more. */
static char ask(double seconds)
{
    double end = boot_time() + seconds;

    for (double left = seconds; left > 0 && !interrupted; left = end - boot_time()) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        char line[80];
        ssize_t length;

        fprintf(stderr, "\r\033[KDoes everything work? It is taken back in %.0f s. Keep it (y/n)? ", left);
        if (poll(&input, 1, 1000) <= 0)
            continue;
        length = read(STDIN_FILENO, line, sizeof(line));
        if (length <= 0)
            break;
        if (strchr("yYjJ", line[0]) || strchr("nN", line[0]))
            return strchr("nN", line[0]) ? 'n' : 'y';
    }
    fprintf(stderr, "\n");
    return 0;
}

static int confirm(struct command *command, double seconds)
{
    bool keep = ask(seconds) == 'y';
    CLEANUP(document_freep) json_t *json = call_daemon(command, "POST", keep ? "/v1/confirm" : "/v1/rollback", json_object());

    if (!json)
        return EXIT_FAILED;
    if (keep) {
        printf("Confirmed: the change stays\n");
        return EXIT_DONE;
    }
    return output_fail(command, "nobody said that it works: rolled back, the old state stands");
}

/* -- what was done ---------------------------------------------------------------------------------------------------------------- */

static void print_done(const struct command *command, const json_t *json)
{
    const char *nic = document_string(json, "interface", "?"), *bridge = arguments_get(command, "bridge");
    const char *report = document_string(json, "report", NULL);
    bool started = !arguments_flag(command, "no-start");

    if (is_out(command)) {
        output_print("Device %s un-attached from bridge %s\n", nic, bridge);
        if (started)
            output_print("Interface %s started\n", nic);
    } else if (document_boolean(json, "made", false)) {
        output_print("Created bridge %s with attached device %s\n", bridge, nic);
        if (started)
            output_print("Bridge interface %s started\n", bridge);
    } else {
        output_print("Attached device %s to bridge %s\n", nic, bridge);
    }
    if (report)
        output_print("%s\n", report);
}

static bool in_transaction(const json_t *json)
{
    return document_boolean(json_object_get(json, "pending"), "transaction", false);
}

/* Nobody is asked who can't answer, who has said what they want, or whose change a transaction waits to take back. */
static bool may_ask(const struct command *command, const json_t *preview)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !command->json && !arguments_option(command, "confirm")
           && !arguments_flag(command, "no-start") && !in_transaction(preview);
}

int bridging_run(struct command *command)
{
    CLEANUP(freep) char *path = path_of(command);
    CLEANUP(document_freep) json_t *preview = NULL, *json = NULL;
    int64_t seconds = arguments_number(command, "confirm", 0);
    bool asks;

    if (arguments_flag(command, "stp") && arguments_flag(command, "no-stp"))
        return arguments_usage_error(command, "--stp and --no-stp are mutually exclusive");
    if (!command->json) {
        preview = call_daemon(command, "POST", path, body_of(command, 0, true));
        if (!preview)
            return EXIT_FAILED;
        print_warnings(preview);
    }
    asks = preview && may_ask(command, preview);
    if (asks) {
        host_print_steps(preview);
        catch_signals();
    }
    command->waiting_for = "the host's network";
    json = call_daemon(command, "POST", path, body_of(command, asks ? PATIENCE + SPARE : seconds, false));
    if (!json)
        return EXIT_FAILED;
    if (command->json)
        return output_json(json);
    print_done(command, json);
    if (asks)
        return confirm(command, PATIENCE);
    if (seconds)
        output_print("It is taken back in %lld s unless you say 'trestle confirm'\n", (long long)seconds);
    return EXIT_DONE;
}
