/* links: api model config base */
#include "test_api_fixture.h"

#include "api/api_internal.h"
#include "base/file.h"

/* routes */

/* Of docs/openapi.yaml: paths stand two places from the left, methods four. */
static void read_paths(char *text, struct text *ret_lines)
{
    char path[300] = "", *save = NULL;
    bool inside = false;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char word[200];

        if (line[0] != ' ' && line[0] != '#')
            inside = !strcmp(line, "paths:");
        else if (inside && sscanf(line, "  /%198[^:]:", word) == 1 && line[2] == '/')
            snprintf(path, sizeof(path), "/%s", word);
        else if (inside && !strncmp(line, "    ", 4) && sscanf(line + 4, "%20[a-z]:", word) == 1 && line[4] != ' ' &&
                 strcmp(word, "parameters"))
            text_format(ret_lines, "%s %s\n", word, path);
    }
}

static void test_routes_and_openapi_agree(void **state)
{
    struct text documented = {0}, routed = {0};
    struct error err = {0};
    char *yaml = NULL;

    (void)state;
    if (file_read(AT_FDCWD, TRESTLE_SOURCE_DIR "/docs/openapi.yaml", 1 << 20, &yaml, NULL, &err) < 0)
        fail_msg("%s", err.text);
    read_paths(yaml, &documented);
    for (size_t i = 0; i < api_route_count; i++) {
        char line[200];

        snprintf(line, sizeof(line), "%s %s\n",
                 !strcmp(api_routes[i].method, "GET")     ? "get"
                 : !strcmp(api_routes[i].method, "POST")  ? "post"
                 : !strcmp(api_routes[i].method, "PATCH") ? "patch"
                                                          : "delete",
                 api_routes[i].path);
        text_add(&routed, line);
        if (!documented.data || !strstr(documented.data, line))
            fail_msg("docs/openapi.yaml lacks %s", line);
        assert_true(api_routes[i].access == API_READ || !strcmp(api_routes[i].path, "/v1/vms/{vm}/console") ||
                    strcmp(api_routes[i].method, "GET"));
        assert_true(*api_routes[i].help);
    }
    for (char *save = NULL, *line = strtok_r(documented.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (!strstr(routed.data, line))
            fail_msg("docs/openapi.yaml has %s, the route table has not", line);
    text_clear(&documented);
    text_clear(&routed);
    free(yaml);
}

static void expect_match(const char *method, const char *path, enum api_match expected, const char *pattern, const char *first,
                         const char *second)
{
    const struct api_route *route = NULL;
    char *arguments[API_ARGUMENTS] = {NULL}, *allowed = NULL;

    assert_int_equal(api_route_match(method, path, &route, arguments, &allowed), expected);
    if (expected == API_MATCH)
        assert_string_equal(route->path, pattern);
    if (expected == API_NO_SUCH_METHOD)
        assert_string_equal(allowed, pattern);
    if (first)
        assert_string_equal(arguments[0], first);
    if (second)
        assert_string_equal(arguments[1], second);
    free(arguments[0]);
    free(arguments[1]);
    free(allowed);
}

static void test_matching(void **state)
{
    (void)state;
    expect_match("GET", "/v1/vms", API_MATCH, "/v1/vms", NULL, NULL);
    expect_match("HEAD", "/v1/vms", API_MATCH, "/v1/vms", NULL, NULL);
    expect_match("DELETE", "/v1/vms/c2/nics/net1", API_MATCH, "/v1/vms/{vm}/nics/{nic}", "c2", "net1");
    expect_match("POST", "/v1/vms/start/start", API_MATCH, "/v1/vms/{vm}/start", "start", NULL);
    expect_match("PUT", "/v1/vms", API_NO_SUCH_METHOD, "GET, POST", NULL, NULL);
    expect_match("GET", "/v1/vms/", API_NO_SUCH_PATH, NULL, NULL, NULL);
    expect_match("GET", "/v1/vms//nics", API_NO_SUCH_PATH, NULL, NULL, NULL);
    expect_match("GET", "/v1/vms/c2/", API_NO_SUCH_PATH, NULL, NULL, NULL);
    expect_match("GET", "/v1/vms/c2/nics/net1/more", API_NO_SUCH_PATH, NULL, NULL, NULL);
    expect_match("GET", "/v1", API_NO_SUCH_PATH, NULL, NULL, NULL);
    expect_match("GET", "", API_NO_SUCH_PATH, NULL, NULL, NULL);
    expect_match("GET", "/", API_NO_SUCH_PATH, NULL, NULL, NULL);
}

/* what is shown */

static json_t *get(const char *path)
{
    json_t *json = NULL;

    assert_int_equal(ask("GET", path, "", &json), 200);
    return json;
}

static void test_status(void **state)
{
    CLEANUP(document_freep) json_t *all = get("/v1/status");
    CLEANUP(document_freep) json_t *one = get("/v1/status?name=br9");
    CLEANUP(document_freep) json_t *vm = get("/v1/status?name=c2");

    (void)state;
    assert_string_equal(document_string(all, "version", ""), "1.2.3");
    assert_int_equal(json_array_size(json_object_get(all, "troubles")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(all, "troubles"), 1)), "second trouble");
    assert_string_equal(json_string_value(json_array_get(json_object_get(all, "warnings"), 0)), "bridge-nf-call-iptables is 1");
    assert_int_equal(json_array_size(json_object_get(all, "interfaces")), 4);
    assert_int_equal(json_array_size(json_object_get(one, "interfaces")), 1);
    assert_string_equal(document_string(json_array_get(json_object_get(one, "interfaces"), 0), "state", ""), "missing");
    assert_string_equal(document_string(json_array_get(json_object_get(vm, "vms"), 0), "state", ""), "running");
    assert_int_equal(ask("GET", "/v1/status?name=nobody", "", NULL), 404);
}

static void test_interfaces(void **state)
{
    CLEANUP(document_freep) json_t *up = get("/v1/interfaces");
    CLEANUP(document_freep) json_t *all = get("/v1/interfaces?all=1");
    CLEANUP(document_freep) json_t *br0 = get("/v1/interfaces/br0");

    (void)state;
    assert_int_equal(json_array_size(up), 2);
    assert_int_equal(json_array_size(all), 4);
    assert_string_equal(document_string(br0, "owner", ""), "trestle");
    assert_string_equal(document_string(br0, "reason", ""), "br0, says the test");
    assert_true(document_boolean(br0, "wanted", false));
    assert_int_equal(ask("GET", "/v1/interfaces/none", "", NULL), 404);
    assert_true(json_is_null(json_object_get(br0, "held_by")));
    assert_true(json_is_object(json_object_get(br0, "stated")));
}

static void test_an_interface_is_brought_up_and_taken_down(void **state)
{
    json_t *answer = NULL;

    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("POST", "/v1/interfaces/System%20eth0/start", "", &answer), 200);
    assert_string_equal(fake.called, "ifup System eth0");
    assert_string_equal(document_string(answer, "interface", ""), "eth0");
    assert_true(json_is_array(json_object_get(answer, "steps")));
    document_free(answer);
    assert_int_equal(ask("POST", "/v1/interfaces/eth0/destroy", "", NULL), 200);
    assert_string_equal(fake.called, "ifdown eth0");
    fake.result = -ENOENT;
    assert_int_equal(ask("POST", "/v1/interfaces/eth9/destroy", "", NULL), 404);
}

