/* STATE_DIR/change.json: what takes back a change of the host's network that is under way or waits for a confirm. It is written
 * before the first step, so that the next daemon can do what this one no longer could. Renamed to change.committed when there is
 * nothing to be taken back any more; what is left then is to make the staged files the applied ones. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash.h"
#include "base/document.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "reconcile/reconcile_internal.h"

#define JOURNAL "change.json"
#define COMMITTED "change.committed"
#define UNCONFIRMED "unconfirmed"
#define TAKEN_BACK "taken-back"

static char *path_of(const struct reconciler *reconciler, const char *name)
{
    return memory_format("%s/%s", reconciler->files.state_directory, name);
}

void file_edits_add(struct file_edits *edits, const char *path, const char *text)
{
    *APPEND(edits->items, edits->count) = (struct file_edit){memory_string(path), memory_string(text)};
}

void file_edits_clear(struct file_edits *edits)
{
    for (size_t i = 0; i < edits->count; i++) {
        free(edits->items[i].path);
        free(edits->items[i].text);
    }
    free(edits->items);
    *edits = (struct file_edits){0};
}

void journal_part_clear(struct journal_part *part)
{
    plan_clear(&part->undo);
    file_edits_clear(&part->before);
    free(part->hands);
    part->hands = NULL;
    free(part->leases);
    part->leases = NULL;
    part->lease_count = 0;
}

void journal_clear(struct journal *journal)
{
    free(journal->name);
    journal_part_clear(&journal->kept);
    journal_part_clear(&journal->running);
    *journal = (struct journal){0};
}

/* -- writing -------------------------------------------------------------------------------------------------------------- */

/* A file may hold other bytes than UTF-8, in a comment as a rule. */
static json_t *file_to_json(const struct file_edit *file)
{
    struct text hex = {0};
    json_t *json = json_pack("{s:s, s:s?}", "path", file->path, "text", file->text);

    if (json)
        return json;
    text_add_hex(&hex, file->text, strlen(file->text));
    json = json_pack("{s:s, s:s}", "path", file->path, "bytes", hex.data);
    text_clear(&hex);
    return json;
}

static void write_part(const struct journal_part *part, struct text *text)
{
    json_t *files = json_array(), *leases = json_array();

    for (size_t i = 0; i < part->before.count; i++)
        json_array_append_new(files, file_to_json(&part->before.items[i]));
    for (size_t i = 0; i < part->lease_count; i++)
        json_array_append_new(leases, json_pack("{s:s, s:s}", "from", part->leases[i].from, "to", part->leases[i].to));
    document_add_open(text, json_pack("{s:o, s:s?, s:o}", "files", files, "hands", part->hands, "leases", leases));
    text_add(text, ",\"undo\":[");
    for (size_t i = 0; i < part->undo.count; i++) {
        text_add(text, i ? "," : "");
        step_write(&part->undo.steps[i], text);
    }
    text_add(text, "]}");
}

int journal_write(const struct reconciler *reconciler, bool durable, struct error *err)
{
    const struct journal *journal = &reconciler->journal;
    CLEANUP(freep) char *path = path_of(reconciler, JOURNAL);
    struct text text = {0};
    int result;

    document_add_open(&text, json_pack("{s:s, s:s, s:b, s:b, s:b, s:f}", "name", journal->name, "boot_id", journal->boot_id, "pending",
                                       journal->pending, "transaction", journal->transaction, "goes_back", journal->goes_back,
                                       "deadline", journal->deadline));
    text_add(&text, ",\"kept\":");
    write_part(&journal->kept, &text);
    text_add(&text, ",\"running\":");
    write_part(&journal->running, &text);
    text_add(&text, "}");
    crash_point("journal: write");
    result = file_write(path, text.data, text.length, 0600, durable, err);
    text_clear(&text);
    return result;
}

void journal_remove(const struct reconciler *reconciler)
{
    CLEANUP(freep) char *journal = path_of(reconciler, JOURNAL);
    CLEANUP(freep) char *committed = path_of(reconciler, COMMITTED);

    crash_point("journal: remove");
    unlink(journal);
    unlink(committed);
}

int journal_commit(const struct reconciler *reconciler, struct error *err)
{
    CLEANUP(freep) char *journal = path_of(reconciler, JOURNAL);
    CLEANUP(freep) char *committed = path_of(reconciler, COMMITTED);

    crash_point("journal: commit");
    if (rename(journal, committed) < 0)
        return error_errno(err, errno, "%s: make the change final", journal);
    return 0;
}

bool journal_is_committed(const struct reconciler *reconciler)
{
    CLEANUP(freep) char *committed = path_of(reconciler, COMMITTED);

    return access(committed, F_OK) == 0;
}

