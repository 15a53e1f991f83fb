/* Does the host eat what its bridges forward, and which rules name a NIC? Against real nft and iptables. links: filter model base */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "filter/filter.h"
#include "model/move.h"

#define CALL_IPTABLES "/proc/sys/net/bridge/bridge-nf-call-iptables"
#define CALL_IP6TABLES "/proc/sys/net/bridge/bridge-nf-call-ip6tables"

static bool lacking; /* something of one test: the others have run */
static char warning[1024];

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) > 0;

    if (fd >= 0)
        close(fd);
    return written;
}

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static bool has(const char *command)
{
    char line[600];

    snprintf(line, sizeof(line), "%s >/dev/null 2>&1", command);
    if (system(line) == 0)
        return true;
    printf("not tested, because it fails here: %s\n", command);
    lacking = true;
    return false;
}

static int setup(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET) < 0) {
        printf("skipped: no network namespace can be had: %s\n", strerror(errno));
        exit(77);
    }
    if (!write_text(CALL_IPTABLES, "1") || !write_text(CALL_IP6TABLES, "1")) {
        printf("skipped: br_netfilter: %s: %s\n", CALL_IPTABLES, strerror(errno));
        exit(77);
    }
    return 0;
}

static int ask(const char *bridge)
{
    struct error err = {0};
    int result = filter_warning(bridge, warning, sizeof(warning), &err);

    if (result < 0)
        fail_msg("%s", err.text);
    if (result > 0)
        assert_null(strchr(warning, '\n'));
    return result;
}

static void assert_warned(const char *part)
{
    assert_int_equal(ask("br0"), 1);
    if (!strstr(warning, part))
        fail_msg("not in the warning: %s: %s", part, warning);
}

/* The command that a warning ends with. */
static void follow_advice(void)
{
    char *command = strrchr(warning, ':');

    assert_non_null(command);
    run(command + 1);
}

static void nothing_there(void **state)
{
    (void)state;
    assert_int_equal(ask("br0"), 0);
    assert_int_equal(ask(NULL), 0);
}

static void iptables_by_nft(void **state)
{
    (void)state;
    if (!has("iptables-nft -P FORWARD DROP"))
        return;
    assert_int_equal(ask("br0"), 1);
    assert_string_equal(warning,
                        "packets of bridged VMs will be dropped: net.bridge.bridge-nf-call-iptables is 1, so they pass the "
                        "host's firewall, and the chain FORWARD of the table ip filter has the policy drop (Docker sets that): "
                        "keep them out of the firewall by: sysctl -w net.bridge.bridge-nf-call-iptables=0; or let them pass it "
                        "by: iptables -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT");
    assert_true(write_text(CALL_IPTABLES, "0"));
    assert_int_equal(ask("br0"), 0);
    assert_true(write_text(CALL_IPTABLES, "1"));
    assert_int_equal(ask("br0"), 1);
    run("iptables-nft -P FORWARD ACCEPT");
    assert_int_equal(ask("br0"), 0);
    run("iptables-nft -P FORWARD DROP; iptables-nft -I FORWARD -m physdev ! --physdev-is-bridged -j ACCEPT");
    assert_int_equal(ask("br0"), 1);
    run("iptables-nft -I FORWARD -p tcp -m physdev --physdev-is-bridged -j ACCEPT");
    assert_int_equal(ask("br0"), 1);
    run("iptables-nft -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT");
    assert_int_equal(ask("br0"), 0);
}

static void ip6tables_by_nft(void **state)
{
    (void)state;
    if (!has("ip6tables-nft -P FORWARD DROP"))
        return;
    assert_warned("IPv6 packets of bridged VMs will be dropped: net.bridge.bridge-nf-call-ip6tables is 1");
    assert_true(write_text(CALL_IPTABLES, "0"));
    assert_int_equal(ask("br0"), 1);
    assert_true(write_text(CALL_IP6TABLES, "0"));
    assert_int_equal(ask("br0"), 0);
    assert_true(write_text(CALL_IP6TABLES, "1"));
    run("ip6tables-nft -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT");
    assert_int_equal(ask("br0"), 0);
}

static void native_nft(void **state)
{
    (void)state;
    if (!has("nft add table inet fw"))
        return;
    run("nft 'add chain inet fw in { type filter hook input priority 0; policy drop; }'"); /* not on the way */
    run("nft 'add chain inet fw plain'");
    assert_int_equal(ask("br0"), 0);
    run("nft 'add chain inet fw forward { type filter hook forward priority 0; policy drop; }'");
    assert_warned("or let them pass it by: nft insert rule inet fw forward iifname br0 oifname br0 accept");
    run("nft 'table inet fw { flags dormant; }'");
    assert_int_equal(ask("br0"), 0);
    run("nft 'add table inet fw { flags ; }' 2>/dev/null || nft delete table inet fw; nft 'add table inet fw; add chain inet fw "
        "forward { type filter hook forward priority 0; policy drop; }'");
    assert_int_equal(ask("br0"), 1);
    run("nft insert rule inet fw forward iifname br0 oifname br1 accept");
    run("nft insert rule inet fw forward iifname br0 accept");
    run("nft insert rule inet fw forward iifname br0 oifname br0 drop");
    run("nft insert rule inet fw forward iifname != br0 oifname != br0 accept");
    run("nft insert rule inet fw forward tcp dport 22 accept");
    assert_int_equal(ask("br0"), 1);
    assert_int_equal(ask("br0"), 1);
    follow_advice();
    assert_int_equal(ask("br0"), 0);
    assert_int_equal(ask("br1"), 1);
    assert_int_equal(ask(NULL), 0);
    run("nft insert rule inet fw forward counter accept");
    assert_int_equal(ask("br1"), 0);
}

