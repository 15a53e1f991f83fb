/* trestled: options and signals. */
#include <errno.h>
#include <ev.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/priority.h"
#include "daemon/daemon.h"
#include "daemon/notify.h"
#include "dhcp/dhcp.h"

#define EXIT_USAGE 64

static const char usage[] =
    "usage: trestled [-c CONFIG_DIR] [-s STATE_DIR] [-r RUN_DIR] [--log-level LEVEL]\n"
    "  -c, --config DIR      files that say what is wanted (/etc/trestle)\n"
    "  -s, --state DIR       what must survive a reboot (/var/lib/trestle)\n"
    "  -r, --run DIR         the socket and the running VMs (/run/trestle)\n"
    "      --log-level LEVEL error, warning, notice, info or debug (notice)\n"
    "      --version         the version\n"
    "Runs in the foreground and logs to stderr. VMs go on running when it ends.\n";

enum { OPTION_LOG_LEVEL = 256, OPTION_VERSION };

static const struct option options_table[] = {
    {"config", required_argument, NULL, 'c'},
    {"state", required_argument, NULL, 's'},
    {"run", required_argument, NULL, 'r'},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void parse_options(int argument_count, char **arguments, struct daemon_options *options)
{
    int option;

    while ((option = getopt_long(argument_count, arguments, "c:s:r:h", options_table, NULL)) != -1)
        switch (option) {
        case 'c':
            options->config_directory = optarg;
            break;
        case 's':
            options->state_directory = optarg;
            break;
        case 'r':
            options->run_directory = optarg;
            break;
        case OPTION_LOG_LEVEL:
            if (log_set_level(optarg) == 0)
                break;
            fprintf(stderr, "trestled: --log-level %s: wants error, warning, notice, info or debug\n", optarg);
            exit(EXIT_USAGE);
        case OPTION_VERSION:
            puts("trestled " TRESTLE_VERSION);
            exit(0);
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(EXIT_USAGE);
        }
    if (optind < argument_count) {
        fprintf(stderr, "trestled: unknown argument '%s'\n%s", arguments[optind], usage);
        exit(EXIT_USAGE);
    }
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)watcher, (void)events;
    log_notice("ends; virtual machines go on running");
    notify_send("STOPPING=1");
    ev_break(loop, EVBREAK_ALL);
}

int main(int argument_count, char **arguments)
{
    struct daemon_options options = {"/etc/trestle", "/var/lib/trestle", "/run/trestle"};
    struct ev_loop *loop;
    struct daemon *daemon = NULL;
    struct error err = {0};
    ev_signal terminate, interrupt;
    int status;

    if (dhcp_report(&status))
        return status;
    /* Not the default loop: that one reaps every child by SIGCHLD, and QEMU's exits would be lost. */
    loop = ev_loop_new(EVFLAG_AUTO);
    log_set_level("notice");
    parse_options(argument_count, arguments, &options);
    signal(SIGPIPE, SIG_IGN);
    priority_raise();
    if (daemon_new(loop, &options, &daemon, &err) < 0) {
        log_error("%s", err.text);
        ev_loop_destroy(loop);
        return 1;
    }
    ev_signal_init(&terminate, on_signal, SIGTERM);
    ev_signal_start(loop, &terminate);
    ev_signal_init(&interrupt, on_signal, SIGINT);
    ev_signal_start(loop, &interrupt);
    ev_run(loop, 0);
    status = daemon_failed(daemon);
    daemon_free(daemon);
    ev_loop_destroy(loop);
    return status;
}
