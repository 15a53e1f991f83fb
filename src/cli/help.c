/* help and version, out of the verb table. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

#ifndef TRESTLE_VERSION
#define TRESTLE_VERSION "unknown"
#endif

static int longest_name(void)
{
    size_t longest = 0;

    for (size_t i = 0; i < verb_count; i++)
        if (strlen(verb_table[i].name) > longest)
            longest = strlen(verb_table[i].name);
    return (int)longest;
}

void help_overview(void)
{
    const char *group = "";

    printf("usage: trestle [-S SOCKET] [--json] VERB [ARGUMENTS]\n");
    for (size_t i = 0; i < verb_count; i++) {
        if (strcmp(group, verb_table[i].group))
            printf("\n%s:\n", verb_table[i].group);
        group = verb_table[i].group;
        printf("  %-*s  %s\n", longest_name(), verb_table[i].name, verb_table[i].help);
    }
    printf("\n-S SOCKET  the daemon's socket; else $TRESTLE_SOCKET, else /run/trestle/trestle.sock\n"
           "--json     one JSON document on standard output in every case, errors too\n"
           "`trestle help VERB` explains a verb, `man trestle` everything.\n");
}

static void print_argument(const struct verb_argument *argument)
{
    CLEANUP(freep) char *word = verb_placeholder(argument->name, argument->kind, argument->choices);

    printf("  %-22s  %s (also: --%s)\n", word, argument->help, argument->name);
}

static void print_option(const struct verb_option *option)
{
    CLEANUP(freep)
    char *word = option->kind == VALUE_FLAG ? memory_string("") : verb_placeholder(option->name, option->kind, option->choices);
    CLEANUP(freep) char *left = memory_format("--%s%s%s", option->name, *word ? " " : "", word);

    printf("  %-22s  %s\n", left, option->help);
}

void help_verb(const struct verb *verb)
{
    CLEANUP(freep) char *usage = verb_usage(verb);

    printf("trestle %s\n    %s\n", usage, verb->help);
    if (verb->details)
        printf("    %s\n", verb->details);
    if (verb->arguments[0].name || verb->options[0].name)
        putchar('\n');
    for (size_t i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++)
        print_argument(&verb->arguments[i]);
    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++)
        print_option(&verb->options[i]);
}

static json_t *verb_json(const struct verb *verb)
{
    CLEANUP(freep) char *usage = verb_usage(verb);

    return json_pack("{s:s, s:s, s:s, s:s}", "verb", verb->name, "group", verb->group, "usage", usage, "help", verb->help);
}

static int help_json(const struct verb *only)
{
    CLEANUP(document_freep) json_t *list = json_array();

    for (size_t i = 0; i < verb_count; i++)
        if (!only || only == &verb_table[i])
            json_array_append_new(list, verb_json(&verb_table[i]));
    return output_json(list);
}

int help_run(struct command *command)
{
    const char *name = arguments_get(command, "verb");
    const struct verb *verb = name ? verb_find(name) : NULL;

    if (name && !verb) {
        const char *near = verb_nearest(name);

        return arguments_usage_error(command, "there is no verb of that name%s%s", near ? "; did you mean " : "",
                                     near ? near : "");
    }
    if (command->json)
        return help_json(verb);
    if (verb)
        help_verb(verb);
    else
        help_overview();
    return EXIT_DONE;
}

int help_version(struct command *command)
{
    CLEANUP(document_freep) json_t *json = NULL;

    if (command->json) {
        json = json_pack("{s:s}", "version", TRESTLE_VERSION);
        return output_json(json);
    }
    printf("trestle %s\n", TRESTLE_VERSION);
    return EXIT_DONE;
}
