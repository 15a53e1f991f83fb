/* What somebody has attached to a link besides addresses and routes: qdiscs, filters, programs at XDP and tcx. In words, because trestle
 * does nothing with it but to name it; left out are the rate limits of netdev_rate.c, where they are read as such. */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "netdev/netdev_internal.h"

enum { TCX_INGRESS = 46, TCX_EGRESS = 47 }; /* enum bpf_attach_type: Linux 6.6 */

#define EGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

struct attached {
    const struct netdev_traffic *traffic; /* NULL = nobody gave it a qdisc */
    int index;
    struct text *words;
    bool clsact;        /* its qdisc at the ingress has an egress, too */
    const char *side;   /* of filters: "ingress", "egress" */
    uint32_t last;      /* priority and protocol of the filter before: one may come as several */
};

static const char *string_of(const struct nlattr *attribute)
{
    return attribute ? nla_get_string(attribute) : "?";
}

/* -- traffic control ------------------------------------------------------------------------------------------------------ */

static bool is_ours(const struct attached *attached, const struct tcmsg *fixed)
{
    const struct netdev_traffic *traffic = attached->traffic;

    if (!traffic)
        return false;
    if (fixed->tcm_parent == TC_H_ROOT)
        return traffic->shaped && traffic->inbound.average;
    return traffic->ingress && !traffic->shared && traffic->outbound.average;
}

/* Those below another belong to it; one without a handle is the kernel's default. */
static int receive_qdisc(struct nl_msg *msg, void *context)
{
    struct attached *attached = context;
    const struct tcmsg *fixed = nlmsg_data(nlmsg_hdr(msg));
    struct nlattr *attributes[TCA_MAX + 1];

    if (fixed->tcm_ifindex != attached->index || !fixed->tcm_handle || (fixed->tcm_parent != TC_H_ROOT && fixed->tcm_parent != TC_H_INGRESS)
        || nlmsg_parse(nlmsg_hdr(msg), sizeof(*fixed), attributes, TCA_MAX, NULL) < 0)
        return NL_OK;
    if (fixed->tcm_parent == TC_H_INGRESS)
        attached->clsact = attributes[TCA_KIND] && nla_strcmp(attributes[TCA_KIND], "clsact") == 0;
    if (!is_ours(attached, fixed))
        text_format(attached->words, "the qdisc %s %x:\n", string_of(attributes[TCA_KIND]), TC_H_MAJ(fixed->tcm_handle) >> 16);
    return NL_OK;
}

static int receive_filter(struct nl_msg *msg, void *context)
{
    struct attached *attached = context;
    const struct tcmsg *fixed = nlmsg_data(nlmsg_hdr(msg));
    struct nlattr *attributes[TCA_MAX + 1];
    uint32_t priority = TC_H_MAJ(fixed->tcm_info) >> 16;

    if (priority == NETDEV_FILTER_PRIORITY || fixed->tcm_info == attached->last
        || nlmsg_parse(nlmsg_hdr(msg), sizeof(*fixed), attributes, TCA_MAX, NULL) < 0)
        return NL_OK;
    attached->last = fixed->tcm_info;
    text_format(attached->words, "the tc filter %s pref %u at its %s\n", string_of(attributes[TCA_KIND]), priority, attached->side);
    return NL_OK;
}

static int ask_traffic(struct netdev *netdev, struct attached *attached, int type, uint32_t parent, struct error *err)
{
    struct tcmsg fixed = {.tcm_family = AF_UNSPEC, .tcm_ifindex = attached->index, .tcm_parent = parent};
    struct netdev_question question = {
        .type = type, .flags = NLM_F_DUMP, .fixed = &fixed, .size = sizeof(fixed),
        .receive = type == RTM_GETQDISC ? receive_qdisc : receive_filter, .context = attached,
    };

    return netdev_dump_ask(netdev->dump, &question, err);
}

