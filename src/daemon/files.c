#include "daemon/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "daemon/applied.h"
#include "daemon/edits.h"

#define FILE_LIMIT (1 << 20)

struct files {
    const char *state_directory, *run_directory;
    const struct settings *settings;
    struct config_files read; /* what was read last: what begin_applied copies */
    struct applied *applied;
};

/* The power went while a file was written. */
static void remove_left_over(const struct files *files)
{
    for (size_t i = 0; i < files->settings->network_directory_count; i++)
        file_remove_left_over(files->settings->network_directories[i]);
    file_remove_left_over(files->settings->vm_directory);
    file_remove_left_over(files->state_directory);
}

struct files *files_new(const char *state_directory, const char *run_directory, const struct settings *settings)
{
    struct files *files = NEW(struct files);

    files->state_directory = state_directory;
    files->run_directory = run_directory;
    files->settings = settings;
    files->applied = applied_new(state_directory);
    remove_left_over(files);
    return files;
}

void files_free(struct files *files)
{
    if (!files)
        return;
    applied_free(files->applied);
    config_files_clear(&files->read);
    free(files);
}

/* -- reading ---------------------------------------------------------------------------------------------------------------------- */

static void read_directories(const struct files *files, struct config_files *ret_files, struct problems *problems)
{
    for (size_t i = 0; i < files->settings->network_directory_count; i++)
        config_files_read(files->settings->network_directories[i], ret_files, problems);
}

static void files_read_network(void *context, struct network *ret_network, struct problems *problems)
{
    struct files *files = context;

    config_files_clear(&files->read);
    read_directories(files, &files->read, problems);
    config_network(&files->read, false, ret_network, problems);
}

static bool is_wrong(const struct config_file *file, const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        if (!problems->items[i].warning && text_equal(problems->items[i].file, file->path))
            return true;
    return false;
}

/* Is it the ifcfg file `file`, or of its interface: "ifcfg-eth0" has ifcfg-eth0:1, ifcfg-eth0-range0, route-eth0 and their like? The file
 * named network is nobody's. */
static bool belongs_to(const char *name, const char *file)
{
    const char *interface = strchr(file, '-') + 1, *of = strchr(name, '-');

    if (!of)
        return false;
    of++;
    if (!text_starts(name, "ifcfg-"))
        return text_equal(of, interface);
    return text_starts(of, interface) && (!of[strlen(interface)] || of[strlen(interface)] == ':' || strstr(of, "-range"));
}

static int compare_files(const void *a, const void *b)
{
    return strverscmp(((const struct config_file *)a)->name, ((const struct config_file *)b)->name);
}

/* Of each interface but that of `file` the applied copy; of that one the files as they are now. Messages name the files as they are
 * called where they are edited. */
static void read_mixed(const struct config_files *now, const struct config_files *applied, const char *file, struct config_files *ret_mixed)
{
    for (size_t i = 0; i < now->count; i++)
        if (file && now->items[i].text && belongs_to(now->items[i].name, file))
            config_files_add(ret_mixed, now->items[i].path, now->items[i].text);
    for (size_t i = 0; i < applied->count; i++) {
        const struct config_file *item = &applied->items[i], *same = config_files_find(now, item->name);

        if (item->text && !(file && belongs_to(item->name, file)))
            config_files_add(ret_mixed, same && text_equal(same->text, item->text) ? same->path : item->path, item->text);
    }
    if (ret_mixed->count) /* what is stated twice, the last file of a directory decides */
        qsort(ret_mixed->items, ret_mixed->count, sizeof(*ret_mixed->items), compare_files);
}

/* A copy of the files as it was applied. */
static void read_copy(const struct files *files, const char *directory, struct config_files *ret_files)
{
    struct config_files now = {0}, applied = {0};
    struct problems ignored = {0};

    read_directories(files, &now, &ignored);
    applied_read(directory, &applied);
    read_mixed(&now, &applied, NULL, ret_files);
    config_files_clear(&now);
    config_files_clear(&applied);
    problems_clear(&ignored);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Errors stop what is to be done, wherever they are; warnings about other interfaces are no news. */
static void take_problems_of(const char *file, const struct problems *found, struct problems *problems)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct problem *problem = &found->items[i];

        if (!problem->warning || (file && problem->file && belongs_to(last_part(problem->file), file)))
            problems_add(problems, problem->warning, problem->file, problem->line, problem->column, "%s", problem->text);
    }
}

static void files_read_interface(void *context, const char *word, const uint8_t mac[6], char **ret_file, struct network *ret_network,
                                 struct problems *problems)
{
    struct files *files = context;
    struct config_files now = {0}, applied = {0}, mixed = {0};
    struct problems found = {0};
    const struct config_file *meant;

