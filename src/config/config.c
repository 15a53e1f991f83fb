#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config_internal.h"

#define GLOBAL_NAME "network" /* the file whose keys stand before those of all others: /etc/sysconfig/network */

/* Names of files */

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), end_length = strlen(end);
    return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* What a write of ours leaves behind when the power goes: "ifcfg-br0.tmp-1234" (base/file.h). */
static bool is_temporary(const char *name)
{
    const char *end = strstr(name, ".tmp-");
    return end && end[5] && !end[5 + strspn(end + 5, "0123456789")];
}

static bool is_ignored(const char *name)
{
    static const char *const ends[] = {"~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave"};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        if (ends_with(name, ends[i]))
            return true;
    return is_temporary(name);
}

static bool is_network_file(const char *name)
{
    static const char *const starts[] = {"ifcfg-", "route-", "route6-", "rule-", "rule6-"};
    if (strcmp(name, GLOBAL_NAME) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        if (text_starts(name, starts[i]) && name[strlen(starts[i])])
            return !is_ignored(name);
    return false;
}

static bool is_vm_file(const char *name)
{
    return ends_with(name, ".vm") && name[0] != '.';
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Sets of files */

/* The reason without the path, which every problem has in front. */
static char *fault_text(int code)
{
    char words[128];
    if (code == EFBIG)
        return memory_format("is longer than %d bytes: no configuration file is", CONFIG_FILE_SIZE);
    if (code == EINVAL)
        return memory_string("can't be read: it is no regular file");
    return memory_format("can't be read: %s", strerror_r(code, words, sizeof(words)));
}

/* Takes the path and the text. */
static void add_file(struct config_files *files, char *path, int code, char *text, size_t size)
{
    struct config_file *file = APPEND(files->items, files->count);
    *file = (struct config_file){.path = path, .name = memory_string(last_part(path)), .text = text, .size = size};
    if (code < 0)
        file->fault = fault_text(-code);
}

struct reading {
    const char *directory;
    struct config_files *files;
};

static void take_file(void *context, const char *name, int code, char *text, size_t size)
{
    const struct reading *reading = context;
    add_file(reading->files, memory_format("%s/%s", reading->directory, name), code, text, size);
}

static bool read_directory(const char *directory, bool (*is_wanted)(const char *name), struct config_files *files,
                           struct problems *problems)
{
    const struct file_reader reader = {is_wanted, CONFIG_FILE_SIZE, take_file};
    int result = file_read_directory(directory, &reader, &(struct reading){directory, files});
    if (result < 0) {
        CLEANUP(freep) char *fault = fault_text(-result);
        problems_add(problems, true, directory, 0, 0, "%s", fault);
    }
    return result == 0;
}

static void read_file(const char *path, struct config_files *files)
{
    char *text = NULL;
    size_t size = 0;
    int code = file_read(AT_FDCWD, path, CONFIG_FILE_SIZE, &text, &size, NULL);
    add_file(files, memory_string(path), code, text, size);
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* As CentOS has them: /etc/sysconfig/network beside /etc/sysconfig/network-scripts. */
static bool read_network_directory(const char *directory, struct config_files *files, struct problems *problems)
{
    CLEANUP(freep) char *path = memory_format("%s/../" GLOBAL_NAME, directory);
    if (is_file(path))
        read_file(path, files);
    return read_directory(directory, is_network_file, files, problems);
}

void config_files_read(const char *directory, struct config_files *files, struct problems *problems)
{
    read_network_directory(directory, files, problems);
}

void config_files_add(struct config_files *files, const char *path, const char *text)
{
    struct config_file *file = APPEND(files->items, files->count);
    file->path = memory_string(path);
    file->name = memory_string(last_part(path));
    file->text = memory_string(text);
    file->size = strlen(text);
}

const struct config_file *config_files_find(const struct config_files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (text_equal(files->items[i].name, name))
            return &files->items[i];
    return NULL;
}

void config_files_clear(struct config_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].path);
        free(files->items[i].name);
        free(files->items[i].text);
        free(files->items[i].fault);
    }
    free(files->items);
    *files = (struct config_files){0};
}

