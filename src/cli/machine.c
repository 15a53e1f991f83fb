/* VMs: define, create, undefine, autostart, power, list, dominfo, domstate, QMP. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli_internal.h"

enum { VM_FILE_LIMIT = 512 << 10 };

/* The VM's name; NULL: it was said why. */
static char *name_of_file(const struct command *command)
{
    const char *path = arguments_get(command, "file"), *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strlen(name);

    if (length > 3 && !strcmp(name + length - 3, ".vm"))
        return memory_string_of(name, length - 3);
    output_fail(command, "%s: a VM's file is called NAME.vm, and NAME is the VM's name: rename it", path);
    return NULL;
}

static json_t *define_body(const char *name, const char *path, const char *text)
{
    return json_pack("{s:s, s:s, s:s}", "name", name, "text", text, "file", path);
}

/* The request's body out of the file, with its caller's rights; NULL: it was said why. */
static json_t *file_body(struct command *command, const char *name)
{
    const char *path = arguments_get(command, "file");
    CLEANUP(freep) char *text = NULL;
    json_t *body;
    struct error err = {0};
    size_t size = 0;

    if (file_read(AT_FDCWD, path, VM_FILE_LIMIT, &text, &size, &err) < 0) {
        output_fail(command, "%s", err.text);
        return NULL;
    }
    body = strlen(text) == size ? define_body(name, path, text) : NULL;
    if (!body)
        output_fail(command, "%s: is no text in UTF-8", path);
    return body;
}

int machine_define(struct command *command)
{
    const char *path = arguments_get(command, "file");
    CLEANUP(freep) char *name = name_of_file(command);
    CLEANUP(document_freep) json_t *answer = NULL;
    json_t *body = name ? file_body(command, name) : NULL;

    if (!body)
        return EXIT_FAILED;
    answer = call_daemon(command, "POST", "/v1/vms", body);
    if (!answer)
        return EXIT_FAILED;
    if (command->json)
        return output_json(answer);
    output_problems(command, json_object_get(answer, "problems"));
    output_print("Domain '%s' defined from %s\n", name, path);
    return EXIT_DONE;
}

int machine_undefine(struct command *command)
{
    const char *name = arguments_get(command, "domain");
    CLEANUP(freep) char *path = call_path("/v1/vms/%s", name);
    CLEANUP(document_freep) json_t *answer = call_daemon(command, "DELETE", path, NULL);

    if (!answer)
        return EXIT_FAILED;
    if (command->json)
        return output_json(answer);
    output_print("Domain '%s' has been undefined\n", name);
    return EXIT_DONE;
}

static void print_start(const json_t *vm)
{
    const char *reason = document_string(vm, "reason", NULL);

    output_print("%s, pid %lld%s%s\n", document_string(vm, "state", "?"), (long long)document_number(vm, "pid", 0),
                 reason ? ": " : "", reason ? reason : "");
}

int machine_create(struct command *command)
{
    const char *path = arguments_get(command, "file");
    CLEANUP(freep) char *name = name_of_file(command);
    CLEANUP(freep) char *waiting = name ? memory_format("VM %s", name) : NULL;
    CLEANUP(document_freep) json_t *vm = NULL;
    json_t *body = name ? file_body(command, name) : NULL;

    if (!body)
        return EXIT_FAILED;
    json_object_set_new(body, "transient", json_true());
    command->waiting_for = waiting;
    vm = call_daemon(command, "POST", "/v1/vms", body);
    command->waiting_for = NULL;
    if (!vm)
        return EXIT_FAILED;
    if (command->json && !arguments_flag(command, "console"))
        return output_json(vm);
    output_print("Domain '%s' created from %s\n", name, path);
    print_start(vm);
    return arguments_flag(command, "console") ? console_attach(command, name) : EXIT_DONE;
}

int machine_autostart(struct command *command)
{
    const char *name = arguments_get(command, "domain");
    CLEANUP(freep) char *path = call_path("/v1/vms/%s", name);
    bool disable = arguments_flag(command, "disable");
    CLEANUP(document_freep) json_t *vm = call_daemon(command, "PATCH", path, json_pack("{s:b}", "autostart", !disable));

    if (!vm)
        return EXIT_FAILED;
    if (command->json)
        return output_json(vm);
    output_print("Domain '%s' %s as autostarted\n", name, disable ? "unmarked" : "marked");
    return EXIT_DONE;
}

/* virsh's words for what was done. */
static const struct {
    const char *verb, *done;
} power_texts[] = {
    {"start", "started"},     {"destroy", "destroyed"}, {"shutdown", "is being shutdown"},
    {"suspend", "suspended"}, {"resume", "resumed"},    {"reset", "was reset"},
};

static const char *power_text(const char *verb)
{
    for (size_t i = 0; i < ARRAY_SIZE(power_texts); i++)
        if (!strcmp(power_texts[i].verb, verb))
            return power_texts[i].done;
    return "done";
}

static void print_power(const struct command *command, const json_t *vm)
{
    output_print("Domain '%s' %s\n", arguments_get(command, "domain"), power_text(command->name));
    if (!strcmp(command->name, "start"))
        print_start(vm);
}

