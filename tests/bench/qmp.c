#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench.h"

enum { LINE_LIMIT = 65536 };

/* What came behind the line that was read last. A command's answer comes last of what QEMU has to say, so a program that ends
 * after an answer takes nothing from the next one but an event, perhaps. */
static char buffer[LINE_LIMIT + 1];
static size_t start, end;

static char *read_line(int socket)
{
    for (;;) {
        char *newline = memchr(buffer + start, '\n', end - start), *line = buffer + start;
        ssize_t got;

        if (newline) {
            *newline = '\0';
            start = (size_t)(newline + 1 - buffer);
            return line;
        }
        memmove(buffer, buffer + start, end - start);
        end -= start;
        start = 0;
        got = read(socket, buffer + end, LINE_LIMIT - end);
        if (got <= 0)
            die("QEMU's monitor: %s", got < 0 ? strerror(errno) : "closed");
        end += (size_t)got;
    }
}

static void write_message(int socket, const char *text, size_t length, int fd)
{
    char control[CMSG_SPACE(sizeof(fd))] = {0};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)text, .iov_len = length};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        *CMSG_FIRSTHDR(&message) =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof(fd));
    }
    if (sendmsg(socket, &message, MSG_NOSIGNAL) != (ssize_t)length)
        die("QEMU's monitor: send: %s", strerror(errno));
}

void qmp_command(int socket, int fd, const char *format, ...)
{
    char text[1024];
    va_list values;
    int length;

    va_start(values, format);
    length = vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    write_message(socket, text, (size_t)length, fd);
    for (;;) {
        const char *line = read_line(socket);

        if (strncmp(line, "{\"error\"", 8) == 0)
            die("QEMU refuses %s: %s", text, line);
        if (strncmp(line, "{\"return\"", 9) == 0)
            return;
    }
}

void qmp_wait_deleted(int socket, const char *device)
{
    char wanted[128];
    const char *line;

    snprintf(wanted, sizeof(wanted), "\"device\": \"%s\"", device);
    do
        line = read_line(socket);
    while (!strstr(line, "\"DEVICE_DELETED\"") || !strstr(line, wanted));
}

int qmp_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path))
        die("%s: too long for a socket", path);
    strcpy(address.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("%s: %s", path, strerror(errno));
    if (!strstr(read_line(fd), "\"QMP\""))
        die("%s: no greeting", path);
    qmp_command(fd, -1, "{\"execute\": \"qmp_capabilities\"}\n");
    return fd;
}
