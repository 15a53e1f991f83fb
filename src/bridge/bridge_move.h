/* The order that moves a NIC into a bridge, or out of it, with all that hangs on it, and loses no packet. */
#pragma once

#include "model/move.h"
#include "netdev/netdev.h"

/* Adds the steps to the plan. Asks the kernel afresh what hangs on the link. */
int bridge_move(struct netdev *netdev, const struct move *move, struct plan *plan, struct moved *ret_moved, struct error *err);
