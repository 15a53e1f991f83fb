/* A report becomes a lease. dhcpcd has checked the packet, but what is in it was chosen by whoever answered first on the wire. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "dhcp/dhcp_internal.h"

const char *const dhcp_lease_variables[] = {
    "ip_address", "subnet_cidr", "dhcp_lease_time", "dhcp_server_identifier", "classless_static_routes", "static_routes", "routers", NULL,
};

enum dhcp_meaning dhcp_lease_meaning(const char *reason)
{
    static const struct {
        const char *reason;
        enum dhcp_meaning meaning;
    } reasons[] = {
        {"BOUND", DHCP_GIVEN},  {"RENEW", DHCP_GIVEN}, {"REBIND", DHCP_GIVEN}, {"REBOOT", DHCP_GIVEN},
        {"EXPIRE", DHCP_LOST},  {"NAK", DHCP_LOST},    {"FAIL", DHCP_LOST},    {"RELEASE", DHCP_LOST},
    };

    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
        if (text_equal(reasons[i].reason, reason))
            return reasons[i].meaning;
    return DHCP_NOTHING; /* also STOP and STOPPED: a lease outlives its client */
}

void dhcp_lease_clear(struct lease *lease)
{
    free(lease->routes);
    lease->routes = NULL;
    lease->route_count = 0;
    lease->address = (struct address){0};
    lease->server[0] = 0;
    lease->held = false;
}

/* -- words ------------------------------------------------------------------------------------------------------------------------ */

struct report {
    const char *text;
    size_t size; /* the last byte is a NUL */
    const char *prefix;
};

static const char *find_key(const struct report *report, const char *prefix, const char *key)
{
    size_t prefix_length = strlen(prefix), length = strlen(key);

    for (const char *at = report->text; at < report->text + report->size; at += strlen(at) + 1)
        if (strncmp(at, prefix, prefix_length) == 0 && strncmp(at + prefix_length, key, length) == 0 && at[prefix_length + length] == '=')
            return at + prefix_length + length + 1;
    return NULL;
}

static const char *find(const struct report *report, const char *variable)
{
    return find_key(report, report->prefix, variable);
}

/* The next word; false at the end, or where one is longer than any that is good. */
static bool next_word(const char **at, char word[24])
{
    size_t length;

    *at += strspn(*at, " ");
    length = strcspn(*at, " ");
    if (length == 0 || length >= 24)
        return false;
    memcpy(word, *at, length);
    word[length] = 0;
    *at += length;
    return true;
}

/* -- addresses -------------------------------------------------------------------------------------------------------------------- */

static uint32_t mask_of(uint8_t prefix)
{
    return prefix ? ~(uint32_t)0 << (32 - prefix) : 0;
}

static uint32_t number_of(const uint8_t bytes[4])
{
    uint32_t number;

    memcpy(&number, bytes, sizeof(number));
    return ntohl(number);
}

static bool in_network(const uint8_t host[4], const uint8_t network[4], uint8_t prefix)
{
    return ((number_of(host) ^ number_of(network)) & mask_of(prefix)) == 0;
}

/* An address that one host can have. */
static bool parse_host(const char *text, uint8_t bytes[4])
{
    return inet_pton(AF_INET, text, bytes) == 1 && bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224;
}

/* -- routes ----------------------------------------------------------------------------------------------------------------------- */

static bool is_on_link(const struct lease *lease, const uint8_t host[4])
{
    if (in_network(host, lease->address.bytes, lease->address.prefix))
        return true;
    for (size_t i = 0; i < lease->route_count; i++)
        if (!lease->routes[i].has_gateway && in_network(host, lease->routes[i].destination, lease->routes[i].prefix))
            return true;
    return false;
}

/* gateway NULL: on the link. The same one twice stays one: the kernel would refuse it. */
static void add_route(struct lease *lease, const uint8_t destination[4], uint8_t prefix, const uint8_t gateway[4])
{
    struct route route = {.family = AF_INET, .prefix = prefix, .table = RT_TABLE_MAIN, .protocol = RTPROT_DHCP, .has_gateway = gateway};
    uint32_t network = htonl(number_of(destination) & mask_of(prefix));

    memcpy(route.destination, &network, sizeof(network));
    if (gateway)
        memcpy(route.gateway, gateway, 4);
    for (size_t i = 0; i < lease->route_count; i++)
        if (lease->routes[i].prefix == prefix && memcmp(lease->routes[i].destination, route.destination, 4) == 0)
            return;
    if (lease->route_count < DHCP_ROUTES)
        *APPEND(lease->routes, lease->route_count) = route;
}

/* "10.0.0.0/8 192.0.2.1 …": one pair; gateway 0.0.0.0 means on the link (RFC 3442). */
static bool parse_pair(const char *destination, const char *gateway, struct route *ret)
{
    char text[24];
    char *slash;
    int64_t prefix;

    text_copy(text, sizeof(text), destination);
    slash = strchr(text, '/');
    if (!slash)
        return false;
    *slash = 0;
    if (text_number(slash + 1, 0, 32, &prefix) < 0 || inet_pton(AF_INET, text, ret->destination) != 1)
        return false;
    ret->prefix = (uint8_t)prefix;
    ret->has_gateway = strcmp(gateway, "0.0.0.0") != 0;
    return !ret->has_gateway || parse_host(gateway, ret->gateway);
}

