/* The verbs of NICs against a scripted daemon. links: cli config model base */
#include "test_cli_fixture.h"

#define NET0                                                                                                                     \
    "{\"nic\":\"net0\",\"interface\":\"c2-net0\",\"type\":\"bridge\",\"source\":\"br0\",\"model\":\"e1000\","                    \
    "\"mac\":\"52:54:00:00:00:11\",\"vhost\":false,\"vhost_reason\":\"e1000 has none\",\"live\":true,\"config\":false}"
#define NET1                                                                                                                     \
    "{\"nic\":\"net1\",\"interface\":\"c2-net1\",\"type\":\"bridge\",\"source\":\"br1\",\"model\":\"virtio\","                   \
    "\"mac\":\"52:54:00:00:00:12\",\"vhost\":true,\"live\":true,\"config\":true}"
#define NET2 /* only in the file */                                                                                              \
    "{\"nic\":\"net2\",\"interface\":\"c2-net2\",\"type\":\"bridge\",\"source\":\"br1\",\"model\":\"virtio\","                   \
    "\"mac\":\"52:54:00:00:00:13\",\"vhost\":false,\"live\":false,\"config\":true}"
#define GET(path, answer)                                                                                                        \
    {                                                                                                                            \
        "GET " path " HTTP/1.1\r\n", NULL, "200 OK", answer                                                                      \
    }

static void test_attach(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("attach-interface c2 bridge br0 --model e1000 --live --target vnet7",
                              {"POST /v1/vms/c2/nics ", "{\"type\":\"bridge\",\"source\":\"br0\",\"model\":\"e1000\","
                                  "\"live\":true}",
                               "201 Created", NET0}),
                     0);
    assert_string_equal(ran.output, "Interface attached successfully\n"
                                    "net0: c2-net0 on br0, e1000, 52:54:00:00:00:11, vhost off (e1000 has none)\n");
    assert_string_equal(ran.errors, "");
    assert_int_equal(
        RUN_WITH("attach-interface --type bridge c2 --queues 4 --source=br0 --vhost on --link down --alias net7 --isolated",
                 {"POST /v1/vms/c2/nics ",
                  "{\"type\":\"bridge\",\"source\":\"br0\",\"vhost_mode\":\"on\",\"queues\":4,\"isolated\":true,"
                      "\"link\":\"down\","
                  "\"nic\":\"net7\"}",
                  "201 Created", NET1}),
        0);
    expect_in(ran.output, "vhost on\n");
    assert_int_equal(RUN_WITH("attach-interface c2 bridge br0 --queues auto --vlan 10 --trunk 20-29 --mtu 9000 --inbound 1000,,5 "
                              "--outbound 7 --persistent",
                              {"POST /v1/vms/c2/nics ",
                               "{\"type\":\"bridge\",\"source\":\"br0\",\"queues\":\"auto\",\"vlan\":10,\"trunk\":\"20-29\","
                               "\"mtu\":9000,\"inbound\":\"1000,,5\",\"outbound\":\"7\",\"persistent\":true}",
                               "201 Created", NET1}),
                     0);
    assert_int_equal(RUN_WITH("attach-interface c2 user", {"POST /v1/vms/c2/nics ", "{\"type\":\"user\"}", "201 Created",
        NET1}), 0);
    assert_int_equal(RUN_WITH("attach-interface c2 user -", {"POST /v1/vms/c2/nics ", "{\"type\":\"user\"}", "201 "
        "Created", NET1}), 0);
    assert_int_equal(RUN_WITH("attach-interface c2 ethernet tap0 --current",
                              {"POST /v1/vms/c2/nics ", "{\"type\":\"ethernet\",\"interface\":\"tap0\",\"current\":true}",
                               "201 Created", NET1}),
                     0);
    assert_int_equal(RUN_WITH("attach-interface c2 bridge br1 --config",
                              {"POST /v1/vms/c2/nics ", "\"config\":true}", "201 Created",
                               "{\"nic\":\"net2\",\"interface\":\"c2-net2\",\"source\":\"br1\",\"model\":\"virtio\",\"mac\":"
                               "\"52:54:00:00:00:13\",\"live\":false,\"config\":true,\"warnings\":[\"Docker drops it\"]}"}),
                     0);
    assert_string_equal(ran.output, "Interface attached successfully\n"
                                    "net2: c2-net2 on br1, virtio, 52:54:00:00:00:13, in the VM's file\n");
    assert_string_equal(ran.errors, "trestle: attach-interface: warning: Docker drops it\n");
    assert_int_equal(RUN_WITH("attach-interface c2 bridge br1 --config",
                              {"POST /v1/vms/c2/nics ", NULL, "201 Created",
                               "{\"nic\":\"net2\",\"type\":\"bridge\",\"interface\":null,\"source\":\"br1\",\"live\":false}"}),
                     0);
    expect_in(ran.output, "net2: bridge on br1, ");
    assert_int_equal(run("attach-interface c2 xyz br0"), 1);
    assert_string_equal(ran.errors, "trestle: attach-interface: No support for xyz in command 'attach-interface'\n");
}

