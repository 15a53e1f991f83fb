/* A daemon that waits most of the time, and is to answer within milliseconds also where its VMs keep every processor busy. */
#pragma once

/* This process goes before those of ordinary priority, with the threads that it starts from now on. Without the right to it, or with
 * a priority that somebody else chose, nothing changes. */
void priority_raise(void);
/* In a child, or in a thread for itself: as before priority_raise(). Async-signal-safe. */
void priority_reset(void);
