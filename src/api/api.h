/* HTTP/1.1 on the Unix socket: routes, authorization by peer credentials, JSON, server-sent events. The command line is a client
 * like any other. docs/openapi.yaml says the same; a test compares the two. */
#pragma once

#include "reconcile/reconcile.h"

struct api;
struct ev_loop;
struct error;

struct api_settings {
    const char *socket_path;   /* RUN_DIR/trestle.sock; mode 0666: peer credentials decide */
    int listen_fd;             /* an open listening socket (socket activation), or -1 */
    const char *group;         /* may change things beside root; NULL = root only */
    const char *read_only_group;
    const char *vm_directory;  /* for messages */
    const char *version;
};

/* What the API passes on to the VMs themselves: handed in, because it is vmm's. */
typedef void (*api_monitor_answer)(void *context, const json_t *value, const struct error *err);
struct api_machines {
    void *context;
    /* A byte stream to the VM's serial line; the descriptor becomes the API's. */
    int (*console)(void *context, const char *vm, int *ret_fd, struct error *err);
    /* A QMP command; takes `arguments`. The answer comes from the loop, never from within the call. */
    void (*monitor)(void *context, const char *vm, const char *command, json_t *arguments, api_monitor_answer answer,
                    void *answer_context);
    /* The same to the agent in the guest. */
    void (*agent)(void *context, const char *vm, const char *command, json_t *arguments, api_monitor_answer answer,
                  void *answer_context);
    /* Of a NIC's host end, and what the host's neighbour tables know of its MAC (the caller frees the array). */
    int (*statistics)(void *context, const char *interface, struct link_statistics *ret_statistics, struct error *err);
    int (*neighbours)(void *context, const uint8_t mac[6], struct address **ret_addresses, size_t *ret_count, struct error *err);
};

/* The groups are looked up now: one that is made later counts after the next start. A stale socket file is replaced; one at
 * which a daemon listens is -EADDRINUSE. A listen_fd that was handed in is closed on failure. */
int api_new(struct ev_loop *loop, struct reconciler *reconciler, const struct api_settings *settings,
            const struct api_machines *machines, struct api **ret_api, struct error *err);
/* Requests that still run are answered with 503; the reconciler may call their done() later or, in reconcile_free, never skip it:
 * that call frees what is left of them. */
void api_free(struct api *api);

/* The reconciler's listener: sends the event to everybody who listens, and keeps the last 1,000 for those who come back. */
void api_event(void *api, const struct reconcile_event *event);
