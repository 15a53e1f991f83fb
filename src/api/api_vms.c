/* VMs: list, define, create, change, undefine, power. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "config/config.h"

enum { VM_FILE_LIMIT = 1 << 20 };

bool api_vms_find(struct api_request *request, struct reconcile_vm *ret_vm)
{
    struct error err;

    if (reconcile_vm_find(request->api->reconciler, request->arguments[0], ret_vm))
        return true;
    error_set(&err, ENOENT, "vm %s: no such VM: 'trestle list --all' shows those that are defined", request->arguments[0]);
    api_answer_error(request, -ENOENT, &err);
    return false;
}

void api_vms_list(struct api_request *request)
{
    api_answer_json(request, MHD_HTTP_OK, api_view_vms(request->api, api_request_flag(request, "all")));
}

void api_vms_get(struct api_request *request)
{
    struct reconcile_vm vm;

    if (api_vms_find(request, &vm))
        api_answer_json(request, MHD_HTTP_OK, api_view_vm(&vm));
}

/* Problems that only show beside the other VMs: one MAC or one TAP in two of them. Pair by pair: what is wrong between two others
 * is no reason to refuse this one. */
static void check_beside_others(struct api *api, struct vm *vm, struct problems *problems)
{
    struct reconcile_vm *vms = NULL;
    size_t count = reconcile_vm_list(api->reconciler, &vms);

    for (size_t i = 0; i < count; i++)
        if (vms[i].defined && strcmp(vms[i].name, vm->name))
            config_check_vms((struct vm *[]){(struct vm *)(uintptr_t)vms[i].defined, vm}, 2, problems);
    free(vms);
}

static void answer_define(struct api_request *request, const char *name, bool existed, const struct problems *problems)
{
    json_t *json = json_pack("{s:s, s:b, s:o}", "name", name, "created", !existed, "problems", api_answer_problems(problems));

    api_answer_json(request, existed ? MHD_HTTP_OK : MHD_HTTP_CREATED, json);
}

/* The VM of a file's text; NULL when it was answered that it has errors. */
static struct vm *read_vm(struct api_request *request, const char *path, const char *text, struct problems *problems)
{
    struct vm *vm = config_vm(path, text, problems);

    if (vm)
        check_beside_others(request->api, vm, problems);
    if (vm && !problems->errors)
        return vm;
    vm_free(vm);
    api_answer_problem(request, MHD_HTTP_BAD_REQUEST, "the VM's file has errors; nothing was done", problems, NULL);
    return NULL;
}

static void define_vm(struct api_request *request, const char *name, const char *path, const char *text)
{
    struct problems problems = {0};
    struct error err = {0};
    struct reconcile_vm before;
    bool existed = reconcile_vm_find(request->api->reconciler, name, &before) && before.defined;
    struct vm *vm = read_vm(request, path, text, &problems);
    int result = vm ? reconcile_vm_define(request->api->reconciler, vm, text, &err) : 0;

    if (result < 0)
        api_answer_error(request, result, &err);
    else if (vm)
        answer_define(request, name, existed, &problems);
    problems_clear(&problems);
}

static void answer_power(struct api_request *request, const char *name, unsigned status);

static void create_ended(void *context, int result, const struct error *err, const struct plan *plan,
                         const struct problems *problems)
{
    struct api_request *request = context;

    (void)plan;
    if (api_request_succeeded(request, result, err, problems))
        answer_power(request, request->name, MHD_HTTP_CREATED);
}

static void create_vm(struct api_request *request, const char *name, const char *path, const char *text)
{
    struct problems problems = {0};
    struct vm *vm = read_vm(request, path, text, &problems);

    problems_clear(&problems);
    if (!vm)
        return;
    free(vm->file); /* it was read, and is nobody's */
    vm->file = NULL;
    request->name = memory_string(name);
    api_request_run(request);
    reconcile_vm_create(request->api->reconciler, vm, create_ended, request);
}

/* "file" is the path as its user gave it, for messages; the name is what counts. */
static char *message_path(const char *name, const char *file)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    CLEANUP(freep) char *expected = memory_format("%s.vm", name);

    if (file && !strcmp(slash ? slash + 1 : file, expected))
        return memory_string(file);
    return TAKE_POINTER(expected);
}

