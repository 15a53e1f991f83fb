/* Who may do what: the kernel says who is at the other end, trestle.conf names the groups. */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>

#include "api_internal.h"
#include "base/log.h"
#include "base/memory.h"

static gid_t group_number(const char *name, const char *key)
{
    char buffer[16384];
    struct group group, *found = NULL;
    int result;

    if (!name)
        return (gid_t)-1;
    result = getgrnam_r(name, &group, buffer, sizeof(buffer), &found);
    if (found)
        return found->gr_gid;
    log_warning("trestle.conf: [api] %s=%s: %s: nobody is let in by it; make the group and start trestled again", key, name,
                result ? strerror(result) : "no such group");
    return (gid_t)-1;
}

void api_auth_groups(struct api *api)
{
    api->group_id = group_number(api->group, "Group");
    api->read_only_group_id = group_number(api->read_only_group, "ReadOnlyGroup");
}

static enum api_access group_access(const struct api *api, gid_t group)
{
    if (group == (gid_t)-1)
        return API_NOTHING;
    if (group == api->group_id)
        return API_CHANGE;
    return group == api->read_only_group_id ? API_READ : API_NOTHING;
}

/* The groups of the process that connected, as they were then. */
static enum api_access groups_access(const struct api *api, int fd)
{
    enum api_access best = API_NOTHING;
    socklen_t size = 0;
    gid_t *groups;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
        return API_NOTHING;
    groups = memory_new(size);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
        for (size_t i = 0; i < size / sizeof(*groups); i++)
            if (group_access(api, groups[i]) > best)
                best = group_access(api, groups[i]);
    free(groups);
    return best;
}

static enum api_access more(enum api_access a, enum api_access b)
{
    return a > b ? a : b;
}

/* The family comes first: on a TCP socket SO_PEERCRED succeeds too, and says nothing. */
struct api_peer api_auth_peer(struct api *api, int fd)
{
    struct api_peer peer = {.api = api, .access = API_NOTHING, .uid = (uid_t)-1};
    struct ucred who;
    socklen_t size = sizeof(int);
    int family;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0 || family != AF_UNIX)
        return peer;
    size = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || who.uid == (uid_t)-1)
        return peer;
    peer.uid = who.uid;
    peer.pid = who.pid;
    if (who.uid == 0 || who.uid == geteuid())
        peer.access = API_CHANGE;
    else
        peer.access = more(group_access(api, who.gid), groups_access(api, fd));
    return peer;
}

static void add_cure(struct text *text, const struct api *api, const struct api_route *route)
{
    if (route->access == API_READ && api->read_only_group)
        text_format(text, "; the group \"%s\" may look (ReadOnlyGroup= in trestle.conf)", api->read_only_group);
    if (api->group)
        text_format(text, "; the group \"%s\" may change everything, as root may (Group= in trestle.conf)", api->group);
    else
        text_add(text, "; only root may: no group is named by Group= of [api] in trestle.conf");
}

char *api_auth_refusal(const struct api *api, const struct api_peer *peer, const struct api_route *route)
{
    struct text text = {0};

    if (peer->access == API_READ)
        text_format(&text, "user %u may look, but not %s %s", peer->uid, route->method, route->path);
    else
        text_format(&text, "user %u is neither root nor in a group that may %s %s", peer->uid, route->method, route->path);
    add_cure(&text, api, route);
    return text_take(&text);
}
