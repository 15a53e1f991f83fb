/* RUN_DIR/vms/NAME/state.json: the VM as it runs, with what QMP can't tell. On tmpfs, so it need not be durable. */
#pragma once

#include "model/vm.h"
#include "vmm/slots.h"

struct error;

int record_write(const char *directory, const struct vm *vm, const struct slots *slots, struct error *err);
int record_read(const char *directory, const char *name, struct vm **ret_vm, struct slots *ret_slots, struct error *err);
