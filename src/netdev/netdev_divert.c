/* A port takes packets as soon as the bridge's hook is on it, and drops them until it forwards, a few µs later; and drops them again
 * before the hook goes. One in 10,000 a second is hit by that, and a TCP packet is sent again 200 ms later. A program of four
 * instructions in front of the hook hands them to the bridge's own link, as the bridge does. It is bound to a descriptor: should the
 * daemon be killed, it is gone. */
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "netdev/netdev_internal.h"

enum { TCX_INGRESS = 46 }; /* enum bpf_attach_type: Linux 6.6 */

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
    long fd = syscall(SYS_bpf, command, attributes, sizeof(*attributes));

    return fd < 0 ? -errno : (int)fd;
}

static int load(unsigned to)
{
    const struct bpf_insn instructions[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = (int)to},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = BPF_F_INGRESS},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
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

int netdev_divert(const char *from, const char *to)
{
    unsigned source = if_nametoindex(from), target = if_nametoindex(to);
    CLEANUP(close_fdp) int program = source && target ? load(target) : -ENODEV;
    union bpf_attr attributes = {0};
    int result;

    if (program >= 0) {
        attributes.link_create.prog_fd = (uint32_t)program;
        attributes.link_create.target_ifindex = source;
        attributes.link_create.attach_type = TCX_INGRESS;
    }
    result = program < 0 ? program : bpf(BPF_LINK_CREATE, &attributes);
    if (result < 0)
        log_debug("%s: what comes in can't be handed to %s meanwhile: a packet or two may be lost (%s)", from, to, strerror(-result));
    return result;
}