static void test_print_xml(void **state)
{
    (void)state;
    assert_int_equal(run("attach-interface c2 bridge br0 --print-xml"), 0);
    assert_string_equal(ran.output, "<interface type='bridge'>\n  <source bridge='br0'/>\n  <model "
        "type='virtio'/>\n</interface>\n");
    assert_int_equal(run("attach-interface c2 bridge b'&<r --print-xml --mac 52:54:00:00:00:AA --target t0 --model e1000 "
        "--alias n7 "
                         "--vhost on --queues 4 --vlan 10 --trunk 10,20-21 --inbound 1000,2000,5 --outbound 7 --mtu 9000 "
                             "--isolated "
                         "--link down --config"),
                     0);
    assert_string_equal(ran.output, "<interface type='bridge'>\n"
                                    "  <source bridge='b&apos;&amp;&lt;r'/>\n"
                                    "  <target dev='t0'/>\n"
                                    "  <mac address='52:54:00:00:00:aa'/>\n"
                                    "  <model type='e1000'/>\n"
                                    "  <alias name='n7'/>\n"
                                    "  <driver name='vhost' queues='4'/>\n"
                                    "  <vlan trunk='yes'>\n"
                                    "    <tag id='10' nativeMode='untagged'/>\n"
                                    "    <tag id='20'/>\n"
                                    "    <tag id='21'/>\n"
                                    "  </vlan>\n"
                                    "  <bandwidth>\n"
                                    "    <inbound average='1000' peak='2000' burst='5'/>\n"
                                    "    <outbound average='7'/>\n"
                                    "  </bandwidth>\n"
                                    "  <mtu size='9000'/>\n"
                                    "  <port isolated='yes'/>\n"
                                    "  <link state='down'/>\n"
                                    "</interface>\n");
    assert_int_equal(run("attach-interface c2 ethernet tap0 --print-xml"), 0);
    expect_in(ran.output, "<target dev='tap0' managed='no'/>");
    assert_int_equal(run("attach-interface c2 user --print-xml --vlan 7 --json"), 0);
    expect_in(ran.output, "<tag id='7'/>");
}

#define RUNNING(nics) GET("/v1/vms/c2", "{\"name\":\"c2\",\"state\":\"running\",\"pid\":4711,\"nics\":[" nics "]}")
#define OFF(nics) GET("/v1/vms/c2", "{\"name\":\"c2\",\"state\":\"shut off\",\"pid\":null,\"nics\":[" nics "]}")

static void test_detach(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("detach-interface c2 bridge", RUNNING(NET0 "," NET2),
                              {"DELETE /v1/vms/c2/nics/net0 HTTP", NULL, "200 OK", "{}"}),
                     0);
    assert_string_equal(ran.output, "Interface detached successfully\n");
    assert_int_equal(RUN_WITH("detach-interface c2 bridge --mac 52:54:00:00:00:12 --timeout 5 --force --live",
                              RUNNING(NET0 "," NET1),
                              {"DELETE /v1/vms/c2/nics/net1?timeout=5&force=1&live=1 HTTP", NULL, "200 OK", "{}"}),
                     0);
    assert_int_equal(RUN_WITH("detach-interface c2 bridge", RUNNING(NET0 "," NET1)), 1);
    expect_in(ran.errors, "Domain has 2 interfaces. Please specify which one to detach using --mac");
    assert_int_equal(RUN_WITH("detach-interface c2 user", RUNNING(NET2)), 1);
    expect_in(ran.errors, "No interface found whose type is user");
    assert_int_equal(RUN_WITH("detach-interface c2 bridge --mac 52:54:00:00:00:99", RUNNING(NET0)), 1);
    expect_in(ran.errors, "No interface with MAC address 52:54:00:00:00:99 was found");
    assert_int_equal(
        RUN_WITH("detach-interface c2 bridge", RUNNING(NET0),
                 {"DELETE /v1/vms/c2/nics/net0 ", NULL, "504 Gateway Timeout", "{\"detail\":\"the guest did not answer\"}"}),
        1);
    assert_string_equal(ran.errors, "trestle: detach-interface: the guest did not answer\n");
    assert_string_equal(ran.output, "");
}