static void test_bridging(void **state)
{
    json_t *answer = NULL;

    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("POST", "/v1/interfaces/eth0/bridge",
                         "{\"bridge\": \"br0\", \"stp\": true, \"delay\": 4, \"confirm\": 30, \"check\": [\"10.0.0.1\", \"::1\"]}", &answer), 200);
    assert_non_null(strstr(fake.called, "bridge eth0 br0 stp=1 delay=4 start=1 force=0 preview=0 "));
    assert_string_equal(document_string(answer, "report", ""), "moved nothing");
    assert_int_equal(json_array_size(json_object_get(answer, "warnings")), 2);
    document_free(answer);
    assert_int_equal(ask("POST", "/v1/interfaces/br0/unbridge", "{\"start\": false}", NULL), 200);
    assert_non_null(strstr(fake.called, "unbridge  br0 stp=0 delay=0 start=0 force=0 preview=0 confirm=0"));
    fake.called[0] = '\0';
    assert_int_equal(ask("POST", "/v1/interfaces/eth0/bridge", "{}", NULL), 400);
    assert_int_equal(ask("POST", "/v1/interfaces/eth0/bridge", "{\"bridge\": \"br0\", \"delay\": -1}", NULL), 400);
    assert_int_equal(ask("POST", "/v1/interfaces/eth0/bridge", "{\"bridge\": \"br0\", \"check\": [\"here\"]}", NULL), 400);
    assert_int_equal(ask("POST", "/v1/interfaces/eth0/bridge", "{\"bridge\": \"a-name-too-long-for-one\"}", NULL), 400);
    assert_string_equal(fake.called, "");
}

