/* The lexer of all files: shell-style and INI. links: config model base */
#include "config_dump.h"

#include "config/config_internal.h"

/* Every entry as `[section] KEY=<value>@line:column`, then the problems. The caller frees it. */
static char *dump(bool ini, const char *text, size_t size)
{
    struct problems problems = {0};
    struct complaints complaints = complaints_begin(&problems, "f");
    struct lexer_file file;
    struct text out = {0};
    (ini ? lexer_read_ini : lexer_read_shell)(text, size, &file, &complaints);
    for (size_t i = 0; i < file.count; i++) {
        const struct lexer_section *section = &file.sections[i];
        if (section->name)
            text_format(&out, "[%s]@%u\n", section->name, section->line);
        for (size_t j = 0; j < section->count; j++)
            text_format(&out, "%s=<%s>@%u:%u\n", section->entries[j].key, section->entries[j].value, section->entries[j].line,
                        section->entries[j].value_column);
    }
    dump_problems(&out, &problems);
    lexer_file_clear(&file);
    problems_clear(&problems);
    return text_take(&out);
}

struct lexer_case {
    const char *text, *result;
};

static void check_cases(bool ini, const struct lexer_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(freep) char *result = dump(ini, cases[i].text, strlen(cases[i].text));
        if (strcmp(result, cases[i].result) != 0)
            fail_msg("of: %s\nis:\n%swants:\n%s", cases[i].text, result, cases[i].result);
    }
}

static void test_shell_words(void **state)
{
    (void)state;
    static const struct lexer_case cases[] = {
        {"", ""},
        {"A=1", "A=<1>@1:3\n"}, /* no newline at the end */
        {"A=1\n\nB=2\n", "A=<1>@1:3\nB=<2>@3:3\n"},
        {"A=1\r\nB=\"x\r\ny\"\r\n", "A=<1>@1:3\nB=<x\ny>@2:3\n"},
        {"A=1\r", "A=<1>@1:3\n"},
        {"\xef\xbb\xbf""A=1\n", "A=<1>@1:3\n"},
        {"\t A=1\t B=2 ; C=3;D=4\n", "A=<1>@1:5\nB=<2>@1:10\nC=<3>@1:16\nD=<4>@1:20\n"},
        {"export A=1\nexport\tB=2\n", "A=<1>@1:10\nB=<2>@2:10\n"},
        {"exported=1\n", "exported=<1>@1:10\n"},
        {"# c\nA=1 # c\n #B=2\nC=x#y\n", "A=<1>@2:3\nC=<x#y>@4:3\n"},
        {"#A=$x `y` 'z\n", ""},
        {"A='a \"b\" $c `d` \\' B=2", "A=<a \"b\" $c `d` \\>@1:3\nB=<2>@1:22\n"},
        {"A=\"a 'b' \\\" \\\\ \\$x \\`y\\` \\n\"", "A=<a 'b' \" \\ $x `y` \\n>@1:3\n"},
        {"A=a'b c'\"d e\"f\\ g\\#h", "A=<ab cd ef g#h>@1:3\n"},
        {"A=a\\\nb\nB=\"c\\\nd\"\n\\\nC=1\n", "A=<ab>@1:3\nB=<cd>@3:3\nC=<1>@6:3\n"},
        {"A='a\\\nb'", "A=<a\\\nb>@1:3\n"},
        {"A=a\\\r\nb", "A=<ab>@1:3\n"},
        {"A=\\", "A=<\\>@1:3\n"},
        {"A=$ B=\"$\" C=a$\\ b", "A=<$>@1:3\nB=<$>@1:7\nC=<a$ b>@1:13\n"},
        {"A=\nB=''\n", "A=<>@1:3\nB=<>@2:3\n"},
        {"A=br\xc3\xbc""cke B=1", "A=<br\xc3\xbc""cke>@1:3\nB=<1>@1:12\n"}, /* columns count characters */
        {"# gr\xfc\xdf""e\nA=1", "A=<1>@2:3\n"},                            /* Latin-1 in a comment is nobody's business */
        {"A=1\nA=2\n", "A=<1>@1:3\nA=<2>@2:3\n"},
    };
    check_cases(false, cases, ARRAY_SIZE(cases));
}

