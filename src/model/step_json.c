/* Steps as documents: what a daemon writes down before it changes the host's network, so that its successor can take that back. They
 * are messages to the kernel, which is the same as long as there is something to take back, values of sysctls, and waits between them. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/plan.h"

enum { MESSAGE_SIZE_MIN = 16, MESSAGE_SIZE_MAX = 1 << 16 }; /* a header alone; no message is longer */

/* -- bytes ---------------------------------------------------------------------------------------------------------------- */

static json_t *bytes_to_json(const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    CLEANUP(freep) char *text = memory_new(2 * size + 1);

    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[((const uint8_t *)bytes)[i] >> 4];
        text[2 * i + 1] = digits[((const uint8_t *)bytes)[i] & 15];
    }
    return json_string(text);
}

static int digit_value(char digit)
{
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Exactly `size` bytes. */
static bool bytes_from_text(const char *text, uint8_t *bytes, size_t size)
{
    if (!text || strlen(text) != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int refuse(const char *what, struct error *err)
{
    return error_set(err, EINVAL, "%s: is missing or makes no sense", what);
}

/* -- replayed messages ---------------------------------------------------------------------------------------------------- */

static json_t *indices_to_json(const struct replay *replay)
{
    json_t *indices = json_array();

    for (size_t i = 0; i < replay->index_count; i++)
        json_array_append_new(indices, json_pack("{s:I, s:s}", "offset", (json_int_t)replay->indices[i].offset, "name",
                                                 replay->indices[i].name));
    return indices;
}

/* What is as a rule is not said: the first step waits for the whole record. */
static json_t *message_to_json(const struct replay *replay)
{
    json_t *json = json_object();

    json_object_set_new(json, "bytes", bytes_to_json(replay->message, replay->size));
    if (replay->index_count)
        json_object_set_new(json, "indices", indices_to_json(replay));
    if (replay->fine)
        json_object_set_new(json, "fine", json_integer(replay->fine));
    if (replay->gone_is_fine)
        json_object_set_new(json, "gone_is_fine", json_true());
    if (replay->when_busy)
        json_object_set_new(json, "when_busy", json_true());
    return json;
}

static bool index_from_json(const json_t *json, struct replay *replay)
{
    int64_t offset = document_number(json, "offset", -1);
    const char *name = document_string(json, "name", "");

    if (offset < 0 || (size_t)offset + sizeof(uint32_t) > replay->size || replay->index_count == ARRAY_SIZE(replay->indices)
        || text_interface_name_fault(name))
        return false;
    replay->indices[replay->index_count].offset = (size_t)offset;
    text_copy(replay->indices[replay->index_count++].name, INTERFACE_NAME_SIZE, name);
    return true;
}

static bool message_from_json(const json_t *json, struct replay *replay)
{
    const char *bytes = document_string(json, "bytes", "");
    const json_t *indices = json_object_get(json, "indices");

    replay->size = strlen(bytes) / 2;
    if (replay->size < MESSAGE_SIZE_MIN || replay->size > MESSAGE_SIZE_MAX)
        return false;
    replay->message = memory_new(replay->size);
    replay->fine = (int)document_number(json, "fine", 0);
    replay->gone_is_fine = document_boolean(json, "gone_is_fine", false);
    replay->when_busy = document_boolean(json, "when_busy", false);
    if (!bytes_from_text(bytes, replay->message, replay->size))
        return false;
    for (size_t i = 0; i < json_array_size(indices); i++)
        if (!index_from_json(json_array_get(indices, i), replay))
            return false;
    return true;
}

/* -- steps ---------------------------------------------------------------------------------------------------------------- */

json_t *step_to_json(const struct step *step)
{
    json_t *json = json_object(), *messages;

    json_object_set_new(json, "text", json_string(step->text));
    json_object_set_new(json, "interface", json_string(step->interface));
    if (!text_equal(step->object, step->interface))
        json_object_set_new(json, "object", json_string(step->object));
    if (step->op == STEP_SYSCTL_SET) {
        json_object_set_new(json, "sysctl", json_string(step->sysctl.name));
        json_object_set_new(json, "value", json_integer(step->sysctl.value));
        return json;
    }
    if (step->op == STEP_LINK_WAIT) {
        json_object_set_new(json, "op", json_string(step_op_name(step->op)));
        return json;
    }
    if (*step->meanwhile)
        json_object_set_new(json, "meanwhile", json_string(step->meanwhile));
    messages = json_array();
    for (const struct replay *replay = step->replay; replay; replay = replay->next)
        json_array_append_new(messages, message_to_json(replay));
    json_object_set_new(json, "messages", messages);
    return json;
}

static int messages_from_json(const json_t *json, struct step *step, struct error *err)
{
    const json_t *messages = json_object_get(json, "messages");
    const char *meanwhile = document_string(json, "meanwhile", "");
    struct replay **last = &step->replay;

    step->op = STEP_REPLAY;
    if (*meanwhile && text_interface_name_fault(meanwhile))
        return refuse("meanwhile", err);
    text_copy(step->meanwhile, sizeof(step->meanwhile), meanwhile);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        *last = NEW(struct replay);
        if (!message_from_json(json_array_get(messages, i), *last))
            return refuse("messages", err);
        last = &(*last)->next;
    }
    return step->replay ? 0 : refuse("messages", err);
}

static int sysctl_from_json(const json_t *json, struct step *step, struct error *err)
{
    const char *name = document_string(json, "sysctl", "");

    if (strlen(name) >= sizeof(step->sysctl.name) || strstr(name, ".."))
        return refuse("sysctl", err);
    step->op = STEP_SYSCTL_SET;
    text_copy(step->sysctl.name, sizeof(step->sysctl.name), name);
    step->sysctl.value = (int32_t)document_number(json, "value", 0);
    return 0;
}

static int wait_from_json(const json_t *json, struct step *step, struct error *err)
{
    if (!text_equal(document_string(json, "op", ""), step_op_name(STEP_LINK_WAIT)))
        return refuse("op", err);
    step->op = STEP_LINK_WAIT;
    return 0;
}

int step_from_json(const json_t *json, struct step *ret_step, struct error *err)
{
    const char *interface = document_string(json, "interface", "");
    int result;

    *ret_step = (struct step){.inverse = true, .object = memory_string(document_string(json, "object", interface)),
                              .text = memory_string(document_string(json, "text", ""))};
    if (*interface && text_interface_name_fault(interface))
        result = refuse("interface", err);
    else if (json_object_get(json, "sysctl"))
        result = sysctl_from_json(json, ret_step, err);
    else if (json_object_get(json, "messages"))
        result = messages_from_json(json, ret_step, err);
    else
        result = wait_from_json(json, ret_step, err);
    text_copy(ret_step->interface, sizeof(ret_step->interface), interface);
    if (result < 0)
        step_clear(ret_step);
    return result;
}
