/* Questions to nf_tables, and what their answers consist of. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "filter/filter_internal.h"

enum { TRIES = 5 /* a dump during which things changed is begun again */, PATIENCE = 5 /* seconds */ };

DEFINE_CLEANUP(struct mnl_socket *, mnl_socket_close)

/* -- attributes -------------------------------------------------------------------------------------------------------------- */

const struct nlattr *filter_message_find(const struct nlattr *nest, uint16_t type)
{
    const struct nlattr *attribute;

    if (nest)
        mnl_attr_for_each_nested(attribute, nest)
            if (mnl_attr_get_type(attribute) == type)
                return attribute;
    return NULL;
}

const struct nlattr *filter_message_attribute(const struct nlmsghdr *message, uint16_t type)
{
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
        if (mnl_attr_get_type(attribute) == type)
            return attribute;
    return NULL;
}

uint32_t filter_message_number(const struct nlattr *attribute, uint32_t fallback)
{
    return attribute && mnl_attr_get_payload_len(attribute) >= 4 ? ntohl(mnl_attr_get_u32(attribute)) : fallback;
}

void filter_message_string(const struct nlattr *attribute, char *target, size_t size)
{
    if (attribute)
        snprintf(target, size, "%.*s", (int)mnl_attr_get_payload_len(attribute), mnl_attr_get_str(attribute));
    else
        target[0] = '\0';
}

/* -- asking ------------------------------------------------------------------------------------------------------------------ */

/* The names of attributes differ by what is asked for. */
static void put_names(struct nlmsghdr *message, const struct filter_question *question)
{
    static const struct {
        uint16_t table, object;
    } attributes[] = {
        [NFT_MSG_GETTABLE] = {NFTA_TABLE_NAME, 0},
        [NFT_MSG_GETRULE] = {NFTA_RULE_TABLE, NFTA_RULE_CHAIN},
        [NFT_MSG_GETSETELEM] = {NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET},
    };

    if (question->table)
        mnl_attr_put_strz(message, attributes[question->type].table, question->table);
    if (question->object)
        mnl_attr_put_strz(message, attributes[question->type].object, question->object);
}

static int ask_once(struct mnl_socket *socket, const struct filter_question *question, mnl_cb_t hear, void *context)
{
    char buffer[16384];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *fixed = mnl_nlmsg_put_extra_header(message, sizeof(*fixed));
    static unsigned sequence;
    unsigned expected = __atomic_add_fetch(&sequence, 1, __ATOMIC_RELAXED);
    ssize_t size;
    int more;

    message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | question->type);
    message->nlmsg_flags = question->type == NFT_MSG_GETTABLE ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST | NLM_F_DUMP;
    message->nlmsg_seq = expected;
    *fixed = (struct nfgenmsg){.nfgen_family = question->family, .version = NFNETLINK_V0};
    put_names(message, question);
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
        return -errno;
    do {
        size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
        if (size < 0)
            return -errno;
        more = mnl_cb_run(buffer, (size_t)size, expected, mnl_socket_get_portid(socket), hear, context);
    } while (more > 0);
    return more < 0 ? -errno : 0;
}

static int open_socket(struct mnl_socket **ret)
{
    struct timeval patience = {.tv_sec = PATIENCE};
    CLEANUP(mnl_socket_closep) struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    *ret = TAKE_POINTER(socket);
    return 0;
}

/* Each on a socket of its own: what is left of a dump that was given up is of no interest to the next. */
int filter_message_ask(const struct filter_question *question, mnl_cb_t hear, void *context)
{
    int result = -EINTR;

    for (int i = 0; i < TRIES && result == -EINTR; i++) {
        CLEANUP(mnl_socket_closep) struct mnl_socket *socket = NULL;

        result = open_socket(&socket);
        if (result == 0)
            result = ask_once(socket, question, hear, context);
    }
    return result;
}

bool filter_message_is_unknown(int result)
{
    return result == -EINVAL || result == -EOPNOTSUPP || result == -EPROTONOSUPPORT;
}
