/* The verb table. Grammar and names are virsh's wherever virsh has the verb. */
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
#define LACKING .lacking = true
#define DOMAIN WORD("domain", "name of the VM", .kind = VALUE_VM)

#define SETTING(name_, key_, help_, ...) {.name = name_, .kind = VALUE_SETTING, .key = key_, .help = help_, ##__VA_ARGS__}
#define IFACE WORD("interface", "its name, its file's path or NAME=, or its MAC", .kind = VALUE_INTERFACE)
#define CARD WORD("interface", "the NIC, by its TAP's name or its MAC", .kind = VALUE_INTERFACE)
#define SCOPE                                                                                                                    \
    FLAG("live", "in the running VM"), FLAG("config", "in the VM's file"),                                                       \
        FLAG("current", "in the running VM, or else in its file"), FLAG("persistent", "in its file, and in the VM if it runs")

#define IFUP_DETAILS                                                                                                             \
    "Its file is read anew, and it alone: also with ONBOOT=no, and with its bridge or bond where that is down. All or nothing, as "    \
    "apply. What was brought up is kept up until the next apply, ifdown or boot."
#define IFDOWN_DETAILS                                                                                                           \
    "Takes its addresses and routes off, takes it out of its bridge, sets it down; a virtual interface that trestle made is "         \
    "deleted, but a bridge that has ports stays, down. That holds until the next ifup, apply or boot."

#define BRIDGE_DETAILS                                                                                                           \
    "Addresses, routes, rules, neighbours and sysctls move to the bridge without losing a packet, and the network files "        \
    "follow; for an interface that none states they are written, as the kernel has it. What does not move, and what it "         \
    "will mean, is said before: links on it, rate limits, qdiscs and filters of tc, XDP and BPF programs, nftables rules "       \
    "and chains that name it; and what was set by hand and stands in no file, and is gone at the next boot. The default "        \
    "gateways, the far end of the SSH session and each --check are asked before and after, by ping and on the link by ARP "      \
    "or neighbour discovery, too: one that answered before and not after, and all is taken back. On a terminal it is taken "     \
    "back after 30 seconds, too, unless you say that it works. STP is off unless asked for."
#define BRIDGING_OPTIONS                                                                                                         \
    NUMBER("confirm", 1, 86400, "take it back after so many seconds, unless it is confirmed"),                                   \
        TEXT("check", "address that must answer afterwards if it does before; may be given several times", .repeated = true),    \
        FLAG("force", "also when another program holds the interface")

static const char completions[] = "bash|zsh|fish|verbs|vms|bridges|interfaces|objects";

