/* VMs start, run, stop and end. */
#pragma once

struct task;

/* STEP_VM_*: each takes the task over. task->instance is NULL for a VM that is off. */
void power_apply(struct task *task);
