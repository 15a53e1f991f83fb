/* A NIC as libvirt's XML has it, for those who bring it there or compare. */
#include <string.h>

#include "base/memory.h"
#include "cli_internal.h"
#include "model/option.h"

static void add_attribute(struct text *xml, const char *name, const char *value)
{
    text_format(xml, " %s='", name);
    for (; *value; value++)
        switch (*value) {
        case '<':
            text_add(xml, "&lt;");
            break;
        case '>':
            text_add(xml, "&gt;");
            break;
        case '&':
            text_add(xml, "&amp;");
            break;
        case '\'':
            text_add(xml, "&apos;");
            break;
        case '"':
            text_add(xml, "&quot;");
            break;
        default:
            text_add_data(xml, value, 1);
        }
    text_add(xml, "'");
}

static void add_element(struct text *xml, const char *element, const char *attribute, const char *value)
{
    if (!value || !*value)
        return;
    text_format(xml, "  <%s", element);
    add_attribute(xml, attribute, value);
    text_add(xml, "/>\n");
}

static bool is_stated(const struct nic *nic, const char *key)
{
    return option_is_set(option_find(OPTION_NIC, NULL, key, NULL), nic);
}

static void add_target(struct text *xml, const struct nic *nic)
{
    if (!nic->target[0])
        return;
    text_add(xml, "  <target");
    add_attribute(xml, "dev", nic->target);
    text_add(xml, nic->type == NIC_ETHERNET ? " managed='no'/>\n" : "/>\n");
}

static void add_driver(struct text *xml, const struct nic *nic)
{
    bool vhost = is_stated(nic, "Vhost") && nic->vhost != VHOST_AUTO, queues = is_stated(nic, "Queues") && nic->queues > 1;

    if (!vhost && !queues)
        return;
    text_add(xml, "  <driver");
    if (vhost)
        add_attribute(xml, "name", nic->vhost == VHOST_ON ? "vhost" : "qemu");
    if (queues)
        text_format(xml, " queues='%u'", nic->queues);
    text_add(xml, "/>\n");
}

static void add_tags(struct text *xml, const struct nic *nic)
{
    struct port_vlans vlans = {0};

    if (!nic->vlan && !nic->trunk)
        return;
    if (nic->trunk)
        port_vlans_parse(nic->trunk, &vlans);
    text_add(xml, nic->trunk ? "  <vlan trunk='yes'>\n" : "  <vlan>\n");
    for (unsigned id = 1; id < 4095; id++)
        if (id == nic->vlan || vlans.tagged[id / 64] >> id % 64 & 1)
            text_format(xml, "    <tag id='%u'%s/>\n", id, nic->trunk && id == nic->vlan ? " nativeMode='untagged'" : "");
    text_add(xml, "  </vlan>\n");
}

static void add_rate(struct text *xml, const char *element, const struct rate *rate)
{
    if (!rate->average)
        return;
    text_format(xml, "    <%s average='%u'", element, rate->average);
    if (rate->peak)
        text_format(xml, " peak='%u'", rate->peak);
    if (rate->burst)
        text_format(xml, " burst='%u'", rate->burst);
    text_add(xml, "/>\n");
}

static void add_rates(struct text *xml, const struct nic *nic)
{
    if (!nic->inbound.average && !nic->outbound.average)
        return;
    text_add(xml, "  <bandwidth>\n");
    add_rate(xml, "inbound", &nic->inbound);
    add_rate(xml, "outbound", &nic->outbound);
    text_add(xml, "  </bandwidth>\n");
}

/* libvirt's default model is another one, so ours is always said. */
char *card_xml(const struct nic *nic)
{
    CLEANUP(freep) char *mac = option_format(option_find(OPTION_NIC, NULL, "MAC", NULL), nic);
    struct text xml = {0};

    text_format(&xml, "<interface type='%s'>\n", nic_type_names[nic->type]);
    add_element(&xml, "source", "bridge", nic->bridge);
    add_target(&xml, nic);
    add_element(&xml, "mac", "address", mac);
    add_element(&xml, "model", "type", nic_model_names[nic->model]);
    add_element(&xml, "alias", "name", nic->name);
    add_driver(&xml, nic);
    add_tags(&xml, nic);
    add_rates(&xml, nic);
    if (nic->mtu)
        text_format(&xml, "  <mtu size='%u'/>\n", nic->mtu);
    if (nic->isolated)
        text_add(&xml, "  <port isolated='yes'/>\n");
    if (!nic->link)
        text_add(&xml, "  <link state='down'/>\n");
    text_add(&xml, "</interface>\n");
    return text_take(&xml);
}
