/* What changes of a NIC while it stays plugged. */
#pragma once

struct task;

/* STEP_NIC_LINK, STEP_NIC_RECONNECT, STEP_NIC_ANNOUNCE and STEP_NIC_UPDATE: takes the task over. */
void change_apply(struct task *task);
