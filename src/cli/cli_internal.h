/* What the files of src/cli share: the verb table, a parsed command, and the ways to speak to the user and to trestled. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/document.h"
#include "base/error.h"
#include "base/problem.h"
#include "base/text.h"
#include "http_internal.h"
#include "model/vm.h"

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_CHANGES = 2, EXIT_USAGE = 64 };

enum { VERB_ARGUMENTS = 4, VERB_OPTIONS = 26 };

enum value_kind {             /* what a word is: how it is checked and completed */
                  VALUE_FLAG, /* of an option: no value */
                  VALUE_TEXT,
                  VALUE_NUMBER, /* from minimum to maximum */
                  VALUE_CHOICE, /* one of `choices`, separated by '|' */
                  VALUE_VM,
                  VALUE_BRIDGE,
                  VALUE_INTERFACE,
                  VALUE_OBJECT, /* an interface or a VM */
                  VALUE_FILE,
                  VALUE_VERB,
                  VALUE_SETTING, /* of an option: what the row `key` of a VM file's [nic NAME] allows */
};

struct verb_argument {
    const char *name; /* also an option that gives it, as virsh has it: --domain c2 */
    enum value_kind kind;
    bool optional, repeated;
    const char *choices;
    const char *help;
};

struct verb_option {
    const char *name;
    enum value_kind kind;
    int64_t minimum, maximum;
    const char *choices; /* VALUE_SETTING: its words, or one that stands beside other values ("none" clears) */
    const char *key;
    bool repeated; /* values go to command->repeated */
    bool lacking; /* virsh has it, trestle has not, and `help` says why: in one line, exit status 1 */
    const char *help;
};

struct command;

/* One row per verb: parsing, usage errors, help, completion and the manual page come from it. */
struct verb {
    const char *name;
    const char *group;
    struct verb_argument arguments[VERB_ARGUMENTS];
    struct verb_option options[VERB_OPTIONS];
    int (*run)(struct command *command);
    const char *help;    /* one line */
    const char *details; /* more for `help VERB` and the manual page; may be NULL */
};
extern const struct verb verb_table[];
extern const size_t verb_count;

const struct verb *verb_find(const char *name);
const char *verb_nearest(const char *name);
char *verb_usage(const struct verb *verb); /* "start VM [--console]"; the caller frees it */
/* `c2` -> VM: the word that stands for an argument in usage texts. The caller frees it. */
char *verb_placeholder(const char *name, enum value_kind kind, const char *choices);

struct command {
    const struct verb *verb; /* NULL while there is none yet */
    const char *name;        /* for messages */
    const char *socket;
    bool json;
    const char *arguments[VERB_ARGUMENTS]; /* of a repeated one: the first */
    const char *options[VERB_OPTIONS];     /* "" for a flag that is given */
    const char **repeated;                 /* all values of the repeated argument or option */
    size_t repeated_count;
    struct http http;        /* fd -1 until something is asked */
    const char *waiting_for; /* shown on a terminal while an answer is awaited; NULL = nothing */
};

