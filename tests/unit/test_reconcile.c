/* links: reconcile model base */
/* The reconciler with providers that only remember what they are asked, and do it to a network of their own. */
#include <errno.h>
#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "reconcile/reconcile.h"

/* A provider's answer comes from the loop. */
struct answer {
    ev_timer timer;
    step_done done;
    void *context;
    int result;
};

static struct {
    struct ev_loop *loop;
    struct reconciler *reconciler;
    struct network kernel, files;
    struct vm *running; /* as QEMU shows it */
    struct vm **definitions;
    size_t definition_count;
    struct text log;    /* what providers were asked, one a line */
    const char *fail;   /* a step whose line has this fails */
    const char *words;  /* with these words; NULL: refused */
    char state_directory[64];
    unsigned commits, answers;
    bool copying;       /* begun, and neither committed nor dropped */
    int result;         /* of the request that ended last */
    struct error error;
} host;

/* -- providers ------------------------------------------------------------------------------------------------------------------- */

static void answer_now(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct answer *answer = (struct answer *)timer;
    struct error err = {0};

    (void)loop, (void)events;
    if (answer->result < 0)
        error_set(&err, -answer->result, "%s", host.words ? host.words : "refused");
    answer->done(answer->context, answer->result, answer->result < 0 ? &err : NULL);
    free(answer);
}

static bool asked(const struct step *step, step_done done, void *context)
{
    struct answer *answer = NEW(struct answer);
    char line[300];

    snprintf(line, sizeof(line), "%s %s", step_op_name(step->op), step->interface[0] ? step->interface : step->object);
    if (step->chain && *step->chain)
        answer->result = -ECANCELED;
    else if (host.fail && strstr(line, host.fail))
        answer->result = -EBUSY;
    if (answer->result == -EBUSY && step->chain)
        *step->chain = 1;
    if (answer->result != -ECANCELED)
        text_format(&host.log, "%s%s\n", line, answer->result ? " FAILS" : "");
    answer->done = done;
    answer->context = context;
    ev_timer_init(&answer->timer, answer_now, 0., 0.);
    ev_timer_start(host.loop, &answer->timer);
    return answer->result == 0;
}

static const struct network *network_observed(void *context)
{
    (void)context;
    return &host.kernel;
}

static void set_link(const struct step *step)
{
    struct interface *link = network_find(&host.kernel, step->interface);

    if (!link)
        return;
    if (step->fields & FIELD_BIT(FIELD_UP))
        link->up = step->to->up;
    if (step->fields & FIELD_BIT(FIELD_MTU))
        link->mtu = step->to->mtu;
    if (step->fields & FIELD_BIT(FIELD_MASTER))
        text_copy(link->master, sizeof(link->master), step->to->master);
}

static void network_apply(void *context, const struct step *step, step_done done, void *done_context)
{
    (void)context;
    if (!asked(step, done, done_context))
        return;
    if (step->op == STEP_LINK_CREATE) {
        struct interface *link = interface_copy(step->to);

        link->owner = OWNER_TRESTLE;
        network_insert(&host.kernel, link);
    } else if (step->op == STEP_LINK_DELETE) {
        interface_free(network_remove(&host.kernel, step->interface));
    } else if (step->op == STEP_LINK_SET) {
        set_link(step);
    }
}

/* What it would say is kept as a message of nothing but a header. */
static int network_encode(void *context, const struct step *step, struct replay **ret_replay, struct error *err)
{
    (void)context, (void)step, (void)err;
    *ret_replay = NEW(struct replay);
    (*ret_replay)->size = 16;
    (*ret_replay)->message = memory_new(16);
    return 0;
}

static void network_keep(void *context, struct plan *plan)
{
    (void)context, (void)plan;
}

static void tap_apply(void *context, const struct step *step, step_done done, void *done_context)
{
    struct interface *link;

    (void)context;
    if (!asked(step, done, done_context))
        return;
    if (step->op == STEP_TAP_CLOSE) {
        interface_free(network_remove(&host.kernel, step->interface));
        return;
    }
    link = interface_new(step->interface);
    link->kind = INTERFACE_TAP;
    network_insert(&host.kernel, link);
}