static int read_filters(struct netdev *netdev, struct attached *attached, const char *side, uint32_t parent, struct error *err)
{
    attached->side = side;
    attached->last = 0;
    return ask_traffic(netdev, attached, RTM_GETTFILTER, parent, err);
}

static int read_traffic(struct netdev *netdev, struct attached *attached, struct error *err)
{
    int code = attached->traffic ? ask_traffic(netdev, attached, RTM_GETQDISC, 0, err) : 0;

    if (code == 0 && attached->traffic && attached->traffic->ingress)
        code = read_filters(netdev, attached, "ingress", NETDEV_INGRESS, err);
    if (code == 0 && attached->clsact)
        code = read_filters(netdev, attached, "egress", EGRESS, err);
    return code;
}

/* -- programs ------------------------------------------------------------------------------------------------------------- */

static void add_xdp(struct text *words, const struct nlattr *program, const char *how)
{
    if (program)
        text_format(words, "the XDP program %u%s\n", nla_get_u32(program), how);
}

static int receive_link(struct nl_msg *msg, void *context)
{
    struct attached *attached = context;
    struct nlattr *attributes[IFLA_MAX + 1], *xdp[IFLA_XDP_MAX + 1];

    if (nlmsg_parse(nlmsg_hdr(msg), sizeof(struct ifinfomsg), attributes, IFLA_MAX, NULL) < 0 || !attributes[IFLA_XDP]
        || nla_parse_nested(xdp, IFLA_XDP_MAX, attributes[IFLA_XDP], NULL) < 0)
        return NL_OK;
    add_xdp(attached->words, xdp[IFLA_XDP_DRV_PROG_ID], "");
    add_xdp(attached->words, xdp[IFLA_XDP_SKB_PROG_ID], " (generic)");
    add_xdp(attached->words, xdp[IFLA_XDP_HW_PROG_ID], " (offloaded)");
    return NL_OK;
}

static int read_xdp(struct netdev *netdev, struct attached *attached, struct error *err)
{
    struct ifinfomsg fixed = {.ifi_family = AF_UNSPEC, .ifi_index = attached->index};
    struct netdev_question question = {
        .type = RTM_GETLINK, .fixed = &fixed, .size = sizeof(fixed), .receive = receive_link, .context = attached,
    };

    return netdev_dump_ask(netdev->dump, &question, err);
}

/* The kernel does not tell where it has no tcx, or to whom it may not be told. */
static void read_tcx(struct attached *attached, uint32_t type, const char *side)
{
    uint32_t programs[64];
    union bpf_attr attributes = {.query.target_fd = (uint32_t)attached->index, .query.attach_type = type}; /* newer: target_ifindex */

    attributes.query.prog_ids = (uintptr_t)programs;
    attributes.query.prog_cnt = ARRAY_SIZE(programs);
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof(attributes)) < 0)
        return;
    for (uint32_t i = 0; i < attributes.query.prog_cnt && i < ARRAY_SIZE(programs); i++)
        text_format(attached->words, "the BPF program %u at its %s\n", programs[i], side);
}

int netdev_attached(struct netdev *netdev, const char *name, struct text *ret_words, struct error *err)
{
    const struct interface *link = network_find(&netdev->cache.network, name);
    struct attached attached = {.words = ret_words};
    int code;

    if (!link)
        return error_errno(err, ENODEV, "%s: look for qdiscs and programs", name);
    attached.index = link->index;
    attached.traffic = netdev_tc_find(&netdev->cache, link->index);
    code = read_traffic(netdev, &attached, err);
    if (code == 0)
        code = read_xdp(netdev, &attached, err);
    if (code < 0)
        return code == -EAGAIN ? error_errno(err, EAGAIN, "%s: look for qdiscs and programs", name)
                               : error_prefix(err, "%s: look for qdiscs and programs", name);
    read_tcx(&attached, TCX_INGRESS, "ingress");
    read_tcx(&attached, TCX_EGRESS, "egress");
    return 0;
}
