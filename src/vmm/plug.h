/* NICs go into a running VM and out of it. */
#pragma once

#include "base/document.h"
#include "model/vm.h"

struct error;
struct instance;
struct task;

/* The steps STEP_NIC_*, STEP_NETDEV_* and STEP_DEVICE_*: each takes the task over. */
void plug_apply(struct task *task);

/* What QEMU has (qom-list /machine/peripheral) against what was recorded. starting: QEMU was started with them. An unplug that a
 * daemon before this one may have failed to ask for is asked for again. */
void plug_read_back(struct instance *instance, const json_t *list, bool starting);

/* The same of a QEMU that fell silent and answers again: what it was asked for meanwhile, and nobody waits for any more. */
void plug_go_on(struct instance *instance, const json_t *list);

/* Ends a step of an attach that failed. When QEMU did not answer, the way back is left to plug_go_on, or to plug_read_back. */
bool plug_is_unanswered(const struct error *err);
void plug_failed(struct task *task, const struct error *err);

/* The guest has let go. */
void plug_removed(struct instance *instance, struct nic *nic);