/* A detach names where the NIC is. */
static void test_detach_where_it_is(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("detach-interface c2 bridge", RUNNING(NET2)), 1);
    expect_in(ran.errors, "net2 is in the VM's file alone: say so with --config");
    assert_int_equal(RUN_WITH("detach-interface c2 bridge --config", RUNNING(NET0)), 1);
    expect_in(ran.errors, "net0 is in the running VM alone: say so with --live");
    assert_int_equal(RUN_WITH("detach-interface c2 bridge --persistent", RUNNING(NET0 "," NET1 "," NET2),
                              {"DELETE /v1/vms/c2/nics/net1?persistent=1 HTTP", NULL, "200 OK", "{}"}),
                     0);
    assert_int_equal(RUN_WITH("detach-interface c2 bridge --config", RUNNING(NET0 "," NET2),
                              {"DELETE /v1/vms/c2/nics/net2?config=1 HTTP", NULL, "200 OK", "{}"}),
                     0);
    assert_int_equal(RUN_WITH("detach-interface c2 bridge --current", OFF(NET2),
                              {"DELETE /v1/vms/c2/nics/net2?current=1 HTTP", NULL, "200 OK", "{}"}),
                     0);
    assert_int_equal(RUN_WITH("detach-interface c2 bridge", OFF(NET2),
                              {"DELETE /v1/vms/c2/nics/net2 HTTP", NULL, "409 Conflict", "{\"detail\":\"vm c2: is not "
                                  "running\"}"}),
                     1);
    assert_string_equal(ran.errors, "trestle: detach-interface: vm c2: is not running\n");
}

#define NET3 /* with limits */                                                                                                   \
    "{\"nic\":\"net3\",\"interface\":\"c2-net3\",\"type\":\"bridge\",\"mac\":\"52:54:00:00:00:14\","                             \
    "\"link\":\"down\",\"inbound\":"                                                                                             \
    "\"1000,2000,5\",\"live\":true,\"config\":true,\"state\":\"plugged\"}"
#define PATCH(path, body) {"PATCH " path " ", body, "200 OK", NET3}

static void test_update(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("update-interface c2 --mac 52:54:00:00:00:14 --source br7 --vlan none --trunk 5 --isolated "
        "no --inbound 0",
                              GET("/v1/vms/c2/nics", "[" NET1 "," NET3 "]"),
                              PATCH("/v1/vms/c2/nics/net3", "{\"source\":\"br7\",\"trunk\":\"5\",\"isolated\":false,"
                                  "\"vlan\":null,"
                                                            "\"inbound\":null}")),
                     0);
    assert_string_equal(ran.output, "Interface updated successfully\n");
    assert_int_equal(RUN_WITH("update-interface c2 --mac 52:54:00:00:00:14 --mtu 9000 --live --config",
                              GET("/v1/vms/c2/nics?config=1", "[" NET3 "]"),
                              PATCH("/v1/vms/c2/nics/net3", "{\"mtu\":9000,\"live\":true,\"config\":true}")),
                     0);
    assert_int_equal(RUN_WITH("update-interface c2 --mac 52:54:00:00:00:99 --mtu 9000", GET("/v1/vms/c2/nics", "[" NET3 "]")), 1);
    expect_in(ran.errors, "Interface (mac: 52:54:00:00:00:99) not found");
}

static void test_link(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("domif-setlink c2 c2-net3 up", GET("/v1/vms/c2/nics", "[" NET3 "]"),
                              PATCH("/v1/vms/c2/nics/net3", "{\"link\":\"up\",\"current\":true}")),
                     0);
    assert_string_equal(ran.output, "Device updated successfully\n");
    assert_int_equal(RUN_WITH("domif-setlink c2 52:54:00:00:00:14 up --config", GET("/v1/vms/c2/nics?config=1", "[" NET3 "]"),
                              PATCH("/v1/vms/c2/nics/net3", "{\"link\":\"up\",\"config\":true}")),
                     0);
    assert_int_equal(RUN_WITH("domif-getlink c2 c2-net3", GET("/v1/vms/c2/nics", "[" NET3 "]")), 0);
    assert_string_equal(ran.output, "c2-net3 down\n");
    assert_int_equal(RUN_WITH("domif-getlink c2 tap9", GET("/v1/vms/c2/nics", "[" NET3 "]")), 1);
    expect_in(ran.errors, "Interface (target: tap9) not found");
}