static void test_topology(void **state)
{
    CLEANUP(document_freep) json_t *json = get("/v1/topology");
    json_t *roots = json_object_get(json, "interfaces"), *port;

    (void)state;
    assert_int_equal(json_array_size(roots), 2);
    assert_string_equal(document_string(json_array_get(roots, 0), "name", ""), "br0");
    port = json_array_get(json_object_get(json_array_get(roots, 0), "ports"), 0);
    assert_string_equal(document_string(port, "vm", ""), "c2");
    assert_string_equal(document_string(port, "nic", ""), "net0");
    assert_string_equal(document_string(port, "nic_state", ""), "plugged");
    assert_string_equal(document_string(port, "owner", ""), "trestle");
}

static void test_vms(void **state)
{
    CLEANUP(document_freep) json_t *list = get("/v1/vms");
    CLEANUP(document_freep) json_t *vm = get("/v1/vms/c2");
    CLEANUP(document_freep) json_t *off = NULL, *all = NULL;

    (void)state;
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(document_number(json_array_get(list, 0), "pid", 0), 4711);
    assert_int_equal(json_array_size(json_object_get(vm, "nics")), 2);
    assert_int_equal(document_number(vm, "free_slots", -1), 26);
    assert_int_equal(document_number(vm, "free_conventional_slots", -1), 25);
    vm_free(TAKE_POINTER(fake.running));
    off = get("/v1/vms");
    all = get("/v1/vms?all=1");
    assert_int_equal(json_array_size(off), 0);
    assert_string_equal(document_string(json_array_get(all, 0), "state", ""), "shut off");
    assert_string_equal(document_string(json_array_get(all, 0), "reason", ""), "guest powered off");
    assert_true(json_is_null(json_object_get(json_array_get(all, 0), "pid")));
    assert_int_equal(ask("GET", "/v1/vms/c3", "", NULL), 404);
}

static void test_nics(void **state)
{
    CLEANUP(document_freep) json_t *list = get("/v1/vms/c2/nics");
    const json_t *stated = json_array_get(list, 0), *live = json_array_get(list, 1);

    (void)state;
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(document_string(stated, "nic", ""), "net1");
    assert_false(document_boolean(stated, "live", true));
    assert_true(document_boolean(stated, "config", false));
    assert_string_equal(document_string(live, "nic", ""), "net0");
    assert_true(document_boolean(live, "live", false));
    assert_false(document_boolean(live, "config", true));
    assert_string_equal(document_string(live, "vhost_reason", ""), "no /dev/vhost-net");
    assert_int_equal(ask("GET", "/v1/vms/c3/nics", "", NULL), 404);
}

