/* NAME.vm -> struct vm and back, and trestle.conf. links: config model base */
#include "config_dump.h"

#include "config/config_internal.h"
#include "model/convert.h"

static const char whole[] =
    "[vm]\n"
    "Memory=1G\nVCPUs=2\nMaxVCPUs=8\nSockets=2\nCores=2\nThreads=2\nMachine=pc-q35-7.2\nCPU=host\n"
    "Accel=kvm\nBoot=cdrom,disk\nKernel=/boot/vmlinuz\nInitrd=\"/boot/init rd #1\"\n"
    "Append=\"console=ttyS0 a=\\\"b # c\\\" d\\\\\"\nAutostart=yes\n"
    "UUID=f81d4fae-7dec-11d0-a765-00a0c91e6bf6\n"
    "\n[disk vda]\nFile=/images/cos.qcow2\nBus=ide\nMedia=cdrom\nFormat=qcow2\nCache=none\nReadOnly=yes\n"
    "\n[disk fd0]\nBus=floppy\n"
    "\n[nic net0]\nType=bridge\nBridge=br0\nModel=virtio\nMAC=52:54:00:00:00:11\nTarget=c2-net0\nVhost=on\n"
    "Queues=4\nVLAN=10\nTrunk=10,20-29\nMTU=9000\nIsolated=yes\nInbound=1000,2000,512\nOutbound=1000,,5\n"
    "Link=down\n"
    "\n[nic net1]\nType=user\n"
    "\n[nic net2]\nType=ethernet\n"
    "\n[display]\nVNC=127.0.0.1:1\nVGA=cirrus\n";

/* The file's text as trestle would write it, then the problems. The caller frees it. */
static char *dump(const char *path, const char *file)
{
    struct problems problems = {0};
    struct text text = {0};
    struct vm *vm = config_vm(path, file, &problems);
    if (vm) {
        CLEANUP(freep) char *written = config_vm_text(vm);
        text_add(&text, written);
    }
    dump_problems(&text, &problems);
    vm_free(vm);
    problems_clear(&problems);
    return text_take(&text);
}

static void test_a_whole_file_comes_back(void **state)
{
    (void)state;
    struct problems problems = {0};
    struct vm *vm = config_vm("/x/c2.vm", whole, &problems);
    assert_int_equal(problems.count, 0);
    assert_string_equal(vm->name, "c2");
    assert_string_equal(vm->append, "console=ttyS0 a=\"b # c\" d\\");
    assert_string_equal(vm->initrd, "/boot/init rd #1");
    assert_int_equal(vm->memory, UINT64_C(1) << 30);
    assert_int_equal(vm->nics[0].inbound.burst, 512);
    assert_false(vm->nics[0].link);
    assert_int_equal(vm->nics[0].line, 29);
    assert_true(vm->nics[0].config);
    CLEANUP(freep) char *text = config_vm_text(vm);
    assert_string_equal(text, whole);
    struct vm *again = config_vm("/x/c2.vm", text, &problems);
    json_t *one = vm_to_json(vm), *two = vm_to_json(again);
    assert_true(json_equal(one, two));
    json_decref(one);
    json_decref(two);
    vm_free(vm);
    vm_free(again);
}

static void test_defaults(void **state)
{
    (void)state;
    struct problems problems = {0};
    struct vm *vm = config_vm("c2.vm", "[vm]\n[nic net0]\nBridge=br0\n[disk vda]\nFile=/x\n", &problems);
    assert_int_equal(problems.count, 0);
    assert_int_equal(vm->memory, 512 << 20);
    assert_int_equal(vm->vcpus, 1);
    assert_string_equal(vm->machine, "pc");
    assert_int_equal(vm->nics[0].model, NIC_VIRTIO);
    assert_int_equal(vm->nics[0].queues, 1);
    assert_true(vm->nics[0].link);
    assert_true(nic_mac_is_unset(&vm->nics[0]));
    assert_int_equal(vm->disks[0].bus, DISK_VIRTIO);
    assert_string_equal(vm->vnc, "none");
    vm_free(vm);
}

struct vm_case {
    const char *text, *result;
};