static const struct vm *vm_observed(void *context, const char *name)
{
    (void)context;
    return host.running && text_equal(host.running->name, name) ? host.running : NULL;
}

static size_t vm_list(void *context, const struct vm ***ret_vms)
{
    (void)context;
    *ret_vms = memory_new(sizeof(**ret_vms));
    (*ret_vms)[0] = host.running;
    return host.running ? 1 : 0;
}

static void vm_apply(void *context, const struct step *step, step_done done, void *done_context)
{
    struct nic *nic = step->nic && host.running ? vm_find_nic(host.running, step->nic->name) : NULL;

    (void)context;
    if (!asked(step, done, done_context))
        return;
    if (step->op == STEP_VM_SPAWN) {
        host.running = vm_copy(step->vm);
        for (size_t i = 0; i < host.running->nic_count; i++)
            host.running->nics[i].state = NIC_PLUGGED;
        host.running->state = VM_STARTING;
    } else if (step->op == STEP_VM_CONTINUE) {
        host.running->state = VM_RUNNING;
    } else if (step->op == STEP_VM_KILL) {
        vm_free(host.running);
        host.running = NULL;
    } else if (step->op == STEP_NIC_RECORD) {
        nic = vm_add_nic(host.running, step->nic->name);
        nic_clear(nic);
        nic_copy(step->nic, nic);
        nic->state = NIC_ATTACHING;
    } else if (step->op == STEP_NIC_FORGET) {
        vm_remove_nic(host.running, step->nic->name);
    } else if (nic && step->op == STEP_DEVICE_ADD) {
        nic->state = NIC_PLUGGED;
    } else if (nic && step->op == STEP_DEVICE_DELETE) {
        nic->state = NIC_UNPLUGGING;
    } else if (nic && (step->op == STEP_NIC_UPDATE || step->op == STEP_NIC_LINK)) {
        nic->link = step->nic->link;
        text_copy(nic->bridge, sizeof(nic->bridge), step->nic->bridge);
    }
}

/* -- files -------------------------------------------------------------------------------------------------------------------------- */

static void read_network(void *context, struct network *ret_network, struct problems *problems)
{
    (void)context, (void)problems;
    network_copy(&host.files, ret_network);
}

static void begin_applied(void *context)
{
    (void)context;
    assert_false(host.copying);
    host.copying = true;
}

static int commit_applied(void *context, struct error *err)
{
    (void)context, (void)err;
    assert_true(host.copying);
    host.copying = false;
    host.commits++;
    return 0;
}

/* In a transaction: nothing is staged here that could be put back. */
static void settle_applied(void *context)
{
    (void)context;
}

static void drop_applied(void *context)
{
    (void)context;
    assert_true(host.copying);
    host.copying = false;
}

static int wait_applied(void *context, struct error *err)
{
    (void)context, (void)err;
    assert_true(host.copying);
    return 0;
}

static int save_edits(void *context, const struct file_edits *edits, struct file_edits *ret_before, struct error *err)
{
    (void)context, (void)ret_before, (void)err;
    assert_int_equal(edits->count, 0);
    return 0;
}

static int write_edits(void *context, const struct file_edits *edits, bool others_go, struct error *err)
{
    (void)context, (void)others_go, (void)err;
    assert_int_equal(edits->count, 0);
    return 0;
}

static size_t read_vms(void *context, struct vm ***ret_vms, struct problems *problems)
{
    (void)context, (void)problems;
    *ret_vms = memory_new((host.definition_count + 1) * sizeof(**ret_vms));
    for (size_t i = 0; i < host.definition_count; i++)
        (*ret_vms)[i] = vm_copy(host.definitions[i]);
    return host.definition_count;
}

static int write_nic(void *context, const char *vm, const char *name, const struct nic *nic, struct vm **ret_vm, struct error *err)
{
    (void)context, (void)vm;
    text_format(&host.log, "%s %s in the file\n", nic ? "write" : "remove", name);
    if (host.fail && strstr("write-file", host.fail))
        return error_set(err, ENOSPC, "disk full");
    *ret_vm = vm_copy(host.definitions[0]);
    return 0;
}

/* -- a host ---------------------------------------------------------------------------------------------------------------------------- */

static struct interface *put(struct network *network, const char *name, enum interface_kind kind)
{
    struct interface *interface = interface_new(name);

