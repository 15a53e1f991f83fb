/* Files of routes and rules: the first byte says which of the four kinds the text behind it is; a form feed ends it, and what follows is
 * an alias. What is wanted must be what the kernel could be told, and the same when it is read again. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/quote.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void add_file(struct config_files *files, const char *name, const uint8_t *data, size_t size)
{
    struct config_file *file = APPEND(files->items, files->count);
    file->path = memory_format("network/%s", name);
    file->name = memory_string(name);
    file->text = size ? memory_copy(data, size) : memory_string("");
    file->size = size;
}

static void check_route(const struct network *network, const struct route *route)
{
    char text[ROUTE_TEXT_SIZE];
    require(route->prefix <= (route->family == 2 ? 32 : 128));
    require(quote_is_plain(route_text(route, text)));
    require(route_same(route, route));
    require(!route->group || route->group->hop_count != 1);
    for (size_t i = 0; route->group && i < route->group->hop_count; i++) {
        require(route->group->hops[i].weight >= 1 && route->group->hops[i].weight <= 256);
        require(*route->group->hops[i].interface);
    }
    require(!route->group || network_find(network, route->group->stated_by));
}

static void check_network(const struct network *network)
{
    char text[RULE_TEXT_SIZE];
    for (size_t i = 0; i < network->count; i++)
        for (size_t j = 0; j < network->items[i]->route_count; j++) {
            require(!network->items[i]->routes[j].group);
            check_route(network, &network->items[i]->routes[j]);
        }
    for (size_t i = 0; i < network->route_count; i++) {
        require(network->routes[i].group);
        check_route(network, &network->routes[i]);
    }
    for (size_t i = 0; i < network->rule_count; i++) {
        require(rule_matches(&network->rules[i], &network->rules[i]));
        require(quote_is_plain(rule_text(&network->rules[i], text)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"route-eth0", "route6-eth0", "rule-eth0", "rule6-eth0"};
    struct config_files files = {0};
    struct problems problems = {0};
    struct network network, copy;
    const uint8_t *cut;
    if (!size)
        return 0;
    config_files_add(&files, "network/ifcfg-eth0", "DEVICE=eth0\nIPADDR=10.0.0.1\nPREFIX=24\n");
    config_files_add(&files, "network/ifcfg-eth1", "DEVICE=eth1\nIPADDR=10.0.1.1\nPREFIX=24\n");
    cut = memchr(data, '\f', size);
    add_file(&files, names[*data % 4], data + 1, cut && cut > data ? (size_t)(cut - data) - 1 : size - 1);
    if (cut && cut > data)
        add_file(&files, *data & 4 ? "ifcfg-eth0-range0" : "ifcfg-eth0:1", cut + 1, size - (size_t)(cut + 1 - data));
    config_network(&files, false, &network, &problems);
    check_network(&network);
    network_copy(&network, &copy);
    check_network(&copy);
    for (size_t i = 0; i < problems.count; i++)
        require(quote_is_plain(problems.items[i].text));
    network_clear(&copy);
    network_clear(&network);
    problems_clear(&problems);
    config_files_clear(&files);
    return 0;
}
