/* A cgroup of its own for each VM, where cgroup v2 is mounted and ours may have children. */
#pragma once

/* A descriptor of the directory trestle-vm-NAME below our own cgroup, made if need be; -1 where that can't be had. */
int cgroup_make(const char *vm);
void cgroup_remove(const char *vm);

/* Once, at start: moves the daemon into a leaf of its own, where our cgroup was delegated to us: a cgroup whose children get controllers
 * may hold no processes itself (Debian 12's systemd has no DelegateSubgroup=). */
void cgroup_enter_leaf(void);