static void test_plan(void **state)
{
    CLEANUP(document_freep) json_t *plan = get("/v1/plan");
    const json_t *problem = json_array_get(json_object_get(plan, "problems"), 0);

    (void)state;
    assert_int_equal(document_number(plan, "changes", 0), 1);
    assert_int_equal(document_number(problem, "line", 0), 3);
    assert_true(document_boolean(problem, "warning", false));
    assert_false(document_boolean(plan, "refused", true));
    document_free(plan);
    fake.refused = true;
    plan = get("/v1/plan");
    fake.refused = false;
    assert_true(document_boolean(plan, "refused", false));
}

static void test_metrics(void **state)
{
    struct client client = client_open();

    (void)state;
    client_ask(&client, "GET", "/metrics", "");
    client_expect(&client, "trestle_api_connections");
    client_expect(&client, "trestle_build_info{version=\"1.2.3\"} 1\n");
    client_expect(&client, "trestle_interfaces{owner=\"trestle\"} 2\n");
    client_expect(&client, "trestle_vms{state=\"running\"} 1\n");
    client_expect(&client, "trestle_nics{state=\"plugged\"} 1\n");
    client_expect(&client, "trestle_plan_changes 1\n");
    client_expect(&client, "trestle_troubles 2\n");
    client_close(&client);
}

/* what is changed */

static void test_apply(void **state)
{
    struct client client = client_open();
    CLEANUP(document_freep) json_t *json = NULL;

    (void)state;
    plan_add(&fake.plan, STEP_LINK_CREATE, "br0", "create bridge br0");
    client_ask(&client, "POST", "/v1/apply", "{\"repair\": false}");
    wait_for_call("apply repair=0 confirm=0");
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200); /* the loop is free meanwhile */
    fake_finish(0, NULL);
    assert_int_equal(client_answer(&client, &json), 200);
    assert_int_equal(document_number(json, "changes", 0), 1);
    client_ask(&client, "GET", "/v1/vms", ""); /* the connection goes on */
    assert_int_equal(client_answer(&client, NULL), 200);
    client_close(&client);
}

static void test_apply_that_ends_at_once(void **state)
{
    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("POST", "/v1/apply", "", NULL), 200);
    assert_string_equal(fake.called, "apply repair=1 confirm=0");
}

static void test_apply_with_problems(void **state)
{
    CLEANUP(document_freep) json_t *json = NULL;

    (void)state;
    fake.at_once = true;
    problems_add(&fake.problems, false, "ifcfg-br0", 7, 2, "DELAY wants a number");
    assert_int_equal(ask("POST", "/v1/apply", "{}", &json), 422);
    assert_string_equal(document_string(json, "file", ""), "ifcfg-br0");
    assert_int_equal(document_number(json, "line", 0), 7);
    assert_int_equal(json_array_size(json_object_get(json, "problems")), 1);
}

static void test_errors_have_their_status(void **state)
{
    static const struct {
        int code, status;
    } cases[] = {{ENOENT, 404}, {EEXIST, 409}, {EBUSY, 409},      {EINVAL, 400},    {ERANGE, 400},
                 {ESHUTDOWN, 409}, {ESRCH, 409}, {EPERM, 403},  {EACCES, 403}, {EOPNOTSUPP, 501}, {ETIMEDOUT, 504}, {EIO, 500}};

    (void)state;
    fake.at_once = true;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *json = NULL;

        fake.result = -cases[i].code;
        assert_int_equal(ask("POST", "/v1/vms/c2/start", "", &json), cases[i].status);
        assert_int_equal(document_number(json, "status", 0), cases[i].status);
        assert_string_equal(document_string(json, "detail", ""), "it went wrong");
        assert_true(strcmp(document_string(json, "title", "Error"), "Error"));
        document_free(json);
    }
}