const struct verb verb_table[] = {
    {.name = "check", .group = HOST, .run = check_run,
     .help = "check configuration files, offline and without root",
     .details = "Reads ifcfg-*, *.vm and trestle.conf files, or whole directories, and prints each problem as "
                "FILE:LINE:COLUMN: TEXT.",
     .arguments = {WORD("path", "file or directory; /etc/trestle if none is named", .kind = VALUE_FILE, .optional = true,
                        .repeated = true)}},
    {.name = "plan", .group = HOST, .run = host_plan,
     .help = "show what apply would do",
     .details = "Exit status 0: nothing to do; 2: there are changes to make; 1: some of it can't be done. Errors in "
                "the files are such: apply does nothing until they are mended, and the list says so."},
    {.name = "apply", .group = HOST, .run = host_apply,
     .help = "make the host's network match its files",
     .details = "All or nothing: a step that fails takes back the steps before it. What was done is printed. Ctrl-C ends the "
                "waiting, not the change. Between iface-begin and iface-commit or iface-rollback it is refused.",
     .options = {FLAG("repair", "put back from now on what somebody else changes"),
                 FLAG("no-repair", "leave alone from now on what somebody else changes"),
                 NUMBER("confirm", 1, 86400, "take it back after so many seconds, unless it is confirmed")}},
    {.name = "confirm", .group = HOST, .run = pending_run,
     .help = "keep what waits to be confirmed",
     .details = "What that is, and for how long it waits, shows 'trestle status'."},
    {.name = "rollback", .group = HOST, .run = pending_run,
     .help = "take back at once what waits to be confirmed"},
    {.name = "status", .group = HOST, .run = host_status,
     .help = "show how things are, and why",
     .arguments = {WORD("name", "an interface or a VM", .kind = VALUE_OBJECT, .optional = true)}},
    {.name = "iface-list", .group = HOST, .run = host_list,
     .help = "list the host's interfaces",
     .options = {FLAG("all", "those that are down or missing, too"), FLAG("inactive", "only those that are down or missing")}},
    {.name = "iface-dump", .group = HOST, .run = iface_dump,
     .help = "show all that is known of an interface",
     .details = "As it is and as its file wants it, side by side; who else holds it; what was done to it by hand.",
     .arguments = {WORD("interface", "its name or its MAC", .kind = VALUE_INTERFACE)}},
    {.name = "iface-start", .group = HOST, .run = iface_change,
     .help = "bring an interface up that a file states",
     .details = IFUP_DETAILS,
     .arguments = {IFACE}},
    {.name = "ifup", .group = HOST, .run = iface_change,
     .help = "the same as iface-start",
     .details = IFUP_DETAILS,
     .arguments = {IFACE}},
    {.name = "iface-destroy", .group = HOST, .run = iface_change,
     .help = "take an interface down that a file states",
     .details = IFDOWN_DETAILS,
     .arguments = {IFACE}},
    {.name = "ifdown", .group = HOST, .run = iface_change,
     .help = "the same as iface-destroy",
     .details = IFDOWN_DETAILS,
     .arguments = {IFACE}},
    {.name = "iface-name", .group = HOST, .run = iface_name,
     .help = "print the name of the interface with a MAC address",
     .arguments = {WORD("interface", "MAC address", .kind = VALUE_TEXT)}},
    {.name = "iface-mac", .group = HOST, .run = iface_mac,
     .help = "print an interface's MAC address",
     .arguments = {WORD("interface", "its name", .kind = VALUE_INTERFACE)}},
    {.name = "iface-bridge", .group = HOST, .run = bridging_run,
     .help = "put an interface into a bridge, with all that hangs on it",
     .details = BRIDGE_DETAILS,
     .arguments = {WORD("interface", "the NIC, a bond or a VLAN", .kind = VALUE_INTERFACE),
                   WORD("bridge", "the bridge; made if there is none of that name", .kind = VALUE_TEXT)},
     .options = {FLAG("stp", "spanning tree protocol: nothing passes for twice the delay"), FLAG("no-stp", "none, as without either"),
                 NUMBER("delay", 0, 65535, "forward delay with STP, in seconds: 2 to 30 for the kernel"),
                 FLAG("no-start", "change the files only"), BRIDGING_OPTIONS}},
    {.name = "iface-unbridge", .group = HOST, .run = bridging_run,
     .help = "take the only port out of a bridge, and the bridge away",
     .details = "The exact inverse of iface-bridge: what hangs on the bridge moves back to its port. With --no-start it also undoes an "
                "iface-bridge --no-start that was not applied yet.",
     .arguments = {WORD("bridge", "the bridge", .kind = VALUE_BRIDGE)},
     .options = {FLAG("no-start", "change the files only"), BRIDGING_OPTIONS}},
    {.name = "iface-begin", .group = HOST, .run = pending_run,
     .help = "open a transaction of changes to interfaces",
     .details = "The iface verbs and network files changed from now on are kept by iface-commit, or taken back by iface-rollback; or by a "
                "reboot. There is no time limit."},
    {.name = "iface-commit", .group = HOST, .run = pending_run,
     .help = "keep the changes since iface-begin"},
    {.name = "iface-rollback", .group = HOST, .run = pending_run,
     .help = "take back the changes since iface-begin"},
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
    {.name = "create", .group = MACHINES, .run = machine_create,
     .help = "start a VM without defining it",
     .details = "It is forgotten when it ends. Its name is the file's name without .vm.",
     .arguments = {WORD("file", "VM file, NAME.vm", .kind = VALUE_FILE)},
     .options = {FLAG("console", "connect to the serial console afterwards")}},
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
    {.name = "autostart", .group = MACHINES, .run = machine_autostart,
     .help = "start a VM after every boot of the host",
     .arguments = {DOMAIN},
     .options = {FLAG("disable", "no longer")}},
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
     .details = "With --json each has its state, and why it does without vhost, too.",
     .arguments = {DOMAIN},
     .options = {FLAG("all", "their names, states, and where they are, too"), FLAG("inactive", "as the VM's file has them")}},
    {.name = "attach-interface", .group = CARDS, .run = card_attach,
     .help = "plug a NIC into a VM",
     .details = "What was plugged is read back and printed. Without --live, --config, --current and --persistent: into the "
                "running VM.",
     .arguments = {DOMAIN,
                   WORD("type", "bridge (Linux or Open vSwitch), user (QEMU's own NAT), ethernet (a TAP that exists)",
                        .kind = VALUE_TEXT, .choices = "bridge|user|ethernet"),
                   WORD("source", "the bridge; the TAP; nothing, or -, for the type user", .kind = VALUE_BRIDGE,
                        .optional = true)},
     .options = {SETTING("model", "Model", "virtio (the default), e1000, e1000e, rtl8139, …"),
                 SETTING("mac", "MAC", "MAC address; else one is made up"),
                 SETTING("target", "Target", "name of the TAP; else VM-NIC (vnet*, macvtap* and macvlan* count as none)"),
                 TEXT("alias", "name of the NIC; else the first free one of net0, net1, …"),
                 SETTING("vhost", "Vhost", "let the kernel carry the frames", .choices = "auto|on|off"),
                 SETTING("queues", "Queues", "queue pairs of a virtio NIC; auto is one for each virtual CPU", .choices = "auto"),
                 SETTING("mtu", "MTU", "MTU; else the bridge's"),
                 SETTING("vlan", "VLAN", "VLAN of untagged frames, from 1 to 4094"),
                 SETTING("trunk", "Trunk", "tagged VLANs: 10,20-29"),
                 SETTING("inbound", "Inbound", "limit to the guest: average[,peak[,burst]] in KiB/s, KiB/s and KiB"),
                 SETTING("outbound", "Outbound", "limit from the guest, likewise"),
                 SETTING("link", "Link", "state of the link that the guest sees", .choices = "up|down"),
                 FLAG("isolated", "may not speak to other isolated ports of the bridge", .key = "Isolated"),
                 FLAG("print-xml", "print libvirt's XML of the NIC, and do nothing"),
                 SCOPE,
                 TEXT("script", "trestle runs no scripts", LACKING),
                 FLAG("managed", "host devices are not there yet", LACKING),
                 TEXT("source-mode", "macvtap is not there yet", LACKING)}},
    {.name = "detach-interface", .group = CARDS, .run = card_detach,
     .help = "unplug a NIC from a VM",
     .details = "Done means that the guest has let go of it. Past the time limit the command fails; the removal completes by "
                "itself when the guest answers later. Without --live, --config, --current and --persistent: from the running VM.",
     .arguments = {DOMAIN, WORD("type", "bridge, user or ethernet", .kind = VALUE_TEXT, .choices = "bridge|user|ethernet")},
     .options = {TEXT("mac", "which one, when there are several"),
                 NUMBER("timeout", 0, 3600, "seconds to wait for the guest; 20 if not given"),
                 FLAG("force", "past the time limit: reset the VM, and wait once more"),
                 SCOPE}},
    {.name = "update-interface", .group = CARDS, .run = card_update,
     .help = "change a NIC of a VM",
     .details = "What is not named stays. Without --live, --config, --current and --persistent: in the running VM, or else in "
                "its file.",
     .arguments = {DOMAIN},
     .options = {TEXT("mac", "which NIC"),
                 SETTING("source", "Bridge", "the bridge to move it to"),
                 SETTING("link", "Link", "state of the link that the guest sees", .choices = "up|down"),
                 SETTING("vlan", "VLAN", "VLAN of untagged frames, from 1 to 4094", .choices = "none"),
                 SETTING("trunk", "Trunk", "tagged VLANs: 10,20-29", .choices = "none"),
                 SETTING("inbound", "Inbound", "limit to the guest: average[,peak[,burst]] in KiB/s, KiB/s and KiB; 0 is none"),
                 SETTING("outbound", "Outbound", "limit from the guest, likewise"),
                 SETTING("isolated", "Isolated", "may not speak to other isolated ports of the bridge", .choices = "yes|no"),
                 SETTING("mtu", "MTU", "MTU"),
                 SCOPE}},
    {.name = "domif-setlink", .group = CARDS, .run = card_set_link,
     .help = "plug or pull the cable of a VM's NIC",
     .arguments = {DOMAIN, CARD, CHOICE("state", "up|down", "what the guest sees")},
     .options = {FLAG("config", "in the VM's file alone")}},
    {.name = "domif-getlink", .group = CARDS, .run = card_get_link,
     .help = "show whether the cable of a VM's NIC is plugged",
     .arguments = {DOMAIN, CARD},
     .options = {FLAG("config", "as the VM's file has it")}},
    {.name = "domiftune", .group = CARDS, .run = card_tune,
     .help = "show or set the limits of a VM's NIC",
     .details = "Without --inbound and --outbound the limits are shown. An average of 0 clears.",
     .arguments = {DOMAIN, CARD},
     .options = {SETTING("inbound", "Inbound", "limit to the guest: average[,peak[,burst]] in KiB/s, KiB/s and KiB"),
                 SETTING("outbound", "Outbound", "limit from the guest, likewise"),
                 FLAG("live", "in the running VM"), FLAG("config", "in the VM's file"),
                 FLAG("current", "in the running VM, or else in its file: what happens anyway")}},
    {.name = "domifstat", .group = CARDS, .run = card_statistics,
     .help = "show what a VM's NIC has received and sent",
     .details = "As the guest sees it: rx is what it received.",
     .arguments = {DOMAIN, CARD}},
    {.name = "domifaddr", .group = CARDS, .run = card_addresses,
     .help = "show the IP addresses of a running VM",
     .arguments = {DOMAIN},
     .options = {TEXT("interface", "only this one: TAP, or with the source agent the name in the guest"),
                 FLAG("full", "name and MAC in every line"),
                 CHOICE("source", "lease|agent|arp",
                        "who is asked: the host's neighbour tables (arp, the default) or the agent in the guest; "
                        "lease: not there yet")}},
    {.name = "help", .group = SELF, .run = help_run,
     .help = "explain the verbs, or one of them",
     .arguments = {WORD("verb", "the verb to explain", .kind = VALUE_VERB, .optional = true)}},
    {.name = "completion", .group = SELF, .run = completion_run,
     .help = "print the completion script for a shell",
     .details = "In ~/.bashrc: source <(trestle completion bash); in ~/.zshrc, behind compinit: source <(trestle "
                "completion zsh); for fish: trestle completion fish > ~/.config/fish/completions/trestle.fish",
     .arguments = {CHOICE("what", completions, "the script for a shell, or the names that it asks for")}},
    {.name = "version", .group = SELF, .run = help_version,
     .help = "show the version"},
};
const size_t verb_count = ARRAY_SIZE(verb_table);

