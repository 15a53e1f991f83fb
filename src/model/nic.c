#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/option.h"
#include "model/vm.h"

void nic_copy(const struct nic *nic, struct nic *ret_copy)
{
    *ret_copy = *nic;
    ret_copy->trunk = memory_string(nic->trunk);
    ret_copy->vhost_reason = memory_string(nic->vhost_reason);
}

void nic_clear(struct nic *nic)
{
    free(nic->trunk);
    free(nic->vhost_reason);
    *nic = (struct nic){0};
}

struct nic *nic_new_copy(const struct nic *nic)
{
    struct nic *copy;

    if (!nic)
        return NULL;
    copy = NEW(struct nic);
    nic_copy(nic, copy);
    return copy;
}

void nic_free(struct nic *nic)
{
    if (!nic)
        return;
    nic_clear(nic);
    free(nic);
}

bool nic_mac_is_unset(const struct nic *nic)
{
    static const uint8_t zero[6];

    return memcmp(nic->mac, zero, sizeof(zero)) == 0;
}

/* VM-NIC where it fits into an interface's name; else its first 10 characters, '-', and four digits of the whole's hash, so
 * that two long names with one beginning stay two. */
static void nic_make_target(struct nic *nic, const char *vm_name)
{
    char whole[2 * VM_NAME_SIZE];
    int length = snprintf(whole, sizeof(whole), "%s-%s", vm_name, nic->name);

    if ((size_t)length < sizeof(nic->target))
        text_copy(nic->target, sizeof(nic->target), whole);
    else
        snprintf(nic->target, sizeof(nic->target), "%.10s-%04x", whole, (unsigned)(text_hash(whole) & 0xffff));
}

void nic_make_mac(struct nic *nic, uint32_t bytes)
{
    if (!nic_mac_is_unset(nic))
        return;
    nic->mac[0] = 0x52; /* QEMU's and KVM's own range, locally administered */
    nic->mac[1] = 0x54;
    nic->mac[2] = 0x00;
    nic->mac[3] = (uint8_t)(bytes >> 16);
    nic->mac[4] = (uint8_t)(bytes >> 8);
    nic->mac[5] = (uint8_t)bytes;
}

void nic_complete(struct nic *nic, const char *vm_name, uint32_t random)
{
    nic_make_mac(nic, random);
    if (!nic->target[0])
        nic_make_target(nic, vm_name);
}

/* virsh's words for what a running VM's NIC can't change. */
static int refuse_live(const struct option *row, const struct nic *nic, const struct nic *changes, struct error *err)
{
    if (text_equal(row->key, "MTU"))
        return error_set(err, EOPNOTSUPP, "cannot modify MTU");
    if (text_equal(row->key, "Model"))
        return error_set(err, EOPNOTSUPP, "cannot modify network device model from %s to %s", nic_model_names[nic->model],
                         nic_model_names[changes->model]);
    if (text_equal(row->key, "Target"))
        return error_set(err, EOPNOTSUPP, "cannot modify network device tap name");
    if (text_equal(row->key, "Type"))
        return error_set(err, EOPNOTSUPP, "unable to change config on '%s' network type", nic_type_names[nic->type]);
    return error_set(err, EOPNOTSUPP, "cannot modify %s of a running VM's NIC: detach it, and attach it anew", row->key);
}

int nic_change(struct nic *nic, const struct nic *changes, bool live, struct error *err)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *row = &option_table[i];

        if (row->scope != OPTION_NIC || !option_is_set(row, changes))
            continue;
        if (live && row->change != CHANGE_LIVE && !option_same(row, nic, changes))
            return refuse_live(row, nic, changes, err);
        option_copy(row, nic, changes);
    }
    return 0;
}

int nic_check_port(const struct nic *nic, const struct option **ret_row, struct error *err)
{
    static const char *const keys[] = {"Inbound", "Outbound", "VLAN", "Trunk", "Isolated"};
    static const char *const cures[] = {
        [NIC_USER] = "it has no interface on the host: leave it out",
        [NIC_ETHERNET] = "its TAP is looked after by whoever made it: set it there",
    };

    for (size_t i = 0; nic->type != NIC_BRIDGE && i < ARRAY_SIZE(keys); i++) {
        const struct option *row = option_find(OPTION_NIC, NULL, keys[i], NULL);
        CLEANUP(freep) char *value = option_format(row, nic);

        if (!value || (row->type == OPTION_BOOL && !nic->isolated))
            continue;
        if (ret_row)
            *ret_row = row;
        return error_set(err, EOPNOTSUPP, "%s=%s has no effect with Type=%s: %s, or use Type=bridge", row->key, value,
                         nic_type_names[nic->type], cures[nic->type]);
    }
    return 0;
}