bool config_files_same(const struct config_files *a, const struct config_files *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct config_file *one = &a->items[i], *two = &b->items[i];
        if (strcmp(one->name, two->name) != 0 || !one->text != !two->text || one->size != two->size
            || (one->text && memcmp(one->text, two->text, one->size) != 0))
            return false;
    }
    return true;
}

/* The network */

struct ordered_problem {
    struct problem problem;
    size_t file, index;
};

static int compare_problems(const void *a, const void *b)
{
    const struct ordered_problem *left = a, *right = b;
    if (left->file != right->file)
        return left->file < right->file ? -1 : 1;
    if (left->problem.line != right->problem.line)
        return left->problem.line < right->problem.line ? -1 : 1;
    if (left->problem.column != right->problem.column)
        return left->problem.column < right->problem.column ? -1 : 1;
    return left->index < right->index ? -1 : 1;
}

static size_t order_of_file(const struct config_files *files, const struct problem *problem, size_t guess)
{
    if (guess < files->count && text_equal(files->items[guess].path, problem->file))
        return guess;
    for (size_t i = 0; i < files->count; i++)
        if (text_equal(files->items[i].path, problem->file))
            return i;
    return files->count;
}

/* Puts what was added since `start` into the order of files, lines and columns. */
static void sort_problems(const struct config_files *files, struct problems *problems, size_t start)
{
    size_t count = problems->count - start, last = 0;
    if (!count)
        return;
    struct ordered_problem *ordered = memory_resize(NULL, count, sizeof(*ordered));
    for (size_t i = 0; i < count; i++) {
        last = order_of_file(files, &problems->items[start + i], last);
        ordered[i] = (struct ordered_problem){.problem = problems->items[start + i], .file = last, .index = i};
    }
    qsort(ordered, count, sizeof(*ordered), compare_problems);
    for (size_t i = 0; i < count; i++)
        problems->items[start + i] = ordered[i].problem;
    free(ordered);
}

static void insert_all(struct ifcfg *ifcfgs, size_t count, struct network *implicit, struct network *network)
{
    for (size_t i = 0; i < count; i++)
        if (ifcfgs[i].interface)
            network_insert(network, TAKE_POINTER(ifcfgs[i].interface));
    while (implicit->count) {
        struct interface *bridge = network_remove(implicit, implicit->items[0]->name);
        network_insert(network, bridge);
    }
    network_clear(implicit);
}

void config_network(const struct config_files *files, bool lone, struct network *ret_network, struct problems *problems)
{
    size_t start = problems->count, count = 0;
    struct ifcfg *ifcfgs = memory_new((files->count + 1) * sizeof(*ifcfgs));
    struct network implicit = {0};
    struct lexer_file lexed;
    *ret_network = (struct network){0};
    const struct lexer_section *global = global_read(files, &lexed, problems);
    for (size_t i = 0; i < files->count; i++)
        if (text_starts(files->items[i].name, "ifcfg-"))
            ifcfg_read(&files->items[i], global, &ifcfgs[count++], problems);
    alias_read_all(ifcfgs, count, lone, problems);
    check_network(ifcfgs, count, lone, &implicit, problems);
    insert_all(ifcfgs, count, &implicit, ret_network);
    routing_read(files, ifcfgs, count, lone, ret_network, problems);
    for (size_t i = 0; i < count; i++)
        ifcfg_clear(&ifcfgs[i]);
    free(ifcfgs);
    lexer_file_clear(&lexed);
    sort_problems(files, problems, start);
}

/* VMs */

struct vm *config_vm(const char *path, const char *text, struct problems *problems)
{
    return vmfile_read(path, text, strlen(text), problems);
}

char *config_vm_text(const struct vm *vm)
{
    return vmfile_text(vm);
}

