/* A set of an object's fields: which were stated, which are known, which differ; and the size of an interface's name. */
#pragma once

#include <stdint.h>

/* Of 128 bits, because an interface with the options of all link kinds has more than 64 fields. */
__extension__ typedef unsigned __int128 field_set;

#define FIELD_BIT(field) ((field_set)1 << (field))

#define INTERFACE_NAME_SIZE 16 /* IFNAMSIZ */

/* Of a set that is not empty. */
static inline int field_lowest(field_set set)
{
    uint64_t low = (uint64_t)set;

    return low ? __builtin_ctzll(low) : 64 + __builtin_ctzll((uint64_t)(set >> 64));
}
