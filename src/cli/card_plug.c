/* attach-interface, detach-interface. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "cli_internal.h"
#include "model/option.h"

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word))
        words++;
    return *words;
}

/* Types that virsh has and this version has not, apart from words that nobody has. */
static int check_type(struct command *command)
{
    static const char *const later[] = {"network", "direct", "hostdev", "vhostuser", NULL};
    const char *type = arguments_get(command, "type");

    if (is_one_of(type, nic_type_names))
        return EXIT_DONE;
    if (is_one_of(type, later))
        return output_fail(command, "type %s: not there yet in this version; bridge, user and ethernet are", type);
    return output_fail(command, "No support for %s in command '%s'", type, command->name);
}

/* virsh replaces such names too: the kernel, not the user, makes them up. */
static bool is_automatic(const char *target)
{
    return text_starts(target, "vnet") || text_starts(target, "macvtap") || text_starts(target, "macvlan");
}

static int set(struct command *command, struct nic *nic, const char *key, const char *argument, const char *value)
{
    struct error err = {0};

    if (option_parse(option_find(OPTION_NIC, NULL, key, NULL), nic, value, &err) < 0)
        return arguments_usage_error(command, "%s %s", argument, err.text);
    return EXIT_DONE;
}

/* What SOURCE is depends on the type: a bridge, a TAP, or nothing. */
static int set_source(struct command *command, struct nic *nic)
{
    const char *source = arguments_get(command, "source");

    if (nic->type == NIC_USER)
        return EXIT_DONE;
    if (!source || !strcmp(source, "-"))
        return arguments_usage_error(command, "SOURCE is missing: %s", nic->type == NIC_BRIDGE ? "the bridge" : "the TAP");
    if (nic->type == NIC_BRIDGE)
        return set(command, nic, "Bridge", "SOURCE", source);
    if (nic->target[0] && strcmp(nic->target, source))
        return arguments_usage_error(command, "--target %s is not the TAP %s", nic->target, source);
    return set(command, nic, "Target", "SOURCE", source);
}

static int read_nic(struct command *command, struct nic *nic)
{
    const char *alias = arguments_option(command, "alias");
    const char *fault = alias ? text_vm_name_fault(alias) : NULL;
    int result = set(command, nic, "Type", "TYPE", arguments_get(command, "type"));

    if (fault)
        return arguments_usage_error(command, "--alias %s", fault);
    text_copy(nic->name, sizeof(nic->name), alias ? alias : "");
    arguments_settings(command, nic);
    if (is_automatic(nic->target)) {
        option_reset(option_find(OPTION_NIC, NULL, "Target", NULL), nic);
        nic->set &= ~FIELD_BIT(option_find(OPTION_NIC, NULL, "Target", NULL)->field);
    }
    return result == EXIT_DONE ? set_source(command, nic) : result;
}

/* What the kernel and QEMU, or the file, say it is. */
static void print_card(const json_t *nic)
{
    const char *reason = document_string(nic, "vhost_reason", NULL);
    const char *source = document_string(nic, "source", NULL), *interface = document_string(nic, "interface", NULL);

    /* a TAP whose name nobody stated is named when it is made */
    output_print("%s: %s%s%s, %s, %s", document_string(nic, "nic", "?"),
                 interface ? interface : document_string(nic, "type", "?"), source ? " on " : "", source ? source : "",
                 document_string(nic, "model", "?"), document_string(nic, "mac", "?"));
    if (!document_boolean(nic, "live", true))
        output_print(", in the VM's file");
    else
        output_print(", vhost %s", document_boolean(nic, "vhost", false) ? "on" : "off");
    if (reason)
        output_print(" (%s)", reason);
    putchar('\n');
}

static int attach(struct command *command, const struct nic *nic)
{
    CLEANUP(freep) char *path = call_path("/v1/vms/%s/nics", arguments_get(command, "domain"));
    CLEANUP(document_freep) json_t *answer = NULL;
    json_t *body = card_settings(nic);

    if (nic->name[0])
        json_object_set_new(body, "nic", json_string(nic->name));
    card_add_scope(command, body);
    command->waiting_for = "QEMU to plug the NIC";
    answer = call_daemon(command, "POST", path, body);
    if (!answer)
        return EXIT_FAILED;
    if (command->json)
        return output_json(answer);
    printf("Interface attached successfully\n");
    print_card(answer);
    card_print_warnings(command, answer);
    return EXIT_DONE;
}

static int print_xml(struct command *command, const struct nic *nic)
{
    CLEANUP(freep) char *xml = card_xml(nic);
    CLEANUP(document_freep) json_t *json = json_pack("{s:s}", "xml", xml);

    if (command->json)
        return output_json(json);
    output_print("%s", xml);
    return EXIT_DONE;
}