int machine_power(struct command *command)
{
    const char *name = arguments_get(command, "domain");
    CLEANUP(freep) char *path = call_path("/v1/vms/%s/%s", name, command->name);
    CLEANUP(freep) char *waiting = memory_format("VM %s", name);
    CLEANUP(document_freep) json_t *vm = NULL;

    command->waiting_for = waiting;
    vm = call_daemon(command, "POST", path, NULL);
    command->waiting_for = NULL;
    if (!vm)
        return EXIT_FAILED;
    if (command->json && !arguments_flag(command, "console"))
        return output_json(vm);
    print_power(command, vm);
    return arguments_flag(command, "console") ? console_attach(command, name) : EXIT_DONE;
}

static void add_machine(struct table *table, const json_t *vm)
{
    CLEANUP(freep)
    char *id = json_is_integer(json_object_get(vm, "pid")) ? memory_format("%lld", (long long)document_number(vm, "pid", 0))
                                                           : memory_string("-");

    TABLE_ROW(table, id, document_string(vm, "name", NULL), document_string(vm, "state", NULL));
}

/* virsh numbers its VMs; here the number is QEMU's pid. */
int machine_list(struct command *command)
{
    const char *path = arguments_flag(command, "all") ? "/v1/vms?all=1" : "/v1/vms";
    CLEANUP(document_freep) json_t *list = call_daemon(command, "GET", path, NULL);
    struct table table = {0};
    json_t *vm;
    size_t i;

    if (!list)
        return EXIT_FAILED;
    if (command->json)
        return output_json(list);
    TABLE_ROW(&table, "Id", "Name", "State");
    json_array_foreach (list, i, vm)
        add_machine(&table, vm);
    table_print(&table);
    return EXIT_DONE;
}

static json_t *get_machine(struct command *command)
{
    CLEANUP(freep) char *path = call_path("/v1/vms/%s", arguments_get(command, "domain"));

    return call_daemon(command, "GET", path, NULL);
}

static void print_figure(const char *label, const char *value)
{
    output_print("%-15s %s\n", label, value && *value ? value : "-");
}

static void print_number(const char *label, int64_t value, const char *unit)
{
    CLEANUP(freep) char *text = value ? memory_format("%lld%s", (long long)value, unit) : memory_string("-");

    print_figure(label, text);
}

/* Of a VM that runs: what a further NIC could be plugged into. */
static void print_slots(const json_t *vm)
{
    if (!json_is_integer(json_object_get(vm, "free_slots")))
        return;
    output_print("%-15s %lld\n", "Free slots:", (long long)document_number(vm, "free_slots", 0));
    if (document_number(vm, "free_slots", 0) != document_number(vm, "free_conventional_slots", 0))
        output_print("%-15s %lld for e1000, rtl8139 and their like\n", "",
                     (long long)document_number(vm, "free_conventional_slots", 0));
}

static void print_info(const json_t *vm)
{
    print_number("Id:", document_number(vm, "pid", 0), "");
    print_figure("Name:", document_string(vm, "name", NULL));
    print_figure("UUID:", document_string(vm, "uuid", NULL));
    print_figure("OS Type:", "hvm");
    print_figure("State:", document_string(vm, "state", NULL));
    if (document_string(vm, "reason", NULL))
        print_figure("Reason:", document_string(vm, "reason", NULL));
    print_number("CPU(s):", document_number(vm, "vcpus", 0), "");
    print_number("Max memory:", document_number(vm, "memory", 0) / 1024, " KiB");
    print_slots(vm);
    print_figure("Persistent:", document_boolean(vm, "defined", false) ? "yes" : "no");
    print_figure("Autostart:", document_boolean(vm, "autostart", false) ? "enable" : "disable");
    putchar('\n');
}

int machine_info(struct command *command)
{
    CLEANUP(document_freep) json_t *vm = get_machine(command);

    if (!vm)
        return EXIT_FAILED;
    if (command->json)
        return output_json(vm);
    print_info(vm);
    return EXIT_DONE;
}

int machine_state(struct command *command)
{
    CLEANUP(document_freep) json_t *vm = get_machine(command);
    const char *reason = document_string(vm, "reason", NULL);
    CLEANUP(document_freep) json_t *json = NULL;

    if (!vm)
        return EXIT_FAILED;
    if (command->json) {
        json = json_pack("{s:s?, s:s?}", "state", document_string(vm, "state", NULL), "reason", reason);
        return output_json(json);
    }
    output_print("%s", document_string(vm, "state", "?"));
    if (arguments_flag(command, "reason") && reason)
        output_print(" (%s)", reason);
    putchar('\n');
    return EXIT_DONE;
}

/* `query-status` stands for {"execute": "query-status"}. */
static json_t *monitor_body(const char *text, struct error *err)
{
    json_t *body = NULL;

    if (*text != '{')
        return json_pack("{s:s}", "execute", text);
    return document_parse(text, strlen(text), &body, err) < 0 ? NULL : body;
}

int machine_monitor(struct command *command)
{
    CLEANUP(freep) char *path = call_path("/v1/vms/%s/qmp", arguments_get(command, "domain"));
    CLEANUP(document_freep) json_t *answer = NULL;
    struct error err = {0};
    json_t *body = monitor_body(arguments_get(command, "command"), &err);

    if (!body)
        return output_fail(command, "command: %s", *err.text ? err.text : "is no text in UTF-8");
    answer = call_daemon(command, "POST", path, body);
    return answer ? output_json(answer) : EXIT_FAILED;
}
