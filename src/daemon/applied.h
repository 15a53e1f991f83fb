/* STATE_DIR/applied: the network files as last applied, and the boot in which that was. A change writes the next copy beside it, on a
 * thread of its own, because a thousand new files take longer than their plan, and puts it in its place at its end. */
#pragma once

#include <stdbool.h>

#include "config/config.h"

struct error;
struct applied;

struct applied *applied_new(const char *state_directory); /* borrowed for good; what was cut short between two renames is ended */
void applied_free(struct applied *applied);

const char *applied_directory(const struct applied *applied); /* of the copy in force; it need not exist */
bool applied_is_current(const struct applied *applied);       /* it was made in this boot */
/* What a verb changes: in a transaction that is the copy of its changes so far. Waits until it is written. */
const char *applied_latest(struct applied *applied);
void applied_read(const char *directory, struct config_files *ret_files); /* adds to them; nothing from one that does not exist */

/* A copy of these files, which it takes over, is begun. In a transaction the one of its changes before stands until the new one is
 * there; then one of the next two follows. */
void applied_begin(struct applied *applied, struct config_files *files);
void applied_keep(struct applied *applied);   /* the change is on record as one that waits */
void applied_back(struct applied *applied);   /* it failed, or another daemon ended in it: what was staged before it stands */
void applied_resume(struct applied *applied); /* another daemon began it, and it is all there */
/* Waits until it is on the disk. Until then, and when that fails, the one in force stays so. */
int applied_wait(struct applied *applied, struct error *err);
int applied_commit(struct applied *applied, struct error *err);
void applied_drop(struct applied *applied);