    interface->kind = kind;
    interface->mtu = 1500;
    interface->up = true;
    interface->set = FIELD_BIT(FIELD_KIND);
    network_insert(network, interface);
    return interface;
}

static void define(const char *name)
{
    struct vm *vm = vm_new(name);
    struct nic *nic = vm_add_nic(vm, "net0");

    text_copy(nic->bridge, sizeof(nic->bridge), "br0");
    *APPEND(host.definitions, host.definition_count) = vm;
}

static void ended(void *context, int result, const struct error *err, const struct plan *plan, const struct problems *problems)
{
    (void)context, (void)plan, (void)problems;
    host.answers++;
    host.result = result;
    host.error = err ? *err : (struct error){0};
}

/* Lets the loop turn until the request has ended. */
static void wait_for_answer(void)
{
    unsigned before = host.answers;

    while (host.answers == before)
        ev_run(host.loop, EVRUN_ONCE);
}

static void end_of_wait(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)timer, (void)events;
    ev_break(loop, EVBREAK_ONE);
}

/* What is due within a moment; a repair is, somewhat after a change. */
static void settle(void)
{
    ev_timer moment;

    ev_timer_init(&moment, end_of_wait, 0.04, 0.);
    ev_timer_start(host.loop, &moment);
    ev_run(host.loop, 0);
    for (int i = 0; i < 50; i++)
        ev_run(host.loop, EVRUN_NOWAIT);
}

static void expect_log(const char *expected)
{
    CLEANUP(freep) char *log = text_take(&host.log);

    assert_string_equal(log, expected);
}

static int set_up(void **state)
{
    struct reconcile_providers providers = {.network_observed = network_observed, .network_apply = network_apply,
                                            .network_encode = network_encode, .network_keep = network_keep,
                                            .tap_apply = tap_apply, .vm_observed = vm_observed, .vm_list = vm_list,
                                            .vm_apply = vm_apply};
    struct reconcile_files files = {.read_network = read_network, .read_start = read_network, .begin_applied = begin_applied,
                                    .commit_applied = commit_applied, .drop_applied = drop_applied,
                                    .keep_applied = settle_applied, .back_applied = settle_applied,
                                    .wait_applied = wait_applied, .save_edits = save_edits, .write_edits = write_edits,
                                    .read_vms = read_vms, .write_nic = write_nic, .state_directory = host.state_directory};

    (void)state;
    memset(&host, 0, sizeof(host));
    log_set_level("error");
    text_copy(host.state_directory, sizeof(host.state_directory), "/tmp/test_reconcile.XXXXXX");
    assert_non_null(mkdtemp(host.state_directory));
    host.loop = ev_loop_new(0);
    host.reconciler = reconcile_new(host.loop, &providers, &files, true, NULL, NULL);
    put(&host.kernel, "eth0", INTERFACE_ETHERNET);
    put(&host.kernel, "br0", INTERFACE_BRIDGE);
    put(&host.kernel, "br1", INTERFACE_BRIDGE);
    define("c2");
    reconcile_start(host.reconciler, false, ended, NULL);
    wait_for_answer();
    settle();
    text_clear(&host.log);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    reconcile_free(host.reconciler);
    ev_loop_destroy(host.loop);
    network_clear(&host.kernel);
    network_clear(&host.files);
    vm_free(host.running);
    for (size_t i = 0; i < host.definition_count; i++)
        vm_free(host.definitions[i]);
    free(host.definitions);
    text_clear(&host.log);
    file_remove(host.state_directory, NULL);
    return 0;
}

static void apply(void)
{
    reconcile_apply(host.reconciler, true, 0, ended, NULL);
    wait_for_answer();
}

static void power(enum reconcile_power what)
{
    reconcile_vm_power(host.reconciler, "c2", what, ended, NULL);
    wait_for_answer();
}

static void start_c2(void)
{
    power(POWER_START);
    assert_int_equal(host.result, 0);
    settle();
    text_clear(&host.log);
}

static struct interface *want_bridge(const char *name)
{
    struct interface *bridge = put(&host.files, name, INTERFACE_BRIDGE);

    bridge->set |= FIELD_BIT(FIELD_UP);
    return bridge;
}

