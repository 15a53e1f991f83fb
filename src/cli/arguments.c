/* The words behind a verb, against its row: options anywhere, `--option value` and `--option=value`; each positional argument can
 * be given by its name too. */
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "cli_internal.h"
#include "model/option.h"

enum { USAGE_MAX = 80 - sizeof("usage: trestle ") }; /* what is longer hides the reason that stands before it */

int arguments_usage_error(const struct command *command, const char *format, ...)
{
    char text[600];
    va_list arguments;

    va_start(arguments, format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(text, sizeof(text), format, arguments);
#pragma GCC diagnostic pop
    va_end(arguments);
    output_fail(command, "%s", text);
    if (command->json)
        return EXIT_USAGE;
    if (command->verb) {
        CLEANUP(freep) char *usage = verb_usage(command->verb);

        if (strlen(usage) <= USAGE_MAX)
            fprintf(stderr, "usage: trestle %s\n", usage);
        else
            fprintf(stderr, "see 'trestle help %s'\n", command->name);
    } else {
        fprintf(stderr, "usage: trestle [-S SOCKET] [--json] VERB [ARGUMENTS]; `trestle help` lists the verbs\n");
    }
    return EXIT_USAGE;
}

static int find_option(const struct verb *verb, const char *name, size_t length)
{
    for (int i = 0; i < VERB_OPTIONS && verb->options[i].name; i++)
        if (strlen(verb->options[i].name) == length && !strncmp(verb->options[i].name, name, length))
            return i;
    return -1;
}

static int find_argument(const struct verb *verb, const char *name, size_t length)
{
    for (int i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++)
        if (strlen(verb->arguments[i].name) == length && !strncmp(verb->arguments[i].name, name, length))
            return i;
    return -1;
}

static const char *nearest_option(const struct verb *verb, const char *word)
{
    const char *names[VERB_OPTIONS + VERB_ARGUMENTS + 2] = {"json", "help"};
    size_t count = 2;

    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++)
        names[count++] = verb->options[i].name;
    for (size_t i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++)
        names[count++] = verb->arguments[i].name;
    return text_nearest(word, names, count);
}

static bool is_choice(const char *choices, const char *word)
{
    size_t length = strlen(word);

    while (*choices) {
        size_t size = strcspn(choices, "|");

        if (size == length && !strncmp(choices, word, size))
            return true;
        choices += size + (choices[size] == '|');
    }
    return false;
}

static bool is_floor(const char *value)
{
    const char *comma = value;

    for (int i = 0; comma && i < 3; i++)
        comma = strchr(comma + (i > 0), ',');
    return comma && comma[1];
}

static bool is_none(const struct verb_option *option, const char *value)
{
    return option->choices && !strcmp(option->choices, "none") && !strcmp(value, "none");
}

/* virsh's names for what a rate wants, and its fourth part, are its own. */
static int check_setting(struct command *command, const struct verb_option *option, const char *value)
{
    const struct option *row = option_find(OPTION_NIC, NULL, option->key, NULL);
    struct nic nic = {0};
    struct error err = {0};
    int result = is_none(option, value) ? 0 : option_parse(row, &nic, value, &err);

    nic_clear(&nic);
    if (row->type == OPTION_RATE && is_floor(value))
        return output_fail(command, "the floor of --%s: not there yet in this version; nothing was done", option->name);
    if (result < 0 && row->type == OPTION_RATE)
        return arguments_usage_error(command, "%s format is incorrect: --%s %s", option->name, option->name, err.text);
    if (result < 0 && row->type == OPTION_NAME) /* a name is the user's own: what is wrong with it is said, not how to use the verb */
        return output_fail(command, "--%s %s", option->name, err.text);
    return result < 0 ? arguments_usage_error(command, "--%s %s", option->name, err.text) : EXIT_DONE;
}

void arguments_settings(const struct command *command, struct nic *nic)
{
    for (size_t i = 0; i < VERB_OPTIONS && command->verb->options[i].name; i++) {
        const struct verb_option *option = &command->verb->options[i];
        const struct option *row = option->key ? option_find(OPTION_NIC, NULL, option->key, NULL) : NULL;

        if (row && command->options[i] && is_none(option, command->options[i]))
            option_reset(row, nic);
        else if (row && command->options[i])
            option_parse(row, nic, option->kind == VALUE_FLAG ? "yes" : command->options[i], NULL);
    }
}

static void add_repeated(struct command *command, const char *value)
{
    command->repeated = memory_resize(command->repeated, command->repeated_count + 1, sizeof(*command->repeated));
    command->repeated[command->repeated_count++] = value;
}

static int set_option(struct command *command, int index, const char *value)
{
    const struct verb_option *option = &command->verb->options[index];
    char shown[QUOTE_SIZE];
    int64_t number;

    if (command->options[index] && !option->repeated)
        return arguments_usage_error(command, "--%s is given twice", option->name);
    if (option->kind == VALUE_NUMBER && text_number(value, option->minimum, option->maximum, &number) < 0) {
        if (option->maximum == INT64_MAX)
            return arguments_usage_error(command, "--%s wants a number, not %s", option->name, quote_text(value, shown));
        return arguments_usage_error(command, "--%s wants a number from %lld to %lld, not %s", option->name,
                                     (long long)option->minimum, (long long)option->maximum, quote_text(value, shown));
    }
    if (option->kind == VALUE_CHOICE && !is_choice(option->choices, value))
        return arguments_usage_error(command, "--%s wants %s, not %s", option->name, option->choices, quote_text(value, shown));
    command->options[index] = value;
    if (option->repeated)
        add_repeated(command, value);
    return option->kind == VALUE_SETTING ? check_setting(command, option, value) : EXIT_DONE;
}

