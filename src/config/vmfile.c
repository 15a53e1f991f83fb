#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"
#include "config/config_internal.h"

struct reader {
    struct vm *vm;
    struct complaints complaints;
    struct lexer_file file;
};

static void complain_value(struct reader *reader, const struct lexer_entry *entry, const char *wants)
{
    char shown[QUOTE_SIZE];
    complain(&reader->complaints, false, entry->value_line, entry->value_column, "%s wants %s, not %s", entry->key, wants,
             quote_text(entry->value, shown));
}

/* Checks of values that the option table can't express */

/* A daemon has no working directory to speak of. */
static void check_path(struct reader *reader, const struct lexer_section *section, const char *key)
{
    const struct lexer_entry *entry = lexer_find(section, key);
    if (entry && entry->value[0] != '/')
        complain_value(reader, entry, "an absolute path");
}

static void check_machine(struct reader *reader, const struct lexer_section *section)
{
    const struct lexer_entry *entry = lexer_find(section, "Machine");
    if (!entry || strcmp(entry->value, "pc") == 0 || strcmp(entry->value, "q35") == 0)
        return;
    const char *version = text_starts(entry->value, "pc-i440fx-") ? entry->value + strlen("pc-i440fx-")
                          : text_starts(entry->value, "pc-q35-")  ? entry->value + strlen("pc-q35-")
                                                                  : "";
    if (!*version || version[strspn(version, "0123456789.abcdefghijklmnopqrstuvwxyz-")])
        complain_value(reader, entry, "pc, q35, or a version of either like pc-q35-7.2");
}

static void check_boot(struct reader *reader, const struct lexer_section *section)
{
    static const char *const devices[] = {"disk", "cdrom", "network", "floppy"};
    const struct lexer_entry *entry = lexer_find(section, "Boot");
    if (!entry)
        return;
    for (const char *word = entry->value;;) {
        size_t length = strcspn(word, ","), i = 0;
        while (i < ARRAY_SIZE(devices) && (strlen(devices[i]) != length || memcmp(word, devices[i], length) != 0))
            i++;
        if (i == ARRAY_SIZE(devices)) {
            complain_value(reader, entry, "disk, cdrom, network or floppy, separated by commas");
            return;
        }
        if (!word[length])
            return;
        word += length + 1;
    }
}

static void check_vnc(struct reader *reader, const struct lexer_section *section)
{
    const struct lexer_entry *entry = lexer_find(section, "VNC");
    if (!entry || strcmp(entry->value, "none") == 0 || text_starts(entry->value, "unix:/"))
        return;
    const char *colon = strrchr(entry->value, ':');
    int64_t display;
    if (!colon || text_number(colon + 1, 0, 59635, &display) < 0 || entry->value[strcspn(entry->value, ", \t")])
        complain_value(reader, entry, "HOST:NUMBER like 127.0.0.1:1, unix:/PATH, or none");
}

/* QEMU wants sockets × cores × threads to be maxcpus; what isn't stated follows from the rest. */
static void check_topology(struct reader *reader, const struct lexer_section *section)
{
    struct vm *vm = reader->vm;
    static const char *const keys[] = {"MaxVCPUs", "Sockets", "Cores", "Threads", "VCPUs"};
    const struct lexer_entry *entry = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(keys) && !entry; i++)
        entry = lexer_find(section, keys[i]);
    if (!entry)
        return;
    uint64_t sockets = vm->sockets ? vm->sockets : 1, cores = vm->cores ? vm->cores : 1, threads = vm->threads ? vm->threads : 1;
    uint64_t product = sockets * cores * threads;
    bool stated = vm->sockets || vm->cores || vm->threads, whole = vm->sockets && vm->cores && vm->threads;
    uint64_t most = vm->max_vcpus ? vm->max_vcpus : stated ? product : vm->vcpus;
    if (stated && (whole ? product != most : most % product != 0))
        complain(&reader->complaints, false, entry->line, entry->column,
                 "Sockets × Cores × Threads is %llu × %llu × %llu, which does not make MaxVCPUs=%llu",
                 (unsigned long long)sockets, (unsigned long long)cores, (unsigned long long)threads, (unsigned long long)most);
    else if (vm->vcpus > most)
        complain(&reader->complaints, false, entry->line, entry->column, "VCPUs=%u is more than the %llu of %s", vm->vcpus,
                 (unsigned long long)most, vm->max_vcpus ? "MaxVCPUs" : "Sockets × Cores × Threads");
    else if (!vm->max_vcpus && stated)
        vm->max_vcpus = (uint32_t)most; /* not stated, so no bit */
}

/* Sections */

