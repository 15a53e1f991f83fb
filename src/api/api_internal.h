/* What the files of src/api share. A request lives from its headers to its answer, or, when the client goes away while its
 * work runs, until that work's end: whoever finishes last frees it. */
#pragma once

#include <ev.h>
#include <microhttpd.h>
#include <sys/types.h>

#include "api/api.h"
#include "base/document.h"
#include "base/text.h"

enum {
    API_BODY_LIMIT = 1 << 20,
    API_CONNECTIONS = 64,
    API_CONNECTIONS_OTHERS = 48,   /* of them for clients that are not root: root always gets in */
    API_CONNECTIONS_STRANGERS = 8, /* for clients that may do nothing: just enough to be told so */
    API_IDLE_TIMEOUT = 30,         /* seconds without a byte; not while a request runs */
    API_HEARTBEAT = 15,            /* seconds between signs of life on an event stream */
    API_EVENTS_KEPT = 1000,
    API_LONGEST_DELAY = 65535, /* of a bridge's STP, seconds; the kernel takes less */
    API_LONGEST_CONFIRM = 86400,
    API_ARGUMENTS = 2, /* {…} parts in a path */
};

enum api_access { API_NOTHING, API_READ, API_CHANGE };

/* Who is at the other end of a connection. */
struct api_peer {
    enum api_access access;
    uid_t uid;
    pid_t pid;
    struct api *api;
};

struct api_request;
struct api_stream;
struct api_relay;

/* One row per resource and method; docs/openapi.yaml says the same. */
struct api_route {
    const char *method;
    const char *path; /* "/v1/vms/{vm}": a part in braces is an argument */
    enum api_access access;
    void (*handle)(struct api_request *request);
    int action; /* for rows that share a handler */
    const char *help;
};
extern const struct api_route api_routes[];
extern const size_t api_route_count;

enum api_match { API_MATCH, API_NO_SUCH_PATH, API_NO_SUCH_METHOD };

/* arguments get copies, which the caller frees. ret_allowed (on API_NO_SUCH_METHOD): "GET, POST"; the caller frees it. */
enum api_match api_route_match(const char *method, const char *path, const struct api_route **ret_route,
                               char *arguments[API_ARGUMENTS], char **ret_allowed);

struct api_request {
    struct api *api;                   /* NULL once the API has ended */
    struct MHD_Connection *connection; /* NULL once the client has gone */
    const struct api_route *route;
    char *arguments[API_ARGUMENTS];
    char *name; /* that the reconciler made up (VM_NAME_SIZE), or NULL */
    struct reconcile_scope scope; /* of a change of a NIC */
    double timeout;               /* seconds to wait for the guest */
    struct text steps;            /* a member of its answer, a JSON list: api_answer_plan */
    struct text body;
    bool too_large;
    bool begun;     /* the handler was called */
    bool running;   /* the reconciler works on it and will call back */
    bool suspended; /* no bytes are read or written until the answer is there */
    struct MHD_Response *response;
    unsigned status;
    struct api_relay *relay;             /* a console whose upgrade was not sent yet */
    struct api_request *previous, *next; /* the running ones */
};

struct api_event_kept {
    unsigned long long id;
    const char *type; /* static text */
    char *object, *text;
};

struct api_socket_file { /* which file at the path is ours */
    dev_t device;
    ino_t inode;
};

struct api {
    struct ev_loop *loop;
    struct reconciler *reconciler;
    struct api_machines machines;
    char *socket_path; /* NULL: the socket is not ours to remove */
    struct api_socket_file socket_file;
    char *group, *read_only_group;
    gid_t group_id, read_only_group_id; /* (gid_t)-1 = none */
    char *vm_directory;
    char *version;
    int listen_fd;

    struct MHD_Daemon *http;
    ev_io listen, io;
    ev_timer timer;            /* when libmicrohttpd wants to be called again */
    ev_timer heartbeat;        /* runs while somebody listens to events */
    ev_timer pause;            /* of accepting, when there are no descriptors left */
    struct api_peer *accepted; /* on its way to its connection */
    unsigned connections, others, strangers;

    struct api_request *running;
    struct api_stream *streams;
    struct api_relay *relays;
    struct api_event_kept events[API_EVENTS_KEPT]; /* a ring: event N lies at N % API_EVENTS_KEPT by order of arrival */
    unsigned long long event_count;
    unsigned long long answers[600]; /* by HTTP status */
    bool stopping;
};

/* api_socket.c */
int api_socket_check(int fd, struct error *err); /* of a socket that was handed in */
int api_socket_listen(const char *path, int *ret_fd, struct api_socket_file *ret_file, struct error *err);
void api_socket_remove(const char *path, const struct api_socket_file *file);

/* api.c: the way to libmicrohttpd. */
const struct api_peer *api_connection_peer(struct MHD_Connection *connection);
void api_wake(struct api *api); /* lets libmicrohttpd see what was resumed, as soon as the loop is back */

/* api_auth.c */
void api_auth_groups(struct api *api); /* looks the groups' numbers up; a group that doesn't exist is logged, and nobody's */
struct api_peer api_auth_peer(struct api *api, int fd);
char *api_auth_refusal(const struct api *api, const struct api_peer *peer, const struct api_route *route);

