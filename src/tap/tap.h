/* TAPs by /dev/net/tun. They are not persistent: a TAP lives as long as somebody holds its descriptors. The agent keeps its
 * own of each (and never reads from it), so that QEMU's netdev_del does not wait for the kernel to remove the link. Opening
 * takes RTNL, so it runs on the worker thread; the last close takes 16 ms, and nobody else shall wait for that: it has a
 * thread of its own. What belongs to one name happens in the order in which it was asked for all the same. */
#pragma once

#include "model/plan.h"

struct error;
struct worker;
struct tap_table;

/* closer: for the closes; may be the worker itself. */
struct tap_table *tap_table_new(struct worker *worker, struct worker *closer);
/* From now on closes go to the worker. At the end: call it, free the closer, and then the worker, whose last done() may still ask
 * for a close. */
void tap_table_end_closer(struct tap_table *table);
/* Closes the agent's descriptors of all TAPs; those that a QEMU holds live on. Free the workers, which finish their jobs,
 * before. */
void tap_table_free(struct tap_table *table);

/* Takes a STEP_TAP_OPEN (interface; nic->queues, nic->type), a STEP_TAP_REMAKE (interface; nic->type, nic->model; offloads) or a STEP_TAP_CLOSE.
 *
 * OPEN: the descriptors are non-blocking, with vnet header (size 12). The MAC is the kernel's random one: the LINK_SET that
 * follows states it (fe: and the last five bytes of the NIC's, so that a bridge never takes it for the lowest). A name that
 * exists already is an error that names the owner where it can be found. With NIC_ETHERNET the TAP is somebody else's: it must
 * exist and be persistent, and gets our queues added; it stays when they are closed.
 *
 * REMAKE: the link was deleted while its descriptors are open, ours and QEMU's (which are the same open files). The same
 * descriptors become the queues of a new link of that name, so QEMU needs to be told nothing. What QEMU had set belonged to the
 * old link and can't be read back. The size of the vnet header follows from nic->model (12 for virtio, 10 for the others). The
 * offloads (TUNSETOFFLOAD): what a guest has agreed to is known to QEMU alone (QMP: x-query-virtio-status; virtio's GUEST_CSUM, GUEST_TSO4 … are
 * TUN_F_CSUM, TUN_F_TSO4 …). Without any, the kernel finishes checksums and segments before a guest sees them: right for every
 * guest, and slower. One that is there still is left as it is.
 *
 * done() of a CLOSE is called when the close is queued (unless the step says `wait`), not when the kernel is through with it;
 * an OPEN of the same name waits for it. */
void tap_apply(struct tap_table *table, const struct step *step, step_done done, void *context);

/* Descriptors of an open TAP, one per queue; borrowed. NULL and 0 when there is none. */
const int *tap_descriptors(const struct tap_table *table, const char *name, size_t *ret_count);

/* tap_persist.c: TAPs and TUNs that stay, with owner and group. lacking: this kernel knows none. open: a descriptor of the new link,
 * which goes with it; -EEXIST when the name is taken. keep: the link stays when the descriptor is closed, which it does at any rate.
 * These two are called on a worker. */
bool tap_persist_lacking(void);
int tap_persist_open(const struct interface *to, struct error *err);
int tap_persist_keep(int fd, const char *name, struct error *err);

/* Takes back the descriptors of TAPs that a process holds (pidfd_getfd; /proc/PID/fdinfo names the interface: "iff:"): all of
 * those whose names are given and that the table doesn't have. *ret_found counts the TAPs. Needs CAP_SYS_PTRACE over it. */
int tap_take_back(struct tap_table *table, int pidfd, int pid, const char *const *names, size_t count, size_t *ret_found,
                  struct error *err);
