/* outage HOST PEER IPV4 IPV6 COMMAND…: what the network namespace PEER sees of HOST, which has these addresses, while the command runs
 * there. Every 100 µs a UDP packet goes there by each family and is echoed; a byte goes to and fro by TCP. Prints
 *
 *     lost IPV4 IPV6           packets that nobody ever saw again
 *     gap IPV4 IPV6            ms: the longest time without an answer that is the network's fault
 *     stall TCP                ms: the longest round trip of the byte
 *     late LATEST              ms: the longest time that this program itself was late by
 *
 * What it is late with itself is no outage: packets have numbers, both directions the kernel's own time stamps, and the threads go
 * before all others (SCHED_FIFO). On stderr, where and when packets got lost. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

enum {
    PORT = 7007,
    PACKETS = 150000, /* 15 s */
    GIVE_UP_MS = 8000,
    QUIET = 200, /* so many answers in a row after the command: it is over */
};
#define INTERVAL 0.1 /* ms */

/* One packet: ms of the real-time clock, which the kernel's stamps have; 0 = has not happened. */
struct packet {
    double sent, arrived, answered, back;
    int fault; /* errno of answering */
};

struct family {
    const char *name;
    int asking, answering; /* sockets */
    _Atomic uint32_t count, row; /* sent; answers in a row since `restart` */
    struct packet packets[PACKETS];
};

static struct family families[2] = {{.name = "IPv4"}, {.name = "IPv6"}};
static int tcp_asking, tcp_answering;
static _Atomic double longest_stall, stalled_at; /* at: real time */
static atomic_bool over;

static double real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* -- sockets ----------------------------------------------------------------------------------------------------------------- */

static void enter(const char *name)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "/run/netns/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        die("%s: %s", path, strerror(errno));
    close(fd);
}

static struct sockaddr_storage address_of(int family, const char *text, socklen_t *ret_size)
{
    struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&storage;

    *ret_size = family == AF_INET ? sizeof(*ipv4) : sizeof(*ipv6);
    if (family == AF_INET)
        ipv4->sin_port = htons(PORT);
    else
        ipv6->sin6_port = htons(PORT);
    if (text && inet_pton(family, text, family == AF_INET ? (void *)&ipv4->sin_addr : (void *)&ipv6->sin6_addr) != 1)
        die("%s: is no address", text);
    return storage;
}

static int make_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0), yes = 1, space = 16 << 20;

    if (fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &space, sizeof(space));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (type == SOCK_STREAM)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    return fd;
}

static int bound(int family, int type)
{
    socklen_t size;
    struct sockaddr_storage any = address_of(family, NULL, &size);
    int fd = make_socket(family, type);

    if (bind(fd, (struct sockaddr *)&any, size) < 0)
        die("bind: %s", strerror(errno));
    return fd;
}

static int connected(int family, int type, const char *address)
{
    socklen_t size;
    struct sockaddr_storage host = address_of(family, address, &size);
    int fd = make_socket(family, type);

    if (connect(fd, (struct sockaddr *)&host, size) < 0)
        die("connect to %s: %s", address, strerror(errno));
    return fd;
}

