/* Runs the command in this process and keeps what it wrote; a scripted daemon, in a thread, answers it. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/document.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/cli.h"

static struct {
    char *output, *errors; /* of the last run */
} ran;

static char *read_back(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = memory_new((size_t)size + 1);

    assert_int_equal(pread(fd, text, (size_t)size, 0), size);
    close(fd);
    return text;
}

static void forget_run(void)
{
    free(ran.output);
    free(ran.errors);
    ran.output = ran.errors = NULL;
}

/* `trestle WORDS…`, the words separated by single spaces; gives the exit status. */
static int run(const char *words)
{
    CLEANUP(freep) char *copy = memory_format("trestle %s", words);
    int output = memfd_create("output", MFD_CLOEXEC), errors = memfd_create("errors", MFD_CLOEXEC);
    int old_output = dup(STDOUT_FILENO), old_errors = dup(STDERR_FILENO);
    char *argv[40] = {NULL}, *save = NULL;
    int argc = 0, result;

    for (char *word = strtok_r(copy, " ", &save); word && argc < 39; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    fflush(NULL);
    dup2(output, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    result = cli_run(argc, argv);
    fflush(NULL);
    dup2(old_output, STDOUT_FILENO);
    dup2(old_errors, STDERR_FILENO);
    close(old_output);
    close(old_errors);
    forget_run();
    ran.output = read_back(output);
    ran.errors = read_back(errors);
    return result;
}

static void expect_in(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in: %s", words, text);
}

/* The daemon. */

struct exchange {
    const char *request; /* how it has to begin */
    const char *body;    /* what has to be in it, or NULL */
    const char *status;
    const char *answer;
};

static struct {
    pthread_t thread;
    int listener;
    char directory[64], path[100];
    const struct exchange *script;
    size_t count, answered;
    char fault[2000];
} daemon_;

static bool whole_request(const char *text)
{
    const char *body = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");

    return body && strlen(body + 4) >= (length ? strtoul(length + 16, NULL, 10) : 0);
}

static bool answer_one(int client, const struct exchange *exchange)
{
    char request[65536] = "", *answer;
    size_t length = 0;

    while (!whole_request(request)) {
        ssize_t size = recv(client, request + length, sizeof(request) - 1 - length, 0);

        if (size <= 0)
            return false;
        length += (size_t)size;
        request[length] = '\0';
    }
    if (!text_starts(request, exchange->request) || (exchange->body && !strstr(request, exchange->body)))
        snprintf(daemon_.fault, sizeof(daemon_.fault), "wanted %s with %s, got %.1500s", exchange->request,
                 exchange->body ? exchange->body : "anything", request);
    answer = memory_format("HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", exchange->status, strlen(exchange->answer),
                           exchange->answer);
    (void)!send(client, answer, strlen(answer), MSG_NOSIGNAL);
    free(answer);
    return true;
}

static void *serve(void *unused)
{
    while (daemon_.answered < daemon_.count) {
        int client = accept(daemon_.listener, NULL, NULL);

        if (client < 0)
            break;
        while (daemon_.answered < daemon_.count && answer_one(client, &daemon_.script[daemon_.answered]))
            daemon_.answered++;
        close(client);
    }
    return unused;
}

/* The command against a daemon that answers with these. Every exchange has to happen. */
__attribute__((unused)) static int run_with(const char *words, const struct exchange *script, size_t count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int result;

    strcpy(daemon_.directory, "/tmp/trestle-test-XXXXXX");
    assert_non_null(mkdtemp(daemon_.directory));
    snprintf(daemon_.path, sizeof(daemon_.path), "%s/trestle.sock", daemon_.directory);
    strcpy(address.sun_path, daemon_.path);
    daemon_.script = script;
    daemon_.count = count;
    daemon_.answered = 0;
    daemon_.fault[0] = '\0';
    daemon_.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(daemon_.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(daemon_.listener, 10), 0);
    assert_int_equal(pthread_create(&daemon_.thread, NULL, serve, NULL), 0);
    setenv("TRESTLE_SOCKET", daemon_.path, 1);
    result = run(words);
    shutdown(daemon_.listener, SHUT_RDWR); /* wakes a daemon that was asked less than it expects */
    pthread_join(daemon_.thread, NULL);
    close(daemon_.listener);
    unlink(daemon_.path);
    rmdir(daemon_.directory);
    setenv("TRESTLE_SOCKET", "/nonexistent/trestle.sock", 1);
    if (*daemon_.fault)
        fail_msg("%s", daemon_.fault);
    if (daemon_.answered != count)
        fail_msg("%s: asked %zu times, not %zu; it said: %s", words, daemon_.answered, count, ran.errors);
    return result;
}

#define RUN_WITH(words, ...)                                                                                                     \
    run_with((words), (const struct exchange[]){__VA_ARGS__}, sizeof((struct exchange[]){__VA_ARGS__}) / sizeof(struct exchange))
