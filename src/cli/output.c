/* Speaking to the user. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli_internal.h"

/* C0 and DEL are one byte; C1 is two in UTF-8 (c2 80 … c2 9f), and some terminals obey it. */
static char *clean(const char *text, bool keep_newlines)
{
    char *copy = memory_string(text ? text : "");

    for (unsigned char *at = (unsigned char *)copy; *at; at++) {
        if (*at == '\n' && keep_newlines)
            continue;
        if (*at < 0x20 || *at == 0x7f)
            *at = '?';
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
            at[0] = at[1] = '?';
    }
    return copy;
}

char *output_clean(const char *text)
{
    return clean(text, false);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static char *format_text(const char *format, va_list arguments)
{
    char *text = NULL;

    if (vasprintf(&text, format, arguments) < 0)
        abort();
    return text;
}
#pragma GCC diagnostic pop

void output_print(const char *format, ...)
{
    va_list arguments;
    char *text, *cleaned;

    va_start(arguments, format);
    text = format_text(format, arguments);
    va_end(arguments);
    cleaned = clean(text, true);
    fputs(cleaned, stdout);
    free(cleaned);
    free(text);
}

/* jansson escapes C0; pure ASCII leaves no C1 either. */
int output_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0));
    putchar('\n');
    return EXIT_DONE;
}

void output_complain(const struct command *command, const char *text)
{
    CLEANUP(freep) char *cleaned = output_clean(text);

    if (command->name)
        fprintf(stderr, "trestle: %s: %s\n", command->name, cleaned);
    else
        fprintf(stderr, "trestle: %s\n", cleaned);
}

int output_fail(const struct command *command, const char *format, ...)
{
    CLEANUP(freep) char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = format_text(format, arguments);
    va_end(arguments);
    if (command->json) {
        CLEANUP(document_freep)
        json_t *json = json_pack("{s:s, s:s, s:i, s:s*}", "type", "about:blank", "title", "The command failed", "status", 400,
                                 "detail", text);
        output_json(json);
    } else {
        output_complain(command, text);
    }
    return EXIT_FAILED;
}

static char *problem_line(const json_t *json)
{
    struct problem problem = {
        .file = (char *)(uintptr_t)document_string(json, "file", NULL),
        .line = (unsigned)document_number(json, "line", 0),
        .column = (unsigned)document_number(json, "column", 0),
        .warning = document_boolean(json, "warning", false),
        .text = (char *)(uintptr_t)document_string(json, "text", "?"),
    };

    return problem_text(&problem);
}

size_t output_problems(const struct command *command, const json_t *problems)
{
    size_t errors = 0, i;
    json_t *problem;

    json_array_foreach (problems, i, problem) {
        CLEANUP(freep) char *line = problem_line(problem);

        output_complain(command, line);
        errors += !document_boolean(problem, "warning", false);
    }
    return errors;
}

bool output_has_colour(void)
{
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && !(terminal && !strcmp(terminal, "dumb"));
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word))
        words++;
    return *words;
}

const char *output_colour(const char *state)
{
    static const char *const good[] = {"up", "active", "running", "plugged", NULL};
    static const char *const bad[] = {"missing", "crashed", "no carrier", NULL};
    static const char *const between[] = {"paused", "starting", "in shutdown", "unplugging", "attaching", NULL};

    if (!state || !output_has_colour())
        return "";
    if (is_one_of(state, good))
        return "\033[32m";
    if (is_one_of(state, bad))
        return "\033[31m";
    return is_one_of(state, between) ? "\033[33m" : "";
}

const char *output_plain(void)
{
    return output_has_colour() ? "\033[0m" : "";
}

/* How many places it takes on a terminal, near enough: one a character. */
static size_t width(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

void table_row(struct table *table, size_t columns, const char *const *cells)
{
    table->columns = columns;
    for (size_t i = 0; i < columns; i++)
        *APPEND(table->cells, table->count) = output_clean(cells[i] && *cells[i] ? cells[i] : "-");
}

static void print_row(const struct table *table, const char *const *cells, const size_t *widths, bool colour)
{
    for (size_t i = 0; i < table->columns; i++) {
        const char *escape = colour ? output_colour(cells[i]) : "";

        printf(" %s%s%s", escape, cells[i], *escape ? output_plain() : "");
        if (i + 1 < table->columns)
            printf("%*s", (int)(widths[i] - width(cells[i]) + 2), "");
    }
    putchar('\n');
}

void table_print(struct table *table)
{
    size_t *widths = memory_new((table->columns + 1) * sizeof(size_t)), total = 0;

    for (size_t i = 0; i < table->count; i++)
        if (width(table->cells[i]) > widths[i % table->columns])
            widths[i % table->columns] = width(table->cells[i]);
    for (size_t i = 0; i < table->columns; i++)
        total += widths[i] + 3;
    for (size_t i = 0; i < table->count; i += table->columns) {
        print_row(table, (const char *const *)&table->cells[i], widths, i > 0);
        if (i > 0)
            continue;
        while (total-- > 0)
            putchar('-');
        putchar('\n');
    }
    putchar('\n');
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(widths);
    *table = (struct table){0};
}