/* -- apply -------------------------------------------------------------------------------------------------------------------------------- */

static void a_failed_step_takes_back_those_before_it(void **state)
{
    unsigned commits = host.commits;

    (void)state;
    want_bridge("br5");
    want_bridge("br6");
    put(&host.files, "eth0", INTERFACE_ETHERNET)->set |= FIELD_BIT(FIELD_MTU);
    network_find(&host.files, "eth0")->mtu = 9000;
    host.fail = "link-set eth0";
    apply();
    assert_int_equal(host.result, -EBUSY);
    assert_non_null(strstr(host.error.text, "eth0: set eth0 mtu 1500 → 9000: refused"));
    assert_non_null(strstr(host.error.text, "taken back"));
    expect_log("link-create br5\nlink-create br6\nlink-set eth0 FAILS\nlink-delete br6\nlink-delete br5\n");
    assert_int_equal(host.commits, commits);
    assert_false(host.copying);
    assert_null(network_find(&host.kernel, "br5"));
}

static void steps_behind_a_failed_one_are_not_tried(void **state)
{
    (void)state;
    want_bridge("br5");
    want_bridge("br6");
    want_bridge("br7");
    host.fail = "link-create br6";
    apply();
    expect_log("link-create br5\nlink-create br6 FAILS\nlink-delete br5\n");
}

static void a_second_apply_does_nothing(void **state)
{
    (void)state;
    want_bridge("br5");
    apply();
    assert_int_equal(host.result, 0);
    text_clear(&host.log);
    apply();
    assert_int_equal(host.result, 0);
    expect_log("");
}

static void requests_are_served_in_their_order(void **state)
{
    unsigned answers = host.answers;

    (void)state;
    want_bridge("br5");
    reconcile_apply(host.reconciler, true, 0, ended, NULL);
    reconcile_apply(host.reconciler, true, 0, ended, NULL);
    assert_string_equal(reconcile_busy(host.reconciler) ? "early" : "", "");
    while (host.answers < answers + 2)
        ev_run(host.loop, EVRUN_ONCE);
    expect_log("link-create br5\n");
}

static void what_somebody_deletes_comes_back(void **state)
{
    (void)state;
    want_bridge("br5");
    apply();
    settle();
    text_clear(&host.log);
    interface_free(network_remove(&host.kernel, "br5"));
    reconcile_network_changed(host.reconciler, "br5", true);
    settle();
    expect_log("link-create br5\n");
}

static void without_repair_it_stays_away(void **state)
{
    (void)state;
    want_bridge("br5");
    reconcile_apply(host.reconciler, false, 0, ended, NULL);
    wait_for_answer();
    settle();
    text_clear(&host.log);
    interface_free(network_remove(&host.kernel, "br5"));
    reconcile_network_changed(host.reconciler, "br5", true);
    settle();
    expect_log("");
}

/* -- VMs ------------------------------------------------------------------------------------------------------------------------------------ */

static void a_start_that_fails_leaves_no_tap(void **state)
{
    (void)state;
    host.fail = "vm-spawn";
    power(POWER_START);
    assert_int_equal(host.result, -EBUSY);
    expect_log("tap-open c2-net0\nlink-set c2-net0\nvm-spawn vm c2 FAILS\ntap-close c2-net0\n");
    assert_null(network_find(&host.kernel, "c2-net0"));
}

static struct nic *nic_on(const char *bridge)
{
    static struct nic nic;

    nic = (struct nic){.link = true, .queues = 1};
    text_copy(nic.bridge, sizeof(nic.bridge), bridge);
    return &nic;
}

static void attach(const char *bridge, bool config)
{
    char name[VM_NAME_SIZE];

    reconcile_nic_attach(host.reconciler, "c2", nic_on(bridge), (struct reconcile_scope){.live = true, .config = config}, name, ended, NULL);
    wait_for_answer();
}

static void each_failure_of_an_attach_is_undone(void **state)
{
    static const char *const steps[] = {"tap-open", "link-set", "nic-pass-fds", "netdev-add", "device-add"};

    (void)state;
    start_c2();
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        host.fail = steps[i];
        attach("br0", false);
        assert_int_equal(host.result, -EBUSY);
        assert_null(network_find(&host.kernel, "c2-net1"));
        assert_int_equal(host.running->nic_count, 1);
    }
    host.fail = NULL;
    attach("br0", false);
    assert_int_equal(host.result, 0);
    assert_int_equal(host.running->nic_count, 2);
}

