/* KVM or TCG. */
#pragma once

#include "model/vm.h"

struct account;

/* What a VM that states `accel` gets. *ret_reason (static text) says why KVM can't be had: with ACCEL_AUTO the result is then
 * ACCEL_TCG; a VM that asked for KVM by name must be refused. */
enum vm_accel accel_choose(enum vm_accel accel, const struct account *account, const char **ret_reason);
