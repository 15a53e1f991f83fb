/* The host's network: plan, apply, status, iface-list. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

void host_print_steps(const json_t *document)
{
    json_t *step;
    size_t i;

    json_array_foreach (json_object_get(document, "steps"), i, step)
        output_print("%s\n", document_string(step, "text", "?"));
}

static bool has_errors(const json_t *problems)
{
    json_t *problem;
    size_t i;

    json_array_foreach (problems, i, problem)
        if (!document_boolean(problem, "warning", false))
            return true;
    return false;
}

int host_plan(struct command *command)
{
    CLEANUP(document_freep) json_t *plan = call_daemon(command, "GET", "/v1/plan", NULL);
    int64_t changes = document_number(plan, "changes", 0);

    if (!plan)
        return EXIT_FAILED;
    if (command->json) {
        output_json(plan);
    } else {
        output_problems(command, json_object_get(plan, "problems"));
        if (changes && document_boolean(plan, "refused", false))
            printf("Nothing of this is applied until the errors are mended:\n");
        host_print_steps(plan);
        if (changes == 0 && !has_errors(json_object_get(plan, "problems")))
            printf("Nothing to do: everything is as the files want it\n");
    }
    if (has_errors(json_object_get(plan, "problems")))
        return EXIT_FAILED;
    return changes ? EXIT_CHANGES : EXIT_DONE;
}

static json_t *apply_body(const struct command *command)
{
    json_t *body = json_object();
    int64_t confirm = arguments_number(command, "confirm", 0);

    if (arguments_flag(command, "repair"))
        json_object_set_new(body, "repair", json_true());
    if (arguments_flag(command, "no-repair"))
        json_object_set_new(body, "repair", json_false());
    if (confirm)
        json_object_set_new(body, "confirm", json_integer(confirm));
    return body;
}

int host_apply(struct command *command)
{
    CLEANUP(document_freep) json_t *json = NULL;
    int status = 0;

    if (arguments_flag(command, "repair") && arguments_flag(command, "no-repair"))
        return arguments_usage_error(command, "--repair and --no-repair are mutually exclusive");
    command->waiting_for = "the host's network";
    json = call_raw(command, "POST", "/v1/apply", apply_body(command), &status);
    if (!json)
        return EXIT_FAILED;
    if (status >= 300 && status != 422)
        return call_failed(command, json);
    if (!command->json)
        host_print_steps(json); /* also when something was left out: the rest is done */
    if (status >= 300)
        return call_failed(command, json);
    if (command->json)
        return output_json(json);
    output_problems(command, json_object_get(json, "problems"));
    if (document_number(json, "changes", 0) == 0)
        printf("Nothing to do: everything is as the files want it\n");
    else if (arguments_option(command, "confirm"))
        printf("It is taken back in %s s unless you say: trestle confirm\n", arguments_option(command, "confirm"));
    return EXIT_DONE;
}

static void print_daemon(const json_t *status)
{
    const char *busy = document_string(status, "busy", NULL);
    json_t *trouble;
    size_t i;

    output_print("trestled %s, repairs what others change: %s\n", document_string(status, "version", "?"),
                 document_boolean(status, "repair", false) ? "yes" : "no");
    if (busy)
        output_print("at work: %s\n", busy);
    pending_print(status);
    json_array_foreach (json_object_get(status, "troubles"), i, trouble)
        output_print("trouble: %s\n", json_string_value(trouble));
    json_array_foreach (json_object_get(status, "warnings"), i, trouble)
        output_print("warning: %s\n", json_string_value(trouble));
    putchar('\n');
}

static void print_interfaces(const json_t *list)
{
    struct table table = {0};
    json_t *item;
    size_t i;

    TABLE_ROW(&table, "Interface", "Kind", "State", "Owner", "Reason");
    json_array_foreach (list, i, item)
        TABLE_ROW(&table, document_string(item, "name", NULL), document_string(item, "kind", NULL),
                  document_string(item, "state", NULL), document_string(item, "owner", NULL),
                  document_string(item, "reason", NULL));
    table_print(&table);
}

static void print_machines(const json_t *list)
{
    struct table table = {0};
    json_t *item;
    size_t i;

    TABLE_ROW(&table, "VM", "State", "Reason");
    json_array_foreach (list, i, item)
        TABLE_ROW(&table, document_string(item, "name", NULL), document_string(item, "state", NULL),
                  document_string(item, "reason", NULL));
    table_print(&table);
}

int host_status(struct command *command)
{
    const char *name = arguments_get(command, "name");
    CLEANUP(freep) char *path = name ? call_path("/v1/status?name=%s", name) : memory_string("/v1/status");
    CLEANUP(document_freep) json_t *status = call_daemon(command, "GET", path, NULL);

    if (!status)
        return EXIT_FAILED;
    if (command->json)
        return output_json(status);
    if (!name)
        print_daemon(status);
    if (json_array_size(json_object_get(status, "interfaces")))
        print_interfaces(json_object_get(status, "interfaces"));
    if (json_array_size(json_object_get(status, "vms")))
        print_machines(json_object_get(status, "vms"));
    return EXIT_DONE;
}

static bool is_active(const json_t *interface)
{
    const char *state = document_string(interface, "state", "");

    return strcmp(state, "down") && strcmp(state, "missing");
}

/* "trestle status" knows more; this is the list as virsh has it. */
static void print_list(const json_t *list)
{
    struct table table = {0};
    json_t *item;
    size_t i;

    TABLE_ROW(&table, "Name", "State", "MAC Address");
    json_array_foreach (list, i, item)
        TABLE_ROW(&table, document_string(item, "name", NULL), is_active(item) ? "active" : "inactive",
                  document_string(item, "mac", NULL));
    table_print(&table);
}

static void drop_active(json_t *list)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        if (is_active(json_array_get(list, i)))
            json_array_remove(list, i);
}

int host_list(struct command *command)
{
    bool inactive = arguments_flag(command, "inactive") && !arguments_flag(command, "all");
    bool all = inactive || arguments_flag(command, "all");
    CLEANUP(document_freep) json_t *list = call_daemon(command, "GET", all ? "/v1/interfaces?all=1" : "/v1/interfaces", NULL);

    if (!list)
        return EXIT_FAILED;
    if (inactive)
        drop_active(list);
    if (command->json)
        return output_json(list);
    print_list(list);
    return EXIT_DONE;
}
