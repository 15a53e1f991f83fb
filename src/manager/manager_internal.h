/* What the files of src/manager share. */
#pragma once

#include "manager/manager.h"
#include "model/network.h"

enum manager_kind { MANAGER_NETWORKMANAGER, MANAGER_NETWORKD, MANAGER_IFUPDOWN, MANAGER_IFUPDOWN2, MANAGER_DHCP_CLIENT };

struct manager_holding {
    enum manager_kind kind;
    int index;                           /* 0: the name says which */
    char interface[INTERFACE_NAME_SIZE]; /* "": the index says which */
    char program[16];                    /* of a DHCP client */
    pid_t pid;                           /* likewise */
    bool netplan;                        /* the manager's orders come from netplan */
};

struct manager_holding *manager_add(struct manager_list *list, enum manager_kind kind);

/* manager_process.c: what runs in our network namespace. */
struct manager_processes {
    bool networkmanager, networkd;
    bool init; /* process 1 shares our namespace: what the boot's scripts did, they did to our interfaces */
};
/* Adds the DHCP clients to the list. */
void manager_process_read(const char *root, const pid_t *own, struct manager_processes *ret_processes, struct manager_list *list);

/* manager_state.c: what the managers say in /run about the interfaces. */
void manager_state_networkmanager(const char *root, struct manager_list *list);
void manager_state_networkd(const char *root, struct manager_list *list);
void manager_state_ifupdown(const char *root, struct manager_list *list);