static void bridge_family(void **state)
{
    (void)state;
    if (!has("nft 'add table bridge fw; add chain bridge fw forward { type filter hook forward priority 0; policy drop; }'"))
        return;
    assert_true(write_text(CALL_IPTABLES, "0"));
    assert_warned("the chain forward of the table bridge fw has the policy drop: let everything pass by: "
                  "nft chain bridge fw forward '{ policy accept; }'; or what one bridge forwards by: ");
    run("nft chain bridge fw forward '{ policy accept; }'");
    assert_int_equal(ask("br0"), 0);
}

static void legacy(const char *command, const char *call)
{
    char line[512];

    snprintf(line, sizeof(line), "%s-legacy -P FORWARD DROP", command);
    if (!has(line))
        return;
    snprintf(line, sizeof(line), "the chain FORWARD of %s (legacy) has the policy drop", command);
    assert_warned(line);
    assert_true(write_text(call, "0"));
    assert_int_equal(ask("br0"), 0);
    assert_true(write_text(call, "1"));
    snprintf(line, sizeof(line), "%1$s-legacy -A FORWARD -p tcp -j ACCEPT && %1$s-legacy -A FORWARD -i br0 -j ACCEPT && "
             "%1$s-legacy -A FORWARD -i br+ -o br+ -j ACCEPT && %1$s-legacy -A FORWARD -m physdev --physdev-in x -j ACCEPT && "
             "%1$s-legacy -A FORWARD -i br0 -o br0 -j DROP && %1$s-legacy -A INPUT -j ACCEPT", command);
    run(line);
    assert_int_equal(ask(NULL), 1);
    assert_int_equal(ask("br0"), 1);
    follow_advice();
    assert_int_equal(ask("br0"), 0);
    snprintf(line, sizeof(line), "%1$s-legacy -D FORWARD 1 && %1$s-legacy -A FORWARD -i br0 -o br0 -j ACCEPT", command);
    run(line);
    assert_int_equal(ask("br0"), 0);
    assert_int_equal(ask("br1"), 1);
    snprintf(line, sizeof(line), "%s-legacy -P FORWARD ACCEPT", command);
    run(line);
    assert_int_equal(ask("br1"), 0);
}

static void iptables_legacy(void **state)
{
    (void)state;
    legacy("iptables", CALL_IPTABLES);
}

static void ip6tables_legacy(void **state)
{
    (void)state;
    legacy("ip6tables", CALL_IP6TABLES);
}

