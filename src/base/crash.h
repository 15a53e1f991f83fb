/* A test hook: the program kills itself before the N-th message to kernel or QEMU, so that tests can walk through every place
 * where a power cut or kill -9 could hit. */
#pragma once

/* Called before each message, from any thread. With TRESTLE_CRASH_AT=N in the environment the N-th call ends the program by
 * SIGKILL; with TRESTLE_CRASH_LOG=FILE each call appends "N WHAT" to the file. A test arms it for one command by giving the
 * daemon TRESTLE_CRASH_FILE=FILE: the count starts when that file appears, and N is its content (0 only
 * counts, for the log). */
void crash_point(const char *format, ...) __attribute__((format(printf, 1, 2)));
