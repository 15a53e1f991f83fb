/* Dummies: an address's home that is always up. They have no attributes of their own. */
#include "netdev/kind.h"

const struct netdev_kind kind_dummy = {.name = "dummy", .kind = INTERFACE_DUMMY};
