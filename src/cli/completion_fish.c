/* Completion for fish, out of the verb table: a `complete` for each verb, option and argument. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

static const char head[] =
    "# fish completion for trestle; made by `trestle completion fish`\n"
    "function __trestle_words # those behind the program's own options\n"
    "    set -l words (commandline -opc)\n"
    "    set -e words[1]\n"
    "    while set -q words[1]; and string match -q -- '-*' $words[1]\n"
    "        test $words[1] = -S; and set -e words[1]\n"
    "        set -e words[1]\n"
    "    end\n"
    "    string join \\n -- $words\n"
    "end\n"
    "function __trestle_no_verb\n"
    "    set -l words (__trestle_words)\n"
    "    not set -q words[1]\n"
    "end\n"
    "function __trestle_in # VERB\n"
    "    set -l words (__trestle_words)\n"
    "    set -q words[1]; and test $words[1] = $argv[1]\n"
    "end\n"
    "function __trestle_at # VERB POSITION OPTIONS-WITH-VALUES…\n"
    "    __trestle_in $argv[1]; or return\n"
    "    set -l words (__trestle_words)\n"
    "    set -l at 0\n"
    "    set -e words[1]\n"
    "    while set -q words[1]\n"
    "        if not string match -q -- '-*' $words[1]\n"
    "            set at (math $at + 1)\n"
    "        else if contains -- (string sub -s 3 -- $words[1]) $argv[3..-1]\n"
    "            set -e words[1]\n"
    "        end\n"
    "        set -e words[1]\n"
    "    end\n"
    "    test $at -eq $argv[2]\n"
    "end\n"
    "complete -c trestle -f\n"
    "complete -c trestle -n __trestle_no_verb -s S -r -F -d 'socket of the daemon'\n"
    "complete -c trestle -n __trestle_no_verb -l version -d 'show the version'\n"
    "complete -c trestle -l json -d 'one JSON document'\n"
    "complete -c trestle -l help -d 'explain the verb'\n";

/* In single quotes. */
static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static bool is_asked_for(const char *words)
{
    static const char *const names[] = {"vms", "bridges", "interfaces", "objects", "verbs"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!strcmp(words, names[i]))
            return true;
    return false;
}

static void print_words(enum value_kind kind, const char *choices)
{
    const char *words = completion_words(kind, choices);
    CLEANUP(freep) char *list = memory_string(words);

    if (!strcmp(words, "file")) {
        printf(" -F");
        return;
    }
    if (is_asked_for(words)) {
        printf(" -a '(trestle completion %s 2>/dev/null)'", words);
        return;
    }
    for (char *at = list; *at; at++)
        if (*at == '|')
            *at = ' ';
    printf(" -a ");
    print_quoted(list);
}

static void print_option(const struct verb *verb, const struct verb_option *option)
{
    if (option->lacking)
        return;
    printf("complete -c trestle -n '__trestle_in %s' -l %s", verb->name, option->name);
    if (option->kind != VALUE_FLAG) {
        printf(" -r");
        print_words(option->kind, option->choices);
    }
    printf(" -d ");
    print_quoted(option->help);
    putchar('\n');
}

static void print_condition(const struct verb *verb, size_t position)
{
    if (verb->arguments[position].repeated) {
        printf(" -n '__trestle_in %s'", verb->name);
        return;
    }
    printf(" -n '__trestle_at %s %zu", verb->name, position);
    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++)
        if (verb->options[i].kind != VALUE_FLAG)
            printf(" %s", verb->options[i].name);
    putchar('\'');
}

static void print_verb(const struct verb *verb)
{
    printf("complete -c trestle -n __trestle_no_verb -a %s -d ", verb->name);
    print_quoted(verb->help);
    putchar('\n');
    for (size_t i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++) {
        printf("complete -c trestle");
        print_condition(verb, i);
        print_words(verb->arguments[i].kind, verb->arguments[i].choices);
        putchar('\n');
    }
    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++)
        print_option(verb, &verb->options[i]);
}

void completion_print_fish(void)
{
    fputs(head, stdout);
    for (size_t i = 0; i < verb_count; i++)
        print_verb(&verb_table[i]);
}