static void open_sockets(const char *host, const char *peer, const char *ipv4, const char *ipv6)
{
    int listener, yes = 1;

    enter(host);
    families[0].answering = bound(AF_INET, SOCK_DGRAM);
    families[1].answering = bound(AF_INET6, SOCK_DGRAM);
    listener = bound(AF_INET, SOCK_STREAM);
    listen(listener, 1);
    enter(peer);
    families[0].asking = connected(AF_INET, SOCK_DGRAM, ipv4);
    families[1].asking = connected(AF_INET6, SOCK_DGRAM, ipv6);
    tcp_asking = connected(AF_INET, SOCK_STREAM, ipv4);
    tcp_answering = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    setsockopt(tcp_answering, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    close(listener);
    enter(host); /* where the command runs */
}

/* -- threads ----------------------------------------------------------------------------------------------------------------- */

static void *send_packets(void *unused)
{
    struct timespec next;

    clock_gettime(CLOCK_MONOTONIC, &next);
    for (uint32_t i = 0; i < PACKETS && !over; i++) {
        for (size_t j = 0; j < LENGTH(families); j++) {
            families[j].packets[i].sent = real_ms();
            if (send(families[j].asking, &i, sizeof(i), 0) < 0) /* an ICMP message about one before it */
                send(families[j].asking, &i, sizeof(i), 0);
            families[j].count = i + 1;
        }
        next.tv_nsec += (long)(INTERVAL * 1e6);
        if (next.tv_nsec >= 1000000000) {
            next.tv_nsec -= 1000000000;
            next.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    return unused;
}

/* The number of the packet, and when the kernel had it; false: it is none. */
static bool receive(int socket, struct sockaddr_storage *from, socklen_t *ret_size, uint32_t *ret_number, double *ret_time)
{
    char control[128];
    struct iovec data = {.iov_base = ret_number, .iov_len = sizeof(*ret_number)};
    struct msghdr message = {.msg_name = from, .msg_namelen = sizeof(*from), .msg_iov = &data, .msg_iovlen = 1,
                             .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t size = recvmsg(socket, &message, 0);

    if (size != sizeof(*ret_number) || *ret_number >= PACKETS)
        return false;
    *ret_size = message.msg_namelen;
    *ret_time = real_ms();
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec time;

            memcpy(&time, CMSG_DATA(part), sizeof(time));
            *ret_time = (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
        }
    return true;
}

static void *answer_packets(void *context)
{
    struct family *family = context;

    for (;;) {
        struct sockaddr_storage from;
        socklen_t size;
        uint32_t number;
        double time;

        if (!receive(family->answering, &from, &size, &number, &time))
            continue;
        family->packets[number].arrived = time;
        family->packets[number].answered = real_ms();
        if (sendto(family->answering, &number, sizeof(number), 0, (struct sockaddr *)&from, size) < 0)
            family->packets[number].fault = errno;
    }
    return NULL;
}

static void *hear_answers(void *context)
{
    struct family *family = context;
    uint32_t last = 0;

    for (;;) {
        struct sockaddr_storage from;
        socklen_t size;
        uint32_t number;
        double time;

        if (!receive(family->asking, &from, &size, &number, &time))
            continue;
        family->packets[number].back = time;
        family->row = number == last + 1 ? family->row + 1 : 0;
        last = number;
    }
    return NULL;
}

static void *answer_bytes(void *unused)
{
    char byte;

    while (read(tcp_answering, &byte, 1) == 1)
        if (write(tcp_answering, &byte, 1) != 1)
            break;
    return unused;
}

static void *send_bytes(void *unused)
{
    char byte = 'x';

    while (!over) {
        double begin = now_ms(), time;

        if (write(tcp_asking, &byte, 1) != 1 || read(tcp_asking, &byte, 1) != 1)
            break;
        time = now_ms() - begin;
        if (time > longest_stall) {
            longest_stall = time;
            stalled_at = real_ms();
        }
        sleep_ms(INTERVAL);
    }
    return unused;
}

static pthread_t start(void *(*function)(void *), void *context, int priority)
{
    struct sched_param parameter = {.sched_priority = priority};
    pthread_attr_t attributes;
    pthread_t thread;
    int result;

    pthread_attr_init(&attributes);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &parameter);
    result = pthread_create(&thread, &attributes, function, context);
    if (result == EPERM) /* not root of the machine: late at times, which is told */
        result = pthread_create(&thread, NULL, function, context);
    if (result != 0)
        die("thread: %s", strerror(result));
    return thread;
}

/* -- what was found ---------------------------------------------------------------------------------------------------------- */

static unsigned lost_of(const struct family *family)
{
    unsigned lost = 0;

    for (uint32_t i = 0; i < family->count; i++)
        lost += family->packets[i].back == 0;
    return lost;
}

/* Between two that came back: what passed there, less what passed between sending the two as it should not have, and less what the
 * answer was late by. */
static double gap_of(const struct family *family, double *late)
{
    double longest = 0, slack = 0;
    const struct packet *last = NULL;

    for (uint32_t i = 0; i < family->count; i++) {
        const struct packet *packet = &family->packets[i];
        double late_by = i ? packet->sent - packet[-1].sent - INTERVAL : 0;

        if (late_by > 0)
            slack += late_by;
        if (late_by > *late)
            *late = late_by;
        if (packet->back == 0)
            continue;
        if (packet->answered - packet->arrived > *late)
            *late = packet->answered - packet->arrived;
        if (last) {
            double gap = packet->back - last->back - slack - (packet->answered - packet->arrived);

            longest = gap > longest ? gap : longest;
        }
        last = packet;
        slack = 0;
    }
    return longest;
}

static const char *place_of(const struct packet *packet)
{
    return !packet->arrived ? "on the way there" : packet->fault ? strerror(packet->fault) : "on the way back";
}

static void explain(const struct family *family, double begin)
{
    for (uint32_t i = 0; i < family->count; i++) {
        const struct packet *packet = &family->packets[i];
        uint32_t count = 1;

        if (packet->back > 0)
            continue;
        while (i + count < family->count && packet[count].back == 0 && place_of(&packet[count]) == place_of(packet))
            count++;
        fprintf(stderr, "%s: %u lost %s, %.2f ms after the command began\n", family->name, count, place_of(packet), packet->sent - begin);
        i += count - 1;
    }
}

static void run(char **command)
{
    pid_t pid;
    int status, result = posix_spawnp(&pid, command[0], NULL, NULL, command, environ);

    if (result != 0)
        die("%s: %s", command[0], strerror(result));
    if (waitpid(pid, &status, 0) < 0 || status != 0)
        die("%s: ended with status %d", command[0], WEXITSTATUS(status));
}

static bool is_quiet(void)
{
    return families[0].row >= QUIET && families[1].row >= QUIET;
}

int main(int count, char **arguments)
{
    double begin, end, late = 0, gaps[2];
    pthread_t sender;

    if (count < 6)
        die("outage: wants HOST PEER IPV4 IPV6 COMMAND…");
    open_sockets(arguments[1], arguments[2], arguments[3], arguments[4]);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    for (size_t i = 0; i < LENGTH(families); i++) {
        start(answer_packets, &families[i], 20);
        start(hear_answers, &families[i], 10);
    }
    start(answer_bytes, NULL, 20);
    start(send_bytes, NULL, 10);
    sender = start(send_packets, NULL, 30);
    for (end = now_ms() + GIVE_UP_MS; !is_quiet() && now_ms() < end;)
        sleep_ms(10);
    if (!is_quiet())
        die("%s does not answer before the command, or not all packets", arguments[3]);
    longest_stall = 0;
    begin = real_ms();
    run(arguments + 5);
    families[0].row = families[1].row = 0;
    for (end = now_ms() + GIVE_UP_MS; !is_quiet() && now_ms() < end;)
        sleep_ms(10);
    over = true;
    pthread_join(sender, NULL);
    sleep_ms(200); /* for those that are on their way */
    for (size_t i = 0; i < LENGTH(families); i++) {
        gaps[i] = gap_of(&families[i], &late);
        explain(&families[i], begin);
    }
    if (longest_stall > 5)
        fprintf(stderr, "TCP: %.1f ms, until %.2f ms after the command began\n", longest_stall, stalled_at - begin);
    printf("lost %u %u\ngap %.3f %.3f\nstall %.3f\nlate %.3f\n", lost_of(&families[0]), lost_of(&families[1]), gaps[0], gaps[1],
           longest_stall, late);
    return 0;
}
