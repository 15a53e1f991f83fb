/* One interface of the host: iface-start, iface-destroy, iface-dump, iface-name, iface-mac. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "cli_internal.h"

/* The one interface of that MAC out of the list; NULL: it was said why. */
static const char *name_of_mac(const struct command *command, const json_t *list, const char *word)
{
    const char *name = NULL;
    struct text others = {0};
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        const char *mac = document_string(item, "mac", "");

        if (strcasecmp(mac, word))
            continue;
        if (name)
            text_format(&others, ", %s", document_string(item, "name", "?"));
        else
            name = document_string(item, "name", "?");
    }
    if (!name)
        output_fail(command, "couldn't find interface with MAC address '%s': 'trestle status' lists what there is", word);
    else if (others.length)
        output_fail(command, "multiple interfaces with matching MAC address: %s%s", name, others.data);
    if (others.length)
        name = NULL;
    text_clear(&others);
    return name;
}

static bool is_mac(const char *word)
{
    uint8_t mac[6];

    return text_mac(word, mac) == 0;
}

/* Wherever virsh takes an interface, its MAC may stand for it. The caller's; NULL: it was said why not. */
static char *get_name(struct command *command)
{
    const char *word = arguments_get(command, "interface"), *slash = strrchr(word, '/');
    CLEANUP(document_freep) json_t *list = NULL;

    if (slash) /* a file's path */
        return memory_string(slash + 1);
    if (!is_mac(word))
        return memory_string(word);
    list = call_daemon(command, "GET", "/v1/interfaces?all=1", NULL);
    return list ? memory_string(name_of_mac(command, list, word)) : NULL;
}

/* -- iface-name, iface-mac ---------------------------------------------------------------------------------------------------------- */

static int print_member(const struct command *command, const char *name, const char *mac, const char *shown)
{
    CLEANUP(document_freep) json_t *json = json_pack("{s:s, s:s}", "name", name, "mac", mac);

    if (command->json)
        return output_json(json);
    output_print("%s\n", shown);
    return EXIT_DONE;
}

int iface_name(struct command *command)
{
    const char *word = arguments_get(command, "interface"), *name;
    CLEANUP(document_freep) json_t *list = NULL;

    if (!is_mac(word))
        return output_fail(command, "'%s' is no MAC address: wanted is something like 52:54:00:00:00:11", word);
    list = call_daemon(command, "GET", "/v1/interfaces?all=1", NULL);
    name = list ? name_of_mac(command, list, word) : NULL;
    return name ? print_member(command, name, word, name) : EXIT_FAILED;
}

static json_t *get_interface(struct command *command, const char *name)
{
    CLEANUP(freep) char *path = call_path("/v1/interfaces/%s", name);

    return call_daemon(command, "GET", path, NULL);
}

int iface_mac(struct command *command)
{
    const char *name = arguments_get(command, "interface"), *mac;
    CLEANUP(document_freep) json_t *interface = get_interface(command, name);

    if (!interface)
        return EXIT_FAILED;
    mac = document_string(interface, "mac", NULL);
    if (!mac)
        return output_fail(command, "interface %s: has no MAC address%s", name,
                           text_equal(document_string(interface, "state", NULL), "missing") ? ": it does not exist yet" : "");
    return print_member(command, name, mac, mac);
}

/* -- iface-dump --------------------------------------------------------------------------------------------------------------------- */

/* The caller's; NULL when there is nothing to show. */
static char *value_text(const json_t *value)
{
    struct text text = {0};
    const char *key;
    json_t *item;
    size_t i;

    if (!value || json_is_null(value))
        return NULL;
    if (json_is_string(value))
        return memory_string(json_string_value(value));
    if (json_is_boolean(value))
        return memory_string(json_is_true(value) ? "yes" : "no");
    if (json_is_array(value))
        json_array_foreach (value, i, item) {
            CLEANUP(freep) char *part = value_text(item);

            text_format(&text, "%s%s", text.length ? ", " : "", part ? part : "");
        }
    else if (json_is_object(value))
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            CLEANUP(freep) char *part = value_text(item);

            text_format(&text, "%s%s: %s", text.length ? ", " : "", key, part ? part : "");
        }
    else
        return json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    return text.length ? text_take(&text) : NULL;
}

static void add_row(struct table *table, const char *key, const json_t *observed, const json_t *stated)
{
    CLEANUP(freep) char *is = value_text(observed);
    CLEANUP(freep) char *wanted = value_text(stated);

    if (is || wanted)
        TABLE_ROW(table, key, is, wanted);
}

static void print_dump(json_t *interface)
{
    static const char *const lines[] = {"name", "reason", "file", "by_hand", "held_by"}, *const hidden[] = {"wanted", "stated"};
    CLEANUP(document_freep) json_t *rest = json_copy(interface);
    json_t *stated = json_object_get(interface, "stated"), *value;
    struct table table = {0};
    const char *key;

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        CLEANUP(freep) char *text = value_text(json_object_get(rest, lines[i]));

        if (text)
            output_print("%-9s%s\n", lines[i], text);
        json_object_del(rest, lines[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        json_object_del(rest, hidden[i]);
    putchar('\n');
    TABLE_ROW(&table, "Property", "Observed", "Wanted");
    json_object_foreach(rest, key, value)
        add_row(&table, key, value, json_object_get(stated, key));
    json_object_foreach(stated, key, value)
        if (!json_object_get(rest, key))
            add_row(&table, key, NULL, value);
    table_print(&table);
}

int iface_dump(struct command *command)
{
    CLEANUP(freep) char *name = get_name(command);
    CLEANUP(document_freep) json_t *interface = name ? get_interface(command, name) : NULL;

    if (!interface)
        return EXIT_FAILED;
    if (command->json)
        return output_json(interface);
    print_dump(interface);
    return EXIT_DONE;
}

/* -- iface-start (ifup), iface-destroy (ifdown) ----------------------------------------------------------------------------------- */

int iface_change(struct command *command)
{
    bool up = !strcmp(command->verb->name, "iface-start") || !strcmp(command->verb->name, "ifup");
    CLEANUP(freep) char *name = get_name(command);
    CLEANUP(freep) char *path = name ? call_path(up ? "/v1/interfaces/%s/start" : "/v1/interfaces/%s/destroy", name) : NULL;
    CLEANUP(document_freep) json_t *json = NULL;
    int status = 0;

    if (!name)
        return EXIT_FAILED;
    command->waiting_for = "the host's network";
    json = call_raw(command, "POST", path, NULL, &status);
    if (!json)
        return EXIT_FAILED;
    if (status >= 300)
        return call_failed(command, json);
    if (command->json)
        return output_json(json);
    host_print_steps(json);
    output_problems(command, json_object_get(json, "problems"));
    output_print("Interface %s %s\n", document_string(json, "interface", name), up ? "started" : "destroyed");
    return EXIT_DONE;
}
