/* floor: the least that a NIC or a VM takes. */
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* DRIVER TAP BRIDGE MAC ID: the VM's monitor is open as QMP_FD. Without spaces, because QEMU reads commands byte by byte, 2
 * us each. */
static int attach(int count, char **arguments)
{
    const char *driver = arguments[0], *tap = arguments[1], *bridge = arguments[2], *id = arguments[4];
    uint8_t mac[6];
    int fd;

    if (count != 5)
        die("attach: wants DRIVER TAP BRIDGE MAC ID");
    parse_mac(arguments[3], mac);
    mac[0] = 0xfe;
    fd = tap_open(tap);
    link_into_bridge(tap, bridge, mac);
    qmp_command(QMP_FD, fd, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"fd-%s\"}}\n", id);
    qmp_command(QMP_FD, -1, "{\"execute\":\"netdev_add\",\"arguments\":{\"type\":\"tap\",\"id\":\"host-%s\",\"fd\":\"fd-%s\"}}\n",
                id, id);
    qmp_command(QMP_FD, -1,
                "{\"execute\":\"device_add\",\"arguments\":"
                "{\"driver\":\"%s\",\"id\":\"%s\",\"netdev\":\"host-%s\",\"mac\":\"%s\"}}\n",
                driver, id, id, arguments[3]);
    return 0;
}

/* ID. QEMU's is the last descriptor of the TAP, so netdev_del takes the TAP out of bridge and kernel. "inner" is the guest's
 * own time. */
static int detach(int count, char **arguments)
{
    double before;

    if (count != 1)
        die("detach: wants ID");
    before = now_ms();
    qmp_command(QMP_FD, -1, "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"%s\"}}\n", arguments[0]);
    qmp_wait_deleted(QMP_FD, arguments[0]);
    printf("inner: %.3f\n", now_ms() - before);
    qmp_command(QMP_FD, -1, "{\"execute\":\"netdev_del\",\"arguments\":{\"id\":\"host-%s\"}}\n", arguments[0]);
    return 0;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        int (*run)(int count, char **arguments);
    } verbs[] = {{"attach", attach}, {"detach", detach}, {"start", vm_start}, {"stop", vm_stop}};

    for (size_t i = 0; count > 1 && i < LENGTH(verbs); i++)
        if (strcmp(arguments[1], verbs[i].name) == 0)
            return verbs[i].run(count - 2, arguments + 2);
    die("floor: attach, detach, start or stop");
}
