#include <stdarg.h>
#include <stdlib.h>

#include "base/memory.h"
#include "config/config_internal.h"

struct complaints complaints_begin(struct problems *problems, const char *file)
{
    return (struct complaints){.problems = problems, .file = file, .start = problems->count};
}

bool complaints_full(const struct complaints *complaints)
{
    return complaints->problems->count - complaints->start >= CONFIG_PROBLEMS;
}

void complain(struct complaints *complaints, bool warning, unsigned line, unsigned column, const char *format, ...)
{
    complaints->errors += !warning;
    if (complaints_full(complaints)) {
        /* What is not shown still must not pass for a good file. */
        struct problem *last = &complaints->problems->items[complaints->problems->count - 1];
        if (!warning && last->warning) {
            last->warning = false;
            complaints->problems->errors++;
        }
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    CLEANUP(freep) char *text = memory_format_list(format, arguments);
    va_end(arguments);
    bool last = complaints->problems->count - complaints->start == CONFIG_PROBLEMS - 1;
    problems_add(complaints->problems, warning, complaints->file, line, column, "%s%s", text,
                 last ? " (and so on: more than that is not shown of one file)" : "");
}
