/* The socket's file: appears when it can be connected to, and never takes the place of a daemon that lives. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"

int api_socket_check(int fd, struct error *err)
{
    int family = 0, listening = 0;
    socklen_t size = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
        return error_errno(err, errno, "the API's socket that was handed in");
    if (family != AF_UNIX || !listening)
        return error_set(err, EINVAL, "the API's socket that was handed in is no listening Unix socket");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return error_errno(err, errno, "the API's socket that was handed in");
    return 0;
}

static int make_address(const char *path, struct sockaddr_un *ret_address, struct error *err)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!text_copy(ret_address->sun_path, sizeof(ret_address->sun_path), path))
        return error_set(err, ENAMETOOLONG, "%s: a socket's path has at most %zu characters", path,
                         sizeof(ret_address->sun_path) - 1);
    return 0;
}

static int new_socket(int *ret_fd, struct error *err)
{
    *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return *ret_fd < 0 ? error_errno(err, errno, "socket") : 0;
}

/* A file that stands at the path is fine when it is a socket that nobody listens at. */
static int check_stale(const char *path, struct error *err)
{
    CLEANUP(close_fdp) int fd = -1;
    struct sockaddr_un address;
    struct stat status;
    int result = make_address(path, &address, err);

    if (result < 0)
        return result;
    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "%s", path);
    if (!S_ISSOCK(status.st_mode))
        return error_set(err, EEXIST, "%s is no socket: another file stands in its place; remove it", path);
    result = new_socket(&fd, err);
    if (result < 0)
        return result;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
        return error_set(err, EADDRINUSE, "%s: another trestled is running there; stop it, or use another directory (-r)", path);
    return errno == ECONNREFUSED || errno == ENOENT ? 0 : error_errno(err, errno, "%s", path);
}

/* Bound and listening under another name first: whoever sees the path can connect to it. */
static int listen_at(int fd, const char *path, const char *temporary, struct api_socket_file *ret_file, struct error *err)
{
    struct sockaddr_un address;
    struct stat status;
    int result = make_address(temporary, &address, err);

    if (result < 0)
        return result;
    unlink(temporary);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_errno(err, errno, "%s: bind", path);
    if (chmod(temporary, 0666) < 0 || listen(fd, SOMAXCONN) < 0 || lstat(temporary, &status) < 0 || rename(temporary, path) < 0) {
        result = error_errno(err, errno, "%s", path);
        unlink(temporary);
        return result;
    }
    *ret_file = (struct api_socket_file){.device = status.st_dev, .inode = status.st_ino};
    return 0;
}

int api_socket_listen(const char *path, int *ret_fd, struct api_socket_file *ret_file, struct error *err)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(freep) char *temporary = memory_format("%.*s.%d", slash ? (int)(slash + 1 - path) : 0, path, (int)getpid());
    CLEANUP(close_fdp) int fd = -1;
    int result = check_stale(path, err);

    if (result == 0)
        result = new_socket(&fd, err);
    if (result == 0)
        result = listen_at(fd, path, temporary, ret_file, err);
    if (result == 0)
        *ret_fd = TAKE_FD(fd);
    return result;
}

/* Only if it is still ours: the next daemon may have come already. */
void api_socket_remove(const char *path, const struct api_socket_file *file)
{
    struct stat status;

    if (lstat(path, &status) == 0 && status.st_dev == file->device && status.st_ino == file->inode)
        unlink(path);
}
