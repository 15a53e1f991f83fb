#include "document.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "memory.h"

/* jansson recurses once per level, on the daemon's stack. */
static bool too_deep(const char *text, size_t length)
{
    bool in_string = false;
    size_t depth = 0;
    for (size_t i = 0; i < length; i++)
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '[' || text[i] == '{') {
            if (++depth > DOCUMENT_DEPTH)
                return true;
        } else if ((text[i] == ']' || text[i] == '}') && depth) {
            depth--;
        }
    return false;
}

int document_parse(const char *text, size_t length, json_t **ret_document, struct error *err)
{
    if (length > DOCUMENT_SIZE)
        return error_set(err, EMSGSIZE, "JSON of %zu bytes is over the limit of %d", length, (int)DOCUMENT_SIZE);
    if (too_deep(text, length))
        return error_set(err, EINVAL, "JSON is nested deeper than %d levels", (int)DOCUMENT_DEPTH);
    json_error_t fault;
    json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
    if (!document)
        return error_set(err, EINVAL, "JSON line %d column %d: %s", fault.line, fault.column, fault.text);
    *ret_document = document;
    return 0;
}

char *document_text(const json_t *document)
{
    if (!document)
        return memory_string("null");
    char *text = json_dumps(document, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    return text ? text : memory_string("null");
}

static bool stands_for_itself(const char *string)
{
    for (; *string; string++)
        if (*string < ' ' || *string > '~' || *string == '"' || *string == '\\')
            return false;
    return true;
}

void document_add_string(struct text *text, const char *string)
{
    if (stands_for_itself(string)) {
        text_add(text, "\"");
        text_add(text, string);
        text_add(text, "\"");
        return;
    }
    CLEANUP(document_freep) json_t *json = json_string(string);
    CLEANUP(freep) char *quoted = document_text(json);
    text_add(text, quoted);
}

void document_add_open(struct text *text, json_t *object)
{
    CLEANUP(freep) char *line = document_text(object);
    text_add_data(text, line, strlen(line) - strlen("}"));
    document_free(object);
}

void document_add_member(struct text *text, const char *before, const char *key, const char *string)
{
    text_add(text, before);
    text_add(text, "\"");
    text_add(text, key);
    text_add(text, "\":");
    document_add_string(text, string);
}

void document_free(json_t *document)
{
    json_decref(document);
}

const char *document_string(const json_t *object, const char *key, const char *fallback)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : fallback;
}

int64_t document_number(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool document_boolean(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}