int card_attach(struct command *command)
{
    struct nic nic = {.link = true, .queues = 1};
    int result = check_type(command);

    if (result == EXIT_DONE)
        result = card_check_scope(command);
    if (result == EXIT_DONE)
        result = read_nic(command, &nic);
    if (result == EXIT_DONE)
        result = (arguments_flag(command, "print-xml") ? print_xml : attach)(command, &nic);
    nic_clear(&nic);
    return result;
}

/* detach */

struct wanted {
    const char *type, *mac;
    bool live, config; /* where the NIC has to be */
};

/* A VM that is off has no NIC to be live: that it is off is then what the daemon says. */
static struct wanted what_is_wanted(const struct command *command, const json_t *vm)
{
    bool runs = json_is_integer(json_object_get(vm, "pid"));
    bool current = arguments_flag(command, "current"), config = arguments_flag(command, "config");
    bool persistent = arguments_flag(command, "persistent"), live = arguments_flag(command, "live");

    return (struct wanted){
        .type = arguments_get(command, "type"),
        .mac = arguments_option(command, "mac"),
        .live = runs && (live || current || persistent || !config),
        .config = config || persistent || (current && !runs),
    };
}

static bool is_there(const struct wanted *wanted, const json_t *nic)
{
    return (!wanted->live || document_boolean(nic, "live", false)) && (!wanted->config || document_boolean(nic, "config", false));
}

static bool matches(const struct wanted *wanted, const json_t *nic)
{
    return !strcmp(document_string(nic, "type", ""), wanted->type) &&
           (!wanted->mac || !strcasecmp(document_string(nic, "mac", ""), wanted->mac));
}

static void fail_to_choose(struct command *command, const struct wanted *wanted, size_t count, const json_t *elsewhere)
{
    if (count > 1)
        output_fail(command, "Domain has %zu interfaces. Please specify which one to detach using --mac", count);
    else if (elsewhere)
        output_fail(command, "%s is in the %s: say so with --%s", document_string(elsewhere, "nic", "?"),
                    document_boolean(elsewhere, "live", false) ? "running VM alone" : "VM's file alone",
                    document_boolean(elsewhere, "live", false) ? "live" : "config");
    else if (wanted->mac)
        output_fail(command, "No interface with MAC address %s was found", wanted->mac);
    else
        output_fail(command, "No interface found whose type is %s", wanted->type);
}

/* The one NIC that is meant, as virsh finds it; borrowed from the list. NULL: it was said why. */
static const json_t *choose(struct command *command, const json_t *vm)
{
    struct wanted wanted = what_is_wanted(command, vm);
    const json_t *found = NULL, *elsewhere = NULL;
    size_t count = 0, i;
    json_t *nic;

    json_array_foreach (json_object_get(vm, "nics"), i, nic) {
        if (!matches(&wanted, nic))
            continue;
        if (is_there(&wanted, nic)) {
            found = nic;
            count++;
        } else {
            elsewhere = nic;
        }
    }
    if (count == 1)
        return found;
    fail_to_choose(command, &wanted, count, elsewhere);
    return NULL;
}

static char *detach_path(const struct command *command, const char *name)
{
    static const char *const words[] = {"timeout", "force", "live", "config", "current", "persistent"};
    CLEANUP(freep) char *path = call_path("/v1/vms/%s/nics/%s", arguments_get(command, "domain"), name);
    struct text text = {0};
    const char *before = "?";

    text_add(&text, path);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        const char *value = arguments_option(command, words[i]);

        if (!value)
            continue;
        text_format(&text, "%s%s=%s", before, words[i], *value ? value : "1");
        before = "&";
    }
    return text_take(&text);
}

static json_t *detach(struct command *command, const char *name)
{
    CLEANUP(freep) char *path = detach_path(command, name);
    CLEANUP(freep) char *waiting = memory_format("the guest to let go of %s", name);
    json_t *answer;

    command->waiting_for = waiting;
    answer = call_daemon(command, "DELETE", path, NULL);
    command->waiting_for = NULL;
    return answer;
}

int card_detach(struct command *command)
{
    CLEANUP(freep) char *path = call_path("/v1/vms/%s", arguments_get(command, "domain"));
    CLEANUP(document_freep) json_t *vm = NULL;
    CLEANUP(document_freep) json_t *answer = NULL;
    const json_t *nic;
    int result = check_type(command);

    if (result == EXIT_DONE)
        result = card_check_scope(command);
    if (result != EXIT_DONE)
        return result;
    vm = call_daemon(command, "GET", path, NULL);
    nic = vm ? choose(command, vm) : NULL;
    answer = nic ? detach(command, document_string(nic, "nic", "")) : NULL;
    if (!answer)
        return EXIT_FAILED;
    if (command->json)
        return output_json(answer);
    printf("Interface detached successfully\n");
    return EXIT_DONE;
}
