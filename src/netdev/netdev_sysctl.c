/* Sysctls of one interface. They are files alone: rtnetlink shows some of them (IFLA_INET_CONF) and sets fewer. /proc/sys/net is that
 * of the caller's own network namespace. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash.h"
#include "netdev/netdev_internal.h"

static int write_value(const char *path, int32_t value)
{
    CLEANUP(close_fdp) int file = open(path, O_WRONLY | O_CLOEXEC);
    char text[16];
    int length = snprintf(text, sizeof(text), "%d\n", value);

    if (file < 0)
        return errno;
    return write(file, text, (size_t)length) == length ? 0 : errno;
}

static const char *cure(int code)
{
    if (code == EROFS)
        return "; /proc/sys is mounted read-only here: remount it read-write";
    if (code == ENOENT)
        return "; there is no such interface, or its kernel lacks the protocol";
    return "";
}

int netdev_sysctl_set(const struct step *step, struct error *err)
{
    const char *key = strchr(step->sysctl.name, '/');
    int family = key ? (int)(key - step->sysctl.name) : 0, code;
    char path[160];

    if (!key)
        return -error_set(err, EINVAL, "%s: %s is no sysctl of an interface", step->interface, step->sysctl.name);
    snprintf(path, sizeof(path), "/proc/sys/net/%.*s/conf/%s%s", family, step->sysctl.name, step->interface, key);
    crash_point(path);
    code = write_value(path, step->sysctl.value);
    if (code == 0 || (code == ENOENT && step->inverse)) /* its interface went, or never came */
        return 0;
    error_errno(err, code, "write %d to %s", step->sysctl.value, path);
    return -error_set(err, code, "%s%s", err->text, cure(code));
}
