/* Model objects as JSON, for the API and for state files. The scalar members come from the option table. */
#pragma once

#include "base/document.h"
#include "model/network.h"
#include "model/vm.h"

json_t *interface_to_json(const struct interface *interface); /* name, kind, state, mac, mtu, master, addresses, owner, … */
json_t *nic_to_json(const struct nic *nic);     /* domiflist's members: nic, interface, type, source, model, mac, vhost, … */
json_t *vm_to_json(const struct vm *vm);        /* the whole object, with "nics" and "disks" by name, to be read by vm_from_json */
struct error;
int vm_from_json(const json_t *json, struct vm **ret_vm, struct error *err);
int nic_from_json(const json_t *json, struct nic *ret_nic, struct error *err); /* of the option rows' members */
