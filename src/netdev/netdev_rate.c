/* Rates as traffic control. The kernel's options of a class, and of a policer, are computed from a rate and nothing else, so
 * what was stated is found again by computing them once more: what does not give the same is none of ours, and read as no
 * limit.
 *
 * What is not in the options themselves is kept where the kernel gives it back untouched: of a class, that burst and peak were
 * stated (else they are computed) is in its priority, which means nothing for the only class; a policer carries the whole rate
 * as its cookie. */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "netdev/netdev_internal.h"

#define TICKS_PER_SECOND 15625000u /* of 64 ns: the kernel's PSCHED_SHIFT, since Linux 2.6.31 */
#define AVERAGE_MAX 15000000u      /* KiB/s: above, a tick is more than 1 KiB, and a burst could not be read back */
#define PACKET_MAX 64u             /* KiB: a guest with segmentation offload hands over such packets */
#define PEAK_BUCKET 16u            /* KiB */
#define RATE_TABLE 1024            /* bytes: TC_RTAB_SIZE of the kernel */
#define RATE_TABLE_CELL 8          /* any but zero */

enum stated { STATED_BURST = 1, STATED_PEAK = 2 };

struct cookie { /* what TCA_ACT_COOKIE takes: 16 bytes */
    char mark[4];
    uint32_t average, peak, burst;
};

/* -- the options of a rate ------------------------------------------------------------------------------------------------ */

static uint32_t at_least(uint32_t minimum, uint32_t value)
{
    return value > minimum ? value : minimum;
}

/* How long `kib` take at so many KiB/s, rounded up. */
static uint64_t ticks(uint64_t kib, uint64_t rate)
{
    return (kib * TICKS_PER_SECOND + rate - 1) / rate; /* 2^32 × 2^24 fit */
}

static uint32_t inbound_burst(const struct rate *rate)
{
    return rate->burst ? rate->burst : at_least(PACKET_MAX, rate->average / 100);
}

static uint32_t outbound_burst(const struct rate *rate)
{
    return at_least(PACKET_MAX, rate->burst ? rate->burst : rate->average);
}

/* With a link layer that is said the kernel needs no table. */
static struct tc_ratespec ratespec(uint32_t kib)
{
    uint64_t bytes = (uint64_t)kib * 1024;

    return (struct tc_ratespec){
        .linklayer = TC_LINKLAYER_ETHERNET,
        .rate = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes,
    };
}

/* A class without a parent sends at its peak as long as its bucket lasts; without a peak, as fast as the link does. */
static struct tc_htb_opt class_options(const struct rate *rate)
{
    uint32_t burst = (uint32_t)ticks(inbound_burst(rate), rate->average);
    uint32_t peak_burst = rate->peak ? (uint32_t)ticks(at_least(PEAK_BUCKET, rate->peak / 1000), rate->peak) : burst;

    return (struct tc_htb_opt){
        .rate = ratespec(rate->average),
        .ceil = ratespec(rate->peak ? rate->peak : rate->average),
        .buffer = burst,
        .cbuffer = peak_burst,
        .quantum = PACKET_MAX * 1024, /* only classes beside it would make this matter */
        .prio = (rate->burst ? STATED_BURST : 0u) | (rate->peak ? STATED_PEAK : 0u),
    };
}

/* No limit by packet length: the kernel would drop all that is longer. */
static struct tc_police police_options(const struct rate *rate)
{
    struct tc_police police = {
        .action = TC_ACT_SHOT,
        .burst = (uint32_t)ticks(outbound_burst(rate), rate->average),
        .mtu = UINT32_MAX,
        .rate = ratespec(rate->average),
    };

    police.rate.cell_log = RATE_TABLE_CELL;
    return police;
}

/* -- reading -------------------------------------------------------------------------------------------------------------- */

static const struct nlattr *find(const struct nlattr *nest, uint16_t type, size_t size)
{
    const struct nlattr *attribute;

    mnl_attr_for_each_nested(attribute, nest)
        if (mnl_attr_get_type(attribute) == type && mnl_attr_get_payload_len(attribute) >= size)
            return attribute;
    return NULL;
}

static uint64_t wide_rate(const struct nlattr *options, uint16_t type, const struct tc_ratespec *spec)
{
    const struct nlattr *wide = find(options, type, sizeof(uint64_t));

    return wide ? mnl_attr_get_u64(wide) : spec->rate;
}

