#define _GNU_SOURCE 1
#include "error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { DRAFT_SIZE = 2 * sizeof(((struct error *)0)->text) };

static void one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
}

static size_t without_trailing_space(const char *text)
{
    size_t length = strlen(text);
    while (length && strchr(" \t\r\n", text[length - 1]))
        length--;
    return length;
}

static int store(struct error *err, int code, const char *draft)
{
    static const char ellipsis[] = "…";
    if (code < 0)
        code = -code;
    if (code == 0)
        code = EIO;
    if (!err)
        return -code;
    err->code = code;
    size_t length = without_trailing_space(draft);
    bool cut = length >= sizeof(err->text);
    if (cut) {
        length = sizeof(err->text) - sizeof(ellipsis);
        while (length && ((unsigned char)draft[length] & 0xc0) == 0x80) /* not within a UTF-8 sequence */
            length--;
    }
    memcpy(err->text, draft, length);
    memcpy(err->text + length, cut ? ellipsis : "", cut ? sizeof(ellipsis) : 1);
    one_line(err->text);
    return -code;
}

int error_set(struct error *err, int code, const char *format, ...)
{
    char draft[DRAFT_SIZE]; /* the arguments may lie in err itself */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(draft, sizeof(draft), format, arguments);
    va_end(arguments);
    return store(err, code, draft);
}

int error_errno(struct error *err, int code, const char *format, ...)
{
    char draft[DRAFT_SIZE], words[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(draft, sizeof(draft) / 2, format, arguments);
    va_end(arguments);
    size_t length = strlen(draft);
    snprintf(draft + length, sizeof(draft) - length, ": %s", strerror_r(code < 0 ? -code : code, words, sizeof(words)));
    return store(err, code, draft);
}

int error_prefix(struct error *err, const char *format, ...)
{
    if (!err)
        return -EIO;
    char draft[DRAFT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(draft, sizeof(draft) / 2, format, arguments);
    va_end(arguments);
    size_t length = strlen(draft);
    snprintf(draft + length, sizeof(draft) - length, ": %s", err->text);
    return store(err, err->code, draft);
}
