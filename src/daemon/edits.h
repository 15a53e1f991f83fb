/* Network files changed by a verb: looked at before, written, taken back. */
#pragma once

#include "model/settings.h"
#include "reconcile/reconcile.h"

/* -EBUSY, naming it, for a file of which the applied copy (a directory) has another text. */
int edits_check(const struct file_edits *edits, const char *applied, struct error *err);
int edits_save(const struct file_edits *edits, struct file_edits *ret_before, struct error *err);
void edits_save_all(const struct settings *settings, struct file_edits *ret_before);
/* All are tried; the first failure is told. */
int edits_write(const struct file_edits *edits, struct error *err);
/* What a NIC's way into a bridge, or out of it, makes of the network files. */
void edits_move(const struct settings *settings, struct move_files *move, struct file_edits *ret_edits);
/* Removes the network files that no edit names. */
int edits_remove_others(const struct file_edits *edits, const struct settings *settings, struct error *err);
