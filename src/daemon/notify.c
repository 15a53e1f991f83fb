#include "daemon/notify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define FIRST_LISTEN_FD 3 /* sd_listen_fds(3) */

void notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP(close_fdp) int fd = -1;

    if (!path || !text_copy(address.sun_path, sizeof(address.sun_path), path))
        return;
    if (address.sun_path[0] == '@')
        address.sun_path[0] = 0;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

int notify_listen_fd(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int64_t value;

    if (!pid || !count || text_number(pid, 1, INT32_MAX, &value) < 0 || value != getpid())
        return -1;
    if (text_number(count, 1, 64, &value) < 0)
        return -1;
    fcntl(FIRST_LISTEN_FD, F_SETFD, FD_CLOEXEC);
    return FIRST_LISTEN_FD;
}
