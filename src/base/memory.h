/* Small allocations end the program when memory is out: the truth lives in the kernel, OVSDB and QEMU, so a restart is safe.
 * Sizes that come from outside are bounded by the caller first. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

void *memory_new(size_t size);                                     /* zeroed */
void *memory_resize(void *pointer, size_t count, size_t size);     /* of an array: count × size, checked for overflow */
char *memory_string(const char *text);                             /* strdup; NULL gives NULL */
char *memory_string_of(const char *text, size_t length);           /* strndup: up to a NUL */
void *memory_copy(const void *data, size_t size);                  /* NULL gives NULL */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *memory_format_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

#define NEW(type) ((type *)memory_new(sizeof(type)))

/* Appends one zeroed element to the array `items` with the counter `count` and gives a pointer to it. */
#define APPEND(items, count)                                                                                                   \
    ({                                                                                                                         \
        (items) = memory_resize((items), (count) + 1, sizeof(*(items)));                                                       \
        __builtin_memset(&(items)[(count)], 0, sizeof(*(items)));                                                              \
        &(items)[(count)++];                                                                                                   \
    })

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
