/* Model objects as JSON, for the API and for state files. The scalar members come from the option table. */
#pragma once

#include "base/document.h"
#include "model/network.h"
#include "model/vm.h"

json_t *interface_to_json(const struct interface *interface); /* name, kind, state, mac, mtu, master, addresses, owner, … */
json_t *interface_stated_to_json(const struct interface *interface); /* what is stated of a wanted one, and nothing else */

/* domiflist's members: nic, interface, type, source, model, mac, vhost (is it used), vhost_reason, queues, link, state, live,
 * config, and the option rows'. Interface, source and MAC are null when there is none. */
json_t *nic_to_json(const struct nic *nic);

/* The whole object, to be read by vm_from_json: the rows of [vm], those of [display] in "display", "nics" and "disks" as arrays
 * in their order, and what was observed. "stated" names the members that somebody stated; the rest are defaults or made up. */
json_t *vm_to_json(const struct vm *vm);

/* Unknown members and wrong values are refused with the way to them: "nic net0: mac: wants …". Without "stated" every member of
 * an option row that is there counts as stated. */
struct error;
int vm_from_json(const json_t *json, struct vm **ret_vm, struct error *err);
/* Only "nic" (the name, may be absent) and the option rows are read; what nic_to_json adds may be there and is passed over. */
int nic_from_json(const json_t *json, struct nic *ret_nic, struct error *err);
/* The same for a change of a NIC: only the bits of what is there are set, and null takes back what was stated: the value is the
 * default (no VLAN, no trunk, no rate, …), its bit is set. */
int nic_changes_from_json(const json_t *json, struct nic *ret_changes, struct error *err);
