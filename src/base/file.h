/* Whole files: read with a bound, written so that a power cut leaves the old one or the new one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

/* Reads a whole file of at most `limit` bytes (-EFBIG beyond). The text is NUL-terminated; the caller frees it. ret_size may be
 * NULL. Directories, devices and FIFOs are refused. dirfd may be AT_FDCWD. */
int file_read(int dirfd, const char *path, size_t limit, char **ret_text, size_t *ret_size, struct error *err);

/* Writes path.tmp-PID beside it, renames it over path; with `durable` also fsync of file and directory. Follows a symlink at
 * path, and keeps owner and mode of a file that exists; else mode. */
int file_write(const char *path, const void *data, size_t size, mode_t mode, bool durable, struct error *err);

int file_write_all(int fd, const char *data, size_t size); /* to an open one, however often that takes; -errno */

int file_make_directory(const char *path, mode_t mode, struct error *err); /* with its parents (0755); fine if it exists */

/* Names in a directory but "." and ".." and the NAME.tmp-PID that an interrupted file_write left, in natural order (eth2 before
 * eth10). Freed with file_list_free. */
int file_list(const char *path, char ***ret_names, size_t *ret_count, struct error *err);
void file_list_free(char **names, size_t count);

/* Reads the files of a directory, in the order of file_list. `code` is as file_read gives it, and the text, which is taken, NULL
 * when that is not 0. What the directory itself calls a file is not looked at before it is opened: there may be thousands. */
struct file_reader {
    bool (*is_wanted)(const char *name); /* NULL = all */
    size_t limit;                        /* bytes of one */
    void (*take)(void *context, const char *name, int code, char *text, size_t size);
};
int file_read_directory(const char *path, const struct file_reader *reader, void *context);

/* Removes from a directory, if there is one, what interrupted writes left. For its only writer, which is not writing now. */
void file_remove_left_over(const char *path);

/* Removes a file or a directory with all in it; fine if it does not exist. Does not follow symlinks. */
int file_remove(const char *path, struct error *err);

/* Cuts the front of a log that somebody else writes with O_APPEND, when it is over 2 × keep bytes, so that the last `keep` bytes
 * stay: FALLOC_FL_COLLAPSE_RANGE where the file system has it, else the front is punched out (its bytes then read as NULs and
 * take no space; nothing that is being written can get lost either way). Moves the
 * position of fd, which must be open for writing. */
int file_trim(int fd, size_t keep, struct error *err);
