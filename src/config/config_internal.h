/* What the files of this folder share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "model/option.h"

enum {
    CONFIG_FILE_SIZE = 1 << 20,  /* largest file that is read */
    CONFIG_PROBLEMS = 50,        /* of one file; after so many errors nobody reads on */
    CONFIG_ENTRIES = 5000,       /* KEY=VALUE pairs in one file */
};

/* complaints.c: a file's problems, at most CONFIG_PROBLEMS of them. */
struct complaints {
    struct problems *problems;
    const char *file;
    size_t start;  /* problems->count when the file began */
    size_t errors; /* of this file */
};
struct complaints complaints_begin(struct problems *problems, const char *file);
/* Columns count characters, from 1. */
void complain(struct complaints *complaints, bool warning, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
bool complaints_full(const struct complaints *complaints);

/* lexer.c: text -> sections of KEY=VALUE. The one lexer of all formats. */
struct lexer_entry {
    char *key, *value;
    unsigned line, column;             /* of the key */
    unsigned value_line, value_column; /* of the value */
    size_t start, value_start, value_end, end; /* where in the text key, value and (INI) last line lie */
};
struct lexer_section {
    char *name; /* "nic net0"; NULL in a shell-style file */
    unsigned line, column;
    size_t start, end; /* INI: of its header in the text */
    struct lexer_entry *entries;
    size_t count;
};
struct lexer_file {
    struct lexer_section *sections;
    size_t count;
};
/* ifcfg: shell-style assignments, read without a shell. One section, always. $DEVICE in OVS_OPTIONS and OVS_EXTRA is put in. */
void lexer_read_shell(const char *text, size_t size, struct lexer_file *ret_file, struct complaints *complaints);
/* NAME.vm, trestle.conf: systemd's INI style. */
void lexer_read_ini(const char *text, size_t size, struct lexer_file *ret_file, struct complaints *complaints);
void lexer_file_clear(struct lexer_file *file);
/* The last entry of that key with a value that is not empty (as a shell's [ -n "$KEY" ] has it), or NULL. */
const struct lexer_entry *lexer_find(const struct lexer_section *section, const char *key);
/* Is it the one that counts: none of the same key stands behind it, and it is not empty? */
bool lexer_counts(const struct lexer_section *section, const struct lexer_entry *entry);
/* The value as an INI file has to have it: in double quotes where it needs them. The caller frees it. */
char *lexer_quote_ini(const char *value);

/* section.c: the entries of an INI section by their option rows; those of OPTION_SPECIAL are left to the caller. table_section is
 * the rows' (OPTION_SETTINGS only). */
void section_read(const struct lexer_section *section, enum option_scope scope, const char *table_section, void *object,
                  struct complaints *complaints);
void section_unknown_key(const struct lexer_entry *entry, enum option_scope scope, const char *table_section,
                         struct complaints *complaints);
/* option_parse, with the complaint at the value's place. */
bool section_parse(const struct lexer_entry *entry, const struct option *row, void *object, struct complaints *complaints);

/* ifcfg.c: what one ifcfg file states. */
struct ifcfg_place {
    unsigned line, column;
};
struct ifcfg {
    const struct config_file *file;
    char device[INTERFACE_NAME_SIZE];     /* "" = none could be read; of a file that states HWADDR alone that of hwaddr_name() */
    struct interface *interface;          /* NULL: skipped, or with an error */
    bool skipped;                         /* of a kind that is not supported yet */
    bool alias;                           /* it gives addresses to another file's interface: read by alias.c */
    const struct lexer_section *global;   /* keys that stand before the file's own; NULL = none */
    struct ifcfg_place device_place, master_place, parent_place, gateway_place, vlans_place;
    struct ifcfg_place *address_places;   /* one for each of interface->addresses */
};
void ifcfg_read(const struct config_file *file, const struct lexer_section *global, struct ifcfg *ret_ifcfg,
                struct problems *problems);
void ifcfg_clear(struct ifcfg *ifcfg);
const char *ifcfg_nick(const struct config_file *file); /* "lan" of ifcfg-lan */

/* ifcfg_kind.c: what kind of link the file is about. */
struct ifcfg_kind {
    enum interface_kind kind;        /* INTERFACE_ETHERNET: whatever is there; INTERFACE_OTHER: known, and not supported yet */
    const struct lexer_entry *entry; /* that says so; NULL: none does */
};
struct ifcfg_kind ifcfg_kind_read(const struct lexer_section *section, struct complaints *complaints);
/* Is the value what happens anyway, by the row's fallback? */
bool ifcfg_kind_says_nothing(const struct option *row, const char *value);

/* ifcfg_vlan.c, ifcfg_bond.c: what the rows of a kind's keys don't say by themselves. ifcfg->interface has them read. */
void ifcfg_vlan_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints);
void ifcfg_bond_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints);
/* SLAVE and MASTER: is the interface a bond's slave? */
bool ifcfg_bond_read_slave(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints);

