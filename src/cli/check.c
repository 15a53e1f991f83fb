/* check: offline, with its caller's rights. */
#include "base/memory.h"
#include "cli_internal.h"
#include "config/config.h"

static const char default_path[] = "/etc/trestle";

static void print_json(const struct problems *problems)
{
    CLEANUP(document_freep) json_t *list = json_array();
    CLEANUP(document_freep) json_t *json = NULL;

    for (size_t i = 0; i < problems->count; i++)
        json_array_append_new(list, problem_to_json(&problems->items[i]));
    json = json_pack("{s:O, s:I}", "problems", list, "errors", (json_int_t)problems->errors);
    output_json(json);
}

/* What check finds is its result: on standard output. */
static void print_text(const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        CLEANUP(freep) char *line = problem_text(&problems->items[i]);

        output_print("%s\n", line);
    }
}

int check_run(struct command *command)
{
    struct problems problems = {0};
    size_t errors;

    for (size_t i = 0; i < command->repeated_count; i++)
        config_check_path(command->repeated[i], &problems);
    if (command->repeated_count == 0)
        config_check_path(default_path, &problems);
    if (command->json)
        print_json(&problems);
    else
        print_text(&problems);
    errors = problems.errors;
    problems_clear(&problems);
    return errors ? EXIT_FAILED : EXIT_DONE;
}
