/* What dhcpcd runs: the environment becomes a file, put in place whole. The daemon sees it come (inotify), and one that was not there
 * meanwhile finds it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/file.h"
#include "base/text.h"
#include "dhcp/dhcp_internal.h"

static void add_variable(struct text *report, const char *prefix, const char *name)
{
    char variable[64];
    const char *value;

    text_copy(variable, sizeof(variable), prefix);
    strncat(variable, name, sizeof(variable) - strlen(variable) - 1);
    value = getenv(variable);
    if (!value)
        return;
    text_format(report, "%s=%s", variable, value);
    text_add_data(report, "", 1);
}

bool dhcp_report(int *ret_status)
{
    const char *path = getenv(DHCP_REPORT_VARIABLE), *reason = getenv("reason");
    struct text report = {0};
    struct error err = {0};

    if (!path)
        return false;
    *ret_status = 0;
    if (!reason || dhcp_lease_meaning(reason) == DHCP_NOTHING)
        return true;
    add_variable(&report, "", "reason");
    text_format(&report, "boottime=%lld", (long long)boot_time());
    text_add_data(&report, "", 1);
    for (size_t i = 0; dhcp_lease_variables[i]; i++) {
        add_variable(&report, "new_", dhcp_lease_variables[i]);
        add_variable(&report, "old_", dhcp_lease_variables[i]);
    }
    if (file_write(path, report.data, report.length, 0600, false, &err) < 0)
        *ret_status = 1; /* dhcpcd says so in the system's log */
    text_clear(&report);
    return true;
}