/* Option 121. False when there is none that can be used: then 33 and 3 count. */
static bool read_classless(struct lease *lease, const char *words, bool on_link)
{
    char destination[24], gateway[24];
    bool any = false;

    while (words && next_word(&words, destination) && next_word(&words, gateway)) {
        struct route route = {0};

        if (!parse_pair(destination, gateway, &route))
            continue;
        any = true;
        if (route.has_gateway != on_link)
            add_route(lease, route.destination, route.prefix, route.has_gateway ? route.gateway : NULL);
    }
    return any;
}

/* Option 33 has no masks: the class says them (RFC 2132), and where there are bits behind it, it is a host. */
static uint8_t class_prefix(const uint8_t destination[4])
{
    uint8_t prefix = destination[0] < 128 ? 8 : destination[0] < 192 ? 16 : 24;

    return number_of(destination) & ~mask_of(prefix) ? 32 : prefix;
}

static void read_static(struct lease *lease, const char *words)
{
    char destination[24], gateway[24];

    while (words && next_word(&words, destination) && next_word(&words, gateway)) {
        uint8_t to[4], by[4];

        if (parse_host(destination, to) && parse_host(gateway, by))
            add_route(lease, to, class_prefix(to), by);
    }
}

/* Option 3: the first one is the default route. */
static void read_routers(struct lease *lease, const char *words)
{
    static const uint8_t any[4];
    char word[24];
    uint8_t gateway[4];

    if (words && next_word(&words, word) && parse_host(word, gateway))
        add_route(lease, any, 0, gateway);
}

/* The kernel takes a gateway only when it is on the link; servers with /32 leases name one that is not. */
static void reach_gateways(struct lease *lease)
{
    struct lease ordered = {.address = lease->address};
    size_t count = lease->route_count;

    for (size_t i = 0; i < count; i++)
        if (lease->routes[i].has_gateway && !is_on_link(lease, lease->routes[i].gateway))
            add_route(lease, lease->routes[i].gateway, 32, NULL);
    for (int with_gateway = 0; with_gateway <= 1; with_gateway++)
        for (size_t i = 0; i < lease->route_count; i++)
            if (lease->routes[i].has_gateway == with_gateway)
                *APPEND(ordered.routes, ordered.route_count) = lease->routes[i];
    free(lease->routes);
    lease->routes = ordered.routes;
    lease->route_count = ordered.route_count;
}

static void read_routes(const struct report *report, struct lease *lease)
{
    const char *classless = find(report, "classless_static_routes");

    read_classless(lease, classless, true);
    if (!read_classless(lease, classless, false)) {
        read_static(lease, find(report, "static_routes"));
        read_routers(lease, find(report, "routers"));
    }
    reach_gateways(lease);
}

/* --------------------------------------------------------------------------------------------------------------------------------- */

static bool read_address(const struct report *report, struct address *address)
{
    const char *host = find(report, "ip_address"), *prefix = find(report, "subnet_cidr");
    int64_t length;

    if (!host || !parse_host(host, address->bytes) || !prefix || text_number(prefix, 1, 32, &length) < 0)
        return false;
    address->family = AF_INET;
    address->prefix = (uint8_t)length;
    address->scope = RT_SCOPE_UNIVERSE;
    return true;
}

static double read_end(const struct report *report, double began)
{
    const char *text = find(report, "dhcp_lease_time");
    int64_t seconds;

    if (!text || text_number(text, 1, UINT32_MAX, &seconds) < 0 || seconds == UINT32_MAX)
        return LEASE_FOREVER; /* BOOTP has no lease time; all ones are infinity */
    return began + (double)seconds;
}

static bool read_lease(const struct report *report, struct lease *lease)
{
    const char *began = find_key(report, "", "boottime"), *server = find(report, "dhcp_server_identifier");
    uint8_t bytes[4];
    int64_t seconds;

    if (!read_address(report, &lease->address) || !began || text_number(began, 0, UINT32_MAX, &seconds) < 0)
        return false;
    lease->until = read_end(report, (double)seconds);
    if (server && parse_host(server, bytes))
        text_copy(lease->server, sizeof(lease->server), server);
    read_routes(report, lease);
    return true;
}

int dhcp_lease_read(const char *text, size_t size, struct lease *lease, struct error *err)
{
    struct report report = {.text = text, .size = size, .prefix = "new_"};
    enum dhcp_meaning meaning;
    struct lease fresh = {0};

    if (size == 0 || size > DHCP_REPORT_SIZE || text[size - 1] != 0)
        return error_set(err, EBADMSG, "the DHCP client's report is cut short");
    meaning = dhcp_lease_meaning(find_key(&report, "", "reason"));
    if (meaning == DHCP_LOST)
        report.prefix = "old_";
    if (meaning == DHCP_NOTHING || (!read_lease(&report, &fresh) && meaning == DHCP_GIVEN))
        return error_set(err, EBADMSG, "the DHCP client's report has no lease that can be used");
    dhcp_lease_clear(lease);
    lease->held = meaning == DHCP_GIVEN;
    lease->address = fresh.address;
    lease->routes = fresh.routes;
    lease->route_count = fresh.route_count;
    lease->until = fresh.until;
    memcpy(lease->server, fresh.server, sizeof(lease->server));
    return 0;
}