/* -- reading -------------------------------------------------------------------------------------------------------------- */

static int files_from_json(const json_t *json, struct file_edits *files, struct error *err)
{
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *item = json_array_get(json, i);
        const char *path = document_string(item, "path", NULL), *hex = document_string(item, "bytes", NULL);
        CLEANUP(freep) char *bytes = hex ? memory_new(strlen(hex) / 2 + 1) : NULL;

        if (!path)
            return error_set(err, EINVAL, "a file without a path");
        if (hex && !text_from_hex(hex, bytes, strlen(hex) / 2))
            return error_set(err, EINVAL, "%s: its bytes make no sense", path);
        file_edits_add(files, path, hex ? bytes : document_string(item, "text", NULL));
    }
    return 0;
}

static void leases_from_json(const json_t *json, struct journal_part *part)
{
    for (size_t i = 0; i < json_array_size(json); i++) {
        struct lease_move *move = APPEND(part->leases, part->lease_count);

        text_copy(move->from, sizeof(move->from), document_string(json_array_get(json, i), "from", ""));
        text_copy(move->to, sizeof(move->to), document_string(json_array_get(json, i), "to", ""));
    }
}

static int part_from_json(const json_t *json, struct journal_part *part, struct error *err)
{
    const json_t *steps = json_object_get(json, "undo");

    part->undo.takes_back = true;
    part->hands = memory_string(document_string(json, "hands", NULL));
    leases_from_json(json_object_get(json, "leases"), part);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        struct step step;
        int result = step_from_json(json_array_get(steps, i), &step, err);

        if (result < 0)
            return result;
        *plan_append(&part->undo) = step;
    }
    return files_from_json(json_object_get(json, "files"), &part->before, err);
}

int journal_read(struct reconciler *reconciler, struct error *err)
{
    struct journal *journal = &reconciler->journal;
    CLEANUP(freep) char *path = path_of(reconciler, JOURNAL);
    CLEANUP(freep) char *text = NULL;
    CLEANUP(document_freep) json_t *json = NULL;
    size_t size;
    int result = file_read(AT_FDCWD, path, DOCUMENT_SIZE, &text, &size, err);

    if (result == -ENOENT)
        return 0;
    if (result == 0)
        result = document_parse(text, size, &json, err);
    if (result < 0)
        return error_prefix(err, "%s", path);
    journal->name = memory_string(document_string(json, "name", "change"));
    text_copy(journal->boot_id, sizeof(journal->boot_id), document_string(json, "boot_id", ""));
    journal->pending = document_boolean(json, "pending", false);
    journal->transaction = document_boolean(json, "transaction", false);
    journal->goes_back = document_boolean(json, "goes_back", false);
    journal->deadline = json_number_value(json_object_get(json, "deadline"));
    result = part_from_json(json_object_get(json, "kept"), &journal->kept, err);
    if (result == 0)
        result = part_from_json(json_object_get(json, "running"), &journal->running, err);
    if (result == 0) {
        journal->kept.undo.name = memory_format("take back %s", journal->name);
        journal->running.undo.name = memory_string(journal->kept.undo.name);
        return 1;
    }
    journal_clear(journal);
    return error_prefix(err, "%s", path);
}

void journal_set_aside(const struct reconciler *reconciler)
{
    CLEANUP(freep) char *journal = path_of(reconciler, JOURNAL);
    CLEANUP(freep) char *aside = path_of(reconciler, JOURNAL ".unreadable");

    rename(journal, aside);
}

/* -- a change that nobody confirmed --------------------------------------------------------------------------------------- */

void journal_mark_unconfirmed(const struct reconciler *reconciler)
{
    const struct journal *journal = &reconciler->journal;
    CLEANUP(freep) char *path = path_of(reconciler, journal->kept.before.count ? TAKEN_BACK : UNCONFIRMED);
    struct error err;

    if (!journal->transaction && file_write(path, journal->name, strlen(journal->name), 0600, true, &err) < 0)
        log_error("%s", err.text);
}

void journal_clear_unconfirmed(const struct reconciler *reconciler)
{
    CLEANUP(freep) char *path = path_of(reconciler, UNCONFIRMED);
    CLEANUP(freep) char *back = path_of(reconciler, TAKEN_BACK);

    unlink(path);
    unlink(back);
}

char *journal_unconfirmed(const struct reconciler *reconciler, bool with_files)
{
    CLEANUP(freep) char *path = path_of(reconciler, with_files ? TAKEN_BACK : UNCONFIRMED);
    char *text = NULL;

    file_read(AT_FDCWD, path, 4096, &text, NULL, NULL);
    return text;
}
