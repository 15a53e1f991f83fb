/* DHCP for IPv4: a dhcpcd per interface, supervised. It asks, renews and gives back, and configures nothing itself: what it hears
 * becomes a lease (model/lease.h), which the reconciler makes a part of WANTED. Works in the network namespace in which it was made.
 *
 * Clients outlive the daemon, as VMs do: the next one finds them again (RUN_DIR/dhcp/NAME/client), and their last reports
 * (RUN_DIR/dhcp/leases/NAME), so that no address is lost by a restart. STATE_DIR/dhcp/NAME holds what the client itself remembers: after
 * a reboot it asks for the address that it had. Where dhcpcd has its directories compiled in, it sees those in their place. */
#pragma once

#include <sys/types.h>

#include "model/lease.h"

struct dhcp;
struct error;
struct ev_loop;

struct dhcp_settings { /* copied */
    const char *run_directory, *state_directory;
    const char *reporter; /* absolute path of the program that dhcpcd shall run; it ends in dhcp_report() */
    const char *client;   /* the path of dhcpcd; NULL = as PATH has it */
};

/* The lease of an interface came, changed, or was lost, or its client can't run. From the loop, or from within dhcp_follow: of this
 * folder's functions it may call dhcp_lease alone. */
typedef void (*dhcp_listener)(void *context, const char *interface);

/* Reads what reports are there, so that dhcp_lease answers at once. */
int dhcp_new(struct ev_loop *loop, const struct dhcp_settings *settings, dhcp_listener listener, void *context, struct dhcp **ret_dhcp,
             struct error *err);
/* Leaves the clients as they are. */
void dhcp_free(struct dhcp *dhcp);

/* Lets a client run on every interface of `wanted` that asks for one (dhcp.client, onboot) and that is in `observed`; ends all others,
 * with DHCPRELEASE=yes after having given the lease back. A client whose settings changed is begun anew and asks for the same address.
 * Can be called as often as one likes. */
void dhcp_follow(struct dhcp *dhcp, const struct network *wanted, const struct network *observed);

/* What the client of an interface has; borrowed until the loop turns; NULL when none has been asked for. Also of an interface that
 * dhcp_follow has not come to yet, when there is a report of it from before. */
const struct lease *dhcp_lease(const struct dhcp *dhcp, const char *interface);

/* `own` and all clients, those too that a daemon before this one began: 0 at the end. The caller frees it. */
pid_t *dhcp_processes(const struct dhcp *dhcp, pid_t own);

/* `to` takes over the lease of `from`, which need not ask any more: for a NIC that has become a bridge's port. The client of `to` says
 * the client id of `from` from now on (also after a reboot), so that the server gives it the same address. To be called before the
 * address moves, as the client of `from` would take its lease for lost then; and dhcp_follow not until that is over. dhcp_lease(to) gives
 * the lease at once. Back again: the same call the other way round; then, when a daemon before this one moved it there, `to` keeps what
 * it was pinned to before if the client id of `from` is not known any more. -ENOENT: `from` has no client. */
int dhcp_move(struct dhcp *dhcp, const char *from, const char *to, struct error *err);

/* What dhcpcd runs at each event, in a process of its own: the event of the environment becomes a report, for the daemon. True when
 * this process was started for that; *ret_status is its exit status then. */
bool dhcp_report(int *ret_status);
