/* Lines of words, as route-NAME and rule-NAME have them. The scripts hand each line to ip as it stands, so there are no quotes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

struct words_reader words_begin(const struct config_file *file)
{
    return (struct words_reader){.at = file->text, .end = file->text + file->size, .line = 1, .column = 1};
}

void words_clear(struct word_list *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i].text);
    free(words->items);
    *words = (struct word_list){0};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void pass(struct words_reader *reader)
{
    if (*reader->at == '\n') {
        reader->line++;
        reader->column = 1;
    } else if ((*reader->at & 0xc0) != 0x80) { /* the bytes behind a character's first one take no column */
        reader->column++;
    }
    reader->at++;
}

/* A backslash at the line's end, which joins the next one. */
static bool is_joint(const struct words_reader *reader)
{
    const char *next = reader->at + 1;
    if (*reader->at != '\\')
        return false;
    if (next < reader->end && *next == '\r')
        next++;
    return next == reader->end || *next == '\n';
}

static bool at_line_end(const struct words_reader *reader)
{
    return reader->at == reader->end || *reader->at == '\n';
}

static void skip_blanks(struct words_reader *reader)
{
    while (reader->at < reader->end && (is_blank(*reader->at) || is_joint(reader))) {
        bool joint = is_joint(reader);
        while (joint && reader->at < reader->end && *reader->at != '\n')
            pass(reader);
        if (reader->at < reader->end)
            pass(reader);
    }
}

static void read_word(struct words_reader *reader, struct word_list *words)
{
    struct word *word = APPEND(words->items, words->count);
    const char *start = reader->at;
    *word = (struct word){.line = reader->line, .column = reader->column};
    while (!at_line_end(reader) && !is_blank(*reader->at) && !is_joint(reader))
        pass(reader);
    word->text = memory_string_of(start, (size_t)(reader->at - start));
    if (strlen(word->text) != (size_t)(reader->at - start))
        word->text[0] = '\001'; /* a zero byte: refused like all control characters */
}

static bool is_good(const struct word_list *words, struct complaints *complaints)
{
    for (size_t i = 0; i < words->count; i++) {
        const struct word *word = &words->items[i];
        if (quote_is_plain(word->text) && *word->text)
            continue;
        complain(complaints, false, word->line, word->column, "is not text: there is a control character, or no UTF-8");
        return false;
    }
    return true;
}

bool words_next(struct words_reader *reader, struct word_list *ret_words, struct complaints *complaints)
{
    *ret_words = (struct word_list){0};
    while (reader->at < reader->end && !complaints_full(complaints)) {
        skip_blanks(reader);
        while (!at_line_end(reader) && *reader->at != '#') {
            read_word(reader, ret_words);
            skip_blanks(reader);
        }
        while (!at_line_end(reader))
            pass(reader);
        if (reader->at < reader->end)
            pass(reader);
        if (ret_words->count && is_good(ret_words, complaints))
            return true;
        words_clear(ret_words);
    }
    return false;
}

struct word_list words_split(const struct lexer_entry *entry)
{
    struct word_list words = {0};
    CLEANUP(freep) char *text = memory_string(entry->value);
    char *rest = NULL;
    for (char *part = strtok_r(text, " \t\n", &rest); part; part = strtok_r(NULL, " \t\n", &rest))
        *APPEND(words.items, words.count) =
            (struct word){.text = memory_string(part), .line = entry->value_line, .column = entry->value_column};
    return words;
}

bool words_number(const struct word *word, int64_t minimum, int64_t maximum, int64_t *ret, struct complaints *complaints)
{
    char shown[QUOTE_SIZE], *end;
    if (text_starts(word->text, "0x") && strlen(word->text) <= 18 && word->text[2]) {
        unsigned long long number = strtoull(word->text + 2, &end, 16);
        if (!*end && word->text[2] != '-' && word->text[2] != '+' && number <= (unsigned long long)maximum
            && (int64_t)number >= minimum) {
            *ret = (int64_t)number;
            return true;
        }
    } else if (text_number(word->text, minimum, maximum, ret) == 0) {
        return true;
    }
    complain(complaints, false, word->line, word->column, "wants a number from %lld to %lld, not %s", (long long)minimum,
             (long long)maximum, quote_text(word->text, shown));
    return false;
}

bool words_interface(const struct word *word, char ret_name[INTERFACE_NAME_SIZE], struct complaints *complaints)
{
    const char *fault = text_interface_name_fault(word->text);
    char shown[QUOTE_SIZE];
    if (!fault)
        return text_copy(ret_name, INTERFACE_NAME_SIZE, word->text);
    complain(complaints, false, word->line, word->column, "wants an interface's name; %s %s", quote_text(word->text, shown),
             fault);
    return false;
}
