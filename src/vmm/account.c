#include "vmm/account.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/child.h"
#include "base/error.h"
#include "base/text.h"

static bool can_become(uid_t uid)
{
    return uid == geteuid() || (geteuid() == 0 && child_can_become(uid));
}

/* A group of root's own would open far more than /dev/kvm. */
static void add_kvm_group(struct account *account)
{
    struct stat kvm;
    if (stat("/dev/kvm", &kvm) < 0 || kvm.st_gid == 0 || (kvm.st_mode & 0060) != 0060)
        return;
    account->groups[account->group_count++] = kvm.st_gid;
}

static void take_own(struct account *account)
{
    *account = (struct account){.uid = geteuid(), .gid = getegid()};
    snprintf(account->name, sizeof(account->name), "user %u", (unsigned)account->uid);
}

int account_find(const char *user, struct account *ret_account, struct error *err)
{
    const struct passwd *entry = getpwnam(user ? user : "trestle-qemu");
    if (!entry && !user)
        entry = getpwnam("nobody");
    if (!entry && user)
        return error_set(err, ENOENT, "there is no user %s for QEMU to run as: make it, or set User= in trestle.conf", user);
    if (user && !can_become(entry->pw_uid))
        return error_set(err, EPERM,
                         "QEMU cannot run as user %s here: trestled is not root, or its user namespace lacks that user", user);
    struct account account = {0};
    if (!entry || !can_become(entry->pw_uid)) {
        take_own(&account);
    } else {
        account.uid = entry->pw_uid;
        account.gid = entry->pw_gid;
        text_copy(account.name, sizeof(account.name), entry->pw_name);
        if (account.uid != geteuid())
            add_kvm_group(&account);
    }
    *ret_account = account;
    return 0;
}

static bool in_group(const struct account *account, gid_t group)
{
    for (size_t i = 0; i < account->group_count; i++)
        if (account->groups[i] == group)
            return true;
    return account->gid == group;
}

bool account_may(const struct account *account, const struct stat *file, mode_t bits)
{
    mode_t mode = file->st_uid == account->uid           ? file->st_mode >> 6
                  : in_group(account, file->st_gid) ? file->st_mode >> 3
                                                         : file->st_mode;
    return (mode & bits) == bits;
}
