/* Clients are begun, heard, ended and found again; leases end. dhcpcd's place takes a script that reports what a file tells it to.
 * links: dhcp model base */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "dhcp/dhcp.h"

#define PATIENCE 60. /* seconds */

/* Keeps its words, reports what lies in DIRECTORY/say once, and stays until it is killed. */
static const char script[] = "#!/bin/sh\n"
                             "for word; do case $word in --env=*) report=${word#*=*=};; esac; done\n"
                             "printf '%s\\n' \"$@\" >DIRECTORY/words.new; mv DIRECTORY/words.new DIRECTORY/words\n"
                             "trap 'echo released >DIRECTORY/released; exit 0' ALRM\n"
                             "[ -e DIRECTORY/say ] && { tr '\\n' '\\0' <DIRECTORY/say >\"$report.new\"; mv \"$report.new\" \"$report\"; }\n"
                             "while :; do sleep 0.05; done\n";

struct fixture {
    char directory[32];
    struct ev_loop *loop;
    struct dhcp *dhcp;
    struct network wanted, observed;
    unsigned told;
};

static void heard(void *context, const char *interface)
{
    struct fixture *fixture = context;

    (void)interface;
    fixture->told++;
}

static char *path_of(const struct fixture *fixture, const char *name)
{
    return memory_format("%s/%s", fixture->directory, name);
}

static void write_file(const struct fixture *fixture, const char *name, const char *text, mode_t mode)
{
    CLEANUP(freep) char *path = path_of(fixture, name);
    struct error err = {0};

    if (file_write(path, text, strlen(text), mode, false, &err) < 0)
        fail_msg("%s", err.text);
}

static char *read_text(const struct fixture *fixture, const char *name)
{
    CLEANUP(freep) char *path = path_of(fixture, name);
    char *text = NULL;

    return file_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0 ? NULL : text;
}

static void begin_daemon(struct fixture *fixture, const char *client)
{
    CLEANUP(freep) char *program = client ? memory_string(client) : path_of(fixture, "dhcpcd");
    struct dhcp_settings settings = {.run_directory = fixture->directory, .state_directory = fixture->directory, .reporter = "/bin/true",
                                     .client = program};
    struct error err = {0};

    if (dhcp_new(fixture->loop, &settings, heard, fixture, &fixture->dhcp, &err) < 0)
        fail_msg("%s", err.text);
}

static void add_interface(struct fixture *fixture, const char *name, bool dhcp)
{
    struct interface *wanted = interface_new(name), *observed = interface_new(name);

    wanted->dhcp.client = dhcp;
    observed->up = observed->carrier = true;
    observed->index = 7;
    memcpy(observed->mac, "\x52\x54\0\0\0\x11", 6);
    network_insert(&fixture->wanted, wanted);
    network_insert(&fixture->observed, observed);
}

static int set_up(void **state)
{
    struct fixture *fixture = NEW(struct fixture);
    struct text text = {0};

    strcpy(fixture->directory, "/tmp/trestle-dhcp-XXXXXX");
    if (!mkdtemp(fixture->directory))
        return -1;
    for (const char *at = script; *at;) {
        const char *next = strstr(at, "DIRECTORY");

        text_add_data(&text, at, next ? (size_t)(next - at) : strlen(at));
        text_add(&text, next ? fixture->directory : "");
        at = next ? next + strlen("DIRECTORY") : at + strlen(at);
    }
    write_file(fixture, "dhcpcd", text.data, 0755);
    text_clear(&text);
    fixture->loop = ev_loop_new(EVFLAG_AUTO);
    add_interface(fixture, "eth0", true);
    *state = fixture;
    return 0;
}

static void ignore(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)timer, (void)events;
}

/* Runs the loop until it is true. */
static void wait_until(struct fixture *fixture, bool (*is)(struct fixture *fixture), const char *what)
{
    double end = ev_time() + PATIENCE;
    ev_timer tick;

    ev_timer_init(&tick, ignore, 0.01, 0.01);
    ev_timer_start(fixture->loop, &tick);
    while (!is(fixture)) {
        if (ev_time() > end)
            fail_msg("it never came: %s", what);
        ev_run(fixture->loop, EVRUN_ONCE);
    }
    ev_timer_stop(fixture->loop, &tick);
}
#define WAIT_UNTIL(is) wait_until(fixture, is, #is)

