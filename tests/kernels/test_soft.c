/* The tables of units this machine may lack, their very sources compiled over the emulations in
 * tests/kernels/soft, against the definition. Needs AVX2, FMA and F16C. */
#include "kernels/kernels.h"
#include "tests/support/kernel_compare.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* avx512_fill() and so on, renamed by the compiler's command line. */
void soft_avx512_fill(struct kernels *table);
void soft_avxvnni_fill(struct kernels *table);
void soft_vnni_fill(struct kernels *table);
void soft_amx_fill(struct kernels *table);

static void run_checks(const struct kernels *table, const struct kernel_check *checks)
{
    for (const struct kernel_check *check = checks; check->name; check++) {
        const char *why = check->run(kernels_find("scalar", NULL), table);
        ck_assert_msg(!why, "%s, emulated: %s: %s", table->name, check->name, why);
    }
}

START_TEST(avx512_is_the_definition)
{
    struct kernels table;
    soft_avx512_fill(&table);
    run_checks(&table, kernel_checks_products);
    run_checks(&table, kernel_checks_rows);
}
END_TEST

/* Units that improve only the int8 product: the rest is another table's. */
static void check_int8_unit(void (*fill)(struct kernels *))
{
    struct kernels table = *kernels_find("avx2", NULL);
    fill(&table);
    run_checks(&table, kernel_checks_products);
}

START_TEST(avxvnni_is_the_definition)
{
    check_int8_unit(soft_avxvnni_fill);
}
END_TEST

START_TEST(vnni_is_the_definition)
{
    check_int8_unit(soft_vnni_fill);
}
END_TEST

START_TEST(amx_is_the_definition)
{
    check_int8_unit(soft_amx_fill);
}
END_TEST

int main(void)
{
    if (!kernels_find("avx2", NULL)) {
        printf("the emulations need AVX2\n");
        return 77;
    }
    TCase *tables = tcase_create("tables");
    tcase_set_timeout(tables, 120);
    tcase_add_test(tables, avx512_is_the_definition);
    tcase_add_test(tables, avxvnni_is_the_definition);
    tcase_add_test(tables, vnni_is_the_definition);
    tcase_add_test(tables, amx_is_the_definition);
    Suite *suite = suite_create("emulated kernels");
    suite_add_tcase(suite, tables);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
