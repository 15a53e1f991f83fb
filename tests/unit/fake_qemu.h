/* A scripted QEMU, for what the real one won't do on demand: the test program itself, started by the agent in QEMU's place. It
 * has descriptors, netdevs and devices by name, and plays "-cpu TRICK:COMMAND[:TIMES]":
 *
 *   refuse      answers the command with an error, so many times (once)
 *   die         ends when it is asked for it
 *   busy        answers as a PCIe slot does whose lamp blinks
 *   guest-error takes the command, and says then that the guest refused
 *   lie         takes the command, and does nothing
 *   stop        falls silent when it is asked for it, and does it when it gets SIGCONT
 *
 * What it was asked stands in qemu.log, a line each. `fake-left` tells how many things it has; `fake-babble` fills the console's
 * log. */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/document.h"
#include "base/memory.h"
#include "base/text.h"

enum { FAKE_NAMES = 64, FAKE_LINE = 64, FAKE_LINES = 16 << 20 >> 6 };

struct fake_names {
    char names[FAKE_NAMES][80];
    size_t count;
};

struct fake {
    int socket, log;
    char trick[32], command[32];
    int times;
    struct fake_names fds, netdevs, devices;
};

static inline bool fake_drop(struct fake_names *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0) {
            memmove(list->names[i], list->names[list->count - 1], sizeof(list->names[i]));
            list->count--;
            return true;
        }
    return false;
}

static inline bool fake_keep(struct fake_names *list, const char *name)
{
    fake_drop(list, name);
    return list->count < FAKE_NAMES && text_copy(list->names[list->count++], sizeof(list->names[0]), name);
}

/* "a:b" are all there, and are used up. */
static inline bool fake_use(struct fake_names *list, const char *names)
{
    CLEANUP(freep) char *copy = memory_string(names);
    char *rest = copy;
    for (char *name; rest && (name = strsep(&rest, ":"));)
        if (!fake_drop(list, name))
            return false;
    return true;
}

static inline void fake_say(const struct fake *fake, json_t *document)
{
    CLEANUP(freep) char *text = document_text(document);
    document_free(document);
    CLEANUP(freep) char *line = memory_format("%s\n", text);
    if (send(fake->socket, line, strlen(line), MSG_NOSIGNAL) < 0)
        return; /* the agent has gone: that shows when it is listened to */
}

static inline void fake_event(const struct fake *fake, const char *event, const char *device)
{
    fake_say(fake, json_pack("{s:s, s:{s:s}}", "event", event, "data", "device", device));
}

