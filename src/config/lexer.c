#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

/* Stands for $DEVICE until the whole file is read. Control characters are refused, so it can't come from the file itself. */
#define DEVICE_MARK "\001"

struct lexer {
    const char *text, *at, *end;
    unsigned line, column;
    struct lexer_file *file;
    struct complaints *complaints;
    size_t entries;
};

/* The two line ends are one: '\r' before '\n' is passed over everywhere, in quotes too. */
static int peek(const struct lexer *lexer)
{
    if (lexer->at == lexer->end)
        return -1;
    if (lexer->at[0] == '\r' && (lexer->at + 1 == lexer->end || lexer->at[1] == '\n'))
        return '\n';
    return (unsigned char)*lexer->at;
}

static int peek_second(const struct lexer *lexer)
{
    struct lexer next = *lexer;
    if (next.at < next.end)
        next.at += peek(lexer) == '\n' && *next.at == '\r' && next.at + 1 < next.end ? 2 : 1;
    return peek(&next);
}

static int take(struct lexer *lexer)
{
    int c = peek(lexer);
    if (c < 0)
        return c;
    if (*lexer->at == '\r' && c == '\n' && lexer->at + 1 < lexer->end)
        lexer->at++;
    lexer->at++;
    if (c == '\n') {
        lexer->line++;
        lexer->column = 1;
    } else if ((c & 0xc0) != 0x80) { /* the bytes behind a character's first one take no column */
        lexer->column++;
    }
    return c;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t';
}

