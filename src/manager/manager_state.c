/* What the managers write down about each interface. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "manager/manager_internal.h"

#define STATE_SIZE (64 << 10) /* of one file; they have some hundred bytes */

/* The value of the first line KEY=VALUE; NULL when there is none. The caller frees it. */
static char *value_of(const char *text, const char *key)
{
    size_t length = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == '=')
            return memory_string_of(line + length + 1, strcspn(line + length + 1, "\r\n"));
    }
    return NULL;
}

/* Calls `read` with each file of a directory that is named after an interface's index. */
static void read_by_index(const char *root, const char *directory, struct manager_list *list,
                          void (*read)(const char *text, int index, struct manager_list *list))
{
    CLEANUP(freep) char *path = memory_format("%s%s", root, directory);
    char **names = NULL;
    size_t count = 0;

    if (file_list(path, &names, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(freep) char *file = memory_format("%s/%s", path, names[i]);
        CLEANUP(freep) char *text = NULL;
        int64_t index;

        if (text_number(names[i], 1, INT32_MAX, &index) == 0 && file_read(AT_FDCWD, file, STATE_SIZE, &text, NULL, NULL) == 0)
            read(text, (int)index, list);
    }
    file_list_free(names, count);
}

/* NetworkManager keeps a file of each interface, and says in it whether it manages it (src/core/nm-config.c there). */
static void read_networkmanager(const char *text, int index, struct manager_list *list)
{
    CLEANUP(freep) char *managed = value_of(text, "managed");

    if (text_equal(managed, "true"))
        manager_add(list, MANAGER_NETWORKMANAGER)->index = index;
}

void manager_state_networkmanager(const char *root, struct manager_list *list)
{
    read_by_index(root, "/run/NetworkManager/devices", list, read_networkmanager);
}

/* What it has no file for is "unmanaged"; what it has not looked at yet, "pending" or "initialized"; what it let go of, "linger". */
static void read_networkd(const char *text, int index, struct manager_list *list)
{
    CLEANUP(freep) char *state = value_of(text, "ADMIN_STATE");
    CLEANUP(freep) char *file = value_of(text, "NETWORK_FILE");
    struct manager_holding *holding;

    if (!text_equal(state, "configured") && !text_equal(state, "configuring") && !text_equal(state, "failed"))
        return;
    holding = manager_add(list, MANAGER_NETWORKD);
    holding->index = index;
    holding->netplan = file && strstr(file, "-netplan-");
}

void manager_state_networkd(const char *root, struct manager_list *list)
{
    read_by_index(root, "/run/systemd/netif/links", list, read_networkd);
}

/* Lines INTERFACE=LOGICAL of what is up; ifupdown2 keeps the file up too, for the sake of those who read it. */
static void read_ifstate(const char *path, enum manager_kind kind, struct manager_list *list)
{
    CLEANUP(freep) char *text = NULL;

    if (file_read(AT_FDCWD, path, STATE_SIZE, &text, NULL, NULL) < 0)
        return;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        CLEANUP(freep) char *name = NULL;

        line += *line == '\n';
        name = memory_string_of(line, strcspn(line, "=\r\n"));
        if (!text_interface_name_fault(name))
            text_copy(manager_add(list, kind)->interface, INTERFACE_NAME_SIZE, name);
    }
}

void manager_state_ifupdown(const char *root, struct manager_list *list)
{
    CLEANUP(freep) char *second = memory_format("%s/etc/network/ifupdown2", root);
    CLEANUP(freep) char *path = memory_format("%s/run/network/ifstate", root);

    read_ifstate(path, access(second, F_OK) == 0 ? MANAGER_IFUPDOWN2 : MANAGER_IFUPDOWN, list);
}
