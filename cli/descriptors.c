#include "cli/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool descriptors_guard(void)
{
    for (int wanted = 0; wanted <= 2; wanted++) {
        if (fcntl(wanted, F_GETFD) != -1 || errno != EBADF)
            continue;
        /* O_PATH: read() and write() on it fail; and unlike /dev/null, "/" is always there. The
         * lowest free number is taken, and all lower ones are in use. */
        if (open("/", O_PATH) != wanted)
            return false;
    }
    return true;
}
