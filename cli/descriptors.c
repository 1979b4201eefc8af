#include "cli/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool descriptors_guard(void)
{
    for (int wanted = 0; wanted <= 2; wanted++) {
        if (fcntl(wanted, F_GETFD) != -1 || errno != EBADF)
            continue;
        /* With O_PATH read() and write() fail; "/" is there even where /dev/null is not. The lowest
         * free number is taken, and all lower ones are in use. */
        if (open("/dev/null", O_PATH) != wanted && open("/", O_PATH) != wanted)
            return false;
    }
    return true;
}
