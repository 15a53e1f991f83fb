/* Who sits at the far end of the SSH session that a client's command came from: its address stands in SSH_CONNECTION of some ancestor's
 * environment, also where sudo has taken it out of the client's own. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

enum { ANCESTORS = 32, ENVIRONMENT = 1 << 18, STATUS = 4096 };

#define VARIABLE "SSH_CONNECTION="

static char *read_process(pid_t pid, const char *name, size_t limit, size_t *ret_size)
{
    CLEANUP(freep) char *path = memory_format("/proc/%d/%s", (int)pid, name);
    char *text = NULL;

    *ret_size = 0;
    (void)file_read(AT_FDCWD, path, limit, &text, ret_size, NULL);
    return text;
}

/* "CLIENT PORT SERVER PORT"; a link-local client bears its interface's name: fe80::1%eth0. */
static bool read_connection(const char *value, struct address *ret_address)
{
    char client[INET6_ADDRSTRLEN + 1] = "";

    sscanf(value, "%46[0-9a-fA-F.:]", client);
    *ret_address = (struct address){.family = strchr(client, ':') ? AF_INET6 : AF_INET};
    return inet_pton(ret_address->family, client, ret_address->bytes) == 1;
}

static bool find_in_environment(pid_t pid, struct address *ret_address)
{
    size_t size;
    CLEANUP(freep) char *text = read_process(pid, "environ", ENVIRONMENT, &size);
    bool found = false;

    for (size_t at = 0; text && at < size && !found; at += strlen(text + at) + 1)
        if (text_starts(text + at, VARIABLE))
            found = read_connection(text + at + strlen(VARIABLE), ret_address);
    return found;
}

static pid_t parent_of(pid_t pid)
{
    size_t size;
    char *text = read_process(pid, "stat", STATUS, &size);
    int parent = 0;

    while (text && size && text[size - 1] != ')') /* the program's name may hold anything */
        size--;
    if (text && sscanf(text + size, " %*c %d", &parent) != 1)
        parent = 0;
    free(text);
    return parent;
}

bool api_client_ssh(pid_t pid, struct address *ret_address)
{
    for (int i = 0; i < ANCESTORS && pid > 1; i++, pid = parent_of(pid))
        if (find_in_environment(pid, ret_address))
            return true;
    return false;
}