static bool no_client(struct fixture *fixture)
{
    CLEANUP(freep) char *path = path_of(fixture, "dhcp/clients/eth0");

    return access(path, F_OK) < 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    network_clear(&fixture->wanted);
    if (fixture->dhcp) {
        dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
        WAIT_UNTIL(no_client);
    }
    dhcp_free(fixture->dhcp);
    network_clear(&fixture->observed);
    ev_loop_destroy(fixture->loop);
    file_remove(fixture->directory, NULL);
    free(fixture);
    return 0;
}

static bool held(struct fixture *fixture)
{
    const struct lease *lease = dhcp_lease(fixture->dhcp, "eth0");

    return lease && lease->held;
}

static bool lost(struct fixture *fixture)
{
    return !held(fixture);
}

static bool has_words(struct fixture *fixture)
{
    CLEANUP(freep) char *words = read_text(fixture, "words");

    return words;
}

static void say_lease(struct fixture *fixture, unsigned seconds)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    CLEANUP(freep) char *say = memory_format("reason=BOUND\nboottime=%lld\nnew_ip_address=10.0.0.5\nnew_subnet_cidr=24\n"
                                             "new_dhcp_lease_time=%u\n", (long long)now.tv_sec, seconds);
    write_file(fixture, "say", say, 0644);
}

static void test_words(void **state)
{
    struct fixture *fixture = *state;
    struct dhcp_options *options = &fixture->wanted.items[0]->dhcp;

    options->hostname = memory_string("-n; reboot");
    options->unchecked = true;
    begin_daemon(fixture, NULL);
    assert_null(dhcp_lease(fixture->dhcp, "eth0"));
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    WAIT_UNTIL(has_words);
    CLEANUP(freep) char *words = read_text(fixture, "words");
    assert_non_null(strstr(words, "--noconfigure\n"));
    assert_non_null(strstr(words, "--noarp\n"));
    assert_non_null(strstr(words, "--clientid=01:52:54:00:00:00:11\n"));
    assert_non_null(strstr(words, "--hostname=-n; reboot\n"));
    assert_non_null(strstr(words, "--\neth0\n"));
    assert_true(lost(fixture));
}

static void test_lease_and_its_end(void **state)
{
    struct fixture *fixture = *state;

    begin_daemon(fixture, NULL);
    say_lease(fixture, 2);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    WAIT_UNTIL(held);
    unsigned told = fixture->told;
    WAIT_UNTIL(lost); /* nobody renews it */
    assert_int_equal(fixture->told, told + 1);
    assert_int_equal(dhcp_lease(fixture->dhcp, "eth0")->address.family, 2); /* so that it can be taken away */
}

static pid_t client_of(struct fixture *fixture)
{
    CLEANUP(freep) char *record = read_text(fixture, "dhcp/clients/eth0/client");

    return record ? atoi(record) : 0;
}

static void test_next_daemon(void **state)
{
    struct fixture *fixture = *state;

    begin_daemon(fixture, NULL);
    say_lease(fixture, 1000);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    WAIT_UNTIL(held);
    pid_t before = client_of(fixture);
    dhcp_free(fixture->dhcp);
    assert_int_equal(kill(before, 0), 0);

    begin_daemon(fixture, NULL);
    assert_true(held(fixture)); /* before anybody said what is wanted */
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    ev_run(fixture->loop, EVRUN_NOWAIT);
    assert_int_equal(client_of(fixture), before);

    /* Other settings: another client, the same lease all the time. */
    fixture->wanted.items[0]->dhcp.client_id = memory_string("other");
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    while (client_of(fixture) == before) {
        assert_true(held(fixture));
        ev_run(fixture->loop, EVRUN_ONCE);
    }
    assert_true(held(fixture));
}

static pid_t first_client;

static bool another_client(struct fixture *fixture)
{
    pid_t client = client_of(fixture);

    return client && client != first_client;
}

static void test_killed_client(void **state)
{
    struct fixture *fixture = *state;

    begin_daemon(fixture, NULL);
    say_lease(fixture, 1000);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    WAIT_UNTIL(held);
    first_client = client_of(fixture);
    kill(first_client, SIGKILL);
    WAIT_UNTIL(another_client);
    assert_true(held(fixture));
}

static bool released(struct fixture *fixture)
{
    CLEANUP(freep) char *text = read_text(fixture, "released");

    return text;
}

