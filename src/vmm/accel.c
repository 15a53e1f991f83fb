#include "vmm/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "vmm/account.h"

static const char *why_not_kvm(const struct account *account)
{
    struct stat status;
    if (stat("/dev/kvm", &status) < 0)
        return "there is no /dev/kvm: the CPU has no virtualization, it is off in the firmware, or the module kvm is not loaded";
    CLEANUP(close_fdp) int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES || errno == EPERM ? "trestled may not open /dev/kvm" : "/dev/kvm can't be opened";
    if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        return "/dev/kvm does not speak the KVM interface";
    /* QEMU opens it by its path. */
    if (!account_may(account, &status, 06))
        return "the mode of /dev/kvm keeps out the user that QEMU runs as: give it a group, such as kvm, and mode 0660";
    return NULL;
}

enum vm_accel accel_choose(enum vm_accel accel, const struct account *account, const char **ret_reason)
{
    const char *reason = accel == ACCEL_TCG ? NULL : why_not_kvm(account);
    *ret_reason = reason;
    if (accel == ACCEL_AUTO)
        return reason ? ACCEL_TCG : ACCEL_KVM;
    return accel;
}
