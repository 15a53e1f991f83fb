#include "vmm/boot.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/quote.h"
#include "base/text.h"

enum kind { KIND_NONE, KIND_DISK, KIND_CDROM, KIND_FLOPPY, KIND_NETWORK };

static enum kind find_kind(const char *word)
{
    static const struct {
        const char *word;
        enum kind kind;
    } words[] = {
        {"disk", KIND_DISK},     {"hd", KIND_DISK},         {"c", KIND_DISK},    {"cdrom", KIND_CDROM}, {"d", KIND_CDROM},
        {"floppy", KIND_FLOPPY}, {"fd", KIND_FLOPPY},       {"a", KIND_FLOPPY},  {"network", KIND_NETWORK},
        {"n", KIND_NETWORK},
    };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(word, words[i].word) == 0)
            return words[i].kind;
    return KIND_NONE;
}

static enum kind kind_of(const struct disk *disk)
{
    return disk->media == MEDIA_CDROM ? KIND_CDROM : disk->bus == DISK_FLOPPY ? KIND_FLOPPY : KIND_DISK;
}

static bool take_word(const struct vm *vm, const char *word, int *disks, int *nics, int *last)
{
    enum kind kind = find_kind(word);
    bool known = kind != KIND_NONE;
    for (size_t i = 0; i < vm->disk_count; i++) {
        bool named = strcmp(word, vm->disks[i].name) == 0;
        known |= named;
        if (!disks[i] && (named || kind == kind_of(&vm->disks[i])))
            disks[i] = ++*last;
    }
    for (size_t i = 0; i < vm->nic_count; i++) {
        bool named = strcmp(word, vm->nics[i].name) == 0;
        known |= named;
        if (!nics[i] && (named || kind == KIND_NETWORK))
            nics[i] = ++*last;
    }
    return known;
}

int boot_order(const struct vm *vm, int *ret_disks, int *ret_nics, struct error *err)
{
    int last = 0; /* 0 itself is that of a kernel given by -kernel */
    memset(ret_disks, 0, vm->disk_count * sizeof(*ret_disks));
    memset(ret_nics, 0, vm->nic_count * sizeof(*ret_nics));
    CLEANUP(freep) char *words = memory_string(vm->boot ? vm->boot : "");
    char *rest = words, quoted[QUOTE_SIZE];
    for (char *word; (word = strsep(&rest, ", "));)
        if (*word && !take_word(vm, word, ret_disks, ret_nics, &last))
            return error_set(err, EINVAL, "Boot=: %s is neither cdrom, disk, network or floppy nor a disk or NIC of this VM",
                             quote_text(word, quoted));
    return 0;
}