/* arguments.c: the words behind the verb. EXIT_USAGE (said already) when they don't fit the row. */
int arguments_parse(struct command *command, int count, char **words);
const char *arguments_get(const struct command *command, const char *name);    /* NULL when not given */
const char *arguments_option(const struct command *command, const char *name); /* NULL when not given */
bool arguments_flag(const struct command *command, const char *name);
int64_t arguments_number(const struct command *command, const char *name, int64_t fallback);
int arguments_usage_error(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The options that are settings of a NIC, into it; none clears. They were checked when the words were parsed. */
void arguments_settings(const struct command *command, struct nic *nic);

/* output.c: nothing from outside reaches a terminal with control characters in it. */
char *output_clean(const char *text); /* a copy without control characters; NULL reads as ""; the caller frees it */
void output_print(const char *format, ...) __attribute__((format(printf, 1, 2))); /* to stdout, cleaned but for newlines */
int output_json(const json_t *json);                                              /* one document; EXIT_DONE */
/* EXIT_FAILED. One line on stderr, or with --json a problem document on stdout. */
int output_fail(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
void output_complain(const struct command *command, const char *text); /* "trestle: VERB: TEXT" on stderr */
/* Each of [{file,line,column,warning,text}] as a line on stderr. Gives the number of those that are errors. */
size_t output_problems(const struct command *command, const json_t *problems);
bool output_has_colour(void);
const char *output_colour(const char *state); /* escape sequence for a state's word, or "" */
const char *output_plain(void);

/* A table as virsh prints it: header, dashes, rows, empty line. Cells are copied. */
struct table {
    size_t columns;
    char **cells; /* the first row is the header */
    size_t count;
};
void table_row(struct table *table, size_t columns, const char *const *cells);
#define TABLE_ROW(table, ...)                                                                                                    \
    table_row((table), sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), (const char *[]){__VA_ARGS__})
void table_print(struct table *table); /* and empties it */

/* call.c: a request and its answer. */
/* NULL when it failed, which was said; body is taken, and may be NULL. */
json_t *call_daemon(struct command *command, const char *method, const char *path, json_t *body);
/* The same, but a problem document is the caller's too. ret_status: HTTP's. */
json_t *call_raw(struct command *command, const char *method, const char *path, json_t *body, int *ret_status);
int call_failed(struct command *command, const json_t *problem); /* says what a problem document says; EXIT_FAILED */
char *call_path(const char *format, ...);                        /* %s parts are percent-encoded; the caller frees it */
bool call_connect(struct command *command);                      /* false: it was said why not */

/* help.c, completion.c */
int help_run(struct command *command);
int help_version(struct command *command);
void help_overview(void);
void help_verb(const struct verb *verb);
int completion_run(struct command *command);
void completion_print_verb(const struct verb *verb); /* a case for bash and zsh */
void completion_print_zsh(void);
void completion_print_fish(void);
const char *completion_words(enum value_kind kind, const char *choices); /* what stands for it in the scripts */

/* The verbs. */
int check_run(struct command *command);
int pending_run(struct command *command);
void pending_print(const json_t *status); /* the daemon's */
int host_plan(struct command *command);
int host_apply(struct command *command);
int host_status(struct command *command);
int host_list(struct command *command);
void host_print_steps(const json_t *document); /* a line for each of its "steps" */
int iface_change(struct command *command);
int bridging_run(struct command *command);
int iface_dump(struct command *command);
int iface_name(struct command *command);
int iface_mac(struct command *command);
int topology_run(struct command *command);
int events_run(struct command *command);
int machine_define(struct command *command);
int machine_create(struct command *command);
int machine_undefine(struct command *command);
int machine_autostart(struct command *command);
int machine_power(struct command *command);
int machine_list(struct command *command);
int machine_info(struct command *command);
int machine_state(struct command *command);
int machine_monitor(struct command *command);
/* card.c: VMs' NICs. */
int card_list(struct command *command);
int card_check_scope(struct command *command); /* --live, --config, --current, --persistent */
void card_add_scope(const struct command *command, json_t *body);
json_t *card_settings(const struct nic *nic); /* what is stated, as a request has it; what is cleared is null */
/* The NIC of that TAP or MAC, out of the running VM's NICs and the file's, or (--config) out of the file's alone. The caller's;
 * NULL: it was said why. */
json_t *card_find(struct command *command, const char *word);
void card_print_warnings(const struct command *command, const json_t *answer);
/* card_plug.c */
int card_attach(struct command *command);
int card_detach(struct command *command);
/* card_change.c */
int card_update(struct command *command);
int card_set_link(struct command *command);
int card_get_link(struct command *command);
int card_tune(struct command *command);
/* card_figures.c */
int card_statistics(struct command *command);
int card_addresses(struct command *command);
/* card_xml.c: libvirt's XML of a NIC; the caller frees it. */
char *card_xml(const struct nic *nic);
int console_run(struct command *command);
int console_attach(struct command *command, const char *vm); /* until Ctrl-] or the console's end */
