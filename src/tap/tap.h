/* TAPs by /dev/net/tun. They are not persistent: a TAP lives as long as somebody holds its descriptors. The agent keeps its
 * own of each (and never reads from it), so that QEMU's netdev_del does not wait for the kernel to remove the link. Opening
 * takes RTNL and the last close 16 ms, so both run on the worker thread. */
#pragma once

#include "model/plan.h"

struct error;
struct worker;
struct tap_table;

struct tap_table *tap_table_new(struct worker *worker);
/* Closes the agent's descriptors of all TAPs; those that a QEMU holds live on. Free the worker, which finishes its jobs,
 * before. */
void tap_table_free(struct tap_table *table);

/* Takes a STEP_TAP_OPEN (interface; nic->queues) or a STEP_TAP_CLOSE. The descriptors are non-blocking, with vnet header (size
 * 12). The MAC is the kernel's random one: the LINK_SET that follows states it (fe: and the last five bytes of the NIC's, so
 * that a bridge never takes it for the lowest). A name that exists already is an error that names the owner where it can be
 * found. done() of a CLOSE is called when the close is queued (unless the step says `wait`), not when the kernel is through with it; an OPEN of the same
 * name waits for it. */
void tap_apply(struct tap_table *table, const struct step *step, step_done done, void *context);

/* Descriptors of an open TAP, one per queue; borrowed. NULL and 0 when there is none. */
const int *tap_descriptors(const struct tap_table *table, const char *name, size_t *ret_count);

/* Takes back the descriptors of TAPs that a process holds (pidfd_getfd; /proc/PID/fdinfo names the interface: "iff:"): all of
 * those whose names are given and that the table doesn't have. *ret_found counts the TAPs. Needs CAP_SYS_PTRACE over it. */
int tap_take_back(struct tap_table *table, int pidfd, int pid, const char *const *names, size_t count, size_t *ret_found,
                  struct error *err);
