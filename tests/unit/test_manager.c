/* Who holds an interface, out of /run and /proc of a made-up host. links: manager model base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "manager/manager.h"

#define SELF 50

static char root[] = "/tmp/test-manager-XXXXXX";
static struct manager_claim claim;

static void put_data(const char *path, const void *data, size_t size)
{
    char *full = memory_format("%s/%s", root, path), *directory = memory_string(full);
    struct error err;

    *strrchr(directory, '/') = 0;
    assert_int_equal(file_make_directory(directory, 0755, &err), 0);
    assert_int_equal(file_write(full, data, size, 0644, false, &err), 0);
    free(directory);
    free(full);
}

static void put(const char *path, const char *text)
{
    put_data(path, text, strlen(text));
}

static void put_link(const char *path, const char *target)
{
    char *full = memory_format("%s/%s", root, path), *directory = memory_string(full);
    struct error err;

    *strrchr(directory, '/') = 0;
    assert_int_equal(file_make_directory(directory, 0755, &err), 0);
    unlink(full);
    assert_int_equal(symlink(target, full), 0);
    free(directory);
    free(full);
}

/* words: as in /proc/PID/cmdline, with its NULs. */
static void process(int pid, int parent, const char *name, const char *namespace, const char *words, size_t size)
{
    char path[64], text[64];

    snprintf(path, sizeof(path), "proc/%d/comm", pid);
    snprintf(text, sizeof(text), "%s\n", name);
    put(path, text);
    snprintf(path, sizeof(path), "proc/%d/status", pid);
    snprintf(text, sizeof(text), "Name:\t%s\nPid:\t%d\nPPid:\t%d\n", name, pid, parent);
    put(path, text);
    snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
    put_data(path, words, size);
    snprintf(path, sizeof(path), "proc/%d/ns/net", pid);
    put_link(path, namespace);
}
#define PROCESS(pid, parent, name, namespace, words) process(pid, parent, name, namespace, words, sizeof(words))

static bool held(const char *interface, int index)
{
    struct manager_list list;
    bool is_held;

    manager_read(root, (const pid_t[]){SELF, 0}, &list);
    is_held = manager_find(&list, interface, index, &claim);
    manager_clear(&list);
    return is_held;
}

static int setup(void **state)
{
    (void)state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    assert_non_null(mkdtemp(root));
    put_link("proc/self/ns/net", "net:[1]");
    PROCESS(1, 0, "systemd", "net:[1]", "/sbin/init");
    PROCESS(SELF, 1, "trestled", "net:[1]", "trestled");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return file_remove(root, NULL);
}

static void an_empty_host_has_no_managers(void **state)
{
    (void)state;
    assert_false(held("eth0", 2));
}

static void networkmanager_holds_what_it_manages(void **state)
{
    (void)state;
    put("run/NetworkManager/devices/2", "[device]\nconnection-uuid=4dbb\nmanaged=true\nnm-owned=false\n");
    put("run/NetworkManager/devices/3", "[device]\nmanaged=false\n");
    put("run/NetworkManager/devices/rubbish", "managed=true\n");
    assert_false(held("eth0", 2)); /* it does not run: what it left there holds nothing */
    PROCESS(700, 1, "NetworkManager", "net:[1]", "NetworkManager");
    assert_true(held("eth0", 2));
    assert_string_equal(claim.name, "NetworkManager");
    assert_non_null(strstr(claim.cure, "nmcli device set eth0 managed no"));
    assert_false(held("eth1", 3));
    assert_false(held("eth2", 4));
    assert_false(held("eth2", 0));
    assert_false(held("lo", 2));
}

static void managers_of_other_namespaces_say_nothing(void **state)
{
    (void)state;
    put("run/NetworkManager/devices/2", "[device]\nmanaged=true\n");
    put("run/systemd/netif/links/2", "ADMIN_STATE=configured\n");
    put("run/network/ifstate", "eth0=eth0\n");
    PROCESS(700, 1, "NetworkManager", "net:[2]", "NetworkManager");
    PROCESS(701, 1, "systemd-network", "net:[2]", "systemd-networkd");
    PROCESS(702, 1, "dhclient", "net:[2]", "dhclient\0eth0");
    PROCESS(1, 0, "systemd", "net:[2]", "/sbin/init");
    assert_false(held("eth0", 2));
}

