/* Options as members of JSON objects, and back. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "model/option_internal.h"

static json_t *number_to_json(const struct option *row, uint32_t value)
{
    uint32_t unit = row->unit ? row->unit : scale_of(row);
    return value % unit ? json_real((double)value / unit) : json_integer(value / unit);
}

static json_t *value_to_json(const struct option *row, const void *object)
{
    CLEANUP(freep) char *text = option_format(row, object);
    const void *place = place_of(row, object);
    if (!text)
        return NULL;
    if (row->type == OPTION_BOOL && !row->choices)
        return json_boolean(*(const bool *)place);
    if (row->type == OPTION_NUMBER && (number_at(place) || !row->choices))
        return number_to_json(row, number_at(place));
    if (row->type == OPTION_SIZE)
        return json_integer((json_int_t)*(const uint64_t *)place);
    return json_string(text);
}

json_t *option_to_json(enum option_scope scope, const void *object, bool only_set)
{
    json_t *json = json_object();
    FOR_EACH_ROW(row) {
        if (row->scope != scope || !row->name || !has_value(row) || (only_set && !option_is_set(row, object)))
            continue;
        json_t *value = value_to_json(row, object);
        if (value)
            json_object_set_new(json, row->name, value);
    }
    return json;
}

/* A JSON number as option_parse reads the row, so that all bounds are in one place. NULL: it has more places than the row. */
static char *number_from_json(const struct option *row, const json_t *value)
{
    if (json_is_integer(value) && !row->unit)
        return memory_format("%lld", (long long)json_integer_value(value));
    int64_t unit = row->unit ? row->unit : scale_of(row), scale = scale_of(row);
    double number = json_number_value(value);
    if (number < -1e12 || number > 1e12)
        return NULL;
    int64_t parts = (int64_t)(number * (double)unit + (number < 0 ? -0.5 : 0.5)); /* of the member */
    if (unit == 1 && (double)parts != number)
        return NULL;
    if (parts % scale == 0)
        return memory_format("%lld", (long long)(parts / scale));
    return memory_format("%.2f", (double)parts / (double)scale);
}

static char *text_from_json(const struct option *row, const json_t *value, const char **ret_wanted)
{
    switch (row->type) {
    case OPTION_BOOL:
        *ret_wanted = "true or false";
        if (json_is_boolean(value))
            return memory_string(json_is_true(value) ? "yes" : "no");
        return row->choices ? memory_string(json_string_value(value)) : NULL;
    case OPTION_NUMBER:
        *ret_wanted = "a number";
        if (row->choices && json_is_string(value))
            return memory_string(json_string_value(value));
        return json_is_number(value) ? number_from_json(row, value) : NULL;
    case OPTION_SIZE:
        *ret_wanted = "a number of bytes";
        return json_is_integer(value) ? memory_format("%lldB", (long long)json_integer_value(value)) : NULL;
    default:
        *ret_wanted = "a string";
        return memory_string(json_string_value(value));
    }
}

static const struct option *row_of_member(enum option_scope scope, const char *name)
{
    FOR_EACH_ROW(row)
        if (row->scope == scope && has_value(row) && text_equal(row->name, name))
            return row;
    return NULL;
}

static int member_from_json(enum option_scope scope, void *object, const char *name, const json_t *value, struct error *err)
{
    char shown[QUOTE_SIZE];
    const struct option *row = row_of_member(scope, name);
    if (!row)
        return error_set(err, EINVAL, "no member %s is known here", quote_text(name, shown));
    if (json_is_null(value))
        return 0;
    const char *wanted = NULL;
    CLEANUP(freep) char *text = text_from_json(row, value, &wanted);
    if (!text)
        return error_set(err, EINVAL, "%s: wants %s", name, wanted);
    return option_parse(row, object, text, err) < 0 ? error_prefix(err, "%s", name) : 0;
}

int option_from_json(enum option_scope scope, void *object, const json_t *json, struct error *err)
{
    const char *name;
    json_t *value;
    if (!json_is_object(json))
        return error_set(err, EINVAL, "wants a JSON object");
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        int result = member_from_json(scope, object, name, value, err);
        if (result < 0)
            return result;
    }
    return 0;
}
