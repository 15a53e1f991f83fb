/* The option table: one row per option of every file format. Readers, writers, diff, JSON, completion and the manual page come
 * from the row; a new option touches one row (and the code that carries it to the kernel or QEMU). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/document.h"

enum option_scope { /* a file format, or a section of one */
    OPTION_INTERFACE, /* ifcfg-NAME -> struct interface */
    OPTION_VM,        /* [vm] -> struct vm */
    OPTION_DISK,      /* [disk NAME] -> struct disk */
    OPTION_NIC,       /* [nic NAME] -> struct nic */
    OPTION_DISPLAY,   /* [display] -> struct vm */
    OPTION_SETTINGS,  /* trestle.conf -> struct settings; `section` names the section */
    OPTION_SCOPES
};

enum option_type {
    OPTION_BOOL,    /* bool; `choices`: the words for false and true, besides yes, no, on, off, … */
    OPTION_NUMBER,  /* uint32_t: the file's number × scale; with a scale, decimals are read too; `choices`: a word for 0 */
    OPTION_SIZE,    /* uint64_t, bytes: 512M, 1G, 64K; a bare number is MiB, as in qemu -m */
    OPTION_STRING,  /* char *, owned by the object; `choices`: the only words allowed */
    OPTION_NAME,    /* char[16], an interface's name */
    OPTION_MAC,     /* uint8_t[6]; no group address, not all zero */
    OPTION_GROUP_MAC, /* uint8_t[6]; one of the link-local group addresses that a bridge may send its own messages to */
    OPTION_UUID,    /* char[37], lower case */
    OPTION_CHOICE,  /* an enum; the index in `choices`, letter case ignored */
    OPTION_RATE,    /* struct rate: average[,peak[,burst]] with virsh's forms "avg,,burst" */
    OPTION_MAP,     /* uint32_t[length]: FROM:TO pairs, separated by commas or blanks; FROM below `length`, TO up to `maximum` */
    OPTION_ADDRESS, /* char[IP_TEXT_SIZE]: an IPv4 or IPv6 address in its canonical form */
    OPTION_TARGETS, /* uint8_t[length][4]: IPv4 addresses, separated by commas; all zero behind the last */
    OPTION_VLANS,   /* char *, owned by the object: VLANs from 1 to 4094 like 10,20-29 */
    OPTION_SPECIAL, /* read by a function of its own reader (DEVICE, IPADDRn, BRIDGING_OPTS, …) */
    OPTION_IGNORED, /* the classic scripts or other tools know it; it changes nothing here; no word about it */
    OPTION_LATER,   /* known, not applied yet: said once per file, as a warning, unless the value is the `fallback` anyway */
};

enum option_change {
    CHANGE_LIVE,   /* takes effect on the running object */
    CHANGE_BOUNCE, /* the port or NIC goes down and up for it */
    CHANGE_REMAKE, /* the object must be made again, or the VM started again */
};

struct option {
    enum option_scope scope;
    const char *section;          /* OPTION_SETTINGS; OPTION_INTERFACE: "bridge", "port" for a word of BRIDGING_OPTS; else NULL */
    const char *key;              /* as files write it: "DELAY", "Memory" */
    const char *name;             /* as JSON has it: "forward_delay", "memory"; NULL = not in JSON */
    enum option_type type;
    int field;                    /* bit of the object's `set`; -1 = none */
    size_t offset;                /* of the value in the object */
    bool numbered;                /* also with a number behind it: IPADDR0 … IPADDR255 */
    int64_t minimum, maximum;     /* OPTION_NUMBER: of the file's number; OPTION_SIZE: of bytes */
    uint32_t scale;               /* OPTION_NUMBER; 0 means 1 */
    uint32_t unit;                /* OPTION_NUMBER: the value's parts per unit of JSON (100: hundredths of a second); 0 = scale */
    size_t length;                /* OPTION_MAP, OPTION_TARGETS: of the array */
    bool by_number;               /* OPTION_CHOICE: the index itself is understood too */
    const char *const *choices;   /* OPTION_CHOICE, BOOL, STRING, NUMBER: NULL at the end */
    const char *fallback;         /* the default, as a file would write it ("": none); of an interface's field: what the kernel gives a
                                   * new link; NULL = none, or QEMU's own, or one that no table tells */
    enum option_change change;
    const char *needs;            /* the kernel's configuration without which there is no such thing; NULL = all kernels have it */
    const char *help;             /* one line */
};

extern const struct option option_table[];
extern const size_t option_count;

/* The row of a key; letter case counts. For numbered keys the number is cut off into *ret_number (-1 = none; may be NULL).
 * Rows with a section are found only with that section, which may be the NULL of all others. */
const struct option *option_find(enum option_scope scope, const char *section, const char *key, int *ret_number);
/* The first row of that bit, or NULL. */
const struct option *option_of_field(enum option_scope scope, int field);
/* The key most like it, or NULL. */
const char *option_nearest(enum option_scope scope, const char *section, const char *key);

/* Reads the text into the object and sets the bit. On failure (-EINVAL, -ERANGE) err says what is allowed, e.g.
 * `wants a number from 68 to 65535, not "x"` (the caller puts file, line and key in front). Not for SPECIAL, IGNORED, LATER. */
struct error;
int option_parse(const struct option *option, void *object, const char *text, struct error *err);
/* A yes or no as the network scripts have it: t|y|yes|on|true|1, f|n|no|off|false|0 in any case; -EINVAL for anything else. */
int option_parse_bool(const char *text, bool *ret);
/* The value as a file writes it; the caller frees it; NULL when it is unset (an empty string, no rate, a zero MAC, 0 where the
 * least allowed is more). */
char *option_format(const struct option *option, const void *object);
bool option_is_set(const struct option *option, const void *object); /* its bit in `set`, which is found by the scope */
/* Are the values equal? Times in hundredths of a second may differ by one. */
bool option_same(const struct option *option, const void *a, const void *b);
/* Takes the value of `source` over, and its bit, unless the value is as good as none. */
void option_copy(const struct option *option, void *target, const void *source);
void option_set_defaults(enum option_scope scope, void *object); /* every fallback; sets no bits */

/* JSON of all rows of a scope that have a `name` and a value; values as numbers, booleans and strings (MAC, choices and rates as
 * text, sizes in bytes, times in seconds). only_set leaves out what has no bit. from_json refuses unknown members and wrong
 * types, naming them; null is as good as absent. */
json_t *option_to_json(enum option_scope scope, const void *object, bool only_set);
int option_from_json(enum option_scope scope, void *object, const json_t *json, struct error *err);
/* The value as nobody stated it (the fallback, or none), with the bit set: it is stated that there is to be nothing else. */
void option_reset(const struct option *option, void *object);