static void asking_makes_no_table(void **state)
{
    char names[64] = "";
    int fd = open("/proc/thread-self/net/ip_tables_names", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(ask("br0"), 0);
    if (fd < 0)
        return;
    assert_int_equal(read(fd, names, sizeof(names) - 1), 0);
    close(fd);
}

/* -- rules that name an interface ---------------------------------------------------------------------------------------------- */

static struct text names;

static void ask_names(bool out)
{
    struct move move = {.nic = "eth0", .bridge = "br0", .out = out};
    struct error err = {0};

    text_clear(&names);
    if (filter_names(&move, &names, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_names(const char *part, bool expected)
{
    if (!!(names.data && strstr(names.data, part)) != expected)
        fail_msg("%s: %s: %s", expected ? "is missing" : "is too much", part, names.data ? names.data : "");
}

static void assert_rules(const char *rule, bool expected)
{
    char line[512];

    snprintf(line, sizeof(line), "nft flush ruleset && nft 'add table inet fw; add set inet fw nics { type ifname; elements = { eth0 } ; }; "
             "add chain inet fw in { type filter hook input priority 0; }; add rule inet fw in %s'", rule);
    run(line);
    ask_names(false);
    if (!!names.length != expected)
        fail_msg("%s: %s", rule, names.length ? names.data : "nothing was found");
    if (expected)
        assert_string_equal(names.data, "nftables: the chain in of the table inet fw has rules for eth0: packets come and go by br0 then, and "
                                        "those rules see none: have them for br0 as well ('nft list chain inet fw in' shows them)\n");
}

static size_t count_of(const char *part)
{
    size_t count = 0;

    for (const char *at = names.data; at && (at = strstr(at, part)); at++)
        count++;
    return count;
}

#define CHAINS(count, rule)                                                                                                        \
    "nft flush ruleset && { echo add table inet fw; for i in $(seq " count "); do echo add chain inet fw c$i; "                     \
    "echo 'add rule inet fw c'$i '" rule "'; done; } | nft -f -"

static void named_by_many_chains(void **state)
{
    (void)state;
    run(CHAINS("5", "iifname eth0 accept"));
    ask_names(false);
    assert_int_equal(count_of("has rules for eth0"), 5);
    assert_names("more chains or sets", false);
    run(CHAINS("5", "iifname { eth0, eth7 } accept"));
    ask_names(false);
    assert_int_equal(count_of("has rules for eth0"), 5);
    run(CHAINS("40", "iifname eth0 accept"));
    ask_names(false);
    assert_int_equal(count_of("has rules for eth0"), 32);
    assert_names("more chains or sets than were looked into, and they may name eth0", true);
    run("nft flush ruleset && nft 'add table inet fw; add set inet fw nics { type ifname; flags interval; elements = { \"eth*\" } ; }; "
        "add chain inet fw in; add rule inet fw in iifname @nics accept'");
    ask_names(false);
    assert_names("may name eth0", true);
}

static void named_by_rules(void **state)
{
    static const char *const naming[] = {
        "iifname eth0 tcp dport 22 accept", "tcp dport 22 oifname eth0 accept", "iif eth0 drop", "oif != eth0 drop", "iifname != eth0 drop",
        "iifname \"eth*\" drop", "iifname { eth0, eth7 } drop", "iif { eth0, lo } drop", "iifname @nics drop", "iifname vmap { eth0 : accept }",
        "iifname . tcp dport { eth0 . 22 } accept", "tcp dport . iifname { 22 . eth0 } accept",
        "tcp dport 22 accept; add rule inet fw in iifname eth0 drop; add rule inet fw in oifname eth0 drop",
    };
    static const char *const others[] = {
        "iifname eth1 drop", "iifname eth drop", "iifname eth01 drop", "iif lo drop", "tcp dport 22 drop", "iifname { eth0, br0 } drop", "iifname { eth1 } drop",
        "iifname . tcp dport { eth0 . 22, br0 . 22 } accept", "meta mark 1 drop", "iifname @nics ip saddr 192.0.2.1 drop; add element inet fw nics { br0 }",
    };

    (void)state;
    if (!has("ip link add name eth0 type veth peer name eth7 && nft add table inet fw"))
        return;
    for (size_t i = 0; i < sizeof(naming) / sizeof(*naming); i++)
        assert_rules(naming[i], true);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_rules(others[i], false);
}

static void hooked_on_it(void **state)
{
    (void)state;
    if (!has("ip link add name eth0 type veth peer name eth7 && ip link add name br0 type bridge && nft add table netdev fw"))
        return;
    run("nft 'add chain netdev fw one { type filter hook ingress device eth0 priority 0; }; add rule netdev fw one iifname eth0 drop; "
        "add chain netdev fw two { type filter hook ingress devices = { eth7, eth0 } priority 0; }; "
        "add chain netdev fw third { type filter hook ingress device br0 priority 0; }; add chain netdev fw plain'");
    ask_names(false);
    assert_names("the chain one of the table netdev fw is hooked on eth0 and stays so", true);
    assert_names("the chain two of the table netdev fw is hooked on eth0", true);
    assert_names("third", false);
    assert_names("has rules for", false);
    ask_names(true);
    assert_names("the chain third of the table netdev fw is hooked on br0, and sees nothing when that is gone: hook it on eth0", true);
    assert_names("the chain one", false);
    if (system("nft 'add table inet fw; add flowtable inet fw fast { hook ingress priority 0; devices = { eth0 }; }' 2>/dev/null") == 0) {
        ask_names(false);
        assert_names("the flowtable fast of the table inet fw is for eth0", true);
    }
}

static void rules_of_bridges(void **state)
{
    (void)state;
    if (!has("nft 'add table bridge fw; add chain bridge fw forward { type filter hook forward priority 0; }; "
             "add rule bridge fw forward iifname eth0 accept; add chain bridge fw out; add rule bridge fw out oifname br0 drop'"))
        return;
    ask_names(false);
    assert_names("the chain forward of the table bridge fw has rules for eth0: as a port of br0 it passes them", true);
    assert_names("the chain out", false);
    ask_names(true);
    assert_names("the chain out of the table bridge fw has rules for br0: packets come and go by eth0 then", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_there, setup),     cmocka_unit_test_setup(iptables_by_nft, setup),
        cmocka_unit_test_setup(ip6tables_by_nft, setup),  cmocka_unit_test_setup(native_nft, setup),
        cmocka_unit_test_setup(bridge_family, setup),     cmocka_unit_test_setup(iptables_legacy, setup),
        cmocka_unit_test_setup(ip6tables_legacy, setup),  cmocka_unit_test_setup(asking_makes_no_table, setup),
        cmocka_unit_test_setup(named_by_rules, setup),    cmocka_unit_test_setup(named_by_many_chains, setup),
        cmocka_unit_test_setup(hooked_on_it, setup),
        cmocka_unit_test_setup(rules_of_bridges, setup),
    };
    int failed;

    if (getuid() != 0) {
        printf("skipped: needs root: the programs that make the rules do\n");
        return 77;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed ? failed : lacking ? 77 : 0;
}
