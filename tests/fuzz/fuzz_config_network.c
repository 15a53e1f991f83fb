/* Network files: the input is cut at form feeds into up to eight ifcfg files. What is wanted must hang together. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config.h"
#include "model/convert.h"
#include "model/hwaddr.h"

enum { FILES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void add_files(const uint8_t *data, size_t size, struct config_files *files)
{
    for (size_t number = 0; number < FILES; number++) {
        const uint8_t *cut = size ? memchr(data, '\f', size) : NULL;
        size_t length = cut ? (size_t)(cut - data) : size;
        struct config_file *file = APPEND(files->items, files->count);
        file->path = memory_format("network/ifcfg-%zu", number);
        file->name = memory_format("ifcfg-%zu", number);
        file->text = length ? memory_copy(data, length) : memory_string("");
        file->size = length;
        if (!cut)
            break;
        data += length + 1;
        size -= length + 1;
    }
}

static void check_interface(const struct network *network, const struct interface *interface, bool errors)
{
    require(interface->by_mac ? hwaddr_is_name(interface->name) : !text_interface_name_fault(interface->name));
    if (interface_has(interface, FIELD_MASTER) && !errors) {
        const struct interface *master = network_find(network, interface->master);
        require(master && master->kind == (interface->is_slave ? INTERFACE_BOND : INTERFACE_BRIDGE));
        require(master->kind == INTERFACE_BOND || !interface_has(master, FIELD_MASTER));
    }
    require(!interface_has(interface, FIELD_MASTER) || !interface->address_count);
    require(interface_has(interface, FIELD_ADDRESSES) || !interface->address_count);
    require(interface_has(interface, FIELD_ROUTES) == (interface->route_count > 0));
    json_t *json = interface_to_json(interface);
    char *text = document_text(json);
    free(text);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_files files = {0};
    struct problems problems = {0};
    struct network network;
    add_files(data, size, &files);
    config_network(&files, false, &network, &problems);
    for (size_t i = 0; i < network.count; i++)
        check_interface(&network, network.items[i], problems.errors);
    for (size_t i = 0; i < problems.count; i++)
        require(quote_is_plain(problems.items[i].text));
    network_clear(&network);
    problems_clear(&problems);
    config_files_clear(&files);
    return 0;
}
