/* One NIC's section of a VM file changed, and nothing else in it. links: config model base */
#include "config_dump.h"

#include "base/error.h"
#include "config/config_internal.h"
#include "model/convert.h"

static void set(struct nic *nic, const char *key, const char *value)
{
    struct error err;
    if (option_parse(option_find(OPTION_NIC, NULL, key, NULL), nic, value, &err) < 0)
        fail_msg("%s=%s: %s", key, value, err.text);
}

/* "Bridge=br0 MTU=9000" */
static struct nic nic_of(const char *words)
{
    struct vm *vm = vm_new("x");
    struct nic nic;
    char *copy = memory_string(words), *save = NULL;
    nic_copy(vm_add_nic(vm, "net0"), &nic);
    vm_free(vm);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        set(&nic, word, value);
    }
    free(copy);
    return nic;
}

static char *write_nic(const char *text, const char *name, const char *words)
{
    struct nic nic = nic_of(words ? words : "");
    struct error err = {0};
    char *changed = NULL;
    if (config_vm_write_nic(text, name, words ? &nic : NULL, &changed, &err) < 0)
        changed = memory_format("error: %s", err.text);
    nic_clear(&nic);
    return changed;
}

static void expect(const char *text, const char *name, const char *words, const char *wanted)
{
    CLEANUP(freep) char *changed = write_nic(text, name, words);
    assert_string_equal(changed, wanted);
}

static void test_replaced_in_place(void **state)
{
    (void)state;
    expect("# c2\n[vm]\nMemory=1G\n[nic net0] # first\n  Bridge = br0   # the uplink\n# old: MTU=1400\nMTU=1500\nColour=red\n\n"
           "[nic net1]\nBridge=br1\n",
           "net0", "Bridge=br7 MTU=9000",
           "# c2\n[vm]\nMemory=1G\n[nic net0] # first\n  Bridge = br7   # the uplink\n# old: MTU=1400\nMTU=9000\nColour=red\n\n"
           "[nic net1]\nBridge=br1\n");
    expect("[nic net0]\nBridge=br0\nVLAN=010 # ten\n", "net0", "Bridge=br0 VLAN=10", "[nic net0]\nBridge=br0\nVLAN=010 # ten\n");
    expect("[nic net0]\nBridge=br0\nMTU= # none\n", "net0", "Bridge=br0 MTU=9000", "[nic net0]\nBridge=br0\nMTU= 9000 # none\n");
    expect("[nic net0]\nBridge=br0\nMTU=1400\nMTU=1500\n", "net0", "Bridge=br0 MTU=9000",
           "[nic net0]\nBridge=br0\nMTU=1400\nMTU=9000\n");
    expect("[nic net0]\nBridge=br0\nTrunk=10,\\\n\\\n20\n[vm]\n", "net0", "Bridge=br0 Trunk=5",
           "error: nic net0: line 3: Trunk wants VLANs from 1 to 4094 like 10,20-29, not \"10,  20\"");
}

static void test_added_and_removed(void **state)
{
    (void)state;
    expect("[nic net0]\nBridge=br0\n\n# of the display\n[display]\nVNC=none\n", "net0", "Bridge=br0 Inbound=1000,,5 Link=down",
           "[nic net0]\nBridge=br0\nInbound=1000,,5\nLink=down\n\n# of the display\n[display]\nVNC=none\n");
    expect("[nic net0]\nBridge=br0\nMTU=1500\nMTU=9000\nVLAN=7", "net0", "Bridge=br0", "[nic net0]\nBridge=br0\n");
    expect("[nic net0]\nBridge=br0", "net0", "Bridge=br0 MTU=1500", "[nic net0]\nBridge=br0\nMTU=1500\n");
    expect("[nic net0]\r\nBridge=br0\r\n", "net0", "Bridge=br0 MTU=1500", "[nic net0]\r\nBridge=br0\r\nMTU=1500\r\n");
    expect("[nic net0]\n", "net0", "Bridge=br0", "error: nic net0: line 1: nic net0: Bridge= is missing");
    expect("[nic net0]\nType=user\n[vm]\n", "net0", "Bridge=br0", "[nic net0]\nBridge=br0\n[vm]\n");
    /* a value that goes on in the next line, which is a comment */
    expect("[nic net0]\nBridge=br0\\\n # on\n[vm]\n", "net0", "Bridge=br0 MTU=1500",
           "[nic net0]\nBridge=br0\\\n # on\nMTU=1500\n[vm]\n");
    expect("[nic net0]\nBridge=br0\\\n # on\n[vm]\n", "net0", "Bridge=br1", "[nic net0]\nBridge=br1\n[vm]\n");
}

