/* A VM's NICs: domiflist, and what the verbs of NICs share. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "cli_internal.h"
#include "model/option.h"

static json_t *get_cards(struct command *command, bool stated)
{
    CLEANUP(freep)
    char *path = call_path(stated ? "/v1/vms/%s/nics?config=1" : "/v1/vms/%s/nics", arguments_get(command, "domain"));

    return call_daemon(command, "GET", path, NULL);
}

static void add_row(struct table *table, const json_t *nic, bool stated)
{
    bool live = document_boolean(nic, "live", false) && !stated;

    TABLE_ROW(table, live ? document_string(nic, "interface", NULL) : "-", document_string(nic, "type", NULL),
              document_string(nic, "source", NULL), document_string(nic, "model", NULL), document_string(nic, "mac", NULL));
}

static void add_long_row(struct table *table, const json_t *nic)
{
    bool live = document_boolean(nic, "live", false), config = document_boolean(nic, "config", false);
    const char *reason = document_string(nic, "vhost_reason", NULL);
    const char *used = document_boolean(nic, "vhost", false) ? "on" : "off";
    CLEANUP(freep) char *vhost = reason ? memory_format("%s (%s)", used, reason) : memory_string(used);

    TABLE_ROW(table, live ? document_string(nic, "interface", NULL) : "-", document_string(nic, "type", NULL),
              document_string(nic, "source", NULL), document_string(nic, "model", NULL), document_string(nic, "mac", NULL),
              document_string(nic, "nic", NULL), live && config ? "live, config" : live ? "live" : "config",
              document_string(nic, "state", NULL), document_string(nic, "link", NULL), live ? vhost : "-");
}

int card_list(struct command *command)
{
    bool all = arguments_flag(command, "all"), stated = arguments_flag(command, "inactive") && !all;
    CLEANUP(document_freep) json_t *list = get_cards(command, stated);
    struct table table = {0};
    json_t *nic;
    size_t i;

    if (!list)
        return EXIT_FAILED;
    if (command->json)
        return output_json(list);
    if (all)
        TABLE_ROW(&table, "Interface", "Type", "Source", "Model", "MAC", "NIC", "In", "State", "Link", "Vhost");
    else
        TABLE_ROW(&table, "Interface", "Type", "Source", "Model", "MAC");
    json_array_foreach (list, i, nic)
        if (all)
            add_long_row(&table, nic);
        else
            add_row(&table, nic, stated);
    table_print(&table);
    return EXIT_DONE;
}

static const char *const scopes[] = {"live", "config", "persistent"};

int card_check_scope(struct command *command)
{
    for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
        if (arguments_flag(command, "current") && arguments_flag(command, scopes[i]))
            return arguments_usage_error(command, "Options --current and --%s are mutually exclusive", scopes[i]);
    return EXIT_DONE;
}

void card_add_scope(const struct command *command, json_t *body)
{
    for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
        if (arguments_flag(command, scopes[i]))
            json_object_set_new(body, scopes[i], json_true());
    if (arguments_flag(command, "current"))
        json_object_set_new(body, "current", json_true());
}

json_t *card_settings(const struct nic *nic)
{
    json_t *body = option_to_json(OPTION_NIC, nic, true);

    for (const struct option *row = option_table; row < option_table + option_count; row++)
        if (row->scope == OPTION_NIC && row->name && option_is_set(row, nic) && !json_object_get(body, row->name))
            json_object_set_new(body, row->name, json_null());
    return body;
}

json_t *card_find(struct command *command, const char *word)
{
    CLEANUP(document_freep) json_t *list = get_cards(command, arguments_flag(command, "config"));
    uint8_t mac[6];
    bool by_mac = text_mac(word, mac) == 0;
    json_t *nic;
    size_t i;

    json_array_foreach (list, i, nic)
        if (by_mac ? !strcasecmp(document_string(nic, "mac", ""), word) : !strcmp(document_string(nic, "interface", ""), word))
            return json_incref(nic);
    if (list)
        output_fail(command, "Interface (%s: %s) not found", by_mac ? "mac" : "target", word);
    return NULL;
}

void card_print_warnings(const struct command *command, const json_t *answer)
{
    json_t *warning;
    size_t i;

    json_array_foreach (json_object_get(answer, "warnings"), i, warning) {
        CLEANUP(freep) char *text = memory_format("warning: %s", json_is_string(warning) ? json_string_value(warning) : "?");

        output_complain(command, text);
    }
}
