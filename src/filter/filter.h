/* What the host's packet filters do to the packets that its bridges forward. Read only: no program is run, nothing is changed,
 * no table comes into being by being asked for. In the network namespace of the calling thread. */
#pragma once

#include <stddef.h>

struct error;
struct move;
struct text;

/* Will packets between ports of a bridge be dropped? 1 with one line in `text` that says what drops them and gives two ways
 * out, with the commands; 0: no; -errno: it can't be told (-EPERM without CAP_NET_ADMIN).
 *
 * They will when net.bridge.bridge-nf-call-iptables (or -ip6tables) is 1, which is its default wherever br_netfilter is loaded,
 * and a base chain that forwarded packets of that family pass has the policy drop; or when such a chain is there in nftables'
 * bridge family. nftables (iptables-nft included) and the legacy iptables are looked at. A chain does not count when it
 * has itself a rule that accepts everything, all bridged packets (physdev), or those between ports of `bridge` (NULL = of any
 * bridge). What other rules do, and chains that they jump to, is not looked into.
 *
 * Blocks for a few exchanges with the kernel, each as long as there are chains (or, legacy, rules): not for the loop of a host
 * that may have thousands. */
int filter_warning(const char *bridge, char *text, size_t size, struct error *err);

/* Adds a line for each chain and flowtable of nftables that names the interface which the move leaves: what becomes of it by the move,
 * and what to do. 0, -errno as above; lines that could be had are there. Blocks as above, and looks at all rules. */
int filter_names(const struct move *move, struct text *lines, struct error *err);