static void networkd_holds_what_it_has_a_file_for(void **state)
{
    (void)state;
    PROCESS(701, 1, "systemd-network", "net:[1]", "systemd-networkd");
    put("run/systemd/netif/links/2",
        "# This is private data. Do not parse.\nADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/lan.network\n");
    put("run/systemd/netif/links/3", "ADMIN_STATE=unmanaged\n");
    put("run/systemd/netif/links/4", "ADMIN_STATE=configuring\nNETWORK_FILE=/run/systemd/network/10-netplan-eth4.network\n");
    put("run/systemd/netif/links/5", "ADMIN_STATE=pending\n");
    assert_true(held("eth0", 2));
    assert_string_equal(claim.name, "systemd-networkd");
    assert_non_null(strstr(claim.cure, "Name=eth0"));
    assert_non_null(strstr(claim.cure, "Unmanaged=yes"));
    assert_false(held("eth3", 3));
    assert_true(held("eth4", 4));
    assert_string_equal(claim.name, "netplan (by systemd-networkd)");
    assert_non_null(strstr(claim.cure, "netplan apply"));
    assert_false(held("eth5", 5));
}

static void ifupdown_holds_what_it_brought_up(void **state)
{
    (void)state;
    put("run/network/ifstate", "lo=lo\neth0=home\n=\n");
    assert_true(held("eth0", 7));
    assert_string_equal(claim.name, "ifupdown");
    assert_non_null(strstr(claim.cure, "/etc/network/interfaces"));
    assert_false(held("lo", 1));
    assert_false(held("home", 8));
    put("etc/network/ifupdown2/ifupdown2.conf", "");
    assert_true(held("eth0", 7));
    assert_string_equal(claim.name, "ifupdown2");
}

static void a_dhcp_client_holds_the_interface_among_its_words(void **state)
{
    (void)state;
    PROCESS(800, 1, "dhclient", "net:[1]", "/sbin/dhclient\0-4\0-pf\0/run/dhclient.eth0.pid\0eth0");
    PROCESS(801, 1, "udhcpc", "net:[1]", "udhcpc\0-ieth1\0-f");
    PROCESS(802, 1, "dhcpcd", "net:[1]", "dhcpcd: eth2 [ip4]");
    PROCESS(803, 1, "udhcpc", "net:[1]", "udhcpc\0--interface=eth3");
    PROCESS(804, 1, "sleep", "net:[1]", "sleep\0eth4");
    PROCESS(805, SELF, "dhcpcd", "net:[1]", "dhcpcd\0eth5");
    PROCESS(806, 805, "dhcpcd", "net:[1]", "dhcpcd: eth5 [ip4]");
    assert_true(held("eth0", 2));
    assert_string_equal(claim.name, "dhclient (pid 800)");
    assert_non_null(strstr(claim.cure, "kill 800"));
    assert_true(held("eth1", 3));
    assert_true(held("eth2", 4));
    assert_true(held("eth3", 5));
    assert_false(held("eth4", 6));
    assert_false(held("eth5", 7)); /* trestle's own */
}

static void the_manager_counts_before_its_client(void **state)
{
    (void)state;
    put("run/NetworkManager/devices/2", "[device]\nmanaged=true\n");
    PROCESS(700, 1, "NetworkManager", "net:[1]", "NetworkManager");
    PROCESS(60, 700, "dhclient", "net:[1]", "dhclient\0eth0");
    assert_true(held("eth0", 2));
    assert_string_equal(claim.name, "NetworkManager");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_host_has_no_managers, setup, teardown),
        cmocka_unit_test_setup_teardown(networkmanager_holds_what_it_manages, setup, teardown),
        cmocka_unit_test_setup_teardown(managers_of_other_namespaces_say_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(networkd_holds_what_it_has_a_file_for, setup, teardown),
        cmocka_unit_test_setup_teardown(ifupdown_holds_what_it_brought_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dhcp_client_holds_the_interface_among_its_words, setup, teardown),
        cmocka_unit_test_setup_teardown(the_manager_counts_before_its_client, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