static bool same_class(const struct tc_htb_opt *a, const struct tc_htb_opt *b)
{
    return a->rate.rate == b->rate.rate && a->ceil.rate == b->ceil.rate && a->buffer == b->buffer && a->cbuffer == b->cbuffer
           && a->prio == b->prio;
}

struct rate netdev_rate_of_class(const struct nlattr *options)
{
    const struct nlattr *parameters = find(options, TCA_HTB_PARMS, sizeof(struct tc_htb_opt));
    struct tc_htb_opt observed, ours;
    struct rate rate = {0};

    if (!parameters)
        return rate;
    memcpy(&observed, mnl_attr_get_payload(parameters), sizeof(observed));
    rate.average = (uint32_t)(wide_rate(options, TCA_HTB_RATE64, &observed.rate) / 1024);
    if (!rate.average || rate.average > AVERAGE_MAX)
        return (struct rate){0};
    if (observed.prio & STATED_PEAK)
        rate.peak = (uint32_t)(wide_rate(options, TCA_HTB_CEIL64, &observed.ceil) / 1024);
    if (observed.prio & STATED_BURST)
        rate.burst = (uint32_t)((uint64_t)observed.buffer * rate.average / TICKS_PER_SECOND);
    if ((observed.prio & STATED_PEAK && !rate.peak) || (observed.prio & STATED_BURST && !rate.burst))
        return (struct rate){0};
    ours = class_options(&rate);
    return same_class(&observed, &ours) ? rate : (struct rate){0};
}

static bool takes_all(const struct nlattr *options)
{
    const struct nlattr *attribute = find(options, TCA_U32_SEL, sizeof(struct tc_u32_sel));
    struct tc_u32_sel selector;
    struct tc_u32_key key = {0};

    if (!attribute)
        return false;
    memcpy(&selector, mnl_attr_get_payload(attribute), sizeof(selector));
    if (selector.nkeys && mnl_attr_get_payload_len(attribute) >= sizeof(selector) + sizeof(key))
        memcpy(&key, (const char *)mnl_attr_get_payload(attribute) + sizeof(selector), sizeof(key));
    return selector.flags & TC_U32_TERMINAL && selector.nkeys <= 1 && key.mask == 0;
}

struct rate netdev_rate_of_filter(const struct nlattr *options)
{
    const struct nlattr *actions = find(options, TCA_U32_ACT, 0), *action = actions ? find(actions, 1, 0) : NULL;
    const struct nlattr *mark = action ? find(action, TCA_ACT_COOKIE, sizeof(struct cookie)) : NULL;
    const struct nlattr *nest = action ? find(action, TCA_ACT_OPTIONS, 0) : NULL;
    const struct nlattr *parameters = nest ? find(nest, TCA_POLICE_TBF, sizeof(struct tc_police)) : NULL;
    struct tc_police observed, ours;
    struct cookie cookie;
    struct rate rate;

    if (!mark || !parameters || !takes_all(options))
        return (struct rate){0};
    memcpy(&cookie, mnl_attr_get_payload(mark), sizeof(cookie));
    memcpy(&observed, mnl_attr_get_payload(parameters), sizeof(observed));
    rate = (struct rate){.average = cookie.average, .peak = cookie.peak, .burst = cookie.burst};
    if (memcmp(cookie.mark, "tres", sizeof(cookie.mark)) != 0 || !rate.average || rate.average > AVERAGE_MAX
        || wide_rate(nest, TCA_POLICE_RATE64, &observed.rate) / 1024 != rate.average)
        return (struct rate){0};
    ours = police_options(&rate);
    return observed.burst == ours.burst && observed.action == ours.action ? rate : (struct rate){0};
}

/* -- writing -------------------------------------------------------------------------------------------------------------- */

static void begin(struct netdev_draft *draft, uint16_t type, uint16_t flags, const char *name, const struct tcmsg *like)
{
    struct tcmsg *fixed;

    netdev_write_begin(draft, type, flags);
    fixed = mnl_nlmsg_put_extra_header(&draft->header, sizeof(*fixed));
    *fixed = *like;
    netdev_write_index(draft, &fixed->tcm_ifindex, name);
}

static void add(struct netdev_request *request, struct netdev_draft *draft, const char *direction, const struct rate *rate)
{
    char *what = draft->message.what;

    if (rate->average)
        snprintf(what, sizeof(draft->message.what), "limit %s to %u KiB/s", direction, rate->average);
    else
        snprintf(what, sizeof(draft->message.what), "end the limit of %s", direction);
    netdev_write_add(request, draft);
}

