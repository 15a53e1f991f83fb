/* What the files of the option table share. */
#pragma once

#include <string.h>

#include "model/option.h"

#define FOR_EACH_ROW(row) for (const struct option *row = option_table; row < option_table + option_count; row++)

static inline void *place_of(const struct option *row, const void *object)
{
    return (char *)object + row->offset;
}

static inline bool has_value(const struct option *row)
{
    return row->type != OPTION_SPECIAL && row->type != OPTION_IGNORED && row->type != OPTION_LATER;
}

static inline uint32_t scale_of(const struct option *row)
{
    return row->scale ? row->scale : 1;
}

/* option_list.c: values that are lists. Parsers give -EINVAL or -ERANGE; what they format is the caller's, NULL for none. */
int option_list_parse_map(const char *text, size_t length, uint32_t maximum, uint32_t *map);
char *option_list_format_map(const uint32_t *map, size_t length);
int option_list_parse_targets(const char *text, size_t length, uint8_t (*targets)[4]);
char *option_list_format_targets(const uint8_t (*targets)[4], size_t length);

static inline uint32_t number_at(const void *place)
{
    uint32_t number;
    memcpy(&number, place, sizeof(number));
    return number;
}
