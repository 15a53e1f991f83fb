/* Files and directories: which are read, what is said of those that can't be. links: config model base */
#include "config_dump.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

/* A directory of its own for each test. */
static int enter_directory(void **state)
{
    char path[] = "/tmp/trestle-config-XXXXXX";
    if (!mkdtemp(path) || chdir(path) < 0)
        return -1;
    *state = memory_string(path);
    return 0;
}

static int leave_directory(void **state)
{
    int result = chdir("/");
    file_remove(*state, NULL);
    free(*state);
    return result;
}

static void write_file(const char *path, const char *text)
{
    struct error err;
    if (file_write(path, text, strlen(text), 0644, false, &err) < 0)
        fail_msg("%s", err.text);
}

/* What `trestle check` would say. */
static char *check(const char *path)
{
    struct problems problems = {0};
    struct text text = {0};
    config_check_path(path, &problems);
    dump_problems(&text, &problems);
    problems_clear(&problems);
    return text_take(&text);
}

static void assert_check(const char *path, const char *expected)
{
    CLEANUP(freep) char *text = check(path);
    if (strcmp(text, expected) != 0)
        fail_msg("check %s is:\n%swants:\n%s", path, text, expected);
}

static void test_which_files_are_read(void **state)
{
    (void)state;
    static const char *const ignored[] = {"ifcfg-a~",          "ifcfg-a.bak",     "ifcfg-a.old",     "ifcfg-a.orig",
                                          "ifcfg-a.rpmnew",    "ifcfg-a.rpmorig", "ifcfg-a.rpmsave", "ifcfg-a.tmp-1234",
                                          "network-functions", "ifcfg-",          "ifup-eth",        "keys-wlan0",
                                          ".ifcfg-a.swp"};
    static const char *const read[] = {"ifcfg-a.tmp-", "ifcfg-a.tmp-x", "ifcfg-eth2",
                                       "ifcfg-eth10",  "route-eth0",    "rule6-eth0"};
    struct config_files files = {0};
    struct problems problems = {0};
    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
        write_file(ignored[i], "x");
    for (size_t i = 0; i < ARRAY_SIZE(read); i++)
        write_file(read[i], "A=1\n");
    config_files_read(".", &files, &problems);
    assert_int_equal(problems.count, 0);
    assert_int_equal(files.count, ARRAY_SIZE(read));
    for (size_t i = 0; i < files.count; i++)
        assert_string_equal(files.items[i].name, read[i]);
    assert_string_equal(files.items[2].path, "./ifcfg-eth2");
    assert_string_equal(files.items[2].text, "A=1\n");
    config_files_clear(&files);
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    assert_int_equal(symlink("ifcfg-b", "ifcfg-a"), 0);
    assert_int_equal(symlink("ifcfg-a", "ifcfg-b"), 0);
    assert_int_equal(mkdir("ifcfg-c", 0755), 0);
    assert_int_equal(mkfifo("ifcfg-d", 0644), 0);
    assert_int_equal(symlink("nowhere", "ifcfg-e"), 0);
    struct error err;
    assert_int_equal(file_write("ifcfg-f", "DEVICE=f\0MTU=1\n", 15, 0644, false, &err), 0);
    write_file("ifcfg-g", "DEVICE=g\n");
    CLEANUP(freep) char *large = memory_new((1 << 20) + 2);
    memset(large, '#', (1 << 20) + 1);
    write_file("ifcfg-h", large);
    struct config_files files = {0};
    struct problems problems = {0};
    config_files_read(".", &files, &problems);
    CLEANUP(freep) char *result = dump_network(&files, false);
    assert_string_equal(result, "g up\n"
                                "./ifcfg-a: can't be read: Too many levels of symbolic links\n"
                                "./ifcfg-b: can't be read: Too many levels of symbolic links\n"
                                "./ifcfg-c: can't be read: Is a directory\n"
                                "./ifcfg-d: can't be read: it is no regular file\n"
                                "./ifcfg-e: can't be read: No such file or directory\n"
                                "./ifcfg-f: has NUL or other control bytes in it: it is no text file\n"
                                "./ifcfg-h: is longer than 1048576 bytes: no configuration file is\n");
    config_files_clear(&files);
}

static void test_symlinked_files_are_read(void **state)
{
    (void)state;
    write_file("real", "DEVICE=eth0\n");
    assert_int_equal(symlink("real", "ifcfg-eth0"), 0);
    assert_check("ifcfg-eth0", "");
}

static void test_same_sets(void **state)
{
    (void)state;
    struct config_files a = {0}, b = {0};
    config_files_add(&a, "x/ifcfg-a", "A=1");
    config_files_add(&b, "y/ifcfg-a", "A=1");
    assert_true(config_files_same(&a, &b));
    b.items[0].text[2] = '2';
    assert_false(config_files_same(&a, &b));
    b.items[0].text[2] = '1';
    config_files_add(&b, "y/ifcfg-b", "");
    assert_false(config_files_same(&a, &b));
    config_files_add(&a, "x/ifcfg-c", "");
    assert_false(config_files_same(&a, &b));
    config_files_clear(&a);
    config_files_clear(&b);
}

