/* The files behind WANTED: the network directories, the applied copy in STATE_DIR, and the VM files, as the reconciler asks for them. */
#pragma once

#include "config/config.h"
#include "reconcile/reconcile.h"

struct files;

/* Settings and directories are borrowed for good. */
struct files *files_new(const char *state_directory, const char *run_directory, const struct settings *settings);
void files_free(struct files *files);

void files_provide(struct files *files, struct reconcile_files *ret_provider);
