/* A port takes packets as soon as the bridge's hook is on it, and drops them until it forwards, a few µs later; and drops them again
 * before the hook goes, where the kernel can filter VLANs for as long as an RCU grace period (nbp_vlan_flush()). One in 10,000 a second
 * is hit by that, and a TCP packet is sent again 200 ms later. A program in front of the hook hands them to the bridge's own link, as the
 * bridge does.
 *
 * tcx (Linux 6.6) binds the program to a descriptor: should the daemon be killed, it is gone. A filter of tc stays then, so the program
 * does nothing when its time is over. */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "netdev/netdev_internal.h"

enum { TCX_INGRESS = 46 }; /* enum bpf_attach_type: Linux 6.6 */

/* Our filter among those of its priority, which is the first. */
#define FILTER_HANDLE 0x74726573u
#define FILTER_PLACE TC_H_MAKE(1u << 16, htons(ETH_P_ALL))
#define LONGEST 1000000000ull /* ns */

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
    long fd = syscall(SYS_bpf, command, attributes, sizeof(*attributes));

    return fd < 0 ? -errno : (int)fd;
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int load(unsigned to)
{
    uint64_t end = now() + LONGEST;
    const struct bpf_insn instructions[] = {
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_ns},
        {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .imm = (int)(uint32_t)end},
        {.imm = (int)(uint32_t)(end >> 32)},
        {.code = BPF_JMP | BPF_JGT | BPF_X, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_1, .off = 4},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = (int)to},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = BPF_F_INGRESS},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
        {.code = BPF_JMP | BPF_EXIT},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_UNSPEC},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr attributes = {
        .prog_type = BPF_PROG_TYPE_SCHED_CLS,
        .insns = (uintptr_t)instructions,
        .insn_cnt = ARRAY_SIZE(instructions),
        .license = (uintptr_t)"",
        .prog_name = "trestle_divert",
    };

    return bpf(BPF_PROG_LOAD, &attributes);
}

/* -- by tcx --------------------------------------------------------------------------------------------------------------- */

static int bind_to_link(int program, unsigned from)
{
    union bpf_attr attributes = {
        .link_create = {.prog_fd = (uint32_t)program, .target_ifindex = from, .attach_type = TCX_INGRESS},
    };

    return bpf(BPF_LINK_CREATE, &attributes);
}

/* -- by a filter ---------------------------------------------------------------------------------------------------------- */

static void begin(struct netdev_draft *draft, uint16_t type, uint16_t flags, const struct netdev_request *request, struct tcmsg like)
{
    struct tcmsg *fixed;

    netdev_write_begin(draft, type, flags);
    fixed = mnl_nlmsg_put_extra_header(&draft->header, sizeof(*fixed));
    *fixed = like;
    netdev_write_index(draft, &fixed->tcm_ifindex, request->step->interface);
    snprintf(draft->message.what, sizeof(draft->message.what), "hand what comes in to %s%s", request->step->meanwhile,
             type == RTM_NEWQDISC || type == RTM_NEWTFILTER ? "" : " no more");
}

static int say(struct netdev_request *request, struct netdev_draft *draft)
{
    draft->message.header = &draft->header;
    return -netdev_write_send(request, &draft->message, NULL);
}

static int write_qdisc(struct netdev_request *request, uint16_t type, uint16_t flags)
{
    struct tcmsg fixed = {.tcm_handle = TC_H_MAJ(NETDEV_INGRESS), .tcm_parent = TC_H_CLSACT};
    struct netdev_draft draft;

    begin(&draft, type, flags, request, fixed);
    mnl_attr_put_strz(&draft.header, TCA_KIND, "clsact");
    return say(request, &draft);
}

static int write_filter(struct netdev_request *request, uint16_t type, uint16_t flags, int program)
{
    struct tcmsg fixed = {.tcm_handle = FILTER_HANDLE, .tcm_parent = NETDEV_INGRESS, .tcm_info = FILTER_PLACE};
    struct netdev_draft draft;
    struct nlattr *options;

    begin(&draft, type, flags, request, fixed);
    mnl_attr_put_strz(&draft.header, TCA_KIND, "bpf");
    if (type == RTM_NEWTFILTER) {
        options = mnl_attr_nest_start(&draft.header, TCA_OPTIONS);
        mnl_attr_put_u32(&draft.header, TCA_BPF_FD, (uint32_t)program);
        mnl_attr_put_strz(&draft.header, TCA_BPF_NAME, "trestle");
        mnl_attr_put_u32(&draft.header, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
        mnl_attr_put_u32(&draft.header, TCA_BPF_FLAGS_GEN, TCA_CLS_FLAGS_SKIP_HW);
        mnl_attr_nest_end(&draft.header, options);
    }
    return say(request, &draft);
}

static void end_filter(struct netdev_request *request, struct netdev_diversion *diversion)
{
    if (diversion->filter)
        write_filter(request, RTM_DELTFILTER, 0, -1);
    if (diversion->qdisc)
        write_qdisc(request, RTM_DELQDISC, 0);
    diversion->filter = diversion->qdisc = false;
}

/* Somebody's ingress qdisc takes one more filter; ours goes again. */
static int add_filter(struct netdev_request *request, int program, struct netdev_diversion *diversion)
{
    int code = write_qdisc(request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);

    diversion->qdisc = code == 0;
    if (code < 0 && code != -EEXIST)
        return code;
    code = write_filter(request, RTM_NEWTFILTER, NLM_F_CREATE, program);
    diversion->filter = code == 0;
    if (code < 0)
        end_filter(request, diversion);
    return code;
}

/* ------------------------------------------------------------------------------------------------------------------------- */

int netdev_divert(struct netdev_request *request, enum netdev_diverter by, struct netdev_diversion *ret_diversion)
{
    unsigned from = if_nametoindex(request->step->interface), to = if_nametoindex(request->step->meanwhile);
    CLEANUP(close_fdp) int program = from && to ? load(to) : -ENODEV;

    *ret_diversion = (struct netdev_diversion){.link = -1};
    if (program < 0)
        return program;
    if (by == NETDEV_BY_FILTER)
        return add_filter(request, program, ret_diversion);
    ret_diversion->link = bind_to_link(program, from);
    return ret_diversion->link < 0 ? ret_diversion->link : 0;
}

void netdev_divert_end(struct netdev_request *request, struct netdev_diversion *diversion)
{
    if (diversion->link >= 0)
        close(diversion->link);
    diversion->link = -1;
    end_filter(request, diversion);
}
