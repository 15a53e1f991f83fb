/* Cuts a byte stream into lines (QMP: one JSON document a line), without ever parsing a byte twice. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct frame {
    char *data;
    size_t length, allocated;
    size_t start;   /* of the line that is not complete yet */
    size_t scanned; /* up to here there is no newline */
    size_t limit;   /* longest line; set by frame_init */
};

void frame_init(struct frame *frame, size_t limit);
void frame_clear(struct frame *frame);

/* Room for at least `size` bytes more: read into it, then say how many with frame_added. */
char *frame_room(struct frame *frame, size_t size);
void frame_added(struct frame *frame, size_t size);

/* The next whole line without its "\n" or "\r\n", NUL-terminated, borrowed until the next call of any of these; 1 when there is
 * one, 0 when there is none yet, -EMSGSIZE when the line is over the limit. */
int frame_line(struct frame *frame, char **ret_line, size_t *ret_length);
