#include "daemon/edits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/crash.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"

#define FILE_LIMIT (1 << 20)

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* *ret_text is NULL for a file that does not exist. */
static int read_text(const char *path, char **ret_text, struct error *err)
{
    int result = file_read(AT_FDCWD, path, FILE_LIMIT, ret_text, NULL, err);

    if (result != -ENOENT)
        return result;
    *ret_text = NULL;
    return 0;
}

static int check_one(const char *path, const char *applied, struct error *err)
{
    CLEANUP(freep) char *copy_path = memory_format("%s/%s", applied, last_part(path));
    CLEANUP(freep) char *now = NULL;
    CLEANUP(freep) char *copy = NULL;
    int result = read_text(path, &now, err);

    if (result == 0)
        result = read_text(copy_path, &copy, err);
    if (result == 0 && (now ? !text_equal(now, copy) : copy != NULL))
        result = error_set(err, EBUSY, "%s has changes that are not applied: run 'trestle plan', then apply them or take them back", path);
    return result;
}

int edits_check(const struct file_edits *edits, const char *applied, struct error *err)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < edits->count; i++)
        result = check_one(edits->items[i].path, applied, err);
    return result;
}

int edits_save(const struct file_edits *edits, struct file_edits *ret_before, struct error *err)
{
    for (size_t i = 0; i < edits->count; i++) {
        CLEANUP(freep) char *text = NULL;
        int result = read_text(edits->items[i].path, &text, err);

        if (result < 0)
            return result;
        file_edits_add(ret_before, edits->items[i].path, text);
    }
    return 0;
}

static void read_all(const struct settings *settings, struct config_files *ret_files)
{
    struct problems ignored = {0}; /* told whenever the files are read to be applied */

    for (size_t i = 0; i < settings->network_directory_count; i++)
        config_files_read(settings->network_directories[i], ret_files, &ignored);
    problems_clear(&ignored);
}

void edits_save_all(const struct settings *settings, struct file_edits *ret_before)
{
    struct config_files files = {0};

    read_all(settings, &files);
    for (size_t i = 0; i < files.count; i++)
        if (files.items[i].text)
            file_edits_add(ret_before, files.items[i].path, files.items[i].text);
    config_files_clear(&files);
}

static int write_one(const struct file_edit *edit, struct error *err)
{
    CLEANUP(freep) char *now = NULL;

    if (read_text(edit->path, &now, NULL) == 0 && (now ? text_equal(now, edit->text) : !edit->text))
        return 0;
    crash_point("%s", edit->path);
    if (!edit->text)
        return file_remove(edit->path, err);
    return file_write(edit->path, edit->text, strlen(edit->text), 0644, true, err);
}

int edits_write(const struct file_edits *edits, struct error *err)
{
    int first = 0;

    for (size_t i = 0; i < edits->count; i++) {
        int result = write_one(&edits->items[i], first ? NULL : err);

        if (!first)
            first = result;
    }
    return first;
}

static bool is_named(const struct file_edits *edits, const char *path)
{
    for (size_t i = 0; i < edits->count; i++)
        if (text_equal(edits->items[i].path, path))
            return true;
    return false;
}

int edits_remove_others(const struct file_edits *edits, const struct settings *settings, struct error *err)
{
    struct config_files files = {0};
    int result = 0;

    read_all(settings, &files);
    for (size_t i = 0; result == 0 && i < files.count; i++)
        if (!is_named(edits, files.items[i].path))
            result = file_remove(files.items[i].path, err);
    config_files_clear(&files);
    return result;
}

void edits_move(const struct settings *settings, struct move_files *move, struct file_edits *ret_edits)
{
    struct config_files files = {0}, changed;
    struct problems ignored = {0};

    move->directory = settings->network_directory_count ? settings->network_directories[0] : ".";
    for (size_t i = 0; i < settings->network_directory_count; i++)
        config_files_read(settings->network_directories[i], &files, &ignored);
    problems_clear(&ignored);
    config_move_files(&files, move, &changed);
    for (size_t i = 0; i < changed.count; i++)
        file_edits_add(ret_edits, changed.items[i].path, changed.items[i].text);
    config_files_clear(&changed);
    config_files_clear(&files);
}
