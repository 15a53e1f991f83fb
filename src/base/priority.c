#include "base/priority.h"

#include <stdbool.h>
#include <sys/resource.h>

enum { ORDINARY = 0, RAISED = -10 }; /* nice(2) values */

static bool raised;

void priority_raise(void)
{
    raised = getpriority(PRIO_PROCESS, 0) == ORDINARY && setpriority(PRIO_PROCESS, 0, RAISED) == 0;
}

void priority_reset(void)
{
    if (raised)
        setpriority(PRIO_PROCESS, 0, ORDINARY);
}
