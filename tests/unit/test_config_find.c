/* Which file `ifup WORD` means. links: config model base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"

static const uint8_t mac[6] = {0x52, 0x54, 0, 0, 0, 0x11};

static const char *find(const struct config_files *files, const char *word, const uint8_t *of)
{
    const struct config_file *file = config_find(files, word, of);

    return file ? file->name : "";
}

static void each_way_of_naming_a_file(void **state)
{
    struct config_files files = {0};

    (void)state;
    config_files_add(&files, "/etc/x/ifcfg-eth0", "DEVICE=eth7\n");
    config_files_add(&files, "/etc/x/ifcfg-lan", "DEVICE=eth1\nNAME=\"System office\"\n");
    config_files_add(&files, "/etc/x/ifcfg-card", "HWADDR=52:54:00:00:00:11\nNAME=a # it is\n");
    config_files_add(&files, "/etc/x/route-eth0", "DEVICE=eth9\nNAME=road\n");
    config_files_add(&files, "/etc/x/ifcfg-twin", "DEVICE=eth0\nNAME=eth0\n");
    config_files_add(&files, "/etc/x/ifcfg-broken", "DEVICE=$(rm x)\nNAME='\n");
    assert_string_equal(find(&files, "eth0", NULL), "ifcfg-eth0"); /* the file's name counts before all else */
    assert_string_equal(find(&files, "ifcfg-eth0", NULL), "ifcfg-eth0");
    assert_string_equal(find(&files, "./ifcfg-lan", NULL), "ifcfg-lan");
    assert_string_equal(find(&files, "office", NULL), "ifcfg-lan");
    assert_string_equal(find(&files, "System office", NULL), "ifcfg-lan");
    assert_string_equal(find(&files, "offic", NULL), "");
    assert_string_equal(find(&files, "a", NULL), "ifcfg-card");
    assert_string_equal(find(&files, "eth5", mac), "ifcfg-card");
    assert_string_equal(find(&files, "eth5", NULL), "");
    assert_string_equal(find(&files, "eth1", NULL), "ifcfg-lan");
    assert_string_equal(find(&files, "eth9", NULL), ""); /* routes are no configuration */
    assert_string_equal(find(&files, "route-eth0", NULL), "");
    assert_string_equal(find(&files, "broken", NULL), "ifcfg-broken"); /* so that its faults can be told */
    config_files_clear(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_way_of_naming_a_file)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
