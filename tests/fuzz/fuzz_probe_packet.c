/* What any host on the wire can send us; the first byte chooses the reader. What is built out of what was read is read again. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "probe/probe_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void read_arp(const uint8_t *packet, size_t size)
{
    struct probe_arp arp, again;
    uint8_t built[PROBE_PACKET_ARP];

    if (!probe_packet_get_arp(packet, size, &arp))
        return;
    probe_packet_put_arp(built, &arp);
    require(memcmp(built, packet, sizeof(built)) == 0);
    require(probe_packet_get_arp(built, sizeof(built), &again) && memcmp(&arp, &again, sizeof(arp)) == 0);
}

static void read_advertisement(const uint8_t *packet, size_t size)
{
    struct probe_advertisement advertisement;

    if (probe_packet_get_advertisement(packet, size, &advertisement))
        require(advertisement.target[0] != 0xff && memcmp(advertisement.target, packet + 48, 16) == 0);
}

/* Fuzzers don't guess checksums: an advertisement of our own with the fuzzer's bytes as its option has a right one. */
static void read_option(const uint8_t *data, size_t size)
{
    static const uint8_t mac[6] = {2};
    uint8_t packet[PROBE_PACKET_IPV6], target[16] = {0xfd};
    struct probe_advertisement advertisement;
    uint32_t sum = 32 + 58;

    probe_packet_put_advertisement(packet, mac, target, size & 1);
    memcpy(packet + 64, data, size < 8 ? size : 8);
    packet[42] = packet[43] = 0;
    for (size_t i = 8; i < sizeof(packet); i += 2)
        sum += (uint32_t)(packet[i] << 8 | packet[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    packet[42] = (uint8_t)(sum >> 8);
    packet[43] = (uint8_t)sum;
    require(probe_packet_get_advertisement(packet, sizeof(packet), &advertisement) == (packet[65] == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct probe_echo echo;

    if (!size)
        return 0;
    CLEANUP(freep) uint8_t *packet = memory_copy(data + 1, size - 1); /* of its own size, so that reading on is seen */
    if (!packet)
        return 0;
    switch (data[0] % 5) {
    case 0:
        read_arp(packet, size - 1);
        break;
    case 1:
        read_advertisement(packet, size - 1);
        break;
    case 2:
        read_option(packet, size - 1);
        break;
    case 3:
    case 4:
        probe_packet_get_echo(packet, size - 1, data[0] % 5 == 3 ? AF_INET : AF_INET6, &echo);
        break;
    }
    return 0;
}
