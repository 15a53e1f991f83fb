/* Which other program holds an interface of the host: NetworkManager, systemd-networkd, ifupdown, a DHCP client; and how to release it.
 * Read only: nobody is asked, only what they leave in /run and /proc is read. A program of another network namespace says nothing
 * about this one's interfaces, and is passed over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "model/manager_claim.h"

/* What is held, by everybody, at one moment. A zeroed struct is an empty one. */
struct manager_list {
    struct manager_holding *items;
    size_t count;
};

/* Reads below `root` ("" on a host; a directory of a test's own). `own`, 0 at the end: they and what descends from them are trestle's, and no strangers.
 * Blocks for as long as it takes to look at the name of every process: keep the answer for some seconds. */
void manager_read(const char *root, const pid_t *own, struct manager_list *ret_list);
/* Who holds it? index: the kernel's, 0 = not known. The loopback interface is nobody's. */
bool manager_find(const struct manager_list *list, const char *interface, int index, struct manager_claim *ret_claim);
void manager_clear(struct manager_list *list);
