#include <arpa/inet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>

#include "probe/probe_internal.h"

enum {
    IPV6_HEADER = 40,
    ND_FIXED = 24, /* type, code, checksum, flags, target */
    ND_MAC = 8,    /* the option with a link-layer address, 6 bytes of it */
    NA_SOLICITED = 0x40,
    HOP_LIMIT = 255, /* no router has passed it on */
};

static void put16(uint8_t *place, uint16_t value)
{
    place[0] = (uint8_t)(value >> 8);
    place[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *place)
{
    return (uint16_t)(place[0] << 8 | place[1]);
}

static void put64(uint8_t *place, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        place[i] = (uint8_t)value;
}

static uint64_t get64(const uint8_t *place)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | place[i];
    return value;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* RFC 1071; 0 when the data hold their own right checksum. */
static uint16_t checksum(uint32_t sum, const uint8_t *data, size_t size)
{
    for (; size > 1; data += 2, size -= 2)
        sum += get16(data);
    if (size)
        sum += (uint32_t)data[0] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Over the pseudo-header too (RFC 8200, 8.1). */
static uint16_t checksum_ipv6(const uint8_t *packet, size_t payload)
{
    uint32_t sum = (uint32_t)payload + IPPROTO_ICMPV6;

    return checksum(sum, packet + 8, 32 + payload); /* both addresses and what follows them */
}

/* -- ARP: hardware, protocol, lengths, operation, sender's MAC and address, target's ---------------------------------------- */

static const uint8_t arp_head[6] = {0, ARPHRD_ETHER, ETHERTYPE_IP >> 8, ETHERTYPE_IP & 0xff, 6, 4};

void probe_packet_put_arp(uint8_t packet[PROBE_PACKET_ARP], const struct probe_arp *arp)
{
    memcpy(packet, arp_head, sizeof(arp_head));
    put16(packet + 6, arp->reply ? ARPOP_REPLY : ARPOP_REQUEST);
    memcpy(packet + 8, arp->sender_mac, 6);
    memcpy(packet + 14, arp->sender, 4);
    memcpy(packet + 18, arp->target_mac, 6);
    memcpy(packet + 24, arp->target, 4);
}

bool probe_packet_get_arp(const uint8_t *packet, size_t size, struct probe_arp *ret)
{
    struct probe_arp arp;
    uint16_t operation;

    if (size < PROBE_PACKET_ARP || memcmp(packet, arp_head, sizeof(arp_head)) != 0)
        return false;
    operation = get16(packet + 6);
    if (operation != ARPOP_REQUEST && operation != ARPOP_REPLY)
        return false;
    arp.reply = operation == ARPOP_REPLY;
    memcpy(arp.sender_mac, packet + 8, 6);
    memcpy(arp.sender, packet + 14, 4);
    memcpy(arp.target_mac, packet + 18, 6);
    memcpy(arp.target, packet + 24, 4);
    if ((arp.sender_mac[0] & 1) || is_zero(arp.sender_mac, 6)) /* a group, or nobody */
        return false;
    *ret = arp;
    return true;
}

/* -- neighbour discovery ----------------------------------------------------------------------------------------------------- */

static size_t put_neighbour(uint8_t packet[PROBE_PACKET_IPV6], uint8_t type, uint8_t flags, const uint8_t source[16],
                            const uint8_t group[16], const uint8_t target[16], const uint8_t *mac)
{
    size_t payload = ND_FIXED + (mac ? ND_MAC : 0);
    uint8_t *icmp = packet + IPV6_HEADER;

    memset(packet, 0, PROBE_PACKET_IPV6);
    packet[0] = 6 << 4;
    put16(packet + 4, (uint16_t)payload);
    packet[6] = IPPROTO_ICMPV6;
    packet[7] = HOP_LIMIT;
    memcpy(packet + 8, source, 16);
    memcpy(packet + 24, group, 16);
    icmp[0] = type;
    icmp[4] = flags;
    memcpy(icmp + 8, target, 16);
    if (mac) {
        icmp[ND_FIXED] = type == ND_NEIGHBOR_SOLICIT ? ND_OPT_SOURCE_LINKADDR : ND_OPT_TARGET_LINKADDR;
        icmp[ND_FIXED + 1] = 1; /* in units of 8 bytes */
        memcpy(icmp + ND_FIXED + 2, mac, 6);
    }
    put16(icmp + 2, checksum_ipv6(packet, payload));
    return IPV6_HEADER + payload;
}

size_t probe_packet_put_solicitation(uint8_t packet[PROBE_PACKET_IPV6], const uint8_t mac[6], const uint8_t source[16],
                                     const uint8_t target[16])
{
    uint8_t group[16] = {0xff, 0x02, [11] = 0x01, [12] = 0xff}; /* RFC 4291, 2.7.1 */

    memcpy(group + 13, target + 13, 3);
    return put_neighbour(packet, ND_NEIGHBOR_SOLICIT, 0, source, group, target, is_zero(source, 16) ? NULL : mac);
}

size_t probe_packet_put_advertisement(uint8_t packet[PROBE_PACKET_IPV6], const uint8_t mac[6], const uint8_t address[16],
                                      bool router)
{
    static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 0x01};

    return put_neighbour(packet, ND_NEIGHBOR_ADVERT, (uint8_t)(0x20 | (router ? 0x80 : 0)), address, all_nodes, address, mac);
}

/* False when an option has no length or is cut off: the whole packet is void then. */
static bool get_options(const uint8_t *option, size_t size, struct probe_advertisement *advertisement)
{
    while (size) {
        size_t length = size < 2 ? 0 : option[1] * 8u;

        if (!length || length > size)
            return false;
        if (option[0] == ND_OPT_TARGET_LINKADDR && length == ND_MAC) {
            advertisement->has_mac = true;
            memcpy(advertisement->mac, option + 2, 6);
        }
        option += length;
        size -= length;
    }
    return true;
}

bool probe_packet_get_advertisement(const uint8_t *packet, size_t size, struct probe_advertisement *ret)
{
    struct probe_advertisement advertisement = {0};
    const uint8_t *icmp = packet + IPV6_HEADER;
    size_t payload;

    if (size < IPV6_HEADER + ND_FIXED || packet[0] >> 4 != 6 || packet[6] != IPPROTO_ICMPV6 || packet[7] != HOP_LIMIT)
        return false;
    payload = get16(packet + 4);
    if (payload < ND_FIXED || payload > size - IPV6_HEADER)
        return false;
    if (icmp[0] != ND_NEIGHBOR_ADVERT || icmp[1] != 0 || checksum_ipv6(packet, payload) != 0)
        return false;
    advertisement.solicited = icmp[4] & NA_SOLICITED;
    memcpy(advertisement.target, icmp + 8, 16);
    if (advertisement.target[0] == 0xff || (packet[24] == 0xff && advertisement.solicited))
        return false;
    if (!get_options(icmp + ND_FIXED, payload - ND_FIXED, &advertisement))
        return false;
    *ret = advertisement;
    return true;
}

void probe_packet_group_mac(const uint8_t packet[PROBE_PACKET_IPV6], uint8_t ret_mac[6])
{
    ret_mac[0] = ret_mac[1] = 0x33;
    memcpy(ret_mac + 2, packet + 36, 4);
}

/* -- echo: type, code, checksum, id, sequence; our payload is nonce and time ------------------------------------------------- */

void probe_packet_put_echo(uint8_t packet[PROBE_PACKET_ECHO], int family, const struct probe_echo *echo)
{
    memset(packet, 0, PROBE_PACKET_ECHO);
    packet[0] = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    put16(packet + 4, echo->id);
    put16(packet + 6, echo->sequence);
    put64(packet + 8, echo->nonce);
    put64(packet + 16, echo->sent);
    if (family == AF_INET) /* the kernel does it for ICMPv6 */
        put16(packet + 2, checksum(0, packet, PROBE_PACKET_ECHO));
}

bool probe_packet_get_echo(const uint8_t *packet, size_t size, int family, struct probe_echo *ret)
{
    if (family == AF_INET) {
        size_t header = size ? (packet[0] & 0xfu) * 4 : 0;

        if (header < 20 || packet[0] >> 4 != 4 || size < header)
            return false;
        packet += header;
        size -= header;
    }
    if (size < PROBE_PACKET_ECHO || packet[0] != (family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) || packet[1] != 0)
        return false;
    ret->id = get16(packet + 4);
    ret->sequence = get16(packet + 6);
    ret->nonce = get64(packet + 8);
    ret->sent = get64(packet + 16);
    return true;
}
