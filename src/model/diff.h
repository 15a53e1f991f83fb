/* What has to happen so that OBSERVED becomes WANTED. Pure. Deletions come before additions; diff(x, x) is empty. */
#pragma once

#include "base/problem.h"
#include "model/plan.h"

/* previous: what was wanted before (STATE_DIR/applied), so that what it named and wanted doesn't can go; may be empty.
 * What the kernel cannot do at all, or what is missing (a NIC that is not there), becomes a problem (error or warning) and is
 * skipped together with what depends on it. adopt: foreign links that a file calls a bridge of its own may be taken over. */
void network_diff(const struct network *wanted, const struct network *previous, const struct network *observed, bool adopt,
                  struct plan *plan, struct problems *problems);

/* wanted->state is the power state asked for; observed is NULL for a VM that is off. Compares NICs by name. */
void vm_diff(const struct vm *wanted, const struct vm *observed, const struct network *network, struct plan *plan);

/* The TAP of a plugged NIC was deleted by somebody: how it comes back, on the descriptors that agent and QEMU hold still. */
void nic_plan_remake(const struct vm *vm, const struct nic *nic, const struct network *network, struct plan *plan);

/* Which of the fields that `wanted` states are otherwise in `observed`. */
field_set interface_changed_fields(const struct interface *wanted, const struct interface *observed);

/* The link that a plugged NIC's TAP must be: master, up, MTU of the bridge (or the NIC's own), port options, VLANs, rates. The caller
 * frees it. */
struct interface *nic_wanted_link(const struct nic *nic, const struct network *observed);
