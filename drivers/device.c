/*
 * The kernel's side of a device: up, MTU, addresses and routes, as `ip link`, `ip address` and `ip route` would set
 * them (Linux). Addresses and routes go over rtnetlink (rtnetlink(7)), one request and one acknowledgement each.
 */
#define _GNU_SOURCE
#include <handfast/driver.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define V4_MAPPED_LEN 12   /* bytes before the IPv4 address in struct hf_addr */
#define MOST_WAITS    1000 /* of a fifth of a millisecond */

/* ---- up ---- */

static int set_mtu(int fd, struct ifreq *request, uint16_t mtu)
{
    request->ifr_mtu = mtu;
    return mtu == 0 ? 0 : ioctl(fd, SIOCSIFMTU, request);
}

static int set_up(int fd, struct ifreq *request)
{
    if (ioctl(fd, SIOCGIFFLAGS, request) < 0)
        return -1;
    request->ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, request);
}

int hf_device_up(const char *device, uint16_t mtu)
{
    struct ifreq request = {0};
    if (strlen(device) >= sizeof request.ifr_name)
        return -ENAMETOOLONG;
    strcpy(request.ifr_name, device);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    bool done = set_mtu(fd, &request, mtu) == 0 && set_up(fd, &request) == 0;
    int error = done ? 0 : -errno;
    close(fd);
    return error;
}

/* ---- rtnetlink ---- */

struct request {
    struct nlmsghdr header;
    union {
        struct ifaddrmsg address;
        struct rtmsg route;
    } body;
    uint8_t attributes[128];
};

static void start_request(struct request *request, uint16_t type, uint32_t body_len)
{
    memset(request, 0, sizeof *request);
    request->header.nlmsg_type = type;
    request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    request->header.nlmsg_len = NLMSG_LENGTH(body_len);
}

static void add_attribute(struct request *request, uint16_t type, const void *value, uint16_t len)
{
    struct rtattr attribute = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};
    uint32_t at = NLMSG_ALIGN(request->header.nlmsg_len);
    memcpy((uint8_t *)request + at, &attribute, sizeof attribute);
    memcpy((uint8_t *)request + at + RTA_LENGTH(0), value, len);
    request->header.nlmsg_len = at + RTA_ALIGN(attribute.rta_len);
}

static void add_address_attribute(struct request *request, uint16_t type, const struct hf_addr *addr)
{
    bool is_v4 = hf_addr_is_v4(addr);
    add_attribute(request, type, addr->bytes + (is_v4 ? V4_MAPPED_LEN : 0), is_v4 ? 4 : 16);
}

/* The kernel's acknowledgement carries zero or a negative errno. */
static int read_answer(int fd)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t quoted[512];
    } answer;
    ssize_t n = recv(fd, &answer, sizeof answer, 0);
    if (n < 0)
        return -errno;
    bool is_whole = n >= (ssize_t)(sizeof answer.header + sizeof answer.error.error);
    return is_whole && answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
}

static int ask_kernel(const struct request *request)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    ssize_t n = sendto(fd, request, request->header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
    int error = n < 0 ? -errno : read_answer(fd);
    close(fd);
    return error == -EEXIST ? 0 : error;
}

static uint8_t family_of(const struct hf_addr *addr)
{
    return hf_addr_is_v4(addr) ? AF_INET : AF_INET6;
}

/* A line of that file begins with the destination in hexadecimal and its length. */
static bool has_local_route(const struct hf_addr *addr)
{
    char line[256], wanted[36] = "";
    bool has_found = false;
    FILE *routes = fopen("/proc/thread-self/net/ipv6_route", "re");
    for (unsigned i = 0; i < sizeof addr->bytes; i++)
        snprintf(wanted + 2 * i, 3, "%02x", addr->bytes[i]);
    strcat(wanted, " 80");
    while (routes && !has_found && fgets(line, sizeof line, routes))
        has_found = strncmp(line, wanted, strlen(wanted)) == 0;
    bool is_unknown = routes == NULL;
    if (routes)
        fclose(routes);
    return has_found || is_unknown;
}

/* A worker of the kernel's makes the route to an IPv6 address, a little later: until then what is sent to it is lost. */
static void wait_for_local_route(const struct hf_addr *addr)
{
    const struct timespec pause = {.tv_nsec = 200000};
    for (unsigned i = 0; i < MOST_WAITS && !has_local_route(addr); i++)
        nanosleep(&pause, NULL);
}

int hf_device_add_address(const char *device, const struct hf_addr *addr, uint8_t prefix_len)
{
    struct request request;
    start_request(&request, RTM_NEWADDR, sizeof request.body.address);
    unsigned index = if_nametoindex(device);
    if (index == 0)
        return -errno;
    request.body.address = (struct ifaddrmsg){
        .ifa_family = family_of(addr),
        .ifa_prefixlen = prefix_len,
        .ifa_flags =
            IFA_F_NODAD, /* there is nobody to ask, and an address under test could not be bound for a second */
        .ifa_index = index,
    };
    add_address_attribute(&request, IFA_LOCAL, addr);
    add_address_attribute(&request, IFA_ADDRESS, addr);
    int error = ask_kernel(&request);
    if (error == 0 && !hf_addr_is_v4(addr))
        wait_for_local_route(addr);
    return error;
}

int hf_device_add_route(const char *device, const struct hf_addr *prefix, uint8_t prefix_len,
                        const struct hf_addr *gateway)
{
    struct request request;
    start_request(&request, RTM_NEWROUTE, sizeof request.body.route);
    unsigned index = if_nametoindex(device);
    if (index == 0)
        return -errno;
    bool has_gateway = gateway && !hf_addr_is_any(gateway);
    request.body.route = (struct rtmsg){
        .rtm_family = family_of(prefix),
        .rtm_dst_len = prefix_len,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = has_gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
        .rtm_type = RTN_UNICAST,
    };
    if (prefix_len > 0)
        add_address_attribute(&request, RTA_DST, prefix);
    if (has_gateway)
        add_address_attribute(&request, RTA_GATEWAY, gateway);
    add_attribute(&request, RTA_OIF, &index, sizeof index);
    return ask_kernel(&request);
}
