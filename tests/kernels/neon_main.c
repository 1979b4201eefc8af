/* The checks of test_kernels without a test framework, for a machine that is emulated: every table
 * this CPU can use against the definition, and the table named must be one of them. Run by neon.sh.
 */
#include "kernels/kernels.h"
#include "tests/support/kernel_compare.h"

#include <stdio.h>
#include <stdlib.h>

static size_t run_checks(const struct kernels *table, const struct kernel_check *checks)
{
    size_t failed = 0;
    for (const struct kernel_check *check = checks; check->name; check++) {
        const char *why = check->run(kernels_find("scalar", NULL), table);
        failed += why != NULL;
        printf("%s: %s: %s\n", table->name, check->name, why ? why : "ok");
    }
    return failed;
}

int main(int argc, char **argv)
{
    size_t count, failed = 0;
    const struct kernels *const *tables = kernels_usable(&count);
    for (size_t i = 1; i < count; i++)
        failed += run_checks(tables[i], kernel_checks_products) +
                  run_checks(tables[i], kernel_checks_rows);
    if (argc > 1 && !kernels_find(argv[1], NULL)) {
        printf("no table %s\n", argv[1]);
        failed++;
    }
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