/* A message that says only which qdisc or filter it means. */
static void add_plain(struct netdev_request *request, uint16_t type, struct tcmsg fixed, const char *direction,
                      const struct rate *rate, int fine, enum netdev_when when)
{
    struct netdev_draft draft;

    begin(&draft, type, type == RTM_NEWQDISC ? NLM_F_CREATE : 0, request->step->interface, &fixed);
    if (type == RTM_NEWQDISC)
        mnl_attr_put_strz(&draft.header, TCA_KIND, "ingress");
    draft.message.fine = fine;
    draft.message.when = when;
    draft.message.gone_is_fine = type != RTM_NEWQDISC && !rate->average;
    add(request, &draft, direction, rate);
}

static void add_htb(struct netdev_request *request, const struct rate *rate)
{
    struct tc_htb_glob global = {.version = 3, .rate2quantum = 10, .defcls = TC_H_MIN(NETDEV_HTB_CLASS)};
    struct tcmsg fixed = {.tcm_handle = NETDEV_HTB, .tcm_parent = TC_H_ROOT};
    struct netdev_draft draft;
    struct nlattr *options;

    begin(&draft, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, request->step->interface, &fixed);
    mnl_attr_put_strz(&draft.header, TCA_KIND, "htb");
    options = mnl_attr_nest_start(&draft.header, TCA_OPTIONS);
    mnl_attr_put(&draft.header, TCA_HTB_INIT, sizeof(global), &global);
    mnl_attr_nest_end(&draft.header, options);
    draft.message.fine = EINVAL; /* it is there (it can't be changed): made a moment ago, by a step before this */
    add(request, &draft, "inbound", rate);
}

static void put_wide(struct nlmsghdr *header, uint16_t type, uint32_t kib)
{
    if ((uint64_t)kib * 1024 > UINT32_MAX)
        mnl_attr_put_u64(header, type, (uint64_t)kib * 1024);
}

static void add_class(struct netdev_request *request, const struct rate *rate)
{
    struct tc_htb_opt parameters = class_options(rate);
    struct tcmsg fixed = {.tcm_handle = NETDEV_HTB_CLASS, .tcm_parent = NETDEV_HTB};
    struct netdev_draft draft;
    struct nlattr *options;

    begin(&draft, RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE, request->step->interface, &fixed);
    mnl_attr_put_strz(&draft.header, TCA_KIND, "htb");
    options = mnl_attr_nest_start(&draft.header, TCA_OPTIONS);
    mnl_attr_put(&draft.header, TCA_HTB_PARMS, sizeof(parameters), &parameters);
    put_wide(&draft.header, TCA_HTB_RATE64, rate->average);
    put_wide(&draft.header, TCA_HTB_CEIL64, rate->peak ? rate->peak : rate->average);
    mnl_attr_nest_end(&draft.header, options);
    add(request, &draft, "inbound", rate);
}

static void write_inbound(struct netdev_request *request, const struct rate *rate, const struct netdev_traffic *now)
{
    struct tcmsg root = {.tcm_parent = TC_H_ROOT};

    /* Somebody else's is replaced; it may have the same handle, so it goes first. */
    if (now && now->root && (!rate->average ? now->shaped : !now->shaped))
        add_plain(request, RTM_DELQDISC, root, "inbound", rate, ENOENT, NETDEV_ALWAYS);
    if (!rate->average)
        return;
    if (!now || !now->shaped)
        add_htb(request, rate);
    add_class(request, rate);
}

static void put_police(struct nlmsghdr *header, const struct rate *rate)
{
    struct cookie cookie = {{'t', 'r', 'e', 's'}, rate->average, rate->peak, rate->burst};
    struct tc_police police = police_options(rate);
    static const char table[RATE_TABLE]; /* must be there; of use where the link layer is not said */
    struct nlattr *actions = mnl_attr_nest_start(header, TCA_U32_ACT), *action = mnl_attr_nest_start(header, 1), *options;

    mnl_attr_put_strz(header, TCA_ACT_KIND, "police");
    mnl_attr_put(header, TCA_ACT_COOKIE, sizeof(cookie), &cookie);
    options = mnl_attr_nest_start(header, TCA_ACT_OPTIONS);
    mnl_attr_put(header, TCA_POLICE_TBF, sizeof(police), &police);
    mnl_attr_put(header, TCA_POLICE_RATE, sizeof(table), table);
    mnl_attr_put_u32(header, TCA_POLICE_RESULT, (uint32_t)TC_ACT_UNSPEC); /* on to others' filters */
    put_wide(header, TCA_POLICE_RATE64, rate->average);
    mnl_attr_nest_end(header, options);
    mnl_attr_nest_end(header, action);
    mnl_attr_nest_end(header, actions);
}

