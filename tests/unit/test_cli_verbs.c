/* links: cli config model base */
#include "test_cli_fixture.h"

#include <sys/wait.h>

#include "base/file.h"
#include "cli/cli_internal.h"

/* The table. */

static void check_arguments(const struct verb *verb)
{
    bool optional = false;

    for (size_t i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++) {
        const struct verb_argument *argument = &verb->arguments[i];

        assert_true(argument->help && *argument->help);
        assert_false(optional && !argument->optional); /* nothing that must stand behind what may */
        assert_false(argument->repeated && i + 1 < VERB_ARGUMENTS && verb->arguments[i + 1].name);
        assert_int_not_equal(argument->kind, VALUE_FLAG);
        assert_false(argument->kind == VALUE_CHOICE && !argument->choices);
        optional = argument->optional;
    }
}

static void check_options(const struct verb *verb)
{
    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++) {
        const struct verb_option *option = &verb->options[i];

        assert_true(option->help && *option->help);
        assert_int_equal(strspn(option->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(option->name));
        assert_false(option->kind == VALUE_NUMBER && option->minimum >= option->maximum);
        assert_false(option->kind == VALUE_CHOICE && !option->choices);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(option->name, verb->options[k].name);
        for (size_t k = 0; k < VERB_ARGUMENTS && verb->arguments[k].name; k++)
            assert_string_not_equal(option->name, verb->arguments[k].name);
    }
}

static void test_the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < verb_count; i++) {
        const struct verb *verb = &verb_table[i];

        assert_true(verb->help && *verb->help && verb->group && verb->run);
        assert_ptr_equal(verb_find(verb->name), verb); /* no name twice */
        check_arguments(verb);
        check_options(verb);
    }
}

static void test_the_verbs_that_are_promised(void **state)
{
    static const char *const promised[] = {
        "check",    "plan",      "apply",      "status",           "iface-list",
        "topology", "events",    "define",     "undefine",         "start",
        "destroy",  "shutdown",  "suspend",    "resume",           "reset",
        "list",     "dominfo",   "domstate",   "console",          "help",
        "version",  "domiflist", "completion", "attach-interface", "detach-interface",
        "create",   "autostart", "domif-setlink", "domif-getlink",   "domiftune",
        "domifstat", "domifaddr", "update-interface",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(promised); i++)
        if (!verb_find(promised[i]))
            fail_msg("there is no verb %s", promised[i]);
}

/* Help, completion, manual: what is made out of the table. */

static void test_every_verb_explains_itself(void **state)
{
    (void)state;
    assert_int_equal(run("help"), 0);
    for (size_t i = 0; i < verb_count; i++)
        expect_in(ran.output, verb_table[i].help);
    for (size_t i = 0; i < verb_count; i++) {
        CLEANUP(freep) char *help = memory_format("help %s", verb_table[i].name);
        CLEANUP(freep) char *option = memory_format("%s --help", verb_table[i].name);
        CLEANUP(freep) char *first = NULL;

        assert_int_equal(run(help), 0);
        expect_in(ran.output, verb_table[i].help);
        for (size_t k = 0; k < VERB_OPTIONS && verb_table[i].options[k].name; k++)
            expect_in(ran.output, verb_table[i].options[k].name);
        first = memory_string(ran.output);
        assert_int_equal(run(option), 0);
        assert_string_equal(ran.output, first);
    }
    assert_int_equal(run("help --json"), 0);
    expect_in(ran.output, "\"usage\": \"start VM [--console]\"");
    assert_int_equal(run("help strat"), 64);
    expect_in(ran.errors, "start");
}

static void add_escaped(struct text *text, const char *words)
{
    for (; *words; words++) {
        if (strchr("_*\\[]", *words))
            text_add(text, "\\");
        text_add_data(text, words, 1);
    }
}

static void add_row(struct text *text, const char *help)
{
    text_add(text, "\n\t\t");
    add_escaped(text, help);
    text_add(text, "\n\n");
}

