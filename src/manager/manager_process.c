/* The programs that run, as far as they share our network namespace. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "manager/manager_internal.h"

#define NAMESPACE_SIZE 64
#define COMMAND_LINE_SIZE (128 << 10) /* of a client: it has some hundred bytes */
#define ANCESTORS 64 /* nobody is further down; and a process that vanishes meanwhile must make no endless loop */

/* "net:[4026531840]"; false when it can't be told, as of a process that has ended. */
static bool namespace_of(const char *root, const char *process, char ret[NAMESPACE_SIZE])
{
    CLEANUP(freep) char *path = memory_format("%s/proc/%s/ns/net", root, process);
    ssize_t length = readlink(path, ret, NAMESPACE_SIZE - 1);

    if (length < 0)
        return false;
    ret[length] = 0;
    return true;
}

static char *read_of(const char *root, const char *process, const char *file, size_t *ret_size)
{
    CLEANUP(freep) char *path = memory_format("%s/proc/%s/%s", root, process, file);
    char *text = NULL;

    return file_read(AT_FDCWD, path, COMMAND_LINE_SIZE, &text, ret_size, NULL) < 0 ? NULL : text;
}

static pid_t parent_of(const char *root, pid_t process)
{
    char name[16];
    const char *line;

    snprintf(name, sizeof(name), "%d", (int)process);
    CLEANUP(freep) char *status = read_of(root, name, "status", NULL);
    line = status ? strstr(status, "\nPPid:") : NULL;
    return line ? (pid_t)strtol(line + strlen("\nPPid:"), NULL, 10) : 0;
}

static bool is_own(const char *root, pid_t process, const pid_t *own)
{
    for (int i = 0; i < ANCESTORS && process > 0; i++, process = parent_of(root, process))
        for (const pid_t *ancestor = own; *ancestor; ancestor++)
            if (process == *ancestor)
                return true;
    return false;
}

/* Each interface among the words: "eth0", "-ieth0", "--interface=eth0". dhcpcd writes what it does in the place of its words:
 * "dhcpcd: eth0 [ip4]". */
static void read_client(const char *root, const char *process, pid_t pid, const char *program, struct manager_list *list)
{
    size_t size = 0;
    CLEANUP(freep) char *words = read_of(root, process, "cmdline", &size);
    char *rest = words, *word;

    for (size_t i = 0; i < size; i++)
        if (!words[i] || words[i] == '=')
            words[i] = ' ';
    while (words && (word = strsep(&rest, " "))) {
        const char *name = text_starts(word, "-i") && word[2] ? word + 2 : word;
        struct manager_holding *holding;

        if (*name == '-' || text_interface_name_fault(name))
            continue;
        holding = manager_add(list, MANAGER_DHCP_CLIENT); /* of whatever words it has: those that are no interface are never asked for */
        text_copy(holding->interface, sizeof(holding->interface), name);
        text_copy(holding->program, sizeof(holding->program), program);
        holding->pid = pid;
    }
}

static bool is_dhcp_client(const char *name)
{
    return text_equal(name, "dhclient") || text_equal(name, "dhcpcd") || text_equal(name, "udhcpc");
}

/* The kernel cuts the names of processes to 15 characters. */
static void read_process(const char *root, const char *process, const pid_t *own, const char *own_namespace,
                         struct manager_processes *processes, struct manager_list *list)
{
    CLEANUP(freep) char *name = read_of(root, process, "comm", NULL);
    char namespace[NAMESPACE_SIZE];
    bool networkmanager, networkd;
    pid_t pid = (pid_t)strtol(process, NULL, 10);

    if (!name)
        return;
    name[strcspn(name, "\n")] = 0;
    networkmanager = text_equal(name, "NetworkManager");
    networkd = text_equal(name, "systemd-network");
    if (pid != 1 && !networkmanager && !networkd && !is_dhcp_client(name))
        return;
    if (!namespace_of(root, process, namespace) || !text_equal(namespace, own_namespace))
        return;
    processes->init |= pid == 1;
    processes->networkmanager |= networkmanager;
    processes->networkd |= networkd;
    if (is_dhcp_client(name) && !is_own(root, pid, own))
        read_client(root, process, pid, name, list);
}

void manager_process_read(const char *root, const pid_t *own, struct manager_processes *ret_processes, struct manager_list *list)
{
    CLEANUP(freep) char *path = memory_format("%s/proc", root);
    char own_namespace[NAMESPACE_SIZE];
    char **names = NULL;
    size_t count = 0;
    int64_t pid;

    *ret_processes = (struct manager_processes){0};
    if (!namespace_of(root, "self", own_namespace) || file_list(path, &names, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (text_number(names[i], 1, INT32_MAX, &pid) == 0)
            read_process(root, names[i], own, own_namespace, ret_processes, list);
    file_list_free(names, count);
}
