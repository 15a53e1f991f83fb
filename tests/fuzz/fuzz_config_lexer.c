/* Both formats of the lexer; the first byte chooses. INI values must come back from their quoting. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/quote.h"
#include "base/memory.h"
#include "config/config_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_quoting(const struct lexer_entry *entry)
{
    CLEANUP(freep) char *quoted = lexer_quote_ini(entry->value);
    CLEANUP(freep) char *text = memory_format("[s]\nA=%s\n", quoted);
    struct problems problems = {0};
    struct complaints complaints = complaints_begin(&problems, "again");
    struct lexer_file file;
    lexer_read_ini(text, strlen(text), &file, &complaints);
    require(!problems.count && file.count == 1 && file.sections[0].count == 1);
    require(strcmp(file.sections[0].entries[0].value, entry->value) == 0);
    lexer_file_clear(&file);
    problems_clear(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    bool ini = data[0] & 1;
    CLEANUP(freep) char *text = memory_copy(data + 1, size - 1); /* without a NUL behind it, so that reading on is seen */
    struct problems problems = {0};
    struct complaints complaints = complaints_begin(&problems, "file");
    struct lexer_file file;
    (ini ? lexer_read_ini : lexer_read_shell)(text ? text : "", size - 1, &file, &complaints);
    require(problems.count <= CONFIG_PROBLEMS && (complaints.errors > 0) == (problems.errors > 0));
    for (size_t i = 0; i < problems.count; i++)
        require(quote_is_plain(problems.items[i].text));
    for (size_t i = 0; i < file.count; i++)
        for (size_t j = 0; j < file.sections[i].count; j++)
            if (quote_is_plain(file.sections[i].entries[j].value))
                check_quoting(&file.sections[i].entries[j]);
    lexer_file_clear(&file);
    problems_clear(&problems);
    return 0;
}
