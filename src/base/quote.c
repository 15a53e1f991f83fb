#include "quote.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The length of the UTF-8 sequence at `bytes`, 0 if there is none: no overlong forms, no surrogates, nothing over U+10FFFF. */
static size_t sequence_length(const unsigned char *bytes)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = bytes[0] < 0x80             ? 1
                    : (bytes[0] & 0xe0) == 0xc0 ? 2
                    : (bytes[0] & 0xf0) == 0xe0 ? 3
                    : (bytes[0] & 0xf8) == 0xf0 ? 4
                                                : 0;
    if (length < 2)
        return length;
    uint32_t point = bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) /* the NUL at the end is none either */
            return 0;
        point = point << 6 | (bytes[i] & 0x3f);
    }
    return point >= least[length] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff) ? length : 0;
}

/* As above, and 0 also for control characters, C1 ones (U+0080 … U+009F) included. */
static size_t plain_length(const unsigned char *bytes)
{
    size_t length = sequence_length(bytes);
    if ((length == 1 && (bytes[0] < ' ' || bytes[0] == 0x7f)) || (length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0))
        return 0;
    return length;
}

const char *quote_text(const char *text, char buffer[QUOTE_SIZE])
{
    static const char ellipsis[] = "…\"";
    size_t room = QUOTE_SIZE - sizeof(ellipsis), used = 0;
    const unsigned char *bytes = (const unsigned char *)(text ? text : "");
    buffer[used++] = '"';
    while (*bytes) {
        size_t length = plain_length(bytes);
        if (used + (length ? length : 1) > room) {
            memcpy(buffer + used, ellipsis, sizeof(ellipsis));
            return buffer;
        }
        if (length)
            memcpy(buffer + used, bytes, length);
        else
            buffer[used] = '?';
        used += length ? length : 1;
        bytes += length ? length : 1;
    }
    memcpy(buffer + used, "\"", 2);
    return buffer;
}

bool quote_is_plain(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    while (*bytes) {
        size_t length = plain_length(bytes);
        if (!length)
            return false;
        bytes += length;
    }
    return true;
}
