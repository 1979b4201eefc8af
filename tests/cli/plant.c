/* Preloaded by sandbox.sh: an intruder in the JSON parser, which is where the first bytes of a
 * model go. Does what PLANT says, when it is called for the first time. Ends the process with
 * status 99 if that went through, 98 if it was refused. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_out(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(1)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0)
        return -1;
    /* That nobody listens there is the network's own answer. */
    return connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0 &&
                   errno != ECONNREFUSED
               ? -1
               : 0;
}

static int do_it(const char *what)
{
    char *const arguments[] = {(char[]){"true"}, NULL};
    if (strcmp(what, "read") == 0)
        return open("/etc/passwd", O_RDONLY);
    if (strcmp(what, "write") == 0)
        return open(getenv("PLANT_FILE"), O_WRONLY);
    if (strcmp(what, "create") == 0)
        return open("planted", O_WRONLY | O_CREAT, 0600);
    if (strcmp(what, "remove") == 0)
        return unlink(getenv("PLANT_FILE"));
    if (strcmp(what, "connect") == 0)
        return connect_out();
    if (strcmp(what, "fork") == 0)
        return fork();
    if (strcmp(what, "execute") == 0)
        return execv("/bin/true", arguments);
    return -1;
}

void *cJSON_ParseWithLength(const char *text, size_t n_bytes);
void *cJSON_ParseWithLength(const char *text, size_t n_bytes)
{
    (void)text;
    (void)n_bytes;
    _exit(do_it(getenv("PLANT")) >= 0 ? 99 : 98);
}