static inline json_t *fake_devices(const struct fake *fake)
{
    json_t *list = json_array();
    for (size_t i = 0; i < fake->devices.count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", fake->devices.names[i], "type", "child<nic>"));
    return list;
}

/* Numbered lines, all of one length. */
static inline void fake_babble(const struct fake *fake)
{
    char line[FAKE_LINE + 1];
    for (int i = 0; i < FAKE_LINES; i++) {
        snprintf(line, sizeof(line), "%0*d\n", FAKE_LINE - 1, i);
        if (write(fake->log, line, FAKE_LINE) != FAKE_LINE)
            _exit(1);
    }
}

/* What a command gives; NULL: refused. */
static inline json_t *fake_do(struct fake *fake, const char *command, const json_t *arguments)
{
    const char *id = document_string(arguments, "id", "?");
    bool done = true;
    if (strcmp(command, "query-status") == 0)
        return json_pack("{s:s}", "status", "prelaunch");
    if (strcmp(command, "qom-list") == 0)
        return fake_devices(fake);
    if (strcmp(command, "fake-left") == 0)
        return json_integer((json_int_t)(fake->fds.count + fake->netdevs.count + fake->devices.count));
    if (strcmp(command, "fake-babble") == 0)
        fake_babble(fake);
    else if (strcmp(command, "getfd") == 0)
        done = fake_keep(&fake->fds, document_string(arguments, "fdname", "?"));
    else if (strcmp(command, "closefd") == 0)
        done = fake_drop(&fake->fds, document_string(arguments, "fdname", "?"));
    else if (strcmp(command, "netdev_add") == 0)
        done = fake_use(&fake->fds, document_string(arguments, "fd", "?")) && fake_keep(&fake->netdevs, id);
    else if (strcmp(command, "netdev_del") == 0)
        done = fake_drop(&fake->netdevs, id);
    else if (strcmp(command, "device_add") == 0)
        done = fake_keep(&fake->devices, id);
    return done ? json_object() : NULL;
}

static inline json_t *fake_error(const char *text)
{
    return json_pack("{s:s, s:s}", "class", "GenericError", "desc", text);
}

static inline json_t *fake_none(const char *command)
{
    json_t *error = fake_error("there is none");
    if (strcmp(command, "netdev_del") == 0)
        json_object_set_new(error, "class", json_string("DeviceNotFound"));
    return error;
}

static inline bool fake_plays(struct fake *fake, const char *trick, const char *command)
{
    return strcmp(command, fake->command) == 0 && strcmp(trick, fake->trick) == 0 && fake->times-- > 0;
}

static inline void fake_command(struct fake *fake, const char *command, const json_t *arguments, const json_t *number)
{
    const char *id = document_string(arguments, "id", "?");
    json_t *value = NULL, *error = NULL;
    if (fake_plays(fake, "die", command))
        _exit(3);
    if (fake_plays(fake, "stop", command))
        raise(SIGSTOP);
    bool refused_by_guest = fake_plays(fake, "guest-error", command);
    if (fake_plays(fake, "refuse", command))
        error = fake_error("this is refused for the test");
    else if (fake_plays(fake, "busy", command))
        error = fake_error("Hot-unplug failed: guest is busy (power indicator blinking)");
    else if (refused_by_guest || fake_plays(fake, "lie", command))
        value = json_object();
    else
        value = fake_do(fake, command, arguments);
    if (!value && !error)
        error = fake_none(command);
    fake_say(fake, value ? json_pack("{s:o, s:O}", "return", value, "id", number)
                         : json_pack("{s:o, s:O}", "error", error, "id", number));
    if (refused_by_guest)
        fake_event(fake, "DEVICE_UNPLUG_GUEST_ERROR", id);
    else if (value && strcmp(command, "device_del") == 0 && fake_drop(&fake->devices, id))
        fake_event(fake, "DEVICE_DELETED", id);
}

static inline void fake_line(struct fake *fake, const char *line, size_t length)
{
    CLEANUP(document_freep) json_t *document = NULL;
    if (document_parse(line, length, &document, NULL) < 0)
        _exit(2);
    const json_t *arguments = json_object_get(document, "arguments");
    CLEANUP(freep) char *told = document_text(arguments);
    printf("%s %s\n", document_string(document, "execute", "?"), told);
    fflush(stdout);
    fake_command(fake, document_string(document, "execute", "?"), arguments, json_object_get(document, "id"));
}

/* Descriptors that come along are closed: it is their names that count. */
static inline ssize_t fake_receive(const struct fake *fake, char *buffer, size_t size)
{
    char control[256];
    struct iovec part = {buffer, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t got = recvmsg(fake->socket, &message, 0);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    int fd;
    if (header) {
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
        close(fd);
    }
    return got;
}

static inline void fake_serve(struct fake *fake)
{
    static char buffer[1 << 16];
    size_t length = 0;
    fake_say(fake, json_pack("{s:{}}", "QMP"));
    for (ssize_t got; (got = fake_receive(fake, buffer + length, sizeof(buffer) - length)) > 0;) {
        length += (size_t)got;
        for (char *end; (end = memchr(buffer, '\n', length));) {
            size_t line = (size_t)(end - buffer);
            fake_line(fake, buffer, line);
            length -= line + 1;
            memmove(buffer, end + 1, length);
        }
    }
    close(fake->socket);
}

/* For main(): never returns when the program was started as a QEMU. */
static inline void fake_qemu(int count, char **arguments)
{
    struct fake fake = {.times = 1, .log = -1};
    int listener = -1;
    for (int i = 1; i < count; i++) {
        sscanf(arguments[i], "socket,id=qmp,fd=%d", &listener);
        sscanf(arguments[i], "set=0,fd=%d", &fake.log);
        if (strcmp(arguments[i], "-cpu") == 0 && i + 1 < count)
            sscanf(arguments[i + 1], "%31[^:]:%31[^:]:%d", fake.trick, fake.command, &fake.times);
    }
    while (listener >= 0 && (fake.socket = accept(listener, NULL, NULL)) >= 0)
        fake_serve(&fake);
    if (listener >= 0)
        _exit(1);
}
