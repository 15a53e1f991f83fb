/* How dhcpcd is called. With "=", because some of its options may also stand without a value. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "dhcp/dhcp_internal.h"

struct list {
    char **words;
    size_t count;
};

/* Takes the word. */
static void add_owned(struct list *list, char *word)
{
    list->words = memory_resize(list->words, list->count + 2, sizeof(*list->words));
    list->words[list->count++] = word;
    list->words[list->count] = NULL;
}

static void add(struct list *list, const char *word)
{
    add_owned(list, memory_string(word));
}

void dhcp_arguments_free(char **arguments)
{
    for (size_t i = 0; arguments && arguments[i]; i++)
        free(arguments[i]);
    free(arguments);
}

char *dhcp_arguments_client_id(const struct interface *wanted, const struct interface *observed, const char *pinned)
{
    static const uint8_t none[6];
    char mac[18];

    if (wanted && wanted->dhcp.client_id)
        return memory_string(wanted->dhcp.client_id);
    if (pinned)
        return memory_string(pinned);
    if (memcmp(observed->mac, none, sizeof(none)) == 0)
        return memory_string("");
    text_from_mac(observed->mac, mac);
    return memory_format("01:%s", mac); /* hardware type Ethernet (RFC 2132, 9.14): what servers take a MAC address for anyway */
}

/* The host's short name, as the classic scripts send it; NULL when it has none. */
static char *host_name(void)
{
    char name[HOST_NAME_MAX + 1] = "";

    gethostname(name, sizeof(name) - 1);
    name[strcspn(name, ".")] = 0;
    return name[0] && !text_equal(name, "localhost") && !text_equal(name, "(none)") ? memory_string(name) : NULL;
}

static void add_name(struct list *list, const struct dhcp_options *options)
{
    CLEANUP(freep) char *own = options->send_hostname ? host_name() : NULL;
    const char *name = options->fqdn ? options->fqdn : options->hostname ? options->hostname : own;

    if (!name || !options->send_hostname)
        return;
    add_owned(list, memory_format("--hostname=%s", name));
    if (options->fqdn)
        add(list, "--fqdn=both"); /* the server is asked to put it into the DNS, both ways */
}

char **dhcp_arguments(const struct dhcp *dhcp, const struct interface *wanted, const struct interface *observed, const char *pinned)
{
    static const char *const fixed[] = {
        "--nobackground", "--quiet", "--ipv4only", "--noconfigure", "--noipv4ll", "--nodev", "--nodelay", "--config=/dev/null",
        "--timeout=0", "--option=classless_static_routes,static_routes,routers",
    };
    CLEANUP(freep) char *id = dhcp_arguments_client_id(wanted, observed, pinned);
    struct list list = {0};

    add(&list, dhcp->client);
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        add(&list, fixed[i]);
    if (wanted->dhcp.unchecked)
        add(&list, "--noarp");
    add_owned(&list, memory_format("--script=%s", dhcp->reporter));
    add_owned(&list, memory_format("--env=" DHCP_REPORT_VARIABLE "=%s/leases/%s", dhcp->run, wanted->name));
    add_owned(&list, memory_format(DHCP_CLIENT_ID "%s", id));
    add_name(&list, &wanted->dhcp);
    add(&list, "--");
    add(&list, wanted->name);
    return list.words;
}
