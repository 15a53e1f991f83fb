/* What the API does to and says of a VM's NICs. links: api model config base */
#include "test_api_fixture.h"

static void test_attach(void **state)
{
    CLEANUP(document_freep) json_t *json = NULL, *refused = NULL;

    (void)state;
    fake.at_once = true;
    assert_int_equal(
        ask("POST", "/v1/vms/c2/nics",
            "{\"nic\":\"net0\",\"type\":\"bridge\",\"source\":\"br0\",\"model\":\"e1000\",\"vhost\":\"off\",\"link\":\"down\"}",
            &json),
        201);
    assert_string_equal(fake.called, "attach c2 live");
    assert_string_equal(fake.attached.bridge, "br0");
    assert_int_equal(fake.attached.model, NIC_E1000);
    assert_int_equal(fake.attached.vhost, VHOST_OFF);
    assert_false(fake.attached.link);
    assert_string_equal(document_string(json, "interface", ""), "c2-net0");
    assert_true(document_boolean(json, "live", false));
    assert_int_equal(ask("POST", "/v1/vms/c2/nics", "{\"colour\":\"red\"}", &refused), 400);
    assert_non_null(strstr(document_string(refused, "detail", ""), "colour"));
    assert_int_equal(ask("POST", "/v1/vms/c2/nics", "{\"nic\":\"../net0\"}", NULL), 400);
}

static void test_detach(void **state)
{
    static const char *const wrong[] = {"x", "", "-1", "1e9", "nan", "20s"};

    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("DELETE", "/v1/vms/c2/nics/net0", "", NULL), 200);
    assert_string_equal(fake.called, "detach c2 net0 live 20");
    assert_int_equal(ask("DELETE", "/v1/vms/c2/nics/net0?timeout=0.5", "", NULL), 200);
    assert_string_equal(fake.called, "detach c2 net0 live 0.5");
    fake.called[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        char *path = memory_format("/v1/vms/c2/nics/net0?timeout=%s", wrong[i]);

        assert_int_equal(ask("DELETE", path, "", NULL), 400);
        free(path);
    }
    assert_string_equal(fake.called, "");
}

/* virsh's four words. */
static void test_scopes(void **state)
{
    static const struct {
        const char *words, *on, *off;
    } cases[] = {
        {"", "live", "live"},
        {"live", "live", "live"},
        {"config", "config", "config"},
        {"live config", "live+config", "live+config"},
        {"current", "live", "config"},
        {"persistent", "live+config", "config"},
        {"persistent live", "live+config", "live+config"},
    };

    (void)state;
    fake.at_once = true;
    for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
        const char *words = cases[i / 2].words, *where = i % 2 ? cases[i / 2].off : cases[i / 2].on;
        struct text body = {0}, query = {0};
        CLEANUP(freep) char *attach = memory_format("attach c2 %s", where);
        CLEANUP(freep) char *detach = memory_format("detach c2 net0 %s 20", where);
        CLEANUP(freep) char *copy = memory_string(words);
        struct vm *running = fake.running;
        char *save = NULL;

        for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
            text_format(&body, ",\"%s\":true", word);
            text_format(&query, "&%s=1", word);
        }
        CLEANUP(freep) char *post = memory_format("{\"source\":\"br0\"%s}", body.data ? body.data : "");
        CLEANUP(freep) char *path = memory_format("/v1/vms/c2/nics/net0?x=1%s", query.data ? query.data : "");
        fake.running = i % 2 ? NULL : running;
        ask("POST", "/v1/vms/c2/nics", post, NULL);
        assert_string_equal(fake.called, attach);
        ask("DELETE", path, "", NULL);
        assert_string_equal(fake.called, detach);
        fake.running = running;
        text_clear(&body);
        text_clear(&query);
    }
}

static void test_scopes_that_exclude_each_other(void **state)
{
    CLEANUP(document_freep) json_t *json = NULL;

    (void)state;
    assert_int_equal(ask("POST", "/v1/vms/c2/nics", "{\"source\":\"br0\",\"current\":true,\"live\":true}", &json), 400);
    assert_string_equal(document_string(json, "detail", ""), "live and current are mutually exclusive");
    assert_int_equal(ask("DELETE", "/v1/vms/c2/nics/net0?current=1&config=1", "", NULL), 400);
    assert_int_equal(ask("DELETE", "/v1/vms/c2/nics/net0?current=1&persistent=1", "", NULL), 400);
    assert_int_equal(ask("POST", "/v1/vms/c2/nics", "{\"source\":\"br0\",\"live\":1}", NULL), 400);
    assert_string_equal(fake.called, "");
}

