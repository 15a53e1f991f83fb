/* A disk's files: the image and what its qcow2 headers name below it, each opened by the agent, so that QEMU needs no right to
 * any of them. What stands in an image may have been written by a guest: it is bounded and distrusted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/vm.h"

struct error;

enum { IMAGE_LAYERS_MAX = 16 };

struct image_layer {
    int fd;
    const char *driver; /* of the format: "qcow2", "raw", …; static */
    bool block_device;
};

struct image {
    struct image_layer layers[IMAGE_LAYERS_MAX]; /* the disk itself first, then its backing file, … */
    size_t count;
    bool writable; /* the first; those below never are */
};

/* Without Format= (and for a backing file whose format nobody stated) a file is qcow2 only when it says so and refers to no other
 * file; else it is raw, or refused: a guest could have written a header that names any file of the host into a raw disk. */
int image_open(const struct disk *disk, struct image *ret_image, struct error *err);
void image_close(struct image *image);

/* For the reader's own tests and fuzzing: what a header says. backing is NULL when there is none. */
struct image_header {
    bool is_qcow2;
    char *backing;        /* the caller frees both */
    char *backing_format; /* NULL = not stated */
    bool external_data;
};
int image_read_header(int fd, struct image_header *ret_header, struct error *err);
