#include "base/priority.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cleanup.h"

enum { ORDINARY = 0, RAISED = -10 }; /* nice(2) values */

static bool raised;

/* Where the kernel shares the processors out by sessions (sched(7), "The autogroup feature"), a nice value counts only within one, and
 * each QEMU is a session of its own. Ours is raised when it is ours alone, as that of a service is. */
static void raise_session(void)
{
    if (getsid(0) != getpid())
        return;
    CLEANUP(close_fdp) int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        dprintf(fd, "%d", RAISED);
}

void priority_raise(void)
{
    raised = getpriority(PRIO_PROCESS, 0) == ORDINARY && setpriority(PRIO_PROCESS, 0, RAISED) == 0;
    if (raised)
        raise_session();
}

void priority_reset(void)
{
    if (raised)
        setpriority(PRIO_PROCESS, 0, ORDINARY);
}
