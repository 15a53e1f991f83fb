/* domifstat, domifaddr. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

static const struct {
    const char *virsh, *member;
} figures[] = {
    {"rx_bytes", "rx_bytes"}, {"rx_packets", "rx_packets"}, {"rx_errs", "rx_errors"}, {"rx_drop", "rx_dropped"},
    {"tx_bytes", "tx_bytes"}, {"tx_packets", "tx_packets"}, {"tx_errs", "tx_errors"}, {"tx_drop", "tx_dropped"},
};

int card_statistics(struct command *command)
{
    const char *word = arguments_get(command, "interface");
    CLEANUP(document_freep) json_t *nic = card_find(command, word);
    CLEANUP(document_freep) json_t *answer = NULL;
    CLEANUP(freep) char *path = NULL;

    if (!nic)
        return EXIT_FAILED;
    path = call_path("/v1/vms/%s/nics/%s/statistics", arguments_get(command, "domain"), document_string(nic, "nic", ""));
    answer = call_daemon(command, "GET", path, NULL);
    if (!answer)
        return EXIT_FAILED;
    if (command->json)
        return output_json(answer);
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
        output_print("%s %s %lld\n", word, figures[i].virsh, (long long)document_number(answer, figures[i].member, 0));
    return EXIT_DONE;
}

static char *text_of_address(const json_t *address)
{
    const char *text = document_string(address, "address", "?");

    if (!json_is_integer(json_object_get(address, "prefix")))
        return memory_string(text);
    return memory_format("%s/%lld", text, (long long)document_number(address, "prefix", 0));
}

static void add_addresses(struct table *table, const json_t *interface, bool full)
{
    const char *name = document_string(interface, "interface", NULL), *mac = document_string(interface, "mac", NULL);
    json_t *addresses = json_object_get(interface, "addresses"), *address;
    size_t i;

    if (json_array_size(addresses) == 0)
        TABLE_ROW(table, name, mac, "N/A", "N/A");
    json_array_foreach (addresses, i, address) {
        CLEANUP(freep) char *text = text_of_address(address);

        TABLE_ROW(table, full || i == 0 ? name : "-", full || i == 0 ? mac : "-", document_string(address, "family", NULL), text);
    }
}

static void drop_others(json_t *list, const char *only)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        if (strcmp(document_string(json_array_get(list, i), "interface", ""), only))
            json_array_remove(list, i);
}

int card_addresses(struct command *command)
{
    const char *source = arguments_option(command, "source"), *only = arguments_option(command, "interface");
    CLEANUP(freep)
    char *path = call_path("/v1/vms/%s/addresses?source=%s", arguments_get(command, "domain"), source ? source : "arp");
    CLEANUP(document_freep) json_t *list = NULL;
    struct table table = {0};
    json_t *interface;
    size_t i;

    command->waiting_for = source && !strcmp(source, "agent") ? "the agent in the guest" : NULL;
    list = call_daemon(command, "GET", path, NULL);
    if (!list)
        return EXIT_FAILED;
    if (only)
        drop_others(list, only);
    if (command->json)
        return output_json(list);
    TABLE_ROW(&table, "Name", "MAC address", "Protocol", "Address");
    json_array_foreach (list, i, interface)
        add_addresses(&table, interface, arguments_flag(command, "full"));
    table_print(&table);
    return EXIT_DONE;
}