static void test_sections(void **state)
{
    (void)state;
    expect("[vm]\nMemory=1G\n", "net0", "Bridge=br0 Queues=auto Model=virtio",
           "[vm]\nMemory=1G\n\n[nic net0]\nBridge=br0\nModel=virtio\nQueues=auto\n");
    expect("", "net0", "Bridge=br0", "[nic net0]\nBridge=br0\n");
    expect("[vm] # no more", "net0", "Bridge=br0", "[vm] # no more\n\n[nic net0]\nBridge=br0\n");
    expect("[vm]\n\n[nic net0]\nBridge=br0\n# and this\n\n# display\n[display]\n", "net0", NULL, "[vm]\n\n# "
        "display\n[display]\n");
    expect("[vm]\n\n[nic net0]\nBridge=br0\n", "net0", NULL, "[vm]\n");
    expect("[nic net0]\nBridge=br0\nColour=red\n# of net1\n[nic net1]\nType=user\n", "net0", NULL,
           "# of net1\n[nic net1]\nType=user\n");
    expect("[vm]\n", "net0", NULL, "error: nic net0: the VM's file has no such NIC");
    expect("[disk net0]\nFile=/x\n", "net0", "Bridge=br0",
           "error: nic net0: line 4: net0 is the name of the section in line 1 already");
    expect("[vm]\nMemory=much\n", "net0", "Bridge=br0",
           "error: nic net0: line 2: Memory wants a size from 1M to 64T, e.g. 512M or 2G, not \"much\"");
    expect("[vm]\n", "a]\n[vm", "Bridge=br0",
           "error: nic: the name \"a]?[vm\" contains something else than letters, digits, '_', '.' and '-'");
    expect("[vm]\n", "net0", "Bridge=br0 Model=e1000 Queues=4", "error: nic net0: line 6: Queues=4 wants Model=virtio, "
        "not e1000");
}

/* A MAC that was made up has no bit, and is to stay; a derived Target is made anew. */
static void test_what_was_made_up(void **state)
{
    (void)state;
    struct nic nic = nic_of("Bridge=br0");
    struct error err;
    char *changed = NULL;
    nic_complete(&nic, "c2", 0x010203);
    assert_int_equal(config_vm_write_nic("[vm]\n", "net0", &nic, &changed, &err), 0);
    assert_string_equal(changed, "[vm]\n\n[nic net0]\nBridge=br0\nMAC=52:54:00:01:02:03\n");
    free(changed);
    nic_clear(&nic);
    nic = nic_of("Bridge=br0 VLAN=10 Trunk=20 Inbound=1");
    option_reset(option_find(OPTION_NIC, NULL, "VLAN", NULL), &nic);
    option_reset(option_find(OPTION_NIC, NULL, "Trunk", NULL), &nic);
    option_reset(option_find(OPTION_NIC, NULL, "Inbound", NULL), &nic);
    assert_int_equal(config_vm_write_nic("[nic net0]\nBridge=br0\nVLAN=5\nTrunk=6\n", "net0", &nic, &changed, &err), 0);
    assert_string_equal(changed, "[nic net0]\nBridge=br0\nInbound=0\n");
    free(changed);
    nic_clear(&nic);
}

/* Any NIC into any file: it reads back, again is no change, and all the rest stays. */

static const char *const files[] = {
    "",
    "[vm]\n",
    "[vm]\r\nMemory=1G # much\r\n\r\n[nic net0]\r\nBridge=br9 # x\r\nMAC=52:54:00:00:00:01\r\n\r\n[display]\r\nVNC=none\r\n",
    "# c2\n\n[disk vda]\nFile=\"/images/a b.img\"\n# nic\n[nic net0]\n; nothing yet\nType=user\n\n# display\n[display]\n\n\n",
    "[nic net1]\nBridge=br1\n[nic net0]\n Bridge = \"br0\"\nMTU=1400\nMTU=\nVLAN=7\\\n\nInbound=1,2,3 # in\nFoo=bar\n# end",
    "\xef\xbb\xbf[nic net0]\nBridge=br0\nTrunk=1-9 \nQueues=2\n[vm]\nVCPUs=2",
    "[nic net0] \nBridge=br0\n[nic net1]\nModel=e1000\nBridge=br0\n",
};

