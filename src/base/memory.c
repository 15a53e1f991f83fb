#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn static void out_of_memory(void)
{
    static const char text[] = "trestle: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)ignored;
    abort();
}

static void *checked(void *pointer)
{
    if (!pointer)
        out_of_memory();
    return pointer;
}

void *memory_new(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *memory_resize(void *pointer, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory();
    /* realloc(pointer, 0) frees and gives NULL. */
    return checked(realloc(pointer, total ? total : 1));
}

char *memory_string(const char *text)
{
    return text ? checked(strdup(text)) : NULL;
}

char *memory_string_of(const char *text, size_t length)
{
    return checked(strndup(text, length));
}

void *memory_copy(const void *data, size_t size)
{
    return data ? memcpy(checked(malloc(size ? size : 1)), data, size) : NULL;
}

char *memory_format_list(const char *format, va_list arguments)
{
    char line[256]; /* as most are */
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(line, sizeof(line), format, again);
    va_end(again);
    if (length < 0)
        return memory_string(format);
    if ((size_t)length < sizeof(line))
        return memory_copy(line, (size_t)length + 1);
    char *text = memory_new((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *memory_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = memory_format_list(format, arguments);
    va_end(arguments);
    return text;
}
