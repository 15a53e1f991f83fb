#include "vmm/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/convert.h"

enum { RECORD_MAX = 4 << 20 };

int record_write(const char *directory, const struct vm *vm, const struct slots *slots, struct error *err)
{
    CLEANUP(freep) char *path = memory_format("%s/state.json", directory);
    CLEANUP(document_freep) json_t *document = json_pack("{s:o, s:o}", "vm", vm_to_json(vm), "slots", slots_to_json(slots));
    CLEANUP(freep) char *text = document_text(document);
    return file_write(path, text, strlen(text), 0600, false, err);
}

static int parse(const char *text, size_t size, const char *name, struct vm **ret_vm, struct slots *ret_slots, struct error *err)
{
    CLEANUP(document_freep) json_t *document = NULL;
    int result = document_parse(text, size, &document, err);
    struct vm *vm;
    if (result == 0)
        result = vm_from_json(json_object_get(document, "vm"), &vm, err);
    if (result < 0)
        return result;
    if (strcmp(vm->name, name) != 0)
        result = error_set(err, EBADMSG, "it is that of another VM, %s", vm->name);
    else
        result = slots_from_json(json_object_get(document, "slots"), ret_slots, err);
    if (result < 0)
        vm_free(vm);
    else
        *ret_vm = vm;
    return result;
}

int record_read(const char *directory, const char *name, struct vm **ret_vm, struct slots *ret_slots, struct error *err)
{
    CLEANUP(freep) char *path = memory_format("%s/state.json", directory);
    CLEANUP(freep) char *text = NULL;
    size_t size;
    int result = file_read(AT_FDCWD, path, RECORD_MAX, &text, &size, err);
    if (result < 0)
        return result;
    result = parse(text, size, name, ret_vm, ret_slots, err);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}
