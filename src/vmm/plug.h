/* NICs go into a running VM and out of it. */
#pragma once

#include "base/document.h"
#include "model/vm.h"

struct instance;
struct task;

/* The steps STEP_NIC_*, STEP_NETDEV_* and STEP_DEVICE_*: each takes the task over. */
void plug_apply(struct task *task);

/* What QEMU has (qom-list /machine/peripheral) against what was recorded. starting: QEMU was started with them. An unplug that a
 * daemon before this one may have failed to ask for is asked for again. */
void plug_read_back(struct instance *instance, const json_t *list, bool starting);

/* The guest has let go. */
void plug_removed(struct instance *instance, struct nic *nic);