static void a_tap_is_one_nics_alone(void **state)
{
    char name[VM_NAME_SIZE];
    struct nic *nic = nic_on("br0");

    (void)state;
    start_c2();
    text_copy(nic->target, sizeof(nic->target), "c2-net0");
    reconcile_nic_attach(host.reconciler, "c2", nic, (struct reconcile_scope){.live = true}, name, ended, NULL);
    wait_for_answer();
    assert_int_equal(host.result, -EEXIST);
    assert_string_equal(host.error.text, "vm c2: nic net1: TAP c2-net0 is that of vm c2 nic net0: give another");
    expect_log("");
}

/* Who works on a link begins with its name, and says what was tried: not once more, then. */
static void what_failed_is_said_once(void **state)
{
    (void)state;
    start_c2();
    host.fail = "tap-open";
    host.words = "c2-net1: open a TAP: it exists";
    attach("br0", false);
    assert_string_equal(host.error.text, "vm c2 nic net1: c2-net1: open a TAP: it exists");
    host.fail = "netdev-add";
    host.words = "QEMU's own words";
    attach("br0", false);
    assert_string_equal(host.error.text, "vm c2 nic net1: make its network backend in QEMU: QEMU's own words");
    host.fail = "link-set eth0";
    host.words = "eth0: set MTU 9000: too large";
    put(&host.files, "eth0", INTERFACE_ETHERNET)->set |= FIELD_BIT(FIELD_MTU);
    network_find(&host.files, "eth0")->mtu = 9000;
    apply();
    assert_true(text_starts(host.error.text, "eth0: set MTU 9000: too large"));
    host.words = NULL;
}

static void a_failed_attach_is_not_tried_again(void **state)
{
    (void)state;
    start_c2();
    host.fail = "device-add";
    attach("br0", false);
    host.fail = NULL;
    text_clear(&host.log);
    reconcile_network_changed(host.reconciler, "br0", true);
    reconcile_vm_changed(host.reconciler, "c2", "");
    settle();
    expect_log("");
}

static void the_file_is_taken_back_when_the_plug_fails(void **state)
{
    (void)state;
    start_c2();
    host.fail = "netdev-add";
    attach("br0", true);
    expect_log("write net1 in the file\nnic-record vm c2 nic net1\ntap-open c2-net1\nlink-set c2-net1\nnic-pass-fds vm c2 nic net1\n"
               "netdev-add vm c2 nic net1 FAILS\nnic-close-fds vm c2 nic net1\ntap-close c2-net1\nnic-forget vm c2 nic net1\n"
               "remove net1 in the file\n");
    host.fail = "write-file";
    attach("br0", true);
    assert_int_equal(host.result, -ENOSPC);
    expect_log("write net1 in the file\n");
}

static void guest_lets_go(const char *nic)
{
    vm_find_nic(host.running, nic)->state = NIC_REMOVED;
    reconcile_nic_changed(host.reconciler, "c2", nic);
}

static void a_detach_is_done_when_the_guest_has_let_go(void **state)
{
    (void)state;
    start_c2();
    attach("br0", false);
    text_clear(&host.log);
    unsigned answers = host.answers;

    reconcile_nic_detach(host.reconciler, "c2", "net1", (struct reconcile_scope){.live = true}, 60., ended, NULL);
    settle();
    assert_int_equal(host.answers, answers);
    expect_log("device-delete vm c2 nic net1\n");
    guest_lets_go("net1");
    wait_for_answer();
    assert_int_equal(host.result, 0);
    expect_log("netdev-delete vm c2 nic net1\ntap-close c2-net1\nnic-forget vm c2 nic net1\n");
}

static void a_silent_guest_is_told_and_the_removal_ends_later(void **state)
{
    (void)state;
    start_c2();
    attach("br0", false);
    reconcile_nic_detach(host.reconciler, "c2", "net1", (struct reconcile_scope){.live = true}, 0., ended, NULL);
    wait_for_answer();
    assert_int_equal(host.result, -ETIMEDOUT);
    assert_int_equal(vm_find_nic(host.running, "net1")->state, NIC_UNPLUGGING);
    text_clear(&host.log);
    guest_lets_go("net1");
    settle();
    expect_log("netdev-delete vm c2 nic net1\ntap-close c2-net1\nnic-forget vm c2 nic net1\n");
}