void api_vms_define(struct api_request *request)
{
    json_t *body = api_request_body(request);
    const char *name = NULL, *text = NULL, *file = NULL, *fault;
    json_error_t error;
    int transient = 0;

    if (!body)
        return;
    if (json_unpack_ex(body, &error, 0, "{s:s, s:s, s?s, s?b !}", "name", &name, "text", &text, "file", &file, "transient",
                       &transient) < 0) {
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, error.text, NULL, NULL);
    } else if ((fault = text_vm_name_fault(name))) {
        CLEANUP(freep) char *detail = memory_format("the VM's name %s", fault);

        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, detail, NULL, NULL);
    } else {
        CLEANUP(freep) char *path = message_path(name, file);

        (transient ? create_vm : define_vm)(request, name, path, text);
    }
    document_free(body);
}

void api_vms_undefine(struct api_request *request)
{
    struct error err = {0};
    int result = reconcile_vm_undefine(request->api->reconciler, request->arguments[0], &err);

    if (result < 0)
        api_answer_error(request, result, &err);
    else
        api_answer_json(request, MHD_HTTP_OK, json_pack("{s:s}", "name", request->arguments[0]));
}

/* Autostart is a line of the VM's file, which has it for everybody to see. */

static int change_autostart(struct api_request *request, const struct reconcile_vm *vm, bool autostart, struct error *err)
{
    CLEANUP(freep) char *path = memory_format("%s/%s.vm", request->api->vm_directory, vm->name);
    CLEANUP(freep) char *text = NULL;
    CLEANUP(freep) char *changed = NULL;
    struct problems problems = {0};
    struct vm *again;
    int result = file_read(AT_FDCWD, path, VM_FILE_LIMIT, &text, NULL, err);

    if (result == 0 && config_vm_write_autostart(text, autostart, &changed, err) < 0)
        result = error_prefix(err, "%s", path);
    if (result < 0)
        return result;
    again = config_vm(path, changed, &problems);
    problems_clear(&problems);
    return reconcile_vm_define(request->api->reconciler, again, changed, err);
}

void api_vms_change(struct api_request *request)
{
    CLEANUP(document_freep) json_t *body = api_request_body(request);
    struct reconcile_vm vm;
    json_error_t error;
    struct error err = {0};
    int autostart = 0, result;

    if (!body || !api_vms_find(request, &vm))
        return;
    if (json_unpack_ex(body, &error, 0, "{s:b !}", "autostart", &autostart) < 0) {
        api_answer_problem(request, MHD_HTTP_BAD_REQUEST, error.text, NULL, NULL);
        return;
    }
    if (!vm.defined)
        result = error_set(&err, EINVAL, "vm %s: Requested operation is not valid: cannot set autostart for transient domain",
                           vm.name);
    else
        result = change_autostart(request, &vm, autostart, &err);
    if (result < 0)
        api_answer_error(request, result, &err);
    else if (api_vms_find(request, &vm))
        api_answer_json(request, MHD_HTTP_OK, api_view_vm(&vm));
}

/* Read back: what the VM is now, not what was asked for. */
static void answer_power(struct api_request *request, const char *name, unsigned status)
{
    struct reconcile_vm vm;

    if (reconcile_vm_find(request->api->reconciler, name, &vm))
        api_answer_json(request, status, api_view_vm(&vm));
    else /* it ran without a file: now it is neither defined nor running */
        api_answer_json(request, status,
                        json_pack("{s:s, s:s, s:n, s:b}", "name", name, "state", vm_state_names[VM_SHUT_OFF], "pid", "defined",
                                  0));
}

static void power_ended(void *context, int result, const struct error *err, const struct plan *plan,
                        const struct problems *problems)
{
    struct api_request *request = context;

    (void)plan;
    if (api_request_succeeded(request, result, err, problems))
        answer_power(request, request->arguments[0], MHD_HTTP_OK);
}

void api_vms_power(struct api_request *request)
{
    api_request_run(request);
    reconcile_vm_power(request->api->reconciler, request->arguments[0], (enum reconcile_power)request->route->action, power_ended,
                       request);
}