/* ifcfg_later.c: keys that are known and not applied yet. */
void ifcfg_later_read(const struct lexer_section *section, struct complaints *complaints);

/* ifcfg_links.c: the same of TAPs, veth pairs, macvlans and VXLANs. */
void ifcfg_links_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints);
/* OWNER and GROUP, by name or number; the others are read by their rows alone (false). */
bool ifcfg_links_read_key(const struct lexer_entry *entry, const struct option *row, struct interface *interface,
                          struct complaints *complaints);

/* ifcfg_vlans.c: VLANS and PVID. bridged: the file states a bridge or a bridge's port. */
void ifcfg_vlans_read(const struct lexer_section *section, bool bridged, struct ifcfg *ifcfg, struct complaints *complaints);
/* Takes them away again, with a warning, where the bridge (which may be the file's own) does not filter. */
void ifcfg_vlans_check(struct ifcfg *file, const struct interface *bridge, struct problems *problems);

/* address.c: the IP keys of an ifcfg file -> addresses, routes and their bits. ifcfg->interface is there. */
void address_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints);
/* The prefix that PREFIX and NETMASK (each may be NULL) give an IPv4 address; without either its class decides, as in ipcalc. */
bool address_prefix_of(const struct lexer_entry *prefix, const struct lexer_entry *mask, const uint8_t bytes[4], int *ret_prefix,
                       struct complaints *complaints);
/* The same of a route's destination, which may be everything: 0.0.0.0. */
bool address_prefix(const struct lexer_entry *mask, const uint8_t bytes[4], int *ret_prefix, struct complaints *complaints);
/* BROADCAST (NULL = not stated): of interest where it is not the network's last address. */
void address_read_broadcast(const struct lexer_entry *entry, struct address *address, struct complaints *complaints);

/* ifcfg_sysctl.c: keys that are sysctls of the interface. */
void ifcfg_sysctl_read(const struct lexer_section *section, struct ifcfg *ifcfg, struct complaints *complaints);

/* global.c: the file `network` (/etc/sysconfig/network), whose keys stand before those of every ifcfg file. NULL: there is none.
 * The section lies in ret_lexed, which the caller clears. */
const struct lexer_section *global_read(const struct config_files *files, struct lexer_file *ret_lexed,
                                        struct problems *problems);

/* words.c: lines of words, as route-NAME and rule-NAME have them: separated by blanks, no quotes; a # begins a comment, a
 * backslash at a line's end joins the next one. */
struct word {
    char *text;
    unsigned line, column;
};
struct word_list {
    struct word *items;
    size_t count;
};
struct words_reader {
    const char *at, *end;
    unsigned line, column;
};
struct words_reader words_begin(const struct config_file *file); /* its text is there */
/* The next line that has words; false at the end. The caller clears them. */
bool words_next(struct words_reader *reader, struct word_list *ret_words, struct complaints *complaints);
struct word_list words_split(const struct lexer_entry *entry); /* all with the place of its value */
void words_clear(struct word_list *words);
/* One word as a number (also 0x10) or as an interface's name; else it complains and gives false. */
bool words_number(const struct word *word, int64_t minimum, int64_t maximum, int64_t *ret, struct complaints *complaints);
bool words_interface(const struct word *word, char ret_name[INTERFACE_NAME_SIZE], struct complaints *complaints);

/* prefix.c: networks, addresses, tables and protocols as ip's command line has them. Each complains and gives false when the word
 * is none. */
bool prefix_read_address(const struct word *word, int family, uint8_t ret_bytes[16], struct complaints *complaints);
bool prefix_read(const struct word *word, int family, uint8_t ret_bytes[16], uint8_t *ret_prefix, struct complaints *complaints);
bool prefix_has_rest(int family, const uint8_t bytes[16], int prefix); /* bits behind it? */
bool prefix_read_table(const struct word *word, uint32_t *ret_table, struct complaints *complaints);
bool prefix_read_protocol(const struct word *word, uint8_t *ret_protocol, struct complaints *complaints);

