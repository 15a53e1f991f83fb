#include "vmm/image.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"

/* Places in a qcow2 header, all big endian (QEMU's docs/interop/qcow2.txt). */
enum {
    AT_VERSION = 4,
    AT_BACKING_OFFSET = 8,
    AT_BACKING_SIZE = 16,
    AT_FEATURES = 72,      /* incompatible ones; version 3 */
    AT_HEADER_LENGTH = 100,
    HEADER_V2 = 72,
    HEADER_V3 = 104,
    BACKING_SIZE_MAX = 1023,
    EXTENSIONS_MAX = 64,
    FEATURE_EXTERNAL_DATA = 1 << 2,
};
#define EXTENSION_BACKING_FORMAT 0xe2792acau

/* Formats of one file each. Others (vmdk, qed, …) can name further files in ways that are not read here. */
static const char *const drivers[] = {"raw", "qcow2", "vdi", "vpc", "vhdx"};

static uint32_t number32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return be32toh(value);
}

static uint64_t number64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return be64toh(value);
}

static char *read_name(int fd, uint64_t offset, size_t size)
{
    char name[BACKING_SIZE_MAX + 1];
    if (size == 0 || size > BACKING_SIZE_MAX || offset > INT64_MAX - size)
        return NULL;
    if (pread(fd, name, size, (off_t)offset) != (ssize_t)size || memchr(name, '\0', size))
        return NULL;
    name[size] = '\0';
    return memory_string(name);
}

static int read_extensions(int fd, uint64_t at, struct image_header *header, struct error *err)
{
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        uint8_t head[8];
        if (pread(fd, head, sizeof(head), (off_t)at) != (ssize_t)sizeof(head))
            return error_set(err, EBADMSG, "its qcow2 header is cut off");
        uint32_t type = number32(head), length = number32(head + 4);
        if (type == 0)
            return 0;
        if (type == EXTENSION_BACKING_FORMAT && !header->backing_format) {
            header->backing_format = read_name(fd, at + sizeof(head), length);
            if (!header->backing_format)
                return error_set(err, EBADMSG, "its qcow2 header states the backing file's format in a way that can't be read");
        }
        at += sizeof(head) + (((uint64_t)length + 7) & ~UINT64_C(7));
    }
    return error_set(err, EBADMSG, "its qcow2 header has more than %d extensions", (int)EXTENSIONS_MAX);
}

static int read_qcow2(int fd, const uint8_t *head, size_t size, struct image_header *header, struct error *err)
{
    uint32_t version = number32(head + AT_VERSION);
    bool old = version == 2;
    if ((version != 2 && version != 3) || size < (old ? HEADER_V2 : HEADER_V3))
        return error_set(err, EBADMSG, "its qcow2 header can't be read (version %u)", version);
    uint32_t length = old ? HEADER_V2 : number32(head + AT_HEADER_LENGTH);
    if (length < (old ? HEADER_V2 : HEADER_V3) || length > 64 << 10)
        return error_set(err, EBADMSG, "its qcow2 header has an impossible length (%u)", length);
    header->external_data = !old && (number64(head + AT_FEATURES) & FEATURE_EXTERNAL_DATA);
    uint64_t backing = number64(head + AT_BACKING_OFFSET);
    if (backing == 0)
        return 0;
    header->backing = read_name(fd, backing, number32(head + AT_BACKING_SIZE));
    if (!header->backing)
        return error_set(err, EBADMSG, "its qcow2 header names a backing file in a way that can't be read");
    return read_extensions(fd, length, header, err);
}

static void header_clear(struct image_header *header)
{
    free(header->backing);
    free(header->backing_format);
    *header = (struct image_header){0};
}

int image_read_header(int fd, struct image_header *ret_header, struct error *err)
{
    uint8_t head[HEADER_V3] = {0};
    struct image_header header = {0};
    ssize_t got = pread(fd, head, sizeof(head), 0);
    if (got < 0)
        return error_errno(err, errno, "cannot be read");
    header.is_qcow2 = got >= HEADER_V2 && memcmp(head, "QFI\xfb", 4) == 0;
    int result = header.is_qcow2 ? read_qcow2(fd, head, (size_t)got, &header, err) : 0;
    if (result < 0) {
        header_clear(&header);
        return result;
    }
    *ret_header = header;
    return 0;
}

