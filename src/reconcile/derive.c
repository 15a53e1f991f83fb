/* What nobody stated of a VM and has to stay the same from start to start: MACs and the UUID. They are derived from the names and the
 * host's id (machine-id(5)), so that nothing need be kept. Not from gethostid(3): where no id was set, that asks the resolver. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

static uint64_t hash_of(const char *first, const char *second, const char *third)
{
    CLEANUP(freep) char *id = memory_format("%s/%s/%s", first, second, third);

    return text_hash(id);
}

/* Version 8 of RFC 9562: made in a way of one's own. The hash spreads what comes first over more of its bits than what comes last. */
static void derive_uuid(struct vm *vm, const char *host)
{
    uint64_t high = hash_of("uuid 1", vm->name, host), low = hash_of("uuid 2", vm->name, host);

    snprintf(vm->uuid, sizeof(vm->uuid), "%08x-%04x-8%03x-%04x-%012" PRIx64, (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
             (unsigned)(high & 0xfff), (unsigned)(low >> 48 & 0x3fff) | 0x8000, low & UINT64_C(0xffffffffffff));
}

void derive(struct vm *vm)
{
    CLEANUP(freep) char *id = NULL;
    const char *host;

    file_read(AT_FDCWD, "/etc/machine-id", 256, &id, NULL, NULL);
    host = id ? id : "";
    if (!vm->uuid[0])
        derive_uuid(vm, host);
    for (size_t i = 0; i < vm->nic_count; i++)
        nic_make_mac(&vm->nics[i], (uint32_t)hash_of(host, vm->name, vm->nics[i].name));
}
