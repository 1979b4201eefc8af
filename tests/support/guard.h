/* guard.h - memory that ends where the address space does: reading or writing one byte beyond it
 * kills the test. */
#ifndef DRAGOMAN_TESTS_SUPPORT_GUARD_H
#define DRAGOMAN_TESTS_SUPPORT_GUARD_H

#include <stddef.h>

/* `n_bytes` filled with `fill`, whose end touches a page without access. Aborts without memory. */
void *guard_new(size_t n_bytes, int fill);

/* Gives back everything from guard_new(). */
void guard_free_all(void);

#endif