static void test_check_of_files(void **state)
{
    (void)state;
    write_file("ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\nMTUU=1\n");
    write_file("a.vm", "[nic net0]\n");
    write_file("trestle.conf", "[network]\nRepair=x\n");
    write_file("README", "");
    assert_check("ifcfg-eth0", "ifcfg-eth0:3:1: warning: unknown key MTUU; did you mean MTU?\n");
    assert_check("a.vm", "a.vm:1:1: nic net0: Bridge= is missing\n");
    assert_check("trestle.conf", "trestle.conf:2:8: Repair wants yes or no, not \"x\"\n");
    assert_check("README", "README: its name is none that trestle reads (ifcfg-NAME, NAME.vm, trestle.conf)\n");
    assert_check("ifcfg-none", "ifcfg-none: can't be read: No such file or directory\n");
    assert_check("nowhere", "nowhere: can't be read: No such file or directory\n");
}

static void test_check_of_directories(void **state)
{
    (void)state;
    mkdir("empty", 0755);
    assert_check("empty", "empty: warning: there is no file here that trestle reads (ifcfg-NAME, NAME.vm, trestle.conf)\n");
    mkdir("c", 0755);
    mkdir("c/network", 0755);
    write_file("c/network/ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\n");
    assert_check(
        "c/network",
        "c/network/ifcfg-eth0:2:8: warning: BRIDGE=br0: no file states this bridge; it is made without options, as ifup did\n");
    write_file("c/network/ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\n");
    assert_check("c/network", "");
    assert_check("c", "c/vms: warning: can't be read: No such file or directory\n");
    mkdir("c/vms", 0755);
    write_file("c/vms/a.vm", "[nic n]\nBridge=br0\nTarget=t\n");
    write_file("c/vms/b.vm", "[nic n]\nBridge=br0\nTarget=t\n");
    assert_check("c", "c/vms/b.vm:1:1: vm b: nic n: Target=t is that of vm a, nic n, already\n");
    assert_check("c/vms", "c/vms/b.vm:1:1: vm b: nic n: Target=t is that of vm a, nic n, already\n");
    CLEANUP(freep)
    char *other = memory_format("[network]\nDirectory=%s/c/network\nDirectory=%s/more\n", (char *)*state, (char *)*state);
    mkdir("more", 0755);
    write_file("more/ifcfg-eth0", "DEVICE=eth0\n");
    write_file("c/trestle.conf", other);
    CLEANUP(freep) char *twice =
        memory_format("%s/more/ifcfg-eth0:1:8: DEVICE=eth0 is stated by %s/c/network/ifcfg-eth0 already\n"
                      "c/vms/b.vm:1:1: vm b: nic n: Target=t is that of vm a, nic n, already\n",
                      (char *)*state, (char *)*state);
    assert_check("c", twice);
}

static void test_settings_of_a_directory(void **state)
{
    (void)state;
    struct settings settings;
    struct problems problems = {0};
    settings_read("c", &settings, &problems);
    assert_int_equal(problems.count, 0);
    assert_int_equal(settings.network_directory_count, 1);
    assert_string_equal(settings.network_directories[0], "c/network");
    assert_string_equal(settings.vm_directory, "c/vms");
    assert_true(settings.repair);
    settings_clear(&settings);
    mkdir("c", 0755);
    mkdir("c/trestle.conf", 0755);
    settings_read("c", &settings, &problems);
    assert_int_equal(problems.errors, 1);
    settings_clear(&settings);
    problems_clear(&problems);
}

/* Every file that is shipped, wherever below config/ it lies. */
static size_t check_shipped(const char *directory)
{
    char **names;
    size_t count, read = 0;
    struct error err;
    if (file_list(directory, &names, &count, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(freep) char *path = memory_format("%s/%s", directory, names[i]);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        bool directory_too = S_ISDIR(status.st_mode);
        const char *dot = strrchr(names[i], '.');
        if (directory_too)
            read += check_shipped(path);
        if (directory_too || text_starts(names[i], "ifcfg-") || (dot && (strcmp(dot, ".vm") == 0 || strcmp(dot, ".conf") == 0))) {
            CLEANUP(freep) char *text = check(path);
            if (*text && !strstr(text, "there is no file here"))
                fail_msg("%s", text);
            read += !directory_too;
        }
    }
    file_list_free(names, count);
    return read;
}

static void test_shipped_files(void **state)
{
    (void)state;
    assert_true(check_shipped(TRESTLE_SOURCE_DIR "/config") >= 4);
}

int main(void)
{
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_which_files_are_read),    IN_DIRECTORY(test_files_that_cannot_be_read),
        IN_DIRECTORY(test_symlinked_files_are_read), IN_DIRECTORY(test_check_of_files),
        IN_DIRECTORY(test_check_of_directories),    IN_DIRECTORY(test_settings_of_a_directory),
        cmocka_unit_test(test_same_sets),           cmocka_unit_test(test_shipped_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
