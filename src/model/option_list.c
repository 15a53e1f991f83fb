/* Values that are lists: priority maps and ARP targets. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/option_internal.h"

static const uint8_t no_target[4];

static int parse_pair(char *word, size_t length, uint32_t maximum, uint32_t *map)
{
    char *colon = strchr(word, ':');
    int64_t from, to;
    int result;

    if (!colon)
        return -EINVAL;
    *colon = '\0';
    result = text_number(word, 0, (int64_t)length - 1, &from);
    if (result == 0)
        result = text_number(colon + 1, 0, maximum, &to);
    if (result == 0)
        map[from] = (uint32_t)to;
    return result;
}

int option_list_parse_map(const char *text, size_t length, uint32_t maximum, uint32_t *map)
{
    CLEANUP(freep) char *words = memory_string(text);
    char *rest = NULL;
    int result = 0;

    memset(map, 0, length * sizeof(*map));
    for (char *word = strtok_r(words, ", \t", &rest); word && result == 0; word = strtok_r(NULL, ", \t", &rest))
        result = parse_pair(word, length, maximum, map);
    return result;
}

char *option_list_format_map(const uint32_t *map, size_t length)
{
    struct text text = {0};

    for (size_t from = 0; from < length; from++)
        if (map[from])
            text_format(&text, "%s%zu:%u", text.length ? "," : "", from, map[from]);
    return text.length ? text_take(&text) : NULL;
}

int option_list_parse_targets(const char *text, size_t length, uint8_t (*targets)[4])
{
    CLEANUP(freep) char *words = memory_string(text);
    char *rest = NULL;
    size_t count = 0;

    memset(targets, 0, length * sizeof(*targets));
    for (char *word = strtok_r(words, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        if (count == length)
            return -ERANGE;
        if (inet_pton(AF_INET, word, targets[count]) != 1 || memcmp(targets[count], no_target, sizeof(no_target)) == 0)
            return -EINVAL;
        count++;
    }
    return 0;
}

char *option_list_format_targets(const uint8_t (*targets)[4], size_t length)
{
    struct text text = {0};
    char address[INET_ADDRSTRLEN];

    for (size_t i = 0; i < length && memcmp(targets[i], no_target, sizeof(no_target)) != 0; i++)
        text_format(&text, "%s%s", i ? "," : "", inet_ntop(AF_INET, targets[i], address, sizeof(address)));
    return text.length ? text_take(&text) : NULL;
}