static void add_verb(struct text *text, const struct verb *verb)
{
    CLEANUP(freep) char *usage = verb_usage(verb);

    text_format(text, "*%s*%s", verb->name, usage[strlen(verb->name)] ? " " : "");
    add_escaped(text, usage + strlen(verb->name) + (usage[strlen(verb->name)] == ' '));
    text_format(text, "\n\t%c", verb->help[0] - 'a' + 'A');
    add_escaped(text, verb->help + 1);
    text_add(text, ".\n");
    if (verb->details) {
        text_add(text, "\t");
        add_escaped(text, verb->details);
        text_add(text, "\n");
    }
    text_add(text, "\n");
    for (size_t i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++) {
        const struct verb_argument *argument = &verb->arguments[i];
        CLEANUP(freep) char *word = verb_placeholder(argument->name, argument->kind, argument->choices);

        text_add(text, "\t");
        add_escaped(text, word);
        text_format(text, " (or *--%s*)", argument->name);
        add_row(text, argument->help);
    }
    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++) {
        const struct verb_option *option = &verb->options[i];
        CLEANUP(freep) char *word = verb_placeholder(option->name, option->kind, option->choices);

        text_format(text, "\t*--%s*%s", option->name, option->kind == VALUE_FLAG ? "" : " ");
        add_escaped(text, option->kind == VALUE_FLAG ? "" : word);
        add_row(text, option->help);
    }
}

/* The manual page's VERBS are this text. When the table changes: TRESTLE_PRINT_VERBS=1 in the environment prints the new ones. */
static void test_the_manual_page_agrees(void **state)
{
    struct text verbs = {0};
    struct error err = {0};
    CLEANUP(freep) char *page = NULL;
    const char *group = "";

    (void)state;
    for (size_t i = 0; i < verb_count; i++) {
        if (strcmp(group, verb_table[i].group))
            text_format(&verbs, "## %s\n\n", verb_table[i].group);
        group = verb_table[i].group;
        add_verb(&verbs, &verb_table[i]);
    }
    if (getenv("TRESTLE_PRINT_VERBS"))
        fputs(verbs.data, stdout);
    if (file_read(AT_FDCWD, TRESTLE_SOURCE_DIR "/docs/trestle.1.scd", 1 << 20, &page, NULL, &err) < 0)
        fail_msg("%s", err.text);
    if (!strstr(page, verbs.data))
        fail_msg("the VERBS of docs/trestle.1.scd are not what the table says; TRESTLE_PRINT_VERBS=1 prints that");
    text_clear(&verbs);
}

