/* A connection to the guest agent (qemu-guest-agent) in a guest, made when there is something to ask and closed afterwards, so
 * that other programs get their turn: QEMU serves one at a time. What it says is the guest's, so it is bounded and distrusted.
 * Each connection begins with guest-sync-delimited: what the agent still had to say to the one before is thrown away. */
#pragma once

#include "base/document.h"

struct ev_loop;
struct error;
struct agent;

/* Gives a connected, non-blocking socket. */
typedef int (*agent_connect)(void *context, int *ret_fd, struct error *err);

/* value is the answer's "return", borrowed; err is NULL on success, -EREMOTEIO with the agent's own words, or -ETIMEDOUT. Called
 * once, from the loop, never from within agent_send. */
typedef void (*agent_answer)(void *context, const json_t *value, const struct error *err);

/* limit: seconds from agent_send to the answer. */
struct agent *agent_new(struct ev_loop *loop, double limit, agent_connect connect, void *context);

/* One request after the other. Takes `arguments` (may be NULL). */
void agent_send(struct agent *agent, const char *command, json_t *arguments, agent_answer answer, void *context);

/* What is pending fails: the VM has ended. */
void agent_hang_up(struct agent *agent);

/* What is pending fails with ECANCELED. NULL is fine. */
void agent_free(struct agent *agent);
