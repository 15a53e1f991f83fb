/* Errors that carry their story. A function that can fail returns 0 or -errno and fills a struct error that its caller owns;
 * each level that knows more puts its object in front: "vm c2: nic net1: bridge br7: No such device". */
#pragma once

#include <stdarg.h>

struct error {
    int code;       /* errno value, positive; 0 = no error */
    char text[500]; /* object, action, cause, cure; one line, no newline at the end */
};

/* Sets code and text and returns -code, so that callers write `return error_set(err, ENOENT, "…")`. err may be NULL in all of
 * these. What does not fit ends in "…"; line breaks and other control characters become spaces. A code of 0 becomes EIO, so
 * that an error is never taken for a success. */
int error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Like error_set, and puts ": " and the system's words for the code behind the text. */
int error_errno(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "…: " in front of the text that stands in err and returns -err->code (-EIO without err). */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