/* Opened without waiting for the writer of a FIFO or a medium. */
static int open_file(const char *path, bool writable, struct image_layer *layer, struct error *err)
{
    CLEANUP(close_fdp) int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_errno(err, errno, "%s", path);
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_errno(err, errno, "%s", path);
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return error_set(err, EINVAL, "%s: is neither a file nor a block device", path);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    layer->block_device = S_ISBLK(status.st_mode);
    layer->fd = TAKE_FD(fd);
    return 0;
}

static const char *find_driver(const char *format)
{
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        if (text_equal(format, drivers[i]))
            return drivers[i];
    return NULL;
}

/* Which driver reads the file, and the header when it is a qcow2 one. */
static int choose_driver(struct image_layer *layer, const char *path, const char *format, struct image_header *header,
                         struct error *err)
{
    char quoted[QUOTE_SIZE];
    *header = (struct image_header){0};
    layer->driver = format ? find_driver(format) : NULL;
    if (format && !layer->driver)
        return error_set(err, ENOTSUP, "%s: format %s is not supported: raw, qcow2, vdi, vpc and vhdx are", path,
                         quote_text(format, quoted));
    if (layer->driver && strcmp(layer->driver, "qcow2") != 0)
        return 0;
    int result = image_read_header(layer->fd, header, err);
    if (result < 0)
        return error_prefix(err, "%s", path);
    if (format && !header->is_qcow2)
        return error_set(err, EBADMSG, "%s: is no qcow2 image", path);
    if (!format && header->is_qcow2 && (header->backing || header->external_data)) {
        header_clear(header);
        return error_set(err, EPERM,
                         "%s: looks like a qcow2 image that refers to another file, which a guest could have written there: "
                         "if it is one, say Format=qcow2 (for a backing file: qemu-img rebase -u -F qcow2)",
                         path);
    }
    layer->driver = header->is_qcow2 ? "qcow2" : "raw";
    if (!header->external_data)
        return 0;
    header_clear(header);
    return error_set(err, ENOTSUP, "%s: keeps its data in an external file, which is not supported", path);
}

/* A name relative to the image that states it; NULL for one that is no plain file. */
static char *backing_path(const char *image, const char *backing)
{
    if (text_starts(backing, "file:"))
        backing += strlen("file:");
    const char *colon = strchr(backing, ':');
    const char *slash = strchr(backing, '/');
    if (colon && (!slash || colon < slash)) /* json:, nbd:, … as QEMU tells a protocol from a path */
        return NULL;
    const char *end = strrchr(image, '/');
    if (backing[0] == '/' || !end)
        return memory_string(backing);
    return memory_format("%.*s/%s", (int)(end - image), image, backing);
}

static int open_chain(const char *path, const char *format, struct image *image, struct error *err)
{
    if (image->count == IMAGE_LAYERS_MAX)
        return error_set(err, ELOOP, "%s: is the %dth file of one disk: at most %d lie on each other", path,
                         (int)IMAGE_LAYERS_MAX + 1, (int)IMAGE_LAYERS_MAX);
    struct image_layer *layer = &image->layers[image->count];
    int result = open_file(path, image->writable && image->count == 0, layer, err);
    if (result < 0)
        return result;
    image->count++;
    struct image_header header;
    result = choose_driver(layer, path, format, &header, err);
    if (result < 0 || !header.backing)
        return result;
    CLEANUP(freep) char *below = backing_path(path, header.backing);
    char quoted[QUOTE_SIZE];
    if (below)
        result = open_chain(below, header.backing_format, image, err);
    else
        result = error_set(err, ENOTSUP, "%s: its backing file %s is no plain file", path, quote_text(header.backing, quoted));
    header_clear(&header);
    return result;
}

int image_open(const struct disk *disk, struct image *ret_image, struct error *err)
{
    struct image image = {.writable = disk->media != MEDIA_CDROM && !disk->read_only};
    bool medium = disk->media == MEDIA_CDROM && !disk->format;
    int result = open_chain(disk->file, medium ? "raw" : disk->format, &image, err);
    if (result < 0) {
        image_close(&image);
        return result;
    }
    *ret_image = image;
    return 0;
}

void image_close(struct image *image)
{
    while (image->count)
        close(image->layers[--image->count].fd);
}
