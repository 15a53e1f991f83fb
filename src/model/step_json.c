/* Steps as documents: what a daemon writes down before it changes the host's network, so that its successor can take that back. They
 * are messages to the kernel, which is the same as long as there is something to take back, values of sysctls, and waits between them. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/plan.h"

enum { MESSAGE_SIZE_MIN = 16, MESSAGE_SIZE_MAX = 1 << 16 }; /* a header alone; no message is longer */

/* -- replayed messages ---------------------------------------------------------------------------------------------------- */

static int refuse(const char *what, struct error *err)
{
    return error_set(err, EINVAL, "%s: is missing or makes no sense", what);
}

/* "HEX 16=br0 24=eth0 fine=17 gone busy": its bytes, at which of them the index of which link stands, and what is as a rule not so. */
static void write_message(const struct replay *replay, struct text *text)
{
    struct text line = {0};

    text_add_hex(&line, replay->message, replay->size);
    for (size_t i = 0; i < replay->index_count; i++)
        text_format(&line, " %zu=%s", replay->indices[i].offset, replay->indices[i].name);
    if (replay->fine)
        text_format(&line, " fine=%d", replay->fine);
    text_add(&line, replay->gone_is_fine ? " gone" : "");
    text_add(&line, replay->when_busy ? " busy" : "");
    document_add_string(text, line.data); /* the kernel lets a name have quotes */
    text_clear(&line);
}

/* "16=br0"; the word is cut. */
static bool index_from_word(char *word, struct replay *replay)
{
    char *name = word;
    const char *offset = strsep(&name, "=");
    int64_t place;

    if (!name || text_number(offset, 0, (int64_t)replay->size - (int64_t)sizeof(uint32_t), &place) < 0
        || replay->index_count == ARRAY_SIZE(replay->indices) || text_interface_name_fault(name))
        return false;
    replay->indices[replay->index_count].offset = (size_t)place;
    text_copy(replay->indices[replay->index_count++].name, INTERFACE_NAME_SIZE, name);
    return true;
}

static bool word_from_text(char *word, struct replay *replay)
{
    int64_t fine;

    if (text_equal(word, "gone"))
        replay->gone_is_fine = true;
    else if (text_equal(word, "busy"))
        replay->when_busy = true;
    else if (!text_starts(word, "fine="))
        return index_from_word(word, replay);
    else if (text_number(word + strlen("fine="), 1, INT32_MAX, &fine) < 0)
        return false;
    else
        replay->fine = (int)fine;
    return true;
}

static bool message_from_text(char *line, struct replay *replay)
{
    const char *bytes = strsep(&line, " ");
    char *word;

    replay->size = strlen(bytes) / 2;
    if (replay->size < MESSAGE_SIZE_MIN || replay->size > MESSAGE_SIZE_MAX)
        return false;
    replay->message = memory_new(replay->size);
    if (!text_from_hex(bytes, replay->message, replay->size))
        return false;
    while ((word = strsep(&line, " ")))
        if (!word_from_text(word, replay))
            return false;
    return true;
}

/* -- steps ---------------------------------------------------------------------------------------------------------------- */

/* By hand, because the first step waits for the record of all. */
void step_write(const struct step *step, struct text *text)
{
    document_add_member(text, "{", "text", step->text);
    document_add_member(text, ",", "interface", step->interface);
    if (!text_equal(step->object, step->interface))
        document_add_member(text, ",", "object", step->object);
    if (step->op == STEP_SYSCTL_SET) {
        document_add_member(text, ",", "sysctl", step->sysctl.name);
        text_format(text, ",\"value\":%d}", step->sysctl.value);
        return;
    }
    if (step->op == STEP_LINK_WAIT) {
        document_add_member(text, ",", "op", step_op_name(step->op));
        text_add(text, "}");
        return;
    }
    if (*step->meanwhile)
        document_add_member(text, ",", "meanwhile", step->meanwhile);
    text_add(text, ",\"messages\":[");
    for (const struct replay *replay = step->replay; replay; replay = replay->next) {
        write_message(replay, text);
        text_add(text, replay->next ? "," : "");
    }
    text_add(text, "]}");
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
        const char *text = json_string_value(json_array_get(messages, i));
        CLEANUP(freep) char *line = memory_string(text ? text : "");

        *last = NEW(struct replay);
        if (!message_from_text(line, *last))
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
