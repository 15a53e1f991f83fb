/* What is made out of the verb table's rows. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < verb_count; i++)
        if (!strcmp(verb_table[i].name, name))
            return &verb_table[i];
    return NULL;
}

const char *verb_nearest(const char *name)
{
    const char **names = memory_new(verb_count * sizeof(*names)), *near;

    for (size_t i = 0; i < verb_count; i++)
        names[i] = verb_table[i].name;
    near = text_nearest(name, names, verb_count);
    free(names);
    return near;
}

static bool is_number(const char *name)
{
    return !strcmp(name, "mtu") || !strcmp(name, "vlan") || !strcmp(name, "queues");
}

/* "up|down"; "N|none" where one word stands beside others. */
static char *setting_placeholder(const char *name, const char *choices)
{
    CLEANUP(freep) char *word = NULL;

    if (choices && strchr(choices, '|'))
        return memory_string(choices);
    word = is_number(name) ? memory_string("N") : verb_placeholder(name, VALUE_TEXT, NULL);
    return choices ? memory_format("%s|%s", word, choices) : TAKE_POINTER(word);
}

char *verb_placeholder(const char *name, enum value_kind kind, const char *choices)
{
    char *text;

    if (kind == VALUE_CHOICE)
        return memory_string(choices);
    if (kind == VALUE_SETTING)
        return setting_placeholder(name, choices);
    if (kind == VALUE_VM)
        return memory_string("VM");
    if (kind == VALUE_NUMBER && !strcmp(name, "timeout"))
        return memory_string("SECONDS");
    if (kind == VALUE_NUMBER)
        return memory_string("N");
    text = memory_string(name);
    for (char *at = text; *at; at++)
        if (*at >= 'a' && *at <= 'z')
            *at -= 'a' - 'A';
    return text;
}

static void add_argument(struct text *text, const struct verb_argument *argument)
{
    CLEANUP(freep) char *word = verb_placeholder(argument->name, argument->kind, argument->choices);

    text_format(text, argument->optional ? " [%s%s]" : " %s%s", word, argument->repeated ? "…" : "");
}

static void add_option(struct text *text, const struct verb_option *option)
{
    CLEANUP(freep) char *word = verb_placeholder(option->name, option->kind, option->choices);

    if (option->lacking)
        return;
    if (option->kind == VALUE_FLAG)
        text_format(text, " [--%s]", option->name);
    else
        text_format(text, " [--%s %s]", option->name, word);
}

char *verb_usage(const struct verb *verb)
{
    struct text text = {0};

    text_add(&text, verb->name);
    for (size_t i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++)
        add_argument(&text, &verb->arguments[i]);
    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++)
        add_option(&text, &verb->options[i]);
    return text_take(&text);
}
