#include "daemon/applied.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/priority.h"
#include "base/text.h"
#include "base/worker.h"

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_FILE "boot_id" /* inside the directory, so that both change in one rename */
#define FILE_LIMIT (1 << 20)

/* The next copy is written over the one before the last, which lies where the new one will: file systems are slow to make files where
 * many were removed a moment ago. */
struct applied {
    struct job job;
    struct worker *writer; /* while one is being written; else NULL */
    const char *state_directory;
    char *next;             /* directories: being written */
    char *staged, *current; /* of a change under way, or that waits; in force */
    char *before;           /* staged before the change under way, in a transaction; empty when nothing was */
    char *old;              /* in force before */
    struct config_files files;
    bool is_of_files;             /* what is staged was made of them: no other daemon's, none of a change before the last */
    struct config_files in_force; /* what `current` holds; only for is_known */
    bool is_known;
    bool begun;  /* neither committed nor dropped: a change is under way, or waits */
    bool within; /* a transaction, which has changed something before, perhaps */
    bool same;   /* as the one in force: none is staged */
    struct error error;
};

/* A daemon, or the power, went between the two renames. */
static void mend(const struct applied *applied)
{
    if (access(applied->current, F_OK) < 0 && access(applied->old, F_OK) == 0)
        rename(access(applied->staged, F_OK) == 0 ? applied->staged : applied->old, applied->current);
}

struct applied *applied_new(const char *state_directory)
{
    struct applied *applied = NEW(struct applied);

    applied->state_directory = state_directory;
    applied->next = memory_format("%s/applied.next", state_directory);
    applied->staged = memory_format("%s/applied.new", state_directory);
    applied->before = memory_format("%s/applied.before", state_directory);
    applied->current = memory_format("%s/applied", state_directory);
    applied->old = memory_format("%s/applied.old", state_directory);
    mend(applied);
    return applied;
}

void applied_free(struct applied *applied)
{
    if (!applied)
        return;
    worker_free(applied->writer);
    config_files_clear(&applied->files);
    config_files_clear(&applied->in_force);
    free(applied->next);
    free(applied->staged);
    free(applied->before);
    free(applied->current);
    free(applied->old);
    free(applied);
}

/* -- reading ---------------------------------------------------------------------------------------------------------------------- */

const char *applied_directory(const struct applied *applied)
{
    return applied->current;
}

bool applied_is_current(const struct applied *applied)
{
    CLEANUP(freep) char *path = memory_format("%s/" BOOT_ID_FILE, applied->current);
    CLEANUP(freep) char *then = NULL;
    CLEANUP(freep) char *now = NULL;

    return file_read(AT_FDCWD, path, 256, &then, NULL, NULL) == 0 && file_read(AT_FDCWD, BOOT_ID_PATH, 256, &now, NULL, NULL) == 0
           && text_equal(then, now);
}

void applied_read(const char *directory, struct config_files *ret_files)
{
    struct problems ignored = {0}; /* a missing directory: nothing was applied yet */

    config_files_read(directory, ret_files, &ignored);
    problems_clear(&ignored);
}

static void wait_for_writer(struct applied *applied)
{
    worker_free(applied->writer);
    applied->writer = NULL;
}

const char *applied_latest(struct applied *applied)
{
    wait_for_writer(applied);
    return applied->begun && !applied->same ? applied->staged : applied->current;
}

/* -- writing, on the thread -------------------------------------------------------------------------------------------------------- */

static bool holds(int directory, const char *name, const char *text, size_t size)
{
    CLEANUP(freep) char *there = NULL;
    size_t length = 0;

    return file_read(directory, name, FILE_LIMIT, &there, &length, NULL) == 0 && length == size && memcmp(there, text, size) == 0;
}

