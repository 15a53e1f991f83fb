/* Which IP addresses a VM's NICs have: as its neighbours know them, or as the agent in the guest says. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "api_internal.h"
#include "base/error.h"
#include "base/memory.h"

static json_t *address_json(const char *family, const char *address, json_t *prefix)
{
    return json_pack("{s:s, s:s, s:o}", "family", family, "address", address, "prefix", prefix);
}

/* A neighbour knows an address, not how long its prefix is. */
static int add_neighbours(const struct api_machines *machines, const struct nic *nic, json_t *list, struct error *err)
{
    struct address *addresses = NULL;
    size_t count = 0;
    json_t *found = json_array();
    char mac[18];
    int result = machines->neighbours(machines->context, nic->mac, &addresses, &count, err);

    for (size_t i = 0; result == 0 && i < count; i++) {
        char text[INET6_ADDRSTRLEN] = "";

        inet_ntop(addresses[i].family, addresses[i].bytes, text, sizeof(text));
        json_array_append_new(found, address_json(addresses[i].family == AF_INET ? "ipv4" : "ipv6", text, json_null()));
    }
    free(addresses);
    text_from_mac(nic->mac, mac);
    json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "interface", nic->target, "mac", mac, "addresses", found));
    return result;
}

static void answer_neighbours(struct api_request *request, const struct reconcile_vm *vm)
{
    CLEANUP(document_freep) json_t *list = json_array();
    struct error err = {0};
    int result = 0;

    for (size_t i = 0; i < vm->observed->nic_count && result == 0; i++) {
        const struct nic *nic = &vm->observed->nics[i];

        if (nic->type != NIC_USER && !nic_mac_is_unset(nic) && api_view_live_nic(vm, nic->name))
            result = add_neighbours(&request->api->machines, nic, list, &err);
    }
    if (result < 0)
        api_answer_error(request, result, &err);
    else
        api_answer_json(request, MHD_HTTP_OK, json_incref(list));
}

/* What a guest says is checked for its shape, and for nothing else. */
static json_t *guest_addresses(const json_t *interface)
{
    json_t *list = json_array(), *address;
    size_t i;

    json_array_foreach (json_object_get(interface, "ip-addresses"), i, address) {
        const char *text = document_string(address, "ip-address", NULL);
        const char *family = document_string(address, "ip-address-type", "");

        if (text)
            json_array_append_new(list, address_json(!strcmp(family, "ipv6") ? "ipv6" : "ipv4", text,
                                                     json_integer(document_number(address, "prefix", 0))));
    }
    return list;
}

static void refuse(struct api_request *request, int code, const char *text)
{
    struct error err;

    error_set(&err, code, "vm %s: %s", request->arguments[0], text);
    api_answer_error(request, -code, &err);
}

static void agent_answered(void *context, const json_t *value, const struct error *err)
{
    struct api_request *request = context;
    json_t *list, *interface;
    size_t i;

    if (!api_request_ended(request))
        return;
    if (err) {
        refuse(request, err->code, err->text);
        return;
    }
    list = json_array();
    json_array_foreach ((json_t *)(uintptr_t)value, i, interface)
        json_array_append_new(list, json_pack("{s:s, s:s?, s:o}", "interface", document_string(interface, "name", "?"), "mac",
                                              document_string(interface, "hardware-address", NULL), "addresses",
                                              guest_addresses(interface)));
    api_answer_json(request, MHD_HTTP_OK, list);
}

static void ask_agent(struct api_request *request)
{
    const struct api_machines *machines = &request->api->machines;

    if (!machines->agent) {
        refuse(request, EOPNOTSUPP, "this daemon does not speak with guest agents; ask with source arp");
        return;
    }
    api_request_run(request);
    machines->agent(machines->context, request->arguments[0], "guest-network-get-interfaces", NULL, agent_answered, request);
}

void api_addresses_list(struct api_request *request)
{
    const char *source = api_request_query(request, "source");
    struct reconcile_vm vm;

    if (!api_vms_find(request, &vm))
        return;
    if (source && !strcmp(source, "lease"))
        refuse(request, EOPNOTSUPP, "source lease: there are no DHCP networks yet that would know of leases; ask arp or agent");
    else if (source && strcmp(source, "arp") && strcmp(source, "agent"))
        refuse(request, EINVAL, "source wants lease, agent or arp");
    else if (!vm.observed)
        refuse(request, ESHUTDOWN, "is not running: only a running VM has addresses");
    else if (source && !strcmp(source, "agent"))
        ask_agent(request);
    else if (!request->api->machines.neighbours)
        refuse(request, EOPNOTSUPP, "this daemon reads no neighbour tables; ask with source agent");
    else
        answer_neighbours(request, &vm);
}
