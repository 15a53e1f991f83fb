/* What dhcpcd reports becomes a lease; what is in it was chosen by a stranger. links: dhcp model base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "dhcp/dhcp_internal.h"

#define GOOD "reason=BOUND\nboottime=100\nnew_ip_address=10.0.0.5\nnew_subnet_cidr=24\nnew_dhcp_lease_time=60\n"

/* "10.0.0.5/24 60: default via 10.0.0.1"; "" when it is refused. Lines stand for the NULs. The caller frees it. */
static char *read_report(const char *lines)
{
    CLEANUP(freep) char *report = memory_string(lines);
    size_t size = strlen(report);
    struct lease lease = {0};
    struct error err = {0};
    struct text text = {0};
    char buffer[ROUTE_TEXT_SIZE];

    for (size_t i = 0; i < size; i++)
        if (report[i] == '\n')
            report[i] = 0;
    if (dhcp_lease_read(report, size, &lease, &err) < 0) {
        assert_int_not_equal(err.code, 0);
        return text_take(&text);
    }
    text_add(&text, lease.held ? "" : "lost ");
    if (lease.address.family)
        text_format(&text, "%s %.0f%s%s", address_text(&lease.address, buffer), lease.until == LEASE_FOREVER ? -1 : lease.until - 100,
                    lease.server[0] ? " by " : "", lease.server);
    for (size_t i = 0; i < lease.route_count; i++)
        text_format(&text, "%s%s", i ? ", " : ": ", route_text(&lease.routes[i], buffer));
    dhcp_lease_clear(&lease);
    return text_take(&text);
}

static void check(const char *lines, const char *wants)
{
    CLEANUP(freep) char *is = read_report(lines);

    if (!text_equal(is, wants))
        fail_msg("%s\nis:    %s\nwants: %s", lines, is, wants);
}

static void test_leases(void **state)
{
    (void)state;
    check(GOOD, "10.0.0.5/24 60");
    check(GOOD "new_dhcp_server_identifier=10.0.0.2\n", "10.0.0.5/24 60 by 10.0.0.2");
    check("reason=RENEW\nboottime=100\nnew_ip_address=10.0.0.5\nnew_subnet_cidr=24\nnew_dhcp_lease_time=4294967295\n", "10.0.0.5/24 -1");
    check("reason=REBIND\nboottime=100\nnew_ip_address=10.0.0.5\nnew_subnet_cidr=32\n", "10.0.0.5/32 -1");
    check("reason=EXPIRE\nboottime=100\nold_ip_address=10.0.0.5\nold_subnet_cidr=24\nold_dhcp_lease_time=60\nold_routers=10.0.0.1\n",
          "lost 10.0.0.5/24 60: default via 10.0.0.1");
    check("reason=NAK\nboottime=100\n", "lost ");
}

static void test_routes(void **state)
{
    (void)state;
    check(GOOD "new_routers=10.0.0.1 10.0.0.2\n", "10.0.0.5/24 60: default via 10.0.0.1");
    check(GOOD "new_static_routes=192.168.8.8 10.0.0.8 192.168.9.0 10.0.0.9 10.0.0.0 10.0.0.9\nnew_routers=10.0.0.1\n",
          "10.0.0.5/24 60: 192.168.8.8/32 via 10.0.0.8, 192.168.9.0/24 via 10.0.0.9, 10.0.0.0/8 via 10.0.0.9, default via 10.0.0.1");
    /* RFC 3442: option 121 wins over both */
    check(GOOD "new_classless_static_routes=192.168.0.0/16 10.0.0.9\nnew_routers=10.0.0.1\nnew_static_routes=1.0.0.0 10.0.0.8\n",
          "10.0.0.5/24 60: 192.168.0.0/16 via 10.0.0.9");
    check(GOOD "new_classless_static_routes=0.0.0.0/0 10.9.0.1 10.9.0.0/16 0.0.0.0\n",
          "10.0.0.5/24 60: 10.9.0.0/16, default via 10.9.0.1");
    check("reason=BOUND\nboottime=100\nnew_ip_address=10.0.0.5\nnew_subnet_cidr=32\nnew_dhcp_lease_time=60\nnew_routers=10.0.0.1\n",
          "10.0.0.5/32 60: 10.0.0.1/32, default via 10.0.0.1");
    check(GOOD "new_classless_static_routes=192.168.7.9/24 10.0.0.9 192.168.7.0/24 10.0.0.8\n",
          "10.0.0.5/24 60: 192.168.7.0/24 via 10.0.0.9");
}

