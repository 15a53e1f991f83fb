/* What the files of this folder share; no other folder includes it. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "filter/filter.h"

/* A chain that drops what no rule accepts. */
struct filter_culprit {
    char what[200]; /* "the chain FORWARD of the table ip filter" */
    char cure[400]; /* a command that lets bridged packets pass, and no others if that can be said */
    bool ipv6;      /* drops IPv6 alone */
    bool bridge;    /* in the bridge family: bridge-nf-call-… is no matter */
};

struct filter_scope {
    bool ipv4, ipv6;    /* which bridged packets pass the filters of IP */
    const char *bridge; /* NULL = any */
};

/* 1 = found, 0 = none, -errno. */
int filter_nft_find(const struct filter_scope *scope, struct filter_culprit *ret, struct error *err);
int filter_legacy_find(const struct filter_scope *scope, struct filter_culprit *ret, struct error *err);

/* Does a rule accept what a bridge forwards? Conditions are gathered while a rule is read. */
struct filter_rule {
    bool accept;            /* its verdict */
    bool physdev;           /* bridged packets only (iptables' -m physdev --physdev-is-bridged) */
    bool other;             /* a condition that was not understood */
    char in[16], out[16];   /* interfaces; "" = any */
};
bool filter_rule_lets_pass(const struct filter_rule *rule, const struct filter_scope *scope, bool bridge_family);
/* The data of iptables' match of that name; anything but physdev is an `other`. */
void filter_rule_match(struct filter_rule *rule, const char *name, const void *data, size_t size);

/* -- filter_message.c: nf_tables asked ---------------------------------------------------------------------------------------- */

/* NULL when it is not there; of nest NULL nothing is. */
const struct nlattr *filter_message_find(const struct nlattr *nest, uint16_t type);
const struct nlattr *filter_message_attribute(const struct nlmsghdr *message, uint16_t type);
uint32_t filter_message_number(const struct nlattr *attribute, uint32_t fallback);
void filter_message_string(const struct nlattr *attribute, char *target, size_t size); /* "" for NULL */

struct filter_question {
    uint16_t type;             /* NFT_MSG_GET*: of a table that one alone, of all else a dump */
    uint8_t family;            /* 0 = any */
    const char *table;         /* NULL = any */
    const char *object;        /* the chain of rules, the set of elements; NULL = any */
};
/* 0; -EINTR when things changed during each of several tries; another -errno. `hear` may be told of something more than once. */
int filter_message_ask(const struct filter_question *question, mnl_cb_t hear, void *context);
bool filter_message_is_unknown(int result); /* the kernel has no nftables, or no such thing in it */
