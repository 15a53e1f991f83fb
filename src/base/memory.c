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

void *memory_copy(const void *data, size_t size)
{
    return data ? memcpy(memory_new(size), data, size) : NULL;
}

char *memory_format_list(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return memory_string(format);
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
