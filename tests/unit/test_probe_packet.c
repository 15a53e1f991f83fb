/* Packets byte by byte, as the RFCs draw them. links: probe model base */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "probe/probe_internal.h"

static const uint8_t mac[6] = {0x52, 0x54, 0, 0xaa, 0xbb, 0xcc};

static void arp(void **state)
{
    static const uint8_t expected[28] = {0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0xaa, 0xbb, 0xcc, 10, 0, 0, 1,
                                         0, 0, 0, 0, 0, 0, 10, 0, 0, 2};
    struct probe_arp out = {.sender = {10, 0, 0, 1}, .target = {10, 0, 0, 2}}, in;
    uint8_t packet[PROBE_PACKET_ARP + 18] = {0}; /* as padded to the shortest frame */

    (void)state;
    memcpy(out.sender_mac, mac, 6);
    probe_packet_put_arp(packet, &out);
    assert_memory_equal(packet, expected, sizeof(expected));
    assert_true(probe_packet_get_arp(packet, sizeof(packet), &in));
    assert_false(in.reply);
    assert_memory_equal(&in, &out, sizeof(in));
    out.reply = true;
    probe_packet_put_arp(packet, &out);
    assert_true(probe_packet_get_arp(packet, PROBE_PACKET_ARP, &in));
    assert_true(in.reply);
    assert_false(probe_packet_get_arp(packet, PROBE_PACKET_ARP - 1, &in));
    for (size_t i = 0; i < 8; i++) { /* every fixed field, and the operation */
        packet[i] ^= 0x40;
        assert_false(probe_packet_get_arp(packet, PROBE_PACKET_ARP, &in));
        packet[i] ^= 0x40;
    }
    packet[8] |= 1; /* a group can't be a sender */
    assert_false(probe_packet_get_arp(packet, PROBE_PACKET_ARP, &in));
    memset(packet + 8, 0, 6);
    assert_false(probe_packet_get_arp(packet, PROBE_PACKET_ARP, &in));
}

static void address(uint8_t bytes[16], const char *text)
{
    assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
}

static void solicitation(void **state)
{
    static const uint8_t expected[72] = {
        0x60, 0, 0, 0, 0, 32, 58, 255, 0xfd, 0, 0, 9, [23] = 2, [24] = 0xff, 2, [35] = 1, 0xff, 0x34, 0x56, 0x78, /* header */
        135, 0, 0, 0, 0, 0, 0, 0, 0xfd, 0, 0, 9, [60] = 0x12, 0x34, 0x56, 0x78, 1, 1, 0x52, 0x54, 0, 0xaa, 0xbb, 0xcc};
    uint8_t packet[PROBE_PACKET_IPV6], source[16], target[16], group[6];
    uint32_t sum = 32 + 58;

    (void)state;
    address(source, "fd00:9::2");
    address(target, "fd00:9::1234:5678");
    assert_int_equal(probe_packet_put_solicitation(packet, mac, source, target), 72);
    for (size_t i = 8; i < 72; i += 2)
        sum += (uint32_t)(packet[i] << 8 | packet[i + 1]);
    assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
    packet[42] = packet[43] = 0;
    assert_memory_equal(packet, expected, sizeof(expected));
    probe_packet_group_mac(packet, group);
    assert_memory_equal(group, ((uint8_t[]){0x33, 0x33, 0xff, 0x34, 0x56, 0x78}), 6);

    memset(source, 0, 16); /* RFC 4861, 4.3: no link-layer option then */
    assert_int_equal(probe_packet_put_solicitation(packet, mac, source, target), 64);
    assert_int_equal(packet[5], 24);
}

