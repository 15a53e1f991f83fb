/* Qdiscs, filters and programs that somebody attached to a link; those of trestle don't count. links: bridge netdev */
#include <net/if.h> /* before the kernel's own */
#include <linux/bpf.h>
#include <sys/syscall.h>

#include "netdev/netdev_internal.h"
#include "netns.h"

enum { XDP = 37, TCX_INGRESS = 46, TCX_EGRESS = 47 }; /* enum bpf_attach_type */

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

/* A program that lets everything pass, until its descriptor is closed; -1: the kernel won't have it. */
static int attach(enum bpf_prog_type type, unsigned where, int verdict)
{
    const struct bpf_insn instructions[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr program = {.prog_type = type, .insns = (uintptr_t)instructions, .insn_cnt = 2, .license = (uintptr_t)""};
    union bpf_attr link = {0};
    int loaded, attached;

    program.expected_attach_type = where;
    loaded = bpf(BPF_PROG_LOAD, &program);
    if (loaded < 0)
        return -1;
    link.link_create.prog_fd = (uint32_t)loaded;
    link.link_create.target_ifindex = if_nametoindex("v0");
    link.link_create.attach_type = where;
    attached = bpf(BPF_LINK_CREATE, &link);
    close(loaded);
    return attached;
}

static const char *words_of(struct fixture *fixture)
{
    static struct text words;

    text_clear(&words);
    netdev_events_drain(fixture->netdev);
    if (netdev_attached(fixture->netdev, "v0", &words, &fixture->error) < 0)
        fail_msg("%s", fixture->error.text);
    return words.data ? words.data : "";
}

static int setup(void **state)
{
    netns_setup(state);
    assert_int_equal(system("ip link add name v0 up type veth peer name v1"), 0);
    WAIT_UNTIL(((struct fixture *)*state), netns_find(*state, "v0"));
    return 0;
}

static void qdiscs_and_filters(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(words_of(fixture), "");
    if (system("tc qdisc add dev v0 root handle 7: pfifo") != 0)
        skip();
    assert_string_equal(words_of(fixture), "the qdisc pfifo 7:\n");
    assert_int_equal(system("tc qdisc del dev v0 root"), 0);
    if (system("tc qdisc add dev v0 root handle 1: htb default 1 && tc class add dev v0 parent 1: classid 1:1 htb rate 100mbit") == 0) {
        assert_string_equal(words_of(fixture), "the qdisc htb 1:\n"); /* called as ours is */
        assert_int_equal(system("tc qdisc del dev v0 root"), 0);
    }
    if (system("tc qdisc add dev v0 clsact && tc filter add dev v0 ingress pref 5 protocol ip u32 match ip dport 22 0xffff flowid 1:1"
               " && tc filter add dev v0 egress pref 6 protocol ip u32 match ip dport 22 0xffff flowid 1:1") != 0)
        skip();
    assert_string_equal(words_of(fixture), "the qdisc clsact ffff:\nthe tc filter u32 pref 5 at its ingress\n"
                                           "the tc filter u32 pref 6 at its egress\n");
}

static void rates_of_ours(void **state)
{
    struct fixture *fixture = *state;
    struct interface to = {.inbound = {.average = 100}, .outbound = {.average = 100}};
    struct step shape = netns_set("v0", &to, FIELD_BIT(FIELD_INBOUND)), police = netns_set("v0", &to, FIELD_BIT(FIELD_OUTBOUND));

    if (netns_apply(fixture, &shape) < 0)
        skip(); /* a kernel without htb */
    assert_string_equal(words_of(fixture), "");
    if (netns_apply(fixture, &police) < 0)
        skip(); /* one without policers */
    assert_string_equal(words_of(fixture), "");
    if (system("tc filter add dev v0 parent ffff: pref 5 protocol ip u32 match ip dport 22 0xffff flowid 1:1") == 0)
        assert_string_equal(words_of(fixture), "the qdisc ingress ffff:\nthe tc filter u32 pref 5 at its ingress\n");
}

static void programs(void **state)
{
    struct fixture *fixture = *state;
    int xdp = attach(BPF_PROG_TYPE_XDP, XDP, XDP_PASS), tcx;
    const char *words;

    if (xdp < 0)
        skip(); /* no CAP_BPF */
    assert_non_null(strstr(words_of(fixture), "the XDP program "));
    close(xdp);
    assert_string_equal(words_of(fixture), "");
    xdp = attach(BPF_PROG_TYPE_SCHED_CLS, TCX_INGRESS, 0);
    if (xdp < 0)
        skip(); /* Linux before 6.6 */
    tcx = attach(BPF_PROG_TYPE_SCHED_CLS, TCX_EGRESS, 0);
    words = words_of(fixture);
    assert_non_null(strstr(words, " at its ingress\n"));
    assert_non_null(strstr(words, " at its egress\n"));
    close(xdp);
    close(tcx);
    assert_string_equal(words_of(fixture), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(qdiscs_and_filters, setup, netns_teardown),
        cmocka_unit_test_setup_teardown(rates_of_ours, setup, netns_teardown),
        cmocka_unit_test_setup_teardown(programs, setup, netns_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
