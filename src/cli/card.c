/* A VM's NICs: domiflist, attach-interface, detach-interface. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "cli_internal.h"

static json_t *get_cards(struct command *command)
{
    CLEANUP(freep) char *path = call_path("/v1/vms/%s/nics", arguments_get(command, "domain"));

    return call_daemon(command, "GET", path, NULL);
}

static bool is_live(const json_t *nic)
{
    return document_boolean(nic, "live", false);
}

int card_list(struct command *command)
{
    CLEANUP(document_freep) json_t *list = get_cards(command);
    struct table table = {0};
    json_t *nic;
    size_t i;

    if (!list)
        return EXIT_FAILED;
    if (command->json)
        return output_json(list);
    TABLE_ROW(&table, "Interface", "Type", "Source", "Model", "MAC");
    json_array_foreach (list, i, nic)
        TABLE_ROW(&table, is_live(nic) ? document_string(nic, "interface", NULL) : "-", document_string(nic, "type", NULL),
                  document_string(nic, "source", NULL), document_string(nic, "model", NULL), document_string(nic, "mac", NULL));
    table_print(&table);
    return EXIT_DONE;
}

/* Types that virsh has and this version has not, apart from words that nobody has. */
static int check_type(struct command *command)
{
    const char *type = arguments_get(command, "type");

    if (!strcmp(type, "bridge"))
        return EXIT_DONE;
    if (!strcmp(type, "network") || !strcmp(type, "direct") || !strcmp(type, "hostdev") || !strcmp(type, "vhostuser"))
        return output_fail(command, "type %s: not there yet in this version; \"bridge\" is", type);
    return output_fail(command, "No support for %s in command '%s'", type, command->name);
}

/* virsh replaces such names too: the kernel, not the user, makes them up. */
static bool is_automatic(const char *target)
{
    return text_starts(target, "vnet") || text_starts(target, "macvtap") || text_starts(target, "macvlan");
}

static void set_text(json_t *body, const char *member, const char *value)
{
    if (value)
        json_object_set_new(body, member, json_string(value));
}

static void set_number(json_t *body, const char *member, int64_t value)
{
    if (value)
        json_object_set_new(body, member, json_integer(value));
}

static json_t *attach_body(const struct command *command)
{
    const char *target = arguments_option(command, "target");
    json_t *body = json_object();

    set_text(body, "nic", arguments_option(command, "alias"));
    set_text(body, "type", arguments_get(command, "type"));
    set_text(body, "source", arguments_get(command, "source"));
    set_text(body, "model", arguments_option(command, "model"));
    set_text(body, "mac", arguments_option(command, "mac"));
    if (target && !is_automatic(target))
        set_text(body, "interface", target);
    set_text(body, "vhost_mode", arguments_option(command, "vhost"));
    set_text(body, "link", arguments_option(command, "link"));
    set_number(body, "queues", arguments_number(command, "queues", 0));
    set_number(body, "mtu", arguments_number(command, "mtu", 0));
    if (arguments_flag(command, "isolated"))
        json_object_set_new(body, "isolated", json_true());
    return body;
}

/* What the kernel and QEMU say it is. */
static void print_card(const json_t *nic)
{
    const char *reason = document_string(nic, "vhost_reason", NULL);

    output_print("%s: %s on %s, %s, %s, vhost %s", document_string(nic, "nic", "?"), document_string(nic, "interface", "?"),
                 document_string(nic, "source", "?"), document_string(nic, "model", "?"), document_string(nic, "mac", "?"),
                 document_boolean(nic, "vhost", false) ? "on" : "off");
    if (reason)
        output_print(" (%s)", reason);
    putchar('\n');
}

int card_attach(struct command *command)
{
    CLEANUP(freep) char *path = call_path("/v1/vms/%s/nics", arguments_get(command, "domain"));
    CLEANUP(document_freep) json_t *nic = NULL;
    int result = check_type(command);

    if (result != EXIT_DONE)
        return result;
    command->waiting_for = "QEMU to plug the NIC";
    nic = call_daemon(command, "POST", path, attach_body(command));
    if (!nic)
        return EXIT_FAILED;
    if (command->json)
        return output_json(nic);
    printf("Interface attached successfully\n");
    print_card(nic);
    return EXIT_DONE;
}

static bool matches(const json_t *nic, const char *type, const char *mac)
{
    return is_live(nic) && !strcmp(document_string(nic, "type", ""), type) &&
           (!mac || !strcasecmp(document_string(nic, "mac", ""), mac));
}

/* The one NIC that is meant, as virsh finds it; borrowed from the list. NULL: it was said why. */
static const json_t *choose(struct command *command, const json_t *list)
{
    const char *type = arguments_get(command, "type"), *mac = arguments_option(command, "mac");
    const json_t *found = NULL;
    size_t count = 0, i;
    json_t *nic;

    json_array_foreach (list, i, nic)
        if (matches(nic, type, mac)) {
            found = nic;
            count++;
        }
    if (count == 1)
        return found;
    if (count > 1)
        output_fail(command, "Domain has %zu interfaces. Please specify which one to detach using --mac", count);
    else if (mac)
        output_fail(command, "No interface with MAC address %s was found", mac);
    else
        output_fail(command, "No interface found whose type is %s", type);
    return NULL;
}

static json_t *detach(struct command *command, const char *name)
{
    const char *seconds = arguments_option(command, "timeout");
    CLEANUP(freep)
    char *path = seconds ? call_path("/v1/vms/%s/nics/%s?timeout=%s", arguments_get(command, "domain"), name, seconds)
                         : call_path("/v1/vms/%s/nics/%s", arguments_get(command, "domain"), name);
    CLEANUP(freep) char *waiting = memory_format("the guest to let go of %s", name);
    json_t *answer;

    command->waiting_for = waiting;
    answer = call_daemon(command, "DELETE", path, NULL);
    command->waiting_for = NULL;
    return answer;
}

int card_detach(struct command *command)
{
    CLEANUP(document_freep) json_t *list = NULL;
    CLEANUP(document_freep) json_t *answer = NULL;
    const json_t *nic;
    int result = check_type(command);

    if (result != EXIT_DONE)
        return result;
    list = get_cards(command);
    nic = list ? choose(command, list) : NULL;
    answer = nic ? detach(command, document_string(nic, "nic", "")) : NULL;
    if (!answer)
        return EXIT_FAILED;
    if (command->json)
        return output_json(answer);
    printf("Interface detached successfully\n");
    return EXIT_DONE;
}