/* What a shell makes of a script and what is typed; the output's words in one line. */
static char *ask_shell(const char *shell, const char *script)
{
    CLEANUP(freep) char *whole = memory_format("%s\n%s\n", ran.output, script);
    char path[] = "/tmp/trestle-test-XXXXXX", *command;
    int fd = mkstemp(path);
    static char line[500];
    FILE *pipe;
    size_t length;

    assert_int_equal(write(fd, whole, strlen(whole)), strlen(whole));
    close(fd);
    command = memory_format("%s %s", shell, path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    length = fread(line, 1, sizeof(line) - 1, pipe);
    line[length] = '\0';
    for (char *at = line; *at; at++)
        if (*at == '\n')
            *at = at[1] ? ' ' : '\0';
    assert_int_equal(pclose(pipe), 0);
    unlink(path);
    free(command);
    return line;
}

/* bash itself completes, with a `trestle` that knows two VMs. */
static char *complete(const char *words)
{
    CLEANUP(freep)
    char *script =
        memory_format("trestle() { [[ $* == 'completion vms' ]] && echo 'c1 c2'; [[ $* == 'completion verbs' ]] && echo 'start "
                      "status'; [[ $* == 'completion bridges' ]] && echo 'br0'; true; }; compopt() { :; }; "
                      "COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _trestle; echo \"${COMPREPLY[*]}\"",
                      words);

    return ask_shell("bash", script);
}

static void test_completion_in_bash(void **state)
{
    (void)state;
    if (system("bash -c true") != 0)
        skip();
    assert_int_equal(run("completion bash"), 0);
    assert_string_equal(complete("trestle sta"), "start status");
    assert_string_equal(complete("trestle start ''"), "c1 c2");
    assert_string_equal(complete("trestle --json start c2 --c"), "--console");
    assert_string_equal(complete("trestle start --domain ''"), "c1 c2");
    assert_string_equal(complete("trestle attach-interface c2 bridge b"), "br0");
    assert_string_equal(complete("trestle attach-interface c2 --model e1000 bridge ''"), "br0");
    assert_string_equal(complete("trestle attach-interface c2 bridge br0 --vhost o"), "on off");
    assert_string_equal(complete("trestle attach-interface c2 bridge br0 --per"), "--persistent");
    assert_string_equal(complete("trestle attach-interface c2 bridge br0 --scr"), ""); /* not there yet */
    assert_string_equal(complete("trestle update-interface c2 --vlan ''"), "none");
    assert_string_equal(complete("trestle start c2 ''"), "");
    assert_string_equal(complete("trestle --v"), "--version");
}

/* zsh's compadd prints what it is given; the shell itself would choose those that begin as the word does. */
static char *complete_zsh(const char *words)
{
    CLEANUP(freep)
    char *script = memory_format("trestle() { case \"$*\" in 'completion vms') print c1 c2 | tr ' ' '\\n';; 'completion "
        "bridges') "
                                 "print br0;; esac; }; _files() { print files; }; compadd() { shift; for w in $@; do [[ "
                                     "-n $w && $w == "
                                 "${words[CURRENT]}* ]] && print -- $w; done; true; }; words=(%s); CURRENT=$#words; _trestle",
                                 words);

    return ask_shell("zsh -f", script);
}

static void test_completion_in_zsh(void **state)
{
    (void)state;
    if (system("zsh -c true 2>/dev/null") != 0)
        skip();
    assert_int_equal(run("completion zsh"), 0);
    assert_string_equal(complete_zsh("trestle start ''"), "c1 c2");
    assert_string_equal(complete_zsh("trestle --json start c2 --c"), "--console");
    assert_string_equal(complete_zsh("trestle attach-interface c2 --model e1000 bridge ''"), "br0");
    assert_string_equal(complete_zsh("trestle attach-interface c2 bridge br0 --vhost o"), "on off");
    assert_string_equal(complete_zsh("trestle define ''"), "files");
    assert_string_equal(complete_zsh("trestle start c2 ''"), "");
    assert_string_equal(complete_zsh("trestle --v"), "--version");
}

static char *complete_fish(const char *words)
{
    CLEANUP(freep)
    char *script = memory_format("function trestle; switch \"$argv\"; case 'completion vms'; printf '%%s\\n' c1 c2; case "
        "'completion "
                                 "bridges'; echo br0; end; end\ncomplete -C '%s' | string replace -r '\\t.*' ''; true",
                                 words);

    return ask_shell("fish --no-config", script);
}

static void test_completion_in_fish(void **state)
{
    (void)state;
    if (system("fish --no-config -c true 2>/dev/null") != 0)
        skip();
    assert_int_equal(run("completion fish"), 0);
    assert_string_equal(complete_fish("trestle stat"), "status");
    assert_string_equal(complete_fish("trestle start "), "c1 c2");
    assert_string_equal(complete_fish("trestle --json start c2 --c"), "--console");
    assert_string_equal(complete_fish("trestle attach-interface c2 --model e1000 bridge "), "br0");
    assert_string_equal(complete_fish("trestle attach-interface c2 bridge br0 --vhost o"), "off on");
    assert_string_equal(complete_fish("trestle start c2 "), "");
}

/* Words that don't fit. */

static void expect_usage(const char *words, const char *text)
{
    CLEANUP(freep) char *with_json = memory_format("%s --json", words);
    CLEANUP(document_freep) json_t *json = NULL;
    struct error err = {0};

    if (run(words) != 64)
        fail_msg("%s: is no usage error", words);
    expect_in(ran.errors, text);
    assert_true(strstr(ran.errors, "\nusage: trestle ") || strstr(ran.errors, "\nsee 'trestle help "));
    assert_string_equal(ran.output, "");
    assert_int_equal(run(with_json), 64);
    assert_string_equal(ran.errors, "");
    if (document_parse(ran.output, strlen(ran.output), &json, &err) < 0)
        fail_msg("%s: %s", words, ran.output);
    assert_true(json_is_string(json_object_get(json, "detail")) && json_is_string(json_object_get(json, "title")));
}

static void test_usage_errors(void **state)
{
    (void)state;
    expect_usage("", "no verb");
    expect_usage("strat c2", "did you mean start?");
    expect_usage("xyzzy", "there is no verb");
    expect_usage("-S", "-S wants");
    expect_usage("start", "VM is missing");
    expect_usage("start c2 c3", "one word too many");
    expect_usage("start c2 --domain c3", "given twice");
    expect_usage("start c2 --consol", "did you mean --console?");
    expect_usage("start c2 --console=yes", "takes no value");
    expect_usage("start c2 --console --console", "given twice");
    expect_usage("start -x", "there is no option");
    expect_usage("attach-interface c2 bridge", "SOURCE is missing");
    expect_usage("attach-interface c2 bridge br0 --mac", "wants a value");
    expect_usage("attach-interface c2 bridge br0 --queues many", "from 1 to 256");
    expect_usage("attach-interface c2 bridge br0 --queues 0", "from 1 to 256");
    expect_usage("attach-interface c2 bridge br0 --mtu=67", "from 68 to 65535");
    expect_usage("attach-interface c2 bridge br0 --link sideways", "wants down or up");
    expect_usage("detach-interface c2 bridge --timeout -1", "from 0 to 3600");
    expect_usage("attach-interface c2 bridge br0 --queues 0", "auto or a number from 1 to 256");
    expect_usage("attach-interface c2 bridge br0 --vlan 4095", "from 1 to 4094");
    expect_usage("attach-interface c2 bridge br0 --trunk 1-", "VLANs from 1 to 4094");
    expect_usage("attach-interface c2 bridge br0 --inbound lots", "inbound format is incorrect");
    expect_usage("attach-interface c2 bridge br0 --mac 53:54:00:00:00:11", "an even first byte");
    expect_usage("attach-interface c2 bridge br0 --model ne2000", "wants virtio, e1000");
    expect_usage("attach-interface c2 bridge br0 --alias a/b", "--alias contains");
    expect_usage("attach-interface c2 bridge br0 --current --live", "Options --current and --live are mutually exclusive");
    expect_usage("attach-interface c2 bridge br0 --current --persistent", "--current and --persistent are mutually");
    expect_usage("attach-interface c2 ethernet", "SOURCE is missing: the TAP");
    expect_usage("attach-interface c2 ethernet tap0 --target tap1", "is not the TAP tap0");
    expect_usage("attach-interface c2 bridge br/0", "SOURCE wants an interface's name");
    expect_usage("detach-interface c2 bridge --current --config", "Options --current and --config are mutually exclusive");
    expect_usage("update-interface c2 --link up", "--mac is missing");
    expect_usage("update-interface c2 --mac br0 --link up", "--mac wants a MAC");
    expect_usage("update-interface c2 --mac 52:54:00:00:00:11", "nothing to change");
    expect_usage("update-interface c2 --mac 52:54:00:00:00:11 --vlan nothing", "from 1 to 4094");
    expect_usage("domif-setlink c2 c2-net0 sideways", "up|down");
    expect_usage("domifaddr c2 --source dns", "lease|agent|arp");
    expect_usage("domiftune c2 c2-net0 --current --live", "mutually exclusive");
    expect_usage("apply --repair --no-repair", "mutually exclusive");
    expect_usage("completion tcsh", "bash|zsh|fish|verbs");
    expect_usage("events --since yesterday", "wants a number");
}

/* The reason is not to be lost beside how the verb is used. */
static void test_long_usage(void **state)
{
    (void)state;
    assert_int_equal(run("attach-interface c2 bridge br0 --bogus"), 64);
    assert_string_equal(ran.errors, "trestle: attach-interface: there is no option \"bogus\"\nsee 'trestle help attach-interface'\n");
    assert_int_equal(run("start"), 64);
    expect_in(ran.errors, "\nusage: trestle start VM [--console]\n");
}

static void test_no_scripts(void **state)
{
    (void)state;
    assert_int_equal(run("attach-interface c2 bridge br0 --script /x"), 1);
    assert_string_equal(ran.errors, "trestle: attach-interface: --script: trestle runs no scripts; nothing was done\n");
}

static void test_what_is_not_there_yet(void **state)
{
    static const char *const options[] = {"--managed", "--source-mode vepa", "--inbound 1,2,3,4",
        "--inbound ,,,4"};
    static const char *const types[] = {"network", "direct", "hostdev", "vhostuser"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        CLEANUP(freep) char *words = memory_format("attach-interface c2 bridge br0 %s", options[i]);

        assert_int_equal(run(words), 1);
        expect_in(ran.errors, "not there yet");
        assert_ptr_equal(strchr(ran.errors, '\n'), ran.errors + strlen(ran.errors) - 1); /* one line */
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        CLEANUP(freep) char *words = memory_format("attach-interface c2 %s x", types[i]);

        assert_int_equal(run(words), 1);
        expect_in(ran.errors, "not there yet");
        assert_ptr_equal(strchr(ran.errors, '\n'), ran.errors + strlen(ran.errors) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_sound),         cmocka_unit_test(test_the_verbs_that_are_promised),
        cmocka_unit_test(test_every_verb_explains_itself), cmocka_unit_test(test_the_manual_page_agrees),
        cmocka_unit_test(test_completion_in_zsh),
        cmocka_unit_test(test_completion_in_fish),
        cmocka_unit_test(test_completion_in_bash),         cmocka_unit_test(test_usage_errors),
        cmocka_unit_test(test_long_usage),
        cmocka_unit_test(test_no_scripts),
        cmocka_unit_test(test_what_is_not_there_yet),
    };
    int result;

    setenv("TRESTLE_SOCKET", "/nonexistent/trestle.sock", 1);
    result = cmocka_run_group_tests(tests, NULL, NULL);
    forget_run();
    return result;
}
