/* A VM file: one that is read must come back the same from the text that is written of it, and from its JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/quote.h"
#include "config/config_internal.h"
#include "model/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Lines of sections move when the text is written anew. */
static void forget_lines(struct vm *vm)
{
    for (size_t i = 0; i < vm->nic_count; i++)
        vm->nics[i].line = 0;
    for (size_t i = 0; i < vm->disk_count; i++)
        vm->disks[i].line = 0;
}

static void check_round_trips(struct vm *vm)
{
    struct problems problems = {0};
    CLEANUP(freep) char *text = config_vm_text(vm);
    struct vm *from_text = config_vm("c2.vm", text, &problems), *from_json = NULL;
    require(from_text && !problems.errors);
    forget_lines(vm);
    forget_lines(from_text);
    json_t *json = vm_to_json(vm), *text_json = vm_to_json(from_text);
    require(json_equal(json, text_json));
    require(vm_from_json(json, &from_json, NULL) == 0);
    json_t *again = vm_to_json(from_json);
    require(json_equal(json, again));
    json_decref(json);
    json_decref(text_json);
    json_decref(again);
    vm_free(from_text);
    vm_free(from_json);
    problems_clear(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problems problems = {0};
    CLEANUP(freep) char *text = size ? memory_copy(data, size) : NULL;
    struct vm *vm = vmfile_read("c2.vm", text ? text : "", size, &problems);
    require(!vm == (problems.errors > 0));
    for (size_t i = 0; i < problems.count; i++)
        require(quote_is_plain(problems.items[i].text));
    if (vm)
        check_round_trips(vm);
    vm_free(vm);
    problems_clear(&problems);
    return 0;
}
