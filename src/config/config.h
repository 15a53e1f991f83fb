/* Files in, model out: ifcfg-*, NAME.vm and trestle.conf are read by one lexer and the option table. Never runs a shell. All
 * problems of all files are collected, each with file:line:column. */
#pragma once

#include "base/problem.h"
#include "model/move.h"
#include "model/network.h"
#include "model/settings.h"
#include "model/vm.h"

struct error;

/* config_dir/trestle.conf; a file that does not exist gives the defaults. Directories: config_dir/network, config_dir/vms. */
void settings_read(const char *config_dir, struct settings *ret_settings, struct problems *problems);
void settings_clear(struct settings *settings);

/* A set of files as text, so that files can come from a directory, from STATE_DIR/applied or from a request. */
struct config_file {
    char *path;  /* for messages */
    char *name;  /* "ifcfg-br0" */
    char *text;  /* NULL: it could not be read, `fault` says why */
    size_t size;
    char *fault;
};
struct config_files {
    struct config_file *items;
    size_t count;
};

/* All network files (ifcfg-*, route-*, …) of a directory, in natural order, without ignored suffixes (ifcfg.md), appended. A
 * missing directory is a problem (warning). */
void config_files_read(const char *directory, struct config_files *files, struct problems *problems);
void config_files_add(struct config_files *files, const char *path, const char *text); /* name = the path's last part */
void config_files_clear(struct config_files *files);
const struct config_file *config_files_find(const struct config_files *files, const char *name); /* NULL: there is none */
bool config_files_same(const struct config_files *a, const struct config_files *b); /* names and texts */

/* Files -> WANTED network, with the cross-checks (masters that no file names, two files with one DEVICE, an address twice, …).
 * A file with an error gives no interface. lone: only a part of the files is at hand (check of single files): cross-file problems
 * become warnings. */
void config_network(const struct config_files *files, bool lone, struct network *ret_network, struct problems *problems);

/* The ifcfg file that a person means by `word`, in the order of the classic scripts: ifcfg-WORD; a file of that name or path; NAME=WORD
 * (also "Auto WORD", "System WORD"); HWADDR= that is `mac`, the one of the interface WORD (NULL = there is none); DEVICE=WORD. NULL: none. */
const struct config_file *config_find(const struct config_files *files, const char *word, const uint8_t mac[6]);

/* The files that change, with their new texts (text NULL: the file goes). Settings move to the other file as they are written; all
 * else stays: comments, order, unknown keys, line ends. Routes, rules and aliases of the link get the other link's name. */
void config_move_files(const struct config_files *files, const struct move_files *move, struct config_files *ret_changed);

/* One VM file; NULL on errors. The VM's name is the file's name without ".vm". */
struct vm *config_vm(const char *path, const char *text, struct problems *problems);

/* All VM files of a directory, in natural order, with the checks of config_check_vms; those with errors are left out. A missing
 * directory is a problem (warning). The caller frees each with vm_free, and the array. */
void config_vms_read(const char *directory, struct vm ***ret_vms, size_t *ret_count, struct problems *problems);

/* Checks that need more than one VM: the same MAC or target twice, … */
void config_check_vms(struct vm *const *vms, size_t count, struct problems *problems);

/* The VM as a file's text, of what was stated (has its bit), for `define` of something that came as JSON; the caller frees it. */
char *config_vm_text(const struct vm *vm);

/* A VM file's text with one NIC's section changed: all that `nic` states, and its MAC, is written into it (at the end, when there
 * is no such section), or the section is removed (nic NULL; -ENOENT when there is none). Comments, order and unknown keys of
 * everything else stay. What comes out is read back first: a file with errors, or what a file can't say, is -EINVAL. The caller
 * frees the text. */
int config_vm_write_nic(const char *text, const char *name, const struct nic *nic, char **ret_text, struct error *err);
/* The same for Autostart= of [vm]. */
int config_vm_write_autostart(const char *text, bool autostart, char **ret_text, struct error *err);

/* `trestle check PATH…`: each a file (ifcfg-*, *.vm, trestle.conf) or a directory (CONFIG_DIR or one of network files). */
void config_check_path(const char *path, struct problems *problems);
