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

static inline uint32_t number_at(const void *place)
{
    uint32_t number;
    memcpy(&number, place, sizeof(number));
    return number;
}
