#include "manager/manager.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "manager/manager_internal.h"

struct manager_holding *manager_add(struct manager_list *list, enum manager_kind kind)
{
    struct manager_holding *holding = APPEND(list->items, list->count);

    holding->kind = kind;
    return holding;
}

void manager_read(const char *root, const pid_t *own, struct manager_list *ret_list)
{
    struct manager_processes processes = {0};
    struct manager_list clients = {0};

    *ret_list = (struct manager_list){0};
    manager_process_read(root, own, &processes, &clients);
    if (processes.networkmanager)
        manager_state_networkmanager(root, ret_list);
    if (processes.networkd)
        manager_state_networkd(root, ret_list);
    if (processes.init)
        manager_state_ifupdown(root, ret_list);
    /* Last: a DHCP client is most often a manager's, and it is the manager who must let go. */
    for (size_t i = 0; i < clients.count; i++)
        *APPEND(ret_list->items, ret_list->count) = clients.items[i];
    manager_clear(&clients);
}

void manager_clear(struct manager_list *list)
{
    free(list->items);
    *list = (struct manager_list){0};
}

static void describe(const struct manager_holding *holding, const char *interface, struct manager_claim *claim)
{
    const char *by = holding->kind == MANAGER_NETWORKD ? "systemd-networkd" : "NetworkManager";

    if (holding->netplan) {
        snprintf(claim->name, sizeof(claim->name), "netplan (by %s)", by);
        snprintf(claim->cure, sizeof(claim->cure), "take %s out of /etc/netplan/*.yaml, then run: netplan apply", interface);
        return;
    }
    switch (holding->kind) {
    case MANAGER_NETWORKMANAGER:
        text_copy(claim->name, sizeof(claim->name), by);
        snprintf(claim->cure, sizeof(claim->cure),
                 "nmcli device set %s managed no; for good: unmanaged-devices=interface-name:%s under [keyfile] in "
                 "/etc/NetworkManager/conf.d/trestle.conf",
                 interface, interface);
        break;
    case MANAGER_NETWORKD:
        text_copy(claim->name, sizeof(claim->name), by);
        snprintf(claim->cure, sizeof(claim->cure),
                 "printf '[Match]\\nName=%s\\n[Link]\\nUnmanaged=yes\\n' >/etc/systemd/network/00-trestle-%s.network && networkctl reload",
                 interface, interface);
        break;
    case MANAGER_IFUPDOWN:
    case MANAGER_IFUPDOWN2:
        text_copy(claim->name, sizeof(claim->name), holding->kind == MANAGER_IFUPDOWN ? "ifupdown" : "ifupdown2");
        snprintf(claim->cure, sizeof(claim->cure),
                 "take %s out of /etc/network/interfaces (and interfaces.d), and its line out of /run/network/ifstate", interface);
        break;
    case MANAGER_DHCP_CLIENT:
        snprintf(claim->name, sizeof(claim->name), "%s (pid %d)", holding->program, (int)holding->pid);
        snprintf(claim->cure, sizeof(claim->cure), "kill %d, and keep whatever started it from doing so again", (int)holding->pid);
        break;
    }
}

bool manager_find(const struct manager_list *list, const char *interface, int index, struct manager_claim *ret_claim)
{
    if (text_equal(interface, "lo"))
        return false;
    for (size_t i = 0; i < list->count; i++) {
        const struct manager_holding *holding = &list->items[i];

        if (holding->interface[0] ? text_equal(holding->interface, interface) : index && holding->index == index) {
            describe(holding, interface, ret_claim);
            return true;
        }
    }
    return false;
}
