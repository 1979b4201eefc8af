/* Where the HTTP server listens. */
#include "cli/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* The port after the last colon; -1 if there is none. */
static int parse_port(const char *colon)
{
    if (colon == NULL || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return -1;
    size_t n = strlen(colon + 1);
    int port = n >= 1 && n <= 5 ? atoi(colon + 1) : -1;
    return port <= 65535 ? port : -1;
}

static bool parse(const char *text, union address *address)
{
    const char *colon = strrchr(text, ':');
    int port = parse_port(colon);
    char host[64] = "127.0.0.1";
    *address = (union address){0};
    if (port < 0 || (size_t)(colon - text) >= sizeof host)
        return false;
    size_t n = (size_t)(colon - text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        snprintf(host, sizeof host, "%.*s", (int)n - 2, text + 1);
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1;
    }
    if (n > 0 && (n != 9 || memcmp(text, "localhost", n) != 0))
        snprintf(host, sizeof host, "%.*s", (int)n, text);
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &address->v4.sin_addr) == 1;
}

static bool is_loopback(const union address *address)
{
    return address->any.sa_family == AF_INET ? ntohl(address->v4.sin_addr.s_addr) >> 24 == 127
                                             : IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr) != 0;
}

static bool bind_to(int descriptor, union address *address, const char *text, struct error *err)
{
    int yes = 1;
    socklen_t length = address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (address->any.sa_family == AF_INET6)
        (void)setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(descriptor, &address->any, length) != 0 ||
        getsockname(descriptor, &address->any, &length) != 0)
        return error_set_errno(err, ERROR_USAGE, errno, "--http: %s", text);
    return true;
}

static void write_url(const union address *address, char url[HTTP_URL_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";
    bool is_v4 = address->any.sa_family == AF_INET;
    const void *bytes = is_v4 ? (const void *)&address->v4.sin_addr : &address->v6.sin6_addr;
    inet_ntop(address->any.sa_family, bytes, host, sizeof host);
    snprintf(url, HTTP_URL_BYTES, is_v4 ? "http://%s:%u" : "http://[%s]:%u", host,
             ntohs(is_v4 ? address->v4.sin_port : address->v6.sin6_port));
}

bool http_bind(const char *text, int *descriptor, char url[HTTP_URL_BYTES], bool *is_open,
               struct error *err)
{
    union address address;
    if (!parse(text, &address))
        return error_set(err, ERROR_USAGE,
                         "--http: must be ADDRESS:PORT, such as 127.0.0.1:5000, [::1]:5000 or "
                         ":5000, not '%.60s'",
                         text);
    *descriptor = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*descriptor < 0)
        return error_set_errno(err, ERROR_USAGE, errno, "--http: %s", text);
    if (!bind_to(*descriptor, &address, text, err)) {
        close(*descriptor);
        *descriptor = -1;
        return false;
    }
    write_url(&address, url);
    *is_open = !is_loopback(&address);
    return true;
}
