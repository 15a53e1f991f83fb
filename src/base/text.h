/* Words and numbers of files and commands. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growable text; a zeroed struct is an empty one. text is NULL until something was added, then always NUL-terminated. */
struct text {
    char *data;
    size_t length;
    size_t allocated;
};

void text_add(struct text *text, const char *string);
void text_add_data(struct text *text, const void *data, size_t length);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_hex(struct text *text, const void *bytes, size_t size); /* two digits each */
bool text_from_hex(const char *text, void *ret_bytes, size_t size);   /* the opposite; false when it is not just so many */
char *text_take(struct text *text); /* the text, "" if nothing was added; the caller frees it; the struct is empty again */
void text_clear(struct text *text);

bool text_equal(const char *a, const char *b); /* NULL equals NULL */
bool text_starts(const char *text, const char *prefix);

/* The whole of `text` as a number from minimum to maximum: 0, -EINVAL (no number; NULL too) or -ERANGE. Base 10; no sign but
 * '-', no blanks. */
int text_number(const char *text, int64_t minimum, int64_t maximum, int64_t *ret);

/* The candidate nearest to `word` (by edit distance, letter case ignored), or NULL when none is near enough to suggest. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

int text_mac(const char *text, uint8_t ret_mac[6]);        /* "52:54:00:00:00:11", any case; -EINVAL */
void text_from_mac(const uint8_t mac[6], char ret[18]);

uint64_t text_hash(const char *text); /* FNV-1a, 64 bits: stable over time and machines */

/* Copies at most size - 1 bytes and always terminates; false when the text was too long (and was cut). */
bool text_copy(char *target, size_t size, const char *source);

/* An interface's name as the kernel and ifcfg allow it (1 to 15 characters; none of / : % and space; not ".", "..", "all",
 * "default"); NULL when it is good, else what is wrong, e.g. "is longer than 15 characters". */
const char *text_interface_name_fault(const char *name);
/* A VM's, NIC's or disk's name: [A-Za-z0-9_.-], at most 64, no leading '.' or '-'. Same result. */
const char *text_vm_name_fault(const char *name);
