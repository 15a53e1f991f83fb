/* What a reader of files finds: all problems of all files are collected, in file order, and told at once. */
#pragma once

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct problem {
    char *file;            /* path as the user gave it; NULL when no file is to blame */
    unsigned line, column; /* from 1; 0 = unknown */
    bool warning;          /* a warning does not stop the file */
    char *text;
};

struct problems {
    struct problem *items;
    size_t count;
    size_t errors; /* how many of them are no warnings */
};

void problems_add(struct problems *problems, bool warning, const char *file, unsigned line, unsigned column, const char *format,
                  ...) __attribute__((format(printf, 6, 7)));
void problems_clear(struct problems *problems);

/* "FILE:LINE:COLUMN: warning: TEXT"; what is unknown is left out. The caller frees it. */
char *problem_text(const struct problem *problem);

json_t *problem_to_json(const struct problem *problem); /* {file, line, column, warning, text}; what is unknown is left out */