/* route_file.c: a file's routes; those with errors are left out. */
enum {
    IPV6_METRIC = 1024, /* what the kernel gives an IPv6 route without a metric, and reports then */
};
struct route_line {
    struct route route;                  /* its group names the interfaces that were stated */
    char interface[INTERFACE_NAME_SIZE]; /* dev; "" = not stated */
    struct ifcfg_place place;
};
struct route_lines {
    struct route_line *items;
    size_t count;
};
void route_file_read(const struct config_file *file, struct route_lines *ret_lines, struct problems *problems);
void route_file_clear(struct route_lines *lines);
bool route_file_words(const struct word_list *words, int family, struct route_line *ret_line, struct complaints *complaints);
/* More of a route, without destination and next hop: EXTRA_ROUTE_OPTS and the like. */
bool route_file_more(const struct lexer_entry *entry, struct route *route, struct complaints *complaints);

/* rule_file.c */
struct rule_line {
    struct rule rule;
    struct ifcfg_place place;
};
struct rule_lines {
    struct rule_line *items;
    size_t count;
};
void rule_file_read(const struct config_file *file, struct rule_lines *ret_lines, struct problems *problems);
void rule_file_clear(struct rule_lines *lines);
bool rule_file_words(const struct word_list *line, int family, struct rule *ret_rule, struct complaints *complaints);

/* routing.c: puts the routes and rules of the files into the network of their interfaces, which it holds by now. */
void routing_read(const struct config_files *files, const struct ifcfg *ifcfgs, size_t count, bool lone, struct network *network,
                  struct problems *problems);

/* alias.c: ifcfg-NAME:ID and ifcfg-NAME-rangeN, which give more addresses to the interface of ifcfg-NAME. */
bool alias_is_one(const struct config_file *file, const struct lexer_section *section);
void alias_read_all(struct ifcfg *files, size_t count, bool lone, struct problems *problems);

/* check.c: what only shows when all files are seen. Drops what can't be from the list (interface = NULL) and adds the bridges
 * that only ports name to `implicit`. */
void check_network(struct ifcfg *files, size_t count, bool lone, struct network *implicit, struct problems *problems);

/* edit.c: an INI text with one section changed. All places are those of the lexer, so that nothing else in the text moves. */
struct edit_key {
    const char *key;
    char *value; /* as an option row formats it; NULL: the key is not to be there */
    bool keep;   /* what is there says the same already */
};
/* Where the section is not there it is put at the text's end, under `name`. The caller frees the text. */
char *edit_section(const char *text, const struct lexer_section *section, const char *name, const struct edit_key *keys,
                   size_t count);
/* next: the start of the section behind it, or the text's end. */
char *edit_remove_section(const char *text, const struct lexer_section *section, size_t next);

/* ifcfg_edit.c: a shell-style text with some keys changed: comments, order, unknown keys and line ends stay as they are. `raw` is put
 * in as it stands, quotes and all. Keys that are not there are put at the end. Same: NULL takes the key away. The caller frees it. */
struct ifcfg_key {
    char key[64];
    char *raw; /* owned */
};
struct ifcfg_keys {
    struct ifcfg_key *items;
    size_t count;
};
void ifcfg_keys_set(struct ifcfg_keys *keys, const char *key, const char *value); /* quoted where that is needed; NULL: goes */
void ifcfg_keys_set_raw(struct ifcfg_keys *keys, const char *key, const char *raw, size_t size);
void ifcfg_keys_clear(struct ifcfg_keys *keys);
char *ifcfg_edit(const char *text, const struct ifcfg_keys *keys);

/* vmfile.c */
/* The NIC's name of a section [nic NAME], or NULL when it is of another kind. */
const char *vmfile_nic_name(const struct lexer_section *section);
/* The row's value as a file has it; NULL when it is not stated or there is nothing to write. */
char *vmfile_value(const struct option *row, const void *object);
struct vm *vmfile_read(const char *path, const char *text, size_t size, struct problems *problems);
char *vmfile_text(const struct vm *vm);

/* vmedit.c: a VM file's text with a part of it changed; what comes out is read back before it is given. */
int vmedit_nic(const char *text, const char *name, const struct nic *nic, char **ret_text, struct error *err);
int vmedit_autostart(const char *text, bool autostart, char **ret_text, struct error *err);

/* settings.c: the text of trestle.conf into settings that hold their defaults. */
void settings_parse(const char *path, const char *text, size_t size, struct settings *settings, struct problems *problems);