    read_directories(files, &now, &found);
    problems_clear(&found);
    applied_read(applied_latest(files->applied), &applied);
    meant = config_find(&now, word, mac);
    if (!meant)
        meant = config_find(&applied, word, mac);
    *ret_file = meant ? memory_string(meant->name) : NULL;
    if (ret_network) {
        read_mixed(&now, &applied, *ret_file, &mixed);
        config_network(&mixed, false, ret_network, &found);
        take_problems_of(*ret_file, &found, problems);
        problems_clear(&found);
        config_files_clear(&files->read);
        files->read = mixed;
    }
    config_files_clear(&now);
    config_files_clear(&applied);
}

/* Puts the applied copy in the place of each file that is wrong, so that one bad file never leaves a host without network. */
static void replace_wrong_files(struct files *files, const struct problems *problems)
{
    struct config_files applied = {0}, mended = {0};

    applied_read(applied_directory(files->applied), &applied);
    for (size_t i = 0; i < files->read.count; i++) {
        const struct config_file *file = &files->read.items[i];
        const struct config_file *copy = is_wrong(file, problems) ? config_files_find(&applied, file->name) : NULL;
        const char *text = copy ? copy->text : file->text;

        if (text)
            config_files_add(&mended, file->path, text);
    }
    config_files_clear(&files->read);
    config_files_clear(&applied);
    files->read = mended;
}

/* The last apply was not confirmed: until the next one the copy counts, also after a boot. */
static bool was_unconfirmed(const struct files *files)
{
    CLEANUP(freep) char *path = memory_format("%s/unconfirmed", files->state_directory);

    return access(path, F_OK) == 0;
}

static void files_read_start(void *context, struct network *ret_network, struct problems *problems)
{
    struct files *files = context;

    if (applied_is_current(files->applied) || was_unconfirmed(files)) {
        config_files_clear(&files->read);
        read_copy(files, applied_directory(files->applied), &files->read);
        config_network(&files->read, false, ret_network, problems);
        return;
    }
    files_read_network(files, ret_network, problems);
    if (problems->errors) {
        struct problems ignored = {0}; /* the same ones, told already */

        replace_wrong_files(files, problems);
        network_clear(ret_network);
        config_network(&files->read, false, ret_network, &ignored);
        problems_clear(&ignored);
    }
}

/* -- the applied copy --------------------------------------------------------------------------------------------------------------- */

static void files_begin_applied(void *context)
{
    struct files *files = context;

    applied_begin(files->applied, &files->read);
}

static int files_wait_applied(void *context, struct error *err)
{
    return applied_wait(((struct files *)context)->applied, err);
}

static int files_commit_applied(void *context, struct error *err)
{
    return applied_commit(((struct files *)context)->applied, err);
}

static void files_keep_applied(void *context)
{
    applied_keep(((struct files *)context)->applied);
}

static void files_back_applied(void *context)
{
    applied_back(((struct files *)context)->applied);
}

static void files_drop_applied(void *context)
{
    applied_drop(((struct files *)context)->applied);
}

/* -- what was done by hand -------------------------------------------------------------------------------------------------------------- */

static char *files_read_hands(void *context)
{
    const struct files *files = context;
    CLEANUP(freep) char *path = memory_format("%s/by-hand", files->run_directory);
    char *text = NULL;

    return file_read(AT_FDCWD, path, FILE_LIMIT, &text, NULL, NULL) < 0 ? NULL : text;
}

static int files_write_hands(void *context, const char *text, struct error *err)
{
    const struct files *files = context;
    CLEANUP(freep) char *path = memory_format("%s/by-hand", files->run_directory);

    return *text ? file_write(path, text, strlen(text), 0600, false, err) : file_remove(path, err);
}

static void files_resume_applied(void *context, struct network *ret_network, struct problems *problems)
{
    struct files *files = context;

    applied_resume(files->applied);
    config_files_clear(&files->read);
    read_copy(files, applied_latest(files->applied), &files->read);
    config_network(&files->read, false, ret_network, problems);
}

/* -- files that a verb changes ------------------------------------------------------------------------------------------------------ */

static void files_read_applied(void *context, struct network *ret_network, struct problems *problems)
{
    struct files *files = context;

    config_files_clear(&files->read);
    read_copy(files, applied_directory(files->applied), &files->read);
    config_network(&files->read, false, ret_network, problems);
}

static const struct file_edit *find_edit(const struct file_edits *edits, const char *name)
{
    for (size_t i = 0; i < edits->count; i++) {
        const char *slash = strrchr(edits->items[i].path, '/');

        if (text_equal(slash ? slash + 1 : edits->items[i].path, name))
            return &edits->items[i];
    }
    return NULL;
}

