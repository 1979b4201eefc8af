/* descriptors.h - standard input, output and error are open before anything else is opened. */
#ifndef DRAGOMAN_CLI_DESCRIPTORS_H
#define DRAGOMAN_CLI_DESCRIPTORS_H

#include <stdbool.h>

/* Fills closed descriptors 0-2 with one that can be neither read nor written, so that no file we
 * open gets their number and using them fails with "Bad file descriptor". */
bool descriptors_guard(void);

#endif
