/* links: cli config model base */
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
#define VM                                                                                                                       \
    "{\"name\":\"c2\",\"state\":\"running\",\"pid\":4711,\"vcpus\":2,\"memory\":1073741824,\"defined\":true,\"autostart\":"      \
    "false}"
#define GET(path, answer)                                                                                                        \
    {                                                                                                                            \
        "GET " path " HTTP/1.1\r\n", NULL, "200 OK", answer                                                                      \
    }

static void test_nobody_there(void **state)
{
    (void)state;
    assert_int_equal(run("list"), 1);
    assert_string_equal(ran.errors,
                        "trestle: list: trestled does not run: there is no /nonexistent/trestle.sock; start it (systemctl start "
                        "trestled) or name its socket (-S)\n");
    assert_int_equal(run("-S /other/socket list"), 1);
    expect_in(ran.errors, "/other/socket");
    assert_int_equal(run("list --json"), 1);
    assert_string_equal(ran.errors, "");
    expect_in(ran.output, "\"detail\": \"trestled does not run");
}

static void test_power(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("start c2", {"POST /v1/vms/c2/start ", NULL, "200 OK", VM}), 0);
    assert_string_equal(ran.output, "Domain 'c2' started\nrunning, pid 4711\n");
    assert_int_equal(RUN_WITH("destroy c2", {"POST /v1/vms/c2/destroy ", NULL, "200 OK", VM}), 0);
    assert_string_equal(ran.output, "Domain 'c2' destroyed\n");
    assert_int_equal(RUN_WITH("shutdown --domain c2", {"POST /v1/vms/c2/shutdown ", NULL, "200 OK", VM}), 0);
    assert_string_equal(ran.output, "Domain 'c2' is being shutdown\n");
    assert_int_equal(RUN_WITH("suspend --domain=c2", {"POST /v1/vms/c2/suspend ", NULL, "200 OK", VM}), 0);
    assert_string_equal(ran.output, "Domain 'c2' suspended\n");
    assert_int_equal(RUN_WITH("resume c2", {"POST /v1/vms/c2/resume ", NULL, "200 OK", VM}), 0);
    assert_string_equal(ran.output, "Domain 'c2' resumed\n");
    assert_int_equal(RUN_WITH("reset c2", {"POST /v1/vms/c2/reset ", NULL, "200 OK", VM}), 0);
    assert_string_equal(ran.output, "Domain 'c2' was reset\n");
    assert_int_equal(RUN_WITH("reset ../x", {"POST /v1/vms/..%2Fx/reset ", NULL, "200 OK", VM}), 0);
}

static void test_lists(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("list", GET("/v1/vms", "[" VM "]")), 0);
    assert_string_equal(ran.output, " Id     Name   State\n------------------------\n 4711   c2     running\n\n");
    assert_int_equal(RUN_WITH("list --all", GET("/v1/vms?all=1", "[{\"name\":\"off\",\"state\":\"shut off\",\"pid\":null}]")), 0);
    assert_string_equal(ran.output, " Id   Name   State\n-----------------------\n -    off    shut off\n\n");
    assert_int_equal(RUN_WITH("--json list", GET("/v1/vms", "[]")), 0);
    assert_string_equal(ran.output, "[]\n");
    assert_int_equal(RUN_WITH("domiflist c2", GET("/v1/vms/c2/nics", "[" NET0 "," NET2 "]")), 0);
    assert_string_equal(ran.output, " Interface   Type     Source   Model    MAC\n"
                                    "-----------------------------------------------------------\n"
                                    " c2-net0     bridge   br0      e1000    52:54:00:00:00:11\n"
                                    " -           bridge   br1      virtio   52:54:00:00:00:13\n\n");
    assert_int_equal(RUN_WITH("iface-list --inactive", GET("/v1/interfaces?all=1", "[{\"name\":\"br0\",\"state\":\"up\"},"
                                                                                   "{\"name\":\"eth1\",\"state\":\"down\"}]")),
                     0);
    assert_string_equal(ran.output, " Name   State      MAC Address\n--------------------------------\n eth1   inactive   -\n\n");
}

