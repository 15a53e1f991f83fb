/* Rules of policy routing (ip rule), wanted and observed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/field.h"

struct rule_range {
    uint32_t first, last; /* both 0: none is stated (of ports) */
};

struct rule {
    int family;
    char stated_by[INTERFACE_NAME_SIZE]; /* WANTED: whose file states it; not compared */
    bool has_priority;                   /* WANTED: false = any; the kernel then puts it before all that were added so far */
    uint32_t priority;
    bool inverted; /* not */
    uint8_t from[16], to[16];
    uint8_t from_prefix, to_prefix; /* 0 = any address */
    char iif[INTERFACE_NAME_SIZE], oif[INTERFACE_NAME_SIZE];
    uint8_t tos;
    uint32_t mark, mark_mask; /* both 0: none is stated */
    uint8_t action;           /* FR_ACT_* */
    uint32_t table;           /* FR_ACT_TO_TBL */
    uint32_t target;          /* FR_ACT_GOTO: a priority */
    int32_t suppress_prefix;  /* routes with no longer prefix don't count; -1 = none */
    int32_t suppress_group;   /* nor those by interfaces of this group; -1 = none */
    bool has_uids;
    struct rule_range uids;
    uint8_t ip_protocol; /* 0 = any */
    struct rule_range source_ports, destination_ports;
    bool l3mdev;
    uint64_t tunnel;  /* 0 = none */
    uint8_t protocol; /* RTPROT_*; a hint, not compared */
};

struct rule rule_new(int family); /* from all, to table main */
/* Would the kernel, told to delete the one, take the other for it? It looks at no selector that is not stated, nor at "not", and
 * deletes the first rule that fits (rule_find in net/core/fib_rules.c). */
bool rule_is_taken_for(const struct rule *deleted, const struct rule *other);
/* Equal in all but protocol and stated_by. */
bool rule_same(const struct rule *a, const struct rule *b);
/* Is the observed rule what is wanted? As rule_same, but one without a priority is content with any. */
bool rule_matches(const struct rule *wanted, const struct rule *observed);
/* FR_ACT_* of "blackhole", "unreachable", "prohibit", "nop"; 0 for any other word. */
uint8_t rule_action(const char *name);

/* "priority 100 from 10.0.0.0/8 lookup 5", in ip rule's words. */
#define RULE_TEXT_SIZE 400
const char *rule_text(const struct rule *rule, char buffer[RULE_TEXT_SIZE]);
