#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

void frame_init(struct frame *frame, size_t limit)
{
    *frame = (struct frame){.limit = limit};
}

void frame_clear(struct frame *frame)
{
    free(frame->data);
    frame_init(frame, frame->limit);
}

static void drop_taken_lines(struct frame *frame)
{
    memmove(frame->data, frame->data + frame->start, frame->length - frame->start);
    frame->length -= frame->start;
    frame->scanned -= frame->start;
    frame->start = 0;
}

char *frame_room(struct frame *frame, size_t size)
{
    if (frame->start == frame->length && frame->allocated > 4 * size) /* one long line must not cost its memory for ever */
        frame_clear(frame);
    /* Only when what moves is no longer than what was taken since the last move: so the moving stays linear. */
    if (frame->start && frame->start >= frame->length - frame->start)
        drop_taken_lines(frame);
    if (!frame->data || frame->allocated - frame->length < size) {
        frame->allocated = 2 * frame->length + size;
        frame->data = memory_resize(frame->data, frame->allocated, 1);
    }
    return frame->data + frame->length;
}

void frame_added(struct frame *frame, size_t size)
{
    frame->length += size;
}

static size_t without_return(const char *line, size_t length)
{
    return length && line[length - 1] == '\r' ? length - 1 : length;
}

int frame_line(struct frame *frame, char **ret_line, size_t *ret_length)
{
    if (!frame->data)
        return 0;
    char *line = frame->data + frame->start;
    char *newline = memchr(frame->data + frame->scanned, '\n', frame->length - frame->scanned);
    size_t length = without_return(line, (size_t)((newline ? newline : frame->data + frame->length) - line));
    if (length > frame->limit)
        return -EMSGSIZE;
    if (!newline) {
        frame->scanned = frame->length;
        return 0;
    }
    line[length] = '\0';
    frame->start = frame->scanned = (size_t)(newline + 1 - frame->data);
    *ret_line = line;
    if (ret_length)
        *ret_length = length;
    return 1;
}