/* The answer is of where it was changed, with what speaks against its working. */
static void test_attach_into_the_file(void **state)
{
    CLEANUP(document_freep) json_t *json = NULL;

    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("POST", "/v1/vms/c2/nics", "{\"source\":\"br0\",\"config\":true,\"queues\":\"auto\"}", &json), 201);
    assert_string_equal(fake.called, "attach c2 config");
    assert_int_equal(fake.attached.queues, 0);
    assert_string_equal(document_string(json, "nic", ""), "net1");
    assert_false(document_boolean(json, "live", true));
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "warnings"), 0)), "bridge-nf-call-iptables is 1");
    assert_int_equal(ask("POST", "/v1/vms/c2/nics", "{\"source\":\"br0\",\"trunk\":\"0-5000\"}", NULL), 400);
}

static bool states(const char *key)
{
    return option_is_set(option_find(OPTION_NIC, NULL, key, NULL), &fake.attached);
}

static void test_update(void **state)
{
    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("PATCH", "/v1/vms/c2/nics/net0",
                         "{\"source\":\"br1\",\"vlan\":null,\"inbound\":\"1000,,5\",\"outbound\":\"0\",\"link\":\"down\"}", NULL),
                     200);
    assert_string_equal(fake.called, "update c2 net0 live");
    assert_string_equal(fake.attached.name, "net0");
    assert_string_equal(fake.attached.bridge, "br1");
    assert_true(states("Bridge") && states("VLAN") && states("Inbound") && states("Outbound") && states("Link"));
    assert_false(states("MTU") || states("Trunk") || states("MAC") || states("Queues"));
    assert_int_equal(fake.attached.vlan, 0);
    assert_int_equal(fake.attached.inbound.burst, 5);
    assert_false(fake.attached.link);
    assert_int_equal(ask("PATCH", "/v1/vms/c2/nics/net1", "{\"mtu\":9000,\"config\":true}", NULL), 200);
    assert_string_equal(fake.called, "update c2 net1 config");
    fake.called[0] = '\0';
    assert_int_equal(ask("PATCH", "/v1/vms/c2/nics/net0", "{}", NULL), 400);
    assert_int_equal(ask("PATCH", "/v1/vms/c2/nics/net0", "{\"live\":true}", NULL), 400);
    assert_int_equal(ask("PATCH", "/v1/vms/c2/nics/net0", "{\"nic\":\"net7\",\"mtu\":9000}", NULL), 400);
    assert_int_equal(ask("PATCH", "/v1/vms/c2/nics/net0", "{\"mtu\":\"x\"}", NULL), 400);
    assert_string_equal(fake.called, "");
    fake.result = -EOPNOTSUPP;
    assert_int_equal(ask("PATCH", "/v1/vms/c2/nics/net0", "{\"model\":\"e1000\"}", NULL), 501);
}

/* A guest that does not let go: its machine is reset, and then it is waited for once more. */
static void test_detach_by_force(void **state)
{
    struct client client = client_open();

    (void)state;
    client_ask(&client, "DELETE", "/v1/vms/c2/nics/net0?force=1&timeout=3&live=1&config=1", "");
    wait_for_call("detach c2 net0 live+config 3");
    fake_finish(-ETIMEDOUT, "the guest did not answer");
    wait_for_call("power c2 5");
    fake_finish(0, NULL);
    wait_for_call("detach c2 net0 live 5"); /* the least behind a reset */
    fake_finish(-ENOENT, "no such NIC");
    assert_int_equal(client_answer(&client, NULL), 200);
    client_ask(&client, "DELETE", "/v1/vms/c2/nics/net0?force=1", "");
    wait_for_call("detach c2 net0 live 20");
    fake_finish(-ETIMEDOUT, "the guest did not answer");
    wait_for_call("power c2 5");
    fake_finish(-EIO, "no reset");
    assert_int_equal(client_answer(&client, NULL), 500);
    client_ask(&client, "DELETE", "/v1/vms/c2/nics/net0", "");
    wait_for_call("detach c2 net0 live 20");
    fake_finish(-ETIMEDOUT, "the guest did not answer");
    assert_int_equal(client_answer(&client, NULL), 504);
    client_ask(&client, "DELETE", "/v1/vms/c2/nics/net0?force=1", "");
    wait_for_call("detach c2 net0 live 20");
    client_close(&client); /* who forces and goes away gets no reset */
    while (fake.done) {
        turn();
        fake_finish(-ETIMEDOUT, "the guest did not answer");
    }
}

