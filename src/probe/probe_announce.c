#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "probe/probe_internal.h"

struct probe_announcement { /* that is to be repeated */
    struct probe *probe;
    struct probe_announcement *next;
    int index;
    uint8_t mac[6];
    struct address address;
    const void *owner;
    ev_timer timer;
};

static int send_arp(int sender, int index, const uint8_t mac[6], const uint8_t address[4], bool reply)
{
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t packet[PROBE_PACKET_ARP];
    struct probe_arp arp = {.reply = reply};

    memcpy(arp.sender_mac, mac, 6);
    memcpy(arp.target_mac, reply ? mac : everybody, 6); /* as arping does it */
    memcpy(arp.sender, address, 4);
    memcpy(arp.target, address, 4);
    probe_packet_put_arp(packet, &arp);
    return probe_channel_send_link(sender, index, ETHERTYPE_ARP, everybody, packet, sizeof(packet));
}

static int send_now(int sender, int index, const uint8_t mac[6], const struct address *address)
{
    uint8_t packet[PROBE_PACKET_IPV6], group[6];
    size_t size;
    int result;

    if (address->family == AF_INET) {
        result = send_arp(sender, index, mac, address->bytes, false);
        return result < 0 ? result : send_arp(sender, index, mac, address->bytes, true);
    }
    size = probe_packet_put_advertisement(packet, mac, address->bytes, probe_link_forwards(sender, index));
    probe_packet_group_mac(packet, group);
    return probe_channel_send_link(sender, index, ETHERTYPE_IPV6, group, packet, size);
}

static void end(struct probe_announcement **link)
{
    struct probe_announcement *announcement = *link;

    *link = announcement->next;
    ev_timer_stop(announcement->probe->loop, &announcement->timer);
    free(announcement);
}

static void repeat(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct probe_announcement *announcement = watcher->data, **link = &announcement->probe->announcements;

    (void)loop;
    (void)revents;
    send_now(announcement->probe->sender, announcement->index, announcement->mac, &announcement->address);
    while (*link != announcement)
        link = &(*link)->next;
    end(link);
}

int probe_announce(struct probe *probe, const struct interface *interface, const struct address *address, double again,
                   const void *owner, struct error *err)
{
    struct probe_announcement *announcement;
    int result;

    if (address->family != AF_INET && address->family != AF_INET6)
        return error_errno(err, EAFNOSUPPORT, "%s: cannot announce", interface->name);
    result = probe_link_ready(probe->sender, interface->index, interface->name, err);
    if (result < 0)
        return result;
    result = send_now(probe->sender, interface->index, interface->mac, address);
    if (result < 0)
        return error_errno(err, result, "%s: cannot announce an address", interface->name);
    if (again <= 0)
        return 0;
    announcement = NEW(struct probe_announcement);
    *announcement = (struct probe_announcement){.probe = probe, .next = probe->announcements, .index = interface->index,
                                                .address = *address, .owner = owner};
    memcpy(announcement->mac, interface->mac, 6);
    probe->announcements = announcement;
    ev_now_update(probe->loop);
    ev_timer_init(&announcement->timer, repeat, again, 0);
    announcement->timer.data = announcement;
    ev_timer_start(probe->loop, &announcement->timer);
    return 0;
}

void probe_announce_cancel(struct probe *probe, const void *owner, bool all)
{
    struct probe_announcement **link = &probe->announcements;

    while (*link)
        if (all || (*link)->owner == owner)
            end(link);
        else
            link = &(*link)->next;
}