static void test_what_is_said(void **state)
{
    (void)state;
    static const struct vm_case cases[] = {
        {"", "[vm]\nc2.vm:1:1: warning: the file is empty: the VM has nothing but defaults\n"},
        {"[vm]\nMemory=\n", "[vm]\n"},
        {"[nic a]\nBridge=br0\nInbound=0,5\n", "[vm]\n\n[nic a]\nBridge=br0\nInbound=0\n"},
        {"[vm]\nMemory=lots # of it\n", "c2.vm:2:8: Memory wants a size from 1M to 64T, e.g. 512M or 2G, not \"lots\"\n"},
        {"[vm]\nMemroy=1G\n", "[vm]\nc2.vm:2:1: warning: unknown key Memroy; did you mean Memory?\n"},
        {"[vm]\nVCPUs=1\nVCPUs=2\n", "[vm]\nVCPUs=2\nc2.vm:3:1: warning: VCPUs stands in line 2 already; this one counts\n"},
        {"[vm]\n[vm]\n", "c2.vm:2:1: [vm] stands in line 1 already\n"},
        {"[nics net0]\n", "c2.vm:1:1: unknown section \"nics net0\"; there are [vm], [disk NAME], [nic NAME] and [display]\n"},
        {"[nic]\n", "c2.vm:1:1: [nic NAME]: the name \"\" is empty\n"},
        {"[nic a/b]\n",
         "c2.vm:1:1: [nic NAME]: the name \"a/b\" contains something else than letters, digits, '_', '.' and '-'\n"},
        {"[disk 0]\n", "c2.vm:1:1: [disk NAME]: the name \"0\" does not begin with a letter\n"},
        {"[nic a]\nBridge=b\n[disk a]\nFile=/x\n", "c2.vm:3:1: a is the name of the section in line 1 already\n"},
        {"\n[nic net0]\nModel=e1000\n", "c2.vm:2:1: nic net0: Bridge= is missing\n"},
        {"[nic net0]\nType=user\nBridge=br0\n",
         "[vm]\n\n[nic net0]\nType=user\nBridge=br0\nc2.vm:3:1: warning: Bridge has no effect with Type=user\n"},
        {"[nic net0]\nBridge=br0\nModel=ne2000\n", "c2.vm:3:7: Model wants virtio, e1000, e1000e, rtl8139, ne2k_pci, pcnet, "
                                                   "i82551, i82557b, i82559er or vmxnet3, not \"ne2000\"\n"},
        {"[nic net0]\nBridge=br0\nMAC=01:00:5e:00:00:01\n",
         "c2.vm:3:5: MAC wants the MAC address of one interface (an even first byte: 52, not 53), not \"01:00:5e:00:00:01\"\n"},
        {"[nic a]\nBridge=br0\nMAC=52:54:00:00:00:01\nTarget=t\n[nic b]\nBridge=br0\nMAC=52:54:00:00:00:01\nTarget=t\n",
         "c2.vm:5:1: nic b: MAC=52:54:00:00:00:01 is that of nic a already\nc2.vm:5:1: nic b: Target=t is that of nic a "
         "already\n"},
        {"[nic a]\nType=user\nInbound=10\n",
         "c2.vm:3:9: Inbound=10 has no effect with Type=user: it has no interface on the host: leave it out, or use Type=bridge\n"},
        {"[nic a]\nType=ethernet\nTarget=tapx\nIsolated=no\nInbound=0\nTrunk=5\n",
         "c2.vm:6:7: Trunk=5 has no effect with Type=ethernet: its TAP is looked after by whoever made it: set it there, or use "
         "Type=bridge\n"},
        {"[nic a]\nBridge=br0\nQueues=2\nModel=e1000\n", "c2.vm:3:8: Queues=2 wants Model=virtio, not e1000\n"},
        {"[nic a]\nBridge=br0\nTrunk=10,\n", "c2.vm:3:7: Trunk wants VLANs from 1 to 4094 like 10,20-29, not \"10,\"\n"},
        {"[nic a]\nBridge=br0\nTrunk=20-10\n", "c2.vm:3:7: Trunk wants VLANs from 1 to 4094 like 10,20-29, not \"20-10\"\n"},
        {"[nic a]\nBridge=br0\nTrunk=1-4095\n", "c2.vm:3:7: Trunk wants VLANs from 1 to 4094 like 10,20-29, not \"1-4095\"\n"},
        {"[disk vda]\nBus=virtio\n", "c2.vm:1:1: disk vda: File= is missing\n"},
        {"[disk vda]\nFile=x.img\n", "c2.vm:2:6: File wants an absolute path, not \"x.img\"\n"},
        {"[vm]\nAppend=quiet\n", "c2.vm:2:1: Append wants a Kernel= to go with\n"},
        {"[vm]\nMachine=virt\n", "c2.vm:2:9: Machine wants pc, q35, or a version of either like pc-q35-7.2, not \"virt\"\n"},
        {"[vm]\nMachine=pc-q35-7.2,x=y\n",
         "c2.vm:2:9: Machine wants pc, q35, or a version of either like pc-q35-7.2, not \"pc-q35-7.2,x=y\"\n"},
        {"[vm]\nBoot=cdrom,dsik\n",
         "c2.vm:2:6: Boot wants disk, cdrom, network or floppy, separated by commas, not \"cdrom,dsik\"\n"},
        {"[display]\nVNC=here\n", "c2.vm:2:5: VNC wants HOST:NUMBER like 127.0.0.1:1, unix:/PATH, or none, not \"here\"\n"},
        {"[display]\nVNC=:1,password\n",
         "c2.vm:2:5: VNC wants HOST:NUMBER like 127.0.0.1:1, unix:/PATH, or none, not \":1,password\"\n"},
        {"Memory=1G\n[vm]\nfoo\n",
         "c2.vm:1:1: stands before the first [section]\nc2.vm:3:1: wants Key=Value or [section], not \"foo\"\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(freep) char *result = dump("c2.vm", cases[i].text);
        if (strcmp(result, cases[i].result) != 0)
            fail_msg("of: %s\nis:\n%swants:\n%s", cases[i].text, result, cases[i].result);
    }
}

static void test_topology(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
        unsigned max;
    } cases[] = {
        {"VCPUs=2\nMaxVCPUs=4\nSockets=2\nCores=2", NULL, 4}, /* qemu-kvm -smp 2,maxcpus=4,sockets=2,cores=2 */
        {"VCPUs=1\nMaxVCPUs=2\nSockets=1\nCores=2", NULL, 2},
        {"VCPUs=4", NULL, 0},
        {"VCPUs=2\nSockets=2\nCores=2", NULL, 4},
        {"MaxVCPUs=8\nCores=2", NULL, 8},
        {"MaxVCPUs=7\nCores=2", "Sockets × Cores × Threads is 1 × 2 × 1, which does not make MaxVCPUs=7", 0},
        {"MaxVCPUs=16\nSockets=2\nCores=2\nThreads=2",
         "Sockets × Cores × Threads is 2 × 2 × 2, which does not make MaxVCPUs=16", 0},
        {"VCPUs=3\nMaxVCPUs=2", "VCPUs=3 is more than the 2 of MaxVCPUs", 0},
        {"VCPUs=5\nSockets=2\nCores=2", "VCPUs=5 is more than the 4 of Sockets × Cores × Threads", 0},
        {"Sockets=4096\nCores=4096\nThreads=4096\nMaxVCPUs=1",
         "Sockets × Cores × Threads is 4096 × 4096 × 4096, which does not make MaxVCPUs=1", 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct problems problems = {0};
        CLEANUP(freep) char *text = memory_format("[vm]\n%s\n", cases[i].text);
        struct vm *vm = config_vm("c2.vm", text, &problems);
        if (!text_equal(problems.count ? problems.items[0].text : NULL, cases[i].error))
            fail_msg("%s: %s", cases[i].text, problems.count ? problems.items[0].text : "fine");
        if (vm)
            assert_int_equal(vm->max_vcpus, cases[i].max);
        vm_free(vm);
        problems_clear(&problems);
    }
}

static void test_names_of_vms(void **state)
{
    (void)state;
    CLEANUP(freep) char *hidden = dump("/x/.c2.vm", "[vm]\n"), *blank = dump("/x/a b.vm", "[vm]\n");
    assert_string_equal(hidden, "/x/.c2.vm: the VM's name, \".c2\", begins with '.' or '-'\n");
    assert_string_equal(blank,
                        "/x/a b.vm: the VM's name, \"a b\", contains something else than letters, digits, '_', '.' and '-'\n");
}

/* The VM that comes later in the list is blamed, wherever the two lie in memory. */
static void check_across_vms(bool swapped)
{
    static const char *const texts[] = {"[nic n0]\nBridge=br0\nMAC=52:54:00:00:00:01\nTarget=t0\n[nic n1]\nBridge=br0\n",
                                        "[vm]\n[nic n0]\nBridge=br0\nMAC=52:54:00:00:00:01\n[nic n1]\nBridge=br0\nTarget=t0\n"};
    struct problems problems = {0};
    struct text text = {0};
    struct vm *pair = memory_new(2 * sizeof(*pair)), *vms[2];
    for (size_t i = 0; i < 2; i++) {
        struct vm *read = config_vm(i ? "b.vm" : "a.vm", texts[i], &problems);
        vms[i] = &pair[swapped ? 1 - i : i];
        *vms[i] = *read; /* the struct alone is moved; vm_free takes it from the copy that it gets back below */
        free(read);
    }
    config_check_vms(vms, 2, &problems);
    dump_problems(&text, &problems);
    assert_string_equal(text.data, "b.vm:2:1: vm b: nic n0: MAC=52:54:00:00:00:01 is that of vm a, nic n0, already\n"
                                   "b.vm:5:1: vm b: nic n1: Target=t0 is that of vm a, nic n0, already\n");
    for (size_t i = 0; i < 2; i++)
        vm_free(memory_copy(vms[i], sizeof(**vms)));
    free(pair);
    text_clear(&text);
    problems_clear(&problems);
}

static void test_checks_across_vms(void **state)
{
    (void)state;
    check_across_vms(false);
    check_across_vms(true);
}

static void test_settings(void **state)
{
    (void)state;
    static const struct vm_case cases[] = {
        {"", "repair ovs=unix:/run/openvswitch/db.sock\n"},
        {"[network]\nDirectory=/a\nDirectory=/b c # d\nRepair=no\n[vm]\nDirectory=/v\n[qemu]\nBinary=qemu-kvm\nUser=u\n[ovs]\n"
         "Database=unix:/x\n[api]\nGroup=g\nReadOnlyGroup=r\n",
         "network=/a network=/b c vm=/v qemu=qemu-kvm user=u ovs=unix:/x group=g readers=r\n"},
        {"[network]\nDirectory=a\nRepair=perhaps\n", "repair ovs=unix:/run/openvswitch/db.sock\n"
                                                     "f:3:8: Repair wants yes or no, not \"perhaps\"\n"
                                                     "f:2:11: Directory wants an absolute path, not \"a\"\n"},
        {"[ovs]\nDatabase=tcp:1.2.3.4:6640\n",
         "repair ovs=tcp:1.2.3.4:6640\nf:2:10: Database wants unix: and the path of a socket, not \"tcp:1.2.3.4:6640\"\n"},
        {"[nework]\nRepair=no\n",
         "repair ovs=unix:/run/openvswitch/db.sock\nf:1:1: warning: unknown section \"nework\"; did you mean [network]?\n"},
        {"[network]\nRepiar=no\n",
         "repair ovs=unix:/run/openvswitch/db.sock\nf:2:1: warning: unknown key Repiar; did you mean Repair?\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct problems problems = {0};
        struct settings settings = {0};
        struct text text = {0};
        option_set_defaults(OPTION_SETTINGS, &settings);
        settings_parse("f", cases[i].text, strlen(cases[i].text), &settings, &problems);
        for (size_t j = 0; j < settings.network_directory_count; j++)
            text_format(&text, "network=%s ", settings.network_directories[j]);
        text_format(&text, "%s%s%s", settings.repair ? "repair " : "", settings.vm_directory ? "vm=" : "",
                    settings.vm_directory ? settings.vm_directory : "");
        if (settings.qemu_binary)
            text_format(&text, " qemu=%s user=%s ", settings.qemu_binary, settings.qemu_user);
        text_format(&text, "ovs=%s", settings.ovs_database);
        if (settings.api_group)
            text_format(&text, " group=%s readers=%s", settings.api_group, settings.api_read_only_group);
        text_add(&text, "\n");
        dump_problems(&text, &problems);
        if (strcmp(text.data, cases[i].result) != 0)
            fail_msg("of: %s\nis:\n%swants:\n%s", cases[i].text, text.data, cases[i].result);
        text_clear(&text);
        settings_clear(&settings);
        problems_clear(&problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_file_comes_back), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_what_is_said),            cmocka_unit_test(test_topology),
        cmocka_unit_test(test_names_of_vms),            cmocka_unit_test(test_checks_across_vms),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