static void advertisement(void **state)
{
    uint8_t packet[PROBE_PACKET_IPV6], target[16], group[6];
    struct probe_advertisement in;

    (void)state;
    address(target, "fd00:9::1");
    assert_int_equal(probe_packet_put_advertisement(packet, mac, target, false), 72);
    assert_int_equal(packet[40], 136);
    assert_int_equal(packet[44], 0x20); /* override, neither router nor solicited */
    assert_memory_equal(packet + 8, target, 16);
    probe_packet_group_mac(packet, group);
    assert_memory_equal(group, ((uint8_t[]){0x33, 0x33, 0, 0, 0, 1}), 6);
    assert_true(probe_packet_get_advertisement(packet, 72, &in));
    assert_false(in.solicited);
    assert_true(in.has_mac);
    assert_memory_equal(in.mac, mac, 6);
    assert_memory_equal(in.target, target, 16);
    assert_int_equal(probe_packet_put_advertisement(packet, mac, target, true), 72);
    assert_int_equal(packet[44], 0xa0);
    assert_true(probe_packet_get_advertisement(packet, 72, &in));
    for (size_t size = 0; size < 72; size++)
        assert_false(probe_packet_get_advertisement(packet, size, &in));
    for (size_t i = 4; i < 72; i++) { /* nothing can be changed without the checksum, or a rule, seeing it */
        packet[i] ^= 0x01;
        assert_false(probe_packet_get_advertisement(packet, 72, &in));
        packet[i] ^= 0x01;
    }
}

static void repair_checksum(uint8_t *packet, size_t size)
{
    uint32_t sum = packet[5] + 58u;

    packet[42] = packet[43] = 0;
    for (size_t i = 8; i < size; i += 2)
        sum += (uint32_t)(packet[i] << 8 | packet[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    packet[42] = (uint8_t)(sum >> 8);
    packet[43] = (uint8_t)sum;
}

static void void_advertisements(void **state)
{
    static const struct {
        size_t place;
        uint8_t value;
    } changes[] = {
        {7, 254},   /* a router has passed it on */
        {41, 1},    /* code */
        {44, 0x40}, /* solicited, but to all */
        {48, 0xff}, /* of a group */
        {65, 0},    /* an option without length */
        {65, 2},    /* or one that is cut off */
    };
    uint8_t packet[PROBE_PACKET_IPV6], target[16];
    struct probe_advertisement in;

    (void)state;
    address(target, "fd00:9::1");
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        probe_packet_put_advertisement(packet, mac, target, false);
        repair_checksum(packet, 72);
        assert_true(probe_packet_get_advertisement(packet, 72, &in));
        packet[changes[i].place] = changes[i].value;
        repair_checksum(packet, 72);
        assert_false(probe_packet_get_advertisement(packet, 72, &in));
    }
    probe_packet_put_advertisement(packet, mac, target, false); /* an unknown option is stepped over */
    packet[64] = 200;
    repair_checksum(packet, 72);
    assert_true(probe_packet_get_advertisement(packet, 72, &in));
    assert_false(in.has_mac);
}

static void echo(void **state)
{
    struct probe_echo out = {.id = 0x1234, .sequence = 7, .nonce = 0x1122334455667788, .sent = 1234567890123456789}, in;
    uint8_t packet[20 + PROBE_PACKET_ECHO] = {0x45}, *icmp = packet + 20;
    uint32_t sum = 0;

    (void)state;
    probe_packet_put_echo(icmp, AF_INET, &out);
    assert_memory_equal(icmp, ((uint8_t[]){8, 0}), 2);
    assert_memory_equal(icmp + 4, ((uint8_t[]){0x12, 0x34, 0, 7, 0x11, 0x22}), 6);
    for (size_t i = 0; i < PROBE_PACKET_ECHO; i += 2)
        sum += (uint32_t)(icmp[i] << 8 | icmp[i + 1]);
    assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
    assert_false(probe_packet_get_echo(packet, sizeof(packet), AF_INET, &in)); /* a request is no reply */
    icmp[0] = 0;
    assert_true(probe_packet_get_echo(packet, sizeof(packet), AF_INET, &in));
    assert_int_equal(in.id, out.id);
    assert_int_equal(in.sequence, out.sequence);
    assert_int_equal(in.nonce, out.nonce);
    assert_int_equal(in.sent, out.sent);
    for (size_t size = 0; size < sizeof(packet); size++)
        assert_false(probe_packet_get_echo(packet, size, AF_INET, &in));
    packet[0] = 0x4f; /* options up to the end */
    assert_false(probe_packet_get_echo(packet, sizeof(packet), AF_INET, &in));

    probe_packet_put_echo(icmp, AF_INET6, &out);
    assert_int_equal(icmp[0], 128);
    icmp[0] = 129;
    assert_true(probe_packet_get_echo(icmp, PROBE_PACKET_ECHO, AF_INET6, &in));
    assert_int_equal(in.sent, out.sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arp),           cmocka_unit_test(solicitation), cmocka_unit_test(advertisement),
        cmocka_unit_test(void_advertisements), cmocka_unit_test(echo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
