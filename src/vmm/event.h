/* What QEMU says by itself. */
#pragma once

#include "base/document.h"

struct instance;

void event_take(struct instance *instance, const char *name, const json_t *data);
