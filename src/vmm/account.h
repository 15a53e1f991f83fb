/* The user that QEMU runs as. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

struct error;

struct account {
    uid_t uid;
    gid_t gid;
    gid_t groups[1]; /* the group of /dev/kvm */
    size_t group_count;
    char name[64];
};

/* user: NULL = trestle-qemu if it exists, else nobody; where neither can be had (a user namespace, no root) the own user. A user
 * that was asked for by name and can't be had is an error. */
int account_find(const char *user, struct account *ret_account, struct error *err);

/* May it open a file of that mode and owner? bits: 04 read, 02 write. */
bool account_may(const struct account *account, const struct stat *file, mode_t bits);
