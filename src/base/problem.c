#include "problem.h"

#include <stdlib.h>

#include "memory.h"
#include "text.h"

void problems_add(struct problems *problems, bool warning, const char *file, unsigned line, unsigned column, const char *format,
                  ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct problem *problem = APPEND(problems->items, problems->count);
    *problem = (struct problem){
        .file = memory_string(file),
        .line = line,
        .column = column,
        .warning = warning,
        .text = memory_format_list(format, arguments),
    };
    va_end(arguments);
    if (!warning)
        problems->errors++;
}

void problems_clear(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->items[i].file);
        free(problems->items[i].text);
    }
    free(problems->items);
    *problems = (struct problems){0};
}

char *problem_text(const struct problem *problem)
{
    struct text text = {0};
    if (problem->file) {
        text_add(&text, problem->file);
        if (problem->line)
            text_format(&text, ":%u", problem->line);
        if (problem->line && problem->column)
            text_format(&text, ":%u", problem->column);
        text_add(&text, ": ");
    }
    if (problem->warning)
        text_add(&text, "warning: ");
    text_add(&text, problem->text);
    return text_take(&text);
}

json_t *problem_to_json(const struct problem *problem)
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
