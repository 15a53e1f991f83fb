/* trestle.conf */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/quote.h"
#include "config/config_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problems problems = {0};
    struct settings settings = {0};
    CLEANUP(freep) char *text = size ? memory_copy(data, size) : NULL;
    option_set_defaults(OPTION_SETTINGS, &settings);
    settings_parse("trestle.conf", text ? text : "", size, &settings, &problems);
    for (size_t i = 0; i < problems.count; i++)
        if (!quote_is_plain(problems.items[i].text))
            abort();
    settings_clear(&settings);
    problems_clear(&problems);
    return 0;
}
