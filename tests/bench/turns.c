/* Several commands that do the same, each followed by one that undoes it, in turn: A, undo A, B, undo B, A, … So what the
 * machine is busy with besides hits all of them alike, and the ratio of each pair stays true. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

enum { COLUMNS_LIMIT = 3, GROWTH = 20 /* rounds at either end */, ROUNDS_LIMIT = 1000, GUEST_PATIENCE = 60000 /* ms */ };

/* -- one command ------------------------------------------------------------------------------------------------------------- */

static double read_inner(int output)
{
    char text[4096];
    ssize_t size = pread(output, text, sizeof(text) - 1, 0);
    const char *found;

    if (size <= 0)
        return 0;
    text[size] = '\0';
    found = strstr(text, "inner: ");
    return found ? strtod(found + strlen("inner: "), NULL) : 0;
}

/* What it says goes to memory: read after its end, so that nobody works beside it. */
static pid_t spawn(const struct command *command, int output)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int result;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (command->monitor >= 0)
        posix_spawn_file_actions_adddup2(&actions, command->monitor, QMP_FD);
    result = posix_spawnp(&pid, command->arguments[0], &actions, NULL, command->arguments, environ);
    if (result != 0)
        die("%s: %s", command->arguments[0], strerror(result));
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

struct timing time_command(const struct command *command)
{
    static int output = -1;
    struct timing timing;
    double before;
    pid_t pid;
    int status;

    if (output < 0)
        output = memfd_create("output", MFD_CLOEXEC);
    if (output < 0 || ftruncate(output, 0) < 0 || lseek(output, 0, SEEK_SET) < 0)
        die("memfd: %s", strerror(errno));
    before = now_ms();
    pid = spawn(command, output);
    if (waitpid(pid, &status, 0) < 0)
        die("%s: %s", command->arguments[0], strerror(errno));
    timing.whole = now_ms() - before;
    timing.inner = read_inner(output);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("failed: %s %s %s …", command->arguments[0], command->arguments[1] ? command->arguments[1] : "",
            command->arguments[1] && command->arguments[2] ? command->arguments[2] : "");
    return timing;
}

/* -- the guest's console ----------------------------------------------------------------------------------------------------- */

struct console {
    const char *path;
    off_t seen;
};

static off_t size_of(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

    if (size < 0)
        die("%s: %s", path, strerror(errno));
    close(fd);
    return size;
}

static bool says(struct console *console, const char *words)
{
    char text[16384];
    int fd = open(console->path, O_RDONLY | O_CLOEXEC);
    ssize_t size = pread(fd, text, sizeof(text) - 1, console->seen);
    const char *found;

    close(fd);
    if (size <= 0)
        return false;
    text[size] = '\0';
    found = strstr(text, words);
    if (found)
        console->seen += found + strlen(words) - text;
    return found;
}

static void wait_for_guest(struct console *console, const char *words)
{
    double deadline = now_ms() + GUEST_PATIENCE;

    while (!says(console, words)) {
        if (now_ms() > deadline)
            die("%s: the guest did not say '%s'", console->path, words);
        sleep_ms(2);
    }
}

/* -- turns ------------------------------------------------------------------------------------------------------------------- */

struct column {
    struct command act, undo;
    struct console console;
    struct timing *acts, *undos; /* one for each round */
};

struct turns {
    size_t rounds, column_count;
    struct column columns[COLUMNS_LIMIT];
    const char *act_words, *undo_words, *from, *to;
    bool watching; /* the first column's undo: its inner time is that between two events */
    double settle;
    int monitor;
};

/* A guest or a kernel that is still busy with what came before would be timed too. */
static void settle(const struct turns *turns, struct column *column, const char *words)
{
    if (column->console.path)
        wait_for_guest(&column->console, words);
    sleep_ms(turns->settle);
}

static void take_turn(struct turns *turns, struct column *column, size_t round)
{
    if (column->console.path)
        column->console.seen = size_of(column->console.path);
    column->acts[round] = time_command(&column->act);
    settle(turns, column, turns->act_words);
    column->undos[round] = time_command(&column->undo);
    settle(turns, column, turns->undo_words);
    if (turns->watching && column == &turns->columns[0]) {
        column->undos[round].inner = watch_take();
        if (column->undos[round].inner <= 0)
            die("no event said '%s' and '%s'", turns->from, turns->to);
    }
}

static double take(const struct timing *timing, bool inner)
{
    return inner ? timing->inner : timing->whole;
}