static void test_release(void **state)
{
    struct fixture *fixture = *state;

    fixture->wanted.items[0]->dhcp.release = true;
    begin_daemon(fixture, NULL);
    say_lease(fixture, 1000);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    WAIT_UNTIL(held);
    network_clear(&fixture->wanted);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    assert_true(dhcp_lease(fixture->dhcp, "eth0")->ending);
    WAIT_UNTIL(no_client);
    assert_true(released(fixture));
    assert_null(dhcp_lease(fixture->dhcp, "eth0"));
}

static void test_move(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};

    begin_daemon(fixture, NULL);
    assert_int_equal(dhcp_move(fixture->dhcp, "eth0", "br0", &err), -ENOENT);
    say_lease(fixture, 1000);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    WAIT_UNTIL(held);
    assert_int_equal(dhcp_move(fixture->dhcp, "eth0", "br0", &err), 0);
    assert_true(dhcp_lease(fixture->dhcp, "br0")->held);
    assert_null(dhcp_lease(fixture->dhcp, "eth0"));
    fixture->wanted.items[0]->dhcp.client = false;
    add_interface(fixture, "br0", true);
    memcpy(network_find(&fixture->observed, "br0")->mac, "\x52\x54\0\0\0\x22", 6);
    CLEANUP(freep) char *words_file = path_of(fixture, "words");
    unlink(words_file);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    WAIT_UNTIL(has_words);
    CLEANUP(freep) char *words = read_text(fixture, "words");
    assert_non_null(strstr(words, "--clientid=01:52:54:00:00:00:11\n")); /* the NIC's, though the bridge's MAC is another */
    assert_true(dhcp_lease(fixture->dhcp, "br0")->held);
    WAIT_UNTIL(no_client);
    first_client = 0;
    network_clear(&fixture->wanted);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    while (dhcp_lease(fixture->dhcp, "br0"))
        ev_run(fixture->loop, EVRUN_ONCE);
}

/* A daemon that died moved it; the next one moves it back, before anybody said what is wanted. */
static void test_move_adopted(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};

    begin_daemon(fixture, NULL);
    say_lease(fixture, 1000);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    WAIT_UNTIL(held);
    assert_int_equal(dhcp_move(fixture->dhcp, "eth0", "br0", &err), 0);
    dhcp_free(fixture->dhcp);

    begin_daemon(fixture, NULL);
    assert_int_equal(dhcp_move(fixture->dhcp, "br0", "eth0", &err), 0);
    CLEANUP(freep) char *moved = read_text(fixture, "dhcp/eth0.client-id");
    assert_string_equal(moved, "01:52:54:00:00:00:11");
    dhcp_free(fixture->dhcp);

    /* Nothing says what the bridge's client called itself: the NIC's keeps its pin, on the disk and in what it is started with. */
    write_file(fixture, "dhcp/eth0.client-id", "own", 0600);
    write_file(fixture, "dhcp/leases/br0", "", 0644);
    CLEANUP(freep) char *bridges = path_of(fixture, "dhcp/br0.client-id");
    CLEANUP(freep) char *words_file = path_of(fixture, "words");
    unlink(bridges);
    begin_daemon(fixture, NULL);
    assert_int_equal(dhcp_move(fixture->dhcp, "br0", "eth0", &err), 0);
    CLEANUP(freep) char *kept = read_text(fixture, "dhcp/eth0.client-id");
    assert_string_equal(kept, "own");
    unlink(words_file);
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    WAIT_UNTIL(has_words);
    CLEANUP(freep) char *words = read_text(fixture, "words");
    assert_non_null(strstr(words, "--clientid=own\n"));
}

static void test_no_program(void **state)
{
    struct fixture *fixture = *state;

    begin_daemon(fixture, "/nonexistent/dhcpcd");
    dhcp_follow(fixture->dhcp, &fixture->wanted, &fixture->observed);
    const char *fault = dhcp_lease(fixture->dhcp, "eth0")->fault;
    assert_non_null(fault);
    assert_non_null(strstr(fault, "install dhcpcd"));
    assert_int_equal(fixture->told, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lease_and_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_next_daemon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_release, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_move_adopted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_program, set_up, tear_down),
    };

    /* The client's own directories are made where they are missing: not on the host. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0
        || mount("tmpfs", "/var/lib", "tmpfs", 0, NULL) < 0) {
        puts("SKIP: cannot mount: not root");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
