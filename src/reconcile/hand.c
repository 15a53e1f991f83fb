/* What people did by hand with ifup and ifdown. It holds until the next apply or boot: RUN_DIR keeps it over a restart of the daemon.
 * An interface that was taken down is left alone, as one with ONBOOT=no; one that was brought up is kept, whatever its ONBOOT. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "model/hwaddr.h"
#include "reconcile/reconcile_internal.h"

const struct hand *hand_find(const struct hand_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (text_equal(list->items[i].name, name))
            return &list->items[i];
    return NULL;
}

void hand_drop(struct hand_list *list, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++)
        if (!text_equal(list->items[i].name, name))
            list->items[kept++] = list->items[i];
    list->count = kept;
}

void hand_set(struct hand_list *list, const char *name, bool up)
{
    struct hand *hand;

    hand_drop(list, name);
    hand = APPEND(list->items, list->count);
    *hand = (struct hand){.up = up};
    text_copy(hand->name, sizeof(hand->name), name);
    text_copy(hand->lasting, sizeof(hand->lasting), hwaddr_is_name(name) ? name : "");
}

void hand_copy(const struct hand_list *list, struct hand_list *ret_copy)
{
    *ret_copy = (struct hand_list){.items = memory_copy(list->items, list->count * sizeof(*list->items)), .count = list->count};
}

void hand_clear(struct hand_list *list)
{
    free(list->items);
    *list = (struct hand_list){0};
}

static void bind_to(struct hand_list *list, const struct interface *interface)
{
    char lasting[INTERFACE_NAME_SIZE];

    hwaddr_name(interface->hwaddr, lasting);
    for (size_t i = 0; i < list->count; i++) {
        struct hand *hand = &list->items[i];

        if (text_equal(hand->lasting, lasting))
            text_copy(hand->name, sizeof(hand->name), interface->name);
        else if (text_equal(hand->name, interface->name))
            text_copy(hand->lasting, sizeof(hand->lasting), lasting);
    }
}

void hand_bind(struct hand_list *list, const struct network *network)
{
    for (size_t i = 0; i < network->count; i++)
        if (network->items[i]->by_mac)
            bind_to(list, network->items[i]);
}

void hand_overlay(struct hand_list *list, struct network *network)
{
    hand_bind(list, network);
    for (size_t i = 0; i < list->count; i++) {
        struct interface *interface = network_find(network, list->items[i].name);

        if (interface)
            interface->onboot = list->items[i].up;
    }
}

/* -- in RUN_DIR: a line "up NAME" or "down NAME" each, with the name that lasts ------------------------------------------------------ */

char *hand_text(const struct hand_list *list)
{
    struct text text = {0};

    for (size_t i = 0; i < list->count; i++) {
        const struct hand *hand = &list->items[i];

        text_format(&text, "%s %s\n", hand->up ? "up" : "down", *hand->lasting ? hand->lasting : hand->name);
    }
    return text_take(&text);
}

static void parse(const char *text, struct hand_list *ret_list)
{
    CLEANUP(freep) char *copy = memory_string(text);
    char *rest = copy, *line;

    *ret_list = (struct hand_list){0};
    while (rest && (line = strsep(&rest, "\n"))) {
        char *name = strchr(line, ' ');

        if (name && (hwaddr_is_name(name + 1) || !text_interface_name_fault(name + 1)))
            hand_set(ret_list, name + 1, text_starts(line, "up "));
    }
}

void hand_accept(struct reconciler *reconciler, struct hand_list *list)
{
    CLEANUP(freep) char *text = hand_text(list);
    struct error err = {0};

    hand_clear(&reconciler->hands);
    reconciler->hands = *list;
    *list = (struct hand_list){0};
    if (reconciler->files.write_hands && reconciler->files.write_hands(reconciler->files.context, text, &err) < 0)
        log_warning("%s: what ifup and ifdown did is not known to the next trestled", err.text);
}

void hand_restore(struct reconciler *reconciler, const char *text)
{
    struct hand_list list;

    parse(text, &list);
    hand_accept(reconciler, &list);
}

void hand_load(struct reconciler *reconciler)
{
    CLEANUP(freep) char *text = reconciler->files.read_hands ? reconciler->files.read_hands(reconciler->files.context) : NULL;

    hand_clear(&reconciler->hands);
    parse(text, &reconciler->hands);
}

void hand_warn(const struct reconciler *reconciler, const struct network *files, struct problems *problems)
{
    for (size_t i = 0; i < reconciler->hands.count; i++) {
        const struct hand *hand = &reconciler->hands.items[i];
        const struct interface *wanted = network_find(files, hand->name);

        if (!wanted)
            continue;
        if (!hand->up && wanted->onboot)
            problems_add(problems, true, wanted->file, 0, 0, "%s: was taken down by hand (ifdown): apply brings it up again", hand->name);
        else if (hand->up && !wanted->onboot)
            problems_add(problems, true, wanted->file, 0, 0,
                         "%s: was brought up by hand (ifup): apply leaves it as it is, and keeps it no more (ONBOOT=no)", hand->name);
    }
}