/* Into a directory that nobody reads before it is complete: without the care of file_write(). */
static int write_into(int directory, const char *name, const char *text, size_t size, struct error *err)
{
    CLEANUP(close_fdp) int fd = -1;
    int result;

    if (holds(directory, name, text, size))
        return 0;
    fd = openat(directory, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    result = fd < 0 ? -errno : file_write_all(fd, text, size);
    if (result == 0 && ftruncate(fd, (off_t)size) < 0)
        result = -errno;
    return result < 0 ? error_errno(err, -result, "cannot copy %s", name) : 0;
}

static int write_files(const struct config_files *files, int directory, struct error *err)
{
    CLEANUP(freep) char *boot_id = NULL;
    int result = file_read(AT_FDCWD, BOOT_ID_PATH, 256, &boot_id, NULL, err);

    if (result == 0)
        result = write_into(directory, BOOT_ID_FILE, boot_id, strlen(boot_id), err);
    for (size_t i = 0; result == 0 && i < files->count; i++)
        if (files->items[i].text)
            result = write_into(directory, files->items[i].name, files->items[i].text, files->items[i].size, err);
    return result;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the copy before the last had, and this one has not. */
static int remove_others(const struct config_files *files, const char *path, int directory, struct error *err)
{
    const char **kept = memory_new((files->count + 1) * sizeof(*kept));
    char **names = NULL;
    size_t count = 0;
    int result = file_list(path, &names, &count, err);

    for (size_t i = 0; i < files->count; i++)
        kept[i] = files->items[i].name;
    kept[files->count] = BOOT_ID_FILE;
    qsort(kept, files->count + 1, sizeof(*kept), compare_names);
    for (size_t i = 0; i < count; i++)
        if (!bsearch(&names[i], kept, files->count + 1, sizeof(*kept), compare_names) && unlinkat(directory, names[i], 0) < 0
            && result == 0)
            result = error_errno(err, errno, "cannot remove %s/%s", path, names[i]);
    file_list_free(names, count);
    free(kept);
    return result;
}

/* All files reach the disk at once: a thousand fsync() take half a second. */
static int write_copy(const struct applied *applied, struct error *err)
{
    CLEANUP(close_fdp) int directory = -1;
    int result = file_make_directory(applied->next, 0700, err);

    if (result < 0)
        return result;
    directory = open(applied->next, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return error_errno(err, errno, "cannot open %s", applied->next);
    result = remove_others(&applied->files, applied->next, directory, err);
    if (result == 0)
        result = write_files(&applied->files, directory, err);
    if (result == 0 && syncfs(directory) < 0)
        return error_errno(err, errno, "cannot write %s to the disk", applied->next);
    return result;
}

/* So that it can stand again when the change fails: applied_back(). */
static void set_aside(const struct applied *applied)
{
    if (applied->within && rename(applied->staged, applied->before) < 0)
        mkdir(applied->before, 0700);
}

/* Reading thousands of files takes longer than a change that changes nothing: once is enough for a daemon. */
static bool is_in_force(struct applied *applied)
{
    if (!applied->is_known) {
        config_files_clear(&applied->in_force);
        applied_read(applied->current, &applied->in_force);
        applied->is_known = true;
    }
    return applied_is_current(applied) && config_files_same(&applied->in_force, &applied->files);
}

static void run(struct job *job)
{
    struct applied *applied = (struct applied *)job;
    bool same = is_in_force(applied);

    if (!same) {
        rename(applied->old, applied->next); /* to be written over */
        if (write_copy(applied, &applied->error) < 0) {
            file_remove(applied->next, NULL); /* the next one begins without whatever was in the way */
            return;
        }
    }
    set_aside(applied);
    if (!same && rename(applied->next, applied->staged) < 0)
        error_errno(&applied->error, errno, "%s: put the new files in place", applied->staged);
    applied->same = same;
}

/* Those who prepare the first step, and take it, go before. */
static void run_beside(struct job *job)
{
    priority_reset();
    run(job);
}

static void done(struct job *job)
{
    (void)job;
}

/* -- changes ----------------------------------------------------------------------------------------------------------------------- */

void applied_drop(struct applied *applied)
{
    wait_for_writer(applied);
    applied->begun = false;
    config_files_clear(&applied->files);
    if (rename(applied->staged, applied->old) < 0 && errno != ENOENT)
        file_remove(applied->staged, NULL); /* there is one that was before */
    file_remove(applied->before, NULL);
    file_remove(applied->next, NULL);
}

void applied_begin(struct applied *applied, struct config_files *files)
{
    wait_for_writer(applied);
    applied->within = applied->begun;
    if (!applied->within)
        applied_drop(applied);
    config_files_clear(&applied->files);
    applied->files = *files;
    applied->is_of_files = true;
    *files = (struct config_files){0};
    applied->error = (struct error){0};
    applied->begun = true;
    applied->job = (struct job){.run = run_beside, .done = done};
    if (worker_new(&applied->writer, NULL) == 0)
        worker_submit(applied->writer, &applied->job);
    else
        run(&applied->job);
}

void applied_keep(struct applied *applied)
{
    wait_for_writer(applied);
    file_remove(applied->before, NULL);
}

void applied_back(struct applied *applied)
{
    wait_for_writer(applied);
    applied->is_of_files = false;
    applied->error = (struct error){0};
    applied->begun = true;
    if (access(applied->before, F_OK) == 0) {
        file_remove(applied->staged, NULL);
        rename(applied->before, applied->staged);
        rmdir(applied->staged); /* an empty one: nothing was staged */
    }
    applied->same = access(applied->staged, F_OK) < 0;
}

void applied_resume(struct applied *applied)
{
    applied_keep(applied);
    applied->error = (struct error){0};
    applied->begun = true;
    applied->same = access(applied->staged, F_OK) < 0;
    applied->is_of_files = false;
}

int applied_wait(struct applied *applied, struct error *err)
{
    wait_for_writer(applied);
    return applied->error.code ? error_set(err, applied->error.code, "%s", applied->error.text) : 0;
}

static int sync_directory(const char *path, struct error *err)
{
    CLEANUP(close_fdp) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0 || fsync(directory) < 0)
        return error_errno(err, errno, "%s: write it to the disk", path);
    return 0;
}

/* The new copy takes the old one's place. Two renames, not one exchange: wherever this is cut short, the names of the directories
 * say which one is the newer (mend), and doing it once more does no harm. */
static int replace(const struct applied *applied, struct error *err)
{
    if (access(applied->staged, F_OK) < 0) /* it was done by another daemon */
        return 0;
    file_remove(applied->old, NULL); /* as a rule there is none: it was written over */
    crash_point("applied: old one aside");
    if (rename(applied->current, applied->old) < 0 && errno != ENOENT)
        return error_errno(err, errno, "%s: put it aside", applied->current);
    crash_point("applied: new one in place");
    if (rename(applied->staged, applied->current) < 0)
        return error_errno(err, errno, "%s: put the applied files in place", applied->current);
    return sync_directory(applied->state_directory, err);
}

static void note_in_force(struct applied *applied)
{
    config_files_clear(&applied->in_force);
    if (applied->is_of_files) {
        applied->in_force = applied->files;
        applied->files = (struct config_files){0};
    }
    applied->is_known = applied->is_of_files;
}

int applied_commit(struct applied *applied, struct error *err)
{
    int result = applied_wait(applied, err); /* as a rule the copy is written by now */

    if (result == 0 && !applied->same)
        result = replace(applied, err);
    if (result == 0)
        note_in_force(applied);
    else
        applied->is_known = false; /* cut short somewhere */
    applied_drop(applied);
    return result;
}