/* api_request.c */
struct api_request *api_request_new(struct api *api, struct MHD_Connection *connection);
void api_request_free(struct api_request *request);
void api_request_add(struct api_request *request, const char *data, size_t size);
json_t *api_request_body(struct api_request *request);                       /* an object, or NULL and the answer was given */
const char *api_request_query(struct api_request *request, const char *key); /* NULL when it was not given */
bool api_request_flag(struct api_request *request, const char *key);         /* ?key=1 */
void api_request_run(struct api_request *request);                           /* before work that ends in api_request_ended */
bool api_request_ended(struct api_request *request); /* false: nobody waits for the answer, and the request is gone */
/* The same, and a failure is answered: true when only the answer of a success is left to give. */
bool api_request_succeeded(struct api_request *request, int result, const struct error *err, const struct problems *problems);

/* api_answer.c: exactly one of these per request (or the reconciler is at work). */
void api_answer_json(struct api_request *request, unsigned status, json_t *json);                 /* takes it */
void api_answer_text(struct api_request *request, unsigned status, const char *type, char *text); /* takes it */
void api_answer_error(struct api_request *request, int result, const struct error *err);
/* extra: further members of the document, taken; may be NULL. */
void api_answer_problem(struct api_request *request, unsigned status, const char *detail, const struct problems *problems,
                        json_t *extra);
/* {"changes": N}; the plan's steps, which may be thousands, come behind the other members of the document that is answered next. */
json_t *api_answer_plan(struct api_request *request, const struct plan *plan); /* NULL: none was run */
unsigned api_answer_status(int result);                       /* of a -errno */
json_t *api_answer_problems(const struct problems *problems); /* [{file,line,column,warning,text}] */

/* api_view.c: what is shown of the reconciler's state. */
/* Did trestle make the link, or does a file state it as a NIC, which nobody makes? */
bool api_view_is_ours(const struct api *api, const struct interface *observed);
json_t *api_view_interface(struct api *api, const struct interface *interface, bool observed);
json_t *api_view_interface_in_full(struct api *api, const char *name); /* NULL when nobody knows it */
json_t *api_view_interfaces(struct api *api, bool all);
json_t *api_view_topology(struct api *api);
json_t *api_view_vm_line(const struct reconcile_vm *vm); /* name, state, pid, autostart, reason */
json_t *api_view_vms(struct api *api, bool all);
json_t *api_view_vm(const struct reconcile_vm *vm);
json_t *api_view_nics(const struct reconcile_vm *vm);
json_t *api_view_nic(const struct reconcile_vm *vm, const char *name); /* NULL if there is none */
json_t *api_view_stated_nics(const struct reconcile_vm *vm);                  /* as the VM's file has them */
json_t *api_view_stated_nic(const struct reconcile_vm *vm, const char *name); /* NULL if it has none of that name */
const struct nic *api_view_live_nic(const struct reconcile_vm *vm, const char *name); /* in the running VM; NULL if it is not */
json_t *api_view_lines(const char *text); /* an array of the lines; NULL has none */

/* api_scope.c: false when the answer was given. The body loses its scope's members. current: what counts without any of them is
 * the running VM, or else its file; otherwise the running VM alone. */
bool api_scope_of_body(struct api_request *request, json_t *body, bool current, struct reconcile_scope *ret_scope);
bool api_scope_of_query(struct api_request *request, struct reconcile_scope *ret_scope);

/* api_pending.c */
enum api_pending_action { API_CONFIRM, API_ROLLBACK, API_BEGIN, API_COMMIT, API_UNDO_TRANSACTION };
json_t *api_pending_view(const struct api *api); /* null when nothing waits */

/* api_client.c: the address that the SSH session came from in which the process runs; false = in none that is known. */
bool api_client_ssh(pid_t pid, struct address *ret_address);

/* The handlers. */
void api_pending_change(struct api_request *request);
void api_network_status(struct api_request *request);
void api_network_interfaces(struct api_request *request);
void api_network_interface(struct api_request *request);
void api_network_change(struct api_request *request);
void api_network_plan(struct api_request *request);
void api_network_apply(struct api_request *request);
void api_network_topology(struct api_request *request);
void api_bridging_change(struct api_request *request);
void api_vms_list(struct api_request *request);
void api_vms_define(struct api_request *request);
void api_vms_get(struct api_request *request);
void api_vms_undefine(struct api_request *request);
void api_vms_change(struct api_request *request);
bool api_vms_find(struct api_request *request, struct reconcile_vm *ret_vm); /* false: 404 was answered */
void api_addresses_list(struct api_request *request);
void api_vms_power(struct api_request *request);
void api_nics_list(struct api_request *request);
void api_nics_attach(struct api_request *request);
void api_nics_update(struct api_request *request);
void api_nics_detach(struct api_request *request);
void api_nics_statistics(struct api_request *request);
void api_console_open(struct api_request *request);
void api_monitor_run(struct api_request *request);
void api_events_open(struct api_request *request);
void api_metrics_get(struct api_request *request);

/* api_events.c */
void api_events_heartbeat(struct api *api);
void api_events_stop(struct api *api); /* ends every stream; libmicrohttpd has to run once more */
void api_events_clear(struct api *api);

/* api_console.c */
void api_console_free(struct api_relay *relay);
void api_console_stop(struct api *api);
