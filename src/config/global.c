/* /etc/sysconfig/network, which the scripts read before every ifcfg file. Of interest are the keys that say something of
 * interfaces. */
#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

/* What the key wants, when its value is none of that. */
static const char *fault_of(const struct lexer_entry *entry)
{
    uint8_t bytes[16];
    bool value;
    if (strcmp(entry->key, "GATEWAY") == 0)
        return inet_pton(AF_INET, entry->value, bytes) == 1 ? NULL : "an IPv4 address";
    if (strcmp(entry->key, "IPV6_DEFAULTGW") == 0) {
        CLEANUP(freep) char *host = memory_string_of(entry->value, strcspn(entry->value, "%"));
        return inet_pton(AF_INET6, host, bytes) == 1 ? NULL : "an IPv6 address, with or without %DEVICE";
    }
    if (strcmp(entry->key, "GATEWAYDEV") == 0 || strcmp(entry->key, "IPV6_DEFAULTDEV") == 0)
        return text_interface_name_fault(entry->value) ? "an interface's name" : NULL;
    if (strcmp(entry->key, "IPV6FORWARDING") == 0 || strcmp(entry->key, "IPV6_AUTOCONF") == 0)
        return option_parse_bool(entry->value, &value) < 0 ? "yes or no" : NULL;
    return NULL;
}

static bool is_used(const char *key)
{
    static const char *const keys[] = {"GATEWAY", "GATEWAYDEV", "NOZEROCONF", "IPV6FORWARDING", "IPV6_AUTOCONF", "IPV6_DEFAULTGW",
                                       "IPV6_DEFAULTDEV"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* What is wrong counts as not stated: the error stops an apply anyway. */
static void check(struct lexer_section *section, struct complaints *complaints)
{
    char shown[QUOTE_SIZE];
    for (size_t i = 0; i < section->count; i++) {
        struct lexer_entry *entry = &section->entries[i];
        const char *wants = *entry->value ? fault_of(entry) : NULL;
        if (wants)
            complain(complaints, false, entry->value_line, entry->value_column, "%s wants %s, not %s", entry->key, wants,
                     quote_text(entry->value, shown));
        if (wants || !is_used(entry->key))
            entry->value[0] = '\0';
    }
}

const struct lexer_section *global_read(const struct config_files *files, struct lexer_file *ret_lexed, struct problems *problems)
{
    *ret_lexed = (struct lexer_file){0};
    for (size_t i = 0; i < files->count; i++) {
        const struct config_file *file = &files->items[i];
        struct complaints complaints = complaints_begin(problems, file->path);
        if (strcmp(file->name, "network") != 0)
            continue;
        if (!file->text) {
            complain(&complaints, false, 0, 0, "%s", file->fault ? file->fault : "can't be read");
            continue;
        }
        lexer_file_clear(ret_lexed); /* of several the last one counts */
        lexer_read_shell(file->text, file->size, ret_lexed, &complaints);
        check(&ret_lexed->sections[0], &complaints);
    }
    return ret_lexed->count ? &ret_lexed->sections[0] : NULL;
}
