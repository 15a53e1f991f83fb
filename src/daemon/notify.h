/* systemd's two small protocols, without its library, so that the daemon runs anywhere. */
#pragma once

/* Sends e.g. "READY=1" to $NOTIFY_SOCKET; does nothing when there is none. */
void notify_send(const char *state);

/* The first listening socket that was handed over (LISTEN_FDS), or -1. */
int notify_listen_fd(void);