static void test_hostile(void **state)
{
    (void)state;
    check("", "");
    check("reason=BOUND", "");
    check("reason=BOUND\n", "");
    check("reason=STOP\nboottime=100\nold_ip_address=10.0.0.5\n", "");
    check("reason=WHAT\n", "");
    check("reason=\n", "");
    check("xreason=BOUND\nboottime=100\nnew_ip_address=10.0.0.5\nnew_subnet_cidr=24\n", "");
    check("reason=BOUND\nnew_ip_address=10.0.0.5\nnew_subnet_cidr=24\n", "");
    static const char *const addresses[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.0.0.5/24", "10.0.0", "x", "", "::1"};
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        CLEANUP(freep) char *report = memory_format("reason=BOUND\nboottime=1\nnew_subnet_cidr=24\nnew_ip_address=%s\n", addresses[i]);

        check(report, "");
    }
    static const char *const prefixes[] = {"0", "33", "-1", "", "x", "24 ", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        CLEANUP(freep) char *report = memory_format("reason=BOUND\nboottime=1\nnew_ip_address=10.0.0.5\nnew_subnet_cidr=%s\n", prefixes[i]);

        check(report, "");
    }
    check("reason=BOUND\nboottime=100\nnew_ip_address=10.0.0.5\nnew_subnet_cidr=24\nnew_dhcp_lease_time=0\n", "10.0.0.5/24 -1");
    check(GOOD "new_dhcp_server_identifier=$(reboot)\n", "10.0.0.5/24 60");
    check(GOOD "new_routers=\n", "10.0.0.5/24 60");
    check(GOOD "new_routers=0.0.0.0\n", "10.0.0.5/24 60");
    check(GOOD "new_routers=10.0.0.1x\n", "10.0.0.5/24 60");
    check(GOOD "new_classless_static_routes=10.0.0.0/33 10.0.0.1 x y 10.1.0.0/16\nnew_routers=10.0.0.1\n",
          "10.0.0.5/24 60: default via 10.0.0.1");
    check(GOOD "new_classless_static_routes=0123456789012345678901234567890123456789/8 10.0.0.1\n", "10.0.0.5/24 60");
}

/* As many routes as fit into the largest report: not all of them become ours. */
static void test_many_routes(void **state)
{
    struct text report = {0};
    struct lease lease = {0};
    struct error err = {0};

    (void)state;
    for (const char *at = GOOD; *at; at++)
        text_add_data(&report, *at == '\n' ? "" : at, 1);
    text_add(&report, "new_classless_static_routes=");
    for (int i = 0; i < 2000; i++)
        text_format(&report, "10.%d.%d.0/24 10.0.0.1 ", i / 250 + 1, i % 250);
    text_add_data(&report, "", 1);
    assert_int_equal(dhcp_lease_read(report.data, report.length, &lease, &err), 0);
    assert_int_equal(lease.route_count, DHCP_ROUTES);
    dhcp_lease_clear(&lease);
    assert_true(dhcp_lease_read(report.data, DHCP_REPORT_SIZE + 1, &lease, &err) < 0);
    text_clear(&report);
}

/* A report that can't be read leaves the lease that there is. */
static void test_refused_keeps_the_lease(void **state)
{
    static const char good[] = "reason=BOUND\0boottime=100\0new_ip_address=10.0.0.5\0new_subnet_cidr=24", bad[] = "reason=BOUND\0boottime=1";
    struct lease lease = {0};
    struct error err = {0};

    (void)state;
    assert_int_equal(dhcp_lease_read(good, sizeof(good), &lease, &err), 0);
    assert_true(dhcp_lease_read(bad, sizeof(bad), &lease, &err) < 0);
    assert_true(lease.held);
    assert_int_equal(lease.address.bytes[3], 5);
    dhcp_lease_clear(&lease);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leases),      cmocka_unit_test(test_routes),
        cmocka_unit_test(test_hostile),     cmocka_unit_test(test_many_routes),
        cmocka_unit_test(test_refused_keeps_the_lease),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
