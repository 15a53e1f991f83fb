/* topology: who is plugged into whom, as a tree. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

struct lines { /* what the branches are drawn with */
    const char *branch, *last, *through, *blank;
};

static const struct lines drawn = {"├─ ", "└─ ", "│  ", "   "};
static const struct lines ascii = {"|- ", "`- ", "|  ", "   "};

/* The environment says it; setlocale would load a locale for it. */
static bool is_utf8(void)
{
    const char *value = getenv("LC_ALL");

    if (!value || !*value)
        value = getenv("LC_CTYPE");
    if (!value || !*value)
        value = getenv("LANG");
    return value && (strstr(value, "UTF-8") || strstr(value, "utf8"));
}

static void add_word(struct text *line, const char *word)
{
    if (word && *word)
        text_format(line, "  %s", word);
}

static void add_addresses(struct text *line, const json_t *addresses)
{
    json_t *address;
    size_t i;

    json_array_foreach (addresses, i, address)
        add_word(line, json_is_object(address) ? document_string(address, "address", NULL) : json_string_value(address));
}

static void add_vm(struct text *line, const json_t *port)
{
    const char *vm = document_string(port, "vm", NULL);

    if (!vm)
        return;
    text_format(line, "  → vm %s (%s) %s, %s, %s", vm, document_string(port, "vm_state", "?"),
                document_string(port, "nic", "?"),
                document_string(port, "model", "?"), document_string(port, "nic_state", "?"));
}

/* What it lies on, which need not be its master. */
static void add_parent(struct text *line, const json_t *interface)
{
    const char *parent = document_string(interface, "parent", NULL);

    if (!parent || !*parent)
        return;
    text_format(line, "  on %s", parent);
    if (json_is_integer(json_object_get(interface, "vlan_id")))
        text_format(line, ", VLAN %lld", (long long)document_number(interface, "vlan_id", 0));
}

static char *describe(const json_t *interface)
{
    struct text line = {0};
    CLEANUP(freep) char *dirty = NULL;

    add_word(&line, document_string(interface, "kind", NULL));
    add_parent(&line, interface);
    if (json_is_integer(json_object_get(interface, "mtu")))
        text_format(&line, "  mtu %lld", (long long)document_number(interface, "mtu", 0));
    add_addresses(&line, json_object_get(interface, "addresses"));
    add_vm(&line, interface);
    if (!strcmp(document_string(interface, "owner", ""), "foreign"))
        add_word(&line, "(foreign)");
    dirty = text_take(&line);
    return output_clean(dirty);
}

static void print_node(const json_t *interface)
{
    CLEANUP(freep) char *name = output_clean(document_string(interface, "name", "?"));
    CLEANUP(freep) char *state = output_clean(document_string(interface, "state", "?"));
    CLEANUP(freep) char *rest = describe(interface);

    printf("%s  %s%s%s%s\n", name, output_colour(state), state, *output_colour(state) ? output_plain() : "", rest);
}

static void print_ports(const json_t *ports, const char *indent, const struct lines *lines)
{
    json_t *port;
    size_t i;

    json_array_foreach (ports, i, port) {
        bool last = i + 1 == json_array_size(ports);
        CLEANUP(freep) char *deeper = memory_format("%s%s", indent, last ? lines->blank : lines->through);

        printf("%s%s", indent, last ? lines->last : lines->branch);
        print_node(port);
        print_ports(json_object_get(port, "ports"), deeper, lines);
    }
}

int topology_run(struct command *command)
{
    CLEANUP(document_freep) json_t *json = call_daemon(command, "GET", "/v1/topology", NULL);
    json_t *interface;
    size_t i;

    if (!json)
        return EXIT_FAILED;
    if (command->json)
        return output_json(json);
    json_array_foreach (json_object_get(json, "interfaces"), i, interface) {
        print_node(interface);
        print_ports(json_object_get(interface, "ports"), "", is_utf8() ? &drawn : &ascii);
    }
    return EXIT_DONE;
}
