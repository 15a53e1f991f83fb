/* What the readers made of files, as text: the tests of src/config compare it with what it has to be. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "model/option.h"

static inline void dump_problems(struct text *text, const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        CLEANUP(freep) char *line = problem_text(&problems->items[i]);
        text_format(text, "%s\n", line);
    }
}

static inline void dump_dhcp(struct text *text, const struct dhcp_options *dhcp)
{
    text_add(text, " dhcp");
    if (dhcp->metric)
        text_format(text, " metric=%u", dhcp->metric);
    if (dhcp->hostname)
        text_format(text, " hostname=%s", dhcp->hostname);
    if (dhcp->client_id)
        text_format(text, " client_id=%s", dhcp->client_id);
    text_format(text, "%s%s%s%s", dhcp->send_hostname ? "" : " nameless", dhcp->release ? " release" : "",
                dhcp->ignore_gateway ? " ignore_gateway" : "", dhcp->unchecked ? " unchecked" : "");
}

/* "br0 bridge up stp=yes addresses=10.0.0.1/24": only what was stated. */
static inline void dump_interface(struct text *text, const struct interface *interface)
{
    static const uint8_t zero[6];
    char buffer[ROUTE_TEXT_SIZE];
    text_add(text, interface->name);
    if (interface_has(interface, FIELD_KIND))
        text_format(text, " %s", interface_kind_names[interface->kind]);
    if (interface_has(interface, FIELD_UP))
        text_add(text, interface->up ? " up" : " down");
    if (!interface->onboot)
        text_add(text, " onboot=no");
    if (memcmp(interface->hwaddr, zero, 6) != 0) {
        text_from_mac(interface->hwaddr, buffer);
        text_format(text, " hwaddr=%s", buffer);
    }
    for (const struct option *row = option_table; row < option_table + option_count; row++)
        if (row->scope == OPTION_INTERFACE && row->name && option_is_set(row, interface)) {
            CLEANUP(freep) char *value = option_format(row, interface);
            text_format(text, " %s=%s", row->name, value ? value : "");
        }
    if (interface->dhcp.client)
        dump_dhcp(text, &interface->dhcp);
    if (interface_has(interface, FIELD_PORT_VLANS)) {
        CLEANUP(freep) char *value = port_vlans_text(interface->vlans);
        text_format(text, " vlans=\"%s\"", value);
    }
    if (interface_has(interface, FIELD_ADDRESSES))
        text_add(text, " addresses=");
    for (size_t i = 0; i < interface->address_count; i++)
        text_format(text, "%s%s%s%s%s%s", i ? "," : "", address_text(&interface->addresses[i], buffer),
                    interface->addresses[i].unchecked ? "!" : "", interface->addresses[i].unannounced ? "?" : "",
                    *interface->addresses[i].label ? " " : "", interface->addresses[i].label);
    const char *before = " routes=";
    for (size_t i = 0; i < interface->route_count; i++) {
        if (interface->routes[i].metric_by_index) /* that to 169.254.0.0/16, which nearly all have: test_config_routes.c */
            continue;
        text_format(text, "%s%s", before, route_text(&interface->routes[i], buffer));
        before = ",";
    }
    text_add(text, "\n");
}

/* The interfaces, then the problems. The caller frees it. */
static inline char *dump_network(const struct config_files *files, bool lone)
{
    struct network network;
    struct problems problems = {0};
    struct text text = {0};
    char route[ROUTE_TEXT_SIZE], rule[RULE_TEXT_SIZE];
    config_network(files, lone, &network, &problems);
    for (size_t i = 0; i < network.count; i++)
        dump_interface(&text, network.items[i]);
    for (size_t i = 0; i < network.route_count; i++)
        text_format(&text, "route of %s: %s\n", network.routes[i].group->stated_by, route_text(&network.routes[i], route));
    for (size_t i = 0; i < network.rule_count; i++)
        text_format(&text, "rule of %s: %s\n", network.rules[i].stated_by, rule_text(&network.rules[i], rule));
    dump_problems(&text, &problems);
    network_clear(&network);
    problems_clear(&problems);
    return text_take(&text);
}