static void test_power(void **state)
{
    static const char *const verbs[] = {"start", "destroy", "shutdown", "suspend", "resume", "reset"};

    (void)state;
    fake.at_once = true;
    for (int i = 0; i < (int)ARRAY_SIZE(verbs); i++) {
        char *path = memory_format("/v1/vms/c2/%s", verbs[i]), *called = memory_format("power c2 %d", i);

        assert_int_equal(ask("POST", path, "", NULL), 200);
        assert_string_equal(fake.called, called);
        free(path);
        free(called);
    }
}

static void test_define(void **state)
{
    CLEANUP(document_freep) json_t *json = NULL, *wrong = NULL;

    (void)state;
    assert_int_equal(ask("POST", "/v1/vms", "{\"name\":\"c9\",\"text\":\"[vm]\\nMemory=512M\\nKernel=/boot/vmlinuz\\n\"}", &json),
                     201);
    assert_string_equal(fake.called, "define c9 38");
    assert_true(document_boolean(json, "created", false));
    assert_int_equal(
        ask("POST", "/v1/vms", "{\"name\":\"c9\",\"file\":\"/tmp/c9.vm\",\"text\":\"[vm]\\nMemory=much\\n\"}", &wrong), 400);
    assert_string_equal(document_string(wrong, "file", ""), "/tmp/c9.vm");
    assert_int_equal(document_number(wrong, "line", 0), 2);
    assert_int_equal(ask("POST", "/v1/vms", "{\"name\":\"../c9\",\"text\":\"\"}", NULL), 400);
    assert_int_equal(ask("POST", "/v1/vms", "{\"name\":\"c9\"}", NULL), 400);
    assert_int_equal(ask("POST", "/v1/vms", "{\"name\":\"c9\",\"text\":\"\",\"more\":1}", NULL), 400);
}

static void test_create(void **state)
{
    CLEANUP(document_freep) json_t *json = NULL;

    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("POST", "/v1/vms", "{\"name\":\"c2\",\"text\":\"[vm]\\n\",\"transient\":true}", &json), 201);
    assert_string_equal(fake.called, "create c2 without a file");
    assert_string_equal(document_string(json, "state", ""), "running");
    assert_int_equal(ask("POST", "/v1/vms", "{\"name\":\"c9\",\"text\":\"[vm]\\nX\",\"transient\":true}", NULL), 400);
    assert_int_equal(ask("POST", "/v1/vms", "{\"name\":\"c9\",\"text\":\"\",\"transient\":1}", NULL), 400);
    fake.result = -EEXIST;
    assert_int_equal(ask("POST", "/v1/vms", "{\"name\":\"c2\",\"text\":\"\",\"transient\":true}", NULL), 409);
}

static void test_autostart(void **state)
{
    static const char text[] = "[vm]\nMemory=1G # enough\n";
    CLEANUP(freep) char *path = memory_format("%s/c2.vm", test.directory);
    struct error err;

    (void)state;
    assert_int_equal(ask("PATCH", "/v1/vms/c2", "{\"autostart\":true}", NULL), 404); /* its file is not there */
    assert_int_equal(file_write(path, text, strlen(text), 0644, false, &err), 0);
    assert_int_equal(ask("PATCH", "/v1/vms/c2", "{\"autostart\":true}", NULL), 200);
    assert_string_equal(fake.called, "define c2 38"); /* with Autostart=yes */
    assert_int_equal(ask("PATCH", "/v1/vms/c2", "{\"memory\":1}", NULL), 400);
    assert_int_equal(ask("PATCH", "/v1/vms/c2", "{}", NULL), 400);
    assert_int_equal(ask("PATCH", "/v1/vms/c3", "{\"autostart\":true}", NULL), 404);
    vm_free(TAKE_POINTER(fake.defined));
    assert_int_equal(ask("PATCH", "/v1/vms/c2", "{\"autostart\":true}", NULL), 400);
    unlink(path);
}