/* "act_2_whole MEDIAN RATIO DIFFERENCE": of the first column to this one, the medians of all pairs. */
static void print_line(const struct turns *turns, const char *what, size_t column, const struct timing *first,
                       const struct timing *other, bool inner)
{
    double times[ROUNDS_LIMIT], ratios[ROUNDS_LIMIT], differences[ROUNDS_LIMIT];

    for (size_t i = 0; i < turns->rounds; i++) {
        times[i] = take(&other[i], inner);
        ratios[i] = first[i].whole / times[i];
        differences[i] = first[i].whole - times[i];
    }
    printf("%s_%zu_%s %.3f %.4f %.3f\n", what, column + 1, inner ? "inner" : "whole", median(times, turns->rounds),
           median(ratios, turns->rounds), median(differences, turns->rounds));
}

/* "act_growth FIRST LAST RATIO": does the first column's act take longer the more often it was done? */
static void print_growth(const struct turns *turns, const char *what, const struct timing *timings)
{
    double first[GROWTH], last[GROWTH];

    for (size_t i = 0; i < GROWTH; i++) {
        first[i] = timings[i].whole;
        last[i] = timings[turns->rounds - GROWTH + i].whole;
    }
    printf("%s_growth %.3f %.3f %.4f\n", what, median(first, GROWTH), median(last, GROWTH),
           median(last, GROWTH) / median(first, GROWTH));
}

static void print_all(const struct turns *turns)
{
    const struct column *first = &turns->columns[0];

    if (turns->rounds >= 2 * GROWTH) {
        print_growth(turns, "act", first->acts);
        print_growth(turns, "undo", first->undos);
    }

    for (size_t i = 0; i < turns->column_count; i++)
        for (int inner = 0; inner < 2; inner++) {
            const struct column *column = &turns->columns[i];

            if (!inner || column->acts[0].inner > 0)
                print_line(turns, "act", i, first->acts, column->acts, inner);
            if (!inner || column->undos[0].inner > 0)
                print_line(turns, "undo", i, first->undos, column->undos, inner);
        }
}

static void take_option(struct turns *turns, const char *option, char *value)
{
    size_t consoles = 0;

    while (consoles < COLUMNS_LIMIT && turns->columns[consoles].console.path)
        consoles++;
    if (!value)
        die("turns: %s: wants a value", option);
    if (strcmp(option, "--monitor") == 0)
        turns->monitor = fcntl(qmp_connect(value), F_DUPFD_CLOEXEC, QMP_FD + 1);
    else if (strcmp(option, "--console") == 0 && consoles < COLUMNS_LIMIT)
        turns->columns[consoles].console.path = value;
    else if (strcmp(option, "--act-says") == 0)
        turns->act_words = value;
    else if (strcmp(option, "--undo-says") == 0)
        turns->undo_words = value;
    else if (strcmp(option, "--from") == 0)
        turns->from = value;
    else if (strcmp(option, "--to") == 0)
        turns->to = value;
    else if (strcmp(option, "--events") == 0) {
        watch_begin(value, turns->from, turns->to);
        turns->watching = true;
    } else if (strcmp(option, "--settle") == 0)
        turns->settle = (double)number(value);
    else
        die("turns: %s: no such option", option);
}

/* Cuts "A… -- UNDO A… -- B… -- UNDO B…" at its marks. */
static void take_commands(struct turns *turns, char **arguments)
{
    while (*arguments && turns->column_count < COLUMNS_LIMIT) {
        struct column *column = &turns->columns[turns->column_count++];

        for (int i = 0; i < 2; i++) {
            struct command *command = i == 0 ? &column->act : &column->undo;

            command->arguments = arguments;
            command->monitor = turns->column_count > 1 ? turns->monitor : -1;
            while (*arguments && strcmp(*arguments, "--") != 0)
                arguments++;
            if (command->arguments == arguments)
                die("turns: a command is missing");
            if (*arguments)
                *arguments++ = NULL;
        }
        column->acts = calloc(turns->rounds, sizeof(*column->acts));
        column->undos = calloc(turns->rounds, sizeof(*column->undos));
    }
}

int turns(int count, char **arguments)
{
    struct turns turns = {.monitor = -1};
    int i = 1;

    if (count < 2)
        die("turns: wants ROUNDS [OPTION VALUE]… -- A… -- UNDO A… [-- B… -- UNDO B…]…");
    turns.rounds = (size_t)number(arguments[0]);
    if (turns.rounds == 0 || turns.rounds > ROUNDS_LIMIT)
        die("turns: %s: 1 to %d rounds", arguments[0], ROUNDS_LIMIT);
    for (; i < count && strcmp(arguments[i], "--") != 0; i += 2)
        take_option(&turns, arguments[i], arguments[i + 1]);
    take_commands(&turns, arguments + i + 1);
    for (size_t round = 0; round < turns.rounds; round++)
        for (size_t column = 0; column < turns.column_count; column++)
            take_turn(&turns, &turns.columns[column], round);
    print_all(&turns);
    return 0;
}
