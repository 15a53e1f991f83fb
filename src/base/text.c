#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void reserve(struct text *text, size_t length)
{
    size_t wanted = text->length + length + 1;
    if (wanted <= text->allocated)
        return;
    text->allocated = wanted < 64 ? 64 : 2 * wanted;
    text->data = memory_resize(text->data, text->allocated, 1);
}

void text_add_data(struct text *text, const void *data, size_t length)
{
    reserve(text, length);
    if (length)
        memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_add_data(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *added = memory_format_list(format, arguments);
    va_end(arguments);
    text_add(text, added);
    free(added);
}

void text_add_hex(struct text *text, const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *byte = bytes;
    reserve(text, 2 * size);
    for (size_t i = 0; i < size; i++) {
        text->data[text->length++] = digits[byte[i] >> 4];
        text->data[text->length++] = digits[byte[i] & 15];
    }
    text->data[text->length] = '\0';
}

static int digit_value(char digit)
{
    return is_digit(digit) ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool text_from_hex(const char *text, void *ret_bytes, size_t size)
{
    uint8_t *byte = ret_bytes;
    if (strlen(text) != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        byte[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

char *text_take(struct text *text)
{
    char *data = text->data ? text->data : memory_string("");
    *text = (struct text){0};
    return data;
}

void text_clear(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

bool text_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

int text_number(const char *text, int64_t minimum, int64_t maximum, int64_t *ret)
{
    if (!text)
        return -EINVAL;
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (!*digits)
        return -EINVAL;
    for (const char *c = digits; *c; c++)
        if (!is_digit(*c))
            return -EINVAL;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE || value < minimum || value > maximum)
        return -ERANGE;
    *ret = value;
    return 0;
}

enum { LONGEST_WORD = 64 };

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours (Damerau and Levenshtein, no letter edited twice). */
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][LONGEST_WORD + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (unsigned j = 0; j <= b_length; j++)
        last[j] = before[j] = j;
    for (unsigned i = 1; i <= a_length; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            bool same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = smaller(smaller(last[j], row[j - 1]) + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        unsigned *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b_length];
}

static unsigned furthest(size_t length)
{
    return length < 6 ? 1 : length < 9 ? 2 : 3;
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t length = strlen(word);
    if (length > LONGEST_WORD)
        return NULL;
    const char *nearest = NULL;
    unsigned least = furthest(length) + 1;
    for (size_t i = 0; i < count; i++) {
        size_t candidate_length = strlen(candidates[i]);
        if (candidate_length > LONGEST_WORD)
            continue;
        unsigned distance = edit_distance(word, length, candidates[i], candidate_length);
        /* With every letter replaced nothing of the candidate is in the word. */
        if (distance < least && distance < candidate_length) {
            nearest = candidates[i];
            least = distance;
        }
    }
    return nearest;
}

static int hex_digit(char c)
{
    c = lower(c);
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_mac(const char *text, uint8_t ret_mac[6])
{
    uint8_t mac[6];
    if (!text || strlen(text) != 17)
        return -EINVAL;
    for (size_t i = 0; i < 6; i++) {
        int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);
        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
            return -EINVAL;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret_mac, mac, sizeof(mac));
    return 0;
}

void text_from_mac(const uint8_t mac[6], char ret[18])
{
    snprintf(ret, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

uint64_t text_hash(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

bool text_copy(char *target, size_t size, const char *source)
{
    size_t length = strlen(source);
    if (!size)
        return false;
    size_t copied = length < size ? length : size - 1;
    memcpy(target, source, copied);
    target[copied] = '\0';
    return copied == length;
}

const char *text_interface_name_fault(const char *name)
{
    static const char *const reserved[] = {".", "..", "all", "default"};
    size_t length = strlen(name);
    if (length == 0)
        return "is empty";
    if (length > 15)
        return "is longer than 15 characters";
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return "contains a space or a control character";
        if (*c == '/')
            return "contains '/'";
        if (*c == ':')
            return "contains ':'";
        if (*c == '%') /* the kernel takes it for a pattern to number */
            return "contains '%'";
    }
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (strcmp(name, reserved[i]) == 0)
            return "is a reserved name";
    return NULL;
}

static bool in_vm_name(char c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) || c == '_' || c == '.' || c == '-';
}

const char *text_vm_name_fault(const char *name)
{
    size_t length = strlen(name);
    if (length == 0)
        return "is empty";
    if (length > 64)
        return "is longer than 64 characters";
    if (name[0] == '.' || name[0] == '-')
        return "begins with '.' or '-'";
    for (const char *c = name; *c; c++)
        if (!in_vm_name(*c))
            return "contains something else than letters, digits, '_', '.' and '-'";
    return NULL;
}