static void read_vm(struct reader *reader, const struct lexer_section *section)
{
    size_t errors = reader->complaints.errors;
    section_read(section, OPTION_VM, NULL, reader->vm, &reader->complaints);
    check_machine(reader, section);
    check_boot(reader, section);
    check_path(reader, section, "Kernel");
    check_path(reader, section, "Initrd");
    if (errors == reader->complaints.errors)
        check_topology(reader, section);
    const struct lexer_entry *kernel = lexer_find(section, "Kernel"), *initrd = lexer_find(section, "Initrd");
    const struct lexer_entry *append = lexer_find(section, "Append"), *without = initrd ? initrd : append;
    if (!kernel && without)
        complain(&reader->complaints, false, without->line, without->column, "%s wants a Kernel= to go with", without->key);
}

static void read_display(struct reader *reader, const struct lexer_section *section)
{
    section_read(section, OPTION_DISPLAY, NULL, reader->vm, &reader->complaints);
    check_vnc(reader, section);
}

static void read_disk(struct reader *reader, const struct lexer_section *section, const char *name)
{
    struct disk *disk = vm_add_disk(reader->vm, name);
    disk->line = section->line;
    section_read(section, OPTION_DISK, NULL, disk, &reader->complaints);
    check_path(reader, section, "File");
    if (!lexer_find(section, "File") && disk->media != MEDIA_CDROM && disk->bus != DISK_FLOPPY)
        complain(&reader->complaints, false, section->line, section->column, "disk %s: File= is missing", name);
}

static void check_bridge(struct reader *reader, const struct lexer_section *section, const struct nic *nic)
{
    const struct lexer_entry *bridge = lexer_find(section, "Bridge");
    if (nic->type == NIC_BRIDGE && !bridge)
        complain(&reader->complaints, false, section->line, section->column, "nic %s: Bridge= is missing", nic->name);
    else if (nic->type != NIC_BRIDGE && bridge)
        complain(&reader->complaints, true, bridge->line, bridge->column, "Bridge has no effect with Type=%s",
                 nic_type_names[nic->type]);
}

static void check_port(struct reader *reader, const struct lexer_section *section, const struct nic *nic)
{
    const struct option *row = NULL;
    struct error err = {0};
    if (nic_check_port(nic, &row, &err) == 0)
        return;
    const struct lexer_entry *entry = lexer_find(section, row->key);
    complain(&reader->complaints, false, entry->value_line, entry->value_column, "%s", err.text);
}

static void read_nic(struct reader *reader, const struct lexer_section *section, const char *name)
{
    struct nic *nic = vm_add_nic(reader->vm, name);
    const struct lexer_entry *queues = lexer_find(section, "Queues");
    nic->line = section->line;
    nic->config = true;
    section_read(section, OPTION_NIC, NULL, nic, &reader->complaints);
    check_bridge(reader, section, nic);
    check_port(reader, section, nic);
    if (queues && nic->queues > 1 && nic->model != NIC_VIRTIO)
        complain(&reader->complaints, false, queues->value_line, queues->value_column, "Queues=%u wants Model=virtio, not %s",
                 nic->queues, nic_model_names[nic->model]);
}

/* The rest of "nic net0" behind the kind, or NULL when it is of another kind. */
static const char *name_behind(const char *section, const char *kind)
{
    size_t length = strlen(kind);
    if (strncmp(section, kind, length) != 0 || (section[length] && !strchr(" \t", section[length])))
        return NULL;
    return section + length + strspn(section + length, " \t");
}

const char *vmfile_nic_name(const struct lexer_section *section)
{
    return name_behind(section->name, "nic");
}

