/* Attributes of a kind of link that are values by themselves. */
#include <string.h>

#include "base/memory.h"
#include "netdev/netdev_internal.h"

static size_t size_of(enum netdev_value value)
{
    static const size_t sizes[] = {[NETDEV_U8] = 1,     [NETDEV_U16] = 2, [NETDEV_U32] = 4, [NETDEV_U64] = 8, [NETDEV_BOOL8] = 1,
                                   [NETDEV_BOOL32] = 4, [NETDEV_MAC] = 6, [NETDEV_LINK] = 4};

    return sizes[value];
}

static uint32_t number_in(const struct nlattr *attribute, size_t size)
{
    uint64_t wide = size == 8 ? mnl_attr_get_u64(attribute) : 0;

    if (size == 8)
        return wide < UINT32_MAX ? (uint32_t)wide : UINT32_MAX;
    return size == 1 ? mnl_attr_get_u8(attribute) : size == 2 ? mnl_attr_get_u16(attribute) : mnl_attr_get_u32(attribute);
}

static void read_value(const struct netdev_row *row, const struct nlattr *attribute, struct interface *interface)
{
    char *place = (char *)interface + row->offset;
    size_t size = size_of(row->value);

    if (row->value == NETDEV_MAC)
        memcpy(place, mnl_attr_get_payload(attribute), size);
    else if (row->value == NETDEV_LINK)
        *(int *)(void *)((char *)interface + row->index_offset) = (int)mnl_attr_get_u32(attribute);
    else if (row->value == NETDEV_BOOL8 || row->value == NETDEV_BOOL32)
        *(bool *)place = number_in(attribute, size);
    else
        *(uint32_t *)(void *)place = number_in(attribute, size);
    interface->set |= FIELD_BIT(row->field);
}

void netdev_row_parse(const struct netdev_row *rows, size_t count, const struct nlattr *nest, struct interface *interface)
{
    const struct nlattr *attribute;

    mnl_attr_for_each_nested(attribute, nest) {
        uint16_t type = mnl_attr_get_type(attribute), size = mnl_attr_get_payload_len(attribute);

        for (size_t i = 0; i < count; i++)
            if (type == rows[i].attribute && size >= size_of(rows[i].value))
                read_value(&rows[i], attribute, interface);
    }
}

static void put_number(struct nlmsghdr *message, uint16_t type, size_t size, uint32_t number)
{
    if (size == 1)
        mnl_attr_put_u8(message, type, (uint8_t)number);
    else if (size == 2)
        mnl_attr_put_u16(message, type, (uint16_t)number);
    else if (size == 4)
        mnl_attr_put_u32(message, type, number);
    else
        mnl_attr_put_u64(message, type, number);
}

static void put_value(struct netdev_draft *draft, const struct netdev_row *row, const char *place)
{
    const struct nlattr *attribute = mnl_nlmsg_get_payload_tail(&draft->header);
    size_t size = size_of(row->value);

    if (row->value == NETDEV_MAC) {
        mnl_attr_put(&draft->header, row->attribute, size, place);
    } else if (row->value == NETDEV_LINK) {
        mnl_attr_put_u32(&draft->header, row->attribute, 0);
        if (*place)
            netdev_write_index(draft, mnl_attr_get_payload(attribute), place);
    } else if (row->value == NETDEV_BOOL8 || row->value == NETDEV_BOOL32) {
        put_number(&draft->header, row->attribute, size, *(const bool *)place);
    } else {
        put_number(&draft->header, row->attribute, size, *(const uint32_t *)(const void *)place);
    }
}

void netdev_row_put(struct netdev_draft *draft, const struct netdev_row *rows, size_t count, const struct interface *interface,
                    field_set fields)
{
    for (size_t i = 0; i < count; i++)
        if (fields & FIELD_BIT(rows[i].field))
            put_value(draft, &rows[i], (const char *)interface + rows[i].offset);
}