static void files_read_edited(void *context, const struct file_edits *edits, struct network *ret_network, struct problems *problems)
{
    struct files *files = context;
    struct config_files applied = {0};

    read_copy(files, applied_latest(files->applied), &applied);
    config_files_clear(&files->read);
    for (size_t i = 0; i < applied.count; i++)
        if (applied.items[i].text && !find_edit(edits, applied.items[i].name))
            config_files_add(&files->read, applied.items[i].path, applied.items[i].text);
    for (size_t i = 0; i < edits->count; i++)
        if (edits->items[i].text)
            config_files_add(&files->read, edits->items[i].path, edits->items[i].text);
    config_files_clear(&applied);
    config_network(&files->read, false, ret_network, problems);
}

static void files_move_edits(void *context, struct move_files *move, struct file_edits *ret_edits)
{
    edits_move(((const struct files *)context)->settings, move, ret_edits);
}

static int files_check_edits(void *context, const struct file_edits *edits, struct error *err)
{
    return edits_check(edits, applied_latest(((struct files *)context)->applied), err);
}

static int files_save_edits(void *context, const struct file_edits *edits, struct file_edits *ret_before, struct error *err)
{
    (void)context;
    return edits_save(edits, ret_before, err);
}

static void files_save_all(void *context, struct file_edits *ret_before)
{
    edits_save_all(((const struct files *)context)->settings, ret_before);
}

static int files_write_edits(void *context, const struct file_edits *edits, bool others_go, struct error *err)
{
    int result = edits_write(edits, err);

    if (result == 0 && others_go)
        result = edits_remove_others(edits, ((const struct files *)context)->settings, err);
    return result;
}

/* -- VM files ----------------------------------------------------------------------------------------------------------------------- */

/* The VM files' errors do not stop the network: they are told, and the VM is left out. */
static size_t files_read_vms(void *context, struct vm ***ret_vms, struct problems *problems)
{
    const struct files *files = context;
    size_t count = 0;

    if (access(files->settings->vm_directory, F_OK) == 0) /* no directory: no VMs yet */
        config_vms_read(files->settings->vm_directory, ret_vms, &count, problems);
    return count;
}

static int files_write_vm(void *context, const char *name, const char *text, struct error *err)
{
    const struct files *files = context;
    CLEANUP(freep) char *path = memory_format("%s/%s.vm", files->settings->vm_directory, name);
    int result = file_make_directory(files->settings->vm_directory, 0755, err);

    return result < 0 ? result : file_write(path, text, strlen(text), 0644, true, err);
}

static int files_remove_vm(void *context, const char *name, struct error *err)
{
    const struct files *files = context;
    CLEANUP(freep) char *path = memory_format("%s/%s.vm", files->settings->vm_directory, name);

    return file_remove(path, err);
}

static int files_write_nic(void *context, const char *vm, const char *name, const struct nic *nic, struct vm **ret_vm, struct error *err)
{
    const struct files *files = context;
    CLEANUP(freep) char *path = memory_format("%s/%s.vm", files->settings->vm_directory, vm);
    CLEANUP(freep) char *before = NULL;
    CLEANUP(freep) char *after = NULL;
    struct problems problems = {0};
    int result = file_read(AT_FDCWD, path, FILE_LIMIT, &before, NULL, err);

    if (result == 0)
        result = config_vm_write_nic(before, name, nic, &after, err);
    if (result < 0)
        return result;
    *ret_vm = config_vm(path, after, &problems);
    if (!*ret_vm)
        result = error_set(err, EINVAL, "%s: would have errors then: %s", path, problems.count ? problems.items[0].text : "?");
    problems_clear(&problems);
    if (result == 0)
        result = file_write(path, after, strlen(after), 0644, true, err);
    if (result < 0) {
        vm_free(*ret_vm);
        *ret_vm = NULL;
    }
    return result;
}

void files_provide(struct files *files, struct reconcile_files *ret_provider)
{
    *ret_provider = (struct reconcile_files){
        .context = files,
        .read_network = files_read_network,
        .read_start = files_read_start,
        .state_directory = files->state_directory,
        .read_applied = files_read_applied,
        .read_edited = files_read_edited,
        .begin_applied = files_begin_applied,
        .commit_applied = files_commit_applied,
        .keep_applied = files_keep_applied,
        .back_applied = files_back_applied,
        .drop_applied = files_drop_applied,
        .read_interface = files_read_interface,
        .read_hands = files_read_hands,
        .write_hands = files_write_hands,
        .wait_applied = files_wait_applied,
        .resume_applied = files_resume_applied,
        .move_edits = files_move_edits,
        .check_edits = files_check_edits,
        .save_edits = files_save_edits,
        .save_all = files_save_all,
        .write_edits = files_write_edits,
        .read_vms = files_read_vms,
        .write_vm = files_write_vm,
        .remove_vm = files_remove_vm,
        .write_nic = files_write_nic,
    };
}