/* Names become QEMU's ids, which begin with a letter, and are one name space. */
static bool name_is_good(struct reader *reader, const struct lexer_section *section, const char *kind, const char *name)
{
    const char *fault = text_vm_name_fault(name);
    char shown[QUOTE_SIZE];
    const struct nic *nic = vm_find_nic(reader->vm, name);
    const struct disk *disk = vm_find_disk(reader->vm, name);
    if (!fault && !((name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z'))
        fault = "does not begin with a letter";
    if (fault)
        complain(&reader->complaints, false, section->line, section->column, "[%s NAME]: the name %s %s", kind,
                 quote_text(name, shown), fault);
    else if (nic || disk)
        complain(&reader->complaints, false, section->line, section->column, "%s is the name of the section in line %u already",
                 name, nic ? nic->line : disk->line);
    return !fault && !nic && !disk;
}

static void read_device(struct reader *reader, const struct lexer_section *section)
{
    const char *disk = name_behind(section->name, "disk"), *nic = name_behind(section->name, "nic");
    char shown[QUOTE_SIZE];
    if (!disk && !nic)
        complain(&reader->complaints, false, section->line, section->column,
                 "unknown section %s; there are [vm], [disk NAME], [nic NAME] and [display]", quote_text(section->name, shown));
    else if ((disk && reader->vm->disk_count >= VM_DISKS_MAX) || (nic && reader->vm->nic_count >= VM_NICS_MAX))
        complain(&reader->complaints, false, section->line, section->column, "more than %d %s", disk ? VM_DISKS_MAX : VM_NICS_MAX,
                 disk ? "disks" : "NICs");
    else if (name_is_good(reader, section, disk ? "disk" : "nic", disk ? disk : nic))
        (disk ? read_disk : read_nic)(reader, section, disk ? disk : nic);
}

static const struct lexer_section *earlier_section(const struct reader *reader, const struct lexer_section *section)
{
    for (const struct lexer_section *other = reader->file.sections; other < section; other++)
        if (strcmp(other->name, section->name) == 0)
            return other;
    return NULL;
}

static void read_section(struct reader *reader, const struct lexer_section *section)
{
    bool vm = strcmp(section->name, "vm") == 0, display = strcmp(section->name, "display") == 0;
    const struct lexer_section *earlier = vm || display ? earlier_section(reader, section) : NULL;
    if (earlier)
        complain(&reader->complaints, false, section->line, section->column, "[%s] stands in line %u already", section->name,
                 earlier->line);
    else if (vm)
        read_vm(reader, section);
    else if (display)
        read_display(reader, section);
    else
        read_device(reader, section);
}

/* MACs and targets that stand twice in this VM. */
static void check_nics(struct reader *reader)
{
    const struct vm *vm = reader->vm;
    for (size_t i = 0; i < vm->nic_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct nic *one = &vm->nics[j], *two = &vm->nics[i];
            char mac[18];
            text_from_mac(two->mac, mac);
            if (memcmp(one->mac, two->mac, sizeof(one->mac)) == 0 && !nic_mac_is_unset(two))
                complain(&reader->complaints, false, two->line, 1, "nic %s: MAC=%s is that of nic %s already", two->name, mac,
                         one->name);
            if (two->target[0] && strcmp(one->target, two->target) == 0)
                complain(&reader->complaints, false, two->line, 1, "nic %s: Target=%s is that of nic %s already", two->name,
                         two->target, one->name);
        }
}

/* "/etc/trestle/vms/c2.vm" -> "c2" */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    if (length > 3 && strcmp(name + length - 3, ".vm") == 0)
        length -= 3;
    return memory_string_of(name, length);
}

struct vm *vmfile_read(const char *path, const char *text, size_t size, struct problems *problems)
{
    CLEANUP(freep) char *name = name_of(path);
    struct reader reader = {.complaints = complaints_begin(problems, path)};
    const char *fault = text_vm_name_fault(name);
    char shown[QUOTE_SIZE];
    if (fault)
        complain(&reader.complaints, false, 0, 0, "the VM's name, %s, %s", quote_text(name, shown), fault);
    reader.vm = vm_new(name);
    reader.vm->file = memory_string(path);
    lexer_read_ini(text, size, &reader.file, &reader.complaints);
    if (!reader.file.count && !reader.complaints.errors)
        complain(&reader.complaints, true, 1, 1, "the file is empty: the VM has nothing but defaults");
    for (size_t i = 0; i < reader.file.count && !complaints_full(&reader.complaints); i++)
        read_section(&reader, &reader.file.sections[i]);
    check_nics(&reader);
    lexer_file_clear(&reader.file);
    if (!reader.complaints.errors)
        return reader.vm;
    vm_free(reader.vm);
    return NULL;
}

/* Writing */

char *vmfile_value(const struct option *row, const void *object)
{
    if (!option_is_set(row, object))
        return NULL;
    char *value = option_format(row, object);
    return value || row->type != OPTION_RATE ? value : memory_string("0"); /* somebody stated that there is no limit */
}

static void write_rows(struct text *text, enum option_scope scope, const void *object)
{
    for (const struct option *row = option_table; row < option_table + option_count; row++) {
        CLEANUP(freep) char *value = row->scope == scope ? vmfile_value(row, object) : NULL;
        if (!value)
            continue;
        CLEANUP(freep) char *quoted = lexer_quote_ini(value);
        text_format(text, "%s=%s\n", row->key, quoted);
    }
}

char *vmfile_text(const struct vm *vm)
{
    struct text text = {0}, display = {0};
    text_add(&text, "[vm]\n");
    write_rows(&text, OPTION_VM, vm);
    for (size_t i = 0; i < vm->disk_count; i++) {
        text_format(&text, "\n[disk %s]\n", vm->disks[i].name);
        write_rows(&text, OPTION_DISK, &vm->disks[i]);
    }
    for (size_t i = 0; i < vm->nic_count; i++) {
        text_format(&text, "\n[nic %s]\n", vm->nics[i].name);
        write_rows(&text, OPTION_NIC, &vm->nics[i]);
    }
    write_rows(&display, OPTION_DISPLAY, vm);
    if (display.length)
        text_format(&text, "\n[display]\n%s", display.data);
    text_clear(&display);
    return text_take(&text);
}
