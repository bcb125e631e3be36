/* A preloaded library that takes the network away, but for this machine itself.
 *
 * Names do not resolve (EAI_AGAIN, "Temporary failure in name resolution") and other addresses are
 * unreachable (ENETUNREACH), as in a job without an external access integration. Each name or
 * address that was asked for is a line in the file MLJOB_HOSTS_ASKED.
 *
 * Programs that are linked statically, or bring a resolver of their own, pass it by.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static char hosts_asked[PATH_MAX];

__attribute__((constructor)) static void read_environment(void) {
    const char *file = getenv("MLJOB_HOSTS_ASKED");
    if (file) snprintf(hosts_asked, sizeof hosts_asked, "%s", file);
}

static void note(const char *host) {
    char line[1100];
    int saved = errno, length = snprintf(line, sizeof line, "%.1024s\n", host);
    int fd = syscall(SYS_openat, AT_FDCWD, hosts_asked, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                     0600);
    if (fd >= 0) {
        syscall(SYS_write, fd, line, length);
        syscall(SYS_close, fd);
    }
    errno = saved;
}

/* Whether a name needs no network: this machine's own, or an address written out. */
static int is_local(const char *name) {
    unsigned char address[sizeof(struct in6_addr)];
    char own[HOST_NAME_MAX + 1] = "";
    size_t length = strlen(name);
    gethostname(own, sizeof own - 1);
    return !hosts_asked[0] || !name[0] || !strcasecmp(name, "localhost") ||
           (length > 10 && !strcasecmp(name + length - 10, ".localhost")) ||
           !strcasecmp(name, own) || inet_aton(name, (struct in_addr *)address) ||
           strchr(name, ':');
}

/* ---- names ---- */

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (!next) next = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name && !is_local(name)) {
        note(name);
        return EAI_AGAIN;
    }
    return next(name, service, hints, found);
}

static int unknown(const char *name) {
    if (is_local(name)) return 0;
    note(name);
    h_errno = TRY_AGAIN;
    return 1;
}

struct hostent *gethostbyname(const char *name) {
    static struct hostent *(*next)(const char *);
    if (!next) next = dlsym(RTLD_NEXT, "gethostbyname");
    return unknown(name) ? NULL : next(name);
}
struct hostent *gethostbyname2(const char *name, int family) {
    static struct hostent *(*next)(const char *, int);
    if (!next) next = dlsym(RTLD_NEXT, "gethostbyname2");
    return unknown(name) ? NULL : next(name, family);
}
int gethostbyname_r(const char *name, struct hostent *host, char *buffer, size_t size,
                    struct hostent **found, int *error) {
    static int (*next)(const char *, struct hostent *, char *, size_t, struct hostent **, int *);
    if (!next) next = dlsym(RTLD_NEXT, "gethostbyname_r");
    if (unknown(name)) {
        *found = NULL;
        *error = TRY_AGAIN;
        return EAGAIN;
    }
    return next(name, host, buffer, size, found, error);
}

/* ---- addresses ---- */

/* The bytes of an internet address that is not the loopback's; sets their number. */
static const void *outer_address(const struct sockaddr *socket, size_t *size) {
    if (socket && socket->sa_family == AF_INET) {
        const struct in_addr *address = &((const struct sockaddr_in *)socket)->sin_addr;
        unsigned first = ntohl(address->s_addr) >> 24;
        *size = sizeof *address;
        return first == 127 || first == 0 ? NULL : address;
    }
    if (socket && socket->sa_family == AF_INET6) {
        const struct in6_addr *address = &((const struct sockaddr_in6 *)socket)->sin6_addr;
        int loops = IN6_IS_ADDR_LOOPBACK(address) || IN6_IS_ADDR_UNSPECIFIED(address) ||
                    (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
        *size = sizeof *address;
        return loops ? NULL : address;
    }
    return NULL;
}

/* Ray and others talk to their own machine under its address in the network. */
static int is_own(int family, const void *address, size_t size) {
    struct ifaddrs *interfaces, *each;
    int own = 0;
    if (getifaddrs(&interfaces)) return 0;
    for (each = interfaces; each && !own; each = each->ifa_next) {
        size_t other_size;
        const void *other = outer_address(each->ifa_addr, &other_size);
        own = other && each->ifa_addr->sa_family == family && !memcmp(other, address, size);
    }
    freeifaddrs(interfaces);
    return own;
}

static int unreachable(int fd, const struct sockaddr *to) {
    char text[INET6_ADDRSTRLEN] = "";
    size_t size;
    int type = 0;
    socklen_t length = sizeof type;
    const void *address = hosts_asked[0] ? outer_address(to, &size) : NULL;
    if (!address || is_own(to->sa_family, address, size)) return 0;
    /* Datagrams mostly ask for names, or which address this machine would send from. */
    if (!getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) && type == SOCK_STREAM)
        note(inet_ntop(to->sa_family, address, text, sizeof text));
    errno = ENETUNREACH;
    return 1;
}

int connect(int fd, const struct sockaddr *to, socklen_t length) {
    static int (*next)(int, const struct sockaddr *, socklen_t);
    if (!next) next = dlsym(RTLD_NEXT, "connect");
    return unreachable(fd, to) ? -1 : next(fd, to, length);
}
ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
               socklen_t length) {
    static ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    if (!next) next = dlsym(RTLD_NEXT, "sendto");
    return unreachable(fd, to) ? -1 : next(fd, data, size, flags, to, length);
}
