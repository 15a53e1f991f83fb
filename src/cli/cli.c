/* Global options, the verb, and what it is run with. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "cli/cli.h"
#include "cli_internal.h"

static const char default_socket[] = "/run/trestle/trestle.sock";

/* --json and --help may stand anywhere; they are taken out of the words. A word behind "--" is no option. */
static bool take_flag(int *count, char **words, const char *flag)
{
    bool found = false;
    int kept = 0;

    for (int i = 0; i < *count; i++) {
        if (!strcmp(words[i], "--")) {
            while (i < *count)
                words[kept++] = words[i++];
            break;
        }
        if (!strcmp(words[i], flag))
            found = true;
        else
            words[kept++] = words[i];
    }
    *count = kept;
    return found;
}

/* -S SOCKET, before the verb. Gives how many words it took, or -1. */
static int take_socket(struct command *command, int count, char **words)
{
    if (!strcmp(words[0], "-S") || !strcmp(words[0], "--socket")) {
        if (count < 2)
            return -1;
        command->socket = words[1];
        return 2;
    }
    if (text_starts(words[0], "--socket=")) {
        command->socket = words[0] + strlen("--socket=");
        return 1;
    }
    if (text_starts(words[0], "-S")) {
        command->socket = words[0] + 2;
        return 1;
    }
    return 0;
}

static int unknown_verb(struct command *command, const char *word)
{
    const char *near = verb_nearest(word);
    char shown[QUOTE_SIZE];

    if (near)
        return arguments_usage_error(command, "there is no verb %s; did you mean %s?", quote_text(word, shown), near);
    return arguments_usage_error(command, "there is no verb %s", quote_text(word, shown));
}

static int run_verb(struct command *command, bool help, int count, char **words)
{
    int result;

    command->verb = verb_find(words[0]);
    if (!command->verb)
        return unknown_verb(command, words[0]);
    command->name = command->verb->name;
    if (help) {
        help_verb(command->verb);
        return EXIT_DONE;
    }
    result = arguments_parse(command, count - 1, words + 1);
    return result == EXIT_DONE ? command->verb->run(command) : result;
}

static int run(struct command *command, int count, char **words)
{
    bool help, version;
    int taken = 1;

    command->json = take_flag(&count, words, "--json");
    help = take_flag(&count, words, "--help");
    help = take_flag(&count, words, "-h") || help; /* taken out in any case */
    version = take_flag(&count, words, "--version");
    while (count > 0 && taken > 0) {
        taken = take_socket(command, count, words);
        if (taken < 0)
            return arguments_usage_error(command, "-S wants the socket's path");
        count -= taken;
        words += taken;
    }
    if (version)
        return help_version(command);
    if (count == 0 && help) {
        help_overview();
        return EXIT_DONE;
    }
    if (count == 0)
        return arguments_usage_error(command, "no verb is given");
    return run_verb(command, help, count, words);
}

/* Output that can't be written is no success. */
static int finish(int result)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return result;
    perror("trestle: standard output");
    return EXIT_FAILED;
}

int cli_run(int argc, char **argv)
{
    struct command command = {.http = {.fd = -1}};
    char **words = memory_copy(argv, ((size_t)argc + 1) * sizeof(*argv));
    int result;

    command.socket = getenv("TRESTLE_SOCKET");
    if (!command.socket || !*command.socket)
        command.socket = default_socket;
    result = run(&command, argc - 1, words + 1);
    http_close(&command.http);
    free(command.repeated);
    free(words);
    return finish(result);
}
