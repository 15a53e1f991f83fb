/* Completion for zsh, out of the verb table. */
#include <string.h>

#include "cli_internal.h"

static const char head[] =
    "#compdef trestle\n"
    "# zsh completion for trestle; made by `trestle completion zsh`\n"
    "_trestle_words() {\n"
    "    case $1 in\n"
    "    file) _files ;;\n"
    "    vms|bridges|interfaces|objects|verbs) compadd -- ${(f)\"$(trestle $socket completion $1 2>/dev/null)\"} ;;\n"
    "    *) compadd -- ${(s:|:)1} ;;\n"
    "    esac\n"
    "}\n"
    "_trestle() {\n"
    "    local verb= kinds= options= values= last= i at=0\n"
    "    local -a socket\n"
    "    for ((i = 2; i < CURRENT; i++)); do\n"
    "        case ${words[i]} in\n"
    "        -S) socket=(-S \"${words[++i]}\") ;;\n"
    "        -*) ;;\n"
    "        *) verb=${words[i]}; break ;;\n"
    "        esac\n"
    "    done\n"
    "    if [[ -z $verb ]]; then\n"
    "        if [[ ${words[CURRENT-1]} == -S ]]; then _trestle_words file\n"
    "        elif [[ ${words[CURRENT]} == -* ]]; then _trestle_words '-S|--json|--help|--version'\n"
    "        else _trestle_words verbs; fi\n"
    "        return\n"
    "    fi\n"
    "    case $verb in\n";

static const char tail[] =
    "    esac\n"
    "    last=${words[CURRENT-1]}\n"
    "    if [[ $last == --* && $values == *\" ${last#--}=\"* ]]; then\n"
    "        values=${values#*\" ${last#--}=\"}\n"
    "        _trestle_words \"${values%% *}\"\n"
    "        return\n"
    "    fi\n"
    "    if [[ ${words[CURRENT]} == -* ]]; then _trestle_words \"$options|--json|--help\"; return; fi\n"
    "    for ((i++; i < CURRENT; i++)); do\n"
    "        case ${words[i]} in\n"
    "        --*) [[ $values == *\" ${words[i]#--}=\"* ]] && ((i++)) ;;\n"
    "        *) ((++at)) ;;\n"
    "        esac\n"
    "    done\n"
    "    set -- ${=kinds}\n"
    "    ((at < $#)) && { shift $at; _trestle_words \"$1\"; }\n"
    "    return 0\n"
    "}\n"
    "if [[ $funcstack[1] == _trestle ]]; then _trestle \"$@\"\n"
    "elif (($+functions[compdef])); then compdef _trestle trestle; fi\n";

void completion_print_zsh(void)
{
    fputs(head, stdout);
    for (size_t i = 0; i < verb_count; i++)
        completion_print_verb(&verb_table[i]);
    fputs(tail, stdout);
}