static bool is_letter(int c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static void skip_line(struct lexer *lexer)
{
    while (peek(lexer) >= 0 && peek(lexer) != '\n')
        take(lexer);
}

static void skip_blanks(struct lexer *lexer)
{
    while (is_blank(peek(lexer)))
        take(lexer);
}

/* A backslash and the end of its line. */
static bool skip_joint(struct lexer *lexer)
{
    if (peek(lexer) != '\\' || peek_second(lexer) != '\n')
        return false;
    take(lexer);
    take(lexer);
    return true;
}

static struct lexer_section *last_section(const struct lexer *lexer)
{
    return lexer->file->count ? &lexer->file->sections[lexer->file->count - 1] : NULL;
}

static void start_section(struct lexer *lexer, char *name, unsigned line, unsigned column)
{
    struct lexer_section *section = APPEND(lexer->file->sections, lexer->file->count);
    section->name = name;
    section->line = line;
    section->column = column;
}

static bool has_control_character(const char *value)
{
    for (; *value; value++)
        if (((unsigned char)*value < ' ' && !strchr("\t\n" DEVICE_MARK, *value)) || *value == 0x7f)
            return true;
    return false;
}

/* Takes key and value. */
static void add_entry(struct lexer *lexer, char *key, char *value, const struct lexer_entry *places)
{
    struct lexer_section *section = last_section(lexer);
    /* The mark and what else a value may hold for the time being is replaced for the UTF-8 check only. */
    CLEANUP(freep) char *checked = memory_string(value);
    for (char *c = checked; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    const char *fault = has_control_character(value) ? "has a control character in it"
                        : !quote_is_plain(checked)   ? "is not UTF-8"
                                                     : NULL;
    if (fault)
        complain(lexer->complaints, false, places->value_line, places->value_column, "the value of %s %s", key, fault);
    if (fault || lexer->entries++ >= CONFIG_ENTRIES) {
        if (!fault && lexer->entries == CONFIG_ENTRIES + 1)
            complain(lexer->complaints, false, places->line, places->column, "more than %d keys", CONFIG_ENTRIES);
        free(key);
        free(value);
        return;
    }
    struct lexer_entry *entry = APPEND(section->entries, section->count);
    *entry = *places;
    entry->key = key;
    entry->value = value;
}

/* Shell-style files */

/* The characters of a word that is no assignment, for a message; what belongs to it is passed over. */
static void refuse_word(struct lexer *lexer, const struct lexer *start)
{
    while (peek(lexer) >= 0 && peek(lexer) != '\n' && peek(lexer) != ';' && !is_blank(peek(lexer)))
        take(lexer);
    char shown[QUOTE_SIZE];
    CLEANUP(freep) char *word = memory_string_of(start->at, (size_t)(lexer->at - start->at));
    const char *hint = peek(lexer) >= 0 && is_blank(peek(lexer)) && peek_second(lexer) == '='
                           ? "; no blanks may stand around the ="
                           : "; files are read, nothing in them is run";
    complain(lexer->complaints, false, start->line, start->column, "wants KEY=VALUE, not %s%s", quote_text(word, shown), hint);
    while (peek(lexer) >= 0 && peek(lexer) != '\n')
        take(lexer);
}

static bool may_name_device(const char *key)
{
    return strcmp(key, "OVS_EXTRA") == 0 || strcmp(key, "OVS_OPTIONS") == 0;
}

/* How long "$DEVICE" or "${DEVICE}" is at the place; 0 = something else stands there. */
static size_t device_length(const struct lexer *lexer)
{
    static const char *const forms[] = {"${DEVICE}", "$DEVICE"};
    size_t left = (size_t)(lexer->end - lexer->at);
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        size_t length = strlen(forms[i]);
        if (left < length || memcmp(lexer->at, forms[i], length) != 0)
            continue;
        int next = left > length ? lexer->at[length] : -1;
        return i == 1 && (is_letter(next) || is_digit(next)) ? 0 : length;
    }
    return 0;
}

/* A '$' outside single quotes. A shell leaves one alone that no name and no bracket follows; all else is refused: files are
 * read, never run. */
static void read_dollar(struct lexer *lexer, const char *key, struct text *value, bool quoted)
{
    struct lexer start = *lexer;
    size_t device = may_name_device(key) ? device_length(lexer) : 0;
    if (device) {
        text_add(value, DEVICE_MARK);
        while (device--)
            take(lexer);
        return;
    }
    take(lexer);
    int next = peek(lexer);
    if (next == '(' || next == '[') {
        complain(lexer->complaints, false, start.line, start.column,
                 "%s: commands and sums are not run; write their result instead of $%c", key, next);
    } else if (is_letter(next) || next == '{') {
        size_t length = next == '{';
        while (lexer->at + length < lexer->end && (is_letter(lexer->at[length]) || is_digit(lexer->at[length])))
            length++;
        if (next == '{' && lexer->at + length < lexer->end && lexer->at[length] == '}')
            length++;
        CLEANUP(freep) char *name = memory_format("$%.*s", (int)length, lexer->at);
        char shown[QUOTE_SIZE];
        complain(lexer->complaints, false, start.line, start.column,
                 "%s: %s is not put in; write the value itself, or '$…' in single quotes for the characters", key,
                 quote_text(name, shown));
    } else if (is_digit(next) || (next > 0 && strchr("*@#?$!-", next)) || (!quoted && (next == '\'' || next == '"'))) {
        complain(lexer->complaints, false, start.line, start.column,
                 "%s: $%c is not put in; write the value itself, or '$…' in single quotes for the characters", key, next);
    } else {
        text_add(value, "$");
    }
}

static void refuse_backtick(struct lexer *lexer, const char *key)
{
    complain(lexer->complaints, false, lexer->line, lexer->column, "%s: commands are not run; write the result instead of `…`",
             key);
    take(lexer);
    while (peek(lexer) >= 0 && peek(lexer) != '`' && peek(lexer) != '\n')
        take(lexer);
    if (peek(lexer) == '`')
        take(lexer);
}

static void add_taken(struct lexer *lexer, struct text *value)
{
    char c = (char)take(lexer);
    text_add_data(value, &c, 1);
}

static bool unterminated(struct lexer *lexer, const struct lexer *start, char quote)
{
    if (peek(lexer) >= 0)
        return false;
    complain(lexer->complaints, false, start->line, start->column, "the quote %c that opens here is never closed", quote);
    return true;
}

static void read_single_quoted(struct lexer *lexer, struct text *value)
{
    struct lexer start = *lexer;
    take(lexer);
    while (peek(lexer) >= 0 && peek(lexer) != '\'')
        add_taken(lexer, value);
    if (!unterminated(lexer, &start, '\''))
        take(lexer);
}

static void read_double_quoted(struct lexer *lexer, const char *key, struct text *value)
{
    struct lexer start = *lexer;
    take(lexer);
    for (int c; (c = peek(lexer)) >= 0 && c != '"';) {
        if (c == '$') {
            read_dollar(lexer, key, value, true);
        } else if (c == '`') {
            refuse_backtick(lexer, key);
        } else if (!skip_joint(lexer)) {
            /* Only before these is a backslash more than itself. */
            if (c == '\\' && peek_second(lexer) > 0 && strchr("$`\"\\", peek_second(lexer)))
                take(lexer);
            add_taken(lexer, value);
        }
    }
    if (!unterminated(lexer, &start, '"'))
        take(lexer);
}

static void read_backslash(struct lexer *lexer, struct text *value)
{
    if (skip_joint(lexer))
        return;
    take(lexer);
    if (peek(lexer) >= 0)
        add_taken(lexer, value);
    else
        text_add(value, "\\");
}

static void read_shell_value(struct lexer *lexer, const char *key, struct text *value)
{
    if (peek(lexer) == '~') /* a shell would put a home directory in */
        complain(lexer->complaints, false, lexer->line, lexer->column, "%s: ~ is not put in; write the path, or '~' in quotes",
                 key);
    for (int c; (c = peek(lexer)) >= 0 && c != '\n' && c != ';' && !is_blank(c);) {
        if (c == '\'') {
            read_single_quoted(lexer, value);
        } else if (c == '"') {
            read_double_quoted(lexer, key, value);
        } else if (c == '\\') {
            read_backslash(lexer, value);
        } else if (c == '$') {
            read_dollar(lexer, key, value, false);
        } else if (c == '`') {
            refuse_backtick(lexer, key);
        } else if (strchr("&|<>()", c)) {
            complain(lexer->complaints, false, lexer->line, lexer->column,
                     "%s: %c means something to a shell; put the value in quotes", key, c);
            skip_line(lexer);
        } else {
            add_taken(lexer, value);
        }
    }
}

static void read_assignment(struct lexer *lexer)
{
    struct lexer start = *lexer;
    while (is_letter(peek(lexer)) || is_digit(peek(lexer)))
        take(lexer);
    size_t length = (size_t)(lexer->at - start.at);
    if (peek(lexer) != '=' || !length || is_digit(*start.at)) {
        refuse_word(lexer, &start);
        return;
    }
    char *key = memory_string_of(start.at, length);
    take(lexer);
    struct lexer_entry places = {.line = start.line,
                                 .column = start.column,
                                 .value_line = lexer->line,
                                 .value_column = lexer->column,
                                 .start = (size_t)(start.at - lexer->text),
                                 .value_start = (size_t)(lexer->at - lexer->text)};
    struct text value = {0};
    size_t errors = lexer->complaints->errors;
    read_shell_value(lexer, key, &value);
    places.value_end = places.end = (size_t)(lexer->at - lexer->text);
    if (errors == lexer->complaints->errors) {
        add_entry(lexer, key, text_take(&value), &places);
        return;
    }
    text_clear(&value);
    free(key);
}

/* "export KEY=VALUE": true when the word was passed over. */
static bool skip_export(struct lexer *lexer)
{
    static const char word[] = "export";
    size_t length = sizeof(word) - 1;
    if ((size_t)(lexer->end - lexer->at) <= length || memcmp(lexer->at, word, length) != 0 || !is_blank(lexer->at[length]))
        return false;
    while (length--)
        take(lexer);
    return true;
}

static void put_device_in(struct lexer_section *section)
{
    const struct lexer_entry *device = lexer_find(section, "DEVICE");
    for (size_t i = 0; i < section->count; i++) {
        char *value = section->entries[i].value;
        if (!strchr(value, DEVICE_MARK[0]))
            continue;
        struct text text = {0};
        for (const char *c = value; *c; c++)
            if (*c == DEVICE_MARK[0])
                text_add(&text, device ? device->value : "");
            else
                text_add_data(&text, c, 1);
        section->entries[i].value = text_take(&text);
        free(value);
    }
}

/* Both formats: what can't be text at all. */
static bool check_bytes(const char *text, size_t size, struct complaints *complaints)
{
    if (size > CONFIG_FILE_SIZE)
        complain(complaints, false, 0, 0, "is longer than %d bytes: no configuration file is", CONFIG_FILE_SIZE);
    else if (memchr(text, '\0', size) || memchr(text, DEVICE_MARK[0], size))
        complain(complaints, false, 0, 0, "has NUL or other control bytes in it: it is no text file");
    else
        return true;
    return false;
}

static struct lexer lexer_on(const char *text, size_t size, struct lexer_file *file, struct complaints *complaints)
{
    static const char mark[] = "\xef\xbb\xbf"; /* editors of other systems put it before UTF-8 */
    size_t skip = size >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
    return (struct lexer){
        .text = text, .at = text + skip, .end = text + size, .line = 1, .column = 1, .file = file, .complaints = complaints};
}

void lexer_read_shell(const char *text, size_t size, struct lexer_file *ret_file, struct complaints *complaints)
{
    *ret_file = (struct lexer_file){0};
    struct lexer lexer = lexer_on(text, size, ret_file, complaints);
    start_section(&lexer, NULL, 1, 1);
    if (!check_bytes(text, size, complaints))
        return;
    while (peek(&lexer) >= 0 && !complaints_full(complaints)) {
        int c = peek(&lexer);
        if (c == '#')
            skip_line(&lexer);
        else if (is_blank(c) || c == '\n' || c == ';')
            take(&lexer);
        else if (!skip_joint(&lexer) && !skip_export(&lexer))
            read_assignment(&lexer);
    }
    put_device_in(last_section(&lexer));
}

/* INI files */

static void read_header(struct lexer *lexer)
{
    struct lexer start = *lexer;
    take(lexer);
    struct text name = {0};
    while (peek(lexer) >= 0 && peek(lexer) != '\n' && peek(lexer) != ']')
        add_taken(lexer, &name);
    bool closed = peek(lexer) == ']';
    if (closed)
        take(lexer);
    skip_blanks(lexer);
    if (!closed)
        complain(lexer->complaints, false, start.line, start.column, "the ] of the section's name is missing");
    else if (peek(lexer) >= 0 && !strchr("\n#;", peek(lexer)))
        complain(lexer->complaints, false, lexer->line, lexer->column, "nothing but a comment may follow the section's name");
    skip_line(lexer);
    start_section(lexer, text_take(&name), start.line, start.column);
    last_section(lexer)->start = (size_t)(start.at - lexer->text);
    last_section(lexer)->end = (size_t)(lexer->at - lexer->text);
}

/* A value that begins with a double quote: up to its end; \" and \\ are the characters. Gives where in the text it ends. */
static size_t read_quoted_ini(struct lexer *lexer, struct text *value)
{
    struct lexer start = *lexer;
    take(lexer);
    while (peek(lexer) >= 0 && peek(lexer) != '\n' && peek(lexer) != '"') {
        if (peek(lexer) == '\\' && (peek_second(lexer) == '"' || peek_second(lexer) == '\\'))
            take(lexer);
        add_taken(lexer, value);
    }
    if (peek(lexer) != '"') {
        complain(lexer->complaints, false, start.line, start.column, "the quote \" that opens here is not closed on its line");
        return (size_t)(lexer->at - lexer->text);
    }
    take(lexer);
    size_t end = (size_t)(lexer->at - lexer->text);
    bool blank = is_blank(peek(lexer));
    skip_blanks(lexer);
    if (peek(lexer) >= 0 && peek(lexer) != '\n' && !(blank && peek(lexer) == '#'))
        complain(lexer->complaints, false, lexer->line, lexer->column, "nothing but a comment may follow the closing quote");
    skip_line(lexer);
    return end;
}

/* Any other value: up to the end of the line or " #"; quotes within it stay, and a # between them is no comment. */
static size_t read_plain_ini(struct lexer *lexer, struct text *value)
{
    struct lexer quote = *lexer;
    bool quoted = false;
    size_t end = (size_t)(lexer->at - lexer->text);
    for (int c, before = lexer->at[-1]; (c = peek(lexer)) >= 0 && c != '\n'; before = c) {
        if (c == '#' && !quoted && is_blank(before))
            break;
        if (c == '"') {
            quoted = !quoted;
            quote = *lexer;
        }
        if (skip_joint(lexer)) { /* systemd joins such lines by a blank */
            text_add(value, " ");
            skip_blanks(lexer);
            c = ' ';
        } else {
            add_taken(lexer, value);
        }
        if (!is_blank(c)) /* blanks behind it are no part of it */
            end = (size_t)(lexer->at - lexer->text);
    }
    if (quoted)
        complain(lexer->complaints, false, quote.line, quote.column, "the quote \" that opens here is not closed on its line");
    skip_line(lexer);
    while (value->length && is_blank(value->data[value->length - 1]))
        value->data[--value->length] = '\0';
    return end;
}

static void read_pair(struct lexer *lexer)
{
    struct lexer start = *lexer;
    while (is_letter(peek(lexer)) || is_digit(peek(lexer)) || peek(lexer) == '-')
        take(lexer);
    size_t length = (size_t)(lexer->at - start.at);
    skip_blanks(lexer);
    if (!length || peek(lexer) != '=') {
        skip_line(lexer);
        char shown[QUOTE_SIZE];
        CLEANUP(freep) char *line = memory_string_of(start.at, (size_t)(lexer->at - start.at));
        complain(lexer->complaints, false, start.line, start.column, "wants Key=Value or [section], not %s",
                 quote_text(line, shown));
        return;
    }
    take(lexer);
    skip_blanks(lexer);
    struct lexer_entry places = {.line = start.line,
                                 .column = start.column,
                                 .value_line = lexer->line,
                                 .value_column = lexer->column,
                                 .start = (size_t)(start.at - lexer->text),
                                 .value_start = (size_t)(lexer->at - lexer->text)};
    struct text value = {0};
    places.value_end = (peek(lexer) == '"' ? read_quoted_ini : read_plain_ini)(lexer, &value);
    places.end = (size_t)(lexer->at - lexer->text);
    if (!last_section(lexer)) {
        complain(lexer->complaints, false, start.line, start.column, "stands before the first [section]");
        text_clear(&value);
        return;
    }
    add_entry(lexer, memory_string_of(start.at, length), text_take(&value), &places);
}

void lexer_read_ini(const char *text, size_t size, struct lexer_file *ret_file, struct complaints *complaints)
{
    *ret_file = (struct lexer_file){0};
    struct lexer lexer = lexer_on(text, size, ret_file, complaints);
    if (!check_bytes(text, size, complaints))
        return;
    while (peek(&lexer) >= 0 && !complaints_full(complaints)) {
        int c = peek(&lexer);
        if (is_blank(c) || c == '\n')
            take(&lexer);
        else if (c == '#' || c == ';')
            skip_line(&lexer);
        else if (c == '[')
            read_header(&lexer);
        else
            read_pair(&lexer);
    }
}

char *lexer_quote_ini(const char *value)
{
    size_t length = strlen(value);
    bool plain = length && !strchr(value, '"') && !strchr(" \t#", value[0]) && !strchr(" \t\\", value[length - 1])
                 && !strstr(value, " #") && !strstr(value, "\t#");
    if (plain)
        return memory_string(value);
    struct text text = {0};
    text_add(&text, "\"");
    for (const char *c = value; *c; c++)
        text_format(&text, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
    text_add(&text, "\"");
    return text_take(&text);
}

/* What both formats give */

const struct lexer_entry *lexer_find(const struct lexer_section *section, const char *key)
{
    for (size_t i = section->count; i-- > 0;)
        if (*section->entries[i].key == *key && strcmp(section->entries[i].key, key) == 0) /* a reader asks for dozens of keys */
            return *section->entries[i].value ? &section->entries[i] : NULL;
    return NULL;
}

bool lexer_counts(const struct lexer_section *section, const struct lexer_entry *entry)
{
    return lexer_find(section, entry->key) == entry;
}

void lexer_file_clear(struct lexer_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        struct lexer_section *section = &file->sections[i];
        for (size_t j = 0; j < section->count; j++) {
            free(section->entries[j].key);
            free(section->entries[j].value);
        }
        free(section->entries);
        free(section->name);
    }
    free(file->sections);
    *file = (struct lexer_file){0};
}
