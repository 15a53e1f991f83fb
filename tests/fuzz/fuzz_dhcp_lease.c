/* What a DHCP server's words become: never more than a lease that the kernel could take. */
#include <stdlib.h>
#include <string.h>

#include "dhcp/dhcp_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lease lease = {0};
    struct error err = {0};

    if (dhcp_lease_read((const char *)data, size, &lease, &err) < 0 && !err.code)
        abort();
    if (lease.held && (lease.address.family != 2 || lease.address.prefix < 1 || lease.address.prefix > 32 || lease.until <= 0))
        abort();
    if (lease.route_count > DHCP_ROUTES)
        abort();
    for (size_t i = 0; i < lease.route_count; i++)
        if (lease.routes[i].prefix > 32)
            abort();
    dhcp_lease_clear(&lease);
    return 0;
}