static void test_tune(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("domiftune c2 c2-net3", GET("/v1/vms/c2/nics", "[" NET3 "]")), 0);
    assert_string_equal(ran.output, "inbound.average: 1000\ninbound.peak   : 2000\ninbound.burst  : 5\ninbound.floor  : 0\n"
                                    "outbound.average: 0\noutbound.peak  : 0\noutbound.burst : 0\n");
    assert_int_equal(RUN_WITH("domiftune c2 c2-net3 --outbound 0 --inbound 5 --live", GET("/v1/vms/c2/nics", "[" NET3 "]"),
                              PATCH("/v1/vms/c2/nics/net3", "{\"inbound\":\"5\",\"outbound\":null,\"live\":true}")),
                     0);
    assert_string_equal(ran.output, "");
}

static void test_figures(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("domifstat c2 c2-net3", GET("/v1/vms/c2/nics", "[" NET3 "]"),
                              GET("/v1/vms/c2/nics/net3/statistics",
                                  "{\"rx_bytes\":123,\"rx_packets\":2,\"rx_errors\":3,\"rx_dropped\":4,\"tx_bytes\":5,"
                                  "\"tx_packets\":6,\"tx_errors\":7,\"tx_dropped\":8}")),
                     0);
    assert_string_equal(ran.output, "c2-net3 rx_bytes 123\nc2-net3 rx_packets 2\nc2-net3 rx_errs 3\nc2-net3 rx_drop 4\n"
                                    "c2-net3 tx_bytes 5\nc2-net3 tx_packets 6\nc2-net3 tx_errs 7\nc2-net3 tx_drop 8\n");
}

#define ADDRESSES                                                                                                                \
    "[{\"interface\":\"t0\",\"mac\":\"52:54:00:00:00:11\",\"addresses\":[{\"family\":\"ipv4\","                                  \
    "\"address\":\"10.0.0.7\",\"prefix\":24},"                                                                                   \
    "{\"family\":\"ipv6\",\"address\":\"fe80::7\",\"prefix\":null}]},{\"interface\":\"t1\",\"mac\":null,\"addresses\":[]}]"

static void test_addresses(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("domifaddr c2", GET("/v1/vms/c2/addresses?source=arp", ADDRESSES)), 0);
    assert_string_equal(ran.output, " Name   MAC address         Protocol   Address\n"
                                    "----------------------------------------------------\n"
                                    " t0     52:54:00:00:00:11   ipv4       10.0.0.7/24\n"
                                    " -      -                   ipv6       fe80::7\n"
                                    " t1     -                   N/A        N/A\n\n");
    assert_int_equal(RUN_WITH("domifaddr c2 --full --source agent --interface t0",
                              GET("/v1/vms/c2/addresses?source=agent", ADDRESSES)),
                     0);
    expect_in(ran.output, " t0     52:54:00:00:00:11   ipv6       fe80::7\n");
    assert_null(strstr(ran.output, "t1"));
    assert_int_equal(RUN_WITH("domifaddr c2 --source lease",
                              {"GET /v1/vms/c2/addresses?source=lease ", NULL, "501 No", "{\"detail\":\"no DHCP networks "
                                  "yet\"}"}),
                     1);
}

static void test_long_list(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("domiflist c2 --all", GET("/v1/vms/c2/nics", "[" NET0 "," NET2 "," NET3 "]")), 0);
    expect_in(ran.output, " Interface   Type     Source   Model    MAC                 NIC    In             State     "
        "Link   Vhost\n");
    expect_in(ran.output, "net0   live           -         -      off (e1000 has none)\n");
    expect_in(ran.output, "net2   config         -         -      -\n");
    expect_in(ran.output, "net3   live, config   plugged   down   off\n");
    assert_int_equal(RUN_WITH("domiflist c2 --inactive", GET("/v1/vms/c2/nics?config=1", "[" NET3 "]")), 0);
    expect_in(ran.output, " -           bridge");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attach),
        cmocka_unit_test(test_print_xml),
        cmocka_unit_test(test_detach),
        cmocka_unit_test(test_detach_where_it_is),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_tune),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_long_list),
    };
    int result;

    setenv("TRESTLE_SOCKET", "/nonexistent/trestle.sock", 1);
    result = cmocka_run_group_tests(tests, NULL, NULL);
    forget_run();
    return result;
}
