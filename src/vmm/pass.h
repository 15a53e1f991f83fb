/* A NIC's descriptors on their way to QEMU and back. */
#pragma once

struct task;

/* STEP_NIC_PASS_FDS: opens vhost where it is wanted and can be had, sends a getfd for each descriptor. When one fails those
 * before it are taken back. */
void pass_open(struct task *task);

/* STEP_NIC_CLOSE_FDS, and the end of STEP_NETDEV_DELETE: closefd of every name that may be left; ends the task. */
void pass_close(struct task *task);
