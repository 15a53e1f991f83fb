/* What takes a change back, as the next daemon reads it. links: model base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/plan.h"

static struct step round_trip(const struct step *step)
{
    CLEANUP(document_freep) json_t *json = NULL;
    struct text text = {0};
    struct error err = {0};
    struct step back;

    step_write(step, &text);
    if (document_parse(text.data, text.length, &json, &err) < 0)
        fail_msg("%s", err.text);
    text_clear(&text);
    if (step_from_json(json, &back, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(back.op, step->op);
    assert_true(back.inverse);
    assert_string_equal(back.object, step->object);
    assert_string_equal(back.text, step->text);
    assert_string_equal(back.interface, step->interface);
    assert_string_equal(back.meanwhile, step->meanwhile);
    return back;
}

static struct step *add(struct plan *plan, enum step_op op)
{
    struct step *step = plan_add(plan, op, "eth0", "a step: \"mtu\" 1500 → 1400");

    text_copy(step->interface, sizeof(step->interface), "eth0");
    return step;
}

static void messages_with_what_comes_in_meanwhile(void **state)
{
    struct plan plan = {0};
    struct step *step = add(&plan, STEP_REPLAY), back;

    (void)state;
    text_copy(step->meanwhile, sizeof(step->meanwhile), "br0");
    step->replay = NEW(struct replay);
    *step->replay = (struct replay){.message = memory_copy("0123456789abcdef", 16), .size = 16, .fine = 17, .gone_is_fine = true,
                                     .when_busy = true};
    step->replay->indices[step->replay->index_count++].offset = 8;
    text_copy(step->replay->indices[0].name, INTERFACE_NAME_SIZE, "b\"r\\0");
    back = round_trip(step);
    assert_int_equal(back.replay->size, 16);
    assert_memory_equal(back.replay->message, "0123456789abcdef", 16);
    assert_int_equal(back.replay->fine, 17);
    assert_true(back.replay->gone_is_fine);
    assert_true(back.replay->when_busy);
    assert_int_equal(back.replay->index_count, 1);
    assert_int_equal(back.replay->indices[0].offset, 8);
    assert_string_equal(back.replay->indices[0].name, "b\"r\\0");
    step_clear(&back);
    plan_clear(&plan);
}

static void sysctls_and_waits(void **state)
{
    struct plan plan = {0};
    struct step *step = add(&plan, STEP_SYSCTL_SET), back;

    (void)state;
    text_copy(step->sysctl.name, sizeof(step->sysctl.name), "ipv4/rp_filter");
    step->sysctl.value = 2;
    back = round_trip(step);
    assert_string_equal(back.sysctl.name, "ipv4/rp_filter");
    assert_int_equal(back.sysctl.value, 2);
    step_clear(&back);
    back = round_trip(add(&plan, STEP_LINK_WAIT));
    assert_null(back.replay);
    step_clear(&back);
    plan_clear(&plan);
}

#define MESSAGE "00000000000000000000000000000000"

static void nonsense(void **state)
{
    static const char *const documents[] = {
        "{}",
        "{\"op\": \"link-delete\", \"interface\": \"eth0\"}",
        "{\"op\": \"link-wait\", \"interface\": \"a/b\"}",
        "{\"op\": \"replay\", \"messages\": []}",
        "{\"messages\": [{}]}",
        "{\"messages\": [\"00\"]}",
        "{\"messages\": [\"0000000000000000000000000000000g\"]}",
        "{\"messages\": [\"" MESSAGE " 13=br0\"]}",
        "{\"messages\": [\"" MESSAGE " 12=a/b\"]}",
        "{\"messages\": [\"" MESSAGE " 12\"]}",
        "{\"messages\": [\"" MESSAGE " fine=x\"]}",
        "{\"messages\": [\"" MESSAGE " \"]}",
        "{\"meanwhile\": \"a/b\", \"messages\": [\"" MESSAGE "\"]}",
        "{\"op\": \"sysctl-set\", \"sysctl\": \"../x\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        CLEANUP(document_freep) json_t *json = json_loads(documents[i], 0, NULL);
        struct step step;

        assert_non_null(json);
        if (step_from_json(json, &step, NULL) == 0)
            fail_msg("was taken: %s", documents[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_with_what_comes_in_meanwhile),
        cmocka_unit_test(sysctls_and_waits),
        cmocka_unit_test(nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