static void test_info(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("dominfo c2", GET("/v1/vms/c2", VM)), 0);
    expect_in(ran.output, "CPU(s):         2\nMax memory:     1048576 KiB\nPersistent:     yes\nAutostart:      disable\n");
    assert_int_equal(RUN_WITH("dominfo c2", GET("/v1/vms/c2", "{\"free_slots\":3,\"free_conventional_slots\":0}")), 0);
    expect_in(ran.output, "Free slots:     3\n                0 for e1000, rtl8139 and their like\n");
    assert_int_equal(RUN_WITH("dominfo c2", GET("/v1/vms/c2", "{\"free_slots\":3,\"free_conventional_slots\":3}")), 0);
    assert_null(strstr(ran.output, "rtl8139"));
    assert_int_equal(RUN_WITH("domstate c2", GET("/v1/vms/c2", VM)), 0);
    assert_string_equal(ran.output, "running\n");
}

#define STEP "\"steps\":[{\"op\":\"link-create\",\"object\":\"br0\",\"text\":\"create bridge br0\"}]"

static void test_plan(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("plan", GET("/v1/plan", "{\"changes\":0,\"steps\":[],\"problems\":[]}")), 0);
    expect_in(ran.output, "Nothing to do");
    assert_int_equal(
        RUN_WITH("plan", GET("/v1/plan", "{\"changes\":1," STEP ",\"problems\":[{\"file\":\"f\",\"line\":3,\"column\":1,"
                                         "\"warning\":true,\"text\":\"odd\"}]}")),
        2);
    assert_string_equal(ran.output, "create bridge br0\n");
    assert_string_equal(ran.errors, "trestle: plan: f:3:1: warning: odd\n");
    assert_int_equal(RUN_WITH("plan --json", GET("/v1/plan", "{\"changes\":1," STEP ",\"problems\":[]}")), 2);
    assert_int_equal(
        RUN_WITH("plan", GET("/v1/plan", "{\"changes\":1," STEP ",\"problems\":[{\"file\":\"f\",\"line\":3,\"column\":1,"
                                         "\"warning\":false,\"text\":\"wrong\"}],\"refused\":true}")),
        1);
    assert_string_equal(ran.output, "Nothing of this is applied until the errors are mended:\ncreate bridge br0\n");
    assert_string_equal(ran.errors, "trestle: plan: f:3:1: wrong\n");
}

static void test_apply(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("apply", {"POST /v1/apply ", "{}", "200 OK", "{\"changes\":1," STEP ",\"problems\":[]}"}), 0);
    assert_string_equal(ran.output, "create bridge br0\n");
    assert_int_equal(
        RUN_WITH("apply --no-repair", {"POST /v1/apply ", "{\"repair\":false}", "200 OK", "{\"changes\":0,\"steps\":[]}"}), 0);
    expect_in(ran.output, "Nothing to do");
    assert_int_equal(
        RUN_WITH("apply", {"POST /v1/apply ", NULL, "400 Bad Request",
                           "{\"detail\":\"1 error in the files\",\"problems\":[{\"file\":\"f\",\"line\":1,\"column\":2,"
                           "\"warning\":false,\"text\":\"wrong\"}]}"}),
        1);
    assert_string_equal(ran.errors, "trestle: apply: f:1:2: wrong\ntrestle: apply: 1 error in the files\n");
    assert_string_equal(ran.output, "");
    assert_int_equal(
        RUN_WITH("apply", {"POST /v1/apply ", NULL, "422 Unprocessable", "{\"detail\":\"a part is missing\"," STEP "}"}), 1);
    assert_string_equal(ran.output, "create bridge br0\n");
    assert_int_equal(RUN_WITH("apply --json", {"POST /v1/apply ", NULL, "422 Unprocessable", "{\"detail\":\"a part\"," STEP "}"}),
                     1);
    assert_int_equal(ran.output[0], '{');
    assert_string_equal(ran.errors, "");
}