static void test_define_beside_others(void **state)
{
    CLEANUP(document_freep) json_t *json = NULL;

    (void)state;
    text_mac("52:54:00:00:00:11", fake.defined->nics[0].mac);
    assert_int_equal(ask("POST", "/v1/vms",
                         "{\"name\":\"c9\",\"text\":\"[vm]\\nKernel=/boot/vmlinuz\\n[nic net0]\\nBridge=br0\\n"
                         "MAC=52:54:00:00:00:11\\n\"}",
                         &json),
                     400);
    assert_int_equal(json_array_size(json_object_get(json, "problems")), 1);
    assert_string_equal(fake.called, "");
}

static void test_undefine(void **state)
{
    (void)state;
    assert_int_equal(ask("DELETE", "/v1/vms/c2", "", NULL), 200);
    assert_string_equal(fake.called, "undefine c2");
    fake.result = -ENOENT;
    assert_int_equal(ask("DELETE", "/v1/vms/c3", "", NULL), 404);
}

/* what is refused */

static void test_wrong_paths_and_methods(void **state)
{
    struct client client = client_open();
    json_t *json = NULL;

    (void)state;
    assert_int_equal(ask("GET", "/v2", "", NULL), 404);
    assert_int_equal(ask("GET", "/v1/vms/%ff%1b", "", &json), 404);
    assert_true(json_is_string(json_object_get(json, "detail")));
    document_free(json);
    assert_int_equal(ask("GET", "/v1/status?name=%ff", "", &json), 404);
    assert_true(json_is_string(json_object_get(json, "detail")));
    document_free(json);
    client_ask(&client, "PATCH", "/v1/vms", "");
    client_expect(&client, "Allow: GET, POST\r\n");
    assert_int_equal(client_answer(&client, NULL), 405);
    client_close(&client);
}

static void test_wrong_bodies(void **state)
{
    CLEANUP(document_freep) json_t *json = NULL;

    (void)state;
    assert_int_equal(ask("POST", "/v1/apply", "{\"repair\": ", &json), 400);
    assert_int_equal(ask("POST", "/v1/apply", "[]", NULL), 400);
    assert_int_equal(ask("POST", "/v1/apply", "{\"repair\": 1}", NULL), 400);
    assert_int_equal(ask("POST", "/v1/apply", "{\"what\": 1}", NULL), 400);
    assert_int_equal(ask("POST", "/v1/apply", "{\"confirm\": -1}", NULL), 400);
    assert_int_equal(ask("POST", "/v1/apply", "{\"confirm\": 86401}", NULL), 400);
    assert_string_equal(fake.called, "");
}

static void test_big_bodies(void **state)
{
    struct client client = client_open();
    char *piece = memory_new(65536 + 1);

    (void)state;
    memset(piece, 'x', 65536);
    client_send(&client, "POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n");
    assert_int_equal(client_answer(&client, NULL), 413);
    client_close(&client);
    client = client_open();
    client_send(&client, "POST /v1/apply HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 40; i++) {
        client_send(&client, "10000\r\n");
        client_send(&client, piece);
        client_send(&client, "\r\n");
    }
    client_send(&client, "0\r\n\r\n");
    assert_int_equal(client_answer(&client, NULL), 413);
    client_close(&client);
    assert_string_equal(fake.called, "");
    free(piece);
}

static void test_garbage(void **state)
{
    struct client client = client_open();

    (void)state;
    client_send(&client, "\x16\x03\x01 this is no HTTP\r\n\r\n\r\n");
    client_expect_end(&client);
    client_close(&client);
    assert_int_equal(ask("GET", "/v1/vms", "", NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_and_openapi_agree),
        cmocka_unit_test_setup_teardown(test_an_interface_is_brought_up_and_taken_down, set_up, tear_down),
        cmocka_unit_test(test_matching),
        cmocka_unit_test_setup_teardown(test_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interfaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bridging, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_topology, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_apply, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_apply_that_ends_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_apply_with_problems, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_have_their_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_power, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_define, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_create, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_autostart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_define_beside_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_undefine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_paths_and_methods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_big_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_garbage, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