static struct {
    const char *key, *values[4];
} const choices[] = {
    {"Bridge", {"br0", "br1", "a-bridge-of-15c", "x#y"}}, {"Model", {"virtio", "e1000", "rtl8139", "vmxnet3"}},
    {"MAC", {"52:54:00:00:00:11", "52:54:00:00:00:12", "02:00:00:00:00:01", "52:54:00:aa:bb:cc"}},
    {"Target", {"t0", "c2-net0", "tap7", "x\"y"}},         {"Vhost", {"auto", "on", "off", "on"}},
    {"Queues", {"auto", "1", "auto", "1"}},               {"VLAN", {"1", "10", "4094", "7"}},
    {"Trunk", {"10", "10,20-29", "1-4094", "5,6,7"}},     {"MTU", {"68", "1400", "9000", "65535"}},
    {"Isolated", {"yes", "no", "yes", "no"}},             {"Inbound", {"1000", "1000,2000", "1000,,512", "0"}},
    {"Outbound", {"1", "1,2,3", "1,,3", "0"}},            {"Link", {"up", "down", "up", "down"}},
};

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static struct nic any_nic(uint32_t *seed)
{
    struct nic nic = nic_of("Bridge=br0");
    for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
        if (draw(seed) % 2)
            set(&nic, choices[i].key, choices[i].values[draw(seed) % 4]);
    return nic;
}

/* The VM without net0, without lines. */
static json_t *rest_of(const char *text)
{
    struct problems problems = {0};
    struct vm *vm = config_vm("c2.vm", text, &problems);
    assert_non_null(vm);
    vm_remove_nic(vm, "net0");
    for (size_t i = 0; i < vm->nic_count; i++)
        vm->nics[i].line = 0;
    for (size_t i = 0; i < vm->disk_count; i++)
        vm->disks[i].line = 0;
    json_t *json = vm_to_json(vm);
    vm_free(vm);
    problems_clear(&problems);
    return json;
}

static void check_rest(const char *before, const char *after)
{
    CLEANUP(document_freep) json_t *one = rest_of(before), *two = rest_of(after);
    assert_true(json_equal(one, two));
}

static void check_nic(const char *text, const struct nic *wanted)
{
    struct problems problems = {0};
    struct vm *vm = config_vm("c2.vm", text, &problems);
    assert_non_null(vm);
    const struct nic *nic = vm_find_nic(vm, "net0");
    assert_non_null(nic);
    for (const struct option *row = option_table; row < option_table + option_count; row++)
        if (row->scope == OPTION_NIC && (!option_same(row, nic, wanted) || option_is_set(row, nic) != option_is_set(row, wanted)))
            fail_msg("%s is not what was written into:\n%s", row->key, text);
    vm_free(vm);
    problems_clear(&problems);
}

static void test_any_nic_into_any_file(void **state)
{
    uint32_t seed = 1;
    (void)state;
    for (size_t i = 0; i < 4000; i++) {
        const char *before = files[i % ARRAY_SIZE(files)];
        struct nic nic = any_nic(&seed);
        CLEANUP(freep) char *after = NULL, *again = NULL, *without = NULL;
        struct error err = {0};
        if (config_vm_write_nic(before, "net0", &nic, &after, &err) < 0)
            fail_msg("%s in:\n%s", err.text, before);
        check_nic(after, &nic);
        check_rest(before, after);
        assert_int_equal(config_vm_write_nic(after, "net0", &nic, &again, &err), 0);
        assert_string_equal(after, again);
        assert_int_equal(config_vm_write_nic(after, "net0", NULL, &without, &err), 0);
        check_rest(before, without);
        assert_null(strstr(without, "[nic net0]"));
        nic_clear(&nic);
    }
}

static void test_autostart(void **state)
{
    static const char *const cases[][3] = {
        {"[vm]\nMemory=1G\n\n[nic a]\nType=user\n", "[vm]\nMemory=1G\nAutostart=yes\n\n[nic a]\nType=user\n", NULL},
        {"[vm]\nAutostart=no # never\nMemory=1G\n", "[vm]\nAutostart=yes # never\nMemory=1G\n", "[vm]\nMemory=1G\n"},
        {"", "[vm]\nAutostart=yes\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(freep) char *on = NULL, *off = NULL;
        struct error err = {0};
        assert_int_equal(config_vm_write_autostart(cases[i][0], true, &on, &err), 0);
        assert_string_equal(on, cases[i][1]);
        assert_int_equal(config_vm_write_autostart(cases[i][0], false, &off, &err), 0);
        assert_string_equal(off, cases[i][2] ? cases[i][2] : cases[i][0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replaced_in_place), cmocka_unit_test(test_added_and_removed),
        cmocka_unit_test(test_sections),          cmocka_unit_test(test_what_was_made_up),
        cmocka_unit_test(test_any_nic_into_any_file), cmocka_unit_test(test_autostart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