static int set_argument(struct command *command, int index, const char *value)
{
    const struct verb_argument *argument = &command->verb->arguments[index];
    char shown[QUOTE_SIZE];

    if (!*value)
        return arguments_usage_error(command, "%s is an empty word", argument->name);
    if (argument->kind == VALUE_CHOICE && !is_choice(argument->choices, value))
        return arguments_usage_error(command, "%s wants %s, not %s", argument->name, argument->choices, quote_text(value, shown));
    if (argument->repeated) {
        add_repeated(command, value);
    } else if (command->arguments[index]) {
        return arguments_usage_error(command, "%s is given twice", argument->name);
    }
    if (!command->arguments[index])
        command->arguments[index] = value;
    return EXIT_DONE;
}

/* A word without dashes goes to the first positional argument that has nothing yet. */
static int add_word(struct command *command, const char *word)
{
    char shown[QUOTE_SIZE];

    for (int i = 0; i < VERB_ARGUMENTS && command->verb->arguments[i].name; i++)
        if (!command->arguments[i] || command->verb->arguments[i].repeated)
            return set_argument(command, i, word);
    return arguments_usage_error(command, "%s is one word too many", quote_text(word, shown));
}

static int unknown_option(struct command *command, const char *name, size_t length)
{
    CLEANUP(freep) char *word = memory_string_of(name, length);
    const char *near = nearest_option(command->verb, word);
    char shown[QUOTE_SIZE];

    if (near)
        return arguments_usage_error(command, "there is no option %s; did you mean --%s?", quote_text(word, shown), near);
    return arguments_usage_error(command, "there is no option %s", quote_text(word, shown));
}

struct words {
    int count, at;
    char **words;
};

static int add_option(struct command *command, struct words *words)
{
    const char *name = words->words[words->at] + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : NULL;
    int option = find_option(command->verb, name, length), argument = find_argument(command->verb, name, length);

    if (option < 0 && argument < 0)
        return unknown_option(command, name, length);
    if (option >= 0 && command->verb->options[option].kind == VALUE_FLAG) {
        if (value)
            return arguments_usage_error(command, "--%s takes no value", command->verb->options[option].name);
        return set_option(command, option, "");
    }
    if (!value && words->at + 1 == words->count)
        return arguments_usage_error(command, "--%.*s wants a value", (int)length, name);
    if (!value)
        value = words->words[++words->at];
    return option >= 0 ? set_option(command, option, value) : set_argument(command, argument, value);
}

static int check_missing(struct command *command)
{
    for (size_t i = 0; i < VERB_ARGUMENTS && command->verb->arguments[i].name; i++) {
        const struct verb_argument *argument = &command->verb->arguments[i];

        if (!argument->optional && !command->arguments[i]) {
            CLEANUP(freep) char *word = verb_placeholder(argument->name, argument->kind, argument->choices);

            return arguments_usage_error(command, "%s is missing: %s", word, argument->help);
        }
    }
    return EXIT_DONE;
}

/* No usage error, so that nobody looks for a typing mistake. */
static int check_lacking(struct command *command)
{
    for (size_t i = 0; i < VERB_OPTIONS && command->verb->options[i].name; i++)
        if (command->options[i] && command->verb->options[i].lacking)
            return output_fail(command, "--%s: %s; nothing was done", command->verb->options[i].name,
                               command->verb->options[i].help);
    return EXIT_DONE;
}

int arguments_parse(struct command *command, int count, char **words)
{
    struct words all = {.count = count, .words = words};
    bool options_ended = false;
    int result = EXIT_DONE;

    for (; all.at < count && result == EXIT_DONE; all.at++) {
        const char *word = words[all.at];

        if (options_ended || word[0] != '-' || !word[1])
            result = add_word(command, word);
        else if (!strcmp(word, "--"))
            options_ended = true;
        else if (word[1] == '-')
            result = add_option(command, &all);
        else
            result = unknown_option(command, word, strlen(word));
    }
    if (result == EXIT_DONE)
        result = check_missing(command);
    return result == EXIT_DONE ? check_lacking(command) : result;
}

const char *arguments_get(const struct command *command, const char *name)
{
    int index = find_argument(command->verb, name, strlen(name));

    return index < 0 ? NULL : command->arguments[index];
}

const char *arguments_option(const struct command *command, const char *name)
{
    int index = find_option(command->verb, name, strlen(name));

    return index < 0 ? NULL : command->options[index];
}

bool arguments_flag(const struct command *command, const char *name)
{
    return arguments_option(command, name);
}

int64_t arguments_number(const struct command *command, const char *name, int64_t fallback)
{
    int64_t number = fallback;

    text_number(arguments_option(command, name), INT64_MIN, INT64_MAX, &number);
    return number;
}
