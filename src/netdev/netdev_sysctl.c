/* Sysctls of one interface. They are files: rtnetlink shows them (IFLA_INET_CONF, IFLA_INET6_CONF) and sets few. /proc/sys/net is
 * that of the caller's own network namespace. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash.h"
#include "base/memory.h"
#include "base/text.h"
#include "netdev/netdev_internal.h"

/* -- reading ----------------------------------------------------------------------------------------------------------------- */

/* Those that files may state, and where a link's messages have them. No event tells when one changes, but any later one of the
 * link has it. */
static const struct {
    const char *name;
    int family, place; /* in IFLA_INET_CONF, which leaves out a first one, respectively in IFLA_INET6_CONF */
} rows[] = {
    {"ipv4/arp_filter", AF_INET, IPV4_DEVCONF_ARPFILTER - 1}, {"ipv6/forwarding", AF_INET6, DEVCONF_FORWARDING},
    {"ipv6/accept_ra", AF_INET6, DEVCONF_ACCEPT_RA},          {"ipv6/accept_redirects", AF_INET6, DEVCONF_ACCEPT_REDIRECTS},
    {"ipv6/mtu", AF_INET6, DEVCONF_MTU6},                     {"ipv6/disable_ipv6", AF_INET6, DEVCONF_DISABLE_IPV6},
};

/* The array of all sysctls of the family; NULL: the link has not got that protocol. */
static struct nlattr *find_values(const struct nlattr *spec, int family)
{
    struct nlattr *of_family = nla_find(nla_data(spec), nla_len(spec), family);

    if (!of_family)
        return NULL;
    return nla_find(nla_data(of_family), nla_len(of_family), family == AF_INET ? IFLA_INET_CONF : IFLA_INET6_CONF);
}

static size_t read_values(const struct nlattr *spec, struct sysctl values[ARRAY_SIZE(rows)])
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct nlattr *all = find_values(spec, rows[i].family);

        if (!all || nla_len(all) < (rows[i].place + 1) * (int)sizeof(int32_t))
            continue;
        text_copy(values[count].name, sizeof(values[count].name), rows[i].name);
        memcpy(&values[count++].value, (const char *)nla_data(all) + (size_t)rows[i].place * sizeof(int32_t), sizeof(int32_t));
    }
    return count;
}

void netdev_sysctl_read(struct netdev_cache *cache, struct interface *interface, const struct nlattr *spec)
{
    struct sysctl values[ARRAY_SIZE(rows)] = {0};
    size_t count = read_values(spec, values);

    if (count == interface->sysctl_count && (!count || memcmp(values, interface->sysctls, count * sizeof(*values)) == 0))
        return;
    interface->sysctls = memory_resize(interface->sysctls, count + 1, sizeof(*values));
    memcpy(interface->sysctls, values, count * sizeof(*values));
    interface->sysctl_count = count;
    netdev_cache_tell(cache, NETDEV_CHANGED, interface->name);
}

/* -- writing ----------------------------------------------------------------------------------------------------------------- */

static int write_value(const char *path, int32_t value)
{
    CLEANUP(close_fdp) int file = open(path, O_WRONLY | O_CLOEXEC);
    char text[16];
    int length = snprintf(text, sizeof(text), "%d\n", value);

    if (file < 0)
        return errno;
    return write(file, text, (size_t)length) == length ? 0 : errno;
}

/* What the host has for interfaces that come anew. */
static int read_default(const char *name, int32_t *ret_value)
{
    const char *key = strchr(name, '/');
    char path[160], text[16] = "";
    int64_t value;

    snprintf(path, sizeof(path), "/proc/sys/net/%.*s/conf/default%s", (int)(key - name), name, key);
    CLEANUP(close_fdp) int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof(text) - 1) < 0)
        return errno;
    text[strcspn(text, "\n")] = 0;
    if (text_number(text, INT32_MIN, INT32_MAX, &value) < 0)
        return EINVAL;
    *ret_value = (int32_t)value;
    return 0;
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
    int family = key ? (int)(key - step->sysctl.name) : 0, code = 0;
    int32_t value = step->sysctl.value;
    char path[160];

    if (!key)
        return -error_set(err, EINVAL, "%s: %s is no sysctl of an interface", step->interface, step->sysctl.name);
    snprintf(path, sizeof(path), "/proc/sys/net/%.*s/conf/%s%s", family, step->sysctl.name, step->interface, key);
    crash_point("%s", path);
    if (value == SYSCTL_AS_NEW)
        code = read_default(step->sysctl.name, &value);
    if (code == 0)
        code = write_value(path, value);
    if (code == 0 || (code == ENOENT && step->inverse)) /* its interface went, or never came */
        return 0;
    error_errno(err, code, "write %d to %s", value, path);
    return -error_set(err, code, "%s%s", err->text, cure(code));
}
