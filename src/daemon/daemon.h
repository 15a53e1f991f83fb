/* The daemon as a whole: what it is made of, in the order in which it is made. */
#pragma once

#include <stdbool.h>

struct ev_loop;
struct error;
struct daemon;

struct daemon_options {
    const char *config_directory, *state_directory, *run_directory;
};

/* Makes every part and begins start-up; ready (sd_notify) is said when the host's network was brought up once. */
int daemon_new(struct ev_loop *loop, const struct daemon_options *options, struct daemon **ret_daemon, struct error *err);

/* Did it end the loop because it could not go on? */
bool daemon_failed(const struct daemon *daemon);

/* Leaves network and VMs as they are. */
void daemon_free(struct daemon *daemon);
