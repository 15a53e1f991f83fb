/* check: offline, with its caller's rights. */
#include "base/memory.h"
#include "cli_internal.h"
#include "config/config.h"

static const char default_path[] = "/etc/trestle";

static json_t *problem_json(const struct problem *problem)
{
    json_t *json = json_object();

    if (problem->file)
        json_object_set_new(json, "file", json_string(problem->file));
    if (problem->line)
        json_object_set_new(json, "line", json_integer(problem->line));
    if (problem->column)
        json_object_set_new(json, "column", json_integer(problem->column));
    json_object_set_new(json, "warning", json_boolean(problem->warning));
    json_object_set_new(json, "text", json_string(problem->text));
    return json;
}

static void print_json(const struct problems *problems)
{
    CLEANUP(document_freep) json_t *list = json_array();
    CLEANUP(document_freep) json_t *json = NULL;

    for (size_t i = 0; i < problems->count; i++)
        json_array_append_new(list, problem_json(&problems->items[i]));
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
