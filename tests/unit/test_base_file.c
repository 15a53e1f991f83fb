#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

static int enter_directory(void **state)
{
    static char path[] = "/tmp/trestle-file-XXXXXX";
    strcpy(path + strlen(path) - 6, "XXXXXX");
    *state = mkdtemp(path);
    umask(022);
    return *state ? chdir(path) : -1;
}

static int leave_directory(void **state)
{
    return chdir("/") < 0 ? -1 : file_remove(*state, NULL);
}

static void put(const char *path, const char *text)
{
    assert_int_equal(file_write(path, text, strlen(text), 0644, false, NULL), 0);
}

static void assert_content(const char *path, const char *expected)
{
    CLEANUP(freep) char *text = NULL;
    size_t size = 0;
    assert_int_equal(file_read(AT_FDCWD, path, 1000, &text, &size, NULL), 0);
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void assert_names(const char *path, const char *const *expected, size_t expected_count)
{
    char **names;
    size_t count;
    assert_int_equal(file_list(path, &names, &count, NULL), 0);
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(names[i], expected[i]);
    file_list_free(names, count);
}

static void read_within_the_limit(void **state)
{
    (void)state;
    char *text = NULL;
    put("ten", "0123456789");
    assert_int_equal(file_read(AT_FDCWD, "ten", 10, &text, NULL, NULL), 0);
    assert_string_equal(text, "0123456789");
    free(text);
    text = NULL;
    struct error err = {0};
    assert_int_equal(file_read(AT_FDCWD, "ten", 9, &text, NULL, &err), -EFBIG);
    assert_null(text);
    assert_non_null(strstr(err.text, "ten"));
    put("none", "");
    assert_content("none", "");
    CLEANUP(freep) char *big = memory_new(100001);
    memset(big, 'b', 100000);
    put("big", big);
    CLEANUP(freep) char *again = NULL;
    assert_int_equal(file_read(AT_FDCWD, "big", 100000, &again, NULL, NULL), 0);
    assert_string_equal(again, big);
}

static void read_in_a_directory(void **state)
{
    (void)state;
    assert_int_equal(file_make_directory("sub", 0700, NULL), 0);
    put("sub/file", "inner");
    CLEANUP(close_fdp) int fd = open("sub", O_PATH | O_DIRECTORY);
    CLEANUP(freep) char *text = NULL;
    assert_int_equal(file_read(fd, "file", 100, &text, NULL, NULL), 0);
    assert_string_equal(text, "inner");
}

static void only_files_are_read(void **state)
{
    (void)state;
    char *text = NULL;
    struct error err = {0};
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(symlink("fifo", "link"), 0);
    assert_int_equal(file_read(AT_FDCWD, "fifo", 100, &text, NULL, &err), -EINVAL);
    assert_non_null(strstr(err.text, "fifo"));
    assert_int_equal(file_read(AT_FDCWD, "link", 100, &text, NULL, NULL), -EINVAL);
    assert_int_equal(file_read(AT_FDCWD, "/dev/null", 100, &text, NULL, NULL), -EINVAL);
    assert_int_equal(file_read(AT_FDCWD, ".", 100, &text, NULL, NULL), -EISDIR);
    assert_int_equal(file_read(AT_FDCWD, "none", 100, &text, NULL, &err), -ENOENT);
    assert_string_equal(err.text, "cannot read none: No such file or directory");
    assert_null(text);
    assert_int_equal(file_read(AT_FDCWD, "/proc/self/stat", 10000, &text, NULL, NULL), 0); /* its size is said to be 0 */
    assert_true(strlen(text) > 10);
    free(text);
}

static void written_with_its_mode(void **state)
{
    (void)state;
    assert_int_equal(file_write("new", "a", 1, 0666, true, NULL), 0);
    assert_content("new", "a");
    assert_int_equal(mode_of("new"), 0666); /* the umask has no say */
    assert_int_equal(chmod("new", 0604), 0);
    assert_int_equal(file_write("new", "bb", 2, 0600, true, NULL), 0);
    assert_content("new", "bb");
    assert_int_equal(mode_of("new"), 0604);
    static const char *const names[] = {"new"};
    assert_names(".", names, 1);
}

static void the_owner_is_kept(void **state)
{
    (void)state;
    put("file", "old");
    if (chown("file", 12, 34) < 0)
        skip();
    assert_int_equal(chmod("file", 04750), 0);
    put("file", "new");
    struct stat status;
    assert_int_equal(stat("file", &status), 0);
    assert_int_equal(status.st_uid, 12);
    assert_int_equal(status.st_gid, 34);
    assert_int_equal(status.st_mode & 07777, 04750);
}

static void replaced_not_overwritten(void **state)
{
    (void)state;
    put("file", "old");
    CLEANUP(close_fdp) int old = open("file", O_RDONLY);
    put("file", "new");
    char text[4] = "";
    assert_int_equal(read(old, text, 3), 3);
    assert_string_equal(text, "old");
    assert_content("file", "new");
}

static void links_are_followed(void **state)
{
    (void)state;
    assert_int_equal(file_make_directory("real/deep", 0755, NULL), 0);
    put("real/deep/file", "old");
    assert_int_equal(symlink("deep/file", "real/second"), 0);
    assert_int_equal(symlink("real/second", "first"), 0);
    put("first", "new");
    struct stat status;
    assert_int_equal(lstat("first", &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_content("real/deep/file", "new");

    assert_int_equal(symlink("real/missing", "dangling"), 0);
    put("dangling", "made");
    assert_content("real/missing", "made");

    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_equal(file_write("loop", "", 0, 0600, false, NULL), -ELOOP);
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(file_write("no/such", "x", 1, 0600, false, &err), -ENOENT);
    assert_string_equal(err.text, "cannot write no/such: No such file or directory");
    assert_int_equal(mkdir("directory", 0700), 0);
    assert_int_equal(file_write("directory", "x", 1, 0600, false, NULL), -EISDIR);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(file_write("fifo", "x", 1, 0600, false, NULL), -EINVAL);
    static const char *const names[] = {"directory", "fifo"};
    assert_names(".", names, 2);
}

static void a_left_over_is_no_obstacle(void **state)
{
    (void)state;
    CLEANUP(freep) char *left = memory_format("file.tmp-%d", (int)getpid());
    CLEANUP(close_fdp) int fd = open(left, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    put("file", "text");
    assert_content("file", "text");
    assert_int_equal(access(left, F_OK), -1);
}

static void directories_with_parents(void **state)
{
    (void)state;
    assert_int_equal(file_make_directory("a/b/c", 0770, NULL), 0);
    assert_int_equal(mode_of("a"), 0755);
    assert_int_equal(mode_of("a/b"), 0755);
    assert_int_equal(mode_of("a/b/c"), 0770);
    assert_int_equal(file_make_directory("a/b/c", 0700, NULL), 0);
    assert_int_equal(mode_of("a/b/c"), 0770);
    assert_int_equal(file_make_directory("a/b/d/", 0700, NULL), 0);
    CLEANUP(freep) char *absolute = memory_format("%s/x/y", (char *)*state);
    assert_int_equal(file_make_directory(absolute, 0700, NULL), 0);
    put("file", "");
    struct error err = {0};
    assert_int_equal(file_make_directory("file", 0700, NULL), -ENOTDIR);
    assert_int_equal(file_make_directory("file/under", 0700, &err), -ENOTDIR);
    assert_non_null(strstr(err.text, "file/under"));
    assert_int_equal(file_make_directory("", 0700, NULL), -ENOENT);
}

static void natural_order(void **state)
{
    (void)state;
    static const char *const made[] = {"eth10", "eth2", "br0", "eth1", ".hidden", "eth1.tmp-123", "eth1.tmp-", "eth1.tmp-12x"};
    static const char *const names[] = {".hidden", "br0", "eth1", "eth1.tmp-", "eth1.tmp-12x", "eth2", "eth10"};
    for (size_t i = 0; i < ARRAY_SIZE(made); i++)
        put(made[i], "");
    assert_names(".", names, ARRAY_SIZE(names));
    assert_int_equal(access("eth1.tmp-123", F_OK), 0);
    file_remove_left_over(".");
    file_remove_left_over("none");
    assert_int_equal(access("eth1.tmp-123", F_OK), -1);
    assert_names(".", names, ARRAY_SIZE(names));
    assert_int_equal(mkdir("empty", 0700), 0);
    assert_names("empty", NULL, 0);
    char **list;
    size_t count;
    assert_int_equal(file_list("none", &list, &count, NULL), -ENOENT);
    assert_int_equal(file_list("br0", &list, &count, NULL), -ENOTDIR);
}

static void remove_everything_but_what_links_name(void **state)
{
    (void)state;
    assert_int_equal(file_make_directory("tree/a/b", 0700, NULL), 0);
    assert_int_equal(file_make_directory("kept", 0700, NULL), 0);
    put("kept/file", "");
    for (int i = 0; i < 100; i++) {
        CLEANUP(freep) char *name = memory_format("tree/a/file%d", i);
        put(name, "");
    }
    assert_int_equal(symlink("../../kept", "tree/a/link"), 0);
    assert_int_equal(symlink("kept", "link"), 0);
    assert_int_equal(file_remove("tree", NULL), 0);
    assert_int_equal(file_remove("link", NULL), 0);
    assert_int_equal(file_remove("none", NULL), 0);
    static const char *const names[] = {"kept"};
    static const char *const inside[] = {"file"};
    assert_names(".", names, 1);
    assert_names("kept", inside, 1);
    struct error err = {0};
    assert_int_equal(file_remove("kept/file/x", &err), -ENOTDIR);
    assert_non_null(strstr(err.text, "kept/file/x"));
}

enum { BLOCK = 4096 };

/* Blocks of 'a', 'b', … as somebody else's O_APPEND descriptor writes them. */
static void append_blocks(int writer, char first, int count)
{
    char block[BLOCK];
    for (int i = 0; i < count; i++) {
        memset(block, first + i, sizeof(block));
        assert_int_equal(write(writer, block, sizeof(block)), sizeof(block));
    }
}

static void assert_ends_with_blocks(int fd, char first, int count)
{
    char block[BLOCK];
    off_t size = lseek(fd, 0, SEEK_END);
    for (int i = 0; i < count; i++) {
        assert_int_equal(pread(fd, block, sizeof(block), size - (off_t)(count - i) * BLOCK), sizeof(block));
        assert_int_equal(block[0], first + i);
        assert_int_equal(block[BLOCK - 1], first + i);
    }
}

static off_t data_size(int fd)
{
    return lseek(fd, 0, SEEK_END) - lseek(fd, 0, SEEK_DATA);
}

static void trim(int fd, int writer)
{
    append_blocks(writer, 'a', 4);
    assert_int_equal(file_trim(fd, 2 * BLOCK, NULL), 0);
    assert_int_equal(data_size(fd), 4 * BLOCK); /* not over twice what is to be kept */
    append_blocks(writer, 'e', 1);
    assert_int_equal(file_trim(fd, 2 * BLOCK, NULL), 0);
    assert_int_equal(data_size(fd), 2 * BLOCK);
    assert_ends_with_blocks(fd, 'd', 2);

    append_blocks(writer, 'f', 2);
    assert_int_equal(file_trim(fd, 2 * BLOCK, NULL), 0);
    assert_int_equal(data_size(fd), 4 * BLOCK); /* what was cut before does not count */
    append_blocks(writer, 'h', 1);
    assert_int_equal(write(writer, "tail", 4), 4);
    assert_int_equal(file_trim(fd, 2 * BLOCK, NULL), 0);
    assert_int_equal(data_size(fd), 2 * BLOCK + 4); /* whole blocks only are cut */
    char tail[5] = "";
    assert_int_equal(pread(fd, tail, 4, lseek(fd, 0, SEEK_END) - 4), 4);
    assert_string_equal(tail, "tail");
}

static void a_log_is_trimmed(void **state)
{
    (void)state;
    CLEANUP(close_fdp) int fd = open("log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CLEANUP(close_fdp) int writer = open("log", O_WRONLY | O_APPEND | O_CLOEXEC);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    if (status.st_blksize != BLOCK)
        skip();
    trim(fd, writer);
}

/* tmpfs, where /run lies, can punch holes but not collapse. */
static void a_log_in_memory_is_trimmed(void **state)
{
    (void)state;
    CLEANUP(close_fdp) int fd = memfd_create("log", MFD_CLOEXEC);
    CLEANUP(freep) char *path = memory_format("/proc/self/fd/%d", fd);
    CLEANUP(close_fdp) int writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0 && writer >= 0);
    trim(fd, writer);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, 8 * BLOCK + 4);
    assert_int_equal(status.st_blocks * 512, 3 * BLOCK);
}

static void short_and_empty_logs_stay(void **state)
{
    (void)state;
    CLEANUP(close_fdp) int fd = open("log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(file_trim(fd, 10, NULL), 0);
    assert_int_equal(write(fd, "some words of a log", 19), 19);
    assert_int_equal(file_trim(fd, 5, NULL), 0);
    assert_content("log", "some words of a log"); /* less than a block can't be cut */
    struct error err = {0};
    assert_int_equal(file_trim(-1, 5, &err), -EBADF);
    assert_int_not_equal(err.text[0], '\0');
}

#define IN_DIRECTORY(function) cmocka_unit_test_setup_teardown(function, enter_directory, leave_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(read_within_the_limit),
        IN_DIRECTORY(read_in_a_directory),
        IN_DIRECTORY(only_files_are_read),
        IN_DIRECTORY(written_with_its_mode),
        IN_DIRECTORY(the_owner_is_kept),
        IN_DIRECTORY(replaced_not_overwritten),
        IN_DIRECTORY(links_are_followed),
        IN_DIRECTORY(what_cannot_be_written),
        IN_DIRECTORY(a_left_over_is_no_obstacle),
        IN_DIRECTORY(directories_with_parents),
        IN_DIRECTORY(natural_order),
        IN_DIRECTORY(remove_everything_but_what_links_name),
        IN_DIRECTORY(a_log_is_trimmed),
        IN_DIRECTORY(a_log_in_memory_is_trimmed),
        IN_DIRECTORY(short_and_empty_logs_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
