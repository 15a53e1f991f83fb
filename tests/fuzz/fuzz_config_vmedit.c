/* A VM file, a zero byte or its end, then a NIC as a section of its own: written into the file it must read back the same, writing it
 * again must change nothing, and the rest of the VM must stay as it was, also when the section goes again. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/memory.h"
#include "config/config_internal.h"
#include "model/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct vm *read_vm(const char *text)
{
    struct problems problems = {0};
    struct vm *vm = config_vm("c2.vm", text, &problems);
    problems_clear(&problems);
    return vm;
}

static json_t *rest_of(const char *text, const char *name)
{
    struct vm *vm = read_vm(text);
    require(vm);
    vm_remove_nic(vm, name);
    for (size_t i = 0; i < vm->nic_count; i++)
        vm->nics[i].line = 0;
    for (size_t i = 0; i < vm->disk_count; i++)
        vm->disks[i].line = 0;
    json_t *json = vm_to_json(vm);
    vm_free(vm);
    return json;
}

static void check_rest(const char *before, const char *after, const char *name)
{
    CLEANUP(document_freep) json_t *one = rest_of(before, name), *two = rest_of(after, name);
    require(json_equal(one, two));
}

static void check(const char *text, const struct nic *nic)
{
    CLEANUP(freep) char *after = NULL, *again = NULL, *without = NULL;
    struct error err = {0};
    if (config_vm_write_nic(text, nic->name, nic, &after, &err) < 0)
        return; /* it was said why: a name or a MAC of another section, too many NICs */
    check_rest(text, after, nic->name);
    require(config_vm_write_nic(after, nic->name, nic, &again, &err) == 0 && strcmp(after, again) == 0);
    require(config_vm_write_nic(after, nic->name, NULL, &without, &err) == 0);
    check_rest(text, without, nic->name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(freep) char *text = memory_format("%.*s", (int)size, size ? (const char *)data : "");
    size_t length = strlen(text);
    CLEANUP(freep) char *section = memory_format("%.*s", (int)(size > length ? size - length - 1 : 0),
                                                 size > length ? (const char *)data + length + 1 : "");
    struct vm *vm = read_vm(text), *other = read_vm(section);
    for (size_t i = 0; vm && other && i < other->nic_count; i++)
        check(text, &other->nics[i]);
    for (size_t i = 0; vm && i < vm->nic_count; i++)
        check(text, &vm->nics[i]);
    vm_free(vm);
    vm_free(other);
    return 0;
}