static void an_update_moves_the_port_and_announces_it(void **state)
{
    struct nic *changes = nic_on("br1");

    (void)state;
    start_c2();
    text_copy(changes->name, sizeof(changes->name), "net0");
    changes->set = FIELD_BIT(1); /* Bridge: its row's bit */
    reconcile_nic_update(host.reconciler, "c2", changes, (struct reconcile_scope){.live = true}, ended, NULL);
    wait_for_answer();
    assert_int_equal(host.result, 0);
    expect_log("link-set c2-net0\nnic-announce vm c2 nic net0\nnic-update vm c2 nic net0\n");
    assert_string_equal(network_find(&host.kernel, "c2-net0")->master, "br1");
}

static void a_model_cannot_change_live(void **state)
{
    struct nic *changes = nic_on("");

    (void)state;
    start_c2();
    text_copy(changes->name, sizeof(changes->name), "net0");
    changes->model = NIC_E1000;
    changes->set = FIELD_BIT(2); /* Model */
    reconcile_nic_update(host.reconciler, "c2", changes, (struct reconcile_scope){.live = true}, ended, NULL);
    wait_for_answer();
    assert_int_equal(host.result, -EOPNOTSUPP);
    assert_non_null(strstr(host.error.text, "cannot modify network device model from virtio to e1000"));
    expect_log("");
}

static void a_deleted_tap_comes_back_on_its_bridge(void **state)
{
    (void)state;
    start_c2();
    interface_free(network_remove(&host.kernel, "c2-net0"));
    reconcile_network_changed(host.reconciler, "c2-net0", true);
    settle();
    expect_log("tap-remake c2-net0\nlink-set c2-net0\n");
    assert_string_equal(network_find(&host.kernel, "c2-net0")->master, "br0");
}

static void vhost_takes_up_a_tap_that_came_back(void **state)
{
    (void)state;
    start_c2();
    vm_find_nic(host.running, "net0")->vhost_used = true;
    interface_free(network_remove(&host.kernel, "c2-net0"));
    reconcile_network_changed(host.reconciler, "c2-net0", true);
    settle();
    expect_log("tap-remake c2-net0\nlink-set c2-net0\nnic-reconnect c2-net0\n");
}

static void a_vm_that_ends_by_itself_leaves_no_tap(void **state)
{
    (void)state;
    start_c2();
    vm_free(host.running);
    host.running = NULL;
    reconcile_vm_changed(host.reconciler, "c2", "guest powered off");
    settle();
    expect_log("tap-close c2-net0\n");
}

static void an_unfinished_request_is_answered_at_the_end(void **state)
{
    (void)state;
    reconcile_apply(host.reconciler, true, 0, ended, NULL);
    reconcile_free(host.reconciler);
    host.reconciler = NULL;
    assert_int_equal(host.result, -ECANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_failed_step_takes_back_those_before_it), TEST(steps_behind_a_failed_one_are_not_tried),
        TEST(a_second_apply_does_nothing),              TEST(requests_are_served_in_their_order),
        TEST(what_somebody_deletes_comes_back),         TEST(without_repair_it_stays_away),
        TEST(a_start_that_fails_leaves_no_tap),         TEST(each_failure_of_an_attach_is_undone),
        TEST(what_failed_is_said_once),                 TEST(a_tap_is_one_nics_alone),
        TEST(a_failed_attach_is_not_tried_again),       TEST(the_file_is_taken_back_when_the_plug_fails),
        TEST(a_detach_is_done_when_the_guest_has_let_go), TEST(a_silent_guest_is_told_and_the_removal_ends_later),
        TEST(an_update_moves_the_port_and_announces_it), TEST(a_model_cannot_change_live),
        TEST(a_deleted_tap_comes_back_on_its_bridge),   TEST(vhost_takes_up_a_tap_that_came_back),
        TEST(a_vm_that_ends_by_itself_leaves_no_tap),
        TEST(an_unfinished_request_is_answered_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
