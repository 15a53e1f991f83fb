/* Completion for bash: the script is written out of the verb table, and asks `trestle completion KIND` for names. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

static const char head[] =
    "# bash completion for trestle; made by `trestle completion bash`\n"
    "_trestle_words() {\n"
    "    case $1 in\n"
    "    file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$2\")) ;;\n"
    "    vms|bridges|interfaces|objects|verbs)\n"
    "        COMPREPLY=($(compgen -W \"$(trestle \"${socket[@]}\" completion \"$1\" 2>/dev/null)\" -- \"$2\")) ;;\n"
    "    *) COMPREPLY=($(compgen -W \"${1//|/ }\" -- \"$2\")) ;;\n"
    "    esac\n"
    "}\n"
    "_trestle() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} last= verb= kinds= options= values= i at=0 socket=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        -S) socket=(-S \"${COMP_WORDS[++i]}\") ;;\n"
    "        -*) ;;\n"
    "        *) verb=${COMP_WORDS[i]}; break ;;\n"
    "        esac\n"
    "    done\n"
    "    if [[ -z $verb ]]; then\n"
    "        case ${COMP_WORDS[COMP_CWORD-1]} in -S) _trestle_words file \"$word\"; return ;; esac\n"
    "        [[ $word == -* ]] && { _trestle_words '-S|--json|--help|--version' \"$word\"; return; }\n"
    "        _trestle_words verbs \"$word\"\n"
    "        return\n"
    "    fi\n"
    "    case $verb in\n";

static const char tail[] =
    "    esac\n"
    "    last=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    if [[ $last == --* && $values == *\" ${last#--}=\"* ]]; then\n"
    "        values=${values#*\" ${last#--}=\"}\n"
    "        _trestle_words \"${values%% *}\" \"$word\"\n"
    "        return\n"
    "    fi\n"
    "    if [[ $word == -* ]]; then _trestle_words \"$options|--json|--help\" \"$word\"; return; fi\n"
    "    for ((i++; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --*) [[ $values == *\" ${COMP_WORDS[i]#--}=\"* ]] && ((i++)) ;;\n"
    "        *) ((at++)) ;;\n"
    "        esac\n"
    "    done\n"
    "    set -- $kinds\n"
    "    ((at < $#)) && { shift $at; _trestle_words \"$1\" \"$word\"; }\n"
    "    return 0\n"
    "}\n"
    "complete -F _trestle trestle\n";

const char *completion_words(enum value_kind kind, const char *choices)
{
    switch (kind) {
    case VALUE_VM:
        return "vms";
    case VALUE_BRIDGE:
        return "bridges";
    case VALUE_INTERFACE:
        return "interfaces";
    case VALUE_OBJECT:
        return "objects";
    case VALUE_FILE:
        return "file";
    case VALUE_VERB:
        return "verbs";
    case VALUE_FLAG:
    case VALUE_TEXT:
    case VALUE_NUMBER:
    case VALUE_CHOICE:
    case VALUE_SETTING:
        break;
    }
    return choices ? choices : "|";
}

void completion_print_verb(const struct verb *verb)
{
    printf("    %s)\n        kinds='", verb->name);
    for (size_t i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++)
        printf("%s%s", i ? " " : "", completion_words(verb->arguments[i].kind, verb->arguments[i].choices));
    printf("'\n        options='");
    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++)
        if (!verb->options[i].lacking)
            printf("%s--%s", i ? "|" : "", verb->options[i].name);
    printf("'\n        values=' ");
    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++)
        if (verb->options[i].kind != VALUE_FLAG)
            printf("%s=%s ", verb->options[i].name, completion_words(verb->options[i].kind, verb->options[i].choices));
    for (size_t i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++)
        printf("%s=%s ", verb->arguments[i].name, completion_words(verb->arguments[i].kind, verb->arguments[i].choices));
    printf("' ;;\n");
}

static int print_script(void)
{
    fputs(head, stdout);
    for (size_t i = 0; i < verb_count; i++)
        completion_print_verb(&verb_table[i]);
    fputs(tail, stdout);
    return EXIT_DONE;
}

static int print_verbs(void)
{
    for (size_t i = 0; i < verb_count; i++)
        printf("%s\n", verb_table[i].name);
    return EXIT_DONE;
}

static int print_names(struct command *command, const char *path, const char *only_kind)
{
    CLEANUP(document_freep) json_t *list = call_daemon(command, "GET", path, NULL);
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
        if (!only_kind || text_equal(document_string(item, "kind", NULL), only_kind))
            output_print("%s\n", document_string(item, "name", ""));
    return list ? EXIT_DONE : EXIT_FAILED;
}

int completion_run(struct command *command)
{
    const char *what = arguments_get(command, "what");

    if (!strcmp(what, "bash"))
        return print_script();
    if (!strcmp(what, "zsh") || !strcmp(what, "fish")) {
        (strcmp(what, "zsh") ? completion_print_fish : completion_print_zsh)();
        return EXIT_DONE;
    }
    if (!strcmp(what, "verbs"))
        return print_verbs();
    if (!strcmp(what, "vms"))
        return print_names(command, "/v1/vms?all=1", NULL);
    if (!strcmp(what, "bridges"))
        return print_names(command, "/v1/interfaces?all=1", "bridge");
    if (!strcmp(what, "interfaces"))
        return print_names(command, "/v1/interfaces?all=1", NULL);
    return print_names(command, "/v1/vms?all=1", NULL) | print_names(command, "/v1/interfaces?all=1", NULL);
}