int config_vm_write_nic(const char *text, const char *name, const struct nic *nic, char **ret_text, struct error *err)
{
    return vmedit_nic(text, name, nic, ret_text, err);
}

int config_vm_write_autostart(const char *text, bool autostart, char **ret_text, struct error *err)
{
    return vmedit_autostart(text, autostart, ret_text, err);
}

/* Appends the VMs of the files that have no errors. */
static void read_vms(const struct config_files *files, struct vm ***vms, size_t *count, struct problems *problems)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct config_file *file = &files->items[i];
        if (!file->text) {
            problems_add(problems, false, file->path, 0, 0, "%s", file->fault);
            continue;
        }
        struct vm *vm = vmfile_read(file->path, file->text, file->size, problems);
        if (vm)
            *APPEND(*vms, *count) = vm;
    }
}

void config_vms_read(const char *directory, struct vm ***ret_vms, size_t *ret_count, struct problems *problems)
{
    struct config_files files = {0};
    *ret_vms = NULL;
    *ret_count = 0;
    read_directory(directory, is_vm_file, &files, problems);
    read_vms(&files, ret_vms, ret_count, problems);
    config_files_clear(&files);
    config_check_vms(*ret_vms, *ret_count, problems);
}

/* trestle check */

static void check_network_files(const struct config_files *files, bool lone, struct problems *problems)
{
    struct network network;
    config_network(files, lone, &network, problems);
    network_clear(&network);
}

static size_t check_vm_directory(const char *directory, struct problems *problems)
{
    struct vm **vms;
    size_t count, before = problems->count;
    config_vms_read(directory, &vms, &count, problems);
    size_t found = count + problems->count - before;
    for (size_t i = 0; i < count; i++)
        vm_free(vms[i]);
    free(vms);
    return found;
}

static bool exists_in(const char *directory, const char *name)
{
    CLEANUP(freep) char *path = memory_format("%s/%s", directory, name);
    struct stat status;
    return lstat(path, &status) == 0;
}

/* A CONFIG_DIR: what a daemon that is started with it would read. */
static void check_config_directory(const char *directory, struct problems *problems)
{
    struct settings settings;
    struct config_files files = {0};
    settings_read(directory, &settings, problems);
    for (size_t i = 0; i < settings.network_directory_count; i++)
        config_files_read(settings.network_directories[i], &files, problems);
    check_network_files(&files, false, problems);
    check_vm_directory(settings.vm_directory, problems);
    config_files_clear(&files);
    settings_clear(&settings);
}

static void check_directory(const char *directory, struct problems *problems)
{
    if (exists_in(directory, "trestle.conf") || exists_in(directory, "network") || exists_in(directory, "vms")) {
        check_config_directory(directory, problems);
        return;
    }
    struct config_files files = {0};
    if (!read_network_directory(directory, &files, problems))
        return;
    check_network_files(&files, false, problems);
    if (!check_vm_directory(directory, problems) && !files.count)
        problems_add(problems, true, directory, 0, 0,
                     "there is no file here that trestle reads (ifcfg-NAME, NAME.vm, trestle.conf)");
    config_files_clear(&files);
}

static void check_file(const char *path, struct problems *problems)
{
    struct config_files files = {0};
    struct settings settings = {0};
    read_file(path, &files);
    const struct config_file *file = &files.items[0];
    if (is_network_file(file->name))
        check_network_files(&files, true, problems);
    else if (!file->text)
        problems_add(problems, false, path, 0, 0, "%s", file->fault);
    else if (is_vm_file(file->name))
        vm_free(vmfile_read(path, file->text, file->size, problems));
    else if (strcmp(file->name, "trestle.conf") == 0)
        settings_parse(path, file->text, file->size, &settings, problems);
    else
        problems_add(problems, false, path, 0, 0, "its name is none that trestle reads (ifcfg-NAME, NAME.vm, trestle.conf)");
    settings_clear(&settings);
    config_files_clear(&files);
}

void config_check_path(const char *path, struct problems *problems)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        check_directory(path, problems);
    else
        check_file(path, problems);
}