/* u32 with a key that any packet has: the oldest of the classifiers, and libvirt's choice; matchall is missing in more
 * kernels. */
static void add_filter(struct netdev_request *request, const struct tcmsg *fixed, const struct rate *rate)
{
    struct {
        struct tc_u32_sel selector;
        struct tc_u32_key key;
    } match = {.selector = {.flags = TC_U32_TERMINAL, .nkeys = 1}};
    struct netdev_draft draft;
    struct nlattr *options;

    begin(&draft, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, request->step->interface, fixed);
    mnl_attr_put_strz(&draft.header, TCA_KIND, "u32");
    options = mnl_attr_nest_start(&draft.header, TCA_OPTIONS);
    mnl_attr_put(&draft.header, TCA_U32_SEL, sizeof(match), &match);
    put_police(&draft.header, rate);
    mnl_attr_nest_end(&draft.header, options);
    add(request, &draft, "outbound", rate);
}

/* A filter is replaced, not changed: for a moment there is no limit, and no packet is lost. */
static void write_outbound(struct netdev_request *request, const struct rate *rate, const struct netdev_traffic *now)
{
    struct tcmsg qdisc = {.tcm_handle = TC_H_MAJ(NETDEV_INGRESS), .tcm_parent = TC_H_INGRESS};
    struct tcmsg filter = {.tcm_parent = NETDEV_INGRESS,
                           .tcm_info = TC_H_MAKE(NETDEV_FILTER_PRIORITY << 16, htons(ETH_P_ALL))};

    if (now && now->ingress && !now->shared && !rate->average) {
        add_plain(request, RTM_DELQDISC, qdisc, "outbound", rate, ENOENT, NETDEV_ALWAYS);
        return;
    }
    if (now && now->outbound.average)
        add_plain(request, RTM_DELTFILTER, filter, "outbound", rate, ENOENT, NETDEV_ALWAYS);
    if (!rate->average)
        return;
    if (!now || !now->ingress)
        add_plain(request, RTM_NEWQDISC, qdisc, "outbound", rate, 0, NETDEV_ALWAYS);
    add_filter(request, &filter, rate);
    if (!now || !now->ingress)
        add_plain(request, RTM_DELQDISC, qdisc, "outbound", rate, ENOENT, NETDEV_TO_UNDO);
}

/* -- checking ------------------------------------------------------------------------------------------------------------- */

static int check(const char *name, const char *direction, const struct rate *rate, uint32_t burst, struct error *err)
{
    if (!rate->average && (rate->peak || rate->burst))
        return error_set(err, EINVAL, "%s: limit %s: peak and burst need an average", name, direction);
    if (rate->average > AVERAGE_MAX)
        return error_set(err, EINVAL, "%s: limit %s: the average can be %u KiB/s at most, not %u", name, direction, AVERAGE_MAX,
                         rate->average);
    if (rate->peak && rate->peak < rate->average)
        return error_set(err, EINVAL, "%s: limit %s: the peak, %u KiB/s, is lower than the average, %u", name, direction,
                         rate->peak, rate->average);
    if (rate->average && ticks(burst, rate->average) > UINT32_MAX)
        return error_set(err, EINVAL, "%s: limit %s: a burst of %u KiB is too much for %u KiB/s: it can be what passes in %u s",
                         name, direction, burst, rate->average, UINT32_MAX / TICKS_PER_SECOND);
    return 0;
}

int netdev_rate_write(struct netdev_request *request, const struct interface *to, field_set fields, struct error *err)
{
    const struct netdev_cache *cache = &request->netdev->cache;
    const char *name = request->step->interface;
    const struct interface *link = network_find(&cache->network, name);
    const struct netdev_traffic *now = link ? netdev_tc_find(cache, link->index) : NULL;
    int code = 0;

    if (fields & FIELD_BIT(FIELD_INBOUND))
        code = check(name, "inbound", &to->inbound, inbound_burst(&to->inbound), err);
    if (code == 0 && fields & FIELD_BIT(FIELD_OUTBOUND))
        code = check(name, "outbound", &to->outbound, outbound_burst(&to->outbound), err);
    if (code < 0)
        return code;
    if (fields & FIELD_BIT(FIELD_INBOUND))
        write_inbound(request, &to->inbound, now);
    if (fields & FIELD_BIT(FIELD_OUTBOUND))
        write_outbound(request, &to->outbound, now);
    return 0;
}
