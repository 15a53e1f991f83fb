/* What the files of this folder share; no other folder includes it. */
#pragma once

#include <ev.h>

#include "base/backoff.h"
#include "base/error.h"
#include "dhcp/dhcp.h"

#define DHCP_REPORT_VARIABLE "TRESTLE_DHCP_REPORT" /* in the reporter's environment: the file that the report goes to */
#define DHCP_ROUTES 256                            /* of one lease; no server needs more */
#define DHCP_REPORT_SIZE 65536                     /* bytes */

/* -- dhcp_lease.c: reports, read. Pure -------------------------------------------------------------------------------------------- */

enum dhcp_meaning { DHCP_NOTHING, DHCP_GIVEN, DHCP_LOST }; /* of what dhcpcd calls the reason of an event */
enum dhcp_meaning dhcp_lease_meaning(const char *reason);

/* Variables of dhcpcd's environment that a report holds, each with "new_" or "old_" before it; NULL at the end. */
extern const char *const dhcp_lease_variables[];

/* A report: KEY=VALUE, each with a NUL behind it: "reason", "boottime" (CLOCK_BOOTTIME in seconds), and variables. What they say comes
 * from the network. The lease's interface and asked are left alone. -EBADMSG: no lease can be read from it; then the lease is as it
 * was. DHCP_LOST needs no lease in it. */
int dhcp_lease_read(const char *report, size_t size, struct lease *lease, struct error *err);
void dhcp_lease_clear(struct lease *lease); /* address and routes */

/* -- dhcp_client.c: one client ---------------------------------------------------------------------------------------------------- */

struct dhcp_client {
    struct dhcp *dhcp;
    struct dhcp_client *next;
    struct lease lease;
    bool known;             /* from a daemon before this one, and dhcp_follow has not been called yet */
    bool wanted, release;
    bool may_run;           /* its interface is there, and up */
    bool heard;             /* since it was begun */
    bool moved;             /* its lease came from another interface, and was not renewed yet */
    char *pinned;           /* client id that a move brought along; NULL */
    char **arguments;       /* as it should be called; NULL at the end */
    uint64_t settings;      /* hash of them and the interface's index */
    uint64_t running;       /* the same of the process that runs */
    pid_t pid;              /* its helper processes are in its process group */
    int pidfd;              /* -1: none runs */
    bool ending;            /* it was told to end */
    ev_io end_watcher;
    ev_timer retry, expiry, patience;
    struct backoff backoff;
};

struct dhcp {
    struct ev_loop *loop;
    char *run, *state, *reporter, *client; /* run and state: the directories "dhcp" in them */
    dhcp_listener listener;
    void *context;
    int inotify;
    ev_io reports;
    struct dhcp_client *clients;
};

struct dhcp_client *dhcp_client_new(struct dhcp *dhcp, const char *name);
void dhcp_client_free(struct dhcp_client *client); /* leaves its process alone */
/* Takes over the process and the report that an earlier daemon left. */
void dhcp_client_adopt(struct dhcp_client *client);
/* Begins, ends or changes the process so that it is as wanted. A client that is not wanted and has ended is removed. */
void dhcp_client_settle(struct dhcp_client *client);
/* Reads its report anew; tells the listener when `tell`. */
void dhcp_client_hear(struct dhcp_client *client, bool tell);
void dhcp_client_set_lease(struct dhcp_client *client); /* the lease was put into it: its end is watched */

/* -- dhcp_arguments.c ------------------------------------------------------------------------------------------------------------- */

#define DHCP_CLIENT_ID "--clientid=" /* the argument that the id stands in */

/* How dhcpcd is called for this interface; freed with dhcp_arguments_free. pinned: client id that a move brought along; NULL. */
char **dhcp_arguments(const struct dhcp *dhcp, const struct interface *wanted, const struct interface *observed, const char *pinned);
void dhcp_arguments_free(char **arguments);
/* The client id that is told to the server: as the file states it, or pinned, or by the MAC address; "" when it has none. */
char *dhcp_arguments_client_id(const struct interface *wanted, const struct interface *observed, const char *pinned);

/* -- dhcp.c ----------------------------------------------------------------------------------------------------------------------- */

void dhcp_forget(struct dhcp *dhcp, struct dhcp_client *client); /* frees it, and removes what RUN_DIR has of it */