static void test_topology(void **state)
{
    (void)state;
    setenv("LC_ALL", "C", 1);
    assert_int_equal(
        RUN_WITH("topology",
                 GET("/v1/topology",
                     "{\"interfaces\":[{\"name\":\"br0\",\"kind\":\"bridge\",\"state\":\"up\",\"mtu\":1500,\"addresses\":"
                     "[\"10.0.0.1/24\"],\"owner\":\"trestle\",\"ports\":[{\"name\":\"eth0\",\"kind\":\"ethernet\",\"state\":"
                     "\"up\",\"owner\":\"foreign\",\"ports\":[]},{\"name\":\"c2-net0\",\"kind\":\"tap\",\"state\":\"up\","
                     "\"owner\":\"trestle\",\"vm\":\"c2\",\"vm_state\":\"running\",\"nic\":\"net0\",\"model\":\"virtio\","
                     "\"nic_state\":\"plugged\",\"ports\":[]},{\"name\":\"bond0.10\",\"kind\":\"vlan\",\"state\":\"up\","
                     "\"owner\":\"trestle\",\"parent\":\"bond0\",\"vlan_id\":10,\"ports\":[]}]}]}")),
        0);
    assert_string_equal(ran.output, "br0  up  bridge  mtu 1500  10.0.0.1/24\n"
                                    "|- eth0  up  ethernet  (foreign)\n"
                                    "|- c2-net0  up  tap  → vm c2 (running) net0, virtio, plugged\n"
                                    "`- bond0.10  up  vlan  on bond0, VLAN 10\n");
}

/* A guest, a file or a peer may put anything into names and reasons. */
static void test_no_control_characters(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("list", GET("/v1/vms", "[{\"name\":\"a\\u001b[2Jb\\u009bc\\u007f\",\"state\":\"x\\ny\"}]")), 0);
    assert_null(strchr(ran.output, '\x1b'));
    assert_null(strstr(ran.output, "\xc2\x9b"));
    assert_null(strchr(ran.output, '\x7f'));
    expect_in(ran.output, "a?[2Jb??c?");
    expect_in(ran.output, "x?y");
    assert_int_equal(RUN_WITH("list", {"GET ", NULL, "500 No", "{\"detail\":\"a\\u001b]0;b\\nc\"}"}), 1);
    assert_string_equal(ran.errors, "trestle: list: a?]0;b?c\n");
}

static void test_strange_answers(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("list", {"GET ", NULL, "200 OK", ""}), 1);
    assert_int_equal(RUN_WITH("list", {"GET ", NULL, "200 OK", "<html>"}), 1);
    assert_int_equal(RUN_WITH("list", {"GET ", NULL, "500 No", "[]"}), 1);
    assert_int_equal(RUN_WITH("list", {"GET ", NULL, "200 OK", "{\"x\":1}"}), 0);
    assert_int_equal(RUN_WITH("dominfo c2", {"GET ", NULL, "200 OK", "[1,2]"}), 0);
    assert_int_equal(RUN_WITH("domstate c2 --json", {"GET ", NULL, "200 OK", "{}"}), 0);
    assert_int_equal(RUN_WITH("topology", {"GET ", NULL, "200 OK", "{\"interfaces\":[1,null,{\"ports\":7}]}"}), 0);
    assert_int_equal(RUN_WITH("domifaddr c2", {"GET ", NULL, "200 OK", "[1,{\"addresses\":[2,{}]}]"}), 0);
    assert_int_equal(RUN_WITH("domiflist c2 --all", {"GET ", NULL, "200 OK", "[1,{\"vhost_reason\":2}]"}), 0);
    assert_int_equal(RUN_WITH("domiftune c2 t", {"GET ", NULL, "200 OK", "[1,{\"interface\":\"t\",\"inbound\":\"x\"}]"}), 0);
    assert_int_equal(RUN_WITH("detach-interface c2 bridge", {"GET ", NULL, "200 OK", "{\"nics\":[3]}"}), 1);
    assert_int_equal(RUN_WITH("status", {"GET ", NULL, "200 OK", "{\"warnings\":[1],\"troubles\":[1],\"interfaces\":[2]}"}), 0);
}