static void test_shell_refusals(void **state)
{
    (void)state;
    static const struct lexer_case cases[] = {
        {"A=$B C=1", "C=<1>@1:8\n"
                     "f:1:3: A: \"$B\" is not put in; write the value itself, or '$…' in single quotes for the characters\n"},
        {"\nA=\"x ${B_1:-y}\"",
         ""
         "f:2:6: A: \"${B_1\" is not put in; write the value itself, or '$…' in single quotes for the characters\n"},
        {"A=$1", "f:1:3: A: $1 is not put in; write the value itself, or '$…' in single quotes for the characters\n"},
        {"A=$'x'", "f:1:3: A: $' is not put in; write the value itself, or '$…' in single quotes for the characters\n"},
        {"A=\"$(hostname -s)\"", ""
                                 "f:1:4: A: commands and sums are not run; write their result instead of $(\n"},
        {"A=x`date`y", "f:1:4: A: commands are not run; write the result instead of `…`\n"},
        {"A=\"`date\nB=1", "f:1:4: A: commands are not run; write the result instead of `…`\n"
                           "f:1:3: the quote \" that opens here is never closed\n"},
        {"A=1\nB='x\nC=1\n", "A=<1>@1:3\nf:2:3: the quote ' that opens here is never closed\n"},
        {"A=\"x\\", "f:1:3: the quote \" that opens here is never closed\n"},
        {"A=1 & B=2", "A=<1>@1:3\nf:1:5: wants KEY=VALUE, not \"&\"; files are read, nothing in them is run\n"},
        {"A=1&B", "f:1:4: A: & means something to a shell; put the value in quotes\n"},
        {"A=(x y)\nB=1", "B=<1>@2:3\nf:1:3: A: ( means something to a shell; put the value in quotes\n"},
        {"A=~/x", "f:1:3: A: ~ is not put in; write the path, or '~' in quotes\n"},
        {"A = 1", "f:1:1: wants KEY=VALUE, not \"A\"; no blanks may stand around the =\n"},
        {". /etc/x\nA=1", "A=<1>@2:3\nf:1:1: wants KEY=VALUE, not \".\"; files are read, nothing in them is run\n"},
        {"if [ 1 ]; then", "f:1:1: wants KEY=VALUE, not \"if\"; files are read, nothing in them is run\n"},
        {"1A=2", "f:1:1: wants KEY=VALUE, not \"1A=2\"; files are read, nothing in them is run\n"},
        {"=2", "f:1:1: wants KEY=VALUE, not \"=2\"; files are read, nothing in them is run\n"},
        {"A+=2", "f:1:1: wants KEY=VALUE, not \"A+=2\"; files are read, nothing in them is run\n"},
        {"A=\x1b[31m", "f:1:3: the value of A has a control character in it\n"},
        {"A=\xff", "f:1:3: the value of A is not UTF-8\n"},
        {"A=\x01", "f: has NUL or other control bytes in it: it is no text file\n"},
    };
    check_cases(false, cases, ARRAY_SIZE(cases));
}

static void test_device_in_ovs_keys(void **state)
{
    (void)state;
    static const struct lexer_case cases[] = {
        {"OVS_EXTRA=\"set port $DEVICE tag=1\"\nDEVICE=p0", "OVS_EXTRA=<set port p0 tag=1>@1:11\nDEVICE=<p0>@2:8\n"},
        {"DEVICE=p0 OVS_OPTIONS=${DEVICE}x$DEVICE", "DEVICE=<p0>@1:8\nOVS_OPTIONS=<p0xp0>@1:23\n"},
        {"OVS_EXTRA='$DEVICE'", "OVS_EXTRA=<$DEVICE>@1:11\n"},
        {"OVS_EXTRA=$DEVICES", "f:1:11: OVS_EXTRA: \"$DEVICES\" is not put in; write the value itself, "
                               "or '$…' in single quotes for the characters\n"},
        {"NAME=$DEVICE", "f:1:6: NAME: \"$DEVICE\" is not put in; write the value itself, or '$…' in single "
                         "quotes for the characters\n"},
    };
    check_cases(false, cases, ARRAY_SIZE(cases));
}

static void test_ini(void **state)
{
    (void)state;
    static const struct lexer_case cases[] = {
        {"", ""},
        {"[vm]\nMemory=1G", "[vm]@1\nMemory=<1G>@2:8\n"},
        {"[vm]\r\nMemory = 1G \r\n", "[vm]@1\nMemory=<1G>@2:10\n"},
        {"; c\n  # c\n [nic net0] # c\n\tMAC=x\t# c\nA=b#c\n", "[nic net0]@3\nMAC=<x>@4:6\nA=<b#c>@5:3\n"},
        {"[s]\nA=\"b # c\" # d\nB=\"q \\\" \\\\ \\x\"\n", "[s]@1\nA=<b # c>@2:3\nB=<q \" \\ \\x>@3:3\n"},
        {"[s]\nA=x y=\"1 # 2\" z # c\n", "[s]@1\nA=<x y=\"1 # 2\" z>@2:3\n"},
        {"[s]\nA= # c\nB=#d\nC=\n", "[s]@1\nA=<>@2:4\nB=<#d>@3:3\nC=<>@4:3\n"},
        {"[s]\nA=b \\\n   c\\\n d\nB=1\n", "[s]@1\nA=<b  c d>@2:3\nB=<1>@5:3\n"},
        {"[s]\nA=$B `c` 'd'\n", "[s]@1\nA=<$B `c` 'd'>@2:3\n"},
        {"[]\n", "[]@1\n"},
        {"A=1\n", "f:1:1: stands before the first [section]\n"},
        {"[s\nA=1\n", "[s]@1\nA=<1>@2:3\nf:1:1: the ] of the section's name is missing\n"},
        {"[s] x\n", "[s]@1\nf:1:5: nothing but a comment may follow the section's name\n"},
        {"[s]\nfoo\n", "[s]@1\nf:2:1: wants Key=Value or [section], not \"foo\"\n"},
        {"[s]\n=1\n", "[s]@1\nf:2:1: wants Key=Value or [section], not \"=1\"\n"},
        {"[s]\nA=\"b\nB=1\n", "[s]@1\nA=<b>@2:3\nB=<1>@3:3\nf:2:3: the quote \" that opens here is not closed on its line\n"},
        {"[s]\nA=b\"c\nB=1\n", "[s]@1\nA=<b\"c>@2:3\nB=<1>@3:3\nf:2:4: the quote \" that opens here is not closed on its line\n"},
        {"[s]\nA=\"b\"c\n", "[s]@1\nA=<b>@2:3\nf:2:6: nothing but a comment may follow the closing quote\n"},
        {"[s]\nA=\"b\"#c\n", "[s]@1\nA=<b>@2:3\nf:2:6: nothing but a comment may follow the closing quote\n"},
        {"[s]\nA=\x7f\n", "[s]@1\nf:2:3: the value of A has a control character in it\n"},
    };
    check_cases(true, cases, ARRAY_SIZE(cases));
}

