/* The verb table. Grammar and names are virsh's wherever virsh has the verb. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"

#define HOST "Host network"
#define MACHINES "Virtual machines"
#define CARDS "NICs"
#define SELF "trestle itself"

#define WORD(name_, help_, ...) {.name = name_, .help = help_, ##__VA_ARGS__}
#define FLAG(name_, help_, ...) {.name = name_, .help = help_, ##__VA_ARGS__}
#define TEXT(name_, help_, ...) {.name = name_, .kind = VALUE_TEXT, .help = help_, ##__VA_ARGS__}
#define NUMBER(name_, minimum_, maximum_, help_, ...)                                                                          \
    {.name = name_, .kind = VALUE_NUMBER, .minimum = minimum_, .maximum = maximum_, .help = help_, ##__VA_ARGS__}
#define CHOICE(name_, choices_, help_) {.name = name_, .kind = VALUE_CHOICE, .choices = choices_, .help = help_}
#define LATER .later = true
#define DOMAIN WORD("domain", "name of the VM", .kind = VALUE_VM)

static const char completions[] = "bash|verbs|vms|bridges|interfaces|objects";

const struct verb verb_table[] = {
    {.name = "check", .group = HOST, .run = check_run,
     .help = "check configuration files, offline and without root",
     .details = "Reads ifcfg-*, *.vm and trestle.conf files, or whole directories, and prints each problem as "
                "FILE:LINE:COLUMN: TEXT.",
     .arguments = {WORD("path", "file or directory; /etc/trestle if none is named", .kind = VALUE_FILE, .optional = true,
                        .repeated = true)}},
    {.name = "plan", .group = HOST, .run = host_plan,
     .help = "show what apply would do",
     .details = "Exit status 0: nothing to do; 2: there are changes to make; 1: some of it can't be done."},
    {.name = "apply", .group = HOST, .run = host_apply,
     .help = "make the host's network match its files",
     .details = "All or nothing: a step that fails takes back the steps before it. What was done is printed.",
     .options = {FLAG("repair", "put back from now on what somebody else changes"),
                 FLAG("no-repair", "leave alone from now on what somebody else changes"),
                 NUMBER("confirm", 1, 86400, "take it back after so many seconds without a word", LATER)}},
    {.name = "status", .group = HOST, .run = host_status,
     .help = "show how things are, and why",
     .arguments = {WORD("name", "an interface or a VM", .kind = VALUE_OBJECT, .optional = true)}},
    {.name = "iface-list", .group = HOST, .run = host_list,
     .help = "list the host's interfaces",
     .options = {FLAG("all", "those that are down or missing, too"), FLAG("inactive", "only those that are down or missing")}},
    {.name = "topology", .group = HOST, .run = topology_run,
     .help = "show which interface is whose port, and which port is whose NIC"},
    {.name = "events", .group = HOST, .run = events_run,
     .help = "show events as they happen, until Ctrl-C",
     .details = "With --json each event is one line with a JSON object.",
     .options = {NUMBER("since", 0, INT64_MAX, "also what came after the event of this number")}},
    {.name = "define", .group = MACHINES, .run = machine_define,
     .help = "define a VM, or change its definition",
     .details = "The VM's name is the file's name without .vm. A VM that runs is not touched.",
     .arguments = {WORD("file", "VM file, NAME.vm", .kind = VALUE_FILE)}},
    {.name = "undefine", .group = MACHINES, .run = machine_undefine,
     .help = "remove a VM's definition",
     .details = "A VM that runs goes on until it ends.",
     .arguments = {DOMAIN}},
    {.name = "start", .group = MACHINES, .run = machine_power,
     .help = "start a VM that is off",
     .arguments = {DOMAIN},
     .options = {FLAG("console", "connect to the serial console afterwards")}},
    {.name = "destroy", .group = MACHINES, .run = machine_power,
     .help = "end a VM at once, as if its power were cut",
     .arguments = {DOMAIN}},
    {.name = "shutdown", .group = MACHINES, .run = machine_power,
     .help = "press a VM's power button",
     .details = "The guest decides; this does not wait for it.",
     .arguments = {DOMAIN}},
    {.name = "suspend", .group = MACHINES, .run = machine_power,
     .help = "stop a VM's processors",
     .arguments = {DOMAIN}},
    {.name = "resume", .group = MACHINES, .run = machine_power,
     .help = "let a suspended VM go on",
     .arguments = {DOMAIN}},
    {.name = "reset", .group = MACHINES, .run = machine_power,
     .help = "press a VM's reset button",
     .arguments = {DOMAIN}},
    {.name = "list", .group = MACHINES, .run = machine_list,
     .help = "list the VMs that run or are paused",
     .options = {FLAG("all", "those that are off, too")}},
    {.name = "dominfo", .group = MACHINES, .run = machine_info,
     .help = "show a VM's main figures",
     .arguments = {DOMAIN}},
    {.name = "domstate", .group = MACHINES, .run = machine_state,
     .help = "show a VM's state",
     .arguments = {DOMAIN},
     .options = {FLAG("reason", "and why")}},
    {.name = "console", .group = MACHINES, .run = console_run,
     .help = "connect to a VM's serial console",
     .details = "Ctrl-] leaves it.",
     .arguments = {DOMAIN}},
    {.name = "qemu-monitor-command", .group = MACHINES, .run = machine_monitor,
     .help = "run a QMP command in a VM's QEMU",
     .details = "For example: trestle qemu-monitor-command c2 '{\"execute\": \"query-status\"}'",
     .arguments = {DOMAIN, WORD("command", "JSON: {\"execute\": …}, or the command's name alone", .kind = VALUE_TEXT)}},
    {.name = "domiflist", .group = CARDS, .run = card_list,
     .help = "list a VM's NICs",
     .arguments = {DOMAIN}},
    {.name = "attach-interface", .group = CARDS, .run = card_attach,
     .help = "plug a NIC into a running VM",
     .details = "What was plugged is read back and printed.",
     .arguments = {DOMAIN, WORD("type", "bridge (Linux or Open vSwitch)", .kind = VALUE_TEXT, .choices = "bridge"),
                   WORD("source", "the bridge", .kind = VALUE_BRIDGE)},
     .options = {TEXT("model", "virtio (the default), e1000, e1000e, rtl8139, …"),
                 TEXT("mac", "MAC address; else one is made up"),
                 TEXT("target", "name of the TAP; else VM-NIC (vnet*, macvtap* and macvlan* count as none)"),
                 TEXT("alias", "name of the NIC; else the first free one of net0, net1, …"),
                 CHOICE("vhost", "auto|on|off", "let the kernel carry the frames"),
                 NUMBER("queues", 1, 256, "queue pairs"),
                 NUMBER("mtu", 68, 65535, "MTU; else the bridge's"),
                 CHOICE("link", "up|down", "state of the link that the guest sees"),
                 FLAG("isolated", "may not speak to other isolated ports of the bridge"),
                 FLAG("live", "plug into the running VM: what happens anyway"),
                 FLAG("config", "change the VM's file too", LATER),
                 FLAG("persistent", "change the VM's file too, and the VM if it runs", LATER),
                 FLAG("current", "the running VM, or else its file", LATER),
                 FLAG("print-xml", "print libvirt's XML instead", LATER),
                 TEXT("inbound", "average,peak,burst towards the guest", LATER),
                 TEXT("outbound", "average,peak,burst from the guest", LATER),
                 NUMBER("vlan", 1, 4094, "VLAN of untagged frames", LATER),
                 TEXT("trunk", "tagged VLANs: 10,20-29", LATER),
                 TEXT("script", "trestle runs no scripts", LATER),
                 FLAG("managed", "for host devices", LATER),
                 TEXT("source-mode", "for macvtap", LATER)}},
    {.name = "detach-interface", .group = CARDS, .run = card_detach,
     .help = "unplug a NIC from a running VM",
     .details = "Done means that the guest has let go of it. Past the time limit the command fails; the removal completes by "
                "itself when the guest answers later.",
     .arguments = {DOMAIN, WORD("type", "bridge", .kind = VALUE_TEXT, .choices = "bridge")},
     .options = {TEXT("mac", "which one, when there are several"),
                 NUMBER("timeout", 0, 3600, "seconds to wait for the guest; 20 if not given"),
                 FLAG("live", "unplug from the running VM: what happens anyway"),
                 FLAG("config", "change the VM's file too", LATER),
                 FLAG("persistent", "change the VM's file too, and the VM if it runs", LATER),
                 FLAG("current", "the running VM, or else its file", LATER),
                 FLAG("force", "without the guest", LATER)}},
    {.name = "help", .group = SELF, .run = help_run,
     .help = "explain the verbs, or one of them",
     .arguments = {WORD("verb", "the verb to explain", .kind = VALUE_VERB, .optional = true)}},
    {.name = "completion", .group = SELF, .run = completion_run,
     .help = "print the completion script for bash",
     .details = "In ~/.bashrc: source <(trestle completion bash)",
     .arguments = {CHOICE("what", completions, "the script for bash, or the names that it asks for")}},
    {.name = "version", .group = SELF, .run = help_version,
     .help = "show the version"},
};
const size_t verb_count = ARRAY_SIZE(verb_table);

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < verb_count; i++)
        if (!strcmp(verb_table[i].name, name))
            return &verb_table[i];
    return NULL;
}

const char *verb_nearest(const char *name)
{
    const char *names[ARRAY_SIZE(verb_table)];

    for (size_t i = 0; i < verb_count; i++)
        names[i] = verb_table[i].name;
    return text_nearest(name, names, verb_count);
}

char *verb_placeholder(const char *name, enum value_kind kind, const char *choices)
{
    char *text;

    if (kind == VALUE_CHOICE)
        return memory_string(choices);
    if (kind == VALUE_VM)
        return memory_string("VM");
    if (kind == VALUE_NUMBER && !strcmp(name, "timeout"))
        return memory_string("SECONDS");
    if (kind == VALUE_NUMBER)
        return memory_string("N");
    text = memory_string(name);
    for (char *at = text; *at; at++)
        if (*at >= 'a' && *at <= 'z')
            *at -= 'a' - 'A';
    return text;
}

static void add_argument(struct text *text, const struct verb_argument *argument)
{
    CLEANUP(freep) char *word = verb_placeholder(argument->name, argument->kind, argument->choices);

    text_format(text, argument->optional ? " [%s%s]" : " %s%s", word, argument->repeated ? "…" : "");
}

static void add_option(struct text *text, const struct verb_option *option)
{
    CLEANUP(freep) char *word = verb_placeholder(option->name, option->kind, option->choices);

    if (option->later)
        return;
    if (option->kind == VALUE_FLAG)
        text_format(text, " [--%s]", option->name);
    else
        text_format(text, " [--%s %s]", option->name, word);
}

char *verb_usage(const struct verb *verb)
{
    struct text text = {0};

    text_add(&text, verb->name);
    for (size_t i = 0; i < VERB_ARGUMENTS && verb->arguments[i].name; i++)
        add_argument(&text, &verb->arguments[i]);
    for (size_t i = 0; i < VERB_OPTIONS && verb->options[i].name; i++)
        add_option(&text, &verb->options[i]);
    return text_take(&text);
}