static char *make_file(const char *directory, const char *name, const char *text)
{
    char *path = memory_format("%s/%s", directory, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void test_define(void **state)
{
    char directory[] = "/tmp/trestle-test-XXXXXX", *path, *words;

    (void)state;
    assert_non_null(mkdtemp(directory));
    path = make_file(directory, "c9.vm", "[vm]\nMemory=\"1G\"\n");
    words = memory_format("define %s", path);
    assert_int_equal(RUN_WITH(words, {"POST /v1/vms ", "{\"name\":\"c9\",\"text\":\"[vm]\\nMemory=\\\"1G\\\"\\n\"", "201 Created",
                                      "{\"name\":\"c9\"}"}),
                     0);
    expect_in(ran.output, "Domain 'c9' defined from /tmp/");
    unlink(path);
    assert_int_equal(run(words), 1);
    expect_in(ran.errors, path);
    free(words);
    free(path);
    rmdir(directory);
    assert_int_equal(RUN_WITH("undefine c9", {"DELETE /v1/vms/c9 ", NULL, "200 OK", "{\"name\":\"c9\"}"}), 0);
    assert_string_equal(ran.output, "Domain 'c9' has been undefined\n");
}

static void test_create(void **state)
{
    char directory[] = "/tmp/trestle-test-XXXXXX", *path, *words;

    (void)state;
    assert_non_null(mkdtemp(directory));
    path = make_file(directory, "c9.vm", "[vm]\n");
    words = memory_format("create %s", path);
    assert_int_equal(RUN_WITH(words, {"POST /v1/vms ", "\"transient\":true}", "201 Created", VM}), 0);
    expect_in(ran.output, "Domain 'c9' created from /tmp/");
    expect_in(ran.output, "running, pid 4711\n");
    assert_int_equal(RUN_WITH(words, {"POST /v1/vms ", NULL, "409 Conflict", "{\"detail\":\"there is one\"}"}), 1);
    unlink(path);
    rmdir(directory);
    free(words);
    free(path);
    assert_int_equal(RUN_WITH("autostart c2", {"PATCH /v1/vms/c2 ", "{\"autostart\":true}", "200 OK", VM}), 0);
    assert_string_equal(ran.output, "Domain 'c2' marked as autostarted\n");
    assert_int_equal(RUN_WITH("autostart c2 --disable", {"PATCH /v1/vms/c2 ", "{\"autostart\":false}", "200 OK", VM}), 0);
    assert_string_equal(ran.output, "Domain 'c2' unmarked as autostarted\n");
}

static void test_check(void **state)
{
    char directory[] = "/tmp/trestle-test-XXXXXX", *good, *bad, *words;
    CLEANUP(document_freep) json_t *json = NULL;
    struct error err = {0};

    (void)state;
    assert_non_null(mkdtemp(directory));
    good = make_file(directory, "ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\nONBOOT=yes\n");
    words = memory_format("check %s", good);
    assert_int_equal(run(words), 0);
    free(words);
    bad = make_file(directory, "ifcfg-br1", "DEVICE=br1\nTYPE=Bridge\nDELAY=soon\n");
    words = memory_format("check %s %s", good, bad);
    assert_int_equal(run(words), 1);
    expect_in(ran.output, "ifcfg-br1:3:");
    free(words);
    words = memory_format("check --json %s", bad);
    assert_int_equal(run(words), 1);
    if (document_parse(ran.output, strlen(ran.output), &json, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(document_number(json, "errors", 0), 1);
    assert_int_equal(document_number(json_array_get(json_object_get(json, "problems"), 0), "line", 0), 3);
    free(words);
    unlink(good);
    unlink(bad);
    rmdir(directory);
    free(good);
    free(bad);
}

static void test_events(void **state)
{
    (void)state;
    assert_int_equal(
        RUN_WITH("events --since 7", {"GET /v1/events ", "Last-Event-ID: 7\r\n", "200 OK",
                                      ": trestle\nretry: 1000\n\nid: 8\nevent: vm\ndata: {\"id\":8,\"type\":\"vm\","
                                      "\"object\":\"c2\",\"text\":\"started\"}\n\nevent: lost\ndata: {\"text\":\"3\"}\n\n"}),
        1);
    assert_string_equal(ran.output, "vm c2: started\nlost: 3\n");
    expect_in(ran.errors, "ended the stream");
    assert_int_equal(RUN_WITH("events", {"GET /v1/events ", NULL, "403 Forbidden", "{\"detail\":\"you may not\"}"}), 1);
    assert_string_equal(ran.errors, "trestle: events: you may not\n");
}

static void test_console_refused(void **state)
{
    (void)state;
    assert_int_equal(RUN_WITH("console c2", {"GET /v1/vms/c2/console ", "Upgrade: trestle-console\r\n", "409 Conflict",
                                             "{\"detail\":\"somebody else is at the console\"}"}),
                     1);
    assert_string_equal(ran.errors, "trestle: console: somebody else is at the console\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_topology),
        cmocka_unit_test(test_no_control_characters),
        cmocka_unit_test(test_strange_answers),
        cmocka_unit_test(test_define),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_console_refused),
    };
    int result;

    setenv("TRESTLE_SOCKET", "/nonexistent/trestle.sock", 1);
    result = cmocka_run_group_tests(tests, NULL, NULL);
    forget_run();
    return result;
}