static void test_what_is_no_text(void **state)
{
    (void)state;
    CLEANUP(freep) char *binary = dump(false, "A=1\0B=2", 7), *ini = dump(true, "\0", 1);
    assert_string_equal(binary, "f: has NUL or other control bytes in it: it is no text file\n");
    assert_string_equal(ini, binary);
    CLEANUP(freep) char *large = memory_new(CONFIG_FILE_SIZE + 1);
    memset(large, '\n', CONFIG_FILE_SIZE + 1);
    CLEANUP(freep) char *bound = dump(false, large, CONFIG_FILE_SIZE), *over = dump(false, large, CONFIG_FILE_SIZE + 1);
    assert_string_equal(bound, "");
    assert_string_equal(over, "f: is longer than 1048576 bytes: no configuration file is\n");
}

/* A hostile file must not drown its reader. */
static void test_problems_are_bounded(void **state)
{
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 1000; i++)
        text_add(&text, "x\n");
    struct problems problems = {0};
    struct complaints complaints = complaints_begin(&problems, "f");
    struct lexer_file file;
    lexer_read_shell(text.data, text.length, &file, &complaints);
    assert_int_equal(problems.count, CONFIG_PROBLEMS);
    assert_non_null(strstr(problems.items[CONFIG_PROBLEMS - 1].text, "more than that is not shown"));
    lexer_file_clear(&file);
    problems_clear(&problems);
    text_clear(&text);
}

/* An error behind as many warnings as are shown still makes the file a wrong one. */
static void test_errors_behind_warnings_count(void **state)
{
    (void)state;
    struct problems problems = {0};
    struct complaints complaints = complaints_begin(&problems, "f");
    for (int i = 0; i < CONFIG_PROBLEMS; i++)
        complain(&complaints, true, 1, 1, "w");
    assert_int_equal(problems.errors, 0);
    complain(&complaints, false, 2, 1, "e");
    assert_int_equal(problems.errors, 1);
    assert_int_equal(complaints.errors, 1);
    problems_clear(&problems);
}

static void test_ini_values_are_quoted_when_needed(void **state)
{
    (void)state;
    static const char *const values[][2] = {
        {"br0", "br0"},       {"a b", "a b"},       {"a#b", "a#b"},         {"", "\"\""},
        {"a #b", "\"a #b\""}, {" a", "\" a\""},     {"a ", "\"a \""},       {"#a", "\"#a\""},
        {"a\"b", "\"a\\\"b\""}, {"a\\", "\"a\\\\\""}, {"a\\b", "a\\b"},     {"console=ttyS0 x=1", "console=ttyS0 x=1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        CLEANUP(freep) char *quoted = lexer_quote_ini(values[i][0]);
        assert_string_equal(quoted, values[i][1]);
        CLEANUP(freep)
        char *file = memory_format("[s]\nA=%s # c\n", quoted),
             *expected = memory_format("[s]@1\nA=<%s>@2:3\n", values[i][0]);
        CLEANUP(freep) char *again = dump(true, file, strlen(file));
        assert_string_equal(again, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shell_words),
        cmocka_unit_test(test_shell_refusals),
        cmocka_unit_test(test_device_in_ovs_keys),
        cmocka_unit_test(test_ini),
        cmocka_unit_test(test_what_is_no_text),
        cmocka_unit_test(test_problems_are_bounded),
        cmocka_unit_test(test_errors_behind_warnings_count),
        cmocka_unit_test(test_ini_values_are_quoted_when_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