static json_t *get(const char *path)
{
    json_t *json = NULL;

    assert_int_equal(ask("GET", path, "", &json), 200);
    return json;
}

static void test_stated(void **state)
{
    CLEANUP(document_freep) json_t *list = get("/v1/vms/c2/nics?config=1");

    (void)state;
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(document_string(json_array_get(list, 0), "nic", ""), "net1");
}

static void test_statistics(void **state)
{
    CLEANUP(document_freep) json_t *json = get("/v1/vms/c2/nics/net0/statistics");

    (void)state;
    assert_string_equal(document_string(json, "interface", ""), "c2-net0");
    assert_int_equal(document_number(json, "rx_bytes", 0), 5); /* what the TAP sent */
    assert_int_equal(document_number(json, "rx_packets", 0), 6);
    assert_int_equal(document_number(json, "rx_errors", 0), 7);
    assert_int_equal(document_number(json, "rx_dropped", 0), 8);
    assert_int_equal(document_number(json, "tx_bytes", 0), 1);
    assert_int_equal(document_number(json, "tx_dropped", 0), 4);
    assert_int_equal(ask("GET", "/v1/vms/c2/nics/net1/statistics", "", NULL), 404); /* only in the file */
    assert_int_equal(ask("GET", "/v1/vms/c3/nics/net0/statistics", "", NULL), 404);
    fake.running->nics[0].type = NIC_USER;
    assert_int_equal(ask("GET", "/v1/vms/c2/nics/net0/statistics", "", NULL), 501);
}

static void test_neighbours(void **state)
{
    CLEANUP(document_freep) json_t *list = get("/v1/vms/c2/addresses");
    const json_t *nic = json_array_get(list, 0), *addresses = json_object_get(nic, "addresses");

    (void)state;
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(document_string(nic, "mac", ""), "52:54:00:00:00:11");
    assert_string_equal(document_string(json_array_get(addresses, 0), "address", ""), "10.0.0.7");
    assert_string_equal(document_string(json_array_get(addresses, 1), "address", ""), "fe80::7");
    assert_string_equal(document_string(json_array_get(addresses, 1), "family", ""), "ipv6");
    assert_int_equal(ask("GET", "/v1/vms/c2/addresses?source=lease", "", NULL), 501);
    assert_int_equal(ask("GET", "/v1/vms/c2/addresses?source=dns", "", NULL), 400);
    assert_int_equal(ask("GET", "/v1/vms/c3/addresses", "", NULL), 404);
    fake.result = -EIO;
    assert_int_equal(ask("GET", "/v1/vms/c2/addresses", "", NULL), 500); /* not known is not none */
    vm_free(TAKE_POINTER(fake.running));
    assert_int_equal(ask("GET", "/v1/vms/c2/addresses", "", NULL), 409);
}

static int ask_agent(const char *value, json_t **ret_json)
{
    struct client client = client_open();
    CLEANUP(document_freep) json_t *json = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    struct error err = {0};
    int status;

    fake.called[0] = '\0';
    client_ask(&client, "GET", "/v1/vms/c2/addresses?source=agent", "");
    while (strcmp(fake.called, "agent guest-network-get-interfaces"))
        turn();
    error_set(&err, EBUSY, "the agent does not answer");
    test.agent_answer(test.agent_context, json, value ? NULL : &err);
    status = client_answer(&client, ret_json);
    client_close(&client);
    return status;
}

static void test_agent(void **state)
{
    CLEANUP(document_freep) json_t *list = NULL, *odd = NULL;
    const json_t *address;

    (void)state;
    assert_int_equal(ask_agent("[{\"name\":\"lo\"},{\"name\":\"eth0\",\"hardware-address\":\"52:54:00:00:00:11\","
                               "\"ip-addresses\":[{\"ip-address\":\"10.0.0.7\",\"ip-address-type\":\"ipv4\",\"prefix\":24}]}]",
                               &list),
                     200);
    assert_int_equal(json_array_size(list), 2);
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "mac")));
    address = json_array_get(json_object_get(json_array_get(list, 1), "addresses"), 0);
    assert_string_equal(document_string(address, "address", ""), "10.0.0.7");
    assert_int_equal(document_number(address, "prefix", 0), 24);
    assert_int_equal(ask_agent("[1,{\"name\":2,\"ip-addresses\":[3,{}]}]", &odd), 200);
    assert_int_equal(ask_agent("\"no\"", NULL), 200);
    assert_int_equal(ask_agent(NULL, NULL), 409);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_attach, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_detach, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scopes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scopes_that_exclude_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_attach_into_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_update, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_detach_by_force, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_statistics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_neighbours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_agent, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
